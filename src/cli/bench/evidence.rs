//! The figures of evidence.

use comfy_table::Table;
use serde_json::{Value, json};

use super::{micros, ms, us};
use crate::bench::EvidenceRun;

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
