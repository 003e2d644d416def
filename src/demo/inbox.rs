//! The inbox stream from the receiver's side.

use std::collections::BTreeSet;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::DemoError;
use super::line::Line;
use crate::rpc::client::CallError;
use crate::rpc::proto::inbox::v1 as contract;
use crate::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use crate::rpc::proto::inbox::v1::open_inbox_request::Message as ToBus;
use crate::rpc::proto::inbox::v1::open_inbox_response::Message as FromBus;

/// Deliveries that a party's system takes in at once.
const WINDOW: usize = 32;

/// An open inbox stream.
pub(super) struct Inbox {
    line: Line,
    to_bus: mpsc::Sender<contract::OpenInboxRequest>,
    from_bus: BoxStream<'static, Result<contract::OpenInboxResponse, CallError>>,
}

/// What a morning's mail held.
#[derive(Default)]
pub(super) struct Mail {
    /// The deliveries, each with the confirmation that its receipt is durable.
    pub(super) letters: Vec<(contract::Delivery, contract::DeliveryConfirmation)>,
    /// Deliveries that came a second time, under the id of the first.
    pub(super) redelivered: usize,
}

impl Inbox {
    /// Opens the stream.
    pub(super) async fn open(line: &Line) -> Result<Self, DemoError> {
        // Room for the opening and one acknowledgement for each place of the window.
        let (to_bus, requests) = mpsc::channel(WINDOW + 1);
        let opening = contract::InboxOpening {
            window: i32::try_from(WINDOW).unwrap_or(1),
            party_id: String::new(),
        };
        let opening = contract::OpenInboxRequest { message: Some(ToBus::Opening(opening)) };
        // A fresh channel has room, and its receiver is the line below.
        let _ = to_bus.send(opening).await;
        let mut stub = InboxServiceClient::new(line.channel());
        let call = stub.open_inbox(ReceiverStream::new(requests));
        let from_bus = line.ask("the inbox stream", call).await?.into_inner();
        let from_bus = from_bus.map_err(CallError::from).boxed();
        Ok(Self { line: line.clone(), to_bus, from_bus })
    }

    /// Takes in exactly `count` deliveries: reads and acknowledges each, and waits until every
    /// receipt is durable. With `breaks` the line fails once, when the first windowful has been
    /// read and nothing acknowledged; all of it has to come again.
    pub(super) async fn take(&mut self, count: usize, breaks: bool) -> Result<Mail, DemoError> {
        let mut mail = Mail::default();
        let mut seen = BTreeSet::new();
        if breaks {
            for _ in 0..count.min(WINDOW) {
                seen.insert(self.next_delivery().await?.delivery_id);
            }
            *self = Self::open(&self.line).await?;
        }
        let mut unconfirmed: Vec<contract::Delivery> = Vec::new();
        while mail.letters.len() < count {
            match self.next().await? {
                FromBus::Delivery(delivery) => {
                    if seen.contains(&delivery.delivery_id) && delivery.attempt > 1 {
                        mail.redelivered += 1;
                    }
                    self.acknowledge(&delivery).await?;
                    unconfirmed.push(delivery);
                }
                FromBus::Confirmation(confirmation) => {
                    let is_its = |delivery: &contract::Delivery| {
                        delivery.delivery_id == confirmation.delivery_id
                    };
                    let at = unconfirmed.iter().position(is_its);
                    let at = at.ok_or_else(|| self.line.lacks("the delivery it confirms"))?;
                    mail.letters.push((unconfirmed.swap_remove(at), confirmation));
                }
                FromBus::Refusal(refusal) => return Err(self.refusal(refusal)),
            }
        }
        Ok(mail)
    }

    async fn next_delivery(&mut self) -> Result<contract::Delivery, DemoError> {
        match self.next().await? {
            FromBus::Delivery(delivery) => Ok(delivery),
            FromBus::Confirmation(_) => Err(self.line.lacks("a delivery")),
            FromBus::Refusal(refusal) => Err(self.refusal(refusal)),
        }
    }

    async fn next(&mut self) -> Result<FromBus, DemoError> {
        let next = self.line.wait("a delivery", self.from_bus.next()).await?;
        let next = next.ok_or_else(|| self.line.lacks("anything more; the inbox stream ended"))?;
        let next = next.map_err(|why| self.line.refused("the inbox stream", why))?;
        next.message.ok_or_else(|| self.line.lacks("a message on the inbox stream"))
    }

    async fn acknowledge(&self, delivery: &contract::Delivery) -> Result<(), DemoError> {
        let delivery_id = delivery.delivery_id.clone();
        let receipt = contract::DeliveryAcknowledgement { delivery_id };
        let message = Some(ToBus::Acknowledgement(receipt));
        let sent = self.to_bus.send(contract::OpenInboxRequest { message });
        let sent = self.line.wait("room for an acknowledgement", sent).await?;
        sent.map_err(|_| self.line.lacks("an ear; the inbox stream ended"))
    }

    fn refusal(&self, refusal: contract::AcknowledgementRefusal) -> DemoError {
        let what = format!("acknowledging {}", refusal.delivery_id);
        let status = refusal.status.unwrap_or_default();
        self.line.refused(&what, status.message)
    }
}
