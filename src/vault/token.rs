//! A master key under a key of a PKCS#11 token: a hardware module, or software that stands for one.
//!
//! The token has an AES key of 256 bits that it never gives away. The master key is random, and kept
//! in a file encrypted by that key (AES-GCM, PKCS #11 v2.40 mechanisms, 2.12.2): without the token
//! the file opens nothing, and without the file nor does the token. The token is asked when a bus
//! starts and when keys are rotated, never for an act, so that its pace is not that of the bus.
//!
//! ```text
//! file   "KOPIRTOK" 8 | version 2, little-endian | IV 12 | master key encrypted, tag 48
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::master::random;
use super::secret::{Secret, SecretFile};
use super::{KEY_BYTES, VaultError};

/// What the encrypted master key is bound to.
const PLACE: &[u8] = b"kopir vault master key v1\0";
const MAGIC: &[u8; 8] = b"KOPIRTOK";
/// The version of the file.
const VERSION: u16 = 1;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
// Where each field begins.
const IV: usize = MAGIC.len() + 2;
const TEXT: usize = IV + IV_BYTES;
const FILE_BYTES: usize = TEXT + KEY_BYTES + TAG_BYTES;

/// A key of a token, and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// The library of the token.
    pub module: PathBuf,
    /// The label of the token.
    pub token: String,
    /// Its user's PIN.
    pub pin: SecretFile,
    /// The label of the key.
    pub label: String,
    /// The file of the master key that it encrypts.
    pub file: PathBuf,
}

/// Why a token gives no key. Nothing of it holds a PIN.
#[derive(Debug)]
pub enum TokenFault {
    /// The library cannot be used.
    Library(String),
    /// The library knows no token of that label.
    NoToken,
    /// Two tokens or more have that label.
    Tokens(usize),
    /// The PIN is not there.
    NoPin(PathBuf),
    /// The PIN is no line of text.
    PinForm(PathBuf),
    /// The PIN is wrong.
    PinRefused,
    /// The PIN was wrong too often.
    PinLocked,
    /// The token has no such key.
    NoKey(String),
    /// The token has several such keys.
    Keys(String, usize),
    /// What it keeps is not what it encrypted, or another key of that name did.
    Unopened(PathBuf),
    /// The file is none of a master key.
    Foreign(PathBuf),
    /// The file was written by a newer release.
    Version(PathBuf, u16),
    /// It refused an operation.
    Refused(String),
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(why) => write!(
                f,
                "the library cannot be used: {why}; name that of the token as vault.pkcs11.module"
            ),
            Self::NoToken => f.write_str(
                "is not there; connect it, or name another as vault.pkcs11.token (pkcs11-tool \
                 --list-slots shows them)",
            ),
            Self::Tokens(count) => write!(
                f,
                "{count} tokens have this label, and it must be one; give them labels of their own"
            ),
            Self::NoPin(path) => write!(
                f,
                "{}: is missing; it should hold the PIN of the token, with mode 600",
                path.display()
            ),
            Self::PinForm(path) => {
                write!(f, "{}: is no PIN, one line of at most 255 characters", path.display())
            }
            Self::PinRefused => f.write_str(
                "refuses the PIN; mend vault.pkcs11.pin before the next start, since tokens lock \
                 themselves after a few wrong ones",
            ),
            Self::PinLocked => f.write_str("is locked after wrong PINs; its officer can unlock it"),
            Self::NoKey(label) => write!(
                f,
                "has no AES key {label:?} that encrypts and decrypts; make one for an empty vault \
                 with: pkcs11-tool --login --keygen --key-type AES:32 --label {label}"
            ),
            Self::Keys(label, count) => write!(
                f,
                "has {count} AES keys {label:?}, and it must be one; give them labels of their own"
            ),
            Self::Unopened(path) => write!(
                f,
                "{}: does not open with this key; restore the file from the vault's backup, or the \
                 key on the token",
                path.display()
            ),
            Self::Foreign(path) => write!(
                f,
                "{}: is no master key of a token; restore it from the vault's backup",
                path.display()
            ),
            Self::Version(path, found) => write!(
                f,
                "{}: is of version {found}, which this release does not read; install a newer one",
                path.display()
            ),
            Self::Refused(why) => write!(
                f,
                "refused an operation: {why}; it must support CKM_AES_GCM with an IV that is given"
            ),
        }
    }
}

