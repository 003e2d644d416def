//! The bus as a process: the real journal, index, engine and delivery, started, driven one step at
//! a time, and killed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::chance::Chance;
use super::death::{Death, NoStart, death_of};
use super::disk::Disk;
use super::place::Place;
use super::tasks::{TaskId, Tasks};
use super::world::STEADY;
use crate::dispatch::{Dispatch, DispatchOptions, InboxStream, Leased, Outlook};
use crate::domain::ladder::Ladder;
use crate::domain::party::PartyNumber;
use crate::domain::{Sequence, WhenUnset};
use crate::engine::alive::{AtStart, LastAlive};
use crate::engine::clock::{ClockOptions, Reading};
use crate::engine::{
    Clock, Engine, EngineOptions, Law, Parts, ReadError, Recorded, Stepped, assemble,
};
use crate::index::{self, Index, IndexError, IndexOptions, Opened};
use crate::journal::{FileJournal, FileOptions, Journal as _, RecordHash, Seq};
use crate::procedures::calendar;
use crate::vault::{MemoryVault, Vault};

/// The index's memory for pages; a simulated index is small.
const CACHE_BYTES: u64 = 1 << 20;

/// What is believed of the machine's clock at a start.
const CLOCK: ClockOptions = ClockOptions { steady: STEADY, max_gap_days: 30, accept: false };

/// One connection of a party's system on which its inbox is open.
pub(super) type StreamId = u64;

/// The bounds that a world's bus has, drawn small so that they are met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) segment_bytes: u64,
    pub(super) max_waiting: usize,
    pub(super) max_group: usize,
    pub(super) max_lag: usize,
    pub(super) lazy_per_mille: u64,
    pub(super) max_failed: u32,
    pub(super) max_queued: u64,
    pub(super) max_ready: usize,
    pub(super) max_leased: usize,
    pub(super) silence: Duration,
}

/// What outlives the process: the disk, and what lies on it.
pub(super) struct Site {
    directory: PathBuf,
    pub(super) disk: Disk,
    /// The keys of the cases.
    vault: Arc<dyn Vault>,
    /// Which boot of the kernel it is; the power ends one.
    boot: u32,
    /// Which copy of the index is in use.
    copy: u32,
    /// An earlier copy, as it was handed to the kernel then.
    earlier: Option<(u32, u32)>,
}

/// A running process.
pub(super) struct Bus {
    stepped: Stepped,
    pub(super) index: Index,
    pub(super) dispatch: Dispatch,
    pub(super) tasks: Tasks<Done>,
    pub(super) streams: BTreeMap<StreamId, Served>,
    /// What will not arrive in time, as far as it can tell.
    pub(super) outlook: Outlook,
    /// How many steps in a thousand pass the index by.
    lazy_per_mille: u64,
}

/// An inbox that is served.
pub(super) struct Served {
    pub(super) party: PartyNumber,
    pub(super) window: usize,
    pub(super) stream: Arc<InboxStream>,
    /// What waits for the next delivery; none while nobody reads the stream.
    pub(super) next: Option<TaskId>,
    /// When the last delivery on it arrives, since none overtakes another.
    pub(super) last_us: u64,
    /// Since when it has been full without an acknowledgement.
    pub(super) full_since_us: Option<u64>,
}

/// What a task of the bus ended in.
pub(super) enum Done {
    /// Something to tell a caller.
    Answer(super::talk::Answered),
    /// What nobody asked for.
    Chore,
    /// A delivery for a stream.
    Leased(StreamId, Result<Leased, IndexError>),
}

/// What a step of the process was.
pub(super) enum Step {
    /// Nothing was left to do.
    Idle,
    /// The writer or the follower had its turn.
    Worked,
    /// A task ended.
    Done(Done),
    /// The process is dead.
    Died(Death),
}

