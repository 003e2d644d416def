//! A bus whose every step is asked for, over a journal in memory that outlives it, with the
//! parties of the sample registry and a clock that stands still until it is set. It can be made to
//! die at the sync of any group.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use kopir::domain::calendar::Calendar;
use kopir::domain::ladder::{Fired, Impediment, Ladder, Notice, NoticeSent};
use kopir::domain::party::{Parties, PartyNumber};
use kopir::domain::{
    Act, ActFacts, Basis, Body, BodyKind, CaseAct, CaseId, Command, Decision, Event, Outcome,
    ProcedureKey, Procedures, RequestId, Sequence, Signature, Submission, WhenUnset,
};
use kopir::engine::{
    Amendment, Clock, Engine, EngineError, EngineOptions, Law, Noted, Parts, QueueObserver,
    Recorded, Stepped, Warning, assemble, case_id,
};
use kopir::index::{Index, IndexOptions, QueueOp, WhyFresh, rebuild};
use kopir::journal::{
    Appended, Entry, FailedGroup, Journal, JournalError, JournalReader, MemoryStore, Tail,
};
use kopir::{procedures, trust};
use tempfile::TempDir;

const MAX_RECORD_BYTES: u32 = 1 << 20;
pub const MISSION: &str = "mission-uz";
pub const COMMITTEE: &str = "migration-committee";
pub const AKIMAT: &str = "akimat-kz-55";
pub const COMMISSION: &str = "commission-kz-55";

static PARTIES: LazyLock<Parties> = LazyLock::new(|| {
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.toml");
    trust::registry::read(&registry).unwrap()
});

/// Read once: a bus is started some hundred times.
static LAW: LazyLock<(Arc<Procedures>, Calendar)> = LazyLock::new(|| {
    (Arc::new(procedures::load().unwrap()), procedures::calendar::kazakhstan().unwrap())
});

/// The bus died: its journal refused a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dead;

/// What becomes of the index when the bus dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It has everything that is durable.
    Whole,
    /// It has what it had: the follower was behind.
    Behind,
    /// Somebody deleted it.
    Nothing,
}

/// What outlives a bus.
pub struct World {
    pub store: MemoryStore,
    dir: TempDir,
    indexes: u32,
    pub now: Timestamp,
    pub ladder: Ladder,
    pub parties: Parties,
    /// Groups that are still synced before the bus dies, again and again.
    pub deaths: Vec<u64>,
    pub kept: FailedGroup,
    /// Groups after which the disk becomes full, once it is set.
    pub fills_after: Arc<AtomicU64>,
    /// The last act of each case, by the number of its opening.
    acts: BTreeMap<u8, Sequence>,
}

pub struct Bus {
    stepped: Stepped,
    world: World,
}

struct Nobody;

impl QueueObserver for Nobody {
    fn queues_changed(&self, _: &[QueueOp]) {}
}

/// A journal that dies with the process after so many groups.
struct Dying {
    journal: Box<dyn Journal>,
    store: MemoryStore,
    left: Option<AtomicU64>,
    kept: FailedGroup,
    fills_after: Arc<AtomicU64>,
}

impl Journal for Dying {
    fn append(&mut self, group: &[Entry<'_>]) -> Result<Vec<Appended>, JournalError> {
        if let Some(left) = &self.left
            && !group.is_empty()
            && left.fetch_sub(1, Ordering::Relaxed) == 0
        {
            self.store.fail_next_sync(self.kept);
        }
        let counts = !group.is_empty() && self.fills_after.load(Ordering::Relaxed) != u64::MAX;
        if counts && self.fills_after.fetch_sub(1, Ordering::Relaxed) == 0 {
            // Wrapped around, so that it is not counted any more.
            self.store.set_full(true);
        }
        self.journal.append(group)
    }

    fn tail(&self) -> Tail {
        self.journal.tail()
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.journal.reader()
    }
}

/// The commission's consent.
pub fn consent(decided_on: jiff::civil::Date) -> ActFacts {
    let (outcome, grounds) = (Outcome::Consent, Vec::new());
    ActFacts::Decision(Decision { outcome, decided_on, persons: 1, grounds, months: 0 })
}

/// A time on the clocks of Almaty in 2021.
pub fn at(text: &str) -> Timestamp {
    format!("{text}:00+06:00").parse().unwrap()
}

impl World {
    pub fn new(now: &str) -> Self {
        Self {
            store: MemoryStore::new(),
            dir: tempfile::tempdir().unwrap(),
            indexes: 0,
            now: at(now),
            ladder: Ladder::default(),
            parties: PARTIES.clone(),
            deaths: Vec::new(),
            kept: FailedGroup::Lost,
            fills_after: Arc::new(AtomicU64::new(u64::MAX)),
            acts: BTreeMap::new(),
        }
    }

