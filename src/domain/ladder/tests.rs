//! Whom a rung tells, what an event brings to its end too late, and where the time went.

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::clock::{LateDischarge, facts};
use super::*;
use crate::domain::act::{Act, Actor};
use crate::domain::calendar::{Calendar, CalendarBuilder, CalendarVersion};
use crate::domain::case::{Case, HopRun, HopState, Moment, Receipt};
use crate::domain::decide::tests::case_of_sample;
use crate::domain::event::PartyEnrolled;
use crate::domain::ids::Sequence;
use crate::domain::party::{IdentityUri, Names, Parties, Party, PartyNumber, Role, bundled_zone};
use crate::domain::roster::Roster;
use crate::domain::term::{Due, Source};

const COMMITTEE: &str = "migration-committee";
const MISSION: &str = "mission-uz";
const AKIMAT: &str = "akimat-kz-55";
const COMMISSION: &str = "commission-kz-55";
const QUALITY: &str = "quality-body";
/// Its akimat's system reads for it.
const SILENT: &str = "commission-kz-11";
/// Nobody reads for it.
const UNREAD: &str = "commission-kz-10";
/// Nobody reads for it either.
const UNREAD_AKIMAT: &str = "akimat-kz-10";

fn party(id: &str, role: Role, supervisor: Option<&str>) -> Party {
    let own = id.parse().unwrap();
    let is_read = ![SILENT, UNREAD, UNREAD_AKIMAT].contains(&id);
    let acts_for = if id == "akimat-kz-11" { vec![SILENT.parse().unwrap()] } else { Vec::new() };
    let region = ["KZ-55", "KZ-11", "KZ-10"];
    let in_region = |code: &&str| id.ends_with(&code.to_lowercase());
    Party {
        identities: if is_read { vec![IdentityUri::of(&own)] } else { Vec::new() },
        certificates: Vec::new(),
        bins: Vec::new(),
        names: Names { kk: id.to_owned(), ru: id.to_owned(), en: id.to_owned() },
        id: own,
        role,
        region: region.iter().find(|code| in_region(code)).map(|code| code.parse().unwrap()),
        zone: bundled_zone("Asia/Almaty").unwrap(),
        supervisor: supervisor.map(|id| id.parse().unwrap()),
        acts_for,
    }
}

fn members() -> Vec<Party> {
    vec![
        party(COMMITTEE, Role::MigrationBody, None),
        party("operator", Role::Operator, None),
        party(QUALITY, Role::QualityBody, None),
        party(MISSION, Role::ForeignMission, Some(COMMITTEE)),
        party(AKIMAT, Role::Akimat, Some(COMMITTEE)),
        party(COMMISSION, Role::Commission, Some(AKIMAT)),
        party("akimat-kz-11", Role::Akimat, None),
        party(SILENT, Role::Commission, Some("akimat-kz-11")),
        party(UNREAD_AKIMAT, Role::Akimat, Some(COMMITTEE)),
        party(UNREAD, Role::Commission, Some(UNREAD_AKIMAT)),
    ]
}

fn roster_of(members: Vec<Party>) -> Roster {
    let mut roster = Roster::new(Parties::new(members).unwrap(), []);
    roster.missing().into_iter().for_each(|party| roster.enrol(party));
    roster
}

fn roster() -> Roster {
    roster_of(members())
}

fn number(roster: &Roster, id: &str) -> PartyNumber {
    roster.number(&id.parse().unwrap()).unwrap()
}

/// An instant of September 2021 in Almaty, where the sixth is a Monday.
fn september(day: i8, hour: i8) -> Timestamp {
    let at = jiff::civil::date(2021, 9, day).at(hour, 0, 0, 0);
    bundled_zone("Asia/Almaty").unwrap().to_timestamp(at).unwrap()
}

fn calendar() -> Calendar {
    let version = CalendarVersion::parse("test-1").unwrap();
    let (first, last) = (jiff::civil::date(2021, 1, 1), jiff::civil::date(2021, 12, 31));
    CalendarBuilder::new(version, first, last).unwrap().build()
}

