//! The bus as a client of the parties' endpoints: kopir.agency.v1, called over mutual TLS.
//!
//! What an endpoint says is never trusted further than it has to be. Its certificate must be the
//! party's; its answer must be about the delivery that was sent, small and in time; and nothing of
//! its texts reaches the log, since they may hold personal data.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint as Transport, Uri};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::Bus;
use super::parse::query::DeliveryId;
use super::proto::agency::v1::agency_service_client::AgencyServiceClient;
use super::proto::agency::v1::deliver_response::Outcome as Said;
use super::proto::agency::v1::{
    DeliverRequest, DeliverResponse, DeliveryAccepted, DeliveryRejected,
};
use super::proto::inbox::v1::DeliveryRejection;
use super::status::Refusal;
use crate::dispatch::Leased;
use crate::dispatch::push::{Blame, Boxed, Courier, Endpoint, Outcome, PushFault};
use crate::domain::party::{PartyId, PartyNumber};
use crate::domain::{EndpointUrl, Roster, Sequence};
use crate::engine::{Clock, EngineError};
use crate::trust::live::LiveTrust;
use crate::trust::tls::{
    EndpointCertificateError, HandshakeFailure, HandshakeFault, Side, TlsError,
};

/// The largest answer that is read. A sound one has two short texts.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// The largest headers of an answer, together.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// How often an idle connection is asked whether it lives, and how long the answer may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls endpoints as the bus.
pub struct AgencyCourier {
    bus: Arc<Bus>,
    trust: Arc<LiveTrust>,
    timeout: Duration,
}

impl AgencyCourier {
    /// A courier whose attempts take at most `timeout`, connecting included.
    pub fn new(bus: Arc<Bus>, trust: Arc<LiveTrust>, timeout: Duration) -> Self {
        Self { bus, trust, timeout }
    }
}

impl Courier for AgencyCourier {
    fn open(&self, party: PartyNumber, registered: Sequence) -> Option<Box<dyn Endpoint>> {
        let id = self.bus.roster().id(party).map_or("unknown", PartyId::as_str);
        let url = match self.bus.endpoint_set(registered) {
            Ok((set, _)) => set.url?,
            Err(error) => {
                tracing::error!(party = id, %error, "the record of an endpoint cannot be read");
                return None;
            }
        };
        // Whatever host the url of a record has is a name or an address.
        let name = ServerName::try_from(url.host().to_owned()).ok()?;
        let line = Line { url, name, trust: Arc::clone(&self.trust), timeout: self.timeout };
        let connection = match line.connection(self.bus.roster(), party) {
            Ok(connection) => Mutex::new(connection),
            Err(error) => {
                tracing::error!(party = id, url = %line.url, %error, "an endpoint cannot be connected to");
                return None;
            }
        };
        tracing::info!(party = id, url = %line.url, "deliveries are pushed to an endpoint");
        Some(Box::new(Agency { bus: Arc::clone(&self.bus), party, line, connection }))
    }
}

/// How a connection is made.
struct Line {
    url: EndpointUrl,
    name: ServerName<'static>,
    trust: Arc<LiveTrust>,
    timeout: Duration,
}

impl Line {
    /// A connection that is made with the first call and made anew when it breaks. No proxy, no
    /// redirect: the address of the url and nothing else.
    fn connection(&self, roster: &Arc<Roster>, party: PartyNumber) -> Result<Connection, TlsError> {
        let version = *self.trust.version().borrow();
        let trust = self.trust.current();
        let tls = trust.endpoint().config(roster, party)?;
        let stands = Arc::new(AtomicBool::new(false));
        let (url, name) = (self.url.clone(), self.name.clone());
        let (made, timeout) = (Arc::clone(&stands), self.timeout);
        let connector = tower::service_fn(move |_: Uri| {
            let (url, name, tls) =
                (url.clone(), name.clone(), TlsConnector::from(Arc::clone(&tls)));
            let (stands, trust) = (Arc::clone(&made), Arc::clone(&trust));
            stands.store(false, Ordering::Release);
            async move {
                let connected = async {
                    let stream = TcpStream::connect((url.host(), url.port())).await?;
                    stream.set_nodelay(true)?;
                    let connected = tls.connect(name, stream).await?;
                    let chain = connected.get_ref().1.peer_certificates().unwrap_or_default();
                    let judged = trust.endpoint().check(chain, Clock::System.now()).await;
                    judged.map_err(EndpointCertificateError::into_io)?;
                    stands.store(true, Ordering::Release);
                    Ok(connected)
                };
                // Given up here, where it is known that nothing has left.
                let connected = tokio::time::timeout(timeout, connected).await;
                let connected = connected.unwrap_or_else(|late| Err(late.into()));
                connected.map(TokioIo::new).map_err(NotConnected)
            }
        });
        // The authority is only a header here; the connector above knows where to go.
        let channel = Transport::from_static("https://kopir.invalid")
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(connector);
        Ok(Connection { channel, stands, version })
    }
}

