//! Who holds a delivery, and who resolves one that is held.
//!
//! A receiver holds its own by rejecting it, the bus after too many attempts. Releasing is open to
//! the receiver, the sender and the authorised body, withdrawing to the last two, redirecting to the
//! authorised body alone. The operator sees what is held and acts on nothing: it has no part in a
//! case.

use super::{Context, opened_by_receipt, takes_part};
use crate::domain::act::Actor;
use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::confidential::Confidential;
use crate::domain::held::{DeliveryHeld, HeldBy, HeldResolved, Hold, Resolution, ResolveHeld};
use crate::domain::ids::{HopId, Sequence};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::rejection::Rejection;

/// Decides on the holding of a delivery. A system that acts for several of its receivers holds its
/// own delivery first, then one of the others each time.
///
/// # Errors
/// [`Rejection::DeliveryUnknown`] if the party was not sent it, or has acknowledged it;
/// the caller answers for one that is held already from the case.
pub fn hold(
    case: Option<&Case>,
    asked: &Hold,
    context: Context<'_>,
) -> Result<DeliveryHeld, Rejection> {
    let Hold { case: _, delivery, by, reason, detail } = asked;
    let unknown = Rejection::DeliveryUnknown(*delivery);
    let case = case.ok_or(unknown.clone())?;
    let awaited = || case.awaited(*delivery).filter(|to| case.held(*delivery, *to).is_none());
    let (party, by) = match by {
        HeldBy::Bus(party) => (awaited().find(|to| to == party), None),
        HeldBy::Receiver(by) => {
            let own = awaited().find(|to| to == by);
            let others = || awaited().find(|to| context.roster.may_act_for(*by, *to));
            (own.or_else(others), Some(*by))
        }
    };
    let (delivery, reason, detail) = (*delivery, *reason, detail.as_deref().map(words));
    Ok(DeliveryHeld { case: case.id, delivery, party: party.ok_or(unknown)?, reason, detail, by })
}

/// Decides on the resolution of a held delivery.
///
/// # Errors
/// [`Rejection::DeliveryUnknown`] to a party that has no part in the case and for what was never
/// sent; [`Rejection::HeldNotYours`], [`Rejection::NotHeld`], [`Rejection::DeliveryNeeded`], or a
/// [`Rejection::Field`] for a party that cannot be meant.
pub fn resolve_held(
    case: Option<&Case>,
    asked: &ResolveHeld,
    context: Context<'_>,
) -> Result<HeldResolved, Rejection> {
    let ResolveHeld { author, request, fingerprint, case: _, delivery, party, resolution, note } =
        asked;
    let unknown = Rejection::DeliveryUnknown(*delivery);
    let case = case.ok_or(unknown.clone())?;
    let is_body = is_authorised_body(*author, context);
    if !is_body && !takes_part(case, *author, context) && !was_sent(case, asked, context) {
        return Err(unknown);
    }
    if case.senders(*delivery).next().is_none() {
        return Err(unknown);
    }
    let party = receiver(case, *delivery, *party)?;
    may_resolve(case, asked, party, context)?;
    if case.held(*delivery, party).is_none() {
        return Err(Rejection::NotHeld(*delivery));
    }
    match resolution {
        Resolution::Released => {}
        Resolution::Redirected { to } => check_target(case, party, *to, context)?,
        Resolution::Withdrawn => {
            if let Some(hop) = rests_on(case, *delivery, party, context)? {
                return Err(Rejection::DeliveryNeeded { delivery: *delivery, hop });
            }
        }
    }
    Ok(HeldResolved {
        case: case.id,
        delivery: *delivery,
        party,
        resolution: *resolution,
        author: *author,
        request: *request,
        fingerprint: *fingerprint,
        note: (!note.is_empty()).then(|| words(note)),
    })
}

/// What somebody says in words of their own, which may be of a person.
fn words(text: &str) -> Confidential {
    Confidential::plain(text.as_bytes())
}

fn is_authorised_body(party: PartyNumber, context: Context<'_>) -> bool {
    context.roster.party(party).is_some_and(|party| party.role == Role::MigrationBody)
}

