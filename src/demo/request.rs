//! The ten acts as requests: each can be sent, and sent again as it is.

use super::DemoError;
use super::line::Line;
use crate::rpc::proto::akimat::v1 as akimat;
use crate::rpc::proto::akimat::v1::akimat_service_client::AkimatServiceClient;
use crate::rpc::proto::commission::v1 as commission;
use crate::rpc::proto::commission::v1::commission_service_client::CommissionServiceClient;
use crate::rpc::proto::migration::v1 as migration;
use crate::rpc::proto::migration::v1::migration_body_service_client::MigrationBodyServiceClient;
use crate::rpc::proto::mission::v1 as mission;
use crate::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use crate::rpc::proto::types::v1 as types;

/// An act, ready to be sent.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// K21B-02.
    Submit(mission::SubmitApplicationRequest),
    /// K21B-03.
    ForwardApplication(migration::ForwardApplicationRequest),
    /// K21B-04 and K21B-10.
    Refer(akimat::ReferToCommissionRequest),
    /// K21B-05.
    Consent(commission::RecordConsentDecisionRequest),
    /// K21B-06.
    SendConsent(akimat::SendConsentDecisionRequest),
    /// K21B-07.
    ForwardDecision(migration::ForwardDecisionRequest),
    /// K21B-08.
    HandOver(mission::HandOverDecisionRequest),
    /// K21B-09.
    Register(akimat::RegisterArrivalRequest),
    /// K21B-11.
    Inclusion(commission::RecordInclusionDecisionRequest),
    /// K21B-12.
    HandOverInclusion(akimat::HandOverInclusionDecisionRequest),
}

/// Sends a request and waits for its receipt.
pub(super) async fn send(line: &Line, request: Request) -> Result<types::Receipt, DemoError> {
    let mission = || ForeignMissionServiceClient::new(line.channel());
    let committee = || MigrationBodyServiceClient::new(line.channel());
    let akimat = || AkimatServiceClient::new(line.channel());
    let commission = || CommissionServiceClient::new(line.channel());
    let receipt = match request {
        Request::Submit(request) => {
            line.ask("submitting", mission().submit_application(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::ForwardApplication(request) => {
            line.ask("forwarding", committee().forward_application(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::Refer(request) => {
            line.ask("referring", akimat().refer_to_commission(request)).await?.into_inner().receipt
        }
        Request::Consent(request) => {
            line.ask("a decision", commission().record_consent_decision(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::SendConsent(request) => {
            line.ask("sending a decision", akimat().send_consent_decision(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::ForwardDecision(request) => {
            line.ask("forwarding a decision", committee().forward_decision(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::HandOver(request) => {
            line.ask("handing over", mission().hand_over_decision(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::Register(request) => {
            line.ask("an arrival", akimat().register_arrival(request)).await?.into_inner().receipt
        }
        Request::Inclusion(request) => {
            line.ask("an inclusion", commission().record_inclusion_decision(request))
                .await?
                .into_inner()
                .receipt
        }
        Request::HandOverInclusion(request) => {
            let mut akimat = akimat();
            let call = akimat.hand_over_inclusion_decision(request);
            line.ask("handing over an inclusion", call).await?.into_inner().receipt
        }
    };
    receipt.ok_or_else(|| line.lacks("a receipt"))
}

impl Request {
    /// A mission sends an application on.
    pub(super) fn submit(request_id: String, application: types::Application) -> Self {
        let application = Some(application);
        Self::Submit(mission::SubmitApplicationRequest { request_id, application })
    }

    /// The authorised body sends an application on.
    pub(super) fn forward_application(
        request_id: String,
        case_id: String,
        cover: types::Dispatch,
    ) -> Self {
        let dispatch = Some(cover);
        let request = migration::ForwardApplicationRequest { request_id, case_id, dispatch };
        Self::ForwardApplication(request)
    }

    /// An akimat puts an application before its commission.
    pub(super) fn refer(request_id: String, case_id: String, cover: types::Dispatch) -> Self {
        let dispatch = Some(cover);
        Self::Refer(akimat::ReferToCommissionRequest { request_id, case_id, dispatch })
    }

    /// A commission decides before entry.
    pub(super) fn consent(
        request_id: String,
        case_id: String,
        decision: types::ConsentDecision,
    ) -> Self {
        let decision = Some(decision);
        Self::Consent(commission::RecordConsentDecisionRequest { request_id, case_id, decision })
    }

    /// An akimat sends a decision on.
    pub(super) fn send_consent(
        request_id: String,
        case_id: String,
        cover: types::Dispatch,
    ) -> Self {
        let dispatch = Some(cover);
        Self::SendConsent(akimat::SendConsentDecisionRequest { request_id, case_id, dispatch })
    }

    /// The authorised body sends a decision on.
    pub(super) fn forward_decision(
        request_id: String,
        case_id: String,
        cover: types::Dispatch,
    ) -> Self {
        let dispatch = Some(cover);
        Self::ForwardDecision(migration::ForwardDecisionRequest { request_id, case_id, dispatch })
    }

    /// A mission has handed a decision over.
    pub(super) fn hand_over(request_id: String, case_id: String, record: types::HandOver) -> Self {
        let hand_over = Some(record);
        Self::HandOver(mission::HandOverDecisionRequest { request_id, case_id, hand_over })
    }

    /// An akimat takes in the application after arrival.
    pub(super) fn register(
        request_id: String,
        case_id: String,
        application: types::ArrivalApplication,
    ) -> Self {
        let application = Some(application);
        Self::Register(akimat::RegisterArrivalRequest { request_id, case_id, application })
    }

    /// A commission decides after arrival.
    pub(super) fn inclusion(
        request_id: String,
        case_id: String,
        decision: types::InclusionDecision,
    ) -> Self {
        let decision = Some(decision);
        let request = commission::RecordInclusionDecisionRequest { request_id, case_id, decision };
        Self::Inclusion(request)
    }

    /// An akimat has handed the last decision over.
    pub(super) fn hand_over_inclusion(
        request_id: String,
        case_id: String,
        record: types::HandOver,
    ) -> Self {
        let hand_over = Some(record);
        let request = akimat::HandOverInclusionDecisionRequest { request_id, case_id, hand_over };
        Self::HandOverInclusion(request)
    }
}
