//! Compiled rules, found by the type of an event, evaluated in order.

use std::sync::Arc;

use falco_abi::control::Interest;
use falco_abi::event::{ALL, Event as Kind};
use falco_abi::syscall::SYSCALL_MAX;

use super::files::RuleSource;
use super::load::{self, LoadOptions, LoadResult};
use super::model;
use super::output::Output;
use crate::event::Event;
use crate::filter::compile::Compiled;
use crate::filter::events::EventSet;
use crate::filter::field::Context;
use crate::filter::predicate::{Memo, Node, Run, Shared};
use crate::filter::table::FieldTable;
use crate::output::{Alert, Priority};

/// Rules ready to be evaluated.
#[derive(Debug)]
pub struct Ruleset {
    rules: Vec<CompiledRule>,
    shared: Shared,
    by_kind: Vec<Box<[usize]>>,
    by_syscall: Vec<Box<[usize]>>,
    events: EventSet,
    match_all: bool,
    want_fields: bool,
}

/// One rule.
#[derive(Debug)]
pub struct CompiledRule {
    /// What it is.
    pub info: RuleInfo,
    node: Node,
    output: Output,
}

/// What is known of a rule.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for.
    pub desc: String,
    /// Its condition, appended texts included.
    pub condition: String,
    /// Its output, without what the configuration adds.
    pub output: String,
    /// Severity.
    pub priority: Priority,
    /// Source of its events.
    pub source: Arc<str>,
    /// Tags, sorted.
    pub tags: Arc<[String]>,
    /// Whether it is evaluated: turned on, severe enough, and for events that
    /// this engine has.
    pub active: bool,
    /// Events under which it can match.
    pub events: EventSet,
}

impl RuleInfo {
    fn new(rule: &model::Rule, events: EventSet, active: bool) -> Self {
        let source = match rule.source.as_str() {
            "" => load::SYSCALL_SOURCE,
            source => source,
        };
        Self {
            name: rule.name.as_str().into(),
            desc: rule.desc.as_str().to_owned(),
            condition: rule.condition.as_str().to_owned(),
            output: rule.output.as_str().to_owned(),
            priority: rule.priority,
            source: source.into(),
            tags: rule.tags.clone().into(),
            active,
            events,
        }
    }
}

impl CompiledRule {
    /// A rule with its condition and output compiled.
    pub fn new(rule: &model::Rule, compiled: Compiled, output: Output, active: bool) -> Self {
        Self {
            info: RuleInfo::new(rule, compiled.events.holds, active),
            node: compiled.node,
            output,
        }
    }

    /// A rule for events that there are none of.
    pub fn inactive(rule: &model::Rule) -> Self {
        Self {
            info: RuleInfo::new(rule, EventSet::EMPTY, false),
            node: Node::Never,
            output: Output::default(),
        }
    }
}

/// Memory that evaluation needs from event to event, one for each thread and
/// ruleset.
#[derive(Debug, Default)]
pub struct Scratch {
    memo: Memo,
    text: String,
}

impl Ruleset {
    /// Loads rules; later files add to and change what earlier ones define.
    pub fn load(sources: &[RuleSource], fields: &FieldTable, options: &LoadOptions) -> LoadResult {
        load::load(sources, fields, options)
    }

    /// Indexes rules by their events.
    pub(super) fn new(
        rules: Vec<CompiledRule>,
        shared: Shared,
        match_all: bool,
        want_fields: bool,
    ) -> Self {
        let mut by_kind = vec![Vec::new(); ALL.len()];
        let mut by_syscall = vec![Vec::new(); SYSCALL_MAX];
        let mut events = EventSet::EMPTY;
        for (at, rule) in rules.iter().enumerate().filter(|(_, r)| r.info.active) {
            events = events.union(&rule.info.events);
            for kind in rule.info.events.kinds() {
                by_kind[kind as usize].push(at);
            }
            for number in rule.info.events.generic_syscalls() {
                by_syscall[number as usize].push(at);
            }
        }
        let boxed = |index: Vec<Vec<usize>>| index.into_iter().map(Vec::into_boxed_slice).collect();
        Self {
            rules,
            shared,
            by_kind: boxed(by_kind),
            by_syscall: boxed(by_syscall),
            events,
            match_all,
            want_fields,
        }
    }

    /// All rules, those that are not active included, in order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &RuleInfo> {
        self.rules.iter().map(|rule| &rule.info)
    }

    /// The events that some active rule can match.
    pub fn events(&self) -> &EventSet {
        &self.events
    }

    /// What the kernel half must report for these rules.
    pub fn interest(&self) -> Interest {
        self.events.interest()
    }

    /// Whether some active rule can match the event. Cheap: events for which
    /// this is false need no context.
    pub fn wants(&self, event: &Event<'_>) -> bool {
        !self.candidates(event).is_empty()
    }

    fn candidates(&self, event: &Event<'_>) -> &[usize] {
        let rules = match event.kind {
            Kind::Syscall => self.by_syscall.get(event.header.syscall as usize),
            kind => self.by_kind.get(kind as usize),
        };
        rules.map_or(&[], |rules| rules)
    }

    /// Evaluates the rules for one event and hands the alerts to `sink`: that
    /// of the first rule that matches, or of all.
    pub fn evaluate<'a>(
        &'a self,
        ctx: &Context<'a>,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(Alert),
    ) {
        let candidates = self.candidates(ctx.event);
        if candidates.is_empty() {
            return;
        }
        let Scratch { memo, text } = scratch;
        let mut run = Run::new(ctx, &self.shared, memo);
        for &at in candidates {
            let rule = &self.rules[at];
            if rule.node.holds(&mut run) {
                sink(self.alert(rule, &mut run, text));
                if !self.match_all {
                    return;
                }
            }
        }
    }

    fn alert<'a>(&self, rule: &'a CompiledRule, run: &mut Run<'a, '_>, text: &mut String) -> Alert {
        let mut fields = Vec::new();
        let wanted = self.want_fields.then_some(&mut fields);
        text.clear();
        rule.output.render(run, text, wanted);
        Alert {
            time: run.context().event.time,
            priority: rule.info.priority,
            rule: Arc::clone(&rule.info.name),
            source: Arc::clone(&rule.info.source),
            tags: Arc::clone(&rule.info.tags),
            message: text.clone(),
            fields,
        }
    }
}
