//! The next rung of every running clock, in the order in which they are due.
//!
//! Kept in memory alone: some thirty bytes for a clock, made from the queues of the index at the
//! start. An entry is a hint; what is said is told by the case when the time has come.

use std::collections::BTreeSet;

use crate::domain::CaseId;

/// When the next rung of a clock is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) at_ms: i64,
    pub(super) case: CaseId,
    /// The place of the hop's run in the case.
    pub(super) place: u8,
}

/// The slots, with what the group that is not yet durable has done to them.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    slots: BTreeSet<Slot>,
    undo: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    Inserted(Slot),
    Removed(Slot),
}

impl Timetable {
    /// When the first rung is due, in Unix milliseconds.
    pub(super) fn first_ms(&self) -> Option<i64> {
        self.slots.first().map(|slot| slot.at_ms)
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        if self.slots.insert(slot) {
            self.undo.push(Undo::Inserted(slot));
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        if self.slots.remove(&slot) {
            self.undo.push(Undo::Removed(slot));
        }
    }

    /// Takes out the first slots, all of one instant, at most so many.
    pub(super) fn take_first(&mut self, max: usize) -> Vec<Slot> {
        let first_ms = self.first_ms();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(slot) = self.slots.first().copied()
            && Some(slot.at_ms) == first_ms
        {
            self.remove(slot);
            taken.push(slot);
        }
        taken
    }

    /// The group is durable.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// The group was not accepted: everything is as it was before it.
    pub(super) fn undo(&mut self) {
        for undo in self.undo.drain(..).rev() {
            match undo {
                Undo::Inserted(slot) => self.slots.remove(&slot),
                Undo::Removed(slot) => self.slots.insert(slot),
            };
        }
    }

    /// Begins anew with these. Nothing of it can be undone, and it takes no more room than they do:
    /// there may be a million.
    pub(super) fn begin(&mut self, slots: Vec<Slot>) {
        self.slots = slots.into_iter().collect();
        self.undo = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(at_ms: i64, case: u8) -> Slot {
        Slot { at_ms, case: CaseId([case; 16]), place: 0 }
    }

    #[test]
    fn what_a_refused_group_did_is_undone() {
        let mut timetable = Timetable::default();
        timetable.insert(slot(5, 1));
        timetable.insert(slot(5, 2));
        timetable.keep();
        assert_eq!(timetable.take_first(10), [slot(5, 1), slot(5, 2)]);
        timetable.insert(slot(9, 1));
        timetable.undo();
        assert_eq!(timetable.take_first(10), [slot(5, 1), slot(5, 2)]);
        assert_eq!(timetable.first_ms(), None);
    }

    #[test]
    fn a_timetable_that_begins_anew_has_nothing_to_undo_and_no_room_for_it() {
        let mut timetable = Timetable::default();
        timetable.insert(slot(5, 1));
        timetable.begin((0..200).map(|case| slot(9, case)).collect());
        assert_eq!(timetable.undo.capacity(), 0);
        timetable.undo();
        assert_eq!(timetable.take_first(500).len(), 200);
    }

    #[test]
    fn slots_of_one_instant_are_taken_together_and_no_more_than_asked() {
        let mut timetable = Timetable::default();
        for each in [slot(7, 1), slot(5, 3), slot(5, 2)] {
            timetable.insert(each);
        }
        assert_eq!(timetable.take_first(1), [slot(5, 2)]);
        assert_eq!(timetable.take_first(10), [slot(5, 3)]);
        assert_eq!(timetable.take_first(10), [slot(7, 1)]);
    }
}
