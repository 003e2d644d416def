//! Starting: journal, then index, then the parties' enrolment, and only then new traffic.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{Builder, JoinHandle};

use tokio::sync::{Semaphore, mpsc, watch};

use super::chain::Chain;
use super::erase::destroy_erased;
use super::follower::{Backlog, Follower};
use super::group::Group;
use super::overlay::Overlay;
use super::registry;
use super::stalls::Stalls;
use super::timetable::Timetable;
use super::upkeep::Unsettled;
use super::vitals::Vitals;
use super::writer::Writer;
use super::{
    Clock, Engine, EngineOptions, Law, QueueObserver, Request, Watermarks, read_back, timestamp,
};
use crate::domain::calendar::Calendar;
use crate::domain::ladder::Ladder;
use crate::domain::party::Parties;
use crate::domain::{Event, RegistryRefusal, Roster, Sequence};
use crate::index::{Applied, FoldError, Index, IndexError, NoteKind, fold};
use crate::journal::{Entry, Journal, JournalError};
use crate::records::{RecordError, encode_event};
use crate::vault::{Vault, VaultError};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal refused the enrolment of a party.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An enrolment does not fold: a broken invariant.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// An enrolment cannot be encoded: a broken invariant.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The journal's last record of an amended calendar cannot be read back.
    #[error("record {sequence}, which amends the calendar, cannot be used: {reason}")]
    Calendar {
        /// The record.
        sequence: Sequence,
        /// Why.
        reason: String,
    },
    /// The key of an erased case cannot be destroyed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The registry may not take the place of the one that was in force.
    #[error("the party registry cannot follow the one that was in force: {0}")]
    Registry(#[from] RegistryRefusal),
    /// The journal's history of the registry cannot be read back.
    #[error("the history of the party registry cannot be used: {reason}")]
    History {
        /// Why.
        reason: String,
    },
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// A running engine.
pub struct Started {
    /// The handle.
    pub engine: Engine,
    /// Writer and follower; they end when the last handle is gone, the follower after the index
    /// has everything and is closed.
    pub threads: [JoinHandle<()>; 2],
}

/// Everything that the engine runs on.
pub struct Parts {
    /// The journal, opened.
    pub journal: Box<dyn Journal>,
    /// Where the journal's free disk space is looked up; none for a journal in memory.
    pub disk: Option<PathBuf>,
    /// The keys of the cases.
    pub vault: Arc<dyn Vault>,
    /// The index, caught up with the journal.
    pub index: Index,
    /// Told of queue changes.
    pub observer: Arc<dyn QueueObserver>,
    /// The registry.
    pub parties: Parties,
    /// Procedures and calendar.
    pub law: Law,
    /// The time.
    pub clock: Clock,
    /// The bounds.
    pub options: EngineOptions,
    /// Reads an amended calendar back from its text.
    pub read_calendar: fn(&str) -> Result<Calendar, String>,
    /// The rungs of running terms and whom they tell.
    pub ladder: Ladder,
    /// The last sign of life of the bus before this start, in Unix milliseconds; none where that
    /// is not known, and then no outage is recorded.
    pub last_alive_ms: Option<i64>,
    /// What tells whether the bus does its work.
    pub vitals: Arc<Vitals>,
}

/// An engine with its writer and follower, neither of them running.
pub struct Assembled {
    pub(super) engine: Engine,
    pub(super) writer: Writer,
    pub(super) follower: Follower,
    pub(super) backlog: Arc<Backlog>,
    pub(super) waiting: mpsc::Receiver<Request>,
}

/// Enrols the registry's new parties, then starts writer and follower.
///
/// # Errors
/// A [`StartError`]; nothing runs then.
pub fn start(parts: Parts) -> Result<Started, StartError> {
    assemble(parts)?.spawn()
}

impl Assembled {
    /// Starts writer and follower as threads.
    fn spawn(self) -> Result<Started, StartError> {
        let Self { engine, mut writer, follower, backlog, waiting } = self;
        let folds = Arc::clone(&backlog);
        let follower =
            Builder::new().name("kopir-follower".into()).spawn(move || follower.run(&folds))?;
        // Before anyone can ask: what was left undone, and what fell due meanwhile.
        if let Err(error) = writer.prepare(&mut Group::default()) {
            backlog.close();
            return Err(error.into());
        }
        writer.vitals.outage_waits(writer.unrecorded_outage_ms.is_some());
        let writer =
            Builder::new().name("kopir-writer".into()).spawn(move || writer.run(waiting))?;
        Ok(Started { engine, threads: [writer, follower] })
    }
}

impl Watermarks {
    /// Those of an engine at rest behind its last record.
    fn at(last: u64) -> Self {
        let mark = || AtomicU64::new(last);
        Self { durable: mark(), indexed: mark(), failed: AtomicBool::new(false) }
    }
}

/// Enrols the registry's new parties and puts an engine together.
///
/// # Errors
/// A [`StartError`].
pub fn assemble(parts: Parts) -> Result<Assembled, StartError> {
    let Parts { mut journal, disk, vault, index, observer, parties, law, clock, options, .. } =
        parts;
    let Parts { read_calendar, ladder, last_alive_ms, vitals, .. } = parts;
    let ended_ms = journal.tail().last_time_ms;
    destroy_erased(&index, &*vault)?;
    let mut roster = Roster::new(parties, index.enrolments()?);
    registry::check(&index, &*journal.reader(), &roster)?;
    enrol(&mut *journal, &index, &mut roster, &clock)?;
    let roster = Arc::new(roster);
    let rosters = Arc::new(Chain::new(Arc::clone(&roster)));
    let unsettled = amended(&*journal, &index, &law, read_calendar)?;
    if let Some(last_ms) = journal.tail().last_time_ms {
        clock.not_before(last_ms);
    }
    vitals.queues.begin(index.counts()?);
    let last = journal.tail().next_seq.0 - 1;
    let marks = Arc::new(Watermarks::at(last));
    let (requests, waiting) = mpsc::channel(options.max_waiting_commands);
    let (indexed_sender, indexed) = watch::channel(last);
    let backlog = Arc::new(Backlog::new(options.max_index_lag_records));
    let reader = journal.reader();
    let writer = Writer {
        journal,
        vault: Arc::clone(&vault),
        overlay: Overlay::new(index.clone()),
        backlog: Arc::clone(&backlog),
        marks: Arc::clone(&marks),
        rosters: Arc::clone(&rosters),
        roster,
        law: law.clone(),
        clock: clock.clone(),
        options,
        disk,
        stopping: false,
        expiries_of_hour: i64::MIN,
        unsettled,
        ladder: Arc::new(ladder),
        timetable: Timetable::default(),
        outages: Vec::new(),
        unrecorded_outage_ms: None,
        ended_ms,
        last_alive_ms,
        stalls: Stalls::default(),
        concerned: BTreeMap::new(),
        resumed: None,
        vitals: Arc::clone(&vitals),
    };
    let follower = Follower {
        index: index.clone(),
        marks: Arc::clone(&marks),
        indexed: indexed_sender,
        observer,
    };
    let engine = Engine {
        requests,
        acknowledging: Arc::new(Semaphore::new((options.max_waiting_commands / 2).max(1))),
        marks,
        indexed,
        reader,
        vault,
        index,
        rosters,
        law,
        clock,
        vitals,
    };
    Ok(Assembled { engine, writer, follower, backlog, waiting })
}

/// Puts the calendar in force that was amended last. Gives the amendment back when not all open
/// clocks were counted on it.
fn amended(
    journal: &dyn Journal,
    index: &Index,
    law: &Law,
    read_calendar: fn(&str) -> Result<Calendar, String>,
) -> Result<Option<Unsettled>, StartError> {
    let Some(sequence) = index.last_note(NoteKind::CalendarAmended)? else {
        return Ok(None);
    };
    let unusable = |reason: String| StartError::Calendar { sequence, reason };
    let recorded =
        read_back(&*journal.reader(), sequence).map_err(|error| unusable(error.to_string()))?;
    let Event::CalendarAmended(amended) = recorded.event else {
        return Err(unusable("it is another kind of record".to_owned()));
    };
    let calendar = read_calendar(&amended.text).map_err(unusable)?;
    let carried = law.calendar();
    tracing::info!(
        in_force = calendar.version().as_str(),
        carried = carried.version().as_str(),
        %sequence,
        "the calendar in force is the one amended last, not the one that this program carries; \
         `kopir calendar amend` puts a newer one in force"
    );
    law.amend(calendar);
    let settled = index.last_note(NoteKind::CalendarSettled)?;
    let unsettled = Unsettled { amendment: sequence, after: None };
    Ok((settled < Some(sequence)).then_some(unsettled))
}

/// Gives the registry's new parties their numbers, in the journal first.
fn enrol(
    journal: &mut dyn Journal,
    index: &Index,
    roster: &mut Roster,
    clock: &Clock,
) -> Result<(), StartError> {
    let missing = roster.missing();
    let last = journal.tail().last_time_ms;
    // As of the last record: what fell due since is not said yet, and the outage before this start
    // must be found by the next one too if this one ends here.
    let time_ms = last.unwrap_or_else(|| clock.now_ms());
    let mut changes = Vec::with_capacity(missing.len());
    for enrolment in missing {
        let event = Event::PartyEnrolled(enrolment.clone());
        let mut payload = Vec::new();
        encode_event(&event, &mut payload)?;
        for appended in journal.append(&[Entry { time_ms, payload: &payload }])? {
            let applied = Applied { sequence: Sequence(appended.seq.0), hash: appended.hash.0 };
            changes.push(fold(None, &event, applied, timestamp(time_ms))?);
        }
        roster.enrol(enrolment);
    }
    Ok(index.apply(&changes)?)
}
