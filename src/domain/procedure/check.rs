//! Whether the hops of a procedure file hold together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Hop, Kind, Trigger};
use crate::domain::act::{Act, Actor};
use crate::domain::ids::HopId;
use crate::domain::term::{Source, Term};

/// A procedure that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcedureError {
    /// Two hops with one id.
    #[error("hop {0} is there twice")]
    Duplicate(HopId),
    /// An opening, a joint record or a service term names a hop that is not there.
    #[error("hop {hop} refers to {missing}, which is not a hop of this procedure")]
    UnknownHop {
        /// The hop that refers.
        hop: HopId,
        /// What it refers to.
        missing: HopId,
    },
    /// The numbers of the hops leave one out.
    #[error("hop {0} is followed by a gap; the hops of the reference are numbered without one")]
    Gap(HopId),
    /// A service term starts with a hop that is not there.
    #[error("a service term starts with {0}, which is not a hop of this procedure")]
    UnknownStart(HopId),
    /// A rule beside the hops, without its paragraph.
    #[error("{0} has no citation")]
    Uncited(&'static str),
    /// No hop without an opening.
    #[error("no hop of this procedure begins a case; one must have no opening")]
    NoEntry,
    /// A hop that no chain of openings reaches.
    #[error("hop {0} is never opened")]
    Unreachable(HopId),
    /// Obligations that open each other for ever.
    #[error("hop {0} leads back to itself and nothing on the way is a branch that could be left")]
    Cycle(HopId),
    /// A hop without a sender or receiver, or between the applicant and nobody on the bus.
    #[error("hop {0} has no party to the bus that could record it")]
    NoParty(HopId),
    /// A receipt that never comes, because the hop's receiver has no inbox.
    #[error("hop {hop} waits for the receipt of {by}, whose receiver has no inbox")]
    NoReceipt {
        /// The hop that waits.
        hop: HopId,
        /// The hop whose receipt it waits for.
        by: HopId,
    },
    /// A term without its paragraph, or without the words it was read from.
    #[error("hop {0} has no {1}")]
    Without(HopId, &'static str),
    /// A count that cannot belong to the term.
    #[error("hop {0} cannot count its term this way")]
    Count(HopId),
    /// Two hops that one act of one party would discharge at the same time.
    #[error("hops {0} and {1} are both open to the act {2} at once")]
    Ambiguous(HopId, HopId, Act),
}

pub(super) fn check(draft: &Draft) -> Result<(), ProcedureError> {
    let by_id = index_by_id(&draft.hops)?;
    for hop in &draft.hops {
        check_hop(hop)?;
        check_references(hop, &by_id)?;
    }
    if let Some(service) = draft.service.iter().find(|each| !by_id.contains_key(&each.starts_with))
    {
        return Err(ProcedureError::UnknownStart(service.starts_with));
    }
    check_citations(draft)?;
    check_numbers(&draft.hops)?;
    check_reach(&draft.hops)?;
    check_cycles(&draft.hops)?;
    check_unambiguous(&draft.hops)
}

fn index_by_id(hops: &[Hop]) -> Result<BTreeMap<HopId, &Hop>, ProcedureError> {
    let mut by_id = BTreeMap::new();
    for hop in hops {
        if by_id.insert(hop.id, hop).is_some() {
            return Err(ProcedureError::Duplicate(hop.id));
        }
    }
    Ok(by_id)
}

fn check_hop(hop: &Hop) -> Result<(), ProcedureError> {
    let on_the_bus = |actor: &Actor| !matches!(actor, Actor::Applicant | Actor::Internal);
    if hop.from.is_empty() || hop.to.is_empty() || !hop.recorders().iter().any(on_the_bus) {
        return Err(ProcedureError::NoParty(hop.id));
    }
    let founded = match hop.kind {
        Kind::Hop => !hop.citation.is_empty(),
        Kind::Step => !hop.citation.is_empty() || !hop.readings.is_empty(),
    };
    if !founded {
        return Err(ProcedureError::Without(hop.id, "citation"));
    }
    let needs_words = hop.term != Term::None && hop.source == Source::Statutory;
    if needs_words && hop.wording.is_empty() {
        return Err(ProcedureError::Without(hop.id, "original words of its term"));
    }
    if !hop.term.accepts(hop.count) {
        return Err(ProcedureError::Count(hop.id));
    }
    Ok(())
}

/// Every rule beside the hops has its paragraph too.
fn check_citations(draft: &Draft) -> Result<(), ProcedureError> {
    let of_services = draft.service.iter().map(|each| ("the term of a service", &each.citation));
    let grounds = draft.grounds.iter().chain(&draft.acceptance_grounds);
    let of_grounds = grounds.map(|each| ("a ground of refusal", &each.citation));
    let of_hours = draft.hours.iter().map(|each| ("a row of hours", &each.citation));
    let mut citations = of_services.chain(of_grounds).chain(of_hours);
    match citations.find(|(_, citation)| citation.is_empty()) {
        Some((rule, _)) => Err(ProcedureError::Uncited(rule)),
        None => Ok(()),
    }
}

fn check_references(hop: &Hop, by_id: &BTreeMap<HopId, &Hop>) -> Result<(), ProcedureError> {
    let known = |missing: HopId| {
        by_id.get(&missing).copied().ok_or(ProcedureError::UnknownHop { hop: hop.id, missing })
    };
    for by in &hop.opened_by {
        let earlier = known(by.hop)?;
        let awaits = by.trigger == Trigger::Received;
        if awaits && (earlier.broadcast || earlier.receivers().next().is_none()) {
            return Err(ProcedureError::NoReceipt { hop: hop.id, by: by.hop });
        }
        by.with.iter().try_for_each(|hop| known(*hop).map(|_| ()))?;
    }
    hop.closes.iter().chain(&hop.recorded_with).try_for_each(|hop| known(*hop).map(|_| ()))
}

/// The reference numbers the hops of a procedure one after the other, so a missing number is a
/// hop that was forgotten.
fn check_numbers(hops: &[Hop]) -> Result<(), ProcedureError> {
    let mut numbers: BTreeMap<&str, BTreeMap<u32, HopId>> = BTreeMap::new();
    for hop in hops.iter().filter(|hop| hop.kind == Kind::Hop) {
        if let Some((prefix, number)) = hop.id.as_str().rsplit_once('-')
            && let Ok(number) = number.parse()
        {
            numbers.entry(prefix).or_default().insert(number, hop.id);
        }
    }
    for numbers in numbers.values() {
        for (one, next) in numbers.iter().zip(numbers.keys().skip(1)) {
            if one.0 + 1 != *next {
                return Err(ProcedureError::Gap(*one.1));
            }
        }
    }
    Ok(())
}

fn check_reach(hops: &[Hop]) -> Result<(), ProcedureError> {
    let begins = |hop: &&Hop| hop.opened_by.is_empty() || hop.carried_by_bus;
    let mut reached: BTreeSet<HopId> = hops.iter().filter(begins).map(|hop| hop.id).collect();
    if !hops.iter().any(|hop| hop.opened_by.is_empty() && !hop.carried_by_bus) {
        return Err(ProcedureError::NoEntry);
    }
    loop {
        let next: Vec<_> = hops
            .iter()
            .filter(|hop| !reached.contains(&hop.id))
            .filter(|hop| hop.opened_by.iter().any(|by| reached.contains(&by.hop)))
            .map(|hop| hop.id)
            .collect();
        if next.is_empty() {
            break;
        }
        reached.extend(next);
    }
    match hops.iter().find(|hop| !reached.contains(&hop.id)) {
        Some(hop) => Err(ProcedureError::Unreachable(hop.id)),
        None => Ok(()),
    }
}

/// Obligations must come to an end: among the hops that are not branches, none leads back to
/// itself. A branch may, as a postponed hearing is a hearing again.
fn check_cycles(hops: &[Hop]) -> Result<(), ProcedureError> {
    let mut left: BTreeMap<HopId, BTreeSet<HopId>> = hops
        .iter()
        .filter(|hop| hop.branch.is_none())
        .map(|hop| (hop.id, hop.opened_by.iter().map(|by| by.hop).collect()))
        .collect();
    // What nothing leads to, and what leads nowhere, is on no circle; what stays is.
    loop {
        let ids: BTreeSet<HopId> = left.keys().copied().collect();
        let leading: BTreeSet<HopId> = left.values().flatten().copied().collect();
        let before = left.len();
        left.retain(|hop, earlier| !earlier.is_disjoint(&ids) && leading.contains(hop));
        if left.len() == before {
            return left.keys().next().map_or(Ok(()), |hop| Err(ProcedureError::Cycle(*hop)));
        }
    }
}

/// Hops opened by the same event must differ in act, recorder, outcome, channel or basis, or an
/// act could not tell them apart.
fn check_unambiguous(hops: &[Hop]) -> Result<(), ProcedureError> {
    for (at, one) in hops.iter().enumerate() {
        for other in &hops[at + 1..] {
            let apart = one.act != other.act
                || one.recorded_with.is_some()
                || other.recorded_with.is_some()
                || disjoint(&one.channels, &other.channels)
                || disjoint(&one.bases, &other.bases)
                || !one.recorders().iter().any(|actor| other.recorders().contains(actor));
            if !apart && opened_together(one, other) {
                return Err(ProcedureError::Ambiguous(one.id, other.id, one.act));
            }
        }
    }
    Ok(())
}

/// Empty means everything, so it is disjoint from nothing.
fn disjoint<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    !one.is_empty() && !other.is_empty() && !one.iter().any(|each| other.contains(each))
}

fn opened_together(one: &Hop, other: &Hop) -> bool {
    if one.opened_by.is_empty() || other.opened_by.is_empty() {
        return one.opened_by.is_empty() && other.opened_by.is_empty();
    }
    one.opened_by.iter().any(|by| {
        let same = |also: &&super::OpenedBy| by.hop == also.hop && by.trigger == also.trigger;
        other.opened_by.iter().filter(same).any(|also| !disjoint(&by.outcomes, &also.outcomes))
    })
}
