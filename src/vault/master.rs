//! The master key, which wraps the keys of the cases.
//!
//! It is a file of 32 random bytes that its owner alone may read, a credential that systemd hands to
//! the service, or such bytes encrypted by a key that never leaves its PKCS#11 token. The bus makes
//! it at the first start, and never for a vault that has keys already. It is known by an id, so that
//! a vault may hold keys wrapped by two of them while one replaces the other.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::secret::{Secret, SecretFile};
use super::token::TokenKey;
use super::{KEY_BYTES, VaultError};
use crate::domain::confidential::NONCE_BYTES;

/// Bytes of a key as it is kept: ciphertext and tag.
pub(super) const WRAPPED_BYTES: usize = KEY_BYTES + 16;

/// Where a master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterSource {
    /// It is kept as it is.
    Plain(SecretFile),
    /// It is kept encrypted by a key that never leaves its token.
    Token(Box<TokenKey>),
}

/// What tells master keys apart. It says nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterId(pub [u8; 8]);

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A master key.
pub struct MasterKey {
    id: MasterId,
    key: LessSafeKey,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// A key under a master key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapped {
    pub(super) by: MasterId,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) bytes: [u8; WRAPPED_BYTES],
}

/// The master keys of a vault: the one that wraps, and the one that it replaces.
#[derive(Debug)]
pub struct Masters {
    /// It wraps what is new.
    pub current: MasterKey,
    /// It opens what is not rewrapped yet.
    pub previous: Option<MasterKey>,
}

impl MasterSource {
    /// Reads the key; none where its file is not there.
    ///
    /// # Errors
    /// [`VaultError::SecretUnreadable`], [`VaultError::SecretExposed`], [`VaultError::MasterForm`],
    /// [`VaultError::NoCredentials`], [`VaultError::Token`].
    pub fn read(&self, credentials: Option<&Path>) -> Result<Option<MasterKey>, VaultError> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Token(key) => {
                let bytes = key.decrypt(credentials)?;
                return bytes.map(|bytes| MasterKey::of(&bytes)).transpose();
            }
        };
        let Some(bytes) = file.read(credentials, Secret::MasterKey)? else { return Ok(None) };
        match <&[u8; KEY_BYTES]>::try_from(&bytes[..]) {
            Ok(bytes) => MasterKey::of(bytes).map(Some),
            Err(_) => {
                Err(VaultError::MasterForm { path: file.path(credentials, Secret::MasterKey)? })
            }
        }
    }

    /// As [`read`](Self::read), or makes the key of a vault that has none yet. It has its name only
    /// when it is whole and on the disk. A credential is never made, nor is the key of a token.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`VaultError::MasterMissing`] for a credential that is not there.
    pub fn read_or_make(
        &self,
        credentials: Option<&Path>,
        vault: &Path,
    ) -> Result<MasterKey, VaultError> {
        if let Some(key) = self.read(credentials)? {
            return Ok(key);
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random(&mut bytes[..])?;
        let (path, kept) = match self {
            Self::Plain(SecretFile::Credential(_)) => return Err(self.missing(credentials, vault)),
            Self::Plain(SecretFile::Path(path)) => (path, Zeroizing::new(bytes.to_vec())),
            Self::Token(key) => (&key.file, Zeroizing::new(key.encrypt(credentials, &bytes)?)),
        };
        write(path, &kept).map_err(|source| VaultError::SecretUnreadable {
            path: path.clone(),
            what: Secret::MasterKey,
            source,
        })?;
        MasterKey::of(&bytes)
    }

    /// As [`read`](Self::read), where it must be there.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`VaultError::MasterMissing`].
    pub fn read_existing(
        &self,
        credentials: Option<&Path>,
        vault: &Path,
    ) -> Result<MasterKey, VaultError> {
        self.read(credentials)?.ok_or_else(|| self.missing(credentials, vault))
    }

    fn missing(&self, credentials: Option<&Path>, vault: &Path) -> VaultError {
        let path = match self {
            Self::Plain(file) => file.path(credentials, Secret::MasterKey),
            Self::Token(key) => Ok(key.file.clone()),
        };
        match path {
            Ok(path) => VaultError::MasterMissing { path, vault: vault.to_owned() },
            Err(error) => error,
        }
    }
}

