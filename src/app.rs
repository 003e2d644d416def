//! The composition root: what a bus is made of, and in which order it comes up and goes down.
//!
//! Up: journal (every record verified), index (caught up or rebuilt), vault (no older than the
//! journal), engine (parties enrolled), and only then the listener. Down: no new calls, streams ended, the writer drained, the index
//! closed.

mod ask;
mod evidence;
mod keep;
mod notifier;
mod reload;
mod stamping;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::{Config, Inputs};
use crate::dispatch::push::{self, Backoff, PushOptions};
use crate::dispatch::{Dispatch, DispatchOptions};
use crate::domain::Sequence;
use crate::engine::alive::{AtStart, LastAlive};
use crate::engine::keeper::{Beat, Monitor};
use crate::engine::{self, Clock, Engine, Law, NewRegistry, Parts, Started, clock};
use crate::index::{self, Index, IndexOptions, Opened};
use crate::journal::{self, FileJournal, Journal, JournalReader, RecordHash, Seq, Tail};
use crate::procedures::calendar;
use crate::rpc::front::{
    FrontOptions, Http2Options, ListenOptions, Listener, ServeError, ServeOptions, serve,
};
use crate::rpc::push::AgencyCourier;
use crate::rpc::{Bus, BusParts, StreamOptions};
use crate::trust::applicants::ApplicantKey;
use crate::trust::live::LiveTrust;
use crate::trust::signature::desk::Desk;
use crate::vault::FileVault;

use evidence::Following;
use keep::Keepers;
use reload::{Reload, Watches};

/// How long open calls and streams may take to end after a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long a caller over its share, or before a full bus, is told to wait.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// The least time between two progress lines at the start.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A running bus.
pub struct App {
    address: SocketAddr,
    engine: Engine,
    dispatch: Dispatch,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<Result<(), ServeError>>,
    keepers: Keepers,
    /// The notifications, the endpoints, the files, the time-stamps and the responders; they end by
    /// the stop.
    tasks: [tokio::task::JoinHandle<()>; 5],
    following: Following,
    reloading: mpsc::Sender<()>,
    threads: [JoinHandle<()>; 2],
}

