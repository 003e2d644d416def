//! The directory of a vault: made, kept to its owner, and locked against a second process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::VaultError;

/// A vault's directory, locked for as long as this lives.
pub(super) struct Locked {
    dir: PathBuf,
    _lock: File,
}

impl Locked {
    /// Makes the directory, if it is missing, and locks it.
    pub(super) fn enter(dir: &Path) -> Result<Self, VaultError> {
        let failed = |source| VaultError::Io { path: dir.to_owned(), source };
        // A name is durable once the directory that has it is synced, level by level.
        let above: Vec<_> = dir.ancestors().skip(1).filter(|above| !above.exists()).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        for level in above.into_iter().chain([dir]).filter_map(Path::parent) {
            let level = if level.as_os_str().is_empty() { Path::new(".") } else { level };
            match sync(level) {
                // Whoever prepared the directory need not let the service look around it.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                outcome => outcome.map_err(failed)?,
            }
        }
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(dir.join("vault.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(VaultError::Locked { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The file of the slots.
    pub(super) fn slots(&self) -> PathBuf {
        slots(&self.dir)
    }

    /// The file in which they are written anew.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.dir.join("slots.new")
    }

    /// Makes the names in the directory durable.
    pub(super) fn sync(&self) -> Result<(), VaultError> {
        sync(&self.dir).map_err(|source| VaultError::Io { path: self.dir.clone(), source })
    }
}

/// Where the slots are in a vault's directory.
pub(super) fn slots(dir: &Path) -> PathBuf {
    dir.join("slots")
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
