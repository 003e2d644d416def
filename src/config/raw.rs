//! The file as it is written: its keys as serde reads them, and where in the text a mistake is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::FORMAT_VERSION;
use super::error::ConfigError;

/// Reads the keys. Whether their values are right is not looked at here.
pub(super) fn read(file: &Path, text: &str) -> Result<RawConfig, ConfigError> {
    if let Err(why) = text.parse::<toml::Table>() {
        let (line, _) = place(text, &why);
        return Err(ConfigError::NotToml { file: file.to_owned(), line, why: one_line(&why) });
    }
    let shape = |why: toml::de::Error| {
        let (line, key) = place(text, &why);
        ConfigError::Shape { file: file.to_owned(), line, key, why: one_line(&why) }
    };
    // The version is judged before the rest, so that a later format is told to be later, not full
    // of unknown keys.
    let Versioned { version } = toml::from_str(text).map_err(shape)?;
    if version != Some(FORMAT_VERSION) {
        return Err(ConfigError::Version { file: file.to_owned(), found: version });
    }
    toml::from_str(text).map_err(shape)
}

#[derive(Deserialize)]
struct Versioned {
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Judged before, and named here so that it is not an unknown key.
    #[serde(rename = "version")]
    pub(super) _version: i64,
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) registry_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) tls: RawTls,
    #[serde(default)]
    pub(super) engine: RawEngine,
    #[serde(default)]
    pub(super) journal: RawJournal,
    #[serde(default)]
    pub(super) index: RawIndex,
    #[serde(default)]
    pub(super) limits: RawLimits,
    #[serde(default)]
    pub(super) http2: RawHttp2,
    #[serde(default)]
    pub(super) push: RawPush,
    #[serde(default)]
    pub(super) procedures: RawProcedures,
    #[serde(default)]
    pub(super) quota: RawQuota,
    #[serde(default)]
    pub(super) ladder: RawLadder,
    #[serde(default)]
    pub(super) notify: RawNotify,
    #[serde(default)]
    pub(super) evidence: RawEvidence,
    #[serde(default)]
    pub(super) ocsp: RawOcsp,
    #[serde(default)]
    pub(super) signatures: RawSignatures,
    #[serde(default)]
    pub(super) log: RawLog,
    #[serde(default)]
    pub(super) clock: RawClock,
    #[serde(default)]
    pub(super) health: RawHealth,
    #[serde(default)]
    pub(super) vault: RawVault,
    #[serde(default)]
    pub(super) retention: RawRetention,
    pub(super) sandbox: Option<RawSandbox>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) crl_files: Option<Vec<PathBuf>>,
    pub(super) revocation: Option<String>,
    pub(super) revocation_grace_hours: Option<i64>,
    pub(super) client_usages: Option<Vec<String>>,
    pub(super) bin_usages: Option<Vec<String>>,
    pub(super) reload_seconds: Option<i64>,
}

