//! What parties may send wrongly in their messages, each with its code, its stable reason, the
//! field, the remedy in words, and the proof that nothing changed. What goes wrong below the
//! messages is in `bad_wire.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;

use bus::act::new_id;
use bus::refusal::{refused, refused_act, refused_item};
use bus::{Act, Bus, Party, samples, show, within};
use kopir::rpc::proto::cases::v1::{CaseState, GetCaseRequest, ListCasesRequest};
use kopir::rpc::proto::google::r#type::Date;
use kopir::rpc::proto::inbox::v1::ListObligationsRequest;
use kopir::rpc::proto::mission::v1::submit_applications_response::Result as Fate;
use kopir::rpc::proto::mission::v1::{SubmitApplicationRequest, SubmitApplicationsRequest};
use kopir::rpc::proto::operations::v1::SetSandboxTimeRequest;
use kopir::rpc::proto::procedures::v1::{ComputeDueTimeRequest, GetProcedureRequest};
use kopir::rpc::proto::types::v1::{
    Application, ApplicationScope, ArrivalApplication, ConsentDecision, Dispatch, DocumentKind,
    HandOver, HandOverRecipient, InclusionDecision, Kinship, PersonName, Refusal, RefusalGround,
    consent_decision, inclusion_decision,
};
use tonic::Code;

const INVALID: &str = "FIELD_INVALID";

/// A message with one fault: how it is made, the field that is named, and words of the remedy.
type Fault<M> = (fn(&mut M), &'static str, &'static str);

fn applicant(of: &mut Application) -> &mut kopir::rpc::proto::types::v1::Person {
    of.applicant.as_mut().unwrap()
}

fn surname(of: &mut Application) -> &mut String {
    &mut applicant(of).name.as_mut().unwrap().surname
}

const fn day(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}

