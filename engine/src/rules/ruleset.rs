//! Compiled rules, found by the type of an event, evaluated in order.

use std::borrow::Borrow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use falco_abi::control::Interest;
use falco_abi::event::{ALL, Event as Kind};
use falco_abi::syscall::SYSCALL_MAX;
use rustc_hash::{FxHashMap, FxHashSet};

use super::files::RuleSource;
use super::group::{Group, Way};
use super::load::{self, LoadOptions, LoadResult};
use super::model;
use super::output::Output;
use crate::event::{Event, syscall_name};
use crate::filter::compile::Compiled;
use crate::filter::events::{EventSet, Probe};
use crate::filter::field::Context;
use crate::filter::plan::{Builder, Id, Plan, event_sets};
use crate::filter::predicate::{Memo, Node, Run, Shared};
use crate::filter::table::FieldTable;
use crate::output::{Alert, Priority};

/// For so many events it is counted how often each part of the rules holds.
const WATCHED: u64 = 4096;
/// After so many times the events of before this is done again.
const RARELY: u64 = 16;

/// Most events that are named of a group.
const SHOWN: usize = 12;

/// Rules ready to be evaluated.
#[derive(Debug)]
pub struct Ruleset {
    rules: Vec<CompiledRule>,
    shared: Shared,
    plan: Plan,
    /// For each group of events that rules do not tell apart, the rules that
    /// can match, with their conditions for such events.
    groups: Vec<Group>,
    /// Groups of the kinds of events, and of system calls without a kind.
    by_kind: Vec<usize>,
    by_syscall: Vec<usize>,
    events: EventSet,
    /// Those of the events whose rules may ask what the descriptor is.
    descriptors: EventSet,
    match_all: bool,
    want_fields: bool,
    open_files: bool,
    named_files: bool,
    environments: bool,
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
    /// Whether its alerts begin a capture.
    pub capture: bool,
    /// How long such a capture lasts in milliseconds; 0: as the configuration
    /// says.
    pub capture_duration: u64,
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
            capture: rule.capture,
            capture_duration: rule.capture_duration,
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
    positions: Vec<u32>,
    /// Events up to now, and with which of them the rules are watched or put in
    /// order.
    events: u64,
    turn: u64,
}

/// Finds the events that no rule tells apart.
struct Grouping<'r> {
    rules: &'r [CompiledRule],
    /// The sets that rules tell events apart by.
    sets: Vec<EventSet>,
    by_sets: FxHashMap<Box<[bool]>, usize>,
    builder: Builder<'r>,
    groups: Vec<Vec<(usize, Id)>>,
}

impl<'r> Grouping<'r> {
    fn new(rules: &'r [CompiledRule], shared: &'r Shared) -> Self {
        let active = || rules.iter().filter(|rule| rule.info.active);
        let mut all = Vec::new();
        event_sets(
            shared.nodes().chain(active().map(|rule| &rule.node)),
            &mut all,
        );
        all.extend(active().map(|rule| rule.info.events));
        let mut seen = FxHashSet::default();
        all.retain(|set| seen.insert(*set));
        Self {
            rules,
            sets: all,
            by_sets: FxHashMap::default(),
            builder: Builder::new(shared),
            groups: Vec::new(),
        }
    }

    /// The group of an event.
    fn group(&mut self, event: Probe) -> usize {
        let sets: Box<[bool]> = self.sets.iter().map(|set| set.has(event)).collect();
        if let Some(&known) = self.by_sets.get(&sets) {
            return known;
        }
        self.builder.next_events();
        let mut group = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            if rule.info.active && rule.info.events.has(event) {
                let condition = self.builder.add(&rule.node, event);
                if condition != Id::NEVER {
                    group.push((at, condition));
                }
            }
        }
        self.groups.push(group);
        self.by_sets.insert(sets, self.groups.len() - 1);
        self.groups.len() - 1
    }

    fn finish(self) -> (Plan, Vec<Group>) {
        let plan = self.builder.finish();
        let groups = self.groups.into_iter();
        let groups = groups.map(|rules| Group::new(rules, &plan)).collect();
        (plan, groups)
    }
}

impl Ruleset {
    /// Loads rules; later files add to and change what earlier ones define.
    pub fn load(
        sources: impl IntoIterator<Item: Borrow<RuleSource>>,
        fields: &FieldTable,
        options: &LoadOptions,
    ) -> LoadResult {
        load::load(sources, fields, options)
    }

