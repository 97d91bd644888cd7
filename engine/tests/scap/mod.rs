//! Captures put together byte by byte, and what is seen of them.
#![allow(dead_code, unreachable_pub, reason = "not every test needs everything")]

use std::io::Cursor;
use std::sync::LazyLock;
use std::time::Duration;

use bumpalo::Bump;
use falco_engine::event::Event;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::source::capture::CaptureSource;
use falco_engine::source::{Batch, Source};
use falco_engine::state::State;

pub const TIME: u64 = 1_700_000_000_000_000_000;

/// A file that is being written.
#[derive(Clone, Default)]
pub struct File(pub Vec<u8>);

/// Fields of a block, one behind the other.
#[derive(Clone, Default)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn text(self, text: &str) -> Self {
        self.u16(text.len() as u16).raw(text.as_bytes())
    }

    /// An entry with its length in front.
    pub fn entry(self, entry: &Self) -> Self {
        self.u32(entry.0.len() as u32 + 4).raw(&entry.0)
    }
}

/// Parameters as they are in a file.
pub fn number(value: i64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

pub fn word(value: u32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// Form of an event's block.
pub const V0: u32 = 0x8010_ABCD;
pub const V1: u32 = 0x204;
pub const V1_FLAGS: u32 = 0x208;
pub const V2: u32 = 0x216;
pub const V2_FLAGS: u32 = 0x217;
pub const LARGE: u32 = 0x221;
pub const LARGE_FLAGS: u32 = 0x222;

impl File {
    pub fn new() -> Self {
        let section = Body::default().u32(0x1A2B_3C4D).u16(1).u16(2).u64(u64::MAX);
        Self::default().block(0x0A0D_0D0A, &section)
    }

    pub fn block(mut self, ty: u32, body: &Body) -> Self {
        let padding = body.0.len().next_multiple_of(4) - body.0.len();
        let len = (12 + body.0.len() + padding) as u32;
        let block = Body::default().u32(ty).u32(len).raw(&body.0);
        let block = block.raw(&[0; 3][..padding]).u32(len);
        self.0.extend_from_slice(&block.0);
        self
    }

    pub fn event(self, form: u32, code: u16, tid: u64, params: &[Vec<u8>]) -> Self {
        self.event_at(TIME, form, code, tid, params)
    }

    pub fn event_at(self, time: u64, form: u32, code: u16, tid: u64, params: &[Vec<u8>]) -> Self {
        let mut event = Body::default();
        for param in params {
            event = match form {
                LARGE | LARGE_FLAGS => event.u32(param.len() as u32),
                _ => event.u16(param.len() as u16),
            };
        }
        let event = params.iter().fold(event, |event, param| event.raw(param));
        let counted = !matches!(form, V0 | V1 | V1_FLAGS);
        let head = if counted { 26 } else { 22 };
        let mut body = Body::default().u16(3);
        if matches!(form, V1_FLAGS | V2_FLAGS | LARGE_FLAGS) {
            body = body.u32(0);
        }
        body = body
            .u64(time)
            .u64(tid)
            .u32((head + event.0.len()) as u32)
            .u16(code);
        if counted {
            body = body.u32(params.len() as u32);
        }
        self.block(form, &body.raw(&event.0))
    }

    pub fn machine(self) -> Self {
        let mut name = b"box".to_vec();
        name.resize(128, 0);
        let body = Body::default()
            .u32(4)
            .u64(1 << 30)
            .u64(0)
            .raw(&name)
            .u64(TIME);
        self.block(0x201, &body.u64(0).u64(0).u64(0))
    }

    pub fn process(self, version: u8, tid: u64, comm: &str) -> Self {
        let ty = [
            0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215,
        ];
        let mut body = Body::default().u64(tid).u64(tid).u64(1);
        if version >= 6 {
            body = body.u64(7);
        }
        if version >= 8 {
            body = body.u64(8);
        }
        body = body.text(comm).text("/bin/exe");
        if version >= 7 {
            body = body.text("/usr/bin/exe");
        }
        body = body
            .text("-a\0b\0")
            .text("/home")
            .u64(1024)
            .u32(0)
            .u32(5)
            .u32(6);
        if version >= 2 {
            body = body.u32(100).u32(50).u32(0).u64(1).u64(2);
        }
        if version >= 3 {
            body = body.text("HOME=/home\0");
        }
        if version >= 4 {
            body = body.u64(tid + 100).u64(tid + 200).text("cpu=/x\0");
        }
        if version >= 5 {
            body = body.text("/");
        }
        if version < 9 {
            return self.block(ty[usize::from(version) - 1], &body);
        }
        let tail = body.u64(0).u32(34816).u32(1000).u8(1).u64(1).u64(2).u64(3);
        let tail = tail.u8(0).u64(77).u64(TIME).u64(TIME).u8(0).raw(b"later");
        self.block(ty[8], &Body::default().entry(&tail))
    }
}

/// Everything that rules see of a file: the rendered text of each event.
pub fn replay(file: Vec<u8>, format: &str) -> anyhow::Result<Vec<String>> {
    static TABLE: LazyLock<FieldTable> = LazyLock::new(|| FieldTable::new(FIELDS));
    let template = Template::compile(format, &TABLE).expect("a format");
    let mut source = CaptureSource::new(Cursor::new(file))?;
    let mut state = State::new();
    source.restore(&mut state)?;
    let mut lines = Vec::new();
    loop {
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            if !event.is_internal() {
                let arena = Bump::new();
                let mut line = String::new();
                template.render(&state.context(&event, &arena), &mut line);
                lines.push(line);
            }
            state.after(&event);
        })?;
        match batch {
            Batch::End => return Ok(lines),
            Batch::Section => {
                state = State::new();
                source.restore(&mut state)?;
            }
            Batch::Some | Batch::Nothing => {}
        }
    }
}

pub fn shown(file: &File, format: &str) -> Vec<String> {
    replay(file.0.clone(), format).expect("a capture")
}

/// A file with a bit of everything.
pub fn whole() -> File {
    let users = Body::default()
        .u8(0)
        .u32(5)
        .u32(6)
        .text("games")
        .text("/g")
        .text("/bin/no");
    let users = users.u8(1).u32(6).text("players");
    let file = Body::default()
        .u64(3)
        .u64(99)
        .u8(16)
        .u32(1)
        .text("/etc/motd");
    File::new()
        .machine()
        .block(0x206, &users)
        .process(9, 10, "bash")
        .block(
            0x218,
            &Body::default().u64(10).entry(&file.u32(0xFE00).raw(b"new")),
        )
        .event(V2, 7, 10, &[number(2), b"hi".to_vec(), number(3), word(9)])
        .event(V2, 307, 10, &openat())
        .event(
            LARGE,
            402,
            u64::MAX,
            &[word(1), text("note"), vec![b'x'; 70_000]],
        )
}

/// Parameters of `openat`.
pub fn openat() -> Vec<Vec<u8>> {
    let mut params = vec![number(4), number(-100), text("a/b")];
    params.extend([word(1), word(0), word(0xFE00), number(123)]);
    params
}
