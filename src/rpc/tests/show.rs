//! What is told: times, clocks, states and the law.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use prost::Message as _;

use super::samples::{now, roster};
use crate::domain::act::{Act, Basis};
use crate::domain::case::Moment;
use crate::domain::party::{PartyNumber, Role, bundled_zone};
use crate::domain::term::{CalendarDays, CountMode, Due, Source, Term, WorkingDays};
use crate::domain::{
    Actor, Case, CaseId, HopRun, HopState, ProcedureKey, Sequence, ServiceClock, WhenUnset,
};
use crate::engine::Law;
use crate::procedures;
use crate::rpc::proto::FILE_DESCRIPTOR_SET;
use crate::rpc::proto::cases::v1::CaseState;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::show::clock::used_days;
use crate::rpc::show::law::{self, Wording};
use crate::rpc::show::{self, View, case};

#[test]
fn times_before_and_after_1970_are_told_as_protobuf_counts_them() {
    for (text, seconds, nanos) in [
        ("2021-09-06T06:00:00.250Z", 1_630_908_000, 250_000_000),
        ("1969-12-31T23:59:59.750Z", -1, 750_000_000),
        ("1970-01-01T00:00:00Z", 0, 0),
    ] {
        let at: Timestamp = text.parse().unwrap();
        assert_eq!(show::time(at), prost_types::Timestamp { seconds, nanos }, "{text}");
    }
}

/// How far a hop is.
#[derive(Clone, Copy)]
enum Is {
    Open,
    Carried,
    Done,
}

use Act as A;
use Is::{Carried, Done, Open};

/// Hops with how far each is, and the state that a case of these hops is in.
const STATES: &[(&[(Act, Is)], CaseState)] = &[
    (&[(A::SubmitApplication, Carried)], CaseState::AtMigrationBody),
    (&[(A::SubmitApplication, Done), (A::ForwardApplication, Open)], CaseState::AtMigrationBody),
    (&[(A::ForwardApplication, Carried)], CaseState::AtAkimat),
    (&[(A::ForwardApplication, Done), (A::ReferToCommission, Open)], CaseState::AtAkimat),
    (&[(A::ReferToCommission, Carried)], CaseState::AtCommission),
    (&[(A::ReferToCommission, Done), (A::RecordConsentDecision, Open)], CaseState::AtCommission),
    // The decision opens the next hop at once, while it is itself still on its way.
    (
        &[(A::RecordConsentDecision, Carried), (A::SendConsentDecision, Open)],
        CaseState::ConsentDecided,
    ),
    (
        &[(A::RecordConsentDecision, Carried), (A::SendConsentDecision, Carried)],
        CaseState::DecisionAtMigrationBody,
    ),
    (
        &[(A::SendConsentDecision, Done), (A::ForwardDecision, Open)],
        CaseState::DecisionAtMigrationBody,
    ),
    (&[(A::ForwardDecision, Carried)], CaseState::DecisionAtMission),
    (&[(A::ForwardDecision, Done), (A::HandOverDecision, Open)], CaseState::DecisionAtMission),
    (&[(A::HandOverDecision, Done)], CaseState::Closed),
    (&[(A::HandOverDecision, Done), (A::RegisterArrival, Open)], CaseState::AwaitingArrival),
    (&[(A::RegisterArrival, Done), (A::ReferToCommission, Open)], CaseState::Arrived),
    (
        &[(A::RegisterArrival, Done), (A::ReferToCommission, Carried)],
        CaseState::ArrivalAtCommission,
    ),
    (
        &[(A::RegisterArrival, Done), (A::RecordInclusionDecision, Open)],
        CaseState::ArrivalAtCommission,
    ),
    (
        &[(A::RecordInclusionDecision, Carried), (A::HandOverInclusionDecision, Open)],
        CaseState::InclusionDecided,
    ),
    // Nobody has to act upon a delivery whose case is over.
    (
        &[(A::RecordInclusionDecision, Carried), (A::HandOverInclusionDecision, Done)],
        CaseState::Closed,
    ),
];

