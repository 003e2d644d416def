//! What tells whether the bus does its work: commits that end, an index that follows, a clock that
//! can be believed, room on the disk and in memory.
//!
//! Writer and keeper note here what they see; nobody waits for anybody, so that a hung disk cannot
//! keep the bus from saying so. [`judge`] makes of it what the health service answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::clock::{ClockState, timestamp};
use super::queues::QueueCounts;
use crate::domain::ladder::BusOutage;

/// What is wrong with the bus, or about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Issue {
    /// A failed write, sync or index has ended the engine; the process ends too.
    EngineEnded,
    /// A commit, or the sign of life, has waited for the disk too long.
    DiskStuck,
    /// The index is behind the journal and does not move.
    IndexStuck,
    /// The machine's clock was set by more than is followed.
    ClockAdrift,
    /// The journal takes nothing more.
    DiskFull,
    /// The journal does not contain what was signed of it: nothing more is signed or proven.
    LogContradicted,
    /// Too little disk for what opens a clock; what closes one is taken.
    DiskShort,
    /// Soon too little disk.
    DiskLow,
    /// Too much memory for what opens a clock; what closes one is taken.
    MemoryShort,
    /// Whether certificates are revoked cannot be told: a list's next update is overdue.
    RevocationUnknown,
    /// A changed certificate, list or registry cannot be used; what was in force before it is.
    FileRefused,
}

impl Issue {
    /// Every issue, the worst first.
    pub const ALL: [Self; 11] = [
        Self::EngineEnded,
        Self::DiskStuck,
        Self::IndexStuck,
        Self::ClockAdrift,
        Self::DiskFull,
        Self::LogContradicted,
        Self::DiskShort,
        Self::DiskLow,
        Self::MemoryShort,
        Self::RevocationUnknown,
        Self::FileRefused,
    ];

    /// Whether a bus with it does not serve.
    pub fn is_fatal(self) -> bool {
        match self {
            Self::EngineEnded
            | Self::DiskStuck
            | Self::IndexStuck
            | Self::ClockAdrift
            | Self::DiskFull => true,
            Self::LogContradicted
            | Self::DiskShort
            | Self::DiskLow
            | Self::MemoryShort
            | Self::RevocationUnknown
            | Self::FileRefused => false,
        }
    }
}

/// What the health service answers, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// What is wrong, the worst first.
    pub issues: Vec<Issue>,
    /// The writer has done what fell due before it and takes new acts.
    pub caught_up: bool,
}

impl Health {
    /// The bus does its work.
    pub fn is_serving(&self) -> bool {
        !self.issues.iter().any(|issue| issue.is_fatal())
    }

    /// It does, and takes new traffic.
    pub fn is_ready(&self) -> bool {
        self.caught_up && self.is_serving()
    }
}

/// How much room a disk has, by its watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum DiskLevel {
    /// Enough.
    #[default]
    Ample,
    /// Below `engine.warn_disk_mib`: told, nothing else.
    Low,
    /// Below `engine.reserve_disk_mib`: what opens a clock is refused.
    Short,
    /// Below `journal.reserve_disk_mib`, or no further segment to be had: everything is refused.
    Full,
}

/// The watermarks of the journal's disk, each less than the one before, in free bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskMarks {
    /// Below it the operator is warned.
    pub warn_bytes: u64,
    /// Below it applications are refused.
    pub intake_bytes: u64,
    /// Below it everything is.
    pub all_bytes: u64,
}

impl DiskMarks {
    /// The level of a disk with so many bytes free.
    pub fn level(self, free_bytes: u64) -> DiskLevel {
        match free_bytes {
            free if free < self.all_bytes => DiskLevel::Full,
            free if free < self.intake_bytes => DiskLevel::Short,
            free if free < self.warn_bytes => DiskLevel::Low,
            _ => DiskLevel::Ample,
        }
    }
}

/// The journal's disk when it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    /// How much room that is.
    pub level: DiskLevel,
    /// Bytes free for the bus.
    pub free_bytes: u64,
}

/// Where the journal's commits stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Commits {
    /// Since when the writer has been in the one there is, if it is in one.
    pub since: Option<Instant>,
    /// Since when it has been at its turn without a commit, which it spends looking things up.
    pub looking: Option<Instant>,
    /// The time of the last group that became durable in this process.
    pub last: Option<Timestamp>,
    /// The last group was refused for want of space.
    pub refused_for_space: bool,
}

/// What writer, keeper and the services share.
#[derive(Default)]
pub struct Vitals {
    commits: Mutex<Commits>,
    /// Since when the keeper has been in its work on the disk.
    beat_since: Mutex<Option<Instant>>,
    disk: Mutex<Disk>,
    last_outage: Mutex<Option<BusOutage>>,
    /// An outage is not on record yet.
    outage_waits: AtomicBool,
    memory_short: AtomicBool,
    revocation_unknown: AtomicBool,
    file_refused: AtomicBool,
    log_contradicted: AtomicBool,
    health: watch::Sender<Health>,
    /// What waits for each party.
    pub queues: QueueCounts,
}

