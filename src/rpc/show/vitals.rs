//! What tells whether the bus does its work.

use jiff::SignedDuration;
use prost_types::Duration;

use super::time;
use crate::domain::ladder::BusOutage;
use crate::engine::clock::ClockState;
use crate::engine::vitals::{Disk, DiskLevel, Issue};
use crate::rpc::proto::operations::v1 as operations;

/// An issue.
pub fn issue(issue: Issue) -> operations::HealthIssue {
    match issue {
        Issue::EngineEnded => operations::HealthIssue::EngineEnded,
        Issue::DiskStuck => operations::HealthIssue::DiskStuck,
        Issue::IndexStuck => operations::HealthIssue::IndexStuck,
        Issue::ClockAdrift => operations::HealthIssue::ClockAdrift,
        Issue::DiskFull => operations::HealthIssue::DiskFull,
        Issue::LogContradicted => operations::HealthIssue::LogContradicted,
        Issue::DiskShort => operations::HealthIssue::DiskShort,
        Issue::DiskLow => operations::HealthIssue::DiskLow,
        Issue::MemoryShort => operations::HealthIssue::MemoryShort,
        Issue::RevocationUnknown => operations::HealthIssue::RevocationUnknown,
        Issue::FileRefused => operations::HealthIssue::FileRefused,
    }
}

/// How the machine's clock stands.
pub fn machine_clock(state: ClockState) -> operations::MachineClock {
    use operations::MachineClockState as Shown;
    let (state, offset_ms) = match state {
        ClockState::Level => (Shown::Level, 0),
        ClockState::Ahead { by_ms } => (Shown::Ahead, by_ms),
        ClockState::Behind { by_ms } => (Shown::Behind, by_ms.saturating_neg()),
        ClockState::Adrift { by_ms } => (Shown::Adrift, by_ms),
    };
    let offset = Some(span(SignedDuration::from_millis(offset_ms)));
    operations::MachineClock { state: state.into(), offset }
}

/// The journal's disk.
pub fn journal_disk(disk: Disk) -> operations::JournalDisk {
    let Disk { level, free_bytes } = disk;
    let level = match level {
        DiskLevel::Ample => operations::DiskLevel::Ample,
        DiskLevel::Low => operations::DiskLevel::Low,
        DiskLevel::Short => operations::DiskLevel::Short,
        DiskLevel::Full => operations::DiskLevel::Full,
    };
    operations::JournalDisk { level: level.into(), free_bytes }
}

/// A time without a bus.
pub fn outage(outage: BusOutage) -> operations::Outage {
    let BusOutage { from, until } = outage;
    operations::Outage { start_time: Some(time(from)), end_time: Some(time(until)) }
}

/// A span, which may be negative.
pub fn span(span: SignedDuration) -> Duration {
    Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Issue::ALL.iter().map(|each| i32::from(issue(*each))).collect();
        assert_eq!(names.len(), Issue::ALL.len());
        assert!(!names.contains(&0), "none is shown as not stated");
    }

    #[test]
    fn a_clock_behind_has_a_negative_offset() {
        let shown = machine_clock(ClockState::Behind { by_ms: 1_500 }).offset;
        assert_eq!(shown, Some(Duration { seconds: -1, nanos: -500_000_000 }));
        let shown = machine_clock(ClockState::Adrift { by_ms: -61_000 }).offset;
        assert_eq!(shown, Some(Duration { seconds: -61, nanos: 0 }));
    }
}
