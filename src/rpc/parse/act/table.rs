//! Which act each request is, and what it carries. A request of the contracts that is in none of
//! these tables does not build into its service.

use prost::Message as _;

use super::list::{Entries, List, ListRequest};
use super::{
    ActRequest, Continuation, OpeningRequest, Signed, arrived, handed_over, passed_on, submit,
};
use crate::domain::{Act, ActFacts, BodyKind, Command, ProcedureKey};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::{Asked, decision, forms};
use crate::rpc::proto::forms::v1::{self as messages, form};
use crate::rpc::proto::types::v1::SignedDocument;
use crate::rpc::proto::{
    akimat::v1 as akimat, career_centre::v1 as career_centre, commission::v1 as commission,
    employment_centre::v1 as employment_centre, employment_commission::v1 as employment_commission,
    gateway::v1 as gateway, migration::v1 as migration, mission::v1 as mission,
    portal::v1 as portal, quality::v1 as quality, statecorp::v1 as statecorp,
};
use crate::rpc::status::Refusal;

/// Each form as the one that it is of all forms.
macro_rules! all_forms {
    ($($form:ident,)*) => {$(
        impl From<messages::$form> for form::Form {
            fn from(form: messages::$form) -> Self {
                Self::$form(form)
            }
        }
    )*};
}

all_forms! {
    KandasApplication, InMigrantApplication, StatusApplication, ExtensionApplication,
    RegistrationEntry, AcceptanceReceipt, AcceptanceNotice, AcceptanceStatus, RefusalReceipt,
    CertifiedCopies, StateQuery, StateAnswer, DigitalDocumentsQuery, DigitalDocumentsAnswer,
    ListEntry, Recommendation, QuotaDecision, StatusDecision, ExtensionDecision,
    PreliminaryNotice, Objection, HearingRecord, HearingPostponement, HearingOutcome,
    Notification, ResultPublication, KandasCertificate, CertificateReissue, ArrivalRecord,
    ServiceResult, Complaint, ComplaintAnswer, ComplaintExtension, ExtensionNotice, CourtAppeal,
    ChangeNotice, Proposal, SettlementList,
}

/// `request => act, field: check;` for an act in a case that is open, whose form stands in `field`.
/// The form of one that may be signed has the field that is named at the end.
macro_rules! forms_in_a_case {
    ($($request:path => $act:ident, $field:ident: $check:ident $(, $signed:ident)?;)*) => {$(
        impl ActRequest for $request {
            fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
                let Self { request_id, case_id, $field } = self;
                let of = Continuation { act: Act::$act, request_id, case_id, asked };
                of.form($field.as_ref(), stringify!($field), forms::$check)
            }
            $(
                fn $signed(&self) -> Option<&SignedDocument> {
                    self.$field.as_ref()?.$signed.as_ref()
                }
            )?
        }
    )*};
}

