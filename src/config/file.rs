//! From the keys of the file to a [`Config`]: ranges, defaults, and the rules that hold between
//! the numbers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tracing_subscriber::filter::{LevelFilter, Targets};

mod keeper;
mod push;
mod tls;
mod vault;

use super::error::{ConfigError, Key};
use super::raw::{
    self, RawConfig, RawEngine, RawHttp2, RawJournal, RawLimits, RawLog, RawQuota, RawSandbox,
};
use super::{Config, Http2Limits, Limits, Log, LogFormat, Quotas, Readings, Sandbox};
use crate::domain::term::CalendarDays;
use crate::domain::{ProcedureKey, WhenUnset};
use crate::engine::EngineOptions;
use crate::journal::FileOptions;

/// See [`Config::parse`].
pub(super) fn parse(file: &Path, text: &str) -> Result<Config, ConfigError> {
    let config = Reader { file }.config(raw::read(file, text)?)?;
    check_together(&config)?;
    keeper::check_watermarks(&config)?;
    Ok(config)
}

/// A number of the file: its key, what it is when left out, and its range.
pub(super) struct Number {
    key: Key,
    default: u32,
    min: u32,
    max: u32,
}

pub(super) const fn number(key: Key, default: u32, min: u32, max: u32) -> Number {
    Number { key, default, min, max }
}

/// Reads the values of one file.
pub(super) struct Reader<'f> {
    pub(super) file: &'f Path,
}