impl App {
    /// Brings a bus up.
    ///
    /// # Errors
    /// Whatever stops the start, with the file or key at fault; [`crate::config::ConfigError`]
    /// among them for what the configuration names.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Self> {
        // Clients hold certificates against their own clocks, a sandbox's bus included.
        let today = Clock::System.now();
        // Before they are read, so that a change in between is found.
        let watches = Watches::new(&config);
        let inputs = config.open_inputs(today)?;
        let Inputs { parties, registry, trust, loader, procedures, calendar, .. } = inputs;
        let Inputs { ladder, notifications, signatures, timestamp, asking, .. } = inputs;
        trust.warnings.iter().for_each(|warning| tracing::warn!(%warning, "the bus's certificate"));
        let trust = Arc::new(LiveTrust::new(trust));
        let listed = NewRegistry { parties: parties.clone(), content: registry.content };
        let reload = Reload::new(&config, &trust, (loader, watches), registry.beside);
        let (journal, index) = open_stores(&config)?;
        let log = evidence::open(&config, journal.reader())?;
        let last_alive_ms = last_alive(&config, &clock, journal.tail())?;
        let vault = FileVault::open(&config.vault, index.last_slot()?)?;
        let dispatch = Dispatch::new(index.clone(), dispatch_options(&config));
        let Started { engine, threads } = engine::start(Parts {
            journal: Box::new(journal),
            disk: Some(config.journal_dir()),
            vault: Arc::new(vault),
            index,
            observer: Arc::new(dispatch.clone()),
            parties,
            law: Law::new(Arc::new(procedures), calendar, config.quota.when_unset),
            clock,
            options: config.engine,
            read_calendar: |text| calendar::parse(text).map_err(|error| error.to_string()),
            ladder,
            last_alive_ms,
            vitals: Arc::default(),
        })?;
        reload::record(&engine, listed, &trust).await?;
        let (beat, monitor) = first_turns(&config, &engine);
        let (stop, stopping) = watch::channel(false);
        let bus = Arc::new(Bus::new(BusParts {
            engine: engine.clone(),
            dispatch: dispatch.clone(),
            streams: stream_options(&config),
            journal_format_version: u32::from(journal::FORMAT_VERSION),
            applicants: Arc::new(ApplicantKey::open(&config.applicant_key())?),
            log: Arc::clone(&log),
            signatures: Arc::new(Desk::new(signatures)),
            stopping: stopping.clone(),
            trust: Some(Arc::clone(&trust)),
        })?);
        let pusher = start_pusher(&bus, &trust, (&engine, &dispatch), &config, &stopping);
        let options = serve_options(&config);
        let rosters = Arc::clone(engine.rosters());
        let listener = Listener::bind(config.listen, trust, rosters, options.listen).await?;
        let address = listener.address();
        let (watched, retention) = ((engine.clone(), dispatch.clone()), config.retention.clone());
        let keepers = Keepers::start(watched, beat, monitor, retention, stop.clone())?;
        let notifier = notifier::start(&engine, notifications, &config, &stopping)?;
        let (stamper, following) = evidence::start(&engine, log, timestamp, &config, &stopping)?;
        let (reloading, asked) = mpsc::channel(1);
        let reloads = reload.start(engine.clone(), Arc::clone(&bus), asked, stopping.clone());
        let server = tokio::spawn(serve(bus, listener, options, stopping));
        tracing::info!(%address, sequence = %engine.progress().sequence, "the bus is up");
        Ok(Self {
            tasks: [notifier, pusher, reloads, stamper, ask::start(asking, &engine, &stop)],
            address,
            engine,
            dispatch,
            stop,
            server,
            keepers,
            following,
            reloading,
            threads,
        })
    }

    /// The address that the bus listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bus's clock.
    pub fn clock(&self) -> &Clock {
        self.engine.clock()
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The delivery.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Has certificates, revocation lists and the registry read now, changed or not.
    pub fn reload(&self) {
        // One that waits already does for this one too.
        let _ = self.reloading.try_send(());
    }

    /// Judges now whether what waits will arrive in time, as the bus does by itself every few
    /// seconds: for whoever moves its clock.
    pub fn look(&self) {
        self.keepers.look(&self.engine, &self.dispatch);
    }

    /// Erases now the cases whose time is over by a rule, as the bus does by itself once a day: for
    /// whoever moves its clock. Gives the number of cases.
    pub async fn retain(&self) -> usize {
        self.keepers.retain().await
    }

    /// Waits until the bus has ended by itself: a failed disk or index, after which only a restart
    /// helps.
    pub async fn failed(&self) {
        let mut stopping = self.stop.subscribe();
        // The sender lives in self, so this ends by the value alone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Brings the bus down. What was accepted is durable; the index is closed, so that the next
    /// start needs no rebuild.
    ///
    /// # Errors
    /// If the server ended with an error, or a thread panicked, or the engine had failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { engine, dispatch, stop, mut server, keepers, tasks, following, threads, .. } =
            self;
        let alive = engine.is_alive();
        stop.send_replace(true);
        // One that hangs with its disk is left behind.
        let _ = tokio::time::timeout(STOP_GRACE, keepers.end()).await;
        let ended = match tokio::time::timeout(STOP_GRACE, &mut server).await {
            Ok(ended) => ended.context("the server's task")?,
            Err(_) => {
                tracing::warn!("some calls did not end in time; they are cut off");
                server.abort();
                Ok(())
            }
        };
        for task in tasks {
            // It ends by the stop that was said, its calls with it, and lets go of the engine.
            task.await.context("a task beside the calls")?;
        }
        engine.close().await;
        drop((engine, dispatch));
        tokio::task::spawn_blocking(move || following.end()).await?;
        for thread in threads {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await?;
            joined.map_err(|_| anyhow::anyhow!("a thread of the engine panicked"))?;
        }
        ended?;
        anyhow::ensure!(alive, "the engine had failed; see the log for the cause");
        Ok(())
    }
}

/// The last sign of life of the bus, by which the machine's clock is judged. None in a sandbox,
/// whose clock stands still while there is no bus.
fn last_alive(config: &Config, clock: &Clock, tail: Tail) -> anyhow::Result<Option<i64>> {
    if clock.is_sandbox() {
        return Ok(None);
    }
    let dir = &config.data_dir;
    let alive = LastAlive::read(dir)
        .with_context(|| format!("the sign of life in {} cannot be read", dir.display()))?;
    let at_start = AtStart {
        reading: clock::reading(),
        boot: index::boot_id().unwrap_or_default(),
        journal_ms: tail.last_time_ms,
        alive,
    };
    at_start.judge(config.clock)?;
    Ok(at_start.last_alive_ms())
}

/// The keeper, after a first turn: what it bounds is bounded before the first call.
fn first_turns(config: &Config, engine: &Engine) -> (Beat, Monitor) {
    let (data, journal) = (config.data_dir.clone(), config.journal_dir());
    let mut beat = Beat::new(engine, data, journal, config.keeper);
    let mut monitor = Monitor::new(engine.clone(), config.keeper);
    beat.turn();
    monitor.turn(std::time::Instant::now());
    (beat, monitor)
}

