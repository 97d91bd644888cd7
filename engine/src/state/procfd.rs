//! Open descriptors as the proc file system tells them, with both ends of
//! sockets, for processes that ran before the first event.

use std::ffi::{CStr, CString};
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use falco_abi::flags::open;
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat};

use super::address::{Address, End};
use super::descriptor::{Descriptor, FdKind, Label, Protocol};
use super::procfs::{link, numbered, read, status_at_hand};

/// Most descriptors of one process that are read at once: nobody waits long.
const MAX_READ: usize = 4096;

/// Most bytes of a path, of what is told of one descriptor, and of limits.
const MAX_TEXT: usize = 4096;

/// Most bytes of a table of sockets.
const MAX_SOCKETS: u64 = 32 << 20;

/// How old a table of sockets may be when one is not in it.
const FRESH: Duration = Duration::from_secs(1);

/// Most network namespaces whose sockets are kept.
const MAX_NAMESPACES: usize = 256;

/// The sockets of one network namespace, by inode.
#[derive(Debug)]
struct Namespace {
    read: Instant,
    sockets: FxHashMap<u64, Descriptor>,
}

/// Reads descriptors. Keeps the sockets of network namespaces.
#[derive(Debug, Default)]
pub struct ProcFds {
    root: PathBuf,
    path: String,
    link: Vec<u8>,
    info: Vec<u8>,
    /// The network namespace of the process at hand; `None` until it was asked for.
    net: Option<u64>,
    namespaces: FxHashMap<u64, Namespace>,
}

/// One open descriptor with its number, and whether it ends with the next program.
pub struct Open {
    /// Number.
    pub num: u32,
    /// What it refers to.
    pub descriptor: Descriptor,
    /// Ends with the next program.
    pub cloexec: bool,
}

/// What a look at one number tells, without its details.
pub(super) struct Seen {
    /// Number.
    pub(super) num: u32,
    link: Box<[u8]>,
    /// Inode of what is in a file system; 0 if unknown.
    ino: u64,
}

impl Seen {
    /// Whether it is what is known of the number. In doubt it is not.
    pub(super) fn is(&self, known: &Descriptor) -> bool {
        let inode = |name| bracketed(&self.link, name).and_then(number::<u64>);
        if let Some(ino) = inode(b"socket") {
            return known.kind.is_socket() && known.ino == ino;
        }
        if let Some(ino) = inode(b"pipe") {
            return known.kind == FdKind::Pipe && known.ino == ino;
        }
        if let Some(name) = self.link.strip_prefix(b"anon_inode:") {
            return known.kind == anonymous(name);
        }
        let name = match self.link.strip_prefix(b"/memfd:") {
            Some(name) => name.strip_suffix(b" (deleted)").unwrap_or(name),
            None => &self.link,
        };
        let another = known.ino != self.ino && known.ino != 0 && self.ino != 0;
        !another && known.name() == name
    }
}

/// The number in `name:[number]`.
fn bracketed<'a>(link: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    link.strip_prefix(name)?
        .strip_prefix(b":[")?
        .strip_suffix(b"]")
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hex(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// What the name of a file in no file system says of its kind.
pub fn anonymous(name: &[u8]) -> FdKind {
    match name {
        b"[eventfd]" => FdKind::Event,
        b"[signalfd]" => FdKind::Signal,
        b"[eventpoll]" => FdKind::Eventpoll,
        b"[timerfd]" => FdKind::Timer,
        b"[userfaultfd]" => FdKind::Userfault,
        b"[io_uring]" => FdKind::IoUring,
        b"[pidfd]" => FdKind::Pidfd,
        b"inotify" => FdKind::Inotify,
        name if name.starts_with(b"bpf-") => FdKind::Bpf,
        _ => FdKind::Unknown,
    }
}

/// Address and port as tables of sockets have them: words in the machine's own
/// order, in base 16.
fn parse_end(text: &[u8]) -> Option<End> {
    let colon = text.iter().position(|&b| b == b':')?;
    let (address, port) = (&text[..colon], hex(&text[colon + 1..])?);
    let mut bytes = [0; 16];
    for (at, word) in address.chunks(8).enumerate() {
        let word = hex(word)?.to_ne_bytes();
        bytes.get_mut(4 * at..4 * at + 4)?.copy_from_slice(&word);
    }
    let address: IpAddr = match address.len() {
        8 => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
        32 => Ipv6Addr::from(bytes).to_canonical(),
        _ => return None,
    };
    Some((address, u16::try_from(port).ok()?))
}

fn columns(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b' ').filter(|word| !word.is_empty())
}

