//! What an act states, held against its case: times, days, persons, grounds.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::{CLOCK_SKEW_SECONDS, Context};
use crate::domain::act::{Act, Ground, Outcome, States};
use crate::domain::case::{Case, HopRun};
use crate::domain::command::ActFacts;
use crate::domain::event::Decision;
use crate::domain::procedure::{ListedGround, Procedure};
use crate::domain::region::Region;
use crate::domain::rejection::{GROUND_OF_ANOTHER_EDITION, Rejection};

/// The status is extended once, for at most so many months (004 ¶19).
const MAX_EXTENSION_MONTHS: u8 = 6;
/// How far ahead a hearing may be set, in days; further is a mistyped year.
const MAX_HEARING_DAYS: i64 = 366;

/// The facts of an act after their check against the case.
pub(super) struct Checked {
    /// What was decided, for a decision.
    pub(super) decision: Option<Decision>,
    /// How many have arrived, for an arrival.
    pub(super) arrived_persons: Option<u16>,
    /// When the hearing is to be.
    pub(super) hearing_at: Option<Timestamp>,
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
        hearing_at: None,
        discharged_at,
        counts_from,
    };
    match (run.act.states(), facts) {
        (States::Nothing, ActFacts::Dispatch) => Ok(plain(now, now)),
        (States::Instant, ActFacts::Happened { field, at }) => {
            let at = check_instant(*at, run, now, field)?;
            Ok(plain(at, at))
        }
        (States::Arrival, ActFacts::Arrival { region, consented_on, persons, filed_at }) => {
            let at = check_instant(*filed_at, run, now, "application.filed_time")?;
            check_consent(case, (*region, *consented_on, *persons))?;
            let zone = context.roster.zone(run.holder);
            check_validity(case, procedure, zone.to_datetime(at).date())?;
            Ok(Checked { arrived_persons: Some(*persons), ..plain(now, at) })
        }
        (States::Decision, ActFacts::Decision(decision)) => {
            let decision = heard_for_all(case, run.act, decision);
            check_outcome(procedure, run.act, &decision)?;
            check_heard(case, run.act, &decision)?;
            check_persons(case, &decision)?;
            let counts_from = check_day(decision.decided_on, run, context)?;
            Ok(Checked { decision: Some(decision), ..plain(now, counts_from) })
        }
        (States::Grounds, ActFacts::NotAccepted { grounds }) => {
            check_grounds(grounds, procedure.acceptance_grounds())?;
            Ok(plain(now, now))
        }
        (States::Hearing, ActFacts::Hearing { at }) => {
            let at = check_ahead(*at, now, "notice.hearing_time")?;
            Ok(Checked { hearing_at: Some(at), ..plain(now, now) })
        }
        (States::Postponement, ActFacts::Postponed { until }) => {
            let until = check_ahead(*until, now, "postponement.hearing_time")?;
            Ok(Checked { hearing_at: Some(until), ..plain(now, until) })
        }
        // The edge parses each act to its own facts, so this is a caller's mistake inside the bus.
        (
            States::Nothing
            | States::Instant
            | States::Arrival
            | States::Decision
            | States::Grounds
            | States::Hearing
            | States::Postponement,
            ActFacts::Dispatch
            | ActFacts::Happened { .. }
            | ActFacts::Arrival { .. }
            | ActFacts::NotAccepted { .. }
            | ActFacts::Hearing { .. }
            | ActFacts::Postponed { .. }
            | ActFacts::Decision(_),
        ) => Err(Rejection::OutcomeNotAllowed(run.act)),
    }
}

/// A hearing to come: after now, and not in another age.
fn check_ahead(at: Timestamp, now: Timestamp, field: &'static str) -> Result<Timestamp, Rejection> {
    if at <= now {
        let rule = "lies in the past; a hearing is set for a time to come (002-EN A1 ¶8; 002-KK ¶¶12, 21; \
                    004 ¶9-1)";
        return Err(Rejection::Field { field, rule });
    }
    if at.as_second() - now.as_second() > MAX_HEARING_DAYS * 24 * 60 * 60 {
        let rule = "lies more than a year ahead; check the year";
        return Err(Rejection::Field { field, rule });
    }
    Ok(at)
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

/// The outcome of a hearing counts no persons: when the application goes on, it does so for all
/// of them. How many a decision includes, it says itself.
fn heard_for_all(case: &Case, act: Act, decision: &Decision) -> Decision {
    let mut decision = decision.clone();
    if act == Act::RecordHearingOutcome && covers(decision.outcome) && decision.persons == 0 {
        decision.persons = most_persons(case);
    }
    decision
}

/// The persons of the case: of the arrival, the consent or the application.
fn most_persons(case: &Case) -> u16 {
    let consented = case.consent.as_ref().map(|consent| consent.persons);
    case.arrived_persons.or(consented).unwrap_or(case.persons)
}

/// Whether the outcome is for persons.
fn covers(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Consent | Outcome::Inclusion | Outcome::Assignment | Outcome::Extension => true,
        Outcome::Refusal | Outcome::Satisfied | Outcome::Dismissed | Outcome::Completed => false,
    }
}

