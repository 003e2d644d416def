//! What verdicts rest on, kept for as long as they may be questioned: the revocation lists that were
//! asked, the answers of responders and the certificates above the signers', each in a file that is
//! named by its SHA-256.
//!
//! They stand beside the journal and not in it because a list has up to millions of bytes and is the
//! same for every signature of a day, while a record is bounded by half a mebibyte. The record of
//! the act names them by hash, so they can neither be exchanged nor restated. They name no signer,
//! but by the serial number of a certificate: whose that was stands in the act's body.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::domain::signature::RevocationSource;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A certificate of an authority in DER.
    Certificate,
    /// A revocation list in DER.
    List,
    /// The answer of a responder (OCSP) in DER.
    Answer,
}

impl Kind {
    /// What is kept of a source of revocations; nothing of a verifier's answer, which names the
    /// signer.
    #[must_use]
    pub const fn of(source: RevocationSource) -> Option<Self> {
        match source {
            RevocationSource::Crl => Some(Self::List),
            RevocationSource::Ocsp => Some(Self::Answer),
            RevocationSource::Sidecar => None,
        }
    }

    /// The name of the file that holds it.
    #[must_use]
    pub fn file_name(self, hash: &[u8; 32]) -> String {
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name}.{}", self.extension())
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Certificate => "cer",
            Self::List => "crl",
            Self::Answer => "ocsp",
        }
    }
}

/// A directory of evidence.
#[derive(Debug)]
pub struct EvidenceStore {
    dir: PathBuf,
    /// What is known to be there. Held while something is written, so that nothing is twice.
    kept: Mutex<BTreeSet<[u8; 32]>>,
}

impl EvidenceStore {
    /// A store in this directory, which need not be there yet.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, kept: Mutex::default() }
    }

    /// Where evidence of this hash lies.
    #[must_use]
    pub fn file(&self, kind: Kind, hash: &[u8; 32]) -> PathBuf {
        self.dir.join(kind.file_name(hash))
    }

    /// What was kept under a hash.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn read(&self, kind: Kind, hash: &[u8; 32]) -> io::Result<Vec<u8>> {
        fs::read(self.file(kind, hash))
    }

    /// Keeps evidence whose SHA-256 is known; when this returns it is on stable storage. It is not
    /// hashed again: a list of millions of bytes is the evidence of each signature of a day.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn keep(&self, kind: Kind, hash: [u8; 32], bytes: &[u8]) -> io::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(&hash) {
            return Ok(());
        }
        let file = self.file(kind, &hash);
        // One that a stop cut short never got its name, so what has it is whole.
        if !file.exists() {
            fs::create_dir_all(&self.dir)?;
            let unnamed = file.with_extension("tmp");
            let mut open = File::create(&unnamed)?;
            open.write_all(bytes)?;
            open.sync_all()?;
            fs::rename(&unnamed, &file)?;
            File::open(&self.dir)?.sync_all()?;
        }
        kept.insert(hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::algorithm::sha256;
    use super::*;

    #[test]
    fn evidence_is_kept_once_under_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::new(dir.path().join("signatures"));
        for _ in 0..2 {
            store.keep(Kind::List, sha256(b"a list"), b"a list").unwrap();
            let other = sha256(b"a certificate");
            store.keep(Kind::Certificate, other, b"a certificate").unwrap();
        }
        let file = store.file(Kind::List, &sha256(b"a list"));
        assert_eq!(fs::read(&file).unwrap(), b"a list");
        assert_eq!(fs::read_dir(dir.path().join("signatures")).unwrap().count(), 2);
        // Another process knows it by its file.
        let again = EvidenceStore::new(dir.path().join("signatures"));
        assert_eq!(again.read(Kind::List, &sha256(b"a list")).unwrap(), b"a list");
        assert!(again.read(Kind::Certificate, &sha256(b"a list")).is_err());
        again.keep(Kind::List, sha256(b"a list"), b"a list").unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("taken");
        fs::write(&place, b"a file").unwrap();
        assert!(EvidenceStore::new(place).keep(Kind::List, sha256(b"a list"), b"a list").is_err());
    }
}
