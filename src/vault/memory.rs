//! A vault in memory, in which everything follows from a seed: for tests, and for worlds in which a
//! seed must be one history. It gives no confidentiality, and what is sealed twice in one context
//! has one nonce.
//!
//! Slots follow from the ids of the cases, so that another vault of the same seed goes on where this
//! one has ended; what was erased in it is erased anew by the engine's start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::seal::Context;
use super::{CaseKey, FingerprintKey, KEY_BYTES, Kept, Vault, VaultError};
use crate::domain::CaseId;
use crate::domain::confidential::{NONCE_BYTES, SlotNumber};

/// A vault in memory.
pub struct MemoryVault {
    seed: hmac::Key,
    fingerprints: FingerprintKey,
    erased: Mutex<HashMap<SlotNumber, Timestamp>>,
}

impl MemoryVault {
    /// A vault of this seed, without a case.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let seed = hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes());
        let fingerprints = FingerprintKey::of(&derived(&seed, b"fingerprints"));
        Self { seed, fingerprints, erased: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SlotNumber, Timestamp>> {
        self.erased.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for MemoryVault {
    fn assign(&self, case: CaseId) -> Result<SlotNumber, VaultError> {
        let mut number = [0; 8];
        number.copy_from_slice(&derived(&self.seed, &case.0)[..8]);
        // Of 63 bits, so that no two cases of a test meet.
        Ok(SlotNumber(u64::from_be_bytes(number) >> 1))
    }

    fn key(&self, slot: SlotNumber) -> Result<Kept, VaultError> {
        if let Some(at) = self.lock().get(&slot) {
            return Ok(Kept::Erased { at: *at });
        }
        let key = derived(&self.seed, &slot.0.to_be_bytes());
        Ok(Kept::Live(CaseKey::of(Zeroizing::new(key))))
    }

    fn erase(&self, slot: SlotNumber, at: Timestamp) -> Result<(), VaultError> {
        self.lock().entry(slot).or_insert(at);
        Ok(())
    }

    fn nonce(&self, context: &Context) -> Result<[u8; NONCE_BYTES], VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&derived(&self.seed, context.bytes())[..NONCE_BYTES]);
        Ok(nonce)
    }

    fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }
}

fn derived(seed: &hmac::Key, of: &[u8]) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(hmac::sign(seed, of).as_ref());
    key
}
