//! The directory a journal lives in: made durable, locked, and named in every
//! complaint, since a wrong path is the commonest fault of a configuration.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::JournalError;
use super::segment::io_error;
use super::storage::Storage;

const LOCK_FILE: &str = "journal.lock";

/// Makes `dir` exist, durably.
pub(super) fn prepare_directory(storage: &dyn Storage, dir: &Path) -> Result<(), JournalError> {
    let path = dir.to_owned();
    match fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return Err(JournalError::NotADirectory { path }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(JournalError::NotADirectory { path });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(JournalError::Unwritable { path, source }),
    }
    create_durably(storage, dir).map_err(|source| JournalError::Unwritable { path, source })
}

/// Creates the missing levels from the top down, each synced into the one
/// above. The deepest that was there is synced first, for whoever created it
/// may have died before doing so, or not have meant to: the index, which can
/// be lost, makes its directory below the same one.
fn create_durably(storage: &dyn Storage, dir: &Path) -> io::Result<()> {
    let mut missing: Vec<_> = dir.ancestors().take_while(|level| !level.exists()).collect();
    // The empty path stands above a relative one, and is the working directory.
    missing.retain(|level| !level.as_os_str().is_empty());
    let there = missing.last().map_or(Some(dir), |level| level.parent());
    if let Some(there) = there.filter(|level| !level.as_os_str().is_empty()) {
        match sync_parent(storage, there) {
            // Whoever prepared the directory need not let the service look around it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            outcome => outcome?,
        }
    }
    for level in missing.iter().rev() {
        fs::create_dir(level)?;
        sync_parent(storage, level)?;
    }
    Ok(())
}

fn sync_parent(storage: &dyn Storage, level: &Path) -> io::Result<()> {
    match level.parent() {
        None => Ok(()),
        Some(parent) if parent.as_os_str().is_empty() => storage.sync_directory(Path::new(".")),
        Some(parent) => storage.sync_directory(parent),
    }
}

/// Takes the lock that keeps a second writer out, until the file is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| JournalError::Unwritable { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("locking", &path, source)),
    }
}

/// A directory in which the first segment cannot be created is a matter of
/// configuration, not of a journal that broke.
pub(super) fn unwritable_directory(error: JournalError) -> JournalError {
    if let JournalError::Io { path, source, .. } = error {
        return JournalError::Unwritable { path, source };
    }
    error
}
