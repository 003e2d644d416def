//! The acts of a mission, and its bulk stream: many applications on one call, each an act of its own.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::super::pipeline::{Limits, Pipeline};
use super::super::{Bus, Service};
use crate::rpc::Caller;
use crate::rpc::parse::act::ActRequest;
use crate::rpc::proto::mission::v1 as mission;
use crate::rpc::proto::mission::v1::foreign_mission_service_server::ForeignMissionService;
use crate::rpc::proto::mission::v1::submit_applications_response::Result as ItemResult;
use crate::rpc::status::{Refusal, item_status, of_transport};

/// The answers to the items of the bulk stream.
type Answers =
    Pin<Box<dyn Stream<Item = Result<mission::SubmitApplicationsResponse, Status>> + Send>>;

acts! {
    impl ForeignMissionService of mission {
        submit_application: SubmitApplicationRequest => SubmitApplicationResponse;
        hand_over_decision: HandOverDecisionRequest => HandOverDecisionResponse;
        submit_status_application: SubmitStatusApplicationRequest => SubmitStatusApplicationResponse;
        forward_application: ForwardApplicationRequest => ForwardApplicationResponse;
    }
    lists {}
    streams {
        type SubmitApplicationsStream = Answers;

        async fn submit_applications(
            &self,
            request: Request<Streaming<mission::SubmitApplicationsRequest>>,
        ) -> Result<Response<Answers>, Status> {
            let bus = Arc::clone(&self.0);
            let caller = Arc::new(bus.caller(&request)?);
            let inbound = bus.until_stop(request);
            Ok(Response::new(answers(bus, caller, inbound)))
        }
    }
}

/// Answers each item as its act becomes durable.
fn answers<In>(bus: Arc<Bus>, caller: Arc<Caller>, inbound: In) -> Answers
where
    In: Stream<Item = Result<mission::SubmitApplicationsRequest, Status>> + Unpin + Send + 'static,
{
    let limits = Limits { window: bus.streams.bulk_window_acts, idle: bus.streams.idle };
    let idle = bus.refuse(&Refusal::StreamIdle(limits.idle));
    let roster = Arc::clone(&bus);
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
    Box::pin(Pipeline::new(inbound, start, explain, limits, idle))
}

/// One item of the bulk stream: its fate is its own.
pub(in super::super) async fn submit(
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
