//! The slots of the vault that the cases name.

use super::store::storage;
use super::{Index, IndexError, keys, unreadable, values};
use crate::domain::case::Moment;
use crate::domain::confidential::SlotNumber;

impl Index {
    /// The last slot of the vault that a record names; none while none names one.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn last_slot(&self) -> Result<Option<SlotNumber>, IndexError> {
        self.with(|db| {
            let value = db.get(keys::SLOTS).map_err(storage("read the last slot"))?;
            let slot = |value: sled::IVec| {
                let bytes = value.as_ref().try_into().map_err(|_| unreadable("the last slot"))?;
                Ok(SlotNumber(u64::from_le_bytes(bytes)))
            };
            value.map(slot).transpose()
        })
    }

    /// The slots of the vault whose cases were erased, from the first beyond `after`, with the
    /// records that say so.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn erased(
        &self,
        after: Option<SlotNumber>,
        limit: usize,
    ) -> Result<Vec<(SlotNumber, Moment)>, IndexError> {
        let after = after.map(keys::erased);
        let range = keys::all_of(keys::ERASED, after.as_ref().map(|key| &key[..]));
        self.page(range, limit, "an erased slot", |key, value| {
            Some((keys::parse_erased(key)?, values::read_moment(value)?))
        })
    }
}
