//! One question to a web server and its answer, within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::domain::contact::WebhookUrl;
use crate::trust::tls::Outgoing;

const AGENT: &str = concat!("kopir/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum ExchangeFault {
    /// The server could not be reached, or not in time, or speaks no HTTP.
    Silent(String),
    /// The answer was cut short, or is longer than it may be.
    Length,
}

/// A web server, and the bounds of what it is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server<'a> {
    pub(super) url: &'a WebhookUrl,
    /// The authorities that prove it, where the address is `https`.
    pub(super) authorities: Option<&'a Outgoing>,
    /// The longest that question and answer may take together.
    pub(super) timeout: Duration,
    pub(super) max_answer_bytes: usize,
}

impl Server<'_> {
    /// Posts a body of this type. Redirects are not followed.
    pub(super) async fn post(
        self,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), ExchangeFault> {
        let request = Request::post(&self.url.path)
            .header(HOST, self.url.authority())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(Bytes::from(body)))
            .map_err(|why| ExchangeFault::Silent(why.to_string()))?;
        let late = |_| ExchangeFault::Silent(format!("not within {:?}", self.timeout));
        timeout(self.timeout, self.exchange(request)).await.map_err(late)?
    }

    async fn exchange(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ExchangeFault> {
        let broken = |why: std::io::Error| ExchangeFault::Silent(why.to_string());
        let to = (self.url.host.as_str(), self.url.port);
        let stream = TcpStream::connect(to).await.map_err(broken)?;
        if !self.url.secure {
            return self.over(stream, request).await;
        }
        let missing = || ExchangeFault::Silent("no authorities are at hand".to_owned());
        let authorities = self.authorities.ok_or_else(missing)?;
        let stream = authorities.connect(&self.url.host, stream).await.map_err(broken)?;
        self.over(stream, request).await
    }

    /// The whole answer, within its bound; the connection ends with it.
    async fn over(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ExchangeFault> {
        let broken = |why: hyper::Error| ExchangeFault::Silent(why.to_string());
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(broken)?;
        let answer = Box::pin(async move {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), self.max_answer_bytes).collect().await;
            Ok((status, body.map_err(|_| ExchangeFault::Length)?.to_bytes()))
        });
        match future::select(answer, Box::pin(connection)).await {
            Either::Left((answer, _)) => answer,
            // The connection may end with the answer in hand; if it does not, the answer tells why.
            Either::Right((_, answer)) => answer.await,
        }
    }
}
