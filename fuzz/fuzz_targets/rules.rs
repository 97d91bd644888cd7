//! Any text as a rule file: it loads or is refused with diagnostics, and what
//! loads can be evaluated.
#![no_main]

use bumpalo::Bump;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::{LoadOptions, RuleSource, Ruleset, Scratch};
use falco_engine::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = RuleSource {
        path: "fuzz.yaml".to_owned(),
        text: text.to_owned(),
    };
    let loaded = Ruleset::load(&[source], &FieldTable::new(FIELDS), &LoadOptions::default());
    for diagnostic in &loaded.diagnostics {
        let _ = diagnostic.to_string();
    }
    let Some(ruleset) = loaded.ruleset else {
        assert!(!loaded.diagnostics.is_empty(), "refused without a reason");
        return;
    };
    let record = RecordBuilder::new(falco_abi::event::Event::Execve, 7)
        .bytes("comm", b"bash")
        .bytes("args", b"-c\0x\0")
        .number("res", 0)
        .build();
    let Ok(event) = Event::decode(&record, 1, 1) else {
        return;
    };
    let state = State::new();
    let arena = Bump::new();
    let context = state.context(&event, &arena);
    let mut scratch = Scratch::default();
    ruleset.evaluate(&context, &mut scratch, &mut |_, alert| drop(alert));
});
