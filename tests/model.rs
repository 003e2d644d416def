//! The engine against a reference: random plays of all parties, over several cases, on the real
//! writer, follower and index, with a journal in memory and a clock that the play moves.
//!
//! `model/law.rs`, `model/reference.rs` and `model/ladder.rs` say what must be so without the code under test,
//! `model/play.rs` says what is asked. After every turn the bus must hold what the reference holds,
//! and whatever was refused or repeated must have changed nothing. `PROPTEST_CASES` sets the number
//! of plays, `PROPTEST_RNG_SEED` replays some.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as the reference has it"
)]

#[path = "model/ladder.rs"]
mod ladder;
#[path = "model/law.rs"]
mod law;
#[path = "model/play.rs"]
mod play;
#[path = "model/reference.rs"]
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;

use futures_util::future::join_all;
use jiff::Timestamp;
use kopir::domain::act::Basis;
use kopir::domain::case::Case;
use kopir::domain::ladder::{Fired, NO_CASE};
use kopir::domain::party::{
    IdentityUri, Names, Parties, Party, PartyId, PartyNumber, Role, bundled_zone,
};
use kopir::domain::region::Region;
use kopir::domain::term::Source;
use kopir::domain::{
    Act, ActFacts, Actor, Body, BodyKind, CaseAct, CaseId, CaseStatus, Command, Decision, Event,
    Ground, HopState, PartyEnrolled, ProcedureKey, Rejection, RequestId, Sequence, Signature,
    Submission, WhenUnset,
};
use kopir::engine::{
    Clock, Engine, EngineError, EngineOptions, Law, Parts, QueueObserver, ReadError, Started,
    case_id, start, timestamp,
};
use kopir::index::{Counts, Index, IndexOptions, Obligation, QueueOp, QueuedDelivery, rebuild};
use kopir::journal::{Journal, MemoryStore};
use kopir::procedures;
use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use ladder::Word;
use law::{Deed, WHO, Who};
use play::{Play, Turn};
use reference::{Answer, Ask, Facts, Fault, Name, Outcome, Phase, Reference};

/// Plays of one run, unless `PROPTEST_CASES` says otherwise.
const PLAYS: u32 = 40;

/// Shrinking replays the engine; what it has by then is told.
const MAX_SHRINK_MS: u32 = 60_000;

const MAX_RECORD_BYTES: u32 = 64 * 1024;

#[expect(
    clippy::disallowed_methods,
    reason = "the number of plays is asked for on the command line"
)]
fn config() -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = asked.unwrap_or(PLAYS);
    let max_shrink_time = MAX_SHRINK_MS;
    Config { cases, max_shrink_time, failure_persistence: None, ..Config::default() }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_engine_answers_and_holds_what_the_reference_says(sequential 60..120 => Bus);
}

/// The bus under test, with what the test remembers of it.
struct Bus {
    runtime: Runtime,
    engine: Engine,
    threads: [JoinHandle<()>; 2],
    store: MemoryStore,
    dir: TempDir,
    /// What the index holds after the last turn.
    held: Held,
    /// Every record that was answered with, as it was first answered: time and hash.
    receipts: BTreeMap<u64, Receipt>,
}

type Receipt = (Timestamp, [u8; 32]);

/// Everything an index can be asked, but the request ids, which cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    applied: u64,
    enrolments: Vec<PartyEnrolled>,
    cases: Vec<Case>,
    deliveries: Vec<Vec<QueuedDelivery>>,
    obligations: Vec<Vec<Obligation>>,
}

struct Nobody;

impl QueueObserver for Nobody {
    fn queues_changed(&self, _: &[QueueOp]) {}
}

/// What the bus answered: a record, new or repeated, or why not.
type Answered = Result<(u64, bool, Receipt), EngineError>;

impl StateMachineTest for Bus {
    type SystemUnderTest = Self;
    type Reference = Play;