impl Vitals {
    /// The writer begins a turn, or has ended it.
    pub(super) fn turn(&self, begins: bool) {
        lock(&self.commits).looking = begins.then(Instant::now);
    }

    /// The writer begins to append a group.
    pub fn commit_begins(&self) {
        let mut commits = lock(&self.commits);
        (commits.since, commits.looking) = (Some(Instant::now()), None);
    }

    /// The group is durable as of this time of the bus, or was refused, for want of space or
    /// otherwise.
    pub fn commit_ended(&self, outcome: Committed) {
        let mut commits = lock(&self.commits);
        (commits.since, commits.looking) = (None, Some(Instant::now()));
        match outcome {
            Committed::At(now_ms) => {
                commits.last = Some(timestamp(now_ms));
                commits.refused_for_space = false;
            }
            Committed::NoSpace => commits.refused_for_space = true,
            Committed::Refused => {}
        }
    }

    /// Where the commits stand.
    pub fn commits(&self) -> Commits {
        *lock(&self.commits)
    }

    /// The writer has done what fell due before it, and takes new acts from now on.
    pub fn set_caught_up(&self) {
        self.health.send_modify(|health| health.caught_up = true);
    }

    /// The bus was away.
    pub fn note_outage(&self, outage: BusOutage) {
        *lock(&self.last_outage) = Some(outage);
    }

    /// Whether an outage waits for room to be recorded. Until then the bus leaves no sign of life:
    /// the next start would take it for the end of the outage.
    pub(super) fn outage_waits(&self, waits: bool) {
        self.outage_waits.store(waits, Ordering::Release);
    }

    pub(super) fn has_outage_waiting(&self) -> bool {
        self.outage_waits.load(Ordering::Acquire)
    }

    /// The last time the bus was away, as far as its journal knows.
    pub fn last_outage(&self) -> Option<BusOutage> {
        *lock(&self.last_outage)
    }

    /// The journal's disk when it was looked at last.
    pub fn disk(&self) -> Disk {
        *lock(&self.disk)
    }

    /// Whether memory is over its bound, so that nothing is taken that opens a clock.
    pub fn is_short_of_memory(&self) -> bool {
        self.memory_short.load(Ordering::Acquire)
    }

    /// What the health service answers, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(super) fn beat(&self, since: Option<Instant>) {
        *lock(&self.beat_since) = since;
    }

    pub(super) fn beat_since(&self) -> Option<Instant> {
        *lock(&self.beat_since)
    }

    pub(super) fn note_disk(&self, disk: Disk) {
        *lock(&self.disk) = disk;
        if disk.level < DiskLevel::Short {
            // Another segment has room again, whether or not anybody asks for one.
            lock(&self.commits).refused_for_space = false;
        }
    }

    pub(super) fn note_memory(&self, is_short: bool) {
        self.memory_short.store(is_short, Ordering::Release);
    }

    /// Whether a revocation list is overdue, and whether a changed file is refused.
    pub fn note_trust(&self, revocation_unknown: bool, file_refused: bool) {
        self.revocation_unknown.store(revocation_unknown, Ordering::Release);
        self.file_refused.store(file_refused, Ordering::Release);
    }

    pub(super) fn trust(&self) -> (bool, bool) {
        let load = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        (load(&self.revocation_unknown), load(&self.file_refused))
    }

    /// The journal does not contain what was signed of it. Only a restart looks again.
    pub fn note_contradicted_log(&self) {
        self.log_contradicted.store(true, Ordering::Release);
    }

    pub(super) fn has_contradicted_log(&self) -> bool {
        self.log_contradicted.load(Ordering::Acquire)
    }

    pub(super) fn note_issues(&self, issues: Vec<Issue>) {
        self.health.send_if_modified(|health| {
            let changed = health.issues != issues;
            health.issues = issues;
            changed
        });
    }
}

/// How an append ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Durable, at this time of the bus in Unix milliseconds.
    At(i64),
    /// Refused, for want of space.
    NoSpace,
    /// Refused, or failed for good.
    Refused,
}

