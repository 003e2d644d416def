//! The bus is stopped in the middle of its work and goes on later (SIGSTOP, SIGCONT), as on a
//! machine that swaps, migrates or is suspended. Those with a deadline give up waiting and ask
//! again under the same request id. No receipt is lost, and nothing is done twice.
//!
//! `KOPIR_STALLS` says how often (8), `KOPIR_SEED` repeats the choices of a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use process::act::{Answer, read};
use process::crowd::Crowd;
use process::ledger::Ledger;
use process::load::submission;
use process::seed::Seed;
use process::{Bus, Ground, MISSIONS, Settings, environment};

/// At most so many receipts and confirmations between two stalls.
const MOST_ENTRIES: u64 = 200;
/// The usual stall is shorter than this, in milliseconds.
const SHORT_MS: u64 = 200;
/// One in so many is long.
const LONG: u64 = 6;
/// How long a long one is: several deadlines.
const LONG_STALL: Duration = Duration::from_millis(1500);
/// How long the hasty wait for an answer.
const DEADLINE: Duration = Duration::from_millis(100);
/// How many of them there are.
const HASTY: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_bus_loses_no_receipt_and_doubles_no_act() {
    let wanted: u32 = environment("KOPIR_STALLS").map_or(8, |text| text.parse().unwrap());
    let begun = Instant::now();
    let mut crowd = Crowd::new(Ground::new(), Seed::of_this_run("stalls"), Settings::default());
    let bus = Bus::start(&mut crowd.serve());
    crowd.open_doors(&bus);
    let hasty = Hasty::default();
    let mut hurry = JoinSet::new();
    for _ in 0..HASTY {
        let channel = crowd.ground.client(&bus, MISSIONS[0]).await;
        let (ledger, seed) = (Arc::clone(&crowd.ledger), crowd.seed.fork());
        hurry.spawn(hasty.clone().submit(channel, ledger, seed));
    }
    let mut stalled = Duration::ZERO;
    for _ in 0..wanted {
        crowd.wait_for_load(MOST_ENTRIES).await;
        let short = Duration::from_millis(crowd.seed.below(SHORT_MS));
        let stall = if crowd.seed.once_in(LONG) { LONG_STALL } else { short };
        bus.freeze();
        tokio::time::sleep(stall).await;
        bus.thaw();
        stalled += stall;
    }
    hasty.0.enough.store(true, Ordering::SeqCst);
    while let Some(ended) = hurry.join_next().await {
        ended.expect("a hasty sender fails");
    }
    crowd.ask_again(&bus).await;
    let progress = crowd.ledger.progress();
    crowd.finish_on(bus).await;
    let given_up = hasty.0.given_up.load(Ordering::SeqCst);
    println!(
        "stalls: {wanted} in {:.1} s, {:.1} s of it stalled; {given_up} answers not waited for; {:?}",
        begun.elapsed().as_secs_f64(),
        stalled.as_secs_f64(),
        *progress.borrow(),
    );
    assert!(given_up > 0, "nobody met a deadline, so nothing was shown");
}

/// Senders with a deadline.
#[derive(Clone, Default)]
struct Hasty(Arc<Counts>);

#[derive(Default)]
struct Counts {
    enough: AtomicBool,
    given_up: AtomicU64,
}

impl Hasty {
    /// Submits one application after the other, each until there is a receipt in hand.
    async fn submit(self, channel: tonic::transport::Channel, ledger: Arc<Ledger>, mut seed: Seed) {
        while !self.0.enough.load(Ordering::SeqCst) {
            let act = submission(&mut seed);
            ledger.begin();
            loop {
                match tokio::time::timeout(DEADLINE, act.send(channel.clone())).await {
                    Ok(Ok(receipt)) => {
                        ledger.receipt(MISSIONS[0], &act, &receipt);
                        break;
                    }
                    Ok(Err(status)) => match read(&status) {
                        Answer::Unknown | Answer::Later(_) => {}
                        Answer::Refused(why) => panic!("{act:?} is refused: {why}: {status:?}"),
                    },
                    Err(_) => {
                        self.0.given_up.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        }
    }
}
