//! Procedures that hold together and procedures that do not, in a world of three hops.

use super::*;
use crate::domain::act::States;
use crate::domain::party::Names;
use crate::domain::term::WorkingDays;

/// A hop that an act of `from` carries to `to`.
pub(crate) fn hop(id: &str, from: Actor, to: Actor, act: Act) -> Hop {
    Hop {
        id: id.parse().unwrap(),
        kind: Kind::Hop,
        from: vec![from],
        to: vec![to],
        act,
        term: Term::WorkingDays(WorkingDays(5)),
        count: CountMode::From,
        source: Source::Statutory,
        citation: "a sample ¶1".to_owned(),
        wording: "within five working days".to_owned(),
        readings: Vec::new(),
        opened_by: Vec::new(),
        channels: Vec::new(),
        bases: Vec::new(),
        branch: None,
        closes: Vec::new(),
        ends: false,
        broadcast: false,
        recorded_with: None,
        recorded_by: None,
        carried_by_bus: false,
        note: String::new(),
    }
}

/// A hop after another's act or receipt.
pub(crate) fn after(mut hop: Hop, earlier: &str, trigger: Trigger) -> Hop {
    let (outcomes, with) = (Vec::new(), Vec::new());
    hop.opened_by.push(OpenedBy { hop: earlier.parse().unwrap(), trigger, outcomes, with });
    hop
}

/// The draft of a procedure with these hops and the quota of kandas.
pub(crate) fn draft(edition: &str, hops: Vec<Hop>) -> Draft {
    let key =
        ProcedureKey { procedure: "sample".parse().unwrap(), edition: edition.parse().unwrap() };
    Draft {
        key,
        names: Names { kk: "үлгі".into(), ru: "образец".into(), en: "sample".into() },
        basis: "no act of law".to_owned(),
        category: Some(Category::Kandas),
        grants: Some(Outcome::Inclusion),
        once: None,
        region: None,
        hops,
        service: Vec::new(),
        grounds: Vec::new(),
        acceptance_grounds: Vec::new(),
        hours: Vec::new(),
        counting: Counting::default(),
        consent_validity: None,
    }
}

const AKIMAT: Actor = Actor::Role(Role::Akimat);
const COMMISSION: Actor = Actor::Role(Role::Commission);
const MISSION: Actor = Actor::Role(Role::ForeignMission);

/// A submission, a referral on its receipt, a decision on the receipt of that.
pub(crate) fn sound() -> Vec<Hop> {
    vec![
        hop("SAMPLE-01", MISSION, AKIMAT, Act::SubmitApplication),
        after(
            hop("SAMPLE-02", AKIMAT, COMMISSION, Act::ReferToCommission),
            "SAMPLE-01",
            Trigger::Received,
        ),
        after(
            hop("SAMPLE-03", COMMISSION, AKIMAT, Act::RecordInclusionDecision),
            "SAMPLE-02",
            Trigger::Received,
        ),
    ]
}

/// A mistake made in the sound hops.
type Spoil = fn(&mut Vec<Hop>);

/// Why the sound hops do not hold together once they are spoilt.
fn refusal(spoil: impl FnOnce(&mut Vec<Hop>)) -> String {
    let mut hops = sound();
    spoil(&mut hops);
    Procedure::new(draft("1", hops)).unwrap_err().to_string()
}

fn id(text: &str) -> HopId {
    text.parse().unwrap()
}

fn opens(hop: &mut Hop, earlier: &str, trigger: Trigger) {
    *hop = after(hop.clone(), earlier, trigger);
}

#[test]
fn hops_that_hold_together_are_a_procedure() {
    let procedure = Procedure::new(draft("1", sound())).unwrap();
    assert_eq!(procedure.entries().map(|hop| hop.id).collect::<Vec<_>>(), [id("SAMPLE-01")]);
    let of = |role| procedure.entry(role, Basis::Ordinary).map(|hop| hop.id);
    assert_eq!(of(Role::ForeignMission), Some(id("SAMPLE-01")));
    assert_eq!(of(Role::Akimat), None);
}

