//! The inbox as a stream: deliveries leave while the window has room, acknowledgements come in
//! between and are confirmed as they become durable.
//!
//! The whole of it lives in the answer's stream. When the connection ends, for whatever reason,
//! the stream is dropped, the inbox with it, and everything unacknowledged is free again at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::Status;

use super::Bus;
use crate::dispatch::{InboxStream, Leased};
use crate::rpc::Caller;
use crate::rpc::parse::fault::Faults;
use crate::rpc::parse::query::{self, Opening};
use crate::rpc::proto::inbox::v1::open_inbox_request::Message as Said;
use crate::rpc::proto::inbox::v1::open_inbox_response::Message as Answer;
use crate::rpc::proto::inbox::v1::{
    AcknowledgementRefusal, Delivery, DeliveryAcknowledgement, DeliveryRejection, OpenInboxRequest,
    OpenInboxResponse,
};
use crate::rpc::reason::Reason;
use crate::rpc::status::{Refusal, item_status, of_transport};

/// What the bus says on an inbox stream.
pub(super) type Deliveries = Pin<Box<dyn Stream<Item = Result<OpenInboxResponse, Status>> + Send>>;

/// The deliveries of one stream.
pub(super) fn deliveries<In>(bus: Arc<Bus>, caller: Caller, inbound: In) -> Deliveries
where
    In: Stream<Item = Result<OpenInboxRequest, Status>> + Send + Unpin + 'static,
{
    let session = Session {
        inbound,
        caller: Arc::new(caller),
        acknowledging: FuturesUnordered::new(),
        bus,
        phase: Phase::Opening,
    };
    Box::pin(stream::unfold(Box::new(session), |mut session| async move {
        let said = session.next().await?;
        Some((said, session))
    }))
}

type Acknowledging = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Session<In> {
    bus: Arc<Bus>,
    caller: Arc<Caller>,
    inbound: In,
    /// Acknowledgements and rejections on their way to the disk; never more than the window, since nothing is
    /// read beyond it.
    acknowledging: FuturesUnordered<Acknowledging>,
    phase: Phase,
}

enum Phase {
    /// Nothing has been said yet.
    Opening,
    /// Deliveries leave.
    Open {
        inbox: InboxStream,
        window: usize,
        /// Since when the window has been full without an acknowledgement.
        full_since: Option<Instant>,
    },
    /// The receiver has closed its side; what it acknowledged is still confirmed, and its leases
    /// last until then, or what it has just acknowledged would go out again.
    Closing {
        /// Held for its leases alone.
        _inbox: Option<InboxStream>,
    },
    /// Nothing more will be said.
    Ended,
}

/// What wakes an open stream.
#[expect(clippy::large_enum_variant, reason = "moved once; a box would cost one a confirmation")]
enum Woken {
    /// An acknowledgement is answered.
    Answered(Answer),
    /// The receiver said something, broke off, or closed its side.
    Said(Option<Result<OpenInboxRequest, Status>>),
    /// A delivery is due to leave.
    Leased(Result<Leased, crate::index::IndexError>),
    /// The window has been full for too long.
    Still,
    /// Nothing happened for a while; the stream shows that it is served.
    Quiet,
}

