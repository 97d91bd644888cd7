//! Any bytes as a capture, compressed or not: every record is one that can be
//! decoded, and all of its arguments can be shown.
#![no_main]

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
use libfuzzer_sys::fuzz_target;

const SHOWN: &str = "%evt.num %evt.type %evt.args %fd.name %proc.cmdline %proc.aname %user.name";

/// How gzip and zstd begin.
const COMPRESSED: [&[u8]; 2] = [b"\x1F\x8B", b"\x28\xB5\x2F\xFD"];

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let table = FieldTable::new(FIELDS);
    Template::compile(SHOWN, &table).expect("a format")
});

fuzz_target!(|bytes: &[u8]| {
    let mut file = Vec::new();
    if !COMPRESSED.iter().any(|magic| bytes.starts_with(magic)) {
        // Mutations seldom keep the first block.
        file.extend(*b"\n\r\r\n\x1c\0\0\0M<+\x1a\x01\0\x02\0");
        file.extend([0xFF; 8]);
        file.extend(*b"\x1c\0\0\0");
    }
    file.extend(bytes);
    let Ok(mut source) = CaptureSource::new(Cursor::new(file)) else {
        return;
    };
    let mut state = State::new();
    if source.restore(&mut state).is_err() {
        return;
    }
    loop {
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            let arena = Bump::new();
            let mut line = String::new();
            TEMPLATE.render(&state.context(&event, &arena), &mut line);
            state.after(&event);
        });
        match batch {
            Err(_) | Ok(Batch::End) => return,
            Ok(Batch::Section) => {
                state = State::new();
                if source.restore(&mut state).is_err() {
                    return;
                }
            }
            Ok(Batch::Some | Batch::Nothing) => {}
        }
    }
});