/// Reads a table of sockets of the internet.
fn parse_inet(table: &[u8], protocol: Protocol, sockets: &mut FxHashMap<u64, Descriptor>) {
    const LISTEN: u32 = 0x0A;
    let rows = || {
        let lines = table.split(|&b| b == b'\n').skip(1);
        lines.filter_map(|line| {
            let mut columns = columns(line).skip(1);
            let (local, remote) = (parse_end(columns.next()?)?, parse_end(columns.next()?)?);
            let state = hex(columns.next()?)?;
            let ino: u64 = number(columns.nth(5)?)?;
            Some((local, remote, state, ino))
        })
    };
    // A connection of a port that is listened on was taken here.
    let listened: FxHashSet<u16> = rows()
        .filter(|row| protocol == Protocol::Tcp && row.2 == LISTEN)
        .map(|(local, ..)| local.1)
        .collect();
    for (local, remote, _, ino) in rows() {
        let kind = match local.0 {
            IpAddr::V4(_) => FdKind::Ipv4,
            IpAddr::V6(_) => FdKind::Ipv6,
        };
        let mut socket = Descriptor::new(kind);
        socket.protocol = protocol;
        socket.ino = ino;
        if remote.1 == 0 {
            socket.server = local.1 != 0;
            socket.label = Address::Ip(local).into();
        } else {
            socket.connected = true;
            socket.server = listened.contains(&local.1);
            let ends = match socket.server {
                true => Address::IpPair(remote, local),
                false => Address::IpPair(local, remote),
            };
            socket.label = ends.into();
        }
        sockets.insert(ino, socket);
    }
}

/// Reads the table of unix sockets.
fn parse_unix(table: &[u8], sockets: &mut FxHashMap<u64, Descriptor>) {
    const CONNECTED: u32 = 3;
    for line in table.split(|&b| b == b'\n').skip(1) {
        let mut columns = columns(line);
        let state = columns.nth(5).and_then(hex);
        let Some(ino) = columns.next().and_then(number) else {
            continue;
        };
        let path = columns.next().unwrap_or_default();
        // One in no file system has this in front.
        let path = path.strip_prefix(b"@").unwrap_or(path);
        let mut socket = Descriptor::new(FdKind::Unix);
        socket.ino = ino;
        socket.connected = state == Some(CONNECTED);
        socket.label = Label::name(path);
        sockets.insert(ino, socket);
    }
}

/// Reads the table of sockets to the kernel.
fn parse_netlink(table: &[u8], sockets: &mut FxHashMap<u64, Descriptor>) {
    for line in table.split(|&b| b == b'\n').skip(1) {
        if let Some(ino) = columns(line).nth(9).and_then(number) {
            let mut socket = Descriptor::new(FdKind::Netlink);
            socket.ino = ino;
            sockets.insert(ino, socket);
        }
    }
}

/// A table of sockets, which the kernel hands over a page at a time.
fn read_table(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_SOCKETS).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// How many descriptors may be open, out of `limits`; -1: without a limit.
fn parse_limits(limits: &[u8]) -> Option<i64> {
    let mut lines = limits.split(|&b| b == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(b"Max open files"))?;
    match columns(value).next()? {
        b"unlimited" => Some(-1),
        soft => number(soft),
    }
}

/// Flags and inode out of `fdinfo`.
fn parse_fdinfo(text: &[u8]) -> (u32, Option<u64>) {
    let (mut flags, mut ino) = (0, None);
    for line in text.split(|&b| b == b'\n') {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        let value = line[colon + 1..].trim_ascii();
        match &line[..colon] {
            b"flags" => {
                let octal = std::str::from_utf8(value).ok();
                let bits = octal.and_then(|text| u32::from_str_radix(text, 8).ok());
                flags = bits.unwrap_or_default();
            }
            b"ino" => ino = number(value),
            _ => {}
        }
    }
    (flags, ino)
}

