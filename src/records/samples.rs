//! Values of every event and case for the tests of this module and of the index: fixed ones, whose
//! persons are visibly synthetic, and arbitrary ones.

mod arbitrary;
mod decided;
mod reading;
mod registry;
mod sealed;

use jiff::Timestamp;
use jiff::civil::{Date, date};

use crate::domain::act::{Act, Actor, Basis, Body, BodyKind, Ground, Outcome};
use crate::domain::calendar::CalendarVersion;
use crate::domain::confidential::Confidential;
use crate::domain::event::{
    ActRecorded, CalendarAmended, CalendarSettled, ClockMoved, ClocksMoved, Decision, Delivery,
    DeliveryAcknowledged, DeliveryKind, EndpointSet, Event, HoldingExpired, HopOpened, Opening,
    PartyEnrolled, QuotaSet, ServiceClock,
};
use crate::domain::held::{DeliveryHeld, HeldReason, HeldResolved, Resolution};
use crate::domain::ids::{CaseId, HopId, ProcedureKey, RequestId, Sequence};
use crate::domain::ladder::{
    Attribution, BusOutage, Channel, Clause, Fired, Impediment, Notice, NoticeAcknowledged,
    NoticeSent, Rung, Sent,
};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::quota::{Category, IdentityHash, QuotaKey};
use crate::domain::region::Region;
use crate::domain::term::{Due, Source};

pub use arbitrary::{any_case, any_event};
pub use decided::{act_signed_by_one_asked_about, inclusion_act, signed_act};
pub use reading::data_read;
pub use registry::registry_changed;
pub use sealed::{
    case_erased, case_erased_by_rule, delivery_held_sealed, held_redirected_sealed, sealed_act,
};

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
    Body::new(kind, *b"SAMPLE SURNAME, SAMPLE NAME, not a person")
}

fn region(number: u8) -> Region {
    Region::from_number(number).unwrap()
}

fn delivery(id: &str, to: u32, order_ms: i64, kind: DeliveryKind) -> Delivery {
    Delivery { hop: hop(id), to: PartyNumber(to), order: march(order_ms), kind }
}

/// The enrolment of a mission.
pub fn enrolment() -> Event {
    let party = "mission-tr-ankara".parse().unwrap();
    Event::PartyEnrolled(PartyEnrolled { number: PartyNumber(300), party })
}

/// The first act of a case as the first release recorded it: its mission stands in the place of
/// the channel, as every record of that release is read.
pub fn opening_act() -> Event {
    let opened = |id: &str, act, from, holder, due| HopOpened {
        hop: hop(id),
        act,
        from,
        holder: PartyNumber(holder),
        opened_at: march(1),
        due,
        source: Source::Assumed,
        branch: false,
    };
    let mission = Actor::Role(Role::ForeignMission);
    let clock_due = Some(due(date(2026, 3, 6), 500_400_000, false));
    let participants = [Role::ForeignMission, Role::MigrationBody, Role::Akimat, Role::Commission]
        .map(Actor::Role)
        .into_iter()
        .chain([Actor::Channel])
        .zip([300, 1, 17, 18, 300].map(PartyNumber));
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
        hearing_at: None,
        opening: Some(Opening {
            procedure: ProcedureKey {
                procedure: "kandas-mission".parse().unwrap(),
                edition: "2021".parse().unwrap(),
            },
            region: region(55),
            departure: None,
            channel: Role::ForeignMission,
            basis: Basis::Ordinary,
            persons: 5,
            applicant: None,
            concerns: None,
            filed_at: march(0),
            recorded_with: Some(hop("K21B-01")),
            clock: opened("K21B-02", Act::SubmitApplication, mission, 300, clock_due),
            participants: participants.collect(),
        }),
        service: Some(ServiceClock {
            opened_at: march(0),
            due: due(date(2026, 3, 30), 2_574_000_000, true),
            informative: true,
        }),
        opened: vec![opened("SAMPLE-1", Act::RegisterArrival, Actor::Applicant, 17, None)],
        also: Vec::new(),
        closed: Vec::new(),
        deliveries: vec![delivery("K21B-02", 1, 500_400_000, DeliveryKind::Hop)],
        holding: None,
        signature: None,
        body: body(BodyKind::Application),
    }))
}

/// A refusal as the first release recorded it, with every field that only a decision had.
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
            months: 0,
        }),
        arrived_persons: Some(3),
        hearing_at: None,
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
            branch: false,
        }],
        also: Vec::new(),
        closed: Vec::new(),
        deliveries: Vec::new(),
        holding: None,
        signature: None,
        body: body(BodyKind::ConsentDecision),
    }))
}

