//! The simulated disk of the journal: real files, of which it is remembered what has not been
//! synced. A power loss undoes any part of that, sector by sector; a failed sync leaves it in the
//! page cache, where the next sync no longer looks for it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::chance::Chance;
use crate::journal::Storage;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// Earlier contents of a sector that are remembered; what a disk has in flight is not endless.
const MAX_VERSIONS: usize = 4;
/// What a disk with room has.
const ROOM_BYTES: u64 = 1 << 40;

/// What the process unwinds with when it is killed inside a call to the disk.
pub(super) struct Killed;

/// What goes wrong at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskFault {
    /// The process dies; of a write only a part has been done.
    Kill,
    /// The operation fails.
    Fail,
}

/// A handle of the disk, which outlives every process that writes to it.
#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    files: BTreeMap<u64, Unsynced>,
    /// The names that are durable, by directory.
    names: BTreeMap<PathBuf, BTreeMap<OsString, u64>>,
    /// After how many more operations something goes wrong.
    next_fault: Option<(u64, DiskFault)>,
    full: bool,
    syncs: u64,
}

/// What a file would lose with the power.
struct Unsynced {
    file: File,
    /// Its length as far as that is durable, where it is not yet.
    length: Option<u64>,
    sectors: BTreeMap<u64, Sector>,
}

/// A sector whose newest content is not known to be durable.
struct Sector {
    /// What it held before, oldest first; any of these may be what a power loss leaves.
    before: Vec<Vec<u8>>,
    /// A sync failed: the kernel takes it for clean, and no later sync writes it.
    forgotten: bool,
}

impl Disk {
    pub(super) fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            next_fault: None,
            full: false,
            syncs: 0,
        })))
    }

    /// Lets something go wrong after so many more operations.
    pub(super) fn fault_after(&self, operations: u64, fault: DiskFault) {
        self.lock().next_fault = Some((operations, fault));
    }

    /// Takes back what was to go wrong.
    pub(super) fn heal(&self) {
        let mut state = self.lock();
        state.next_fault = None;
        state.full = false;
    }

    pub(super) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().full
    }

    /// Syncs of data so far.
    pub(super) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The power fails: of everything that was not synced, any part may be lost.
    pub(super) fn lose_power(&self) -> io::Result<()> {
        self.lock().lose_power()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong at the operation that begins now.
    fn begin(&self) -> Option<DiskFault> {
        let mut state = self.lock();
        let (left, fault) = state.next_fault?;
        if left > 0 {
            state.next_fault = Some((left - 1, fault));
            return None;
        }
        state.next_fault = None;
        Some(fault)
    }

    /// As [`Self::begin`], for an operation that a dying process has done or not done.
    fn begin_whole(&self) -> io::Result<()> {
        match self.begin() {
            None => Ok(()),
            Some(DiskFault::Fail) => Err(Errno::IO.into()),
            Some(DiskFault::Kill) => resume_unwind(Box::new(Killed)),
        }
    }
}

impl Storage for Disk {
    fn available_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.lock().full { 0 } else { ROOM_BYTES })
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        if self.lock().full {
            return Err(Errno::NOSPC.into());
        }
        self.begin_whole()?;
        self.lock().allocate(file, bytes)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fault = self.begin();
        let Some(fault) = fault else { return self.lock().write(file, bytes, offset) };
        let mut state = self.lock();
        let done = usize::try_from(state.chance.within(0..=bytes.len() as u64)).unwrap_or(0);
        state.write(file, &bytes[..done], offset)?;
        drop(state);
        match fault {
            DiskFault::Fail => Err(Errno::IO.into()),
            DiskFault::Kill => resume_unwind(Box::new(Killed)),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        match self.begin() {
            None => self.lock().synced(file),
            Some(DiskFault::Fail) => {
                self.lock().sync_failed(file)?;
                Err(Errno::IO.into())
            }
            Some(DiskFault::Kill) => resume_unwind(Box::new(Killed)),
        }
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.begin_whole()?;
        let mut state = self.lock();
        state.synced(file)?;
        state.unsynced(file)?.length = None;
        Ok(())
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        self.begin_whole()?;
        let names = names(dir)?;
        self.lock().names.insert(dir.to_owned(), names);
        Ok(())
    }
}

