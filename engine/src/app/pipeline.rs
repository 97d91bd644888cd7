//! The loop: records in, alerts out.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use crossbeam_channel::Sender;
use falco_abi::control::Interest;
use falco_abi::event::Event as Kind;
use log::{error, info};

use super::capture::Captures;
use super::duty::{Duty, Next};
use super::held::Waiting;
use super::loss::Floods;
use super::reload::Prepared;
use super::startup::{self, Needs};
use crate::clock;
use crate::config::{self, Config};
use crate::event::{Event, RecordBuilder};
use crate::filter::field::Context;
use crate::metadata::{Container, recorded};
use crate::metrics::cost::{Costs, Meter};
use crate::metrics::tally::Tally;
use crate::metrics::{Sample, StateCounts};
use crate::output::{Alert, Outputs, Statistics};
use crate::recording;
use crate::rules::{RuleInfo, Ruleset, Scratch};
use crate::source::{Batch, Counters, FdCall, Sink, Source};
use crate::state::{State, Thread};

/// How long the loop sleeps at most when nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// How long it sleeps at most while the state is mended after a loss.
const HEALING: Duration = Duration::from_millis(20);
/// How long it sleeps at most while there is something to read of processes that
/// ran before.
const READING: Duration = Duration::from_millis(5);
/// How long it sleeps at most while an event waits for its container.
const HOLDING: Duration = Duration::from_millis(5);
/// Containers that ended and are yet to be known, at most.
const MOST_ENDED: usize = 512;
/// After so many records of a batch, which can have all that a ring has room for, the
/// manager of services hears that the loop works.
const ALIVE: u64 = 1024;
/// Records that cannot be read are logged one by one up to this many.
const BROKEN_LOGGED: u64 = 10;

/// Everything that the loop moves.
pub(super) struct Pipeline {
    source: Box<dyn Source>,
    /// What the source makes records of.
    interest: Interest,
    rest: Rest,
    /// For alerts of other threads.
    alerts: Sender<Alert>,
}

/// When the loop ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// After so much time here.
    Time(Duration),
    /// After so much time in the events, which are of another day.
    Events(Duration),
}

/// Everything but the source, which hands records to it.
struct Rest {
    state: State,
    evaluator: Evaluator,
    waiting: Waiting,
    /// Containers that ended before it was known which they are, and when.
    ended: Vec<(Arc<Container>, u64)>,
    captures: Option<Captures>,
    events: u64,
    broken: u64,
    tally: Tally,
    floods: Floods,
    /// Times of the first and the last event.
    span: Option<(u64, u64)>,
}

/// From an event with its state to alerts.
struct Evaluator {
    ruleset: Ruleset,
    scratch: Scratch,
    arena: Bump,
    meter: Meter,
    /// Bytes are shown as base64.
    base64: bool,
    outputs: Outputs,
    statistics: Statistics,
}

/// What rules cost is measured if somebody can see it.
fn meter(config: &Config) -> Meter {
    let page = config.web.enabled && config.web.status_page;
    let metrics = config.metrics.enabled && config.metrics.rules;
    Meter::new(page || metrics)
}

impl Pipeline {
    /// A loop over a source that makes records of what the interest says.
    pub(super) fn new(
        source: (Box<dyn Source>, Interest),
        state: State,
        ruleset: Ruleset,
        outputs: Outputs,
        config: &Config,
        alerts: Sender<Alert>,
    ) -> Self {
        let (source, interest) = source;
        Self {
            source,
            interest,
            alerts,
            rest: Rest {
                state,
                captures: None,
                evaluator: Evaluator {
                    ruleset,
                    scratch: Scratch::default(),
                    arena: Bump::new(),
                    meter: meter(config),
                    base64: config.base64,
                    outputs,
                    statistics: Statistics::default(),
                },
                waiting: Waiting::new(config.holding),
                ended: Vec::new(),
                events: 0,
                broken: 0,
                tally: Tally::default(),
                floods: Floods::default(),
                span: None,
            },
        }
    }

