//! What the bus sees of itself when something under it stands still: a disk that holds up a commit,
//! an index that does not follow; and the counts of what waits, against the queues themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use kopir::domain::act::Basis;
use kopir::domain::region::Region;
use kopir::domain::{
    Act, Body, BodyKind, CaseAct, Command, ProcedureKey, RequestId, Signature, Submission,
    WhenUnset,
};
use kopir::engine::keeper::{KeeperOptions, Monitor};
use kopir::engine::vitals::{DiskMarks, Issue};
use kopir::engine::{
    Clock, Engine, EngineError, EngineOptions, Law, Parts, QueueObserver, case_id, start,
};
use kopir::index::{Counts, Index, IndexOptions, QueueOp};
use kopir::journal::{Appended, Entry, Journal, JournalError, JournalReader, MemoryStore, Tail};
use kopir::{procedures, trust};
use tempfile::TempDir;

const SENDER: &str = "mission-uz";
const MAX_COMMIT: Duration = Duration::from_secs(5);
const OPTIONS: KeeperOptions = KeeperOptions {
    max_commit: MAX_COMMIT,
    disk: DiskMarks { warn_bytes: 0, intake_bytes: 0, all_bytes: 0 },
    max_memory_bytes: None,
};

/// Holds up whoever comes to it while it is shut.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set_shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        while *shut {
            shut = self.opened.wait(shut).unwrap();
        }
    }
}

/// A journal whose disk may hang.
struct Hanging {
    journal: Box<dyn Journal>,
    gate: Arc<Gate>,
}

impl Journal for Hanging {
    fn append(&mut self, group: &[Entry<'_>]) -> Result<Vec<Appended>, JournalError> {
        self.gate.pass();
        self.journal.append(group)
    }

    fn tail(&self) -> Tail {
        self.journal.tail()
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.journal.reader()
    }
}

impl QueueObserver for Gate {
    fn queues_changed(&self, _: &[QueueOp]) {
        self.pass();
    }
}

struct Bus {
    engine: Engine,
    store: MemoryStore,
    disk: Arc<Gate>,
    follower: Arc<Gate>,
    index: TempDir,
}

impl Bus {
    fn start() -> Self {
        let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let (disk, follower) = (Arc::<Gate>::default(), Arc::<Gate>::default());
        let index = Index::open(dir.path(), &IndexOptions::default()).unwrap().index;
        let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.toml");
        let journal = Box::new(store.open(1 << 20).unwrap());
        let parts = Parts {
            journal: Box::new(Hanging { journal, gate: Arc::clone(&disk) }),
            disk: None,
            vault: Arc::new(kopir::vault::MemoryVault::new(1)),
            index,
            observer: Arc::<Gate>::clone(&follower),
            parties: trust::registry::read(&registry).unwrap(),
            law: Law::new(
                Arc::new(procedures::load().unwrap()),
                procedures::calendar::kazakhstan().unwrap(),
                WhenUnset::Admit,
            ),
            clock: Clock::sandbox("2021-09-06T04:00:00Z".parse().unwrap()),
            options: EngineOptions {
                max_waiting_commands: 64,
                max_group_commands: 4,
                max_index_lag_records: 64,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: 6,
            },
            read_calendar: |_| Err("no calendar is amended here".to_owned()),
            ladder: kopir::domain::ladder::Ladder::default(),
            last_alive_ms: None,
            vitals: Arc::default(),
        };
        let engine = start(parts).unwrap().engine;
        Self { engine, store, disk, follower, index: dir }
    }

    async fn submit(&self, request: u8) -> Result<(), EngineError> {
        let request = RequestId([request; 16]);
        let procedure = ProcedureKey {
            procedure: "kandas-mission".parse().unwrap(),
            edition: "2021".parse().unwrap(),
        };
        let command = Command {
            author: self.engine.roster().number(&SENDER.parse().unwrap()).unwrap(),
            request,
            fingerprint: [1; 32],
            case: case_id(SENDER, request),
            act: CaseAct::Submit(Submission {
                procedure,
                act: Act::SubmitApplication,
                basis: Basis::Ordinary,
                region: "KZ-55".parse::<Region>().unwrap(),
                departure: None,
                persons: 1,
                applicant: None,
                concerns: None,
                filed_at: "2021-09-06T03:00:00Z".parse().unwrap(),
            }),
            body: Body::new(BodyKind::Application, *b"SAMPLE"),
            signature: Signature::Absent,
        };
        self.engine.act(command).await.map(drop)
    }

    /// Waits until nothing is left to do; a turn ends after its answers.
    async fn idle(&self) {
        self.engine.caught_up().await;
        while self.engine.vitals().commits().looking.is_some() {
            tokio::task::yield_now().await;
        }
    }

    fn issues(&self) -> Vec<Issue> {
        self.engine.vitals().health().borrow().issues.clone()
    }

