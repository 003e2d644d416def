//! The engine without threads: whoever holds it says when the writer takes a turn and when the
//! follower folds. For a world in which one thread plays everything, and plays it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::follower::Backlog;
use super::group::Group;
use super::start::Assembled;
use super::writer::Writer;
use super::{Engine, Request};
use crate::journal::JournalError;

/// An engine of which each step is asked for.
pub struct Stepped {
    engine: Engine,
    backlog: Arc<Backlog>,
    writer: Writer,
    requests: mpsc::Receiver<Request>,
}

impl Assembled {
    /// Leaves the turns of writer and follower to the caller, after what precedes new traffic.
    ///
    /// # Errors
    /// The journal's, when it fails at that.
    pub fn stepped(self) -> Result<Stepped, JournalError> {
        let Self { engine, mut writer, follower, backlog, waiting: requests } = self;
        backlog.fold_inline(follower);
        writer.prepare(&mut Group::default())?;
        Ok(Stepped { engine, backlog, writer, requests })
    }
}

impl Stepped {
    /// The handle.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// One turn of the writer over what is waiting, if anything is. The number of requests it took.
    ///
    /// # Errors
    /// The journal's, as by which the writer's thread ends: nobody is answered any more.
    pub fn turn(&mut self) -> Result<usize, JournalError> {
        let mut waiting = Vec::new();
        while !self.writer.marks.failed.load(Ordering::Acquire)
            && waiting.len() < self.writer.options.max_group_commands
            && let Ok(request) = self.requests.try_recv()
        {
            waiting.push(request);
        }
        let taken = waiting.len();
        if taken > 0 {
            self.writer.turn(&mut waiting, &mut Group::default())?;
        }
        Ok(taken)
    }

    /// Requests that wait for a turn.
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// When a running term is to be spoken of next, in Unix milliseconds.
    pub fn next_rung_ms(&self) -> Option<i64> {
        self.writer.timetable.first_ms()
    }

    /// Folds one batch into the index; false when nothing waits.
    pub fn fold(&self) -> bool {
        self.backlog.step()
    }
}
