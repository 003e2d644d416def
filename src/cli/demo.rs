//! `kopir demo`: the pilot of 2023, or a tour of a procedure, played on a bus that lives as long as
//! the command.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::output::{Exit, Failure, note, print_alarming};
use crate::demo::{Demo, DemoError, Pilot, Report, Silence, SilenceReport, Tour, TourReport};

const PROGRESS: &str = "{bar:16} {pos}/{len} acts  {wide_msg}";
const TOURS: &str = "{bar:16} {pos}/{len} tours  {wide_msg}";

/// Plays the pilot of 2023 again, at its true size, on a real bus
///
/// Issues development certificates into a temporary directory, starts the bus on loopback with
/// mutual TLS and its real storage, and lets the systems of all parties carry 237 made-up families
/// through the procedure, over simulated months. Then asks the bus what has become of them, and
/// verifies the journal. Ends with 0 only if the totals are those of the pilot and the journal is
/// whole, and with 1 if anything differs.
///
/// A chapter ends it, which --chapter silence plays alone: an akimat goes silent, and you read what
/// is said of its terms and to whom, who held them how long, and how late they were met.
///
/// With --procedure it takes you through one procedure of the law instead: all its parties are on
/// one bus, the authorised body sets the quotas, and made-up families go every way that the edition
/// has, from each intake to inclusion, refusal with hearing, or refusal to accept. You read who does
/// what and when, which clock opens and ends with its due date and paragraph, and what the bus
/// refuses and why; a table for each case tells the margins. Ends with 1 unless every case is
/// closed with its expected result and nobody owes anything.
///
/// Example:
///
///   kopir demo
///   kopir demo --seed 7 --keep pilot
///   kopir demo --chapter silence
///   kopir demo --procedure kandas --edition 2024
///   kopir demo --procedure all
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct DemoArgs {
    /// Number with which all chance begins: the same number, the same history
    #[arg(long, value_name = "N", default_value_t = 2023, conflicts_with = "procedure")]
    seed: u64,
    /// Play this procedure, as `kopir procedure list` names it, or `all`, each in two lines
    #[arg(long, value_name = "PROCEDURE")]
    procedure: Option<String>,
    /// Play this edition only; without it every edition of the procedure
    #[arg(long, value_name = "EDITION", requires = "procedure")]
    edition: Option<String>,
    /// Play this chapter alone
    #[arg(long, value_name = "CHAPTER", conflicts_with_all = ["procedure", "seed"])]
    chapter: Option<Chapter>,
    /// Leave certificates, configuration and data in this new directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// A chapter that can be played alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Chapter {
    /// An akimat goes silent
    Silence,
}

pub(super) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(Failure::failed)?;
    let place = Place::new(args.keep.as_deref());
    let progress = ProgressBar::new(0);
    let (text, differences) = match (&args.procedure, args.chapter) {
        (None, Some(Chapter::Silence)) => silence(&runtime, place.directory.clone())?,
        (Some(procedure), _) => {
            let (procedure, edition) = (procedure.clone(), args.edition.clone());
            let tour = Tour { procedure, edition, directory: place.directory.clone() };
            style(&progress, TOURS);
            let played = runtime.block_on(tour.run(&progress));
            progress.finish_and_clear();
            let TourReport { text, differences, .. } = played.map_err(failure)?;
            (text, differences)
        }
        (None, None) => {
            let (pilot, directory) = (Pilot::YEAR_2023, place.directory.clone());
            let demo = Demo { seed: args.seed, pilot, directory };
            style(&progress, PROGRESS);
            let played = runtime.block_on(demo.run(&progress));
            progress.finish_and_clear();
            let Report { text, mut differences, .. } = played.map_err(failure)?;
            let (chapter, more) = silence(&runtime, place.directory.join("silence"))?;
            differences.extend(more);
            (format!("{text}\n{chapter}"), differences)
        }
    };
    print_alarming(&text)?;
    if let Some(kept) = &args.keep {
        note(format_args!("kept in {}", kept.display()));
    }
    if differences.is_empty() {
        return Ok(());
    }
    let why = anyhow!("{} things are not as they should be, see above", differences.len());
    Err(Failure::failed(why))
}

fn silence(runtime: &Runtime, directory: PathBuf) -> Result<(String, Vec<String>), Failure> {
    let played = runtime.block_on(Silence { directory }.run());
    let SilenceReport { text, differences, .. } = played.map_err(failure)?;
    Ok((text, differences))
}

fn style(progress: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
}

fn failure(why: DemoError) -> Failure {
    if let DemoError::Journal(why) = why {
        return super::journal::failure(why);
    }
    if let DemoError::NoTour { .. } = why {
        return Failure::usage(anyhow!(why));
    }
    Failure::new(Exit::Failed, why)
}

/// Where the demonstration lives. A place that nobody asked to keep goes with it.
struct Place {
    directory: PathBuf,
    keep: bool,
}

impl Place {
    fn new(keep: Option<&Path>) -> Self {
        let temporary = || env::temp_dir().join(format!("kopir-demo-{}", Uuid::new_v4()));
        Self { directory: keep.map_or_else(temporary, Path::to_owned), keep: keep.is_some() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is the temporary directory's to lose; a start that failed
            // early has left nothing.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
