//! Telling an applicant again without keeping who it is.
//!
//! Whether a person was included in a quota before is found by a hash over name and date of birth.
//! The hash is keyed, so that nobody who sees the index can try names against it; the key is made
//! at the first start and lies beside the journal. Without it earlier cases can no longer be told,
//! so it belongs into every backup of the journal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::civil::Date;

use crate::domain::IdentityHash;

const KEY_BYTES: usize = 32;

/// The key under which applicants are told again.
#[derive(Debug)]
pub struct ApplicantKey {
    key: hmac::Key,
}

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ApplicantKeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}; the key by which applicants are told again must be readable", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a key.
    #[error("{}: is not a key of {KEY_BYTES} bytes; restore it from the backup of the journal", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error("{}: others may read it; set its mode to 0600", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// No random number could be had.
    #[error("no random key could be made")]
    Random,
}

impl ApplicantKey {
    /// The key of a file, which is made if it is missing. It has its name only when it is whole and
    /// on the disk, and its name is on the disk before anything is hashed: a bus that dies here,
    /// or whose power goes, neither leaves half a key nor goes on with another one.
    ///
    /// # Errors
    /// [`ApplicantKeyError`].
    pub fn open(path: &Path) -> Result<Self, ApplicantKeyError> {
        let failed = |source| ApplicantKeyError::Io { path: path.to_owned(), source };
        let key = match File::open(path) {
            Ok(file) => Self::read(path, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; KEY_BYTES];
                SystemRandom::new().fill(&mut bytes).map_err(|_| ApplicantKeyError::Random)?;
                write(path, &bytes).map_err(failed)?;
                Self::of(&bytes)
            }
            Err(error) => return Err(failed(error)),
        };
        // A key that is there may be one whose maker died before this.
        if let Some(dir) = path.parent() {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        }
        Ok(key)
    }

    fn read(path: &Path, mut file: File) -> Result<Self, ApplicantKeyError> {
        let failed = |source| ApplicantKeyError::Io { path: path.to_owned(), source };
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(ApplicantKeyError::Exposed { path: path.to_owned() });
        }
        let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
        Read::by_ref(&mut file)
            .take(KEY_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let bytes = bytes.try_into();
        let bytes = bytes.map_err(|_| ApplicantKeyError::Form { path: path.to_owned() })?;
        Ok(Self::of(&bytes))
    }

    /// A key from its bytes.
    pub fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    /// The hash of a person. Letter case and the number of spaces do not tell persons apart.
    pub fn hash(&self, names: [&str; 3], birth_date: Date) -> IdentityHash {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"kopir applicant v1\0");
        for name in names {
            let plain: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
            context.update(plain.join(" ").as_bytes());
            context.update(&[0]);
        }
        context.update(birth_date.to_string().as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        IdentityHash(hash)
    }
}

/// Writes a key beside its place, and puts it there when it is on the disk.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("key.new");
    let mut options = OpenOptions::new();
    // What is left of an earlier attempt keeps its mode, so it goes first.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_hash_and_another_key_gives_another() {
        let key = ApplicantKey::of(&[7; 32]);
        let born = jiff::civil::date(1990, 5, 1);
        let hash = key.hash(["ҮЛГІ", "Адам", ""], born);
        assert_eq!(key.hash([" үлгі ", "АДАМ", ""], born), hash);
        assert_ne!(key.hash(["ҮЛГІ", "", "Адам"], born), hash);
        assert_ne!(key.hash(["ҮЛГІ", "Адам", ""], born.tomorrow().unwrap()), hash);
        assert_ne!(ApplicantKey::of(&[8; 32]).hash(["ҮЛГІ", "Адам", ""], born), hash);
    }

    #[test]
    fn a_key_that_was_not_finished_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("applicants.key");
        fs::write(dir.path().join("applicants.key.new"), b"ha").unwrap();
        ApplicantKey::open(&path).unwrap();
        ApplicantKey::open(&path).unwrap();
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["applicants.key"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_key_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("applicants.key");
        let born = jiff::civil::date(1990, 5, 1);
        let first = ApplicantKey::open(&path).unwrap().hash(["A", "B", ""], born);
        assert_eq!(ApplicantKey::open(&path).unwrap().hash(["A", "B", ""], born), first);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(ApplicantKey::open(&path), Err(ApplicantKeyError::Exposed { .. })));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(ApplicantKey::open(&path), Err(ApplicantKeyError::Form { .. })));
    }
}