    fn init_test(reference: &Reference) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("live"), &IndexOptions::default()).unwrap().index;
        let store = MemoryStore::new();
        let procedures = Arc::new(procedures::load().unwrap());
        let calendar = procedures::calendar::kazakhstan().unwrap();
        let parts = Parts {
            journal: Box::new(store.open(MAX_RECORD_BYTES).unwrap()),
            disk: None,
            vault: Arc::new(kopir::vault::MemoryVault::new(1)),
            index,
            observer: Arc::new(Nobody),
            parties: Parties::new(WHO.map(party).to_vec()).unwrap(),
            // The reference knows no quotas: no limit is kept.
            law: Law::new(procedures, calendar, WhenUnset::Admit),
            clock: Clock::sandbox(timestamp(reference.now_ms)),
            options: EngineOptions {
                max_waiting_commands: 64,
                max_group_commands: 16,
                max_index_lag_records: 8,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: 1_000_000,
            },
            read_calendar: |_| Err("no calendar is amended here".to_owned()),
            ladder: kopir::domain::ladder::Ladder::default(),
            last_alive_ms: None,
            vitals: Arc::default(),
        };
        let Started { engine, threads } = start(parts).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let held = Held::of(engine.index());
        let receipts = BTreeMap::new();
        Self { runtime, engine, threads, store, dir, held, receipts }
    }

    fn apply(mut bus: Self, reference: &Reference, turn: Turn) -> Self {
        let answers = match turn {
            Turn::Clock(_) => {
                bus.engine.clock().set(timestamp(reference.now_ms)).unwrap();
                bus.runtime.block_on(bus.engine.sweep()).unwrap();
                vec![]
            }
            Turn::Asks(asks) => {
                let engine = &bus.engine;
                let asked = asks.iter().map(|ask| put(engine, ask));
                let answers = bus.runtime.block_on(join_all(asked));
                asks.into_iter().zip(answers).collect()
            }
        };
        bus.runtime.block_on(bus.engine.caught_up());
        assert_eq!(answers.len(), reference.answers.len());
        for ((ask, answered), expected) in answers.iter().zip(&reference.answers) {
            bus.check_answer(ask, answered, expected, reference.now_ms);
        }
        let held = Held::of(bus.engine.index());
        let new = |answer: &Answer| matches!(answer, Answer::Accepted(_));
        let is_asked = !reference.answers.is_empty();
        if is_asked && !reference.answers.iter().any(new) {
            assert_eq!(held, bus.held, "what was not accepted has changed something");
        }
        bus.held = held;
        bus
    }

    fn check_invariants(bus: &Self, reference: &Reference) {
        bus.check_notices(reference);
        let progress = bus.engine.progress();
        assert_eq!((progress.sequence.0, progress.indexed.0), (reference.last, reference.last));
        assert_eq!(bus.held.applied, reference.last);
        let mut counted = bus.engine.vitals().queues.all();
        counted.retain(|_, counts| *counts != Counts::default());
        assert_eq!(counted, bus.engine.index().counts().unwrap(), "what waits is counted");
        let beyond = bus.engine.recorded(Sequence(reference.last + 1));
        assert!(matches!(beyond, Err(ReadError::Missing(_))), "{beyond:?}");
        assert_eq!(bus.held.cases.len(), reference.cases.len());
        for (name, expected) in &reference.cases {
            let case = bus.held.cases.iter().find(|case| case.id == id_of(*name));
            bus.check_case(case.expect("a case of the reference"), expected, reference.now_ms);
        }
        for who in 0..WHO.len() {
            bus.check_queues(who, reference);
        }
        for (who, request) in &reference.tried {
            let found = accepted_as(bus.engine.index(), bus.number(*who), *who, *request);
            let expected = reference.accepted.get(&(*who, *request)).map(|(_, record)| *record);
            assert_eq!(found.map(|sequence| sequence.0), expected, "request {request} of {who}");
        }
    }

    /// The journal alone gives the same index, and so does the index that was closed.
    fn teardown(bus: Self, reference: Reference) {
        let Self { runtime, engine, threads, store, dir, held, receipts } = bus;
        for record in 1..=reference.last {
            let recorded = engine.recorded(Sequence(record)).unwrap();
            let enrols = matches!(recorded.event, Event::PartyEnrolled(_));
            assert_eq!(enrols, record <= WHO.len() as u64, "record {record}");
            let receipt = receipts.get(&record);
            let nobody_asked = enrols || reference.notices.contains_key(&record);
            let is_told = receipt == Some(&(recorded.at, recorded.hash));
            assert!(nobody_asked || is_told, "record {record}");
        }
        drop(engine);
        drop(runtime);
        for thread in threads {
            thread.join().unwrap();
        }
        let closed = Index::open(&dir.path().join("live"), &IndexOptions::default()).unwrap();
        assert_eq!(closed.fresh, None);
        assert_eq!(Held::of(&closed.index), held, "the index as it was closed");
        let journal = store.open(MAX_RECORD_BYTES).unwrap();
        let built = Index::open(&dir.path().join("built"), &IndexOptions::default()).unwrap().index;
        rebuild(&built, &*journal.reader(), Sequence(reference.last), &mut |_, _| {}).unwrap();
        assert_eq!(Held::of(&built), held, "the index rebuilt from the journal");
        let enrolled: Vec<_> =
            held.enrolments.iter().map(|each| (each.party.clone(), each.number)).collect();
        for (who, request) in &reference.tried {
            let (_, number) = enrolled.iter().find(|(id, _)| *id == party_id(*who)).unwrap();
            let found = |index: &Index| accepted_as(index, *number, *who, *request);
            assert_eq!(found(&built), found(&closed.index));
        }
    }
}