/// A receipt that opens a hop, as the first release recorded it.
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
            branch: false,
        }],
    })
}

/// The first act of an in-migrant's case, with every field that only a first act has.
pub fn departure_act() -> Event {
    let opened = |id: &str, act, from, branch: bool| HopOpened {
        hop: hop(id),
        act,
        from,
        holder: PartyNumber(40),
        opened_at: march(2),
        due: branch.then(|| due(date(2026, 3, 5), 414_000_000, false)),
        source: Source::Statutory,
        branch,
    };
    let (applicant, akimat) = (Actor::Applicant, Actor::DepartureAkimat);
    let places = [Actor::Channel, akimat, Actor::Role(Role::Akimat)];
    Event::Act(Box::new(ActRecorded {
        case: CaseId([0xc2; 16]),
        author: PartyNumber(40),
        request: RequestId([0x50; 16]),
        fingerprint: [0xf3; 32],
        hop: hop("SAMPLE-1"),
        act: Act::SubmitApplication,
        discharged_at: march(2),
        decision: None,
        arrived_persons: None,
        hearing_at: None,
        opening: Some(Opening {
            procedure: ProcedureKey {
                procedure: "in-migrant".parse().unwrap(),
                edition: "2024".parse().unwrap(),
            },
            region: region(55),
            departure: Some(region(61)),
            channel: Role::CareerCentre,
            basis: Basis::Graduate,
            persons: 3,
            applicant: Some(IdentityHash([0x1d; 16])),
            concerns: Some(CaseId([0xc1; 16])),
            filed_at: march(1),
            recorded_with: None,
            clock: opened("SAMPLE-1", Act::SubmitApplication, applicant, false),
            participants: places.into_iter().zip([40, 41, 17].map(PartyNumber)).collect(),
        }),
        service: None,
        opened: vec![
            opened("SAMPLE-2", Act::ConfirmAcceptance, akimat, false),
            opened("SAMPLE-3", Act::RefuseToAccept, akimat, true),
        ],
        also: vec![hop("SAMPLE-2")],
        closed: Vec::new(),
        deliveries: vec![
            delivery("SAMPLE-2", 41, 414_000_000, DeliveryKind::Hop),
            delivery("SAMPLE-1", 17, 2, DeliveryKind::Copy),
            delivery("SAMPLE-1", 9, 2, DeliveryKind::Stage),
        ],
        holding: None,
        signature: None,
        body: body(BodyKind::Form),
    }))
}

/// A receipt that opens a branch.
pub fn receipt_of_a_branch() -> Event {
    let Event::Acknowledged(mut receipt) = acknowledgement() else { unreachable!() };
    receipt.opened[0].branch = true;
    Event::Acknowledged(receipt)
}

/// A quota, set.
pub fn quota_set() -> Event {
    Event::QuotaSet(QuotaSet {
        key: QuotaKey { region: region(55), year: 2026, category: Category::Kandas },
        persons: 1_234,
        author: PartyNumber(1),
        request: RequestId([0x52; 16]),
        fingerprint: [0xf5; 32],
        basis: "Order No. 1 of 05.01.2026, a sample".to_owned(),
    })
}

/// The end of places that a consent held.
pub fn holding_expired() -> Event {
    Event::HoldingExpired(HoldingExpired {
        case: CaseId([0xc2; 16]),
        holding: decided::holding(false),
    })
}

/// The calendar, amended.
pub fn calendar_amended() -> Event {
    Event::CalendarAmended(Box::new(CalendarAmended {
        version: CalendarVersion::parse("kz-2026.2").unwrap(),
        text: "date,kind\n2026-03-25,holiday\n".repeat(9),
        reason: "Resolution No. 7 of 02.03.2026, a sample".to_owned(),
        author: PartyNumber(1),
        request: RequestId([0x53; 16]),
        fingerprint: [0xf6; 32],
    }))
}

/// The clock of a hop and that of the service, counted again.
pub fn clocks_moved() -> Event {
    let moved = |hop, day| ClockMoved {
        hop,
        opened_at: march(3),
        old: due(date(2026, 3, day), 1_000_000_000, true),
        new: due(date(2026, 3, day + 1), 1_086_400_000, false),
    };
    Event::ClocksMoved(ClocksMoved {
        case: CaseId([0xc2; 16]),
        amendment: Sequence(70_001),
        moved: vec![moved(None, 24), moved(Some(hop("SAMPLE-4")), 12)],
    })
}