impl Reader<'_> {
    fn config(&self, raw: RawConfig) -> Result<Config, ConfigError> {
        let RawConfig {
            _version: _,
            listen,
            data_dir,
            registry_file,
            tls,
            engine,
            journal,
            index,
            limits,
            http2,
            push,
            procedures,
            quota,
            ladder,
            notify,
            evidence,
            ocsp,
            signatures,
            log,
            clock,
            health,
            vault,
            retention,
            sandbox,
        } = raw;
        let data_dir = self.path("data_dir", data_dir, "data_dir = \"../data\"")?;
        let cache_mib = self.number(index.cache_mib, number("index.cache_mib", 32, 8, 16_384))?;
        let validity = procedures.consent_validity_days.map(|days| {
            self.number(Some(days), number("procedures.consent_validity_days", 1, 1, 3_660))
        });
        Ok(Config {
            file: self.file.to_owned(),
            listen: self.listen(listen)?,
            vault: self.vault(vault, &data_dir)?,
            tls: self.tls(tls, &data_dir, ocsp.parties.unwrap_or(false))?,
            data_dir,
            registry_file: self.path(
                "registry_file",
                registry_file,
                "registry_file = \"parties.toml\"",
            )?,
            engine: self.engine(&engine, &limits)?,
            journal: self.journal(&journal)?,
            clock: self.clock(&clock)?,
            keeper: self.keeper(&health, &engine, &journal, &limits)?,
            index_cache_bytes: mib(cache_mib),
            limits: self.limits(&limits)?,
            http2: self.http2(&http2)?,
            push: self.push(&push)?,
            quota: self.quota(quota)?,
            ladder: self.ladder(ladder)?,
            readings: Readings {
                strict_from: procedures.strict_from,
                roll_over: procedures.roll_over,
                publications: self.publications(procedures.publication_dates)?,
            },
            // The range ends far below what the type holds.
            consent_validity: validity
                .transpose()?
                .map(|days| CalendarDays(u16::try_from(days).unwrap_or(u16::MAX))),
            notify: self.notify(notify)?,
            ocsp: self.ocsp(ocsp)?,
            evidence: self.evidence(evidence)?,
            signatures: self.signatures(signatures)?,
            retention: self.retention(retention)?,
            log: self.log(log)?,
            sandbox: sandbox.map(|sandbox| self.sandbox(sandbox)).transpose()?,
        })
    }

    fn quota(&self, raw: RawQuota) -> Result<Quotas, ConfigError> {
        let key = "quota.when_unset";
        let example = "when_unset = \"refuse\"";
        let when_unset = match raw.when_unset.as_deref() {
            None | Some("refuse") => WhenUnset::Refuse,
            Some("admit") => WhenUnset::Admit,
            Some(other) => return Err(self.value(key, other, "\"refuse\" or \"admit\"", example)),
        };
        Ok(Quotas { when_unset })
    }

    fn publications(
        &self,
        raw: BTreeMap<String, String>,
    ) -> Result<BTreeMap<ProcedureKey, Date>, ConfigError> {
        let key = "procedures.publication_dates";
        let example = "\"kandas/2024\" = \"2024-06-13\"";
        let mut published = BTreeMap::new();
        for (name, date) in raw {
            let parsed = name.split_once('/').and_then(|(procedure, edition)| {
                let (procedure, edition) = (procedure.parse().ok()?, edition.parse().ok()?);
                Some(ProcedureKey { procedure, edition })
            });
            let wanted = "a procedure and its edition, with the day of publication";
            let procedure = parsed.ok_or_else(|| self.value(key, &name, wanted, example))?;
            let day = date.parse();
            let day = day.map_err(|_| self.value(key, &date, "a day as YYYY-MM-DD", example))?;
            published.insert(procedure, day);
        }
        Ok(published)
    }

    fn listen(&self, found: Option<String>) -> Result<SocketAddr, ConfigError> {
        let (key, example) = ("listen", "listen = \"127.0.0.1:7443\"");
        let text = found.ok_or_else(|| self.missing(key, example))?;
        let wanted = "an IP address with a port";
        text.parse().map_err(|_| self.value(key, &text, wanted, example))
    }

    fn engine(&self, raw: &RawEngine, limits: &RawLimits) -> Result<EngineOptions, ConfigError> {
        let RawEngine {
            max_waiting_commands,
            max_group_commands,
            max_index_lag_records,
            warn_disk_mib: _,
            reserve_disk_mib,
        } = *raw;
        let waiting = number("engine.max_waiting_commands", 8_192, 16, 1_000_000);
        let group = number("engine.max_group_commands", 1_024, 1, 8_192);
        let lag = number("engine.max_index_lag_records", 32_768, 1_024, 1_000_000);
        let reserve = number("engine.reserve_disk_mib", 256, 1, 1_048_576);
        Ok(EngineOptions {
            max_waiting_commands: count(self.number(max_waiting_commands, waiting)?),
            max_group_commands: count(self.number(max_group_commands, group)?),
            max_index_lag_records: count(self.number(max_index_lag_records, lag)?),
            reserve_disk_bytes: mib(self.number(reserve_disk_mib, reserve)?),
            max_queued_deliveries_per_party: self.max_queued_deliveries(limits)?,
        })
    }

    fn journal(&self, raw: &RawJournal) -> Result<FileOptions, ConfigError> {
        let RawJournal { segment_mib, max_record_kib, reserve_disk_mib } = *raw;
        let segment = number("journal.segment_mib", 64, 1, 4_096);
        let record = number("journal.max_record_kib", 512, 32, 2_048);
        let reserve = number("journal.reserve_disk_mib", 64, 1, 1_048_576);
        Ok(FileOptions {
            segment_bytes: mib(self.number(segment_mib, segment)?),
            max_record_bytes: kib(self.number(max_record_kib, record)?),
            reserve_bytes: mib(self.number(reserve_disk_mib, reserve)?),
        })
    }

    fn limits(&self, raw: &RawLimits) -> Result<Limits, ConfigError> {
        let RawLimits {
            max_message_kib,
            max_connections,
            max_connections_per_party,
            max_concurrent_calls_per_party,
            acts_per_second_per_party,
            bulk_window_acts,
            max_inbox_window_deliveries,
            max_delivery_attempts,
            stream_idle_seconds,
            request_timeout_seconds,
            handshake_timeout_seconds,
            max_queued_deliveries_per_party: _,
            max_memory_mib: _,
        } = *raw;
        let message = number("limits.max_message_kib", 256, 16, 1_024);
        let connections = number("limits.max_connections", 1_024, 1, 65_536);
        let of_party = number("limits.max_connections_per_party", 32, 1, 65_536);
        let calls = number("limits.max_concurrent_calls_per_party", 256, 1, 65_536);
        let rate = number("limits.acts_per_second_per_party", 2_000, 1, 1_000_000);
        let bulk = number("limits.bulk_window_acts", 1_024, 1, 65_536);
        let inbox = number("limits.max_inbox_window_deliveries", 1_024, 1, 65_536);
        let attempts = number("limits.max_delivery_attempts", 20, 1, 1_000);
        let idle = number("limits.stream_idle_seconds", 300, 1, 86_400);
        let request = number("limits.request_timeout_seconds", 30, 1, 600);
        let handshake = number("limits.handshake_timeout_seconds", 10, 1, 60);
        let rate = self.number(acts_per_second_per_party, rate)?;
        Ok(Limits {
            max_message_bytes: count(kib(self.number(max_message_kib, message)?)),
            max_connections: count(self.number(max_connections, connections)?),
            max_connections_per_party: count(self.number(max_connections_per_party, of_party)?),
            max_concurrent_calls_per_party: count(
                self.number(max_concurrent_calls_per_party, calls)?,
            ),
            // The range begins with 1.
            acts_per_second_per_party: NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN),
            bulk_window_acts: count(self.number(bulk_window_acts, bulk)?),
            max_inbox_window_deliveries: count(self.number(max_inbox_window_deliveries, inbox)?),
            max_delivery_attempts: self.number(max_delivery_attempts, attempts)?,
            stream_idle: seconds(self.number(stream_idle_seconds, idle)?),
            request_timeout: seconds(self.number(request_timeout_seconds, request)?),
            handshake_timeout: seconds(self.number(handshake_timeout_seconds, handshake)?),
        })
    }

    fn http2(&self, raw: &RawHttp2) -> Result<Http2Limits, ConfigError> {
        let RawHttp2 {
            max_concurrent_streams,
            max_header_list_kib,
            stream_window_kib,
            connection_window_kib,
            keepalive_interval_seconds,
            keepalive_timeout_seconds,
            max_pending_reset_streams,
        } = *raw;
        let streams = number("http2.max_concurrent_streams", 256, 1, 65_536);
        let headers = number("http2.max_header_list_kib", 16, 4, 256);
        let stream = number("http2.stream_window_kib", 256, 64, 16_384);
        let connection = number("http2.connection_window_kib", 1_024, 64, 65_536);
        let interval = number("http2.keepalive_interval_seconds", 30, 1, 3_600);
        let timeout = number("http2.keepalive_timeout_seconds", 10, 1, 600);
        let resets = number("http2.max_pending_reset_streams", 20, 1, 1_024);
        Ok(Http2Limits {
            max_concurrent_streams: self.number(max_concurrent_streams, streams)?,
            max_header_list_bytes: kib(self.number(max_header_list_kib, headers)?),
            stream_window_bytes: kib(self.number(stream_window_kib, stream)?),
            connection_window_bytes: kib(self.number(connection_window_kib, connection)?),
            keepalive_interval: seconds(self.number(keepalive_interval_seconds, interval)?),
            keepalive_timeout: seconds(self.number(keepalive_timeout_seconds, timeout)?),
            max_pending_reset_streams: count(self.number(max_pending_reset_streams, resets)?),
        })
    }

    fn log(&self, raw: RawLog) -> Result<Log, ConfigError> {
        let format = match raw.format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let wanted = "a format of the log, text or json";
                return Err(self.value("log.format", other, wanted, "format = \"text\""));
            }
        };
        let filter = raw.filter.as_deref().unwrap_or("info");
        // A lone word that is no level would name a module and silence all others, and nothing at
        // all would mean errors only, so a slip in `info` would cost the operator the log.
        let clear = |part: &str| match part.split_once('=') {
            Some((module, level)) => !module.trim().is_empty() && !level.trim().is_empty(),
            None => !part.trim().is_empty() && part.trim().parse::<LevelFilter>().is_ok(),
        };
        let parsed = filter.split(',').all(clear).then(|| filter.parse::<Targets>().ok());
        let filter = parsed.flatten().ok_or_else(|| {
            let wanted = "a level (off, error, warn, info, debug, trace) or a list of module=level";
            self.value("log.filter", filter, wanted, "filter = \"info,kopir::engine=debug\"")
        })?;
        Ok(Log { format, filter })
    }

    fn sandbox(&self, raw: RawSandbox) -> Result<Sandbox, ConfigError> {
        let key = "sandbox.start_time";
        let example = "start_time = \"2023-01-09T09:00:00+06:00\"";
        let text = raw.start_time.ok_or_else(|| self.missing(key, example))?;
        let wanted = "an instant by RFC 3339 from 1970 on";
        let start = text.parse::<Timestamp>().ok().filter(|at| *at >= Timestamp::UNIX_EPOCH);
        let start = start.ok_or_else(|| self.value(key, &text, wanted, example))?;
        Ok(Sandbox { start })
    }

    pub(super) fn path(
        &self,
        key: Key,
        found: Option<PathBuf>,
        example: &'static str,
    ) -> Result<PathBuf, ConfigError> {
        let path = found.ok_or_else(|| self.missing(key, example))?;
        if path.as_os_str().is_empty() {
            return Err(self.value(key, "", "a path", example));
        }
        Ok(self.file.parent().unwrap_or(Path::new("")).join(path))
    }

    pub(super) fn number(&self, found: Option<i64>, number: Number) -> Result<u32, ConfigError> {
        let Number { key, default, min, max } = number;
        let Some(found) = found else { return Ok(default) };
        let fits = u32::try_from(found).ok().filter(|found| (min..=max).contains(found));
        fits.ok_or_else(|| ConfigError::Range { file: self.file.to_owned(), key, found, min, max })
    }

    pub(super) fn missing(&self, key: Key, example: &'static str) -> ConfigError {
        ConfigError::Missing { file: self.file.to_owned(), key, example }
    }

    pub(super) fn value(
        &self,
        key: Key,
        found: &str,
        wanted: &'static str,
        example: &'static str,
    ) -> ConfigError {
        let found = found.chars().take(100).collect();
        ConfigError::Value { file: self.file.to_owned(), key, found, wanted, example }
    }
}

