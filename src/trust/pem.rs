//! Certificates and private keys as PEM files.
//!
//! This is the only module that opens them, so that one rule holds for each
//! key: a file that others on the machine can read is not a secret, and the
//! program refuses it instead of carrying on with a key that may be known.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use thiserror::Error;

/// The largest PEM file read, in bytes; several hundred certificates.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Permission bits that let anyone but the owner at a key.
const OTHERS: u32 = 0o077;

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One or more `CERTIFICATE` sections.
    Certificates,
    /// One unencrypted private key section.
    PrivateKey,
}

impl Wanted {
    fn words(self) -> &'static str {
        match self {
            Self::Certificates => "certificates (sections `BEGIN CERTIFICATE`)",
            Self::PrivateKey => "a private key (one section `BEGIN PRIVATE KEY`)",
        }
    }
}

/// Why a PEM file is refused. All are faults of the installation.
#[derive(Debug, Error)]
pub enum PemError {
    /// The file is missing or unreadable.
    #[error("{}: cannot be read: {why}; it should hold {}", file.display(), wanted.words())]
    Read {
        /// The file.
        file: PathBuf,
        /// What was to be read.
        wanted: Wanted,
        /// What the system said.
        why: io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("{}: larger than {MAX_FILE_BYTES} bytes; it should hold only {}", file.display(), wanted.words())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// What was to be read.
        wanted: Wanted,
    },
    /// The file has nothing in it.
    #[error("{}: is empty; it should hold {}", file.display(), wanted.words())]
    Empty {
        /// The file.
        file: PathBuf,
        /// What was to be read.
        wanted: Wanted,
    },
    /// The file is not PEM, or is damaged.
    #[error("{}: is not a sound PEM file; write it anew with {}", file.display(), wanted.words())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What was to be read.
        wanted: Wanted,
    },
    /// The file is PEM of something else.
    #[error("{}: does not hold {}; was another file meant?", file.display(), wanted.words())]
    Absent {
        /// The file.
        file: PathBuf,
        /// What was to be read.
        wanted: Wanted,
    },
    /// The key needs a passphrase, which an unattended start cannot give.
    #[error("{0}: the private key is encrypted; store it unencrypted (`openssl pkey -in {0}`) with mode 600", file.display())]
    Encrypted {
        /// The file.
        file: PathBuf,
    },
    /// Others than its owner can use the key file.
    #[error("{0}: mode {mode:03o} lets others than the owner at the private key; run `chmod 600 {0}`", file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The certificates of a file, in its order; at least one.
///
/// # Errors
/// [`PemError`] of the kinds that concern certificates.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let wanted = Wanted::Certificates;
    let bytes = read(file, wanted, |_| Ok(()))?;
    let found = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| refusal(file, wanted, &bytes, &why))?;
    if found.is_empty() {
        return Err(refusal(file, wanted, &bytes, &pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// The first private key of a file that only its owner can use.
///
/// # Errors
/// [`PemError`] of the kinds that concern keys.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let wanted = Wanted::PrivateKey;
    // Asked of the open file, so the answer is about the bytes read.
    let bytes = read(file, wanted, |mode| {
        if mode & OTHERS == 0 {
            Ok(())
        } else {
            Err(PemError::Exposed { file: file.to_owned(), mode })
        }
    })?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|why| refusal(file, wanted, &bytes, &why))
}

fn read(
    file: &Path,
    wanted: Wanted,
    check_mode: impl FnOnce(u32) -> Result<(), PemError>,
) -> Result<Vec<u8>, PemError> {
    let unreadable = |why| PemError::Read { file: file.to_owned(), wanted, why };
    let open = File::open(file).map_err(unreadable)?;
    let mode = open.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    check_mode(mode)?;
    let mut bytes = Vec::new();
    open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let file = file.to_owned();
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(PemError::TooLarge { file, wanted });
    }
    if bytes.trim_ascii().is_empty() {
        return Err(PemError::Empty { file, wanted });
    }
    Ok(bytes)
}

/// Tells a damaged file from a file of something else, which the parser alone
/// reports alike.
fn refusal(file: &Path, wanted: Wanted, bytes: &[u8], why: &pem::Error) -> PemError {
    let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let file = file.to_owned();
    if !matches!(why, pem::Error::NoItemsFound) || !contains(b"-----BEGIN ") {
        PemError::NotPem { file, wanted }
    } else if wanted == Wanted::PrivateKey && contains(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        PemError::Encrypted { file }
    } else {
        PemError::Absent { file, wanted }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY_LIKE: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const CERTIFICATE_LIKE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    struct Case {
        dir: tempfile::TempDir,
    }

    impl Case {
        fn file(&self, text: &str, mode: u32) -> PathBuf {
            let file = self.dir.path().join("some.pem");
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        }
    }

    fn case() -> Case {
        Case { dir: tempfile::tempdir().unwrap() }
    }

    #[test]
    fn sections_are_found_among_comments_and_others() {
        let case = case();
        let text = format!("made by hand\n{CERTIFICATE_LIKE}{KEY_LIKE}{CERTIFICATE_LIKE}");
        let file = case.file(&text, 0o600);
        assert_eq!(certificates(&file).unwrap().len(), 2);
        assert_eq!(private_key(&file).unwrap().secret_der(), [0, 0, 0]);
    }

    #[test]
    fn a_key_others_can_use_is_refused_with_mode_and_remedy() {
        let case = case();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610] {
            let file = case.file(KEY_LIKE, mode);
            let error = private_key(&file).unwrap_err();
            assert!(matches!(&error, PemError::Exposed { mode: found, .. } if *found == mode));
            let message = error.to_string();
            assert!(message.contains(&format!("mode {mode:03o}")), "{message}");
            let remedy = format!("chmod 600 {}", file.display());
            assert!(message.contains(&remedy), "{message}");
        }
        for mode in [0o600, 0o400, 0o700] {
            assert!(private_key(&case.file(KEY_LIKE, mode)).is_ok());
        }
        // Certificates are public.
        assert!(certificates(&case.file(CERTIFICATE_LIKE, 0o644)).is_ok());
    }

    #[test]
    fn unusable_files_are_told_apart() {
        let case = case();
        let encrypted = KEY_LIKE.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let cut = &KEY_LIKE[..KEY_LIKE.len() - 10];
        let damaged = KEY_LIKE.replace("AAAA", "A!AA");
        let table = [
            ("", "is empty"),
            (" \n\n", "is empty"),
            ("some words", "not a sound PEM"),
            (cut, "not a sound PEM"),
            (&damaged, "not a sound PEM"),
            (CERTIFICATE_LIKE, "does not hold a private key"),
            (&encrypted, "is encrypted"),
        ];
        for (text, expected) in table {
            let file = case.file(text, 0o600);
            let message = private_key(&file).unwrap_err().to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
            assert!(message.starts_with(file.to_str().unwrap()), "{message}");
        }
        let file = case.file(KEY_LIKE, 0o600);
        let message = certificates(&file).unwrap_err().to_string();
        assert!(message.contains("does not hold certificates"), "{message}");
    }

    #[test]
    fn missing_and_oversized_files_are_refused_by_path() {
        let case = case();
        let missing = case.dir.path().join("none.pem");
        let message = certificates(&missing).unwrap_err().to_string();
        assert!(message.contains("none.pem"), "{message}");
        let large = case.file(&"x".repeat(MAX_FILE_BYTES as usize + 1), 0o600);
        assert!(matches!(certificates(&large), Err(PemError::TooLarge { .. })));
    }
}
