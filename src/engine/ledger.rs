//! The ledger as the writer sees it: with what is accepted and not yet in the index.

use std::cell::RefCell;

use super::EngineError;
use super::answer::index_fault;
use super::overlay::Overlay;
use crate::domain::{CaseId, IdentityHash, Ledger, Quota, QuotaKey, Standing};
use crate::index::IndexError;

/// The ledger as the writer sees it. A decision asks it without a way to fail, so a failure of the
/// index is kept and told afterwards.
pub(super) struct LedgerView<'a> {
    overlay: &'a Overlay,
    failed: RefCell<Option<IndexError>>,
}

impl<'a> LedgerView<'a> {
    pub(super) fn new(overlay: &'a Overlay) -> Self {
        Self { overlay, failed: RefCell::new(None) }
    }

    fn known<T: Default>(&self, read: Result<T, IndexError>) -> T {
        read.unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            T::default()
        })
    }

    /// Whether every answer was true.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        self.failed.take().map_or(Ok(()), |error| Err(index_fault(error)))
    }
}

impl Ledger for LedgerView<'_> {
    fn quota(&self, key: QuotaKey) -> Quota {
        self.known(self.overlay.quota(key))
    }

    fn earlier(&self, person: IdentityHash, standing: Standing) -> Option<CaseId> {
        self.known(self.overlay.standing(person, standing))
    }
}
