//! How a command ends and where its words go.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use serde::Serialize;

/// How the process ended, for scripts. The numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, for a reason outside the command.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// A verification found damage.
    Damage,
    /// The bus could not be reached, or refused.
    Refused,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Usage, Self::Damage, Self::Refused];

    /// The number that the process returns.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damage => 3,
            Self::Refused => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    /// Told as it displays itself: the errors of the bus name their causes in their own words.
    error: anyhow::Error,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// For a reason outside the command.
    pub(super) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Failed, error)
    }

    /// Because of what the caller wrote, on the command line or in a file.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Tells the failure on standard error.
    pub(super) fn tell(&self) -> Exit {
        if self.reader_is_gone() {
            return Exit::Done;
        }
        note(format_args!("error: {}", self.error));
        self.exit
    }

    /// Whoever reads a pipe and has seen enough closes it, as `head` does. That is no failure.
    fn reader_is_gone(&self) -> bool {
        let io = self.error.downcast_ref::<io::Error>();
        io.is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Writes data: a text that ends with a line break.
pub(super) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::failed)
}

/// Writes a text for people: what alarms stands out in it on a terminal, and nowhere else.
pub(super) fn print_alarming(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return print(text);
    }
    print(
        text.replace("BREACH", "\x1b[1;31mBREACH\x1b[0m")
            .replace("WARNING", "\x1b[1;33mWARNING\x1b[0m"),
    )
}

/// Writes data as one JSON document.
pub(super) fn print_json(data: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(data).map_err(Failure::failed)?;
    print(text + "\n")
}

/// Tells the person at the terminal something that is no data.
pub(super) fn note(text: impl fmt::Display) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table for people. It fits the terminal, and is as wide as its data in a pipe.
pub(super) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    table
}