impl TokenKey {
    /// The master key of the file; none where the file is not there.
    pub(super) fn decrypt(
        &self,
        credentials: Option<&Path>,
    ) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, VaultError> {
        let Some(mut bytes) = self.read_file()? else { return Ok(None) };
        let (_, kept) = bytes.split_at_mut(IV);
        let (iv, text) = kept.split_at_mut(IV_BYTES);
        let plain = self.ask(credentials, |session, key| {
            let parameters = GcmParams::new(iv, PLACE, (8 * TAG_BYTES as u64).into())?;
            session.decrypt(&Mechanism::AesGcm(parameters), key, text).map(Zeroizing::new)
        });
        let plain = match plain {
            Err(Asked::Refused(why)) if is_wrong_tag(&why) => {
                return Err(self.fault(TokenFault::Unopened(self.file.clone())));
            }
            plain => plain.map_err(|why| self.refused(why))?,
        };
        match <&[u8; KEY_BYTES]>::try_from(&plain[..]) {
            Ok(key) => Ok(Some(Zeroizing::new(*key))),
            Err(_) => Err(self.fault(TokenFault::Unopened(self.file.clone()))),
        }
    }

    /// The bytes of the file of a master key.
    pub(super) fn encrypt(
        &self,
        credentials: Option<&Path>,
        master: &[u8; KEY_BYTES],
    ) -> Result<Vec<u8>, VaultError> {
        let mut iv = [0; IV_BYTES];
        random(&mut iv)?;
        let text = self.ask(credentials, |session, key| {
            let parameters = GcmParams::new(&mut iv, PLACE, (8 * TAG_BYTES as u64).into())?;
            session.encrypt(&Mechanism::AesGcm(parameters), key, master)
        });
        let text = text.map_err(|why| self.refused(why))?;
        Ok([&MAGIC[..], &VERSION.to_le_bytes(), &iv, &text].concat())
    }

