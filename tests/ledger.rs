//! The ledger of quotas and the amended calendar, in the engine: what no single decision can show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

#[path = "ledger/bus.rs"]
mod bus;

use bus::{Bus, COMMITTEE, consent, inclusion, refusal};
use futures_util::future::join_all;
use jiff::civil::date;
use kopir::domain::party::PartyNumber;
use kopir::domain::term::due as due_of;
use kopir::domain::{
    Act, ActFacts, CaseStatus, Category, Event, Ground, HopState, QuotaKey, Rejection, WhenUnset,
};
use kopir::domain::{CaseId, PartyEnrolled, RequestId, Sequence};
use kopir::engine::EngineError;
use kopir::records::encode_event;

const FAMILIES: u64 = 10_000;

fn quota_2021() -> QuotaKey {
    QuotaKey { region: "KZ-55".parse().unwrap(), year: 2021, category: Category::Kandas }
}

#[tokio::test]
async fn ten_thousand_decisions_on_one_place_include_one_family() {
    let bus = Bus::start(WhenUnset::Refuse);
    bus.set_quota(quota_2021(), 1).await.unwrap();
    let cases = join_all((0..FAMILIES).map(|family| bus.until_decision(family))).await;

    let decided = cases.iter().map(|case| {
        let decision = inclusion(date(2021, 9, 6), 1);
        bus.act("commission-kz-55", *case, Act::RecordInclusionDecision, decision)
    });
    let answers = join_all(decided).await;

    let included = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(included, 1);
    let exhausted = |answer: &&Result<_, EngineError>| {
        let none_left = |rejection: &Rejection| {
            matches!(rejection, Rejection::QuotaExhausted { free: 0, persons: 1, .. })
        };
        matches!(answer, Err(EngineError::Rejected(rejection)) if none_left(rejection))
    };
    assert_eq!(answers.iter().filter(exhausted).count() as u64, FAMILIES - 1);
    let ledger = bus.ledger().await;
    assert_eq!(ledger[&quota_2021()].taken, 1);
    assert_eq!(ledger[&quota_2021()].free(), Some(0));
}

#[tokio::test]
async fn the_ledger_is_the_sum_of_the_cases_after_every_act() {
    let bus = Bus::start(WhenUnset::Refuse);
    bus.set_quota(quota_2021(), 40).await.unwrap();
    let mut seed = 0x5eed_u64;
    let mut chance = move |of: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % of
    };
    let (mut refused, mut held, mut taken) = (0, 0, 0);
    for family in 0..120 {
        let persons = 1 + chance(5) as u16;
        let case = bus.until_consent(family, persons).await;
        let day = date(2021, 9, 6);
        let decision = if chance(4) == 0 {
            refusal(day, &[Ground::UnreliableData])
        } else {
            consent(day, 1 + chance(u64::from(persons)) as u16)
        };
        let consents = !matches!(&decision, ActFacts::Decision(one) if one.persons == 0);
        let answer = bus.act("commission-kz-55", case, Act::RecordConsentDecision, decision).await;
        match answer {
            Ok(_) if consents => held += 1,
            Ok(_) => refused += 1,
            Err(EngineError::Rejected(Rejection::QuotaExhausted { .. })) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        if chance(3) == 0 && consents && bus.until_inclusion(case).await {
            let one = bus.case(case).await.arrived_persons.unwrap();
            let decision = match chance(3) {
                0 => refusal(day, &[Ground::UnreliableData]),
                _ => inclusion(day, one),
            };
            bus.act("commission-kz-55", case, Act::RecordInclusionDecision, decision)
                .await
                .unwrap();
            taken += 1;
        }
        assert_eq!(bus.ledger().await, bus.sum_of_cases().await, "after family {family}");
    }
    assert!(refused > 10 && held > 10 && taken > 5, "{refused} {held} {taken}");
    let ledger = bus.ledger().await;
    assert_eq!(bus.rebuilt().await, ledger, "a fresh fold has the same ledger");
}