/// A hop that was opened on Monday the sixth by record 10 and is due with Monday the thirteenth.
fn run(roster: &Roster, holder: &str, state: HopState) -> HopRun {
    let version = CalendarVersion::parse("test-1").unwrap();
    let (date, instant) = (jiff::civil::date(2021, 9, 13), september(14, 0));
    HopRun {
        hop: "SAMPLE-02".parse().unwrap(),
        act: Act::ReferToCommission,
        from: Actor::Role(Role::Akimat),
        holder: number(roster, holder),
        opened_by: Sequence(10),
        opened_at: september(6, 10),
        due: Some(Due { date, instant, calendar: version, estimated: false }),
        source: Source::Statutory,
        branch: false,
        state,
    }
}

fn moment(sequence: u64, at: Timestamp) -> Moment {
    Moment { sequence: Sequence(sequence), at }
}

fn carried(roster: &Roster, at: Timestamp, to: &str) -> HopState {
    let order = september(14, 0);
    HopState::Carried { acted: moment(12, at), to: number(roster, to), order, held: None }
}

fn done(roster: &Roster, at: Timestamp, received: Option<(Timestamp, &str)>) -> HopState {
    let received =
        received.map(|(at, by)| Receipt { by: number(roster, by), moment: moment(13, at) });
    HopState::Done { acted: moment(12, at), received }
}

/// What `sender` sent was taken by the holder, with which its hop began.
fn case(roster: &Roster, sender: &str, holder: &str, state: HopState) -> Case {
    let received = Receipt { by: number(roster, holder), moment: moment(10, september(6, 10)) };
    let state_before =
        HopState::Done { acted: moment(9, september(3, 10)), received: Some(received) };
    let before = HopRun {
        hop: "SAMPLE-01".parse().unwrap(),
        opened_by: Sequence(8),
        ..run(roster, sender, state_before)
    };
    Case { hops: vec![before, run(roster, holder, state)], ..case_of_sample() }
}

fn clock(case: &Case) -> Clock {
    clocks(case).next().unwrap()
}

/// Whom a rung of the only clock of a case tells.
fn told(roster: &Roster, case: &Case, rung: Rung, source: Source) -> Vec<String> {
    let told = audience(case, &clock(case), rung, source, roster);
    told.iter().map(|party| roster.id(*party).unwrap().to_string()).collect()
}

#[test]
fn each_rung_tells_those_whom_it_concerns() {
    let roster = roster();
    let case = case(&roster, MISSION, COMMISSION, HopState::Open);
    let duty: &[&str] = &[COMMISSION];
    let above: &[&str] = &[COMMISSION, AKIMAT];
    let sender: &[&str] = &[COMMISSION, AKIMAT, MISSION];
    let quality: &[&str] = &[COMMISSION, AKIMAT, MISSION, QUALITY];
    let expected = [
        (Rung::Opening, duty, duty),
        (Rung::Half, duty, duty),
        (Rung::DayBefore, above, above),
        (Rung::DueMorning, above, above),
        // The body that controls quality looks at breaches of the law, not of assumed terms.
        (Rung::Due, quality, sender),
        (Rung::Overdue, sender, sender),
        (Rung::Infeasible, sender, sender),
        (Rung::LateDischarge, quality, sender),
        (Rung::Held, sender, sender),
    ];
    assert_eq!(expected.map(|(rung, ..)| rung), Rung::ALL);
    for (rung, statutory, assumed) in expected {
        assert_eq!(told(&roster, &case, rung, Source::Statutory), statutory, "{rung}");
        assert_eq!(told(&roster, &case, rung, Source::Assumed), assumed, "{rung}");
    }
}

#[test]
fn a_delivery_tells_its_receiver_and_whoever_sent_it() {
    let roster = roster();
    let state = carried(&roster, september(7, 10), COMMISSION);
    let case = case(&roster, MISSION, "akimat-kz-11", state);
    let told = told(&roster, &case, Rung::Due, Source::Assumed);
    assert_eq!(told, [COMMISSION, AKIMAT, "akimat-kz-11"]);
}

