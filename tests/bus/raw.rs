//! A client that does what no gRPC library would: bytes of its own within TLS, and HTTP/2 streams
//! whose bodies are broken, slow or without end.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;

use super::{Bus, SERVER_NAME, within};

/// A TLS connection with nothing spoken on it yet.
pub async fn tls(bus: &Bus, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(bus.address()).await.unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    within(TlsConnector::from(config).connect(name, stream)).await.unwrap()
}

/// An HTTP/2 connection.
pub struct Raw {
    sender: SendRequest<Bytes>,
}

/// A request whose body is still open.
pub struct Open {
    pub body: SendStream<Bytes>,
    answer: ResponseFuture,
}

impl Raw {
    pub async fn connect(bus: &Bus, party: &str) -> Self {
        let stream = tls(bus, bus.tls(party)).await;
        let (sender, connection) = within(h2::client::handshake(stream)).await.unwrap();
        // It ends with the last handle to it; how is for the tests to see from their calls.
        tokio::spawn(async { connection.await.ok() });
        Self { sender }
    }

    /// Begins a gRPC call with these headers besides the usual ones.
    pub async fn call(&mut self, path: &str, headers: &[(&'static str, &str)]) -> Open {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://{SERVER_NAME}{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.request(request.body(()).unwrap()).await
    }

    /// Begins any request.
    pub async fn request(&mut self, request: Request<()>) -> Open {
        let mut sender = within(self.sender.clone().ready()).await.unwrap();
        let (answer, body) = sender.send_request(request, false).unwrap();
        self.sender = sender;
        Open { body, answer }
    }

    /// Sends one whole body and reads the answer's status.
    pub async fn ask(&mut self, path: &str, body: Vec<u8>) -> Status {
        let mut open = self.call(path, &[]).await;
        // A call that is refused by its headers alone has ended before its body is sent.
        let _ = open.body.send_data(body.into(), true);
        open.status().await
    }
}

impl Open {
    /// The answer's head, whatever it is.
    pub async fn head(self) -> Result<Response<RecvStream>, h2::Error> {
        within(self.answer).await
    }

    /// The status that the answer ends with.
    pub async fn status(self) -> Status {
        let answer = self.head().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let (head, mut body) = answer.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            return status;
        }
        while let Some(bytes) = within(body.data()).await {
            let bytes = bytes.unwrap();
            body.flow_control().release_capacity(bytes.len()).unwrap();
        }
        let trailers: Option<HeaderMap> = within(body.trailers()).await.unwrap();
        Status::from_header_map(&trailers.unwrap()).unwrap()
    }
}

/// A message with its gRPC prefix.
pub fn framed(message: &[u8]) -> Vec<u8> {
    framed_as(0, message.len(), message)
}

/// The same with a compression flag and a length that may lie.
pub fn framed_as(flag: u8, length: usize, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes
}

/// The frame that begins a call, its headers in the plainest form (RFC 7541 §6.2.2).
pub fn headers(stream: u32, path: &str) -> Vec<u8> {
    // POST, https, and the content type under its index in the static table.
    let mut block = vec![0x83, 0x87, 0x04];
    block.push(u8::try_from(path.len()).unwrap());
    block.extend(path.as_bytes());
    block.extend([0x0f, 0x10, 16]);
    block.extend(b"application/grpc");
    // HEADERS, with the end of the headers flagged and the body still to come.
    frame(0x01, 0x04, stream, &block)
}

/// The frame that drops a call.
pub fn reset(stream: u32) -> Vec<u8> {
    // RST_STREAM with CANCEL.
    frame(0x03, 0, stream, &8_u32.to_be_bytes())
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}
