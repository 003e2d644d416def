//! The keys of `[signatures]`: whose signatures are believed, which acts are signed, and what is
//! read for that before the bus starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::Config;
use super::error::{ConfigError, Key, SignaturesFault};
use super::file::{Reader, count, number, seconds};
use super::raw::{RawSignatures, RawSigned, RawVerifier};
use crate::domain::Act;
use crate::domain::contact::WebhookUrl;
use crate::trust::ocsp::Answers;
use crate::trust::signature::authorities::{Authorities, CrlDir};
use crate::trust::signature::desk::DeskParts;
use crate::trust::signature::policy::{ActPolicy, Demand, Policy, SIGNABLE};
use crate::trust::signature::sidecar::{NcaNode, Verifier};
use crate::trust::tls::Outgoing;

/// How signatures on documents are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// What is asked of each act.
    pub policy: Policy,
    /// The authorities of the signers; without them every signature stays undetermined.
    pub anchors_file: Option<PathBuf>,
    /// Certificates between the signers and their authorities.
    pub intermediates_file: Option<PathBuf>,
    /// The directory of revocation lists.
    pub crl_dir: Option<PathBuf>,
    /// Verifications at once.
    pub max_at_once: usize,
    /// The verifier for GOST.
    pub verifier: Option<NcaNodeOptions>,
}

/// Where the verifier for GOST is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NcaNodeOptions {
    /// Its address.
    pub url: WebhookUrl,
    /// The longest that one question may take.
    pub timeout: Duration,
    /// The authorities that prove it; those of the machine where it is left out.
    pub ca_file: Option<PathBuf>,
}

const DEMAND_EXAMPLE: &str = "demand = \"optional\"";
const UNDETERMINED_EXAMPLE: &str = "undetermined = \"accept\"";

impl Reader<'_> {
    pub(super) fn signatures(&self, raw: RawSignatures) -> Result<Signatures, ConfigError> {
        let RawSignatures {
            anchors_file,
            intermediates_file,
            crl_dir,
            algorithms,
            demand,
            undetermined,
            max_at_once,
            acts,
            verifier,
        } = raw;
        let schemes = algorithms.iter().map(|name| {
            let example = "algorithms = [\"rsa-pkcs1\", \"ecdsa-p256\"]";
            let wanted = "rsa-pkcs1, rsa-pss, ecdsa-p256, ecdsa-p384, gost-256 or gost-512";
            self.one_of("signatures.algorithms", name, wanted, example)
        });
        let schemes = schemes.collect::<Result<Vec<_>, _>>()?;
        let demand = self.demand("signatures.demand", demand)?;
        let undetermined = self.undetermined("signatures.undetermined", undetermined)?;
        let acts = self.acts(acts, demand, undetermined)?;
        let path = |key, given: Option<PathBuf>, example| {
            given.map(|given| self.path(key, Some(given), example)).transpose()
        };
        let most = number("signatures.max_at_once", 4, 1, 256);
        Ok(Signatures {
            policy: Policy::new(acts, schemes),
            anchors_file: path(
                "signatures.anchors_file",
                anchors_file,
                "anchors_file = \"../certs/signers.pem\"",
            )?,
            intermediates_file: path(
                "signatures.intermediates_file",
                intermediates_file,
                "intermediates_file = \"../certs/between.pem\"",
            )?,
            crl_dir: path("signatures.crl_dir", crl_dir, "crl_dir = \"../crl\"")?,
            max_at_once: count(self.number(max_at_once, most)?),
            verifier: verifier.map(|raw| self.verifier(raw)).transpose()?,
        })
    }

    /// What is asked of each act: what the file says of it, else of all, else the law.
    fn acts(
        &self,
        mut raw: BTreeMap<String, RawSigned>,
        demand: Option<Demand>,
        undetermined: Option<bool>,
    ) -> Result<BTreeMap<Act, ActPolicy>, ConfigError> {
        let mut acts = BTreeMap::new();
        for act in SIGNABLE {
            let of_law = Policy::of_law(act);
            let given = raw.remove(act.name()).unwrap_or_default();
            let RawSigned { demand: own, undetermined: own_doubt, roles } = given;
            let own = self.demand("signatures.acts", own)?;
            let own_doubt = self.undetermined("signatures.acts", own_doubt)?;
            let roles = roles.map(|roles| {
                let example = "roles = [\"head\", \"signatory\"]";
                let role = |name: &String| {
                    self.one_of("signatures.acts", name, "head, signatory or employee", example)
                };
                roles.iter().map(role).collect::<Result<Vec<_>, _>>()
            });
            let policy = ActPolicy {
                demand: own.or(demand).unwrap_or(of_law.demand),
                undetermined: own_doubt.or(undetermined).unwrap_or(of_law.undetermined),
                roles: roles.transpose()?.unwrap_or(of_law.roles),
            };
            acts.insert(act, policy);
        }
        match raw.into_keys().next() {
            None => Ok(acts),
            Some(other) => {
                let wanted =
                    "an act that may be signed, such as record-decision or refuse-to-accept";
                let example = "[signatures.acts.record-decision]";
                Err(self.value("signatures.acts", &other, wanted, example))
            }
        }
    }

    fn demand(&self, key: Key, given: Option<String>) -> Result<Option<Demand>, ConfigError> {
        match given.as_deref() {
            None => Ok(None),
            Some("required") => Ok(Some(Demand::Required)),
            Some("optional") => Ok(Some(Demand::Optional)),
            Some("none") => Ok(Some(Demand::None)),
            Some(other) => Err(self.value(
                key,
                other,
                "\"required\", \"optional\" or \"none\"",
                DEMAND_EXAMPLE,
            )),
        }
    }

    fn undetermined(&self, key: Key, given: Option<String>) -> Result<Option<bool>, ConfigError> {
        match given.as_deref() {
            None => Ok(None),
            Some("accept") => Ok(Some(true)),
            Some("refuse") => Ok(Some(false)),
            Some(other) => {
                Err(self.value(key, other, "\"accept\" or \"refuse\"", UNDETERMINED_EXAMPLE))
            }
        }
    }

    fn one_of<T: FromStr>(
        &self,
        key: Key,
        text: &str,
        wanted: &'static str,
        example: &'static str,
    ) -> Result<T, ConfigError> {
        text.parse().map_err(|_| self.value(key, text, wanted, example))
    }

    fn verifier(&self, raw: RawVerifier) -> Result<NcaNodeOptions, ConfigError> {
        let RawVerifier { url, timeout_seconds, ca_file } = raw;
        let (key, example) = ("signatures.verifier.url", "url = \"http://127.0.0.1:14579\"");
        let url = url.ok_or_else(|| self.missing(key, example))?;
        let wanted = "an address: https, or http to this machine only";
        let timeout = number("signatures.verifier.timeout_seconds", 10, 1, 60);
        let ca_example = "ca_file = \"../certs/outside.pem\"";
        let ca_key = "signatures.verifier.ca_file";
        let ca_file = ca_file.map(|path| self.path(ca_key, Some(path), ca_example));
        Ok(NcaNodeOptions {
            url: self.one_of(key, &url, wanted, example)?,
            timeout: seconds(self.number(timeout_seconds, timeout)?),
            ca_file: ca_file.transpose()?,
        })
    }
}

