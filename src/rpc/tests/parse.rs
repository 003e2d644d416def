//! Each rule of the messages: what breaks it, and what is told.

use prost::Message;

use super::samples::*;
use crate::domain::{ActFacts, BodyKind, CaseAct, Command, Ground, Outcome, ProcedureKey};
use crate::procedures;
use crate::rpc::parse::Asked;
use crate::rpc::parse::act::ActRequest;
use crate::rpc::proto::akimat::v1::{ReferToCommissionRequest, RegisterArrivalRequest};
use crate::rpc::proto::commission::v1::{
    RecordConsentDecisionRequest, RecordInclusionDecisionRequest,
};
use crate::rpc::proto::migration::v1::ForwardApplicationRequest;
use crate::rpc::proto::mission::v1::{
    HandOverDecisionRequest, SubmitApplicationRequest, SubmitApplicationsRequest,
};
use crate::rpc::proto::types::v1::*;
use crate::rpc::reason::Reason;
use crate::rpc::status;
use crate::trust::applicants::ApplicantKey;

const CASE: &str = "0193a0de-77aa-8bbb-8ccc-0123456789ab";

fn intake() -> ProcedureKey {
    ProcedureKey { procedure: "kandas-mission".parse().unwrap(), edition: "2021".parse().unwrap() }
}

fn read(request: &impl ActRequest) -> Result<Command, status::Refusal> {
    let roster = roster();
    let caller = caller(&roster, "mission-uz");
    let zone = roster.zone(caller.party);
    let (procedures, applicants) = (procedures::load().unwrap(), ApplicantKey::of(&[7; 32]));
    let asked = Asked {
        caller: &caller,
        zone,
        law_zone: zone,
        now: now(),
        procedures: &procedures,
        applicants: &applicants,
    };
    request.command(asked)
}

/// The reason of the refusal and its violations as `field: rule`; empty for a command.
fn told(request: &impl ActRequest) -> (Option<Reason>, Vec<String>) {
    match read(request) {
        Ok(_) => (None, vec![]),
        Err(status::Refusal::Invalid(faults)) => {
            let line = |fault: &crate::rpc::parse::fault::Violation| {
                format!("{}: {}", fault.field, fault.rule)
            };
            (Some(faults.reason()), faults.violations().iter().map(line).collect())
        }
        Err(status::Refusal::CaseNotVisible) => (Some(Reason::CaseNotVisible), vec![]),
        Err(other) => panic!("{other:?}"),
    }
}

fn submit(application: Application) -> SubmitApplicationRequest {
    SubmitApplicationRequest { request_id: request_id(1), application: Some(application) }
}

fn arrive(application: ArrivalApplication) -> RegisterArrivalRequest {
    let application = Some(application);
    RegisterArrivalRequest { request_id: request_id(1), case_id: CASE.to_owned(), application }
}

fn decide(decision: ConsentDecision) -> RecordConsentDecisionRequest {
    let decision = Some(decision);
    RecordConsentDecisionRequest { request_id: request_id(1), case_id: CASE.to_owned(), decision }
}

fn hand(hand_over: HandOver) -> HandOverDecisionRequest {
    let hand_over = Some(hand_over);
    HandOverDecisionRequest { request_id: request_id(1), case_id: CASE.to_owned(), hand_over }
}

fn forward(dispatch: Option<Dispatch>) -> ForwardApplicationRequest {
    ForwardApplicationRequest { request_id: request_id(1), case_id: CASE.to_owned(), dispatch }
}

/// One change to a message without fault, and what it brings: the reason, and the beginning of
/// each violation in order.
type Row<M> = (fn(&mut M), Reason, &'static [&'static str]);

fn check<M: Clone, R: ActRequest>(sample: &M, request: impl Fn(M) -> R, rows: &[Row<M>]) {
    assert_eq!(told(&request(sample.clone())), (None, vec![]));
    for (row, (change, reason, expected)) in rows.iter().enumerate() {
        let mut message = sample.clone();
        change(&mut message);
        let (got_reason, got) = told(&request(message));
        assert_eq!(got_reason, Some(*reason), "row {row}: {got:?}");
        assert_eq!(got.len(), expected.len(), "row {row}: {got:?}");
        for (got, expected) in got.iter().zip(*expected) {
            assert!(got.starts_with(expected), "row {row}: {got:?} is not {expected:?}");
        }
    }
}

use Reason::FieldInvalid as Invalid;

