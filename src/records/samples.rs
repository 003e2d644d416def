//! Values of every event and case for the tests of this module and of the index: fixed ones, whose
//! persons are visibly synthetic, and arbitrary ones.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::domain::act::{Act, Actor, Body, BodyKind, Ground, Outcome};
use crate::domain::calendar::CalendarVersion;
use crate::domain::case::{Case, HopRun, HopState, Moment, Receipt};
use crate::domain::event::{
    ActRecorded, Decision, Delivery, DeliveryAcknowledged, Event, HopOpened, Opening,
    PartyEnrolled, ServiceClock,
};
use crate::domain::ids::{CaseId, HopId, ProcedureKey, RequestId, Sequence};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::region::Region;
use crate::domain::term::{Due, Source};

use super::{MAX_GROUNDS, MAX_HOPS, MAX_OPENED, MAX_PARTICIPANTS, MAX_SERVICE_CLOCKS};

/// An instant of March 2026, so many milliseconds after its first.
pub fn march(offset_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_772_305_200_000 + offset_ms).unwrap()
}

/// A hop id.
pub fn hop(text: &str) -> HopId {
    text.parse().unwrap()
}

fn due(date: Date, offset_ms: i64, estimated: bool) -> Due {
    let calendar = CalendarVersion::parse("kz-2026.1").unwrap();
    Due { date, instant: march(offset_ms), calendar, estimated }
}

fn body(kind: BodyKind) -> Body {
    Body { kind, bytes: Arc::from(*b"SAMPLE SURNAME, SAMPLE NAME, not a person") }
}

/// The enrolment of a mission.
pub fn enrolment() -> Event {
    let party = "mission-tr-ankara".parse().unwrap();
    Event::PartyEnrolled(PartyEnrolled { number: PartyNumber(300), party })
}

/// The first act of a case, with every field that only a first act has.
pub fn opening_act() -> Event {
    let opened = |id: &str, act, from, holder, due| HopOpened {
        hop: hop(id),
        act,
        from,
        holder: PartyNumber(holder),
        opened_at: march(1),
        due,
        source: Source::Assumed,
    };
    let mission = Actor::Role(Role::ForeignMission);
    let clock_due = Some(due(date(2026, 3, 6), 500_400_000, false));
    let participants = [Role::ForeignMission, Role::MigrationBody, Role::Akimat, Role::Commission];
    Event::Act(Box::new(ActRecorded {
        case: CaseId([0xc1; 16]),
        author: PartyNumber(300),
        request: RequestId([0x4e; 16]),
        fingerprint: [0xf1; 32],
        hop: hop("K21B-02"),
        act: Act::SubmitApplication,
        discharged_at: march(4_999),
        decision: None,
        arrived_persons: None,
        opening: Some(Opening {
            procedure: ProcedureKey {
                procedure: "kandas-mission".parse().unwrap(),
                edition: "2021".parse().unwrap(),
            },
            region: Region::from_number(55).unwrap(),
            persons: 5,
            filed_at: march(0),
            recorded_with: Some(hop("K21B-01")),
            clock: opened("K21B-02", Act::SubmitApplication, mission, 300, clock_due),
            participants: participants.into_iter().zip([300, 1, 17, 18].map(PartyNumber)).collect(),
        }),
        service: Some(ServiceClock {
            opened_at: march(0),
            due: due(date(2026, 3, 30), 2_574_000_000, true),
            informative: true,
        }),
        opened: vec![opened("SAMPLE-1", Act::RegisterArrival, Actor::Applicant, 17, None)],
        delivery: Some(Delivery { to: PartyNumber(1), order: march(500_400_000) }),
        body: body(BodyKind::Application),
    }))
}

/// A refusal, with every field that only a decision has.
pub fn refusal_act() -> Event {
    Event::Act(Box::new(ActRecorded {
        case: CaseId([0xc1; 16]),
        author: PartyNumber(18),
        request: RequestId([0x4f; 16]),
        fingerprint: [0xf2; 32],
        hop: hop("K21B-05"),
        act: Act::RecordConsentDecision,
        discharged_at: march(1_700_000_000),
        decision: Some(Decision {
            outcome: Outcome::Refusal,
            decided_on: date(2026, 3, 20),
            persons: 0,
            grounds: vec![Ground::UnreliableData, Ground::NoRegionalQuota],
        }),
        arrived_persons: Some(3),
        opening: None,
        service: None,
        opened: vec![HopOpened {
            hop: hop("K21B-06"),
            act: Act::SendConsentDecision,
            from: Actor::Role(Role::Akimat),
            holder: PartyNumber(17),
            opened_at: march(1_700_000_000),
            due: Some(due(date(2026, 3, 27), 2_314_800_000, true)),
            source: Source::Statutory,
        }],
        delivery: None,
        body: body(BodyKind::ConsentDecision),
    }))
}

