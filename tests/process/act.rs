//! An act with the id that was minted for it once, and what may come back when it is sent.

use kopir::rpc::proto::akimat::v1::akimat_service_client::AkimatServiceClient;
use kopir::rpc::proto::akimat::v1::{
    HandOverInclusionDecisionRequest, ReferToCommissionRequest, RegisterArrivalRequest,
    SendConsentDecisionRequest,
};
use kopir::rpc::proto::commission::v1::commission_service_client::CommissionServiceClient;
use kopir::rpc::proto::commission::v1::{
    RecordConsentDecisionRequest, RecordInclusionDecisionRequest,
};
use kopir::rpc::proto::migration::v1::migration_body_service_client::MigrationBodyServiceClient;
use kopir::rpc::proto::migration::v1::{ForwardApplicationRequest, ForwardDecisionRequest};
use kopir::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use kopir::rpc::proto::mission::v1::{HandOverDecisionRequest, SubmitApplicationRequest};
use kopir::rpc::proto::types::v1::Receipt;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::{ErrorDetails, StatusExt as _};

/// One act of any party, ready to be sent and to be sent again.
#[derive(Clone, Debug)]
pub enum Act {
    Submit(SubmitApplicationRequest),
    ForwardApplication(ForwardApplicationRequest),
    Refer(ReferToCommissionRequest),
    DecideConsent(RecordConsentDecisionRequest),
    SendConsent(SendConsentDecisionRequest),
    ForwardDecision(ForwardDecisionRequest),
    HandOver(HandOverDecisionRequest),
    Arrive(RegisterArrivalRequest),
    DecideInclusion(RecordInclusionDecisionRequest),
    HandOverInclusion(HandOverInclusionDecisionRequest),
}

/// Sends one request of one service and takes the receipt out of its answer.
macro_rules! send {
    ($client:ident, $channel:expr, $method:ident, $request:expr) => {
        $client::new($channel).$method($request.clone()).await?.into_inner().receipt
    };
}

impl Act {
    /// The id under which it may be repeated for ever.
    pub fn request_id(&self) -> &str {
        match self {
            Self::Submit(request) => &request.request_id,
            Self::ForwardApplication(request) => &request.request_id,
            Self::Refer(request) => &request.request_id,
            Self::DecideConsent(request) => &request.request_id,
            Self::SendConsent(request) => &request.request_id,
            Self::ForwardDecision(request) => &request.request_id,
            Self::HandOver(request) => &request.request_id,
            Self::Arrive(request) => &request.request_id,
            Self::DecideInclusion(request) => &request.request_id,
            Self::HandOverInclusion(request) => &request.request_id,
        }
    }

    /// Sends it by the method that the contract has for it.
    pub async fn send(&self, channel: Channel) -> Result<Receipt, Status> {
        let receipt = match self {
            Self::Submit(request) => {
                send!(ForeignMissionServiceClient, channel, submit_application, request)
            }
            Self::ForwardApplication(request) => {
                send!(MigrationBodyServiceClient, channel, forward_application, request)
            }
            Self::Refer(request) => {
                send!(AkimatServiceClient, channel, refer_to_commission, request)
            }
            Self::DecideConsent(request) => {
                send!(CommissionServiceClient, channel, record_consent_decision, request)
            }
            Self::SendConsent(request) => {
                send!(AkimatServiceClient, channel, send_consent_decision, request)
            }
            Self::ForwardDecision(request) => {
                send!(MigrationBodyServiceClient, channel, forward_decision, request)
            }
            Self::HandOver(request) => {
                send!(ForeignMissionServiceClient, channel, hand_over_decision, request)
            }
            Self::Arrive(request) => {
                send!(AkimatServiceClient, channel, register_arrival, request)
            }
            Self::DecideInclusion(request) => {
                send!(CommissionServiceClient, channel, record_inclusion_decision, request)
            }
            Self::HandOverInclusion(request) => {
                send!(AkimatServiceClient, channel, hand_over_inclusion_decision, request)
            }
        };
        Ok(receipt.expect("an answer carries its receipt"))
    }

    /// The same id with other content, which nobody may send.
    pub fn forged(&self) -> Self {
        let mut forged = self.clone();
        match &mut forged {
            Self::Submit(request) => {
                let application = request.application.as_mut().expect("complete");
                application.documents[0].title.push_str(", forged");
            }
            Self::ForwardApplication(request) => forge_cover(&mut request.dispatch),
            Self::Refer(request) => forge_cover(&mut request.dispatch),
            Self::DecideConsent(request) => {
                request.decision.as_mut().expect("complete").decision_number.push('F');
            }
            Self::SendConsent(request) => forge_cover(&mut request.dispatch),
            Self::ForwardDecision(request) => forge_cover(&mut request.dispatch),
            Self::HandOver(request) => forge_hand_over(&mut request.hand_over),
            Self::Arrive(request) => {
                let application = request.application.as_mut().expect("complete");
                application.kandas_certificate_number.push('F');
            }
            Self::DecideInclusion(request) => {
                request.decision.as_mut().expect("complete").decision_number.push('F');
            }
            Self::HandOverInclusion(request) => forge_hand_over(&mut request.hand_over),
        }
        forged
    }
}

fn forge_cover(cover: &mut Option<kopir::rpc::proto::types::v1::Dispatch>) {
    cover.as_mut().expect("these tests send covers").outgoing_number.push('F');
}

fn forge_hand_over(hand_over: &mut Option<kopir::rpc::proto::types::v1::HandOver>) {
    let official = hand_over.as_mut().and_then(|act| act.handed_over_by.as_mut());
    official.expect("complete").position.push_str(", forged");
}

/// What an answer that is no receipt means for its sender.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nobody knows whether the act was taken: the connection broke, or the bus says so.
    Unknown,
    /// It was not taken; the same request may be taken later.
    Later(String),
    /// It was refused for this reason.
    Refused(String),
}

/// Reads an error as the contract tells: by the reason in its details, never by its text.
pub fn read(status: &Status) -> Answer {
    let Some(reason) = reason(status) else { return Answer::Unknown };
    match reason.as_str() {
        "BUS_STOPPING" | "INTERNAL_FAULT" => Answer::Unknown,
        "RATE_LIMITED" | "OVERLOADED" | "DISK_FULL" | "MEMORY_SHORT" | "QUEUE_FULL" => {
            Answer::Later(reason)
        }
        _ => Answer::Refused(reason),
    }
}

/// The reason of an error that the bus itself gave.
pub fn reason(status: &Status) -> Option<String> {
    reason_in(&status.get_error_details())
}

/// The reason in the status of an item of a stream.
pub fn item_status(status: &tonic_types::pb::Status) -> Status {
    use prost::Message as _;
    let code = tonic::Code::from(status.code);
    let details = status.encode_to_vec();
    Status::with_details(code, status.message.clone(), details.into())
}

fn reason_in(details: &ErrorDetails) -> Option<String> {
    let info = details.error_info()?;
    assert_eq!(info.domain, "kopir", "the domain of every reason");
    Some(info.reason.clone())
}