// Numbers are read as TOML has them, signed, so that a negative one gets the same answer as any
// other outside its range.

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEngine {
    pub(super) max_waiting_commands: Option<i64>,
    pub(super) max_group_commands: Option<i64>,
    pub(super) max_index_lag_records: Option<i64>,
    pub(super) warn_disk_mib: Option<i64>,
    pub(super) reserve_disk_mib: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJournal {
    pub(super) segment_mib: Option<i64>,
    pub(super) max_record_kib: Option<i64>,
    pub(super) reserve_disk_mib: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIndex {
    pub(super) cache_mib: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) max_message_kib: Option<i64>,
    pub(super) max_connections: Option<i64>,
    pub(super) max_connections_per_party: Option<i64>,
    pub(super) max_concurrent_calls_per_party: Option<i64>,
    pub(super) acts_per_second_per_party: Option<i64>,
    pub(super) bulk_window_acts: Option<i64>,
    pub(super) max_inbox_window_deliveries: Option<i64>,
    pub(super) max_delivery_attempts: Option<i64>,
    pub(super) stream_idle_seconds: Option<i64>,
    pub(super) request_timeout_seconds: Option<i64>,
    pub(super) handshake_timeout_seconds: Option<i64>,
    pub(super) max_queued_deliveries_per_party: Option<i64>,
    pub(super) max_memory_mib: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp2 {
    pub(super) max_concurrent_streams: Option<i64>,
    pub(super) max_header_list_kib: Option<i64>,
    pub(super) stream_window_kib: Option<i64>,
    pub(super) connection_window_kib: Option<i64>,
    pub(super) keepalive_interval_seconds: Option<i64>,
    pub(super) keepalive_timeout_seconds: Option<i64>,
    pub(super) max_pending_reset_streams: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPush {
    pub(super) max_in_flight_per_party: Option<i64>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) backoff_base_ms: Option<i64>,
    pub(super) backoff_max_seconds: Option<i64>,
    pub(super) breaker_failures: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProcedures {
    pub(super) consent_validity_days: Option<i64>,
    pub(super) strict_from: Option<bool>,
    pub(super) roll_over: Option<bool>,
    /// Procedure and edition, as `kandas/2024`, with the day of publication.
    #[serde(default)]
    pub(super) publication_dates: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuota {
    pub(super) when_unset: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLadder {
    pub(super) morning: Option<String>,
    pub(super) rungs: Option<Vec<String>>,
    #[serde(default)]
    pub(super) hops: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNotify {
    pub(super) give_up_after_hours: Option<i64>,
    pub(super) backoff_min_seconds: Option<i64>,
    pub(super) backoff_max_seconds: Option<i64>,
    pub(super) max_in_flight: Option<i64>,
    pub(super) webhook_timeout_seconds: Option<i64>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) smtp: Option<RawSmtp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSmtp {
    pub(super) host: Option<String>,
    pub(super) port: Option<i64>,
    pub(super) tls: Option<String>,
    pub(super) from: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) timeout_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvidence {
    pub(super) origin: Option<String>,
    pub(super) checkpoint_seconds: Option<i64>,
    pub(super) witnesses: Option<Vec<String>>,
    pub(super) timestamp: Option<RawTimestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimestamp {
    pub(super) url: Option<String>,
    pub(super) anchors_file: Option<PathBuf>,
    pub(super) interval_seconds: Option<i64>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) policy: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOcsp {
    pub(super) parties: Option<bool>,
    pub(super) signers: Option<bool>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) max_at_once: Option<i64>,
    pub(super) max_answers: Option<i64>,
    pub(super) renew_seconds: Option<i64>,
    #[serde(default)]
    pub(super) responders: Vec<RawResponder>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResponder {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSignatures {
    pub(super) anchors_file: Option<PathBuf>,
    pub(super) intermediates_file: Option<PathBuf>,
    pub(super) crl_dir: Option<PathBuf>,
    #[serde(default)]
    pub(super) algorithms: Vec<String>,
    pub(super) demand: Option<String>,
    pub(super) undetermined: Option<String>,
    pub(super) max_at_once: Option<i64>,
    /// By the name of the act.
    #[serde(default)]
    pub(super) acts: BTreeMap<String, RawSigned>,
    pub(super) verifier: Option<RawVerifier>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSigned {
    pub(super) demand: Option<String>,
    pub(super) undetermined: Option<String>,
    pub(super) roles: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVerifier {
    pub(super) url: Option<String>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: Option<String>,
    pub(super) filter: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClock {
    pub(super) max_step_seconds: Option<i64>,
    pub(super) settle_seconds: Option<i64>,
    pub(super) max_gap_days: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHealth {
    pub(super) max_commit_seconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVault {
    pub(super) dir: Option<PathBuf>,
    pub(super) master_key: Option<String>,
    pub(super) previous_master_key: Option<String>,
    pub(super) pkcs11: Option<RawPkcs11>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPkcs11 {
    pub(super) module: Option<PathBuf>,
    pub(super) token: Option<String>,
    pub(super) pin: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSandbox {
    pub(super) start_time: Option<String>,
}

/// The line, counted from 1, and the key that an error is about. Serde tells a place and no key,
/// so the key is read off the text before it.
fn place(text: &str, why: &toml::de::Error) -> (usize, String) {
    let start = why.span().map_or(0, |span| span.start);
    let mut section = "";
    let mut line = ("", 0);
    let mut begin = 0;
    for (at, found) in text.split_inclusive('\n').enumerate() {
        if begin > start {
            break;
        }
        line = (found.trim(), at + 1);
        if let Some(header) = line.0.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default().trim();
        }
        begin += found.len();
    }
    let name = line.0.split_once('=').map(|(name, _)| name.trim());
    let key = match (section, name) {
        ("", Some(name)) => name.to_owned(),
        (section, Some(name)) => format!("{section}.{name}"),
        (section, None) => section.to_owned(),
    };
    (line.1, key)
}

fn one_line(why: &toml::de::Error) -> String {
    why.message().replace('\n', " ")
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    #[serde(default)]
    pub(super) rules: Vec<RawRetentionRule>,
    #[serde(default)]
    pub(super) keep_cases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetentionRule {
    pub(super) procedure: Option<String>,
    pub(super) role: Option<String>,
    pub(super) years: Option<i64>,
    pub(super) days: Option<i64>,
    pub(super) source: Option<String>,
}