/// The record under which an index knows a request: an entry of its own, or, when it opened a case,
/// that case.
fn accepted_as(index: &Index, number: PartyNumber, who: Who, request: u64) -> Option<Sequence> {
    let opened = index.case(id_of((who, request))).unwrap();
    let later = index.request(number, request_id(request)).unwrap();
    assert!(opened.is_none() || later.is_none(), "request {request} of {who} is known twice");
    opened.and_then(|case| case.opened_by()).or(later)
}

async fn put(engine: &Engine, ask: &Ask) -> Answered {
    let number = |who: Who| engine.roster().number(&party_id(who)).expect("an enrolled party");
    match ask {
        Ask::Acknowledge { by, case, delivery } => {
            let confirmed =
                engine.acknowledge(id_of(*case), Sequence(*delivery), number(*by)).await?;
            // An acknowledgement does not say whether it is a repeat; its time and hash will.
            Ok((confirmed.sequence.0, false, (confirmed.at, confirmed.hash)))
        }
        Ask::TakeNotice { by, notice } => {
            let noted = engine.acknowledge_notice(Sequence(*notice), number(*by)).await?;
            Ok((noted.sequence.0, false, (noted.at, noted.hash)))
        }
        Ask::Submit { by, request, .. } | Ask::Do { by, request, .. } => {
            let command = command(ask, number(*by), *by, *request);
            let accepted = engine.act(command).await?;
            assert_eq!(accepted.event.author, number(*by));
            Ok((accepted.sequence.0, accepted.repeated, (accepted.at, accepted.hash)))
        }
    }
}

fn command(ask: &Ask, author: PartyNumber, by: Who, request: u64) -> Command {
    let content = format!("{ask:?}").into_bytes();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    let fingerprint = digest.as_ref().try_into().unwrap();
    let (kind, case, act) = match ask {
        Ask::Submit { region, persons, filed_ms, .. } => {
            let procedure = ProcedureKey {
                procedure: "kandas-mission".parse().unwrap(),
                edition: "2021".parse().unwrap(),
            };
            let (region, filed_at) = (Region::from_number(*region).unwrap(), timestamp(*filed_ms));
            let submission = Submission {
                procedure,
                act: Act::SubmitApplication,
                basis: Basis::Ordinary,
                region,
                departure: None,
                persons: *persons,
                applicant: None,
                concerns: None,
                filed_at,
            };
            (BodyKind::Application, id_of((by, request)), CaseAct::Submit(submission))
        }
        Ask::Do { case, deed, facts, .. } => {
            (BodyKind::Dispatch, id_of(*case), CaseAct::Continue(act_of(*deed), facts_of(facts)))
        }
        Ask::Acknowledge { .. } | Ask::TakeNotice { .. } => {
            panic!("an acknowledgement is no command")
        }
    };
    let body = Body::new(kind, content);
    Command {
        author,
        request: request_id(request),
        fingerprint,
        case,
        act,
        body,
        signature: Signature::Absent,
    }
}

fn facts_of(facts: &Facts) -> ActFacts {
    match facts {
        Facts::None => ActFacts::Dispatch,
        Facts::HandedOver { at_ms } => {
            ActFacts::Happened { field: "hand_over.handed_over_time", at: timestamp(*at_ms) }
        }
        Facts::Arrival { region, consent_day, persons, filed_ms } => ActFacts::Arrival {
            region: Region::from_number(*region).unwrap(),
            consented_on: *consent_day,
            persons: *persons,
            filed_at: timestamp(*filed_ms),
        },
        Facts::Decision { outcome, day, persons, grounds } => {
            let all = [(1, Ground::UnreliableData), (2, Ground::NoRegionalQuota)];
            let stated = all.into_iter().filter(|(bit, _)| grounds & bit != 0);
            ActFacts::Decision(Decision {
                outcome: outcome_of(*outcome),
                decided_on: *day,
                persons: *persons,
                grounds: stated.map(|(_, ground)| ground).collect(),
                months: 0,
            })
        }
    }
}

