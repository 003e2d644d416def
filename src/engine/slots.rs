//! The slots of the vault that the records of a journal name, held against the vault: whoever destroys a
//! key leaves a record, and whoever says so destroys the key.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::ReadError;
use crate::domain::{Event, Sequence, SlotNumber};
use crate::journal::{JournalReader, Seq};
use crate::records::decode_event;
use crate::vault::{Inspected, slot_of};

/// The slots that a journal names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedSlots {
    /// Those with which something is sealed, each with the first record that names it.
    pub sealed: BTreeMap<SlotNumber, Sequence>,
    /// Those of cases that were erased, each with the record that says so.
    pub erased: BTreeMap<SlotNumber, Sequence>,
}

/// Where journal and vault do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotFault {
    /// The key is gone and should be there.
    #[error(
        "key {slot} was destroyed, and no record erased its case; record {named_by} can be read no \
         more; restore the vault from its backup"
    )]
    Destroyed {
        /// The slot.
        slot: SlotNumber,
        /// The first record that names it.
        named_by: Sequence,
    },
    /// The vault ends before it.
    #[error(
        "key {slot}, which record {named_by} names, is not in the vault; restore a backup of the \
         vault that is as new as the journal"
    )]
    Missing {
        /// The slot.
        slot: SlotNumber,
        /// The first record that names it.
        named_by: Sequence,
    },
    /// The key is there and should be gone.
    #[error(
        "key {slot} is still there, and record {erased_by} erased its case; start the bus, which \
         destroys it"
    )]
    Live {
        /// The slot.
        slot: SlotNumber,
        /// The record that erased its case.
        erased_by: Sequence,
    },
}

impl NamedSlots {
    /// Reads the whole of a journal.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn of(reader: &dyn JournalReader) -> Result<Self, ReadError> {
        let mut named = Self::default();
        let mut failed = None;
        reader.scan(Seq::FIRST, &mut |record| {
            let sequence = Sequence(record.seq.0);
            match decode_event(&record.payload) {
                Ok(mut event) => {
                    named.add(&mut event, sequence);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(ReadError::Record(sequence, error));
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(named), Err)
    }

    fn add(&mut self, event: &mut Event, sequence: Sequence) {
        if let Some(slot) = slot_of(event) {
            self.sealed.entry(slot).or_insert(sequence);
        }
        if let Event::CaseErased(erased) = event {
            self.erased.entry(erased.slot).or_insert(sequence);
        }
    }

    /// What does not fit, by the slots. `before` is how the vault was before the journal was read, and
    /// `after` how it was then: where a bus runs on both, its records come before what it does to the
    /// keys, and new keys before the records that name them.
    pub fn against(&self, before: &Inspected, after: &Inspected) -> Vec<SlotFault> {
        let mut faults = Vec::new();
        for (slot, named_by) in &self.sealed {
            let (slot, named_by) = (*slot, *named_by);
            if slot.0 >= after.end {
                faults.push(SlotFault::Missing { slot, named_by });
            } else if before.destroyed.contains(&slot) && !self.erased.contains_key(&slot) {
                faults.push(SlotFault::Destroyed { slot, named_by });
            }
        }
        let live = self.erased.iter().filter(|(slot, _)| !after.destroyed.contains(slot));
        let live = live.filter(|(slot, _)| slot.0 < after.end);
        faults.extend(live.map(|(slot, erased_by)| {
            let (slot, erased_by) = (*slot, *erased_by);
            SlotFault::Live { slot, erased_by }
        }));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(end: u64, destroyed: &[u64]) -> Inspected {
        let destroyed = destroyed.iter().map(|slot| SlotNumber(*slot)).collect();
        Inspected { end, destroyed, ..Inspected::default() }
    }

    #[test]
    fn each_way_not_to_fit_is_named_with_its_slot_and_record() {
        let at = |slots: &[(u64, u64)]| {
            slots.iter().map(|(slot, at)| (SlotNumber(*slot), Sequence(*at))).collect()
        };
        let named = NamedSlots { sealed: at(&[(2, 10), (3, 20), (4, 30)]), erased: at(&[(3, 40)]) };
        let sound = vault(256, &[3]);
        assert_eq!(named.against(&sound, &sound), []);
        let spoilt = vault(4, &[2]);
        let slot = SlotNumber;
        assert_eq!(
            named.against(&spoilt, &spoilt),
            [
                SlotFault::Destroyed { slot: slot(2), named_by: Sequence(10) },
                SlotFault::Missing { slot: slot(4), named_by: Sequence(30) },
                SlotFault::Live { slot: slot(3), erased_by: Sequence(40) },
            ]
        );
        // A bus that runs meanwhile erases a case whose record was not read any more, and makes keys.
        assert_eq!(named.against(&vault(3, &[3]), &vault(256, &[2, 3])), []);
    }
}
