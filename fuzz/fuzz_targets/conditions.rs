//! Any text as a condition: it is parsed and compiled or refused, and what
//! compiles can be evaluated.
#![no_main]

use bumpalo::Bump;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::compile::{Lists, Scope, compile};
use falco_engine::filter::error::{Error, ErrorKind};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::parser;
use falco_engine::filter::predicate::{Memo, Node, Run, Shared, Slots};
use falco_engine::filter::table::FieldTable;
use falco_engine::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(expr) = parser::parse(text) else {
        return;
    };
    let fields = FieldTable::new(FIELDS);
    let slots = Slots::default();
    let lists = Lists::default();
    let scope = Scope {
        fields: &fields,
        lists: &lists,
        slots: &slots,
        macros: &|name| {
            let kind = ErrorKind::UnknownMacro(name.text.clone());
            Err(Error::new(name.span, kind))
        },
    };
    let compiled = match compile(&expr, &scope) {
        Ok(compiled) => compiled,
        Err(errors) => {
            assert!(errors.iter().all(|e| e.span.end <= text.len() && !e.to_string().is_empty()));
            return;
        }
    };
    let mut shared = Shared::default();
    let at = shared.add(compiled.node);
    shared.finish(&slots);
    let record = RecordBuilder::new(falco_abi::event::Event::Openat, 7)
        .bytes("name", b"/etc/passwd")
        .number("fd", 3)
        .number("dirfd", -100)
        .build();
    let Ok(event) = Event::decode(&record, 1, 1) else {
        return;
    };
    let state = State::new();
    let arena = Bump::new();
    let context = state.context(&event, &arena);
    let node = Node::Macro(at);
    let mut memo = Memo::default();
    let mut run = Run::new(&context, &shared, &mut memo);
    let _ = node.holds(&mut run);
});