#[tokio::test]
async fn a_limit_below_what_is_held_is_refused_and_a_repeat_gets_its_receipt() {
    let bus = Bus::start(WhenUnset::Refuse);
    let first = bus.set_quota(quota_2021(), 10).await.unwrap();
    let again = bus.set_quota_as(first.1, quota_2021(), 10).await.unwrap();
    assert_eq!((again.sequence, again.hash), (first.0.sequence, first.0.hash));
    let other = bus.set_quota_as(first.1, quota_2021(), 11).await.unwrap_err();
    assert!(matches!(other, EngineError::Rejected(Rejection::RequestReused(_))), "{other}");

    let case = bus.until_consent(1, 4).await;
    let four = consent(date(2021, 9, 6), 4);
    bus.act("commission-kz-55", case, Act::RecordConsentDecision, four).await.unwrap();
    let below = bus.set_quota(quota_2021(), 3).await.unwrap_err();
    let used = |rejection: &Rejection| {
        matches!(rejection, Rejection::QuotaBelowTaken { used: 4, asked: 3, .. })
    };
    assert!(matches!(&below, EngineError::Rejected(rejection) if used(rejection)), "{below}");
    bus.set_quota(quota_2021(), 4).await.unwrap();

    // The id of a quota's request is no act's.
    let id = RequestId(case.0);
    bus.set_quota_as(id, quota_2021(), 5).await.unwrap();
    let act = bus.engine().act(bus.referral(COMMITTEE, case)).await.unwrap_err();
    let told = matches!(act, EngineError::Rejected(Rejection::RequestReused(of)) if of == id);
    assert!(told, "{act}");
}

#[tokio::test]
async fn places_of_an_expired_consent_are_free_again() {
    let bus = Bus::with_validity(WhenUnset::Refuse, 30);
    bus.set_quota(quota_2021(), 4).await.unwrap();
    let case = bus.until_consent(1, 4).await;
    let four = consent(date(2021, 9, 6), 4);
    bus.act("commission-kz-55", case, Act::RecordConsentDecision, four).await.unwrap();
    let next = bus.until_consent(2, 1).await;
    let one = || consent(date(2021, 9, 6), 1);
    let full = bus.act("commission-kz-55", next, Act::RecordConsentDecision, one()).await;
    assert!(full.is_err(), "the places are held");

    // The last day is 6 October; it ends at 24:00 in Almaty, 18:00 in UTC.
    bus.time("2021-10-06T17:59:59Z");
    bus.act("commission-kz-55", next, Act::RecordConsentDecision, one()).await.unwrap_err();
    bus.time("2021-10-06T18:00:00Z");
    let on = consent(date(2021, 10, 7), 1);
    bus.act("commission-kz-55", next, Act::RecordConsentDecision, on).await.unwrap();
    assert_eq!(bus.case(case).await.holding, None);
    assert_eq!(bus.ledger().await, bus.sum_of_cases().await);
    let expired =
        bus.events().into_iter().filter(|event| matches!(event, Event::HoldingExpired(_)));
    assert_eq!(expired.count(), 1);
}

#[tokio::test]
async fn a_family_that_arrived_in_time_keeps_its_places_until_the_decision() {
    let bus = Bus::with_validity(WhenUnset::Refuse, 30);
    bus.set_quota(quota_2021(), 4).await.unwrap();
    let case = bus.until_consent(1, 4).await;
    let four = consent(date(2021, 9, 6), 4);
    bus.act("commission-kz-55", case, Act::RecordConsentDecision, four).await.unwrap();
    assert!(bus.until_inclusion(case).await);
    bus.time("2021-11-01T04:00:00Z");
    let next = bus.until_consent(2, 1).await;
    let one = consent(date(2021, 11, 1), 1);
    bus.act("commission-kz-55", next, Act::RecordConsentDecision, one).await.unwrap_err();
    let four = inclusion(date(2021, 11, 1), 4);
    bus.act("commission-kz-55", case, Act::RecordInclusionDecision, four).await.unwrap();
    assert_eq!(bus.ledger().await[&quota_2021()].taken, 4);
}

