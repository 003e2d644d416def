//! Answers to requests that were accepted before: told from their records, so that a repeat gets
//! the receipt that was first given.

use std::sync::Arc;

use super::answer::{Later, Repeat, index_fault};
use super::upkeep::reused;
use super::writer::Writer;
use super::{Accepted, Confirmed, EngineError, Recorded, read_back};
use crate::domain::{Case, CaseId, Event, Rejection, Sequence};

impl Writer {
    pub(super) fn answer_later(&self, later: Later) {
        // A caller that has gone away is not an error; its repeat will get the same answer.
        match later {
            Later::Quota(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_quota(&repeat)));
            }
            Later::Amended(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_amendment(&repeat)));
            }
            Later::Held(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_held(&repeat)));
            }
            Later::Endpoint(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_endpoint(&repeat)));
            }
            Later::Act(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_act(&repeat)));
            }
            Later::Acknowledged(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_acknowledgement(&repeat)));
            }
            Later::Noted(asked, reply) => {
                let _ = reply.send(asked.and_then(|repeat| self.repeated_note(&repeat)));
            }
            Later::Swept(reply) => drop(reply.send(Ok(()))),
            Later::Read(taken, reply) => drop(reply.send(taken)),
        }
    }

    pub(super) fn repeated_act(&self, repeat: &Repeat) -> Result<Accepted, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::Act(mut event) = recorded.event else {
            return Err(reused(repeat));
        };
        if let Some((request, fingerprint)) = repeat.fingerprint {
            let is_sealed = event.body.content.sealed().is_some();
            if !self.is_same(&fingerprint, &event.fingerprint, is_sealed) {
                return Err(Rejection::RequestReused(request).into());
            }
            // The receipt tells what was asked, as the first one did.
            event.fingerprint = fingerprint;
        }
        let case = self.case_of(event.case)?;
        let (sequence, at, hash) = (repeat.sequence, recorded.at, recorded.hash);
        Ok(Accepted { sequence, at, hash, event: Arc::from(event), case, repeated: true })
    }

    fn repeated_acknowledgement(&self, repeat: &Repeat) -> Result<Confirmed, EngineError> {
        let recorded = self.read_back(repeat.sequence)?;
        let Event::Acknowledged(event) = recorded.event else {
            return Err(EngineError::Fault("a receipt leads to no acknowledgement"));
        };
        let case = self.case_of(event.case)?;
        let (sequence, at, hash) = (repeat.sequence, recorded.at, recorded.hash);
        Ok(Confirmed { sequence, at, hash, event, case })
    }

    pub(super) fn case_of(&self, case: CaseId) -> Result<Arc<Case>, EngineError> {
        let case = self.overlay.case(case).map_err(index_fault)?;
        case.ok_or(EngineError::Fault("a record's case is not in the index"))
    }

    pub(super) fn read_back(&self, sequence: Sequence) -> Result<Recorded, EngineError> {
        read_back(&*self.journal.reader(), sequence).map_err(|error| {
            tracing::error!(%error, %sequence, "a record cannot be read back");
            EngineError::Fault("a record cannot be read back")
        })
    }
}
