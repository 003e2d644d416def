//! The table of acts and roles: which method of which service carries which paper.

use super::papers::Papers;
use crate::demo::DemoError;
use crate::demo::line::Line;
use crate::domain::party::Role;
use crate::rpc::client::CallError;
use crate::rpc::proto::types::v1::Receipt;
use crate::rpc::proto::{
    akimat, career_centre, commission, employment_centre, employment_commission, gateway,
    migration, mission, portal, quality, statecorp,
};

/// An act, ready to be sent.
pub(super) struct Call<'a> {
    /// The line of the party that acts.
    pub(super) line: &'a Line,
    /// What it is.
    pub(super) role: Role,
    /// The method, in small letters.
    pub(super) method: &'a str,
    /// Minted once for the act.
    pub(super) request_id: String,
    /// The edition asked for, which only a first act states.
    pub(super) edition: &'a str,
    /// The papers of every case it concerns: one, or all of a list.
    pub(super) papers: &'a [Papers<'a>],
}

/// What the bus answers to an act.
pub(super) type Answer = Result<Vec<Receipt>, CallError>;

/// Whether the method takes a list of cases.
pub(super) fn takes_list(method: &str) -> bool {
    ["send-list", "refer-list-to-commission", "record-recommendations"].contains(&method)
}

/// One service for each row of services: first acts, later acts, lists. A first act states its
/// edition, a later one its case, a list its cases and its cover.
macro_rules! services {
    ($($name:ident: $($role:ident)|+, $client:path, $contract:path {
        $(open $open:literal $open_call:ident $open_asked:ident $open_field:ident $open_paper:ident;)*
        $(step $step:literal $step_call:ident $step_asked:ident $($field:ident $paper:ident),+ $(- $absent:ident)?;)*
        $(list $list:literal $list_call:ident $list_asked:ident $list_row:ident $list_field:ident $list_paper:ident;)*
    })*) => {
        /// Sends an act.
        ///
        /// # Errors
        /// [`DemoError`] when the bus is silent or the role has no such method. A refusal is an
        /// answer.
        pub(super) async fn send(call: &Call<'_>) -> Result<Answer, DemoError> {
            $(if [$(Role::$role),+].contains(&call.role) {
                return $name(call).await;
            })*
            Err(call.unknown())
        }

        $(async fn $name(call: &Call<'_>) -> Result<Answer, DemoError> {
            use $client as Client;
            #[allow(unused_imports, reason = "a service may have no requests of some kind")]
            use $contract as contract;
            let mut stub = Client::new(call.line.channel());
            let request_id = call.request_id.clone();
            #[allow(unused_variables, reason = "a service may have no requests of some kind")]
            let [papers, ..] = call.papers else { return Err(call.unknown()) };
            match call.method {
                $($open => {
                    let edition = call.edition.to_owned();
                    let $open_field = Some(papers.$open_paper());
                    let asked = contract::$open_asked { request_id, $open_field, edition };
                    let answer = call.line.wait($open, stub.$open_call(asked)).await?;
                    Ok(answer.map(|answer| answer.into_inner().receipt.into_iter().collect()).map_err(CallError::from))
                })*
                $($step => {
                    let case_id = papers.case_id();
                    $(let $field = Some(papers.$paper());)+
                    let asked = contract::$step_asked { request_id, case_id, $($field,)+ $($absent: None,)? };
                    let answer = call.line.wait($step, stub.$step_call(asked)).await?;
                    Ok(answer.map(|answer| answer.into_inner().receipt.into_iter().collect()).map_err(CallError::from))
                })*
                $($list => {
                    let row = |papers: &Papers<'_>| contract::$list_row {
                        case_id: papers.case_id(),
                        $list_field: Some(papers.$list_paper()),
                    };
                    let entries = call.papers.iter().map(row).collect();
                    let dispatch = Some(papers.cover());
                    let asked = contract::$list_asked { request_id, entries, dispatch };
                    let answer = call.line.wait($list, stub.$list_call(asked)).await?;
                    Ok(answer.map(|answer| answer.into_inner().receipts).map_err(CallError::from))
                })*
                _ => Err(call.unknown()),
            }
        })*
    };
}

