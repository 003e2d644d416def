//! The vault of a bus: a file of slots.
//!
//! Keys are made in advance, a batch at a time with one write and one sync, so that a case that
//! opens costs neither. A key that was made is used by one case or by none: what an earlier process
//! may have given away is never given again, so a start begins behind everything that is there. What
//! a crash or a full disk leaves of a batch was given to nobody, and is cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::lock::{self, Locked};
use super::master::{MasterId, MasterSource, Masters, random};
use super::seal::Context;
use super::slot::{self, FINGERPRINTS, FIRST, NotVault, SLOT_BYTES, Slot};
use super::{CaseKey, FingerprintKey, KEY_BYTES, Kept, Vault, VaultError};
use crate::domain::CaseId;
use crate::domain::confidential::{NONCE_BYTES, SlotNumber};

/// Keys that are made at once: 32 KiB, one sync.
const BATCH: u64 = 256;

/// Where a vault is and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultPlace {
    /// Its directory.
    pub dir: PathBuf,
    /// The master key.
    pub master: MasterSource,
    /// The one that it replaces, until every key is rewrapped.
    pub previous: Option<MasterSource>,
    /// Where the credentials of the process are.
    pub credentials: Option<PathBuf>,
}

/// A vault in a file.
pub struct FileVault {
    path: PathBuf,
    file: File,
    masters: Masters,
    fingerprints: FingerprintKey,
    state: Mutex<State>,
    _locked: Locked,
}

#[derive(Debug)]
struct State {
    /// The next key that is given away. Invariant: none from here on was ever given away.
    next: u64,
    /// The first slot that is not there yet.
    end: u64,
    /// A sync has failed, so that nobody knows what the disk holds.
    failed: bool,
}

impl VaultPlace {
    /// The master keys of a vault that has keys already.
    pub(super) fn masters(&self, slots: &Path) -> Result<Masters, VaultError> {
        let credentials = self.credentials.as_deref();
        let previous = self.previous.as_ref();
        Ok(Masters {
            current: self.master.read_existing(credentials, slots)?,
            previous: previous.map(|key| key.read_existing(credentials, slots)).transpose()?,
        })
    }
}

impl FileVault {
    /// Opens the vault, which is made with its master key if there is none. `named` is the last key
    /// that the journal names; none while it names none.
    ///
    /// # Errors
    /// [`VaultError`], with the file and the remedy.
    pub fn open(place: &VaultPlace, named: Option<SlotNumber>) -> Result<Self, VaultError> {
        let locked = Locked::enter(&place.dir)?;
        let path = locked.slots();
        let is_there =
            fs::exists(&path).map_err(|source| VaultError::Io { path: path.clone(), source })?;
        let masters = match (is_there, named) {
            (true, _) => place.masters(&path)?,
            (false, Some(_)) => return Err(VaultError::Missing { path }),
            (false, None) => {
                let credentials = place.credentials.as_deref();
                let current = place.master.read_or_make(credentials, &path)?;
                let masters = Masters { current, previous: None };
                create(&locked, &masters)?;
                masters
            }
        };
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|source| VaultError::Io { path: path.clone(), source })?;
        check_header(&file, &path)?;
        let end = cut_tail(&file, &path, named)?;
        if let Some(named) = named.filter(|named| named.0 >= end) {
            let last = SlotNumber(end.saturating_sub(1));
            return Err(VaultError::Behind { path, last, named });
        }
        let key = match read_key(&file, &path, &masters, FINGERPRINTS)? {
            Kept::Live(CaseKey(key)) => FingerprintKey::of(&key),
            Kept::Erased { .. } => return Err(damaged(&path, FINGERPRINTS)),
        };
        let state = Mutex::new(State { next: end, end, failed: false });
        Ok(Self { path, file, masters, fingerprints: key, state, _locked: locked })
    }

    /// The id of the master key that wraps what is new.
    pub fn master(&self) -> MasterId {
        self.masters.current.id()
    }

    /// Makes a batch of keys durable.
    fn make(&self, state: &mut State) -> Result<(), VaultError> {
        let mut batch = Zeroizing::new(Vec::with_capacity(BATCH as usize * SLOT_BYTES));
        for number in state.end..state.end + BATCH {
            let slot = fresh(&self.masters, SlotNumber(number))?;
            batch.extend_from_slice(&slot[..]);
        }
        let from = slot::offset(SlotNumber(state.end));
        if let Err(source) = self.file.write_all_at(&batch, from) {
            // What is left of it is beyond the end, and is written over or cut off.
            drop(self.file.set_len(from));
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            if full.contains(&source.kind()) {
                return Err(VaultError::Full { path: self.path.clone() });
            }
            return Err(self.io(source));
        }
        self.sync(state)?;
        state.end += BATCH;
        Ok(())
    }

    /// A failed sync is never tried again: the kernel may have dropped what it could not write.
    fn sync(&self, state: &mut State) -> Result<(), VaultError> {
        self.file.sync_data().map_err(|error| {
            tracing::error!(%error, file = %self.path.display(), "the vault cannot be synced");
            state.failed = true;
            VaultError::Failed { path: self.path.clone() }
        })
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, VaultError> {
        // Each change under the lock is complete in itself.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return Err(VaultError::Failed { path: self.path.clone() });
        }
        Ok(state)
    }

    fn io(&self, source: io::Error) -> VaultError {
        VaultError::Io { path: self.path.clone(), source }
    }
}

