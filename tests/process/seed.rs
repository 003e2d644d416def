//! The randomness of a run: one number, printed, from which every choice of a test follows. What
//! the kernel and the bus do in between is their own.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The variable that fixes the number.
const VARIABLE: &str = "KOPIR_SEED";

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing moments and minting ids.
pub struct Seed(u64);

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}

impl Seed {
    /// The seed of this run, printed so that it can be asked for again.
    pub fn of_this_run(test: &str) -> Self {
        let seed = super::environment(VARIABLE).map_or_else(
            || RandomState::new().build_hasher().finish(),
            |text| text.parse().unwrap_or_else(|_| panic!("{VARIABLE} must be a number: {text}")),
        );
        println!("{test}: {VARIABLE}={seed}");
        Self(seed)
    }

    /// A generator of its own for someone who chooses at the same time as others.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// A random UUID in text form, as senders mint them.
    pub fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next().to_le_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
