//! What is signed of the journal, under which name, and who watches it.

use std::path::PathBuf;
use std::time::Duration;

use der::asn1::ObjectIdentifier;

use super::Config;
use super::error::{ConfigError, SignaturesFault};
use super::file::{Reader, number, seconds};
use super::raw::{RawEvidence, RawTimestamp};
use crate::domain::contact::WebhookUrl;
use crate::evidence::note::{VerifierKey, is_name};
use crate::evidence::witness_key;
use crate::trust::signature::authorities::Authorities;
use crate::trust::signature::timestamp::Service;
use crate::trust::tls::Outgoing;

/// The most witnesses of a bus.
const MAX_WITNESSES: usize = 16;

/// What is signed of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The name of the log, and of the key that signs its checkpoints. It stands in each of them,
    /// so that it never changes.
    pub origin: String,
    /// How often a checkpoint is signed, if the journal has grown.
    pub checkpoint_interval: Duration,
    /// Whose cosignatures are taken.
    pub witnesses: Vec<VerifierKey>,
    /// Who stamps checkpoints with a time; nobody where it is left out.
    pub timestamp: Option<TimestampOptions>,
}

/// A time-stamp authority, and how often it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampOptions {
    /// Its address.
    pub url: WebhookUrl,
    /// The authorities behind the certificates that sign its tokens.
    pub anchors_file: PathBuf,
    /// How long after a token the next one is asked for, if the journal has grown.
    pub interval: Duration,
    /// The longest that one question may take.
    pub timeout: Duration,
    /// The policy that is asked for; any where it is left out.
    pub policy: Option<ObjectIdentifier>,
    /// The authorities of the connection, by `https`; those of the machine where it is left out.
    pub ca_file: Option<PathBuf>,
}

impl Reader<'_> {
    pub(super) fn evidence(&self, raw: RawEvidence) -> Result<Evidence, ConfigError> {
        let RawEvidence { origin, checkpoint_seconds, witnesses, timestamp } = raw;
        let (key, example) = ("evidence.origin", "origin = \"kopir.example.kz/bus\"");
        let origin = origin.unwrap_or_else(|| "localhost/kopir".to_owned());
        if !is_name(&origin) {
            let wanted = "a name of 1 to 200 bytes without spaces and +";
            return Err(self.value(key, &origin, wanted, example));
        }
        let interval = number("evidence.checkpoint_seconds", 10, 1, 3_600);
        let (key, example) =
            ("evidence.witnesses", "witnesses = [\"witness.example.kz+1a2b3c4d+BA...\"]");
        let texts = witnesses.unwrap_or_default();
        if texts.len() > MAX_WITNESSES {
            return Err(self.value(key, &texts.len().to_string(), "at most 16 keys", example));
        }
        let wanted = "the key of a witness, as `kopir witness key` prints it";
        let witness =
            |text: &String| witness_key(text).map_err(|_| self.value(key, text, wanted, example));
        Ok(Evidence {
            origin,
            checkpoint_interval: seconds(self.number(checkpoint_seconds, interval)?),
            witnesses: texts.iter().map(witness).collect::<Result<_, _>>()?,
            timestamp: timestamp.map(|raw| self.timestamp(raw)).transpose()?,
        })
    }

    fn timestamp(&self, raw: RawTimestamp) -> Result<TimestampOptions, ConfigError> {
        let RawTimestamp { url, anchors_file, interval_seconds, timeout_seconds, policy, ca_file } =
            raw;
        let (key, example) = ("evidence.timestamp.url", "url = \"http://tsa.example.kz\"");
        let url = url.ok_or_else(|| self.missing(key, example))?;
        let read = WebhookUrl::of_self_proving(&url);
        let url = read.map_err(|_| self.value(key, &url, "an http or https address", example))?;
        let (key, example) = ("evidence.timestamp.policy", "policy = \"1.3.6.1.4.1.99999.1\"");
        let wanted = "an object identifier";
        let policy = policy.map(|text| {
            ObjectIdentifier::new(&text).map_err(|_| self.value(key, &text, wanted, example))
        });
        let interval = number("evidence.timestamp.interval_seconds", 3_600, 1, 604_800);
        let timeout = number("evidence.timestamp.timeout_seconds", 10, 1, 60);
        let (key, example) = ("evidence.timestamp.ca_file", "ca_file = \"../certs/outside.pem\"");
        let ca_file = ca_file.map(|path| self.path(key, Some(path), example)).transpose()?;
        let (key, example) =
            ("evidence.timestamp.anchors_file", "anchors_file = \"../certs/tsa.pem\"");
        Ok(TimestampOptions {
            url,
            anchors_file: self.path(key, anchors_file, example)?,
            interval: seconds(self.number(interval_seconds, interval)?),
            timeout: seconds(self.number(timeout_seconds, timeout)?),
            policy: policy.transpose()?,
            ca_file,
        })
    }
}

impl Config {
    /// The file of the key that signs checkpoints. It belongs to the journal's backup.
    #[must_use]
    pub fn log_key(&self) -> PathBuf {
        self.data_dir.join("log.key")
    }

    /// Reads what the asking of the time-stamp authority needs; nothing where none is configured.
    pub(super) fn timestamp_service(&self) -> Result<Option<Service>, ConfigError> {
        let Some(options) = &self.evidence.timestamp else { return Ok(None) };
        let TimestampOptions { url, anchors_file, timeout, policy, ca_file, .. } = options;
        let refused = |key, why| ConfigError::Signatures { file: self.file.clone(), key, why };
        let authorities = Authorities::read(anchors_file, None).map_err(|why| {
            refused("evidence.timestamp.anchors_file", SignaturesFault::Authorities(Box::new(why)))
        })?;
        let tls = url.secure.then(|| Outgoing::new(ca_file.as_deref())).transpose();
        let tls = tls.map_err(|why| {
            refused("evidence.timestamp.ca_file", SignaturesFault::Outgoing(Box::new(why)))
        })?;
        let (url, timeout, policy) = (url.clone(), *timeout, *policy);
        Ok(Some(Service { url, tls, timeout, policy, authorities }))
    }
}
