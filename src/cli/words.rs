//! What the bus's answers are called on a terminal: the contract's names, without their prefixes.

use jiff::Timestamp;

use crate::rpc::proto::cases::v1::{CaseOutcome, CaseState};
use crate::rpc::proto::google::r#type::Date;
use crate::rpc::proto::operations::v1::{DiskLevel, HealthIssue, MachineClockState};
use crate::rpc::proto::types::v1::{Act, HeldReason, PartyRole, QuotaCategory, TermSource};

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

/// How much room a disk has.
pub(super) fn disk(level: DiskLevel) -> String {
    plain(level.as_str_name(), "DISK_LEVEL_")
}

/// The last day of a term, marked where the law sets none; nothing for a hop without a term.
pub(super) fn due(day: Option<Date>, source: TermSource) -> String {
    let assumed = day.is_some() && source == TermSource::Assumed;
    date(day) + if assumed { " (assumed)" } else { "" }
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
    fn an_absent_time_is_empty() {
        assert_eq!(time(None), "");
        let known = prost_types::Timestamp { seconds: 1_631_000_000, nanos: 5 };
        assert_eq!(time(Some(known)), "2021-09-07T07:33:20Z");
    }
}