/// The end of an amendment.
pub fn calendar_settled() -> Event {
    Event::CalendarSettled(CalendarSettled { amendment: Sequence(70_001) })
}

/// A breach that an outage made late, and a warning; one party gets a letter and a call of it.
pub fn notice() -> Event {
    let breach = Fired {
        case: CaseId([0xc2; 16]),
        place: 3,
        hop: hop("SAMPLE-4"),
        act: Act::SendConsentDecision,
        rung: Rung::Due,
        days: 0,
        impediment: None,
        opened_at: march(3),
        due_at: march(1_000_000_000),
        source: Source::Statutory,
        carried: false,
        duty: PartyNumber(7),
        attribution: Some(Attribution {
            with_party_ms: 999_000_000,
            in_bus_ms: 999_997,
            awaiting_ms: 0,
        }),
        clause: Some(Clause {
            procedure: ProcedureKey {
                procedure: "sample".parse().unwrap(),
                edition: "2021".parse().unwrap(),
            },
            citation: "SAMPLE-EN A1 ¶12".to_owned(),
        }),
        to: vec![PartyNumber(7), PartyNumber(300), PartyNumber(2)],
    };
    let warning = Fired {
        case: CaseId([0xc3; 16]),
        place: 0,
        rung: Rung::Infeasible,
        days: 0,
        impediment: Some(Impediment::Backlog),
        source: Source::Assumed,
        carried: true,
        attribution: None,
        clause: None,
        to: vec![PartyNumber(7)],
        ..breach.clone()
    };
    let overdue = Fired { rung: Rung::Overdue, days: 260, impediment: None, ..warning.clone() };
    Event::Notice(Box::new(Notice {
        planned_at: march(1_000_000_000),
        outage: Some(Sequence(70_001)),
        fired: vec![breach, warning, overdue],
        channels: vec![(PartyNumber(7), Channel::Email), (PartyNumber(300), Channel::Webhook)],
    }))
}

/// A notice, taken from an inbox.
pub fn notice_acknowledged() -> Event {
    let (notice, order) = (Sequence(70_002), march(1_000_000_123));
    Event::NoticeAcknowledged(NoticeAcknowledged { notice, by: PartyNumber(300), order })
}

/// A notice whose letter was given up.
pub fn notice_sent() -> Event {
    Event::NoticeSent(NoticeSent {
        notice: Sequence(70_002),
        party: PartyNumber(7),
        channel: Channel::Email,
        outcome: Sent::GivenUp,
    })
}

/// A night in which the bus was away.
pub fn bus_outage() -> Event {
    Event::BusOutage(BusOutage { from: march(999_000_003), until: march(1_000_000_123) })
}

/// A delivery that its receiver's system rejected, with everything that is said of it; as the first
/// releases recorded it.
pub fn delivery_held() -> Event {
    Event::DeliveryHeld(DeliveryHeld {
        case: CaseId([0xc2; 16]),
        delivery: Sequence(70_002),
        party: PartyNumber(18),
        reason: HeldReason::Incomplete,
        detail: Some(Confidential::plain(*b"SAMPLE: the second paper is missing")),
        by: Some(PartyNumber(17)),
    })
}

fn held_resolved(resolution: Resolution, note: Option<Confidential>) -> Event {
    Event::HeldResolved(HeldResolved {
        case: CaseId([0xc2; 16]),
        delivery: Sequence(70_002),
        party: PartyNumber(18),
        resolution,
        author: PartyNumber(1),
        request: RequestId([0x54; 16]),
        fingerprint: [0xf7; 32],
        note,
    })
}

/// A held delivery, sent to another party.
pub fn held_redirected() -> Event {
    let note = Confidential::plain(*b"SAMPLE: the region was wrong");
    held_resolved(Resolution::Redirected { to: PartyNumber(300) }, Some(note))
}

/// A held delivery, withdrawn without a word.
pub fn held_withdrawn() -> Event {
    held_resolved(Resolution::Withdrawn, None)
}

/// An endpoint, registered.
pub fn endpoint_set() -> Event {
    Event::EndpointSet(EndpointSet {
        party: PartyNumber(300),
        url: Some("https://agency.sample.invalid:8443".parse().unwrap()),
        author: PartyNumber(7),
        request: RequestId([0x53; 16]),
        fingerprint: [0xf6; 32],
    })
}