    /// Indexes rules by their events.
    pub(super) fn new(
        rules: Vec<CompiledRule>,
        shared: Shared,
        match_all: bool,
        want_fields: bool,
    ) -> Self {
        let asks = shared.may_name_files();
        let (mut events, mut descriptors) = (EventSet::EMPTY, EventSet::EMPTY);
        for rule in rules.iter().filter(|rule| rule.info.active) {
            events = events.union(&rule.info.events);
            if rule.node.may_name_files(&asks) || rule.output.may_name_files(&asks) {
                descriptors = descriptors.union(&rule.info.events);
            }
        }
        let mut grouping = Grouping::new(&rules, &shared);
        let kinds = ALL.iter().map(|&kind| match kind {
            // These are told apart by their numbers.
            Kind::Syscall => 0,
            kind => grouping.group(Probe::Kind(kind)),
        });
        let by_kind = kinds.collect();
        let calls = 0..SYSCALL_MAX as u32;
        let by_syscall = calls
            .map(|call| grouping.group(Probe::of_call(call)))
            .collect();
        let (plan, groups) = grouping.finish();
        Self {
            rules,
            shared,
            plan,
            groups,
            by_kind,
            by_syscall,
            events,
            descriptors,
            match_all,
            want_fields,
            open_files: false,
            named_files: false,
            environments: false,
        }
    }

    /// With a field that needs to know all that a process has open, or not; and
    /// with one that needs what an event names by its number.
    pub(super) fn with_files(self, open_files: bool, named_files: bool) -> Self {
        Self {
            open_files,
            named_files,
            ..self
        }
    }

    /// The same of events of captures, which tell no more of a descriptor than
    /// its number.
    pub fn needs_recorded_files(&self) -> bool {
        self.named_files || self.needs_open_files()
    }

    /// Whether the state must know what processes have open: a field asks for
    /// it, or events are of interest whose records say nothing of the
    /// descriptor that they are about.
    pub fn needs_open_files(&self) -> bool {
        const SILENT: [Kind; 3] = [Kind::Close, Kind::Fcntl, Kind::Lseek];
        let has = |kind| self.events.has(Probe::Kind(kind));
        self.open_files || SILENT.into_iter().any(has)
    }

    /// With a field that needs to know environments, or not.
    pub(super) fn with_environments(self, environments: bool) -> Self {
        Self {
            environments,
            ..self
        }
    }

    /// Whether a field asks for the environments of programs that ran before the
    /// first event.
    pub fn needs_environments(&self) -> bool {
        self.environments
    }

    /// Evaluates every part for every rule anew, to measure what sharing saves.
    pub fn share_nothing(&mut self) {
        self.shared.share_nothing();
        self.plan.share_nothing();
    }

