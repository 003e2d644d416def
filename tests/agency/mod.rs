//! A party's endpoint, sound or not: real TLS, and HTTP/2 by hand, so that it can say what no gRPC
//! library would.
#![allow(dead_code, reason = "each test program uses its own part of the harness")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use kopir::rpc::proto::agency::v1::deliver_response::Outcome;
use kopir::rpc::proto::agency::v1::{
    DeliverRequest, DeliverResponse, DeliveryAccepted, DeliveryRejected,
};
use kopir::rpc::proto::inbox::v1::Delivery;
use kopir::rpc::proto::types::v1::HeldReason;
use kopir::trust::tls::{TlsFiles, server_config};
use kopir::trust::{identity, pem};
use prost::Message;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::bus::{PATIENCE, time};

/// How the endpoint behaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    /// As the contract says.
    Sound,
    /// Takes the delivery and never answers.
    Hang,
    /// Takes connections and never says anything on them.
    Mute,
    /// Resets the connection when a delivery has come.
    Reset,
    /// Answers with bytes that are no message.
    Garbage,
    /// Answers without HTTP/2: it speaks no protocol at all.
    Noise,
    /// Acknowledges another delivery.
    OtherDelivery,
    /// Names the delivery and says nothing of it.
    NoOutcome,
    /// Sends the caller elsewhere.
    Redirect(u16),
    /// Does not want the delivery, for this reason.
    Reject(HeldReason, &'static str),
    /// Fails on this delivery and takes the others.
    FailOn(String),
    /// Answers with an error.
    Fail(Code),
    /// Answers with an error and asks for time.
    Busy(Duration),
    /// An answer as long as this, in bytes.
    Endless(usize),
}

/// A delivery that has come.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub at: Instant,
    pub delivery: Delivery,
}

/// A party's endpoint, listening.
pub struct Agency {
    address: SocketAddr,
    shared: Arc<Shared>,
    seen: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

struct Shared {
    manner: Mutex<Manner>,
    arrivals: Mutex<Vec<Arrival>>,
    connections: Mutex<usize>,
    count: watch::Sender<usize>,
    moved: watch::Sender<()>,
}

impl Agency {
    /// An endpoint with these files.
    pub async fn open(files: &TlsFiles, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = server_config(files, time("2023-01-01T00:00:00Z")).unwrap().config;
        let (count, seen) = watch::channel(0);
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            arrivals: Mutex::default(),
            connections: Mutex::new(0),
            count,
            moved: watch::channel(()).0,
        });
        let task = tokio::spawn(listen(listener, tls.into(), Arc::clone(&shared)));
        Self { address, shared, seen, task }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Behaves otherwise from now on; what hangs is let go.
    pub fn be(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
        self.shared.moved.send_replace(());
    }

    /// What has come so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// How many connections got as far as a handshake that succeeded.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    /// Waits until so many deliveries have come, repeats among them.
    #[track_caller]
    pub fn until(&self, count: usize) -> impl Future<Output = Vec<Arrival>> {
        let place = std::panic::Location::caller();
        let (mut seen, shared) = (self.seen.clone(), Arc::clone(&self.shared));
        async move {
            let come = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen >= count)).await;
            let arrivals = shared.arrivals.lock().unwrap().clone();
            assert!(come.is_ok(), "{} of {count} deliveries came at {place}", arrivals.len());
            arrivals
        }
    }
}

impl Drop for Agency {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn manner(&self) -> Manner {
        self.manner.lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut moved = shared.moved.subscribe();
    if shared.manner() == Manner::Mute {
        let _ = moved.changed().await;
        return;
    }
    if shared.manner() == Manner::Reset {
        // Closing it then resets it, as a machine that lost its memory does.
        stream.set_zero_linger().unwrap();
    }
    let Ok(mut stream) = tls.accept(stream).await else { return };
    // Another party has a certificate of the same authority, and may not hand anything over here.
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    if identity::is_bus(&shown) != Ok(Some(true)) {
        return;
    }
    *shared.connections.lock().unwrap() += 1;
    if shared.manner() == Manner::Noise {
        use tokio::io::AsyncWriteExt as _;
        let _ = stream.write_all(b"220 mail.sample.invalid ESMTP\r\n").await;
        let _ = moved.changed().await;
        return;
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut calls = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            call = connection.accept() => {
                let Some(Ok((request, answer))) = call else { return };
                calls.spawn(serve(request, answer, Arc::clone(&shared)));
            }
            Some(Ok(false)) = calls.join_next() => return,
        }
    }
}