/// Numbers that are possible one by one and do not work together.
fn check_together(config: &Config) -> Result<(), ConfigError> {
    let Config { file, engine, journal, limits, http2, .. } = config;
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    let message = limits.max_message_bytes as u64;
    let record = u64::from(journal.max_record_bytes);
    let rules: [(Key, u64, u64, u64, &'static str); 7] = [
        (
            "engine.max_waiting_commands",
            engine.max_waiting_commands as u64,
            engine.max_group_commands as u64,
            1,
            "a group of engine.max_group_commands must be able to wait",
        ),
        (
            "engine.max_waiting_commands",
            engine.max_waiting_commands as u64,
            2 * limits.bulk_window_acts as u64,
            1,
            "one bulk stream may have limits.bulk_window_acts waiting and must leave room for others",
        ),
        (
            "engine.reserve_disk_mib",
            engine.reserve_disk_bytes,
            journal.segment_bytes + journal.reserve_bytes,
            MIB,
            "acts that close a term need a further journal.segment_mib above journal.reserve_disk_mib \
             after applications are refused",
        ),
        (
            "journal.max_record_kib",
            record,
            2 * message,
            KIB,
            "a record holds a message of limits.max_message_kib with what was decided on it",
        ),
        (
            "journal.segment_mib",
            journal.segment_bytes,
            2 * record,
            MIB,
            "a segment holds at least two records of journal.max_record_kib",
        ),
        (
            "limits.max_connections",
            limits.max_connections as u64,
            limits.max_connections_per_party as u64,
            1,
            "one party may have limits.max_connections_per_party",
        ),
        (
            "http2.connection_window_kib",
            u64::from(http2.connection_window_bytes),
            u64::from(http2.stream_window_bytes),
            KIB,
            "one stream may have http2.stream_window_kib",
        ),
    ];
    for (key, found, least, unit, because) in rules {
        if found < least {
            let (found, least) = (found / unit, least.div_ceil(unit));
            return Err(ConfigError::TooSmall { file: file.clone(), key, found, because, least });
        }
    }
    Ok(())
}

fn kib(number: u32) -> u32 {
    // No range reaches 4 GiB.
    number.saturating_mul(1024)
}

fn mib(number: u32) -> u64 {
    u64::from(number) * 1024 * 1024
}

pub(super) fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(super) fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}
