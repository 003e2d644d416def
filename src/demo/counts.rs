//! What the parties count of their own work.

use crate::rpc::proto::types::v1::RefusalGround;

/// Refusals that a mission has been told of, by their grounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refusals {
    /// For unreliable data alone.
    pub(super) doubtful: usize,
    /// For want of a quota alone.
    pub(super) no_quota: usize,
    /// For both.
    pub(super) both: usize,
}

impl Refusals {
    /// These and one more, on these grounds.
    pub(super) fn and_one(self, grounds: Vec<RefusalGround>) -> Self {
        let doubtful = grounds.contains(&RefusalGround::UnreliableData);
        let no_quota = grounds.contains(&RefusalGround::NoRegionalQuota);
        self.and(Self {
            doubtful: usize::from(doubtful && !no_quota),
            no_quota: usize::from(no_quota && !doubtful),
            both: usize::from(doubtful && no_quota),
        })
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            doubtful: self.doubtful + other.doubtful,
            no_quota: self.no_quota + other.no_quota,
            both: self.both + other.both,
        }
    }
}

/// Counts of what an agent has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    /// Acts with their receipt.
    pub(super) acts: usize,
    /// Families whose application was submitted.
    pub(super) applied: usize,
    /// Families who have the last decision in hand.
    pub(super) finished: usize,
    /// Requests sent a second time, each answered by the receipt of the first.
    pub(super) repeated: usize,
    /// Deliveries acknowledged.
    pub(super) receipts: usize,
    /// Deliveries that came a second time.
    pub(super) redelivered: usize,
}

impl Done {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            acts: self.acts + other.acts,
            applied: self.applied + other.applied,
            finished: self.finished + other.finished,
            repeated: self.repeated + other.repeated,
            receipts: self.receipts + other.receipts,
            redelivered: self.redelivered + other.redelivered,
        }
    }
}
