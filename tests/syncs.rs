//! A receipt follows its sync, and one sync serves many receipts: the real bus, watched from
//! outside by strace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::process::Command;
use std::time::Instant;

use process::act::Act;
use process::ledger::Ledger;
use process::load::{acknowledge, fetch, send, send_at_once, submission, submit_in_bulk};
use process::seed::Seed;
use process::trace::{Call, Trace, obstacle, traced};
use process::{Bus, COMMITTEE, Ground, Settings, skip};

const MISSION: &str = "mission-uz";
/// Acts, and acknowledgements, that follow one another with nothing else under way.
const ONE_BY_ONE: usize = 24;
/// Acts of the measurement with many under way.
const MANY: usize = 1024;
/// How many are under way at once.
const AT_ONCE: usize = 64;
/// How long each sync of the slow disk takes longer, in microseconds: about what a disk with a
/// spindle needs, where it matters most that acts share a sync.
const SLOW_SYNC: &str = "inject=fdatasync:delay_exit=4000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_leaves_after_the_sync_of_its_record() {
    if let Some(why) = obstacle() {
        return skip("a_receipt_leaves_after_the_sync_of_its_record", &why);
    }
    let (ground, mut seed) = (Ground::new(), Seed::of_this_run("syncs"));
    let ledger = Ledger::new();
    let (bus, mut trace) = start(&ground, &[]);
    let mission = ground.client(&bus, MISSION).await;
    trace.news();
    for _ in 0..ONE_BY_ONE {
        let act = submission(&mut seed);
        send(&mission, &ledger, MISSION, &act).await.unwrap();
        assert_written_then_synced(&trace.news(), "an act");
    }
    let act = submission(&mut seed);
    send_at_once(&mission, &ledger, MISSION, &[act.clone(), act], 2).await;
    trace.news();
    assert_eq!(ledger.progress().borrow().repeated, 1, "two at once under one id are one act");

    let committee = ground.client(&bus, COMMITTEE).await;
    let deliveries = fetch(&committee, 100).await;
    assert_eq!(deliveries.len(), ONE_BY_ONE + 1);
    for delivery in &deliveries {
        acknowledge(&committee, &ledger, COMMITTEE, delivery).await.unwrap();
        assert_written_then_synced(&trace.news(), "an acknowledgement");
    }
    assert_eq!(trace.news(), [], "without acts the journal rests");
    println!("syncs: {ONE_BY_ONE} acts, {} acknowledgements, each synced", deliveries.len());
    assert!(bus.stop().success());
    process::journal::agrees(&ground.journal(), &ledger, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_under_way_together_share_their_syncs() {
    if let Some(why) = obstacle() {
        return skip("acts_under_way_together_share_their_syncs", &why);
    }
    let mut seed = Seed::of_this_run("syncs");
    let here = measure(&mut seed, &[]).await;
    println!("syncs on this disk: {here}");
    let slow = measure(&mut seed, &["-e", SLOW_SYNC]).await;
    println!("syncs on a disk with 4 ms a sync: {slow}");
    for (count, how) in [(slow.unary, "unary"), (slow.bulk, "bulk")] {
        assert!((1..MANY / 4).contains(&count), "{how}: {count} syncs for {MANY} acts");
    }
}

/// Syncs for `MANY` acts, `AT_ONCE` of them under way.
struct Shared {
    unary: usize,
    bulk: usize,
    seconds: f64,
}

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { unary, bulk, seconds } = self;
        write!(
            f,
            "{MANY} acts by unary calls, {AT_ONCE} at once: {unary} syncs; \
             in bulk: {bulk} syncs; {seconds:.1} s"
        )
    }
}

async fn measure(seed: &mut Seed, options: &[&str]) -> Shared {
    let (ground, ledger) = (Ground::new(), Ledger::new());
    let begun = Instant::now();
    let (bus, mut trace) = start(&ground, options);
    let mission = ground.client(&bus, MISSION).await;
    let acts: Vec<Act> = (0..MANY * 2).map(|_| submission(seed)).collect();
    trace.news();
    send_at_once(&mission, &ledger, MISSION, &acts[..MANY], AT_ONCE).await;
    let unary = trace.syncs();
    for acts in acts[MANY..].chunks(AT_ONCE) {
        let refused = submit_in_bulk(&mission, &ledger, MISSION, acts).await;
        assert!(refused.is_empty(), "{refused:?}");
    }
    let bulk = trace.syncs();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(bus.stop().success());
    process::journal::agrees(&ground.journal(), &ledger, true);
    Shared { unary, bulk, seconds }
}

fn start(ground: &Ground, options: &[&str]) -> (Bus, Trace) {
    let file = ground.path("trace");
    let command = ground.serve(&Settings::default());
    let mut command: Command = traced(&command, &file, options);
    let bus = Bus::start(&mut command);
    (bus, Trace::follow(&file))
}

/// While nothing else was under way: the record was written and then synced, before its answer was
/// here.
fn assert_written_then_synced(calls: &[Call], what: &str) {
    let written = calls.iter().position(|call| *call == Call::Written);
    let synced = calls.iter().rposition(|call| *call == Call::Synced);
    assert!(
        written.is_some() && written < synced,
        "{what} was answered after {calls:?} on the journal"
    );
}