/// Answers one call; false when the connection is to break.
async fn serve(
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    shared: Arc<Shared>,
) -> bool {
    assert_eq!(request.uri().path(), "/kopir.agency.v1.AgencyService/Deliver");
    let Some(delivery) = read(request.into_body()).await else { return true };
    let delivery_id = delivery.delivery_id.clone();
    let mut moved = shared.moved.subscribe();
    let manner = shared.manner();
    shared.arrivals.lock().unwrap().push(Arrival { at: Instant::now(), delivery });
    shared.count.send_modify(|count| *count += 1);
    let accepted = Some(Outcome::Accepted(DeliveryAccepted {}));
    match manner {
        Manner::Sound => say(&mut answer, delivery_id, accepted),
        Manner::OtherDelivery => {
            let other = delivery_id.replacen(|c: char| c.is_ascii_digit(), "8", 1) + "0";
            say(&mut answer, other, accepted);
        }
        Manner::NoOutcome => say(&mut answer, delivery_id, None),
        Manner::Reject(reason, detail) => {
            let (reason, detail) = (reason.into(), detail.to_owned());
            let rejected = Outcome::Rejected(DeliveryRejected { reason, detail });
            say(&mut answer, delivery_id, Some(rejected));
        }
        Manner::FailOn(one) if one == delivery_id => {
            fail(&mut answer, &Status::internal("a sample"));
        }
        Manner::FailOn(_) => say(&mut answer, delivery_id, accepted),
        Manner::Garbage => send(&mut answer, &[0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]),
        Manner::Endless(bytes) => say(&mut answer, "7".repeat(bytes), accepted),
        Manner::Redirect(code) => {
            let elsewhere =
                Response::builder().status(code).header("location", "https://127.0.0.1:1");
            let _ = answer.send_response(elsewhere.body(()).unwrap(), true);
        }
        Manner::Fail(code) => fail(&mut answer, &Status::new(code, "a sample")),
        Manner::Busy(wait) => {
            let mut details = ErrorDetails::new();
            details.set_retry_info(Some(wait));
            fail(&mut answer, &Status::with_error_details(Code::Unavailable, "busy", details));
        }
        Manner::Reset => return false,
        Manner::Hang | Manner::Mute | Manner::Noise => {
            let _ = moved.changed().await;
        }
    }
    true
}

async fn read(mut body: RecvStream) -> Option<Delivery> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.ok()?;
        body.flow_control().release_capacity(piece.len()).ok()?;
        bytes.extend_from_slice(&piece);
    }
    DeliverRequest::decode(bytes.get(5..)?).unwrap().delivery
}

fn say(answer: &mut SendResponse<Bytes>, delivery_id: String, outcome: Option<Outcome>) {
    let message = DeliverResponse { delivery_id, outcome }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    send(answer, &[&[0], &length[..], &message].concat());
}

/// An answer whose caller may be gone by now, which is its business.
fn send(answer: &mut SendResponse<Bytes>, framed: &[u8]) {
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let Ok(mut body) = answer.send_response(head, false) else { return };
    let _ = body.send_data(Bytes::copy_from_slice(framed), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let _ = body.send_trailers(trailers);
}

fn fail(answer: &mut SendResponse<Bytes>, status: &Status) {
    let (parts, _) = status.clone().into_http::<()>().into_parts();
    let _ = answer.send_response(Response::from_parts(parts, ()), true);
}

/// Calls an endpoint with the certificate of whoever it is; whether nothing came of it. The caller
/// takes any certificate of the endpoint for good: it is the one who is judged.
pub async fn hand_over_as(agency: &Agency, files: &TlsFiles) -> bool {
    let provider = Arc::new(kopir::trust::tls::provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_client_auth_cert(
            pem::certificates(&files.certificate).unwrap(),
            PrivateKeyDer::from_pem_file(&files.key).unwrap(),
        )
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(agency.address).await.unwrap();
    let name = ServerName::try_from("endpoint.sample.invalid").unwrap();
    let Ok(stream) = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await
    else {
        return true;
    };
    let Ok((mut calls, connection)) = h2::client::handshake(stream).await else { return true };
    let driver = tokio::spawn(connection);
    let request = Request::post("https://endpoint/kopir.agency.v1.AgencyService/Deliver");
    let request = request.header("content-type", "application/grpc").body(()).unwrap();
    let answered = match calls.send_request(request, false) {
        Err(_) => false,
        Ok((answer, mut body)) => {
            let message = DeliverRequest { delivery: Some(Delivery::default()) }.encode_to_vec();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let _ = body.send_data([&[0], &length[..], &message].concat().into(), true);
            tokio::time::timeout(PATIENCE, answer).await.unwrap().is_ok()
        }
    };
    driver.abort();
    !answered
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        kopir::trust::tls::provider().signature_verification_algorithms.supported_schemes()
    }
}
