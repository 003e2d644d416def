//! Push: the bus calls the endpoints that parties have registered.
//!
//! Each endpoint has a task of its own that leases from the party's mailbox as a stream does, so a
//! party may be pushed to and read its inbox at once, and an endpoint that is dead, slow or hostile
//! costs nobody else anything. What is not on its way is not on lease. How a delivery is handed
//! over is behind [`Courier`]: this module knows when, never how.

mod breaker;
mod line;
mod schedule;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::{Dispatch, Leased};
use crate::domain::Sequence;
use crate::domain::party::PartyNumber;
use crate::engine::Clock;
use crate::index::IndexError;
use line::Line;
use worker::Worker;

pub use breaker::BreakerState;
pub use schedule::Backoff;

/// How long until an endpoint is opened again that could not be.
const REOPEN_INTERVAL: Duration = Duration::from_secs(5);

/// Bounds of push, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct PushOptions {
    /// Deliveries of one party that may be on their way to its endpoint.
    pub max_in_flight: usize,
    /// How long one attempt may take, connecting included.
    pub timeout: Duration,
    /// How long to wait after failures.
    pub backoff: Backoff,
    /// Failures in a row after which an endpoint is only probed.
    pub breaker_failures: u32,
    /// The seed of the jitter.
    pub seed: u64,
}

/// How an endpoint fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushHealth {
    /// Whether it is called freely.
    pub state: BreakerState,
    /// Attempts that have failed since the last one that reached the party.
    pub consecutive_failures: u32,
    /// When the first of them failed; none when there are none.
    pub since: Option<Timestamp>,
    /// How the last attempt that failed did so and when; none while none has since the bus began to
    /// call this endpoint. A success does not end it.
    pub last_failure: Option<(PushFault, Timestamp)>,
    /// When it is tried next; none when nothing waits for it, or when it is being tried.
    pub next_attempt_at: Option<Timestamp>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The party has stored it, and its acknowledgement is durable.
    Acknowledged,
    /// The party rejected it, which is durable too: it leaves the queue to be held.
    Rejected,
    /// It was acknowledged or held another way before it could leave.
    Gone,
    /// The endpoint did not do its part.
    Failed {
        /// How.
        fault: PushFault,
        /// To what that may be laid.
        blame: Blame,
        /// How long it asks to be left alone.
        asked: Option<Duration>,
    },
    /// The bus could not do its part.
    Ours,
}

/// How an endpoint failed, as the party is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushFault {
    /// No connection was made.
    NoConnection,
    /// The TLS handshake failed, or the endpoint refused the bus in it.
    Handshake,
    /// The bus refused the endpoint's certificate.
    Certificate,
    /// No answer came in time.
    TimedOut,
    /// The connection broke under the call.
    Broken,
    /// It asked for time.
    Busy,
    /// It answered with an error.
    ErrorStatus,
    /// What it answered is no answer to the delivery.
    OtherAnswer,
}

/// To what a failure may be laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// To the endpoint alone: the delivery never reached it, or it was busy.
    Endpoint,
    /// To the delivery too: the endpoint may fail on it. One that fails so again and again while
    /// others are taken is held.
    Delivery,
}

/// A future in a box.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens the way to the parties' endpoints.
pub trait Courier: Send + Sync {
    /// The endpoint of a party that the record `registered` names; none when it cannot be opened
    /// now, for a reason that is logged where it arose.
    fn open(&self, party: PartyNumber, registered: Sequence) -> Option<Box<dyn Endpoint>>;
}

/// A party's endpoint.
pub trait Endpoint: Send + Sync {
    /// Hands over one delivery, within [`PushOptions::timeout`]; what the party has stored is
    /// durably acknowledged when this answers so.
    fn deliver(&self, leased: Leased) -> Boxed<'_, Outcome>;
}

/// A point on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// On a clock that never jumps, since an arbitrary zero.
    steady: Duration,
    /// On the bus's clock, in Unix milliseconds.
    wall_ms: i64,
}

/// Keeps a worker for each registered endpoint until `stopping` turns true.
pub async fn run(
    dispatch: Dispatch,
    courier: Arc<dyn Courier>,
    clock: Clock,
    options: PushOptions,
    mut stopping: watch::Receiver<bool>,
) {
    let shared = Arc::clone(&dispatch.shared);
    let (workers, open) = (JoinSet::new(), HashMap::new());
    let mut desk = Desk { dispatch, courier, clock, options, workers, open, rest_until: None };
    loop {
        let mut changed = std::pin::pin!(shared.endpoints_changed.notified());
        // Enabled before the look, so that a change in between is not missed.
        changed.as_mut().enable();
        let is_whole = desk.settle();
        tokio::select! {
            // An error means that nobody can ask any more, which is a stop as well.
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = changed => {}
            Some(ended) = desk.workers.join_next_with_id(), if !desk.workers.is_empty() => {
                desk.ended(ended);
            }
            () = sleep(REOPEN_INTERVAL), if !is_whole => {}
        }
    }
}

/// The workers. Dropping it ends them all.
struct Desk {
    dispatch: Dispatch,
    courier: Arc<dyn Courier>,
    clock: Clock,
    options: PushOptions,
    workers: JoinSet<IndexError>,
    /// Which worker serves which party, and by which registration.
    open: HashMap<PartyNumber, (Sequence, AbortHandle)>,
    /// Until when none is started, because one has failed and its cause may still be there.
    rest_until: Option<Instant>,
}

impl Desk {
    /// Ends the workers whose endpoint is no longer registered and starts those that are missing.
    /// False when one could not be started.
    fn settle(&mut self) -> bool {
        let registered = match self.dispatch.shared.index.endpoints() {
            Ok(registered) => registered,
            Err(error) => {
                tracing::error!(%error, "the endpoints cannot be read; they are read again soon");
                return false;
            }
        };
        self.open.retain(|party, (sequence, worker)| {
            let is_kept = registered.get(party) == Some(sequence);
            if !is_kept {
                worker.abort();
            }
            is_kept
        });
        let missing: BTreeMap<_, _> =
            registered.into_iter().filter(|(party, _)| !self.open.contains_key(party)).collect();
        if !missing.is_empty() && self.rest_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        let mut is_whole = true;
        for (party, sequence) in missing {
            is_whole &= self.start(party, sequence);
        }
        is_whole
    }

    fn start(&mut self, party: PartyNumber, sequence: Sequence) -> bool {
        let Some(endpoint) = self.courier.open(party, sequence) else { return false };
        let seed =
            self.options.seed.wrapping_add(u64::from(party.0) << 32).wrapping_add(sequence.0);
        let worker = Worker {
            stream: self.dispatch.open_unseen(party, self.options.max_in_flight),
            endpoint,
            line: Line::new(&self.options, seed),
            clock: self.clock.clone(),
            began: Instant::now(),
        };
        let handle = self.workers.spawn(worker.run());
        self.open.insert(party, (sequence, handle));
        true
    }

    /// A worker has ended: aborted, or for want of the index, or with a panic.
    fn ended(&mut self, ended: Result<(Id, IndexError), JoinError>) {
        let id = match ended {
            Err(ended) if ended.is_cancelled() => return,
            Err(panicked) => {
                tracing::error!(error = %panicked, "the worker of an endpoint panicked");
                panicked.id()
            }
            Ok((id, error)) => {
                tracing::error!(%error, "the worker of an endpoint cannot go on");
                id
            }
        };
        self.open.retain(|_, (_, worker)| worker.id() != id);
        self.rest_until = Some(Instant::now() + REOPEN_INTERVAL);
    }
}
