//! `kopir config`: what a configuration means, told before a bus is started on it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::law;
use super::output::{Failure, note, print};
use crate::config::{Config, Inputs};
use crate::domain::procedure::Procedure;
use crate::domain::{ProcedureKey, Procedures, WhenUnset};
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
            for warning in &inputs.trust.warnings {
                note(format_args!("warning: {warning}"));
            }
            if let Some(sandbox) = &config.sandbox {
                note(format_args!(
                    "warning: sandbox mode, the clock starts at {}; not for real cases",
                    sandbox.start
                ));
            }
            for key in never_applying(&inputs.procedures) {
                note(format_args!(
                    "warning: {key} never applies: another edition has a day of publication in \
                     [procedures.publication_dates], and this one has none"
                ));
            }
            print(summary(file, &config, &inputs))
        }
    }
}

/// What the configuration comes to, a line each.
fn summary(file: &Path, config: &Config, inputs: &Inputs) -> String {
    let with_system = inputs.parties.iter().filter(|party| !party.identities.is_empty());
    let procedures = law::list(inputs.procedures.keys());
    let rows = [
        ("listen", config.listen.to_string()),
        ("data", config.data_dir.display().to_string()),
        (
            "parties",
            format!(
                "{}, of which {} connect themselves",
                inputs.parties.iter().len(),
                with_system.count()
            ),
        ),
        ("procedures", procedures),
        ("editions", editions(&inputs.procedures)),
        (
            "quotas",
            match config.quota.when_unset {
                WhenUnset::Refuse => "one that nobody has set admits nobody".to_owned(),
                WhenUnset::Admit => "one that nobody has set is no limit".to_owned(),
            },
        ),
        ("calendar", inputs.calendar.version().to_string()),
    ];
    let rows = rows.into_iter().map(|(name, value)| format!("  {name:<10} {value}\n"));
    format!("{} is in order\n{}", file.display(), rows.collect::<String>())
}

/// From which day each edition applies whose publication is configured.
fn editions(procedures: &Procedures) -> String {
    let from = |procedure: &Procedure| {
        procedure.in_force_from().map(|day| format!("{} from {day}", procedure.key()))
    };
    let dated: Vec<_> = procedures.values().filter_map(from).collect();
    if dated.is_empty() {
        return "of each procedure the newest; no day of publication is configured".to_owned();
    }
    format!("{}; of the other procedures the newest", dated.join(", "))
}

/// Editions without a day of publication beside others that have one.
fn never_applying(procedures: &Procedures) -> impl Iterator<Item = &ProcedureKey> {
    procedures.values().filter(|each| each.in_force_from().is_none()).map(Procedure::key).filter(
        |key| {
            procedures.values().any(|other| {
                other.key().procedure == key.procedure && other.in_force_from().is_some()
            })
        },
    )
}