impl Vault for FileVault {
    fn assign(&self, _: CaseId) -> Result<SlotNumber, VaultError> {
        let mut state = self.lock()?;
        if state.next == state.end {
            self.make(&mut state)?;
        }
        let slot = SlotNumber(state.next);
        state.next += 1;
        Ok(slot)
    }

    fn key(&self, slot: SlotNumber) -> Result<Kept, VaultError> {
        if slot < FIRST || slot.0 >= self.lock()?.end {
            return Err(VaultError::NoSlot(slot));
        }
        read_key(&self.file, &self.path, &self.masters, slot)
    }

    fn erase(&self, slot: SlotNumber, at: Timestamp) -> Result<(), VaultError> {
        let mut state = self.lock()?;
        if slot < FIRST || slot.0 >= state.end {
            return Err(VaultError::NoSlot(slot));
        }
        let bytes = read_slot(&self.file, &self.path, slot)?;
        if let Some(Slot::Erased(_)) = slot::read(slot, &bytes) {
            return Ok(());
        }
        // One that is damaged is overwritten too: what is left of it may be the key.
        let erased = slot::write(slot, &Slot::Erased(at.as_millisecond()));
        let written = self.file.write_all_at(&erased[..], slot::offset(slot));
        written.map_err(|source| self.io(source))?;
        self.sync(&mut state)
    }

    fn nonce(&self, _: &Context) -> Result<[u8; NONCE_BYTES], VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        Ok(nonce)
    }

    fn fingerprints(&self) -> &FingerprintKey {
        &self.fingerprints
    }
}

/// What a vault holds, as far as can be told without a master key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    /// Keys that are there, those among them that were given to no case yet.
    pub live: u64,
    /// Keys that were destroyed.
    pub erased: u64,
    /// The slots whose bytes are not what was written.
    pub damaged: Vec<SlotNumber>,
    /// The slots whose keys were destroyed.
    pub destroyed: BTreeSet<SlotNumber>,
    /// The first slot that is not there.
    pub end: u64,
    /// The master keys that wrap the keys, and how many each.
    pub masters: BTreeMap<String, u64>,
}

/// Reads all slots of a vault without changing anything; none where there is no vault. A bus may be
/// running on it.
///
/// # Errors
/// [`VaultError::Io`], [`VaultError::Foreign`], [`VaultError::Version`].
pub fn inspect(dir: &Path) -> Result<Option<Inspected>, VaultError> {
    let path = lock::slots(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(VaultError::Io { path, source }),
    };
    check_header(&file, &path)?;
    let end = slots_of(&file, &path)?;
    let mut found = Inspected { end, ..Inspected::default() };
    for number in FINGERPRINTS.0..end {
        let number = SlotNumber(number);
        match slot::read(number, &*read_slot(&file, &path, number)?) {
            None => found.damaged.push(number),
            Some(Slot::Erased(_)) => {
                found.erased += 1;
                found.destroyed.insert(number);
            }
            Some(Slot::Live(wrapped)) => {
                found.live += u64::from(number != FINGERPRINTS);
                *found.masters.entry(wrapped.by.to_string()).or_default() += 1;
            }
        }
    }
    Ok(Some(found))
}

/// A new key in its slot.
fn fresh(masters: &Masters, number: SlotNumber) -> Result<Zeroizing<[u8; SLOT_BYTES]>, VaultError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    random(&mut key[..])?;
    let wrapped = masters.current.wrap(&key, &slot::place(number))?;
    Ok(slot::write(number, &Slot::Live(wrapped)))
}

