//! The erasure of a case: its record first, and once that is durable, the key.
//!
//! A bus that dies between the two has the record and the key; the next start destroys every key
//! whose case was erased, those of a vault that came out of an old backup among them.

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::answer::index_fault;
use super::group::Group;
use super::start::StartError;
use super::upkeep::{check_fingerprint, reused};
use super::writer::Writer;
use super::{Engine, EngineError, Request};
use crate::domain::{
    self, CaseErased, CaseId, EraseCase, ErasureOrder, Event, Rejection, RequestId, Sequence,
    SlotNumber,
};
use crate::engine::answer::Repeat;
use crate::index::Index;
use crate::journal::JournalError;
use crate::vault::Vault;

/// Slots read at once while it is seen to that the keys of erased cases are gone.
const PAGE_SLOTS: usize = 1024;

/// A case, erased.
#[derive(Debug, Clone, Copy)]
pub struct Erased {
    /// The place of the record in the journal.
    pub sequence: Sequence,
    /// When it was accepted.
    pub at: Timestamp,
    /// The SHA-256 of the record.
    pub hash: [u8; 32],
    /// The case.
    pub case: CaseId,
}

/// To whom the answer goes.
pub(super) type EraseReply = oneshot::Sender<Result<Erased, EngineError>>;

impl Engine {
    /// Erases the personal data of a case, and waits until its key is gone. A repeat gets the
    /// original receipt.
    ///
    /// # Errors
    /// As for [`Engine::act`]; [`EngineError::Stopped`] too where the record is durable and the key
    /// could not be overwritten: the bus ends then, and its next start destroys the key.
    pub async fn erase(&self, asked: EraseCase) -> Result<Erased, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Erase(Box::new(asked), reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Writer {
    /// Erases a case in a group of its own, after what was decided before in this turn: what is
    /// still to be sealed with its key is written first.
    pub(super) fn erase(
        &mut self,
        asked: &EraseCase,
        reply: EraseReply,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<(), JournalError> {
        self.flush(now_ms, group)?;
        let erased = self.record_and_destroy(asked, now_ms, group)?;
        // A caller that has gone away is not an error; its repeat will get the same answer.
        drop(reply.send(erased));
        Ok(())
    }

    fn record_and_destroy(
        &mut self,
        asked: &EraseCase,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Result<Erased, EngineError>, JournalError> {
        let erased = match self.decide_erasure(asked) {
            Ok(Outcome::Fresh(erased)) => erased,
            Ok(Outcome::Repeat(repeat)) => return Ok(self.repeated_erasure(&repeat)),
            Err(error) => return Ok(Err(error)),
        };
        let slot = erased.slot;
        let sequence = self.next_sequence(group);
        let noted = self.note(Event::CaseErased(erased), now_ms, group);
        if let Err(error) = noted.and(self.commit(now_ms, group)?) {
            return Ok(Err(error));
        }
        let told = self.told(sequence);
        let at = told.as_ref().map_or_else(|_| super::timestamp(now_ms), |erased| erased.at);
        if let Err(error) = self.vault.erase(slot, at) {
            tracing::error!(%error, %sequence, "the key of an erased case is not destroyed yet; restart the bus after the cause is mended");
            self.fail();
            return Ok(Err(EngineError::Stopped));
        }
        Ok(told)
    }

    fn decide_erasure(&self, asked: &EraseCase) -> Result<Outcome, EngineError> {
        if let Some(ErasureOrder { author, request, fingerprint }) = asked.order
            && let Some(sequence) = self.overlay.request(author, request).map_err(index_fault)?
        {
            let fingerprint: Option<(RequestId, [u8; 32])> = Some((request, fingerprint));
            return Ok(Outcome::Repeat(Repeat { sequence, fingerprint }));
        }
        let case = self.overlay.case(asked.case).map_err(index_fault)?;
        let complained = self.concerned.get(&asked.case);
        if asked.seen.zip(complained).is_some_and(|(seen, complained)| *complained > seen.looked_at)
        {
            // Its papers are needed again.
            return Err(Rejection::CaseNotSettled { obligations: 0, deliveries: 0 }.into());
        }
        Ok(Outcome::Fresh(domain::erase(case.as_deref(), asked)?))
    }

    fn repeated_erasure(&self, repeat: &Repeat) -> Result<Erased, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::CaseErased(CaseErased { order: Some(order), .. }) = recorded.event else {
            return Err(reused(repeat));
        };
        check_fingerprint(repeat, order.fingerprint)?;
        self.told(repeat.sequence)
    }

    fn told(&self, sequence: Sequence) -> Result<Erased, EngineError> {
        let recorded = self.read_back(sequence)?;
        let Event::CaseErased(CaseErased { case, .. }) = recorded.event else {
            return Err(EngineError::Fault("an erasure leads to no erasure"));
        };
        Ok(Erased { sequence, at: recorded.at, hash: recorded.hash, case })
    }
}

/// The case that an opening act is about.
pub(super) fn concerned_by(event: &Event) -> Option<CaseId> {
    let Event::Act(act) = event else { return None };
    act.opening.as_ref()?.concerns
}

enum Outcome {
    Fresh(CaseErased),
    Repeat(Repeat),
}

/// Destroys the keys of all cases that were erased, and are not gone.
///
/// # Errors
/// What the index or the vault has against it.
pub(super) fn destroy_erased(index: &Index, vault: &dyn Vault) -> Result<(), StartError> {
    let mut after: Option<SlotNumber> = None;
    loop {
        let page = index.erased(after, PAGE_SLOTS)?;
        for (slot, erased) in &page {
            vault.erase(*slot, erased.at)?;
        }
        match page.last() {
            Some((last, _)) if page.len() == PAGE_SLOTS => after = Some(*last),
            Some(_) | None => return Ok(()),
        }
    }
}
