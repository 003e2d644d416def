//! The acts of the systems that are asked: the e-government gateway, the digital documents service.

use super::super::Service;
use crate::rpc::proto::gateway::v1 as gateway;
use crate::rpc::proto::gateway::v1::digital_documents_service_server::DigitalDocumentsService;
use crate::rpc::proto::gateway::v1::egov_gateway_service_server::EgovGatewayService;

acts! {
    impl DigitalDocumentsService of gateway {
        answer_digital_documents: AnswerDigitalDocumentsRequest => AnswerDigitalDocumentsResponse;
    }
    lists {}
    streams {}
}

acts! {
    impl EgovGatewayService of gateway {
        answer_state_query: AnswerStateQueryRequest => AnswerStateQueryResponse;
    }
    lists {}
    streams {}
}
