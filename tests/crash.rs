//! The bus is killed under load, again and again, and owes nobody anything afterwards.
//!
//! Thirteen parties work through the whole procedure while the process is killed with SIGKILL at
//! random moments, sometimes while it is still starting; its index is deleted at every fifth start
//! and damaged at others. A ledger outside of the bus holds what the parties were promised. In the
//! end every promise is found in the journal and in the answers of the bus, once and in order.
//!
//! `KOPIR_CRASH_KILLS` says how often to kill (5), `KOPIR_SEED` repeats the choices of a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::collections::HashMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kopir::rpc::proto::operations::v1::SetSandboxTimeRequest;
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use process::act::{Answer, read};
use process::answers::{Answers, cases, status};
use process::ledger::{Ledger, Progress};
use process::party::{Part, Party, World};
use process::seed::Seed;
use process::{
    Bus, COMMITTEE, Clients, Ground, MISSIONS, OPERATOR, REGIONS, Settings, Starting, akimat_of,
    commission_of, environment, journal,
};

/// Cases under way at once: enough to keep every hop busy at every kill.
const OPEN_CASES: usize = 96;
/// At most so many receipts and confirmations between two kills, by how fast the build is.
const MOST_ENTRIES: u64 = if cfg!(debug_assertions) { 1200 } else { 4000 };
/// One kill in so many hits a bus that is starting.
const KILLED_EARLY: u64 = 6;
/// The index is deleted at every start of this number.
const INDEX_DELETED: u32 = 5;
/// At the other starts it is damaged once in so many.
const INDEX_DAMAGED: u64 = 4;
/// Receipts asked for again after each start.
const ASKED_AGAIN: usize = 12;
/// Without a single new entry for so long, something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bus, those who use it, and what they hold.
struct Run {
    ground: Arc<Ground>,
    ledger: Arc<Ledger>,
    seed: Seed,
    settings: Settings,
    doors: watch::Sender<Option<SocketAddr>>,
    intake: Arc<Semaphore>,
    parties: JoinSet<()>,
    starts: u32,
    kills: Kills,
    /// What the clock of the sandbox was last set to, in Unix seconds.
    hour: i64,
}

/// What was done to the bus.
#[derive(Debug, Default)]
struct Kills {
    under_load: u32,
    while_starting: u32,
    index_deleted: u32,
    index_damaged: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_act_survives_sigkill_exactly_once() {
    let wanted = environment("KOPIR_CRASH_KILLS").map_or(5, |text| text.parse().unwrap());
    let begun = Instant::now();
    let mut run = Run::new(Seed::of_this_run("crash"));
    let mut bus = run.start().await;
    while run.kills.under_load + run.kills.while_starting < wanted {
        run.wait_for_load().await;
        bus.kill();
        run.doors.send_replace(None);
        run.kills.under_load += 1;
        bus = run.start().await;
    }
    run.wait_for_load().await;
    bus.kill();
    run.intake.close();
    run.doors.send_replace(None);
    run.kills.under_load += 1;

    run.index_is_derived().await;
    let report = run.finish().await;
    let progress = *run.ledger.progress().borrow();
    println!(
        "crash: {:?} in {:.1} s, {} records in {} segments, {progress:?}",
        run.kills,
        begun.elapsed().as_secs_f64(),
        report.records,
        report.segments,
    );
}

impl Run {
    fn new(mut seed: Seed) -> Self {
        let ground = Arc::new(Ground::new());
        let ledger = Arc::new(Ledger::new());
        let intake = Arc::new(Semaphore::new(OPEN_CASES));
        let (doors, watched) = watch::channel(None);
        let (mut roads, mut families) = (HashMap::new(), HashMap::new());
        for region in REGIONS {
            let (road, arrivals) = mpsc::unbounded_channel();
            roads.insert(akimat_of(region), road);
            families.insert(akimat_of(region), arrivals);
        }
        let world = World {
            ground: Arc::clone(&ground),
            ledger: Arc::clone(&ledger),
            doors: watched,
            intake: Arc::clone(&intake),
            roads: Arc::new(roads),
        };
        let mut parties = JoinSet::new();
        for (id, part) in parts() {
            let arrivals = families.remove(&id).unwrap_or_else(|| mpsc::unbounded_channel().1);
            parties.spawn(Party::new(&id, part, world.clone(), seed.fork(), arrivals).run());
        }
        let settings = Settings::default();
        let (starts, kills, hour) = (0, Kills::default(), 0);
        Self { ground, ledger, seed, settings, doors, intake, parties, starts, kills, hour }
    }

