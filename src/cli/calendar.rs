//! `kopir calendar`: the working-day calendar, shown, taken over from iCalendar, and amended.

use std::fmt::Display;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::output::{Failure, note, print, print_json};
use crate::domain::calendar::{Calendar, CalendarVersion, Day, DayChange, ListedKind};
use crate::engine::Clock;
use crate::procedures::calendar::{self, FILE_BYTES_MAX, certainty_word, ics, kind_word};

mod amend;
mod year;

/// The working-day calendar, on which terms are counted
#[derive(Debug, Subcommand)]
pub(super) enum CalendarCommand {
    /// Show a year: holidays, moved days and estimated ones
    ///
    /// Without --file the calendar that this build carries is shown. Terms that pass an estimated
    /// day may end elsewhere once it is announced.
    ///
    /// Examples:
    ///
    ///   kopir calendar show --year 2026
    ///   kopir calendar show --year 2026 --file kz-2026.2.csv --json
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
    /// Take days over from an iCalendar file into a calendar of the bus's own format
    ///
    /// Each VEVENT says what its days become; all other days stay as --base has them, or the
    /// calendar of this build. CATEGORIES gives the kind: HOLIDAY, OBSERVED, DAY-OFF-MOVED or
    /// WORKING-WEEKEND. STATUS:TENTATIVE marks an estimated day, STATUS:CANCELLED takes a listed
    /// day out. SUMMARY is the English name, X-KOPIR-NAME-KK the Kazakh one. Events with a time of
    /// day or a recurrence are refused. What changes is told on standard error; read it before
    /// the file is used.
    ///
    /// Examples:
    ///
    ///   kopir calendar import holidays-2027.ics --version kz-2027.1 -o kz-2027.1.csv
    ///   kopir calendar import kurban-ait.ics --base kz-2027.1.csv --version kz-2027.2 > kz-2027.2.csv
    #[command(verbatim_doc_comment)]
    Import(ImportArgs),
    /// Put an amended calendar in force on a running bus
    ///
    /// The bus records the amendment with its reason and counts every open term anew; terms that
    /// have closed stay as they were. The calendar must have a version of its own and cover all
    /// that the one in force covers.
    ///
    /// Example:
    ///
    ///   kopir calendar amend --file kz-2027.1.csv --certs certs --as operator \
    ///       --reason "Days off of 2027 moved: resolution No. 1 of 2026-11-20"
    #[command(verbatim_doc_comment)]
    Amend(amend::AmendArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The year; if not given, the present one
    #[arg(long, value_parser = clap::value_parser!(i16).range(1..=9999))]
    year: Option<i16>,
    /// A calendar file instead of the calendar of this build
    #[arg(long)]
    file: Option<PathBuf>,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The iCalendar file
    #[arg(value_name = "FILE.ics")]
    events: PathBuf,
    /// Version of the new calendar, such as kz-2027.1; each due date names its version
    #[arg(long)]
    version: String,
    /// The calendar file whose days are amended; the calendar of this build if not given
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// Kind of events that have no CATEGORIES; without it they are refused
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// Where to write the new calendar; standard output if not given. A file there is kept
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    Holiday,
    Observed,
    DayOffMoved,
    WorkingWeekend,
}

impl From<KindArg> for ListedKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Holiday => Self::Holiday,
            KindArg::Observed => Self::Observed,
            KindArg::DayOffMoved => Self::MovedOff,
            KindArg::WorkingWeekend => Self::WorkingWeekend,
        }
    }
}

pub(super) fn run(command: &CalendarCommand) -> Result<(), Failure> {
    match command {
        CalendarCommand::Show(args) => show(args),
        CalendarCommand::Import(args) => import(args),
        CalendarCommand::Amend(args) => amend::run(args),
    }
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let calendar = calendar(args.file.as_deref())?;
    let year = args.year.unwrap_or_else(|| Clock::System.now().to_zoned(TimeZone::UTC).year());
    let year = year::Year::new(&calendar, year).map_err(Failure::usage)?;
    if args.json { print_json(&year.view()) } else { print(year.text()) }
}

