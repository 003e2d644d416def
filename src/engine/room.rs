//! Whether there is room for an act. What closes a clock is always the last to be refused: only
//! what opens a case is held back while disk, memory or the receiver's queue run short, and only
//! the journal itself refuses everything.

use super::vitals::Committed;
use super::writer::Writer;
use super::{EngineError, timestamp};
use crate::domain::{ActRecorded, Case, Sequence};
use crate::index::{QueueOp, queued};
use crate::journal::{Appended, Entry, Fault, JournalError};

impl Writer {
    /// Why no act is taken in this turn that opens a case; none while there is room.
    pub(super) fn shortage(&self) -> Option<EngineError> {
        if self.is_short_of_disk() {
            Some(EngineError::DiskFull)
        } else if self.vitals.is_short_of_memory() {
            Some(EngineError::MemoryShort)
        } else {
            None
        }
    }

    /// Why a decided act is not taken, given the shortage of the turn. Asked after the look for a
    /// repeat, whose receipt needs no room.
    pub(super) fn no_room_for(
        &self,
        act: &ActRecorded,
        shortage: Option<&EngineError>,
        now_ms: i64,
    ) -> Option<EngineError> {
        act.opening.as_ref()?;
        shortage
            .cloned()
            .or_else(|| self.would_overfill(act, now_ms).then_some(EngineError::QueueFull))
    }

    /// Whether an opening act would go to a party for which as much waits as may.
    fn would_overfill(&self, act: &ActRecorded, now_ms: i64) -> bool {
        let (queues, max) = (&self.vitals.queues, self.options.max_queued_deliveries_per_party);
        if !queues.any_with(max) {
            return false;
        }
        let opened = Case::open(act, Sequence(0), timestamp(now_ms));
        opened.iter().flat_map(queued).any(|op| {
            let QueueOp::AddDelivery { to, .. } = op else { return false };
            queues.of(to).deliveries >= max
        })
    }

    fn is_short_of_disk(&self) -> bool {
        let Some(disk) = &self.disk else { return false };
        match rustix::fs::statvfs(disk) {
            Ok(stat) => {
                stat.f_bavail.saturating_mul(stat.f_frsize) < self.options.reserve_disk_bytes
            }
            Err(error) => {
                tracing::warn!(%error, "free disk space is unknown");
                false
            }
        }
    }

    /// Appends a group, and notes how that went, so that a disk that holds it up is seen.
    pub(super) fn append(
        &mut self,
        entries: &[Entry<'_>],
        now_ms: i64,
    ) -> Result<Vec<Appended>, JournalError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        self.vitals.commit_begins();
        let appended = self.journal.append(entries);
        self.vitals.commit_ended(match &appended {
            Ok(_) => Committed::At(now_ms),
            Err(error) if error.fault() == Fault::Space => Committed::NoSpace,
            Err(_) => Committed::Refused,
        });
        appended
    }
}
