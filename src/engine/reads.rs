//! Reads of personal data: recorded before anything of them is answered.

use tokio::sync::oneshot;

use super::answer::{Later, index_fault};
use super::group::Group;
use super::writer::Writer;
use super::{Engine, EngineError, Request};
use crate::domain::{self, DataRead, Event};

/// To whom the answer goes.
pub(super) type ReadReply = oneshot::Sender<Result<(), EngineError>>;

impl Engine {
    /// Records that personal data are read, each case of one answer by a record of its own, and
    /// waits until all of them are durable; they share their sync. What was read may be answered
    /// then, and not before.
    ///
    /// # Errors
    /// As for [`Engine::act`]; nothing may be answered then.
    pub async fn record_reads(&self, reads: Vec<DataRead>) -> Result<(), EngineError> {
        if reads.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Read(reads, reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Writer {
    /// Takes the reads of one answer, all of them or none. Never refused for want of disk space
    /// while the journal can grow: it opens no case.
    pub(super) fn read(
        &mut self,
        reads: Vec<DataRead>,
        reply: ReadReply,
        now_ms: i64,
        group: &mut Group,
    ) {
        let are_there = reads.iter().try_for_each(|read| {
            let case = self.overlay.case(read.case).map_err(index_fault)?;
            Ok(domain::read(case.as_deref())?)
        });
        let mut noted = reads.into_iter().map(|read| Event::DataRead(Box::new(read)));
        let taken =
            are_there.and_then(|()| noted.try_for_each(|event| self.note(event, now_ms, group)));
        group.later.push(Later::Read(taken, reply));
    }
}
