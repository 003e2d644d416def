//! The simulation in small: some worlds are sound, and each is its seed and nothing else.
//!
//! `kopir simulate --seeds 1000` plays many; `tests/mutations.rs` shows that a broken bus is caught.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::path::Path;

use kopir::simulate::{Options, Simulation};
use tempfile::TempDir;

#[test]
fn worlds_in_which_everything_goes_wrong_are_sound() {
    let (simulation, _directory) = simulation(4);
    let mut unsound = Vec::new();
    let mut crashes = 0;
    simulation
        .play_all(1, 24, &mut |played| {
            crashes += played.counts.crashes;
            if !played.violations.is_empty() {
                unsound.push((played.seed, played.violations));
            }
        })
        .unwrap();
    assert!(unsound.is_empty(), "{unsound:?}");
    assert!(crashes > 24, "only {crashes} crashes: nothing was put to the test");
}

#[test]
fn a_seed_is_one_history() {
    let (simulation, _directory) = simulation(3);
    let (one, two) = (simulation.play(7_000_007).unwrap(), simulation.play(7_000_007).unwrap());
    assert_eq!(one, two);
    assert!(one.counts.records > 0);
    assert_ne!(one.counts.fingerprint, simulation.play(7_000_008).unwrap().counts.fingerprint);
}

/// Worlds of so many weeks, in memory where there is a place for files in it.
fn simulation(weeks: u32) -> (Simulation, TempDir) {
    let in_memory = Path::new("/dev/shm");
    let directory = if in_memory.is_dir() { TempDir::new_in(in_memory) } else { TempDir::new() };
    let directory = directory.unwrap();
    let options = Options { weeks, directory: directory.path().to_owned(), trace: None };
    (Simulation::new(options).unwrap(), directory)
}
