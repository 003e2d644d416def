//! The configuration of a bus: one TOML file, read whole and checked before anything starts.
//!
//! Whoever edits the file at night has its error message and nothing else. So each key carries its
//! unit in its name, an unknown key is a mistake and not a comment, and every refusal names the
//! file, the key, what is wrong with it and what would be right. `deploy/kopir.toml` is the sample
//! that explains the keys; a test keeps it equal to what is read here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tracing_subscriber::filter::Targets;

use crate::domain::calendar::Calendar;
use crate::domain::contact::Contacts;
use crate::domain::ladder::{Ladder, Rung, Rungs};
use crate::domain::party::Parties;
use crate::domain::retention::Retention;
use crate::domain::term::{CalendarDays, Counting};
use crate::domain::{ProcedureKey, Procedures, WhenUnset};
use crate::engine::EngineOptions;
use crate::engine::clock::ClockOptions;
use crate::engine::keeper::KeeperOptions;
use crate::journal::FileOptions;
use crate::procedures;
use crate::trust::live::{Loader, Trust, TrustFiles, TrustRules};
use crate::trust::registry::{self, RegistryHashes};
use crate::trust::signature::desk::DeskParts;
use crate::trust::signature::timestamp::Service;
use crate::vault::VaultPlace;

pub use self::error::{
    ConfigError, Key, NotifyFault, OcspFault, PublicationFault, SignaturesFault,
};
pub use self::evidence::{Evidence, TimestampOptions};
pub use self::notify::{Notifications, Notify, Smtp};
pub use self::ocsp::{Asking, Ocsp};
pub use self::signatures::{NcaNodeOptions, Signatures};

mod error;
mod evidence;
mod file;
mod ladder;
mod notify;
mod ocsp;
mod raw;
mod retention;
mod signatures;

/// The largest configuration file, in bytes; the sample takes a tenth.
pub const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The `version` of the file that this program reads.
pub const FORMAT_VERSION: i64 = 1;

/// A checked configuration. Paths are absolute or relative to the working directory, no longer to
/// the file they were read from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from, for messages.
    pub file: PathBuf,
    /// Where the bus listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory that holds what the bus stores.
    pub data_dir: PathBuf,
    /// The keys of the cases, and what opens them.
    pub vault: VaultPlace,
    /// The party registry.
    pub registry_file: PathBuf,
    /// The bus's certificate, its key and the authority of the parties, and what is asked of
    /// theirs.
    pub tls: TrustConfig,
    /// Bounds of the writer.
    pub engine: EngineOptions,
    /// How the journal's files are kept.
    pub journal: FileOptions,
    /// How the machine's clock is taken.
    pub clock: ClockOptions,
    /// When the bus counts as healthy, and the watermarks of disk and memory.
    pub keeper: KeeperOptions,
    /// Memory the index may use as its cache, in bytes.
    pub index_cache_bytes: u64,
    /// What one party may ask of the bus, and all of them together.
    pub limits: Limits,
    /// Bounds of the HTTP/2 connections below the calls.
    pub http2: Http2Limits,
    /// How deliveries are brought to the endpoints of the parties.
    pub push: Push,
    /// How long a consent stays valid; none where the law's silence is kept (002-EN A1 ¶¶14-20).
    pub consent_validity: Option<CalendarDays>,
    /// Readings of the law that are configuration.
    pub readings: Readings,
    /// How quotas are kept.
    pub quota: Quotas,
    /// Of what a running term is spoken, and when; what the registry adds to it comes with
    /// [`Config::open_inputs`].
    pub ladder: Ladder,
    /// How parties are told outside their inboxes.
    pub notify: Notify,
    /// Whether responders are asked about certificates (OCSP).
    pub ocsp: Ocsp,
    /// What is signed of the journal.
    pub evidence: Evidence,
    /// How signatures on documents are judged.
    pub signatures: Signatures,
    /// For how long closed cases are kept.
    pub retention: Retention,
    /// What the bus tells of itself.
    pub log: Log,
    /// Set only in sandbox mode.
    pub sandbox: Option<Sandbox>,
}