fn outcome_of(outcome: Outcome) -> kopir::domain::Outcome {
    match outcome {
        Outcome::Consent => kopir::domain::Outcome::Consent,
        Outcome::Inclusion => kopir::domain::Outcome::Inclusion,
        Outcome::Refusal => kopir::domain::Outcome::Refusal,
    }
}

fn act_of(deed: Deed) -> Act {
    match deed {
        Deed::Submit => Act::SubmitApplication,
        Deed::Forward => Act::ForwardApplication,
        Deed::Refer => Act::ReferToCommission,
        Deed::DecideConsent => Act::RecordConsentDecision,
        Deed::SendDecision => Act::SendConsentDecision,
        Deed::ForwardDecision => Act::ForwardDecision,
        Deed::HandOver => Act::HandOverDecision,
        Deed::Arrive => Act::RegisterArrival,
        Deed::DecideInclusion => Act::RecordInclusionDecision,
        Deed::HandOverInclusion => Act::HandOverInclusionDecision,
    }
}

impl Bus {
    fn check_answer(&mut self, ask: &Ask, answered: &Answered, expected: &Answer, now_ms: i64) {
        let what = format!("{ask:?} was answered {answered:?}, expected {expected:?}");
        match (answered, expected) {
            (Ok((record, repeated, receipt)), Answer::Accepted(number)) => {
                assert_eq!((record, repeated), (number, &false), "{what}");
                assert_eq!(receipt.0, timestamp(now_ms), "{what}");
                let recorded = self.engine.recorded(Sequence(*record)).unwrap();
                assert_eq!((recorded.at, recorded.hash), *receipt, "{what}");
                assert_eq!(self.receipts.insert(*record, *receipt), None, "{what}");
            }
            (Ok((record, repeated, receipt)), Answer::Repeated(number)) => {
                let acknowledges = matches!(ask, Ask::Acknowledge { .. } | Ask::TakeNotice { .. });
                assert_eq!((record, *repeated || acknowledges), (number, true), "{what}");
                assert_eq!(self.receipts.get(record), Some(receipt), "{what}");
            }
            (Err(EngineError::Rejected(rejection)), Answer::Refused(faults)) => {
                assert!(faults.contains(&self.fault(rejection)), "{what}");
            }
            _ => panic!("{what}"),
        }
    }

    fn fault(&self, rejection: &Rejection) -> Fault {
        match rejection {
            Rejection::CaseNotVisible => Fault::NotVisible,
            Rejection::RoleNotAllowed(_) | Rejection::ChannelNotAllowed { .. } => Fault::WrongRole,
            Rejection::DeliveryUnknown(_) => Fault::NoSuchDelivery,
            Rejection::OutOfOrder { open, .. } => {
                let open = open.iter().map(|hop| {
                    (hop_number(hop.hop.as_str()), self.who(hop.holder), hop.awaiting_receipt)
                });
                Fault::OutOfOrder(open.collect())
            }
            Rejection::RequestReused(_) => Fault::Reused,
            Rejection::RegionUnknown(_) => Fault::NoRegion,
            Rejection::GroundsRequired => Fault::NoGrounds,
            Rejection::GroundsNotAllowed(_) => Fault::UnfitGrounds,
            Rejection::OutcomeNotAllowed(_) => Fault::UnfitOutcome,
            Rejection::Field { field, .. } => Fault::Field(field),
            Rejection::ProcedureUnknown(_)
            | Rejection::CaseErased { .. }
            | Rejection::CaseNotSettled { .. }
            | Rejection::CaseNotSealed
            | Rejection::NotHeld(_)
            | Rejection::HeldNotYours(_)
            | Rejection::DeliveryNeeded { .. }
            | Rejection::ConsentExpired { .. }
            | Rejection::Signature(_)
            | Rejection::EditionNotInForce { .. }
            | Rejection::PartyMissing { .. }
            | Rejection::ActNotOfEdition { .. }
            | Rejection::QuotaExhausted { .. }
            | Rejection::QuotaNotSet(_)
            | Rejection::QuotaAvailable { .. }
            | Rejection::QuotaBelowTaken { .. }
            | Rejection::EarlierIncluded { .. }
            | Rejection::SecondExtension { .. }
            | Rejection::Term(_)
            | Rejection::Id(_) => panic!("nothing was asked that is refused so: {rejection:?}"),
        }
    }

