//! Whose certificates are believed, and what they have revoked.
//!
//! The authorities are read once, at the start. The revocation lists lie in a directory into which
//! whatever fetches them puts the newest; it is looked at again before a signature is judged, at
//! most every few seconds, so that a list counts without a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use thiserror::Error;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::algorithm::sha256;
use crate::trust::pem::{self, PemError};

/// The largest revocation list that is read, in bytes; those of НУЦ РК have some ten million.
pub const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;
/// Lists asked for one signature: one for each authority, or for each of its partitions.
const MAX_ASKED: usize = 32;
/// Files of a directory of lists.
const MAX_LISTS: usize = 256;

/// The certification authorities for signatures.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    roots: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
}

/// One revocation list.
#[derive(Debug, Clone)]
pub struct Crl {
    pub(super) list: Arc<CertRevocationList<'static>>,
    /// Its bytes, to be kept with what rests on it.
    pub(super) der: Arc<[u8]>,
    pub(super) sha256: [u8; 32],
    pub(super) this_update: Timestamp,
    pub(super) next_update: Timestamp,
}

/// The revocation lists at hand, the newest first.
#[derive(Debug, Clone, Default)]
pub struct Crls {
    lists: Vec<Crl>,
}

/// Why authorities or lists cannot be used. All are faults of the installation.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The file of certificates is missing, damaged, or of something else.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate of the file is none that can be an authority's.
    #[error("{}: certificate {number} is not a sound certificate of an authority; have it issued anew", file.display())]
    Anchor {
        /// The file.
        file: PathBuf,
        /// Which, counted from 1.
        number: usize,
    },
    /// The directory or a file in it cannot be read.
    #[error("{}: cannot be read: {why}; it should hold revocation lists", path.display())]
    Read {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A file is no revocation list, or one of a kind that is not taken.
    #[error("{}: is no full revocation list of version 2 with a next update (RFC 5280 §5), in DER or PEM; fetch it anew", file.display())]
    List {
        /// The file.
        file: PathBuf,
    },
    /// More files, or bytes, than a directory of lists has.
    #[error("{}: has more than {MAX_LISTS} files, or one over {MAX_LIST_BYTES} bytes; is this the right directory?", path.display())]
    TooMuch {
        /// The directory or file.
        path: PathBuf,
    },
}

impl Authorities {
    /// Reads the authorities of a PEM file, and of another one the certificates between them and
    /// the signers, where signatures come without.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn read(roots: &Path, intermediates: Option<&Path>) -> Result<Self, AuthorityError> {
        let found = pem::certificates(roots)?;
        for (at, root) in found.iter().enumerate() {
            let unsound = |_| AuthorityError::Anchor { file: roots.to_owned(), number: at + 1 };
            webpki::anchor_from_trusted_cert(root).map_err(unsound)?;
        }
        let intermediates = intermediates.map(pem::certificates).transpose()?.unwrap_or_default();
        Ok(Self { roots: found, intermediates })
    }

    /// Authorities that are at hand.
    #[must_use]
    pub fn new(
        roots: Vec<CertificateDer<'static>>,
        intermediates: Vec<CertificateDer<'static>>,
    ) -> Self {
        let sound = |root: &CertificateDer<'_>| webpki::anchor_from_trusted_cert(root).is_ok();
        Self { roots: roots.into_iter().filter(sound).collect(), intermediates }
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The authorities' own certificates, in the order of their anchors.
    pub(super) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    pub(super) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    pub(super) fn anchors(&self) -> Vec<TrustAnchor<'_>> {
        let anchor = |root| webpki::anchor_from_trusted_cert(root).ok();
        self.roots.iter().filter_map(anchor).collect()
    }
}

