//! Fourteen parties at work on one bus, and what must hold for them whatever is done to it: the
//! crowd outlives the bus, goes on with the next one, and in the end every promise is found in the
//! journal and in the answers, once and in order.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kopir::journal::VerifyReport;
use kopir::rpc::proto::cases::v1::CaseHop;
use kopir::rpc::proto::operations::v1::SetSandboxTimeRequest;
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::act::{Answer, read};
use super::answers::{Answers, cases, status};
use super::ledger::{Ledger, Progress};
use super::party::{Part, Party, World};
use super::seed::Seed;
use super::{
    Bus, COMMITTEE, Clients, Ground, Log, MISSIONS, OPERATOR, QUALITY, REGIONS, Settings,
    akimat_of, commission_of, journal,
};

/// Cases under way at once: enough to keep every hop busy at every fault.
const OPEN_CASES: usize = 96;
/// Receipts asked for again after each start, chosen from all.
const ASKED_AGAIN: usize = 12;
/// And of the last ones, which a fault endangers most.
const ASKED_LATEST: usize = 24;
/// The clock of the sandbox goes on by less than so many hours at each start: some terms end
/// meanwhile, and most do not.
const MOST_HOURS: u64 = 30;
/// How often it is looked whether anything waits, without news.
const NEWS: Duration = Duration::from_millis(50);
/// Without a single new entry for so long, something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a bus is waited for that may not answer any more.
const ANSWER: Duration = Duration::from_secs(10);

/// Those who use the bus, and what they hold.
pub struct Crowd {
    pub ground: Arc<Ground>,
    pub ledger: Arc<Ledger>,
    pub seed: Seed,
    settings: Settings,
    /// What a test puts around the command that serves.
    around: Box<dyn Fn(Command) -> Command + Send + Sync>,
    doors: watch::Sender<Option<SocketAddr>>,
    /// What the bus behind the doors says.
    said: Option<Log>,
    intake: Arc<Semaphore>,
    parties: JoinSet<()>,
}

impl Crowd {
    /// Everyone at their desks; the doors are shut.
    pub fn new(ground: Ground, mut seed: Seed, settings: Settings) -> Self {
        let ground = Arc::new(ground);
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
        let around = Box::new(|command| command);
        Self { ground, ledger, seed, settings, around, doors, said: None, intake, parties }
    }

    /// From now on the bus is started by what this makes of its command.
    pub fn put_around(&mut self, around: impl Fn(Command) -> Command + Send + Sync + 'static) {
        self.around = Box::new(around);
    }

    /// The command that serves the crowd.
    pub fn serve(&self) -> Command {
        (self.around)(self.ground.serve(&self.settings))
    }

    /// Where the journal of their bus is.
    pub fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    /// Where the index of their bus is.
    pub fn index(&self) -> PathBuf {
        self.data().join("index")
    }

    fn data(&self) -> PathBuf {
        self.settings.data_dir.clone().unwrap_or_else(|| self.ground.data())
    }

    /// Lets the parties in.
    pub fn open_doors(&mut self, bus: &Bus) {
        self.said = Some(bus.log.clone());
        self.doors.send_replace(Some(bus.address()));
    }

    /// Tells the parties that there is no bus.
    pub fn shut_doors(&self) {
        self.doors.send_replace(None);
    }

    /// No case is begun any more.
    pub fn close_intake(&self) {
        self.intake.close();
    }

