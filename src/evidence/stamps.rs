//! Checkpoints that a time-stamp authority has stamped (RFC 3161), each with its token.
//!
//! A token cannot be had again for a time that has passed, so they are kept apart from the tiles,
//! which can be made anew: `DATA/stamps/v1/N.checkpoint` is the note that was stamped, N its records,
//! and `N.tst` the token over exactly those bytes, in DER. So `openssl ts -verify` reads both as they
//! are. They belong to the journal's backup.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use super::log::{read_bounded, replace_durably};
use crate::trust::signature::timestamp::{self, StampFault};

/// A checkpoint with the token over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// How many records the tree of the checkpoint has.
    pub size: u64,
    /// The bytes that were stamped: the note with its signatures.
    pub checkpoint: Vec<u8>,
    /// The TimeStampToken in DER.
    pub token: Vec<u8>,
    /// The time that the token states, by the clock of its authority.
    pub at: Timestamp,
}

/// Why the last question to the authority came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstamped {
    /// Since when, by the clock of the bus.
    pub since: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// The stamped checkpoints of a log.
#[derive(Debug)]
pub struct Stamps {
    dir: PathBuf,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The sizes of the trees that are stamped.
    sizes: BTreeSet<u64>,
    last: Option<Stamped>,
    problem: Option<Unstamped>,
}

impl Stamps {
    /// Those below a data directory. What cannot be read is told and passed over: each stands for
    /// itself.
    #[must_use]
    pub fn open(data_dir: &Path) -> Self {
        let dir = data_dir.join("stamps/v1");
        let sizes = sizes(&dir).unwrap_or_else(|error| {
            tracing::warn!(dir = %dir.display(), %error, "the time-stamps of the log cannot be read");
            BTreeSet::new()
        });
        let stamps = Self { dir, state: RwLock::default() };
        let last = sizes.iter().rev().find_map(|size| stamps.read(*size));
        *stamps.write() = State { sizes, last, problem: None };
        stamps
    }

    /// Keeps a checkpoint of so many records with its token, on the disk before it returns.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep(&self, stamped: Stamped) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        // A token without what it stamps would be worth nothing, the other way round it is asked again.
        replace_durably(&self.path(stamped.size, "checkpoint"), &stamped.checkpoint)?;
        replace_durably(&self.path(stamped.size, "tst"), &stamped.token)?;
        let mut state = self.write();
        state.sizes.insert(stamped.size);
        state.problem = None;
        state.last = Some(stamped);
        Ok(())
    }

    /// There is no token, since this instant by the clock of the bus or since before.
    pub fn note_problem(&self, now: Timestamp, why: String) {
        let mut state = self.write();
        let since = state.problem.as_ref().map_or(now, |known| known.since);
        state.problem = Some(Unstamped { since, why });
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<Stamped> {
        self.state().last.clone()
    }

    /// Why the last question came to nothing; none after one that did not.
    #[must_use]
    pub fn problem(&self) -> Option<Unstamped> {
        self.state().problem.clone()
    }

    /// The one that proves most about records from `first` to `last`: the earliest over all of them,
    /// or the newest over some.
    #[must_use]
    pub fn over(&self, first: u64, last: u64) -> Option<Stamped> {
        let candidates: Vec<u64> = {
            let state = self.state();
            let whole = state.sizes.range(last..);
            let part = state.sizes.range(first..last.max(first)).rev();
            whole.chain(part).copied().collect()
        };
        candidates.into_iter().find_map(|size| self.read(size))
    }

    /// One with its token, if that is over its bytes.
    fn read(&self, size: u64) -> Option<Stamped> {
        let read = || -> Result<Stamped, ReadError> {
            let checkpoint = read_bounded(&self.path(size, "checkpoint"))?;
            let token = read_bounded(&self.path(size, "tst"))?;
            let at = timestamp::read(&token, &checkpoint)?.at;
            Ok(Stamped { size, checkpoint, token, at })
        };
        read()
            .inspect_err(
                |error| tracing::warn!(records = size, %error, "a time-stamp is passed over"),
            )
            .ok()
    }

    fn path(&self, size: u64, kind: &str) -> PathBuf {
        self.dir.join(format!("{size:020}.{kind}"))
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Token(#[from] StampFault),
}

/// The sizes of the trees whose tokens are in a directory.
fn sizes(dir: &Path) -> io::Result<BTreeSet<u64>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut sizes = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".tst"));
        sizes.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(sizes)
}
