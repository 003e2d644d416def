//! A bus of one process without its edge: engine, journal in memory, index.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use jiff::civil::Date;
use kopir::domain::party::{IdentityUri, Names, Parties, Party, PartyNumber, Role, bundled_zone};
use kopir::domain::region::Region;
use kopir::domain::term::CalendarDays;
use kopir::domain::{
    Act, ActFacts, Basis, Body, BodyKind, Case, CaseAct, CaseId, Command, Decision, Event, Ground,
    Outcome, ProcedureKey, Quota, QuotaKey, RequestId, Sequence, SetQuota, Signature, Submission,
    WhenUnset,
};
use kopir::engine::{
    Accepted, Amended, Amendment, Clock, Engine, EngineError, EngineOptions, ItemRefused, Law,
    Parts, QueueObserver, QuotaTaken, Started, case_id, start,
};
use kopir::index::{Index, IndexOptions, QueueOp, rebuild};
use kopir::journal::{Entry, Journal, MemoryStore};
use kopir::procedures;
use tempfile::TempDir;

pub const COMMITTEE: &str = "migration-committee";
const FILED: &str = "2021-09-06T03:00:00Z";
const NOW: &str = "2021-09-06T04:00:00Z";

const WHO: [(&str, Role, Option<&str>); 8] = [
    ("mission-uz", Role::ForeignMission, None),
    (COMMITTEE, Role::MigrationBody, None),
    ("akimat-kz-55", Role::Akimat, Some("KZ-55")),
    ("commission-kz-55", Role::Commission, Some("KZ-55")),
    ("akimat-kz-11", Role::Akimat, Some("KZ-11")),
    ("commission-kz-11", Role::Commission, Some("KZ-11")),
    ("monitoring", Role::MonitoringSystem, None),
    ("operator", Role::Operator, None),
];

pub struct Bus {
    engine: Engine,
    threads: [JoinHandle<()>; 2],
    store: MemoryStore,
    dir: TempDir,
    when_unset: WhenUnset,
    validity: Option<u16>,
    requests: AtomicU64,
}

struct Nobody;

impl QueueObserver for Nobody {
    fn queues_changed(&self, _: &[QueueOp]) {}
}

pub fn consent(on: Date, persons: u16) -> ActFacts {
    decision(Outcome::Consent, on, persons, &[])
}

pub fn inclusion(on: Date, persons: u16) -> ActFacts {
    decision(Outcome::Inclusion, on, persons, &[])
}

pub fn refusal(on: Date, grounds: &[Ground]) -> ActFacts {
    decision(Outcome::Refusal, on, 0, grounds)
}

fn decision(outcome: Outcome, decided_on: Date, persons: u16, grounds: &[Ground]) -> ActFacts {
    let grounds = grounds.to_vec();
    ActFacts::Decision(Decision { outcome, decided_on, persons, grounds, months: 0 })
}

impl Bus {
    pub fn start(when_unset: WhenUnset) -> Self {
        Self::of(MemoryStore::new(), tempfile::tempdir().unwrap(), when_unset, None, 0)
    }