    fn check_case(&self, case: &Case, expected: &reference::Case, now_ms: i64) {
        assert_eq!((case.region.number(), case.persons), (expected.region, expected.persons));
        assert_eq!(self.who(case.participants[0].1), expected.mission);
        let told = |decision: &Decision| (decision.outcome, decision.decided_on, decision.persons);
        let says = |(outcome, day, persons)| (outcome_of(outcome), day, persons);
        assert_eq!(case.consent.as_ref().map(told), expected.consent.map(says));
        assert_eq!(case.decision.as_ref().map(told), expected.inclusion.map(says));
        let service =
            case.service.iter().map(|clock| (clock.due.date, clock.due.instant.as_millisecond()));
        assert!(service.eq(expected.service.iter().copied()), "{:?}", case.service);
        let (filing, hops) = case.hops.split_first().expect("the applicant's filing");
        assert_eq!(filing.hop.as_str(), "K21B-01");
        assert_eq!(hops.len(), expected.steps.len(), "{hops:?} {:?}", expected.steps);
        for (run, step) in hops.iter().zip(&expected.steps) {
            let what = format!("{run:?} {step:?}");
            assert_eq!(hop_number(run.hop.as_str()), step.hop, "{what}");
            assert_eq!(run.act, act_of(law::rule_of(step.hop).deed), "{what}");
            assert_eq!(run.from == Actor::Applicant, step.hop == 9, "{what}");
            assert_eq!(self.who(run.holder), step.holder, "{what}");
            assert_eq!(run.opened_by.0, step.opened_by, "{what}");
            assert_eq!(run.opened_at.as_millisecond(), step.opened_ms, "{what}");
            let due = run.due.as_ref().map(|due| (due.date, due.instant.as_millisecond()));
            assert_eq!(due, step.due, "{what}");
            assert_eq!(run.source == Source::Assumed, step.hop == 2, "{what}");
            assert_eq!(self.phase(&run.state), step.phase, "{what}");
            if step.phase == Phase::Open {
                let late = step.due.is_some_and(|(_, ms)| now_ms >= ms);
                assert_eq!(run.is_late(timestamp(now_ms)), late, "{what}");
            }
        }
        let open: BTreeSet<u8> = expected
            .steps
            .iter()
            .filter(|step| !matches!(step.phase, Phase::Done { .. }))
            .map(|step| step.hop)
            .collect();
        let status = match open.first() {
            None => CaseStatus::Closed,
            Some(9) if open.len() == 1 => CaseStatus::AwaitingApplicant,
            Some(_) => CaseStatus::InProgress,
        };
        assert_eq!(case.status(), status, "{open:?}");
    }

    fn phase(&self, state: &HopState) -> Phase {
        match state {
            HopState::Open => Phase::Open,
            HopState::Carried { acted, to, .. } => {
                Phase::OnItsWay { act: acted.sequence.0, to: self.who(*to) }
            }
            HopState::Withdrawn { .. } => panic!("nothing is withdrawn here"),
            HopState::Ended { .. } => panic!("chapter 3 has no branches"),
            HopState::Done { acted, received } => {
                let received =
                    received.map(|receipt| (receipt.moment.sequence.0, self.who(receipt.by)));
                Phase::Done { act: acted.sequence.0, received }
            }
        }
    }

    fn check_queues(&self, who: Who, reference: &Reference) {
        let at = self.held.enrolments.iter().position(|each| each.party == party_id(who)).unwrap();
        let deliveries = self.held.deliveries[at]
            .iter()
            .map(|each| (each.key.order_ms, each.key.sequence.0, each.case));
        let expected = reference.deliveries(who);
        let expected = expected
            .iter()
            .map(|(order, record, case)| (*order, *record, case.map_or(NO_CASE, id_of)));
        assert!(deliveries.eq(expected), "deliveries to {}", WHO[who].0);
        let obligations = self.held.obligations[at].iter().map(|each| {
            (each.key.due_ms, each.key.opened_by.0, each.case, hop_number(each.hop.as_str()))
        });
        let expected = reference.obligations(who);
        let expected = expected.iter().map(|(due, by, case, hop)| (*due, *by, id_of(*case), *hop));
        assert!(obligations.eq(expected), "obligations of {}", WHO[who].0);
    }