/// A connection, made or not.
#[derive(Clone)]
struct Connection {
    channel: Channel,
    /// Whether the handshake has succeeded, of the newest where it was made anew. A delivery that
    /// is not answered before that never left.
    stands: Arc<AtomicBool>,
    /// By which version of what is in force it was made.
    version: u64,
}

impl Connection {
    /// What it means that no answer came in time.
    fn silence(&self) -> Cause {
        if self.stands.load(Ordering::Acquire) {
            return Cause::TimedOut;
        }
        Cause::NotConnected(io::ErrorKind::TimedOut)
    }
}

/// No connection was made, so that no delivery is to blame.
#[derive(Debug, thiserror::Error)]
#[error("no connection was made")]
struct NotConnected(#[source] io::Error);

/// One party's endpoint.
struct Agency {
    bus: Arc<Bus>,
    party: PartyNumber,
    line: Line,
    connection: Mutex<Connection>,
}

impl Endpoint for Agency {
    fn deliver(&self, leased: Leased) -> Boxed<'_, Outcome> {
        Box::pin(self.hand_over(leased))
    }
}

impl Agency {
    fn name(&self) -> &str {
        self.bus.roster().id(self.party).map_or("unknown", PartyId::as_str)
    }

    async fn hand_over(&self, leased: Leased) -> Outcome {
        let Leased { case, sequence, .. } = leased;
        let delivery = match self.bus.delivery(self.party, leased) {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return Outcome::Gone,
            Err(error) => {
                tracing::error!(delivery = %sequence, %error, "a delivery cannot be built");
                return Outcome::Ours;
            }
        };
        match self.call(DeliverRequest { delivery: Some(delivery) }).await {
            Ok(Answer::Accepted) => self.acknowledge(DeliveryId { sequence, case }).await,
            Ok(Answer::Rejected(rejection)) => self.reject(sequence, &rejection).await,
            Err(failure) => self.failed(sequence, &failure),
        }
    }

    fn failed(&self, delivery: Sequence, failure: &Failure) -> Outcome {
        let (party, url) = (self.name(), &self.line.url);
        tracing::warn!(party, %url, %delivery, %failure, "a push failed");
        Outcome::Failed { fault: failure.fault(), blame: failure.blame(), asked: failure.asked }
    }

    /// The party has stored it: that is its acknowledgement.
    async fn acknowledge(&self, id: DeliveryId) -> Outcome {
        match self.bus.acknowledge_for(self.party, id).await {
            Ok(_) => Outcome::Acknowledged,
            // Withdrawn or redirected while it was on its way.
            Err(Refusal::Acknowledgement(EngineError::Rejected(_))) => Outcome::Gone,
            Err(error) => {
                let delivery = id.sequence;
                tracing::error!(%delivery, %error, "an acknowledgement was not journaled");
                Outcome::Ours
            }
        }
    }

    /// The party cannot take it: it is held.
    async fn reject(&self, delivery: Sequence, rejection: &DeliveryRejection) -> Outcome {
        match self.bus.reject_for(self.party, rejection).await {
            Ok(_) => Outcome::Rejected,
            // A reason that is none, a detail too long, a notice.
            Err(Refusal::Invalid(_)) => self.failed(delivery, &Cause::OtherAnswer.into()),
            Err(Refusal::Order(EngineError::Rejected(_))) => Outcome::Gone,
            Err(error) => {
                tracing::error!(%delivery, %error, "a rejection was not journaled");
                Outcome::Ours
            }
        }
    }