fn import(args: &ImportArgs) -> Result<(), Failure> {
    let base = calendar(args.base.as_deref())?;
    let version = CalendarVersion::parse(&args.version)
        .map_err(|why| Failure::usage(anyhow!("--version {:?}: {why}", args.version)))?;
    let events = read(&args.events, ics::BYTES_MAX)?;
    let new = ics::import(&events, &base, version, args.kind.map(Into::into))
        .map_err(|why| in_file(&args.events, why))?;
    let changes = base.amended_by(&new).map_err(Failure::usage)?;
    let text = calendar::write(&new).map_err(|why| in_file(&args.events, why))?;
    note(summary(&base, &new, &changes));
    match &args.output {
        Some(path) => keep(path, &text),
        None => print(text),
    }
}

/// Writes a new file. An older calendar is evidence of how terms were counted, so none is
/// overwritten; and half a calendar could be read as a whole one, so none is left.
fn keep(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = fs::File::create_new(path).map_err(|why| in_way(path, &why))?;
    if let Err(why) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        let left = fs::remove_file(path).err().map(|_| "; remove it, it is not whole");
        let left = left.unwrap_or_default();
        return Err(Failure::failed(anyhow!("{}: {why}{left}", path.display())));
    }
    note(format_args!("written to {}", path.display()));
    Ok(())
}

/// The calendar of a file, or of this build.
fn calendar(file: Option<&Path>) -> Result<Calendar, Failure> {
    let Some(path) = file else {
        return calendar::kazakhstan().map_err(Failure::failed);
    };
    let text = String::from_utf8(read(path, FILE_BYTES_MAX)?)
        .map_err(|_| in_file(path, "the text is not UTF-8; convert the file"))?;
    calendar::parse(&text).map_err(|why| in_file(path, why))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    file.map_err(|why| in_file(path, why))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > most) {
        return Err(in_file(path, format_args!("more than {most} bytes; this is no calendar")));
    }
    Ok(bytes)
}

fn in_file(path: &Path, why: impl Display) -> Failure {
    Failure::usage(anyhow!("{}: {why}", path.display()))
}

fn in_way(path: &Path, why: &io::Error) -> Failure {
    let path = path.display();
    Failure::failed(if why.kind() == io::ErrorKind::AlreadyExists {
        anyhow!("{path}: is there already and is kept; name another file with -o")
    } else {
        anyhow!("{path}: {why}")
    })
}

/// What the new calendar changes, one line a day.
fn summary(base: &Calendar, new: &Calendar, changes: &[DayChange<'_>]) -> String {
    let moving = changes.iter().filter(|change| change.moves_terms()).count();
    let mut text = format!(
        "{} to {}: {} changed, {moving} of which move terms",
        base.version(),
        new.version(),
        days(changes.len()),
    );
    for change in changes {
        let (before, after) = (told(&change.before), told(&change.after));
        let weekday = calendar::weekday_word(change.date().weekday());
        text += &format!("\n  {} {weekday}  {before} -> {after}", change.date());
    }
    let estimated = new.estimated_days();
    if !estimated.is_empty() {
        let list: Vec<_> = estimated.iter().map(ToString::to_string).collect();
        text += &format!("\nestimated still: {}", list.join(", "));
    }
    text
}

fn days(count: usize) -> String {
    format!("{count} day{}", if count == 1 { "" } else { "s" })
}

fn told(day: &Day<'_>) -> String {
    let estimated = if day.is_estimated() { ", estimated" } else { "" };
    match day.listed {
        Some(listed) => format!("{}{estimated} ({})", day.kind.as_str(), listed.name.en),
        None => day.kind.as_str().to_owned(),
    }
}

/// A listed day as data.
#[derive(Debug, Serialize)]
struct DayView<'c> {
    date: String,
    weekday: &'static str,
    kind: &'static str,
    certainty: &'static str,
    working: bool,
    name_en: &'c str,
    name_kk: &'c str,
}

impl<'c> DayView<'c> {
    fn new(day: &Day<'c>) -> Option<Self> {
        let listed = day.listed?;
        Some(Self {
            date: day.date.to_string(),
            weekday: calendar::weekday_word(day.date.weekday()),
            kind: kind_word(listed.kind),
            certainty: certainty_word(listed.certainty),
            working: day.kind.is_working(),
            name_en: &listed.name.en,
            name_kk: &listed.name.kk,
        })
    }
}
