//! Every act of the procedure as one type, so that a test can send, repeat and misdirect any of
//! them in the same way.

use kopir::rpc::proto::akimat::v1::{
    HandOverInclusionDecisionRequest, ReferToCommissionRequest, RegisterArrivalRequest,
    SendConsentDecisionRequest,
};
use kopir::rpc::proto::commission::v1::{
    RecordConsentDecisionRequest, RecordInclusionDecisionRequest,
};
use kopir::rpc::proto::migration::v1::{ForwardApplicationRequest, ForwardDecisionRequest};
use kopir::rpc::proto::mission::v1::{HandOverDecisionRequest, SubmitApplicationRequest};
use kopir::rpc::proto::types::v1::{
    Application, ArrivalApplication, ConsentDecision, HandOver, InclusionDecision, Receipt,
};
use tonic::Status;

use super::{Party, samples};

/// A request of one of the four services.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Submit(SubmitApplicationRequest),
    Forward(ForwardApplicationRequest),
    Refer(ReferToCommissionRequest),
    DecideConsent(RecordConsentDecisionRequest),
    SendConsent(SendConsentDecisionRequest),
    ForwardDecision(ForwardDecisionRequest),
    HandOver(HandOverDecisionRequest),
    Arrive(RegisterArrivalRequest),
    DecideInclusion(RecordInclusionDecisionRequest),
    HandOverInclusion(HandOverInclusionDecisionRequest),
}

