//! Work for a bus without the whole cast: applications in bulk or one by one, inboxes fetched and
//! acknowledged. Everything that is answered goes into a ledger.

use futures_util::stream::{self, StreamExt as _};
use kopir::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use kopir::rpc::proto::inbox::v1::{
    AcknowledgeDeliveryRequest, Delivery, DeliveryConfirmation, FetchDeliveriesRequest,
};
use kopir::rpc::proto::migration::v1::ForwardApplicationRequest;
use kopir::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use kopir::rpc::proto::mission::v1::{
    SubmitApplicationRequest, SubmitApplicationsRequest, submit_applications_response,
};
use tonic::Status;
use tonic::transport::Channel;

use super::act::{Act, item_status};
use super::ledger::Ledger;
use super::seed::Seed;
use super::{REGIONS, papers};

/// An application with a fresh id, of a family of one to six, for one of the regions.
pub fn submission(seed: &mut Seed) -> Act {
    let region = REGIONS[usize::try_from(seed.below(4)).expect("below 4")];
    let persons = 1 + u16::try_from(seed.below(6)).expect("below 6");
    let application = Some(papers::application(region, persons));
    Act::Submit(SubmitApplicationRequest { request_id: seed.uuid(), application })
}

/// The next act of the authorised body on an application that it has taken.
pub fn forward(seed: &mut Seed, delivery: &Delivery, note: &str) -> Act {
    let mut cover = papers::cover("SYN-3");
    cover.note = note.into();
    Act::ForwardApplication(ForwardApplicationRequest {
        request_id: seed.uuid(),
        case_id: delivery.case_id.clone(),
        dispatch: Some(cover),
    })
}

/// Sends one act and enters its receipt.
pub async fn send(
    channel: &Channel,
    ledger: &Ledger,
    party: &str,
    act: &Act,
) -> Result<(), Status> {
    let receipt = act.send(channel.clone()).await?;
    ledger.receipt(party, act, &receipt);
    Ok(())
}

/// Sends acts by unary calls, so many at once.
pub async fn send_at_once(
    channel: &Channel,
    ledger: &Ledger,
    party: &str,
    acts: &[Act],
    at_once: usize,
) {
    let sending = stream::iter(acts).map(|act| send(channel, ledger, party, act));
    let answers: Vec<_> = sending.buffer_unordered(at_once).collect().await;
    for answer in answers {
        answer.expect("nothing is in the way of these acts");
    }
}

/// Sends applications on one bulk stream. Those that were refused come back, with why.
pub async fn submit_in_bulk(
    channel: &Channel,
    ledger: &Ledger,
    party: &str,
    acts: &[Act],
) -> Vec<(Act, Status)> {
    let items: Vec<_> = acts.iter().map(item).collect();
    let mut client = ForeignMissionServiceClient::new(channel.clone());
    let answer = client.submit_applications(stream::iter(items)).await;
    let mut answers = answer.expect("a mission may submit in bulk").into_inner();
    let mut refused = Vec::new();
    let mut answered = 0;
    while let Some(answer) = answers.message().await.expect("the stream stands") {
        answered += 1;
        let act = acts.iter().find(|act| act.request_id() == answer.request_id);
        let act = act.expect("an answer names an item");
        match answer.result.expect("an item has its fate") {
            submit_applications_response::Result::Receipt(receipt) => {
                ledger.receipt(party, act, &receipt);
            }
            submit_applications_response::Result::Status(status) => {
                refused.push((act.clone(), item_status(&status)));
            }
        }
    }
    assert_eq!(answered, acts.len(), "one answer for each item");
    refused
}

fn item(act: &Act) -> SubmitApplicationsRequest {
    let Act::Submit(SubmitApplicationRequest { request_id, application }) = act.clone() else {
        panic!("only applications go in bulk: {act:?}");
    };
    SubmitApplicationsRequest { request_id, application }
}

/// Leases up to a hundred deliveries for an hour.
pub async fn fetch(channel: &Channel, max_deliveries: i32) -> Vec<Delivery> {
    let request = FetchDeliveriesRequest {
        max_deliveries,
        lease_seconds: 3600,
        ..FetchDeliveriesRequest::default()
    };
    let answer = InboxServiceClient::new(channel.clone()).fetch_deliveries(request).await;
    answer.expect("a party may fetch").into_inner().deliveries
}

/// Acknowledges a delivery and enters the confirmation.
pub async fn acknowledge(
    channel: &Channel,
    ledger: &Ledger,
    party: &str,
    delivery: &Delivery,
) -> Result<DeliveryConfirmation, Status> {
    let request = AcknowledgeDeliveryRequest { delivery_id: delivery.delivery_id.clone() };
    let answer = InboxServiceClient::new(channel.clone()).acknowledge_delivery(request).await?;
    let confirmation = answer.into_inner().confirmation.expect("an answer carries it");
    ledger.confirmation(party, delivery, &confirmation);
    Ok(confirmation)
}
