//! Small files that stand for many GiB: reading them ends with an error that names
//! the place, or says that the file is cut off, and takes no more than 256 MiB.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use nix::sys::resource::{UsageWho, getrusage};

/// Most memory that any of the runs may take.
const MOST: u64 = 256 << 20;

/// Bytes of a run: the longest text that there can be.
const RUN: usize = 65_535;

/// Parts of a file: bytes as they are, and runs of the letter A.
enum Part {
    Bytes(Vec<u8>),
    Run,
}

/// Little-endian fields, one behind the other.
#[derive(Default)]
struct Fields(Vec<Part>);

impl Fields {
    fn raw(mut self, bytes: &[u8]) -> Self {
        match self.0.last_mut() {
            Some(Part::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Part::Bytes(bytes.to_vec())),
        }
        self
    }

    fn u16(self, value: u16) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn run(mut self) -> Self {
        self.0.push(Part::Run);
        self
    }

    /// The longest text behind its length.
    fn text(self) -> Self {
        self.u16(RUN as u16).run()
    }

    fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn len(&self) -> usize {
        let len = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len(),
            Part::Run => RUN,
        };
        self.0.iter().map(len).sum()
    }

    fn block(ty: u32, body: Self) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let len = (12 + body.len() + padding) as u32;
        let head = Self::default().u32(ty).u32(len).then(body);
        head.raw(&[0; 3][..padding]).u32(len)
    }

    /// An event with 16-bit lengths.
    fn event(code: u16, tid: u64, params: Vec<Self>) -> Self {
        let lengths = params.iter().fold(Self::default(), |lengths, param| {
            lengths.u16(param.len() as u16)
        });
        let count = params.len() as u32;
        let values = params.into_iter().fold(lengths, Self::then);
        let head = Self::default().u16(0).u64(1).u64(tid);
        let head = head.u32(26 + values.len() as u32).u16(code).u32(count);
        Self::block(0x216, head.then(values))
    }
}

/// The start of every file.
fn section() -> Fields {
    let body = Fields::default().u32(0x1A2B_3C4D).u16(1).u16(2);
    Fields::block(0x0A0D_0D0A, body.u64(u64::MAX))
}

/// The start of a list that is longer than any memory.
fn list(ty: u32) -> Fields {
    Fields::default().u32(ty).u32(0xFFFF_FFFC)
}

/// A thread of the list's first version.
fn thread(tid: u64) -> Fields {
    let ids = Fields::default().u64(tid).u64(tid).u64(1);
    let texts = (0..4).fold(ids, |entry, _| entry.text());
    texts.u64(0).u32(0).u32(0).u32(0)
}

fn number(value: u64) -> Fields {
    Fields::default().u64(value)
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zstd,
    Gzip,
}

const BOTH: &[Kind] = &[Kind::Zstd, Kind::Gzip];

const READERS: &[Reader] = &[Reader::Print, Reader::Rules];

/// Writes a file compressed, without ever having it as a whole.
struct Packer<'f> {
    out: BufWriter<&'f mut File>,
    kind: Kind,
    /// A run as a member of gzip.
    run: Vec<u8>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory");
    packer.finish().expect("memory")
}

impl<'f> Packer<'f> {
    fn new(file: &'f mut File, kind: Kind) -> Self {
        let mut out = BufWriter::new(file);
        if kind == Kind::Zstd {
            // A frame with the largest window, 128 MiB, and no length.
            out.write_all(b"\x28\xB5\x2F\xFD\x00\x88").expect("a file");
        }
        let run = gzip(&[b'A'; RUN]);
        Self { out, kind, run }
    }

    /// A block of a frame: of these bytes, or of so many of one byte.
    fn zstd_block(&mut self, kind: usize, len: usize, bytes: &[u8]) {
        let header = (len << 3 | kind << 1).to_le_bytes();
        self.out.write_all(&header[..3]).expect("a file");
        self.out.write_all(bytes).expect("a file");
    }

    fn put(&mut self, fields: &Fields) {
        for part in &fields.0 {
            match (part, self.kind) {
                (Part::Bytes(bytes), Kind::Zstd) => {
                    for bytes in bytes.chunks(RUN) {
                        self.zstd_block(0, bytes.len(), bytes);
                    }
                }
                (Part::Run, Kind::Zstd) => self.zstd_block(1, RUN, b"A"),
                (Part::Bytes(bytes), Kind::Gzip) => {
                    self.out.write_all(&gzip(bytes)).expect("a file");
                }
                (Part::Run, Kind::Gzip) => self.out.write_all(&self.run).expect("a file"),
            }
        }
    }
}