fn serve_options(config: &Config) -> ServeOptions {
    let (limits, http2) = (config.limits, config.http2);
    ServeOptions {
        front: FrontOptions {
            max_concurrent_calls_per_party: limits.max_concurrent_calls_per_party,
            max_calls_per_second_per_party: limits.acts_per_second_per_party,
            max_message_bytes: limits.max_message_bytes,
            retry_after: RETRY_AFTER,
            request_timeout: limits.request_timeout,
        },
        listen: ListenOptions {
            max_connections: limits.max_connections,
            max_connections_per_party: limits.max_connections_per_party,
            handshake_timeout: limits.handshake_timeout,
        },
        http2: Http2Options {
            max_concurrent_streams: http2.max_concurrent_streams,
            max_header_list_bytes: http2.max_header_list_bytes,
            stream_window_bytes: http2.stream_window_bytes,
            connection_window_bytes: http2.connection_window_bytes,
            keepalive_interval: http2.keepalive_interval,
            keepalive_timeout: http2.keepalive_timeout,
            max_pending_reset_streams: http2.max_pending_reset_streams,
        },
    }
}

/// Starts what calls the endpoints; it ends by the stop.
fn start_pusher(
    bus: &Arc<Bus>,
    trust: &Arc<LiveTrust>,
    (engine, dispatch): (&Engine, &Dispatch),
    config: &Config,
    stopping: &watch::Receiver<bool>,
) -> tokio::task::JoinHandle<()> {
    let courier = AgencyCourier::new(Arc::clone(bus), Arc::clone(trust), config.push.timeout);
    tokio::spawn(push::run(
        dispatch.clone(),
        Arc::new(courier),
        engine.clock().clone(),
        push_options(config),
        stopping.clone(),
    ))
}

fn push_options(config: &Config) -> PushOptions {
    let push = config.push;
    // Jitter only keeps parties apart; the low half of a random id is random enough.
    let (_, seed) = uuid::Uuid::new_v4().as_u64_pair();
    PushOptions {
        max_in_flight: push.max_in_flight_per_party,
        timeout: push.timeout,
        backoff: Backoff { base: push.backoff_base, max: push.backoff_max },
        breaker_failures: push.breaker_failures,
        seed,
    }
}

fn stream_options(config: &Config) -> StreamOptions {
    let limits = config.limits;
    StreamOptions {
        bulk_window_acts: limits.bulk_window_acts,
        max_inbox_window_deliveries: limits.max_inbox_window_deliveries,
        idle: limits.stream_idle,
    }
}

fn dispatch_options(config: &Config) -> DispatchOptions {
    let window = config.limits.max_inbox_window_deliveries;
    DispatchOptions {
        max_ready_per_party: window,
        max_leased_per_party: window.saturating_mul(4),
        max_stream_silence: config.limits.stream_idle,
        max_failed_attempts: config.limits.max_delivery_attempts,
    }
}

/// Opens the journal, then brings the index up to it.
fn open_stores(config: &Config) -> anyhow::Result<(FileJournal, Index)> {
    let options = IndexOptions { cache_bytes: config.index_cache_bytes };
    let Opened { index, applied, fresh } = Index::open(&config.index_dir(), &options)?;
    let known = applied.map(|applied| (Seq(applied.sequence.0), RecordHash(applied.hash)));
    let mut shown = Instant::now();
    let (journal, opening) =
        FileJournal::open(&config.journal_dir(), config.journal, known, &mut |progress| {
            if shown.elapsed() >= PROGRESS_INTERVAL {
                shown = Instant::now();
                let (done, all) = (progress.segments_done, progress.segments);
                tracing::info!(records = progress.records, "verified {done} of {all} segments");
            }
        })?;
    if opening.cut_bytes > 0 {
        tracing::warn!(
            bytes = opening.cut_bytes,
            "an unfinished group, never acknowledged, was cut off"
        );
    }
    if let Some(why) = fresh {
        tracing::info!(%why, records = opening.records, "the index is built from the journal");
    }
    catch_up(&index, &*journal.reader(), journal.tail().next_seq)?;
    Ok((journal, index))
}

/// Brings an index up to the journal before `next`, with a progress line a second.
///
/// # Errors
/// [`index::RebuildError`].
pub fn catch_up(
    index: &Index,
    reader: &dyn JournalReader,
    next: Seq,
) -> Result<(), index::RebuildError> {
    let last = Sequence(next.0 - 1);
    if last.0 == 0 {
        return Ok(());
    }
    let mut shown = Instant::now();
    index::rebuild(index, reader, last, &mut |done, all| {
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            tracing::info!("the index has {done} of {all} records");
        }
    })?;
    Ok(())
}
