//! The keeper: sees, once a second, whether the bus does its work, and leaves the sign of life.
//!
//! Two parts, because a disk that hangs must not keep the bus from saying so. [`Beat`] touches the
//! disk and may be held up by it; [`Monitor`] only looks at what is in memory, how long a beat has
//! taken among it, on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alive::LastAlive;
use super::clock::{self, Clock};
use super::vitals::{Disk, DiskMarks, Issue, Signs, Vitals, judge};
use super::{Engine, Progress};
use crate::domain::Sequence;
use crate::index::boot_id;

/// How far apart the turns of the keeper are.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// After a standstill of so many times `max_commit` the index is given up: a store that has lost a
/// thread never moves again, and a bus without its queues delivers nothing.
const INDEX_GIVEN_UP_AFTER: u32 = 6;

/// Bounds of the keeper, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperOptions {
    /// How long a commit, or a standstill of the index, may take before the bus does not serve.
    /// After six times as long the index is given up.
    pub max_commit: Duration,
    /// The watermarks of the journal's disk.
    pub disk: DiskMarks,
    /// Resident memory above which nothing is taken that opens a clock, in bytes; none for no
    /// bound.
    pub max_memory_bytes: Option<u64>,
}

/// The part that touches the disk.
pub struct Beat {
    vitals: Arc<Vitals>,
    clock: Clock,
    data_dir: PathBuf,
    journal_dir: PathBuf,
    marks: DiskMarks,
    boot: String,
    /// Whether the last sign of life could not be left, which is told once.
    failing: bool,
}

impl Beat {
    /// For the bus of a data directory.
    pub fn new(
        engine: &Engine,
        data_dir: PathBuf,
        journal_dir: PathBuf,
        options: KeeperOptions,
    ) -> Self {
        Self {
            vitals: Arc::clone(engine.vitals()),
            clock: engine.clock().clone(),
            data_dir,
            journal_dir,
            marks: options.disk,
            boot: boot_id().unwrap_or_default(),
            failing: false,
        }
    }

    /// A turn: looks at the disk and leaves the sign of life. A sandbox leaves none: its clock
    /// stands still until it is set. Nor does a bus whose outage is not on record yet.
    pub fn turn(&mut self) {
        self.vitals.beat(Some(Instant::now()));
        self.look_at_disk();
        if !self.clock.is_sandbox() && !self.vitals.has_outage_waiting() {
            self.leave_sign();
        }
        self.vitals.beat(None);
    }

    fn look_at_disk(&self) {
        match rustix::fs::statvfs(&self.journal_dir) {
            Ok(stat) => {
                let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
                self.vitals.note_disk(Disk { level: self.marks.level(free_bytes), free_bytes });
            }
            Err(error) => tracing::warn!(%error, "free disk space is unknown"),
        }
    }

    fn leave_sign(&mut self) {
        let boot_ms = clock::reading().boot_ms;
        let now_ms = self.clock.now_ms();
        let alive = LastAlive { now_ms, boot_ms, boot: self.boot.clone() };
        let left = alive.write(&self.data_dir);
        if let Err(error) = &left
            && !self.failing
        {
            tracing::error!(
                %error,
                dir = %self.data_dir.display(),
                "the sign of life cannot be left; after a stop, the outage of the bus will look longer"
            );
        }
        self.failing = left.is_err();
    }
}

/// The part that looks at what is in memory.
pub struct Monitor {
    engine: Engine,
    options: KeeperOptions,
    /// How far the index was, and since when.
    indexed: (Sequence, Instant),
    /// Since when the disk has refused what the index asked of it.
    refused: Option<Instant>,
    told: Vec<Issue>,
}

impl Monitor {
    /// For a running engine.
    pub fn new(engine: Engine, options: KeeperOptions) -> Self {
        let indexed = (engine.progress().indexed, Instant::now());
        Self { engine, options, indexed, refused: None, told: Vec::new() }
    }

    /// A turn: judges the bus, tells what has changed, and lets the health service know.
    pub fn turn(&mut self, now: Instant) {
        let vitals = Arc::clone(self.engine.vitals());
        let max_bytes = self.options.max_memory_bytes;
        let is_over = |max_bytes| resident_bytes().is_some_and(|bytes| bytes > max_bytes);
        vitals.note_memory(max_bytes.is_some_and(is_over));
        // The clock notices that it was set when it is read, also while nobody else does.
        self.engine.clock().now_ms();
        let commits = vitals.commits();
        let since =
            |begun: Option<Instant>| begun.map(|begun| now.saturating_duration_since(begun));
        let (revocation_unknown, file_refused) = vitals.trust();
        let signs = Signs {
            is_alive: self.engine.is_alive(),
            commit: since(commits.since),
            beat: since(vitals.beat_since()),
            index_stands: self.index_stands(now).max(since(commits.looking).unwrap_or_default()),
            refused_for_space: commits.refused_for_space,
            clock: self.engine.clock().state(),
            disk: vitals.disk().level,
            memory_short: vitals.is_short_of_memory(),
            revocation_unknown,
            file_refused,
            log_contradicted: vitals.has_contradicted_log(),
        };
        let issues = judge(signs, self.options.max_commit);
        self.tell(&issues);
        self.give_up_index(signs, &issues, now);
        vitals.note_issues(issues);
    }

