//! What can be wrong with the vault. Nothing of it names a key or what one seals.

use std::io;
use std::path::PathBuf;

use super::master::MasterId;
use super::secret::Secret;
use super::token::TokenFault;
use crate::domain::confidential::SlotNumber;

/// Why the vault cannot give, keep or destroy a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file cannot be read or written.
    #[error("{}: {source}; the vault must be readable and writable for the bus", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room for another key.
    #[error("{}: there is no room for the keys of further cases; make room on its disk", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A sync failed before. What the disk holds is unknown, and only a new start can tell.
    #[error("{}: a write of the vault has failed; restart the bus after the cause is mended", .path.display())]
    Failed {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the vault open.
    #[error("{}: another process uses this vault; stop it first", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The journal names keys, and there is no vault.
    #[error("{}: is missing, and the journal holds acts of which it has the keys; restore the vault from its backup", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The vault ends before a key that the journal names.
    #[error("{}: ends with key {last}, and the journal names key {named}; restore a backup of the vault that is as new as the journal", .path.display())]
    Behind {
        /// The file.
        path: PathBuf,
        /// The last key that it has.
        last: SlotNumber,
        /// The one that is named.
        named: SlotNumber,
    },
    /// The file is none of a vault.
    #[error("{}: is no vault of Köpir; restore it from its backup", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer release.
    #[error("{}: is of version {found}, which this release does not read; install a newer one", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// A slot whose bytes are not those that were written.
    #[error("{}: key {slot} at byte {offset} is damaged; restore the vault from its backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The slot.
        slot: SlotNumber,
        /// Where it begins.
        offset: u64,
    },
    /// A slot that is not there.
    #[error("the vault has no key {0}; restore a backup of it that is as new as the journal")]
    NoSlot(SlotNumber),
    /// The key is wrapped by another master key.
    #[error("{}: key {slot} is wrapped by master key {wrapped_by}, and the bus was given {}; name that one as vault.master_key, or beside a newer one as vault.previous_master_key", .path.display(), listed(.given))]
    WrongMaster {
        /// The file.
        path: PathBuf,
        /// The slot.
        slot: SlotNumber,
        /// The master key that it needs.
        wrapped_by: MasterId,
        /// Those that there are.
        given: Vec<MasterId>,
    },
    /// The file of a secret cannot be read or made.
    #[error("{}: {source}; it should hold {what}, with mode 600", .path.display())]
    SecretUnreadable {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: Secret,
        /// What the system said.
        source: io::Error,
    },
    /// The master key is not there, and the vault is.
    #[error("{}: is missing, and the vault {} needs it; restore the master key from its backup", .path.display(), .vault.display())]
    MasterMissing {
        /// The file.
        path: PathBuf,
        /// The vault.
        vault: PathBuf,
    },
    /// Others may read a secret.
    #[error("{}: has mode {mode:03o}, so others may know {what}; run: chmod 600 {}", .path.display(), .path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: Secret,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no master key.
    #[error("{}: is no master key of {} bytes; restore it from its backup, or make one for an empty vault with: openssl rand -out {} {}", .path.display(), super::KEY_BYTES, .path.display(), super::KEY_BYTES)]
    MasterForm {
        /// The file.
        path: PathBuf,
    },
    /// A credential is named, and the process was given none.
    #[error(
        "{what}, is to come from the credential {name}, and the process has no credentials; start it with LoadCredential={name}:FILE in its systemd unit, or name a file"
    )]
    NoCredentials {
        /// The credential.
        name: String,
        /// What it holds.
        what: Secret,
    },
    /// The token gives no key.
    #[error("{}: token {token:?}: {fault}", .module.display())]
    Token {
        /// The library of the token.
        module: PathBuf,
        /// The label of the token.
        token: String,
        /// Why.
        fault: TokenFault,
    },
    /// What was sealed is not what the key opens: it was changed, or is another record's.
    #[error("what is sealed under key {0} was changed: it does not open")]
    Unopened(SlotNumber),
    /// No random number could be had.
    #[error("no random number could be had for a key")]
    Random,
}

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The installation: a path, a mode, a key that is not there.
    Operator,
    /// What is stored is not what was written.
    Damage,
    /// The disk or the machine.
    Machine,
}

impl VaultError {
    /// Who can do something about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Locked { .. }
            | Self::Missing { .. }
            | Self::Behind { .. }
            | Self::Foreign { .. }
            | Self::Version { .. }
            | Self::WrongMaster { .. }
            | Self::SecretUnreadable { .. }
            | Self::MasterMissing { .. }
            | Self::SecretExposed { .. }
            | Self::MasterForm { .. }
            | Self::NoCredentials { .. }
            | Self::Token { .. } => Kind::Operator,
            Self::Damaged { .. } | Self::NoSlot(_) | Self::Unopened(_) => Kind::Damage,
            Self::Io { .. } | Self::Full { .. } | Self::Failed { .. } | Self::Random => {
                Kind::Machine
            }
        }
    }
}

fn listed(ids: &[MasterId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(" and ")
}
