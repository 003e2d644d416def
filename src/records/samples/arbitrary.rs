//! Arbitrary events and cases: whatever a record can hold, whether or not the law could bring it
//! about.

mod parts;
mod reading;
mod signed;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::domain::act::{Act, Basis, Body, BodyKind, Ground, Outcome};
use crate::domain::case::{Case, CopyRun, HopRun, HopState, Moment, Receipt};
use crate::domain::confidential::{Confidential, Papers, Sealed, SlotNumber};
use crate::domain::erasure::{CaseErased, ErasureOrder, ErasureReason};
use crate::domain::event::{
    ActRecorded, CalendarAmended, CalendarSettled, ClockMoved, ClocksMoved, Decision, Delivery,
    DeliveryAcknowledged, DeliveryKind, EndpointSet, Event, HoldingChange, HoldingExpired,
    HopOpened, ListedParty, ListingChange, Opening, PartyEnrolled, QuotaSet, RegistryChanged,
    ServiceClock,
};
use crate::domain::held::{DeliveryHeld, Held, HeldReason, HeldResolved, Resolution};
use crate::domain::ids::{CaseId, RequestId, Sequence};
use crate::domain::ladder::{
    Attribution, BusOutage, Channel, Clause, Fired, Impediment, MAX_FIRED, Notice,
    NoticeAcknowledged, NoticeSent, Rung, Sent,
};
use crate::domain::registry::Listed;
use crate::records::notice::MAX_TOLD;
use crate::records::{MAX_GROUNDS, MAX_HOPS, MAX_OPENED, MAX_SERVICE_CLOCKS};

use parts::{
    any_actor, any_applicant, any_calendar, any_case_id, any_date, any_due, any_holding,
    any_hop_id, any_participants, any_party, any_procedure, any_quota_key, any_region, any_role,
    any_sequence, any_source, any_time, one_of,
};
use reading::any_data_read;
use signed::any_signature;

fn any_service() -> impl Strategy<Value = ServiceClock> {
    (any_time(), any_due(), any::<bool>()).prop_map(|(opened_at, due, informative)| ServiceClock {
        opened_at,
        due,
        informative,
    })
}

fn any_opened() -> impl Strategy<Value = HopOpened> {
    let what = (any_hop_id(), one_of(Act::ALL), any_actor(), any_party());
    let when = (any_time(), option::of(any_due()), any_source(), any::<bool>());
    (what, when).prop_map(|((hop, act, from, holder), (opened_at, due, source, branch))| {
        HopOpened { hop, act, from, holder, opened_at, due, source, branch }
    })
}

fn any_opening() -> impl Strategy<Value = Opening> {
    let what = (any_procedure(), any_region(), option::of(any_region()), any_role());
    let whose = (one_of(Basis::ALL), any::<u16>(), any_applicant(), option::of(any_case_id()));
    let how = (any_time(), option::of(any_hop_id()), any_opened(), any_participants());
    (what, whose, how).prop_map(|(what, whose, how)| {
        let (procedure, region, departure, channel) = what;
        let (basis, persons, applicant, concerns) = whose;
        let (filed_at, recorded_with, clock, participants) = how;
        Opening {
            procedure,
            region,
            departure,
            channel,
            basis,
            persons,
            applicant,
            concerns,
            filed_at,
            recorded_with,
            clock,
            participants,
        }
    })
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let grounds = vec(one_of(Ground::ALL), 0..=MAX_GROUNDS);
    (one_of(Outcome::ALL), any_date(), any::<u16>(), grounds, any::<u8>()).prop_map(
        |(outcome, decided_on, persons, grounds, months)| Decision {
            outcome,
            decided_on,
            persons,
            grounds,
            months,
        },
    )
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    (any_hop_id(), any_party(), any_time(), one_of(DeliveryKind::ALL))
        .prop_map(|(hop, to, order, kind)| Delivery { hop, to, order, kind })
}

