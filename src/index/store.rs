//! Opening and letting go of sled, the one embedded store behind the index.
//!
//! Whatever sled does wrong on damaged files, be it an error or a panic, becomes a [`Damage`] here
//! and the index is rebuilt. A panic can be caught only where it unwinds; in a program built to
//! abort, the state of the directory tells the next start that opening was fatal.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::audit::Audit;
use super::home::{Home, State, Verdict};
use super::{Applied, Damage, IndexError, IndexOptions, WhyFresh, keys, values};

/// How often sled hands what it holds to the kernel, in milliseconds. What it had not handed over
/// when the process died is replayed from the journal.
const HAND_OVER_EVERY_MS: u64 = 500;

/// An open store, and what is in it.
pub(super) struct Store {
    pub(super) db: sled::Db,
    pub(super) applied: Option<Applied>,
    pub(super) fresh: Option<WhyFresh>,
}

/// Opens what the directory holds, or replaces it if it cannot be trusted.
pub(super) fn open(
    home: &Home,
    verdict: Verdict,
    options: &IndexOptions,
) -> Result<Store, IndexError> {
    home.write_state(&State::Opening)?;
    let kept = match verdict {
        Verdict::Fresh(why) => Err(why),
        Verdict::Sound => keep(home, options, Trust::Proven),
        Verdict::Suspect => {
            home.remove_unfinished_snapshots()?;
            keep(home, options, Trust::AfterInspection)
        }
    };
    match kept {
        Ok((db, applied)) => Ok(Store { db, applied: Some(applied), fresh: None }),
        Err(why) => {
            home.wipe()?;
            let db = config(home, options).open().map_err(storage("open"))?;
            Ok(Store { db, applied: None, fresh: Some(why) })
        }
    }
}

/// Lets go of the store and waits until sled has really let go of its files. Some of its writes
/// run in threads of its own, which outlive the handle for a moment and hold a lock on the data.
pub(super) fn release(home: &Home, db: sled::Db) {
    drop(db);
    // Failing to open or lock the file leaves nothing to wait for.
    if let Ok(file) = File::open(home.data().join("db")) {
        let _released_on_close = file.lock();
    }
}

/// Whether every entry has to be looked at before the store is used.
enum Trust {
    /// The files are, byte for byte, those of a store that was closed.
    Proven,
    /// The process died with the store open.
    AfterInspection,
}

fn keep(
    home: &Home,
    options: &IndexOptions,
    trust: Trust,
) -> Result<(sled::Db, Applied), WhyFresh> {
    let attempt = || {
        let failed = |error: sled::Error| Damage::Unopenable { reason: error.to_string() };
        let db = config(home, options).open().map_err(failed)?;
        match inspect(&db, trust) {
            Ok(applied) => Ok((db, applied)),
            Err(damage) => {
                release(home, db);
                Err(damage)
            }
        }
    };
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok((db, Some(applied)))) => Ok((db, applied)),
        // Nothing was ever applied, so there is nothing to keep.
        Ok(Ok((db, None))) => {
            release(home, db);
            Err(WhyFresh::Missing)
        }
        Ok(Err(damage)) => Err(WhyFresh::Damaged(damage)),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            let reason = said.unwrap_or("a panic without words").to_owned();
            Err(WhyFresh::Damaged(Damage::Unopenable { reason }))
        }
    }
}

/// Reads up to which record the store is applied, after looking at every entry if need be.
fn inspect(db: &sled::Db, trust: Trust) -> Result<Option<Applied>, Damage> {
    let failed = |error: sled::Error| Damage::Unopenable { reason: error.to_string() };
    let mut audit = Audit::default();
    match trust {
        Trust::Proven => {
            if let Some(value) = db.get(keys::APPLIED).map_err(failed)? {
                return values::read_applied(&value).map(Some).ok_or(Damage::Applied);
            }
            if let Some(entry) = db.iter().next() {
                let (key, value) = entry.map_err(failed)?;
                audit.entry(&key, &value)?;
            }
        }
        Trust::AfterInspection => {
            for entry in db.iter() {
                let (key, value) = entry.map_err(failed)?;
                audit.entry(&key, &value)?;
            }
        }
    }
    audit.finish()
}

/// Names what sled was asked to do when it failed.
pub(super) fn storage(operation: &'static str) -> impl Fn(sled::Error) -> IndexError {
    move |source| IndexError::Storage { operation, source: Box::new(source) }
}

fn config(home: &Home, options: &IndexOptions) -> sled::Config {
    sled::Config::new()
        .path(home.data())
        .cache_capacity(options.cache_bytes)
        .mode(sled::Mode::HighThroughput)
        .flush_every_ms(Some(HAND_OVER_EVERY_MS))
}
