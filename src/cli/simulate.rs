//! `kopir simulate`: the real bus in made-up worlds, each of which is one number.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::anyhow;
use clap::Args;
use uuid::Uuid;

use super::output::{Failure, note, print, table};
use crate::simulate::{Options, Played, Simulation};

/// A directory in memory, where there is one: a simulation writes much and keeps nothing.
const IN_MEMORY: &str = "/dev/shm";

/// Lets the real bus live through made-up worlds in which everything goes wrong
///
/// In each world the real journal, index, engine and delivery run on a made-up clock, network and
/// disk, among made-up parties that carry cases through one of the procedures for some weeks, which
/// pass in a fraction of a second. Links are cut and lose, double and reorder what is said; systems
/// of parties are down, take deliveries and acknowledge none, do not read, reject what they cannot
/// read, or die of it; the process is killed between any two of its steps and inside any write; the
/// power fails and takes whatever part of the unsynced sectors with it; syncs fail, the disk fills
/// up, and the machine's clock is set.
///
/// Checkers of their own then look at what left the bus and at the bytes of its journal: that no
/// act that was answered is lost or doubled, that the chain is whole, that the acts of a case are in
/// order, that deliveries leave earliest due first and all arrive, that only what its receiver
/// rejects or alone fails to take is held, that of every term each rung is said once and in its
/// time, that the time in which the bus was away is recorded, that the index is what a fresh fold of
/// the journal gives. Ends with 1 if one of them finds something.
///
/// What takes no part: TLS, gRPC and the limits of callers; endpoints, which are registered and never
/// called; letters and web servers; quotas and amendments of the calendar. Tests of their own look at
/// those.
///
/// A world is one number, its seed. Each is told in a line; the command that plays it again stands
/// with whatever was found, and with --trace it tells everything that happens.
///
/// Examples:
///
///   kopir simulate --seeds 1000
///   kopir simulate --seeds 100 --first 5000 --weeks 8
///   kopir simulate --seed 42 --trace
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct SimulateArgs {
    /// How many worlds to play, one after the other on each processor
    #[arg(long, default_value_t = 100, value_name = "N")]
    seeds: u64,
    /// The first seed of them
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    first: u64,
    /// Play this one only
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Tell everything that happens
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Weeks during which things go wrong
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=52))]
    weeks: u32,
    /// Where journals and indexes lie meanwhile; in memory if not given, where there is such a place
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let place = Place::new(args.dir.as_deref()).map_err(Failure::failed)?;
    let trace: Option<fn(&str)> = if args.trace { Some(tell) } else { None };
    let options = Options { weeks: args.weeks, directory: place.0.clone(), trace };
    let simulation = Simulation::new(options).map_err(Failure::failed)?;
    let (first, seeds) = match args.seed {
        Some(seed) => (seed, 1),
        None => (args.first, args.seeds),
    };
    let mut sum = Sum::default();
    let weeks = args.weeks;
    let mut told = |played: Played| {
        sum.add(&played);
        tell(&line(&played));
        for violation in &played.violations {
            tell(&format!("  {violation}"));
        }
        if !played.violations.is_empty() {
            let seed = played.seed;
            tell(&format!("  again: kopir simulate --seed {seed} --weeks {weeks} --trace"));
        }
    };
    simulation.play_all(first, seeds, &mut told).map_err(Failure::failed)?;
    print(sum.table())?;
    if sum.violated == 0 {
        return Ok(());
    }
    Err(Failure::failed(anyhow!(
        "{} of {} worlds are not sound, see above",
        sum.violated,
        sum.worlds
    )))
}

fn line(played: &Played) -> String {
    let Played { seed, counts, violations } = played;
    let verdict = if violations.is_empty() { "sound" } else { "VIOLATION" };
    format!(
        "seed {seed}: {} records, {} crashes ({} with the power), {} other faults, {} days, {:016x}, \
         {verdict}",
        counts.records,
        counts.crashes,
        counts.power_losses,
        counts.faults,
        counts.days,
        counts.fingerprint
    )
}

/// Says a line; with standard output gone there is nobody left to tell, and the exit code remains.
fn tell(line: &str) {
    if print(format_args!("{line}\n")).is_err() {
        note(line);
    }
}

/// What the worlds came to.
#[derive(Debug, Default)]
struct Sum {
    worlds: u64,
    violated: u64,
    records: u64,
    crashes: u64,
    power_losses: u64,
    faults: u64,
    held: u64,
    rejections: u64,
    syncs: u64,
    days: u64,
    happenings: u64,
}

impl Sum {
    fn add(&mut self, played: &Played) {
        let counts = played.counts;
        self.worlds += 1;
        self.violated += u64::from(!played.violations.is_empty());
        self.records += counts.records;
        self.crashes += counts.crashes;
        self.power_losses += counts.power_losses;
        self.faults += counts.faults;
        self.held += counts.held;
        self.rejections += counts.rejections;
        self.syncs += counts.syncs;
        self.days += counts.days;
        self.happenings += counts.happenings;
    }

    fn table(&self) -> String {
        let mut table = table(&["of all worlds", "sum"]);
        let rows = [
            ("worlds", self.worlds),
            ("with a violation", self.violated),
            ("simulated days", self.days),
            ("happenings", self.happenings),
            ("records", self.records),
            ("syncs of the journal", self.syncs),
            ("crashes of the process", self.crashes),
            ("of these with the power", self.power_losses),
            ("other faults", self.faults),
            ("deliveries held", self.held),
            ("acts refused", self.rejections),
        ];
        for (what, sum) in rows {
            table.add_row([what.to_owned(), sum.to_string()]);
        }
        format!("\n{table}\n")
    }
}

/// The directory of the worlds, which goes with the command.
struct Place(PathBuf);

impl Place {
    fn new(asked: Option<&Path>) -> std::io::Result<Self> {
        let in_memory = Path::new(IN_MEMORY);
        let usual = if in_memory.is_dir() { in_memory.to_owned() } else { env::temp_dir() };
        let parent = asked.map_or(usual, Path::to_owned);
        let directory = parent.join(format!("kopir-simulate-{}", Uuid::new_v4()));
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is the temporary directory's to lose.
        let _ = fs::remove_dir_all(&self.0);
    }
}