/// Every rule that an application can break, on the sample filed on 1 February 2023.
const APPLICATION_FAULTS: &[Fault<Application>] = &[
    // The family.
    (|it| it.applicant = None, "applicant", "is required"),
    (|it| it.family_members.clear(), "family_members", "APPLICANT_AND_FAMILY"),
    (|it| it.scope = ApplicationScope::Applicant.into(), "family_members", "must be empty"),
    (|it| it.scope = 0, "scope", "is not stated"),
    (|it| it.scope = 3, "scope", "no value of its list"),
    (|it| it.scope = -1, "scope", "no value of its list"),
    (|it| it.family_members[1].name = None, "family_members[1].name", "is required"),
    (|it| it.family_members[0].kinship = 0, "family_members[0].kinship", "is not stated"),
    (|it| it.family_members[0].kinship = 99, "family_members[0].kinship", "no value of its list"),
    (|it| it.family_members[0].birth_date = None, "family_members[0].birth_date", "is required"),
    (
        |it| it.family_members[1].birth_date = Some(day(2023, 2, 2)),
        "family_members[1].birth_date",
        "lies after the day of signing",
    ),
    // Dates of birth that are none.
    (|it| applicant(it).birth_date = None, "applicant.birth_date", "is required"),
    (
        |it| applicant(it).birth_date = Some(day(1984, 2, 30)),
        "applicant.birth_date",
        "calendar date",
    ),
    (
        |it| applicant(it).birth_date = Some(day(1983, 2, 29)),
        "applicant.birth_date",
        "calendar date",
    ),
    (
        |it| applicant(it).birth_date = Some(day(1984, 0, 0)),
        "applicant.birth_date",
        "calendar date",
    ),
    (
        |it| applicant(it).birth_date = Some(day(1984, 13, 1)),
        "applicant.birth_date",
        "calendar date",
    ),
    (|it| applicant(it).birth_date = Some(day(0, 6, 15)), "applicant.birth_date", "calendar date"),
    (
        |it| applicant(it).birth_date = Some(day(i32::MAX, i32::MIN, 1)),
        "applicant.birth_date",
        "calendar date",
    ),
    (|it| applicant(it).birth_date = Some(day(2050, 1, 1)), "applicant.birth_date", "lies after"),
    (
        |it| applicant(it).birth_date = Some(day(1850, 1, 1)),
        "applicant.birth_date",
        "lies before 130 years",
    ),
    // Texts.
    (|it| applicant(it).name = None, "applicant.name", "is required"),
    (|it| surname(it).clear(), "applicant.name.surname", "1 to 120 characters"),
    (
        |it| *surname(it) = samples::SURNAME.repeat(14),
        "applicant.name.surname",
        "more than 120 characters",
    ),
    (|it| surname(it).push('\u{0}'), "applicant.name.surname", "control characters"),
    (|it| surname(it).insert(4, '\n'), "applicant.name.surname", "control characters"),
    (|it| surname(it).insert(4, '\u{7f}'), "applicant.name.surname", "control characters"),
    (|it| surname(it).insert(4, '\u{9b}'), "applicant.name.surname", "control characters"),
    (|it| surname(it).insert(0, ' '), "applicant.name.surname", "remove it"),
    (|it| surname(it).push('\u{3000}'), "applicant.name.surname", "remove it"),
    (
        |it| applicant(it).name.as_mut().unwrap().given_name.clear(),
        "applicant.name.given_name",
        "is required",
    ),
    (
        |it| applicant(it).name.as_mut().unwrap().patronymic = "Ә".repeat(121),
        "applicant.name.patronymic",
        "more than 120 characters",
    ),
    (|it| it.residence = None, "residence", "is required"),
    (|it| it.residence.as_mut().unwrap().country.clear(), "residence.country", "ISO 3166-1"),
    (
        |it| it.residence.as_mut().unwrap().country = "UZB".into(),
        "residence.country",
        "two capital letters",
    ),
    (|it| it.residence.as_mut().unwrap().text.clear(), "residence.text", "is required"),
    (
        |it| it.residence.as_mut().unwrap().text = samples::STREET.repeat(50),
        "residence.text",
        "more than 500 characters",
    ),
    (
        |it| it.residence.as_mut().unwrap().postal_code = "1".repeat(17),
        "residence.postal_code",
        "more than 16",
    ),
    (
        |it| applicant(it).citizenship_country = "KZ".into(),
        "applicant.citizenship_country",
        "citizen of Kazakhstan",
    ),
    (
        |it| applicant(it).citizenship_country = "uz".into(),
        "applicant.citizenship_country",
        "two capital letters",
    ),
    // Documents.
    (|it| it.documents.clear(), "documents", "DOCUMENT_KIND_IDENTITY"),
    (|it| it.documents.remove(0).title.clear(), "documents", "DOCUMENT_KIND_IDENTITY"),
    (|it| it.documents[1].kind = 0, "documents[1].kind", "is not stated"),
    (|it| it.documents[1].kind = 77, "documents[1].kind", "no value of its list"),
    (|it| it.documents[0].title.clear(), "documents[0].title", "1 to 200 characters"),
    (|it| it.documents[0].number = "7".repeat(65), "documents[0].number", "more than 64"),
    (
        |it| it.documents[0].content_sha256 = vec![0; 31].into(),
        "documents[0].content_sha256",
        "exactly 32 bytes",
    ),
    (
        |it| it.documents[0].content_sha256 = vec![].into(),
        "documents[0].content_sha256",
        "exactly 32 bytes",
    ),
    (|it| it.documents[0].size_bytes = 0, "documents[0].size_bytes", "1"),
    (|it| it.documents[0].size_bytes = -1, "documents[0].size_bytes", "1"),
    (|it| it.documents[0].media_type.clear(), "documents[0].media_type", "is required"),
    (|it| it.documents = vec![it.documents[0].clone(); 51], "documents", "more than 50"),
    // What the form asks of the applicant and of the official.
    (|it| it.personal_data_consent = false, "personal_data_consent", "must be true"),
    (|it| it.signed_date = None, "signed_date", "is required"),
    (
        |it| it.signed_date = Some(day(2023, 2, 2)),
        "signed_date",
        "lies after the day of filed_time",
    ),
    (|it| it.signed_date = Some(day(221, 2, 1)), "signed_date", "2016"),
    (|it| it.accepted_by = None, "accepted_by", "is required"),
    (|it| it.accepted_by.as_mut().unwrap().position.clear(), "accepted_by.position", "is required"),
    (|it| it.accepted_by.as_mut().unwrap().name = None, "accepted_by.name", "is required"),
    (|it| it.filed_time = None, "filed_time", "is required"),
    // Six minutes ahead of the bus; five are allowed between the clocks.
    (
        |it| it.filed_time = Some(samples::instant("2023-02-01T09:06:00+06:00")),
        "filed_time",
        "future",
    ),
    (|it| it.filed_time.as_mut().unwrap().nanos = -1, "filed_time", "is not a time"),
    (|it| it.filed_time.as_mut().unwrap().nanos = i32::MAX, "filed_time", "is not a time"),
    (|it| it.filed_time.as_mut().unwrap().seconds = i64::MAX, "filed_time", "is not a time"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_application_with_a_fault_is_refused_by_its_field_and_opens_no_case() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    for (spoil, field, words) in APPLICATION_FAULTS {
        let mut application = samples::application(bus::MORNING);
        spoil(&mut application);
        refused_act(mission.send(&Act::submit(application)).await)
            .is(Code::InvalidArgument, INVALID)
            .field(&format!("application.{field}"))
            .says(words);
    }
    assert_eq!(bus.sequence(), before);
    assert!(mission.list(ListCasesRequest::default()).await.unwrap().cases.is_empty());
    // The sample is sound without a fault, at every limit too.
    mission.submit(samples::application(bus::MORNING)).await;
    mission.submit(at_its_limits()).await;
    assert_eq!(bus.sequence(), before + 2);
    bus.stop().await;
}

/// An application that uses up every limit and breaks none.
fn at_its_limits() -> Application {
    let mut application = samples::application_of(30, bus::MORNING);
    application.documents = vec![application.documents[0].clone(); 50];
    *surname(&mut application) = "Ә".repeat(120);
    let person = applicant(&mut application);
    person.name.as_mut().unwrap().patronymic.clear();
    person.citizenship_country.clear();
    person.birth_date = Some(day(1893, 2, 1));
    application.family_members[0].birth_date = Some(day(2023, 2, 1));
    application.residence.as_mut().unwrap().text = "Қ".repeat(500);
    // Five minutes between the clocks are allowed.
    application.filed_time = Some(samples::instant("2023-02-01T09:05:00+06:00"));
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_message_is_told_at_once() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let mut application = samples::application(bus::MORNING);
    application.applicant = None;
    application.personal_data_consent = false;
    application.documents[0].title = "\u{1}".into();
    let act = Act::submit(application).under("no UUID");
    let refused = refused_act(mission.send(&act).await);
    let fields: BTreeSet<_> = refused.fields().into_iter().collect();
    let expected = [
        "request_id",
        "application.applicant",
        "application.documents[0].title",
        "application.personal_data_consent",
    ];
    assert_eq!(fields, expected.into_iter().collect());
    // The reason is the one that says most.
    refused.is(Code::InvalidArgument, "REQUEST_ID_INVALID");

    // However many there are, the answer stays small.
    let nobody = samples::member("2001-01-31", Kinship::Sibling);
    let mut crowd = samples::application(bus::MORNING);
    crowd.family_members = vec![nobody; 29];
    for member in &mut crowd.family_members {
        let name = member.name.as_mut().unwrap();
        *name = PersonName {
            surname: "\u{2}".into(),
            given_name: " x".into(),
            patronymic: "y ".into(),
        };
    }
    let refused = refused_act(mission.send(&Act::submit(crowd)).await);
    assert!((1..=20).contains(&refused.fields().len()), "{refused:?}");
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_over_thirty_persons_is_told_to_divide() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    for persons in [31, 32, 500] {
        let crowd = samples::application_of(persons, bus::MORNING);
        refused_act(mission.send(&Act::submit(crowd)).await)
            .is(Code::InvalidArgument, "FAMILY_TOO_LARGE")
            .field("application.family_members")
            .says("30 persons");
    }
    assert_eq!(bus.sequence(), before);
    mission.submit(samples::application_of(30, bus::MORNING)).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_none_or_unserved_is_refused() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    let unknown = [
        (bus::UNSERVED_REGION, "no akimat"),
        ("KZ-79", "no akimat"),
        ("", "KZ-55"),
        ("55", "KZ-55"),
        ("kz-55", "KZ-55"),
        ("KZ-55 ", "KZ-55"),
        ("KZ-00", "no region of Kazakhstan"),
        ("KZ-99", "no region of Kazakhstan"),
        ("KZ-PAV", "KZ-55"),
        ("RU-55", "KZ-55"),
        ("ҚЗ-55", "KZ-55"),
        ("KZ-5\u{0}", "KZ-55"),
    ];
    for (region, words) in unknown {
        let application = samples::application_to(region, bus::MORNING);
        refused_act(mission.send(&Act::submit(application)).await)
            .is(Code::InvalidArgument, "REGION_UNKNOWN")
            .field("application.region")
            .says(words);
    }
    assert_eq!(bus.sequence(), before);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_that_is_none_is_refused_for_every_act() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = parties.mission.submit(samples::application(bus::MORNING)).await.case_id;
    let before = bus.sequence();
    let nil = "00000000-0000-0000-0000-000000000000";
    for act in Act::one_of_each(&case_id, bus::MORNING) {
        for id in
            ["", "1", nil, "{0193a0de-77aa-7bbb-8ccc-0123456789ab}", "\u{0}", &"a".repeat(9000)]
        {
            let party = sender(&parties, &act);
            refused_act(party.send(&act.clone().under(id)).await)
                .is(Code::InvalidArgument, "REQUEST_ID_INVALID")
                .field("request_id")
                .says("UUID");
        }
    }
    assert_eq!(bus.sequence(), before);
    bus.stop().await;
}

/// The party whose act it is.
fn sender<'p>(parties: &'p bus::Parties, act: &Act) -> &'p Party {
    match act {
        Act::Submit(_) | Act::HandOver(_) => &parties.mission,
        Act::Forward(_) | Act::ForwardDecision(_) => &parties.committee,
        Act::Refer(_) | Act::SendConsent(_) | Act::Arrive(_) | Act::HandOverInclusion(_) => {
            &parties.akimat
        }
        Act::DecideConsent(_) | Act::DecideInclusion(_) => &parties.commission,
    }
}