#[test]
fn every_rule_of_an_application_is_held() {
    let rows: &[Row<Application>] = &[
        (|a| a.region = "Pavlodar".into(), Reason::RegionUnknown, &["application.region: is not"]),
        (
            |a| a.region = "KZ-07".into(),
            Reason::RegionUnknown,
            &["application.region: is no region"],
        ),
        (|a| a.scope = 0, Invalid, &["application.scope: is not stated"]),
        (|a| a.scope = 9, Invalid, &["application.scope: is not stated"]),
        (|a| a.scope = 1, Invalid, &["application.family_members: must be empty"]),
        (|a| a.family_members.clear(), Invalid, &["application.family_members: is required"]),
        (|a| a.applicant = None, Invalid, &["application.applicant: is required"]),
        (|a| a.residence = None, Invalid, &["application.residence: is required"]),
        (|a| a.accepted_by = None, Invalid, &["application.accepted_by: is required"]),
        (
            |a| a.personal_data_consent = false,
            Invalid,
            &["application.personal_data_consent: must be true: without the consent"],
        ),
        (|a| a.signed_date = None, Invalid, &["application.signed_date: is required"]),
        (
            |a| a.signed_date = day(2021, 9, 4),
            Invalid,
            &["application.signed_date: lies after the day of filed_time"],
        ),
        (
            |a| a.signed_date = day(221, 9, 4),
            Invalid,
            &["application.signed_date: lies before the year 2016"],
        ),
        (|a| a.filed_time = None, Invalid, &["application.filed_time: is required"]),
        (
            |a| a.filed_time = stamp("2015-12-31T12:00:00Z"),
            Invalid,
            &["application.filed_time: lies before the year 2016"],
        ),
        (|a| a.documents.clear(), Invalid, &["application.documents: needs a document of kind"]),
        (
            |a| a.documents = vec![document(DocumentKind::Education)],
            Invalid,
            &["application.documents: needs a document of kind DOCUMENT_KIND_IDENTITY"],
        ),
        (
            |a| a.documents = vec![document(DocumentKind::Identity); 51],
            Invalid,
            &["application.documents: has more than 50"],
        ),
        (
            |a| a.family_members = vec![member(); 30],
            Reason::FamilyTooLarge,
            &["application.family_members: has more than 29 members"],
        ),
    ];
    check(&application(), submit, rows);
    let mut largest = application();
    largest.family_members = vec![member(); 29];
    largest.documents = vec![document(DocumentKind::Identity); 50];
    assert_eq!(told(&submit(largest)), (None, vec![]));
}

#[test]
fn every_rule_of_persons_is_held() {
    fn person(a: &mut Application) -> &mut Person {
        a.applicant.as_mut().unwrap()
    }
    let rows: &[Row<Application>] = &[
        (|a| person(a).name = None, Invalid, &["application.applicant.name: is required"]),
        (
            |a| person(a).name = name(""),
            Invalid,
            &["application.applicant.name.surname: is required"],
        ),
        (
            |a| person(a).name = name(&"ә".repeat(121)),
            Invalid,
            &["application.applicant.name.surname: has more than 120 characters"],
        ),
        (
            |a| person(a).name.as_mut().unwrap().patronymic = "Үлгі\u{7}".into(),
            Invalid,
            &["application.applicant.name.patronymic: has control characters"],
        ),
        (|a| person(a).birth_date = None, Invalid, &["application.applicant.birth_date: is req"]),
        (
            |a| person(a).birth_date = day(2021, 9, 4),
            Invalid,
            &["application.applicant.birth_date: lies after the day of signing"],
        ),
        (
            |a| person(a).birth_date = day(1891, 9, 2),
            Invalid,
            &["application.applicant.birth_date: lies before 130 years"],
        ),
        (
            |a| person(a).birth_date = day(1980, 2, 30),
            Invalid,
            &["application.applicant.birth_date: is not a calendar date"],
        ),
        (
            |a| person(a).citizenship_country = "KZ".into(),
            Invalid,
            &["application.applicant.citizenship_country: is KZ: a citizen of Kazakhstan cannot"],
        ),
        (
            |a| person(a).citizenship_country = "Uzbekistan".into(),
            Invalid,
            &["application.applicant.citizenship_country: is not two capital letters"],
        ),
        (
            |a| a.family_members[1].kinship = 0,
            Invalid,
            &["application.family_members[1].kinship: is not stated"],
        ),
        (
            |a| a.family_members[0].birth_date = day(2030, 1, 1),
            Invalid,
            &["application.family_members[0].birth_date: lies after the day of signing"],
        ),
        (
            |a| a.family_members[0].name = None,
            Invalid,
            &["application.family_members[0].name: is required"],
        ),
    ];
    check(&application(), submit, rows);
    let mut stateless = application();
    person(&mut stateless).citizenship_country = String::new();
    person(&mut stateless).birth_date = day(1891, 9, 3);
    assert_eq!(told(&submit(stateless)), (None, vec![]));
}