    /// All rules, those that are not active included, in order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &RuleInfo> {
        self.rules.iter().map(|rule| &rule.info)
    }

    /// Appends how an active rule is found and evaluated, for each group of
    /// events that rules tell apart from others; whether there is such a rule.
    pub fn explain(&self, name: &str, text: &mut String) -> bool {
        let is_it = |rule: &CompiledRule| rule.info.active && *rule.info.name == *name;
        let Some(rule) = self.rules.iter().position(is_it) else {
            return false;
        };
        for (at, group) in self.groups.iter().enumerate() {
            let Some((condition, way)) = group.way(rule) else {
                continue;
            };
            let names = self.names_of(at);
            let more = names.len().saturating_sub(SHOWN);
            let mut shown = names[..names.len() - more].join(" ");
            if more > 0 {
                // Writing to a string cannot fail.
                let _ = write!(shown, " and {more} more");
            }
            let count = match group.len() {
                1 => "this rule alone is".to_owned(),
                count => format!("{count} rules are"),
            };
            let _ = writeln!(text, "\non {shown}, where {count} of interest:");
            match way {
                Way::Value(check, values, rules) => {
                    let field = &check.operand;
                    let _ = writeln!(
                        text,
                        "  looked up by the value of {field} in a hash table of {values} values \
                         for {rules} rules"
                    );
                }
                Way::Behind(guards) if guards.is_empty() => {
                    text.push_str("  tried on every event\n");
                }
                Way::Behind(guards) => {
                    for (guard, rules) in guards {
                        let _ = writeln!(text, "  tried with {rules} rules if this holds:");
                        self.plan.explain(guard, 1, text);
                    }
                    text.push_str("  and then:\n");
                }
            }
            self.plan.explain(condition, 1, text);
        }
        true
    }

    /// Names of the events of a group.
    fn names_of(&self, group: usize) -> Vec<&'static str> {
        let kinds = ALL.iter().zip(&self.by_kind);
        let kinds = kinds.filter(|(kind, at)| **at == group && **kind != Kind::Syscall);
        let kinds = kinds.map(|(kind, _)| kind.info());
        let kinds = kinds.filter(|info| !info.internal && !info.name.is_empty());
        let calls = self.by_syscall.iter().enumerate();
        let calls = calls.filter(|(_, at)| **at == group);
        let calls = calls.map(|(number, _)| number as u32);
        // The others are there by their kinds.
        let calls = calls.filter(|&call| matches!(Probe::of_call(call), Probe::Syscall(_)));
        let calls = calls.filter_map(syscall_name);
        let mut names: Vec<_> = kinds.map(|info| info.name).chain(calls).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The events that some active rule can match.
    pub fn events(&self) -> &EventSet {
        &self.events
    }

    /// What the kernel half must report for these rules; of calls whose descriptors no rule
    /// asks about, not what these are.
    pub fn interest(&self) -> Interest {
        let mut interest = self.events.interest();
        interest.descriptors = self.descriptors.interest().syscalls;
        let active = self.rules.iter().filter(|rule| rule.info.active);
        for events in active.map(|rule| &rule.info.events) {
            if events.is_narrow() {
                interest.hooks |= events.busy_hooks();
            }
        }
        interest
    }

    /// Whether some active rule can match the event. Cheap: events for which
    /// this is false need no context.
    pub fn wants(&self, event: &Event<'_>) -> bool {
        self.candidates(event).is_some()
    }

    /// Whether a rule could match an event of this kind.
    pub fn wants_kind(&self, kind: Kind) -> bool {
        self.group(self.by_kind.get(kind as usize)).is_some()
    }

    fn candidates(&self, event: &Event<'_>) -> Option<&Group> {
        let group = match event.kind {
            Kind::Syscall => self.by_syscall.get(event.header.syscall as usize),
            kind => self.by_kind.get(kind as usize),
        };
        self.group(group)
    }

    fn group(&self, number: Option<&usize>) -> Option<&Group> {
        let group = number.and_then(|&number| self.groups.get(number));
        group.filter(|group| !group.is_empty())
    }

    /// Before each event: now and then, what the rules are to be asked first is
    /// chosen anew, by how often their parts held for some of the last events.
    #[inline]
    pub fn adapt(&mut self, scratch: &mut Scratch) {
        scratch.events += 1;
        if scratch.events > scratch.turn {
            self.take_turn(scratch);
        }
    }

    #[cold]
    fn take_turn(&mut self, scratch: &mut Scratch) {
        let seen = scratch.memo.watched();
        if seen.is_empty() {
            scratch.memo.watch(self.plan.parts());
            scratch.turn += WATCHED;
            return;
        }
        self.plan.order(&seen);
        for group in &mut self.groups {
            group.renew(&self.plan);
        }
        scratch.turn *= RARELY;
    }

    /// Evaluates the rules for one event and hands the alerts to `sink`, each
    /// with its rule: that of the first rule that matches, or of all.
    pub fn evaluate<'a>(
        &'a self,
        ctx: &Context<'a>,
        scratch: &mut Scratch,
        sink: &mut impl FnMut(&RuleInfo, Alert),
    ) {
        let Some(group) = self.candidates(ctx.event) else {
            return;
        };
        let Scratch {
            memo,
            text,
            positions,
            ..
        } = scratch;
        let mut run =
            Run::new(ctx, &self.shared, memo).with_parts(self.plan.answers(), self.plan.matchers());
        group.matching(&self.plan, &mut run, positions, |at, run| {
            if let Some(rule) = self.rules.get(at) {
                sink(&rule.info, self.alert(rule, run, text));
            }
            self.match_all
        });
    }

    /// Evaluates each rule that the event can concern by itself, without what it
    /// shares with others, and tells its place among all rules and how many
    /// nanoseconds that took. To measure; makes no alerts.
    pub fn time_each<'a>(
        &'a self,
        ctx: &Context<'a>,
        scratch: &mut Scratch,
        told: &mut impl FnMut(usize, u64),
    ) {
        let rules = self.rules.iter().enumerate();
        for (at, rule) in rules.filter(|(_, rule)| rule.info.active) {
            if rule.info.events.contains(ctx.event) {
                let begun = Instant::now();
                let mut run = Run::new(ctx, &self.shared, &mut scratch.memo);
                std::hint::black_box(rule.node.holds(&mut run));
                told(at, u64::try_from(begun.elapsed().as_nanos()).unwrap_or(0));
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
