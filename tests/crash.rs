//! The bus is killed under load, again and again, and owes nobody anything afterwards.
//!
//! Fourteen parties work through the whole procedure while the process is killed with SIGKILL at
//! random moments, sometimes while it is still starting; its index is deleted at every fifth start
//! and damaged at others. A ledger outside of the bus holds what the parties were promised. In the
//! end every promise is found in the journal and in the answers of the bus, once and in order.
//!
//! `KOPIR_CRASH_KILLS` says how often to kill (5), `KOPIR_SEED` repeats the choices of a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use process::crowd::Crowd;
use process::seed::Seed;
use process::{Bus, Ground, Settings, Starting, environment};

/// At most so many receipts and confirmations between two kills, by how fast the build is.
const MOST_ENTRIES: u64 = if cfg!(debug_assertions) { 1200 } else { 4000 };
/// One kill in so many hits a bus that is starting.
const KILLED_EARLY: u64 = 6;
/// The index is deleted at every start of this number.
const INDEX_DELETED: u32 = 5;
/// At the other starts it is damaged once in so many.
const INDEX_DAMAGED: u64 = 4;

/// The parties, and what was done to their bus.
struct Run {
    crowd: Crowd,
    starts: u32,
    kills: Kills,
}

/// What was done to the bus.
#[derive(Debug, Default)]
struct Kills {
    under_load: u32,
    while_starting: u32,
    index_deleted: u32,
    index_damaged: u32,
    /// Not killed: it gave its damaged index up.
    given_up: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_act_survives_sigkill_exactly_once() {
    let wanted = environment("KOPIR_CRASH_KILLS").map_or(5, |text| text.parse().unwrap());
    let begun = Instant::now();
    let crowd = Crowd::new(Ground::new(), Seed::of_this_run("crash"), Settings::default());
    let mut run = Run { crowd, starts: 0, kills: Kills::default() };
    let mut bus = run.start().await;
    while run.kills.under_load + run.kills.while_starting < wanted {
        run.kill_under_load(bus).await;
        bus = run.start().await;
    }
    run.kill_under_load(bus).await;

    run.crowd.close_intake();
    run.crowd.index_is_derived().await;
    let progress = run.crowd.ledger.progress();
    let report = run.crowd.finish().await;
    println!(
        "crash: {:?} in {:.1} s, {} records in {} segments, {:?}",
        run.kills,
        begun.elapsed().as_secs_f64(),
        report.records,
        report.segments,
        *progress.borrow(),
    );
}

impl Run {
    /// Starts the bus on what the last one left, after the index was treated as it comes; asks
    /// again for old receipts, and then lets the parties in.
    async fn start(&mut self) -> Bus {
        while self.crowd.seed.once_in(KILLED_EARLY) {
            self.treat_index();
            let span = Duration::from_millis(self.crowd.seed.below(120));
            Starting::spawn(&mut self.crowd.serve()).kill_within(span);
            self.kills.while_starting += 1;
        }
        self.treat_index();
        let bus = Bus::start(&mut self.crowd.serve());
        self.crowd.ask_again(&bus).await;
        self.crowd.open_doors(&bus);
        bus
    }

    async fn kill_under_load(&mut self, mut bus: Bus) {
        loop {
            let status = tokio::select! {
                () = self.crowd.wait_for_load(MOST_ENTRIES) => break,
                status = bus.ended() => status,
            };
            // Damage may be met late; then the bus ends by itself, and whoever keeps it starts it.
            let log = bus.log();
            assert!(log.contains("the index"), "the bus ended by itself ({status}):\n{log}");
            self.crowd.shut_doors();
            self.kills.given_up += 1;
            bus = self.start().await;
        }
        bus.kill();
        self.crowd.shut_doors();
        self.kills.under_load += 1;
    }

    /// The index is disposable: it goes missing, or its bytes change.
    fn treat_index(&mut self) {
        self.starts += 1;
        let index = self.crowd.index();
        if !index.exists() {
            return;
        }
        if self.starts.is_multiple_of(INDEX_DELETED) {
            fs::remove_dir_all(&index).unwrap();
            self.kills.index_deleted += 1;
        } else if self.crowd.seed.once_in(INDEX_DAMAGED) {
            damage(&index, &mut self.crowd.seed);
            self.kills.index_damaged += 1;
        }
    }
}

/// Writes random bytes over a random place of up to three files, or cuts one short.
fn damage(index: &Path, seed: &mut Seed) {
    let files = files_below(index);
    for _ in 0..=seed.below(3) {
        let Some(path) = files.get(usize::try_from(seed.next()).unwrap() % files.len().max(1))
        else {
            return;
        };
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let at = seed.below(file.metadata().unwrap().len() + 1);
        if seed.once_in(8) {
            file.set_len(at).unwrap();
            continue;
        }
        let count = usize::try_from(1 + seed.below(4096)).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&seed.bytes(count)).unwrap();
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    // The order of a directory is the file system's; the choice among its files is the seed's.
    files.sort();
    files
}