services! {
    foreign_mission: ForeignMission,
    mission::v1::foreign_mission_service_client::ForeignMissionServiceClient, mission::v1 {
        open "submit-status-application" submit_status_application SubmitStatusApplicationRequest application status_application;
        step "forward-application" forward_application ForwardApplicationRequest dispatch cover;
        step "hand-over-decision" hand_over_decision HandOverDecisionRequest hand_over hand_over;
    }
    migration_body: MigrationBody,
    migration::v1::migration_body_service_client::MigrationBodyServiceClient, migration::v1 {
        open "register-complaint" register_complaint RegisterComplaintRequest complaint complaint;
        open "register-change" register_change RegisterChangeRequest change change_notice;
        step "forward-application" forward_application ForwardApplicationRequest dispatch cover;
        step "forward-decision" forward_decision ForwardDecisionRequest dispatch cover;
        step "answer-complaint" answer_complaint AnswerComplaintRequest answer complaint_answer;
        step "extend-complaint" extend_complaint ExtendComplaintRequest extension complaint_extension;
        step "notify-extension" notify_extension NotifyExtensionRequest notice extension_notice;
        step "record-court-appeal" record_court_appeal RecordCourtAppealRequest appeal court_appeal;
        step "notify-change" notify_change NotifyChangeRequest dispatch cover;
    }
    akimat_service: Akimat,
    akimat::v1::akimat_service_client::AkimatServiceClient, akimat::v1 {
        open "submit-kandas-application" submit_kandas_application SubmitKandasApplicationRequest application kandas_application;
        open "submit-one-application" submit_one_application SubmitOneApplicationRequest application kandas_application;
        open "submit-in-migrant-application" submit_in_migrant_application SubmitInMigrantApplicationRequest application in_migrant_application;
        open "submit-extension-application" submit_extension_application SubmitExtensionApplicationRequest application extension_application;
        open "register-complaint" register_complaint RegisterComplaintRequest complaint complaint;
        open "send-proposal" send_proposal SendProposalRequest proposal proposal;
        open "publish-settlement-list" publish_settlement_list PublishSettlementListRequest list settlement_list;
        step "register-application" register_application RegisterApplicationRequest entry registration;
        step "confirm-acceptance" confirm_acceptance ConfirmAcceptanceRequest notice acceptance_notice;
        step "refuse-to-accept" refuse_to_accept RefuseToAcceptRequest refusal_receipt refusal_receipt;
        step "query-state-systems" query_state_systems QueryStateSystemsRequest query state_query;
        step "query-digital-documents" query_digital_documents QueryDigitalDocumentsRequest query documents_query;
        step "refer-to-commission" refer_to_commission ReferToCommissionRequest dispatch cover;
        step "send-consent-decision" send_consent_decision SendConsentDecisionRequest dispatch cover;
        step "register-arrival" register_arrival RegisterArrivalRequest application arrival_application;
        step "hand-over-inclusion-decision" hand_over_inclusion_decision HandOverInclusionDecisionRequest hand_over signed_hand_over;
        step "give-preliminary-notice" give_preliminary_notice GivePreliminaryNoticeRequest notice preliminary_notice;
        step "record-objection" record_objection RecordObjectionRequest objection objection;
        step "record-hearing" record_hearing RecordHearingRequest hearing hearing;
        step "postpone-hearing" postpone_hearing PostponeHearingRequest postponement postponement;
        step "record-hearing-outcome" record_hearing_outcome RecordHearingOutcomeRequest outcome hearing_outcome;
        step "record-quota-decision" record_quota_decision RecordQuotaDecisionRequest decision quota_decision;
        step "record-status-decision" record_status_decision RecordStatusDecisionRequest decision status_decision;
        step "record-extension-decision" record_extension_decision RecordExtensionDecisionRequest decision extension_decision;
        step "send-decision" send_decision SendDecisionRequest dispatch cover, head_signature signature - signed_document;
        step "forward-decision" forward_decision ForwardDecisionRequest dispatch cover;
        step "publish-result" publish_result PublishResultRequest publication publication;
        step "issue-certificate" issue_certificate IssueCertificateRequest certificate certificate;
        step "record-arrival" record_arrival RecordArrivalRequest arrival arrival_record;
        step "notify-applicant" notify_applicant NotifyApplicantRequest notification notification;
        step "record-service-result" record_service_result RecordServiceResultRequest result service_result;
        step "answer-complaint" answer_complaint AnswerComplaintRequest answer complaint_answer;
        step "extend-complaint" extend_complaint ExtendComplaintRequest extension complaint_extension;
        step "notify-extension" notify_extension NotifyExtensionRequest notice extension_notice;
        step "record-court-appeal" record_court_appeal RecordCourtAppealRequest appeal court_appeal;
        list "refer-list-to-commission" refer_list_to_commission ReferListToCommissionRequest ReferListToCommissionEntry line list_entry;
        list "send-list" send_list SendListRequest SendListEntry line list_entry;
    }
    kandas_commission: Commission,
    commission::v1::commission_service_client::CommissionServiceClient, commission::v1 {
        step "record-consent-decision" record_consent_decision RecordConsentDecisionRequest decision consent_decision;
        step "record-inclusion-decision" record_inclusion_decision RecordInclusionDecisionRequest decision inclusion_decision;
        step "record-quota-decision" record_quota_decision RecordQuotaDecisionRequest decision quota_decision;
        step "record-recommendation" record_recommendation RecordRecommendationRequest recommendation recommendation;
        list "record-recommendations" record_recommendations RecordRecommendationsRequest RecordRecommendationsEntry recommendation recommendation;
    }
    regional_commission: EmploymentCommission,
    employment_commission::v1::employment_commission_service_client::EmploymentCommissionServiceClient,
    employment_commission::v1 {
        step "record-recommendation" record_recommendation RecordRecommendationRequest recommendation recommendation;
        list "record-recommendations" record_recommendations RecordRecommendationsRequest RecordRecommendationsEntry recommendation recommendation;
    }
    state_corporation: StateCorporation,
    statecorp::v1::state_corporation_service_client::StateCorporationServiceClient, statecorp::v1 {
        open "submit-kandas-application" submit_kandas_application SubmitKandasApplicationRequest application kandas_application;
        open "submit-one-application" submit_one_application SubmitOneApplicationRequest application kandas_application;
        open "submit-in-migrant-application" submit_in_migrant_application SubmitInMigrantApplicationRequest application in_migrant_application;
        open "submit-status-application" submit_status_application SubmitStatusApplicationRequest application status_application;
        open "submit-extension-application" submit_extension_application SubmitExtensionApplicationRequest application extension_application;
        step "register-arrival" register_arrival RegisterArrivalRequest application arrival_application;
        step "query-state-systems" query_state_systems QueryStateSystemsRequest query state_query;
        step "query-digital-documents" query_digital_documents QueryDigitalDocumentsRequest query documents_query;
        step "certify-copies" certify_copies CertifyCopiesRequest copies certified_copies;
        step "confirm-acceptance" confirm_acceptance ConfirmAcceptanceRequest acceptance_receipt acceptance_receipt;
        step "refuse-to-accept" refuse_to_accept RefuseToAcceptRequest refusal_receipt refusal_receipt;
        step "forward-application" forward_application ForwardApplicationRequest dispatch cover;
        step "hand-over-decision" hand_over_decision HandOverDecisionRequest hand_over hand_over;
        step "notify-applicant" notify_applicant NotifyApplicantRequest notification notification;
        step "reissue-certificate" reissue_certificate ReissueCertificateRequest reissue certificate_reissue;
        step "record-service-result" record_service_result RecordServiceResultRequest result service_result;
    }
    centre_of_employment: EmploymentCentre,
    employment_centre::v1::employment_centre_service_client::EmploymentCentreServiceClient,
    employment_centre::v1 {
        open "submit-in-migrant-application" submit_in_migrant_application SubmitInMigrantApplicationRequest application in_migrant_application;
        open "submit-kandas-application" submit_kandas_application SubmitKandasApplicationRequest application kandas_application;
        step "query-state-systems" query_state_systems QueryStateSystemsRequest query state_query;
        step "refuse-to-accept" refuse_to_accept RefuseToAcceptRequest refusal_receipt refusal_receipt;
        step "forward-application" forward_application ForwardApplicationRequest dispatch cover;
        step "notify-applicant" notify_applicant NotifyApplicantRequest notification notification;
        step "hand-over-decision" hand_over_decision HandOverDecisionRequest hand_over hand_over;
    }
    centre_of_careers: CareerCentre,
    career_centre::v1::career_centre_service_client::CareerCentreServiceClient, career_centre::v1 {
        open "submit-in-migrant-application" submit_in_migrant_application SubmitInMigrantApplicationRequest application in_migrant_application;
        step "query-state-systems" query_state_systems QueryStateSystemsRequest query state_query;
        step "query-digital-documents" query_digital_documents QueryDigitalDocumentsRequest query documents_query;
        step "confirm-acceptance" confirm_acceptance ConfirmAcceptanceRequest notice acceptance_notice;
        step "refuse-to-accept" refuse_to_accept RefuseToAcceptRequest refusal_receipt refusal_receipt;
        step "hand-over-decision" hand_over_decision HandOverDecisionRequest hand_over hand_over;
        list "send-list" send_list SendListRequest SendListEntry line list_entry;
    }
    any_portal: MigrationPortal | EgovPortal | MobileApp,
    portal::v1::portal_service_client::PortalServiceClient, portal::v1 {
        open "submit-kandas-application" submit_kandas_application SubmitKandasApplicationRequest application kandas_application;
        open "submit-in-migrant-application" submit_in_migrant_application SubmitInMigrantApplicationRequest application in_migrant_application;
        open "submit-status-application" submit_status_application SubmitStatusApplicationRequest application status_application;
        step "forward-application" forward_application ForwardApplicationRequest dispatch cover;
        step "confirm-acceptance" confirm_acceptance ConfirmAcceptanceRequest status acceptance_status;
        step "publish-result" publish_result PublishResultRequest publication publication;
    }
    egov_gateway: EgovGateway,
    gateway::v1::egov_gateway_service_client::EgovGatewayServiceClient, gateway::v1 {
        step "answer-state-query" answer_state_query AnswerStateQueryRequest answer state_answer;
    }
    digital_documents: DigitalDocuments,
    gateway::v1::digital_documents_service_client::DigitalDocumentsServiceClient, gateway::v1 {
        step "answer-digital-documents" answer_digital_documents AnswerDigitalDocumentsRequest answer documents_answer;
    }
    quality_body: QualityBody,
    quality::v1::quality_body_service_client::QualityBodyServiceClient, quality::v1 {
        open "register-complaint" register_complaint RegisterComplaintRequest complaint complaint;
        step "answer-complaint" answer_complaint AnswerComplaintRequest answer complaint_answer;
        step "extend-complaint" extend_complaint ExtendComplaintRequest extension complaint_extension;
        step "notify-extension" notify_extension NotifyExtensionRequest notice extension_notice;
        step "record-court-appeal" record_court_appeal RecordCourtAppealRequest appeal court_appeal;
    }
}

/// The application of the 2021 edition through a mission, whose request names no edition.
pub(super) async fn submit_abroad(call: &Call<'_>) -> Result<Answer, DemoError> {
    use mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
    let [papers, ..] = call.papers else { return Err(call.unknown()) };
    let mut stub = ForeignMissionServiceClient::new(call.line.channel());
    let asked = mission::v1::SubmitApplicationRequest {
        request_id: call.request_id.clone(),
        application: Some(papers.application()),
    };
    let answer = call.line.wait("submit-application", stub.submit_application(asked)).await?;
    Ok(answer
        .map(|answer| answer.into_inner().receipt.into_iter().collect())
        .map_err(CallError::from))
}

impl Call<'_> {
    fn unknown(&self) -> DemoError {
        self.line.lacks(&format!("the method {} for the role {}", self.method, self.role))
    }
}
