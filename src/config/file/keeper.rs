//! The keys of the keeper and of the clock.

use super::super::Config;
use super::super::error::ConfigError;
use super::super::raw::{RawClock, RawEngine, RawHealth, RawJournal, RawLimits};
use super::{Reader, mib, number, seconds};
use crate::engine::clock::{ClockOptions, SteadyOptions};
use crate::engine::keeper::KeeperOptions;
use crate::engine::vitals::DiskMarks;

impl Reader<'_> {
    pub(super) fn clock(&self, raw: &RawClock) -> Result<ClockOptions, ConfigError> {
        let RawClock { max_step_seconds, settle_seconds, max_gap_days } = *raw;
        let step = number("clock.max_step_seconds", 60, 1, 3_600);
        let settle = number("clock.settle_seconds", 60, 1, 3_600);
        let gap = number("clock.max_gap_days", 30, 1, 3_660);
        let steady = SteadyOptions {
            max_step_ms: i64::from(self.number(max_step_seconds, step)?) * 1000,
            settle_ms: i64::from(self.number(settle_seconds, settle)?) * 1000,
        };
        let max_gap_days = i64::from(self.number(max_gap_days, gap)?);
        Ok(ClockOptions { steady, max_gap_days, accept: false })
    }

    pub(super) fn keeper(
        &self,
        health: &RawHealth,
        engine: &RawEngine,
        journal: &RawJournal,
        limits: &RawLimits,
    ) -> Result<KeeperOptions, ConfigError> {
        let RawHealth { max_commit_seconds } = *health;
        let commit = number("health.max_commit_seconds", 5, 1, 600);
        let intake_bytes = self.engine(engine, limits)?.reserve_disk_bytes;
        let warn = number("engine.warn_disk_mib", 1_024, 1, 1_048_576);
        let warn_bytes = match engine.warn_disk_mib {
            Some(found) => mib(self.number(Some(found), warn)?),
            // A reserve that is larger than usual is warned of in time as well.
            None => mib(warn.default).max(intake_bytes.saturating_mul(2)),
        };
        let memory = number("limits.max_memory_mib", 0, 0, 1_048_576);
        let memory = mib(self.number(limits.max_memory_mib, memory)?);
        Ok(KeeperOptions {
            max_commit: seconds(self.number(max_commit_seconds, commit)?),
            disk: DiskMarks {
                warn_bytes,
                intake_bytes,
                all_bytes: self.journal(journal)?.reserve_bytes,
            },
            max_memory_bytes: (memory > 0).then_some(memory),
        })
    }

    pub(super) fn max_queued_deliveries(&self, limits: &RawLimits) -> Result<u64, ConfigError> {
        let key = "limits.max_queued_deliveries_per_party";
        let queued = number(key, 2_000_000, 1, 100_000_000);
        Ok(u64::from(self.number(limits.max_queued_deliveries_per_party, queued)?))
    }
}

/// The operator is warned before anything is refused. That applications are refused before
/// everything is stands among the rules of the file.
pub(super) fn check_watermarks(config: &Config) -> Result<(), ConfigError> {
    const MIB: u64 = 1024 * 1024;
    let DiskMarks { warn_bytes, intake_bytes, all_bytes: _ } = config.keeper.disk;
    if warn_bytes < intake_bytes {
        return Err(ConfigError::TooSmall {
            file: config.file.clone(),
            key: "engine.warn_disk_mib",
            found: warn_bytes / MIB,
            because: "the warning comes before engine.reserve_disk_mib, where applications are refused",
            least: intake_bytes / MIB,
        });
    }
    Ok(())
}
