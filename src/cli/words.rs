//! What the bus's answers are called on a terminal: the contract's names, without their prefixes.

use jiff::Timestamp;

use crate::rpc::proto::cases::v1::{CaseOutcome, CaseState};
use crate::rpc::proto::google::r#type::Date;
use crate::rpc::proto::operations::v1::{
    DiskLevel, HealthIssue, MachineClockState, RevocationListState,
};
use crate::rpc::proto::types::v1::{
    Act, HeldReason, PartyRole, QuotaCategory, ReadContent, ReadPurposeKind, Rung, RungNotice,
    TermAttribution, TermSource,
};

/// An act, for example `forward-application`.
pub(super) fn act(act: Act) -> String {
    plain(act.as_str_name(), "ACT_")
}

/// A role, as files name it.
pub(super) fn role(role: PartyRole) -> String {
    plain(role.as_str_name(), "PARTY_ROLE_")
}

/// Where a case stands, for example `at-commission`.
pub(super) fn state(state: CaseState) -> String {
    plain(state.as_str_name(), "CASE_STATE_")
}

/// What was decided; nothing while nothing is.
pub(super) fn outcome(outcome: CaseOutcome) -> String {
    plain(outcome.as_str_name(), "CASE_OUTCOME_")
}

/// `statutory` or `assumed`.
pub(super) fn source(source: TermSource) -> String {
    plain(source.as_str_name(), "TERM_SOURCE_")
}

/// Why a delivery is held, for example `cannot-parse`.
pub(super) fn held_reason(reason: HeldReason) -> String {
    plain(reason.as_str_name(), "HELD_REASON_")
}

/// What of a case was read, for example `held-words`.
pub(super) fn read_content(content: ReadContent) -> String {
    plain(content.as_str_name(), "READ_CONTENT_")
}

/// What it was read for, for example `court-order`.
pub(super) fn read_purpose(kind: ReadPurposeKind) -> String {
    plain(kind.as_str_name(), "READ_PURPOSE_KIND_")
}

/// Whom a quota is for, for example `in-migrant`.
pub(super) fn category(category: QuotaCategory) -> String {
    plain(category.as_str_name(), "QUOTA_CATEGORY_")
}

/// What is wrong with a bus, for example `disk-low`.
pub(super) fn issue(issue: HealthIssue) -> String {
    plain(issue.as_str_name(), "HEALTH_ISSUE_")
}

/// How the machine's clock stands.
pub(super) fn clock(state: MachineClockState) -> String {
    plain(state.as_str_name(), "MACHINE_CLOCK_STATE_")
}

/// What a revocation list is worth.
pub(super) fn list_state(state: RevocationListState) -> String {
    plain(state.as_str_name(), "REVOCATION_LIST_STATE_")
}

/// How much room a disk has.
pub(super) fn disk(level: DiskLevel) -> String {
    plain(level.as_str_name(), "DISK_LEVEL_")
}

/// The last day of a term, marked where the law sets none; nothing for a hop without a term.
pub(super) fn due(day: Option<Date>, source: TermSource) -> String {
    let assumed = day.is_some() && source == TermSource::Assumed;
    date(day) + if assumed { " (assumed)" } else { "" }
}

/// What a notice says of a term.
pub(super) fn rung(said: &RungNotice) -> String {
    let days = said.working_days;
    let working = if days == 1 { "working day" } else { "working days" };
    let text = match said.rung() {
        Rung::Unspecified => String::new(),
        Rung::Opening => "the term has begun".to_owned(),
        Rung::Half => "the middle day of the term".to_owned(),
        Rung::DayBefore => "due on the next working day".to_owned(),
        Rung::DueMorning => "due today".to_owned(),
        Rung::Due => "breach: the term has run out".to_owned(),
        Rung::Overdue => format!("overdue by {days} {working}"),
        Rung::Infeasible => {
            let why = plain(said.impediment().as_str_name(), "IMPEDIMENT_").replace('-', " ");
            format!("will not hold: {why}")
        }
        Rung::LateDischarge if days == 0 => "done in time, told late".to_owned(),
        Rung::LateDischarge if said.carried => format!("taken in {days} {working} late"),
        Rung::LateDischarge => format!("done {days} {working} late"),
        Rung::Held => "held: its receiver does not take it".to_owned(),
    };
    text + if said.delayed_by_outage { " (said late, the bus was away)" } else { "" }
}

