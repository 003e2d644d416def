//! What can be wrong with a configuration. All of it is for the person who wrote the file to mend,
//! and none of it passes by trying again.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{FORMAT_VERSION, MAX_FILE_BYTES};
use crate::domain::ladder::Rung;
use crate::domain::party::PartyId;
use crate::domain::procedure::NoLadder;
use crate::domain::{HopId, ProcedureKey};
use crate::notify::SetupError;
use crate::procedures::FileError;
use crate::procedures::calendar::CalendarFileError;
use crate::trust::pem::{PemError, Wanted};
use crate::trust::registry::RegistryError;
use crate::trust::secret::SecretError;
use crate::trust::signature::authorities::AuthorityError;
use crate::trust::tls::{OutgoingError, TlsError, TlsFiles};

/// A key of the file with its section, such as `limits.max_message_kib`.
pub type Key = &'static str;

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot read the configuration: {why}; check the path and its permissions", file.display())]
    Read {
        /// The configuration.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("{}: a configuration has at most {MAX_FILE_BYTES} bytes; is this the right file?", file.display())]
    TooLarge {
        /// The configuration.
        file: PathBuf,
    },
    /// The file is not TOML.
    #[error("{}:{line}: this is not TOML: {why}; deploy/kopir.toml shows the form", file.display())]
    NotToml {
        /// The configuration.
        file: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What the parser found.
        why: String,
    },
    /// A key is unknown, or its value is of another type.
    #[error("{}:{line}: key {key}: {why}; deploy/kopir.toml explains every key", file.display())]
    Shape {
        /// The configuration.
        file: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// The key with its section, as it is written there.
        key: String,
        /// What the parser found.
        why: String,
    },
    /// The file is of no or another version.
    #[error("{}: key version: {}; this program reads version {FORMAT_VERSION}, begin the file with `version = {FORMAT_VERSION}`", file.display(), found_version(*found))]
    Version {
        /// The configuration.
        file: PathBuf,
        /// The version it has, if any.
        found: Option<i64>,
    },
    /// A key that has no default is not there.
    #[error("{}: key {key}: is missing; write for example `{example}`", file.display())]
    Missing {
        /// The configuration.
        file: PathBuf,
        /// The key.
        key: Key,
        /// A line that would be right.
        example: &'static str,
    },
    /// A number is outside the range of its key.
    #[error("{}: key {key}: {found} is out of range; write a number from {min} to {max}", file.display())]
    Range {
        /// The configuration.
        file: PathBuf,
        /// The key, whose name ends with the unit.
        key: Key,
        /// The number.
        found: i64,
        /// The least that is allowed.
        min: u32,
        /// The most that is allowed.
        max: u32,
    },
    /// A text is not what its key asks for.
    #[error("{}: key {key}: {found:?} is not {wanted}; write for example `{example}`", file.display())]
    Value {
        /// The configuration.
        file: PathBuf,
        /// The key.
        key: Key,
        /// The text, cut to 100 characters.
        found: String,
        /// What the key asks for.
        wanted: &'static str,
        /// A line that would be right.
        example: &'static str,
    },
    /// Two numbers are each possible and not together.
    #[error("{}: key {key}: {found} is too small, {because}; write at least {least}", file.display())]
    TooSmall {
        /// The configuration.
        file: PathBuf,
        /// The key that is too small.
        key: Key,
        /// Its number.
        found: u64,
        /// Which other key asks for more, and why.
        because: &'static str,
        /// The least that is possible with the other keys.
        least: u64,
    },
    /// The data directory is something else.
    #[error("{}: key data_dir: {} is not a directory; name one in which the bus may keep its files", file.display(), path.display())]
    DataDir {
        /// The configuration.
        file: PathBuf,
        /// What is in its place.
        path: PathBuf,
    },
    /// The party registry is refused.
    #[error("{}: key registry_file: {why}", file.display())]
    Registry {
        /// The configuration.
        file: PathBuf,
        /// Where, what and the remedy.
        why: Box<RegistryError>,
    },
    /// Rungs are chosen for a hop of which nothing is said.
    #[error("{}: key ladder.hops: {hop} {}; name a hop with a term that a party can miss, as \
             `kopir procedure show` lists them, or leave the line out", file.display(), no_ladder(*why))]
    Ladder {
        /// The configuration.
        file: PathBuf,
        /// The hop.
        hop: HopId,
        /// Why it has no ladder; none where no procedure has the hop.
        why: Option<NoLadder>,
    },
    /// A contact is to be told of a rung that is said of no hop.
    #[error("{}: contact of {party}, key rungs: {rung} is said of no hop; put it into ladder.rungs \
             of {}, or take it out here", registry.display(), file.display())]
    Rung {
        /// The configuration.
        file: PathBuf,
        /// The registry, which has the contact.
        registry: PathBuf,
        /// Whose contact it is.
        party: PartyId,
        /// The rung.
        rung: Rung,
    },
    /// A day of publication that cannot be.
    #[error("{}: key procedures.publication_dates: {why}", file.display())]
    Publication {
        /// The configuration.
        file: PathBuf,
        /// What and the remedy.
        why: PublicationFault,
    },
    /// A certificate or a key is refused.
    #[error("{}: key {key}: {why}", file.display())]
    Tls {
        /// The configuration.
        file: PathBuf,
        /// The key that names the file.
        key: Key,
        /// Where, what and the remedy.
        why: Box<TlsError>,
    },
    /// The notifications cannot be sent as they are configured.
    #[error("{}: key {key}: {why}", file.display())]
    Notify {
        /// The configuration.
        file: PathBuf,
        /// The key.
        key: Key,
        /// What is wrong and what would be right.
        why: NotifyFault,
    },
    /// The certificates of an authority whose responder is configured cannot be read.
    #[error("{}: key ocsp.responders: {why}", file.display())]
    Ocsp {
        /// The configuration.
        file: PathBuf,
        /// What is wrong and what would be right.
        why: Box<OcspFault>,
    },
    /// What is needed to judge signatures is missing or wrong.
    #[error("{}: key {key}: {why}", file.display())]
    Signatures {
        /// The configuration.
        file: PathBuf,
        /// The key.
        key: Key,
        /// What is wrong and what would be right.
        why: SignaturesFault,
    },
    /// A procedure inside this build is wrong.
    #[error("this build of kopir is faulty: {0}; install another")]
    Procedures(Box<FileError>),
    /// The calendar inside this build is wrong.
    #[error("this build of kopir is faulty: the calendar, {0}; install another")]
    Calendar(Box<CalendarFileError>),
}