#[test]
fn nobody_is_told_twice() {
    let roster = roster();
    // Above and sender are one.
    let case_of = |sender, holder| case(&roster, sender, holder, HopState::Open);
    let case = case_of(AKIMAT, COMMISSION);
    assert_eq!(told(&roster, &case, Rung::Due, Source::Assumed), [COMMISSION, AKIMAT]);
    // Sender and duty-holder are one.
    let case = case_of(AKIMAT, AKIMAT);
    assert_eq!(told(&roster, &case, Rung::Due, Source::Assumed), [AKIMAT, COMMITTEE]);
}

#[test]
fn the_next_one_up_is_told_where_the_supervisor_is_late_itself() {
    let roster = roster();
    let above = |holder| {
        let case = case(&roster, holder, holder, HopState::Open);
        told(&roster, &case, Rung::Overdue, Source::Statutory)
    };
    assert_eq!(above(AKIMAT), [AKIMAT, COMMITTEE]);
    // A party without a supervisor has the authorised body above it.
    assert_eq!(above("akimat-kz-11"), ["akimat-kz-11", COMMITTEE]);
    // Beside the authorised body there is the one that controls quality, once.
    assert_eq!(above(COMMITTEE), [COMMITTEE, QUALITY]);
    let case = case(&roster, MISSION, COMMITTEE, HopState::Open);
    let told_of_breach = told(&roster, &case, Rung::Due, Source::Statutory);
    assert_eq!(told_of_breach, [COMMITTEE, QUALITY, MISSION]);
    // Without that body the log of the operator is left.
    let mut members = members();
    members.retain(|party| party.id.as_str() != QUALITY);
    let roster = roster_of(members);
    let case = self::case(&roster, COMMITTEE, COMMITTEE, HopState::Open);
    assert_eq!(told(&roster, &case, Rung::Due, Source::Statutory), [COMMITTEE]);
}

#[test]
fn a_duty_holder_whom_nobody_reads_for_has_the_next_one_up_told_in_any_case() {
    let roster = roster();
    let case_of = |holder| case(&roster, MISSION, holder, HopState::Open);
    // Its akimat's system reads for this one.
    assert_eq!(told(&roster, &case_of(SILENT), Rung::Half, Source::Statutory), [SILENT]);
    // For this one nobody reads, nor for the akimat above it: the committee is told.
    assert_eq!(told(&roster, &case_of(UNREAD), Rung::Half, Source::Statutory), [COMMITTEE]);
    let told_of_breach = told(&roster, &case_of(UNREAD), Rung::Due, Source::Assumed);
    assert_eq!(told_of_breach, [COMMITTEE, MISSION]);
    // Nor is a sender told whom nobody reads for.
    let case = case(&roster, UNREAD, COMMISSION, HopState::Open);
    assert_eq!(told(&roster, &case, Rung::Due, Source::Assumed), [COMMISSION, AKIMAT]);
}

#[test]
fn a_duty_holder_that_left_the_registry_is_not_told_but_those_left_are() {
    let before = roster();
    let case = case(&before, MISSION, COMMISSION, HopState::Open);
    let mut left = members();
    left.retain(|party| party.id.as_str() != COMMISSION);
    let mut roster = Roster::new(Parties::new(left).unwrap(), []);
    // Its number stays in the journal.
    before.parties().iter().for_each(|party| {
        let number = before.number(&party.id).unwrap();
        roster.enrol(PartyEnrolled { number, party: party.id.clone() });
    });
    for rung in [Rung::Half, Rung::Due] {
        let told = told(&roster, &case, rung, Source::Assumed);
        assert_eq!(told.first().map(String::as_str), Some(COMMITTEE), "{rung}: {told:?}");
        assert!(!told.iter().any(|party| party == COMMISSION), "{rung}: {told:?}");
    }
}