#[test]
fn a_case_stands_where_the_next_act_is_awaited() {
    let acted = Moment { sequence: Sequence(1), at: now() };
    for (hops, expected) in STATES {
        let runs = hops.iter().map(|(act, is)| HopRun {
            hop: "K21B-00".parse().unwrap(),
            act: *act,
            from: Actor::Applicant,
            holder: PartyNumber(1),
            opened_by: Sequence(1),
            opened_at: now(),
            due: None,
            source: Source::Statutory,
            branch: false,
            state: match is {
                Open => HopState::Open,
                Carried => {
                    HopState::Carried { acted, to: PartyNumber(2), order: now(), held: None }
                }
                Done => HopState::Done { acted, received: None },
            },
        });
        let acts: Vec<Act> = hops.iter().map(|(act, _)| *act).collect();
        assert_eq!(case::state(&with_hops(runs.collect())), *expected, "{acts:?}");
    }
}

/// The stricter of the two clocks is the one to heed, and one that cannot bind is none.
#[test]
fn the_earlier_of_hop_and_binding_service_is_the_alert() {
    let (procedures, roster) = (procedures::load().unwrap(), roster());
    let calendar = procedures::calendar::kazakhstan().unwrap();
    let wording = Wording::new(&procedures, &roster, &calendar).unwrap();
    let due = |on| Due {
        date: on,
        instant: on.tomorrow().unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp(),
        calendar: calendar.version().clone(),
        estimated: false,
    };
    let (hop_due, service_due) = (due(date(2021, 9, 30)), due(date(2021, 9, 24)));
    let law = Law::new(procedures.into(), calendar.clone(), WhenUnset::Refuse);
    let view = View { roster: &roster, law: &law, wording: &wording };
    let run = HopRun {
        hop: "K21A-15".parse().unwrap(),
        act: Act::HandOverInclusionDecision,
        from: Actor::Role(Role::Akimat),
        holder: PartyNumber(1),
        opened_by: Sequence(1),
        opened_at: now(),
        due: Some(hop_due.clone()),
        source: Source::Statutory,
        branch: false,
        state: HopState::Open,
    };
    for (informative, heeded) in [(false, &service_due), (true, &hop_due)] {
        let mut with_service = with_hops(vec![run.clone()]);
        let opened_at = now();
        with_service.service.push(ServiceClock {
            opened_at,
            due: service_due.clone(),
            informative,
        });
        let owed = case::obligation(view, &with_service, &run, now());
        assert_eq!(owed.alert_time, Some(show::time(heeded.instant)), "{informative}");
        let told = case::case(view, &with_service, service_due.instant);
        let clock = &told.service_clocks[0];
        assert_eq!((clock.informative, clock.late), (informative, true));
    }
}

fn with_hops(hops: Vec<HopRun>) -> Case {
    Case {
        id: CaseId([1; 16]),
        procedure: crate::domain::ProcedureKey {
            procedure: "kandas-mission".parse().unwrap(),
            edition: "2021".parse().unwrap(),
        },
        region: "KZ-55".parse().unwrap(),
        departure: None,
        channel: Role::ForeignMission,
        basis: Basis::Ordinary,
        persons: 3,
        applicant: None,
        concerns: None,
        participants: vec![],
        consent: None,
        arrived_persons: None,
        decision: None,
        last_outcome: None,
        hearing_at: None,
        holding: None,
        service: vec![],
        hops,
        copies: vec![],
        papers: crate::domain::Papers::Plain(None),
        updated_at: now(),
    }
}

#[test]
fn days_of_a_term_are_used_as_the_law_counts_them() {
    let calendar = procedures::calendar::kazakhstan().unwrap();
    let zone = bundled_zone("Asia/Almaty").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    // Monday to the next Monday: five working days, seven calendar days, the first not counted.
    let (opened, until) = (at("2021-09-06T09:00:00+06:00"), at("2021-09-13T17:00:00+06:00"));
    let used = |term| used_days(term, opened, until, &zone, &calendar);
    assert_eq!(used(Term::WorkingDays(WorkingDays(5))), Some(5));
    assert_eq!(used(Term::CalendarDays(CalendarDays(30))), Some(7));
    assert_eq!(used(Term::None), None);
    // The same day, and a day that has changed in Almaty but not in UTC.
    let same = used_days(
        Term::WorkingDays(WorkingDays(5)),
        opened,
        at("2021-09-06T23:59:59+06:00"),
        &zone,
        &calendar,
    );
    assert_eq!(same, Some(0));
    let next = used_days(
        Term::WorkingDays(WorkingDays(5)),
        opened,
        at("2021-09-07T00:00:00+06:00"),
        &zone,
        &calendar,
    );
    assert_eq!(next, Some(1));
}