impl MasterKey {
    /// A key from its bytes.
    ///
    /// # Errors
    /// [`VaultError::Random`], if the library refuses a key of this length.
    pub fn of(bytes: &[u8; KEY_BYTES]) -> Result<Self, VaultError> {
        let named =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), b"kopir master key id v1\0");
        let mut id = [0; 8];
        id.copy_from_slice(&named.as_ref()[..8]);
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| VaultError::Random)?;
        Ok(Self { id: MasterId(id), key: LessSafeKey::new(key) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> MasterId {
        self.id
    }

    /// Wraps a key, bound to its place.
    pub(super) fn wrap(&self, key: &[u8; KEY_BYTES], place: &[u8]) -> Result<Wrapped, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        let mut bytes = [0; WRAPPED_BYTES];
        let (text, tail) = bytes.split_at_mut(KEY_BYTES);
        text.copy_from_slice(key);
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), text)
            .map_err(|_| VaultError::Random)?;
        tail.copy_from_slice(tag.as_ref());
        Ok(Wrapped { by: self.id, nonce, bytes })
    }

    /// Unwraps a key of this place; none if anything of it was changed.
    pub(super) fn unwrap(
        &self,
        wrapped: &Wrapped,
        place: &[u8],
    ) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let mut bytes = Zeroizing::new(wrapped.bytes);
        let nonce = Nonce::assume_unique_for_key(wrapped.nonce);
        let text = self.key.open_in_place(nonce, Aad::from(place), &mut bytes[..]).ok()?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(text.get(..KEY_BYTES)?);
        Some(key)
    }
}

impl Masters {
    /// The one of an id.
    pub(super) fn of(&self, id: MasterId) -> Option<&MasterKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }

    /// Their ids.
    pub(super) fn ids(&self) -> Vec<MasterId> {
        std::iter::once(&self.current).chain(&self.previous).map(MasterKey::id).collect()
    }
}

/// Fills bytes with random ones.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), VaultError> {
    SystemRandom::new().fill(bytes).map_err(|_| VaultError::Random)
}

/// Writes a key beside its place, and puts it there when it is on the disk.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    // What is left of an earlier attempt keeps its mode, so it goes first.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    fn source(dir: &tempfile::TempDir) -> (MasterSource, PathBuf) {
        let path = dir.path().join("master.key");
        (MasterSource::Plain(SecretFile::Path(path.clone())), path)
    }

    #[test]
    fn a_master_key_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let (source, path) = source(&dir);
        assert!(source.read(None).unwrap().is_none());
        let missing = source.read_existing(None, Path::new("vault")).unwrap_err();
        assert!(matches!(missing, VaultError::MasterMissing { .. }), "{missing}");
        let made = source.read_or_make(None, Path::new("vault")).unwrap();
        assert_eq!(source.read_or_make(None, Path::new("vault")).unwrap().id(), made.id());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = source.read(None).unwrap_err();
            assert!(matches!(error, VaultError::SecretExposed { .. }), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        for bytes in [&[7; 31][..], &[7; 33]] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
            assert!(matches!(source.read(None), Err(VaultError::MasterForm { .. })));
        }
    }

    #[test]
    fn a_credential_is_read_where_systemd_puts_it_and_never_made() {
        let dir = tempfile::tempdir().unwrap();
        let source = MasterSource::Plain(SecretFile::Credential("vault.key".to_owned()));
        assert!(matches!(source.read(None), Err(VaultError::NoCredentials { .. })));
        let missing = source.read_or_make(Some(dir.path()), Path::new("vault"));
        assert!(matches!(missing, Err(VaultError::MasterMissing { .. })));
        fs::write(dir.path().join("vault.key"), [7; KEY_BYTES]).unwrap();
        fs::set_permissions(dir.path().join("vault.key"), fs::Permissions::from_mode(0o440))
            .unwrap();
        let key = source.read_or_make(Some(dir.path()), Path::new("vault")).unwrap();
        assert_eq!(key.id(), MasterKey::of(&[7; KEY_BYTES]).unwrap().id());
    }

    #[test]
    fn a_wrapped_key_opens_with_its_master_key_in_its_place() {
        let (one, other) = (MasterKey::of(&[1; 32]).unwrap(), MasterKey::of(&[2; 32]).unwrap());
        let wrapped = one.wrap(&[3; KEY_BYTES], b"here").unwrap();
        assert_eq!(one.unwrap(&wrapped, b"here").unwrap()[..], [3; KEY_BYTES]);
        assert!(one.unwrap(&wrapped, b"there").is_none());
        assert!(other.unwrap(&wrapped, b"here").is_none());
        assert_ne!(one.id(), other.id());
        assert_eq!(format!("{one:?}"), format!("MasterKey({})", one.id()));
    }
}
