//! The keys of `[ocsp]`: whether authorities are asked for the standing of single certificates, whom,
//! and within which bounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Config;
use super::error::{ConfigError, OcspFault};
use super::file::{Reader, count, number, seconds};
use super::raw::{RawOcsp, RawResponder};
use crate::trust::ocsp::{Answers, OcspOptions, ResponderUrl};
use crate::trust::pem;

/// Who is asked about certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ocsp {
    /// Whether those of the parties are asked about, and the bus's own.
    pub parties: bool,
    /// Whether those of the signers of documents are.
    pub signers: bool,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// Calls at once.
    pub max_at_once: usize,
    /// Certificates of which answers are kept.
    pub max_answers: usize,
    /// After how long an answer about a party is renewed at the latest.
    pub renew: Duration,
    /// Responders of authorities, in the place of those that certificates name: the file of an
    /// authority's certificates, and the address.
    pub responders: Vec<(PathBuf, ResponderUrl)>,
}

/// The answers at hand, of each kind of certificate that is asked about.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// Those of the parties.
    pub parties: Option<Arc<Answers>>,
    /// Those of the signers.
    pub signers: Option<Arc<Answers>>,
}

impl Reader<'_> {
    pub(super) fn ocsp(&self, raw: RawOcsp) -> Result<Ocsp, ConfigError> {
        let RawOcsp {
            parties,
            signers,
            timeout_seconds,
            max_at_once,
            max_answers,
            renew_seconds,
            responders,
        } = raw;
        let responders = responders.into_iter().map(|RawResponder { ca_file, url }| {
            let (key, example) = ("ocsp.responders", "url = \"http://ocsp.example.kz/\"");
            let ca_file = self.path(key, ca_file, "ca_file = \"../certs/ca.pem\"")?;
            let url = url.ok_or_else(|| self.missing(key, example))?;
            let wanted = "an address of plain http; answers are signed";
            let url = url.parse().map_err(|_| self.value(key, &url, wanted, example))?;
            Ok((ca_file, url))
        });
        let timeout = number("ocsp.timeout_seconds", 5, 1, 30);
        let at_once = number("ocsp.max_at_once", 8, 1, 64);
        let answers = number("ocsp.max_answers", 4_096, 16, 65_536);
        let renew = number("ocsp.renew_seconds", 3_600, 1, 86_400);
        Ok(Ocsp {
            parties: parties.unwrap_or(false),
            signers: signers.unwrap_or(false),
            timeout: seconds(self.number(timeout_seconds, timeout)?),
            max_at_once: count(self.number(max_at_once, at_once)?),
            max_answers: count(self.number(max_answers, answers)?),
            renew: seconds(self.number(renew_seconds, renew)?),
            responders: responders.collect::<Result<_, ConfigError>>()?,
        })
    }
}

impl Config {
    /// Opens the answers that are kept of an earlier time.
    pub(super) fn asking(&self, now: Timestamp) -> Result<Asking, ConfigError> {
        let Ocsp { parties, signers, timeout, max_at_once, max_answers, renew, .. } = self.ocsp;
        let responders = self.responders()?;
        let open = |file: &str, renew| {
            let options = OcspOptions {
                responders: responders.clone(),
                timeout,
                max_at_once,
                max_answers,
                renew,
                file: Some(self.data_dir.join(file)),
            };
            Arc::new(Answers::open(options, now))
        };
        Ok(Asking {
            parties: parties.then(|| open("answers-of-parties", Some(renew))),
            signers: signers.then(|| open("answers-of-signers", None)),
        })
    }

    /// The configured responders by the names of their authorities.
    fn responders(&self) -> Result<Vec<(Vec<u8>, ResponderUrl)>, ConfigError> {
        let mut found = Vec::new();
        for (ca_file, url) in &self.ocsp.responders {
            let refused = |why| ConfigError::Ocsp { file: self.file.clone(), why: Box::new(why) };
            let read = pem::certificates(ca_file).map_err(|why| refused(OcspFault::Pem(why)))?;
            for der in &read {
                let parsed = X509Certificate::from_der(der);
                let unsound = |_| refused(OcspFault::Certificate(ca_file.clone()));
                let (_, parsed) = parsed.map_err(unsound)?;
                found.push((parsed.subject().as_raw().to_vec(), url.clone()));
            }
        }
        Ok(found)
    }
}