    /// Ends a bus whose index hangs while the disk does not, cannot be trusted any more, or has been
    /// refused by the disk for so long; the next start builds it from the journal.
    fn give_up_index(&mut self, signs: Signs, issues: &[Issue], now: Instant) {
        let longest = self.options.max_commit * INDEX_GIVEN_UP_AFTER;
        let hangs = signs.index_stands > longest && !issues.contains(&Issue::DiskStuck);
        let index = self.engine.index();
        self.refused = index.is_refused().then(|| self.refused.unwrap_or(now));
        let refused = self.refused.map(|since| now.saturating_duration_since(since));
        let fails = index.is_doubted() || refused.is_some_and(|refused| refused > longest);
        if signs.is_alive && (hangs || fails) {
            let why = if hangs { "does not move" } else { "cannot be read" };
            tracing::error!("the index {why} and is given up; the next start builds it anew");
            self.engine.give_up_index();
        }
    }

    fn index_stands(&mut self, now: Instant) -> Duration {
        let Progress { sequence, indexed } = self.engine.progress();
        if indexed >= sequence || indexed != self.indexed.0 {
            self.indexed = (indexed, now);
        }
        now.saturating_duration_since(self.indexed.1)
    }

    fn tell(&mut self, issues: &[Issue]) {
        for issue in issues.iter().filter(|issue| !self.told.contains(issue)) {
            let what = words(*issue);
            if issue.is_fatal() {
                tracing::error!("not serving: {what}");
            } else {
                tracing::warn!("{what}");
            }
        }
        for issue in self.told.iter().filter(|issue| !issues.contains(issue)) {
            tracing::info!("over: {}", words(*issue));
        }
        issues.clone_into(&mut self.told);
    }
}

/// An issue for the operator, with what is refused.
fn words(issue: Issue) -> &'static str {
    match issue {
        Issue::EngineEnded => "the engine has ended",
        Issue::DiskStuck => "the disk has held up a commit for more than health.max_commit_seconds",
        Issue::IndexStuck => {
            "the index is behind the journal and has not moved for health.max_commit_seconds"
        }
        Issue::ClockAdrift => "the machine's clock is further off than clock.max_step_seconds",
        Issue::DiskFull => {
            "less disk is free than journal.reserve_disk_mib, or the journal cannot grow; \
             everything is refused"
        }
        Issue::LogContradicted => {
            "the journal does not contain what was signed of it: it was rewritten, or an older one \
             was restored; acts are taken, nothing is signed or proven until it is put back"
        }
        Issue::DiskShort => {
            "less disk is free than engine.reserve_disk_mib; applications are refused"
        }
        Issue::DiskLow => "less disk is free than engine.warn_disk_mib",
        Issue::MemoryShort => {
            "more memory is in use than limits.max_memory_mib; applications are refused"
        }
        Issue::RevocationUnknown => {
            "a revocation list was due to be renewed; whether certificates of its authority are \
             revoked cannot be told"
        }
        Issue::FileRefused => {
            "a changed certificate, revocation list or registry is refused; the one before is in force"
        }
    }
}

/// Resident memory of the process in bytes, as the kernel counts it; none where it does not tell.
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
    pages.checked_mul(page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_whose_outage_is_not_on_record_leaves_no_sign_that_would_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut beat = Beat {
            vitals: Arc::default(),
            clock: Clock::System,
            data_dir: dir.path().to_owned(),
            journal_dir: dir.path().to_owned(),
            marks: DiskMarks { warn_bytes: 0, intake_bytes: 0, all_bytes: 0 },
            boot: "sample".to_owned(),
            failing: false,
        };
        let vitals = Arc::clone(&beat.vitals);
        vitals.outage_waits(true);
        beat.turn();
        assert_eq!(LastAlive::read(dir.path()).unwrap(), None);
        vitals.outage_waits(false);
        beat.turn();
        assert!(LastAlive::read(dir.path()).unwrap().is_some());
    }
}
