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
    /// The deliveries of acts, each with the confirmation that its receipt is durable.
    pub(super) letters: Vec<(contract::Delivery, contract::DeliveryConfirmation)>,
    /// The notices of running terms, which come beside them; each is confirmed, too.
    pub(super) notices: Vec<contract::Delivery>,
    /// Deliveries of acts that came a second time, under the id of the first.
    pub(super) redelivered: usize,
}

/// Deliveries that were acknowledged and are not confirmed yet.
type Unconfirmed = Vec<contract::Delivery>;

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

    /// Closes the stream. When this is over the bus knows that nobody reads any more.
    pub(super) async fn close(mut self) -> Result<(), DemoError> {
        drop(self.to_bus);
        while let Some(message) = self.line.wait("the end", self.from_bus.next()).await? {
            message.map_err(|why| self.line.refused("the end of the inbox stream", why))?;
        }
        Ok(())
    }

    /// Takes in exactly `count` acts, and what notices come with them: reads and acknowledges each,
    /// and waits until every receipt is durable. With `breaks` the line fails once, when the first
    /// windowful of acts has been read and none acknowledged; all of it has to come again.
    pub(super) async fn take(&mut self, count: usize, breaks: bool) -> Result<Mail, DemoError> {
        let (mut mail, mut seen) = (Mail::default(), BTreeSet::new());
        if breaks {
            seen = self.read(count.min(WINDOW), &mut mail).await?;
            // The new stream is open before the old one is closed.
            *self = Self::open(&self.line).await?;
        }
        let mut unconfirmed = Unconfirmed::new();
        while mail.letters.len() < count || !unconfirmed.is_empty() {
            if let Some(delivery) = self.turn(&mut mail, &mut unconfirmed).await? {
                let again = seen.contains(&delivery.delivery_id) && delivery.attempt > 1;
                mail.redelivered += usize::from(again);
                self.acknowledge(&delivery).await?;
                unconfirmed.push(delivery);
            }
        }
        Ok(mail)
    }

    /// Takes in `count` deliveries, acts and notices alike, and what else comes meanwhile.
    pub(super) async fn empty(&mut self, count: usize) -> Result<Mail, DemoError> {
        let (mut mail, mut unconfirmed) = (Mail::default(), Unconfirmed::new());
        while mail.letters.len() + mail.notices.len() < count || !unconfirmed.is_empty() {
            if let Some(delivery) = self.turn(&mut mail, &mut unconfirmed).await? {
                self.acknowledge(&delivery).await?;
                unconfirmed.push(delivery);
            }
        }
        Ok(mail)
    }

    /// Reads so many acts without acknowledging them, and takes the notices among them. Their ids.
    async fn read(&mut self, count: usize, mail: &mut Mail) -> Result<BTreeSet<String>, DemoError> {
        let (mut seen, mut unconfirmed) = (BTreeSet::new(), Unconfirmed::new());
        while seen.len() < count || !unconfirmed.is_empty() {
            if let Some(delivery) = self.turn(mail, &mut unconfirmed).await? {
                seen.insert(delivery.delivery_id);
            }
        }
        Ok(seen)
    }

    /// Waits for one message. An act that came is the caller's to acknowledge; a notice is
    /// acknowledged here, and what is confirmed goes to the mail.
    async fn turn(
        &mut self,
        mail: &mut Mail,
        unconfirmed: &mut Unconfirmed,
    ) -> Result<Option<contract::Delivery>, DemoError> {
        match self.next().await? {
            FromBus::Delivery(delivery) if delivery.notice.is_none() => return Ok(Some(delivery)),
            FromBus::Delivery(notice) => {
                self.acknowledge(&notice).await?;
                unconfirmed.push(notice);
            }
            FromBus::Confirmation(confirmation) => {
                let is_its = |delivery: &contract::Delivery| {
                    delivery.delivery_id == confirmation.delivery_id
                };
                let at = unconfirmed.iter().position(is_its);
                let at = at.ok_or_else(|| self.line.lacks("the delivery it confirms"))?;
                let confirmed = unconfirmed.swap_remove(at);
                match &confirmed.notice {
                    Some(_) => mail.notices.push(confirmed),
                    None => mail.letters.push((confirmed, confirmation)),
                }
            }
            FromBus::Refusal(refusal) => return Err(self.refusal(refusal)),
            FromBus::Rejection(_) => return Err(self.line.lacks("a delivery")),
        }
        Ok(None)
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