fn any_act() -> impl Strategy<Value = ActRecorded> {
    let ids = (any::<[u8; 16]>(), any_party(), any::<[u8; 16]>(), any::<[u8; 32]>(), any_hop_id());
    let states = (option::of(any_decision()), option::of(any::<u16>()), option::of(any_time()));
    let act = (one_of(Act::ALL), any_time(), states);
    let clocks = (
        option::of(any_opening()),
        option::of(any_service()),
        vec(any_opened(), 0..=MAX_OPENED),
        vec(any_hop_id(), 0..20),
        vec(any_hop_id(), 0..20),
    );
    let change = (option::of(any_holding()), option::of(any_holding()))
        .prop_map(|(before, after)| HoldingChange { before, after });
    let moves = (vec(any_delivery(), 0..20), option::of(change));
    let body = (one_of(BodyKind::ALL), any_confidential());
    let body = (body, option::of(any_signature()));
    (ids, act, clocks, moves, body).prop_map(|(ids, act, clocks, moves, (body, signature))| {
        let (case, author, request, fingerprint, hop) = ids;
        let (act, discharged_at, (decision, arrived_persons, hearing_at)) = act;
        let (opening, service, opened, also, closed) = clocks;
        let (deliveries, holding) = moves;
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
            hearing_at,
            opening,
            service,
            opened,
            also,
            closed,
            deliveries,
            holding,
            signature: signature.map(Box::new),
            body: Body { kind: body.0, content: body.1 },
        }
    })
}

fn any_quota_set() -> impl Strategy<Value = QuotaSet> {
    let ids = (any_party(), any::<[u8; 16]>(), any::<[u8; 32]>());
    (any_quota_key(), any::<u32>(), ids, any::<String>()).prop_map(|(key, persons, ids, basis)| {
        let (author, request, fingerprint) = ids;
        QuotaSet { key, persons, author, request: RequestId(request), fingerprint, basis }
    })
}

fn any_registry_changed() -> impl Strategy<Value = RegistryChanged> {
    let listed = (any_role(), option::of(any_region()), any::<[u8; 8]>())
        .prop_map(|(role, region, facts)| Listed { role, region, facts });
    let party = (any_party(), one_of(ListingChange::ALL), listed)
        .prop_map(|(party, change, listed)| ListedParty { party, change, listed });
    (any::<[u8; 32]>(), vec(party, 0..20))
        .prop_map(|(content, parties)| RegistryChanged { content, parties })
}

fn any_endpoint_set() -> impl Strategy<Value = EndpointSet> {
    let ids = (any_party(), any::<[u8; 16]>(), any::<[u8; 32]>());
    let url = option::of("https://[a-z][a-z0-9]{0,40}(\\.[a-z]{1,9}){0,3}:[1-9][0-9]{0,3}");
    (any_party(), url, ids).prop_map(|(party, url, (author, request, fingerprint))| {
        let url = url.map(|url| url.parse().unwrap());
        EndpointSet { party, url, author, request: RequestId(request), fingerprint }
    })
}

fn any_amended() -> impl Strategy<Value = CalendarAmended> {
    let ids = (any_party(), any::<[u8; 16]>(), any::<[u8; 32]>());
    (any_calendar(), any::<String>(), any::<String>(), ids).prop_map(
        |(version, text, reason, (author, request, fingerprint))| {
            let request = RequestId(request);
            CalendarAmended { version, text, reason, author, request, fingerprint }
        },
    )
}

fn any_moved() -> impl Strategy<Value = ClocksMoved> {
    let clock = (option::of(any_hop_id()), any_time(), any_due(), any_due())
        .prop_map(|(hop, opened_at, old, new)| ClockMoved { hop, opened_at, old, new });
    (any_case_id(), any_sequence(), vec(clock, 0..=MAX_SERVICE_CLOCKS))
        .prop_map(|(case, amendment, moved)| ClocksMoved { case, amendment, moved })
}

fn any_attribution() -> impl Strategy<Value = Attribution> {
    any::<(u64, u64, u64)>().prop_map(|(with_party_ms, in_bus_ms, awaiting_ms)| Attribution {
        with_party_ms,
        in_bus_ms,
        awaiting_ms,
    })
}

fn any_fired() -> impl Strategy<Value = Fired> {
    let what = (any_case_id(), any::<u8>(), any_hop_id(), one_of(Act::ALL), one_of(Rung::ALL));
    let how = (any::<u16>(), option::of(one_of(Impediment::ALL)), any_time(), any_time());
    let clause = option::of((any_procedure(), "[A-Z0-9 ¶-]{0,60}"));
    let whose = (any_source(), any::<bool>(), any_party(), option::of(any_attribution()), clause);
    (what, how, whose, vec(any_party(), 0..=MAX_TOLD)).prop_map(|(what, how, whose, to)| {
        let (case, place, hop, act, rung) = what;
        let (days, impediment, opened_at, due_at) = how;
        let (source, carried, duty, attribution, clause) = whose;
        let clause = clause.map(|(procedure, citation)| Clause { procedure, citation });
        Fired {
            case,
            place,
            hop,
            act,
            rung,
            days,
            impediment,
            opened_at,
            due_at,
            source,
            carried,
            duty,
            attribution,
            clause,
            to,
        }
    })
}