#[test]
fn every_rule_of_addresses_and_officials_is_held() {
    fn address(a: &mut Application) -> &mut Address {
        a.residence.as_mut().unwrap()
    }
    let rows: &[Row<Application>] = &[
        (|a| address(a).country = String::new(), Invalid, &["application.residence.country: is r"]),
        (|a| address(a).text = "\n".into(), Invalid, &["application.residence.text: has control"]),
        (
            |a| address(a).postal_code = "1".repeat(17),
            Invalid,
            &["application.residence.postal_code: has more than 16"],
        ),
        (
            |a| a.accepted_by.as_mut().unwrap().position = " consul".into(),
            Invalid,
            &["application.accepted_by.position: begins or ends with a space"],
        ),
    ];
    check(&application(), submit, rows);
}

#[test]
fn every_rule_of_documents_is_held() {
    let rows: &[Row<Application>] = &[
        (|a| a.documents[0].title = String::new(), Invalid, &["application.documents[0].title: i"]),
        (
            |a| a.documents[0].number = "1".repeat(65),
            Invalid,
            &["application.documents[0].number: has more than 64"],
        ),
        (
            |a| a.documents[0].content_sha256 = bytes::Bytes::from_static(&[1; 31]),
            Invalid,
            &["application.documents[0].content_sha256: must be the SHA-256"],
        ),
        (
            |a| a.documents[0].size_bytes = 0,
            Invalid,
            &["application.documents[0].size_bytes: must be at least 1"],
        ),
        (
            |a| a.documents[0].media_type = String::new(),
            Invalid,
            &["application.documents[0].media_type: is required"],
        ),
        (
            |a| a.documents.push(document(DocumentKind::Unspecified)),
            Invalid,
            &["application.documents[1].kind: is not stated"],
        ),
    ];
    check(&application(), submit, rows);
}

#[test]
fn every_rule_of_an_application_after_arrival_is_held() {
    let rows: &[Row<ArrivalApplication>] = &[
        (|a| a.region = String::new(), Reason::RegionUnknown, &["application.region: is not"]),
        (
            |a| a.consent_decision_number = String::new(),
            Invalid,
            &["application.consent_decision_number: is required"],
        ),
        (
            |a| a.consent_decision_date = None,
            Invalid,
            &["application.consent_decision_date: is required"],
        ),
        (
            |a| a.kandas_certificate_number = "1".repeat(65),
            Invalid,
            &["application.kandas_certificate_number: has more than 64"],
        ),
        (
            |a| a.kandas_certificate_date = day(2021, 9, 7),
            Invalid,
            &["application.kandas_certificate_date: lies after the day of filed_time"],
        ),
        (
            |a| a.arrival_date = day(2021, 9, 7),
            Invalid,
            &["application.arrival_date: lies after the day of filed_time"],
        ),
        (|a| a.residence = None, Invalid, &["application.residence: is required"]),
        (
            |a| a.residence.as_mut().unwrap().country = "UZ".into(),
            Invalid,
            &["application.residence.country: must be KZ"],
        ),
        (|a| a.person_count = 0, Invalid, &["application.person_count: must be 1 to 30"]),
        (|a| a.person_count = 31, Invalid, &["application.person_count: must be 1 to 30"]),
        (
            |a| a.documents = vec![document(DocumentKind::Identity)],
            Invalid,
            &["application.documents: needs a document of kind DOCUMENT_KIND_CONSENT_DECISION"],
        ),
        (
            |a| a.personal_data_consent = false,
            Invalid,
            &["application.personal_data_consent: must be true"],
        ),
        (
            |a| a.signed_date = day(2021, 9, 7),
            Invalid,
            &["application.signed_date: lies after the day of filed_time"],
        ),
        (|a| a.filed_time = None, Invalid, &["application.filed_time: is required"]),
        (|a| a.accepted_by = None, Invalid, &["application.accepted_by: is required"]),
    ];
    check(&arrival(), arrive, rows);
}