impl Crl {
    /// Reads a list in DER.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let list = OwnedCertRevocationList::from_der(der).ok()?;
        let (_, times) = CertificateRevocationList::from_der(der).ok()?;
        let at = |seconds| Timestamp::from_second(seconds).ok();
        Some(Self {
            list: Arc::new(list.into()),
            der: der.into(),
            sha256: sha256(der),
            this_update: at(times.last_update().timestamp())?,
            next_update: at(times.next_update()?.timestamp())?,
        })
    }

    /// Reads the list of a file, in DER or PEM.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn read(file: &Path) -> Result<Self, AuthorityError> {
        let unreadable = |why| AuthorityError::Read { path: file.to_owned(), why };
        let bytes = fs::metadata(file).map_err(unreadable)?.len();
        if bytes > MAX_LIST_BYTES {
            return Err(AuthorityError::TooMuch { path: file.to_owned() });
        }
        let bytes = fs::read(file).map_err(unreadable)?;
        let no_list = || AuthorityError::List { file: file.to_owned() };
        if bytes.starts_with(b"-----BEGIN") {
            let der = CertificateRevocationListDer::from_pem_slice(&bytes);
            return Self::parse(&der.map_err(|_| no_list())?).ok_or_else(no_list);
        }
        Self::parse(&bytes).ok_or_else(no_list)
    }

    /// What tells lists of one authority apart that are in force beside each other: issuer and
    /// issuing distribution point.
    fn scope(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let point = self.list.issuing_distribution_point().map(<[u8]>::to_vec);
        (self.list.issuer().to_vec(), point)
    }
}

impl Crls {
    /// Lists that are at hand; of those of one scope the newest.
    #[must_use]
    pub fn new(lists: impl IntoIterator<Item = Crl>) -> Self {
        let mut newest: BTreeMap<_, Crl> = BTreeMap::new();
        for list in lists {
            let kept = newest.entry(list.scope()).or_insert_with(|| list.clone());
            if list.this_update > kept.this_update {
                *kept = list;
            }
        }
        let mut lists: Vec<_> = newest.into_values().collect();
        lists.sort_by_key(|list| std::cmp::Reverse(list.this_update));
        Self { lists }
    }

    /// How many lists are at hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The lists of these issuers.
    pub(super) fn of<'i>(&self, issuers: impl Iterator<Item = &'i [u8]>) -> Vec<Crl> {
        let issuers: Vec<_> = issuers.collect();
        let is_asked = |list: &&Crl| issuers.contains(&list.list.issuer());
        self.lists.iter().filter(is_asked).take(MAX_ASKED).cloned().collect()
    }
}

/// A directory of revocation lists, as it was when it was last looked at.
#[derive(Debug)]
pub struct CrlDir {
    path: PathBuf,
    seen: Vec<Seen>,
    crls: Arc<Crls>,
}

/// A file as it was: name, inode, size and time of its last change.
type Seen = (PathBuf, u64, u64, i64, i64);

impl CrlDir {
    /// Reads a directory of lists.
    ///
    /// # Errors
    /// [`AuthorityError`] for anything in it that is no list: a list that is silently left out is
    /// one whose revocations nobody heeds.
    pub fn open(path: &Path) -> Result<Self, AuthorityError> {
        let mut dir = Self { path: path.to_owned(), seen: Vec::new(), crls: Arc::default() };
        dir.refresh()?;
        Ok(dir)
    }

    /// The lists as they were last read.
    #[must_use]
    pub fn crls(&self) -> Arc<Crls> {
        Arc::clone(&self.crls)
    }

    /// Reads the directory again if something in it has changed. A list never gives way to an older
    /// one of its scope, nor to none.
    ///
    /// # Errors
    /// [`AuthorityError`]; what was read before then stays.
    pub fn refresh(&mut self) -> Result<(), AuthorityError> {
        let seen = self.look()?;
        if seen == self.seen {
            return Ok(());
        }
        let lists: Result<Vec<_>, _> = seen.iter().map(|(file, ..)| Crl::read(file)).collect();
        let before = self.crls.lists.iter().cloned();
        self.crls = Arc::new(Crls::new(before.chain(lists?)));
        self.seen = seen;
        Ok(())
    }

    fn look(&self) -> Result<Vec<Seen>, AuthorityError> {
        let unreadable = |why| AuthorityError::Read { path: self.path.clone(), why };
        let mut seen = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            // Whoever fetches a list writes it under such a name first and then renames it.
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
            if name.is_none_or(|name| name.starts_with('.') || name.ends_with(".tmp")) {
                continue;
            }
            let at = fs::metadata(&file).map_err(unreadable)?;
            if seen.len() == MAX_LISTS {
                return Err(AuthorityError::TooMuch { path: self.path.clone() });
            }
            if at.is_file() {
                seen.push((file, at.ino(), at.size(), at.mtime(), at.mtime_nsec()));
            }
        }
        seen.sort();
        Ok(seen)
    }
}
