//! Where the notices come from that are to be sent: derived from the journal.

use std::future::Future;

use jiff::Timestamp;

use crate::domain::ladder::{Notice, NoticeSent, Sent};
use crate::domain::{Event, Rejection, Sequence};
use crate::engine::{Engine, EngineError, ReadError, Recorded};
use crate::index::{IndexError, Outgoing};

/// A notice as it was recorded.
#[derive(Debug, Clone)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
}

/// Why the outbox does not answer. Repeating helps unless the bus is stopping.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The notice cannot be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record is none of a notice.
    #[error("record {0} is no notice")]
    NoNotice(Sequence),
    /// The outcome cannot be recorded.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What is to be sent, and where its outcome is recorded.
pub trait Outbox: Send + Sync + 'static {
    /// What is still to be sent, in the order of the notices, from the first beyond `after`. What
    /// is added later comes behind all that was there.
    ///
    /// # Errors
    /// [`OutboxError`].
    fn pending(&self, after: Option<Outgoing>, limit: usize) -> Result<Vec<Outgoing>, OutboxError>;

    /// A notice.
    ///
    /// # Errors
    /// [`OutboxError`].
    fn notice(&self, sequence: Sequence) -> Result<Told, OutboxError>;

    /// Records how the sending ended, and takes it out of the outbox. Once only for each.
    ///
    /// # Errors
    /// [`OutboxError`].
    fn done(
        &self,
        item: Outgoing,
        outcome: Sent,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;
}

impl Outbox for Engine {
    fn pending(&self, after: Option<Outgoing>, limit: usize) -> Result<Vec<Outgoing>, OutboxError> {
        Ok(self.index().outgoing(after, limit)?)
    }

    fn notice(&self, sequence: Sequence) -> Result<Told, OutboxError> {
        let Recorded { at, event, .. } = self.recorded(sequence)?;
        let Event::Notice(notice) = event else { return Err(OutboxError::NoNotice(sequence)) };
        Ok(Told { at, notice: *notice })
    }

    async fn done(&self, item: Outgoing, outcome: Sent) -> Result<(), OutboxError> {
        let Outgoing { notice, party, channel } = item;
        match self.notice_sent(NoticeSent { notice, party, channel, outcome }).await {
            // Nothing of it waits any more: it was recorded before, and the answer was lost.
            Ok(_) | Err(EngineError::Rejected(Rejection::DeliveryUnknown(_))) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