/// What the program says of a file, whether it calls it an error, and the most
/// memory that any program has had so far.
fn run(path: &Path, arguments: &[&str]) -> (bool, String, u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(arguments)
        .arg(path)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program runs");
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)
        .expect("numbers")
        .max_rss();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), told, peak.cast_unsigned() << 10)
}

/// Who reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Print,
    /// Rules of which one makes captures of alerts, with events before them.
    Rules,
}

const CONFIG: &str = "stdout_output: {enabled: false}
syslog_output: {enabled: false}
file_output: {enabled: true, filename: /dev/null}
capture: {enabled: true, mode: all_rules, before_events: 10, path_prefix: PREFIX}
";

const RULES: &str = "- rule: closed
  desc: d
  condition: evt.type = close or evt.type = open or evt.type = execve
  output: closed %fd.name %proc.name
  priority: INFO
";

/// Reads a file.
fn read(path: &Path, reader: Reader) -> (bool, String, u64) {
    if reader == Reader::Print {
        return run(path, &["print", "-p", "%evt.num", "-r"]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let prefix = folder.path().join("alert");
    let config = CONFIG.replace("PREFIX", prefix.to_str().expect("text"));
    let (config, rules) = (file("falco.yaml", &config), file("rules.yaml", RULES));
    run(path, &["-c", &config, "-r", &rules, "-e"])
}

/// Puts `before`, then `count` parts, into a file of each kind, and reads it.
fn bomb(
    name: &str,
    kinds: &[Kind],
    before: &Fields,
    count: u64,
    part: &dyn Fn(u64) -> Fields,
    expected: &str,
) {
    bomb_for(&[Reader::Print], name, kinds, before, count, part, expected);
}

/// The same for readers.
fn bomb_for(
    readers: &[Reader],
    name: &str,
    kinds: &[Kind],
    before: &Fields,
    count: u64,
    part: &dyn Fn(u64) -> Fields,
    expected: &str,
) {
    for &kind in kinds {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mut packer = Packer::new(file.as_file_mut(), kind);
        packer.put(&section());
        packer.put(before);
        let mut len = 0;
        for at in 0..count {
            let part = part(at);
            len += part.len();
            packer.put(&part);
        }
        packer.out.flush().expect("a file");
        drop(packer);
        let path = file.path();
        let size = file.as_file().metadata().expect("a file").len();
        for &reader in readers {
            let (success, told, peak) = read(path, reader);
            let name = format!("{name}, {kind:?}, {reader:?}");
            let shown: Vec<&str> = told.lines().rev().take(3).collect();
            println!(
                "{name}: {size} bytes stand for {len}, at most {} KiB: {shown:?}",
                peak >> 10,
            );
            assert!(told.contains(expected), "{name}: {told}");
            assert_eq!(success, expected != TOO_MUCH, "{name}: {told}");
            assert!(success || told.contains(" at offset "), "{name}: {told}");
            assert!(peak <= MOST, "{name}: {} MiB", peak >> 20);
        }
    }
}

const TOO_MUCH: &str = "what the capture tells takes more than";

/// Enough to fill 2 GiB, if nothing stops it.
const RUNS: u64 = 2 << 14;

#[test]
fn lists_that_do_not_fit() {
    bomb(
        "threads",
        BOTH,
        &list(0x202),
        RUNS / 4,
        &|at| thread(at + 1),
        TOO_MUCH,
    );
    let one = Fields::block(0x202, thread(1)).then(list(0x203)).u64(1);
    let descriptor = |at| Fields::default().u64(at).u64(0).raw(&[1]).text();
    bomb("descriptors", BOTH, &one, RUNS, &descriptor, TOO_MUCH);
    let user = |at: u64| {
        let user = Fields::default().raw(&[0]).u32(at as u32).u32(0);
        user.text().text().text()
    };
    bomb("users", BOTH, &list(0x206), RUNS / 3, &user, TOO_MUCH);
    let interface = |_| {
        let entry = Fields::default().u16(3).u16(RUN as u16);
        entry.u32(1).u32(2).u32(3).run()
    };
    bomb("interfaces", BOTH, &list(0x205), RUNS, &interface, TOO_MUCH);
}

#[test]
fn events_that_fill_the_state() {
    let known = Fields::block(0x202, thread(1));
    let open = |at| {
        let name = vec![
            number(at),
            Fields::default().run(),
            Fields::default().u32(1),
        ];
        Fields::event(3, 1, name)
    };
    bomb_for(
        READERS,
        "names of files",
        BOTH,
        &known,
        RUNS,
        &open,
        TOO_MUCH,
    );
    let start = |at| {
        let texts = [0, 1].map(|_| Fields::default().run());
        let params = [number(0)].into_iter().chain(texts);
        let ids = [at + 2, at + 2, 1].map(number);
        let rest = [Fields::default().raw(b"/\0"), number(1)];
        Fields::event(13, at + 2, params.chain(ids).chain(rest).collect())
    };
    bomb_for(
        READERS,
        "programs",
        BOTH,
        &known,
        RUNS / 2,
        &start,
        TOO_MUCH,
    );
    let user = |at: u64| {
        let ids = [at as u32, 0].map(|id| Fields::default().u32(id));
        let texts = [0, 1, 2].map(|_| Fields::default().run());
        let container = Fields::default().raw(b"\0");
        let params = ids.into_iter().chain(texts).chain([container]);
        Fields::event(354, u64::MAX, params.collect())
    };
    bomb_for(
        READERS,
        "users of events",
        BOTH,
        &known,
        RUNS / 3,
        &user,
        TOO_MUCH,
    );
    // Few bytes that would stand for the whole path of a directory: what is longer
    // than paths can be is not put together.
    let in_directory = Fields::default().u64(1).u64(1).u64(1);
    let in_directory = in_directory.u16(0).u16(0).u16(0).text();
    let in_directory = in_directory.u64(0).u32(0).u32(0).u32(0);
    let known = Fields::block(0x202, in_directory);
    let open = |at| {
        let name = Fields::default().raw(b"a\0");
        Fields::event(3, 1, vec![number(at), name, Fields::default().u32(1)])
    };
    bomb_for(
        READERS,
        "names in a directory",
        BOTH,
        &known,
        RUNS,
        &open,
        "",
    );
}

/// A process with as many descriptors as are kept.
fn with_descriptors() -> Fields {
    let texts = Fields::default().u64(1).u64(1).u64(1);
    let texts = texts.u16(0).u16(0).u16(0).u16(0);
    let thread = texts.u64(0).u32(0).u32(0).u32(0);
    let mut list = Fields::default().u64(1);
    for num in 0..65_536 {
        list = list.u64(num).u64(0).raw(&[1]).u16(0);
    }
    Fields::block(0x202, thread).then(Fields::block(0x203, list))
}

/// A process that the first makes.
fn fork(tid: u64) -> Fields {
    let empty = || Fields::default().raw(b"\0");
    let params = [number(tid), empty(), Fields::default()].into_iter();
    let params = params.chain([1, 1, 0].map(number));
    let params = params.chain([empty(), number(1024)]);
    let words = [0; 3].map(|word| Fields::default().u32(word));
    Fields::event(15, 1, params.chain(words).collect())
}

fn close(tid: u64, num: u64) -> Fields {
    Fields::event(5, tid, vec![number(0), number(num)])
}

#[test]
fn tables_that_are_copied() {
    const FORKS: u64 = 4000;
    // They have one table, until each closes something.
    let part = |at: u64| match at {
        at if at < FORKS => fork(at + 2),
        at => close(at - FORKS + 2, 7),
    };
    let known = with_descriptors();
    bomb_for(
        READERS,
        "copied tables",
        BOTH,
        &known,
        2 * FORKS,
        &part,
        TOO_MUCH,
    );
}

/// One table that many processes have in common is small, but as what is known at
/// the start of a capture it is there for each.
#[test]
fn tables_that_are_listed() {
    const FORKS: u64 = 4000;
    // So many that what is known is taken anew.
    const CLOSES: u64 = 60_000;
    let part = |at: u64| match at {
        at if at < FORKS => fork(at + 2),
        // Nothing that is open.
        _ => close(1, 100_000),
    };
    let known = with_descriptors();
    let expected = "what is known of processes takes more than 16 MiB";
    let rules = &[Reader::Rules];
    bomb_for(
        rules,
        "listed tables",
        BOTH,
        &known,
        FORKS + CLOSES,
        &part,
        expected,
    );
}

#[test]
fn blocks_that_nobody_reads() {
    // Of a later version, of 4 GiB.
    let later = Fields::default().u32(0x7777).u32(0xFFFF_FFFC);
    bomb(
        "a later block",
        BOTH,
        &later,
        RUNS,
        &|_| Fields::default().run(),
        "cut off",
    );
}
