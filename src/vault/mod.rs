//! The vault: the keys of the cases, apart from the journal, so that whoever destroys one erases
//! what the journal holds of its case and leaves the chain whole.
//!
//! Each case has a random key of 256 bits in a *slot* of its own. What is personal in its records is
//! sealed with it before it reaches the journal ([`seal`]), and the record names the slot. The keys
//! are kept wrapped by a *master key* ([`master`]), which lies somewhere else again. A key that is
//! erased is overwritten, and its slot is never given to another case.
//!
//! [`FileVault`] is the vault of a bus; [`MemoryVault`] that of tests and simulated worlds, in which
//! a seed must be one history. Nothing here knows what a record looks like or who may read it.

mod error;
mod event;
mod file;
mod lock;
pub mod master;
mod memory;
mod rotate;
pub mod seal;
pub mod secret;
mod slot;
pub mod token;

use std::fmt;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::domain::CaseId;
use crate::domain::confidential::{NONCE_BYTES, SlotNumber};

pub use error::{Kind, VaultError};
pub use event::{Unsealed, disclose, is_unsealed, open_event, personal, seal_event, slot_of};
pub use file::{FileVault, Inspected, VaultPlace, inspect};
pub use memory::MemoryVault;
pub use rotate::{Rotated, rotate};
pub use seal::{Context, Disclosed};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Where the keys of the cases are. A handle may be used from any thread.
pub trait Vault: Send + Sync {
    /// A key for a case that has none. It is on stable storage when this returns.
    ///
    /// # Errors
    /// [`VaultError`]; the case has no key then.
    fn assign(&self, case: CaseId) -> Result<SlotNumber, VaultError>;

    /// The key of a slot, or that it is gone.
    ///
    /// # Errors
    /// [`VaultError::NoSlot`], [`VaultError::Damaged`], [`VaultError::WrongMaster`],
    /// [`VaultError::Io`].
    fn key(&self, slot: SlotNumber) -> Result<Kept, VaultError>;

    /// Destroys the key of a slot. It is overwritten on stable storage when this returns; one that
    /// is gone already stays as it is.
    ///
    /// # Errors
    /// [`VaultError`]; whether the key is destroyed is then unknown, and asking again helps.
    fn erase(&self, slot: SlotNumber, at: Timestamp) -> Result<(), VaultError>;

    /// A nonce for what is sealed in this context, never given twice for one key.
    ///
    /// # Errors
    /// [`VaultError::Random`].
    fn nonce(&self, context: &Context) -> Result<[u8; NONCE_BYTES], VaultError>;

    /// The key under which the fingerprints of sealed acts are recorded.
    fn fingerprints(&self) -> &FingerprintKey;
}

/// What a slot holds.
#[derive(Debug)]
pub enum Kept {
    /// The key.
    Live(CaseKey),
    /// Nothing any more.
    Erased {
        /// When it was destroyed.
        at: Timestamp,
    },
}

/// The key of a case. Its memory is overwritten when it is dropped.
pub struct CaseKey(Zeroizing<[u8; KEY_BYTES]>);

impl CaseKey {
    /// A key from its bytes.
    #[must_use]
    pub fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaseKey(..)")
    }
}

/// The key of the fingerprints. An act's fingerprint is a plain SHA-256 over personal data, against
/// which whoever reads the journal could try names; recorded is its HMAC under this key. It is never
/// erased, so that a repeat is known as one after the erasure of its case too.
#[derive(Clone)]
pub struct FingerprintKey(hmac::Key);

impl FingerprintKey {
    /// A key from its bytes.
    #[must_use]
    pub fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What is recorded of a fingerprint.
    #[must_use]
    pub fn keyed(&self, fingerprint: &[u8; 32]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"kopir fingerprint v1\0");
        context.update(fingerprint);
        let mut keyed = [0; 32];
        keyed.copy_from_slice(context.sign().as_ref());
        keyed
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}
