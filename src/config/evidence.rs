//! What is signed of the journal, under which name, and who watches it.

use std::path::PathBuf;
use std::time::Duration;

use super::Config;
use super::error::ConfigError;
use super::file::{Reader, number, seconds};
use super::raw::RawEvidence;
use crate::evidence::note::{VerifierKey, is_name};
use crate::evidence::witness_key;

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
}

impl Reader<'_> {
    pub(super) fn evidence(&self, raw: RawEvidence) -> Result<Evidence, ConfigError> {
        let RawEvidence { origin, checkpoint_seconds, witnesses } = raw;
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
        })
    }
}

impl Config {
    /// The file of the key that signs checkpoints. It belongs to the journal's backup.
    #[must_use]
    pub fn log_key(&self) -> PathBuf {
        self.data_dir.join("log.key")
    }
}
