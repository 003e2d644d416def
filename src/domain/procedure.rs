//! A procedure in one edition: its hops with their terms and citations, and what opens each.
//!
//! The law is data. This module holds the checked form of it: a [`Procedure`] exists only if every
//! hop is reached from the applicant's first step and every opening names a hop of the procedure.

use std::collections::{BTreeMap, BTreeSet};

use super::act::{Act, Actor, Ground, Outcome};
use super::ids::{HopId, ProcedureKey};
use super::party::{Names, Role};
use super::term::{CalendarDays, CountMode, Counting, Source, Term};

/// What of an earlier hop opens the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// The act itself, on the day it was done.
    Acted,
    /// The receiver's acknowledgement that the act has arrived.
    Received,
}

/// The event that opens a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedBy {
    /// The earlier hop.
    pub hop: HopId,
    /// Its act or its receipt.
    pub trigger: Trigger,
    /// The outcome that the case must have; none means any.
    pub outcome: Option<Outcome>,
}

/// One legal step: sender, receiver, act, term, citation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The id of the reference, for example `K21B-03`.
    pub id: HopId,
    /// Who must act.
    pub from: Actor,
    /// Who receives.
    pub to: Actor,
    /// The act that carries the hop.
    pub act: Act,
    /// The term, or none when the text states none.
    pub term: Term,
    /// How the text counts it.
    pub count: CountMode,
    /// Whether the term is the law's or assumed by the bus; the two are never mixed.
    pub source: Source,
    /// The paragraph, for example `002-EN A1 ¶12`.
    pub citation: String,
    /// The original words of the term, empty when there are none.
    pub wording: String,
    /// What opens it; none for the applicant's first step.
    pub opened_by: Option<OpenedBy>,
    /// The hop whose act records this one as well, when both are one act of one party.
    pub recorded_with: Option<HopId>,
    /// What a reader should know of the reading taken; may be empty.
    pub note: String,
}

impl Hop {
    /// The role whose system records the act: the sender, or the receiver when the applicant,
    /// who has no system on the bus, is the sender.
    pub fn recorder(&self) -> Option<Role> {
        match (self.from, self.to) {
            (Actor::Role(role), _) | (Actor::Applicant, Actor::Role(role)) => Some(role),
            (Actor::Applicant, Actor::Applicant) => None,
        }
    }

    /// The role whose inbox the act goes to, if the receiver has one.
    pub fn receiver(&self) -> Option<Role> {
        match (self.from, self.to) {
            (Actor::Role(_), Actor::Role(role)) => Some(role),
            (_, Actor::Applicant) | (Actor::Applicant, _) => None,
        }
    }
}

/// The term of the whole service, which runs beside the hops' own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTerm {
    /// The hop whose act starts it.
    pub starts_with: HopId,
    /// The term.
    pub term: Term,
    /// True when the hops of the same text cannot fit into it, so that it informs only.
    pub informative: bool,
    /// The paragraph.
    pub citation: String,
}

/// A procedure in one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    key: ProcedureKey,
    names: Names,
    basis: String,
    hops: Vec<Hop>,
    service: Vec<ServiceTerm>,
    grounds: Vec<Ground>,
    counting: Counting,
    consent_validity: Option<CalendarDays>,
}

/// What a procedure file says, before it is checked.
#[derive(Debug, Clone)]
pub struct Draft {
    /// See [`Procedure::key`].
    pub key: ProcedureKey,
    /// See [`Procedure::names`].
    pub names: Names,
    /// See [`Procedure::basis`].
    pub basis: String,
    /// See [`Procedure::hops`].
    pub hops: Vec<Hop>,
    /// See [`Procedure::service`].
    pub service: Vec<ServiceTerm>,
    /// See [`Procedure::grounds`].
    pub grounds: Vec<Ground>,
    /// See [`Procedure::counting`].
    pub counting: Counting,
    /// See [`Procedure::consent_validity`].
    pub consent_validity: Option<CalendarDays>,
}

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
    /// No hop without an opening, or more than one.
    #[error("a procedure has exactly one first hop; here {0} hops have no opening")]
    Entry(usize),
    /// A hop that no chain of openings reaches.
    #[error("hop {0} is never opened")]
    Unreachable(HopId),
    /// A hop between the applicant and the applicant.
    #[error("hop {0} has no party to the bus at either end")]
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
    #[error("hop {0} has a term but no {1}")]
    TermWithout(HopId, &'static str),
    /// Two hops that one act of one role would discharge at the same time.
    #[error("hops {0} and {1} are both open to the act {2} at once")]
    Ambiguous(HopId, HopId, Act),
}

