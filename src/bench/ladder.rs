//! The ladder, in this process: what a tick over many running terms costs when nothing is due, and
//! how fast what has fallen due is said.
//!
//! The engine is the real one, on a journal and an index on disk, with a clock that stands until it
//! is set. A rung counts as said when its record is durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;

use super::site::{MISSION, Site};
use super::{BenchError, Options, Progress};
use crate::config::Config;
use crate::dispatch::{Dispatch, DispatchOptions};
use crate::domain::region::Region;
use crate::domain::{
    Act, Basis, Body, BodyKind, CaseAct, Command, Event, ProcedureKey, RequestId, Signature,
    Submission, WhenUnset,
};
use crate::engine::{self, Clock, Engine, EngineError, Law, Parts, Started, case_id};
use crate::index::{Index, IndexOptions};
use crate::journal::{FileJournal, Journal as _};
use crate::procedures::{self, calendar};
use crate::trust::registry;
use crate::vault::FileVault;

/// A Monday morning and the one after; a term begun on the first has its middle day on the Thursday.
const FIRST_DAY: &str = "2021-09-06T04:00:00Z";
const SECOND_DAY: &str = "2021-09-07T04:00:00Z";
/// An hour at which nothing is planned.
const QUIET: &str = "2021-09-08T01:00:00Z";
/// Past the morning of the middle day of the first day's terms, and not of the second day's.
const FIRST_MORNING: &str = "2021-09-09T05:00:00Z";
/// Past the due instants of the first day, before those of the second.
const FIRST_DUE: &str = "2021-09-13T20:00:00Z";
/// Of so many terms, one begins on the first day: the others fall due later.
const SHARE: u64 = 10;
const TICKS: u32 = 20_000;
const IN_FLIGHT: usize = 2_048;

/// What the ladder took.
#[derive(Debug, Clone, Copy)]
pub struct LadderRun {
    /// Running terms.
    pub clocks: u64,
    /// One tick with nothing due, there and back.
    pub idle_tick: Duration,
    /// Rungs of one morning, counted by what was said.
    pub rungs: u64,
    /// Until all of them were durable.
    pub said_in: Duration,
    /// Until they were in the inboxes too.
    pub brought_in: Duration,
    /// A start with the terms running and nothing due: the timetable made from the queues.
    pub started_in: Duration,
    /// Rungs that fell due while the bus was away, breaches among them.
    pub missed: u64,
    /// The start that said them first.
    pub caught_up_in: Duration,
}

pub(super) async fn run(
    options: &Options,
    progress: Progress<'_>,
) -> Result<LadderRun, BenchError> {
    let site = Site::make(options)?;
    let clocks = options.hops;
    let early = clocks / SHARE;
    let (bus, _) = Bus::start(&site, FIRST_DAY)?;
    progress(&format!("ladder, {clocks} terms begun"));
    bus.begin(0..early).await?;
    bus.set(SECOND_DAY)?;
    bus.begin(early..clocks).await?;
    bus.engine.caught_up().await;
    bus.set(QUIET)?;
    bus.sweep().await?;
    progress("ladder, ticks with nothing due");
    let begun = Instant::now();
    for _ in 0..TICKS {
        bus.sweep().await?;
    }
    let idle_tick = begun.elapsed() / TICKS;
    progress(&format!("ladder, a morning with rungs of {early} terms"));
    bus.set(FIRST_MORNING)?;
    let begun = Instant::now();
    bus.sweep().await?;
    let said_in = begun.elapsed();
    bus.engine.caught_up().await;
    let brought_in = begun.elapsed();
    let rungs = bus.said_at(time(FIRST_MORNING))?;
    bus.stop().await;
    progress("ladder, a start with nothing due");
    let (bus, started_in) = Bus::start(&site, FIRST_MORNING)?;
    bus.stop().await;
    progress(&format!("ladder, a start after {early} due instants"));
    let (bus, caught_up_in) = Bus::start(&site, FIRST_DUE)?;
    let missed = bus.said_at(time(FIRST_DUE))?;
    bus.stop().await;
    Ok(LadderRun {
        clocks,
        idle_tick,
        rungs,
        said_in,
        brought_in,
        started_in,
        missed,
        caught_up_in,
    })
}

struct Bus {
    engine: Engine,
    threads: [std::thread::JoinHandle<()>; 2],
}