    /// Every notice is there, with what it says and whom it tells, and none beside them.
    fn check_notices(&self, reference: &Reference) {
        for (record, expected) in &reference.notices {
            let recorded = self.engine.recorded(Sequence(*record));
            let recorded = recorded.unwrap_or_else(|error| panic!("{expected:?}: {error}"));
            let Event::Notice(notice) = recorded.event else { panic!("{:?}", recorded.event) };
            assert_eq!(recorded.at, timestamp(expected.said_ms), "record {record}");
            assert_eq!(notice.planned_at, timestamp(expected.planned_ms), "record {record}");
            assert_eq!((notice.outage, &notice.channels[..]), (None, &[][..]), "record {record}");
            let word = |fired: &Fired| {
                let name = |(name, _): &(&Name, _)| id_of(**name) == fired.case;
                let case = *reference.cases.iter().find(name).expect("a case").0;
                let to: BTreeSet<Who> = fired.to.iter().map(|party| self.who(*party)).collect();
                assert_eq!(to.len(), fired.to.len(), "nobody is told twice");
                Word {
                    case,
                    hop: hop_number(fired.hop.as_str()),
                    rung: fired.rung.name(),
                    days: fired.days,
                    to_take: fired.carried,
                    to,
                }
            };
            let words: BTreeSet<Word> = notice.fired.iter().map(word).collect();
            assert_eq!(words.len(), notice.fired.len(), "record {record}");
            assert_eq!(words, expected.words, "record {record}");
        }
    }

    fn number(&self, who: Who) -> PartyNumber {
        self.engine.roster().number(&party_id(who)).unwrap()
    }

    fn who(&self, number: PartyNumber) -> Who {
        let id = self.engine.roster().id(number).unwrap();
        (0..WHO.len()).find(|who| WHO[*who].0 == id.as_str()).unwrap()
    }
}

impl Held {
    fn of(index: &Index) -> Self {
        let enrolments = index.enrolments().unwrap();
        let each = |party: &PartyEnrolled| party.number;
        let deliveries =
            enrolments.iter().map(each).map(|party| index.deliveries(party, None, 1000).unwrap());
        let obligations =
            enrolments.iter().map(each).map(|party| index.obligations(party, None, 1000).unwrap());
        Self {
            applied: index.applied().map_or(0, |applied| applied.sequence.0),
            cases: index.cases(None, 1000).unwrap(),
            deliveries: deliveries.collect(),
            obligations: obligations.collect(),
            enrolments,
        }
    }
}

fn party((id, region, _): (&str, Option<u8>, i64)) -> Party {
    let role = match id.split('-').next() {
        Some("migration") => Role::MigrationBody,
        Some("mission") => Role::ForeignMission,
        Some("akimat") => Role::Akimat,
        _ => Role::Commission,
    };
    let zone = match id {
        "mission-uz" => "Asia/Tashkent",
        "mission-mn" => "Asia/Ulaanbaatar",
        "akimat-kz-23" | "commission-kz-23" => "Asia/Atyrau",
        "akimat-kz-47" => "Asia/Aqtau",
        _ => "Asia/Almaty",
    };
    let own: PartyId = id.parse().unwrap();
    let acts_for =
        if id == "akimat-kz-23" { vec!["commission-kz-23".parse().unwrap()] } else { vec![] };
    Party {
        identities: vec![IdentityUri::of(&own)],
        certificates: Vec::new(),
        bins: Vec::new(),
        names: Names { kk: id.to_owned(), ru: id.to_owned(), en: id.to_owned() },
        id: own,
        role,
        region: region.map(|number| Region::from_number(number).unwrap()),
        zone: bundled_zone(zone).unwrap(),
        supervisor: None,
        acts_for,
    }
}

fn party_id(who: Who) -> PartyId {
    WHO[who].0.parse().unwrap()
}

fn request_id(request: u64) -> RequestId {
    let mut bytes = [0xa5; 16];
    bytes[..8].copy_from_slice(&request.to_be_bytes());
    RequestId(bytes)
}

fn id_of((who, request): Name) -> CaseId {
    case_id(WHO[who].0, request_id(request))
}

fn hop_number(hop: &str) -> u8 {
    hop.strip_prefix("K21B-").unwrap().parse().unwrap()
}
