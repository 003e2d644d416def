//! Certificate revocation lists (RFC 5280 §5): read, proven and held against certificates.
//!
//! A list that nobody trusted has signed says nothing, one that is older than the last hides what
//! was revoked since, and one past its next update no longer says that anything is good. So a file
//! is proven before it is in force, an older one is refused, and an overdue one leaves the standing
//! of its certificates undetermined, which the configuration judges, never this module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use thiserror::Error;
use webpki::BorrowedCertRevocationList;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::proof::SignedParts;
use coverage::Coverage;
use last::{LastLists, Mark, Scope};

pub mod coverage;
pub mod last;

/// The largest file of lists, in bytes: some three hundred thousand revoked certificates.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// What a certificate whose standing is undetermined may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocation {
    /// No lists are kept, and nobody is asked.
    #[default]
    Off,
    /// It connects, and that is told: in the log, in the status, by the health service.
    Soft,
    /// It connects for so long after the next update was due, and is refused then, as it is at once
    /// where there is no list of its authority.
    Strict {
        /// For how long.
        grace: Duration,
    },
}

impl Revocation {
    /// What becomes of a certificate whose standing cannot be told.
    #[must_use]
    pub fn judge(self, unknown: Unknown, now: Timestamp) -> Standing {
        let Self::Strict { grace } = self else { return Standing::Undetermined(unknown) };
        match unknown {
            Unknown::NoList | Unknown::NoAnswer => Standing::Lapsed(unknown),
            Unknown::Overdue { since } | Unknown::AnswerOverdue { since } => {
                if is_past(since, grace, now) {
                    Standing::Lapsed(unknown)
                } else {
                    Standing::Undetermined(unknown)
                }
            }
        }
    }
}

/// Why a list is refused. The one before stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CrlError {
    /// The file cannot be read, or is too large.
    #[error("{}: cannot be read: {why}; it should hold certificate revocation lists, in PEM or DER", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file holds no list, or something else.
    #[error("{}: is not a sound certificate revocation list; fetch it anew", file.display())]
    NotCrl {
        /// The file.
        file: PathBuf,
    },
    /// A list of a kind that is not read: a delta, an indirect one, one without a next update.
    #[error("{}: this kind of list is not read ({why}); have the authority's complete list", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it is.
        why: String,
    },
    /// No authority that is trusted has signed it.
    #[error("{}: no authority of tls.ca_file has signed this list; fetch it anew, or put the authority of {issuer} there", file.display())]
    Unsigned {
        /// The file.
        file: PathBuf,
        /// Who is said to have issued it.
        issuer: String,
    },
    /// It is older than the last one that was in force, before a restart too.
    #[error("{}: is older than the last list of {issuer} that was in force, of {in_force}; put the newest in place", file.display())]
    Older {
        /// The file.
        file: PathBuf,
        /// Whose list it is.
        issuer: String,
        /// When that one was issued.
        in_force: Timestamp,
    },
    /// What was accepted last cannot be read.
    #[error("{}: cannot be read: {why}; it says which revocation lists were accepted last. Restore it, or, if the lists in place are known to be the newest, remove it", file.display())]
    Last {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A list, proven.
#[derive(Debug, Clone)]
pub struct Crl {
    file: PathBuf,
    /// The issuer's name in DER.
    issuer_der: Vec<u8>,
    issuer: String,
    mark: Mark,
    coverage: Coverage,
    next_update: Timestamp,
    revoked: BTreeSet<Vec<u8>>,
}

/// What is told of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlState {
    /// Whose it is.
    pub issuer: String,
    /// When it was issued.
    pub this_update: Timestamp,
    /// When the next one was or is due.
    pub next_update: Timestamp,
    /// How many certificates it revokes.
    pub revoked: u64,
    /// What it is worth now.
    pub worth: Worth,
}

/// What a list is worth at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// Its next update is not due yet.
    Current,
    /// It is overdue; its certificates are undetermined and connect.
    Overdue,
    /// It is overdue for longer than the grace; its certificates are refused.
    Lapsed,
}

/// The lists in force, the newest of each authority, and the last one accepted of each, in force
/// or not.
#[derive(Debug, Clone, Default)]
pub struct Crls {
    by_issuer: BTreeMap<Vec<u8>, Arc<Crl>>,
    last: LastLists,
}