    /// A world with the journal that another one left.
    pub fn of_journal(records: &[(Timestamp, Event)]) -> Self {
        let world = Self::new("2021-09-06T10:00");
        let mut journal = world.store.open(MAX_RECORD_BYTES).unwrap();
        for (at, event) in records {
            let mut payload = Vec::new();
            kopir::records::encode_event(event, &mut payload).unwrap();
            let entry = Entry { time_ms: at.as_millisecond(), payload: &payload };
            journal.append(&[entry]).unwrap();
        }
        drop(journal);
        world
    }

    fn index_dir(&self) -> PathBuf {
        self.dir.path().join(format!("index-{}", self.indexes))
    }

    /// Starts the bus, after what must precede it: an index that has the whole journal. What
    /// outlives it where it dies at that.
    pub fn start(self) -> Result<Bus, Box<Self>> {
        self.start_after(None)
    }

    /// Starts it after an outage that began with its last sign of life.
    pub fn start_after(mut self, alive: Option<&str>) -> Result<Bus, Box<Self>> {
        let opened = Index::open(&self.index_dir(), &IndexOptions::default()).unwrap();
        // One that a dead bus left is inspected, and thrown away where it does not fit together.
        assert!(matches!(opened.fresh, None | Some(WhyFresh::Missing)), "{:?}", opened.fresh);
        let index = opened.index;
        let journal = self.store.open(MAX_RECORD_BYTES).unwrap();
        let last = Sequence(journal.tail().next_seq.0 - 1);
        rebuild(&index, &*journal.reader(), last, &mut |_, _| {}).unwrap();
        let left = if self.deaths.is_empty() { None } else { Some(self.deaths.remove(0)) };
        let journal = Dying {
            journal: Box::new(journal),
            store: self.store.clone(),
            left: left.map(AtomicU64::new),
            kept: self.kept,
            fills_after: Arc::clone(&self.fills_after),
        };
        let parts = Parts {
            journal: Box::new(journal),
            disk: None,
            vault: Arc::new(kopir::vault::MemoryVault::new(1)),
            index,
            observer: Arc::new(Nobody),
            parties: self.parties.clone(),
            law: Law::new(Arc::clone(&LAW.0), LAW.1.clone(), WhenUnset::Admit),
            clock: Clock::sandbox(self.now),
            options: EngineOptions {
                max_waiting_commands: 64,
                max_group_commands: 16,
                max_index_lag_records: 1024,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: u64::MAX,
            },
            read_calendar: |text| {
                procedures::calendar::parse(text).map_err(|error| error.to_string())
            },
            vitals: Arc::default(),
            ladder: self.ladder.clone(),
            last_alive_ms: alive.map(|alive| at(alive).as_millisecond()),
        };
        let stepped = match assemble(parts) {
            Ok(assembled) => assembled.stepped(),
            Err(_) => return Err(Box::new(self)),
        };
        match stepped {
            Ok(stepped) => Ok(Bus { stepped, world: self }),
            Err(_) => Err(Box::new(self)),
        }
    }

    /// The whole journal, in order.
    pub fn journal(&self) -> Vec<(Timestamp, Event)> {
        let journal = self.store.open(MAX_RECORD_BYTES).unwrap();
        let last = journal.tail().next_seq.0;
        let reader = journal.reader();
        let records = (1..last).map(|sequence| {
            let record = reader.read(kopir::journal::Seq(sequence)).unwrap().unwrap();
            let at = Timestamp::from_millisecond(record.time_ms).unwrap();
            (at, kopir::records::decode_event(&record.payload).unwrap())
        });
        records.collect()
    }
}

impl Bus {
    pub fn engine(&self) -> &Engine {
        self.stepped.engine()
    }

