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
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use thiserror::Error;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::algorithm::sha256;
use crate::trust::crl::CrlError;
use crate::trust::crl::coverage::Coverage;
use crate::trust::crl::last::{LastLists, Mark, Scope};
use crate::trust::pem::{self, PemError};
use crate::trust::proof::{SignedParts, element};

/// The largest revocation list that is read, in bytes; those of НУЦ РК have some ten million.
pub const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;
/// Answers of responders that are looked at for one signature.
const MAX_ANSWERS: usize = 16;
/// Keys of one authority of which it is known whether they signed a list.
const MAX_KEYS: usize = 8;
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
    /// Number and time of issue.
    pub(super) mark: Mark,
    /// Which certificates of its authority it is about.
    pub(super) coverage: Coverage,
    pub(super) next_update: Timestamp,
    /// Whose keys were found to have signed it, or not. To find that, all of it is hashed.
    proven: Arc<Mutex<BTreeMap<Vec<u8>, bool>>>,
}

/// What is at hand of revocations: the lists, the newest first, and answers of responders.
#[derive(Debug, Clone, Default)]
pub struct Crls {
    lists: Vec<Crl>,
    /// Answers of responders (OCSP) in DER, which nobody has judged yet.
    answers: Vec<Arc<[u8]>>,
    /// Nothing else counts, whatever a signature brings.
    is_all: bool,
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
    /// Which lists were accepted last cannot be kept.
    #[error("{}: cannot be written: {why}; after a restart older revocation lists would be taken", path.display())]
    Write {
        /// The file.
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
    /// Which lists were accepted last cannot be read.
    #[error(transparent)]
    Last(#[from] CrlError),
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
            mark: Mark {
                number: times.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default(),
                issued: at(times.last_update().timestamp())?,
            },
            coverage: Coverage::of(&times),
            next_update: at(times.next_update()?.timestamp())?,
            proven: Arc::default(),
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
    fn scope(&self) -> Scope {
        Scope::of(self.list.issuer(), self.list.issuing_distribution_point())
    }

    /// Whether this key, a SubjectPublicKeyInfo in DER, signed it. A list has up to millions of
    /// bytes, so it is hashed once for each key that is asked about and not for each signature.
    pub(super) fn is_by(&self, key_info: &[u8]) -> bool {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = proven.get(key_info) {
            return *known;
        }
        let is_by = SignedParts::of(&self.der).is_some_and(|parts| parts.is_by(key_info));
        // More keys than these have no authority's name.
        if proven.len() < MAX_KEYS {
            proven.insert(key_info.to_vec(), is_by);
        }
        is_by
    }
}

impl Crls {
    /// Lists that are at hand; of those of one scope the newest.
    #[must_use]
    pub fn new(lists: impl IntoIterator<Item = Crl>) -> Self {
        let mut newest: BTreeMap<_, Crl> = BTreeMap::new();
        for list in lists {
            let kept = newest.entry(list.scope()).or_insert_with(|| list.clone());
            if !list.mark.is_older_than(&kept.mark) {
                *kept = list;
            }
        }
        let mut lists: Vec<_> = newest.into_values().collect();
        lists.sort_by_key(|list| std::cmp::Reverse(list.mark.issued));
        Self { lists, answers: Vec::new(), is_all: false }
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

    /// The same and nothing else, for who judges again by what was at hand: an answer that a signature
    /// brings along counts only if it is among these.
    #[must_use]
    pub fn and_nothing_else(self) -> Self {
        Self { is_all: true, ..self }
    }

    /// The same with the answers that a signature brings along.
    pub(super) fn with_embedded(&self, answers: impl IntoIterator<Item = Arc<[u8]>>) -> Self {
        if self.is_all { self.clone() } else { self.clone().with_answers(answers) }
    }

    /// The same with answers of responders (OCSP), in DER, that may be about the certificates of a
    /// chain.
    #[must_use]
    pub fn with_answers(mut self, answers: impl IntoIterator<Item = Arc<[u8]>>) -> Self {
        self.answers.extend(answers);
        self.answers.truncate(MAX_ANSWERS);
        self
    }

    pub(super) fn answers(&self) -> &[Arc<[u8]>] {
        &self.answers
    }

    /// The lists of this issuer, a name in DER. The library has names without their tag.
    pub(super) fn of(&self, issuer: &[u8]) -> impl Iterator<Item = &Crl> {
        let name = element(issuer).map(|(_, name, _)| name);
        self.lists.iter().filter(move |list| Some(list.list.issuer()) == name)
    }
}

/// A directory of revocation lists, as it was when it was last looked at.
#[derive(Debug)]
pub struct CrlDir {
    path: PathBuf,
    read: BTreeMap<Seen, Crl>,
    crls: Arc<Crls>,
    /// Where it is kept which lists were accepted last, and what is there.
    last_file: PathBuf,
    kept: LastLists,
    last: LastLists,
}

/// A file as it was: name, inode, size and time of its last change.
type Seen = (PathBuf, u64, u64, i64, i64);

impl CrlDir {
    /// Reads a directory of lists. `last_file` says which were accepted last; it is written when
    /// the lists are used.
    ///
    /// # Errors
    /// [`AuthorityError`] for anything in it that is no list: a list that is silently left out is
    /// one whose revocations nobody heeds.
    pub fn open(path: &Path, last_file: PathBuf) -> Result<Self, AuthorityError> {
        let kept = LastLists::read(&last_file)?;
        let (path, last) = (path.to_owned(), kept.clone());
        let (read, crls) = (BTreeMap::new(), Arc::default());
        let mut dir = Self { path, read, crls, last_file, kept, last };
        dir.look_again()?;
        Ok(dir)
    }

    /// The lists as they were last read.
    #[must_use]
    pub fn crls(&self) -> Arc<Crls> {
        Arc::clone(&self.crls)
    }

    /// Reads whatever has changed in the directory. A list never gives way to an older one of its
    /// scope, nor to none; after a restart an older one is as good as none.
    ///
    /// # Errors
    /// [`AuthorityError`]; what was read before then stays.
    pub fn refresh(&mut self) -> Result<(), AuthorityError> {
        self.look_again()?;
        if self.kept != self.last {
            let unwritable = |why| AuthorityError::Write { path: self.last_file.clone(), why };
            self.last.write(&self.last_file).map_err(unwritable)?;
            self.kept = self.last.clone();
        }
        Ok(())
    }

    fn look_again(&mut self) -> Result<(), AuthorityError> {
        let seen = self.look()?;
        if self.read.len() == seen.len() && seen.iter().all(|file| self.read.contains_key(file)) {
            return Ok(());
        }
        let read = seen.into_iter().map(|file| match self.read.get(&file) {
            Some(known) => Ok((file, known.clone())),
            None => Crl::read(&file.0).map(|list| (file, list)),
        });
        let read: BTreeMap<_, _> = read.collect::<Result<_, AuthorityError>>()?;
        let last = &mut self.last;
        let (old, found): (Vec<_>, Vec<_>) = read.iter().partition(|(_, list)| {
            last.get(list.scope()).is_some_and(|last| list.mark.is_older_than(last))
        });
        for ((file, ..), list) in old {
            let (file, issued) = (file.display(), list.mark.issued);
            tracing::warn!(%file, %issued, "a revocation list is older than the last one of its authority, and is not used");
        }
        let before = self.crls.lists.iter().cloned();
        let crls = Crls::new(before.chain(found.into_iter().map(|(_, list)| list.clone())));
        for list in &crls.lists {
            last.note(list.scope(), list.mark.clone());
        }
        (self.crls, self.read) = (Arc::new(crls), read);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair,
        RevokedCertParams, SerialNumber, date_time_ymd,
    };
    use x509_parser::certificate::X509Certificate;

    use super::*;
    use crate::trust::proof::hashed_bytes;

    /// A list with so many certificates.
    fn list(issuer: &Issuer<'_, KeyPair>, number: u64, revoked: u32) -> Vec<u8> {
        let this_update = date_time_ymd(2026, 1, 1) + Duration::from_secs(number);
        let revoked_certs = (0..revoked).map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(0x4000_0000 + u64::from(serial)),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update,
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap().der().to_vec()
    }

    fn authority() -> (Vec<u8>, Issuer<'static, KeyPair>) {
        let (params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        (der, Issuer::new(params, key))
    }

    /// A verdict is found again by what it was found by, though the signature brings more along.
    #[test]
    fn what_a_signature_brings_counts_unless_all_that_counted_is_at_hand() {
        let (kept, brought): (Arc<[u8]>, Arc<[u8]>) = ([1].into(), [2].into());
        let at_hand = Crls::new([]).with_answers([Arc::clone(&kept)]);
        let both = at_hand.with_embedded([Arc::clone(&brought)]);
        assert_eq!(both.answers(), [Arc::clone(&kept), Arc::clone(&brought)]);
        assert_eq!(at_hand.and_nothing_else().with_embedded([brought]).answers(), [kept]);
    }

    #[test]
    fn a_list_of_millions_of_bytes_is_hashed_once_and_not_for_each_signature() {
        let (certificate, issuer) = authority();
        let der = list(&issuer, 1, 100_000);
        assert!(der.len() > 2_000_000, "{}", der.len());
        let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
        let key = parsed.public_key().raw;
        let crls = Crls::new([Crl::parse(&der).unwrap()]);
        let before = hashed_bytes();
        for _ in 0..1_000 {
            // As a verification does: the lists at hand are cloned, and one is asked.
            let crls = crls.clone().with_answers([]);
            assert!(crls.of(parsed.subject().as_raw()).all(|list| list.is_by(key)));
        }
        let hashed = hashed_bytes() - before;
        assert!(hashed > 2_000_000 && hashed <= der.len(), "{hashed} of {}", der.len());
    }

    #[test]
    fn a_list_older_than_the_last_is_not_used_after_a_restart_either() {
        let (_, issuer) = authority();
        let dir = tempfile::tempdir().unwrap();
        let (lists, last) = (dir.path().join("lists"), dir.path().join("last"));
        fs::create_dir(&lists).unwrap();
        let lay = |name: &str, der: &[u8]| fs::write(lists.join(name), der).unwrap();
        lay("one.crl", &list(&issuer, 5, 1));
        let mut open = CrlDir::open(&lists, last.clone()).unwrap();
        assert!(!last.exists(), "whoever only looks keeps nothing");
        open.refresh().unwrap();
        let held =
            |dir: &CrlDir| dir.crls().lists.iter().map(|one| one.mark.number.clone()).collect();
        let marks: Vec<Vec<u8>> = held(&open);
        assert_eq!(marks, [[5]]);
        // In the place of it, within the process and after a restart.
        lay("one.crl", &list(&issuer, 4, 0));
        open.refresh().unwrap();
        let marks: Vec<Vec<u8>> = held(&open);
        assert_eq!(marks, [[5]]);
        let mut again = CrlDir::open(&lists, last.clone()).unwrap();
        assert!(again.crls().is_empty(), "an older one is as good as none");
        lay("two.crl", &list(&issuer, 6, 1));
        again.refresh().unwrap();
        let marks: Vec<Vec<u8>> = held(&again);
        assert_eq!(marks, [[6]]);
        // A record that cannot be read refuses the start.
        fs::write(&last, "kopir revocation-lists 2\n").unwrap();
        assert!(matches!(CrlDir::open(&lists, last), Err(AuthorityError::Last(_))));
    }
}
