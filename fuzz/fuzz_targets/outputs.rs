//! Any text as an output: it compiles or is refused, and what compiles can be
//! rendered.
#![no_main]

use bumpalo::Bump;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let template = match Template::compile(text, &FieldTable::new(FIELDS)) {
        Ok(template) => template,
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|e| e.span.start <= e.span.end && e.span.end <= text.len()));
            return;
        }
    };
    let record = RecordBuilder::new(falco_abi::event::Event::Execve, 7)
        .bytes("comm", b"bash")
        .bytes("args", b"-c\0\xff\0")
        .number("res", 0)
        .build();
    let Ok(event) = Event::decode(&record, 1, 1) else {
        return;
    };
    let state = State::new();
    let arena = Bump::new();
    let context = state.context(&event, &arena);
    let mut out = String::new();
    template.render(&context, &mut out);
    template.values(&context, &mut Vec::new());
});
