//! Receipts, confirmations and timelines as lines of a transcript, so that a test reads like the
//! case it tells.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use kopir::rpc::proto::cases::v1::{Case, CaseHop, CaseOutcome, CaseState};
use kopir::rpc::proto::google::r#type::Date;
use kopir::rpc::proto::inbox::v1::DeliveryConfirmation;
use kopir::rpc::proto::types::v1::{
    Clock, ClockChange, ClockNotice, Receipt, TermSource, TermUnit,
};

use super::{REGISTRY, samples};

/// A receipt: the hop it is for, and the clocks that the act moved.
pub fn receipt(receipt: &Receipt) -> String {
    assert_eq!(receipt.record_hash.len(), 32, "{receipt:?}");
    assert_eq!(receipt.content_sha256.len(), 32, "{receipt:?}");
    let mut text = format!("{} {}\n", receipt.hop, minute(receipt.accepted_time.as_ref()));
    text.push_str(&notices(&receipt.clocks));
    text
}

/// A confirmation: the clocks that the receipt opened.
pub fn confirmation(confirmation: &DeliveryConfirmation) -> String {
    assert_eq!(confirmation.record_hash.len(), 32, "{confirmation:?}");
    let mut text = format!("received {}\n", minute(confirmation.received_time.as_ref()));
    text.push_str(&notices(&confirmation.clocks));
    text
}

/// A timeline, a line a hop.
pub fn timeline(case: &Case) -> String {
    let mut text = format!("{:?}\n", CaseState::try_from(summary(case).state).unwrap());
    for hop in &case.hops {
        text.push_str(&timeline_line(hop));
    }
    text
}

/// What was decided so far.
pub fn outcomes(case: &Case) -> (CaseOutcome, CaseOutcome) {
    let summary = summary(case);
    let outcome = |number| CaseOutcome::try_from(number).unwrap();
    (outcome(summary.consent_outcome), outcome(summary.inclusion_outcome))
}

/// Where it stands.
pub fn state(case: &Case) -> CaseState {
    CaseState::try_from(summary(case).state).unwrap()
}

fn summary(case: &Case) -> &kopir::rpc::proto::cases::v1::CaseSummary {
    case.summary.as_ref().unwrap()
}

fn timeline_line(hop: &CaseHop) -> String {
    let clock = hop.clock.as_ref().unwrap();
    let mut line = format!("  {} {}", clock.hop, clock.holder_party_id);
    if !hop.receiver_party_id.is_empty() {
        write!(line, " > {}", hop.receiver_party_id).unwrap();
    }
    write!(line, ", opened {}, due {}", day_of(clock), due(clock)).unwrap();
    match &hop.acted_time {
        Some(acted) => write!(line, ", acted {}", minute(Some(acted))).unwrap(),
        None => line.push_str(", open"),
    }
    if let Some(received) = &hop.received_time {
        write!(line, ", received {}", minute(Some(received))).unwrap();
    }
    if let Some(used) = hop.used_days {
        write!(line, ", used {used}").unwrap();
    }
    if hop.late {
        line.push_str(", late");
    }
    line.push('\n');
    line
}

fn notices(clocks: &[ClockNotice]) -> String {
    let mut text = String::new();
    for notice in clocks {
        let clock = notice.clock.as_ref().unwrap();
        let change = match notice.change() {
            ClockChange::Opened => {
                assert_eq!(notice.closed_time, None, "{notice:?}");
                "opened"
            }
            ClockChange::Closed => "closed",
            ClockChange::Unspecified => panic!("{notice:?}"),
        };
        let late = if notice.late { " late" } else { "" };
        let Clock { hop, holder_party_id, citation, .. } = clock;
        let (opened, due, term) = (day_of(clock), due(clock), term(clock));
        writeln!(
            text,
            "  {change}{late} {hop} {holder_party_id}: from {opened} due {due} ({term}, {citation})"
        )
        .unwrap();
    }
    text
}

fn term(clock: &Clock) -> String {
    let term = clock.term.as_ref().unwrap();
    let source = match clock.source() {
        TermSource::Statutory => "",
        TermSource::Assumed => " assumed",
        TermSource::Unspecified => panic!("{clock:?}"),
    };
    match term.unit() {
        TermUnit::WorkingDays => format!("{} working days{source}", term.n),
        TermUnit::CalendarDays => format!("{} calendar days{source}", term.n),
        TermUnit::None => format!("no term{source}"),
        TermUnit::SameDay
        | TermUnit::SameWorkingDay
        | TermUnit::MonthEnd
        | TermUnit::DaysBeforeServiceDue
        | TermUnit::Unspecified => panic!("{clock:?}"),
    }
}

/// The last day of a term. Its instant must be the end of that day where the holder is.
fn due(clock: &Clock) -> String {
    let (Some(day), Some(at)) = (&clock.due_date, &clock.due_time) else {
        assert_eq!((&clock.due_date, &clock.due_time), (&None, &None), "{clock:?}");
        return "never".into();
    };
    assert!(!clock.rule.is_empty() && clock.calendar_version.starts_with("kz-"), "{clock:?}");
    let end = civil(day).tomorrow().unwrap().to_zoned(zone(&clock.holder_party_id)).unwrap();
    assert_eq!(samples::timestamp(at), end.timestamp(), "{clock:?}");
    civil(day).to_string()
}

fn day_of(clock: &Clock) -> String {
    let opened = samples::timestamp(clock.opened_time.as_ref().unwrap());
    opened.to_zoned(zone(&clock.holder_party_id)).date().to_string()
}

/// A time of the bus, in Almaty, to the minute.
fn minute(at: Option<&prost_types::Timestamp>) -> String {
    let at = samples::timestamp(at.unwrap()).to_zoned(named("Asia/Almaty"));
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn civil(day: &Date) -> jiff::civil::Date {
    let [year, month, day] = [day.year, day.month, day.day].map(|n| i16::try_from(n).unwrap());
    jiff::civil::date(year, i8::try_from(month).unwrap(), i8::try_from(day).unwrap())
}

/// The zone of a party of the registry.
pub fn zone(party: &str) -> TimeZone {
    let entry = REGISTRY.iter().find(|(id, ..)| *id == party);
    named(entry.unwrap_or_else(|| panic!("no party {party}")).3)
}

fn named(zone: &str) -> TimeZone {
    kopir::domain::party::bundled_zone(zone).unwrap()
}
