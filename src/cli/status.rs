//! `kopir status`: whether a running bus does its work, and what waits for whom.

use clap::Args;
use jiff::SignedDuration;
use prost_types::Duration;
use serde_json::{Value, json};

use super::bus::BusArgs;
use super::output::{Failure, print, print_json, table};
use super::words;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{
    DiskLevel, GetStatusRequest, GetStatusResponse, JournalDisk, MachineClock, MachineClockState,
    OcspStatus, PartyLoad, RefusedFile, RevocationList, TimeStampStatus, TrustStatus,
};

const MIB: u64 = 1024 * 1024;

/// See whether a bus does its work, and what waits for whom
///
/// Shows what the health service answers and why, how far journal and index are, the clock, the
/// disk, the last outage, and each party's queues. The caller must be the operator or the migration
/// body.
///
/// Example:
///
///   kopir status --certs certs
///   kopir status --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    bus: BusArgs,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> Result<(), Failure> {
    let status = args.bus.call(async |channel| {
        let asked = OperationsServiceClient::new(channel).get_status(GetStatusRequest {}).await;
        Ok(asked?.into_inner())
    })?;
    if args.json {
        return print_json(&status_json(&status));
    }
    print(format_args!("{}\n{}\n", state_table(&status), party_table(&status.parties)))
}

/// What is told of the bus itself, a line each; nothing where the bus tells nothing.
fn state_table(status: &GetStatusResponse) -> String {
    let health = match (status.serving, status.ready) {
        (false, _) => "NOT SERVING",
        (true, false) => "serving, not ready yet",
        (true, true) => "serving, ready",
    };
    let MachineClock { offset, .. } = status.machine_clock.unwrap_or_default();
    let JournalDisk { free_bytes, .. } = status.journal_disk.unwrap_or_default();
    let outage = status.last_outage.as_ref().map(|outage| {
        format!("{} to {}", words::time(outage.start_time), words::time(outage.end_time))
    });
    let trust = status.trust.clone().unwrap_or_default();
    let mut lines = vec![
        ("health", health.to_owned()),
        ("issues", issues(status).join(", ")),
        ("time", words::time(status.current_time)),
        ("machine's clock", format!("{} {}", clock(status), span(offset))),
        ("oldest slack", span(status.oldest_slack)),
        ("last outage", outage.unwrap_or_default()),
        ("last commit", words::time(status.last_commit_time)),
        ("commit in progress", span(status.current_commit_duration)),
        ("journal", format!("{} records", status.journal_sequence)),
        ("index", format!("{} records behind", status.index_lag_records)),
        ("disk", format!("{}, {} MiB free", disk(status), free_bytes / MIB)),
        ("memory", format!("{} MiB", status.resident_bytes / MIB)),
        ("calendar", status.calendar_version.clone()),
        ("endpoints failing", some(status.failing_endpoints)),
        ("letters and calls waiting", some(status.waiting_notifications)),
        ("program", format!("{}, up {}", status.version, span(status.uptime))),
    ];
    lines.push(("certificate until", words::time(trust.certificate_expire_time)));
    lines.push(("registry since", registry(&trust)));
    lines.extend(trust.revocation_lists.iter().map(|list| ("revocation list", told(list))));
    lines.extend(trust.ocsp.map(|ocsp| ("answers (OCSP)", answers(ocsp))));
    lines.extend(trust.refused_files.iter().map(|file| {
        let since = words::time(file.time);
        ("refused file", format!("{}: {} (since {since})", file.key, file.problem))
    }));
    lines.extend(status.time_stamp.as_ref().into_iter().flat_map(stamps));
    let mut shown = table(&["bus", ""]);
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        shown.add_row([name, value.trim_end()]);
    }
    shown.to_string()
}

/// Since when a registry is in force, and what of its file is not.
fn registry(trust: &TrustStatus) -> String {
    let rest = if trust.registry_needs_restart {
        "; its contacts or reception hours wait for the next start"
    } else {
        ""
    };
    words::time(trust.registry_time) + rest
}

/// The last time-stamp of a checkpoint, and why there is no newer one.
fn stamps(stamps: &TimeStampStatus) -> Vec<(&'static str, String)> {
    let TimeStampStatus { time, tree_size, problem, problem_time } = stamps;
    let last = time.map(|at| format!("{} over {tree_size} records", words::time(Some(at))));
    let failing =
        (!problem.is_empty()).then(|| format!("{problem} (since {})", words::time(*problem_time)));
    let last = last.map(|last| ("last time-stamp", last));
    last.into_iter().chain(failing.map(|failing| ("no time-stamp", failing))).collect()
}

fn stamps_json(stamps: &TimeStampStatus) -> Value {
    let TimeStampStatus { time, tree_size, problem, problem_time } = stamps;
    let at = |time: Option<_>| time.map(|time| words::time(Some(time)));
    json!({
        "time": at(*time),
        "records": tree_size,
        "problem": problem,
        "problem_since": at(*problem_time),
    })
}

fn told(list: &RevocationList) -> String {
    let (state, next) = (words::list_state(list.state()), words::time(list.next_issue_time));
    format!("{}: {state}, {} revoked, next due {next}", list.issuer, list.revoked_count)
}

fn answers(ocsp: OcspStatus) -> String {
    let OcspStatus { good_count, revoked_count, overdue_count, unanswered_count } = ocsp;
    format!(
        "{good_count} good, {revoked_count} revoked, {overdue_count} overdue, {unanswered_count} \
         unanswered"
    )
}

/// A number that is shown where there is something to tell.
fn some(count: u32) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