/// Looks at the numbers in a directory of descriptors, from there: the kernel
/// looks for the process once.
fn each(numbers: Option<Dir>, mut look: impl FnMut(BorrowedFd<'_>, &CStr, u32)) {
    let Some(mut numbers) = numbers else {
        return;
    };
    let mut left = MAX_READ;
    while left > 0
        && let Some(Ok(entry)) = numbers.read()
    {
        let name = entry.file_name();
        if let (Some(num), Ok(directory)) = (number(name.to_bytes()), numbers.fd()) {
            look(directory, name, num);
            left -= 1;
        }
    }
}

impl ProcFds {
    /// The proc file system mounted at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.into(),
            link: vec![0; MAX_TEXT],
            info: vec![0; MAX_TEXT],
            ..Self::default()
        }
    }

    fn path(&mut self, pid: u32, name: &str) -> &str {
        self.path.clear();
        // Writing to a string does not fail.
        let _ = write!(self.path, "{}/{pid}/{name}", self.root.display());
        &self.path
    }

    /// What a process has open.
    pub fn all(&mut self, pid: u32) -> Vec<Open> {
        self.net = None;
        let mut all = Vec::new();
        each(
            numbered(CWD, self.path(pid, "fd")),
            |directory, name, num| {
                all.extend(self.look(pid, directory, name, num));
            },
        );
        all
    }

    /// What the links of a process's numbers say, which costs a fraction of
    /// [`ProcFds::all`].
    pub(super) fn glance(&mut self, pid: u32) -> Vec<Seen> {
        let mut all = Vec::new();
        each(
            numbered(CWD, self.path(pid, "fd")),
            |directory, name, num| {
                let Some(link) = link(directory, name, &mut self.link) else {
                    return;
                };
                let is_file = link.starts_with(b"/") && !link.starts_with(b"/memfd:");
                let status = is_file.then(|| status_at_hand(directory, name)).flatten();
                all.push(Seen {
                    num,
                    link: (*link).into(),
                    ino: status.map_or(0, |status| status.stx_ino),
                });
            },
        );
        all
    }

    /// How many descriptors a process may have open, if that can be read.
    pub fn limit(&mut self, pid: u32) -> Option<i64> {
        self.path(pid, "limits");
        parse_limits(read(CWD, &*self.path, &mut self.info)?)
    }

    /// What a number of a process refers to.
    pub fn one(&mut self, pid: u32, num: u32) -> Option<Open> {
        self.net = None;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, self.path(pid, "fd"), flags, Mode::empty()).ok()?;
        let name = CString::new(num.to_string()).ok()?;
        self.look(pid, directory.as_fd(), &name, num)
    }

    /// What a number refers to that is in the directory of a process's descriptors.
    fn look(&mut self, pid: u32, directory: BorrowedFd<'_>, name: &CStr, num: u32) -> Option<Open> {
        let count = link(directory, name, &mut self.link)?.len();
        self.path.clear();
        // Writing to a string does not fail.
        let _ = write!(self.path, "../fdinfo/{num}");
        let info = read(directory, &*self.path, &mut self.info);
        let (flags, ino) = parse_fdinfo(info.unwrap_or_default());
        let portable = open::from_kernel(flags);
        let mut descriptor = Descriptor {
            ino: ino.unwrap_or_default(),
            ..Descriptor::default()
        };
        let link = self.link.get(..count)?;
        if let Some(socket) = bracketed(link, b"socket") {
            let ino = number(socket)?;
            if let Some(known) = self.socket(pid, directory, ino) {
                descriptor = known;
            } else {
                descriptor.kind = FdKind::Socket;
                descriptor.ino = ino;
            }
        } else if let Some(pipe) = bracketed(link, b"pipe") {
            descriptor.kind = FdKind::Pipe;
            descriptor.ino = number(pipe)?;
            descriptor.label = Label::name(link);
        } else if let Some(name) = link.strip_prefix(b"anon_inode:") {
            descriptor.kind = anonymous(name);
        } else if let Some(name) = link.strip_prefix(b"/memfd:") {
            let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
            descriptor.kind = FdKind::Memfd;
            descriptor.label = Label::name(name);
        } else {
            descriptor.kind = FdKind::File;
            let mut dev = 0;
            if let Some(status) = status_at_hand(directory, name) {
                dev = kernel_device(status.stx_dev_major, status.stx_dev_minor);
                descriptor.ino = status.stx_ino;
                descriptor.kind = match FileType::from_raw_mode(status.stx_mode.into()) {
                    FileType::Directory => FdKind::Directory,
                    FileType::Fifo => FdKind::Pipe,
                    _ => FdKind::File,
                };
            }
            descriptor.label = Label::file(link, portable, dev);
        }
        Some(Open {
            num,
            descriptor,
            cloexec: portable & open::CLOEXEC != 0,
        })
    }

    /// A socket by its inode, seen from the process's network namespace.
    fn socket(&mut self, pid: u32, directory: BorrowedFd<'_>, ino: u64) -> Option<Descriptor> {
        let id = match self.net {
            Some(id) => id,
            None => {
                let link = link(directory, c"../ns/net", &mut self.info)?;
                *self.net.insert(bracketed(link, b"net").and_then(number)?)
            }
        };
        let now = Instant::now();
        let known = self.namespaces.get(&id);
        let found = known.and_then(|namespace| namespace.sockets.get(&ino));
        if found.is_some() || known.is_some_and(|n| now.duration_since(n.read) < FRESH) {
            return found.cloned();
        }
        if self.namespaces.len() >= MAX_NAMESPACES {
            self.namespaces.clear();
        }
        let sockets = self.sockets(pid);
        let found = sockets.get(&ino).cloned();
        self.namespaces.insert(id, Namespace { read: now, sockets });
        found
    }

    fn sockets(&self, pid: u32) -> FxHashMap<u64, Descriptor> {
        let table = |name: &str| {
            let path = self.root.join(format!("{pid}/net/{name}"));
            read_table(&path).unwrap_or_default()
        };
        let mut sockets = FxHashMap::default();
        for (name, protocol) in [
            ("tcp", Protocol::Tcp),
            ("tcp6", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("udp6", Protocol::Udp),
            ("icmp", Protocol::Icmp),
            ("icmp6", Protocol::Icmp),
            ("raw", Protocol::Raw),
            ("raw6", Protocol::Raw),
        ] {
            parse_inet(&table(name), protocol, &mut sockets);
        }
        parse_unix(&table("unix"), &mut sockets);
        parse_netlink(&table("netlink"), &mut sockets);
        sockets
    }
}

