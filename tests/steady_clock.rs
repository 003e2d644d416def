//! The clock of the bus over random settings of the machine's clock: it never runs backwards, is
//! never further ahead of the true time than the bound, and so never says early what a term says.
//! The truth here is the boot clock; NTP, operators and suspensions do what they like to the other.

use kopir::engine::clock::steady::{NOISE_MS, Steady};
use kopir::engine::clock::{ClockState, Reading, SteadyOptions};
use proptest::prelude::*;

const BOUND_MS: i64 = 60_000;
const SETTLE_MS: i64 = 60_000;
const OPTIONS: SteadyOptions = SteadyOptions { max_step_ms: BOUND_MS, settle_ms: SETTLE_MS };

/// When the machine was started, by the true time.
const BOOT_AT_MS: i64 = 1_675_220_400_000;
/// How long it had run when the bus was started.
const UP_MS: i64 = 86_400_000;

/// A machine whose wall clock may be set.
#[derive(Clone)]
struct Machine {
    boot_ms: i64,
    /// How far the wall clock is ahead of the true time.
    wrong_ms: i64,
}

impl Machine {
    fn new() -> Self {
        Self { boot_ms: UP_MS, wrong_ms: 0 }
    }

    fn true_ms(&self) -> i64 {
        BOOT_AT_MS + self.boot_ms
    }

    fn reading(&self) -> Reading {
        Reading { wall_ms: self.true_ms() + self.wrong_ms, boot_ms: self.boot_ms }
    }
}

/// What happens between two looks at the clock.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// Time passes, or the machine is suspended: both clocks go on.
    Passes(i64),
    /// The wall clock is set.
    Step(i64),
    /// The wall clock is set right.
    Right,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..5_000_i64).prop_map(Happening::Passes),
        2 => (0..200_000_i64).prop_map(Happening::Passes),
        1 => (0..200_000_000_i64).prop_map(Happening::Passes),
        2 => (-200_i64..200).prop_map(Happening::Step),
        2 => (-70_000_i64..70_000).prop_map(Happening::Step),
        1 => (-70_000_000_000_i64..70_000_000_000).prop_map(Happening::Step),
        1 => Just(Happening::Right),
    ]
}

fn happen(machine: &mut Machine, happening: Happening) {
    match happening {
        Happening::Passes(ms) => machine.boot_ms += ms,
        Happening::Step(ms) => machine.wrong_ms += ms,
        Happening::Right => machine.wrong_ms = 0,
    }
}

proptest! {
    #[test]
    fn time_never_runs_backwards_nor_ahead_of_the_truth(
        happenings in proptest::collection::vec(happening(), 1..200),
    ) {
        let mut machine = Machine::new();
        let mut clock = Steady::new(OPTIONS, machine.reading());
        let mut again = clock.clone();
        let mut readings = Vec::new();
        let mut shown = Vec::new();
        for each in happenings {
            happen(&mut machine, each);
            readings.push(machine.reading());
            let now_ms = clock.read(machine.reading());
            prop_assert!(shown.last().is_none_or(|last| *last <= now_ms), "backwards");
            let ahead_ms = now_ms - machine.true_ms();
            prop_assert!(ahead_ms <= BOUND_MS, "{ahead_ms} ms ahead after {each:?}");
            shown.push(now_ms);
        }
        // Behind the truth by no more than the bound once what it followed has been stood out.
        machine.boot_ms += 2 * BOUND_MS;
        let behind_ms = machine.true_ms() - clock.read(machine.reading());
        prop_assert!(behind_ms <= BOUND_MS, "{behind_ms} ms behind");
        // The same readings give the same times.
        let replayed: Vec<_> = readings.into_iter().map(|reading| again.read(reading)).collect();
        prop_assert_eq!(replayed, shown);
    }

    #[test]
    fn nothing_is_said_early_after_a_jump_forward(
        jump_ms in BOUND_MS + 1..100_000_000_000_i64,
        looks in proptest::collection::vec(1..200_000_i64, 1..100),
        due_in_ms in 1..20_000_000_i64,
    ) {
        let mut machine = Machine::new();
        let mut clock = Steady::new(OPTIONS, machine.reading());
        let due_ms = machine.true_ms() + due_in_ms;
        machine.wrong_ms = jump_ms;
        for ms in looks {
            machine.boot_ms += ms;
            let now_ms = clock.read(machine.reading());
            prop_assert_eq!(now_ms, machine.true_ms(), "it goes at the boot clock's pace");
            prop_assert_eq!(now_ms >= due_ms, machine.true_ms() >= due_ms);
            prop_assert_eq!(clock.state(), ClockState::Adrift { by_ms: jump_ms });
        }
        machine.wrong_ms = 0;
        clock.read(machine.reading());
        prop_assert_eq!(clock.state(), ClockState::Level, "they agree again");
    }
}