impl Site {
    pub(super) fn new(directory: PathBuf, chance: Chance) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        // What is sealed is seen by nobody in a world, so that one seed serves all of them.
        let vault = Arc::new(MemoryVault::new(0));
        let disk = Disk::new(chance);
        Ok(Self { directory, disk, vault, boot: 1, copy: 0, earlier: None })
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    /// A directory for the checkers' own index.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join("fresh")
    }

    /// Folds the journal anew, and tells the first entry in which the closed index differs.
    pub(super) fn differing_index(&self) -> io::Result<Option<String>> {
        let options = IndexOptions { cache_bytes: CACHE_BYTES };
        let open = |dir: &Path| Index::open(dir, &options).map_err(io::Error::other);
        let journal = FileJournal::open(&self.journal(), FileOptions::default(), None, &mut |_| {});
        let (journal, _) = journal.map_err(io::Error::other)?;
        let (kept, fresh) = (open(&self.index(self.copy))?, open(&self.scratch())?);
        if let Some(why) = kept.fresh {
            return Ok(Some(format!("the index that was closed is not kept: {why}")));
        }
        let last = Sequence(journal.tail().next_seq.0 - 1);
        index::rebuild(&fresh.index, &*journal.reader(), last, &mut |_, _| {})
            .map_err(io::Error::other)?;
        let kept = kept.index.entries().map_err(io::Error::other)?;
        let fresh = fresh.index.entries().map_err(io::Error::other)?;
        let missing = fresh.iter().find(|(key, value)| kept.get(*key) != Some(value));
        let strange = kept.keys().find(|key| !fresh.contains_key(*key));
        Ok(match (missing, strange) {
            (Some((key, _)), _) => {
                Some(format!("its entry {key:02x?} is missing, or another in a fresh fold"))
            }
            (None, Some(key)) => Some(format!("a fresh fold has no entry {key:02x?}")),
            (None, None) => None,
        })
    }

    /// The kernel's name of its boot.
    pub(super) fn boot_id(&self) -> String {
        format!("boot-{}", self.boot)
    }

    fn index(&self, copy: u32) -> PathBuf {
        self.directory.join(format!("index-{copy}"))
    }

    /// Remembers the index as the kernel has it now; a later crash may leave no more than this.
    pub(super) fn remember_index(&mut self) -> io::Result<()> {
        if let Some((copy, _)) = self.earlier.take() {
            fs::remove_dir_all(self.index(copy))?;
        }
        let copy = self.copy + 1000;
        copy_directory(&self.index(self.copy), &self.index(copy))?;
        self.earlier = Some((copy, self.boot));
        Ok(())
    }

    /// The process is killed: of its index remains what the kernel has, or what it had a while ago.
    pub(super) fn kill(&mut self, bus: Option<Bus>, with_earlier: bool) -> io::Result<()> {
        let before = self.copy;
        let earlier = self.earlier.filter(|(_, boot)| with_earlier && *boot == self.boot);
        self.copy += 1;
        match earlier {
            Some((copy, _)) => {
                fs::rename(self.index(copy), self.index(self.copy))?;
                self.earlier = None;
            }
            None if self.index(before).exists() => {
                copy_directory(&self.index(before), &self.index(self.copy))?;
            }
            None => {}
        }
        // What it still writes while it is taken apart goes to files that nobody reads.
        drop(bus);
        if self.index(before).exists() {
            fs::remove_dir_all(self.index(before))?;
        }
        Ok(())
    }

    /// The power fails.
    pub(super) fn lose_power(&mut self) -> io::Result<()> {
        self.boot += 1;
        self.disk.lose_power()
    }

    /// Starts the process, as the program does: index, journal, what the index lacks, engine.
    pub(super) fn start(
        &mut self,
        place: &Place,
        bounds: Bounds,
        clock: &Clock,
        reading: Reading,
        alive: Option<LastAlive>,
    ) -> Result<Bus, NoStart> {
        let bring_up = || self.bring_up(place, bounds, clock, reading, alive);
        match catch_unwind(AssertUnwindSafe(bring_up)) {
            Ok(started) => started,
            Err(payload) => Err(NoStart::Died(death_of(&*payload))),
        }
    }

    fn bring_up(
        &self,
        place: &Place,
        bounds: Bounds,
        clock: &Clock,
        reading: Reading,
        alive: Option<LastAlive>,
    ) -> Result<Bus, NoStart> {
        let options = IndexOptions { cache_bytes: CACHE_BYTES };
        let boot = Some(self.boot_id());
        let Opened { index, applied, .. } =
            Index::open_in_boot(&self.index(self.copy), &options, boot)?;
        let known = applied.map(|applied| (Seq(applied.sequence.0), RecordHash(applied.hash)));
        let storage = Box::new(self.disk.clone());
        let (journal, _) = FileJournal::open_on(
            storage,
            &self.journal(),
            file_options(bounds),
            known,
            &mut |_| {},
        )?;
        let last = Sequence(journal.tail().next_seq.0 - 1);
        if last.0 > 0 {
            index::rebuild(&index, &*journal.reader(), last, &mut |_, _| {})?;
        }
        let boot = self.boot_id();
        let journal_ms = journal.tail().last_time_ms;
        let at_start = AtStart { reading, boot, journal_ms, alive };
        at_start.judge(CLOCK).map_err(|_| NoStart::ClockRefused)?;
        let last_alive_ms = at_start.alive.as_ref().and(at_start.last_alive_ms());
        let dispatch = Dispatch::new(
            index.clone(),
            DispatchOptions {
                max_ready_per_party: bounds.max_ready,
                max_leased_per_party: bounds.max_leased,
                max_stream_silence: bounds.silence,
                max_failed_attempts: bounds.max_failed,
            },
        );
        let parts = Parts {
            journal: Box::new(journal),
            disk: None,
            vault: Arc::clone(&self.vault),
            index: index.clone(),
            observer: Arc::new(dispatch.clone()),
            parties: place.registry()?,
            law: Law::new(Arc::clone(&place.procedures), place.calendar.clone(), WhenUnset::Admit),
            clock: clock.clone(),
            options: EngineOptions {
                max_waiting_commands: bounds.max_waiting,
                max_group_commands: bounds.max_group,
                max_index_lag_records: bounds.max_lag,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: bounds.max_queued,
            },
            ladder: Ladder::default(),
            last_alive_ms,
            vitals: Arc::default(),
            read_calendar: |text| calendar::parse(text).map_err(|error| error.to_string()),
        };
        let stepped = assemble(parts)?.stepped()?;
        let (tasks, streams) = (Tasks::new(), BTreeMap::new());
        let lazy_per_mille = bounds.lazy_per_mille;
        let outlook = Outlook::new(clock);
        Ok(Bus { stepped, index, dispatch, tasks, streams, outlook, lazy_per_mille })
    }
}