forms_in_a_case! {
    akimat::RegisterApplicationRequest => RegisterApplication, entry: registration_entry;
    akimat::ConfirmAcceptanceRequest => ConfirmAcceptance, notice: acceptance_notice;
    akimat::RefuseToAcceptRequest => RefuseToAccept, refusal_receipt: refusal_receipt, signed_document;
    akimat::QueryStateSystemsRequest => QueryStateSystems, query: state_query;
    akimat::QueryDigitalDocumentsRequest => QueryDigitalDocuments, query: digital_documents_query;
    akimat::GivePreliminaryNoticeRequest => GivePreliminaryNotice, notice: preliminary_notice;
    akimat::RecordObjectionRequest => RecordObjection, objection: objection;
    akimat::RecordHearingRequest => RecordHearing, hearing: hearing_record;
    akimat::PostponeHearingRequest => PostponeHearing, postponement: hearing_postponement;
    akimat::RecordHearingOutcomeRequest => RecordHearingOutcome, outcome: hearing_outcome, signed_document;
    akimat::RecordQuotaDecisionRequest => RecordDecision, decision: quota_decision, signed_document;
    akimat::RecordStatusDecisionRequest => RecordDecision, decision: status_decision, signed_document;
    akimat::RecordExtensionDecisionRequest => RecordDecision, decision: extension_decision, signed_document;
    akimat::PublishResultRequest => PublishResult, publication: result_publication, signed_document;
    akimat::IssueCertificateRequest => IssueCertificate, certificate: kandas_certificate;
    akimat::RecordArrivalRequest => RecordArrival, arrival: arrival_record;
    akimat::NotifyApplicantRequest => NotifyApplicant, notification: notification;
    akimat::RecordServiceResultRequest => RecordServiceResult, result: service_result;
    akimat::AnswerComplaintRequest => AnswerComplaint, answer: complaint_answer;
    akimat::ExtendComplaintRequest => ExtendComplaint, extension: complaint_extension;
    akimat::NotifyExtensionRequest => NotifyExtension, notice: extension_notice;
    akimat::RecordCourtAppealRequest => RecordCourtAppeal, appeal: court_appeal;
    career_centre::QueryStateSystemsRequest => QueryStateSystems, query: state_query;
    career_centre::QueryDigitalDocumentsRequest => QueryDigitalDocuments, query: digital_documents_query;
    career_centre::ConfirmAcceptanceRequest => ConfirmAcceptance, notice: acceptance_notice;
    career_centre::RefuseToAcceptRequest => RefuseToAccept, refusal_receipt: refusal_receipt, signed_document;
    commission::RecordQuotaDecisionRequest => RecordInclusionDecision, decision: commission_quota_decision, signed_document;
    commission::RecordRecommendationRequest => RecordRecommendation, recommendation: recommendation;
    employment_centre::QueryStateSystemsRequest => QueryStateSystems, query: state_query;
    employment_centre::RefuseToAcceptRequest => RefuseToAccept, refusal_receipt: refusal_receipt, signed_document;
    employment_centre::NotifyApplicantRequest => NotifyApplicant, notification: notification;
    employment_commission::RecordRecommendationRequest => RecordRecommendation, recommendation: recommendation;
    gateway::AnswerStateQueryRequest => AnswerQuery, answer: state_answer;
    gateway::AnswerDigitalDocumentsRequest => AnswerDigitalDocuments, answer: digital_documents_answer;
    migration::AnswerComplaintRequest => AnswerComplaint, answer: complaint_answer;
    migration::ExtendComplaintRequest => ExtendComplaint, extension: complaint_extension;
    migration::NotifyExtensionRequest => NotifyExtension, notice: extension_notice;
    migration::RecordCourtAppealRequest => RecordCourtAppeal, appeal: court_appeal;
    portal::ConfirmAcceptanceRequest => ConfirmAcceptance, status: acceptance_status;
    portal::PublishResultRequest => PublishResult, publication: result_publication, signed_document;
    quality::AnswerComplaintRequest => AnswerComplaint, answer: complaint_answer;
    quality::ExtendComplaintRequest => ExtendComplaint, extension: complaint_extension;
    quality::NotifyExtensionRequest => NotifyExtension, notice: extension_notice;
    quality::RecordCourtAppealRequest => RecordCourtAppeal, appeal: court_appeal;
    statecorp::QueryStateSystemsRequest => QueryStateSystems, query: state_query;
    statecorp::QueryDigitalDocumentsRequest => QueryDigitalDocuments, query: digital_documents_query;
    statecorp::CertifyCopiesRequest => CertifyCopies, copies: certified_copies, signed_document;
    statecorp::ConfirmAcceptanceRequest => ConfirmAcceptance, acceptance_receipt: acceptance_receipt;
    statecorp::RefuseToAcceptRequest => RefuseToAccept, refusal_receipt: refusal_receipt, signed_document;
    statecorp::NotifyApplicantRequest => NotifyApplicant, notification: notification;
    statecorp::ReissueCertificateRequest => ReissueCertificate, reissue: certificate_reissue;
    statecorp::RecordServiceResultRequest => RecordServiceResult, result: service_result;
}

/// `request => act of service, field: check, check_in;` for a form that opens a case. The second
/// check holds it against the edition.
macro_rules! forms_that_open_a_case {
    ($($request:path => $act:ident of $service:literal, $field:ident: $check:path, $check_in:path;)*) => {$(
        impl ActRequest for $request {
            fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
                let Self { request_id, $field, edition } = self;
                let (act, service) = (Act::$act, $service);
                let of = OpeningRequest { act, service, request_id, edition, asked };
                of.command($field.as_ref(), stringify!($field), $check, $check_in)
            }
        }
    )*};
}

