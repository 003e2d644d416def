//! The deterministic simulation: the real engine, delivery, journal and index in a world in which
//! time, network, disk and parties are made up, and everything that is left to chance comes from
//! one number. The same number, the same history, so that whatever goes wrong can be seen again.
//!
//! A world is one thread. Everything that happens stands in a queue in the order of its time, and
//! what happens at the same time in an order that the seed says. The bus takes one step at a time
//! between two happenings, so that it can be killed between any two; its disk can kill it between,
//! and inside, any two writes. What left the bus is judged by checkers that ask the journal's
//! bytes and nobody else.

mod bus;
mod chance;
mod check;
mod death;
mod disk;
mod happening;
mod life;
mod office;
mod orders;
mod people;
mod place;
mod serve;
mod system;
mod talk;
mod tasks;
mod weather;
mod world;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use chance::Chance;
use place::Place;
use world::World;

pub use check::{Checker, Violation};

/// What a simulation is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// For how many weeks things go wrong in a world; it takes some days more to come to its end.
    pub weeks: u32,
    /// Where journals and indexes lie for as long as a world lasts; memory is best.
    pub directory: PathBuf,
    /// Gets a line for everything that happens.
    pub trace: Option<fn(&str)>,
}

/// What a world came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records in the journal.
    pub records: u64,
    /// Times the process died, of whatever cause.
    pub crashes: u64,
    /// Of these, with the power of the machine.
    pub power_losses: u64,
    /// Times it came up.
    pub starts: u64,
    /// Other faults: of links, parties' systems and the disk.
    pub faults: u64,
    /// Deliveries that were held.
    pub held: u64,
    /// Acts that the bus refused for what they said.
    pub rejections: u64,
    /// Syncs of the journal.
    pub syncs: u64,
    /// Everything that happened.
    pub happenings: u64,
    /// Days that passed.
    pub days: u64,
    /// A number that two runs of one history share.
    pub fingerprint: u64,
    /// When things stopped going wrong, in microseconds of the world.
    clear_at_us: u64,
}

/// A world that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Its seed.
    pub seed: u64,
    /// What it came to.
    pub counts: Counts,
    /// What must not be and was; empty in a sound world.
    pub violations: Vec<Violation>,
}

/// Why a world could not be played; nothing is said of the bus then.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The real disk under the simulated one failed.
    #[error("the directory of the simulation cannot be used: {0}")]
    Directory(#[from] io::Error),
    /// Parties or law cannot be set up.
    #[error("the simulation's parties or law cannot be used: {reason}")]
    Law {
        /// Why.
        reason: String,
    },
}

/// Worlds over one law.
#[derive(Debug, Clone)]
pub struct Simulation {
    places: Vec<Place>,
    options: Options,
}

impl Simulation {
    /// A simulation in an existing directory.
    ///
    /// # Errors
    /// [`SimulationError`].
    pub fn new(options: Options) -> Result<Self, SimulationError> {
        Ok(Self { places: Place::all()?, options })
    }

    /// Plays the world of a seed.
    ///
    /// # Errors
    /// [`SimulationError`].
    pub fn play(&self, seed: u64) -> Result<Played, SimulationError> {
        let directory = self.options.directory.join(format!("world-{seed}"));
        let mut chance = Chance::of(seed);
        let no_place = || SimulationError::Law { reason: "no procedure is played".to_owned() };
        let place = chance.pick(&self.places).ok_or_else(no_place)?;
        let world = World::new(place, chance, &self.options, directory.clone())?;
        let played = world.run();
        // Left behind by nobody: what cannot be removed is told, since it would be in the way.
        fs::remove_dir_all(&directory)?;
        let (counts, violations) = played?;
        Ok(Played { seed, counts, violations })
    }

    /// Plays so many worlds on every core, the first one this seed, and hands each to `told` in
    /// the order of their ends.
    ///
    /// # Errors
    /// The first [`SimulationError`]; worlds under way come to their ends.
    pub fn play_all(
        &self,
        first: u64,
        seeds: u64,
        told: &mut (dyn FnMut(Played) + Send),
    ) -> Result<(), SimulationError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let next = Mutex::new((first, told));
        let work = || -> Result<(), SimulationError> {
            loop {
                let seed = {
                    let mut next = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if next.0 >= first.saturating_add(seeds) {
                        return Ok(());
                    }
                    next.0 += 1;
                    next.0 - 1
                };
                let played = self.play(seed)?;
                (next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1)(played);
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let panicked = || SimulationError::Law { reason: "a world panicked".to_owned() };
            workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| panicked())?)
        })
    }
}