    /// The connection; another one where the registry, the certificates or the revocation lists
    /// have changed since it was made.
    fn connection(&self) -> Connection {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if connection.version == *self.line.trust.version().borrow() {
            return connection;
        }
        self.connect_anew();
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connect_anew(&self) {
        match self.line.connection(self.bus.roster(), self.party) {
            Ok(connection) => {
                *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
            }
            Err(error) => {
                let party = self.name();
                tracing::error!(party, %error, "an endpoint cannot be connected to anew");
            }
        }
    }

    async fn call(&self, request: DeliverRequest) -> Result<Answer, Failure> {
        let id = request.delivery.as_ref().map(|one| one.delivery_id.clone()).unwrap_or_default();
        let connection = self.connection();
        let mut client = AgencyServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES);
        let mut request = tonic::Request::new(request);
        request.set_timeout(self.line.timeout);
        let called = tokio::time::timeout(self.line.timeout, client.deliver(request)).await;
        let failure = match called {
            Ok(Ok(answer)) => {
                let answer = Answer::read(answer.into_inner(), &id);
                return answer.ok_or(Cause::OtherAnswer.into());
            }
            Ok(Err(status)) => Failure::of(&status),
            Err(_) => None,
        };
        Err(failure.unwrap_or_else(|| {
            // A connection that says nothing may be dead without knowing it.
            self.connect_anew();
            connection.silence().into()
        }))
    }
}

/// An answer about the delivery that was sent.
enum Answer {
    Accepted,
    Rejected(DeliveryRejection),
}

impl Answer {
    /// Reads an answer; none for one that is about another delivery, or says nothing of it.
    fn read(answer: DeliverResponse, sent: &str) -> Option<Self> {
        let DeliverResponse { delivery_id, outcome } = answer;
        if delivery_id != sent {
            return None;
        }
        Some(match outcome? {
            Said::Accepted(DeliveryAccepted {}) => Self::Accepted,
            Said::Rejected(DeliveryRejected { reason, detail }) => {
                Self::Rejected(DeliveryRejection { delivery_id, reason, detail })
            }
        })
    }
}

/// An endpoint that did not do its part.
#[derive(Debug)]
struct Failure {
    cause: Cause,
    /// How long it asks to be left alone.
    asked: Option<Duration>,
}

/// How.
#[derive(Debug)]
enum Cause {
    /// Nothing came in time.
    TimedOut,
    /// Nobody listens there.
    NotConnected(io::ErrorKind),
    /// The handshake failed.
    Handshake(HandshakeFailure),
    /// The certificate is sound and not the party's.
    Certificate(EndpointCertificateError),
    /// The connection broke under the call.
    Broken,
    /// It answered with an error, or with what is no answer of the method.
    Status(Code),
    /// It answered about another delivery, without an outcome, or with a rejection that is none.
    OtherAnswer,
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause, asked: None }
    }
}

impl Failure {
    /// None where the time ran out.
    fn of(status: &Status) -> Option<Self> {
        let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
        Some(Self { cause: Cause::of(status)?, asked })
    }

    /// What the party is told of it.
    fn fault(&self) -> PushFault {
        match &self.cause {
            _ if self.asked.is_some() => PushFault::Busy,
            Cause::TimedOut => PushFault::TimedOut,
            Cause::NotConnected(_) => PushFault::NoConnection,
            Cause::Handshake(HandshakeFailure { fault, found_by: Side::Us })
                if is_of_certificate(*fault) =>
            {
                PushFault::Certificate
            }
            Cause::Handshake(_) => PushFault::Handshake,
            Cause::Certificate(_) => PushFault::Certificate,
            Cause::Broken => PushFault::Broken,
            Cause::Status(_) => PushFault::ErrorStatus,
            Cause::OtherAnswer => PushFault::OtherAnswer,
        }
    }

    /// An endpoint that asks for time has nothing against the delivery.
    fn blame(&self) -> Blame {
        match self.cause {
            _ if self.asked.is_some() => Blame::Endpoint,
            Cause::NotConnected(_) | Cause::Handshake(_) | Cause::Certificate(_) => Blame::Endpoint,
            Cause::TimedOut | Cause::Broken | Cause::Status(_) | Cause::OtherAnswer => {
                Blame::Delivery
            }
        }
    }
}

impl Cause {
    /// None where the time ran out.
    fn of(status: &Status) -> Option<Self> {
        let (mut source, mut is_late) = (status.source(), false);
        let mut found = None;
        while let Some(error) = source {
            is_late |= error.is::<tonic::TimeoutExpired>();
            found = found.or_else(|| error.downcast_ref::<NotConnected>());
            source = error.source();
        }
        Some(match found {
            Some(NotConnected(error)) => Self::of_connecting(error),
            None if is_late => return None,
            // What an endpoint says that took too long itself.
            None if status.code() == Code::DeadlineExceeded => Self::TimedOut,
            None if status.source().is_some() => Self::Broken,
            None => Self::Status(status.code()),
        })
    }

