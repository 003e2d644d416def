//! The first act of a case: who may open it, on which edition, with whom.

use jiff::Timestamp;

use super::effects::{Effects, Step};
use super::seats::Seats;
use super::{CLOCK_SKEW_SECONDS, Context, act_not_of_edition, edition_on};
use crate::domain::act::Actor;
use crate::domain::command::{Command, Submission};
use crate::domain::event::{ActRecorded, Opening};
use crate::domain::hours;
use crate::domain::party::Role;
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::rejection::Rejection;
use crate::domain::term::TermError;

/// Decides on an act that opens a case.
///
/// # Errors
/// A [`Rejection`], which changes nothing.
pub(super) fn submit(
    command: &Command,
    submission: &Submission,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    let key = &submission.procedure;
    let unknown = || Rejection::ProcedureUnknown(key.clone());
    let procedure = context.procedures.get(key).ok_or_else(unknown)?;
    let entry = entry_of(procedure, command, submission, context)?;
    let hop = match entry.recorded_with {
        Some(carrier) => procedure.hop(carrier).ok_or_else(unknown)?,
        None => entry,
    };
    if hop.act != submission.act {
        return Err(act_not_of_edition(procedure, submission.act, Some(hop)));
    }
    let filed_at = check_submission(procedure, entry, submission, context)?;
    let seats = Seats::of_submission(procedure, command.author, submission, context)?;
    if seats.recorder(entry, command.author).map(|(_, party)| party) != Some(command.author) {
        let rule = "names another region than the one in which your party takes such applications";
        return Err(Rejection::Field { field: "region", rule });
    }
    let zone = context.roster.zone(seats.provider());
    let (channel, provider) = (seats.channel(), Role::Akimat);
    let counts_from =
        hours::counts_from(filed_at, channel, provider, procedure.hours(), zone, context.calendar);
    let counts_from = counts_from.map_err(TermError::from)?;
    let beside = (hop.id != entry.id).then_some(entry.id);
    let step = Step::of_intake(procedure, &seats, submission, counts_from);
    let clock = step.open_hop(hop, filed_at, context)?;
    let effects = step.effects(hop, beside, clock.due.as_ref(), context)?;
    let discharged_at = if hop.is_applicants() { filed_at } else { context.now };
    let opening = Opening {
        procedure: key.clone(),
        region: submission.region,
        departure: submission.departure,
        channel,
        basis: submission.basis,
        persons: submission.persons,
        applicant: submission.applicant,
        concerns: submission.concerns,
        filed_at,
        recorded_with: beside,
        participants: seats.into_participants(),
        clock,
    };
    let Effects { opened, also, closed, deliveries, service } = effects;
    Ok(ActRecorded {
        case: command.case,
        author: command.author,
        request: command.request,
        fingerprint: command.fingerprint,
        hop: hop.id,
        act: hop.act,
        discharged_at,
        decision: None,
        arrived_persons: None,
        hearing_at: None,
        opening: Some(opening),
        service,
        opened,
        also,
        closed,
        deliveries,
        holding: None,
        signature: None,
        body: command.body.clone(),
    })
}

/// The hop by which the party begins such a case.
fn entry_of<'a>(
    procedure: &'a Procedure,
    command: &Command,
    submission: &Submission,
    context: Context<'_>,
) -> Result<&'a Hop, Rejection> {
    let act = submission.act;
    let role = context.roster.party(command.author).map(|party| party.role);
    let channel = role.ok_or(Rejection::RoleNotAllowed(act))?;
    if let Some(entry) = procedure.entry(channel, submission.basis) {
        return Ok(entry);
    }
    let mut allowed = Vec::new();
    for hop in procedure.entries() {
        let roles = hop.recorders().into_iter().filter_map(Actor::role);
        let named: Vec<_> = roles
            .filter(|role| hop.channels.is_empty() || hop.channels.contains(role))
            .map(Role::as_str)
            .collect();
        allowed.push(format!("{} ({})", named.join(", "), hop.citation));
    }
    let (procedure, allowed) = (procedure.key().clone(), allowed.join("; "));
    Err(Rejection::ChannelNotAllowed { procedure, act, channel, allowed })
}

/// What a first act states, held against the procedure; the instant of filing.
fn check_submission(
    procedure: &Procedure,
    entry: &Hop,
    submission: &Submission,
    context: Context<'_>,
) -> Result<Timestamp, Rejection> {
    if submission.persons == 0 && entry.is_applicants() {
        let rule = "must be at least 1: the applicant";
        return Err(Rejection::Field { field: "application.applicant", rule });
    }
    if procedure.region().is_some_and(|only| only != submission.region) {
        let rule = "is not the region whose own rules these are";
        return Err(Rejection::Field { field: "region", rule });
    }
    let latest = context.now.as_second().saturating_add(CLOCK_SKEW_SECONDS);
    if submission.filed_at.as_second() > latest {
        let rule = "lies in the future; give the instant at which it was filed";
        return Err(Rejection::Field { field: "application.filed_time", rule });
    }
    let filed_at = submission.filed_at.min(context.now);
    let filed_on = context.roster.parties().migration_body().zone.to_datetime(filed_at).date();
    let applies = edition_on(context.procedures, &procedure.key().procedure, filed_on);
    let dated = context
        .procedures
        .values()
        .filter(|each| each.key().procedure == procedure.key().procedure)
        .any(|each| each.in_force_from().is_some());
    if dated && applies.map(Procedure::key) != Some(procedure.key()) {
        let in_force = applies.map_or_else(
            || "no edition whose publication is configured".to_owned(),
            |other| other.key().to_string(),
        );
        let procedure = procedure.key().clone();
        return Err(Rejection::EditionNotInForce { procedure, filed_on, in_force });
    }
    Ok(filed_at)
}