    /// Runs until a signal asks to stop, the limit is reached or the source
    /// ends. `false`: it ends because too much was lost.
    ///
    /// # Errors
    /// When the source breaks.
    pub(super) fn run(&mut self, duty: &mut Duty, limit: Option<Limit>) -> anyhow::Result<bool> {
        let end = match limit {
            Some(Limit::Time(limit)) => Some(Instant::now() + limit),
            _ => None,
        };
        while !duty.is_over() {
            let mut wait = if !self.rest.waiting.is_empty() {
                HOLDING
            } else if self.rest.state.is_reading() {
                READING
            } else if self.rest.state.is_healing() {
                HEALING
            } else {
                IDLE
            };
            if let Some(end) = end {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                wait = wait.min(left);
            }
            let Self { source, rest, .. } = self;
            let wait = duty.patience(wait);
            let epoch_offset = source.epoch_offset();
            let mut taker = Taker {
                rest,
                duty,
                epoch_offset,
            };
            let batch = source.read_into(wait, &mut taker)?;
            rest.release_held();
            rest.tell_news();
            rest.state.heal_on();
            rest.state.read_on();
            if duty.after_batch(self)? == Next::Fail {
                return Ok(false);
            }
            let Self { source, rest, .. } = self;
            match batch {
                Batch::Some | Batch::Nothing => {}
                Batch::Section => {
                    rest.flush_held();
                    rest.state.restart();
                    source.restore(&mut rest.state)?;
                    if let Some(captures) = &mut rest.captures {
                        captures.section(source.machine().cloned().unwrap_or_default());
                    }
                }
                Batch::End => break,
            }
            if let (Some(Limit::Events(limit)), Some((first, last))) = (limit, rest.span)
                && last.saturating_sub(first) >= u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
            {
                break;
            }
        }
        info!("{} events were looked at", self.rest.events);
        self.rest.tell_counts();
        Ok(true)
    }

    /// Goes on with other rules and outputs. Between two batches: no event
    /// meets neither rules, none meets both.
    ///
    /// # Errors
    /// When the kernel does not take the new interest. Then all goes on as before.
    pub(super) fn swap(&mut self, prepared: Prepared) -> anyhow::Result<Ruleset> {
        if let Err(error) = self.source.set_interest(&prepared.interest) {
            // It may have taken a part of it.
            if let Err(error) = self.source.set_interest(&self.interest) {
                error!("the kernel does not take the interest of before either: {error:#}");
            }
            return Err(error.context("the kernel does not record what the new rules need"));
        }
        self.interest = prepared.interest;
        let queries = startup::wants_queries(&prepared.config, &prepared.ruleset);
        self.source.leave_out_queries(!queries);
        self.rest.waiting.configure(prepared.config.holding);
        prepared.needs.tell(&mut self.rest.state);
        if let Err(error) = self.capture(&prepared.config.capture) {
            error!("no captures are written: {error}");
        }
        let evaluator = &mut self.rest.evaluator;
        evaluator.outputs.apply(prepared.outputs);
        evaluator.scratch = Scratch::default();
        evaluator.meter = meter(&prepared.config);
        evaluator.base64 = prepared.config.base64;
        Ok(std::mem::replace(&mut evaluator.ruleset, prepared.ruleset))
    }

    /// Writes captures as the configuration says.
    ///
    /// # Errors
    /// When there is no thread.
    pub(super) fn capture(&mut self, settings: &config::Capture) -> io::Result<()> {
        let Self {
            source,
            rest,
            alerts,
            ..
        } = self;
        match &mut rest.captures {
            Some(captures) => captures.configure(settings),
            None if !settings.enabled => return Ok(()),
            none => {
                let recorded = source.machine();
                let machine = recorded.cloned().unwrap_or_else(recording::of_host);
                let patient = recorded.is_some();
                let captures = Captures::start(settings, machine, patient, alerts.clone())?;
                *none = Some(captures);
            }
        }
        if settings.enabled {
            Needs::ALL.tell(&mut rest.state);
            rest.state.read_open_files();
        }
        Ok(())
    }

    /// What the source wrote and lost.
    pub(super) fn counters(&self) -> anyhow::Result<Counters> {
        self.source.counters()
    }