/// Whom the bus believes, by which files, and how they are read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustConfig {
    /// The files.
    pub files: TrustFiles,
    /// What is asked of certificates.
    pub rules: TrustRules,
    /// How often the files, and the registry, are looked at.
    pub reload_interval: Duration,
}

/// Readings of the law that are configuration. Without a key the procedure's own file decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readings {
    /// Whether the day of the event counts where the text says "from the date of".
    pub strict_from: Option<bool>,
    /// Whether a term in calendar days that ends on a day off moves on.
    pub roll_over: Option<bool>,
    /// The days on which editions were first officially published; an edition applies when ten
    /// calendar days have passed after it.
    pub publications: BTreeMap<ProcedureKey, Date>,
}

/// What the ladder of a term is planned by.
#[derive(Debug, Clone)]
pub struct LadderInputs {
    /// Who takes part.
    pub parties: Parties,
    /// The law, with what the configuration says of it.
    pub procedures: Procedures,
    /// The rungs, and the days on which offices are closed.
    pub ladder: Ladder,
}

/// How quotas are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// What a quota means that the authorised body has not set.
    pub when_unset: WhenUnset,
}

/// Bounds of what is asked of the bus. Over each of them the caller is told so, and nothing waits
/// without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message that is read, in bytes.
    pub max_message_bytes: usize,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once of one party; not more than `max_connections`.
    pub max_connections_per_party: usize,
    /// Calls at once of one party, streams among them.
    pub max_concurrent_calls_per_party: usize,
    /// Acts that a party may send in a second.
    pub acts_per_second_per_party: NonZeroU32,
    /// Acts of one bulk stream that may wait for their receipts; never so many that one stream
    /// fills the writer's queue.
    pub bulk_window_acts: usize,
    /// Deliveries that one inbox stream may hold unacknowledged, whatever it asks for.
    pub max_inbox_window_deliveries: usize,
    /// How often a delivery may be handed out without being taken before it is suspected; it is held
    /// if its receiver takes others meanwhile and fails on it once more.
    pub max_delivery_attempts: u32,
    /// How long a stream may be silent while the bus waits for it.
    pub stream_idle: Duration,
    /// The longest a unary call may take; a shorter deadline of the caller stands.
    pub request_timeout: Duration,
    /// The longest a TLS handshake may take.
    pub handshake_timeout: Duration,
}

/// Bounds of one HTTP/2 connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http2Limits {
    /// Streams, that is calls, at once on one connection.
    pub max_concurrent_streams: u32,
    /// Request headers together, in bytes.
    pub max_header_list_bytes: u32,
    /// What a peer may send on one stream before it is read, in bytes.
    pub stream_window_bytes: u32,
    /// What a peer may send on all streams together before it is read, in bytes.
    pub connection_window_bytes: u32,
    /// How often a silent connection is asked whether it still lives.
    pub keepalive_interval: Duration,
    /// How long the answer may take before the connection is closed.
    pub keepalive_timeout: Duration,
    /// Streams that a peer may open and reset before the bus has looked at them; more closes the
    /// connection, since only an attack does so.
    pub max_pending_reset_streams: usize,
}

/// How deliveries are brought to the endpoints of the parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push {
    /// Deliveries of one party that may be on their way to its endpoint.
    pub max_in_flight_per_party: usize,
    /// How long one attempt may take, connecting included.
    pub timeout: Duration,
    /// The limit of the first wait after a failure; it doubles with each further one.
    pub backoff_base: Duration,
    /// The limit of any wait.
    pub backoff_max: Duration,
    /// Failures in a row after which an endpoint is tried with one delivery at a time.
    pub breaker_failures: u32,
}

/// What the bus tells of itself, on its standard error.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// What is told.
    pub filter: Targets,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Sandbox mode: the bus's clock stands still until it is set. Never for real cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox {
    /// What the clock shows at the start.
    pub start: Timestamp,
}