fn check_persons(case: &Case, decision: &Decision) -> Result<(), Rejection> {
    let field = "decision.person_count";
    let limit = most_persons(case);
    let rule = match (covers(decision.outcome), decision.persons) {
        (false, 0) => return Ok(()),
        (false, _) => "a refusal covers nobody",
        (true, 0) => "must be at least 1",
        (true, persons) if persons <= limit => return Ok(()),
        (true, _) => "exceeds the persons of the application, of the consent or of the arrival",
    };
    Err(Rejection::Field { field, rule })
}

fn check_outcome(procedure: &Procedure, act: Act, decision: &Decision) -> Result<(), Rejection> {
    let Decision { outcome, grounds, months, .. } = decision;
    let own = [
        (Act::RecordConsentDecision, Outcome::Consent),
        (Act::AnswerComplaint, Outcome::Satisfied),
        (Act::RecordServiceResult, Outcome::Completed),
    ];
    let own = own.into_iter().find(|(of, _)| *of == act).map(|(_, outcome)| outcome);
    let positive = own.or(procedure.grants());
    let answers = act == Act::AnswerComplaint;
    let negative = if answers { Outcome::Dismissed } else { Outcome::Refusal };
    if *outcome != negative && Some(*outcome) != positive {
        return Err(Rejection::OutcomeNotAllowed(act));
    }
    let extends = *outcome == Outcome::Extension;
    // What a hearing let go on is extended by the decision, which says for how long.
    let least = u8::from(act != Act::RecordHearingOutcome);
    if extends && !(least..=MAX_EXTENSION_MONTHS).contains(months) || !extends && *months != 0 {
        let rule = "the status is extended by at most six months (004 ¶19)";
        return Err(Rejection::Field { field: "decision.months", rule });
    }
    if *outcome == Outcome::Refusal && !procedure.grounds().is_empty() {
        return check_grounds(grounds, procedure.grounds());
    }
    if grounds.is_empty() {
        return Ok(());
    }
    Err(Rejection::GroundsNotAllowed(match outcome {
        Outcome::Refusal => GROUND_OF_ANOTHER_EDITION,
        Outcome::Consent
        | Outcome::Inclusion
        | Outcome::Assignment
        | Outcome::Extension
        | Outcome::Satisfied
        | Outcome::Dismissed
        | Outcome::Completed => "a positive decision states no grounds of refusal",
    }))
}

/// A hearing that comes before the commission has seen the case can end in a refusal; it includes
/// nobody, since without the commission there is nothing to include by (002-EN A1 ¶¶7-8).
fn check_heard(case: &Case, act: Act, decision: &Decision) -> Result<(), Rejection> {
    let includes = act == Act::RecordHearingOutcome && decision.outcome == Outcome::Inclusion;
    if includes && case.last_outcome.is_none() {
        let rule = "no commission has dealt with the case yet; refer it to the commission";
        return Err(Rejection::Field { field: "decision", rule });
    }
    Ok(())
}

/// At least one ground, each once, each of this edition.
fn check_grounds(grounds: &[Ground], listed: &[ListedGround]) -> Result<(), Rejection> {
    if grounds.is_empty() {
        return Err(Rejection::GroundsRequired);
    }
    let mut seen = BTreeSet::new();
    if grounds.iter().any(|ground| !seen.insert(*ground)) {
        return Err(Rejection::GroundsNotAllowed("a ground is stated twice"));
    }
    if grounds.iter().any(|ground| !listed.iter().any(|each| each.ground == *ground)) {
        return Err(Rejection::GroundsNotAllowed(GROUND_OF_ANOTHER_EDITION));
    }
    Ok(())
}
