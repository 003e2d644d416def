//! A procedure in one edition: its hops with their terms and citations, and what opens each.
//!
//! The law is data. This module holds the checked form of it: a [`Procedure`] exists only if every
//! hop is reached from an entry, every opening names a hop of the procedure, and no obligation
//! goes round in a circle.

mod check;

use jiff::civil::Date;
use thiserror::Error;

use super::act::{Act, Actor, Basis, Ground, Outcome};
use super::hours::Hours;
use super::ids::{HopId, ProcedureKey};
use super::party::{Names, Role};
use super::quota::Category;
use super::region::Region;
use super::term::{CalendarDays, CountMode, Counting, Source, Term};

pub use check::ProcedureError;

/// What of an earlier hop opens the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// The act itself, on the day it was done.
    Acted,
    /// The receiver's acknowledgement that the act has arrived.
    Received,
}

/// An event that opens a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedBy {
    /// The earlier hop.
    pub hop: HopId,
    /// Its act or its receipt.
    pub trigger: Trigger,
    /// The last outcome that the case must have: one of these, or any when there are none.
    pub outcomes: Vec<Outcome>,
    /// Hops that must be done as well, where several branches join.
    pub with: Vec<HopId>,
}

/// Whether the reference of the law numbers a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A hop of the reference.
    Hop,
    /// A step that the text names or needs without a hop of its own, such as the extension of a
    /// term; its citation or its readings say where it comes from.
    Step,
}

/// One legal step: sender, receiver, act, term, citation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The id of the reference, for example `K21B-03`.
    pub id: HopId,
    /// Whether the reference numbers it.
    pub kind: Kind,
    /// Who must act: one of these, whoever stands there in the case. Never empty.
    pub from: Vec<Actor>,
    /// Who receives; every one of them when it is a broadcast, else the first in the case. Never
    /// empty.
    pub to: Vec<Actor>,
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
    /// The ambiguities of the register on whose readings it rests, for example `A-05`.
    pub readings: Vec<String>,
    /// What opens it, any of these; empty for an entry.
    pub opened_by: Vec<OpenedBy>,
    /// It is opened in cases that these took in; empty means in all.
    pub channels: Vec<Role>,
    /// It is opened in cases on these bases; empty means in all.
    pub bases: Vec<Basis>,
    /// When the step is a branch or a right: its condition. Possible, never an obligation, and
    /// its end is the end of a window, never a breach.
    pub branch: Option<String>,
    /// The hops that end undone when this one is done.
    pub closes: Vec<HopId>,
    /// Its act ends the case.
    pub ends: bool,
    /// Every party of the receiving roles gets it.
    pub broadcast: bool,
    /// The hop by whose act this one is done too.
    pub recorded_with: Option<HopId>,
    /// Whose system records the act, when it is not the sender's.
    pub recorded_by: Option<Actor>,
    /// The bus itself carries it, at each act of the case.
    pub carried_by_bus: bool,
    /// What a reader should know of the reading taken; may be empty.
    pub note: String,
}

/// Why a hop has no ladder: no clock of it can be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoLadder {
    /// A branch or a right.
    #[error("is possible and never owed: passing its end is no breach")]
    Branch,
    /// No party owes it.
    #[error("is the applicant's own act")]
    Applicants,
    /// The text states no term, and none is assumed.
    #[error("has no term")]
    NoTerm,
}

impl Hop {
    /// Why nothing is said of the hop while it runs; none where its term has a ladder.
    pub fn no_ladder(&self) -> Option<NoLadder> {
        if self.branch.is_some() {
            return Some(NoLadder::Branch);
        }
        if self.from.iter().all(|actor| *actor == Actor::Applicant) {
            return Some(NoLadder::Applicants);
        }
        (self.term == Term::None).then_some(NoLadder::NoTerm)
    }

    /// Whether the applicant takes the step, and a party only records it.
    pub fn is_applicants(&self) -> bool {
        self.from.contains(&Actor::Applicant)
    }

    /// Who may record the act: whoever the file names, the receivers of what the applicant does,
    /// else the senders.
    pub fn recorders(&self) -> Vec<Actor> {
        match self.recorded_by {
            Some(actor) => vec![actor],
            None if self.is_applicants() => self.to.clone(),
            None => self.from.clone(),
        }
    }

    /// Who may have the act in its inbox; nobody where the applicant sends or receives, or where
    /// the act stays inside.
    pub fn receivers(&self) -> impl Iterator<Item = Actor> {
        let sent = !self.is_applicants();
        self.to
            .iter()
            .copied()
            .filter(move |actor| sent && !matches!(actor, Actor::Applicant | Actor::Internal))
    }

