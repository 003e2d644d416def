//! The reads of personal data, by case.

use super::store::storage;
use super::{Index, IndexError, keys, unreadable};
use crate::domain::ids::{CaseId, Sequence};

impl Index {
    /// The records of the reads of a case's personal data, the newest first, from the first before
    /// `before`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn reads(
        &self,
        case: CaseId,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<Sequence>, IndexError> {
        self.with(|db| {
            let keys = db.range(keys::reads_before(case, before)).keys().rev().take(limit);
            let read = |key: Result<sled::IVec, sled::Error>| {
                let key = key.map_err(storage("read the reads of a case"))?;
                let (_, sequence) = keys::parse_read(&key).ok_or(unreadable("a read"))?;
                Ok(sequence)
            };
            keys.map(read).collect()
        })
    }
}