forms_that_open_a_case! {
    akimat::SubmitKandasApplicationRequest => SubmitApplication of "kandas",
        application: forms::kandas_application, forms::kandas_application_in;
    akimat::SubmitOneApplicationRequest => SubmitApplication of "one-application",
        application: forms::one_application, any_edition;
    akimat::SubmitInMigrantApplicationRequest => SubmitApplication of "in-migrant",
        application: forms::in_migrant_application, forms::in_migrant_application_in;
    akimat::SubmitExtensionApplicationRequest => SubmitApplication of "extension",
        application: forms::extension_application, any_edition;
    akimat::RegisterComplaintRequest => RegisterComplaint of "complaint",
        complaint: forms::complaint, any_edition;
    akimat::SendProposalRequest => SendProposal of "proposal",
        proposal: forms::proposal, any_edition;
    akimat::PublishSettlementListRequest => PublishSettlementList of "settlement-list",
        list: forms::settlement_list, any_edition;
    career_centre::SubmitInMigrantApplicationRequest => SubmitApplication of "in-migrant",
        application: forms::in_migrant_application, forms::in_migrant_application_in;
    employment_centre::SubmitKandasApplicationRequest => SubmitApplication of "kandas",
        application: forms::kandas_application, forms::kandas_application_in;
    employment_centre::SubmitInMigrantApplicationRequest => SubmitApplication of "in-migrant",
        application: forms::in_migrant_application, forms::in_migrant_application_in;
    migration::RegisterComplaintRequest => RegisterComplaint of "complaint",
        complaint: forms::complaint, any_edition;
    migration::RegisterChangeRequest => RegisterChange of "change-notice",
        change: forms::change_notice, any_edition;
    mission::SubmitStatusApplicationRequest => SubmitApplication of "status",
        application: forms::status_application, any_edition;
    portal::SubmitKandasApplicationRequest => SubmitApplication of "kandas",
        application: forms::kandas_application, forms::kandas_application_in;
    portal::SubmitInMigrantApplicationRequest => SubmitApplication of "in-migrant",
        application: forms::in_migrant_application, forms::in_migrant_application_in;
    portal::SubmitStatusApplicationRequest => SubmitApplication of "status",
        application: forms::status_application, any_edition;
    quality::RegisterComplaintRequest => RegisterComplaint of "complaint",
        complaint: forms::complaint, any_edition;
    statecorp::SubmitKandasApplicationRequest => SubmitApplication of "kandas",
        application: forms::kandas_application, forms::kandas_application_in;
    statecorp::SubmitOneApplicationRequest => SubmitApplication of "one-application",
        application: forms::one_application, any_edition;
    statecorp::SubmitInMigrantApplicationRequest => SubmitApplication of "in-migrant",
        application: forms::in_migrant_application, forms::in_migrant_application_in;
    statecorp::SubmitStatusApplicationRequest => SubmitApplication of "status",
        application: forms::status_application, any_edition;
    statecorp::SubmitExtensionApplicationRequest => SubmitApplication of "extension",
        application: forms::extension_application, any_edition;
}

/// For a form that is the same in every edition.
fn any_edition<M>(_: &mut Faults, _: &Path<'_>, _: &M, _: &ProcedureKey) {}

/// `request => act;` for an act that passes something on, with or without a cover.
macro_rules! passed_on {
    ($($request:path => $act:ident;)*) => {$(
        impl ActRequest for $request {
            fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
                let Self { request_id, case_id, dispatch } = self;
                let of = Continuation { act: Act::$act, request_id, case_id, asked };
                passed_on(&of, dispatch.as_ref(), Signed::default())
            }
        }
    )*};
}

passed_on! {
    akimat::ReferToCommissionRequest => ReferToCommission;
    akimat::SendConsentDecisionRequest => SendConsentDecision;
    akimat::ForwardDecisionRequest => ForwardDecision;
    employment_centre::ForwardApplicationRequest => ForwardApplication;
    migration::ForwardApplicationRequest => ForwardApplication;
    migration::ForwardDecisionRequest => ForwardDecision;
    migration::NotifyChangeRequest => NotifyChange;
    mission::ForwardApplicationRequest => ForwardApplication;
    portal::ForwardApplicationRequest => ForwardApplication;
    statecorp::ForwardApplicationRequest => ForwardApplication;
}

impl ActRequest for akimat::SendDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, dispatch, head_signature, signed_document } = self;
        let of = Continuation { act: Act::SendDecision, request_id, case_id, asked };
        let (head_signature, signed_document) = (head_signature.as_ref(), signed_document.as_ref());
        passed_on(&of, dispatch.as_ref(), Signed { head_signature, signed_document })
    }

    fn signed_document(&self) -> Option<&SignedDocument> {
        self.signed_document.as_ref()
    }
}

