//! What happens when a party asks: an event, or a rejection. Pure, so a journal and a seed replay
//! any decision.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::act::{Act, Outcome};
use super::calendar::Calendar;
use super::case::{Case, HopRun, HopState};
use super::command::{ActFacts, CaseAct, Command, Submission};
use super::event::{
    ActRecorded, Decision, Delivery, DeliveryAcknowledged, HopOpened, Opening, ServiceClock,
};
use super::ids::{HopId, ProcedureKey, Sequence};
use super::party::{Party, PartyNumber, Role};
use super::procedure::{Hop, Procedure, Trigger};
use super::region::Region;
use super::rejection::{OpenHop, Rejection};
use super::roster::Roster;
use super::term::{self, Term};

/// The procedures in force on this bus.
pub type Procedures = BTreeMap<ProcedureKey, Procedure>;

/// What a decision is made against, besides the case.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The working days.
    pub calendar: &'a Calendar,
    /// Who is who.
    pub roster: &'a Roster,
    /// The law.
    pub procedures: &'a Procedures,
}

/// How far ahead of the bus's clock a sender's may run before its times are refused.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// Decides on an act: the first of a case, or a later one.
///
/// # Errors
/// A [`Rejection`], which changes nothing.
pub fn decide(
    case: Option<&Case>,
    command: &Command,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    match (&command.act, case) {
        (CaseAct::Submit(submission), None) => submit(command, submission, context),
        (CaseAct::Submit(_), Some(case)) if takes_part(case, command.author, context) => {
            Err(out_of_order(case, Act::SubmitApplication))
        }
        (CaseAct::Submit(_), Some(_)) => Err(Rejection::CaseNotVisible),
        (CaseAct::Continue(..), None) => Err(Rejection::CaseNotVisible),
        (CaseAct::Continue(act, facts), Some(case)) => proceed(case, command, *act, facts, context),
    }
}

/// Decides on a receiver's acknowledgement of the delivery of an act.
///
/// # Errors
/// [`Rejection::DeliveryUnknown`] if the party was not sent it or has acknowledged it before;
/// the caller answers a repeat from the case.
pub fn acknowledge(
    case: Option<&Case>,
    delivery: Sequence,
    by: PartyNumber,
    context: Context<'_>,
) -> Result<DeliveryAcknowledged, Rejection> {
    let unknown = Rejection::DeliveryUnknown(delivery);
    let case = case.ok_or(unknown.clone())?;
    let run = case.delivered(delivery).ok_or(unknown.clone())?;
    let to = match &run.state {
        HopState::Carried { to, .. } => *to,
        HopState::Open | HopState::Done { .. } => return Err(unknown),
    };
    if !context.roster.may_act_for(by, to) {
        return Err(unknown);
    }
    let procedure = procedure_of(case, context)?;
    let parties = Participants(case.participants.clone());
    let next = procedure.opened_by(run.hop, Trigger::Received, case.outcome());
    let opened = next
        .map(|hop| open_hop(procedure, hop, context.now, &parties, context))
        .collect::<Result<_, _>>()?;
    Ok(DeliveryAcknowledged { case: case.id, delivery, by: to, opened })
}

