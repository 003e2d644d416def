//! The body of a call of a party's web server: JSON, the same in every language. `docs/webhooks.md`
//! describes it; names and their meaning do not change, new ones may be added.

use serde::Serialize;

use super::digest::{Days, Digest, Entry};
use crate::domain::ladder::Attribution;
use crate::domain::party::PartyId;
use crate::domain::term::Source;

/// What a call tells.
const TYPE: &str = "kopir.notice";

#[derive(Serialize)]
struct Call<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    notice: u64,
    party: &'a str,
    planned_time: String,
    late_by_outage: bool,
    rungs: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    rung: &'static str,
    case: String,
    hop: &'a str,
    act: &'static str,
    citation: &'a str,
    term: &'static str,
    duty_holder: Option<&'a str>,
    awaited: &'static str,
    opened_time: String,
    due_time: String,
    due_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_days_left: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_days_late: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impediment: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<Shares>,
}

#[derive(Serialize)]
struct Shares {
    with_party_ms: u64,
    in_bus_ms: u64,
    awaiting_receiver_ms: u64,
}

/// Writes the body of a digest. A notice holds a bounded number of rungs, so the body is bounded.
#[must_use]
pub fn write(digest: &Digest) -> Vec<u8> {
    let call = Call {
        kind: TYPE,
        timestamp: digest.at.to_string(),
        data: Data {
            notice: digest.notice.0,
            party: digest.party.as_str(),
            planned_time: digest.planned_at.to_string(),
            late_by_outage: digest.is_late,
            rungs: digest.entries.iter().map(said).collect(),
        },
    };
    // Texts and numbers in structs always serialise.
    serde_json::to_vec(&call).unwrap_or_default()
}

fn said(entry: &Entry) -> Said<'_> {
    let (left, late) = match entry.days {
        Days::Left(days) => (Some(days), None),
        Days::Late(days) => (None, Some(days)),
        Days::Untold => (None, None),
    };
    Said {
        rung: entry.rung.name(),
        case: entry.case.to_string(),
        hop: entry.hop.as_str(),
        act: entry.act.name(),
        citation: &entry.citation,
        term: match entry.source {
            Source::Statutory => "statutory",
            Source::Assumed => "assumed",
        },
        duty_holder: entry.duty.as_ref().map(PartyId::as_str),
        awaited: if entry.is_carried { "receipt" } else { "act" },
        opened_time: entry.opened_at.to_string(),
        due_time: entry.due_at.to_string(),
        due_date: entry.due_date.to_string(),
        working_days_left: left,
        working_days_late: late,
        impediment: entry.impediment.map(|impediment| impediment.name()),
        attribution: entry.attribution.map(
            |Attribution { with_party_ms, in_bus_ms, awaiting_ms }| Shares {
                with_party_ms,
                in_bus_ms,
                awaiting_receiver_ms: awaiting_ms,
            },
        ),
    }
}
