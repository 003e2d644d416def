//! The acts of an akimat.

use super::super::Service;
use crate::rpc::proto::akimat::v1 as akimat;
use crate::rpc::proto::akimat::v1::akimat_service_server::AkimatService;

acts! {
    impl AkimatService of akimat {
        refer_to_commission: ReferToCommissionRequest => ReferToCommissionResponse;
        send_consent_decision: SendConsentDecisionRequest => SendConsentDecisionResponse;
        register_arrival: RegisterArrivalRequest => RegisterArrivalResponse;
        hand_over_inclusion_decision: HandOverInclusionDecisionRequest => HandOverInclusionDecisionResponse;
        submit_kandas_application: SubmitKandasApplicationRequest => SubmitKandasApplicationResponse;
        submit_one_application: SubmitOneApplicationRequest => SubmitOneApplicationResponse;
        submit_in_migrant_application: SubmitInMigrantApplicationRequest => SubmitInMigrantApplicationResponse;
        submit_extension_application: SubmitExtensionApplicationRequest => SubmitExtensionApplicationResponse;
        register_application: RegisterApplicationRequest => RegisterApplicationResponse;
        confirm_acceptance: ConfirmAcceptanceRequest => ConfirmAcceptanceResponse;
        refuse_to_accept: RefuseToAcceptRequest => RefuseToAcceptResponse;
        query_state_systems: QueryStateSystemsRequest => QueryStateSystemsResponse;
        query_digital_documents: QueryDigitalDocumentsRequest => QueryDigitalDocumentsResponse;
        give_preliminary_notice: GivePreliminaryNoticeRequest => GivePreliminaryNoticeResponse;
        record_objection: RecordObjectionRequest => RecordObjectionResponse;
        record_hearing: RecordHearingRequest => RecordHearingResponse;
        postpone_hearing: PostponeHearingRequest => PostponeHearingResponse;
        record_hearing_outcome: RecordHearingOutcomeRequest => RecordHearingOutcomeResponse;
        record_quota_decision: RecordQuotaDecisionRequest => RecordQuotaDecisionResponse;
        record_status_decision: RecordStatusDecisionRequest => RecordStatusDecisionResponse;
        record_extension_decision: RecordExtensionDecisionRequest => RecordExtensionDecisionResponse;
        send_decision: SendDecisionRequest => SendDecisionResponse;
        forward_decision: ForwardDecisionRequest => ForwardDecisionResponse;
        publish_result: PublishResultRequest => PublishResultResponse;
        issue_certificate: IssueCertificateRequest => IssueCertificateResponse;
        record_arrival: RecordArrivalRequest => RecordArrivalResponse;
        notify_applicant: NotifyApplicantRequest => NotifyApplicantResponse;
        record_service_result: RecordServiceResultRequest => RecordServiceResultResponse;
        register_complaint: RegisterComplaintRequest => RegisterComplaintResponse;
        answer_complaint: AnswerComplaintRequest => AnswerComplaintResponse;
        extend_complaint: ExtendComplaintRequest => ExtendComplaintResponse;
        notify_extension: NotifyExtensionRequest => NotifyExtensionResponse;
        record_court_appeal: RecordCourtAppealRequest => RecordCourtAppealResponse;
        send_proposal: SendProposalRequest => SendProposalResponse;
        publish_settlement_list: PublishSettlementListRequest => PublishSettlementListResponse;
    }
    lists {
        refer_list_to_commission: ReferListToCommissionRequest => ReferListToCommissionResponse;
        send_list: SendListRequest => SendListResponse;
    }
    streams {}
}