    /// Whether the step belongs to cases of this channel and basis.
    pub fn applies_to(&self, channel: Role, basis: Basis) -> bool {
        (self.channels.is_empty() || self.channels.contains(&channel))
            && (self.bases.is_empty() || self.bases.contains(&basis))
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

/// A ground of refusal as an edition lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGround {
    /// The ground, common to the editions.
    pub ground: Ground,
    /// Its number in this edition's list.
    pub code: String,
    /// What the edition says, in short.
    pub words: String,
    /// The paragraph.
    pub citation: String,
}

/// What a procedure file says, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Procedure and edition.
    pub key: ProcedureKey,
    /// The service's name in three languages.
    pub names: Names,
    /// The act of law that the procedure follows.
    pub basis: String,
    /// Whose quota its decisions hold and take; none when it has none.
    pub category: Option<Category>,
    /// The outcome that a positive decision has; none where the procedure decides on nobody.
    pub grants: Option<Outcome>,
    /// The paragraph by which a person is granted this only once, where the edition says so.
    pub once: Option<String>,
    /// The one region whose own rules these are.
    pub region: Option<Region>,
    /// The hops and steps in the order of the text.
    pub hops: Vec<Hop>,
    /// The terms of the whole service.
    pub service: Vec<ServiceTerm>,
    /// The grounds on which this edition allows a refusal of the service.
    pub grounds: Vec<ListedGround>,
    /// The grounds on which it allows a refusal to accept an application.
    pub acceptance_grounds: Vec<ListedGround>,
    /// When the channels take applications and give out results.
    pub hours: Vec<Hours>,
    /// The counting switches.
    pub counting: Counting,
    /// How long a consent stays valid; the text is silent, so by default without end.
    pub consent_validity: Option<CalendarDays>,
}

/// A procedure in one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    draft: Draft,
    /// The first day on which it applies, from the configured publication; none when the day of
    /// publication is not configured.
    in_force_from: Option<Date>,
}

impl Procedure {
    /// Checks a draft and makes it a procedure.
    ///
    /// # Errors
    /// A [`ProcedureError`] that names the hop and the rule.
    pub fn new(draft: Draft) -> Result<Self, ProcedureError> {
        check::check(&draft)?;
        Ok(Self { draft, in_force_from: None })
    }

    /// Procedure and edition.
    pub fn key(&self) -> &ProcedureKey {
        &self.draft.key
    }

    /// The service's name in three languages.
    pub fn names(&self) -> &Names {
        &self.draft.names
    }

    /// The act of law that the procedure follows.
    pub fn basis(&self) -> &str {
        &self.draft.basis
    }

    /// Whose quota its decisions hold and take.
    pub fn category(&self) -> Option<Category> {
        self.draft.category
    }

    /// The outcome that a positive decision has.
    pub fn grants(&self) -> Option<Outcome> {
        self.draft.grants
    }

    /// The paragraph by which a person is granted this only once.
    pub fn once(&self) -> Option<&str> {
        self.draft.once.as_deref()
    }

    /// The one region whose own rules these are.
    pub fn region(&self) -> Option<Region> {
        self.draft.region
    }

    /// The hops and steps in the order of the text.
    pub fn hops(&self) -> &[Hop] {
        &self.draft.hops
    }

    /// The terms of the whole service.
    pub fn service(&self) -> &[ServiceTerm] {
        &self.draft.service
    }

    /// The grounds on which this edition allows a refusal of the service.
    pub fn grounds(&self) -> &[ListedGround] {
        &self.draft.grounds
    }

    /// The grounds on which this edition allows a refusal to accept.
    pub fn acceptance_grounds(&self) -> &[ListedGround] {
        &self.draft.acceptance_grounds
    }

    /// When the channels take applications and give out results.
    pub fn hours(&self) -> &[Hours] {
        &self.draft.hours
    }

    /// The counting switches.
    pub fn counting(&self) -> Counting {
        self.draft.counting
    }

    /// How long a consent stays valid.
    pub fn consent_validity(&self) -> Option<CalendarDays> {
        self.draft.consent_validity
    }

    /// The first day on which it applies, when its publication is configured.
    pub fn in_force_from(&self) -> Option<Date> {
        self.in_force_from
    }

    /// The same procedure with another validity of the consent, which is configuration.
    #[must_use]
    pub fn with_consent_validity(mut self, validity: Option<CalendarDays>) -> Self {
        self.draft.consent_validity = validity;
        self
    }

    /// The same procedure with other counting switches, which are configuration.
    #[must_use]
    pub fn with_counting(mut self, counting: Counting) -> Self {
        self.draft.counting = counting;
        self
    }

    /// The same procedure, published on this day. All the acts take effect when ten calendar days
    /// have passed after the day of publication, which is itself not counted.
    #[must_use]
    pub fn with_publication(mut self, published: Date) -> Self {
        self.in_force_from = published.checked_add(jiff::Span::new().days(11)).ok();
        self
    }

    /// A hop by its id.
    pub fn hop(&self, id: HopId) -> Option<&Hop> {
        self.hops().iter().find(|hop| hop.id == id)
    }

    /// The hops that begin a case.
    pub fn entries(&self) -> impl Iterator<Item = &Hop> {
        self.hops().iter().filter(|hop| hop.opened_by.is_empty() && !hop.carried_by_bus)
    }

    /// The entry for a party of this role, on this basis.
    pub fn entry(&self, channel: Role, basis: Basis) -> Option<&Hop> {
        self.entries().find(|hop| {
            hop.applies_to(channel, basis)
                && hop.recorders().iter().any(|actor| actor.role() == Some(channel))
        })
    }

    /// The hops that the act of `carrier` discharges too.
    pub fn recorded_with(&self, carrier: HopId) -> impl Iterator<Item = &Hop> {
        self.hops().iter().filter(move |hop| hop.recorded_with == Some(carrier))
    }

    /// The hops that an event of `hop` may open, with the opening that does.
    pub fn opened_by(
        &self,
        hop: HopId,
        trigger: Trigger,
    ) -> impl Iterator<Item = (&Hop, &OpenedBy)> {
        self.hops().iter().filter_map(move |next| {
            let by = next.opened_by.iter().find(|by| by.hop == hop && by.trigger == trigger)?;
            Some((next, by))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