fn after(machine: &mut Machine, clock: &mut Steady, ms: i64) -> (i64, ClockState) {
    machine.boot_ms += ms;
    let now_ms = clock.read(machine.reading());
    (now_ms - machine.true_ms(), clock.state())
}

#[test]
fn a_small_step_back_makes_time_stand_still_until_the_wall_has_caught_up() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    machine.wrong_ms = -30_000;
    assert_eq!(after(&mut machine, &mut clock, 0), (0, ClockState::Behind { by_ms: 30_000 }));
    let half = after(&mut machine, &mut clock, 15_000);
    assert_eq!(half, (-15_000, ClockState::Behind { by_ms: 15_000 }));
    assert_eq!(after(&mut machine, &mut clock, 15_000), (-30_000, ClockState::Level));
    assert_eq!(after(&mut machine, &mut clock, 15_000), (-30_000, ClockState::Level));
}

#[test]
fn a_small_step_forward_is_followed_once_it_has_stood() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    machine.wrong_ms = 20_000;
    let ahead = ClockState::Ahead { by_ms: 20_000 };
    assert_eq!(after(&mut machine, &mut clock, 500), (0, ahead));
    assert_eq!(after(&mut machine, &mut clock, SETTLE_MS - 1), (0, ahead));
    // Set again meanwhile: the new step must stand as long.
    machine.wrong_ms = 30_000;
    let ahead = ClockState::Ahead { by_ms: 30_000 };
    assert_eq!(after(&mut machine, &mut clock, 1), (0, ahead));
    assert_eq!(after(&mut machine, &mut clock, SETTLE_MS - 1), (0, ahead));
    assert_eq!(after(&mut machine, &mut clock, 1), (30_000, ClockState::Level));
    // A glitch that is taken back is never followed.
    machine.wrong_ms = 50_000;
    assert_eq!(after(&mut machine, &mut clock, 1), (30_000, ClockState::Ahead { by_ms: 20_000 }));
    machine.wrong_ms = 30_000;
    assert_eq!(after(&mut machine, &mut clock, SETTLE_MS), (30_000, ClockState::Level));
}

#[test]
fn small_steps_add_up_to_the_bound_and_no_further() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    for step in 1..=3 {
        machine.wrong_ms = step * 20_000;
        after(&mut machine, &mut clock, 1);
        assert_eq!(after(&mut machine, &mut clock, SETTLE_MS).0, step * 20_000);
    }
    machine.wrong_ms += 1_000;
    let adrift = (60_000, ClockState::Adrift { by_ms: 1_000 });
    assert_eq!(after(&mut machine, &mut clock, 10 * SETTLE_MS), adrift);
}

#[test]
fn a_large_step_back_is_not_followed_and_time_goes_on() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    machine.wrong_ms = -3_600_000;
    let adrift = (0, ClockState::Adrift { by_ms: -3_600_000 });
    assert_eq!(after(&mut machine, &mut clock, 86_400_000), adrift);
}

#[test]
fn a_suspended_machine_is_level_and_its_time_goes_on() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    // Two weeks with the lid closed: the boot clock has counted them.
    assert_eq!(after(&mut machine, &mut clock, 14 * 86_400_000), (0, ClockState::Level));
}

#[test]
fn the_noise_of_reading_two_clocks_is_no_step() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    for noise in [-NOISE_MS, NOISE_MS, 3, -7] {
        machine.wrong_ms = noise;
        assert_eq!(after(&mut machine, &mut clock, 100), (0, ClockState::Level));
    }
}

#[test]
fn nothing_is_shown_before_the_journals_last_time() {
    let mut machine = Machine::new();
    let mut clock = Steady::new(OPTIONS, machine.reading());
    clock.not_before(machine.true_ms() + 40_000);
    let behind = (39_000, ClockState::Behind { by_ms: 39_000 });
    assert_eq!(after(&mut machine, &mut clock, 1_000), behind);
    assert_eq!(after(&mut machine, &mut clock, 39_000), (0, ClockState::Level));
}

#[test]
fn readings_from_any_machine_are_taken() {
    let edges = [i64::MIN, -1, 0, 1, i64::MAX];
    let all = edges.iter().flat_map(|wall| edges.iter().map(move |boot| (*wall, *boot)));
    let readings: Vec<_> = all.map(|(wall_ms, boot_ms)| Reading { wall_ms, boot_ms }).collect();
    let mut clock = Steady::new(OPTIONS, *readings.first().unwrap());
    let mut last = i64::MIN;
    for reading in readings {
        let now = clock.read(reading);
        assert!(now >= last);
        last = now;
    }
}