fn any_notice() -> impl Strategy<Value = Notice> {
    // Zero stands for none.
    let outage = option::of((1..u64::MAX).prop_map(Sequence));
    let fired = prop_oneof![8 => vec(any_fired(), 0..6), 1 => vec(any_fired(), MAX_FIRED)];
    let channels = vec((any_party(), one_of(Channel::ALL)), 0..20);
    (any_time(), outage, fired, channels).prop_map(|(planned_at, outage, fired, channels)| Notice {
        planned_at,
        outage,
        fired,
        channels,
    })
}

fn any_sent() -> impl Strategy<Value = NoticeSent> {
    (any_sequence(), any_party(), one_of(Channel::ALL), one_of(Sent::ALL)).prop_map(
        |(notice, party, channel, outcome)| NoticeSent { notice, party, channel, outcome },
    )
}

fn any_confidential() -> impl Strategy<Value = Confidential> {
    let content = || vec(any::<u8>(), 0..300);
    let sealed = (any::<u64>(), any::<[u8; 12]>(), any::<[u8; 32]>(), content());
    prop_oneof![
        content().prop_map(Confidential::plain),
        sealed.prop_map(|(slot, nonce, commitment, bytes)| {
            let (slot, bytes) = (SlotNumber(slot), bytes.into());
            Confidential::Sealed(Sealed { slot, nonce, commitment, bytes })
        }),
    ]
}

fn any_papers() -> impl Strategy<Value = Papers> {
    let slot = || any::<u64>().prop_map(SlotNumber);
    prop_oneof![
        option::of(slot()).prop_map(Papers::Plain),
        slot().prop_map(Papers::Sealed),
        (slot(), any_moment()).prop_map(|(slot, erased)| Papers::Erased { slot, erased }),
    ]
}

fn any_case_erased() -> impl Strategy<Value = CaseErased> {
    let order = (any_party(), any::<[u8; 16]>(), any::<[u8; 32]>());
    let order = order.prop_map(|(author, request, fingerprint)| ErasureOrder {
        author,
        request: RequestId(request),
        fingerprint,
    });
    let what = (any_case_id(), any::<u64>(), one_of(ErasureReason::ALL), any::<String>());
    (what, option::of(order)).prop_map(|((case, slot, reason, reference), order)| CaseErased {
        case,
        slot: SlotNumber(slot),
        reason,
        reference,
        order,
    })
}

fn any_delivery_held() -> impl Strategy<Value = DeliveryHeld> {
    let what = (any_case_id(), any_sequence(), any_party());
    let why = (one_of(HeldReason::ALL), option::of(any_confidential()), option::of(any_party()));
    (what, why).prop_map(|((case, delivery, party), (reason, detail, by))| DeliveryHeld {
        case,
        delivery,
        party,
        reason,
        detail,
        by,
    })
}

fn any_resolved() -> impl Strategy<Value = HeldResolved> {
    let what = (any_case_id(), any_sequence(), any_party());
    let resolution = prop_oneof![
        Just(Resolution::Released),
        any_party().prop_map(|to| Resolution::Redirected { to }),
        Just(Resolution::Withdrawn),
    ];
    let ids = (any_party(), any::<[u8; 16]>(), any::<[u8; 32]>());
    (what, resolution, ids, option::of(any_confidential())).prop_map(
        |(what, resolution, ids, note)| {
            let (case, delivery, party) = what;
            let (author, request, fingerprint) = ids;
            let request = RequestId(request);
            HeldResolved { case, delivery, party, resolution, author, request, fingerprint, note }
        },
    )
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
        any_quota_set().prop_map(Event::QuotaSet),
        (any_case_id(), any_holding())
            .prop_map(|(case, holding)| Event::HoldingExpired(HoldingExpired { case, holding })),
        any_amended().prop_map(|amended| Event::CalendarAmended(Box::new(amended))),
        any_moved().prop_map(Event::ClocksMoved),
        any_sequence().prop_map(|amendment| Event::CalendarSettled(CalendarSettled { amendment })),
        any_notice().prop_map(|notice| Event::Notice(Box::new(notice))),
        (any_sequence(), any_party(), any_time()).prop_map(|(notice, by, order)| {
            Event::NoticeAcknowledged(NoticeAcknowledged { notice, by, order })
        }),
        any_sent().prop_map(Event::NoticeSent),
        (any_time(), any_time())
            .prop_map(|(from, until)| Event::BusOutage(BusOutage { from, until })),
        any_delivery_held().prop_map(Event::DeliveryHeld),
        any_case_erased().prop_map(Event::CaseErased),
        any_resolved().prop_map(Event::HeldResolved),
        any_endpoint_set().prop_map(Event::EndpointSet),
        any_registry_changed().prop_map(|changed| Event::RegistryChanged(Box::new(changed))),
        any_data_read().prop_map(|read| Event::DataRead(Box::new(read))),
    ]
}