/// Makes the file of a vault that has none: the header and the key of the fingerprints.
fn create(locked: &Locked, masters: &Masters) -> Result<(), VaultError> {
    let (path, unfinished) = (locked.slots(), locked.unfinished());
    let failed = |source| VaultError::Io { path: path.clone(), source };
    let mut file = new_file(&unfinished).map_err(failed)?;
    let fingerprints = fresh(masters, FINGERPRINTS)?;
    file.write_all(&slot::write_header())
        .and_then(|()| file.write_all(&fingerprints[..]))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(failed)?;
    locked.sync()
}

/// A file for its owner alone; what is left of an earlier attempt goes first.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

pub(super) fn check_header(file: &File, path: &Path) -> Result<(), VaultError> {
    let header = match read_slot(file, path, SlotNumber(0)) {
        Err(VaultError::Damaged { .. }) => {
            return Err(VaultError::Foreign { path: path.to_owned() });
        }
        read => read?,
    };
    slot::check_header(&header).map_err(|why| match why {
        NotVault::Foreign => VaultError::Foreign { path: path.to_owned() },
        NotVault::Version(found) => VaultError::Version { path: path.to_owned(), found },
    })
}

/// The number of whole slots, the header among them: the first that is not there.
pub(super) fn slots_of(file: &File, path: &Path) -> Result<u64, VaultError> {
    let meta = file.metadata();
    let meta = meta.map_err(|source| VaultError::Io { path: path.to_owned(), source })?;
    Ok(meta.len() / SLOT_BYTES as u64)
}

/// Cuts off what an interrupted batch has left behind the last key that the journal names, and says
/// which slot comes next.
fn cut_tail(file: &File, path: &Path, named: Option<SlotNumber>) -> Result<u64, VaultError> {
    let failed = |source| VaultError::Io { path: path.to_owned(), source };
    let least = named.map_or(FINGERPRINTS, |named| named.max(FINGERPRINTS)).0 + 1;
    let there = slots_of(file, path)?;
    let mut end = there;
    while end > least && {
        let last = SlotNumber(end - 1);
        slot::read(last, &*read_slot(file, path, last)?).is_none()
    } {
        end -= 1;
    }
    let length = slot::offset(SlotNumber(end));
    if file.metadata().map_err(failed)?.len() != length {
        file.set_len(length).and_then(|()| file.sync_all()).map_err(failed)?;
        tracing::warn!(
            file = %path.display(),
            slots = there - end,
            "an unfinished batch of keys, given to no case, was cut off"
        );
    }
    Ok(end)
}

/// The bytes of a slot.
pub(super) fn read_slot(
    file: &File,
    path: &Path,
    slot: SlotNumber,
) -> Result<Zeroizing<[u8; SLOT_BYTES]>, VaultError> {
    let mut bytes = Zeroizing::new([0; SLOT_BYTES]);
    match file.read_exact_at(&mut bytes[..], slot::offset(slot)) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(damaged(path, slot)),
        Err(source) => Err(VaultError::Io { path: path.to_owned(), source }),
    }
}

fn read_key(
    file: &File,
    path: &Path,
    masters: &Masters,
    number: SlotNumber,
) -> Result<Kept, VaultError> {
    let bytes = read_slot(file, path, number)?;
    let wrapped = match slot::read(number, &bytes).ok_or_else(|| damaged(path, number))? {
        Slot::Live(wrapped) => wrapped,
        Slot::Erased(at_ms) => {
            let at = Timestamp::from_millisecond(at_ms).map_err(|_| damaged(path, number))?;
            return Ok(Kept::Erased { at });
        }
    };
    let master = masters.of(wrapped.by).ok_or_else(|| VaultError::WrongMaster {
        path: path.to_owned(),
        slot: number,
        wrapped_by: wrapped.by,
        given: masters.ids(),
    })?;
    let key = master.unwrap(&wrapped, &slot::place(number));
    key.map(|key| Kept::Live(CaseKey::of(key))).ok_or_else(|| damaged(path, number))
}

pub(super) fn damaged(path: &Path, slot: SlotNumber) -> VaultError {
    VaultError::Damaged { path: path.to_owned(), slot, offset: slot::offset(slot) }
}

#[cfg(test)]
mod tests;