/// A step of a case, all on the morning of its submission.
#[derive(Debug, Clone, Copy)]
enum Step {
    Act(fn(&str) -> Act),
    Receive(fn(&bus::Parties) -> &Party),
}

/// The way of a case, with the hops that are open after each step and the parties that have to
/// move.
const WAY: &[(Step, &[(&str, &str)])] = &[
    (Step::Receive(|parties| &parties.committee), &[("K21B-03", bus::COMMITTEE)]),
    (Step::Act(Act::forward), &[("K21B-03", bus::AKIMAT)]),
    (Step::Receive(|parties| &parties.akimat), &[("K21B-04", bus::AKIMAT)]),
    (Step::Act(Act::refer), &[("K21B-04", bus::COMMISSION)]),
    (Step::Receive(|parties| &parties.commission), &[("K21B-05", bus::COMMISSION)]),
    (
        Step::Act(|id| Act::decide_consent(id, samples::consent("2023-02-01", 3))),
        &[("K21B-05", bus::AKIMAT), ("K21B-06", bus::AKIMAT)],
    ),
    (Step::Receive(|parties| &parties.akimat), &[("K21B-06", bus::AKIMAT)]),
    (Step::Act(Act::send_consent), &[("K21B-06", bus::COMMITTEE)]),
    (Step::Receive(|parties| &parties.committee), &[("K21B-07", bus::COMMITTEE)]),
    (Step::Act(Act::forward_decision), &[("K21B-07", bus::MISSION)]),
    (Step::Receive(|parties| &parties.mission), &[("K21B-08", bus::MISSION)]),
    (
        Step::Act(|id| Act::hand_over(id, samples::hand_over(bus::MORNING))),
        &[("K21B-09", bus::AKIMAT)],
    ),
    (
        Step::Act(|id| Act::arrive(id, samples::arrival(bus::MORNING, "2023-02-01", 3))),
        &[("K21B-10", bus::AKIMAT)],
    ),
    (Step::Act(Act::refer), &[("K21B-10", bus::COMMISSION)]),
    (Step::Receive(|parties| &parties.commission), &[("K21B-11", bus::COMMISSION)]),
    (
        Step::Act(|id| Act::decide_inclusion(id, samples::inclusion("2023-02-01", 3))),
        &[("K21B-11", bus::AKIMAT), ("K21B-12", bus::AKIMAT)],
    ),
    (Step::Receive(|parties| &parties.akimat), &[("K21B-12", bus::AKIMAT)]),
    (Step::Act(|id| Act::hand_over_inclusion(id, samples::hand_over(bus::MORNING))), &[]),
];

