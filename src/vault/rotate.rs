//! Another master key: every key is wrapped anew, beside the file, which is then put in its place.
//! The journal is not touched, and a crash at any point leaves a vault that one of the two master
//! keys opens.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};

use super::VaultError;
use super::file::{VaultPlace, check_header, damaged, new_file, read_slot, slots_of};
use super::lock::Locked;
use super::master::{MasterId, Masters};
use super::slot::{self, FINGERPRINTS, Slot};
use crate::domain::confidential::SlotNumber;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The master key that wraps all keys now.
    pub master: MasterId,
    /// Keys that were wrapped anew.
    pub rewrapped: u64,
    /// Keys that it wrapped before.
    pub kept: u64,
    /// Slots whose keys were erased.
    pub erased: u64,
}

/// Slots after which progress is told.
const STEP: u64 = 4096;

/// Wraps every key of a vault by its master key, which is made if it is not there. Tells how many
/// slots are done, of how many. No bus may run on the vault.
///
/// # Errors
/// [`VaultError`]; the vault is then as it was. [`VaultError::Damaged`] names a slot that has to be
/// restored from a backup first.
pub fn rotate(
    place: &VaultPlace,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rotated, VaultError> {
    let locked = Locked::enter(&place.dir)?;
    let path = locked.slots();
    let failed = |source| VaultError::Io { path: path.clone(), source };
    let missing = |_| VaultError::Missing { path: path.clone() };
    let from = File::open(&path).map_err(missing)?;
    check_header(&from, &path)?;
    let credentials = place.credentials.as_deref();
    let previous = place.previous.as_ref();
    // The old one first: a new one is made for nobody who could not rotate to it.
    let previous = previous.map(|key| key.read_existing(credentials, &path)).transpose()?;
    let current = match previous {
        Some(_) => place.master.read_or_make(credentials, &path)?,
        None => place.master.read_existing(credentials, &path)?,
    };
    let masters = Masters { current, previous };
    let master = masters.current.id();
    let mut rotated = Rotated { master, rewrapped: 0, kept: 0, erased: 0 };
    let unfinished = locked.unfinished();
    let mut into = BufWriter::with_capacity(1 << 18, new_file(&unfinished).map_err(failed)?);
    into.write_all(&slot::write_header()).map_err(failed)?;
    let end = slots_of(&from, &path)?;
    for number in FINGERPRINTS.0..end {
        let number = SlotNumber(number);
        let bytes = read_slot(&from, &path, number)?;
        let slot = slot::read(number, &bytes).ok_or_else(|| damaged(&path, number))?;
        let slot = rewrapped(&masters, number, slot, &mut rotated, &path)?;
        into.write_all(&slot::write(number, &slot)[..]).map_err(failed)?;
        if number.0.is_multiple_of(STEP) || number.0 + 1 == end {
            progress(number.0, end - 1);
        }
    }
    let into = into.into_inner().map_err(|error| failed(error.into_error()))?;
    into.sync_all().and_then(|()| fs::rename(&unfinished, &path)).map_err(failed)?;
    locked.sync()?;
    Ok(rotated)
}

fn rewrapped(
    masters: &Masters,
    number: SlotNumber,
    slot: Slot,
    rotated: &mut Rotated,
    path: &std::path::Path,
) -> Result<Slot, VaultError> {
    let wrapped = match slot {
        Slot::Erased(_) => {
            rotated.erased += 1;
            return Ok(slot);
        }
        Slot::Live(wrapped) if wrapped.by == rotated.master => {
            rotated.kept += 1;
            return Ok(slot);
        }
        Slot::Live(wrapped) => wrapped,
    };
    let by = masters.of(wrapped.by).ok_or_else(|| VaultError::WrongMaster {
        path: path.to_owned(),
        slot: number,
        wrapped_by: wrapped.by,
        given: masters.ids(),
    })?;
    let place = slot::place(number);
    let key = by.unwrap(&wrapped, &place).ok_or_else(|| damaged(path, number))?;
    rotated.rewrapped += 1;
    Ok(Slot::Live(masters.current.wrap(&key, &place)?))
}
