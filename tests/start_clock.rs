//! The clock by which a bus starts: the real binary on data directories whose last sign of life
//! does not go with the machine's clock, and what it tells of the time in which it was away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::fs;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use kopir::engine::alive::LastAlive;
use kopir::rpc::proto::operations::v1::{GetStatusResponse, MachineClockState, Outage};
use process::answers::status;
use process::{Bus, Ground, OPERATOR, Refused};

/// How long a bus is stopped; it takes five seconds for an outage.
const STOPPED: Duration = Duration::from_secs(7);

async fn told(ground: &Ground, bus: &Bus) -> GetStatusResponse {
    status(ground.client(bus, OPERATOR).await).await
}

fn refused(command: &mut Command) -> Refused {
    match Bus::try_start(command) {
        Ok(bus) => bus.fail("it must not start"),
        Err(refused) => refused,
    }
}

/// It ended as over a wrong configuration, with these words among what it said.
fn assert_told(refused: &Refused, words: &[&str]) {
    assert_eq!(refused.status.code(), Some(2), "{}", refused.log);
    for words in words.iter().chain(&["kopir serve --accept-clock"]) {
        assert!(refused.log.contains(words), "'{words}' is not in: {}", refused.log);
    }
}

/// Records of this instant are in the journal, and no sign of life is beside it.
fn journal_of(ground: &Ground, instant: &str) {
    assert!(Bus::start(&mut ground.serve_sandbox_from(instant)).stop().success());
    assert!(!ground.data().join("alive").exists(), "a sandbox leaves no sign of life");
}

fn accepting(ground: &Ground) -> Command {
    let mut command = ground.serve_by_machine_clock();
    command.arg("--accept-clock");
    command
}

fn span(outage: &Outage) -> (i64, i64) {
    (outage.start_time.unwrap().seconds, outage.end_time.unwrap().seconds)
}

#[tokio::test]
async fn a_clock_far_after_the_last_sign_of_life_needs_the_operators_word() {
    let ground = Ground::new();
    let last = "2022-03-01T09:00:00Z";
    journal_of(&ground, last);
    let two_years_ahead = refused(&mut ground.serve_by_machine_clock());
    assert_told(&two_years_ahead, &["2022-03-01T09:00:00Z", "clock.max_gap_days = 30"]);

    // It is the clock that is right: all that time there was no bus.
    let bus = Bus::start(&mut accepting(&ground));
    let before = told(&ground, &bus).await;
    assert_eq!(before.machine_clock.unwrap().state(), MachineClockState::Level);
    let (from, until) = span(&before.last_outage.unwrap());
    assert_eq!(from, last.parse::<Timestamp>().unwrap().as_second());
    assert!(until <= before.current_time.unwrap().seconds);
    assert!(before.last_commit_time.unwrap().seconds >= until, "the outage was journaled");
    assert!(bus.stop().success());

    // The word was for that start; by now the journal and the sign of life say the same.
    let bus = Bus::start(&mut ground.serve_by_machine_clock());
    assert!(told(&ground, &bus).await.ready);
    assert!(bus.stop().success());
}

#[tokio::test]
async fn a_clock_before_the_journals_last_time_needs_the_operators_word_and_stands_still() {
    let ground = Ground::new();
    // A bus has run by a clock that was years ahead, and it was set right.
    let last = "2029-03-01T09:00:00Z";
    journal_of(&ground, last);
    let ahead = refused(&mut ground.serve_by_machine_clock());
    assert_told(&ahead, &["2029-03-01T09:00:00Z", "time then stands still"]);

    let bus = Bus::start(&mut accepting(&ground));
    let status = told(&ground, &bus).await;
    let last = last.parse::<Timestamp>().unwrap().as_second();
    assert_eq!(status.current_time.unwrap().seconds, last);
    let clock = status.machine_clock.unwrap();
    assert_eq!(clock.state(), MachineClockState::Behind);
    assert!(clock.offset.unwrap().seconds < -86_400, "{clock:?}");
    assert_eq!(status.last_outage, None);
    assert!(bus.stop().success());
}

#[tokio::test]
async fn a_clock_that_was_set_while_the_bus_was_down_needs_the_operators_word() {
    let ground = Ground::new();
    assert!(Bus::start(&mut ground.serve_by_machine_clock()).stop().success());
    let data = ground.data();
    let alive = LastAlive::read(&data).unwrap().expect("a sign of life");
    let hour_ms = 3_600_000;

    // As if the wall clock had been set forward by an hour since: the boot clock knows better.
    let earlier = LastAlive { now_ms: alive.now_ms - hour_ms, ..alive.clone() };
    earlier.write(&data).unwrap();
    // The journal's records are of the time before, so only the sign of life tells.
    let told = refused(&mut ground.serve_by_machine_clock());
    assert_told(&told, &["by what the machine has counted"]);
    // The same after a restart of the machine is an outage of an hour like any other.
    LastAlive { boot: "another boot".into(), ..earlier }.write(&data).unwrap();
    assert!(Bus::start(&mut ground.serve_by_machine_clock()).stop().success());

    // Set back by an hour.
    LastAlive { now_ms: alive.now_ms + hour_ms, boot: "another boot".into(), ..alive.clone() }
        .write(&data)
        .unwrap();
    let told = refused(&mut ground.serve_by_machine_clock());
    assert_told(&told, &["later than that"]);

    // What is no sign of life is none.
    fs::write(data.join("alive"), "kopir alive 1\nnow_ms 99999999999999\n").unwrap();
    assert!(Bus::start(&mut ground.serve_by_machine_clock()).stop().success());
    assert_ne!(LastAlive::read(&data).unwrap(), None, "it is replaced by one");
}

#[tokio::test]
async fn a_bus_that_was_killed_or_stood_still_tells_when_it_was_away() {
    let ground = Ground::new();
    let bus = Bus::start(&mut ground.serve_by_machine_clock());
    let before = told(&ground, &bus).await;
    assert_eq!(before.last_outage, None, "it has never been away");
    let id = rustix::process::Pid::from_raw(i32::try_from(bus.id()).unwrap()).unwrap();
    let signal = |signal| rustix::process::kill_process(id, signal).unwrap();

    signal(rustix::process::Signal::STOP);
    // The time itself is what is tested.
    tokio::time::sleep(STOPPED).await;
    signal(rustix::process::Signal::CONT);
    let stood_still = loop {
        let status = told(&ground, &bus).await;
        assert_eq!(status.machine_clock.unwrap().state(), MachineClockState::Level);
        if let Some(outage) = status.last_outage {
            break span(&outage);
        }
    };
    let seconds = stood_still.1 - stood_still.0;
    assert!((5..60).contains(&seconds), "{seconds} s");
    assert!(stood_still.0 >= before.current_time.unwrap().seconds - 2, "{stood_still:?}");

    bus.kill();
    let data = ground.data();
    let alive = LastAlive::read(&data).unwrap().expect("a sign of life");
    assert!(alive.now_ms >= stood_still.1 * 1000, "it is of the last seconds");
    let bus = Bus::start(&mut ground.serve_by_machine_clock());
    let again = told(&ground, &bus).await;
    let away = span(&again.last_outage.unwrap());
    assert!(away == stood_still || away.0 >= stood_still.1, "a short stop is none: {away:?}");
    assert!(bus.stop().success());
}
