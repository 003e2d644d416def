//! Seeded chance: everything that a simulation leaves to luck is drawn from here, in the order in
//! which it happens, so that one seed is one history.

use std::ops::RangeInclusive;

/// A stream of draws.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The draws of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = Self { state: seed };
        // Seeds beside each other must not begin alike.
        chance.state = chance.next();
        chance
    }

    /// A stream of its own, so that what draws from it does not shift the others.
    pub(super) fn fork(&mut self) -> Self {
        Self::of(self.next())
    }

    /// The next 64 bits: `SplitMix64` by Steele, Lea and Flood (2014).
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`, or 0 where `count` is 0.
    pub(super) fn below(&mut self, count: u64) -> u64 {
        self.next() % count.max(1)
    }

    /// A number of a range.
    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = (*range.start(), *range.end());
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn hits(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// A place in a list of this length, or none in an empty one.
    pub(super) fn place(&mut self, length: usize) -> Option<usize> {
        let drawn = usize::try_from(self.below(length as u64)).ok()?;
        (drawn < length).then_some(drawn)
    }

    /// One of these; none of none.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.place(from.len())?;
        from.get(at)
    }

    /// Sixteen bytes.
    pub(super) fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next().to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_draws_one_history_and_a_fork_leaves_it_alone() {
        let draws = |seed| {
            let mut chance = Chance::of(seed);
            [chance.next(), chance.below(100), chance.within(5..=9)]
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        let (mut one, mut two) = (Chance::of(1), Chance::of(1));
        let mut fork = one.fork();
        two.fork();
        fork.next();
        assert_eq!(one.next(), two.next());
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_both_ends() {
        let mut chance = Chance::of(1);
        let drawn: Vec<_> = (0..1000).map(|_| chance.within(3..=9)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&9));
        assert_eq!(chance.place(0), None);
    }
}