impl<In> Session<In>
where
    In: Stream<Item = Result<OpenInboxRequest, Status>> + Send + Unpin,
{
    /// The next thing to say; none when the stream ends well.
    async fn next(&mut self) -> Option<Result<OpenInboxResponse, Status>> {
        match self.step().await {
            Ok(message) => message.map(|message| Ok(OpenInboxResponse { message: Some(message) })),
            Err(status) => {
                self.phase = Phase::Ended;
                Some(Err(status))
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Answer>, Status> {
        loop {
            match &self.phase {
                Phase::Opening => self.open().await?,
                Phase::Open { .. } => {
                    if let Some(answer) = self.serve().await? {
                        return Ok(Some(answer));
                    }
                }
                Phase::Closing { .. } => match self.acknowledging.next().await {
                    Some(answer) => return Ok(Some(answer)),
                    None => self.phase = Phase::Ended,
                },
                Phase::Ended => return Ok(None),
            }
        }
    }

    /// Waits for the opening.
    async fn open(&mut self) -> Result<(), Status> {
        let idle = self.bus.streams.idle;
        let first = timeout(idle, self.inbound.next()).await;
        let first = first.map_err(|_| self.refuse(&Refusal::StreamIdle(idle)))?;
        let Some(first) = first else {
            self.phase = Phase::Ended;
            return Ok(());
        };
        let first = first.map_err(|broken| self.explain(broken))?;
        let opening = match first.message {
            Some(Said::Opening(opening)) => opening,
            Some(Said::Acknowledgement(_) | Said::Rejection(_)) | None => {
                let rule = "is required as the first message of the stream";
                return Err(self.refuse(&misplaced("opening", rule)));
            }
        };
        let max_window = self.bus.streams.max_inbox_window_deliveries;
        let opening = query::opening(&opening, &self.caller, self.bus.engine.roster(), max_window);
        let Opening { party, window } = opening.map_err(|refusal| self.refuse(&refusal))?;
        let inbox = self.bus.dispatch.open(party, window);
        self.phase = Phase::Open { inbox, window, full_since: None };
        Ok(())
    }

    /// One turn of an open stream; none when there is nothing to say yet.
    async fn serve(&mut self) -> Result<Option<Answer>, Status> {
        match self.wake().await {
            Woken::Answered(answer) => Ok(Some(answer)),
            Woken::Said(None) => {
                let open = std::mem::replace(&mut self.phase, Phase::Ended);
                let inbox = match open {
                    Phase::Open { inbox, .. } => Some(inbox),
                    Phase::Opening | Phase::Closing { .. } | Phase::Ended => None,
                };
                self.phase = Phase::Closing { _inbox: inbox };
                Ok(None)
            }
            Woken::Said(Some(Err(broken))) => Err(self.explain(broken)),
            Woken::Said(Some(Ok(OpenInboxRequest { message }))) => {
                self.hear(message)?;
                Ok(None)
            }
            Woken::Leased(leased) => {
                let leased = leased.map_err(|error| self.refuse(&Refusal::from(error)))?;
                Ok(self.deliver(leased).map(Answer::Delivery))
            }
            Woken::Quiet => Ok(None),
            Woken::Still => {
                // Room may have come meanwhile by another way, for instance a unary call.
                if let Phase::Open { inbox, window, full_since } = &mut self.phase
                    && inbox.in_flight() < *window
                {
                    *full_since = None;
                    return Ok(None);
                }
                Err(self.refuse(&Refusal::StreamIdle(self.bus.streams.idle)))
            }
        }
    }

    /// The delivery of a lease; none when it is leaving the queue, which ends its lease, or cannot be
    /// read back. That one stays on lease until the stream closes, so that it does not stop the
    /// others.
    fn deliver(&self, leased: Leased) -> Option<Delivery> {
        let Phase::Open { inbox, .. } = &self.phase else { return None };
        match self.bus.delivery(inbox.party(), leased) {
            Ok(delivery) => delivery,
            Err(error) => {
                self.bus.skipped(leased.sequence, &error);
                None
            }
        }
    }

    async fn wake(&mut self) -> Woken {
        let Self { inbound, acknowledging, phase, bus, .. } = self;
        let Phase::Open { inbox, window, full_since } = phase else { return Woken::Said(None) };
        inbox.touch();
        *full_since = match *full_since {
            _ if inbox.in_flight() < *window => None,
            None => Some(Instant::now()),
            since => since,
        };
        let too_long = full_since.unwrap_or_else(Instant::now) + bus.streams.idle;
        tokio::select! {
            // Confirmations first: each makes room for a delivery. New deliveries last, or a full
            // queue would keep the acknowledgements waiting.
            biased;
            Some(answer) = acknowledging.next(), if !acknowledging.is_empty() => {
                Woken::Answered(answer)
            }
            said = inbound.next(), if acknowledging.len() < *window => {
                *full_since = None;
                Woken::Said(said)
            }
            leased = inbox.next() => Woken::Leased(leased),
            () = sleep_until(too_long), if full_since.is_some() => Woken::Still,
            // Not reached while nobody reads the stream: the server does not ask for more then.
            () = sleep(bus.streams.idle / 4) => Woken::Quiet,
        }
    }

    /// Takes in what the receiver said on the open stream.
    fn hear(&mut self, message: Option<Said>) -> Result<(), Status> {
        match message {
            Some(Said::Acknowledgement(message)) => {
                let (bus, caller) = (Arc::clone(&self.bus), Arc::clone(&self.caller));
                self.acknowledging.push(Box::pin(acknowledge(bus, caller, message)));
                Ok(())
            }
            Some(Said::Rejection(message)) => {
                let (bus, caller) = (Arc::clone(&self.bus), Arc::clone(&self.caller));
                self.acknowledging.push(Box::pin(reject(bus, caller, message)));
                Ok(())
            }
            Some(Said::Opening(_)) => {
                let rule = "must come once only, as the first message of the stream";
                Err(self.refuse(&misplaced("opening", rule)))
            }
            None => {
                let rule = "is required in every message after the first";
                Err(self.refuse(&misplaced("acknowledgement", rule)))
            }
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Status {
        self.bus.refuse(refusal)
    }

    fn explain(&self, broken: Status) -> Status {
        of_transport(broken, self.bus.engine.roster())
    }
}

fn misplaced(field: &str, rule: &str) -> Refusal {
    Refusal::Invalid(Faults::one(field, Reason::FieldInvalid, rule))
}

/// An acknowledgement's answer: it refuses itself alone, never the stream.
async fn acknowledge(
    bus: Arc<Bus>,
    caller: Arc<Caller>,
    message: DeliveryAcknowledgement,
) -> Answer {
    let confirmed = match query::acknowledged_on_stream(&message) {
        Ok(id) => bus.acknowledge(&caller, id).await,
        Err(refusal) => Err(refusal),
    };
    match confirmed {
        Ok(confirmed) => Answer::Confirmation(confirmed),
        Err(refusal) => refused(&bus, message.delivery_id, &refusal),
    }
}

/// A rejection's answer; what it frees of the window is freed once the index has it.
async fn reject(bus: Arc<Bus>, caller: Arc<Caller>, message: DeliveryRejection) -> Answer {
    match bus.reject(&caller, &message).await {
        Ok(confirmed) => Answer::Rejection(confirmed),
        Err(refusal) => refused(&bus, message.delivery_id, &refusal),
    }
}

fn refused(bus: &Bus, delivery_id: String, refusal: &Refusal) -> Answer {
    let status = Some(item_status(refusal, bus.engine.roster()));
    Answer::Refusal(AcknowledgementRefusal { delivery_id, status })
}
