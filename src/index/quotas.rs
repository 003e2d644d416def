//! What the index knows of quotas and of what a person gets once.

use jiff::civil::Date;

use super::store::storage;
use super::{Index, IndexError, keys, unreadable, values};
use crate::domain::ids::{CaseId, Sequence};
use crate::domain::quota::{IdentityHash, Quota, QuotaKey, Standing};

impl Index {
    /// Where a quota stands.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn quota(&self, key: QuotaKey) -> Result<Quota, IndexError> {
        self.with(|db| {
            let value = db.get(keys::quota(key)).map_err(storage("read a quota"))?;
            let read = |value: sled::IVec| values::read_quota(&value).ok_or(unreadable("a quota"));
            Ok(value.map(read).transpose()?.unwrap_or_default())
        })
    }

    /// The record that set a quota last; none while nobody has.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn quota_set(&self, key: QuotaKey) -> Result<Option<Sequence>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::quota_set(key)).map_err(storage("read a quota's record"))?;
            let sequence = |value: sled::IVec| {
                let set = values::read_quota_set(&value);
                set.map(|(sequence, _)| sequence).ok_or(unreadable("a quota's record"))
            };
            value.map(sequence).transpose()
        })
    }

    /// Every quota that was ever set or used, by region, year and category.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn quotas(&self) -> Result<Vec<(QuotaKey, Quota)>, IndexError> {
        self.page(keys::all_of(keys::QUOTA, None), usize::MAX, "a quota", |key, value| {
            Some((keys::parse_quota(key)?, values::read_quota(value)?))
        })
    }

    /// A case that gave a person what is granted once.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn standing(
        &self,
        person: IdentityHash,
        standing: Standing,
    ) -> Result<Option<CaseId>, IndexError> {
        self.with(|db| {
            let Some(entry) = db.scan_prefix(keys::standings(person, standing)).keys().next()
            else {
                return Ok(None);
            };
            let key = entry.map_err(storage("read a standing"))?;
            keys::parse_standing(&key).map(Some).ok_or(unreadable("a standing"))
        })
    }

    /// The cases whose consent held places until a day before this one, the earliest first.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn expired(&self, today: Date, limit: usize) -> Result<Vec<CaseId>, IndexError> {
        let range = keys::expired_before(today);
        self.page(range, limit, "an expiry", |key, _| keys::parse_expiry(key))
    }
}