/// The name of a rung, as the configuration has it.
pub(super) fn rung_name(rung: Rung) -> String {
    plain(rung.as_str_name(), "RUNG_")
}

/// Who held a hop for how long; nothing where it is not told.
pub(super) fn held_by(attribution: Option<&TermAttribution>) -> String {
    let Some(TermAttribution { with_party_ms, in_bus_ms, awaiting_receiver_ms }) = attribution
    else {
        return String::new();
    };
    let parts = [("party", with_party_ms), ("bus", in_bus_ms), ("receiver", awaiting_receiver_ms)];
    let parts = parts.into_iter().filter(|(_, ms)| **ms > 0);
    let parts: Vec<_> = parts.map(|(who, ms)| format!("{who} {}", days_and_hours(*ms))).collect();
    parts.join(", ")
}

fn days_and_hours(ms: i64) -> String {
    let minutes = ms / 60_000;
    match (minutes / (24 * 60), minutes / 60 % 24) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

/// An instant in UTC (RFC 3339), to the second; nothing for none.
pub(super) fn time(time: Option<prost_types::Timestamp>) -> String {
    let shown = time.and_then(|time| Timestamp::from_second(time.seconds).ok());
    shown.map(|time| time.to_string()).unwrap_or_default()
}

/// A date; nothing for none.
pub(super) fn date(date: Option<Date>) -> String {
    let shown = date.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
    shown.unwrap_or_default()
}

fn plain(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix) {
        None | Some("UNSPECIFIED") => String::new(),
        Some(name) => name.to_ascii_lowercase().replace('_', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::proto::types::v1::Impediment;

    #[test]
    fn the_contracts_names_lose_their_prefix() {
        assert_eq!(act(Act::ForwardApplication), "forward-application");
        assert_eq!(state(CaseState::AtCommission), "at-commission");
        assert_eq!(outcome(CaseOutcome::Unspecified), "");
        assert_eq!(source(TermSource::Assumed), "assumed");
    }

    #[test]
    fn a_due_day_says_when_it_is_assumed() {
        let day = Some(Date { year: 2021, month: 9, day: 3 });
        assert_eq!(due(day, TermSource::Assumed), "2021-09-03 (assumed)");
        assert_eq!(due(day, TermSource::Statutory), "2021-09-03");
        assert_eq!(due(None, TermSource::Assumed), "");
    }

    #[test]
    fn what_is_said_of_a_term_is_told_in_words() {
        let late = RungNotice { working_days: 1, carried: true, ..RungNotice::default() };
        let said = |kind: Rung| rung(&RungNotice { rung: kind.into(), ..late.clone() });
        assert_eq!(said(Rung::Overdue), "overdue by 1 working day");
        assert_eq!(said(Rung::LateDischarge), "taken in 1 working day late");
        let why = Impediment::RetryTooLate.into();
        let hopeless =
            RungNotice { rung: Rung::Infeasible.into(), impediment: why, ..late.clone() };
        assert_eq!(rung(&hopeless), "will not hold: retry too late");
        let outage = RungNotice { rung: Rung::Due.into(), delayed_by_outage: true, ..late };
        let breach = "breach: the term has run out (said late, the bus was away)";
        assert_eq!(rung(&outage), breach);
        assert_eq!(rung_name(Rung::DayBefore), "day-before");
    }

    #[test]
    fn who_held_a_hop_is_told_in_days_and_hours() {
        let hour = 3_600_000;
        let held = TermAttribution {
            with_party_ms: 125 * hour,
            in_bus_ms: 90_000,
            awaiting_receiver_ms: 0,
        };
        assert_eq!(held_by(Some(&held)), "party 5 d 5 h, bus 1 min");
        assert_eq!(held_by(None), "");
    }

    #[test]
    fn an_absent_time_is_empty() {
        assert_eq!(time(None), "");
        let known = prost_types::Timestamp { seconds: 1_631_000_000, nanos: 5 };
        assert_eq!(time(Some(known)), "2021-09-07T07:33:20Z");
    }
}