/// `request => act;` for a decision that came into the applicant's hands.
macro_rules! handed_over {
    ($($request:path => $act:ident;)*) => {$(
        impl ActRequest for $request {
            fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
                let Self { request_id, case_id, hand_over } = self;
                let of = Continuation { act: Act::$act, request_id, case_id, asked };
                handed_over(&of, hand_over.as_ref())
            }
        }
    )*};
}

handed_over! {
    akimat::HandOverInclusionDecisionRequest => HandOverInclusionDecision;
    career_centre::HandOverDecisionRequest => HandOverDecision;
    employment_centre::HandOverDecisionRequest => HandOverDecision;
    mission::HandOverDecisionRequest => HandOverDecision;
    statecorp::HandOverDecisionRequest => HandOverDecision;
}

/// `request of entry => act, field: check;` for a list.
macro_rules! lists {
    ($($request:path, $entry:path => $act:ident, $field:ident: $check:ident;)*) => {$(
        impl ListRequest for $request {
            fn list(&self, asked: Asked<'_>) -> Result<List, Refusal> {
                let Self { request_id, entries, dispatch } = self;
                let mut read = Vec::with_capacity(entries.len());
                for $entry { case_id, $field } in entries {
                    read.push((case_id.as_str(), $field.as_ref()));
                }
                let list = Entries {
                    act: Act::$act,
                    request_id,
                    cover: dispatch.as_ref(),
                    entries: read,
                    name: stringify!($field),
                    whole: Self { request_id: String::new(), ..self.clone() }.encode_to_vec(),
                    asked,
                };
                list.list(forms::$check)
            }
        }
    )*};
}

lists! {
    akimat::ReferListToCommissionRequest, akimat::ReferListToCommissionEntry =>
        ReferToCommission, line: list_entry;
    akimat::SendListRequest, akimat::SendListEntry => SendList, line: list_entry;
    career_centre::SendListRequest, career_centre::SendListEntry => SendList, line: list_entry;
    commission::RecordRecommendationsRequest, commission::RecordRecommendationsEntry =>
        RecordRecommendation, recommendation: recommendation;
    employment_commission::RecordRecommendationsRequest, employment_commission::RecordRecommendationsEntry =>
        RecordRecommendation, recommendation: recommendation;
}

// The way through a mission (2021) has messages of its own.

impl ActRequest for mission::SubmitApplicationRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, application } = self;
        submit(request_id, application.as_ref(), asked)
    }
}

/// An item of the bulk stream is the same act: sent again alone, it gets the same receipt.
impl ActRequest for mission::SubmitApplicationsRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, application } = self;
        submit(request_id, application.as_ref(), asked)
    }
}

impl ActRequest for akimat::RegisterArrivalRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, application } = self;
        let of = Continuation { act: Act::RegisterArrival, request_id, case_id, asked };
        arrived(&of, application.as_ref())
    }
}

impl ActRequest for statecorp::RegisterArrivalRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, application } = self;
        let of = Continuation { act: Act::RegisterArrival, request_id, case_id, asked };
        arrived(&of, application.as_ref())
    }
}

impl ActRequest for commission::RecordConsentDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, decision } = self;
        let of = Continuation { act: Act::RecordConsentDecision, request_id, case_id, asked };
        let kind = BodyKind::ConsentDecision;
        of.command(kind, decision.as_ref(), "decision", |faults, at, it, _| {
            decision::consent(faults, at, it).map(ActFacts::Decision)
        })
    }

    fn signed_document(&self) -> Option<&SignedDocument> {
        self.decision.as_ref()?.signed_document.as_ref()
    }
}

impl ActRequest for commission::RecordInclusionDecisionRequest {
    fn command(&self, asked: Asked<'_>) -> Result<Command, Refusal> {
        let Self { request_id, case_id, decision } = self;
        let of = Continuation { act: Act::RecordInclusionDecision, request_id, case_id, asked };
        let kind = BodyKind::InclusionDecision;
        of.command(kind, decision.as_ref(), "decision", |faults, at, it, _| {
            decision::inclusion(faults, at, it).map(ActFacts::Decision)
        })
    }

    fn signed_document(&self) -> Option<&SignedDocument> {
        self.decision.as_ref()?.signed_document.as_ref()
    }
}