impl Bus {
    /// Starts an engine on the files of the site; how long that took, the opening of its files
    /// apart.
    fn start(site: &Site, at: &str) -> Result<(Self, Duration), BenchError> {
        let config = Config::read(&site.configure(([127, 0, 0, 1], 0).into())?)
            .map_err(BenchError::Config)?;
        let options = IndexOptions { cache_bytes: config.index_cache_bytes };
        let index = Index::open(&config.index_dir(), &options).map_err(EngineFault::from)?.index;
        let (journal, _) =
            FileJournal::open(&config.journal_dir(), config.journal, None, &mut |_| {})
                .map_err(EngineFault::from)?;
        let reader = journal.reader();
        crate::app::catch_up(&index, &*reader, journal.tail().next_seq)
            .map_err(EngineFault::from)?;
        let window = config.limits.max_inbox_window_deliveries;
        let dispatch = Dispatch::new(
            index.clone(),
            DispatchOptions {
                max_ready_per_party: window,
                max_leased_per_party: window,
                max_stream_silence: config.limits.stream_idle,
                max_failed_attempts: config.limits.max_delivery_attempts,
            },
        );
        let last_slot = index.last_slot().map_err(EngineFault::from)?;
        let vault = FileVault::open(&config.vault, last_slot).map_err(EngineFault::from)?;
        let parts = Parts {
            journal: Box::new(journal),
            disk: None,
            vault: Arc::new(vault),
            index,
            observer: Arc::new(dispatch),
            parties: registry::read(&config.registry_file).map_err(EngineFault::from)?,
            law: Law::new(Arc::new(procedures::load()?), calendar::kazakhstan()?, WhenUnset::Admit),
            clock: Clock::sandbox(time(at)),
            options: config.engine,
            read_calendar: |text| calendar::parse(text).map_err(|error| error.to_string()),
            ladder: config.ladder,
            last_alive_ms: None,
            vitals: Arc::default(),
        };
        let begun = Instant::now();
        let Started { engine, threads } = engine::start(parts).map_err(EngineFault::from)?;
        Ok((Self { engine, threads }, begun.elapsed()))
    }

    fn set(&self, at: &str) -> Result<(), BenchError> {
        Ok(self.engine.clock().set(time(at)).map_err(EngineFault::from)?)
    }

    async fn sweep(&self) -> Result<(), BenchError> {
        Ok(self.engine.sweep().await.map_err(EngineFault::from)?)
    }

    /// Submits applications, which begin a term each.
    async fn begin(&self, numbers: std::ops::Range<u64>) -> Result<(), BenchError> {
        let acts = numbers.map(|number| async move {
            loop {
                match self.engine.act(self.submission(number)?).await {
                    Err(EngineError::Overloaded) => tokio::task::yield_now().await,
                    other => {
                        other.map_err(EngineFault::from)?;
                        return Ok::<_, BenchError>(());
                    }
                }
            }
        });
        let mut acts = stream::iter(acts).buffer_unordered(IN_FLIGHT);
        while let Some(done) = acts.next().await {
            done?;
        }
        Ok(())
    }

    fn submission(&self, number: u64) -> Result<Command, BenchError> {
        let mut request = [7; 16];
        request[8..].copy_from_slice(&number.to_be_bytes());
        let request = RequestId(request);
        let mission = MISSION.parse()?;
        let author = self.engine.roster().number(&mission).ok_or(EngineFault::NoMission)?;
        let named = |_| EngineFault::NoMission;
        let (procedure, edition) =
            ("kandas-mission".parse().map_err(named)?, "2021".parse().map_err(named)?);
        let region: Region = "KZ-55".parse().map_err(|_| EngineFault::NoMission)?;
        Ok(Command {
            author,
            request,
            fingerprint: [1; 32],
            case: case_id(MISSION, request),
            act: CaseAct::Submit(Submission {
                procedure: ProcedureKey { procedure, edition },
                act: Act::SubmitApplication,
                basis: Basis::Ordinary,
                region,
                departure: None,
                persons: 1,
                applicant: None,
                concerns: None,
                filed_at: self.engine.clock().now(),
            }),
            body: Body::new(BodyKind::Application, [b'S'; 256]),
            signature: Signature::Absent,
        })
    }

    /// Rungs said at an instant, which are the journal's last records.
    fn said_at(&self, at: Timestamp) -> Result<u64, BenchError> {
        let mut said = 0;
        let mut sequence = self.engine.progress().sequence;
        while sequence.0 > 0 {
            let recorded = self.engine.recorded(sequence).map_err(EngineFault::from)?;
            if recorded.at < at {
                break;
            }
            if let Event::Notice(notice) = &recorded.event {
                said += notice.fired.len() as u64;
            }
            sequence.0 -= 1;
        }
        Ok(said)
    }

    async fn stop(self) {
        let Self { engine, threads } = self;
        engine.close().await;
        drop(engine);
        for thread in threads {
            // One that panicked has said so itself.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Why the engine of the bench could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EngineFault {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// The index.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    /// The index did not catch up.
    #[error(transparent)]
    Rebuild(#[from] crate::index::RebuildError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    /// A record cannot be read back.
    #[error(transparent)]
    Read(#[from] engine::ReadError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The start.
    #[error(transparent)]
    Start(#[from] engine::StartError),
    /// An act or a tick.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The clock.
    #[error(transparent)]
    Clock(#[from] engine::clock::ClockError),
    /// A record cannot be encoded.
    #[error(transparent)]
    Record(#[from] crate::records::RecordError),
    /// A hop of the bench is none.
    #[error("the act of the bench names no hop")]
    NoHop,
    /// The registry of the bench lacks its mission.
    #[error("the registry of the bench lacks its mission")]
    NoMission,
}

/// An instant of this module's own.
fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}
