//! The disk says no: the real bus, whose system calls strace lets fail under load.
//!
//! A write or a sync of the journal fails once, at a random call: the bus must answer nothing that
//! rests on it, say what failed and end, and another must come up on what is there with every act
//! that was acknowledged. A segment that finds no room is refused with a reason, and the bus goes
//! on. A failed write of the index loses nothing, for it is built from the journal again.
//!
//! `KOPIR_IO_FAULTS` says how many rounds of all faults (1), `KOPIR_SEED` repeats the choices of a
//! run. It needs strace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use process::crowd::Crowd;
use process::seed::Seed;
use process::trace::{injected, obstacle};
use process::{Bus, Ground, Settings, environment, skip};

/// The call of the journal's writer that fails is one of the first so many.
const WITHIN: u64 = 60;
/// At most so many receipts and confirmations between two faults.
const MOST_ENTRIES: u64 = 200;
/// So many segments in a row find no room.
const WITHOUT_ROOM: usize = 4;

/// A call that fails, and what the bus must say of it.
struct Fault {
    call: &'static str,
    error: &'static str,
    on: File,
    /// One of these stands in its log.
    said: &'static [&'static str],
}

/// The file whose calls fail.
enum File {
    Segment,
    Index,
}

const FAULTS: [Fault; 5] = [
    Fault { call: "pwrite64", error: "EIO", on: File::Segment, said: &["writing", "settling"] },
    Fault { call: "pwrite64", error: "ENOSPC", on: File::Segment, said: &["writing", "settling"] },
    Fault { call: "fdatasync", error: "EIO", on: File::Segment, said: &["syncing", "settling"] },
    Fault { call: "fdatasync", error: "ENOSPC", on: File::Segment, said: &["syncing", "settling"] },
    Fault { call: "pwrite64", error: "EIO", on: File::Index, said: &["index"] },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_or_sync_ends_the_bus_and_costs_no_receipt() {
    if let Some(why) = obstacle() {
        return skip("a_failed_write_or_sync_ends_the_bus_and_costs_no_receipt", &why);
    }
    let rounds = environment("KOPIR_IO_FAULTS").map_or(1, |text| text.parse().unwrap());
    let begun = Instant::now();
    // One segment for everything, so that its calls can be told by its name.
    let settings = Settings { segment_mib: 64, engine_reserve_mib: 65, ..Settings::default() };
    let seed = Seed::of_this_run("io faults");
    let mut crowd = Crowd::new(Ground::new(), seed, settings);
    for fault in (0..rounds).flat_map(|_| &FAULTS) {
        work_in_peace(&mut crowd).await;
        let place = 1 + crowd.seed.below(WITHIN);
        let inject = format!("inject={}:error={}:when={place}", fault.call, fault.error);
        let trace = crowd.ground.path("trace");
        let file = fault.on.path(&crowd);
        let mut command = injected(&crowd.serve(), &trace, fault.call, &inject, Some(&file));
        let (status, log) = match Bus::try_start(&mut command) {
            Ok(bus) => {
                crowd.open_doors(&bus);
                bus.end_and_tell()
            }
            // The first calls are those of the start itself.
            Err(refused) => (refused.status, refused.log),
        };
        crowd.shut_doors();
        // Each thread has its own first call, so those of sled may fail together.
        assert!(failures(&trace) > 0, "{inject}: it never failed:\n{log}");
        assert!(matches!(status.code(), Some(1 | 3)), "{inject}: {status}:\n{log}");
        let line = log.lines().find(|line| fault.said.iter().any(|said| line.contains(said)));
        let line = line.unwrap_or_else(|| panic!("{inject}: nothing of {:?}:\n{log}", fault.said));
        println!("io faults: {inject}: {status}: {line}");
    }
    work_in_peace(&mut crowd).await;
    let progress = crowd.ledger.progress();
    crowd.finish().await;
    println!("io faults: {:?} in {:.1} s", *progress.borrow(), begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_without_room_is_refused_until_there_is_some() {
    if let Some(why) = obstacle() {
        return skip("a_segment_without_room_is_refused_until_there_is_some", &why);
    }
    let settings = Settings { segment_mib: 1, engine_reserve_mib: 2, ..Settings::default() };
    let mut crowd = Crowd::new(Ground::new(), Seed::of_this_run("no room"), settings);
    work_in_peace(&mut crowd).await;
    let trace = crowd.ground.path("trace");
    let inject = format!("inject=fallocate:error=ENOSPC:when=1..{WITHOUT_ROOM}");
    let dir = crowd.journal();
    let mut command = injected(&crowd.serve(), &trace, "fallocate", &inject, None);
    let mut bus = Bus::start(&mut command);
    crowd.open_doors(&bus);
    let segments = || fs::read_dir(&dir).unwrap().count() - 1;
    let before = segments();
    while segments() == before {
        crowd.wait_for_load(MOST_ENTRIES).await;
    }
    assert_eq!(failures(&trace), WITHOUT_ROOM, "refused, asked again, and in the end taken");
    assert_eq!(bus.has_ended(), None, "a full disk ends no bus:\n{}", bus.log());
    println!("no room: {WITHOUT_ROOM} refusals, {:?}", *crowd.ledger.progress().borrow());
    crowd.close_intake();
    crowd.finish_on(bus).await;
}

impl File {
    fn path(&self, crowd: &Crowd) -> PathBuf {
        match self {
            Self::Segment => crowd.journal().join("00000000000000000001.kjl"),
            Self::Index => crowd.index().join("data/db"),
        }
    }
}

/// A bus without faults, that is asked for old receipts and then killed.
async fn work_in_peace(crowd: &mut Crowd) {
    let bus = Bus::start(&mut crowd.serve());
    crowd.ask_again(&bus).await;
    crowd.open_doors(&bus);
    crowd.wait_for_load(MOST_ENTRIES).await;
    bus.kill();
    crowd.shut_doors();
}

/// How many calls were made to fail.
fn failures(trace: &std::path::Path) -> usize {
    fs::read_to_string(trace).unwrap().matches("(INJECTED)").count()
}