async fn take(parties: &bus::Parties, case_id: &str, step: Step) {
    match step {
        Step::Act(act) => {
            let act = act(case_id);
            sender(parties, &act).act(act.clone()).await;
        }
        Step::Receive(party) => {
            party(parties).receive().await;
        }
    }
}

/// A case that has come so far: up to the step after which this hop is open for its holder.
async fn case_before(parties: &bus::Parties, hop: &str) -> String {
    let case_id = parties.mission.submit(samples::application(bus::MORNING)).await.case_id;
    for (step, open) in WAY {
        take(parties, &case_id, *step).await;
        let holder_moves = matches!(step, Step::Receive(_)) || matches!(hop, "K21B-09" | "K21B-10");
        if open.iter().any(|(open, _)| *open == hop) && holder_moves {
            return case_id;
        }
    }
    panic!("no such hop: {hop}");
}

/// The act that the procedure expects next, if a party may act at all.
fn expected(step: usize) -> Option<&'static str> {
    match WAY.get(step)? {
        (Step::Act(act), _) => Some(act("").method()),
        (Step::Receive(_), [("K21B-06" | "K21B-12", _)]) => {
            // The decision itself has opened the next act, so it need not be received first.
            let (Step::Act(act), _) = WAY[step + 1] else { panic!("two receipts in a row") };
            Some(act("").method())
        }
        (Step::Receive(_), _) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_out_of_its_order_names_what_is_open_and_for_whom() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = parties.mission.submit(samples::application(bus::MORNING)).await.case_id;
    let mut open: &[(&str, &str)] = &[("K21B-02", bus::COMMITTEE)];
    for step in 0..=WAY.len() {
        let (before, case) = (bus.sequence(), parties.mission.case(&case_id).await.unwrap());
        // Submitting opens a case of its own.
        for act in Act::one_of_each(&case_id, bus::MORNING).into_iter().skip(1) {
            if expected(step) == Some(act.method()) {
                continue;
            }
            let refused = refused_act(sender(&parties, &act).send(&act).await);
            let refused = refused.is(Code::FailedPrecondition, "ACT_OUT_OF_ORDER").no_field();
            refused.open_hops(&case_id, open);
        }
        assert_eq!(bus.sequence(), before, "after step {step}");
        assert_eq!(parties.mission.case(&case_id).await.unwrap(), case, "after step {step}");
        if let Some((next, hops)) = WAY.get(step) {
            take(&parties, &case_id, *next).await;
            open = hops;
        }
    }
    let case = parties.mission.case(&case_id).await.unwrap();
    assert_eq!(show::state(&case), CaseState::Closed);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_of_another_is_answered_like_one_that_does_not_exist() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = case_before(&parties, "K21B-05").await;
    let (before, case) = (bus.sequence(), parties.mission.case(&case_id).await.unwrap());
    let nowhere = "0193a0de-77aa-7bbb-8ccc-0123456789ab";
    let strangers =
        [bus::OTHER_MISSION, bus::OTHER_AKIMAT, bus::OTHER_COMMISSION, bus::JOINT_AKIMAT];
    for stranger in strangers {
        let stranger = bus.party(stranger).await;
        let get = async |case_id: &str| stranger.case(case_id).await.unwrap_err();
        let (foreign, none) = (get(&case_id).await, get(nowhere).await);
        refused(&foreign).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
        assert_eq!(foreign.message(), none.message());
        assert_eq!(foreign.details(), none.details());
        for text in ["", "x", "\u{0}", &"f".repeat(10_000)] {
            assert_eq!(get(text).await.details(), none.details());
        }
        let acts = Act::one_of_each(&case_id, bus::MORNING).into_iter().skip(1);
        for (act, elsewhere) in acts.zip(Act::one_of_each(nowhere, bus::MORNING).iter().skip(1)) {
            let foreign = stranger.send(&act).await.unwrap_err();
            if refused(&foreign).reason() == "ROLE_NOT_ALLOWED" {
                continue;
            }
            refused(&foreign).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
            let none = stranger.send(elsewhere).await.unwrap_err();
            assert_eq!((foreign.message(), foreign.details()), (none.message(), none.details()));
        }
    }
    assert_eq!(bus.sequence(), before);
    assert_eq!(parties.mission.case(&case_id).await.unwrap(), case);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_used_for_another_act_is_refused_and_the_first_stands() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let first = Act::submit(samples::application(bus::MORNING));
    let receipt = parties.mission.act(first.clone()).await;
    let id = first.request_id().to_owned();
    let before = bus.sequence();

    // One letter, the order of two members, another region: each is other content.
    let mut letter = samples::application(bus::MORNING);
    surname(&mut letter).push('а');
    let mut order = samples::application(bus::MORNING);
    order.family_members.swap(0, 1);
    let elsewhere = samples::application_to(bus::OTHER_REGION, bus::MORNING);
    for other in [letter.clone(), order, elsewhere] {
        refused_act(parties.mission.send(&Act::submit(other).under(&id)).await)
            .is(Code::AlreadyExists, "REQUEST_ID_REUSED")
            .no_field();
    }
    // In bulk as well, beside an item without fault and a repeat of the first.
    let item = |request_id: &str, application| SubmitApplicationsRequest {
        request_id: request_id.to_owned(),
        application: Some(application),
    };
    let fresh = new_id();
    let items = vec![
        item(&id, letter),
        item(&fresh, samples::application(bus::MORNING)),
        item(&id, samples::application(bus::MORNING)),
    ];
    let mut stub = parties.mission.mission();
    let answers = within(stub.submit_applications(tokio_stream::iter(items))).await;
    let mut answers = answers.unwrap().into_inner();
    let mut fates = Vec::new();
    while let Some(answer) = within(answers.message()).await.unwrap() {
        fates.push(match answer.result.unwrap() {
            Fate::Receipt(found) if found == receipt => "the original",
            Fate::Receipt(found) if found.request_id == fresh => "another case",
            Fate::Receipt(found) => panic!("{found:?}"),
            Fate::Status(status) => {
                refused_item(&status).is(Code::AlreadyExists, "REQUEST_ID_REUSED");
                "refused"
            }
        });
    }
    fates.sort_unstable();
    assert_eq!(fates, ["another case", "refused", "the original"]);
    assert_eq!(bus.sequence(), before + 1);

    // Another act of the same party, in the same case, and after a restart.
    let handed_over = Act::hand_over(&receipt.case_id, samples::hand_over(bus::MORNING)).under(&id);
    refused_act(parties.mission.send(&handed_over).await)
        .is(Code::AlreadyExists, "REQUEST_ID_REUSED");
    drop(parties);
    let bus = bus.restart().await;
    let mission = bus.party(bus::MISSION).await;
    refused_act(mission.send(&handed_over).await).is(Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(mission.send(&first).await.unwrap(), receipt);
    bus.stop().await;
}

const DISPATCH_FAULTS: &[Fault<Dispatch>] = &[
    (|it| it.outgoing_number.clear(), "outgoing_number", "1 to 64 characters"),
    (|it| it.outgoing_number = "7".repeat(65), "outgoing_number", "more than 64"),
    (|it| it.outgoing_number = "a\nb".into(), "outgoing_number", "control characters"),
    (|it| it.outgoing_date = None, "outgoing_date", "is required"),
    (|it| it.outgoing_date = Some(day(2023, 2, 2)), "outgoing_date", "lies after today"),
    (|it| it.outgoing_date = Some(day(2015, 12, 31)), "outgoing_date", "2016"),
    (|it| it.note = "Ә".repeat(1001), "note", "more than 1000"),
    (|it| it.note = "a\u{8}b".into(), "note", "line breaks alone"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_with_a_fault_is_refused_by_its_field() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = case_before(&parties, "K21B-03").await;
    let before = bus.sequence();
    for (spoil, field, words) in DISPATCH_FAULTS {
        let Act::Forward(mut request) = Act::forward(&case_id) else { unreachable!() };
        spoil(request.dispatch.as_mut().unwrap());
        refused_act(parties.committee.send(&Act::Forward(request)).await)
            .is(Code::InvalidArgument, INVALID)
            .field(&format!("dispatch.{field}"))
            .says(words);
    }
    assert_eq!(bus.sequence(), before);
    parties.committee.act(Act::forward(&case_id)).await;
    bus.stop().await;
}

fn refuse(of: &mut ConsentDecision, spoil: impl FnOnce(&mut Refusal)) {
    let mut refusal = samples::refusal();
    spoil(&mut refusal);
    of.outcome = Some(consent_decision::Outcome::Refusal(refusal));
}

fn consent(of: &mut ConsentDecision, person_count: i32) {
    *of = samples::consent("2023-02-01", person_count);
}

const CONSENT_FAULTS: &[(&str, Fault<ConsentDecision>)] = &[
    (INVALID, (|it| it.decision_number.clear(), "decision_number", "1 to 64")),
    (INVALID, (|it| it.decision_number = "7".repeat(65), "decision_number", "more than 64")),
    (INVALID, (|it| it.decision_date = None, "decision_date", "is required")),
    (INVALID, (|it| it.decision_date = Some(day(2023, 2, 29)), "decision_date", "calendar date")),
    (INVALID, (|it| it.decision_date = Some(day(2023, 2, 2)), "decision_date", "future")),
    // The application reached the commission on the day itself.
    (INVALID, (|it| it.decision_date = Some(day(2023, 1, 31)), "decision_date", "before the day")),
    (INVALID, (|it| it.outcome = None, "consent", "refusal is required")),
    (INVALID, (|it| consent(it, 0), "consent.person_count", "1 to 30")),
    (INVALID, (|it| consent(it, -3), "consent.person_count", "1 to 30")),
    (INVALID, (|it| consent(it, 31), "consent.person_count", "1 to 30")),
    (INVALID, (|it| consent(it, 4), "consent.person_count", "exceeds the persons")),
    (
        "GROUNDS_REQUIRED",
        (|it| refuse(it, |it| it.grounds.clear()), "refusal.grounds", "at least one ground"),
    ),
    (
        "GROUNDS_REQUIRED",
        (|it| refuse(it, |it| it.grounds = vec![0]), "refusal.grounds[0]", "no ground"),
    ),
    (
        "GROUNDS_REQUIRED",
        (|it| refuse(it, |it| it.grounds = vec![9]), "refusal.grounds[0]", "no ground"),
    ),
    (
        INVALID,
        (|it| refuse(it, |it| it.grounds = vec![1, 1]), "refusal.grounds[1]", "stated twice"),
    ),
    (
        "GROUNDS_REQUIRED",
        (|it| refuse(it, |it| it.reasons.clear()), "refusal.reasons", "reasons in words"),
    ),
    (
        INVALID,
        (|it| refuse(it, |it| it.reasons = "Ә".repeat(4001)), "refusal.reasons", "more than 4000"),
    ),
    (
        INVALID,
        (|it| refuse(it, |it| it.reasons = "a\tb".into()), "refusal.reasons", "line breaks alone"),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_consent_with_a_fault_is_refused_by_its_field() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = case_before(&parties, "K21B-05").await;
    let before = bus.sequence();
    for (reason, (spoil, field, words)) in CONSENT_FAULTS {
        let mut decision = samples::consent("2023-02-01", 3);
        spoil(&mut decision);
        refused_act(parties.commission.send(&Act::decide_consent(&case_id, decision)).await)
            .is(Code::InvalidArgument, reason)
            .field(&format!("decision.{field}"))
            .says(words);
    }
    let Act::DecideConsent(mut request) =
        Act::decide_consent(&case_id, samples::consent("2023-02-01", 3))
    else {
        unreachable!()
    };
    request.decision = None;
    refused_act(parties.commission.send(&Act::DecideConsent(request)).await)
        .is(Code::InvalidArgument, INVALID)
        .field("decision")
        .says("is required");
    assert_eq!(bus.sequence(), before);
    let case = parties.mission.case(&case_id).await.unwrap();
    assert_eq!(show::state(&case), CaseState::AtCommission);
    bus.stop().await;
}

const INCLUSION_FAULTS: &[Fault<InclusionDecision>] = &[
    (|it| it.decision_number = " 7".into(), "decision_number", "remove it"),
    (|it| it.decision_date = Some(day(2023, 2, 2)), "decision_date", "future"),
    (|it| it.outcome = None, "inclusion", "refusal is required"),
    (|it| *it = samples::inclusion("2023-02-01", 0), "inclusion.person_count", "1 to 30"),
    // The application named three; the consent covers two.
    (
        |it| *it = samples::inclusion("2023-02-01", 3),
        "inclusion.person_count",
        "exceeds the persons",
    ),
    (
        |it| {
            let grounds = vec![RefusalGround::UnreliableData.into(); 2];
            let refusal = Refusal { grounds, ..samples::refusal() };
            it.outcome = Some(inclusion_decision::Outcome::Refusal(refusal));
        },
        "refusal.grounds[1]",
        "stated twice",
    ),
];

const ARRIVAL_FAULTS: &[Fault<ArrivalApplication>] = &[
    (|it| it.region = bus::OTHER_REGION.into(), "region", "another region needs its own consent"),
    (|it| it.consent_decision_number.clear(), "consent_decision_number", "1 to 64"),
    (|it| it.consent_decision_date = None, "consent_decision_date", "is required"),
    (
        |it| it.consent_decision_date = Some(day(2023, 1, 31)),
        "consent_decision_date",
        "not the date of the consent",
    ),
    (|it| it.kandas_certificate_number.clear(), "kandas_certificate_number", "1 to 64"),
    (|it| it.kandas_certificate_date = None, "kandas_certificate_date", "is required"),
    (
        |it| it.kandas_certificate_date = Some(day(2023, 2, 2)),
        "kandas_certificate_date",
        "lies after",
    ),
    (|it| it.arrival_date = Some(day(2023, 2, 2)), "arrival_date", "lies after"),
    (|it| it.arrival_date = Some(day(2015, 1, 1)), "arrival_date", "2016"),
    (|it| it.residence = None, "residence", "is required"),
    (|it| it.residence.as_mut().unwrap().country = "UZ".into(), "residence.country", "must be KZ"),
    (|it| it.person_count = 0, "person_count", "1 to 30"),
    (|it| it.person_count = 31, "person_count", "1 to 30"),
    (|it| it.person_count = 3, "person_count", "exceeds the persons covered"),
    (
        |it| it.documents.retain(|it| it.kind() != DocumentKind::ConsentDecision),
        "documents",
        "DOCUMENT_KIND_CONSENT_DECISION",
    ),
    (|it| it.personal_data_consent = false, "personal_data_consent", "must be true"),
    (|it| it.signed_date = Some(day(2023, 2, 2)), "signed_date", "lies after"),
    (|it| it.filed_time = None, "filed_time", "is required"),
    (
        |it| it.filed_time = Some(samples::instant("2023-02-01T09:06:00+06:00")),
        "filed_time",
        "future",
    ),
    (
        |it| it.filed_time = Some(samples::instant("2023-02-01T08:59:59+06:00")),
        "filed_time",
        "before this step",
    ),
    (|it| it.accepted_by = None, "accepted_by", "is required"),
];

/// Handed over to a representative whose paper is missing, and the like.
const HAND_OVER_FAULTS: &[Fault<HandOver>] = &[
    (|it| it.handed_over_time = None, "handed_over_time", "is required"),
    (
        |it| it.handed_over_time = Some(samples::instant("2023-02-01T09:06:00+06:00")),
        "handed_over_time",
        "future",
    ),
    (
        |it| it.handed_over_time = Some(samples::instant("2023-02-01T08:59:59+06:00")),
        "handed_over_time",
        "before this step",
    ),
    (|it| it.manner = 0, "manner", "is not stated"),
    (|it| it.manner = 4, "manner", "no value of its list"),
    (|it| it.recipient = 0, "recipient", "is not stated"),
    (|it| it.recipient = 3, "recipient", "no value of its list"),
    (|it| it.representative_name = Some(samples::name()), "representative_name", "must be empty"),
    (|it| it.representative_authority = "№ 7".into(), "representative_authority", "must be empty"),
    (
        |it| {
            it.recipient = HandOverRecipient::Representative.into();
            it.representative_name = Some(samples::name());
        },
        "representative_authority",
        "1 to 200",
    ),
    (
        |it| {
            it.recipient = HandOverRecipient::Representative.into();
            it.representative_authority = "№ 7".into();
        },
        "representative_name",
        "is required",
    ),
    (|it| it.handed_over_by = None, "handed_over_by", "is required"),
];

#[tokio::test(flavor = "multi_thread")]
async fn handovers_arrivals_and_inclusions_with_a_fault_are_refused_by_their_field() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let case_id = case_before(&parties, "K21B-05").await;
    parties.commission.act(Act::decide_consent(&case_id, samples::consent("2023-02-01", 2))).await;
    parties.akimat.receive().await;
    parties.akimat.act(Act::send_consent(&case_id)).await;
    parties.committee.receive().await;
    parties.committee.act(Act::forward_decision(&case_id)).await;
    parties.mission.receive().await;

    let before = bus.sequence();
    for (spoil, field, words) in HAND_OVER_FAULTS {
        let mut hand_over = samples::hand_over(bus::MORNING);
        spoil(&mut hand_over);
        refused_act(parties.mission.send(&Act::hand_over(&case_id, hand_over)).await)
            .is(Code::InvalidArgument, INVALID)
            .field(&format!("hand_over.{field}"))
            .says(words);
    }
    assert_eq!(bus.sequence(), before);
    parties.mission.act(Act::hand_over(&case_id, samples::hand_over(bus::MORNING))).await;

    let before = bus.sequence();
    for (spoil, field, words) in ARRIVAL_FAULTS {
        let mut arrival = samples::arrival(bus::MORNING, "2023-02-01", 2);
        spoil(&mut arrival);
        refused_act(parties.akimat.send(&Act::arrive(&case_id, arrival)).await)
            .is(Code::InvalidArgument, INVALID)
            .field(&format!("application.{field}"))
            .says(words);
    }
    for region in ["", "KZ-99", "kz-55"] {
        let mut arrival = samples::arrival(bus::MORNING, "2023-02-01", 2);
        arrival.region = region.into();
        refused_act(parties.akimat.send(&Act::arrive(&case_id, arrival)).await)
            .is(Code::InvalidArgument, "REGION_UNKNOWN")
            .field("application.region");
    }
    assert_eq!(bus.sequence(), before);
    let arrival = samples::arrival(bus::MORNING, "2023-02-01", 2);
    parties.akimat.act(Act::arrive(&case_id, arrival)).await;
    parties.akimat.act(Act::refer(&case_id)).await;
    parties.commission.receive().await;

    let before = bus.sequence();
    for (spoil, field, words) in INCLUSION_FAULTS {
        let mut inclusion = samples::inclusion("2023-02-01", 2);
        spoil(&mut inclusion);
        refused_act(parties.commission.send(&Act::decide_inclusion(&case_id, inclusion)).await)
            .is(Code::InvalidArgument, INVALID)
            .field(&format!("decision.{field}"))
            .says(words);
    }
    assert_eq!(bus.sequence(), before);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_good_to_its_last_day_and_then_expired() {
    let bus = Bus::with(&[("procedures.consent_validity_days", "30")]).await;
    let parties = bus.parties().await;
    let (one, other) =
        (case_before(&parties, "K21B-09").await, case_before(&parties, "K21B-09").await);
    // Decided on 1 February; the thirtieth day after it is 3 March. With that day the places that
    // the two consents held are free, of which the journal has a record each.
    let before = bus.sequence() + 2;
    bus.clock("2023-03-04T00:00:01+06:00");
    let late = samples::arrival("2023-03-04T00:00:00+06:00", "2023-02-01", 3);
    let refused = refused_act(parties.akimat.send(&Act::arrive(&one, late)).await);
    let refused = refused.is(Code::FailedPrecondition, "CONSENT_EXPIRED").no_field();
    refused.says("2023-03-03").says("2023-02-01");
    assert_eq!(bus.sequence(), before);
    // Filed on the last day and recorded after it.
    let in_time = samples::arrival("2023-03-03T23:59:59+06:00", "2023-02-01", 3);
    parties.akimat.act(Act::arrive(&other, in_time)).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_beyond_the_calendar_is_refused() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    // The calendar ends with 2030.
    bus.clock("2030-12-31T09:00:00+06:00");
    let before = bus.sequence();
    let late = samples::application("2030-12-31T09:00:00+06:00");
    refused_act(mission.send(&Act::submit(late)).await)
        .is(Code::FailedPrecondition, "OUTSIDE_CALENDAR")
        .says("calendar");
    assert_eq!(bus.sequence(), before);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused_alone_and_in_bulk() {
    let bus = Bus::with(&[("limits.max_message_kib", "64")]).await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    let mut huge = samples::application(bus::MORNING);
    huge.residence.as_mut().unwrap().text = samples::STREET.repeat(10_000);
    let told = refused_act(mission.send(&Act::submit(huge.clone())).await);
    told.is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE").no_field();
    assert_eq!(bus.sequence(), before);

    // In bulk it ends the stream; what came before it has its receipt.
    let item = |application: Application| SubmitApplicationsRequest {
        request_id: new_id(),
        application: Some(application),
    };
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    let items = tokio_stream::wrappers::ReceiverStream::new(receiver);
    sender.send(item(samples::application(bus::MORNING))).await.unwrap();
    let answers = within(mission.mission().submit_applications(items)).await.unwrap();
    let mut answers = answers.into_inner();
    let first = within(answers.message()).await.unwrap().unwrap();
    assert!(matches!(first.result, Some(Fate::Receipt(_))), "{first:?}");
    sender.send(item(huge)).await.unwrap();
    let ended = within(answers.message()).await.unwrap_err();
    refused(&ended).is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(bus.sequence(), before + 1);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_elsewhere_is_refused() {
    let bus = Bus::start().await;
    let (mission, other) = (bus.party(bus::MISSION).await, bus.party(bus::OTHER_MISSION).await);
    let committee = bus.party(bus::COMMITTEE).await;
    for _ in 0..3 {
        mission.submit(samples::application(bus::MORNING)).await;
        other.submit(samples::application(bus::MORNING)).await;
        committee.receive().await;
    }
    let page = |page_token: &str| ListCasesRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..ListCasesRequest::default()
    };
    let token = mission.list(page("")).await.unwrap().next_page_token;
    let owed = ListObligationsRequest { page_size: 1, ..ListObligationsRequest::default() };
    let owed = within(committee.inbox().list_obligations(owed)).await.unwrap().into_inner();

    let mut flipped = token.clone().into_bytes();
    flipped[4] ^= 1;
    let tampered = String::from_utf8(flipped).unwrap();
    let bad =
        [&tampered, &token[1..], &token[..token.len() - 1], &owed.next_page_token, "x", "\u{0}"];
    for bad in bad {
        let refusal = refused(&mission.list(page(bad)).await.unwrap_err());
        refusal.is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    // A sound token, in another's hands or with another filter.
    let refusal = refused(&other.list(page(&token)).await.unwrap_err());
    refusal.is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let filtered = ListCasesRequest { region: bus::REGION.into(), ..page(&token) };
    let refusal = refused(&mission.list(filtered).await.unwrap_err());
    refusal.is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let request = ListObligationsRequest { page_token: token, ..ListObligationsRequest::default() };
    let refusal = within(committee.inbox().list_obligations(request)).await.unwrap_err();
    refused(&refusal).is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_a_wrong_size_state_or_region_is_refused_by_its_field() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let faults: &[Fault<ListCasesRequest>] = &[
        (|it| it.page_size = -1, "page_size", "negative"),
        (|it| it.page_size = i32::MIN, "page_size", "negative"),
        (|it| it.state = 13, "state", "no state of a case"),
        (|it| it.state = -1, "state", "no state of a case"),
        (|it| it.region = "55".into(), "region", "KZ-55"),
        (|it| it.region = "KZ-00".into(), "region", "KZ-55"),
    ];
    for (spoil, field, words) in faults {
        let mut request = ListCasesRequest::default();
        spoil(&mut request);
        let refusal = refused(&mission.list(request).await.unwrap_err());
        refusal.is(Code::InvalidArgument, INVALID).field(field).says(words);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_the_law_with_a_fault_is_refused() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let named = |procedure: &str, edition: &str| GetProcedureRequest {
        procedure: procedure.to_owned(),
        edition: edition.to_owned(),
    };
    let unknown = [
        ("", ""),
        ("kandas-mission", ""),
        ("kandas-mission", "2020"),
        ("x y", "2021"),
        ("\u{0}", "Ә"),
    ];
    for (procedure, edition) in unknown {
        let answer = within(mission.procedures().get_procedure(named(procedure, edition))).await;
        refused(&answer.unwrap_err()).is(Code::NotFound, "PROCEDURE_UNKNOWN");
    }
    let sound = ComputeDueTimeRequest {
        procedure: "kandas-mission".into(),
        edition: "2021".into(),
        hop: "K21B-03".into(),
        from_time: Some(samples::instant(bus::MORNING)),
        time_zone: String::new(),
    };
    let ask = |request: ComputeDueTimeRequest| {
        let mission = mission.clone();
        async move { within(mission.procedures().compute_due_time(request)).await }
    };
    assert!(ask(sound.clone()).await.is_ok());
    let elsewhere = ComputeDueTimeRequest { edition: "1997".into(), ..sound.clone() };
    refused(&ask(elsewhere).await.unwrap_err()).is(Code::NotFound, "PROCEDURE_UNKNOWN");
    for hop in ["", "K21B-99", "K21B-03 ", "\u{0}"] {
        let request = ComputeDueTimeRequest { hop: hop.into(), ..sound.clone() };
        refused(&ask(request).await.unwrap_err()).is(Code::NotFound, "HOP_UNKNOWN");
    }
    let faults: &[Fault<ComputeDueTimeRequest>] = &[
        (|it| it.from_time = None, "from_time", "is required"),
        (|it| it.from_time.as_mut().unwrap().nanos = -1, "from_time", "is not a time"),
        (
            |it| it.from_time = Some(samples::instant("2031-01-02T00:00:00Z")),
            "from_time",
            "calendar",
        ),
        (
            |it| it.from_time = Some(samples::instant("1970-01-02T00:00:00Z")),
            "from_time",
            "calendar",
        ),
        (|it| it.time_zone = "Almaty".into(), "time_zone", "Asia/Almaty"),
        (|it| it.time_zone = "../../etc/passwd".into(), "time_zone", "Asia/Almaty"),
    ];
    for (spoil, field, words) in faults {
        let mut request = sound.clone();
        spoil(&mut request);
        let refusal = refused(&ask(request).await.unwrap_err());
        refusal.is(Code::InvalidArgument, INVALID).field(field).says(words);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_sandbox_is_not_turned_back() {
    let bus = Bus::start().await;
    let operator = bus.party(bus::OPERATOR).await;
    let set = |time: Option<prost_types::Timestamp>| {
        let operator = operator.clone();
        async move {
            let request = SetSandboxTimeRequest { time };
            let answer = within(operator.operations().set_sandbox_time(request)).await;
            refused(&answer.unwrap_err())
        }
    };
    let back = samples::instant("2023-02-01T08:59:59+06:00");
    for time in [Some(back), None, Some(prost_types::Timestamp { seconds: 0, nanos: -1 })] {
        set(time).await.is(Code::InvalidArgument, INVALID).field("time");
    }
    assert_eq!(bus.now(), bus::time(bus::MORNING));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_request_is_refused_by_what_it_lacks() {
    let bus = Bus::start().await;
    let parties = bus.parties().await;
    let empty = Act::Submit(SubmitApplicationRequest::default());
    let refused = refused_act(parties.mission.send(&empty).await);
    assert_eq!(refused.fields(), ["request_id", "application"]);
    let nobody = Application::default();
    let refused = refused_act(parties.mission.send(&Act::submit(nobody)).await);
    assert!(refused.fields().len() >= 8, "{refused:?}");
    let request = GetCaseRequest::default();
    let answer = within(parties.mission.cases().get_case(request)).await;
    bus::refusal::refused(&answer.unwrap_err()).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
    bus.stop().await;
}