#[test]
fn every_hop_has_its_rule_in_words_for_every_zone() {
    let law = procedures::load().unwrap();
    let calendar = procedures::calendar::kazakhstan().unwrap();
    let roster = roster();
    let wording = Wording::new(&law, &roster, &calendar).unwrap();
    for (key, procedure) in &law {
        for hop in procedure.hops() {
            for party in roster.parties().iter() {
                let rule = wording.rule(key, hop.id, &party.zone);
                assert!(!rule.is_empty(), "{} {}", hop.id, party.id);
                let zone = party.zone.iana_name().unwrap();
                assert_eq!(rule.ends_with(zone), hop.term != Term::None, "{rule}");
            }
        }
    }
    let zone = bundled_zone("Asia/Almaty").unwrap();
    assert_eq!(
        wording.rule(&mission(), "K21B-03".parse().unwrap(), &zone),
        "5 working days from the day of the event; the event's day is not counted; \
         the day ends at 24:00 in Asia/Almaty"
    );
}

fn mission() -> ProcedureKey {
    ProcedureKey { procedure: "kandas-mission".parse().unwrap(), edition: "2021".parse().unwrap() }
}

#[test]
fn a_procedure_is_told_hop_by_hop() {
    let law = procedures::load().unwrap();
    let told = law::procedure(&law[&mission()]);
    let summary = told.summary.unwrap();
    assert_eq!((summary.procedure.as_str(), summary.edition.as_str()), ("kandas-mission", "2021"));
    assert_eq!(summary.hop_count, 12);
    let first = &told.hops[0];
    assert_eq!(first.act(), types::Act::FileApplication);
    assert_eq!(first.from_role(), types::PartyRole::Applicant);
    assert_eq!(first.term.as_ref().unwrap().unit(), types::TermUnit::None);
    let second = &told.hops[1];
    assert_eq!(second.source(), types::TermSource::Assumed);
    assert_eq!(second.citation, "002-EN A1 ¶11");
    let last = &told.hops[11];
    assert_eq!(last.act(), types::Act::HandOverInclusionDecision);
    let term = last.term.as_ref().unwrap();
    assert_eq!(
        (term.n, term.unit(), term.count()),
        (5, types::TermUnit::CalendarDays, types::CountRule::From)
    );
}

#[test]
fn every_word_of_the_domain_has_one_of_its_own_in_the_contract() {
    let akimat = Actor::Role(crate::domain::party::Role::Akimat);
    let mut acts: Vec<i32> = Act::ALL.iter().map(|act| show::act(*act, akimat).into()).collect();
    acts.push(show::act(Act::SubmitApplication, Actor::Applicant).into());
    acts.sort_unstable();
    // All but the zero, which states nothing.
    assert_eq!(acts, numbers("ACT_"));
    let mut roles: Vec<i32> =
        crate::domain::party::Role::ALL.iter().map(|role| show::role(*role).into()).collect();
    let others = [Actor::Applicant, Actor::Internal, Actor::Channel, Actor::DepartureAkimat];
    roles.extend(others.map(|actor| i32::from(show::actor(actor))));
    roles.sort_unstable();
    assert_eq!(roles, numbers("PARTY_ROLE_"));
    for (term, count, n, unit) in [
        (Term::None, CountMode::None, 0, types::TermUnit::None),
        (Term::SameDay, CountMode::On, 0, types::TermUnit::SameDay),
        (Term::MonthEnd, CountMode::None, 0, types::TermUnit::MonthEnd),
        (
            Term::BeforeServiceEnd(CalendarDays(1)),
            CountMode::Before,
            1,
            types::TermUnit::DaysBeforeServiceDue,
        ),
    ] {
        let told = law::term(term, count);
        assert_eq!((told.n, told.unit()), (n, unit));
    }
    assert_eq!(show::date(date(2021, 9, 6)).month, 9);
}

/// The numbers of the values of an enum of the contracts, but for its zero.
fn numbers(prefix: &str) -> Vec<i32> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut enums = set.file.iter().flat_map(|file| &file.enum_type);
    let of = enums.find(|one| one.value[0].name() == format!("{prefix}UNSPECIFIED")).unwrap();
    let mut numbers: Vec<i32> = of.value.iter().map(|value| value.number()).collect();
    numbers.sort_unstable();
    numbers.split_off(1)
}