/// Where a certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A current list of its authority does not name it, or no lists are kept.
    Good,
    /// A list names it, current or not.
    Revoked,
    /// It cannot be told, and the configuration lets it in.
    Undetermined(Unknown),
    /// It cannot be told, and the configuration keeps it out.
    Lapsed(Unknown),
}

/// Why a standing cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unknown {
    /// No list of its authority.
    #[error("there is no revocation list of its authority; put one into tls.crl_files")]
    NoList,
    /// The list's next update is overdue.
    #[error("the revocation list of its authority was due to be renewed at {since}")]
    Overdue {
        /// Since when.
        since: Timestamp,
    },
    /// No responder has told of it.
    #[error("no responder (OCSP) has told of it, nor is there a current revocation list")]
    NoAnswer,
    /// The last answer of a responder is overdue.
    #[error("the answer of its responder (OCSP) was due to be renewed at {since}")]
    AnswerOverdue {
        /// Since when.
        since: Timestamp,
    },
}

/// Reads the lists of a file, in PEM or as one in DER, and proves each by an authority's signature.
///
/// # Errors
/// [`CrlError`], with the first fault found.
pub fn read(file: &Path, authorities: &[CertificateDer<'_>]) -> Result<Vec<Crl>, CrlError> {
    let unread = |why: String| CrlError::Read { file: file.to_owned(), why };
    let found = std::fs::metadata(file).map_err(|why| unread(why.to_string()))?;
    if found.len() > MAX_FILE_BYTES {
        return Err(unread(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    let bytes = std::fs::read(file).map_err(|why| unread(why.to_string()))?;
    let damaged = || CrlError::NotCrl { file: file.to_owned() };
    let lists = if bytes.windows(11).any(|part| part == b"-----BEGIN ") {
        let lists = CertificateRevocationListDer::pem_slice_iter(&bytes);
        lists.collect::<Result<Vec<_>, _>>().map_err(|_| damaged())?
    } else {
        vec![CertificateRevocationListDer::from(bytes)]
    };
    if lists.is_empty() {
        return Err(damaged());
    }
    lists.into_iter().map(|der| Crl::parse(file, der, authorities)).collect()
}

impl Crl {
    fn parse(
        file: &Path,
        der: CertificateRevocationListDer<'static>,
        authorities: &[CertificateDer<'_>],
    ) -> Result<Self, CrlError> {
        let damaged = || CrlError::NotCrl { file: file.to_owned() };
        let (rest, parsed) = CertificateRevocationList::from_der(&der).map_err(|_| damaged())?;
        if !rest.is_empty() {
            return Err(damaged());
        }
        let issuer = parsed.issuer().to_string();
        let issuer_der = parsed.issuer().as_raw().to_vec();
        let time = |seconds| Timestamp::from_second(seconds).map_err(|_| damaged());
        let this_update = time(parsed.last_update().timestamp())?;
        let unsupported =
            |why: &str| CrlError::Unsupported { file: file.to_owned(), why: why.to_owned() };
        let next_update = parsed.next_update().ok_or_else(|| unsupported("no next update"))?;
        let next_update = time(next_update.timestamp())?;
        let number = parsed.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default();
        let revoked = parsed.iter_revoked_certificates();
        let revoked = revoked.map(|one| one.raw_serial().to_vec()).collect();
        prove(&der, &issuer_der, authorities)
            .ok_or_else(|| CrlError::Unsigned { file: file.to_owned(), issuer: issuer.clone() })?;
        check_kind(&der).map_err(|why| unsupported(&why))?;
        let (file, mark) = (file.to_owned(), Mark { number, issued: this_update });
        let coverage = Coverage::of(&parsed);
        Ok(Self { file, issuer_der, issuer, mark, coverage, next_update, revoked })
    }

    fn scope(&self) -> Scope {
        Scope::of(&self.issuer_der, None)
    }

    fn worth(&self, policy: Revocation, now: Timestamp) -> Worth {
        if now <= self.next_update {
            return Worth::Current;
        }
        match policy {
            Revocation::Strict { grace } if is_past(self.next_update, grace, now) => Worth::Lapsed,
            Revocation::Off | Revocation::Soft | Revocation::Strict { .. } => Worth::Overdue,
        }
    }
}

impl Crls {
    /// No lists, and what was accepted last by an earlier process.
    #[must_use]
    pub fn remembering(last: LastLists) -> Self {
        Self { by_issuer: BTreeMap::new(), last }
    }

    /// What was accepted last of each authority.
    #[must_use]
    pub fn last(&self) -> &LastLists {
        &self.last
    }

    /// The lists that these make: the newest of each authority, none older than the last one that
    /// was accepted.
    ///
    /// # Errors
    /// [`CrlError::Older`] for a list that is older than the last one of its authority.
    pub fn after(&self, found: Vec<Crl>) -> Result<Self, CrlError> {
        let mut by_issuer: BTreeMap<Vec<u8>, Arc<Crl>> = BTreeMap::new();
        let mut last = self.last.clone();
        for crl in found {
            if let Some(accepted) = self.last.get(crl.scope())
                && crl.mark.is_older_than(accepted)
            {
                let (file, issuer) = (crl.file, crl.issuer);
                return Err(CrlError::Older { file, issuer, in_force: accepted.issued });
            }
            let known = by_issuer.get(&crl.issuer_der);
            if known.is_none_or(|known| !crl.mark.is_older_than(&known.mark)) {
                last.note(crl.scope(), crl.mark.clone());
                by_issuer.insert(crl.issuer_der.clone(), Arc::new(crl));
            }
        }
        Ok(Self { by_issuer, last })
    }

    /// Whether a list of this issuer names this serial number, by their bytes.
    pub(super) fn revokes(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.by_issuer.get(issuer).is_some_and(|crl| crl.revoked.contains(serial))
    }

    /// Where a certificate stands.
    #[must_use]
    pub fn standing(
        &self,
        certificate: &X509Certificate<'_>,
        policy: Revocation,
        now: Timestamp,
    ) -> Standing {
        if policy == Revocation::Off {
            return Standing::Good;
        }
        let of_issuer = self.by_issuer.get(certificate.issuer().as_raw());
        // A revocation is never taken back by time, and stands whatever else the list is about.
        if of_issuer.is_some_and(|crl| crl.revoked.contains(certificate.raw_serial())) {
            return Standing::Revoked;
        }
        let Some(crl) = of_issuer.filter(|crl| crl.coverage.includes(certificate)) else {
            return policy.judge(Unknown::NoList, now);
        };
        if now <= crl.next_update {
            return Standing::Good;
        }
        policy.judge(Unknown::Overdue { since: crl.next_update }, now)
    }

    /// What is told of each list.
    #[must_use]
    pub fn states(&self, policy: Revocation, now: Timestamp) -> Vec<CrlState> {
        let state = |crl: &Arc<Crl>| CrlState {
            issuer: crl.issuer.clone(),
            this_update: crl.mark.issued,
            next_update: crl.next_update,
            revoked: crl.revoked.len() as u64,
            worth: crl.worth(policy, now),
        };
        self.by_issuer.values().map(state).collect()
    }
}

/// Whether more than a grace has passed since an instant.
pub(super) fn is_past(since: Timestamp, grace: Duration, now: Timestamp) -> bool {
    now.duration_since(since) > SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX)
}

/// Whether an authority of this name that may sign lists has signed this one.
fn prove(der: &[u8], issuer: &[u8], authorities: &[CertificateDer<'_>]) -> Option<()> {
    let parts = SignedParts::of(der)?;
    let has_signed = |authority: &CertificateDer<'_>| {
        let Ok((_, parsed)) = X509Certificate::from_der(authority) else { return false };
        let Ok(usage) = parsed.key_usage() else { return false };
        parsed.subject().as_raw() == issuer
            && usage.is_none_or(|usage| usage.value.crl_sign())
            && parts.is_by(parsed.public_key().raw)
    };
    authorities.iter().any(has_signed).then_some(())
}

/// Whether the library reads a list of this kind: complete, direct, without unknown critical
/// extensions.
fn check_kind(der: &CertificateRevocationListDer<'_>) -> Result<(), String> {
    BorrowedCertRevocationList::from_der(der).map(drop).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests;
