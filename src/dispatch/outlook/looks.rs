//! The time in which the bus looked on, and since when it has known what is in its queues.

use crate::domain::Sequence;

/// The most that counts from one look to the next, in milliseconds: what happens while the bus does
/// not look, because it stood still or its clock was moved, is laid to nobody.
const MAX_STEP_MS: i64 = 10 * 60 * 1000;
/// How exactly it is known when something came: to this part of the time since then.
const PART: i64 = 32;

/// The looks until now. Their time begins with the first and stands still while nobody looks.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The time of the looks, in milliseconds.
    now_ms: i64,
    /// The bus's time at the last.
    last_ms: Option<i64>,
    /// The last record that each look found, and when that was, in the time of the looks. The older
    /// they are, the fewer are kept.
    found: Vec<(Sequence, i64)>,
}

impl Looks {
    /// Another look at `now_ms` of the bus, which finds the queues at this record; the time that
    /// counts since the one before, in milliseconds.
    pub(super) fn turn(&mut self, now_ms: i64, last: Sequence) -> i64 {
        let before_ms = self.last_ms.replace(now_ms).unwrap_or(now_ms);
        let step_ms = now_ms.saturating_sub(before_ms).clamp(0, MAX_STEP_MS);
        self.now_ms = self.now_ms.saturating_add(step_ms);
        if self.found.last().is_none_or(|(found, _)| *found < last) {
            self.found.push((last, self.now_ms));
            self.thin();
        }
        step_ms
    }

    /// The time of the looks, in milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// When a record was there at the latest, in the time of the looks.
    pub(super) fn known_ms(&self, record: Sequence) -> i64 {
        let at = self.found.partition_point(|(found, _)| *found < record);
        self.found.get(at).map_or(self.now_ms, |(_, at_ms)| *at_ms)
    }

    /// Drops those whose neighbours are near to each other beside their age.
    fn thin(&mut self) {
        let mut kept: Vec<(Sequence, i64)> = Vec::with_capacity(self.found.len());
        for (at, found) in self.found.iter().enumerate() {
            let is_near = |before: &(Sequence, i64), after: &(Sequence, i64)| {
                after.1 - before.1 <= (self.now_ms - after.1) / PART
            };
            let neighbours = kept.last().zip(self.found.get(at + 1));
            if !neighbours.is_some_and(|(before, after)| is_near(before, after)) {
                kept.push(*found);
            }
        }
        self.found = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECONDS: i64 = 10_000;

    #[test]
    fn when_a_record_came_is_known_to_a_part_of_its_age_with_little_kept() {
        let mut looks = Looks::default();
        // More than a week, with a record at each look.
        let count = 100_000;
        for at in 0..=count {
            looks.turn(at * TEN_SECONDS, Sequence(at as u64));
        }
        assert!(looks.found.len() < 800, "{}", looks.found.len());
        for at in (0..=count).step_by(997) {
            let (came_ms, known_ms) = (at * TEN_SECONDS, looks.known_ms(Sequence(at as u64)));
            let slack_ms = (looks.now_ms() - known_ms) / PART + TEN_SECONDS;
            assert!(came_ms <= known_ms && known_ms <= came_ms + slack_ms, "{came_ms} {known_ms}");
        }
        // What no look has found yet has come just now.
        assert_eq!(looks.known_ms(Sequence(count as u64 + 1)), looks.now_ms());
    }

    #[test]
    fn a_leap_counts_as_one_step_and_a_step_back_as_none() {
        let mut looks = Looks::default();
        assert_eq!(looks.turn(1_000_000, Sequence(1)), 0);
        assert_eq!(looks.turn(i64::MAX, Sequence(1)), MAX_STEP_MS);
        assert_eq!(looks.turn(0, Sequence(1)), 0);
        assert_eq!(looks.now_ms(), MAX_STEP_MS);
    }
}