    /// For the quiet moments.
    pub(super) fn tick(&mut self) {
        self.rest.state.tick();
        if let Some(captures) = &mut self.rest.captures {
            // Events of a replay have a time of their own.
            let live = self.source.machine().is_none();
            captures.tick(live.then(clock::now));
        }
    }

    /// Sends an alert about the program itself.
    pub(super) fn send(&mut self, alert: &Alert) {
        self.rest.evaluator.send(alert);
    }

    /// Opens outputs anew.
    pub(super) fn reopen(&self) {
        self.rest.evaluator.outputs.reopen();
    }

    /// Time of the last event, and how many there were.
    pub(super) fn last_event(&self) -> Option<(u64, u64)> {
        let (_, last) = self.rest.span?;
        Some((last, self.rest.events))
    }

    /// All numbers, for others to look at.
    pub(super) fn sample(&self, counters: Counters) -> Sample {
        let state = &self.rest.state;
        Sample {
            time: clock::now(),
            events: self.rest.events,
            counters,
            state: StateCounts::of(state, self.rest.waiting.counts()),
            statistics: self.rest.evaluator.statistics.clone(),
            tally: self.rest.tally.clone(),
            costs: self.rest.evaluator.costs(),
        }
    }

    /// Ends what goes on beside the loop: events that wait, captures.
    pub(super) fn end(&mut self) {
        self.rest.flush_held();
        if let Some(captures) = self.rest.captures.take() {
            captures.finish();
        }
    }

    /// What is left are the outputs and the statistics.
    pub(super) fn finish(self) -> (Outputs, Statistics) {
        let Evaluator {
            outputs,
            statistics,
            ..
        } = self.rest.evaluator;
        (outputs, statistics)
    }
}

/// Takes what comes from the source.
struct Taker<'l> {
    rest: &'l mut Rest,
    duty: &'l mut Duty,
    epoch_offset: i64,
}

impl Taker<'_> {
    #[inline]
    fn is_alive(&mut self, num: u64) {
        if num.is_multiple_of(ALIVE) {
            self.duty.is_alive();
        }
    }
}

impl Sink for Taker<'_> {
    fn record(&mut self, num: u64, record: &[u8]) {
        self.rest.take(num, record, self.epoch_offset);
        self.is_alive(num);
    }

    fn fd_call(&mut self, call: &FdCall) -> bool {
        let taken = self.rest.take_fd_call(call, self.epoch_offset);
        self.is_alive(call.num);
        taken
    }
}

impl Rest {
    /// A call that concerns the descriptors of the state alone, as most events do.
    /// `false`: it does not.
    fn take_fd_call(&mut self, call: &FdCall, epoch_offset: i64) -> bool {
        let (kind, time) = (call.kind(), call.time.wrapping_add_signed(epoch_offset));
        if self.captures.is_some()
            || self.evaluator.ruleset.wants_kind(kind)
            || !self.state.take_fd_call(call, time)
        {
            return false;
        }
        self.events += 1;
        self.tally.count_kind(kind);
        self.reaches(time);
        true
    }

    /// Notes the time of an event.
    #[inline]
    fn reaches(&mut self, time: u64) {
        let (first, _) = self.span.unwrap_or((time, 0));
        self.span = Some((first, time));
    }

    /// One record on its way.
    fn take(&mut self, num: u64, record: &[u8], epoch_offset: i64) {
        self.events += 1;
        let event = match Event::decode(record, num, epoch_offset) {
            Ok(event) => event,
            Err(error) => {
                self.broken += 1;
                if self.broken <= BROKEN_LOGGED {
                    error!("a record cannot be read: {error}");
                }
                return;
            }
        };
        self.tally.count(&event);
        self.reaches(event.time);
        self.state.before(&event);
        let mut until = None;
        if !event.is_internal() && self.evaluator.ruleset.wants(&event) {
            self.state.know_open_files(&event);
            let thread = self.state.thread_of(&event);
            if !self.waiting.hold(&event, record, thread, epoch_offset) {
                let captures = self.captures.as_ref();
                until = self
                    .evaluator
                    .evaluate(&event, thread, &self.state, captures);
            }
        }
        if event.kind == Kind::Throttled {
            self.floods.tell(&event, &self.state);
        }
        if let Some(captures) = &mut self.captures {
            if let Some(until) = until {
                captures.alert(&event, until, &self.state);
            }
            captures.event(&event, &self.state);
        }
        if event.kind == Kind::Procexit {
            self.tell_removed(&event);
        }
        self.state.after(&event);
        if let Some(captures) = &mut self.captures {
            captures.after(&self.state);
        }
    }