#[test]
fn each_way_not_to_hold_together_is_told_by_the_hop() {
    let cases: [(&str, Spoil); 14] = [
        ("hop SAMPLE-02 is there twice", |hops| hops[2].id = id("SAMPLE-02")),
        ("hop SAMPLE-02 is followed by a gap", |hops| hops[2].id = id("SAMPLE-04")),
        ("hop SAMPLE-02 refers to SAMPLE-09", |hops| hops[1].closes = vec![id("SAMPLE-09")]),
        ("hop SAMPLE-03 refers to SAMPLE-09", |hops| {
            hops[2].opened_by[0].with = vec![id("SAMPLE-09")];
        }),
        ("hop SAMPLE-03 refers to SAMPLE-09", |hops| {
            hops[2].recorded_with = Some(id("SAMPLE-09"));
        }),
        ("no hop of this procedure begins a case", |hops| {
            opens(&mut hops[0], "SAMPLE-03", Trigger::Acted);
        }),
        ("hop SAMPLE-02 is never opened", |hops| {
            hops[1].opened_by[0].hop = id("SAMPLE-03");
        }),
        ("hop SAMPLE-02 leads back to itself", |hops| {
            opens(&mut hops[1], "SAMPLE-03", Trigger::Received);
        }),
        ("hop SAMPLE-02 has no party to the bus", |hops| {
            (hops[1].from, hops[1].to) = (vec![Actor::Applicant], vec![Actor::Internal]);
        }),
        ("hop SAMPLE-03 waits for the receipt of SAMPLE-02", |hops| {
            hops[1].to = vec![Actor::Internal];
        }),
        ("hop SAMPLE-03 waits for the receipt of SAMPLE-02", |hops| hops[1].broadcast = true),
        ("hop SAMPLE-02 has no citation", |hops| hops[1].citation.clear()),
        ("hop SAMPLE-02 has no original words", |hops| hops[1].wording.clear()),
        ("hop SAMPLE-02 cannot count its term this way", |hops| hops[1].count = CountMode::On),
    ];
    for (told, spoil) in cases {
        let refusal = refusal(spoil);
        assert!(refusal.starts_with(told), "{told}: {refusal}");
    }
}

#[test]
fn a_circle_is_told_by_a_hop_on_it_and_left_by_a_branch() {
    // The hop before the circle and the one behind it are not on it.
    let told = refusal(|hops| {
        let back = hop("SAMPLE-04", AKIMAT, COMMISSION, Act::SendDecision);
        hops.push(after(back, "SAMPLE-03", Trigger::Received));
        let behind = hop("SAMPLE-00", COMMISSION, AKIMAT, Act::RecordRecommendation);
        hops.push(after(behind, "SAMPLE-04", Trigger::Received));
        opens(&mut hops[2], "SAMPLE-04", Trigger::Received);
    });
    assert!(told.starts_with("hop SAMPLE-03 leads back to itself"), "{told}");
    let mut hops = sound();
    opens(&mut hops[1], "SAMPLE-03", Trigger::Received);
    hops[2].branch = Some("the case comes back".to_owned());
    assert!(Procedure::new(draft("1", hops)).is_ok());
}

#[test]
fn a_step_may_rest_on_a_reading_and_a_hop_may_not() {
    let mut hops = sound();
    hops[2].citation.clear();
    hops[2].readings = vec!["A-43".to_owned()];
    assert!(Procedure::new(draft("1", hops.clone())).is_err());
    hops[2].kind = Kind::Step;
    assert!(Procedure::new(draft("1", hops)).is_ok());
}

#[test]
fn two_hops_open_to_one_act_at_once_are_refused_unless_something_tells_them_apart() {
    let twin = |change: fn(&mut Hop, &mut Hop)| {
        let mut hops = sound();
        let mut twin = hops[2].clone();
        twin.id = id("SAMPLE-04");
        change(&mut hops[2], &mut twin);
        hops.push(twin);
        Procedure::new(draft("1", hops)).map(|_| ())
    };
    let act = Act::RecordInclusionDecision;
    assert_eq!(act.states(), States::Decision);
    let ambiguous = ProcedureError::Ambiguous(id("SAMPLE-03"), id("SAMPLE-04"), act);
    assert_eq!(twin(|_, _| {}), Err(ambiguous));
    let apart: [fn(&mut Hop, &mut Hop); 4] = [
        |one, other| {
            one.channels = vec![Role::ForeignMission];
            other.channels = vec![Role::EgovPortal];
        },
        |one, other| {
            one.bases = vec![Basis::Ordinary];
            other.bases = vec![Basis::Graduate];
        },
        |one, other| {
            one.opened_by[0].outcomes = vec![Outcome::Consent];
            other.opened_by[0].outcomes = vec![Outcome::Refusal];
        },
        |_, other| other.from = vec![AKIMAT],
    ];
    for change in apart {
        assert_eq!(twin(change), Ok(()));
    }
}

#[test]
fn an_edition_applies_when_ten_days_have_passed_after_its_publication() {
    let published = jiff::civil::date(2025, 10, 14);
    let procedure = Procedure::new(draft("2025", sound())).unwrap();
    assert_eq!(procedure.in_force_from(), None);
    let procedure = procedure.with_publication(published);
    assert_eq!(procedure.in_force_from(), Some(jiff::civil::date(2025, 10, 25)));
}
