//! The loops that send acts and take deliveries, shared by the parts.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use super::BenchError;
use super::bus::Bus;
use super::latency::Times;
use super::load::Applications;
use super::site::MISSION;
use crate::rpc::client::BusChannel;
use crate::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use crate::rpc::proto::inbox::v1::{
    Delivery, DeliveryAcknowledgement, InboxOpening, OpenInboxRequest, open_inbox_request,
    open_inbox_response,
};
use crate::rpc::proto::migration::v1::ForwardApplicationRequest;
use crate::rpc::proto::migration::v1::migration_body_service_client::MigrationBodyServiceClient;
use crate::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use crate::rpc::proto::mission::v1::{
    SubmitApplicationRequest, SubmitApplicationsRequest, submit_applications_response,
};
use crate::rpc::proto::types::v1::Rung;

/// What fills a bus before it is measured.
const FILL_IN_FLIGHT: usize = 512;
const FILL_TIMEOUT: Duration = Duration::from_secs(600);
/// Deliveries that the receiver of the bench holds unacknowledged at most: what the bus allows.
const WINDOW: usize = 1_024;
/// How the bulk method is called in an error.
pub(super) const BULK: &str = "SubmitApplications";
const UNARY: &str = "SubmitApplication";
pub(super) const INBOX: &str = "OpenInbox";
const FORWARD: &str = "ForwardApplication";

/// Hands out the numbers of the acts to send: so many, and not after the end of the time.
#[derive(Debug)]
pub(super) struct Supply {
    next: AtomicU64,
    end: u64,
    until: Instant,
}

impl Supply {
    pub(super) fn new(from: u64, count: u64, longest: Duration) -> Arc<Self> {
        let until = Instant::now() + longest;
        Arc::new(Self { next: AtomicU64::new(from), end: from.saturating_add(count), until })
    }

    fn take(&self) -> Option<u64> {
        if Instant::now() >= self.until {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }
}

/// Sends acts as calls, `in_flight` at once, spread over the connections.
pub(super) async fn unary(
    channels: &[BusChannel],
    in_flight: usize,
    all: &Applications,
    supply: &Arc<Supply>,
) -> Result<Times, BenchError> {
    let mut callers = JoinSet::new();
    for channel in channels.iter().cycle().take(in_flight) {
        let (channel, all, supply) = (channel.clone(), all.clone(), Arc::clone(supply));
        callers.spawn(async move {
            let mut mission = ForeignMissionServiceClient::new(channel);
            let mut times = Times::new()?;
            while let Some(number) = supply.take() {
                let request = SubmitApplicationRequest {
                    request_id: all.request_id(number),
                    application: Some(all.application(number)),
                };
                let sent = Instant::now();
                let answer = mission.submit_application(request).await;
                let answer = answer.map_err(BenchError::call(UNARY))?.into_inner();
                answer.receipt.ok_or(BenchError::Incomplete { what: UNARY })?;
                times.take(sent.elapsed());
            }
            Ok(times)
        });
    }
    gather(callers).await
}

/// Sends acts on one bulk stream a connection, `in_flight` at once over all of them.
pub(super) async fn bulk(
    channels: &[BusChannel],
    in_flight: usize,
    all: &Applications,
    supply: &Arc<Supply>,
) -> Result<Times, BenchError> {
    let mut streams = JoinSet::new();
    for (at, channel) in channels.iter().enumerate() {
        // What does not divide evenly goes to the first streams.
        let share = (in_flight + channels.len() - 1 - at) / channels.len();
        if share > 0 {
            let (channel, all, supply) = (channel.clone(), all.clone(), Arc::clone(supply));
            streams.spawn(async move { bulk_stream(channel, share, &all, &supply).await });
        }
    }
    gather(streams).await
}

/// One act is sent for each that is answered, once the first `in_flight` are out.
async fn bulk_stream(
    channel: BusChannel,
    in_flight: usize,
    all: &Applications,
    supply: &Supply,
) -> Result<Times, BenchError> {
    let (send, requests) = mpsc::channel(in_flight);
    let mut mission = ForeignMissionServiceClient::new(channel);
    let mut times = Times::new()?;
    let mut awaited = HashMap::with_capacity(in_flight);
    let put = |awaited: &mut HashMap<u64, Instant>| {
        let number = supply.take()?;
        let request = request(all, number);
        awaited.insert(number, Instant::now());
        // There is room: never more than `in_flight` are unanswered.
        send.try_send(request).ok()
    };
    for _ in 0..in_flight {
        if put(&mut awaited).is_none() {
            break;
        }
    }
    let answers = mission.submit_applications(ReceiverStream::new(requests)).await;
    let mut answers = answers.map_err(BenchError::call(BULK))?.into_inner();
    while !awaited.is_empty() {
        let answer = answers.message().await.map_err(BenchError::call(BULK))?;
        let answer = answer.ok_or(BenchError::Incomplete { what: BULK })?;
        let number = accepted(answer.request_id, answer.result)?;
        let sent = awaited.remove(&number).ok_or(BenchError::Incomplete { what: BULK })?;
        times.take(sent.elapsed());
        // None once the supply has ended.
        put(&mut awaited);
    }
    // Closed by the sender and ended by the bus, so that nothing is left half-way.
    drop(send);
    match answers.message().await.map_err(BenchError::call(BULK))? {
        None => Ok(times),
        Some(_) => Err(BenchError::Incomplete { what: BULK }),
    }
}

/// The item of the bulk stream with a number.
pub(super) fn request(all: &Applications, number: u64) -> SubmitApplicationsRequest {
    SubmitApplicationsRequest {
        request_id: all.request_id(number),
        application: Some(all.application(number)),
    }
}

/// The number of an accepted item.
pub(super) fn accepted(
    request_id: String,
    result: Option<submit_applications_response::Result>,
) -> Result<u64, BenchError> {
    match result {
        Some(submit_applications_response::Result::Receipt(_)) => {
            Applications::number(&request_id).ok_or(BenchError::Incomplete { what: BULK })
        }
        Some(submit_applications_response::Result::Status(status)) => {
            Err(BenchError::Refused { what: BULK, answer: status.message })
        }
        None => Err(BenchError::Incomplete { what: BULK }),
    }
}

async fn gather(mut tasks: JoinSet<Result<Times, BenchError>>) -> Result<Times, BenchError> {
    let mut times = Times::new()?;
    while let Some(done) = tasks.join_next().await {
        times.add(&done??);
    }
    Ok(times)
}

/// Fills the migration body's inbox with applications, as fast as they are taken.
pub(super) async fn fill(bus: &Bus<'_>, all: &Applications, count: u64) -> Result<(), BenchError> {
    let supply = Supply::new(0, count, FILL_TIMEOUT);
    let times = bulk(&bus.connections(MISSION, 1).await?, FILL_IN_FLIGHT, all, &supply).await?;
    if times.count() < count {
        return Err(bus.too_slow("take the applications to begin with", FILL_TIMEOUT));
    }
    Ok(())
}

/// What a receiver was told of running terms between its deliveries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) notices: u64,
    pub(super) rungs: u64,
    /// Rungs of these that are breaches.
    pub(super) breaches: u64,
}

