//! What the page and `falco-engine top` show.

use serde_json::{Value, json};

use crate::clock;
use crate::metrics::Board;
use crate::metrics::process::Usage;

/// Rows of each list.
const ROWS: usize = 12;

/// The state of the program.
pub(super) fn json(board: &Board) -> Value {
    let (sample, loaded, identity) = (board.sample(), board.loaded(), &board.identity);
    let usage = Usage::now();
    let mut rules: Vec<_> = sample.statistics.rules().collect();
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rules = rules.iter().take(ROWS).map(|(name, count)| {
        let priority = loaded.rules.get(*name).map_or(7, |rule| rule.priority);
        let cost = sample.costs.iter().find(|(rule, _)| **rule == **name);
        let cost = cost.map(|(_, cost)| cost.mean());
        json!({ "name": name, "count": count, "priority": priority, "cost": cost })
    });
    let types = sample.tally.top(ROWS);
    let types = types
        .iter()
        .map(|(name, count)| json!({ "name": name, "count": count }));
    let outputs = board.outputs();
    let outputs = outputs.iter().map(|output| {
        json!({
            "name": output.name,
            "written": output.written,
            "dropped": output.dropped,
            "lost": output.lost,
            "waiting": output.waiting,
            "capacity": output.capacity,
        })
    });
    let rings = sample.counters.rings.iter().map(|ring| {
        json!({ "cpu": ring.cpu, "records": ring.records, "used": ring.used, "size": ring.size })
    });
    let lost = sample.counters.lost.iter().map(|lost| {
        json!({ "cpu": lost.cpu, "cause": lost.cause, "class": lost.class, "count": lost.count })
    });
    let alerts = board.recent().lines();
    let alerts = alerts.iter().rev().map(|line| {
        json!({
            "time": line.time / 1_000_000,
            "priority": line.priority.name(),
            "rule": &*line.rule,
            "text": line.body(),
        })
    });
    let priorities = sample.statistics.priorities();
    let priorities = priorities.map(|(priority, count)| json!([priority.name(), count]));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "hostname": identity.hostname,
        "kernel": identity.kernel,
        "engine": identity.engine,
        "now": clock::now() / 1_000_000,
        "start": identity.start / 1_000_000,
        "reload": loaded.time / 1_000_000,
        "rules_loaded": loaded.rules.len(),
        "events": sample.events,
        "records": sample.counters.records,
        "lost": sample.counters.lost(),
        "lost_details": lost.collect::<Vec<_>>(),
        "alerts_total": sample.statistics.total(),
        "priorities": priorities.collect::<Vec<_>>(),
        "threads": sample.state.threads,
        "containers": sample.state.containers,
        "cpu": usage.cpu,
        "memory": usage.rss,
        "rules": rules.collect::<Vec<_>>(),
        "types": types.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
        "rings": rings.collect::<Vec<_>>(),
        "history": board.history(),
        "alerts": alerts.collect::<Vec<_>>(),
    })
}
