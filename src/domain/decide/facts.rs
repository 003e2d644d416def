//! What an act states, held against its case: times, days, persons, grounds.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::{CLOCK_SKEW_SECONDS, Context};
use crate::domain::act::{Act, Outcome};
use crate::domain::case::{Case, HopRun};
use crate::domain::command::ActFacts;
use crate::domain::event::Decision;
use crate::domain::procedure::Procedure;
use crate::domain::region::Region;
use crate::domain::rejection::Rejection;

/// The facts of an act after their check against the case.
pub(super) struct Checked {
    /// What was decided, for a decision.
    pub(super) decision: Option<Decision>,
    /// How many have arrived, for an arrival.
    pub(super) arrived_persons: Option<u16>,
    /// When the hop counts as discharged.
    pub(super) discharged_at: Timestamp,
    /// The instant from which the law counts what the act opens.
    pub(super) counts_from: Timestamp,
}

/// Checks the facts of an act against its case.
///
/// # Errors
/// A [`Rejection`] that names the field or the rule.
pub(super) fn check(
    case: &Case,
    procedure: &Procedure,
    run: &HopRun,
    facts: &ActFacts,
    context: Context<'_>,
) -> Result<Checked, Rejection> {
    let now = context.now;
    let plain = |discharged_at, counts_from| Checked {
        decision: None,
        arrived_persons: None,
        discharged_at,
        counts_from,
    };
    match (run.act, facts) {
        (
            Act::ForwardApplication
            | Act::ReferToCommission
            | Act::SendConsentDecision
            | Act::ForwardDecision,
            ActFacts::Dispatch,
        ) => Ok(plain(now, now)),
        (
            Act::HandOverDecision | Act::HandOverInclusionDecision,
            ActFacts::HandOver { handed_over_at },
        ) => {
            let at = check_instant(*handed_over_at, run, now, "hand_over.handed_over_time")?;
            Ok(plain(at, at))
        }
        (Act::RegisterArrival, ActFacts::Arrival { region, consented_on, persons, filed_at }) => {
            let at = check_instant(*filed_at, run, now, "application.filed_time")?;
            check_consent(case, (*region, *consented_on, *persons))?;
            let zone = context.roster.zone(run.holder);
            check_validity(case, procedure, zone.to_datetime(at).date())?;
            Ok(Checked { arrived_persons: Some(*persons), ..plain(now, at) })
        }
        (
            Act::RecordConsentDecision | Act::RecordInclusionDecision,
            ActFacts::Decision(decision),
        ) => {
            check_grounds(procedure, run.act, decision)?;
            check_persons(case, decision)?;
            let counts_from = check_day(decision.decided_on, run, context)?;
            Ok(Checked { decision: Some(decision.clone()), ..plain(now, counts_from) })
        }
        // The edge parses each act to its own facts, so this is a caller's mistake inside the bus.
        (
            act,
            ActFacts::Dispatch
            | ActFacts::HandOver { .. }
            | ActFacts::Arrival { .. }
            | ActFacts::Decision(_),
        ) => Err(Rejection::OutcomeNotAllowed(act)),
    }
}

/// An instant that a sender reports: not before the step was opened, not in the future.
fn check_instant(
    at: Timestamp,
    run: &HopRun,
    now: Timestamp,
    field: &'static str,
) -> Result<Timestamp, Rejection> {
    if at.as_second() > now.as_second().saturating_add(CLOCK_SKEW_SECONDS) {
        let rule = "lies in the future; give the instant at which it happened";
        return Err(Rejection::Field { field, rule });
    }
    if at < run.opened_at {
        let rule = "lies before this step was opened; check the time";
        return Err(Rejection::Field { field, rule });
    }
    Ok(at.min(now))
}

