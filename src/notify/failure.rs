//! Why a notice did not go out, and whether another attempt can help.

use std::time::Duration;

use crate::domain::contact::EmailAddress;
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
    #[error("the mail server answered {0}")]
    MailServer(MailCode),
    /// The mail server refuses every address for good.
    #[error("the mail server refuses the addresses with {0}")]
    Addresses(MailCode),
    /// The mail server has taken the letter, and not yet for all of its addresses.
    #[error("the mail server has the letter, and refuses {} addresses temporarily with {code}", rest.len())]
    Partly {
        /// What it answered of the first of the rest.
        code: MailCode,
        /// The addresses to which the letter is still to be brought.
        rest: Vec<EmailAddress>,
    },
    /// The web server answered otherwise than with success. A redirection is not followed.
    #[error("the web server answered {0}")]
    Status(u16),
}

/// What a mail server answered: its code and, where it gives one, the enhanced code (RFC 3463). Its
/// words are not kept, since they name addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCode(String);

impl MailCode {
    /// From the code, and the words whose first may be the enhanced code.
    pub(super) fn new(code: &str, words: &str) -> Self {
        let enhanced = words.split_whitespace().next().filter(|word| is_enhanced(word));
        Self(enhanced.map_or_else(|| code.to_owned(), |enhanced| format!("{code} {enhanced}")))
    }
}

impl std::fmt::Display for MailCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a word is a class of 2, 4 or 5, a subject and a detail of three digits at most each.
fn is_enhanced(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(is_number)
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
            Self::NoContact | Self::Addresses(_) | Self::Status(410) => true,
            Self::Unwritable(_)
            | Self::Timeout(_)
            | Self::Connection(_)
            | Self::MailServer(_)
            | Self::Partly { .. }
            | Self::Status(_) => false,
        }
    }
}

/// What another server says, as one short line.
pub(super) fn cut(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_mail_server_says_the_codes_alone_are_kept() {
        for (words, kept) in [
            ("5.1.1 <gone@akimat.example>: no such user", "550 5.1.1"),
            ("4.7.251 later", "550 4.7.251"),
            ("gone@akimat.example 5.1.1", "550"),
            ("3.1.1 x", "550"),
            ("5.1 x", "550"),
            ("5.1.1234 x", "550"),
            ("5..1", "550"),
            ("10.0.0.1", "550"),
            ("", "550"),
        ] {
            assert_eq!(MailCode::new("550", words).to_string(), kept, "{words}");
        }
    }
}
