//! Falco's names of metrics: each is in the table, or the document of differences
//! says why not.

use std::fs;
use std::path::Path;

use falco_engine::metrics::table::METRICS;

/// What is a number there. Names of groups end where the part begins that the
/// number is of.
const FALCO: &[&str] = &[
    "falco.start",
    "falco.reload",
    "falco.host_boot",
    "falco.duration",
    "falco.host_num_cpus",
    "falco.outputs_queue_num_drops",
    "falco.num_evts",
    "falco.rules_matches",
    "falco.cpu_usage",
    "falco.memory_rss",
    "falco.memory_vsz",
    "falco.memory_pss",
    "falco.container_memory_used",
    "falco.host_cpu_usage",
    "falco.host_memory_used",
    "falco.host_procs_running",
    "falco.host_open_fds",
    "falco.jemalloc_",
    "scap.n_threads",
    "scap.n_fds",
    "scap.n_noncached_fd_lookups",
    "scap.n_cached_fd_lookups",
    "scap.n_failed_fd_lookups",
    "scap.n_added_fds",
    "scap.n_removed_fds",
    "scap.n_stored_evts",
    "scap.n_store_evts_drops",
    "scap.n_retrieved_evts",
    "scap.n_retrieve_evts_drops",
    "scap.n_noncached_thread_lookups",
    "scap.n_cached_thread_lookups",
    "scap.n_failed_thread_lookups",
    "scap.n_added_threads",
    "scap.n_removed_threads",
    "scap.n_drops_full_threadtable",
    "scap.n_evts",
    "scap.n_drops",
    "scap.n_drops_buffer",
    "scap.n_drops_page_faults",
    "scap.n_drops_bug",
    "scap.n_preemptions",
    "scap.n_drops_scratch_map",
    "scap.n_evts_cpu",
    "scap.n_drops_cpu",
    "scap.n_evts_task",
    "scap.n_drops_task",
    "scap.n_drops_max_event_size",
    "plugins.",
];

#[test]
fn each_of_falcos_numbers_is_there_or_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let differences = fs::read_to_string(path).unwrap();
    for name in FALCO {
        let there = METRICS.iter().any(|metric| metric.name == *name);
        let short = name.replace("scap.", "").replace('.', "_");
        let rows = || differences.lines().filter(|line| line.starts_with('|'));
        let first = |row: &str| row.split('|').nth(1).unwrap_or_default().to_owned();
        let explained = rows().any(|row| {
            let names = first(row);
            let mut quoted = names.split('`').skip(1).step_by(2);
            quoted.any(|text| text.trim_end_matches('*') == short)
        });
        assert!(there || explained, "{name} is neither there nor explained");
    }
}

#[test]
fn names_are_of_one_metric() {
    let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
