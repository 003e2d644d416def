//! Every way a call can fail, and the code, reason and details that it is told with.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt;

use super::samples::{caller, roster};
use crate::domain::act::Act;
use crate::domain::ids::IdError;
use crate::domain::rejection::GROUND_OF_ANOTHER_EDITION;
use crate::domain::term::{CountMode, Term, TermError};
use crate::domain::{Actor, CaseId, OpenHop, Rejection, Sequence};
use crate::engine::{EngineError, ReadError};
use crate::index::IndexError;
use crate::rpc::parse::fault::Faults;
use crate::rpc::reason::Reason;
use crate::rpc::status::*;
use crate::trust::identity::IdentityError;

const CASE: CaseId = CaseId([0x5a; 16]);

fn reason_of(status: &tonic::Status) -> String {
    let info = status.get_details_error_info().expect("every refusal has its ErrorInfo");
    assert_eq!(info.domain, "kopir");
    assert!(!info.metadata["remedy"].is_empty());
    info.reason
}

fn act(error: EngineError) -> Refusal {
    Refusal::Act { act: Act::ForwardApplication, case: CASE, error }
}

fn rejections() -> Vec<(Rejection, Reason)> {
    let date = jiff::civil::date(2031, 1, 1);
    let calendar =
        crate::domain::calendar::CalendarError::OutOfRange { date, first: date, last: date };
    let mismatch = TermError::CountMismatch { term: Term::None, count: CountMode::From };
    let procedure = crate::domain::ProcedureKey {
        procedure: "kandas-mission".parse().unwrap(),
        edition: "2021".parse().unwrap(),
    };
    let name = IdError::Name { text: "x".into(), kind: "hop id", limit: 12 };
    vec![
        (Rejection::CaseNotVisible, Reason::CaseNotVisible),
        (Rejection::RoleNotAllowed(Act::SubmitApplication), Reason::RoleNotAllowed),
        (Rejection::DeliveryUnknown(Sequence(1)), Reason::DeliveryUnknown),
        (
            Rejection::OutOfOrder { act: Act::ForwardApplication, open: vec![] },
            Reason::ActOutOfOrder,
        ),
        (Rejection::RequestReused(crate::domain::RequestId([1; 16])), Reason::RequestIdReused),
        (Rejection::RegionUnknown("KZ-10".parse().unwrap()), Reason::RegionUnknown),
        (Rejection::ProcedureUnknown(procedure), Reason::InternalFault),
        (Rejection::ConsentExpired { decided_on: date, valid_until: date }, Reason::ConsentExpired),
        (Rejection::GroundsRequired, Reason::GroundsRequired),
        (Rejection::GroundsNotAllowed("not known"), Reason::FieldInvalid),
        (Rejection::GroundsNotAllowed(GROUND_OF_ANOTHER_EDITION), Reason::ActNotOfEdition),
        (Rejection::OutcomeNotAllowed(Act::ForwardApplication), Reason::FieldInvalid),
        (Rejection::Field { field: "decision", rule: "is wrong" }, Reason::FieldInvalid),
        (Rejection::Term(TermError::Calendar(calendar)), Reason::OutsideCalendar),
        (Rejection::Term(TermError::BeyondTime { from: date }), Reason::OutsideCalendar),
        (Rejection::Term(mismatch), Reason::InternalFault),
        (Rejection::Term(TermError::ServiceDueMissing), Reason::InternalFault),
        (Rejection::Term(TermError::ZoneUnknown { name: "x".into() }), Reason::InternalFault),
        (Rejection::Id(IdError::NotUuid), Reason::RequestIdInvalid),
        (Rejection::Id(IdError::Nil), Reason::RequestIdInvalid),
        (Rejection::Id(name), Reason::FieldInvalid),
    ]
}

#[test]
fn every_refusal_has_its_reason_and_code() {
    let idle = Duration::from_secs(60);
    let invalid = Faults::one("x", Reason::FamilyTooLarge, "is too large");
    let mut refusals = vec![
        (Refusal::Unidentified, Reason::CertificateUnknownParty),
        (Refusal::PartyNotAllowed, Reason::PartyNotAllowed),
        (Refusal::CaseNotVisible, Reason::CaseNotVisible),
        (Refusal::DeliveryUnknown, Reason::DeliveryUnknown),
        (Refusal::PageTokenInvalid, Reason::PageTokenInvalid),
        (Refusal::ProcedureUnknown, Reason::ProcedureUnknown),
        (Refusal::HopUnknown, Reason::HopUnknown),
        (Refusal::SandboxOnly, Reason::SandboxOnly),
        (Refusal::Invalid(invalid), Reason::FamilyTooLarge),
        (Refusal::MessageTooLarge, Reason::MessageTooLarge),
        (Refusal::MessageUnreadable, Reason::FieldInvalid),
        (Refusal::StreamIdle(idle), Reason::StreamIdle),
        (act(EngineError::Overloaded), Reason::Overloaded),
        (act(EngineError::DiskFull), Reason::DiskFull),
        (act(EngineError::MemoryShort), Reason::MemoryShort),
        (act(EngineError::QueueFull), Reason::QueueFull),
        (act(EngineError::Stopped), Reason::BusStopping),
        (act(EngineError::Fault("x")), Reason::InternalFault),
        (Refusal::Acknowledgement(EngineError::Stopped), Reason::BusStopping),
        (Refusal::Read(ReadError::Missing(Sequence(9))), Reason::InternalFault),
        (Refusal::Index(IndexError::Closed), Reason::InternalFault),
        (Refusal::Fault("x"), Reason::InternalFault),
    ];
    for (rejection, reason) in rejections() {
        refusals.push((act(EngineError::Rejected(rejection.clone())), reason));
        refusals.push((Refusal::Acknowledgement(EngineError::Rejected(rejection)), reason));
    }
    let roster = roster();
    for (refusal, reason) in refusals {
        let told = status(&refusal, &roster);
        assert_eq!(reason_of(&told), reason.name(), "{refusal:?}");
        assert_eq!(told.code(), reason.code(), "{refusal:?}");
        let retries = told.get_details_retry_info().is_some();
        let waiting_helps = matches!(
            reason,
            Reason::Overloaded
                | Reason::DiskFull
                | Reason::MemoryShort
                | Reason::QueueFull
                | Reason::BusStopping
                | Reason::RateLimited
        );
        assert_eq!(retries, waiting_helps, "{refusal:?}");
        // The item of a stream is told the same.
        let item = item_status(&refusal, &roster);
        assert_eq!((item.code, &item.message[..]), (told.code() as i32, told.message()));
        assert!(!item.details.is_empty());
    }
}