impl State {
    fn unsynced(&mut self, file: &File) -> io::Result<&mut Unsynced> {
        Ok(match self.files.entry(file.metadata()?.ino()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Unsynced {
                file: file.try_clone()?,
                length: None,
                sectors: BTreeMap::new(),
            }),
        })
    }

    fn allocate(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        // A new file: whatever had its number before is gone.
        self.files.remove(&file.metadata()?.ino());
        let unsynced = self.unsynced(file)?;
        unsynced.length = Some(0);
        file.set_len(bytes)
    }

    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let unsynced = self.unsynced(file)?;
        let end = offset + bytes.len() as u64;
        for at in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let content = read_sector(file, at)?;
            let new = || Sector { before: Vec::new(), forgotten: false };
            let sector = unsynced.sectors.entry(at).or_insert_with(new);
            sector.forgotten = false;
            if sector.before.len() < MAX_VERSIONS {
                sector.before.push(content);
            }
        }
        file.write_all_at(bytes, offset)
    }

    fn synced(&mut self, file: &File) -> io::Result<()> {
        self.syncs += 1;
        self.unsynced(file)?.sectors.retain(|_, sector| sector.forgotten);
        Ok(())
    }

    /// Some of the sectors have reached the disk; all of them are taken for clean.
    fn sync_failed(&mut self, file: &File) -> io::Result<()> {
        let mut chance = self.chance.fork();
        self.unsynced(file)?.sectors.retain(|_, sector| {
            sector.forgotten = true;
            chance.hits(500)
        });
        Ok(())
    }

    fn lose_power(&mut self) -> io::Result<()> {
        let mut chance = self.chance.fork();
        // All of it, nothing of it, or any part.
        let kept_per_mille = [0, 1000, 500, 900].get(chance.place(4).unwrap_or(0)).copied();
        let kept_per_mille = kept_per_mille.unwrap_or(500);
        for unsynced in self.files.values_mut() {
            for (at, sector) in std::mem::take(&mut unsynced.sectors) {
                if chance.hits(kept_per_mille) {
                    continue;
                }
                if let Some(content) = chance.pick(&sector.before) {
                    unsynced.file.write_all_at(content, at * SECTOR_BYTES)?;
                }
            }
            if let Some(length) = unsynced.length.take()
                && !chance.hits(kept_per_mille)
            {
                unsynced.file.set_len(length)?;
            }
        }
        let durable = std::mem::take(&mut self.names);
        for (dir, known) in &durable {
            lose_names(dir, known, &mut chance)?;
        }
        for dir in durable.into_keys() {
            let left = names(&dir)?;
            self.names.insert(dir, left);
        }
        self.files.clear();
        Ok(())
    }
}

/// Files whose names were not synced keep them, or were never there.
fn lose_names(dir: &Path, known: &BTreeMap<OsString, u64>, chance: &mut Chance) -> io::Result<()> {
    for (name, inode) in names(dir)? {
        if known.get(&name) != Some(&inode) && chance.hits(500) {
            fs::remove_file(dir.join(&name))?;
        }
    }
    Ok(())
}

fn names(dir: &Path) -> io::Result<BTreeMap<OsString, u64>> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.insert(entry.file_name(), entry.metadata()?.ino());
        }
    }
    Ok(names)
}

fn read_sector(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let offset = at * SECTOR_BYTES;
    let bytes = file.metadata()?.len().saturating_sub(offset).min(SECTOR_BYTES);
    let mut content = vec![0; usize::try_from(bytes).unwrap_or(0)];
    file.read_exact_at(&mut content, offset)?;
    Ok(content)
}