impl Procedure {
    /// Checks a draft and makes it a procedure.
    pub fn new(draft: Draft) -> Result<Self, ProcedureError> {
        let by_id = index_by_id(&draft.hops)?;
        for hop in &draft.hops {
            check_hop(hop, &by_id)?;
        }
        for service in &draft.service {
            let hop = service.starts_with;
            if !by_id.contains_key(&hop) {
                return Err(ProcedureError::UnknownHop { hop, missing: hop });
            }
        }
        check_reach(&draft.hops)?;
        check_unambiguous(&draft.hops)?;
        let Draft { key, names, basis, hops, service, grounds, counting, consent_validity } = draft;
        Ok(Self { key, names, basis, hops, service, grounds, counting, consent_validity })
    }

    /// Procedure and edition.
    pub fn key(&self) -> &ProcedureKey {
        &self.key
    }

    /// The service's name in three languages.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The act of law that the procedure follows.
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// The hops in the order of the text.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The terms of the whole service.
    pub fn service(&self) -> &[ServiceTerm] {
        &self.service
    }

    /// The grounds on which this edition allows a refusal.
    pub fn grounds(&self) -> &[Ground] {
        &self.grounds
    }

    /// The counting switches.
    pub fn counting(&self) -> Counting {
        self.counting
    }

    /// How long a consent stays valid; the text is silent, so by default without end.
    pub fn consent_validity(&self) -> Option<CalendarDays> {
        self.consent_validity
    }

    /// The same procedure with another validity of the consent, which is configuration.
    #[must_use]
    pub fn with_consent_validity(mut self, validity: Option<CalendarDays>) -> Self {
        self.consent_validity = validity;
        self
    }

    /// A hop by its id.
    pub fn hop(&self, id: HopId) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.id == id)
    }

    /// The hop that carries the applicant's first step onto the bus, with the hop that the same
    /// act records beside it, if there is one.
    pub fn intake(&self) -> Option<(&Hop, Option<&Hop>)> {
        let first = self.hops.iter().find(|hop| hop.opened_by.is_none())?;
        match first.recorded_with {
            Some(carrier) => Some((self.hop(carrier)?, Some(first))),
            None => Some((first, None)),
        }
    }

    /// The hops that an event of `hop` opens, given what has been decided.
    pub fn opened_by(
        &self,
        hop: HopId,
        trigger: Trigger,
        outcome: Option<Outcome>,
    ) -> impl Iterator<Item = &Hop> {
        self.hops.iter().filter(move |next| {
            next.opened_by.is_some_and(|by| {
                by.hop == hop
                    && by.trigger == trigger
                    && (by.outcome.is_none() || by.outcome == outcome)
            })
        })
    }
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

fn check_hop(hop: &Hop, by_id: &BTreeMap<HopId, &Hop>) -> Result<(), ProcedureError> {
    let known = |missing: HopId| {
        by_id.get(&missing).copied().ok_or(ProcedureError::UnknownHop { hop: hop.id, missing })
    };
    if hop.recorder().is_none() {
        return Err(ProcedureError::NoParty(hop.id));
    }
    if hop.citation.is_empty() {
        return Err(ProcedureError::TermWithout(hop.id, "citation"));
    }
    let needs_words = hop.term != Term::None && hop.source == Source::Statutory;
    if needs_words && hop.wording.is_empty() {
        return Err(ProcedureError::TermWithout(hop.id, "original words"));
    }
    if let Some(by) = hop.opened_by {
        let earlier = known(by.hop)?;
        if by.trigger == Trigger::Received && earlier.receiver().is_none() {
            return Err(ProcedureError::NoReceipt { hop: hop.id, by: by.hop });
        }
    }
    if let Some(carrier) = hop.recorded_with {
        known(carrier)?;
    }
    Ok(())
}

/// Every hop is reached from the single first one; with each hop opened by one earlier hop and
/// the first by none, that also rules out a cycle.
fn check_reach(hops: &[Hop]) -> Result<(), ProcedureError> {
    let entries: Vec<_> = hops.iter().filter(|hop| hop.opened_by.is_none()).collect();
    let [entry] = entries[..] else {
        return Err(ProcedureError::Entry(entries.len()));
    };
    let mut reached = BTreeSet::from([entry.id]);
    loop {
        let next: Vec<_> = hops
            .iter()
            .filter(|hop| !reached.contains(&hop.id))
            .filter(|hop| hop.opened_by.is_some_and(|by| reached.contains(&by.hop)))
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

/// Hops opened by the same event must differ in act or outcome, or an act could not tell them apart.
fn check_unambiguous(hops: &[Hop]) -> Result<(), ProcedureError> {
    for (at, one) in hops.iter().enumerate() {
        for other in &hops[at + 1..] {
            if one.act == other.act && one.opened_by == other.opened_by {
                return Err(ProcedureError::Ambiguous(one.id, other.id, one.act));
            }
        }
    }
    Ok(())
}