impl Config {
    /// The directory of what verdicts on signatures rest on. It belongs to the journal's backup.
    #[must_use]
    pub fn evidence_dir(&self) -> PathBuf {
        self.data_dir.join("signatures")
    }

    /// Reads what the judging of signatures needs.
    pub(super) fn desk(&self, answers: Option<Arc<Answers>>) -> Result<DeskParts, ConfigError> {
        let refused = |key, why| ConfigError::Signatures { file: self.file.clone(), key, why };
        let Signatures { policy, anchors_file, intermediates_file, crl_dir, max_at_once, verifier } =
            &self.signatures;
        let authorities = match anchors_file {
            Some(anchors) => Authorities::read(anchors, intermediates_file.as_deref()),
            None => Ok(Authorities::default()),
        };
        let authorities = authorities.map_err(|why| {
            refused("signatures.anchors_file", SignaturesFault::Authorities(Box::new(why)))
        })?;
        let lists =
            crl_dir.as_deref().map(|dir| CrlDir::open(dir, self.data_dir.join("lists-of-signers")));
        let lists = lists.transpose().map_err(|why| {
            refused("signatures.crl_dir", SignaturesFault::Authorities(Box::new(why)))
        })?;
        let verifier = verifier.as_ref().map(|NcaNodeOptions { url, timeout, ca_file }| {
            let authorities = url.secure.then(|| Outgoing::new(ca_file.as_deref())).transpose();
            let authorities = authorities.map_err(|why| {
                refused("signatures.verifier.ca_file", SignaturesFault::Outgoing(Box::new(why)))
            })?;
            let node = NcaNode::new(url.clone(), authorities, *timeout);
            Ok::<_, ConfigError>(Box::new(node) as Box<dyn Verifier>)
        });
        Ok(DeskParts {
            policy: policy.clone(),
            authorities,
            lists,
            evidence: self.evidence_dir(),
            verifier: verifier.transpose()?,
            answers,
            max_at_once: *max_at_once,
        })
    }
}