fn any_moment() -> impl Strategy<Value = Moment> {
    (any_sequence(), any_time()).prop_map(|(sequence, at)| Moment { sequence, at })
}

fn any_held() -> impl Strategy<Value = Option<Held>> {
    option::of((one_of(HeldReason::ALL), any_moment()))
        .prop_map(|held| held.map(|(reason, since)| Held { reason, since }))
}

fn any_run() -> impl Strategy<Value = HopRun> {
    let received = option::of((any_party(), any_moment()));
    let received = received.prop_map(|of| of.map(|(by, moment)| Receipt { by, moment }));
    let state = prop_oneof![
        Just(HopState::Open),
        any_moment().prop_map(|ended| HopState::Ended { ended }),
        (any_moment(), any_party(), any_time(), any_held())
            .prop_map(|(acted, to, order, held)| HopState::Carried { acted, to, order, held }),
        (any_moment(), any_moment())
            .prop_map(|(acted, withdrawn)| HopState::Withdrawn { acted, withdrawn }),
        (any_moment(), received).prop_map(|(acted, received)| HopState::Done { acted, received }),
    ];
    (any_opened(), any_sequence(), state, any::<bool>()).prop_map(
        |(opened, opened_by, mut state, in_due_order)| {
            if let (HopState::Carried { order, .. }, Some(due)) = (&mut state, &opened.due)
                && in_due_order
            {
                *order = due.instant;
            }
            let HopOpened { hop, act, from, holder, opened_at, due, source, branch } = opened;
            HopRun { hop, act, from, holder, opened_by, opened_at, due, source, branch, state }
        },
    )
}

fn any_copy() -> impl Strategy<Value = CopyRun> {
    let what = (any_sequence(), any_hop_id(), any_party(), any_time());
    (what, any::<bool>(), any_held(), option::of(any_moment())).prop_map(
        |((delivery, hop, to, order), stage, held, received)| CopyRun {
            delivery,
            hop,
            to,
            order,
            stage,
            held,
            received,
        },
    )
}

/// Any case that can be kept.
pub fn any_case() -> impl Strategy<Value = Case> {
    let head = (any_case_id(), any_procedure(), any_region(), option::of(any_region()));
    let whose = (
        any_role(),
        one_of(Basis::ALL),
        any::<u16>(),
        any_applicant(),
        option::of(any_case_id()),
        any_participants(),
    );
    let decided = (
        option::of(any_decision()),
        option::of(any::<u16>()),
        option::of(any_decision()),
        option::of(one_of(Outcome::ALL)),
        option::of(any_time()),
        option::of(any_holding()),
    );
    let runs = (
        vec(any_service(), 0..=MAX_SERVICE_CLOCKS),
        vec(any_run(), 0..=MAX_HOPS),
        vec(any_copy(), 0..20),
        any_papers(),
        any_time(),
    );
    (head, whose, decided, runs).prop_map(|(head, whose, decided, runs)| {
        let (id, procedure, region, departure) = head;
        let (channel, basis, persons, applicant, concerns, participants) = whose;
        let (consent, arrived_persons, decision, last_outcome, hearing_at, holding) = decided;
        let (service, hops, copies, papers, updated_at) = runs;
        Case {
            id,
            procedure,
            region,
            departure,
            channel,
            basis,
            persons,
            applicant,
            concerns,
            participants,
            consent,
            arrived_persons,
            decision,
            last_outcome,
            hearing_at,
            holding,
            service,
            hops,
            copies,
            papers,
            updated_at,
        }
    })
}