/// A device number in the kernel's own encoding, which records have.
fn kernel_device(major: u32, minor: u32) -> u32 {
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn address(socket: &Descriptor) -> String {
        let arena = bumpalo::Bump::new();
        let text = socket.address().map(|address| address.text(&arena));
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    const TCP: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0\n   \
        1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 20 4 30 10 -1\n   \
        2: 0700000A:C350 0101000A:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 13 1 0 20 4 30 10 -1\n";

    #[test]
    fn tables_of_sockets() {
        let mut sockets = FxHashMap::default();
        parse_inet(TCP, Protocol::Tcp, &mut sockets);
        let (listening, taken, made) = (&sockets[&11], &sockets[&12], &sockets[&13]);
        assert_eq!(address(listening), "127.0.0.1:8080");
        assert_eq!(address(taken), "127.0.0.1:50000->127.0.0.1:8080");
        assert_eq!(address(made), "10.0.0.7:50000->10.0.1.1:443");
        assert!(listening.server && taken.server && !made.server && made.connected);
        let six = b"head\n 0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 14 1\n";
        parse_inet(six, Protocol::Tcp, &mut sockets);
        assert_eq!(address(&sockets[&14]), "::1:80");
        parse_unix(
            b"Num RefCount Protocol Flags Type St Inode Path\n\
              00: 00000002 00000000 00010000 0001 01 15 /run/a.sock\n\
              00: 00000003 00000000 00000000 0001 03 16 @abstract\n\
              00: 00000003 00000000 00000000 0001 03 17\n",
            &mut sockets,
        );
        assert_eq!(sockets[&15].name(), b"/run/a.sock");
        assert_eq!(sockets[&16].name(), b"abstract");
        assert!(sockets[&17].connected && sockets[&17].name().is_empty());
        parse_netlink(
            b"sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n00 0 1 00000000 0 0 0 2 0 18\n",
            &mut sockets,
        );
        assert_eq!(sockets[&18].kind, FdKind::Netlink);
        for cut in 0..TCP.len() {
            parse_inet(&TCP[..cut], Protocol::Tcp, &mut sockets);
            parse_unix(&TCP[..cut], &mut sockets);
        }
    }

    #[test]
    fn limits() {
        let text = b"Limit            Soft Limit   Hard Limit   Units\n\
            Max processes    5            6            processes\n\
            Max open files   1024         524288       files\n";
        assert_eq!(parse_limits(text), Some(1024));
        assert_eq!(parse_limits(b"Max open files unlimited 1 files"), Some(-1));
        for cut in 0..text.len() {
            let _ = parse_limits(&text[..cut]);
        }
    }

    #[test]
    fn details_of_a_descriptor() {
        let text = b"pos:\t0\nflags:\t02100001\nmnt_id:\t25\nino:\t77\n";
        let (flags, ino) = parse_fdinfo(text);
        assert_eq!(ino, Some(77));
        let portable = open::from_kernel(flags);
        assert!(portable & open::CLOEXEC != 0 && portable & open::WRONLY != 0);
    }

    #[test]
    fn descriptors_of_this_process() {
        use std::os::fd::AsRawFd;
        let mut proc = ProcFds::new(Path::new("/proc"));
        let pid = std::process::id();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let file = File::open("/proc/self/exe").unwrap();
        let directory = File::open("/").unwrap();
        let all = proc.all(pid);
        let find = |fd: i32| &all.iter().find(|o| o.num as i32 == fd).unwrap().descriptor;
        assert_eq!(find(directory.as_raw_fd()).kind, FdKind::Directory);
        assert_eq!(find(directory.as_raw_fd()).name(), b"/");
        let exe = std::env::current_exe().unwrap();
        let open = find(file.as_raw_fd());
        assert_eq!(open.name(), exe.as_os_str().as_encoded_bytes());
        assert_eq!(open.ino, file.metadata().unwrap().ino());
        let waiting = find(listener.as_raw_fd());
        assert!(waiting.server && waiting.protocol == Protocol::Tcp);
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        assert_eq!(
            address(find(client.as_raw_fd())),
            format!("{local}->{remote}")
        );
        assert!(proc.one(pid, u32::MAX).is_none());
    }
}