    pub fn number(&self, party: &str) -> PartyNumber {
        self.engine().roster().number(&party.parse().unwrap()).unwrap()
    }

    fn name(&self, party: PartyNumber) -> &str {
        self.engine().roster().id(party).unwrap().as_str()
    }

    pub fn time(&mut self, now: &str) {
        self.world.now = at(now);
        self.engine().clock().set(at(now)).unwrap();
    }

    /// Sets the clock without asking it, as whoever sets a machine's clock does.
    pub fn turn_the_clock_to(&mut self, now: &str) {
        let Clock::Sandbox(ms) = self.engine().clock() else { unreachable!("a sandbox") };
        ms.store(at(now).as_millisecond(), Ordering::Release);
    }

    /// Asks, takes one turn, and has the answer.
    pub fn asked<T, F: Future<Output = T>>(
        &mut self,
        ask: impl FnOnce(Engine) -> F,
    ) -> Result<T, Dead> {
        let mut answer = Box::pin(ask(self.engine().clone()));
        assert!(answer.as_mut().now_or_never().is_none(), "nothing is answered without a turn");
        self.stepped.turn().map_err(|_| Dead)?;
        if !self.engine().is_alive() {
            return Err(Dead);
        }
        Ok(answer.now_or_never().expect("a turn answers what it took"))
    }

    pub fn sweep(&mut self) -> Result<(), Dead> {
        self.engine().tick();
        self.stepped.turn().map_err(|_| Dead)?;
        if self.engine().is_alive() { Ok(()) } else { Err(Dead) }
    }

    /// Moves the clock and lets the bus look at it.
    pub fn until(&mut self, now: &str) {
        self.time(now);
        self.sweep().unwrap();
    }

    pub fn fold(&self) {
        while self.stepped.fold() {}
    }

    /// The case that the mission opened as its `n`th.
    pub fn case(&self, n: u8) -> CaseId {
        case_id(MISSION, RequestId([n; 16]))
    }

    /// A family abroad applies to the mission, which sends that to the committee.
    pub fn submit(&mut self, n: u8) -> Result<Result<Sequence, EngineError>, Dead> {
        let procedure = ProcedureKey {
            procedure: "kandas-mission".parse().unwrap(),
            edition: "2021".parse().unwrap(),
        };
        let submission = Submission {
            procedure,
            act: Act::SubmitApplication,
            basis: Basis::Ordinary,
            region: "KZ-55".parse().unwrap(),
            departure: None,
            persons: 1,
            applicant: None,
            concerns: None,
            filed_at: self.world.now,
        };
        let command = Command {
            author: self.number(MISSION),
            request: RequestId([n; 16]),
            fingerprint: [1; 32],
            case: self.case(n),
            act: CaseAct::Submit(submission),
            body: Body::new(BodyKind::Application, *b"SAMPLE"),
            signature: Signature::Absent,
        };
        self.act(n, command)
    }

    /// A later act in a case, which has the same request id whenever it is asked for.
    pub fn acts(
        &mut self,
        by: &str,
        n: u8,
        act: Act,
        facts: ActFacts,
    ) -> Result<Result<Sequence, EngineError>, Dead> {
        let mut request = [n; 16];
        request[0] = 0xac;
        request[1] = act.tag();
        let command = Command {
            author: self.number(by),
            request: RequestId(request),
            fingerprint: [1; 32],
            case: self.case(n),
            act: CaseAct::Continue(act, facts),
            body: Body::new(BodyKind::Dispatch, *b"SAMPLE"),
            signature: Signature::Absent,
        };
        self.act(n, command)
    }

    fn act(&mut self, n: u8, command: Command) -> Result<Result<Sequence, EngineError>, Dead> {
        let answer = self.asked(async move |engine| engine.act(command).await)?;
        let sequence = answer.map(|accepted| accepted.sequence);
        if let Ok(sequence) = sequence {
            self.world.acts.insert(n, sequence);
        }
        Ok(sequence)
    }