    /// Starts the bus on what the last one left, after the index was treated as it comes; asks
    /// again for old receipts, and then lets the parties in.
    async fn start(&mut self) -> Bus {
        while self.seed.once_in(KILLED_EARLY) {
            self.treat_index();
            let span = Duration::from_millis(self.seed.below(120));
            Starting::spawn(&mut self.ground.serve(&self.settings)).kill_within(span);
            self.kills.while_starting += 1;
        }
        self.treat_index();
        let bus = Bus::start(&mut self.ground.serve(&self.settings));
        self.ask_again(&bus).await;
        self.doors.send_replace(Some(bus.address()));
        bus
    }

    /// The index is disposable: it goes missing, or its bytes change.
    fn treat_index(&mut self) {
        self.starts += 1;
        let index = self.ground.index();
        if !index.exists() {
            return;
        }
        if self.starts.is_multiple_of(INDEX_DELETED) {
            fs::remove_dir_all(&index).unwrap();
            self.kills.index_deleted += 1;
        } else if self.seed.once_in(INDEX_DAMAGED) {
            damage(&index, &mut self.seed);
            self.kills.index_damaged += 1;
        }
    }

    /// A repeat gets the original receipt, whatever happened since; the same id with other content
    /// is refused. Moves the clock of the sandbox on by an hour, too.
    async fn ask_again(&mut self, bus: &Bus) {
        let mut clients = Clients::new(&self.ground, bus);
        let places: Vec<_> = (0..ASKED_AGAIN).map(|_| self.seed.next()).collect();
        for (number, old) in self.ledger.some(&places).iter().enumerate() {
            let channel = clients.of(&old.party).await;
            let again = old.act.send(channel.clone()).await;
            let again = again.unwrap_or_else(|status| bus.fail(&format!("a repeat: {status:?}")));
            self.ledger.receipt(&old.party, &old.act, &again);
            if number == 0 {
                let forged = old.act.forged().send(channel).await;
                let answer = forged.as_ref().map_err(read);
                let reused = Answer::Refused("REQUEST_ID_REUSED".into());
                assert_eq!(answer, Err(reused), "{:?}", old.act);
            }
        }
        let operator = clients.of(OPERATOR).await;
        let now = status(operator.clone()).await.current_time.expect("a bus has a time");
        assert!(now.seconds >= self.hour, "the clock of the bus does not run backwards");
        self.hour = now.seconds + 3600;
        let time = prost_types::Timestamp { seconds: self.hour, nanos: 0 };
        let request = SetSandboxTimeRequest { time: Some(time) };
        OperationsServiceClient::new(operator).set_sandbox_time(request).await.unwrap();
    }

    /// Waits until the parties have got a random number of answers, and a moment more, so that the
    /// bus is anywhere in its work.
    async fn wait_for_load(&mut self) {
        let mut progress = self.ledger.progress();
        let goal = progress.borrow().entries + 1 + self.seed.below(MOST_ENTRIES);
        self.wait(&mut progress, |progress| progress.entries >= goal).await;
        let moment = Duration::from_micros(self.seed.below(3000));
        // The goal is passed, so only the time can end this.
        let _ = tokio::time::timeout(moment, progress.wait_for(|_| false)).await;
    }

    /// Waits for the parties; a party that fails, and a bus that does not move, fail the test.
    async fn wait(
        &mut self,
        progress: &mut watch::Receiver<Progress>,
        enough: impl Fn(&Progress) -> bool,
    ) {
        loop {
            tokio::select! {
                changed = tokio::time::timeout(PATIENCE, progress.changed()) => {
                    let told = changed.unwrap_or_else(|_| self.stuck());
                    told.expect("the ledger outlives the run");
                    if enough(&progress.borrow_and_update()) {
                        return;
                    }
                }
                Some(ended) = self.parties.join_next() => {
                    ended.expect("a party fails");
                    panic!("a party has ended before its time");
                }
            }
        }
    }

    fn stuck(&self) -> ! {
        let progress = *self.ledger.progress().borrow();
        panic!("nothing moves at {progress:?}; the parties last saw:\n{}", self.ledger.remarks())
    }