    fn read_file(&self) -> Result<Option<[u8; FILE_BYTES]>, VaultError> {
        let unreadable = |source| {
            let (path, what) = (self.file.clone(), Secret::MasterKey);
            VaultError::SecretUnreadable { path, what, source }
        };
        let mut bytes = Vec::with_capacity(FILE_BYTES + 1);
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let foreign = || self.fault(TokenFault::Foreign(self.file.clone()));
        let version = bytes.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk::<2>());
        match version.map(|version| u16::from_le_bytes(*version)) {
            None => Err(foreign()),
            Some(VERSION) => bytes.try_into().map(Some).map_err(|_| foreign()),
            Some(found) => Err(self.fault(TokenFault::Version(self.file.clone(), found))),
        }
    }

    /// Has the token do something with its key. Its library is let go afterwards.
    fn ask<T>(
        &self,
        credentials: Option<&Path>,
        what: impl FnOnce(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, Asked> {
        let pin = self.pin(credentials).map_err(Asked::Vault)?;
        let library = Pkcs11::new(&self.module).map_err(Asked::Library)?;
        library
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(Asked::Library)?;
        let done = self.within(&library, &pin, what);
        // The process goes on without the library whatever it says.
        drop(library.finalize());
        done
    }

    fn within<T>(
        &self,
        library: &Pkcs11,
        pin: &AuthPin,
        what: impl FnOnce(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, Asked> {
        let mut slots = Vec::new();
        for slot in library.get_slots_with_initialized_token()? {
            if library.get_token_info(slot)?.label() == self.token {
                slots.push(slot);
            }
        }
        let slot = match slots[..] {
            [slot] => slot,
            [] => return Err(Asked::Fault(TokenFault::NoToken)),
            _ => return Err(Asked::Fault(TokenFault::Tokens(slots.len()))),
        };
        let session = library.open_ro_session(slot)?;
        session.login(UserType::User, Some(pin)).map_err(why_no_login)?;
        let keys = session.find_objects(&[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.label.as_bytes().to_vec()),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ])?;
        match keys[..] {
            [key] => Ok(what(&session, key)?),
            [] => Err(Asked::Fault(TokenFault::NoKey(self.label.clone()))),
            _ => Err(Asked::Fault(TokenFault::Keys(self.label.clone(), keys.len()))),
        }
    }

    fn pin(&self, credentials: Option<&Path>) -> Result<AuthPin, VaultError> {
        let path = self.pin.path(credentials, Secret::Pin)?;
        let bytes = self.pin.read(credentials, Secret::Pin)?;
        let bytes = bytes.ok_or_else(|| self.fault(TokenFault::NoPin(path.clone())))?;
        let pin = std::str::from_utf8(&bytes).map(|text| text.trim_end_matches(['\r', '\n']));
        match pin {
            Ok(pin) if (1..=255).contains(&pin.len()) && !pin.contains(['\n', '\0']) => {
                Ok(AuthPin::from(pin))
            }
            Ok(_) | Err(_) => Err(self.fault(TokenFault::PinForm(path))),
        }
    }

    fn refused(&self, why: Asked) -> VaultError {
        match why {
            Asked::Vault(error) => error,
            Asked::Fault(fault) => self.fault(fault),
            Asked::Library(why) => self.fault(TokenFault::Library(why.to_string())),
            Asked::Refused(why) => self.fault(TokenFault::Refused(why.to_string())),
        }
    }

    fn fault(&self, fault: TokenFault) -> VaultError {
        VaultError::Token { module: self.module.clone(), token: self.token.clone(), fault }
    }
}

/// Tokens tell a wrong tag by one of these. The general ones say so only of decrypting: from any
/// other call they tell of a token that is out of order.
fn is_wrong_tag(why: &Error) -> bool {
    matches!(
        why,
        Error::Pkcs11(RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange, _)
            | Error::Pkcs11(RvError::GeneralError | RvError::FunctionFailed, Function::Decrypt)
    )
}

fn why_no_login(why: Error) -> Asked {
    let wrong = [RvError::PinIncorrect, RvError::PinInvalid, RvError::PinLenRange];
    if let Error::Pkcs11(told, _) = &why {
        if wrong.contains(told) {
            return Asked::Fault(TokenFault::PinRefused);
        }
        if *told == RvError::PinLocked {
            return Asked::Fault(TokenFault::PinLocked);
        }
    }
    Asked::Refused(why)
}

/// Why nothing came of asking a token.
enum Asked {
    /// Before it was asked.
    Vault(VaultError),
    /// The library.
    Library(Error),
    /// What it has is not what is needed.
    Fault(TokenFault),
    /// It refused.
    Refused(Error),
}

impl From<Error> for Asked {
    fn from(why: Error) -> Self {
        Self::Refused(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_general_fault_is_a_wrong_tag_only_of_decrypting() {
        let told = |what, by| is_wrong_tag(&Error::Pkcs11(what, by));
        assert!(told(RvError::EncryptedDataInvalid, Function::Decrypt));
        for general in [RvError::GeneralError, RvError::FunctionFailed] {
            assert!(told(general, Function::Decrypt));
            assert!(!told(general, Function::OpenSession));
            assert!(!told(general, Function::FindObjects));
        }
    }

    fn key(dir: &tempfile::TempDir) -> TokenKey {
        TokenKey {
            module: "/none.so".into(),
            token: "sample".to_owned(),
            pin: SecretFile::Path(dir.path().join("pin")),
            label: "kopir".to_owned(),
            file: dir.path().join("master-kopir.token"),
        }
    }

    /// What is wrong with the files is told without the token, which counts wrong PINs.
    #[test]
    fn what_is_no_file_of_a_token_or_no_pin_is_named_before_the_token_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let key = key(&dir);
        assert!(key.decrypt(None).unwrap().is_none());
        let told = || key.decrypt(None).unwrap_err().to_string();
        let whole = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; FILE_BYTES - IV]].concat();
        let newer = [&MAGIC[..], &9_u16.to_le_bytes(), &[0; FILE_BYTES - IV]].concat();
        for (bytes, words) in [
            (&whole[..FILE_BYTES - 1], "is no master key of a token"),
            (&[&whole[..], &[0]].concat(), "is no master key of a token"),
            (&[7; FILE_BYTES], "is no master key of a token"),
            (&newer, "is of version 9"),
            (&whole, "pin: is missing; it should hold the PIN"),
        ] {
            std::fs::write(&key.file, bytes).unwrap();
            assert!(told().contains(words), "{}", told());
        }
        let pin = dir.path().join("pin");
        let mode = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&pin, mode).unwrap();
        };
        std::fs::write(&pin, "1234\n").unwrap();
        mode(0o640);
        assert!(told().contains("may know the PIN of the PKCS#11 token"), "{}", told());
        mode(0o600);
        assert!(told().contains("/none.so: token \"sample\": the library cannot"), "{}", told());
        for text in ["", "\n", "12\n34\n", &"1".repeat(256), "\u{0}1"] {
            std::fs::write(&pin, text).unwrap();
            assert!(told().contains("is no PIN, one line"), "{}", told());
            assert!(text.trim().is_empty() || !told().contains(text.trim()), "{}", told());
        }
    }
}