#[test]
fn every_rule_of_a_decision_is_held() {
    fn refused(of: &mut ConsentDecision) -> &mut Refusal {
        of.outcome = Some(consent_decision::Outcome::Refusal(refusal()));
        let Some(consent_decision::Outcome::Refusal(refusal)) = &mut of.outcome else {
            panic!("set just now")
        };
        refusal
    }
    let rows: &[Row<ConsentDecision>] = &[
        (
            |d| d.decision_number = String::new(),
            Invalid,
            &["decision.decision_number: is required"],
        ),
        (|d| d.decision_date = None, Invalid, &["decision.decision_date: is required"]),
        (|d| d.outcome = None, Invalid, &["decision.consent: either this or refusal"]),
        (
            |d| d.outcome = consent(0).outcome,
            Invalid,
            &["decision.consent.person_count: must be 1 to 30"],
        ),
        (
            |d| refused(d).grounds.clear(),
            Reason::GroundsRequired,
            &[
                "decision.refusal.grounds: a refusal states at least one ground (002-EN A1 ¶15; 002-KK App. 2 row 9; 004 App. 2 row 9)",
            ],
        ),
        (
            |d| refused(d).grounds = vec![0],
            Reason::GroundsRequired,
            &["decision.refusal.grounds[0]: is no ground"],
        ),
        (
            |d| refused(d).grounds = vec![1, 2, 1],
            Invalid,
            &["decision.refusal.grounds[2]: is stated twice"],
        ),
        (
            |d| refused(d).reasons.clear(),
            Reason::GroundsRequired,
            &["decision.refusal.reasons: a refusal gives its reasons"],
        ),
        (
            |d| refused(d).reasons = "x".repeat(4001),
            Invalid,
            &["decision.refusal.reasons: has more than 4000 characters"],
        ),
    ];
    check(&consent(3), decide, rows);
}

#[test]
fn every_rule_of_covers_and_handovers_is_held() {
    let rows: &[Row<Dispatch>] = &[
        (
            |d| d.outgoing_number = String::new(),
            Invalid,
            &["dispatch.outgoing_number: is required"],
        ),
        (|d| d.outgoing_date = None, Invalid, &["dispatch.outgoing_date: is required"]),
        (
            |d| d.outgoing_date = day(2021, 9, 7),
            Invalid,
            &["dispatch.outgoing_date: lies after today"],
        ),
        (|d| d.note = "x".repeat(1001), Invalid, &["dispatch.note: has more than 1000"]),
    ];
    check(&cover(), |cover| forward(Some(cover)), rows);
    let rows: &[Row<HandOver>] = &[
        (|h| h.handed_over_time = None, Invalid, &["hand_over.handed_over_time: is required"]),
        (|h| h.manner = 0, Invalid, &["hand_over.manner: is not stated"]),
        (|h| h.recipient = 7, Invalid, &["hand_over.recipient: is not stated"]),
        (
            |h| h.recipient = 2,
            Invalid,
            &[
                "hand_over.representative_name: is required",
                "hand_over.representative_authority: is required",
            ],
        ),
        (
            |h| h.representative_name = name("Тестов"),
            Invalid,
            &["hand_over.representative_name: must be empty"],
        ),
        (
            |h| h.representative_authority = "x".into(),
            Invalid,
            &["hand_over.representative_authority: must be empty"],
        ),
        (|h| h.handed_over_by = None, Invalid, &["hand_over.handed_over_by: is required"]),
    ];
    check(&hand_over(), hand, rows);
}

#[test]
fn all_faults_of_a_message_are_told_at_once() {
    let request = SubmitApplicationRequest {
        request_id: "1".to_owned(),
        application: Some(Application::default()),
    };
    let (reason, violations) = told(&request);
    assert_eq!(reason, Some(Reason::RequestIdInvalid));
    assert_eq!(violations.len(), 10, "{violations:#?}");
    let nothing = SubmitApplicationRequest { request_id: request_id(1), application: None };
    assert_eq!(told(&nothing), (Some(Invalid), vec!["application: is required".to_owned()]));
}

#[test]
fn a_hostile_message_is_told_a_bounded_number_of_faults() {
    let mut hostile = application();
    hostile.family_members = vec![FamilyMember::default(); 29];
    hostile.documents = vec![Document::default(); 50];
    let Err(status::Refusal::Invalid(faults)) = read(&submit(hostile)) else { panic!("taken") };
    assert_eq!(faults.violations().len(), 20);
    assert!(faults.omitted() > 200);
}