    /// With work left at every hop, the answers from the index that the crash left are those from
    /// an index built from the journal alone.
    async fn index_is_derived(&mut self) {
        let kept = self.answers_of_a_quiet_bus().await;
        fs::remove_dir_all(self.ground.index()).unwrap();
        let built = self.answers_of_a_quiet_bus().await;
        kept.assert_same(&built, "the index that was kept and the one that was built");
        assert!(kept.open() > 0, "work is left");
        journal::agrees(&self.ground.journal(), &self.ledger, false);
        self.ledger.cases_in_order(false);
    }

    /// Starts a bus without parties, takes down what it answers, and stops it.
    async fn answers_of_a_quiet_bus(&mut self) -> Answers {
        let bus = Bus::start(&mut self.ground.serve(&self.settings));
        let answers = Answers::of(&mut Clients::new(&self.ground, &bus)).await;
        let log = bus.log();
        assert!(bus.stop().success(), "a bus stops when it is asked to:\n{log}");
        answers
    }

    /// Lets the parties bring every case to its end, then holds everything against the ledger.
    async fn finish(&mut self) -> kopir::journal::VerifyReport {
        let bus = Bus::start(&mut self.ground.serve(&self.settings));
        self.doors.send_replace(Some(bus.address()));
        let mut progress = self.ledger.progress();
        let done = |progress: &Progress| progress.closed == progress.begun;
        if !done(&progress.borrow_and_update()) {
            self.wait(&mut progress, done).await;
        }
        self.parties.shutdown().await;

        let timelines = self.ledger.cases_in_order(true);
        let ids: Vec<_> = timelines.keys().cloned().collect();
        assert_eq!(ids.len() as u64, progress.borrow().begun, "a case for every submission");
        for party in [OPERATOR, COMMITTEE] {
            let channel = self.ground.client(&bus, party).await;
            let found = cases(channel, ids.clone()).await;
            for (case, (id, hops)) in found.iter().zip(&timelines) {
                let told: Vec<_> = case.hops.iter().filter_map(place).collect();
                assert_eq!(&told, hops, "timeline of {id} as {party} sees it");
            }
        }
        let answers = Answers::of(&mut Clients::new(&self.ground, &bus)).await;
        assert_eq!((answers.open(), answers.queued()), (0, 0), "nothing is owed any more");
        assert_eq!(answers.summaries.len(), ids.len(), "no case but those of the ledger");
        assert!(bus.stop().success(), "a bus stops when it is asked to");
        fs::remove_dir_all(self.ground.index()).unwrap();
        let built = self.answers_of_a_quiet_bus().await;
        answers.assert_same(&built, "the last index and one built from the journal");
        journal::agrees(&self.ground.journal(), &self.ledger, true)
    }
}

/// Every party with its part in the test.
fn parts() -> Vec<(String, Part)> {
    let missions = MISSIONS.iter().enumerate().map(|(number, id)| {
        let part = if number.is_multiple_of(2) { Part::Mission } else { Part::BulkMission };
        ((*id).to_owned(), part)
    });
    let receivers = REGIONS.iter().flat_map(|region| [akimat_of(region), commission_of(region)]);
    let receivers = receivers.chain([COMMITTEE.to_owned()]).map(|id| (id, Part::Receiver));
    missions.chain(receivers).collect()
}

/// Hop and place of an act that was done on the bus. The filing at the mission is recorded with
/// the submission, which stands for both.
fn place(hop: &kopir::rpc::proto::cases::v1::CaseHop) -> Option<(String, u64)> {
    let name = hop.clock.as_ref().expect("a hop has its clock").hop.clone();
    assert_ne!(hop.sequence, 0, "{name} is done");
    (name != "K21B-01").then_some((name, hop.sequence))
}

/// Writes random bytes over a random place of up to three files, or cuts one short.
fn damage(index: &Path, seed: &mut Seed) {
    let files = files_below(index);
    for _ in 0..=seed.below(3) {
        let Some(path) = files.get(usize::try_from(seed.next()).unwrap() % files.len().max(1))
        else {
            return;
        };
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let at = seed.below(file.metadata().unwrap().len() + 1);
        if seed.once_in(8) {
            file.set_len(at).unwrap();
            continue;
        }
        let count = usize::try_from(1 + seed.below(4096)).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&seed.bytes(count)).unwrap();
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    // The order of a directory is the file system's; the choice among its files is the seed's.
    files.sort();
    files
}
