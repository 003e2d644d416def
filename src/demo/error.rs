//! Why a demonstration stopped before its end.

use std::io;
use std::path::PathBuf;

use super::Pilot;
use crate::config::ConfigError;
use crate::domain::calendar::CalendarError;
use crate::domain::party::PartyId;
use crate::engine::clock::ClockError;
use crate::journal::JournalError;
use crate::procedures::FileError;
use crate::procedures::calendar::CalendarFileError;
use crate::rpc::client::ConnectError;
use crate::trust::issue::IssueError;
use crate::trust::registry::RegistryError;
use crate::trust::tls::TlsError;

/// Why a demonstration stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Numbers that no families can have.
    #[error("there are no families of these sizes: {0:?}")]
    Pilot(Pilot),
    /// A file of the demonstration.
    #[error("{}: {why}", path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The development certificates.
    #[error("cannot issue the development certificates: {0}")]
    Certificates(#[from] IssueError),
    /// The parties' side of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The party registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry lacks a party that the pilot had.
    #[error("the party registry has no {0}")]
    NoParty(String),
    /// The configuration of the bus.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The procedures that ship with the bus.
    #[error(transparent)]
    Procedures(#[from] FileError),
    /// The calendar that ships with the bus.
    #[error(transparent)]
    CalendarFile(#[from] CalendarFileError),
    /// A day outside the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// An instant that no clock can show.
    #[error(transparent)]
    Time(#[from] jiff::Error),
    /// The sandbox clock refused to move.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The bus did not start or did not stop.
    #[error("the bus: {0}")]
    Bus(String),
    /// A party could not connect.
    #[error("{party}: {why}")]
    Connect {
        /// The party.
        party: PartyId,
        /// Why.
        why: ConnectError,
    },
    /// The bus refused what it should have taken.
    #[error("{party}: {what} was refused: {why}")]
    Refused {
        /// The party.
        party: PartyId,
        /// What it asked.
        what: String,
        /// The reason, the message and what the details ask for.
        why: String,
    },
    /// The bus did not answer in time.
    #[error("{party}: no answer within {seconds} s: {what}")]
    Silent {
        /// The party.
        party: PartyId,
        /// What it waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// An answer lacks what the contract promises.
    #[error("{party}: the answer of the bus lacks {what}")]
    Answer {
        /// The party.
        party: PartyId,
        /// What is missing.
        what: String,
    },
    /// A repeated request brought another receipt than the first.
    #[error("{party}: {what}, sent a second time, brought another receipt")]
    Repeat {
        /// The party.
        party: PartyId,
        /// What it asked.
        what: String,
    },
    /// No tour has this name.
    #[error("there is no tour of {asked}; there are {known}")]
    NoTour {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// A script of the tours does not read.
    #[error("the script of {name}: {why}")]
    Script {
        /// Which.
        name: &'static str,
        /// Why.
        why: Box<toml::de::Error>,
    },
    /// The journal is not whole.
    #[error("the journal: {0}")]
    Journal(#[from] JournalError),
}