fn party_table(parties: &[PartyLoad]) -> String {
    let mut shown = table(&[
        "party",
        "role",
        "queued",
        "leased",
        "held",
        "obligations",
        "late",
        "earliest due",
    ]);
    for load in parties {
        shown.add_row([
            load.party_id.clone(),
            words::role(load.role()),
            load.queued_deliveries.to_string(),
            load.leased_deliveries.to_string(),
            load.held_deliveries.to_string(),
            load.open_obligations.to_string(),
            load.late_obligations.to_string(),
            words::time(load.earliest_due_time),
        ]);
    }
    shown.to_string()
}

fn status_json(status: &GetStatusResponse) -> Value {
    let offset = status.machine_clock.unwrap_or_default().offset;
    json!({
        "serving": status.serving,
        "ready": status.ready,
        "issues": issues(status),
        "current_time": words::time(status.current_time),
        "sandbox": status.sandbox,
        "machine_clock": { "state": clock(status), "offset_seconds": seconds(offset) },
        "oldest_slack_seconds": seconds(status.oldest_slack),
        "last_outage": status.last_outage.as_ref().map(|outage| json!({
            "start_time": words::time(outage.start_time),
            "end_time": words::time(outage.end_time),
        })),
        "last_commit_time": status.last_commit_time.map(|time| words::time(Some(time))),
        "current_commit_seconds": seconds(status.current_commit_duration),
        "journal_sequence": status.journal_sequence,
        "index_sequence": status.index_sequence,
        "index_lag_records": status.index_lag_records,
        "journal_disk": {
            "level": disk(status),
            "free_bytes": status.journal_disk.unwrap_or_default().free_bytes,
        },
        "resident_bytes": status.resident_bytes,
        "failing_endpoints": status.failing_endpoints,
        "waiting_notifications": status.waiting_notifications,
        "calendar_version": status.calendar_version,
        "trust": status.trust.as_ref().map(trust_json),
        "time_stamp": status.time_stamp.as_ref().map(stamps_json),
        "version": status.version,
        "start_time": words::time(status.start_time),
        "parties": status.parties.iter().map(party_json).collect::<Vec<_>>(),
    })
}

fn trust_json(trust: &TrustStatus) -> Value {
    let list = |list: &RevocationList| {
        json!({
            "issuer": list.issuer,
            "issue_time": words::time(list.issue_time),
            "next_issue_time": words::time(list.next_issue_time),
            "revoked": list.revoked_count,
            "state": words::list_state(list.state()),
        })
    };
    let file = |file: &RefusedFile| {
        json!({
            "key": file.key,
            "problem": file.problem,
            "since": words::time(file.time),
        })
    };
    json!({
        "registry_time": words::time(trust.registry_time),
        "registry_needs_restart": trust.registry_needs_restart,
        "certificate_expire_time": words::time(trust.certificate_expire_time),
        "revocation_lists": trust.revocation_lists.iter().map(list).collect::<Vec<_>>(),
        "ocsp": trust.ocsp.map(|of| json!({
            "good": of.good_count,
            "revoked": of.revoked_count,
            "overdue": of.overdue_count,
            "unanswered": of.unanswered_count,
        })),
        "refused_files": trust.refused_files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn party_json(load: &PartyLoad) -> Value {
    json!({
        "party": load.party_id,
        "role": words::role(load.role()),
        "queued_deliveries": load.queued_deliveries,
        "leased_deliveries": load.leased_deliveries,
        "held_deliveries": load.held_deliveries,
        "open_obligations": load.open_obligations,
        "late_obligations": load.late_obligations,
        "earliest_due_time": load.earliest_due_time.map(|time| words::time(Some(time))),
    })
}

fn issues(status: &GetStatusResponse) -> Vec<String> {
    status.issues().map(words::issue).collect()
}

fn clock(status: &GetStatusResponse) -> String {
    let state = status.machine_clock.map(|clock| clock.state());
    words::clock(state.unwrap_or(MachineClockState::Unspecified))
}

fn disk(status: &GetStatusResponse) -> String {
    let level = status.journal_disk.map(|disk| disk.level());
    words::disk(level.unwrap_or(DiskLevel::Unspecified))
}

fn seconds(span: Option<Duration>) -> Option<f64> {
    span.map(|span| signed(span).as_secs_f64())
}

/// A span as people write it, to the second; nothing for none and for no time at all.
fn span(span: Option<Duration>) -> String {
    let whole = span.map(|span| SignedDuration::from_secs(signed(span).as_secs()));
    let Some(whole) = whole.filter(|whole| !whole.is_zero()) else { return String::new() };
    let sign = if whole.is_negative() { "-" } else { "" };
    format!("{sign}{:#}", whole.abs())
}

fn signed(span: Duration) -> SignedDuration {
    let Duration { seconds, nanos } = span;
    SignedDuration::from_secs(seconds).saturating_add(SignedDuration::from_nanos(nanos.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_shown_with_what_waits() {
        let load = PartyLoad {
            party_id: "akimat-kz-55".to_owned(),
            queued_deliveries: 4,
            held_deliveries: 7,
            ..PartyLoad::default()
        };
        assert_eq!(party_json(&load)["held_deliveries"], 7);
        let shown = party_table(&[load]);
        assert!(shown.contains("held") && shown.contains('7'), "{shown}");
    }

    #[test]
    fn spans_are_told_to_the_second_and_may_be_negative() {
        let of = |seconds, nanos| span(Some(Duration { seconds, nanos }));
        assert_eq!(of(3_725, 5), "1h 2m 5s");
        assert_eq!(of(-61, -5), "-1m 1s");
        assert_eq!((of(0, 5), span(None)), (String::new(), String::new()));
    }
}