    /// What is counted is what the queues hold, once the index has it.
    async fn assert_counted(&self) -> BTreeMap<u32, Counts> {
        self.engine.caught_up().await;
        let held = self.engine.index().counts().unwrap();
        let counted = self.engine.vitals().queues.all();
        let some = |counts: &Counts| *counts != Counts::default();
        let counted: BTreeMap<_, _> = counted.into_iter().filter(|(_, each)| some(each)).collect();
        assert_eq!(counted, held);
        held.into_iter().map(|(party, counts)| (party.0, counts)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_holds_up_a_commit_stops_the_serving_and_its_return_mends_it() {
    let bus = Bus::start();
    let mut monitor = Monitor::new(bus.engine.clone(), OPTIONS);
    let vitals = Arc::clone(bus.engine.vitals());
    bus.submit(1).await.unwrap();
    // The index must not be behind already, or it would be what hangs.
    bus.engine.caught_up().await;
    monitor.turn(Instant::now());
    assert!(vitals.health().borrow().is_ready());
    assert!(vitals.commits().last.is_some());

    bus.disk.set_shut(true);
    let waiting = bus.submit(2);
    tokio::pin!(waiting);
    while vitals.commits().since.is_none() {
        assert!(futures_util::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    let begun = vitals.commits().since.unwrap();
    monitor.turn(begun + MAX_COMMIT);
    assert_eq!(bus.issues(), [], "a slow disk is none that hangs");
    monitor.turn(begun + MAX_COMMIT + Duration::from_millis(1));
    assert_eq!(bus.issues(), [Issue::DiskStuck]);
    assert!(!vitals.health().borrow().is_serving());

    bus.disk.set_shut(false);
    waiting.await.unwrap();
    bus.idle().await;
    monitor.turn(begun + 2 * MAX_COMMIT);
    assert_eq!(bus.issues(), []);
    assert_eq!(vitals.commits().since, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_does_not_follow_stops_the_serving() {
    let bus = Bus::start();
    let begun = Instant::now();
    let mut monitor = Monitor::new(bus.engine.clone(), OPTIONS);
    bus.follower.set_shut(true);
    bus.submit(1).await.unwrap();
    monitor.turn(begun + MAX_COMMIT);
    assert_eq!(bus.issues(), []);
    monitor.turn(begun + 2 * MAX_COMMIT + Duration::from_secs(1));
    assert_eq!(bus.issues(), [Issue::IndexStuck]);
    bus.follower.set_shut(false);
    bus.idle().await;
    monitor.turn(begun + 3 * MAX_COMMIT);
    assert_eq!(bus.issues(), []);
    // With nothing to do the index stands too, and nothing is wrong with that.
    monitor.turn(begun + 9 * MAX_COMMIT);
    assert_eq!(bus.issues(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_hangs_is_given_up_and_the_next_start_builds_it_anew() {
    let bus = Bus::start();
    let begun = Instant::now();
    let mut monitor = Monitor::new(bus.engine.clone(), OPTIONS);
    bus.follower.set_shut(true);
    bus.submit(1).await.unwrap();
    monitor.turn(begun + MAX_COMMIT);
    // While the disk hangs too, nobody knows whose fault it is.
    bus.disk.set_shut(true);
    let waiting = bus.submit(2);
    tokio::pin!(waiting);
    while bus.engine.vitals().commits().since.is_none() {
        assert!(futures_util::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    monitor.turn(begun + 8 * MAX_COMMIT);
    assert_eq!(bus.issues(), [Issue::DiskStuck, Issue::IndexStuck]);
    assert!(bus.engine.is_alive());
    bus.disk.set_shut(false);
    waiting.await.unwrap();
    assert!(!bus.engine.index().is_doubted());
    monitor.turn(begun + 16 * MAX_COMMIT);
    assert!(!bus.engine.is_alive() && bus.engine.index().is_doubted());
    let state = std::fs::read_to_string(bus.index.path().join("KOPIR-INDEX")).unwrap();
    assert!(state.contains("damaged"), "{state}");
    bus.follower.set_shut(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_space_is_an_issue_and_leaves_the_counts_as_they_were() {
    let bus = Bus::start();
    let mut monitor = Monitor::new(bus.engine.clone(), OPTIONS);
    bus.submit(1).await.unwrap();
    let before = bus.assert_counted().await;
    bus.store.set_full(true);
    let refused = tokio::join!(bus.submit(2), bus.submit(3));
    assert!(matches!(refused, (Err(EngineError::DiskFull), Err(EngineError::DiskFull))));
    assert_eq!(bus.assert_counted().await, before);
    monitor.turn(Instant::now());
    assert_eq!(bus.issues(), [Issue::DiskFull]);
    bus.store.set_full(false);
    bus.submit(2).await.unwrap();
    monitor.turn(Instant::now());
    assert_eq!(bus.issues(), []);
    assert_ne!(bus.assert_counted().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_full_at_its_bound_and_not_beyond_also_within_one_group() {
    let bus = Bus::start();
    // They wait together, so that several are decided in one group.
    bus.disk.set_shut(true);
    let requests: Vec<_> = (1..=20).map(|request| bus.submit(request)).collect();
    let answers = futures_util::future::join_all(requests);
    let open = async { bus.disk.set_shut(false) };
    let (answers, ()) = tokio::join!(answers, open);
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    let full = |answer: &&Result<(), EngineError>| matches!(answer, Err(EngineError::QueueFull));
    assert_eq!((taken, answers.iter().filter(full).count()), (6, 14));
    let counts = bus.assert_counted().await;
    assert_eq!(counts.values().map(|counts| counts.deliveries).max(), Some(6));
}