#[test]
fn no_value_of_a_message_is_told() {
    let secret = "СЕКРЕТ\u{7}";
    let mut application = application();
    application.region = secret.to_owned();
    application.applicant.as_mut().unwrap().name = name(secret);
    application.applicant.as_mut().unwrap().citizenship_country = secret.to_owned();
    application.applicant.as_mut().unwrap().birth_date = day(1812, 9, 7);
    application.residence.as_mut().unwrap().text = secret.to_owned();
    application.documents[0].title = secret.to_owned();
    let request =
        SubmitApplicationRequest { request_id: secret.to_owned(), application: Some(application) };
    let refusal = read(&request).unwrap_err();
    let status = status::status(&refusal, &roster());
    let text = format!("{status:?}{}", String::from_utf8_lossy(status.details()));
    assert!(!text.contains("СЕКРЕТ") && !text.contains("1812"), "{text}");
}

#[test]
fn text_that_names_no_case_is_a_case_that_is_not_visible() {
    for case_id in ["", "no case", "00000000-0000-0000-0000-000000000000"] {
        let mut request = forward(None);
        request.case_id = case_id.to_owned();
        // Also before any other fault is told.
        request.request_id.clear();
        assert_eq!(told(&request), (Some(Reason::CaseNotVisible), vec![]));
    }
}

#[test]
fn an_application_becomes_its_command() {
    let command = read(&submit(application())).unwrap();
    let CaseAct::Submit(submission) = &command.act else { panic!("{command:?}") };
    assert_eq!(submission.procedure, intake());
    assert_eq!(submission.region.code(), "KZ-55");
    assert_eq!(submission.persons, 3);
    assert_eq!(submission.filed_at, "2021-09-03T05:00:00Z".parse().unwrap());
    assert_eq!(command.request.to_string(), request_id(1));
    assert_eq!(command.case, crate::engine::case_id("mission-uz", command.request));
    assert_eq!(command.body.kind, BodyKind::Application);
    assert_eq!(Application::decode(command.body.content.bytes().unwrap()).unwrap(), application());
}

#[test]
fn decisions_handovers_and_arrivals_become_their_facts() {
    let facts = |command: Command| match command.act {
        CaseAct::Continue(_, facts) => facts,
        CaseAct::Submit(_) => panic!("no case is opened"),
    };
    let ActFacts::Decision(decision) = facts(read(&decide(consent(3))).unwrap()) else {
        panic!("no decision")
    };
    assert_eq!((decision.outcome, decision.persons), (Outcome::Consent, 3));
    assert_eq!(decision.decided_on, jiff::civil::date(2021, 9, 6));

    let refused = InclusionDecision {
        outcome: Some(inclusion_decision::Outcome::Refusal(refusal())),
        ..inclusion(1)
    };
    let request = RecordInclusionDecisionRequest {
        request_id: request_id(1),
        case_id: CASE.to_owned(),
        decision: Some(refused),
    };
    let ActFacts::Decision(decision) = facts(read(&request).unwrap()) else {
        panic!("no decision")
    };
    assert_eq!((decision.outcome, decision.persons), (Outcome::Refusal, 0));
    assert_eq!(decision.grounds, [Ground::NoRegionalQuota]);

    let handed = facts(read(&hand(hand_over())).unwrap());
    assert_eq!(handed, ActFacts::Happened { field: "hand_over.handed_over_time", at: now() });
    let arrived = facts(read(&arrive(arrival())).unwrap());
    assert!(matches!(arrived, ActFacts::Arrival { persons: 3, filed_at, .. } if filed_at == now()));
}

#[test]
fn a_fingerprint_tells_another_act_from_a_repeat() {
    let print =
        |request: &dyn Fn() -> Result<Command, status::Refusal>| request().unwrap().fingerprint;
    let first = print(&|| read(&submit(application())));
    assert_eq!(print(&|| read(&submit(application()))), first);
    // The bulk stream carries the same act.
    let item =
        SubmitApplicationsRequest { request_id: request_id(1), application: Some(application()) };
    assert_eq!(print(&|| read(&item)), first);
    let mut other = application();
    other.residence.as_mut().unwrap().text.push('0');
    assert_ne!(print(&|| read(&submit(other.clone()))), first);

    let bare = print(&|| read(&forward(None)));
    assert_ne!(print(&|| read(&forward(Some(cover())))), bare);
    let mut elsewhere = forward(None);
    elsewhere.case_id = CASE.replace('b', "d");
    assert_ne!(print(&|| read(&elsewhere)), bare);
    // Another act with the same content in the same case.
    let refer = ReferToCommissionRequest {
        request_id: request_id(1),
        case_id: CASE.to_owned(),
        dispatch: None,
    };
    assert_ne!(print(&|| read(&refer)), bare);
}
