//! Why a notice did not go out, and whether another attempt can help.

use std::time::Duration;

use crate::domain::party::PartyId;

/// The most characters of what another server says.
const MAX_SAID_CHARS: usize = 200;

/// Why an attempt failed. None of it shows a secret or personal data.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The party has left the registry, or has no such contact any more.
    #[error("the party has no such contact any more")]
    NoContact,
    /// The letter cannot be built from what the configuration and the registry say.
    #[error("the letter cannot be built: {0}")]
    Unwritable(String),
    /// The other side has not answered in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// There is no connection, or it broke.
    #[error("no connection: {0}")]
    Connection(String),
    /// The mail server does not take letters now.
    #[error("the mail server answered {code}: {said}")]
    MailServer {
        /// Its code.
        code: String,
        /// Its words, cut.
        said: String,
    },
    /// The mail server refuses every address for good.
    #[error("the mail server refuses the addresses with {code}: {said}")]
    Addresses {
        /// Its code.
        code: String,
        /// Its words, cut.
        said: String,
    },
    /// The web server answered otherwise than with success. A redirection is not followed.
    #[error("the web server answered {0}")]
    Status(u16),
}

/// No notification can be sent at all: the configuration and this build do not fit.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A party's webhook has no key.
    #[error("the webhook of {0} has no key")]
    NoKey(PartyId),
    /// Letters are to be sent, and no mail server is configured.
    #[error("{0} has an address of e-mail, and no mail server is configured")]
    NoMailServer(PartyId),
    /// A library refuses what this module always asks of it.
    #[error("letters cannot be sent: {0}")]
    Mail(String),
    /// A protected connection is asked for, and no authorities are at hand.
    #[error("a protected connection is asked for, and no authorities are at hand")]
    NoAuthorities,
}

impl Failure {
    /// Whether no further attempt can help.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            // 410 Gone: the receiver wants no more of it (Standard Webhooks).
            Self::NoContact | Self::Addresses { .. } | Self::Status(410) => true,
            Self::Unwritable(_)
            | Self::Timeout(_)
            | Self::Connection(_)
            | Self::MailServer { .. }
            | Self::Status(_) => false,
        }
    }
}

/// What another server says, as one short line.
pub(super) fn cut(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID_CHARS).collect()
}
