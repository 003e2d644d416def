//! Held deliveries: put aside by their receiver or by the bus, and resolved by an act.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::answer::{Later, Repeat, Reply, index_fault};
use super::group::Group;
use super::upkeep::reused;
use super::writer::{Outcome, Writer};
use super::{Engine, EngineError, Request};
use crate::domain::party::PartyNumber;
use crate::domain::{
    self, Case, CaseId, DeliveryHeld, Event, HeldBy, HeldReason, HeldResolved, Hold, ResolveHeld,
    Sequence,
};

/// A delivery, held or resolved.
#[derive(Debug, Clone)]
pub struct HeldTaken {
    /// The place of the record in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of the record.
    pub hash: [u8; 32],
    /// The case, as of now.
    pub case: Arc<Case>,
}

/// What is asked about held deliveries.
pub(super) enum HeldRequest {
    Hold(Hold),
    Resolve(ResolveHeld),
}

/// To whom the answer goes.
pub(super) type HeldReply = oneshot::Sender<Result<HeldTaken, EngineError>>;

impl Engine {
    /// Holds a delivery in the name of the bus, which could not get it taken, and waits until that
    /// is durable. Whether it is handed out again is then for the case's parties to say.
    ///
    /// # Errors
    /// As for [`Engine::act`]; [`Rejection::DeliveryUnknown`](domain::Rejection::DeliveryUnknown)
    /// for one that was acknowledged meanwhile.
    pub async fn hold(
        &self,
        case: CaseId,
        delivery: Sequence,
        party: PartyNumber,
        reason: HeldReason,
    ) -> Result<HeldTaken, EngineError> {
        let by = HeldBy::Bus(party);
        self.reject(Hold { case, delivery, by, reason, detail: None }).await
    }

    /// Holds a delivery that its receiver's system rejects, and waits until that is durable. While
    /// it is held a repeat gets the original answer, whatever it says.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn reject(&self, asked: Hold) -> Result<HeldTaken, EngineError> {
        self.ask_held(HeldRequest::Hold(asked)).await
    }

    /// Resolves a held delivery, and waits until that is durable. A repeat gets the original
    /// receipt.
    ///
    /// # Errors
    /// As for [`Engine::act`].
    pub async fn resolve_held(&self, asked: ResolveHeld) -> Result<HeldTaken, EngineError> {
        self.ask_held(HeldRequest::Resolve(asked)).await
    }

    async fn ask_held(&self, asked: HeldRequest) -> Result<HeldTaken, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Held(Box::new(asked), reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Writer {
    /// Takes what is asked about a held delivery. Never refused for want of disk space: it opens no
    /// case, and a delivery that is resolved closes clocks.
    pub(super) fn held(
        &mut self,
        asked: HeldRequest,
        reply: HeldReply,
        now_ms: i64,
        group: &mut Group,
    ) {
        let decided = match asked {
            HeldRequest::Hold(asked) => {
                self.decide_hold(&asked, now_ms).map(|outcome| outcome.map(Event::DeliveryHeld))
            }
            HeldRequest::Resolve(asked) => {
                self.decide_resolve(&asked, now_ms).map(|outcome| outcome.map(Event::HeldResolved))
            }
        };
        match decided {
            Ok(Outcome::Fresh(event)) => self.take(event, now_ms, group, Reply::Held(reply)),
            Ok(Outcome::Repeat(repeat)) => group.later.push(Later::Held(Ok(repeat), reply)),
            Err(error) => group.later.push(Later::Held(Err(error), reply)),
        }
    }

    fn decide_hold(&self, asked: &Hold, now_ms: i64) -> Result<Outcome<DeliveryHeld>, EngineError> {
        let case = self.overlay.case(asked.case).map_err(index_fault)?;
        let (calendar, ledger) = (self.law.calendar(), self.ledger());
        match domain::hold(case.as_deref(), asked, self.context(now_ms, &calendar, &ledger)) {
            Ok(held) => Ok(Outcome::Fresh(held)),
            Err(rejection) => {
                let since = case.as_deref().and_then(|case| self.held_since(case, asked));
                let since = since.ok_or(rejection)?;
                Ok(Outcome::Repeat(Repeat { sequence: since, fingerprint: None }))
            }
        }
    }

    /// The record by which the delivery is held already with the party that asks, or with one for
    /// which it acts.
    fn held_since(&self, case: &Case, asked: &Hold) -> Option<Sequence> {
        let is_for = |party: PartyNumber| match asked.by {
            HeldBy::Receiver(by) => self.roster.may_act_for(by, party),
            HeldBy::Bus(receiver) => receiver == party,
        };
        let party = case.held_with(asked.delivery).find(|party| is_for(*party))?;
        case.held(asked.delivery, party).map(|held| held.since.sequence)
    }

    fn decide_resolve(
        &self,
        asked: &ResolveHeld,
        now_ms: i64,
    ) -> Result<Outcome<HeldResolved>, EngineError> {
        let known = self.overlay.request(asked.author, asked.request).map_err(index_fault)?;
        if let Some(sequence) = known {
            let fingerprint = Some((asked.request, asked.fingerprint));
            return Ok(Outcome::Repeat(Repeat { sequence, fingerprint }));
        }
        let case = self.overlay.case(asked.case).map_err(index_fault)?;
        let (calendar, ledger) = (self.law.calendar(), self.ledger());
        let context = self.context(now_ms, &calendar, &ledger);
        Ok(Outcome::Fresh(domain::resolve_held(case.as_deref(), asked, context)?))
    }

    pub(super) fn repeated_held(&self, repeat: &Repeat) -> Result<HeldTaken, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let case = match (&recorded.event, repeat.fingerprint) {
            (Event::DeliveryHeld(held), None) => held.case,
            (Event::HeldResolved(resolved), Some(_)) => {
                let is_sealed = resolved.note.as_ref().is_some_and(|note| note.sealed().is_some());
                let asked = repeat.fingerprint.map(|(_, asked)| asked);
                if !asked
                    .is_some_and(|asked| self.is_same(&asked, &resolved.fingerprint, is_sealed))
                {
                    return Err(reused(repeat));
                }
                resolved.case
            }
            // The request belongs to an act of another kind.
            (_, _) => return Err(reused(repeat)),
        };
        let case = self.case_of(case)?;
        let (sequence, at, hash) = (repeat.sequence, recorded.at, recorded.hash);
        Ok(HeldTaken { sequence, at, hash, case })
    }
}
