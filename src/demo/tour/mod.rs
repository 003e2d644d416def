//! Tours: each procedure of the law played from its first act to its last, on a real bus, with all
//! its parties.
//!
//! A [`script`] says who does what and after how many working days; [`calls`] knows which method
//! of which service that is; [`papers`] writes what the act carries. What stands on the screen and
//! what is checked at the end is told by the bus, in receipts, confirmations and cases.

mod calls;
mod papers;
mod people;
mod play;
mod quota;
mod script;
mod tale;

use std::path::PathBuf;

use indicatif::ProgressBar;

use self::play::Play;
use self::script::Script;
use self::tale::Tale;
use super::DemoError;
use super::stage::Stage;
use crate::domain::WhenUnset;
use crate::procedures::calendar;

/// The parties of every tour.
const PARTIES: &str = include_str!("parties.toml");

/// Tours to be played.
#[derive(Debug, Clone)]
pub struct Tour {
    /// The procedure, or `all`.
    pub procedure: String,
    /// The edition; none means every edition that has a tour.
    pub edition: Option<String>,
    /// Where certificates, configuration and data of each tour go, one directory for each.
    pub directory: PathBuf,
}

/// What the tours found.
#[derive(Debug)]
pub struct TourReport {
    /// What happened, in plain English, for the standard output.
    pub text: String,
    /// What is not as it should be, in words. Empty means success.
    pub differences: Vec<String>,
    /// How many tours were played.
    pub tours: usize,
}

impl Tour {
    /// Plays the tours one after another, each on a bus of its own; told at length, or each in two
    /// lines where all are asked for.
    ///
    /// # Errors
    /// [`DemoError`] if there is no such tour or no bus could be had. What goes wrong on the way
    /// is a difference of the report.
    pub async fn run(self, progress: &ProgressBar) -> Result<TourReport, DemoError> {
        let scripts = script::find(&self.procedure, self.edition.as_deref())?;
        super::stage::make_directory(&self.directory)?;
        let is_brief = self.procedure == "all";
        let mut report = TourReport { text: String::new(), differences: Vec::new(), tours: 0 };
        progress.set_length(u64::try_from(scripts.len()).unwrap_or(0));
        for script in &scripts {
            let name = format!("{}-{}", script.procedure, script.edition);
            progress.set_message(name.clone());
            let tale = play(script, self.directory.join(&name)).await?;
            report.text.push_str(&if is_brief { tale.brief() } else { tale.whole() });
            let named = tale.differences.iter().map(|difference| format!("{name}: {difference}"));
            report.differences.extend(named);
            report.tours += 1;
            progress.inc(1);
        }
        report.text.push_str(&tale::verdict(&report.differences, report.tours));
        Ok(report)
    }
}

async fn play(script: &Script, directory: PathBuf) -> Result<Tale, DemoError> {
    let calendar = calendar::kazakhstan()?;
    let start = play::start(script)?;
    let stage = Stage::open(&directory, PARTIES, start, WhenUnset::Refuse).await?;
    let mut tale = Play::begin(&stage, script, &calendar).await?.play().await;
    let journal = stage.close().await?;
    tale.journal(&journal);
    Ok(tale)
}
