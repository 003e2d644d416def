//! The checkers of the simulation, checked: a bus that is broken on purpose is caught by the one
//! whose matter it is, within a few worlds, and in the same worlds a sound bus passes.
//!
//! `cargo test --features mutations --test mutations -- --nocapture` tells which world caught what.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails here; what it found is told on request"
)]

use kopir::mutation::{Mutation, switch};
use kopir::simulate::{Checker, Options, Played, Simulation};
use tempfile::TempDir;

/// Worlds in which a fault must show.
const SEEDS: u64 = 60;
/// Worlds at least in which a sound bus must pass.
const SOUND_SEEDS: u64 = 10;

/// Which checkers may catch a fault: those whose matter it is.
fn catchers(mutation: Mutation) -> &'static [Checker] {
    match mutation {
        Mutation::AnswerBeforeSync => &[Checker::Durable, Checker::Receipts],
        Mutation::SkipRung | Mutation::SayTwice | Mutation::SayEarly | Mutation::HideOutage => {
            &[Checker::Ladder]
        }
        Mutation::DropLease | Mutation::ForgetWakeUp => &[Checker::Delivered],
        // What is decided on an old case does not fold, and the bus cannot go on with it.
        Mutation::ForgetOverlay => &[Checker::Receipts, Checker::Order, Checker::Alive],
        Mutation::AnswerAnew => &[Checker::Receipts, Checker::Order, Checker::Alive],
        Mutation::LatestFirst => &[Checker::DueOrder],
        Mutation::LoseRequest => &[Checker::Index, Checker::Receipts],
        Mutation::FollowJump => &[Checker::Clock],
    }
}

// One test, because the switch is the process's.
#[test]
fn each_fault_is_caught_by_its_checker_and_a_sound_bus_passes_the_same_worlds() {
    let directory = directory();
    let options = Options { weeks: 4, directory: directory.path().to_owned(), trace: None };
    let simulation = Simulation::new(options).unwrap();
    let mut last = 0;
    for mutation in Mutation::ALL {
        switch(Some(*mutation));
        let worlds = (1..=SEEDS).map(|seed| simulation.play(seed).unwrap());
        let caught =
            worlds.filter(is_caught).find(|played| is_caught_by_its_own(*mutation, played));
        switch(None);
        let caught = caught.unwrap_or_else(|| panic!("{mutation} is not caught in {SEEDS} worlds"));
        println!("{mutation}: seed {}: {}", caught.seed, caught.violations[0]);
        last = last.max(caught.seed);
    }
    for seed in 1..=last.max(SOUND_SEEDS) {
        let played = simulation.play(seed).unwrap();
        assert!(!is_caught(&played), "seed {seed} without a fault: {:?}", played.violations);
    }
}

/// Whether the checker whose matter it is caught a fault. A bus that can no longer start, or dies, of
/// what the fault left is caught too, but does not show that.
fn is_caught_by_its_own(mutation: Mutation, played: &Played) -> bool {
    let violation = &played.violations[0];
    let is_its_own = catchers(mutation).contains(&violation.checker);
    let (seed, is_dead) = (played.seed, violation.checker == Checker::Alive);
    assert!(is_its_own || is_dead, "{mutation}: seed {seed}: {violation}");
    is_its_own
}

fn is_caught(played: &Played) -> bool {
    !played.violations.is_empty()
}

fn directory() -> TempDir {
    let in_memory = std::path::Path::new("/dev/shm");
    if in_memory.is_dir() { TempDir::new_in(in_memory) } else { TempDir::new() }.unwrap()
}