/// A request id that no test has used.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl Act {
    pub fn submit(application: Application) -> Self {
        let application = Some(application);
        Self::Submit(SubmitApplicationRequest { request_id: new_id(), application })
    }

    pub fn forward(case_id: &str) -> Self {
        let case_id = case_id.to_owned();
        let dispatch = Some(samples::dispatch("K-17/2023"));
        Self::Forward(ForwardApplicationRequest { request_id: new_id(), case_id, dispatch })
    }

    pub fn refer(case_id: &str) -> Self {
        let case_id = case_id.to_owned();
        let dispatch = Some(samples::dispatch("A-55/101"));
        Self::Refer(ReferToCommissionRequest { request_id: new_id(), case_id, dispatch })
    }

    pub fn decide_consent(case_id: &str, decision: ConsentDecision) -> Self {
        let (case_id, decision) = (case_id.to_owned(), Some(decision));
        Self::DecideConsent(RecordConsentDecisionRequest {
            request_id: new_id(),
            case_id,
            decision,
        })
    }

    pub fn send_consent(case_id: &str) -> Self {
        let case_id = case_id.to_owned();
        let dispatch = Some(samples::dispatch("A-55/102"));
        Self::SendConsent(SendConsentDecisionRequest { request_id: new_id(), case_id, dispatch })
    }

    pub fn forward_decision(case_id: &str) -> Self {
        let case_id = case_id.to_owned();
        // Without a cover, which is optional.
        Self::ForwardDecision(ForwardDecisionRequest {
            request_id: new_id(),
            case_id,
            dispatch: None,
        })
    }

    pub fn hand_over(case_id: &str, hand_over: HandOver) -> Self {
        let (case_id, hand_over) = (case_id.to_owned(), Some(hand_over));
        Self::HandOver(HandOverDecisionRequest { request_id: new_id(), case_id, hand_over })
    }

    pub fn arrive(case_id: &str, application: ArrivalApplication) -> Self {
        let (case_id, application) = (case_id.to_owned(), Some(application));
        Self::Arrive(RegisterArrivalRequest { request_id: new_id(), case_id, application })
    }

    pub fn decide_inclusion(case_id: &str, decision: InclusionDecision) -> Self {
        let (case_id, decision) = (case_id.to_owned(), Some(decision));
        Self::DecideInclusion(RecordInclusionDecisionRequest {
            request_id: new_id(),
            case_id,
            decision,
        })
    }

    pub fn hand_over_inclusion(case_id: &str, hand_over: HandOver) -> Self {
        let (case_id, hand_over) = (case_id.to_owned(), Some(hand_over));
        Self::HandOverInclusion(HandOverInclusionDecisionRequest {
            request_id: new_id(),
            case_id,
            hand_over,
        })
    }

    /// One sound act of each kind about a case, in the order of the procedure. Only one of them
    /// can be in its order; the fields of all are without fault at `now`.
    pub fn one_of_each(case_id: &str, now: &str) -> Vec<Self> {
        let day = &now[..10];
        vec![
            Self::submit(samples::application(now)),
            Self::forward(case_id),
            Self::refer(case_id),
            Self::decide_consent(case_id, samples::consent(day, 3)),
            Self::send_consent(case_id),
            Self::forward_decision(case_id),
            Self::hand_over(case_id, samples::hand_over(now)),
            Self::arrive(case_id, samples::arrival(now, day, 3)),
            Self::decide_inclusion(case_id, samples::inclusion(day, 3)),
            Self::hand_over_inclusion(case_id, samples::hand_over(now)),
        ]
    }

    /// The method that takes it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Submit(_) => "/kopir.mission.v1.ForeignMissionService/SubmitApplication",
            Self::Forward(_) => "/kopir.migration.v1.MigrationBodyService/ForwardApplication",
            Self::Refer(_) => "/kopir.akimat.v1.AkimatService/ReferToCommission",
            Self::DecideConsent(_) => {
                "/kopir.commission.v1.CommissionService/RecordConsentDecision"
            }
            Self::SendConsent(_) => "/kopir.akimat.v1.AkimatService/SendConsentDecision",
            Self::ForwardDecision(_) => "/kopir.migration.v1.MigrationBodyService/ForwardDecision",
            Self::HandOver(_) => "/kopir.mission.v1.ForeignMissionService/HandOverDecision",
            Self::Arrive(_) => "/kopir.akimat.v1.AkimatService/RegisterArrival",
            Self::DecideInclusion(_) => {
                "/kopir.commission.v1.CommissionService/RecordInclusionDecision"
            }
            Self::HandOverInclusion(_) => {
                "/kopir.akimat.v1.AkimatService/HandOverInclusionDecision"
            }
        }
    }

    /// Its request id.
    pub fn request_id(&self) -> &str {
        match self {
            Self::Submit(request) => &request.request_id,
            Self::Forward(request) => &request.request_id,
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

    /// The same act under another request id.
    #[must_use]
    pub fn under(mut self, id: &str) -> Self {
        let request_id = match &mut self {
            Self::Submit(request) => &mut request.request_id,
            Self::Forward(request) => &mut request.request_id,
            Self::Refer(request) => &mut request.request_id,
            Self::DecideConsent(request) => &mut request.request_id,
            Self::SendConsent(request) => &mut request.request_id,
            Self::ForwardDecision(request) => &mut request.request_id,
            Self::HandOver(request) => &mut request.request_id,
            Self::Arrive(request) => &mut request.request_id,
            Self::DecideInclusion(request) => &mut request.request_id,
            Self::HandOverInclusion(request) => &mut request.request_id,
        };
        id.clone_into(request_id);
        self
    }

    /// Sends it over a party's connection, whether or not it is that party's to send.
    pub async fn send(&self, party: &Party) -> Result<Receipt, Status> {
        macro_rules! call {
            ($client:ident . $method:ident, $request:expr) => {
                party.$client().$method($request.clone()).await?.into_inner().receipt
            };
        }
        let receipt = match self {
            Self::Submit(request) => call!(mission.submit_application, request),
            Self::Forward(request) => call!(migration.forward_application, request),
            Self::Refer(request) => call!(akimat.refer_to_commission, request),
            Self::DecideConsent(request) => call!(commission.record_consent_decision, request),
            Self::SendConsent(request) => call!(akimat.send_consent_decision, request),
            Self::ForwardDecision(request) => call!(migration.forward_decision, request),
            Self::HandOver(request) => call!(mission.hand_over_decision, request),
            Self::Arrive(request) => call!(akimat.register_arrival, request),
            Self::DecideInclusion(request) => call!(commission.record_inclusion_decision, request),
            Self::HandOverInclusion(request) => {
                call!(akimat.hand_over_inclusion_decision, request)
            }
        };
        Ok(receipt.expect("an answer without a receipt"))
    }
}