fn no_ladder(why: Option<NoLadder>) -> String {
    why.map_or_else(|| "is no hop of a procedure".to_owned(), |why| why.to_string())
}

fn found_version(found: Option<i64>) -> String {
    found.map_or_else(|| "is missing".to_owned(), |found| format!("{found} is another version"))
}

/// The key of the configuration that names the file which TLS refuses.
pub(super) fn tls_key(why: &TlsError, files: &TlsFiles) -> Key {
    // By what was to be read before which file it was: two keys may name one file by mistake.
    let certificate: &Path = match why {
        TlsError::Pem(
            PemError::Read { file, wanted, .. }
            | PemError::TooLarge { file, wanted }
            | PemError::Empty { file, wanted }
            | PemError::NotPem { file, wanted }
            | PemError::Absent { file, wanted },
        ) => match wanted {
            Wanted::Certificates => file,
            Wanted::PrivateKey => return "tls.key_file",
        },
        TlsError::Certificate { file, .. } => file,
        TlsError::Pem(PemError::Encrypted { .. } | PemError::Exposed { .. })
        | TlsError::Key { .. }
        | TlsError::KeyMismatch { .. } => return "tls.key_file",
        TlsError::Crl(_) => return "tls.crl_files",
        TlsError::Setup { .. } => return "tls",
    };
    if certificate == files.certificate { "tls.certificate_file" } else { "tls.ca_file" }
}

/// What is wrong with the authority of a responder.
#[derive(Debug, thiserror::Error)]
pub enum OcspFault {
    /// The file.
    #[error(transparent)]
    Pem(PemError),
    /// A certificate in it.
    #[error("{}: holds no sound X.509 certificate; put that of the authority there", .0.display())]
    Certificate(PathBuf),
}

/// What is wrong with a day of publication.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicationFault {
    /// No such procedure and edition.
    #[error("{0} is no procedure of this bus; `kopir procedure list` shows them")]
    Unknown(ProcedureKey),
    /// An edition that would apply before the one it replaces.
    #[error("{later} cannot be published on or before the day of {earlier}; correct the dates")]
    Order {
        /// The later edition.
        later: ProcedureKey,
        /// The one before.
        earlier: ProcedureKey,
    },
}

/// What is wrong with what the judging of signatures needs.
#[derive(Debug, thiserror::Error)]
pub enum SignaturesFault {
    /// The authorities, or their revocation lists, cannot be had.
    #[error(transparent)]
    Authorities(Box<AuthorityError>),
    /// The authorities of the verifier cannot be had.
    #[error(transparent)]
    Outgoing(Box<OutgoingError>),
}

/// What is wrong with the notifications.
#[derive(Debug, thiserror::Error)]
pub enum NotifyFault {
    /// The registry lists addresses, and there is no mail server.
    #[error(
        "is missing, and the registry has addresses of e-mail for {0}; add the section with host \
         and from, or take the addresses out"
    )]
    NoMailServer(PartyId),
    /// The servers' authorities cannot be had.
    #[error(transparent)]
    Authorities(Box<OutgoingError>),
    /// The password cannot be had.
    #[error(transparent)]
    Secret(Box<SecretError>),
    /// The library refuses what it is given.
    #[error(transparent)]
    Setup(SetupError),
}