fn submit(
    command: &Command,
    submission: &Submission,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    let key = &submission.procedure;
    let unknown = || Rejection::ProcedureUnknown(key.clone());
    let procedure = context.procedures.get(key).ok_or_else(unknown)?;
    let (hop, beside) = procedure.intake().ok_or_else(unknown)?;
    let role = context.roster.party(command.author).map(|party| party.role);
    if role.is_none() || role != hop.recorder() {
        return Err(Rejection::RoleNotAllowed(hop.act));
    }
    if submission.persons == 0 {
        let rule = "must be at least 1: the applicant";
        return Err(Rejection::Field { field: "application.applicant", rule });
    }
    let latest = context.now.as_second().saturating_add(CLOCK_SKEW_SECONDS);
    if submission.filed_at.as_second() > latest {
        let rule = "lies in the future; give the instant the mission received the application";
        return Err(Rejection::Field { field: "application.filed_time", rule });
    }
    let filed_at = submission.filed_at.min(context.now);
    let parties = Participants::new(command.author, submission.region, context)?;
    let clock = open_hop(procedure, hop, filed_at, &parties, context)?;
    let service = service_clock(procedure, beside.unwrap_or(hop).id, filed_at, &parties, context)?;
    let opening = Opening {
        procedure: key.clone(),
        region: submission.region,
        persons: submission.persons,
        filed_at,
        recorded_with: beside.map(|hop| hop.id),
        participants: parties.0.clone(),
        clock,
    };
    let due = opening.clock.due.as_ref().map(|due| due.instant);
    Ok(ActRecorded {
        case: command.case,
        author: command.author,
        request: command.request,
        fingerprint: command.fingerprint,
        hop: hop.id,
        act: hop.act,
        discharged_at: context.now,
        decision: None,
        arrived_persons: None,
        opened: opened_by_act(procedure, hop.id, None, context.now, &parties, context)?,
        delivery: delivery(hop, due, &parties, context.now),
        service,
        opening: Some(opening),
        body: command.body.clone(),
    })
}

fn proceed(
    case: &Case,
    command: &Command,
    act: Act,
    facts: &ActFacts,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    if !takes_part(case, command.author, context) {
        return Err(Rejection::CaseNotVisible);
    }
    let acts_for = |party: PartyNumber| context.roster.may_act_for(command.author, party);
    let procedure = procedure_of(case, context)?;
    let expected =
        |run: &&HopRun| run.state == HopState::Open && run.act == act && acts_for(run.holder);
    let run = case.hops.iter().find(expected).ok_or_else(|| out_of_order(case, act))?;
    let hop = procedure.hop(run.hop).ok_or_else(|| out_of_order(case, act))?;
    let checked = check_facts(case, procedure, run, facts, context)?;
    let parties = Participants(case.participants.clone());
    let outcome = checked.decision.as_ref().map(|decision| decision.outcome).or(case.outcome());
    let due = run.due.as_ref().map(|due| due.instant);
    Ok(ActRecorded {
        case: case.id,
        author: command.author,
        request: command.request,
        fingerprint: command.fingerprint,
        hop: hop.id,
        act,
        discharged_at: checked.discharged_at,
        decision: checked.decision,
        arrived_persons: checked.arrived_persons,
        opening: None,
        service: service_clock(procedure, hop.id, checked.counts_from, &parties, context)?,
        opened: opened_by_act(procedure, hop.id, outcome, checked.counts_from, &parties, context)?,
        delivery: delivery(hop, due, &parties, context.now),
        body: command.body.clone(),
    })
}

/// Whether the party, or one it acts for, is of the case.
fn takes_part(case: &Case, party: PartyNumber, context: Context<'_>) -> bool {
    let mut participants = case.participants.iter();
    participants.any(|(_, participant)| context.roster.may_act_for(party, *participant))
}

fn procedure_of<'a>(case: &Case, context: Context<'a>) -> Result<&'a Procedure, Rejection> {
    let unknown = || Rejection::ProcedureUnknown(case.procedure.clone());
    context.procedures.get(&case.procedure).ok_or_else(unknown)
}

/// The facts of an act after their check against the case.
struct Checked {
    decision: Option<Decision>,
    arrived_persons: Option<u16>,
    /// When the hop counts as discharged.
    discharged_at: Timestamp,
    /// The instant from which the law counts what the act opens.
    counts_from: Timestamp,
}