#[test]
fn the_applicant_a_branch_and_a_hop_without_a_term_have_no_clock() {
    let roster = roster();
    let of = |run: HopRun| clocks(&Case { hops: vec![run], ..case_of_sample() }).count();
    let open = || run(&roster, AKIMAT, HopState::Open);
    assert_eq!(of(open()), 1);
    assert_eq!(of(HopRun { branch: true, ..open() }), 0);
    assert_eq!(of(HopRun { from: Actor::Applicant, ..open() }), 0);
    assert_eq!(of(HopRun { due: None, ..open() }), 0);
    assert_eq!(of(run(&roster, AKIMAT, done(&roster, september(8, 9), None))), 0);
    let ended = HopState::Ended { ended: moment(12, september(8, 9)) };
    assert_eq!(of(run(&roster, AKIMAT, ended)), 0);
}

#[test]
fn hops_that_one_act_carries_to_a_receiver_are_one_delivery_with_one_clock() {
    let roster = roster();
    let carried = carried(&roster, september(7, 10), COMMISSION);
    let hop = || run(&roster, AKIMAT, carried.clone());
    let without_term = HopRun { due: None, ..hop() };
    let case = Case { hops: vec![without_term, hop(), hop()], ..case_of_sample() };
    let places: Vec<_> = clocks(&case).map(|clock| clock.place).collect();
    assert_eq!(places, [1], "the first that has a term");
    assert_eq!(facts(&case, &clock(&case)), Some((Act::ReferToCommission, Source::Statutory)));
}

/// The late discharges between two states of a hop of the akimat's, at an instant of the
/// twentieth: who was late, whether in taking, when it was done, and the working days.
fn late(before: HopState, after: HopState) -> Vec<(String, bool, Timestamp, u16)> {
    let (roster, calendar, ladder) = (roster(), calendar(), Ladder::default());
    let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &roster };
    let case = |state| case(&roster, MISSION, AKIMAT, state);
    let late = late_discharges(&case(before), &case(after), september(20, 12), plan);
    let told = |late: LateDischarge| {
        let LateDischarge { clock, done_at, days } = late;
        (roster.id(clock.duty).unwrap().to_string(), clock.carried, done_at, days)
    };
    late.into_iter().map(told).collect()
}

#[test]
fn a_late_act_closes_the_clock_of_whoever_acted() {
    let roster = roster();
    let now = september(20, 12);
    // The thirteenth was the last day: 14 to 17 and 20 September are five working days.
    let expected = [(AKIMAT.to_owned(), false, now, 5)];
    assert_eq!(late(HopState::Open, carried(&roster, now, COMMISSION)), expected);
    assert_eq!(late(HopState::Open, done(&roster, now, None)), expected, "to the applicant");
    // A weekend after the term is no working day of delay.
    let at = september(18, 12);
    let expected = [(AKIMAT.to_owned(), false, at, 4)];
    assert_eq!(late(HopState::Open, carried(&roster, at, COMMISSION)), expected);
}

#[test]
fn what_was_only_told_late_is_closed_without_delay() {
    let roster = roster();
    let at = september(10, 12);
    let expected = [(AKIMAT.to_owned(), false, at, 0)];
    assert_eq!(late(HopState::Open, done(&roster, at, None)), expected);
}

#[test]
fn a_delivery_taken_late_closes_the_clock_of_its_receiver() {
    let roster = roster();
    let (sent, now) = (september(9, 12), september(20, 12));
    let taken = done(&roster, sent, Some((now, COMMISSION)));
    let expected = [(COMMISSION.to_owned(), true, now, 5)];
    assert_eq!(late(carried(&roster, sent, COMMISSION), taken), expected);
}

#[test]
fn what_was_sent_late_is_closed_once() {
    let roster = roster();
    let sent = september(15, 12);
    let open_to_carried = late(HopState::Open, carried(&roster, sent, COMMISSION));
    assert_eq!(open_to_carried, [(AKIMAT.to_owned(), false, sent, 2)]);
    let taken = done(&roster, sent, Some((september(20, 12), COMMISSION)));
    assert_eq!(late(carried(&roster, sent, COMMISSION), taken), []);
    // The due instant itself is too late.
    let taken = done(&roster, september(14, 0), Some((september(20, 12), COMMISSION)));
    assert_eq!(late(carried(&roster, september(14, 0), COMMISSION), taken), []);
}

