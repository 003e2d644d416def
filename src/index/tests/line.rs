//! A bus without the bus: cases driven through the core's own decisions, their events recorded in a
//! journal and folded on the way, so that tests can hold an index against them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::act::{Act, Basis, Body, BodyKind, Ground, Outcome, States};
use crate::domain::calendar::Calendar;
use crate::domain::case::{Case, HopState};
use crate::domain::event::{Decision, Event, PartyEnrolled, QuotaSet};
use crate::domain::ids::{CaseId, ProcedureKey, RequestId, Sequence};
use crate::domain::party::{
    CertificateHash, IdentityUri, Names, Parties, Party, PartyId, PartyNumber, Role, bundled_zone,
};
use crate::domain::procedure::Procedure;
use crate::domain::quota::{Category, IdentityHash, QuotaKey};
use crate::domain::region::Region;
use crate::domain::term::CalendarDays;
use crate::domain::{
    ActFacts, CaseAct, Command, Context, DataRead, HeldBy, HeldReason, Hold, HopRun, NoLedger,
    Procedures, ReadContent, ReadPurpose, Resolution, ResolveHeld, Roster, Signature, Submission,
    WhenUnset, acknowledge, decide, hold, resolve_held,
};
use crate::index::{Applied, Change, fold};
use crate::journal::{Entry, Journal, JournalReader, MemoryJournal, MemoryStore};
use crate::records::encode_event;

const MAX_RECORD_BYTES: u32 = 1 << 20;

/// The parties in the order of their enrolment.
pub const AKIMAT: PartyNumber = PartyNumber(1);
pub const COMMISSION: PartyNumber = PartyNumber(2);
pub const COMMITTEE: PartyNumber = PartyNumber(3);
pub const MISSION: PartyNumber = PartyNumber(4);
/// Those to whom a delivery may be redirected.
pub const SPARE_AKIMAT: PartyNumber = PartyNumber(5);
pub const SPARE_COMMISSION: PartyNumber = PartyNumber(6);
pub const SPARE_MISSION: PartyNumber = PartyNumber(7);

/// The journal and the cases so far.
pub struct Line {
    calendar: Calendar,
    roster: Roster,
    procedures: Procedures,
    journal: MemoryJournal,
    now: Timestamp,
    requests: u64,
    /// What every record changed, in order.
    pub changes: Vec<Change>,
    /// The cases as they stand.
    pub cases: BTreeMap<CaseId, Arc<Case>>,
}

impl Line {
    /// A journal with its parties enrolled.
    pub fn new() -> Self {
        let mut line = Self {
            calendar: crate::procedures::calendar::kazakhstan().unwrap(),
            roster: Roster::new(parties(), []),
            procedures: procedures(),
            journal: MemoryStore::new().open(MAX_RECORD_BYTES).unwrap(),
            now: "2026-03-02T04:00:00Z".parse().unwrap(),
            requests: 0,
            changes: Vec::new(),
            cases: BTreeMap::new(),
        };
        for enrolled in line.roster.missing() {
            line.roster.enrol(enrolled.clone());
            line.record(&Event::PartyEnrolled(enrolled));
        }
        let id = |number| line.roster.id(number).map(PartyId::as_str);
        assert_eq!(id(AKIMAT), Some("akimat-kz-55"));
        assert_eq!(id(MISSION), Some("mission-uz"));
        assert_eq!(id(SPARE_MISSION), Some("spare-mission"));
        line
    }

    /// A reader of the journal.
    pub fn reader(&self) -> Arc<dyn JournalReader> {
        self.journal.reader()
    }

    /// The last record.
    pub fn last(&self) -> Sequence {
        self.changes.last().unwrap().applied.sequence
    }

    /// The parties enrolled.
    pub fn enrolled(&self) -> Vec<PartyEnrolled> {
        self.changes.iter().filter_map(|change| change.enrolment.clone()).collect()
    }

    /// Opens a case, and returns its id.
    pub fn submit(&mut self) -> CaseId {
        let request = self.request();
        let mut id = request.0;
        // Spread over the key space, as hashes are.
        id[0] = request.0[15].wrapping_mul(151);
        let submission = Submission {
            procedure: ProcedureKey {
                procedure: "kandas-mission".parse().unwrap(),
                edition: "2021".parse().unwrap(),
            },
            act: Act::SubmitApplication,
            basis: Basis::Ordinary,
            region: "KZ-55".parse().unwrap(),
            departure: None,
            persons: 4,
            applicant: Some(IdentityHash(request.0)),
            concerns: None,
            filed_at: self.now,
        };
        self.act(CaseId(id), MISSION, request, CaseAct::Submit(submission));
        CaseId(id)
    }

