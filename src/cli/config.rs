//! `kopir config`: what a configuration means, told before a bus is started on it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::{Failure, note, print};
use crate::config::Config;
use crate::engine::Clock;

/// The configuration of a bus.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check a configuration, its party registry and its certificates, and start nothing
    ///
    /// A mistake ends with exit code 2 and names the file, the key, what is wrong and what would be
    /// right. Certificates that ended or soon will are told on standard error. The keys are
    /// explained in deploy/kopir.toml.
    ///
    /// Example:
    ///
    ///   kopir config check deploy/kopir.toml
    #[command(verbatim_doc_comment)]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The configuration
    file: PathBuf,
}

pub(super) fn run(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check(CheckArgs { file }) => {
            let config = Config::read(file).map_err(Failure::usage)?;
            let inputs = config.open_inputs(Clock::System.now()).map_err(Failure::usage)?;
            for warning in &inputs.tls.warnings {
                note(format_args!("warning: {warning}"));
            }
            if let Some(sandbox) = &config.sandbox {
                note(format_args!(
                    "warning: sandbox mode, the clock starts at {}; not for real cases",
                    sandbox.start
                ));
            }
            let with_system = inputs.parties.iter().filter(|party| !party.identities.is_empty());
            let editions: Vec<_> = inputs.procedures.keys().map(ToString::to_string).collect();
            print(format_args!(
                "{} is in order\n  listen     {}\n  data       {}\n  \
                 parties    {}, of which {} connect themselves\n  procedures {}\n  calendar   {}\n",
                file.display(),
                config.listen,
                config.data_dir.display(),
                inputs.parties.iter().len(),
                with_system.count(),
                editions.join(", "),
                inputs.calendar.version(),
            ))
        }
    }
}