    /// At the end: what containers cost.
    fn tell_counts(&self) {
        let containers = self.state.containers();
        let (lookups, held) = (containers.lookups(), self.waiting.counts());
        if lookups.asked > 0 {
            info!(
                "{} containers were asked about, {} times again, {} known, {} too many; \
                 {} events waited for that, {} in vain, {} found no room",
                lookups.asked,
                lookups.again,
                lookups.answered,
                lookups.refused,
                held.held,
                held.late,
                held.refused,
            );
        }
    }

    /// Makes events of containers that became known.
    fn tell_news(&mut self) {
        for container in self.state.containers().take_news() {
            self.tell(Kind::Container, &container, clock::now());
        }
        let (waiting, decided) = std::mem::take(&mut self.ended)
            .into_iter()
            .partition(|(container, _)| container.is_pending());
        self.ended = waiting;
        for (container, time) in decided {
            self.tell(Kind::ContainerRemoved, &container, time);
        }
    }

    /// Makes an event of a container whose first process ends. A capture has
    /// what its recorder told.
    fn tell_removed(&mut self, event: &Event<'_>) {
        let thread = self.state.thread_of(event);
        let first = thread
            .filter(|thread| thread.vpid == 1 && thread.vtid == 1 && !self.is_made_inside(thread));
        if let Some(container) = first.and_then(|thread| thread.container.clone())
            && self.state.containers().are_asked_for()
        {
            container.end();
            // It may have been faster than the answer.
            if container.is_pending() && self.ended.len() < MOST_ENDED {
                self.ended.push((container, event.time));
            } else {
                self.tell(Kind::ContainerRemoved, &container, event.time);
            }
        }
    }

    /// Whether a process of the same container made this one, with a namespace of
    /// its own: the container goes on when it ends.
    fn is_made_inside(&self, thread: &Thread) -> bool {
        let parent = self.state.thread(thread.ptid);
        parent.is_some_and(|parent| {
            let [of_parent, own] =
                [parent, thread].map(|thread| thread.container.as_deref().map(Container::full_id));
            of_parent == own && parent.vpid != parent.pid
        })
    }

    /// An event about a container, which no thread made, if a rule wants it.
    fn tell(&mut self, kind: Kind, container: &Container, time: u64) {
        if !self.evaluator.ruleset.wants_kind(kind) {
            return;
        }
        let Some(info) = container.info() else {
            return;
        };
        let json = recorded::describe(container, info);
        let record = RecordBuilder::new(kind, 0)
            .header(|header| header.ts = time)
            .bytes("json", &json)
            .build();
        self.take(self.events, &record, 0);
    }

    /// Lets the rules look at events whose container is known by now.
    fn release_held(&mut self) {
        let answers = self.state.containers().answers();
        for held in self.waiting.release(answers) {
            if let Ok(event) = Event::decode(&held.record, held.num, held.epoch_offset) {
                // The thread as it was: the process may have gone meanwhile.
                let thread = Some(&held.thread);
                let captures = self.captures.as_ref();
                let until = self
                    .evaluator
                    .evaluate(&event, thread, &self.state, captures);
                if let (Some(captures), Some(until)) = (&mut self.captures, until) {
                    captures.late_alert(&event, thread, until, &self.state);
                }
            }
        }
    }

    /// At the end: waits for what is held, no longer than an event ever waits.
    fn flush_held(&mut self) {
        while !self.waiting.is_empty() {
            std::thread::sleep(HOLDING);
            self.release_held();
        }
    }
}

