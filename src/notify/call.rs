//! Calls of parties' web servers: one POST with a signed body (Standard Webhooks).
//!
//! Each call has a connection of its own, which ends with it: no redirection is followed, of the
//! answer only the status is read, and a server that hangs holds one slot until the timeout.

use std::io;
use std::time::Duration;

use futures_util::future::{self, Either};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::failure::{Failure, cut};
use crate::domain::Sequence;
use crate::domain::contact::WebhookUrl;
use crate::domain::party::PartyId;
use crate::trust::secret::WebhookKey;
use crate::trust::tls::Outgoing;

/// The most bytes of an answer's status line and headers.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
const AGENT: &str = concat!("kopir/", env!("CARGO_PKG_VERSION"));

/// Calls web servers.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whom `https` servers are proven by; none where no party has one.
    pub authorities: Option<Outgoing>,
    /// The longest a call may take.
    pub timeout: Duration,
}

/// The name of a call, the same in each attempt, by which its receiver tells a repeat.
#[must_use]
pub fn call_id(notice: Sequence, party: &PartyId) -> String {
    // Without a full stop, which parts the fields that are signed.
    format!("notice_{notice}_{party}")
}

impl Caller {
    /// Makes one call. It has arrived once the server answered with success.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn call(
        &self,
        url: &WebhookUrl,
        key: &WebhookKey,
        id: &str,
        body: Vec<u8>,
        sent_at: Timestamp,
    ) -> Result<(), Failure> {
        let seconds = sent_at.as_second();
        let request = Request::post(&url.path)
            .header(HOST, url.authority())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", key.sign(id, seconds, &body))
            .body(Full::new(Bytes::from(body)))
            .map_err(|why| Failure::Unwritable(why.to_string()))?;
        let status = timeout(self.timeout, self.exchange(url, request)).await;
        let status = status.map_err(|_| Failure::Timeout(self.timeout))??;
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status.as_u16())) }
    }

    async fn exchange(
        &self,
        url: &WebhookUrl,
        request: Request<Full<Bytes>>,
    ) -> Result<StatusCode, Failure> {
        let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        if !url.secure {
            return post(stream, request).await;
        }
        let authorities = self.authorities.as_ref();
        let missing = || Failure::Connection("no authorities are at hand".to_owned());
        let authorities = authorities.ok_or_else(missing)?;
        let stream = authorities.connect(&url.host, stream).await.map_err(broken)?;
        post(stream, request).await
    }
}

/// The status that a server answers with; the connection ends with this call.
async fn post(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, Failure> {
    let broken = |why: hyper::Error| Failure::Connection(cut(&why.to_string()));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let (answer, connection) = (Box::pin(sender.send_request(request)), Box::pin(connection));
    let answer = match future::select(answer, connection).await {
        Either::Left((answer, _)) => answer,
        // The connection may end with the answer in hand; if it does not, the answer tells why.
        Either::Right((_, answer)) => answer.await,
    };
    Ok(answer.map_err(broken)?.status())
}

fn broken(why: io::Error) -> Failure {
    Failure::Connection(cut(&why.to_string()))
}