/// The day of a decision, as the instant the law counts from. An earlier day is counted from its
/// first instant, today from now: both fall on the day itself, which is all a term looks at.
fn check_day(on: Date, run: &HopRun, context: Context<'_>) -> Result<Timestamp, Rejection> {
    let field = "decision.decision_date";
    let zone = context.roster.zone(run.holder);
    let today = zone.to_datetime(context.now).date();
    if on > today {
        let rule = "lies in the future; give the day on which it was decided";
        return Err(Rejection::Field { field, rule });
    }
    if on < zone.to_datetime(run.opened_at).date() {
        let rule = "lies before the day on which this step was opened; check the date";
        return Err(Rejection::Field { field, rule });
    }
    if on == today {
        return Ok(context.now);
    }
    let midnight = zone.to_timestamp(on.to_datetime(Time::midnight()));
    Ok(midnight.unwrap_or(context.now).max(run.opened_at).min(context.now))
}

fn check_consent(
    case: &Case,
    (region, consented_on, persons): (Region, Date, u16),
) -> Result<(), Rejection> {
    if region != case.region {
        let rule =
            "is not the region of the consent; a move to another region needs its own consent";
        return Err(Rejection::Field { field: "application.region", rule });
    }
    if persons == 0 {
        let rule = "must be at least 1: the applicant";
        return Err(Rejection::Field { field: "application.person_count", rule });
    }
    let consent = case.consent.as_ref();
    if consent.is_some_and(|consent| consent.decided_on != consented_on) {
        let rule = "is not the date of the consent given in this case";
        return Err(Rejection::Field { field: "application.consent_decision_date", rule });
    }
    if consent.is_some_and(|consent| persons > consent.persons) {
        let rule = "exceeds the persons covered by the consent";
        return Err(Rejection::Field { field: "application.person_count", rule });
    }
    Ok(())
}

fn check_validity(case: &Case, procedure: &Procedure, filed_on: Date) -> Result<(), Rejection> {
    let (Some(validity), Some(consent)) = (procedure.consent_validity(), &case.consent) else {
        return Ok(());
    };
    let decided_on = consent.decided_on;
    let span = jiff::Span::new().days(i64::from(validity.0));
    let valid_until = decided_on.checked_add(span).unwrap_or(Date::MAX);
    if filed_on > valid_until {
        return Err(Rejection::ConsentExpired { decided_on, valid_until });
    }
    Ok(())
}

fn check_persons(case: &Case, decision: &Decision) -> Result<(), Rejection> {
    let field = "decision.person_count";
    let consented = case.consent.as_ref().map(|consent| consent.persons);
    let limit = case.arrived_persons.or(consented).unwrap_or(case.persons);
    let rule = match (decision.outcome == Outcome::Refusal, decision.persons) {
        (true, 0) => return Ok(()),
        (true, _) => "a refusal covers nobody",
        (false, 0) => "must be at least 1",
        (false, persons) if persons <= limit => return Ok(()),
        (false, _) => "exceeds the persons of the application, of the consent or of the arrival",
    };
    Err(Rejection::Field { field, rule })
}

fn check_grounds(procedure: &Procedure, act: Act, decision: &Decision) -> Result<(), Rejection> {
    let Decision { outcome, grounds, .. } = decision;
    let positive = match act {
        Act::RecordConsentDecision => Outcome::Consent,
        Act::RecordInclusionDecision => Outcome::Inclusion,
        Act::SubmitApplication
        | Act::ForwardApplication
        | Act::ReferToCommission
        | Act::SendConsentDecision
        | Act::ForwardDecision
        | Act::HandOverDecision
        | Act::RegisterArrival
        | Act::HandOverInclusionDecision => return Err(Rejection::OutcomeNotAllowed(act)),
    };
    let refused = *outcome == Outcome::Refusal;
    if !refused && *outcome != positive {
        return Err(Rejection::OutcomeNotAllowed(act));
    }
    if !refused && !grounds.is_empty() {
        return Err(Rejection::GroundsNotAllowed(
            "a positive decision states no grounds of refusal",
        ));
    }
    if refused && grounds.is_empty() {
        return Err(Rejection::GroundsRequired);
    }
    let mut seen = BTreeSet::new();
    if grounds.iter().any(|ground| !seen.insert(*ground)) {
        return Err(Rejection::GroundsNotAllowed("a ground is stated twice"));
    }
    if grounds.iter().any(|ground| !procedure.grounds().contains(ground)) {
        return Err(Rejection::GroundsNotAllowed("this edition does not know the ground"));
    }
    Ok(())
}