#[tokio::test]
async fn an_amended_calendar_moves_open_clocks_and_no_closed_one() {
    let bus = Bus::start(WhenUnset::Admit);
    let closed = bus.until_consent(1, 1).await;
    let day = date(2021, 9, 6);
    bus.act("commission-kz-55", closed, Act::RecordConsentDecision, consent(day, 1)).await.unwrap();
    let open = bus.until_consent(2, 1).await;
    let (before_closed, before_open) = (bus.case(closed).await, bus.case(open).await);

    // Ten working days from 6 September end on the 20th; with the 15th off, on the 21st.
    let moved = bus.amend("2021-09-15", "kz-2021.9", "a synthetic resolution").await.unwrap();
    assert!(moved.cases >= 1 && moved.clocks >= 2, "{moved:?}");
    let (after_closed, after_open) = (bus.case(closed).await, bus.case(open).await);
    for (before, after) in before_closed.hops.iter().zip(&after_closed.hops) {
        if before.state != HopState::Open {
            assert_eq!(before, after, "what is closed does not move");
        }
    }
    let due = |case: &kopir::domain::Case| {
        let run = case.hops.iter().find(|run| run.act == Act::RecordConsentDecision).unwrap();
        run.due.clone().unwrap()
    };
    let (before, after) = (due(&before_open), due(&after_open));
    assert_eq!(before.date, date(2021, 9, 20));
    assert_eq!((after.date, after.calendar.as_str()), (date(2021, 9, 21), "kz-2021.9"));
    assert_eq!(after_open.status(), CaseStatus::InProgress);
    let told = bus.events().into_iter().any(|event| {
        matches!(event, Event::ClocksMoved(moved) if moved.case == open
            && moved.moved.iter().any(|one| one.old == before && one.new == after))
    });
    assert!(told, "old and new stand in the journal");

    // New clocks run on it too, also after a restart.
    let bus = bus.restarted().await;
    assert_eq!(bus.engine().law().calendar().version().as_str(), "kz-2021.9");
    let third = bus.until_consent(3, 1).await;
    assert_eq!(due(&bus.case(third).await).date, date(2021, 9, 21));
}

/// Whatever day is taken off, what is closed stands, and what is open ends where a fresh count on
/// the calendar in force ends.
#[tokio::test]
async fn no_amendment_moves_a_closed_clock_and_each_moves_the_open_ones_to_a_fresh_count() {
    let bus = Bus::start(WhenUnset::Admit);
    let day = date(2021, 9, 6);
    let mut cases = Vec::new();
    for family in 0..9 {
        let case = match family % 3 {
            0 => bus.until_referral(family, 1).await,
            _ => bus.until_consent(family, 1).await,
        };
        if family % 3 == 2 {
            let decision = consent(day, 1);
            bus.act("commission-kz-55", case, Act::RecordConsentDecision, decision).await.unwrap();
        }
        cases.push(case);
    }
    let mut moved = 0;
    for (round, off) in (0..60).step_by(2).enumerate() {
        let mut before = Vec::new();
        for case in &cases {
            before.push(bus.case(*case).await);
        }
        let off = day.checked_add(jiff::Span::new().days(off)).unwrap();
        let version = format!("kz-2021.{}", round + 1);
        // A day that is off already changes nothing but the version.
        if let Ok(amended) = bus.amend(&off.to_string(), &version, "a synthetic day").await {
            moved += amended.clocks;
        }
        let calendar = bus.engine().law().calendar();
        for before in before {
            let after = bus.case(before.id).await;
            for (old, new) in before.hops.iter().zip(&after.hops) {
                if old.state != HopState::Open {
                    assert_eq!(old, new, "{off}");
                    continue;
                }
                let Some(due) = &new.due else { continue };
                let procedure = &bus.engine().law().procedures[&after.procedure];
                let hop = procedure.hop(new.hop).unwrap();
                let zone = bus.engine().roster().zone(new.holder);
                let counting = procedure.counting();
                let fresh =
                    due_of(hop.term, hop.count, counting, new.opened_at, zone, &calendar, None);
                assert_eq!(due.instant, fresh.unwrap().unwrap().instant, "{} {off}", new.hop);
            }
        }
    }
    assert!(moved > 50, "the days taken off must have mattered: {moved}");
}

#[tokio::test]
async fn only_the_whole_list_is_taken_or_nothing_of_it() {
    let bus = Bus::start(WhenUnset::Admit);
    let first = bus.until_referral(1, 1).await;
    let second = bus.until_referral(2, 1).await;
    let strange = bus.until_referral_in("KZ-11", 3).await;
    let refused = bus.list("akimat-kz-55", &[first, second, strange]).await.unwrap_err();
    assert_eq!(refused.item, 2);
    assert!(matches!(refused.error, EngineError::Rejected(Rejection::CaseNotVisible)));
    for case in [first, second] {
        assert!(bus.case(case).await.last(Act::ReferToCommission).is_none());
    }
    let taken = bus.list("akimat-kz-55", &[first, second]).await.unwrap();
    let again = bus.list("akimat-kz-55", &[first, second]).await.unwrap();
    let sequences =
        |list: &[kopir::engine::Accepted]| list.iter().map(|one| one.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(&taken), sequences(&again));
    assert!(again.iter().all(|one| one.repeated));
}