/// A receipt that opens a hop.
pub fn acknowledgement() -> Event {
    Event::Acknowledged(DeliveryAcknowledged {
        case: CaseId([0xc1; 16]),
        delivery: Sequence(70_000),
        by: PartyNumber(1),
        opened: vec![HopOpened {
            hop: hop("K21B-03"),
            act: Act::ForwardApplication,
            from: Actor::Role(Role::MigrationBody),
            holder: PartyNumber(1),
            opened_at: march(90_061_001),
            due: Some(due(date(2026, 3, 11), 932_400_000, false)),
            source: Source::Statutory,
        }],
    })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_second() * 1000, Timestamp::MAX.as_second() * 1000);
    let any = prop_oneof![first..=last, 1_700_000_000_000..1_800_000_000_000_i64];
    any.prop_map(|unix_ms| Timestamp::from_millisecond(unix_ms).unwrap())
}

fn any_date() -> impl Strategy<Value = Date> {
    let days = prop_oneof![-4_371_587..=2_932_896_i64, 19_000..22_000_i64];
    days.prop_map(|days| super::wire::date_of("date", days).unwrap())
}

fn any_party() -> impl Strategy<Value = PartyNumber> {
    prop_oneof![any::<u32>(), 0..400_u32].prop_map(PartyNumber)
}

fn any_sequence() -> impl Strategy<Value = Sequence> {
    prop_oneof![any::<u64>(), 0..100_000_u64].prop_map(Sequence)
}

