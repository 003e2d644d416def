//! What happens when a party asks: an event, or a rejection. Pure, so a journal and a seed replay
//! any decision.

mod facts;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::act::{Act, Outcome};
use super::calendar::Calendar;
use super::case::{Case, HopRun, HopState};
use super::command::{ActFacts, CaseAct, Command, Submission};
use super::event::{ActRecorded, Delivery, DeliveryAcknowledged, HopOpened, Opening, ServiceClock};
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
    let checked = facts::check(case, procedure, run, facts, context)?;
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