#[test]
fn refusals_of_the_layers_are_in_the_catalogue() {
    let wait = Duration::from_millis(500);
    let role = crate::domain::party::Role::Akimat;
    for (told, reason) in [
        (no_caller(), Reason::CertificateUnknownParty),
        (unknown_party(&IdentityError::Absent), Reason::CertificateUnknownParty),
        (role_not_allowed(role), Reason::RoleNotAllowed),
        (rate_limited(wait), Reason::RateLimited),
        (overloaded(wait), Reason::Overloaded),
        (message_too_large(1024), Reason::MessageTooLarge),
    ] {
        assert_eq!(reason_of(&told), reason.name());
        assert_eq!(told.code(), reason.code());
    }
    let told = rate_limited(wait).get_details_retry_info().unwrap();
    assert_eq!(told.retry_delay, Some(wait));
}

#[test]
fn an_act_out_of_order_is_told_what_is_open_for_whom_and_until_when() {
    let roster = roster();
    let holder = caller(&roster, "committee").party;
    let receiver = caller(&roster, "akimat-kz-55").party;
    let open = |hop: &str, holder, due_at, awaiting_receipt| OpenHop {
        hop: hop.parse().unwrap(),
        act: Act::ForwardApplication,
        from: Actor::Applicant,
        holder,
        due_at,
        awaiting_receipt,
    };
    let due = "2021-09-13T18:00:00Z".parse().ok();
    let rejection = Rejection::OutOfOrder {
        act: Act::ForwardDecision,
        open: vec![open("K21B-03", holder, due, false), open("K21B-04", receiver, None, true)],
    };
    let told = status(&act(EngineError::Rejected(rejection)), &roster);
    assert_eq!(told.code(), Code::FailedPrecondition);
    let failed = told.get_details_precondition_failure().unwrap();
    let lines: Vec<_> = failed
        .violations
        .iter()
        .map(|v| format!("{} {} {}", v.r#type, v.subject, v.description))
        .collect();
    assert_eq!(
        lines,
        [
            format!(
                "OPEN_HOP {CASE}/K21B-03 forward-application is open to migration-body \
                 committee; due 2021-09-13T18:00:00Z"
            ),
            format!(
                "OPEN_HOP {CASE}/K21B-04 forward-application is on its way: akimat \
                 akimat-kz-55 has to acknowledge the delivery; no due time"
            ),
        ]
    );
}

#[test]
fn a_field_that_only_the_case_can_judge_is_named_as_in_the_contract() {
    let roster = roster();
    for (act, field) in [
        (Act::RecordConsentDecision, "decision.consent.person_count"),
        (Act::RecordInclusionDecision, "decision.inclusion.person_count"),
    ] {
        let rejection = Rejection::Field { field: "decision.person_count", rule: "is wrong" };
        let error = EngineError::Rejected(rejection);
        let told = status(&Refusal::Act { act, case: CASE, error }, &roster);
        let violations = told.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
        assert_eq!(violations[0].reason, "FIELD_INVALID");
    }
}

#[test]
fn what_the_transport_refuses_is_told_in_the_words_of_the_contract() {
    let roster = roster();
    let told = of_transport(tonic::Status::out_of_range("too long"), &roster);
    assert_eq!(reason_of(&told), "MESSAGE_TOO_LARGE");
    let told = of_transport(tonic::Status::internal("failed to decode"), &roster);
    assert_eq!(reason_of(&told), "FIELD_INVALID");
    assert_eq!(told.code(), Code::InvalidArgument);
    // What has its details, or is the transport's alone, stays as it is.
    let ours = status(&Refusal::Fault("x"), &roster);
    assert_eq!(reason_of(&of_transport(ours, &roster)), "INTERNAL_FAULT");
    let gone = of_transport(tonic::Status::cancelled("gone"), &roster);
    assert_eq!((gone.code(), gone.message()), (Code::Cancelled, "gone"));
}
