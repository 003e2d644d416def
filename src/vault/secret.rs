//! A secret that is kept outside the program: in a file that its owner alone may read, or in a
//! credential that systemd hands to the service.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KEY_BYTES, VaultError};

/// The longest secret; the longest PIN of the usual tokens has 255.
const MAX_BYTES: usize = 256;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFile {
    /// A file that its owner alone may read.
    Path(PathBuf),
    /// A credential of systemd, by its name.
    Credential(String),
}

/// Which secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The master key.
    MasterKey,
    /// The PIN of a token.
    Pin,
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MasterKey => write!(f, "the master key of the vault, {KEY_BYTES} bytes"),
            Self::Pin => f.write_str("the PIN of the PKCS#11 token, one line"),
        }
    }
}

impl SecretFile {
    /// The file. Credentials lie in the directory that systemd tells the process.
    pub(super) fn path(
        &self,
        credentials: Option<&Path>,
        what: Secret,
    ) -> Result<PathBuf, VaultError> {
        match (self, credentials) {
            (Self::Path(path), _) => Ok(path.clone()),
            (Self::Credential(name), Some(dir)) => Ok(dir.join(name)),
            (Self::Credential(name), None) => {
                Err(VaultError::NoCredentials { name: name.clone(), what })
            }
        }
    }

    /// Its bytes, and where they are from; none where the file is not there.
    pub(super) fn read(
        &self,
        credentials: Option<&Path>,
        what: Secret,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let path = self.path(credentials, what)?;
        let unreadable = |source| VaultError::SecretUnreadable { path: path.clone(), what, source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // systemd guards its credentials by access lists, which show as bits of the group.
        if matches!(self, Self::Path(_)) {
            // Asked of the open file, so the answer is about the bytes read.
            let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(VaultError::SecretExposed { path, what, mode });
            }
        }
        // With room for one byte too many, and never moved, so that no copy is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Some(bytes))
    }
}
