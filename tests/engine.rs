//! The engine when something under it fails: a full disk, a failed sync, a broken follower.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use kopir::domain::act::Basis;
use kopir::domain::ladder::BusOutage;
use kopir::domain::region::Region;
use kopir::domain::{
    Act, ActFacts, Body, BodyKind, CaseAct, Command, Event, ProcedureKey, Sequence, Signature,
    Submission, WhenUnset,
};
use kopir::engine::{
    Accepted, Clock, Engine, EngineError, EngineOptions, Law, Parts, QueueObserver, Started,
    assemble, case_id, start,
};
use kopir::index::{Index, IndexOptions, QueueOp};
use kopir::journal::{FailedGroup, MemoryStore};
use kopir::{procedures, trust};
use tempfile::TempDir;

const SENDER: &str = "mission-uz";
const MAX_RECORD_BYTES: u32 = 1 << 20;

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_repeats_old_receipts() {
    let bus = Bus::start(Arc::new(Quiet));
    let first = bus.submit(1).await.unwrap();

    bus.store.set_full(true);
    assert!(matches!(bus.submit(2).await, Err(EngineError::DiskFull)));
    let again = bus.submit(1).await.unwrap();
    assert!(again.repeated);
    assert_eq!((again.sequence, again.hash, again.at), (first.sequence, first.hash, first.at));
    // New and old waiting together end up in one group, which is refused as a whole.
    let (new, old) = tokio::join!(bus.submit(3), bus.submit(1));
    assert!(matches!(new, Err(EngineError::DiskFull)), "{new:?}");
    assert_eq!(old.unwrap().hash, first.hash);

    bus.store.set_full(false);
    let second = bus.submit(2).await.unwrap();
    assert_eq!(second.sequence.0, first.sequence.0 + 1, "nothing refused has left a record");
    assert!(!second.repeated);
    assert!(bus.engine.is_alive());
}

#[tokio::test]
async fn a_failed_sync_ends_the_engine_without_an_answer() {
    for kept in [FailedGroup::Lost, FailedGroup::Kept] {
        let bus = Bus::start(Arc::new(Quiet));
        bus.submit(1).await.unwrap();
        bus.store.fail_next_sync(kept);
        assert!(matches!(bus.submit(2).await, Err(EngineError::Stopped)));
        bus.until_dead();
        assert!(matches!(bus.submit(1).await, Err(EngineError::Stopped)), "not even a repeat");
    }
}

#[tokio::test]
async fn a_follower_that_panics_ends_the_engine_instead_of_hanging_it() {
    let bus = Bus::start(Arc::new(Breaks));
    let accepted = bus.submit(1).await;
    assert!(accepted.is_ok(), "it was durable before the follower broke");
    bus.until_dead();
    // The lag is bounded by two records; without an end these would wait for ever.
    for request in 2..6 {
        if bus.submit(request).await.is_err() {
            return;
        }
    }
    panic!("a dead engine went on accepting");
}

#[tokio::test]
async fn an_engine_that_cannot_say_what_fell_due_still_says_why_and_still_stops() {
    let bus = Bus::start(Arc::new(Quiet));
    bus.submit(1).await.unwrap();
    bus.store.set_full(true);
    bus.engine.clock().set("2021-09-20T04:00:00Z".parse().unwrap()).unwrap();
    let swept = bus.engine.sweep().await;
    assert!(matches!(swept, Err(EngineError::DiskFull)), "{swept:?}");
    bus.engine.close().await;
    bus.until_dead();
}

#[tokio::test]
async fn a_case_id_that_is_not_its_requests_is_refused() {
    let bus = Bus::start(Arc::new(Quiet));
    let mut command = bus.command(1);
    command.case = case_id("mission-cn", command.request);
    assert!(matches!(bus.engine.act(command).await, Err(EngineError::Fault(_))));
}

