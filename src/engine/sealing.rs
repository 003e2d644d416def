//! Sealing: what is personal in a record is sealed with the key of its case before it is written.

use super::EngineError;
use super::writer::Writer;
use crate::domain::{Case, Event};
use crate::index::case_of;
use crate::vault::{Unsealed, VaultError, is_unsealed, seal_event};

impl Writer {
    /// Seals what is personal in an event. A case without a key gets one first, which is durable
    /// before anything that it seals.
    pub(super) fn seal(
        &self,
        event: &mut Event,
        case: Option<&Case>,
    ) -> Result<Option<Unsealed>, EngineError> {
        if !is_unsealed(event) {
            return Ok(None);
        }
        let id = case_of(event).ok_or(EngineError::Fault("something personal is of no case"))?;
        let slot = match case.and_then(|case| case.papers.slot()) {
            Some(slot) => Ok(slot),
            None => self.vault.assign(id),
        };
        slot.and_then(|slot| seal_event(&*self.vault, event, slot))
            .map_err(|error| self.unsealed(&error))
    }

    fn unsealed(&self, error: &VaultError) -> EngineError {
        tracing::error!(%error, "a record cannot be sealed");
        match error {
            VaultError::Full { .. } => EngineError::DiskFull,
            VaultError::Failed { .. } => {
                // What its disk holds is not known any more.
                self.fail();
                EngineError::Stopped
            }
            VaultError::Io { .. }
            | VaultError::Locked { .. }
            | VaultError::Missing { .. }
            | VaultError::Behind { .. }
            | VaultError::Foreign { .. }
            | VaultError::Version { .. }
            | VaultError::Damaged { .. }
            | VaultError::NoSlot(_)
            | VaultError::WrongMaster { .. }
            | VaultError::SecretUnreadable { .. }
            | VaultError::MasterMissing { .. }
            | VaultError::SecretExposed { .. }
            | VaultError::MasterForm { .. }
            | VaultError::NoCredentials { .. }
            | VaultError::Token { .. }
            | VaultError::Unopened(_)
            | VaultError::Random => EngineError::Fault("a record cannot be sealed"),
        }
    }

    /// Whether what is asked now is what a record was asked with: the fingerprint of a sealed record
    /// is keyed.
    pub(super) fn is_same(&self, asked: &[u8; 32], recorded: &[u8; 32], is_sealed: bool) -> bool {
        if is_sealed {
            self.vault.fingerprints().keyed(asked) == *recorded
        } else {
            asked == recorded
        }
    }
}