    fn of_connecting(error: &io::Error) -> Self {
        if let Some(why) = EndpointCertificateError::of(error) {
            return Self::Certificate(why);
        }
        let failure = HandshakeFailure::of(error);
        let unmade = [HandshakeFault::Other, HandshakeFault::Closed, HandshakeFault::TimedOut];
        if unmade.contains(&failure.fault) {
            return Self::NotConnected(error.kind());
        }
        Self::Handshake(failure)
    }
}

/// Whether it is the certificate that was refused.
fn is_of_certificate(fault: HandshakeFault) -> bool {
    match fault {
        HandshakeFault::NoCertificate
        | HandshakeFault::UnknownAuthority
        | HandshakeFault::Expired
        | HandshakeFault::NotYetValid
        | HandshakeFault::Revoked
        | HandshakeFault::WrongPurpose
        | HandshakeFault::WrongName
        | HandshakeFault::WeakKey
        | HandshakeFault::RevocationUnknown
        | HandshakeFault::BadCertificate => true,
        HandshakeFault::NoCommonVersion
        | HandshakeFault::NoCommonParameters
        | HandshakeFault::NoCommonProtocol
        | HandshakeFault::NotTls
        | HandshakeFault::Closed
        | HandshakeFault::TimedOut
        | HandshakeFault::Other => false,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::TimedOut => f.write_str("no answer came in time"),
            Cause::NotConnected(kind) => write!(f, "no connection was made: {kind}"),
            Cause::Broken => f.write_str("the connection broke"),
            Cause::Handshake(failure) => write!(f, "the handshake failed: {failure}"),
            Cause::Certificate(why) => write!(f, "the certificate was refused: {why}"),
            Cause::Status(code) => write!(f, "it answered with an error: {code:?}"),
            Cause::OtherAnswer => f.write_str("its answer is not about the delivery"),
        }?;
        match self.asked {
            Some(asked) => write!(f, "; it asks for {:.1} s", asked.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(delivery_id: &str, outcome: Option<Said>) -> Option<Answer> {
        Answer::read(DeliverResponse { delivery_id: delivery_id.to_owned(), outcome }, "7-case")
    }

    fn accepted() -> Option<Said> {
        Some(Said::Accepted(DeliveryAccepted {}))
    }

    #[test]
    fn only_an_answer_about_the_delivery_is_one() {
        assert!(matches!(read("7-case", accepted()), Some(Answer::Accepted)));
        assert!(read("8-case", accepted()).is_none());
        assert!(read("", accepted()).is_none());
        assert!(read("7-case", None).is_none());
        let rejected = DeliveryRejected { reason: 3, detail: "SAMPLE".to_owned() };
        let rejected = read("7-case", Some(Said::Rejected(rejected)));
        let Some(Answer::Rejected(rejection)) = rejected else { panic!("no rejection") };
        assert_eq!((rejection.delivery_id.as_str(), rejection.reason), ("7-case", 3));
    }

    #[tokio::test]
    async fn a_call_that_ran_out_of_time_before_the_connection_stood_is_laid_to_no_delivery() {
        let channel = Transport::from_static("https://kopir.invalid").connect_lazy();
        let connection =
            Connection { channel, stands: Arc::new(AtomicBool::new(false)), version: 0 };
        let never_left = Failure::from(connection.silence());
        assert_eq!(
            (never_left.blame(), never_left.fault()),
            (Blame::Endpoint, PushFault::NoConnection)
        );
        connection.stands.store(true, Ordering::Release);
        let unanswered = Failure::from(connection.silence());
        assert_eq!(
            (unanswered.blame(), unanswered.fault()),
            (Blame::Delivery, PushFault::TimedOut)
        );
    }

    #[test]
    fn a_status_with_retry_info_tells_how_long_the_party_wants_to_be_left_alone() {
        let mut details = tonic_types::ErrorDetails::new();
        details.set_retry_info(Some(Duration::from_millis(2_500)));
        let status = Status::with_error_details(Code::Unavailable, "busy", details);
        let failure = Failure::of(&status).unwrap();
        assert_eq!(failure.asked, Some(Duration::from_millis(2_500)));
        let told = failure.to_string();
        assert_eq!(told, "it answered with an error: Unavailable; it asks for 2.5 s");
        assert_eq!(failure.blame(), Blame::Endpoint);
        assert_eq!(failure.fault(), PushFault::Busy);
        let down = Failure::of(&Status::unavailable("down")).unwrap();
        assert_eq!((down.blame(), down.fault()), (Blame::Delivery, PushFault::ErrorStatus));
    }
}
