//! The keys of the log and of a witness, as files that only their owner can read.
//!
//! A file holds the 32 bytes of an Ed25519 secret (RFC 8032 §5.1.5). Whoever has the bus's can sign
//! another history, so it belongs into every backup of the journal and nowhere else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::note::{KeyKind, NoteError, SEED_BYTES, Signer};

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}; a signing key must be readable by its owner", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a key.
    #[error("{}: is not a signing key of {SEED_BYTES} bytes; restore it from its backup", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error("{0}: mode {mode:03o} lets others than the owner at the signing key; run `chmod 600 {0}`", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key lies where one is to be made.
    #[error("{}: is there already; a key that is replaced is lost", .path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// No random number could be had.
    #[error("no random key could be made")]
    Random,
    /// The name of the key, or the library.
    #[error("the signing key {name}: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        why: NoteError,
    },
}

/// The key of a file under a name, which is made if the file is missing.
///
/// # Errors
/// [`KeyError`].
pub fn open_or_make(path: &Path, name: &str, kind: KeyKind) -> Result<Signer, KeyError> {
    let key = match open(path, name, kind) {
        Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path, name, kind)
        }
        opened => opened,
    }?;
    // A key that is there may be one whose maker died before this.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    Ok(key)
}

/// Makes a key and its file, which must not be there. It has its name only when it is whole and on
/// the disk.
///
/// # Errors
/// [`KeyError`].
pub fn make(path: &Path, name: &str, kind: KeyKind) -> Result<Signer, KeyError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    SystemRandom::new().fill(&mut *seed).map_err(|_| KeyError::Random)?;
    let signer = signer(name, kind, &seed)?;
    if path.symlink_metadata().is_ok() {
        return Err(KeyError::Taken { path: path.to_owned() });
    }
    write(path, &*seed).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    Ok(signer)
}

/// The key of a file, under a name.
///
/// # Errors
/// [`KeyError`].
pub fn open(path: &Path, name: &str, kind: KeyKind) -> Result<Signer, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(SEED_BYTES + 1));
    file.take(SEED_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let seed: &[u8; SEED_BYTES] =
        bytes.as_slice().try_into().map_err(|_| KeyError::Form { path: path.to_owned() })?;
    signer(name, kind, seed)
}

fn signer(name: &str, kind: KeyKind, seed: &[u8; SEED_BYTES]) -> Result<Signer, KeyError> {
    let signer = Signer::new(name, kind, seed);
    signer.map_err(|why| KeyError::Name { name: name.to_owned(), why })
}

/// Writes a key beside its place, and puts it there when it is on the disk.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // What is left of an earlier attempt keeps its mode, so it goes first.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let options = || OpenOptions::new().write(true).create_new(true).mode(0o600).to_owned();
    let mut file = options().open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        let open = || open_or_make(&path, "bus.example", KeyKind::Log);
        let first = open().unwrap().verifier().clone();
        assert_eq!(open().unwrap().verifier(), &first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let again = make(&path, "bus.example", KeyKind::Log);
        assert!(matches!(again, Err(KeyError::Taken { .. })));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let told = open().unwrap_err().to_string();
        assert!(told.contains("mode 640") && told.contains("chmod 600"), "{told}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; 33]).unwrap();
        assert!(matches!(open(), Err(KeyError::Form { .. })));
        let named = open_or_make(&dir.path().join("other"), "a b", KeyKind::Log);
        assert!(matches!(named, Err(KeyError::Name { .. })));
        assert!(!dir.path().join("other").exists());
    }
}
