//! The keys of `[tls]`.

use std::path::Path;
use std::time::Duration;

use super::super::TrustConfig;
use super::super::error::{ConfigError, Key};
use super::super::raw::RawTls;
use super::{Reader, number, seconds};
use crate::trust::crl::Revocation;
use crate::trust::identity::Usage;
use crate::trust::live::{TrustFiles, TrustRules};
use crate::trust::tls::TlsFiles;

/// Seconds of an hour.
const HOUR: u64 = 3_600;

impl Reader<'_> {
    /// `asked` says whether responders are asked about the parties' certificates.
    pub(super) fn tls(
        &self,
        raw: RawTls,
        data_dir: &Path,
        asked: bool,
    ) -> Result<TrustConfig, ConfigError> {
        let RawTls {
            ca_file,
            certificate_file,
            key_file,
            crl_files,
            revocation,
            revocation_grace_hours,
            client_usages,
            bin_usages,
            reload_seconds,
        } = raw;
        let certificate = "certificate_file = \"../certs/bus.pem\"";
        let tls = TlsFiles {
            ca: self.path("tls.ca_file", ca_file, "ca_file = \"../certs/ca.pem\"")?,
            certificate: self.path("tls.certificate_file", certificate_file, certificate)?,
            key: self.path("tls.key_file", key_file, "key_file = \"../certs/bus.key\"")?,
        };
        let example = "crl_files = [\"../certs/ca.crl\"]";
        let crls = crl_files.unwrap_or_default().into_iter();
        let crls = crls.map(|file| self.path("tls.crl_files", Some(file), example));
        let crls = crls.collect::<Result<Vec<_>, _>>()?;
        let grace = number("tls.revocation_grace_hours", 24, 0, 8_760);
        let grace = u64::from(self.number(revocation_grace_hours, grace)?);
        let grace = Duration::from_secs(grace * HOUR);
        let revocation = self.revocation(revocation, asked || !crls.is_empty(), grace)?;
        let information_system = vec![Usage::INFORMATION_SYSTEM.to_owned()];
        let rules = TrustRules {
            revocation,
            client_usages: self.usages("tls.client_usages", client_usages.unwrap_or_default())?,
            bin_usages: self.usages("tls.bin_usages", bin_usages.unwrap_or(information_system))?,
        };
        let reload = number("tls.reload_seconds", 2, 1, 3_600);
        let reload_interval = seconds(self.number(reload_seconds, reload)?);
        let files = TrustFiles { tls, crls, last_lists: Some(data_dir.join("lists-of-parties")) };
        Ok(TrustConfig { files, rules, reload_interval })
    }

    /// With lists or responders somebody has to say what they are worth, and without there is
    /// nothing to ask.
    fn revocation(
        &self,
        found: Option<String>,
        has_source: bool,
        grace: Duration,
    ) -> Result<Revocation, ConfigError> {
        let (key, example): (Key, _) = ("tls.revocation", "revocation = \"strict\"");
        match (found.as_deref(), has_source) {
            (None, true) => Err(self.missing(key, example)),
            (None | Some("off"), false) => Ok(Revocation::Off),
            (Some("soft"), true) => Ok(Revocation::Soft),
            (Some("strict"), true) => Ok(Revocation::Strict { grace }),
            (Some(other), true) => Err(self.value(
                key,
                other,
                "\"soft\" or \"strict\", as there are tls.crl_files or ocsp.parties is on",
                example,
            )),
            (Some(other), false) => {
                let example = "revocation = \"off\"";
                let wanted = "\"off\", as there are no tls.crl_files and ocsp.parties is off";
                Err(self.value(key, other, wanted, example))
            }
        }
    }

    fn usages(&self, key: Key, found: Vec<String>) -> Result<Vec<Usage>, ConfigError> {
        let wanted = "the object identifier of an extended key usage";
        let example = "client_usages = [\"1.3.6.1.5.5.7.3.2\"]";
        let usage = |text: String| {
            Usage::parse(&text).ok_or_else(|| self.value(key, &text, wanted, example))
        };
        found.into_iter().map(usage).collect()
    }
}
