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
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::tls::provider;

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
    /// It is older than the one in force.
    #[error("{}: is older than the list of {issuer} in force, of {in_force}; put the newest in place", file.display())]
    Older {
        /// The file.
        file: PathBuf,
        /// Whose list it is.
        issuer: String,
        /// When the one in force was issued.
        in_force: Timestamp,
    },
}

/// A list, proven.
#[derive(Debug, Clone)]
pub struct Crl {
    file: PathBuf,
    der: CertificateRevocationListDer<'static>,
    /// The issuer's name in DER.
    issuer_der: Vec<u8>,
    issuer: String,
    /// Big-endian, without leading zeros; empty where the list has none.
    number: Vec<u8>,
    this_update: Timestamp,
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

/// The lists in force, the newest of each authority.
#[derive(Debug, Clone, Default)]
pub struct Crls {
    by_issuer: BTreeMap<Vec<u8>, Arc<Crl>>,
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
        check_kind(&der, authorities).map_err(|why| unsupported(&why))?;
        let file = file.to_owned();
        Ok(Self { file, der, issuer_der, issuer, number, this_update, next_update, revoked })
    }

    /// Whether it was issued before another list of the same authority: by its number where both
    /// have one (RFC 5280 §5.2.3), and by the time of its issue.
    fn is_older_than(&self, other: &Self) -> bool {
        let by_number = |of: &Self| (of.number.len(), of.number.clone());
        let numbered = !self.number.is_empty() && !other.number.is_empty();
        (numbered && by_number(self) < by_number(other)) || self.this_update < other.this_update
    }

    fn worth(&self, policy: Revocation, now: Timestamp) -> Worth {
        if now <= self.next_update {
            return Worth::Current;
        }
        match policy {
            Revocation::Off | Revocation::Soft => Worth::Overdue,
            Revocation::Strict { grace } => {
                let overdue = now.duration_since(self.next_update);
                let grace = SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX);
                if overdue <= grace { Worth::Overdue } else { Worth::Lapsed }
            }
        }
    }
}

impl Crls {
    /// The lists that these make beside those in force before: the newest of each authority.
    ///
    /// # Errors
    /// [`CrlError::Older`] for a list that is older than the one of its authority in force.
    pub fn after(&self, found: Vec<Crl>) -> Result<Self, CrlError> {
        let mut by_issuer: BTreeMap<Vec<u8>, Arc<Crl>> = BTreeMap::new();
        for crl in found {
            if let Some(in_force) = self.by_issuer.get(&crl.issuer_der)
                && crl.is_older_than(in_force)
            {
                let (file, issuer) = (crl.file, crl.issuer);
                return Err(CrlError::Older { file, issuer, in_force: in_force.this_update });
            }
            let known = by_issuer.get(&crl.issuer_der);
            if known.is_none_or(|known| known.is_older_than(&crl)) {
                by_issuer.insert(crl.issuer_der.clone(), Arc::new(crl));
            }
        }
        Ok(Self { by_issuer })
    }

    /// The lists, for the library.
    pub(super) fn ders(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> + '_ {
        self.by_issuer.values().map(|crl| crl.der.clone())
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
        let Some(crl) = self.by_issuer.get(certificate.issuer().as_raw()) else {
            return match policy {
                Revocation::Off | Revocation::Soft => Standing::Undetermined(Unknown::NoList),
                Revocation::Strict { .. } => Standing::Lapsed(Unknown::NoList),
            };
        };
        // A revocation is never taken back by time.
        if crl.revoked.contains(certificate.raw_serial()) {
            return Standing::Revoked;
        }
        let unknown = Unknown::Overdue { since: crl.next_update };
        match crl.worth(policy, now) {
            Worth::Current => Standing::Good,
            Worth::Overdue => Standing::Undetermined(unknown),
            Worth::Lapsed => Standing::Lapsed(unknown),
        }
    }

    /// What is told of each list.
    #[must_use]
    pub fn states(&self, policy: Revocation, now: Timestamp) -> Vec<CrlState> {
        let state = |crl: &Arc<Crl>| CrlState {
            issuer: crl.issuer.clone(),
            this_update: crl.this_update,
            next_update: crl.next_update,
            revoked: crl.revoked.len() as u64,
            worth: crl.worth(policy, now),
        };
        self.by_issuer.values().map(state).collect()
    }
}

/// Whether an authority of this name has signed the list, by the algorithms that are accepted of
/// certificates too: no SHA-1, no RSA below 2048 bits.
fn prove(der: &[u8], issuer: &[u8], authorities: &[CertificateDer<'_>]) -> Option<()> {
    let (_, list, _) = element(der)?;
    let (signed, _, rest) = element(list)?;
    let (_, algorithm, rest) = element(rest)?;
    let (_, signature, _) = element(rest)?;
    // The first octet of a bit string counts its unused bits.
    let signature = signature.strip_prefix(&[0])?;
    let algorithms = provider().signature_verification_algorithms.all;
    let has_signed = |authority: &CertificateDer<'_>| {
        let (_, parsed) = X509Certificate::from_der(authority).ok()?;
        let may = parsed.key_usage().ok()?.is_none_or(|usage| usage.value.crl_sign());
        if parsed.subject().as_raw() != issuer || !may {
            return None;
        }
        let (_, key_info, _) = element(parsed.public_key().raw)?;
        let (_, key_algorithm, rest) = element(key_info)?;
        let (_, key, _) = element(rest)?;
        let key = key.strip_prefix(&[0])?;
        algorithms.iter().find(|each| {
            each.public_key_alg_id().as_ref() == key_algorithm
                && each.signature_alg_id().as_ref() == algorithm
                && each.verify_signature(key, signed, signature).is_ok()
        })
    };
    authorities.iter().find_map(has_signed).map(|_| ())
}

/// Whether the library reads a list of this kind: complete, direct, without unknown critical
/// extensions.
fn check_kind(
    der: &CertificateRevocationListDer<'static>,
    authorities: &[CertificateDer<'_>],
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    let (_, _) = roots.add_parsable_certificates(authorities.iter().cloned());
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider().into());
    let built = builder.with_crls([der.clone()]).build();
    built.map(drop).map_err(|why| why.to_string())
}

/// The first element of DER: all of it, its content, and what follows.
fn element(der: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let &[_, first, ..] = der else { return None };
    let (length, header) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let octets = der.get(2..2 + usize::from(first & 0x7f))?;
        if octets.is_empty() || octets.len() > 4 {
            return None;
        }
        let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        (length, 2 + octets.len())
    };
    let end = header.checked_add(length)?;
    Some((der.get(..end)?, der.get(header..end)?, der.get(end..)?))
}

#[cfg(test)]
mod tests;