    /// Does one thing that is outstanding in a case: acknowledges what is on its way, or carries
    /// out the act that is open. False when there is nothing.
    pub fn step(&mut self, id: CaseId, step: Step) -> bool {
        let case = Arc::clone(&self.cases[&id]);
        let mut outstanding = case.hops.iter().filter_map(|run| match run.state {
            HopState::Open => Some((run, None)),
            HopState::Carried { acted, to, .. } => Some((run, Some((acted.sequence, to)))),
            HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. } => None,
        });
        let next = if step.newest { outstanding.next_back() } else { outstanding.next() };
        let Some((run, on_its_way)) = next else { return false };
        if let Some((delivery, to)) = on_its_way {
            let event = acknowledge(Some(&case), delivery, to, self.context()).unwrap();
            self.record(&Event::Acknowledged(event));
            return true;
        }
        let facts = self.facts(&case, run.act, step.refuse);
        let request = self.request();
        self.act(id, run.holder, request, CaseAct::Continue(run.act, facts));
        true
    }

    /// Puts one outstanding delivery of a case aside, as its receiver's system does. False when
    /// there is none that is not held yet.
    pub fn hold(&mut self, id: CaseId, newest: bool) -> bool {
        let case = Arc::clone(&self.cases[&id]);
        let mut outstanding = case.hops.iter().filter_map(|run| match run.state {
            HopState::Carried { acted, to, held: None, .. } => Some((acted.sequence, to)),
            HopState::Carried { .. }
            | HopState::Open
            | HopState::Done { .. }
            | HopState::Withdrawn { .. }
            | HopState::Ended { .. } => None,
        });
        let next = if newest { outstanding.next_back() } else { outstanding.next() };
        let Some((delivery, to)) = next else { return false };
        let (by, reason) = (HeldBy::Receiver(to), HeldReason::CannotParse);
        let asked = Hold { case: id, delivery, by, reason, detail: None };
        let event = hold(Some(&case), &asked, self.context()).unwrap();
        self.record(&Event::DeliveryHeld(event));
        true
    }

    /// Has the authorised body resolve one held delivery of a case. False when there is none, and
    /// when it cannot be resolved so.
    pub fn resolve(&mut self, id: CaseId, how: Resolution) -> bool {
        let case = Arc::clone(&self.cases[&id]);
        let held = case.hops.iter().find(|run| run.held().is_some());
        let Some(delivery) = held.and_then(HopRun::acted).map(|acted| acted.sequence) else {
            return false;
        };
        let asked = ResolveHeld {
            author: COMMITTEE,
            request: self.request(),
            fingerprint: [9; 32],
            case: id,
            delivery,
            party: None,
            resolution: how,
            note: "SAMPLE".to_owned(),
        };
        let Ok(event) = resolve_held(Some(&case), &asked, self.context()) else { return false };
        self.record(&Event::HeldResolved(event));
        true
    }

    /// The authorised body sets the quota of the line's region.
    pub fn set_quota(&mut self, persons: u32) -> QuotaKey {
        let (region, category) = ("KZ-55".parse().unwrap(), Category::Kandas);
        let key = QuotaKey { region, year: 2026, category };
        let request = self.request();
        let (author, fingerprint, basis) = (COMMITTEE, [8; 32], "a sample order".to_owned());
        let set = QuotaSet { key, persons, author, request, fingerprint, basis };
        self.record(&Event::QuotaSet(set));
        key
    }

    /// Lets time pass.
    pub fn wait(&mut self, millis: i64) {
        self.now = self.now.checked_add(SignedDuration::from_millis(millis)).unwrap();
    }

    /// Somebody reads personal data of a case.
    pub fn read(&mut self, case: CaseId) -> bool {
        self.record(&Event::DataRead(Box::new(DataRead {
            case,
            reader: COMMITTEE,
            certificate: CertificateHash([9; 32]),
            content: ReadContent::HeldWords,
            purpose: ReadPurpose::Delivery,
            reference: None,
        })));
        true
    }

    /// Records an event and folds it.
    pub fn record(&mut self, event: &Event) {
        let mut payload = Vec::new();
        encode_event(event, &mut payload).unwrap();
        let entry = Entry { time_ms: self.now.as_millisecond(), payload: &payload };
        let appended = self.journal.append(&[entry]).unwrap()[0];
        let applied = Applied { sequence: Sequence(appended.seq.0), hash: appended.hash.0 };
        let case = crate::index::case_of(event).and_then(|id| self.cases.get(&id));
        let change = fold(case.map(|case| &**case), event, applied, self.now).unwrap();
        if let Some(case) = &change.case {
            self.cases.insert(case.id, Arc::clone(case));
        }
        self.changes.push(change);
    }

    fn act(&mut self, case: CaseId, author: PartyNumber, request: RequestId, act: CaseAct) {
        let bytes = *b"SAMPLE SURNAME, SAMPLE NAME, not a person";
        let body = Body::new(BodyKind::Application, bytes);
        let fingerprint = [7; 32];
        let command =
            Command { author, request, fingerprint, case, act, body, signature: Signature::Absent };
        let before = self.cases.get(&case).map(|case| &**case);
        let event = decide(before, &command, self.context()).unwrap();
        self.record(&Event::Act(Box::new(event)));
    }

    fn facts(&self, case: &Case, act: Act, refuse: bool) -> ActFacts {
        let today = self.roster.zone(COMMISSION).to_datetime(self.now).date();
        let positive = match act.states() {
            States::Nothing => return ActFacts::Dispatch,
            States::Instant => {
                return ActFacts::Happened { field: "hand_over.handed_over_time", at: self.now };
            }
            States::Arrival => {
                let consented_on = case.consent.as_ref().unwrap().decided_on;
                let (region, filed_at) = (case.region, self.now);
                return ActFacts::Arrival { region, consented_on, persons: 3, filed_at };
            }
            States::Decision if act == Act::RecordConsentDecision => Outcome::Consent,
            States::Decision => Outcome::Inclusion,
            States::Grounds | States::Hearing | States::Postponement => {
                panic!("chapter 3 has neither a refusal to accept nor a hearing")
            }
        };
        ActFacts::Decision(Decision {
            outcome: if refuse { Outcome::Refusal } else { positive },
            decided_on: today,
            persons: if refuse { 0 } else { 3 },
            grounds: if refuse { vec![Ground::NoRegionalQuota] } else { Vec::new() },
            months: 0,
        })
    }

    fn context(&self) -> Context<'_> {
        let Self { calendar, roster, procedures, now, .. } = self;
        let (ledger, when_unset) = (&NoLedger, WhenUnset::Admit);
        Context { now: *now, calendar, roster, procedures, ledger, when_unset }
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        let mut id = [0xe0; 16];
        id[8..].copy_from_slice(&self.requests.to_be_bytes());
        RequestId(id)
    }
}

