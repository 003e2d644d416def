//! The bytes of the vault's file: a header and slots, 128 bytes each, so that every key has a fixed
//! place and is overwritten in one write. Numbers are little-endian.
//!
//! ```text
//! header   crc32 4 | "KOPIRVLT" 8 | version 2 | bytes of a slot 2 | zeros
//! slot     crc32 4 | version 1 | state 1 | zeros 2 | number 8 | master key id 8 | nonce 12
//!          | wrapped key and tag 48 | erased at, Unix milliseconds 8 | zeros
//! ```
//!
//! The checksum is over all that follows it; it finds damage before a key is tried. That a key is
//! the one that was put there is shown by its tag, which covers number and state.

use zeroize::Zeroizing;

use super::KEY_BYTES;
use super::master::{MasterId, WRAPPED_BYTES, Wrapped};
use crate::domain::confidential::{NONCE_BYTES, SlotNumber};

/// Bytes of the header, and of a slot.
pub(super) const SLOT_BYTES: usize = 128;
/// The version of the file.
pub(super) const VERSION: u16 = 1;
/// The slot of the key of the fingerprints.
pub(super) const FINGERPRINTS: SlotNumber = SlotNumber(1);
/// The first slot of a case.
pub(super) const FIRST: SlotNumber = SlotNumber(2);

const MAGIC: &[u8; 8] = b"KOPIRVLT";
const SLOT_VERSION: u8 = 1;
const LIVE: u8 = 1;
const ERASED: u8 = 2;
const OF_FINGERPRINTS: u8 = 3;

// Where each field begins.
const STATE: usize = 5;
const NUMBER: usize = 8;
const MASTER: usize = 16;
const NONCE: usize = 24;
const KEY: usize = NONCE + NONCE_BYTES;
const ERASED_AT: usize = KEY + WRAPPED_BYTES;
const END: usize = ERASED_AT + 8;

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A key, of a case or of the fingerprints.
    Live(Wrapped),
    /// Nothing any more, since this instant in Unix milliseconds.
    Erased(i64),
}

/// Why a file has no vault.
pub(super) enum NotVault {
    /// Its first bytes are none of a vault.
    Foreign,
    /// It is of another version.
    Version(u16),
}

/// Where a slot begins in the file.
pub(super) const fn offset(slot: SlotNumber) -> u64 {
    slot.0.saturating_mul(SLOT_BYTES as u64)
}

/// What a wrapped key is bound to.
pub(super) fn place(number: SlotNumber) -> Vec<u8> {
    [b"kopir vault slot v1\0", &number.0.to_le_bytes()[..], &[state_of(number)]].concat()
}

/// The state of a live slot.
const fn state_of(number: SlotNumber) -> u8 {
    if number.0 == FINGERPRINTS.0 { OF_FINGERPRINTS } else { LIVE }
}

pub(super) fn write_header() -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[4..12].copy_from_slice(MAGIC);
    bytes[12..14].copy_from_slice(&VERSION.to_le_bytes());
    bytes[14..16].copy_from_slice(&(SLOT_BYTES as u16).to_le_bytes());
    sum(bytes)
}

pub(super) fn check_header(bytes: &[u8; SLOT_BYTES]) -> Result<(), NotVault> {
    if bytes[4..12] != *MAGIC || *bytes != sum(*bytes) {
        return Err(NotVault::Foreign);
    }
    match u16::from_le_bytes([bytes[12], bytes[13]]) {
        VERSION if *bytes == write_header() => Ok(()),
        VERSION => Err(NotVault::Foreign),
        found => Err(NotVault::Version(found)),
    }
}

pub(super) fn write(number: SlotNumber, slot: &Slot) -> Zeroizing<[u8; SLOT_BYTES]> {
    let mut bytes = [0; SLOT_BYTES];
    bytes[4] = SLOT_VERSION;
    bytes[NUMBER..MASTER].copy_from_slice(&number.0.to_le_bytes());
    match slot {
        Slot::Live(Wrapped { by, nonce, bytes: key }) => {
            bytes[STATE] = state_of(number);
            bytes[MASTER..NONCE].copy_from_slice(&by.0);
            bytes[NONCE..KEY].copy_from_slice(nonce);
            bytes[KEY..ERASED_AT].copy_from_slice(key);
        }
        Slot::Erased(at_ms) => {
            bytes[STATE] = ERASED;
            bytes[ERASED_AT..END].copy_from_slice(&at_ms.to_le_bytes());
        }
    }
    Zeroizing::new(sum(bytes))
}

/// Reads the slot of a number; none if it is not what was written there.
pub(super) fn read(number: SlotNumber, bytes: &[u8; SLOT_BYTES]) -> Option<Slot> {
    let slot = match bytes[STATE] {
        ERASED => Slot::Erased(i64::from_le_bytes(bytes[ERASED_AT..END].try_into().ok()?)),
        state if state == state_of(number) => Slot::Live(Wrapped {
            by: MasterId(bytes[MASTER..NONCE].try_into().ok()?),
            nonce: bytes[NONCE..KEY].try_into().ok()?,
            bytes: bytes[KEY..ERASED_AT].try_into().ok()?,
        }),
        _ => return None,
    };
    // Whatever else stands there, checksum, version and number among it, must be as it is written.
    (*write(number, &slot) == *bytes).then_some(slot)
}

fn sum(mut bytes: [u8; SLOT_BYTES]) -> [u8; SLOT_BYTES] {
    let crc = crc32fast::hash(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

const _: () = assert!(END <= SLOT_BYTES && KEY_BYTES < WRAPPED_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Slot {
        let (by, nonce) = (MasterId([1; 8]), [2; NONCE_BYTES]);
        Slot::Live(Wrapped { by, nonce, bytes: [3; WRAPPED_BYTES] })
    }

    #[test]
    fn a_slot_reads_back_in_its_place_and_no_bit_of_it_may_turn() {
        for (number, slot) in
            [(FIRST, live()), (FINGERPRINTS, live()), (SlotNumber(77), Slot::Erased(-5))]
        {
            let bytes = write(number, &slot);
            assert!(read(number, &bytes) == Some(slot));
            assert!(read(SlotNumber(number.0 + 1), &bytes).is_none());
            for bit in 0..SLOT_BYTES * 8 {
                let mut changed = *bytes;
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(read(number, &changed).is_none(), "bit {bit}");
            }
        }
        assert!(read(FIRST, &[0; SLOT_BYTES]).is_none());
    }

    #[test]
    fn an_erased_slot_has_nothing_of_its_key() {
        let bytes = write(FIRST, &Slot::Erased(1));
        assert!(bytes[MASTER..ERASED_AT].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_header_is_known_and_another_version_named() {
        assert!(check_header(&write_header()).is_ok());
        let mut newer = write_header();
        newer[12] = 9;
        assert!(matches!(check_header(&newer), Err(NotVault::Foreign)));
        assert!(matches!(check_header(&sum(newer)), Err(NotVault::Version(9))));
        assert!(matches!(check_header(&[0; SLOT_BYTES]), Err(NotVault::Foreign)));
    }

    /// The file is read for as long as the journal is: its bytes stay as they are.
    #[test]
    fn the_layout_stays_as_it_is() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let golden = include_str!("../../tests/data/vault/v1-slots.hex").replace('\n', "");
        let erased = write(SlotNumber(77), &Slot::Erased(1_772_305_200_000));
        let bytes = [&write_header()[..], &write(FIRST, &live())[..], &erased[..]].concat();
        assert_eq!(hex(&bytes), golden);
    }
}
