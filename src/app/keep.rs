//! The tasks that run beside the calls for as long as the bus does.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::dispatch::{Dispatch, Outlook, Untaken};
use crate::domain::HeldReason;
use crate::domain::ladder::NO_CASE;
use crate::domain::retention::Retention;
use crate::engine::keeper::{Beat, INTERVAL, Monitor};
use crate::engine::retention::Retainer;
use crate::engine::{Clock, Engine, EngineError};

/// How often leases without a stream are checked for their end, the running terms for what has
/// fallen due, and the engine for its life.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is judged whether what waits will arrive in time.
const OUTLOOK_INTERVAL: Duration = Duration::from_secs(10);
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The tasks. They end with this value.
pub(super) struct Keepers {
    tasks: [JoinHandle<()>; 4],
    outlook: Arc<Mutex<Outlook>>,
    retainer: Arc<tokio::sync::Mutex<Retainer>>,
    /// Ends the monitor's thread when it goes.
    monitored: Option<Sender<()>>,
    monitor: Option<thread::JoinHandle<()>>,
}

impl Keepers {
    /// Starts them. Both parts of the keeper have had their first turn.
    ///
    /// # Errors
    /// What the operating system has against another thread.
    pub(super) fn start(
        (engine, dispatch): (Engine, Dispatch),
        beat: Beat,
        monitor: Monitor,
        retention: Retention,
        stop: watch::Sender<bool>,
    ) -> io::Result<Self> {
        let retainer = Arc::new(tokio::sync::Mutex::new(Retainer::new(engine.clone(), retention)));
        let outlook = Arc::new(Mutex::new(Outlook::new(engine.clock())));
        let tasks = [
            tokio::spawn(holding(engine.clone(), dispatch.clone())),
            tokio::spawn(watch(engine.clone(), dispatch, Arc::clone(&outlook))),
            tokio::spawn(beating(beat)),
            tokio::spawn(retaining(Arc::clone(&retainer))),
        ];
        let (monitored, ended) = channel();
        // A thread of its own: a store that hangs may hold up every task there is.
        let monitor = Builder::new()
            .name("kopir-monitor".into())
            .spawn(move || monitoring(monitor, &engine, &stop, &ended))?;
        let (monitored, monitor) = (Some(monitored), Some(monitor));
        Ok(Self { tasks, outlook, retainer, monitored, monitor })
    }

    /// Judges now whether what waits will arrive in time.
    pub(super) fn look(&self, engine: &Engine, dispatch: &Dispatch) {
        look(engine, dispatch, &self.outlook);
    }

    /// Erases now what is to be erased by rule today; how many cases.
    pub(super) async fn retain(&self) -> usize {
        self.retainer.lock().await.turn().await
    }
}

impl Keepers {
    /// Ends them, and waits until none of them holds the engine any more: the next start on the same
    /// files would find them in use.
    pub(super) async fn end(mut self) {
        for task in &mut self.tasks {
            task.abort();
            // It ends by that.
            let _ = task.await;
        }
        drop(self.monitored.take());
        if let Some(monitor) = self.monitor.take() {
            let _ = spawn_blocking(move || monitor.join()).await;
        }
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Ends leases that have run out, and has the engine look at its clock.
async fn watch(engine: Engine, dispatch: Dispatch, outlook: Arc<Mutex<Outlook>>) {
    let mut turn = every(WATCH_INTERVAL);
    let (mut looked, mut outlook_of) = (Instant::now(), i64::MIN);
    loop {
        turn.tick().await;
        dispatch.expire(tokio::time::Instant::now());
        engine.tick();
        if looked.elapsed() >= OUTLOOK_INTERVAL || outlook_of != hour(engine.clock()) {
            (looked, outlook_of) = (Instant::now(), hour(engine.clock()));
            look(&engine, &dispatch, &outlook);
        }
    }
}

/// The hour of the bus's clock; where it is set forward, things look otherwise at once.
fn hour(clock: &Clock) -> i64 {
    clock.now_ms().div_euclid(HOUR_MS)
}

/// Warns of what will not arrive in time.
fn look(engine: &Engine, dispatch: &Dispatch, outlook: &Mutex<Outlook>) {
    let mut outlook = outlook.lock().unwrap_or_else(PoisonError::into_inner);
    let parties = engine.roster().enrolled().map(|(number, _)| number);
    match outlook.look(dispatch, parties, engine.clock().now_ms()) {
        Ok(warnings) if warnings.is_empty() => {}
        Ok(warnings) => {
            if let Err(error) = engine.warn(warnings.clone()) {
                tracing::warn!(%error, "warnings were not taken; they come again");
                outlook.untold(&warnings);
            }
        }
        Err(error) => tracing::warn!(%error, "the queues cannot be looked at"),
    }
}

/// Has the bus hold what its receiver fails to take while it takes others.
async fn holding(engine: Engine, dispatch: Dispatch) {
    let mut turn = every(WATCH_INTERVAL);
    loop {
        turn.tick().await;
        for untaken in dispatch.untaken() {
            hold(&engine, &dispatch, untaken).await;
        }
    }
}

/// One that the engine has no room for now is asked for again at the next turn.
async fn hold(engine: &Engine, dispatch: &Dispatch, untaken: Untaken) {
    let Untaken { party, case, sequence } = untaken;
    match engine.hold(case, sequence, party, HeldReason::Unacknowledged).await {
        Ok(_) => {
            let party = engine.roster().id(party).map(|id| id.as_str());
            tracing::warn!(delivery = %sequence, %case, party, "a delivery is held: its receiver takes others and fails on it");
        }
        Err(EngineError::Rejected(_)) => {
            dispatch.pardon(untaken);
            if case == NO_CASE {
                let party = engine.roster().id(party).map(|id| id.as_str());
                tracing::warn!(notice = %sequence, party, "a receiver takes others and fails on a notice, which cannot be held; it gets it when nothing else waits");
            }
        }
        Err(
            EngineError::Overloaded
            | EngineError::DiskFull
            | EngineError::MemoryShort
            | EngineError::QueueFull
            | EngineError::Stopped
            | EngineError::Fault(_)
            | EngineError::ListRefused,
        ) => {}
    }
}

/// Erases what is to be erased by rule, at the start and once a day.
async fn retaining(retainer: Arc<tokio::sync::Mutex<Retainer>>) {
    let mut turn = every(WATCH_INTERVAL);
    loop {
        turn.tick().await;
        retainer.lock().await.turn().await;
    }
}

/// Judges the bus, and ends it when its engine has failed.
fn monitoring(
    mut monitor: Monitor,
    engine: &Engine,
    stop: &watch::Sender<bool>,
    ended: &Receiver<()>,
) {
    while ended.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        monitor.turn(Instant::now());
        if !engine.is_alive() {
            tracing::error!("the engine has failed; the bus stops");
            stop.send_replace(true);
            return;
        }
    }
}

/// On a thread of its own, since the disk may hold it up; the next turn waits for it.
async fn beating(mut beat: Beat) {
    let mut turn = every(INTERVAL);
    loop {
        turn.tick().await;
        let turned = spawn_blocking(move || {
            beat.turn();
            beat
        });
        match turned.await {
            Ok(again) => beat = again,
            Err(error) => {
                tracing::error!(%error, "no further sign of life is left");
                return;
            }
        }
    }
}

fn every(span: Duration) -> Interval {
    let mut turn = interval(span);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turn
}