    /// A party's system takes what was sent last in a case.
    pub fn takes(&mut self, by: &str, n: u8) -> Result<Result<Sequence, EngineError>, Dead> {
        let (case, delivery, by) = (self.case(n), self.last_act(n), self.number(by));
        let answer =
            self.asked(async move |engine| engine.acknowledge(case, delivery, by).await)?;
        Ok(answer.map(|confirmed| confirmed.sequence))
    }

    pub fn last_act(&self, n: u8) -> Sequence {
        self.world.acts[&n]
    }

    pub fn takes_notice(
        &mut self,
        by: &str,
        notice: Sequence,
    ) -> Result<Result<Noted, EngineError>, Dead> {
        let by = self.number(by);
        self.asked(async move |engine| engine.acknowledge_notice(notice, by).await)
    }

    /// Both receipts wait for the same turn.
    pub fn take_notice_twice(
        &mut self,
        by: &str,
        notice: Sequence,
    ) -> Result<[Result<Noted, EngineError>; 2], Dead> {
        let by = self.number(by);
        self.asked(async move |engine| {
            let take = || engine.acknowledge_notice(notice, by);
            let (one, other) = futures_util::join!(take(), take());
            [one, other]
        })
    }

    pub fn sent(&mut self, sent: NoticeSent) -> Result<Result<Noted, EngineError>, Dead> {
        self.asked(async move |engine| engine.notice_sent(sent).await)
    }

    /// Warns of what was sent last in a case.
    pub fn warn(&mut self, party: &str, n: u8, impediment: Impediment) -> Result<(), Dead> {
        let (case, delivery, party) = (self.case(n), self.last_act(n), self.number(party));
        let warning = Warning { party, case, delivery, impediment };
        self.engine().warn(vec![warning]).unwrap();
        self.stepped.turn().map_err(|_| Dead)?;
        Ok(())
    }

    /// The calendar in force with one more day off, or with a Saturday that works.
    pub fn amendment(&self, line: &str, version: &str) -> Amendment {
        let (_, carried) = &*LAW;
        let text = procedures::calendar::write(carried).unwrap();
        let mut lines: Vec<String> =
            text.lines().map(|line| line.replace(carried.version().as_str(), version)).collect();
        let place = lines.iter().position(|other| other.as_str() > line && other.starts_with("20"));
        lines.insert(place.unwrap_or(lines.len()), line.to_owned());
        let text = lines.join("\n") + "\n";
        Amendment {
            author: self.number("operator"),
            request: RequestId([0xca; 16]),
            fingerprint: [2; 32],
            calendar: procedures::calendar::parse(&text).unwrap(),
            text,
            reason: "a sample".to_owned(),
        }
    }

    pub fn amend(&mut self, line: &str, version: &str) -> Result<Result<u64, EngineError>, Dead> {
        let amendment = self.amendment(line, version);
        self.amends(amendment)
    }

    pub fn amends(&mut self, amendment: Amendment) -> Result<Result<u64, EngineError>, Dead> {
        let answer = self.asked(async move |engine| engine.amend_calendar(amendment).await)?;
        Ok(answer.map(|amended| amended.clocks))
    }

    pub fn recorded(&self) -> Vec<Recorded> {
        let last = self.engine().progress().sequence.0;
        (1..=last).map(|sequence| self.engine().recorded(Sequence(sequence)).unwrap()).collect()
    }

    /// Every notice, with its place and the time of its record.
    pub fn notices(&self) -> Vec<(Sequence, Timestamp, Notice)> {
        let records = (1..).zip(self.recorded());
        let notices = records.filter_map(|(sequence, recorded)| {
            let Event::Notice(notice) = recorded.event else { return None };
            Some((Sequence(sequence), recorded.at, *notice))
        });
        notices.collect()
    }

    /// Everything that was said from a record on, a line for each rung: planned, rung, hop, to whom.
    pub fn said_since(&self, from: Sequence) -> Vec<String> {
        let notices = self.notices().into_iter().filter(|(sequence, ..)| *sequence >= from);
        notices.flat_map(|(_, _, notice)| self.lines(&notice)).collect()
    }

