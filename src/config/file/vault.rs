//! The keys of `[vault]`.

use std::path::Path;

use super::super::error::{ConfigError, Key};
use super::super::raw::RawVault;
use super::Reader;
use crate::vault::VaultPlace;
use crate::vault::master::MasterSource;

/// What stands before the name of a credential.
const CREDENTIAL: &str = "credential:";
/// The longest name of a credential.
const MAX_NAME_CHARS: usize = 255;

impl Reader<'_> {
    pub(super) fn vault(&self, raw: RawVault, data_dir: &Path) -> Result<VaultPlace, ConfigError> {
        let RawVault { dir, master_key, previous_master_key } = raw;
        let dir = dir.map(|dir| self.path("vault.dir", Some(dir), "dir = \"../data/vault\""));
        let master = master_key.map(|text| {
            self.master("vault.master_key", text, "master_key = \"/etc/kopir/vault-master.key\"")
        });
        let master = master.transpose()?;
        let master =
            master.unwrap_or_else(|| MasterSource::File(data_dir.join("vault-master.key")));
        let (key, example) =
            ("vault.previous_master_key", "previous_master_key = \"vault-master-2026.key\"");
        let previous = match previous_master_key {
            None => None,
            Some(text) => {
                let previous = self.master(key, text.clone(), example)?;
                if previous == master {
                    let wanted = "another key than the one that replaces it";
                    return Err(self.value(key, &text, wanted, example));
                }
                Some(previous)
            }
        };
        Ok(VaultPlace {
            dir: dir.transpose()?.unwrap_or_else(|| data_dir.join("vault")),
            master,
            previous,
            credentials: None,
        })
    }

    /// A master key is a file, or a credential of systemd.
    fn master(
        &self,
        key: Key,
        text: String,
        example: &'static str,
    ) -> Result<MasterSource, ConfigError> {
        let Some(name) = text.strip_prefix(CREDENTIAL) else {
            return self.path(key, Some(text.into()), example).map(MasterSource::File);
        };
        let fits = (1..=MAX_NAME_CHARS).contains(&name.len())
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !fits {
            let wanted = "a credential, whose name has letters, digits, `.`, `_` and `-`";
            let example = "master_key = \"credential:kopir-vault\"";
            return Err(self.value(key, &text, wanted, example));
        }
        Ok(MasterSource::Credential(name.to_owned()))
    }
}