#[tokio::test]
async fn a_request_that_opened_a_case_cannot_carry_another_act() {
    let bus = Bus::start(Arc::new(Quiet));
    let opened = bus.submit(1).await.unwrap();
    let mut command = bus.command(1);
    command.case = opened.event.case;
    command.act = CaseAct::Continue(kopir::domain::Act::HandOverDecision, ActFacts::Dispatch);
    command.fingerprint = [9; 32];
    let refused = bus.engine.act(command).await.unwrap_err();
    assert!(refused.to_string().contains("already accepted with other content"), "{refused}");
}

#[test]
fn an_outage_in_which_nothing_fell_due_is_recorded_all_the_same() {
    let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    // The parties are enrolled; then the bus is away.
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let from = parts.clock.now();
    drop(assemble(parts).unwrap().stepped().unwrap());
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let until = from + jiff::SignedDuration::from_hours(2);
    parts.clock.set(until).unwrap();
    let parts = Parts { last_alive_ms: Some(from.as_millisecond()), ..parts };
    let stepped = assemble(parts).unwrap().stepped().unwrap();
    let last = stepped.engine().progress().sequence;
    let recorded = stepped.engine().recorded(last).unwrap();
    assert_eq!(recorded.event, Event::BusOutage(BusOutage { from, until }));
}

#[test]
fn a_party_that_is_new_at_a_start_does_not_hide_the_outage_before_it() {
    let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let all = std::fs::read_to_string(registry()).unwrap();
    let fewer = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(fewer.path(), &all[..all.rfind("[[party]]").unwrap()]).unwrap();
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let (from, clock) = (parts.clock.now(), parts.clock.clone());
    let parties = trust::registry::read(fewer.path()).unwrap();
    drop(assemble(Parts { parties, ..parts }).unwrap().stepped().unwrap());

    let until = from + jiff::SignedDuration::from_hours(2);
    clock.set(until).unwrap();
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let parts = Parts { clock, last_alive_ms: Some(from.as_millisecond()), ..parts };
    let stepped = assemble(parts).unwrap().stepped().unwrap();
    let last = stepped.engine().progress().sequence;
    let before = stepped.engine().recorded(Sequence(last.0 - 1)).unwrap();
    assert!(matches!(before.event, Event::PartyEnrolled(_)), "{before:?}");
    let recorded = stepped.engine().recorded(last).unwrap();
    assert_eq!(recorded.event, Event::BusOutage(BusOutage { from, until }));
}

#[tokio::test]
async fn one_thread_drives_writer_and_index_beyond_the_lag_that_a_writer_waits_at() {
    let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let mut stepped = assemble(parts).unwrap().stepped().unwrap();
    let mut acts = Vec::new();
    for request in 1..=8 {
        let engine = stepped.engine().clone();
        let command = Bus::command_to(&engine, request);
        let act = tokio::spawn(async move { engine.act(command).await });
        tokio::task::yield_now().await;
        assert_eq!(stepped.turn().unwrap(), 1);
        acts.push(act);
    }
    assert_eq!(stepped.turn().unwrap(), 0, "nothing waits");
    for act in acts {
        assert!(act.await.unwrap().is_ok());
    }
    let progress = stepped.engine().progress();
    assert!(progress.sequence.0 - progress.indexed.0 <= 2, "{progress:?}: the lag is bounded");
    while stepped.fold() {}
    let progress = stepped.engine().progress();
    assert_eq!(progress.sequence, progress.indexed);
}