/// Takes and acknowledges the next `count` acts on one stream, and the notices between them; `seen`
/// is called with each act as it arrives. Tells how many notices there were.
pub(super) async fn drain(
    channel: BusChannel,
    count: u64,
    mut seen: impl FnMut(&Delivery),
) -> Result<Told, BenchError> {
    // Room for the opening and for an acknowledgement of all that may be unacknowledged.
    let (send, requests) = mpsc::channel(WINDOW + 1);
    let put = |message| {
        let request = OpenInboxRequest { message: Some(message) };
        send.try_send(request).map_err(|_| BenchError::Incomplete { what: INBOX })
    };
    let window = i32::try_from(WINDOW).unwrap_or(i32::MAX);
    let opening = InboxOpening { window, party_id: String::new() };
    put(open_inbox_request::Message::Opening(opening))?;
    let mut inbox = InboxServiceClient::new(channel);
    let answers = inbox.open_inbox(ReceiverStream::new(requests)).await;
    let mut answers = answers.map_err(BenchError::call(INBOX))?.into_inner();
    let (mut taken, mut told, mut confirmed) = (0, Told::default(), 0);
    while confirmed < count + told.notices {
        let answer = answers.message().await.map_err(BenchError::call(INBOX))?;
        match answer.and_then(|answer| answer.message) {
            Some(open_inbox_response::Message::Delivery(delivery)) => {
                if let Some(notice) = &delivery.notice {
                    let rungs = notice.rungs.iter();
                    told.notices += 1;
                    told.rungs += notice.rungs.len() as u64;
                    told.breaches += rungs.filter(|said| said.rung() == Rung::Due).count() as u64;
                } else if taken < count {
                    taken += 1;
                    seen(&delivery);
                } else {
                    // It stays in the queue.
                    continue;
                }
                let delivery_id = delivery.delivery_id;
                let acknowledgement = DeliveryAcknowledgement { delivery_id };
                put(open_inbox_request::Message::Acknowledgement(acknowledgement))?;
            }
            Some(open_inbox_response::Message::Confirmation(_)) => confirmed += 1,
            Some(open_inbox_response::Message::Refusal(refusal)) => {
                let answer = refusal.status.map(|status| status.message).unwrap_or_default();
                return Err(BenchError::Refused { what: INBOX, answer });
            }
            // Nothing is rejected here.
            Some(open_inbox_response::Message::Rejection(_)) | None => {
                return Err(BenchError::Incomplete { what: INBOX });
            }
        }
    }
    Ok(told)
}

/// Forwards cases as the authorised body, and counts them.
pub(super) async fn forward(
    channel: &BusChannel,
    cases: Vec<uuid::Uuid>,
    forwarded: &Cell<u64>,
) -> Result<(), BenchError> {
    let calls = cases.into_iter().map(|case| {
        let mut body = MigrationBodyServiceClient::new(channel.clone());
        let request = ForwardApplicationRequest {
            // One act of each case, so the case names the request too.
            request_id: case.to_string(),
            case_id: case.to_string(),
            dispatch: None,
        };
        async move { body.forward_application(request).await }
    });
    let mut answers = stream::iter(calls).buffer_unordered(FILL_IN_FLIGHT);
    while let Some(answer) = answers.next().await {
        answer.map_err(BenchError::call(FORWARD))?;
        forwarded.set(forwarded.get() + 1);
    }
    Ok(())
}
