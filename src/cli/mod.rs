//! The command line: arguments, exit codes, tables, and nothing else.
//!
//! A command parses its arguments, calls one module of the bus and shows the answer: data on
//! standard output, everything else on standard error, so that a pipe carries data only. Each
//! command with data for a script has `--json`. A command is a file here and a variant of
//! `Command`; it returns a `Failure`, which carries the exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::output::Failure;

pub use self::output::Exit;

mod access;
mod bench;
mod bus;
mod calendar;
mod case;
mod certs;
mod config;
mod deadline;
mod demo;
mod evidence;
mod held;
mod hours;
mod inbox;
mod index;
mod journal;
mod ladder;
mod law;
mod output;
mod procedure;
mod purpose;
mod quota;
mod register;
mod registry;
mod serve;
mod signature;
mod simulate;
mod status;
mod vault;
mod witness;
mod words;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, for a reason outside the command: a disk, a permission, a file that is in the way
  2  the command line or the configuration is wrong; the message says what would be right
  3  a verification found damage
  4  the bus could not be reached, or refused

Data goes to standard output, everything else to standard error.";

/// The integration bus of Kazakhstan's kandas and in-migrant procedures
///
/// Applications of ethnic Kazakhs and of in-migrants travel from missions, the State Corporation,
/// portals and centres through the authorised body and the akimats to the commissions of the
/// regions, and the decisions travel back. Köpir carries each step, keeps it durably, and sees
/// that no term of law passes unnoticed.
///
/// First steps, for development on one machine:
///
///   kopir certs dev --dir certs --registry deploy/parties.toml
///   kopir config check deploy/kopir.toml
///
/// What the law asks, and by when:
///
///   kopir procedure list
///   kopir procedure show kandas --edition 2024
///   kopir deadline --procedure kandas --edition 2024 --hop K24-10 --from 2024-09-02
///   kopir ladder plan --hop K24-10 --opened 2024-09-02
///
/// All parties at work, in a few seconds:
///
///   kopir demo --procedure kandas --edition 2024
#[derive(Debug, Parser)]
#[command(
    name = "kopir",
    version,
    verbatim_doc_comment,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Case(case::CaseCommand),
    Inbox(inbox::InboxArgs),
    #[command(subcommand)]
    Held(held::HeldCommand),
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    #[command(subcommand)]
    Procedure(procedure::ProcedureCommand),
    #[command(subcommand)]
    Quota(quota::QuotaCommand),
    Deadline(deadline::DeadlineArgs),
    #[command(subcommand)]
    Ladder(ladder::LadderCommand),
    Hours(hours::HoursArgs),
    #[command(subcommand)]
    Calendar(calendar::CalendarCommand),
    Bench(bench::BenchArgs),
    Simulate(simulate::SimulateArgs),
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    #[command(subcommand)]
    Access(access::AccessCommand),
    #[command(subcommand)]
    Certs(certs::CertsCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    #[command(subcommand)]
    Signature(signature::SignatureCommand),
    #[command(subcommand)]
    Index(index::IndexCommand),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
}

/// Runs the command that the process was started with and tells how it ended.
#[must_use]
pub fn run() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(told) => {
            // Help that was asked for is data and goes to standard output; clap knows which is
            // which. If it cannot be written there is nobody to tell.
            let _ = told.print();
            return if told.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    match dispatch(line.command) {
        Ok(()) => Exit::Done,
        Err(failure) => failure.tell(),
    }
    .into()
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Case(command) => case::run(&command),
        Command::Inbox(args) => inbox::run(&args),
        Command::Held(command) => held::run(&command),
        Command::Evidence(command) => evidence::run(&command),
        Command::Witness(command) => witness::run(&command),
        Command::Procedure(command) => procedure::run(&command),
        Command::Quota(command) => quota::run(&command),
        Command::Deadline(args) => deadline::run(&args),
        Command::Ladder(command) => ladder::run(&command),
        Command::Hours(args) => hours::run(&args),
        Command::Calendar(command) => calendar::run(&command),
        Command::Bench(args) => bench::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Registry(command) => registry::run(&command),
        Command::Access(command) => access::run(&command),
        Command::Certs(command) => certs::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Journal(command) => journal::run(&command),
        Command::Signature(command) => signature::run(&command),
        Command::Index(command) => index::run(&command),
        Command::Vault(command) => vault::run(&command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn help_tells_every_exit_code() {
        let help = CommandLine::command().render_long_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }

    #[test]
    fn every_command_says_what_it_is_and_shows_an_example() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let mut leaves = command.get_subcommands().peekable();
            if leaves.peek().is_none() {
                let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
                assert!(long.contains("\n  kopir "), "{}", command.get_name());
            }
            leaves.for_each(check);
        }
        CommandLine::command().get_subcommands().for_each(check);
    }
}
