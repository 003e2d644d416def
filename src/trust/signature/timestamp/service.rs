//! A time-stamp authority over HTTP (RFC 3161 §3.4).

use std::time::Duration;

use bytes::Bytes;
use der::asn1::ObjectIdentifier;
use http::StatusCode;

use super::super::authorities::Authorities;
use super::super::exchange::{ExchangeFault, Server};
use super::{MAX_ANSWER_BYTES, Nonce, Question, Stamp, StampFault, verify_answer};
use crate::domain::contact::WebhookUrl;
use crate::trust::tls::Outgoing;

/// A time-stamp authority, and by whom its tokens are proven.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its address. Plain `http` will do: its tokens prove themselves.
    pub url: WebhookUrl,
    /// The authorities of the connection, where the address is `https`.
    pub tls: Option<Outgoing>,
    /// The longest that a question may take.
    pub timeout: Duration,
    /// The policy that is asked for; any where there is none.
    pub policy: Option<ObjectIdentifier>,
    /// The authorities behind the certificates that sign tokens.
    pub authorities: Authorities,
}

impl Service {
    /// Has bytes stamped; what the token states, and the token in DER.
    ///
    /// # Errors
    /// [`StampFault`]; a token with any fault is not returned.
    pub async fn stamp(
        &self,
        content: &[u8],
        nonce: Nonce,
    ) -> Result<(Stamp, Vec<u8>), StampFault> {
        let question = Question::new(content, self.policy, nonce);
        let answer = self.ask(&question).await?;
        let (stamp, token) = verify_answer(&answer, &question, content, &self.authorities)?;
        Ok((stamp, token.to_vec()))
    }

    async fn ask(&self, question: &Question) -> Result<Bytes, StampFault> {
        let server = Server {
            url: &self.url,
            authorities: self.tls.as_ref(),
            timeout: self.timeout,
            max_answer_bytes: MAX_ANSWER_BYTES,
        };
        let answered = server.post("application/timestamp-query", question.to_der()).await;
        let (status, body) = answered.map_err(|fault| match fault {
            ExchangeFault::Silent(why) => StampFault::Silent(why),
            ExchangeFault::Length => StampFault::Length,
        })?;
        if status == StatusCode::OK { Ok(body) } else { Err(StampFault::Status(status.as_u16())) }
    }
}
