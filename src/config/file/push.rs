//! The keys of `[push]`.

use std::time::Duration;

use super::super::Push;
use super::super::error::ConfigError;
use super::super::raw::RawPush;
use super::{Reader, count, number, seconds};

impl Reader<'_> {
    pub(super) fn push(&self, raw: &RawPush) -> Result<Push, ConfigError> {
        let RawPush {
            max_in_flight_per_party,
            timeout_seconds,
            backoff_base_ms,
            backoff_max_seconds,
            breaker_failures,
        } = *raw;
        let in_flight = number("push.max_in_flight_per_party", 8, 1, 256);
        let timeout = number("push.timeout_seconds", 10, 1, 60);
        let base = number("push.backoff_base_ms", 500, 10, 60_000);
        let max = number("push.backoff_max_seconds", 300, 1, 3_600);
        let failures = number("push.breaker_failures", 5, 1, 1_000);
        let base = self.number(backoff_base_ms, base)?;
        let max = self.number(backoff_max_seconds, max)?;
        if max < base.div_ceil(1_000) {
            return Err(ConfigError::TooSmall {
                file: self.file.to_owned(),
                key: "push.backoff_max_seconds",
                found: max.into(),
                because: "the first wait is push.backoff_base_ms",
                least: base.div_ceil(1_000).into(),
            });
        }
        Ok(Push {
            max_in_flight_per_party: count(self.number(max_in_flight_per_party, in_flight)?),
            timeout: seconds(self.number(timeout_seconds, timeout)?),
            backoff_base: Duration::from_millis(u64::from(base)),
            backoff_max: seconds(max),
            breaker_failures: self.number(breaker_failures, failures)?,
        })
    }
}
