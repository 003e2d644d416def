//! The acts of the four roles. Each method is one act; the bulk stream is the mission's.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::pipeline::{Limits, Pipeline};
use super::{Bus, Service};
use crate::rpc::Caller;
use crate::rpc::parse::act::ActRequest;
use crate::rpc::proto::akimat::v1 as akimat;
use crate::rpc::proto::akimat::v1::akimat_service_server::AkimatService;
use crate::rpc::proto::commission::v1 as commission;
use crate::rpc::proto::commission::v1::commission_service_server::CommissionService;
use crate::rpc::proto::migration::v1 as migration;
use crate::rpc::proto::migration::v1::migration_body_service_server::MigrationBodyService;
use crate::rpc::proto::mission::v1 as mission;
use crate::rpc::proto::mission::v1::foreign_mission_service_server::ForeignMissionService;
use crate::rpc::proto::mission::v1::submit_applications_response::Result as ItemResult;
use crate::rpc::status::{Refusal, item_status, of_transport};

/// The answers to the items of the bulk stream.
type Answers =
    Pin<Box<dyn Stream<Item = Result<mission::SubmitApplicationsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ForeignMissionService for Service {
    async fn submit_application(
        &self,
        request: Request<mission::SubmitApplicationRequest>,
    ) -> Result<Response<mission::SubmitApplicationResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(mission::SubmitApplicationResponse { receipt }))
    }

    async fn submit_applications(
        &self,
        request: Request<Streaming<mission::SubmitApplicationsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = Arc::new(bus.caller(&request)?);
        let limits = Limits { window: bus.streams.bulk_window_acts, idle: bus.streams.idle };
        let idle = bus.refuse(&Refusal::StreamIdle(limits.idle));
        let roster = Arc::clone(&bus);
        let inbound = bus.until_stop(request.into_inner());
        let explain = move |broken| of_transport(broken, roster.engine.roster());
        let room = bus.bulk_room(caller.party);
        let start = move |item| {
            let (bus, caller, room) = (Arc::clone(&bus), Arc::clone(&caller), Arc::clone(&room));
            async move {
                // The room is never closed; were it, the item would go on without.
                let _place = room.acquire().await;
                submit(Arc::clone(&bus), caller, item).await
            }
        };
        let answers = Pipeline::new(inbound, start, explain, limits, idle);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn hand_over_decision(
        &self,
        request: Request<mission::HandOverDecisionRequest>,
    ) -> Result<Response<mission::HandOverDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(mission::HandOverDecisionResponse { receipt }))
    }
}

/// One item of the bulk stream: its fate is its own.
async fn submit(
    bus: Arc<Bus>,
    caller: Arc<Caller>,
    item: mission::SubmitApplicationsRequest,
) -> mission::SubmitApplicationsResponse {
    let command = item.command(bus.asked(&caller));
    let mission::SubmitApplicationsRequest { request_id, application } = item;
    // The command holds the document's bytes; the message would double them while it waits.
    drop(application);
    let taken = match command {
        Ok(command) => bus.act(command).await,
        Err(refusal) => Err(refusal),
    };
    let result = match taken {
        Ok(receipt) => ItemResult::Receipt(receipt),
        Err(refusal) => ItemResult::Status(item_status(&refusal, bus.engine.roster())),
    };
    mission::SubmitApplicationsResponse { request_id, result: Some(result) }
}

#[tonic::async_trait]
impl MigrationBodyService for Service {
    async fn forward_application(
        &self,
        request: Request<migration::ForwardApplicationRequest>,
    ) -> Result<Response<migration::ForwardApplicationResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(migration::ForwardApplicationResponse { receipt }))
    }

    async fn forward_decision(
        &self,
        request: Request<migration::ForwardDecisionRequest>,
    ) -> Result<Response<migration::ForwardDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(migration::ForwardDecisionResponse { receipt }))
    }
}

#[tonic::async_trait]
impl AkimatService for Service {
    async fn refer_to_commission(
        &self,
        request: Request<akimat::ReferToCommissionRequest>,
    ) -> Result<Response<akimat::ReferToCommissionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(akimat::ReferToCommissionResponse { receipt }))
    }

    async fn send_consent_decision(
        &self,
        request: Request<akimat::SendConsentDecisionRequest>,
    ) -> Result<Response<akimat::SendConsentDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(akimat::SendConsentDecisionResponse { receipt }))
    }

    async fn register_arrival(
        &self,
        request: Request<akimat::RegisterArrivalRequest>,
    ) -> Result<Response<akimat::RegisterArrivalResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(akimat::RegisterArrivalResponse { receipt }))
    }

    async fn hand_over_inclusion_decision(
        &self,
        request: Request<akimat::HandOverInclusionDecisionRequest>,
    ) -> Result<Response<akimat::HandOverInclusionDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(akimat::HandOverInclusionDecisionResponse { receipt }))
    }
}

#[tonic::async_trait]
impl CommissionService for Service {
    async fn record_consent_decision(
        &self,
        request: Request<commission::RecordConsentDecisionRequest>,
    ) -> Result<Response<commission::RecordConsentDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(commission::RecordConsentDecisionResponse { receipt }))
    }

    async fn record_inclusion_decision(
        &self,
        request: Request<commission::RecordInclusionDecisionRequest>,
    ) -> Result<Response<commission::RecordInclusionDecisionResponse>, Status> {
        let receipt = Some(self.0.take(request).await?);
        Ok(Response::new(commission::RecordInclusionDecisionResponse { receipt }))
    }
}