#[test]
fn a_hop_that_ended_undone_after_its_term_is_closed_too() {
    let at = september(16, 9);
    let ended = HopState::Ended { ended: moment(14, at) };
    assert_eq!(late(HopState::Open, ended), [(AKIMAT.to_owned(), false, at, 3)]);
}

#[test]
fn nothing_is_late_before_its_due_instant_or_while_it_is_open() {
    let (roster, calendar, ladder) = (roster(), calendar(), Ladder::default());
    let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &roster };
    let case = |state| case(&roster, MISSION, AKIMAT, state);
    let (before, after) = (case(HopState::Open), case(done(&roster, september(13, 12), None)));
    let just_before = september(14, 0) - 1.millisecond();
    assert_eq!(late_discharges(&before, &after, just_before, plan), []);
    assert_eq!(late_discharges(&before, &before, september(20, 0), plan), []);
    let carried = case(carried(&roster, september(9, 12), COMMISSION));
    assert_eq!(late_discharges(&carried, &carried, september(20, 0), plan), []);
}

#[test]
fn the_breach_says_where_the_time_went() {
    let (roster, calendar, ladder) = (roster(), calendar(), Ladder::default());
    let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &roster };
    let hour_ms = 3_600_000;
    let of = |state, outages: &[Outage]| {
        let case = case(&roster, MISSION, AKIMAT, state);
        let planned = Planned { at: september(14, 0), rung: Rung::Due, days: 0 };
        let fired = plan.fired(&case, &clock(&case), planned, outages).unwrap();
        assert_eq!(fired.opened_at, september(6, 10));
        let attribution = fired.attribution.unwrap();
        let Attribution { with_party_ms, in_bus_ms, awaiting_ms } = attribution;
        [with_party_ms, in_bus_ms, awaiting_ms].map(|ms| ms / hour_ms)
    };
    // From Monday at ten to the end of the Monday after: 7 days and 14 hours.
    let whole = 7 * 24 + 14;
    assert_eq!(of(HopState::Open, &[]), [whole, 0, 0]);
    let carried = || carried(&roster, september(9, 10), COMMISSION);
    assert_eq!(of(carried(), &[]), [72, 0, whole - 72]);
    let outage = |from, until| Outage { sequence: Sequence(11), from, until };
    let weekend = outage(september(11, 0), september(13, 0));
    assert_eq!(of(carried(), &[weekend]), [72, 48, whole - 72 - 48]);
    // One that began before the term and one that has not ended count with their part.
    let around =
        [outage(september(5, 0), september(6, 12)), outage(september(13, 20), september(20, 0))];
    assert_eq!(of(HopState::Open, &around), [whole - 6, 6, 0]);
}

#[test]
fn only_breach_and_late_discharge_have_an_attribution_and_only_a_warning_an_impediment() {
    let (roster, calendar, ladder) = (roster(), calendar(), Ladder::default());
    let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &roster };
    let case = case(&roster, MISSION, AKIMAT, HopState::Open);
    for rung in Rung::ALL {
        let planned = Planned { at: september(14, 0), rung: *rung, days: 0 };
        let fired = plan.fired(&case, &clock(&case), planned, &[]).unwrap();
        let closes = [Rung::Due, Rung::LateDischarge].contains(rung);
        assert_eq!(fired.attribution.is_some(), closes, "{rung}");
        assert_eq!(fired.impediment.is_some(), *rung == Rung::Infeasible, "{rung}");
    }
}