/// What [`judge`] judges.
#[derive(Debug, Clone, Copy)]
pub struct Signs {
    /// The engine still runs.
    pub is_alive: bool,
    /// How long the commit there is has taken.
    pub commit: Option<Duration>,
    /// How long the keeper's work on the disk has taken.
    pub beat: Option<Duration>,
    /// How long the index has been behind the journal without moving, or the writer has waited for
    /// it.
    pub index_stands: Duration,
    /// The last group was refused for want of space.
    pub refused_for_space: bool,
    /// The machine's clock.
    pub clock: ClockState,
    /// The disk.
    pub disk: DiskLevel,
    /// Memory is over its bound.
    pub memory_short: bool,
    /// A revocation list is overdue.
    pub revocation_unknown: bool,
    /// A changed file is refused.
    pub file_refused: bool,
    /// The journal does not contain what was signed of it.
    pub log_contradicted: bool,
}

/// What is wrong with a bus of these signs, the worst first. `max_commit` is how long a commit, and
/// a standstill of the index, may take.
pub fn judge(signs: Signs, max_commit: Duration) -> Vec<Issue> {
    let Signs {
        is_alive,
        commit,
        beat,
        index_stands,
        refused_for_space,
        clock,
        disk,
        memory_short,
        revocation_unknown,
        file_refused,
        log_contradicted,
    } = signs;
    let too_long = |span: Option<Duration>| span.is_some_and(|span| span > max_commit);
    let is_full = disk == DiskLevel::Full || refused_for_space;
    Issue::ALL
        .into_iter()
        .filter(|issue| match issue {
            Issue::EngineEnded => !is_alive,
            Issue::DiskStuck => too_long(commit) || too_long(beat),
            Issue::IndexStuck => index_stands > max_commit,
            Issue::ClockAdrift => matches!(clock, ClockState::Adrift { .. }),
            Issue::DiskFull => is_full,
            Issue::LogContradicted => log_contradicted,
            Issue::DiskShort => disk == DiskLevel::Short && !is_full,
            Issue::DiskLow => disk == DiskLevel::Low && !is_full,
            Issue::MemoryShort => memory_short,
            Issue::RevocationUnknown => revocation_unknown,
            Issue::FileRefused => file_refused,
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(5);
    const LONGER: Duration = Duration::from_millis(5001);
    const SOUND: Signs = Signs {
        is_alive: true,
        commit: Some(MAX),
        beat: Some(MAX),
        index_stands: MAX,
        refused_for_space: false,
        clock: ClockState::Ahead { by_ms: 60_000 },
        disk: DiskLevel::Ample,
        memory_short: false,
        revocation_unknown: false,
        file_refused: false,
        log_contradicted: false,
    };

    fn judged(signs: Signs) -> (Vec<Issue>, bool) {
        let health = Health { issues: judge(signs, MAX), caught_up: true };
        assert_eq!(health.is_ready(), health.is_serving());
        let serving = health.is_serving();
        (health.issues, serving)
    }

    #[test]
    fn a_bus_that_does_its_work_serves_and_is_ready_once_caught_up() {
        assert_eq!(judged(SOUND), (vec![], true));
        assert!(!Health { issues: vec![], caught_up: false }.is_ready());
    }

    #[test]
    fn each_sign_has_its_issue() {
        let adrift = ClockState::Adrift { by_ms: -61_000 };
        for (signs, issue, serving) in [
            (Signs { is_alive: false, ..SOUND }, Issue::EngineEnded, false),
            (Signs { commit: Some(LONGER), ..SOUND }, Issue::DiskStuck, false),
            (Signs { beat: Some(LONGER), ..SOUND }, Issue::DiskStuck, false),
            (Signs { index_stands: LONGER, ..SOUND }, Issue::IndexStuck, false),
            (Signs { clock: adrift, ..SOUND }, Issue::ClockAdrift, false),
            (Signs { disk: DiskLevel::Full, ..SOUND }, Issue::DiskFull, false),
            (Signs { refused_for_space: true, ..SOUND }, Issue::DiskFull, false),
            (Signs { log_contradicted: true, ..SOUND }, Issue::LogContradicted, true),
            (Signs { revocation_unknown: true, ..SOUND }, Issue::RevocationUnknown, true),
            (Signs { file_refused: true, ..SOUND }, Issue::FileRefused, true),
            (Signs { disk: DiskLevel::Short, ..SOUND }, Issue::DiskShort, true),
            (Signs { disk: DiskLevel::Low, ..SOUND }, Issue::DiskLow, true),
            (Signs { memory_short: true, ..SOUND }, Issue::MemoryShort, true),
        ] {
            assert_eq!(judged(signs), (vec![issue], serving));
        }
    }

    #[test]
    fn the_disk_falls_through_its_watermarks_in_order() {
        let marks = DiskMarks { warn_bytes: 300, intake_bytes: 200, all_bytes: 100 };
        let levels: Vec<_> = [300, 299, 200, 199, 100, 99, 0].map(|free| marks.level(free)).into();
        use DiskLevel::{Ample, Full, Low, Short};
        assert_eq!(levels, [Ample, Low, Low, Short, Short, Full, Full]);
    }
}