impl Evaluator {
    /// Returns until when there is to be a capture, if there is to be one.
    fn evaluate(
        &mut self,
        event: &Event<'_>,
        thread: Option<&Thread>,
        state: &State,
        captures: Option<&Captures>,
    ) -> Option<u64> {
        let mut context = Context::new(event, thread, state, &self.arena);
        context.base64 = self.base64;
        let (outputs, statistics) = (&self.outputs, &mut self.statistics);
        let mut until = None;
        let mut sink = |rule: &RuleInfo, alert: Alert| {
            until = until.max(captures.and_then(|captures| captures.until(rule, event.time)));
            statistics.record(&alert);
            outputs.send(&alert);
        };
        self.ruleset.adapt(&mut self.scratch);
        self.ruleset
            .evaluate(&context, &mut self.scratch, &mut sink);
        if self.meter.is_due() {
            let meter = &mut self.meter;
            let mut add = |rule, nanoseconds| meter.add(rule, nanoseconds);
            self.ruleset
                .time_each(&context, &mut self.scratch, &mut add);
        }
        self.arena.reset();
        until
    }

    fn costs(&self) -> Costs {
        let names = self.ruleset.rules().map(|rule| &rule.name);
        self.meter.costs(names)
    }

    fn send(&mut self, alert: &Alert) {
        self.statistics.record(alert);
        self.outputs.send(alert);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use falco_abi::control::hook;

    use super::*;
    use crate::filter::fields::FIELDS;
    use crate::filter::table::FieldTable;
    use crate::rules::{LoadOptions, RuleSource};

    /// Refuses one interest, and keeps what it was told.
    struct Stubborn {
        refused: u64,
        told: Arc<Mutex<Vec<u64>>>,
    }

    impl Source for Stubborn {
        fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
            self.told.lock().unwrap().push(interest.hooks);
            anyhow::ensure!(interest.hooks != self.refused, "no memory");
            Ok(())
        }

        fn read(&mut self, _: Duration, _: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
            Ok(Batch::End)
        }

        fn counters(&self) -> anyhow::Result<Counters> {
            Ok(Counters::default())
        }

        fn epoch_offset(&self) -> i64 {
            0
        }
    }

    fn ruleset(name: &str) -> Ruleset {
        let text = format!(
            "- {{rule: {name}, desc: d, condition: evt.type = open, output: o, priority: INFO}}"
        );
        let (fields, path) = (FieldTable::new(FIELDS), "rules".to_owned());
        let loaded = Ruleset::load(
            [RuleSource { path, text }],
            &fields,
            &LoadOptions::default(),
        );
        loaded.ruleset.unwrap()
    }

    fn interest(hooks: u64) -> Interest {
        Interest {
            hooks,
            ..Interest::default()
        }
    }

    #[test]
    fn rules_that_the_kernel_refuses_leave_the_old_ones() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config::defaults();
        config.outputs.file.enabled = true;
        config.outputs.file.filename = directory.path().join("alerts");
        let told = Arc::default();
        let source = Stubborn {
            refused: hook::SWITCH,
            told: Arc::clone(&told),
        };
        let mut pipeline = Pipeline::new(
            (Box::new(source), interest(hook::EXEC)),
            State::new(),
            ruleset("old"),
            Outputs::start(&config.outputs).unwrap(),
            &config,
            crossbeam_channel::bounded(1).0,
        );
        let config = Arc::new(config);
        let mut swap = |name: &str, hooks| {
            pipeline.swap(Prepared {
                config: Arc::clone(&config),
                ruleset: ruleset(name),
                interest: interest(hooks),
                needs: Needs::default(),
                outputs: Outputs::prepare(&config.outputs, &config.outputs).unwrap(),
            })
        };
        let error = swap("refused", hook::SWITCH).err().unwrap();
        assert_eq!(
            format!("{error:#}"),
            "the kernel does not record what the new rules need: no memory"
        );
        let old = swap("new", hook::FORK).unwrap();
        assert!(old.rules().next().is_some_and(|rule| &*rule.name == "old"));
        let told = told.lock().unwrap();
        assert_eq!(*told, [hook::SWITCH, hook::EXEC, hook::FORK]);
    }
}
