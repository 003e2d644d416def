//! The figures of an outage.

use std::time::Duration;

use comfy_table::Table;
use serde_json::{Value, json};

use super::{mib, ms, us};
use crate::bench::{Drain, OutageRun};

pub(super) fn show(run: &OutageRun, facts: &mut Table) {
    let OutageRun { parties, deliveries, filled_in, first, restarted_in, second, .. } = run;
    let OutageRun { left, idle_bytes, filling_bytes, .. } = run;
    let seconds = |took: Duration| format!("{:.1} s", took.as_secs_f64());
    let filled = format!("{deliveries} queued for {parties} silent parties");
    facts.add_row([filled, seconds(*filled_in)]);
    facts.add_row([
        "a day passes; until its rungs are said and wait as notices".to_owned(),
        format!("{}, {} notices", seconds(run.silent_in), run.notices),
    ]);
    facts.add_row([
        "all back at once: delivered, acknowledged, confirmed".to_owned(),
        format!("{}, {:.0}/s", seconds(run.drained_in()), run.drained_per_second()),
    ]);
    for (which, half) in [("first half", first), ("second half, after a restart", second)] {
        drained(which, half, facts);
    }
    facts.add_row([
        format!("start with {} queued", second.deliveries),
        format!("{:.2} s", restarted_in.as_secs_f64()),
    ]);
    facts.add_row(["left in the queues".to_owned(), left.to_string()]);
    let [first, second] = [first, second].map(|half| mib(half.peak_bytes));
    facts.add_row([
        "most resident memory: idle, filling, first half, second".to_owned(),
        format!("{}, {}, {first}, {second} MiB", mib(*idle_bytes), mib(*filling_bytes)),
    ]);
    let each = format!("{:.0} bytes", run.bytes_per_delivery());
    facts.add_row(["of the most, for each queued delivery".to_owned(), each]);
}

fn drained(which: &str, half: &Drain, facts: &mut Table) {
    let Drain { deliveries, notices, rungs, breaches, took, out_of_order, .. } = half;
    let Drain { longest_first, longest_gap, .. } = half;
    let [fastest, slowest] = half.equals_took.map(|took| took.as_secs_f64());
    for (what, figure) in [
        (
            format!("{deliveries} deliveries, {notices} notices of {rungs} rungs"),
            format!(
                "{:.1} s, {:.0}/s, bus {} µs each, {out_of_order} out of due order, \
                 {breaches} breaches",
                took.as_secs_f64(),
                half.per_second(),
                us(half.server_cpu_each()),
            ),
        ),
        (
            "slowest to fastest of the akimats, with equal queues".to_owned(),
            format!("{slowest:.1} s to {fastest:.1} s, {:.3}", half.slowest_to_fastest()),
        ),
        (
            "longest wait of any party for its first, for a next one".to_owned(),
            format!("{} ms, {} ms", ms(*longest_first), ms(*longest_gap)),
        ),
    ] {
        facts.add_row([format!("{which}: {what}"), figure]);
    }
}

pub(super) fn json(run: &OutageRun) -> Value {
    let half = |half: &Drain| {
        json!({
            "deliveries": half.deliveries,
            "notices": half.notices,
            "rungs": half.rungs,
            "breaches": half.breaches,
            "seconds": half.took.as_secs_f64(),
            "per_second": half.per_second(),
            "server_cpu_us_each": half.server_cpu_each().as_secs_f64() * 1e6,
            "out_of_order": half.out_of_order,
            "equals_seconds": half.equals_took.map(|took| took.as_secs_f64()),
            "slowest_to_fastest": half.slowest_to_fastest(),
            "longest_first_ms": half.longest_first.as_secs_f64() * 1e3,
            "longest_gap_ms": half.longest_gap.as_secs_f64() * 1e3,
            "peak_bytes": half.peak_bytes,
        })
    };
    json!({
        "parties": run.parties,
        "deliveries": run.deliveries,
        "filled_seconds": run.filled_in.as_secs_f64(),
        "silent_seconds": run.silent_in.as_secs_f64(),
        "notices": run.notices,
        "drained_seconds": run.drained_in().as_secs_f64(),
        "drained_per_second": run.drained_per_second(),
        "first": half(&run.first),
        "restarted_ms": run.restarted_in.as_secs_f64() * 1e3,
        "second": half(&run.second),
        "left": run.left,
        "idle_bytes": run.idle_bytes,
        "filling_bytes": run.filling_bytes,
        "bytes_per_delivery": run.bytes_per_delivery(),
    })
}
