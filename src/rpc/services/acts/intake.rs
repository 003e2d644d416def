//! The acts of those who take applications in: the State Corporation, the centres, the portals.

use super::super::Service;
use crate::rpc::proto::career_centre::v1 as career_centre;
use crate::rpc::proto::career_centre::v1::career_centre_service_server::CareerCentreService;
use crate::rpc::proto::employment_centre::v1 as employment_centre;
use crate::rpc::proto::employment_centre::v1::employment_centre_service_server::EmploymentCentreService;
use crate::rpc::proto::portal::v1 as portal;
use crate::rpc::proto::portal::v1::portal_service_server::PortalService;
use crate::rpc::proto::statecorp::v1 as statecorp;
use crate::rpc::proto::statecorp::v1::state_corporation_service_server::StateCorporationService;

acts! {
    impl StateCorporationService of statecorp {
        submit_kandas_application: SubmitKandasApplicationRequest => SubmitKandasApplicationResponse;
        submit_one_application: SubmitOneApplicationRequest => SubmitOneApplicationResponse;
        submit_in_migrant_application: SubmitInMigrantApplicationRequest => SubmitInMigrantApplicationResponse;
        submit_status_application: SubmitStatusApplicationRequest => SubmitStatusApplicationResponse;
        submit_extension_application: SubmitExtensionApplicationRequest => SubmitExtensionApplicationResponse;
        register_arrival: RegisterArrivalRequest => RegisterArrivalResponse;
        query_state_systems: QueryStateSystemsRequest => QueryStateSystemsResponse;
        query_digital_documents: QueryDigitalDocumentsRequest => QueryDigitalDocumentsResponse;
        certify_copies: CertifyCopiesRequest => CertifyCopiesResponse;
        confirm_acceptance: ConfirmAcceptanceRequest => ConfirmAcceptanceResponse;
        refuse_to_accept: RefuseToAcceptRequest => RefuseToAcceptResponse;
        forward_application: ForwardApplicationRequest => ForwardApplicationResponse;
        hand_over_decision: HandOverDecisionRequest => HandOverDecisionResponse;
        notify_applicant: NotifyApplicantRequest => NotifyApplicantResponse;
        reissue_certificate: ReissueCertificateRequest => ReissueCertificateResponse;
        record_service_result: RecordServiceResultRequest => RecordServiceResultResponse;
    }
    lists {}
    streams {}
}

acts! {
    impl EmploymentCentreService of employment_centre {
        submit_in_migrant_application: SubmitInMigrantApplicationRequest => SubmitInMigrantApplicationResponse;
        submit_kandas_application: SubmitKandasApplicationRequest => SubmitKandasApplicationResponse;
        query_state_systems: QueryStateSystemsRequest => QueryStateSystemsResponse;
        refuse_to_accept: RefuseToAcceptRequest => RefuseToAcceptResponse;
        forward_application: ForwardApplicationRequest => ForwardApplicationResponse;
        notify_applicant: NotifyApplicantRequest => NotifyApplicantResponse;
        hand_over_decision: HandOverDecisionRequest => HandOverDecisionResponse;
    }
    lists {}
    streams {}
}

acts! {
    impl CareerCentreService of career_centre {
        submit_in_migrant_application: SubmitInMigrantApplicationRequest => SubmitInMigrantApplicationResponse;
        query_state_systems: QueryStateSystemsRequest => QueryStateSystemsResponse;
        query_digital_documents: QueryDigitalDocumentsRequest => QueryDigitalDocumentsResponse;
        confirm_acceptance: ConfirmAcceptanceRequest => ConfirmAcceptanceResponse;
        refuse_to_accept: RefuseToAcceptRequest => RefuseToAcceptResponse;
        hand_over_decision: HandOverDecisionRequest => HandOverDecisionResponse;
    }
    lists {
        send_list: SendListRequest => SendListResponse;
    }
    streams {}
}

acts! {
    impl PortalService of portal {
        submit_kandas_application: SubmitKandasApplicationRequest => SubmitKandasApplicationResponse;
        submit_in_migrant_application: SubmitInMigrantApplicationRequest => SubmitInMigrantApplicationResponse;
        submit_status_application: SubmitStatusApplicationRequest => SubmitStatusApplicationResponse;
        forward_application: ForwardApplicationRequest => ForwardApplicationResponse;
        confirm_acceptance: ConfirmAcceptanceRequest => ConfirmAcceptanceResponse;
        publish_result: PublishResultRequest => PublishResultResponse;
    }
    lists {}
    streams {}
}