#[tokio::test]
async fn more_acknowledgements_than_may_wait_are_taken_in_turn_and_leave_room_for_acts() {
    let (store, dir) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let parts = Bus::parts(&store, &dir, Arc::new(Quiet));
    let mut stepped = assemble(parts).unwrap().stepped().unwrap();
    // After an outage every party acknowledges at once; here, what there is none of.
    let by = stepped.engine().roster().number(&"migration-committee".parse().unwrap()).unwrap();
    let mut answers = Vec::new();
    for number in 0..400 {
        let engine = stepped.engine().clone();
        answers.push(tokio::spawn(async move {
            if number % 2 == 0 {
                let case = kopir::domain::CaseId([7; 16]);
                engine.acknowledge(case, Sequence(u64::MAX - number), by).await.map(|_| ())
            } else {
                engine.acknowledge_notice(Sequence(u64::MAX - number), by).await.map(|_| ())
            }
        }));
    }
    tokio::task::yield_now().await;
    assert_eq!(stepped.waiting(), 32, "half of what may wait");
    let engine = stepped.engine().clone();
    let command = Bus::command_to(&engine, 1);
    let act = tokio::spawn(async move { engine.act(command).await });
    tokio::task::yield_now().await;
    while !act.is_finished() || !answers.iter().all(tokio::task::JoinHandle::is_finished) {
        stepped.turn().unwrap();
        tokio::task::yield_now().await;
    }
    assert!(act.await.unwrap().is_ok(), "an act is not refused for them");
    for answer in answers {
        let refused = answer.await.unwrap().unwrap_err();
        assert!(matches!(refused, EngineError::Rejected(_)), "{refused}");
    }
}

fn registry() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.toml")
}

struct Quiet;

impl QueueObserver for Quiet {
    fn queues_changed(&self, _: &[QueueOp]) {}
}

/// Breaks at the first delivery.
struct Breaks;

impl QueueObserver for Breaks {
    fn queues_changed(&self, operations: &[QueueOp]) {
        assert!(operations.is_empty(), "broken on purpose");
    }
}

struct Bus {
    engine: Engine,
    threads: [JoinHandle<()>; 2],
    store: MemoryStore,
    _index: TempDir,
}

impl Bus {
    fn start(observer: Arc<dyn QueueObserver>) -> Self {
        let store = MemoryStore::new();
        let dir = tempfile::tempdir().unwrap();
        let Started { engine, threads } = start(Self::parts(&store, &dir, observer)).unwrap();
        Self { engine, threads, store, _index: dir }
    }

    fn parts(store: &MemoryStore, dir: &TempDir, observer: Arc<dyn QueueObserver>) -> Parts {
        let index = Index::open(dir.path(), &IndexOptions::default()).unwrap().index;
        Parts {
            journal: Box::new(store.open(MAX_RECORD_BYTES).unwrap()),
            disk: None,
            vault: Arc::new(kopir::vault::MemoryVault::new(1)),
            index,
            observer,
            parties: trust::registry::read(&registry()).unwrap(),
            law: Law::new(
                Arc::new(procedures::load().unwrap()),
                procedures::calendar::kazakhstan().unwrap(),
                WhenUnset::Admit,
            ),
            clock: Clock::sandbox("2021-09-06T04:00:00Z".parse().unwrap()),
            options: EngineOptions {
                max_waiting_commands: 64,
                max_group_commands: 16,
                max_index_lag_records: 2,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: 1_000_000,
            },
            read_calendar: |_| Err("no calendar is amended here".to_owned()),
            ladder: kopir::domain::ladder::Ladder::default(),
            last_alive_ms: None,
            vitals: Arc::default(),
        }
    }

    fn command(&self, request: u8) -> Command {
        Self::command_to(&self.engine, request)
    }

    fn command_to(engine: &Engine, request: u8) -> Command {
        let request = kopir::domain::RequestId([request; 16]);
        let procedure = ProcedureKey {
            procedure: "kandas-mission".parse().unwrap(),
            edition: "2021".parse().unwrap(),
        };
        Command {
            author: engine.roster().number(&SENDER.parse().unwrap()).unwrap(),
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
        }
    }

    async fn submit(&self, request: u8) -> Result<Accepted, EngineError> {
        self.engine.act(self.command(request)).await
    }

    /// Waits for one of the engine's threads to end.
    fn until_dead(&self) {
        while !self.threads.iter().any(JoinHandle::is_finished) {
            std::thread::yield_now();
        }
    }
}