fn any_hop_id() -> impl Strategy<Value = HopId> {
    prop_oneof!["[A-Za-z0-9-]{1,12}", "K21B-[01][0-9]"].prop_map(|text| text.parse().unwrap())
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn any_role() -> impl Strategy<Value = Role> {
    one_of(&Role::ALL)
}

fn any_actor() -> impl Strategy<Value = Actor> {
    option::of(any_role()).prop_map(|role| role.map_or(Actor::Applicant, Actor::Role))
}

fn any_source() -> impl Strategy<Value = Source> {
    one_of(&[Source::Statutory, Source::Assumed])
}

fn any_due() -> impl Strategy<Value = Due> {
    (any_date(), any_time(), r"[a-z0-9.-]{1,32}|kz-2026\.1", any::<bool>()).prop_map(
        |(date, instant, calendar, estimated)| {
            let calendar = CalendarVersion::parse(&calendar).unwrap();
            Due { date, instant, calendar, estimated }
        },
    )
}

fn any_procedure() -> impl Strategy<Value = ProcedureKey> {
    ("[A-Za-z0-9-]{1,40}", "[A-Za-z0-9-]{1,16}").prop_map(|(procedure, edition)| ProcedureKey {
        procedure: procedure.parse().unwrap(),
        edition: edition.parse().unwrap(),
    })
}

fn any_participants() -> impl Strategy<Value = Vec<(Role, PartyNumber)>> {
    vec((any_role(), any_party()), 0..=MAX_PARTICIPANTS)
}

fn any_service() -> impl Strategy<Value = ServiceClock> {
    (any_time(), any_due(), any::<bool>()).prop_map(|(opened_at, due, informative)| ServiceClock {
        opened_at,
        due,
        informative,
    })
}

fn any_opened() -> impl Strategy<Value = HopOpened> {
    let acts = one_of(Act::ALL);
    let due = option::of(any_due());
    (any_hop_id(), acts, any_actor(), any_party(), any_time(), due, any_source()).prop_map(
        |(hop, act, from, holder, opened_at, due, source)| HopOpened {
            hop,
            act,
            from,
            holder,
            opened_at,
            due,
            source,
        },
    )
}

fn any_opening() -> impl Strategy<Value = Opening> {
    (
        any_procedure(),
        one_of(&Region::ALL),
        any::<u16>(),
        any_time(),
        option::of(any_hop_id()),
        any_opened(),
        any_participants(),
    )
        .prop_map(
            |(procedure, region, persons, filed_at, recorded_with, clock, participants)| Opening {
                procedure,
                region,
                persons,
                filed_at,
                recorded_with,
                clock,
                participants,
            },
        )
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let grounds = vec(one_of(Ground::ALL), 0..=MAX_GROUNDS);
    (one_of(Outcome::ALL), any_date(), any::<u16>(), grounds).prop_map(
        |(outcome, decided_on, persons, grounds)| Decision {
            outcome,
            decided_on,
            persons,
            grounds,
        },
    )
}

fn any_act() -> impl Strategy<Value = ActRecorded> {
    let ids = (any::<[u8; 16]>(), any_party(), any::<[u8; 16]>(), any::<[u8; 32]>(), any_hop_id());
    let act = (one_of(Act::ALL), any_time(), option::of(any_decision()), option::of(any::<u16>()));
    let clocks = (
        option::of(any_opening()),
        option::of(any_service()),
        vec(any_opened(), 0..=MAX_OPENED),
        option::of((any_party(), any_time())),
    );
    let body = (one_of(BodyKind::ALL), vec(any::<u8>(), 0..300));
    (ids, act, clocks, body).prop_map(|(ids, act, clocks, body)| {
        let (case, author, request, fingerprint, hop) = ids;
        let (act, discharged_at, decision, arrived_persons) = act;
        let (opening, service, opened, delivery) = clocks;
        ActRecorded {
            case: CaseId(case),
            author,
            request: RequestId(request),
            fingerprint,
            hop,
            act,
            discharged_at,
            decision,
            arrived_persons,
            opening,
            service,
            opened,
            delivery: delivery.map(|(to, order)| Delivery { to, order }),
            body: Body { kind: body.0, bytes: body.1.into() },
        }
    })
}

/// Any event that can be recorded.
pub fn any_event() -> impl Strategy<Value = Event> {
    let acknowledged =
        (any::<[u8; 16]>(), any_sequence(), any_party(), vec(any_opened(), 0..=MAX_OPENED));
    prop_oneof![
        (any_party(), "[a-z][a-z0-9-]{1,61}[a-z0-9]").prop_map(|(number, party)| {
            Event::PartyEnrolled(PartyEnrolled { number, party: party.parse().unwrap() })
        }),
        any_act().prop_map(|act| Event::Act(Box::new(act))),
        acknowledged.prop_map(|(case, delivery, by, opened)| {
            Event::Acknowledged(DeliveryAcknowledged { case: CaseId(case), delivery, by, opened })
        }),
    ]
}

fn any_moment() -> impl Strategy<Value = Moment> {
    (any_sequence(), any_time()).prop_map(|(sequence, at)| Moment { sequence, at })
}

fn any_run() -> impl Strategy<Value = HopRun> {
    let received = option::of((any_party(), any_moment()));
    let received = received.prop_map(|of| of.map(|(by, moment)| Receipt { by, moment }));
    let state =
        prop_oneof![
            Just(HopState::Open),
            (any_moment(), any_party(), any_time())
                .prop_map(|(acted, to, order)| HopState::Carried { acted, to, order }),
            (any_moment(), received)
                .prop_map(|(acted, received)| HopState::Done { acted, received }),
        ];
    (any_opened(), any_sequence(), state, any::<bool>()).prop_map(
        |(opened, opened_by, mut state, in_due_order)| {
            if let (HopState::Carried { order, .. }, Some(due)) = (&mut state, &opened.due)
                && in_due_order
            {
                *order = due.instant;
            }
            let HopOpened { hop, act, from, holder, opened_at, due, source } = opened;
            HopRun { hop, act, from, holder, opened_by, opened_at, due, source, state }
        },
    )
}

/// Any case that can be kept.
pub fn any_case() -> impl Strategy<Value = Case> {
    let head = (
        any::<[u8; 16]>(),
        any_procedure(),
        one_of(&Region::ALL),
        any::<u16>(),
        any_participants(),
    );
    let tail = (
        option::of(any_decision()),
        option::of(any::<u16>()),
        option::of(any_decision()),
        vec(any_service(), 0..=MAX_SERVICE_CLOCKS),
        vec(any_run(), 0..=MAX_HOPS),
        any_time(),
    );
    (head, tail).prop_map(|(head, tail)| {
        let (id, procedure, region, persons, participants) = head;
        let (consent, arrived_persons, inclusion, service, hops, updated_at) = tail;
        Case {
            id: CaseId(id),
            procedure,
            region,
            persons,
            participants,
            consent,
            arrived_persons,
            inclusion,
            service,
            hops,
            updated_at,
        }
    })
}