/// Whether the delivery is to the party, which then has a part in it though it may have no place in
/// the case: the reader of a broadcast.
fn was_sent(case: &Case, asked: &ResolveHeld, context: Context<'_>) -> bool {
    let mut awaited = case.awaited(asked.delivery);
    awaited.any(|to| context.roster.may_act_for(asked.author, to))
}

/// With whom the delivery is held: the party that was named, or the only one.
fn receiver(
    case: &Case,
    delivery: Sequence,
    named: Option<PartyNumber>,
) -> Result<PartyNumber, Rejection> {
    if let Some(party) = named {
        return Ok(party);
    }
    let mut held = case.held_with(delivery);
    match (held.next(), held.next()) {
        (Some(party), None) => Ok(party),
        (None, _) => Err(Rejection::NotHeld(delivery)),
        (Some(_), Some(_)) => {
            let rule = "is required: the delivery is held with several receivers";
            Err(Rejection::Field { field: "party_id", rule })
        }
    }
}

fn may_resolve(
    case: &Case,
    asked: &ResolveHeld,
    party: PartyNumber,
    context: Context<'_>,
) -> Result<(), Rejection> {
    let acts_for = |of| context.roster.may_act_for(asked.author, of);
    let is_body = is_authorised_body(asked.author, context);
    let is_sender = || case.senders(asked.delivery).any(acts_for);
    let may = match asked.resolution {
        Resolution::Released => is_body || acts_for(party) || is_sender(),
        Resolution::Redirected { .. } => is_body,
        Resolution::Withdrawn => is_body || is_sender(),
    };
    if may { Ok(()) } else { Err(Rejection::HeldNotYours(asked.delivery)) }
}

/// A delivery goes to a party that can stand where its receiver stood: one of the same role, which
/// has not been on the case's way yet, so that nobody stands in two places of one case and nobody
/// gets an act twice.
fn check_target(
    case: &Case,
    receiver: PartyNumber,
    to: PartyNumber,
    context: Context<'_>,
) -> Result<(), Rejection> {
    let wrong = |rule| Err(Rejection::Field { field: "to_party_id", rule });
    let Some(target) = context.roster.party(to) else {
        return wrong("names no party of the registry");
    };
    if role_of(case, receiver, context) != Some(target.role) {
        return wrong("names a party of another role than the receiver's; name one of the same");
    }
    if is_on_the_way(case, to) {
        return wrong("names a party that has a part in the case already; name another");
    }
    Ok(())
}

/// The role of a receiver; of one that left the registry, that of its place.
fn role_of(case: &Case, party: PartyNumber, context: Context<'_>) -> Option<Role> {
    let of_place = || {
        let mut places = case.participants.iter().filter(|(_, of)| *of == party);
        places.find_map(|(actor, _)| match actor {
            Actor::Channel => Some(case.channel),
            Actor::DepartureAkimat => Some(Role::Akimat),
            Actor::Role(role) => Some(*role),
            Actor::Applicant | Actor::Internal => None,
        })
    };
    context.roster.party(party).map(|party| party.role).or_else(of_place)
}

fn is_on_the_way(case: &Case, party: PartyNumber) -> bool {
    let has_place = case.participants.iter().any(|(_, of)| *of == party);
    let receives = |run: &HopRun| match &run.state {
        HopState::Carried { to, .. } => *to == party,
        HopState::Done { received, .. } => received.is_some_and(|receipt| receipt.by == party),
        HopState::Open | HopState::Withdrawn { .. } | HopState::Ended { .. } => false,
    };
    let in_hop = |run: &HopRun| run.holder == party || receives(run);
    has_place || case.hops.iter().any(in_hop) || case.copies.iter().any(|copy| copy.to == party)
}

/// The hop that rests on a delivery: one that its receipt opens, or one that the act itself has
/// opened for the receiver, who would owe it without the papers.
fn rests_on(
    case: &Case,
    delivery: Sequence,
    party: PartyNumber,
    context: Context<'_>,
) -> Result<Option<HopId>, Rejection> {
    let opens = opened_by_receipt(case, delivery, party, context)?;
    let is_owed = |run: &&HopRun| {
        run.state == HopState::Open && run.opened_by == delivery && run.holder == party
    };
    let owed = || case.hops.iter().find(is_owed).map(|run| run.hop);
    Ok(opens.first().map(|opened| opened.hop).or_else(owed))
}
