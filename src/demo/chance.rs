//! Seeded chance. Every draw belongs to what it is about (a family, a hop, an office on a day), so
//! the order in which answers happen to come back never changes what is drawn.

use std::ops::RangeInclusive;

/// A stream of draws that its seed and its subject determine.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The draws of `seed` about `subject`.
    pub(super) fn about(seed: u64, subject: &str) -> Self {
        // FNV-1a keeps the subjects apart; the steps below do the mixing.
        let hash = subject.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut chance = Self { state: seed };
        chance.state = chance.next().wrapping_add(hash);
        chance
    }

    /// The next 64 bits: `SplitMix64` by Steele, Lea and Flood (2014).
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`, or 0 where `count` is 0. The bias of the remainder, below 2^-50
    /// here, is of no account for sample data.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }

    /// A number of `range`.
    pub(super) fn within(&mut self, range: RangeInclusive<i16>) -> i16 {
        let (first, last) = (*range.start(), *range.end());
        let count = usize::try_from(i32::from(last) - i32::from(first) + 1).unwrap_or(1);
        first.saturating_add(i16::try_from(self.below(count)).unwrap_or(0))
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn hits(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `choices`, each as often as its weight says; the first one if no weight is positive.
    pub(super) fn weighted<T: Copy>(&mut self, choices: &[(T, usize)], otherwise: T) -> T {
        let mut left = self.below(choices.iter().map(|(_, weight)| weight).sum());
        for (choice, weight) in choices {
            match left.checked_sub(*weight) {
                None => return *choice,
                Some(rest) => left = rest,
            }
        }
        otherwise
    }

    /// Brings `items` into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_subject_draws_the_same() {
        let draws = |seed, subject| {
            let mut chance = Chance::about(seed, subject);
            [chance.next(), chance.next(), chance.next()]
        };
        assert_eq!(draws(7, "family 1"), draws(7, "family 1"));
        assert_ne!(draws(7, "family 1"), draws(7, "family 2"));
        assert_ne!(draws(7, "family 1"), draws(8, "family 1"));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_both_ends() {
        let mut chance = Chance::about(1, "range");
        let drawn: Vec<_> = (0..1000).map(|_| chance.within(-3..=3)).collect();
        assert_eq!(drawn.iter().min(), Some(&-3));
        assert_eq!(drawn.iter().max(), Some(&3));
    }

    #[test]
    fn weights_decide_how_often() {
        let mut chance = Chance::about(1, "weights");
        let drawn = (0..3000).filter(|_| chance.weighted(&[(true, 3), (false, 1)], false)).count();
        assert!((2100..2400).contains(&drawn), "{drawn} of 3000 for a weight of 3 in 4");
        assert!(!chance.weighted(&[(true, 0)], false), "what has no weight is never drawn");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Chance::about(3, "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
