//! One question to one responder, over plain HTTP (RFC 6960 §A.1).
//!
//! It is posted: a GET may be answered from a cache on the way (RFC 5019 §5), and how old an answer
//! is decides here. No redirect is followed and no proxy used: the address of the certificate, or of
//! the configuration, and nothing else.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{AnswerFault, MAX_ANSWER_BYTES};
use super::url::ResponderUrl;

const AGENT: &str = concat!("kopir/", env!("CARGO_PKG_VERSION"));

/// Why nothing is known of a certificate.
#[derive(Debug, Error)]
pub enum AskFault {
    /// Nobody is known to be asked.
    #[error("neither the certificate nor [ocsp] names a responder")]
    Nobody,
    /// No connection came about, or it broke.
    #[error("no connection: {0}")]
    Connection(io::Error),
    /// What came is no answer of HTTP, or too long.
    #[error("the exchange failed: {0}")]
    Exchange(String),
    /// Another status than 200.
    #[error("HTTP status {}", .0.as_u16())]
    Status(StatusCode),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// What came counts for nothing.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
}

/// Posts a question, and gives the bytes of the answer, which nobody has judged yet.
///
/// # Errors
/// [`AskFault`].
pub async fn ask(
    url: &ResponderUrl,
    question: Vec<u8>,
    within: Duration,
) -> Result<Bytes, AskFault> {
    timeout(within, exchange(url, question)).await.unwrap_or(Err(AskFault::Silent(within)))
}

async fn exchange(url: &ResponderUrl, question: Vec<u8>) -> Result<Bytes, AskFault> {
    let broken = |why: &dyn std::fmt::Display| AskFault::Exchange(why.to_string());
    let request = Request::post(&url.path)
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .header(CONTENT_TYPE, "application/ocsp-request")
        .body(Full::new(Bytes::from(question)))
        .map_err(|why| broken(&why))?;
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await;
    let stream = TokioIo::new(stream.map_err(AskFault::Connection)?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(|why| broken(&why))?;
    let answer = Box::pin(async move {
        let answer = sender.send_request(request).await.map_err(|why| broken(&why))?;
        if answer.status() != StatusCode::OK {
            return Err(AskFault::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        Ok(body.map_err(|why| broken(&why))?.to_bytes())
    });
    match future::select(answer, Box::pin(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection may end with the answer in hand; if it does not, the answer tells why.
        Either::Right((_, answer)) => answer.await,
    }
}