    pub fn said(&self) -> Vec<String> {
        self.said_since(Sequence(1))
    }

    fn lines(&self, notice: &Notice) -> Vec<String> {
        let planned = almaty(notice.planned_at);
        let line = |fired: &Fired| {
            let Fired { rung, days, hop, to, carried, .. } = fired;
            let days = if *days > 0 { format!("-{days}") } else { String::new() };
            let to: Vec<_> = to.iter().map(|party| self.name(*party)).collect();
            let taking = if *carried { " to take" } else { "" };
            format!("{planned} {rung}{days} {hop}{taking}: {}", to.join(" "))
        };
        notice.fired.iter().map(line).collect()
    }

    /// The place of the next record.
    pub fn next(&self) -> Sequence {
        Sequence(self.engine().progress().sequence.0 + 1)
    }

    /// Dies where it stands.
    pub fn dies(self, left: Left) -> World {
        if left == Left::Whole {
            self.fold();
        }
        let Self { stepped, mut world } = self;
        drop(stepped);
        if left == Left::Nothing {
            world.indexes += 1;
        }
        world
    }

    pub fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// What must hold of every bus: each rung was said once, in due order and never early; the
    /// index fits together and is what the journal makes anew.
    pub fn verify(self) -> World {
        let mut last = Timestamp::MIN;
        let mut said = std::collections::BTreeSet::new();
        for (sequence, recorded, notice) in self.notices() {
            assert!(notice.planned_at <= recorded, "notice {sequence} is early");
            assert!(notice.planned_at >= last, "notice {sequence} is out of due order");
            last = notice.planned_at;
            for fired in &notice.fired {
                let Fired { case, place, rung, days, due_at, duty, carried, .. } = fired;
                let key = (*case, *place, *rung, *days, *due_at, *duty, *carried);
                assert!(said.insert(key), "notice {sequence} says again: {fired:?}");
            }
        }
        let mut world = self.dies(Left::Whole);
        let opened = Index::open(&world.index_dir(), &IndexOptions::default()).unwrap();
        assert_eq!(opened.fresh, None, "the index does not fit together");
        world.indexes += 1;
        let anew = Index::open(&world.index_dir(), &IndexOptions::default()).unwrap().index;
        let journal = world.store.open(MAX_RECORD_BYTES).unwrap();
        let upto = Sequence(journal.tail().next_seq.0 - 1);
        rebuild(&anew, &*journal.reader(), upto, &mut |_, _| {}).unwrap();
        drop(journal);
        same(&opened.index, &anew);
        world
    }
}

/// Whether two indexes answer everything alike.
fn same(one: &Index, other: &Index) {
    assert_eq!(one.applied(), other.applied());
    assert_eq!(one.swept().unwrap(), other.swept().unwrap());
    assert_eq!(one.outages().unwrap(), other.outages().unwrap());
    assert_eq!(one.outgoing(None, 1000).unwrap(), other.outgoing(None, 1000).unwrap());
    let cases = one.cases(None, 1000).unwrap();
    assert_eq!(cases, other.cases(None, 1000).unwrap());
    for case in &cases {
        assert_eq!(one.said(case.id).unwrap(), other.said(case.id).unwrap());
    }
    let enrolments = one.enrolments().unwrap();
    assert_eq!(enrolments, other.enrolments().unwrap());
    for party in enrolments.iter().map(|enrolled| enrolled.number) {
        let deliveries = one.deliveries(party, None, 1000).unwrap();
        assert_eq!(deliveries, other.deliveries(party, None, 1000).unwrap());
        let obligations = one.obligations(party, None, 1000).unwrap();
        assert_eq!(obligations, other.obligations(party, None, 1000).unwrap());
        assert_eq!(one.held(party, None, 1000).unwrap(), other.held(party, None, 1000).unwrap());
        for notice in 1..=one.applied().unwrap().sequence.0 {
            let of = |index: &Index| index.notice(Sequence(notice), party).unwrap();
            assert_eq!(of(one), of(other));
        }
    }
}

pub fn almaty(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(6));
    at.to_zoned(zone).strftime("%m-%dT%H:%M").to_string()
}
