//! A party's inbox as a stream.

use std::collections::VecDeque;

use kopir::rpc::proto::inbox::v1::open_inbox_request::Message as Saying;
use kopir::rpc::proto::inbox::v1::open_inbox_response::Message as Said;
use kopir::rpc::proto::inbox::v1::{
    AcknowledgementRefusal, Delivery, DeliveryAcknowledgement, DeliveryConfirmation, InboxOpening,
    OpenInboxRequest, OpenInboxResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{Party, within};

/// An open stream. Dropping it closes it as a system that died would.
pub struct Inbox {
    outgoing: mpsc::Sender<OpenInboxRequest>,
    incoming: Streaming<OpenInboxResponse>,
    /// Deliveries received whose acknowledgement has not been sent.
    outstanding: usize,
    window: usize,
    /// Deliveries that came before the confirmation which was waited for: the room is there once
    /// the acknowledgement is durable.
    early: VecDeque<Said>,
}

/// The message that opens a stream.
pub fn opening(window: i32, party_id: &str) -> OpenInboxRequest {
    let opening = InboxOpening { window, party_id: party_id.to_owned() };
    OpenInboxRequest { message: Some(Saying::Opening(opening)) }
}

/// The message that acknowledges.
pub fn acknowledgement(delivery_id: &str) -> OpenInboxRequest {
    let acknowledgement = DeliveryAcknowledgement { delivery_id: delivery_id.to_owned() };
    OpenInboxRequest { message: Some(Saying::Acknowledgement(acknowledgement)) }
}

impl Inbox {
    /// Opens the inbox of `of`; empty for the party's own.
    pub async fn open(party: &Party, window: i32, of: &str) -> Result<Self, Status> {
        Self::saying(party, vec![opening(window, of)], usize::try_from(window).unwrap_or(0)).await
    }

    /// Opens a stream that begins with any messages.
    pub async fn saying(
        party: &Party,
        first: Vec<OpenInboxRequest>,
        window: usize,
    ) -> Result<Self, Status> {
        let (outgoing, receiver) = mpsc::channel(4096);
        for message in first {
            outgoing.send(message).await.unwrap();
        }
        let answer = within(party.inbox().open_inbox(ReceiverStream::new(receiver))).await?;
        Ok(Self {
            outgoing,
            incoming: answer.into_inner(),
            outstanding: 0,
            window,
            early: VecDeque::new(),
        })
    }

    /// The next message; none when the bus has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Said>, Status> {
        match self.early.pop_front() {
            Some(early) => Ok(Some(early)),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> Result<Option<Said>, Status> {
        let message = within(self.incoming.message()).await?;
        let said = message.map(|message| message.message.expect("an empty message"));
        if matches!(said, Some(Said::Delivery(_))) {
            self.outstanding += 1;
            assert!(self.outstanding <= self.window, "more than the window of {}", self.window);
        }
        Ok(said)
    }

    /// The next message, which must be a delivery.
    pub async fn delivery(&mut self) -> Delivery {
        match self.next().await.unwrap() {
            Some(Said::Delivery(delivery)) => delivery,
            other => panic!("not a delivery: {other:?}"),
        }
    }

    /// The next so many, all deliveries.
    pub async fn deliveries(&mut self, count: usize) -> Vec<Delivery> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.delivery().await);
        }
        all
    }

    /// The next message but for deliveries, which must be a confirmation.
    pub async fn confirmation(&mut self) -> DeliveryConfirmation {
        loop {
            match self.receive().await.unwrap() {
                Some(Said::Confirmation(confirmation)) => return confirmation,
                Some(early @ Said::Delivery(_)) => self.early.push_back(early),
                other => panic!("not a confirmation: {other:?}"),
            }
        }
    }

    /// The next message, which must refuse an acknowledgement.
    pub async fn refusal(&mut self) -> AcknowledgementRefusal {
        match self.next().await.unwrap() {
            Some(Said::Refusal(refusal)) => refusal,
            other => panic!("not a refusal: {other:?}"),
        }
    }

    /// Sends an acknowledgement and does not wait for its answer.
    pub async fn acknowledge(&mut self, delivery_id: &str) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.say(acknowledgement(delivery_id)).await;
    }

    /// A delivery received was rejected, so that it is not outstanding any more.
    pub fn rejected(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// Sends what is no acknowledgement of a delivery received.
    pub async fn say(&self, message: OpenInboxRequest) {
        self.outgoing.send(message).await.unwrap();
    }

    /// Takes so many deliveries, acknowledging each as it comes, and waits for the confirmations.
    /// What comes beyond them is left unacknowledged.
    pub async fn drain(&mut self, count: usize) -> Vec<Delivery> {
        let (mut all, mut confirmed) = (Vec::with_capacity(count), 0);
        while confirmed < count {
            match self.next().await.unwrap() {
                Some(Said::Delivery(delivery)) if all.len() < count => {
                    self.acknowledge(&delivery.delivery_id).await;
                    all.push(delivery);
                }
                Some(Said::Delivery(_)) => {}
                Some(Said::Confirmation(_)) => confirmed += 1,
                other => panic!("after {} deliveries: {other:?}", all.len()),
            }
        }
        all
    }

    /// Says that no more acknowledgements come, and reads until the bus ends the stream.
    pub async fn end(self) -> Result<Vec<Said>, Status> {
        let Self { outgoing, mut incoming, early, .. } = self;
        drop(outgoing);
        let mut rest = Vec::from(early);
        while let Some(message) = within(incoming.message()).await? {
            rest.extend(message.message);
        }
        Ok(rest)
    }
}
