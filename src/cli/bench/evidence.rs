//! The figures of evidence, and of what sealing takes.

use std::time::Duration;

use comfy_table::Table;
use serde_json::{Value, json};

use super::{micros, ms, us};
use crate::bench::{EvidenceRun, SealingRun};

pub(super) fn show(run: &EvidenceRun, facts: &mut Table) {
    let EvidenceRun { records, followed_in, proven_in, verified_in } = *run;
    let each = followed_in.as_secs_f64() * 1e6 / records.max(1) as f64;
    for (what, figure) in [
        (
            format!("the tree over {records} records, read back from the disk"),
            format!("{} ms, {each:.2} µs a record", ms(followed_in)),
        ),
        ("a receipt proven".to_owned(), format!("{} µs", us(proven_in))),
        (
            "its proof verified, with the signatures of bus and witness".to_owned(),
            format!("{} µs", us(verified_in)),
        ),
    ] {
        facts.add_row([what, figure]);
    }
}

pub(super) fn json_of(run: &EvidenceRun) -> Value {
    json!({
        "records": run.records,
        "followed_us": micros(run.followed_in),
        "proven_us": micros(run.proven_in),
        "verified_us": micros(run.verified_in),
    })
}

pub(super) fn show_sealing(run: &SealingRun, facts: &mut Table) {
    let SealingRun { acts, sealed_in, chained_in, followed_in, act } = *run;
    let each = |took: Duration| format!("{:.2} µs", took.as_secs_f64() * 1e6 / acts.max(1) as f64);
    for (what, figure) in [
        (format!("key, seal and fingerprint of {acts} acts, each opening a case"), each(sealed_in)),
        ("hash of the chain".to_owned(), each(chained_in)),
        ("tree, checkpoints signed".to_owned(), each(followed_in)),
        (
            "together, of the processor time of an act".to_owned(),
            format!("{} of {} µs, {:.0} %", us(run.each()), us(act), run.share() * 100.0),
        ),
    ] {
        facts.add_row([what, figure]);
    }
}

pub(super) fn sealing_json(run: &SealingRun) -> Value {
    json!({
        "acts": run.acts,
        "sealed_us": micros(run.sealed_in),
        "chained_us": micros(run.chained_in),
        "followed_us": micros(run.followed_in),
        "act_us": run.act.as_secs_f64() * 1e6,
        "share": run.share(),
    })
}