#[test]
fn a_closed_office_is_an_impediment_while_the_term_runs() {
    let (roster, calendar) = (roster(), calendar());
    let closed = |days: &[i8]| {
        let days = days.iter().map(|day| jiff::civil::date(2021, 9, *day)).collect();
        let days_off = BTreeMap::from([(AKIMAT.parse().unwrap(), days)]);
        Ladder { days_off, ..Ladder::default() }
    };
    let case = case(&roster, MISSION, AKIMAT, HopState::Open);
    let is_said = |ladder: &Ladder, now| {
        let plan = Plan { ladder, calendar: &calendar, roster: &roster };
        plan.impediment(&clock(&case), now).is_some()
    };
    let last_days = closed(&[9, 10, 13]);
    assert!(!is_said(&last_days, september(8, 18)), "it is still open today");
    assert!(is_said(&last_days, september(9, 0)));
    assert!(is_said(&last_days, september(13, 23)));
    assert!(!is_said(&last_days, september(14, 0)), "the breach says it by now");
    assert!(!is_said(&closed(&[9, 10]), september(10, 12)), "it opens on the due day");
    assert!(!is_said(&Ladder::default(), september(13, 23)));
}

#[test]
fn ways_beside_the_inbox_are_told_once_for_each_party_that_wants_them() {
    let (roster, calendar) = (roster(), calendar());
    let wants = |id: &str, ways: &[(Channel, Rungs)]| (id.parse().unwrap(), ways.to_vec());
    let (letter, call) = (Channel::Email, Channel::Webhook);
    let channels = BTreeMap::from([
        wants(AKIMAT, &[(letter, Rungs::of(&[Rung::Due])), (call, Rungs::ALL)]),
        wants(COMMITTEE, &[(letter, Rungs::of(&[Rung::Overdue]))]),
        wants(MISSION, &[(letter, Rungs::default())]),
    ]);
    let ladder = Ladder { channels, ..Ladder::default() };
    let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &roster };
    let case = case(&roster, MISSION, AKIMAT, HopState::Open);
    let fired = |rung| {
        let planned = Planned { at: september(14, 0), rung, days: 0 };
        plan.fired(&case, &clock(&case), planned, &[]).unwrap()
    };
    let (akimat, committee) = (number(&roster, AKIMAT), number(&roster, COMMITTEE));
    assert_eq!(plan.channels(&[fired(Rung::Half)]), [(akimat, call)]);
    let breaches = plan.channels(&[fired(Rung::Due), fired(Rung::Due)]);
    assert_eq!(breaches, [(akimat, letter), (akimat, call)]);
    let mut expected = vec![(akimat, call), (committee, letter)];
    expected.sort_unstable();
    assert_eq!(plan.channels(&[fired(Rung::Overdue)]), expected);
}

/// Minutes at which the bus went down and came back, in turns.
fn any_outages() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::btree_set(0..3_000_i64, 0..12).prop_map(|cuts| {
        let cuts: Vec<_> = cuts.into_iter().collect();
        cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    })
}

proptest! {
    #[test]
    fn attribution_adds_up_minute_by_minute(
        outages in any_outages(),
        opened in 0..3_000_i64,
        acted in prop::option::of(0..3_000_i64),
        until in 0..3_000_i64,
    ) {
        let roster = roster();
        let at = |minute: i64| september(6, 0) + minute.minutes();
        let state = match acted {
            None => HopState::Open,
            Some(acted) => carried(&roster, at(acted), COMMISSION),
        };
        let run = HopRun { opened_at: at(opened), ..run(&roster, AKIMAT, state) };
        let outages_at = outages.iter().map(|(from, until)| {
            Outage { sequence: Sequence(11), from: at(*from), until: at(*until) }
        });
        let told = attribution(&run, at(until), &outages_at.collect::<Vec<_>>());
        let mut minutes = [0_u64; 3];
        for minute in opened..until {
            let is_away = outages.iter().any(|(from, until)| (*from..*until).contains(&minute));
            let is_sent = acted.is_some_and(|acted| minute >= acted);
            minutes[if is_away { 1 } else if is_sent { 2 } else { 0 }] += 1;
        }
        let Attribution { with_party_ms, in_bus_ms, awaiting_ms } = told;
        prop_assert_eq!([with_party_ms, in_bus_ms, awaiting_ms], minutes.map(|each| each * 60_000));
        let whole = u64::try_from((until - opened).max(0)).unwrap() * 60_000;
        prop_assert_eq!(with_party_ms + in_bus_ms + awaiting_ms, whole);
    }
}
