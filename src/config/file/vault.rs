//! The keys of `[vault]`.

use std::path::{Path, PathBuf};

use super::super::error::{ConfigError, Key};
use super::super::raw::{RawPkcs11, RawVault};
use super::Reader;
use crate::vault::VaultPlace;
use crate::vault::master::MasterSource;
use crate::vault::secret::SecretFile;
use crate::vault::token::TokenKey;

/// What stands before the name of a credential.
const CREDENTIAL: &str = "credential:";
/// What stands before the label of a token's key.
const PKCS11: &str = "pkcs11:";
/// The longest name of a credential.
const MAX_NAME_CHARS: usize = 255;
/// The longest label of a token (PKCS #11 v2.40, 3.2), and of a key here.
const MAX_LABEL_BYTES: usize = 32;

/// The token of the configuration.
struct Token {
    module: PathBuf,
    label: String,
    pin: SecretFile,
}

impl Reader<'_> {
    pub(super) fn vault(&self, raw: RawVault, data_dir: &Path) -> Result<VaultPlace, ConfigError> {
        let RawVault { dir, master_key, previous_master_key, pkcs11 } = raw;
        let dir = dir.map(|dir| self.path("vault.dir", Some(dir), "dir = \"../data/vault\""));
        let dir = dir.transpose()?.unwrap_or_else(|| data_dir.join("vault"));
        let token = pkcs11.map(|raw| self.token(raw)).transpose()?;
        let master = |key, text, example| self.master(key, text, example, &dir, token.as_ref());
        let (key, example) = ("vault.master_key", "master_key = \"/etc/kopir/vault-master.key\"");
        let current = master_key.map(|text| master(key, text, example)).transpose()?;
        let current = current.unwrap_or_else(|| {
            MasterSource::Plain(SecretFile::Path(data_dir.join("vault-master.key")))
        });
        let (key, example) =
            ("vault.previous_master_key", "previous_master_key = \"vault-master-2026.key\"");
        let previous = match previous_master_key {
            None => None,
            Some(text) => {
                let previous = master(key, text.clone(), example)?;
                if previous == current {
                    let wanted = "another key than the one that replaces it";
                    return Err(self.value(key, &text, wanted, example));
                }
                Some(previous)
            }
        };
        Ok(VaultPlace { dir, master: current, previous, credentials: None })
    }

    /// A master key is a file, a credential of systemd, or the key of a token.
    fn master(
        &self,
        key: Key,
        text: String,
        example: &'static str,
        dir: &Path,
        token: Option<&Token>,
    ) -> Result<MasterSource, ConfigError> {
        let Some(label) = text.strip_prefix(PKCS11) else {
            return self.secret(key, text, example).map(MasterSource::Plain);
        };
        if !is_name(label, MAX_LABEL_BYTES) {
            let wanted =
                "the label of a token's key, of at most 32 letters, digits, `.`, `_` and `-`";
            return Err(self.value(key, &text, wanted, "master_key = \"pkcs11:kopir-vault\""));
        }
        let Some(Token { module, label: token, pin }) = token else {
            let example = "[vault.pkcs11] with module, token and pin";
            return Err(self.missing("vault.pkcs11", example));
        };
        Ok(MasterSource::Token(Box::new(TokenKey {
            module: module.clone(),
            token: token.clone(),
            pin: pin.clone(),
            label: label.to_owned(),
            file: dir.join(format!("master-{label}.token")),
        })))
    }

    fn token(&self, raw: RawPkcs11) -> Result<Token, ConfigError> {
        let RawPkcs11 { module, token, pin } = raw;
        let example = "module = \"/usr/lib/softhsm/libsofthsm2.so\"";
        let module = self.path("vault.pkcs11.module", module, example)?;
        let (key, example) = ("vault.pkcs11.token", "token = \"kopir\"");
        let label = token.ok_or_else(|| self.missing(key, example))?;
        if label.trim().is_empty() || label.len() > MAX_LABEL_BYTES {
            return Err(self.value(key, &label, "the label of a token, at most 32 bytes", example));
        }
        let (key, example) = ("vault.pkcs11.pin", "pin = \"/etc/kopir/token.pin\"");
        let pin = self.secret(key, pin.ok_or_else(|| self.missing(key, example))?, example)?;
        Ok(Token { module, label, pin })
    }

    /// A secret is a file, or a credential of systemd.
    fn secret(
        &self,
        key: Key,
        text: String,
        example: &'static str,
    ) -> Result<SecretFile, ConfigError> {
        let Some(name) = text.strip_prefix(CREDENTIAL) else {
            return self.path(key, Some(text.into()), example).map(SecretFile::Path);
        };
        if !is_name(name, MAX_NAME_CHARS) {
            let wanted = "a credential, whose name has letters, digits, `.`, `_` and `-`";
            let example = "master_key = \"credential:kopir-vault\"";
            return Err(self.value(key, &text, wanted, example));
        }
        Ok(SecretFile::Credential(name.to_owned()))
    }
}

/// Whether a text may name a credential or a key: it becomes part of a path.
fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
