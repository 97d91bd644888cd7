//! One condition by itself, without rules, lists and macros: what the command
//! line filters events by.

use super::ast::Name;
use super::compile::{Lists, Scope, compile};
use super::error::{Error, ErrorKind};
use super::events::EventSet;
use super::field::Context;
use super::parser;
use super::predicate::{Memo, Node, Run, Shared, Slots};
use super::table::FieldTable;

/// A condition that events are held against.
#[derive(Debug)]
pub struct Condition {
    node: Node,
    shared: Shared,
    events: EventSet,
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(text: &str, fields: &FieldTable) -> Result<Self, Vec<Error>> {
        let expr = parser::parse(text).map_err(|error| vec![error])?;
        let slots = Slots::default();
        let unknown = |name: &Name| {
            let kind = ErrorKind::UnknownMacro(name.text.clone());
            Err(Error::new(name.span, kind))
        };
        let scope = Scope {
            fields,
            lists: &Lists::default(),
            slots: &slots,
            macros: &unknown,
        };
        let compiled = compile(&expr, &scope)?;
        let mut shared = Shared::default();
        shared.finish(&slots);
        Ok(Self {
            node: compiled.node,
            shared,
            events: compiled.events.holds,
        })
    }

    /// The events under which it can hold.
    pub fn events(&self) -> &EventSet {
        &self.events
    }

    /// Whether it holds for an event. `memo` is memory for this condition alone.
    pub fn holds<'a>(&'a self, ctx: &Context<'a>, memo: &mut Memo) -> bool {
        self.events.contains(ctx.event) && self.node.holds(&mut Run::new(ctx, &self.shared, memo))
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use falco_abi::event::Event as Kind;

    use super::*;
    use crate::event::{Event, RecordBuilder};
    use crate::filter::fields::FIELDS;
    use crate::state::State;

    #[test]
    fn events_are_told_apart() {
        let fields = FieldTable::new(FIELDS);
        let text = "evt.type = openat and evt.arg.name contains shadow";
        let condition = Condition::compile(text, &fields).unwrap();
        let state = State::new();
        let arena = Bump::new();
        let mut memo = Memo::default();
        for (kind, name, expected) in [
            (Kind::Openat, "/etc/shadow", true),
            (Kind::Openat, "/etc/hosts", false),
            (Kind::Open, "/etc/shadow", false),
        ] {
            let record = RecordBuilder::new(kind, 1)
                .bytes("name", name.as_bytes())
                .build();
            let event = Event::decode(&record, 1, 0).unwrap();
            let context = state.context(&event, &arena);
            assert_eq!(condition.holds(&context, &mut memo), expected, "{name}");
        }
        let errors = Condition::compile("spawned and proc.nmae = x", &fields).unwrap_err();
        assert_eq!(errors.len(), 2);
    }
}