#[tokio::test]
async fn an_item_under_a_used_id_keeps_the_whole_list_out() {
    let bus = Bus::start(WhenUnset::Admit);
    let first = bus.until_referral(1, 1).await;
    let second = bus.until_referral(2, 1).await;
    bus.list("akimat-kz-55", &[first]).await.unwrap();
    let mut other = bus.referral("akimat-kz-55", first);
    other.fingerprint = [9; 32];
    let fresh = bus.referral("akimat-kz-55", second);
    let refused = bus.engine().list(vec![other, fresh]).await.unwrap_err();
    assert_eq!(refused.item, 0);
    assert!(matches!(refused.error, EngineError::Rejected(Rejection::RequestReused(_))));
    assert!(bus.case(second).await.last(Act::ReferToCommission).is_none());
}

/// A hearing may be put off for ever, and a case cannot hold for ever what happened in it: a right
/// comes to its end there, an obligation and the bus do not.
#[tokio::test]
async fn a_hearing_put_off_without_end_fills_no_case() {
    let bus = Bus::start(WhenUnset::Admit);
    let akimat = "akimat-kz-55";
    let case = bus.until_registration().await;
    let at = |minute: i64| {
        "2021-09-06T04:00:00Z".parse::<jiff::Timestamp>().unwrap()
            + jiff::SignedDuration::from_mins(minute)
    };
    bus.act(akimat, case, Act::RegisterApplication, ActFacts::Dispatch).await.unwrap();
    let hearing = ActFacts::Hearing { at: at(1) };
    bus.act(akimat, case, Act::GivePreliminaryNotice, hearing).await.unwrap();
    let mut refused = None;
    for turn in 1..200 {
        bus.time(&at(turn).to_string());
        let held = ActFacts::Happened { field: "hearing.held_time", at: at(turn) };
        let held = bus.act(akimat, case, Act::RecordHearing, held).await;
        let put_off = ActFacts::Postponed { until: at(turn + 1) };
        let put_off = bus.act(akimat, case, Act::PostponeHearing, put_off).await;
        if let Err(error) = held.and(put_off) {
            refused = Some(error);
            break;
        }
    }
    let told = refused.unwrap();
    let is_told = matches!(&told, EngineError::Rejected(Rejection::Field { field: "case_id", .. }));
    assert!(is_told, "{told:?}");
    // What is owed goes on to the end.
    let refer = bus.act(akimat, case, Act::ReferToCommission, ActFacts::Dispatch);
    let referred = refer.await.unwrap().sequence;
    bus.acknowledge(case, "commission-kz-55", referred).await;
    let decision = inclusion(date(2021, 9, 6), 1);
    bus.act("commission-kz-55", case, Act::RecordInclusionDecision, decision).await.unwrap();
    assert!(bus.case(case).await.decision.is_some());
    assert!(bus.engine().is_alive());
}

/// What the first release wrote is folded into cases that go on.
#[tokio::test]
async fn a_case_of_the_first_release_goes_on_to_its_decision() {
    let parties =
        [(1, COMMITTEE), (17, "akimat-kz-55"), (18, "commission-kz-55"), (300, "mission-uz")];
    let mut records = parties
        .map(|(number, party)| {
            let (number, party) = (PartyNumber(number), party.parse().unwrap());
            let mut record = Vec::new();
            let enrolled = Event::PartyEnrolled(PartyEnrolled { number, party });
            encode_event(&enrolled, &mut record).unwrap();
            record
        })
        .to_vec();
    records.push(bytes_of(include_str!("data/records/v1-act-opening.hex")));
    let written: jiff::Timestamp = "2026-03-02T05:00:00Z".parse().unwrap();
    let bus = Bus::on_journal(&records, written.as_millisecond()).await;

    let case = CaseId([0xc1; 16]);
    bus.acknowledge(case, COMMITTEE, Sequence(5)).await;
    let forward = bus.act(COMMITTEE, case, Act::ForwardApplication, ActFacts::Dispatch);
    let forwarded = forward.await.unwrap().sequence;
    bus.acknowledge(case, "akimat-kz-55", forwarded).await;
    let refer = bus.act("akimat-kz-55", case, Act::ReferToCommission, ActFacts::Dispatch);
    let referred = refer.await.unwrap().sequence;
    bus.acknowledge(case, "commission-kz-55", referred).await;
    let decided = consent(date(2026, 3, 2), 5);
    bus.act("commission-kz-55", case, Act::RecordConsentDecision, decided).await.unwrap();
    assert!(bus.until_inclusion(case).await);
}

/// The bytes of a file of hexadecimal digits with notes behind `#`.
fn bytes_of(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.chars().filter(char::is_ascii_hexdigit))
        .collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