/// What the files named in a configuration hold.
#[derive(Debug)]
pub struct Inputs {
    /// The parties of the registry.
    pub parties: Parties,
    /// The hashes of the registry's file.
    pub registry: RegistryHashes,
    /// The bus's side of every connection, and of those to the parties' endpoints.
    pub trust: Trust,
    /// What reads the files of it again.
    pub loader: Loader,
    /// The procedures, with the configured validity of the consent.
    pub procedures: Procedures,
    /// The working days of Kazakhstan.
    pub calendar: Calendar,
    /// Of what a running term is spoken, to whom and by which ways.
    pub ladder: Ladder,
    /// What the notifications need.
    pub notifications: Notifications,
    /// What the judging of signatures needs.
    pub signatures: DeskParts,
    /// What the asking of a time-stamp authority needs, where one is configured.
    pub timestamp: Option<Service>,
    /// The answers of responders (OCSP).
    pub asking: Asking,
}

impl Config {
    /// Reads and checks a configuration file. What it refers to is not opened.
    ///
    /// # Errors
    /// [`ConfigError`], with the first mistake found.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let refused = |why| ConfigError::Read { file: file.to_owned(), why };
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|open| open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(refused)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(ConfigError::TooLarge { file: file.to_owned() });
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| refused(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")))?;
        Self::parse(file, &text)
    }

    /// Reads a configuration from its text; `file` is named in errors, and relative paths begin in
    /// its directory.
    ///
    /// # Errors
    /// [`ConfigError`], with the first mistake found.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        file::parse(file, text)
    }

    /// The directory of the journal.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        journal_dir(&self.data_dir)
    }

    /// The file of the key by which applicants are told again. It belongs to the journal's backup.
    #[must_use]
    pub fn applicant_key(&self) -> PathBuf {
        self.data_dir.join("applicants.key")
    }

    /// The directory of the index, which may be removed at any time.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        index_dir(&self.data_dir)
    }

    /// Opens what the configuration refers to. `now` serves only the warnings about certificates
    /// that end soon.
    ///
    /// # Errors
    /// [`ConfigError::Registry`], [`ConfigError::Tls`], [`ConfigError::DataDir`], or, in a build
    /// whose own files are wrong, [`ConfigError::Procedures`] and [`ConfigError::Calendar`].
    pub fn open_inputs(&self, now: Timestamp) -> Result<Inputs, ConfigError> {
        let file = || self.file.clone();
        // Whether it can be written shows when the journal is opened; that it is no directory can
        // be told before.
        if fs::metadata(&self.data_dir).is_ok_and(|found| !found.is_dir()) {
            return Err(ConfigError::DataDir { file: file(), path: self.data_dir.clone() });
        }
        let (parties, registry) = registry::read_hashed(&self.registry_file)
            .map_err(|why| ConfigError::Registry { file: file(), why: Box::new(why) })?;
        let TrustConfig { files, rules, .. } = &self.tls;
        let unusable = |why| ConfigError::Tls {
            file: file(),
            key: error::tls_key(&why, &files.tls),
            why: Box::new(why),
        };
        let asking = self.asking(now)?;
        let loader = Loader::open(files.clone(), rules.clone()).map_err(unusable)?;
        let loader = loader.asking(asking.parties.clone());
        let trust = loader.trust(now).map_err(unusable)?;
        let procedures =
            procedures::load().map_err(|why| ConfigError::Procedures(Box::new(why)))?;
        let procedures = self.procedures(procedures)?;
        let notifications = self.notifications(&parties)?;
        let channels = notifications.book.contacts.channels();
        let ladder = Ladder { channels, ..self.ladder(&procedures, &parties)? };
        self.check_rungs(&notifications.book.contacts, &ladder)?;
        Ok(Inputs {
            timestamp: self.timestamp_service()?,
            signatures: self.desk(asking.signers.clone())?,
            asking,
            notifications,
            parties,
            registry,
            trust,
            loader,
            procedures,
            ladder,
            calendar: procedures::calendar::kazakhstan()
                .map_err(|why| ConfigError::Calendar(Box::new(why)))?,
        })
    }

    /// What the ladder of a term is planned by. Neither certificates nor data are opened, and no
    /// notifications read, so that its `channels` are empty.
    ///
    /// # Errors
    /// [`ConfigError::Registry`], [`ConfigError::Ladder`] for a hop that has no ladder, and, in a
    /// build whose own files are wrong, [`ConfigError::Procedures`].
    pub fn open_ladder(&self) -> Result<LadderInputs, ConfigError> {
        let parties = registry::read(&self.registry_file)
            .map_err(|why| ConfigError::Registry { file: self.file.clone(), why: Box::new(why) })?;
        let procedures =
            procedures::load().map_err(|why| ConfigError::Procedures(Box::new(why)))?;
        let procedures = self.procedures(procedures)?;
        let ladder = self.ladder(&procedures, &parties)?;
        Ok(LadderInputs { parties, procedures, ladder })
    }
}