fn check_facts(
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

fn out_of_order(case: &Case, act: Act) -> Rejection {
    let open = case.hops.iter().filter_map(|run| {
        let (holder, awaiting_receipt) = match &run.state {
            HopState::Open => (run.holder, false),
            HopState::Carried { to, .. } => (*to, true),
            HopState::Done { .. } => return None,
        };
        let due_at = run.due.as_ref().map(|due| due.instant);
        let (hop, act, from) = (run.hop, run.act, run.from);
        Some(OpenHop { hop, act, from, holder, due_at, awaiting_receipt })
    });
    Rejection::OutOfOrder { act, open: open.collect() }
}

/// The parties of a case by role.
struct Participants(Vec<(Role, PartyNumber)>);

impl Participants {
    fn new(mission: PartyNumber, region: Region, context: Context<'_>) -> Result<Self, Rejection> {
        let parties = context.roster.parties();
        let number = |party: Option<&Party>| {
            party
                .and_then(|party| context.roster.number(&party.id))
                .ok_or(Rejection::RegionUnknown(region))
        };
        Ok(Self(vec![
            (Role::ForeignMission, mission),
            (Role::MigrationBody, number(Some(parties.migration_body()))?),
            (Role::Akimat, number(parties.akimat_of(region))?),
            (Role::Commission, number(parties.commission_of(region))?),
        ]))
    }

    fn get(&self, role: Option<Role>) -> Option<PartyNumber> {
        let role = role?;
        self.0.iter().find(|(each, _)| *each == role).map(|(_, number)| *number)
    }
}

fn delivery(
    hop: &Hop,
    due: Option<Timestamp>,
    parties: &Participants,
    now: Timestamp,
) -> Option<Delivery> {
    let to = parties.get(hop.receiver())?;
    Some(Delivery { to, order: due.unwrap_or(now) })
}

fn opened_by_act(
    procedure: &Procedure,
    hop: HopId,
    outcome: Option<Outcome>,
    happened_at: Timestamp,
    parties: &Participants,
    context: Context<'_>,
) -> Result<Vec<HopOpened>, Rejection> {
    procedure
        .opened_by(hop, Trigger::Acted, outcome)
        .filter(|next| next.recorded_with.is_none())
        .map(|next| open_hop(procedure, next, happened_at, parties, context))
        .collect()
}

fn open_hop(
    procedure: &Procedure,
    hop: &Hop,
    opened_at: Timestamp,
    parties: &Participants,
    context: Context<'_>,
) -> Result<HopOpened, Rejection> {
    // Every role of a checked procedure is a role of the participants, so the fallback to the
    // authorised body is never taken; it keeps the function total.
    let holder = parties.get(hop.recorder()).or(parties.get(Some(Role::MigrationBody)));
    let holder = holder.unwrap_or(PartyNumber(0));
    let zone = context.roster.zone(holder);
    let counting = procedure.counting();
    let due = term::due(hop.term, hop.count, counting, opened_at, zone, context.calendar, None)?;
    let (act, from, source) = (hop.act, hop.from, hop.source);
    Ok(HopOpened { hop: hop.id, act, from, holder, opened_at, due, source })
}

fn service_clock(
    procedure: &Procedure,
    hop: HopId,
    opened_at: Timestamp,
    parties: &Participants,
    context: Context<'_>,
) -> Result<Option<ServiceClock>, Rejection> {
    let Some(service) = procedure.service().iter().find(|service| service.starts_with == hop)
    else {
        return Ok(None);
    };
    let provider = parties.get(Some(Role::Akimat)).unwrap_or(PartyNumber(0));
    let zone = context.roster.zone(provider);
    let count = match service.term {
        Term::None => term::CountMode::None,
        Term::WorkingDays(_)
        | Term::CalendarDays(_)
        | Term::SameDay
        | Term::MonthEnd
        | Term::BeforeServiceEnd(_) => term::CountMode::From,
    };
    let counting = procedure.counting();
    let due = term::due(service.term, count, counting, opened_at, zone, context.calendar, None);
    let due = match due {
        Ok(due) => due,
        // A clock that cannot bind refuses nothing, not even at the end of the calendar.
        Err(_) if service.informative => None,
        Err(error) => return Err(error.into()),
    };
    Ok(due.map(|due| ServiceClock { opened_at, due, informative: service.informative }))
}