    /// A repeat gets the original receipt, whatever happened since; the same id with other content
    /// is refused; the clock is not behind what the bus has told. Moves the clock of the sandbox
    /// on, too.
    pub async fn ask_again(&mut self, bus: &Bus) {
        let mut clients = Clients::new(&self.ground, bus);
        let places: Vec<_> = (0..ASKED_AGAIN).map(|_| self.seed.next()).collect();
        let asked = self.ledger.some(&places).into_iter().chain(self.ledger.latest(ASKED_LATEST));
        for (number, old) in asked.enumerate() {
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
        let told = self.ledger.latest_second();
        assert!(now.seconds >= told, "the clock of the bus does not run backwards");
        let hours = i64::try_from(self.seed.below(MOST_HOURS)).expect("few");
        let time = prost_types::Timestamp { seconds: now.seconds + hours * 3600, nanos: 0 };
        let request = SetSandboxTimeRequest { time: Some(time) };
        OperationsServiceClient::new(operator).set_sandbox_time(request).await.unwrap();
    }

    /// Waits until the parties have got a random number of answers, at most `most`, and a moment
    /// more, so that the bus is anywhere in its work.
    pub async fn wait_for_load(&mut self, most: u64) {
        let mut progress = self.ledger.progress();
        let goal = progress.borrow().entries + 1 + self.seed.below(most);
        self.wait(&mut progress, |progress| progress.entries >= goal).await;
        let moment = Duration::from_micros(self.seed.below(3000));
        // The goal is passed, so only the time can end this.
        let _ = tokio::time::timeout(moment, progress.wait_for(|_| false)).await;
    }

    /// Waits for the parties; a party that fails, and a bus that does not move, fail the test.
    pub async fn wait(
        &mut self,
        progress: &mut watch::Receiver<Progress>,
        enough: impl Fn(&Progress) -> bool,
    ) {
        loop {
            tokio::select! {
                changed = tokio::time::timeout(PATIENCE, progress.changed()) => {
                    let Ok(told) = changed else { self.stuck().await };
                    told.expect("the ledger outlives the crowd");
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

    /// Fails with what the parties saw and what the bus says of itself, if it still says anything.
    async fn stuck(&self) -> ! {
        let progress = *self.ledger.progress().borrow();
        let address = *self.doors.borrow();
        let told = async {
            let channel = self.ground.connect(address?, OPERATOR).await.ok()?;
            Some(status(channel).await)
        };
        let told = tokio::time::timeout(ANSWER, told).await;
        let said = self.said.as_ref().map(Log::text).unwrap_or_default();
        panic!(
            "nothing moves at {progress:?}; the parties last saw:\n{}\nthe bus at {address:?} \
             tells {told:#?}, and has said:\n{said}",
            self.ledger.remarks(),
        )
    }

    /// Waits until the last notices have been taken, too.
    async fn wait_for_empty_inboxes(&mut self, bus: &Bus) {
        let operator = self.ground.client(bus, OPERATOR).await;
        let mut progress = self.ledger.progress();
        let begun = Instant::now();
        loop {
            progress.borrow_and_update();
            let status = status(operator.clone()).await;
            if status.parties.iter().all(|load| load.queued_deliveries == 0) {
                return;
            }
            // The index may be a moment behind the last answer, which then nobody hears of.
            let _ = tokio::time::timeout(NEWS, self.wait(&mut progress, |_| true)).await;
            assert!(begun.elapsed() < PATIENCE, "it stays in the inboxes: {status:?}");
        }
    }

    /// With work left at every hop, the answers from the index that the fault left are those from
    /// an index built from the journal alone.
    pub async fn index_is_derived(&self) {
        let kept = self.answers_of_a_quiet_bus().await;
        fs::remove_dir_all(self.index()).unwrap();
        let built = self.answers_of_a_quiet_bus().await;
        kept.assert_same(&built, "the index that was kept and the one that was built");
        assert!(!kept.cases.is_empty(), "there is something to compare");
        journal::agrees(&self.journal(), &self.ledger, false);
        self.ledger.cases_in_order(false);
    }

    /// Starts a bus without parties, takes down what it answers, and stops it.
    async fn answers_of_a_quiet_bus(&self) -> Answers {
        let bus = Bus::start(&mut self.serve());
        let answers = Answers::of(&mut Clients::new(&self.ground, &bus)).await;
        let log = bus.log();
        assert!(bus.stop().success(), "a bus stops when it is asked to:\n{log}");
        answers
    }

    /// Lets the parties bring every case to its end, then holds everything against the ledger.
    pub async fn finish(mut self) -> VerifyReport {
        let bus = Bus::start(&mut self.serve());
        self.finish_on(bus).await
    }

    /// As [`finish`](Self::finish), on a bus that runs.
    pub async fn finish_on(&mut self, bus: Bus) -> VerifyReport {
        self.close_intake();
        self.open_doors(&bus);
        let mut progress = self.ledger.progress();
        let done = |progress: &Progress| progress.closed == progress.begun;
        if !done(&progress.borrow_and_update()) {
            self.wait(&mut progress, done).await;
        }
        self.wait_for_empty_inboxes(&bus).await;
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
        fs::remove_dir_all(self.index()).unwrap();
        let built = self.answers_of_a_quiet_bus().await;
        answers.assert_same(&built, "the last index and one built from the journal");
        journal::agrees(&self.journal(), &self.ledger, true)
    }
}

/// Every party with its part in the test.
fn parts() -> Vec<(String, Part)> {
    let missions = MISSIONS.iter().enumerate().map(|(number, id)| {
        let part = if number.is_multiple_of(2) { Part::Mission } else { Part::BulkMission };
        ((*id).to_owned(), part)
    });
    let receivers = REGIONS.iter().flat_map(|region| [akimat_of(region), commission_of(region)]);
    let receivers = receivers.chain([COMMITTEE.to_owned(), QUALITY.to_owned()]);
    let receivers = receivers.map(|id| (id, Part::Receiver));
    missions.chain(receivers).collect()
}

/// Hop and place of an act that was done on the bus. The filing at the mission is recorded with
/// the submission, which stands for both.
fn place(hop: &CaseHop) -> Option<(String, u64)> {
    let name = hop.clock.as_ref().expect("a hop has its clock").hop.clone();
    assert_ne!(hop.sequence, 0, "{name} is done");
    (name != "K21B-01").then_some((name, hop.sequence))
}