impl Config {
    /// The ladder, with the days on which the offices of the registry are closed.
    fn ladder(&self, procedures: &Procedures, parties: &Parties) -> Result<Ladder, ConfigError> {
        for id in self.ladder.of_hops.keys() {
            let refused = |why| ConfigError::Ladder { file: self.file.clone(), hop: *id, why };
            let hop = procedures.values().find_map(|each| each.hop(*id));
            if let Some(why) = hop.ok_or_else(|| refused(None))?.no_ladder() {
                return Err(refused(Some(why)));
            }
        }
        let receptions = registry::receptions(&self.registry_file, parties)
            .map_err(|why| ConfigError::Registry { file: self.file.clone(), why: Box::new(why) })?;
        let days_off = receptions.into_iter().map(|(party, reception)| (party, reception.days_off));
        let days_off = days_off.filter(|(_, days)| !days.is_empty()).collect();
        Ok(Ladder { days_off, ..self.ladder.clone() })
    }

    /// A contact that waits for rungs that are never said would not be told of anything.
    fn check_rungs(&self, contacts: &Contacts, ladder: &Ladder) -> Result<(), ConfigError> {
        for (party, contact) in contacts.iter().filter(|(_, each)| each.rungs != Rungs::ALL) {
            let mut wanted = Rung::ALL.iter().filter(|rung| contact.rungs.has(**rung));
            if let Some(rung) = wanted.find(|rung| !ladder.says(**rung)) {
                return Err(ConfigError::Rung {
                    file: self.file.clone(),
                    registry: self.registry_file.clone(),
                    party: party.clone(),
                    rung: *rung,
                });
            }
        }
        Ok(())
    }

    /// The procedures, with what the configuration says of them.
    fn procedures(&self, shipped: Procedures) -> Result<Procedures, ConfigError> {
        let Readings { strict_from, roll_over, publications } = &self.readings;
        let unknown = publications.keys().find(|key| !shipped.contains_key(key));
        if let Some(key) = unknown {
            let file = self.file.clone();
            return Err(ConfigError::Publication {
                file,
                why: PublicationFault::Unknown(key.clone()),
            });
        }
        check_order(publications).map_err(|why| {
            let file = self.file.clone();
            ConfigError::Publication { file, why }
        })?;
        let configured = shipped.into_iter().map(|(key, mut procedure)| {
            if let Some(days) = self.consent_validity {
                procedure = procedure.with_consent_validity(Some(days));
            }
            let own = procedure.counting();
            procedure = procedure.with_counting(Counting {
                strict_from: strict_from.unwrap_or(own.strict_from),
                roll_over: roll_over.unwrap_or(own.roll_over),
            });
            if let Some(published) = publications.get(&key) {
                procedure = procedure.with_publication(*published);
            }
            (key, procedure)
        });
        Ok(configured.collect())
    }
}

/// An edition applies after its predecessor: their names are years, and the map is in their order.
fn check_order(publications: &BTreeMap<ProcedureKey, Date>) -> Result<(), PublicationFault> {
    for ((earlier, first), (later, second)) in publications.iter().zip(publications.iter().skip(1))
    {
        if earlier.procedure == later.procedure && second <= first {
            let (earlier, later) = (earlier.clone(), later.clone());
            return Err(PublicationFault::Order { later, earlier });
        }
    }
    Ok(())
}

/// Where the journal lies in a data directory.
#[must_use]
pub fn journal_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// Where the index lies in a data directory.
#[must_use]
pub fn index_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("index")
}

#[cfg(test)]
mod tests;
