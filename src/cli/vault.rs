//! `kopir vault`: the keys of the cases, while no bus runs on them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::{Exit, Failure, print, print_json};
use crate::config::Config;
use crate::vault::{Kind, Rotated, VaultError, rotate};

/// The vault, which holds the key of each case
///
/// It belongs into the backup, apart from that of the journal; and the master key, which opens it,
/// apart from both.
#[derive(Debug, Subcommand)]
pub(super) enum VaultCommand {
    /// Wrap every key by another master key
    ///
    /// Stop the bus. In its configuration name the new master key as vault.master_key and the old one
    /// as vault.previous_master_key; a new file that is not there is made, also one under the key of
    /// a PKCS#11 token. Then run this, start the bus, and take the old one out of the configuration.
    /// The journal is not touched. A rotation that is interrupted is run again.
    ///
    /// A bus runs with both before the rotation too. Keep the old master key for as long as backups
    /// of the vault are kept that it opens; once it is destroyed, the cases erased since are beyond
    /// those backups as well.
    ///
    /// Example:
    ///
    ///   kopir vault rotate --config /etc/kopir/kopir.toml
    #[command(verbatim_doc_comment)]
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The configuration of the bus
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &VaultCommand) -> Result<(), Failure> {
    match command {
        VaultCommand::Rotate(args) => rotate_keys(args),
    }
}

fn rotate_keys(args: &RotateArgs) -> Result<(), Failure> {
    let mut config = Config::read(&args.config).map_err(Failure::usage)?;
    config.vault.credentials = credentials();
    // Drawn on standard error where that is a terminal.
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:30} {pos} of {len} keys, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let rotated = rotate(&config.vault, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let Rotated { master, rewrapped, kept, erased } =
        rotated.map_err(|error| Failure::new(exit_of(&error), error))?;
    if args.json {
        return print_json(&json!({
            "master": master.to_string(),
            "rewrapped": rewrapped,
            "kept": kept,
            "erased": erased,
        }));
    }
    print(format_args!(
        "{rewrapped} keys are wrapped anew by master key {master}; {kept} were before, {erased} are erased\n"
    ))
}

/// Where systemd has put the credentials of this process, if it was given any.
pub(super) fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// The exit code of a start that the vault refuses.
pub(super) fn exit(error: &anyhow::Error) -> Exit {
    error.downcast_ref().map_or(Exit::Failed, exit_of)
}

pub(super) fn exit_of(error: &VaultError) -> Exit {
    match error.kind() {
        Kind::Operator => Exit::Usage,
        Kind::Damage => Exit::Damage,
        Kind::Machine => Exit::Failed,
    }
}