/// The procedures, with consents that end, so that their places have a last day.
fn procedures() -> Procedures {
    let limited = |(key, procedure): (ProcedureKey, Procedure)| {
        (key, procedure.with_consent_validity(Some(CalendarDays(365))))
    };
    crate::procedures::load().unwrap().into_iter().map(limited).collect()
}

/// Which of the outstanding things is done, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Step {
    /// The one that came last, so that receipts and acts of a case overtake each other.
    pub newest: bool,
    /// A decision is a refusal.
    pub refuse: bool,
}

fn parties() -> Parties {
    let party = |id: &str, role, region: Option<&str>| {
        let id: PartyId = id.parse().unwrap();
        let name = || "SAMPLE".to_owned();
        Party {
            role,
            region: region.map(|code| code.parse::<Region>().unwrap()),
            names: Names { kk: name(), ru: name(), en: name() },
            zone: bundled_zone("Asia/Almaty").unwrap(),
            supervisor: None,
            acts_for: Vec::new(),
            identities: vec![IdentityUri::of(&id)],
            certificates: Vec::new(),
            bins: Vec::new(),
            id,
        }
    };
    Parties::new(vec![
        party("akimat-kz-55", Role::Akimat, Some("KZ-55")),
        party("commission-kz-55", Role::Commission, Some("KZ-55")),
        party("committee", Role::MigrationBody, None),
        party("mission-uz", Role::ForeignMission, None),
        party("spare-akimat", Role::Akimat, Some("KZ-59")),
        party("spare-commission", Role::Commission, Some("KZ-59")),
        party("spare-mission", Role::ForeignMission, None),
    ])
    .unwrap()
}
