//! Why a bench has no result. None of these says anything about the rate of the bus.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::party::PartyError;
use crate::domain::term::TermError;
use crate::procedures::FileError;
use crate::procedures::calendar::CalendarFileError;
use crate::rpc::client::{CallError, ConnectError};
use crate::trust::issue::IssueError;
use crate::trust::tls::TlsError;

/// Why a bench ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The bench's own files cannot be written.
    #[error("{}: {why}; choose another directory with --dir", path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A certificate was not made.
    #[error(transparent)]
    Certificates(#[from] IssueError),
    /// A certificate of the bench's own cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The registry of the bench names no such party.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// A procedure of this build cannot be read.
    #[error(transparent)]
    Procedures(#[from] FileError),
    /// The calendar of this build cannot be read.
    #[error(transparent)]
    Calendar(#[from] CalendarFileError),
    /// A term of this build cannot be counted.
    #[error(transparent)]
    Term(#[from] TermError),
    /// The configuration of the bench cannot be read back.
    #[error(transparent)]
    Config(crate::config::ConfigError),
    /// The engine of the bench's own.
    #[error(transparent)]
    Engine(#[from] super::ladder::EngineFault),
    /// The evidence of the bench's own.
    #[error(transparent)]
    Evidence(#[from] super::evidence::EvidenceFault),
    /// The bus could not be started or ended.
    #[error("{}: {why}", binary.display())]
    Process {
        /// The binary.
        binary: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The bus ended by itself.
    #[error("the bus ended by itself; it said last:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// The bus did not do what it was waited for.
    #[error("the bus did not {what} within {waited:?}; it said last:\n{log}")]
    TooSlow {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// A client could not connect.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The bus refused a call, which a bench must not provoke.
    #[error("{what} was refused: {why}")]
    Call {
        /// The method.
        what: &'static str,
        /// What the bus answered.
        why: CallError,
    },
    /// The bus refused an act or an acknowledgement on a stream.
    #[error("{what} was refused: {answer}")]
    Refused {
        /// The method.
        what: &'static str,
        /// What the bus answered.
        answer: String,
    },
    /// The bus ended a stream or left something of an answer out.
    #[error("{what}: the answer is incomplete")]
    Incomplete {
        /// The method.
        what: &'static str,
    },
    /// A task of the bench's own ended early.
    #[error("a task of the bench ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The histogram cannot be made with the bounds written here.
    #[error("this build of kopir is faulty: {0}; install another")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// The kernel's figures on a process cannot be read.
    #[error("{}: {why}; the bench needs Linux's /proc", path.display())]
    Figures {
        /// The file of /proc.
        path: PathBuf,
        /// What the system said, or that the file has another form.
        why: io::Error,
    },
}

impl BenchError {
    /// A call that was refused, for `map_err`.
    pub(super) fn call<E: Into<CallError>>(what: &'static str) -> impl Fn(E) -> Self {
        move |why| Self::Call { what, why: why.into() }
    }
}