/// The largest record is what a notice of many rungs may come to.
fn file_options(bounds: Bounds) -> FileOptions {
    FileOptions {
        segment_bytes: bounds.segment_bytes,
        max_record_bytes: 96 * 1024,
        reserve_bytes: 0,
    }
}

impl Bus {
    pub(super) fn engine(&self) -> &Engine {
        self.stepped.engine()
    }

    /// When the bus has to say something next, by its own timetable, in Unix milliseconds. It looks
    /// twice a second; in a world, when there is something to see.
    pub(super) fn next_rung_ms(&self) -> Option<i64> {
        self.stepped.next_rung_ms()
    }

    /// How far journal and index are.
    pub(super) fn progress(&self) -> (u64, u64) {
        let progress = self.engine().progress();
        (progress.sequence.0, progress.indexed.0)
    }

    /// Reads a record back.
    pub(super) fn recorded(&self, sequence: u64) -> Result<Recorded, ReadError> {
        self.engine().recorded(Sequence(sequence))
    }

    /// Whether anything waits to be done.
    pub(super) fn has_work(&self) -> bool {
        let (durable, indexed) = self.progress();
        self.stepped.waiting() > 0 || indexed < durable || !self.tasks.woken().is_empty()
    }

    /// Does one of the things that wait, whichever the chance says.
    pub(super) fn step(&mut self, chance: &mut Chance) -> Step {
        let woken = self.tasks.woken();
        let (durable, indexed) = self.progress();
        let mut choices: Vec<Choice> = woken.into_iter().map(Choice::Poll).collect();
        choices.extend((self.stepped.waiting() > 0).then_some(Choice::Turn));
        // The index has its own pace: in some worlds it is behind most of the time.
        let is_behind = indexed < durable;
        let folds = is_behind && !chance.hits(self.lazy_per_mille);
        if is_behind && choices.is_empty() && !folds {
            return Step::Worked;
        }
        choices.extend(folds.then_some(Choice::Fold));
        match chance.pick(&choices) {
            None => Step::Idle,
            Some(choice) => self.carry_out(*choice),
        }
    }

    fn carry_out(&mut self, choice: Choice) -> Step {
        let stepped = &mut self.stepped;
        let tasks = &mut self.tasks;
        let worked = catch_unwind(AssertUnwindSafe(|| match choice {
            Choice::Poll(task) => Ok(tasks.poll(task)),
            Choice::Turn => stepped.turn().map(|_| None),
            Choice::Fold => {
                stepped.fold();
                Ok(None)
            }
        }));
        match worked {
            Err(payload) => Step::Died(death_of(&*payload)),
            Ok(Err(error)) => Step::Died(Death::Failed(error.to_string())),
            Ok(Ok(Some(done))) => Step::Done(done),
            Ok(Ok(None)) if !self.engine().is_alive() => {
                Step::Died(Death::Panicked("the engine is dead and gave no reason".to_owned()))
            }
            Ok(Ok(None)) => Step::Worked,
        }
    }
}

#[derive(Clone, Copy)]
enum Choice {
    Poll(TaskId),
    Turn,
    Fold,
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