    /// A bus on a journal that another release wrote, its index made from it.
    pub async fn on_journal(records: &[Vec<u8>], time_ms: i64) -> Self {
        let store = MemoryStore::new();
        let mut journal = store.open(1 << 20).unwrap();
        let entries: Vec<_> = records.iter().map(|payload| Entry { time_ms, payload }).collect();
        journal.append(&entries).unwrap();
        drop(journal);
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("index"), &IndexOptions::default()).unwrap().index;
        let reader = store.open(1 << 20).unwrap().reader();
        rebuild(&index, &*reader, Sequence(records.len() as u64), &mut |_, _| ()).unwrap();
        index.close().unwrap();
        drop((reader, index));
        Self::of(store, dir, WhenUnset::Admit, None, 0)
    }

    pub fn with_validity(when_unset: WhenUnset, days: u16) -> Self {
        Self::of(MemoryStore::new(), tempfile::tempdir().unwrap(), when_unset, Some(days), 0)
    }

    /// The same journal and index under another engine.
    pub async fn restarted(self) -> Self {
        let Self { engine, threads, store, dir, when_unset, validity, requests } = self;
        engine.close().await;
        drop(engine);
        for thread in threads {
            thread.join().unwrap();
        }
        Self::of(store, dir, when_unset, validity, requests.load(Ordering::Relaxed))
    }

    fn of(
        store: MemoryStore,
        dir: TempDir,
        when_unset: WhenUnset,
        validity: Option<u16>,
        requests: u64,
    ) -> Self {
        let index = Index::open(&dir.path().join("index"), &IndexOptions::default()).unwrap().index;
        let procedures = procedures::load().unwrap().into_iter().map(|(key, procedure)| {
            (key, procedure.with_consent_validity(validity.map(CalendarDays)))
        });
        let calendar = procedures::calendar::kazakhstan().unwrap();
        let parts = Parts {
            journal: Box::new(store.open(1 << 20).unwrap()),
            disk: None,
            vault: Arc::new(kopir::vault::MemoryVault::new(1)),
            index,
            observer: Arc::new(Nobody),
            parties: Parties::new(WHO.map(party).to_vec()).unwrap(),
            law: Law::new(Arc::new(procedures.collect()), calendar, when_unset),
            clock: Clock::sandbox(NOW.parse().unwrap()),
            options: EngineOptions {
                max_waiting_commands: 20_000,
                max_group_commands: 1024,
                max_index_lag_records: 32_768,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: 1_000_000,
            },
            ladder: kopir::domain::ladder::Ladder::default(),
            last_alive_ms: None,
            read_calendar: |text| {
                procedures::calendar::parse(text).map_err(|error| error.to_string())
            },
            vitals: Arc::default(),
        };
        let Started { engine, threads } = start(parts).unwrap();
        let requests = AtomicU64::new(requests);
        Self { engine, threads, store, dir, when_unset, validity, requests }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn time(&self, at: &str) {
        self.engine.clock().set(at.parse().unwrap()).unwrap();
    }

    fn number(&self, party: &str) -> PartyNumber {
        self.engine.roster().number(&party.parse().unwrap()).unwrap()
    }

    fn request(&self) -> RequestId {
        let next = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut id = [0xA0; 16];
        id[8..].copy_from_slice(&next.to_be_bytes());
        RequestId(id)
    }

    pub async fn act(
        &self,
        by: &str,
        case: CaseId,
        act: Act,
        facts: ActFacts,
    ) -> Result<Accepted, EngineError> {
        self.engine.act(self.continuation(by, case, act, facts, self.request())).await
    }

    fn continuation(
        &self,
        by: &str,
        case: CaseId,
        act: Act,
        facts: ActFacts,
        request: RequestId,
    ) -> Command {
        Command {
            author: self.number(by),
            request,
            fingerprint: [1; 32],
            case,
            act: CaseAct::Continue(act, facts),
            body: body(),
            signature: Signature::Absent,
        }
    }

    async fn submit(
        &self,
        by: &str,
        procedure: &str,
        region: &str,
        persons: u16,
    ) -> (CaseId, Sequence) {
        let request = self.request();
        let case = case_id(by, request);
        let key = ProcedureKey {
            procedure: procedure.parse().unwrap(),
            edition: "2021".parse().unwrap(),
        };
        let command = Command {
            author: self.number(by),
            request,
            fingerprint: [1; 32],
            case,
            act: CaseAct::Submit(Submission {
                procedure: key,
                act: Act::SubmitApplication,
                basis: Basis::Ordinary,
                region: region.parse::<Region>().unwrap(),
                departure: None,
                persons,
                applicant: None,
                concerns: None,
                filed_at: FILED.parse().unwrap(),
            }),
            body: body(),
            signature: Signature::Absent,
        };
        let submitted = self.engine.act(command).await.unwrap();
        (case, submitted.sequence)
    }

    /// A kandas in the country, whose application is not registered yet.
    pub async fn until_registration(&self) -> CaseId {
        self.submit("akimat-kz-55", "kandas", "KZ-55", 1).await.0
    }

    /// A kandas in the country, up to the commission's decision.
    pub async fn until_decision(&self, _family: u64) -> CaseId {
        let case = self.until_registration().await;
        let refer = self.act("akimat-kz-55", case, Act::ReferToCommission, ActFacts::Dispatch);
        let referred = refer.await.unwrap();
        self.acknowledge(case, "commission-kz-55", referred.sequence).await;
        case
    }

    /// A family abroad, up to the akimat that refers the case to its commission.
    pub async fn until_referral(&self, _family: u64, persons: u16) -> CaseId {
        self.forwarded("KZ-55", "akimat-kz-55", persons).await
    }

    pub async fn until_referral_in(&self, region: &str, _family: u64) -> CaseId {
        self.forwarded(region, "akimat-kz-11", 1).await
    }

    async fn forwarded(&self, region: &str, akimat: &str, persons: u16) -> CaseId {
        let (case, submitted) = self.submit("mission-uz", "kandas-mission", region, persons).await;
        self.acknowledge(case, COMMITTEE, submitted).await;
        let forward = self.act(COMMITTEE, case, Act::ForwardApplication, ActFacts::Dispatch);
        let forwarded = forward.await.unwrap();
        self.acknowledge(case, akimat, forwarded.sequence).await;
        case
    }

    /// The same, up to the commission's decision on consent.
    pub async fn until_consent(&self, family: u64, persons: u16) -> CaseId {
        let case = self.until_referral(family, persons).await;
        let refer = self.act("akimat-kz-55", case, Act::ReferToCommission, ActFacts::Dispatch);
        let referred = refer.await.unwrap();
        self.acknowledge(case, "commission-kz-55", referred.sequence).await;
        case
    }

    /// From the consent to the commission's decision after arrival; false without a consent.
    pub async fn until_inclusion(&self, case: CaseId) -> bool {
        let state = self.case(case).await;
        let Some(consent) = state.consent.filter(|consent| consent.persons > 0) else {
            return false;
        };
        let now = self.engine.clock().now();
        let send = self.act("akimat-kz-55", case, Act::SendConsentDecision, ActFacts::Dispatch);
        let sent = send.await.unwrap();
        self.acknowledge(case, COMMITTEE, sent.sequence).await;
        let forward = self.act(COMMITTEE, case, Act::ForwardDecision, ActFacts::Dispatch);
        let forwarded = forward.await.unwrap();
        self.acknowledge(case, "mission-uz", forwarded.sequence).await;
        let handed = ActFacts::Happened { field: "hand_over.handed_over_time", at: now };
        self.act("mission-uz", case, Act::HandOverDecision, handed).await.unwrap();
        let arrival = ActFacts::Arrival {
            region: "KZ-55".parse().unwrap(),
            consented_on: consent.decided_on,
            persons: consent.persons,
            filed_at: now,
        };
        self.act("akimat-kz-55", case, Act::RegisterArrival, arrival).await.unwrap();
        let refer = self.act("akimat-kz-55", case, Act::ReferToCommission, ActFacts::Dispatch);
        let referred = refer.await.unwrap();
        self.acknowledge(case, "commission-kz-55", referred.sequence).await;
        true
    }

    pub async fn acknowledge(&self, case: CaseId, by: &str, delivery: Sequence) {
        self.engine.acknowledge(case, delivery, self.number(by)).await.unwrap();
    }

    pub async fn list(&self, by: &str, cases: &[CaseId]) -> Result<Vec<Accepted>, ItemRefused> {
        self.engine.list(cases.iter().map(|case| self.referral(by, *case)).collect()).await
    }

    pub fn referral(&self, by: &str, case: CaseId) -> Command {
        // An item's request is told from its case, so that the list can be repeated.
        self.continuation(by, case, Act::ReferToCommission, ActFacts::Dispatch, RequestId(case.0))
    }

    pub async fn set_quota(
        &self,
        key: QuotaKey,
        persons: u32,
    ) -> Result<(QuotaTaken, RequestId), EngineError> {
        let request = self.request();
        self.set_quota_as(request, key, persons).await.map(|taken| (taken, request))
    }

    pub async fn set_quota_as(
        &self,
        request: RequestId,
        key: QuotaKey,
        persons: u32,
    ) -> Result<QuotaTaken, EngineError> {
        let author = self.number(COMMITTEE);
        let mut fingerprint = [0; 32];
        fingerprint[..4].copy_from_slice(&persons.to_le_bytes());
        let basis = "a synthetic order".to_owned();
        self.engine.set_quota(SetQuota { author, request, fingerprint, key, persons, basis }).await
    }

    /// The calendar in force with one more day off.
    pub async fn amend(
        &self,
        day_off: &str,
        version: &str,
        reason: &str,
    ) -> Result<Amended, EngineError> {
        let text =
            procedures::calendar::write(&procedures::calendar::kazakhstan().unwrap()).unwrap();
        let before = self.engine.law().calendar().version().as_str().to_owned();
        let mut lines: Vec<String> =
            text.lines().map(|line| line.replace(&before, version)).collect();
        let weekday = day_off.parse::<Date>().unwrap().strftime("%a").to_string();
        let day = format!("{day_off},{weekday},holiday,fixed,Synthetic day,");
        let at =
            lines.iter().position(|line| line.as_str() > day.as_str() && line.starts_with("20"));
        lines.insert(at.unwrap_or(lines.len()), day);
        let text = lines.join("\n") + "\n";
        let calendar = procedures::calendar::parse(&text).unwrap();
        let (author, request) = (self.number("operator"), self.request());
        let (fingerprint, reason) = ([2; 32], reason.to_owned());
        self.engine
            .amend_calendar(Amendment { author, request, fingerprint, calendar, text, reason })
            .await
    }

    pub async fn case(&self, id: CaseId) -> Case {
        self.engine.caught_up().await;
        self.engine.index().case(id).unwrap().unwrap()
    }

    /// Every quota that is set or used.
    pub async fn ledger(&self) -> BTreeMap<QuotaKey, Quota> {
        self.engine.caught_up().await;
        self.engine.index().quotas().unwrap().into_iter().collect()
    }

    /// The same, told from the cases; limits are taken over, for no case has them.
    pub async fn sum_of_cases(&self) -> BTreeMap<QuotaKey, Quota> {
        let ledger = self.ledger().await;
        let limits =
            ledger.into_iter().map(|(key, quota)| (key, Quota { reserved: 0, taken: 0, ..quota }));
        let mut sum: BTreeMap<QuotaKey, Quota> = limits.collect();
        for case in self.engine.index().cases(None, usize::MAX).unwrap() {
            if let Some(holding) = case.holding {
                let quota = sum.entry(holding.key).or_default();
                if holding.taken {
                    quota.taken += u32::from(holding.persons);
                } else {
                    quota.reserved += u32::from(holding.persons);
                }
            }
        }
        sum
    }

    /// The ledger of an index that is made anew from the journal.
    pub async fn rebuilt(self) -> BTreeMap<QuotaKey, Quota> {
        let last = self.engine.progress().sequence;
        self.engine.close().await;
        drop(self.engine);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let fresh = self.dir.path().join("fresh");
        let index = Index::open(&fresh, &IndexOptions::default()).unwrap().index;
        let reader = self.store.open(1 << 20).unwrap().reader();
        rebuild(&index, &*reader, last, &mut |_, _| ()).unwrap();
        let quotas = index.quotas().unwrap().into_iter().collect();
        index.close().unwrap();
        quotas
    }

    pub fn events(&self) -> Vec<Event> {
        let last = self.engine.progress().sequence.0;
        (1..=last).map(|at| self.engine.recorded(Sequence(at)).unwrap().event).collect()
    }
}

fn body() -> Body {
    Body::new(BodyKind::Application, *b"SAMPLE")
}

fn party((id, role, region): (&str, Role, Option<&str>)) -> Party {
    let name = || id.to_owned();
    let id = id.parse().unwrap();
    Party {
        identities: vec![IdentityUri::of(&id)],
        certificates: Vec::new(),
        bins: Vec::new(),
        role,
        region: region.map(|region| region.parse().unwrap()),
        names: Names { kk: name(), ru: name(), en: name() },
        zone: bundled_zone("Asia/Almaty").unwrap(),
        supervisor: None,
        acts_for: Vec::new(),
        id,
    }
}
