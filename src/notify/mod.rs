//! Telling a party outside its inbox: letters to its people on duty, signed calls of its systems.
//!
//! What is to be sent follows from the journal: a notice names the ways by which it goes, and stays
//! in the outbox until a record says that it was taken or given up. So nothing that was to be said
//! is lost with the process, and a stop between sending and recording repeats it under the same
//! name: a party hears of each notice at least once, and can tell a repeat.
//!
//! This module knows how to say something to somebody. What is said, when and to whom stands in the
//! notice; the inbox has it too, and no term depends on a letter.

mod call;
mod citation;
mod desk;
mod digest;
mod failure;
mod lanes;
mod letter;
mod mail;
mod outbox;
mod payload;
mod policy;
mod words;
mod worker;

use std::time::Duration;

pub use call::{Caller, call_id};
pub use desk::{Desk, DeskParts};
pub use digest::{Days, Digest, Entry, Sources};
pub use failure::{Failure, MailCode, SetupError};
pub use letter::{Letter, MAX_ENTRIES};
pub use mail::{Mailer, MessageId, SmtpOptions, SmtpTls};
pub use outbox::{Outbox, OutboxError, Told};
pub use policy::Policy;
pub use words::{Words, WordsError};
pub use worker::run;

/// Bounds of the notifications, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyOptions {
    /// When a failed attempt is repeated, and when it is given up.
    pub policy: Policy,
    /// Letters on their way at once, and, apart from them, calls. At most half of either are of
    /// parties whose last attempt failed, so that these hold up no others.
    pub max_in_flight: usize,
    /// The longest a call of a party's web server may take.
    pub webhook_timeout: Duration,
}

/// Writes the letter of a digest; see [`Letter`].
#[must_use]
pub fn letter(
    digest: &Digest,
    language: crate::domain::contact::Language,
    words: &Words,
    labels: &crate::procedures::labels::Labels,
) -> Letter {
    letter::write(digest, language, words, labels)
}
