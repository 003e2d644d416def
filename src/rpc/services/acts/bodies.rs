//! The acts of the bodies that decide, advise and answer: the authorised body, the commissions, the
//! quality body.

use super::super::Service;
use crate::rpc::proto::commission::v1 as commission;
use crate::rpc::proto::commission::v1::commission_service_server::CommissionService;
use crate::rpc::proto::employment_commission::v1 as employment_commission;
use crate::rpc::proto::employment_commission::v1::employment_commission_service_server::EmploymentCommissionService;
use crate::rpc::proto::migration::v1 as migration;
use crate::rpc::proto::migration::v1::migration_body_service_server::MigrationBodyService;
use crate::rpc::proto::quality::v1 as quality;
use crate::rpc::proto::quality::v1::quality_body_service_server::QualityBodyService;

acts! {
    impl MigrationBodyService of migration {
        forward_application: ForwardApplicationRequest => ForwardApplicationResponse;
        forward_decision: ForwardDecisionRequest => ForwardDecisionResponse;
        register_complaint: RegisterComplaintRequest => RegisterComplaintResponse;
        answer_complaint: AnswerComplaintRequest => AnswerComplaintResponse;
        extend_complaint: ExtendComplaintRequest => ExtendComplaintResponse;
        notify_extension: NotifyExtensionRequest => NotifyExtensionResponse;
        record_court_appeal: RecordCourtAppealRequest => RecordCourtAppealResponse;
        register_change: RegisterChangeRequest => RegisterChangeResponse;
        notify_change: NotifyChangeRequest => NotifyChangeResponse;
    }
    lists {}
    streams {}
}

acts! {
    impl CommissionService of commission {
        record_consent_decision: RecordConsentDecisionRequest => RecordConsentDecisionResponse;
        record_inclusion_decision: RecordInclusionDecisionRequest => RecordInclusionDecisionResponse;
        record_quota_decision: RecordQuotaDecisionRequest => RecordQuotaDecisionResponse;
        record_recommendation: RecordRecommendationRequest => RecordRecommendationResponse;
    }
    lists {
        record_recommendations: RecordRecommendationsRequest => RecordRecommendationsResponse;
    }
    streams {}
}

acts! {
    impl EmploymentCommissionService of employment_commission {
        record_recommendation: RecordRecommendationRequest => RecordRecommendationResponse;
    }
    lists {
        record_recommendations: RecordRecommendationsRequest => RecordRecommendationsResponse;
    }
    streams {}
}

acts! {
    impl QualityBodyService of quality {
        register_complaint: RegisterComplaintRequest => RegisterComplaintResponse;
        answer_complaint: AnswerComplaintRequest => AnswerComplaintResponse;
        extend_complaint: ExtendComplaintRequest => ExtendComplaintResponse;
        notify_extension: NotifyExtensionRequest => NotifyExtensionResponse;
        record_court_appeal: RecordCourtAppealRequest => RecordCourtAppealResponse;
    }
    lists {}
    streams {}
}
