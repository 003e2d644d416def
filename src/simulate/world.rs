//! A world: its time, everything that is going to happen in it, and the loop that lets it happen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::bus::{Bounds, Bus, Site};
use super::chance::Chance;
use super::check::{Checker, Judge, Resident, Violation};
use super::happening::{Happening, Scheduled, Waking};
use super::place::Place;
use super::system::System;
use super::weather::{Weather, forecast};
use super::{Counts, Options, SimulationError};
use crate::domain::party::PartyNumber;
use crate::engine::alive::LastAlive;
use crate::engine::clock::steady::Steady;
use crate::engine::clock::{Reading, SteadyOptions};
use crate::engine::{Clock, timestamp};

pub(super) const SECOND_US: u64 = 1_000_000;
pub(super) const MINUTE_US: u64 = 60 * SECOND_US;
pub(super) const HOUR_US: u64 = 60 * MINUTE_US;
pub(super) const DAY_US: u64 = 24 * HOUR_US;

/// How long everybody is given to come to an end once nothing goes wrong any more.
const END_US: u64 = 7 * DAY_US;
/// Which steps of the machine's clock are followed.
pub(super) const STEADY: SteadyOptions = SteadyOptions { max_step_ms: 300_000, settle_ms: 60_000 };
/// A stream that does not move for so long loses what it holds.
pub(super) const SILENCE: Duration = Duration::from_secs(30 * 60);

/// A world under way.
pub(super) struct World<'a> {
    pub(super) place: &'a Place,
    pub(super) chance: Chance,
    pub(super) now_us: u64,
    began_ms: u64,
    /// The clock of the process, which shows what its steady clock makes of the machine's.
    pub(super) clock: Clock,
    pub(super) steady: Steady,
    /// By how much the machine's clock is wrong, in milliseconds.
    pub(super) astray_ms: i64,
    /// When the machine was started.
    pub(super) booted_us: u64,
    stepped_us: u64,
    pub(super) site: Site,
    pub(super) bounds: Bounds,
    pub(super) bus: Option<Bus>,
    /// Steps after which the process is killed, and how.
    pub(super) killed_after: Option<(u64, Weather)>,
    pub(super) works: bool,
    /// When in the world's own time the bus looks at its clock next, as far as that is planned.
    pub(super) ticks_at_us: Option<u64>,
    /// The time of the bus when it died, while it is away.
    pub(super) away_since_ms: Option<i64>,
    /// The last sign of life of the process before the one that runs.
    pub(super) alive: Option<LastAlive>,
    pub(super) systems: Vec<System>,
    pub(super) next_id: u64,
    pub(super) judge: Judge,
    pub(super) counts: Counts,
    /// Of so many deliveries in a thousand their receivers' systems die, until they are held.
    pub(super) poison_per_mille: u64,
    /// From here on nobody begins anything new.
    pub(super) clear: bool,
    pub(super) ended: bool,
    queue: BinaryHeap<Reverse<Scheduled>>,
    runtime: Runtime,
    /// How far the runtime's clock is.
    shown_us: u64,
    trace: Option<fn(&str)>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        place: &'a Place,
        mut chance: Chance,
        options: &Options,
        directory: PathBuf,
    ) -> Result<Self, SimulationError> {
        let began_ms = 1000 * chance.within(place.days_s.0..=place.days_s.1);
        let small = |chance: &mut Chance, choices: [usize; 3]| {
            chance.pick(&choices).copied().unwrap_or(choices[0])
        };
        let bounds = Bounds {
            segment_bytes: 100 * 1024 + 1024 * chance.below(100),
            max_waiting: small(&mut chance, [4, 16, 64]),
            max_group: small(&mut chance, [1, 4, 16]),
            max_lag: small(&mut chance, [1, 6, 64]),
            lazy_per_mille: small(&mut chance, [0, 500, 980]) as u64,
            max_failed: chance.pick(&[u32::MAX, 1, 3, 8]).copied().unwrap_or(3),
            max_queued: small(&mut chance, [8, 100, 10_000]) as u64,
            max_ready: small(&mut chance, [1, 3, 16]),
            max_leased: small(&mut chance, [2, 5, 64]),
            silence: SILENCE,
        };
        let site = Site::new(directory, chance.fork())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let mut world = Self {
            place,
            now_us: 0,
            began_ms,
            clock: Clock::sandbox(timestamp(i64::try_from(began_ms).unwrap_or(0))),
            steady: Steady::new(STEADY, Reading { wall_ms: 0, boot_ms: 0 }),
            astray_ms: 0,
            booted_us: 0,
            stepped_us: 0,
            site,
            bounds,
            bus: None,
            killed_after: None,
            works: false,
            ticks_at_us: None,
            away_since_ms: None,
            alive: None,
            systems: Vec::new(),
            next_id: 0,
            judge: Judge::default(),
            counts: Counts::default(),
            poison_per_mille: chance.pick(&[0, 40, 120]).copied().unwrap_or(0),
            clear: false,
            ended: false,
            queue: BinaryHeap::new(),
            runtime,
            shown_us: 0,
            trace: options.trace,
            chance,
        };
        world.people()?;
        world.prepare(options);
        Ok(world)
    }

    /// Every party has a system, under the number that it will be enrolled with.
    fn people(&mut self) -> Result<(), SimulationError> {
        let registry = self.place.registry()?;
        let mut residents = BTreeMap::new();
        for (party, number) in registry.iter().zip(1..) {
            let mut chance = self.chance.fork();
            self.systems.push(System::new(party, PartyNumber(number), &mut chance));
            let resident = Resident { role: party.role, zone: party.zone.clone() };
            residents.insert(PartyNumber(number), resident);
        }
        self.judge = Judge::new(residents, self.bounds.max_failed);
        for who in 0..self.systems.len() {
            self.begins(who);
        }
        Ok(())
    }

    /// Draws what is going to happen.
    fn prepare(&mut self, options: &Options) {
        let until_us = u64::from(options.weeks) * 7 * DAY_US;
        let mut chance = self.chance.fork();
        for (at_us, weather) in forecast(&mut chance, self.place.parties.len(), until_us) {
            self.at(at_us, Happening::Turns(weather));
        }
        let openers = self.place.openers();
        for _ in 0..self.chance.within(4..=20) {
            // Most cases begin early, so that they have time to go their way.
            let at_us = self.chance.below(until_us * 2 / 3);
            if let Some(who) = self.chance.pick(&openers).copied() {
                self.at(at_us, Happening::Wakes(who, Waking::Submit));
            }
        }
        for _ in 0..self.chance.below(4) {
            let at_us = self.chance.below(until_us);
            if let Some(who) = self.chance.place(self.systems.len()) {
                self.at(at_us, Happening::Wakes(who, Waking::Register));
            }
        }
        self.at(0, Happening::Starts);
        self.at(SECOND_US, Happening::Keeps);
        self.at(until_us, Happening::Clears);
    }

    /// Lets everything happen, and then holds it against the rules.
    pub(super) fn run(mut self) -> Result<(Counts, Vec<Violation>), SimulationError> {
        while let Some(Reverse(next)) = self.queue.pop() {
            self.now_us = next.at_us;
            self.happen(next.what)?;
            if self.ended || !self.judge.violations().is_empty() {
                break;
            }
        }
        self.finish()?;
        Ok((self.counts, self.judge.violations().to_vec()))
    }

    fn happen(&mut self, what: Happening) -> Result<(), SimulationError> {
        self.counts.happenings += 1;
        if self.is_traced()
            && !matches!(what, Happening::Works | Happening::Keeps | Happening::Looks)
        {
            self.tell(&format!("{what:?}"));
        }
        match what {
            Happening::Works => self.works()?,
            Happening::Asked(who, call, ask) => self.asked(who, call, ask),
            Happening::Opened(who, stream) => self.opened(who, stream),
            Happening::Closed(stream) => self.close(stream),
            Happening::Acknowledged(who, stream, case, delivery) => {
                self.acknowledged(who, stream, case, delivery);
            }
            Happening::Keeps => self.keeps(),
            Happening::Ticks => self.ticks(),
            Happening::Starts => self.starts()?,
            Happening::Told(who, call, told) => self.told(who, call, told),
            Happening::TimedOut(who, call) => self.timed_out(who, call),
            Happening::Broken(who, stream) => self.broken(who, stream),
            Happening::Arrived(who, stream, leased) => self.arrived(who, stream, leased),
            Happening::Wakes(who, waking) => self.wakes(who, waking),
            Happening::Turns(weather) => self.turns(weather)?,
            Happening::Clears => self.clears()?,
            Happening::Looks => self.looks(),
        }
        Ok(())
    }

    /// Lets something happen after so many microseconds.
    pub(super) fn after(&mut self, delay_us: u64, what: Happening) {
        self.at(self.now_us.saturating_add(delay_us), what);
    }

    fn at(&mut self, at_us: u64, what: Happening) {
        let tie = self.chance.next();
        self.next_id += 1;
        self.queue.push(Reverse(Scheduled { at_us, tie, number: self.next_id, what }));
    }

    /// A name that nothing else in this world has.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The time as it is, Unix milliseconds.
    pub(super) fn true_ms(&self) -> u64 {
        self.began_ms + self.now_us / 1000
    }

    pub(super) fn true_time(&self) -> Timestamp {
        timestamp(i64::try_from(self.true_ms()).unwrap_or(i64::MAX))
    }

    /// Sets the clocks of the process to now, before it does something.
    pub(super) fn wind(&mut self) {
        let ahead_us = self.now_us - self.shown_us;
        self.shown_us = self.now_us;
        if ahead_us > 0 {
            self.runtime.block_on(tokio::time::advance(Duration::from_micros(ahead_us)));
        }
        let shown_ms = self.steady.read(self.reading());
        // It shows the journal's last time at least, and stands still until then.
        let _ = self.clock.set(timestamp(shown_ms));
    }

    /// What the machine's clocks show.
    pub(super) fn reading(&self) -> Reading {
        let wall_ms = i64::try_from(self.true_ms()).unwrap_or(i64::MAX) + self.astray_ms;
        let boot_ms = i64::try_from((self.now_us - self.booted_us) / 1000).unwrap_or(i64::MAX);
        Reading { wall_ms, boot_ms }
    }

    /// Somebody sets the machine's clock. Not between a power loss and the next start: what was
    /// set there by less than the days that a bus may be away, no bus can tell.
    fn steps(&mut self, astray_ms: i64) {
        let boot = self.site.boot_id();
        if self.bus.is_none() && self.alive.as_ref().is_none_or(|alive| alive.boot != boot) {
            return;
        }
        self.counts.faults += u64::from(astray_ms != 0);
        self.astray_ms = astray_ms;
        self.stepped_us = self.now_us;
        // The bus looks at its clock twice a second; once it has to be seen at once, and once when
        // a step has stood for long enough.
        self.after(SECOND_US / 2, Happening::Ticks);
        let settled_us = u64::try_from(STEADY.settle_ms).unwrap_or(0) * 1000 + SECOND_US;
        self.after(settled_us, Happening::Ticks);
    }

    /// Whether the bus had the time to get used to its clock.
    pub(super) fn is_used_to_clock(&self) -> bool {
        self.now_us > self.stepped_us + 10 * MINUTE_US
    }

    /// Runs something of the process's where it finds its clock.
    pub(super) fn inside<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.wind();
        let handle = self.runtime.handle().clone();
        let _entered = handle.enter();
        run(self)
    }

    pub(super) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    pub(super) fn tell(&self, words: &str) {
        if let Some(show) = self.trace {
            show(&format!("{} {words}", self.true_time()));
        }
    }

    fn turns(&mut self, weather: Weather) -> Result<(), SimulationError> {
        if self.clear {
            return Ok(());
        }
        match weather {
            Weather::Cut(who, on) => self.cut(who, on),
            Weather::Storm(who, on) => {
                self.counts.faults += u64::from(on);
                self.systems[who].link.stormy = on;
            }
            Weather::Sleep(who, true) => self.falls_asleep(who),
            Weather::Sleep(who, false) => self.rises(who),
            Weather::Mute(who, on) => self.falls_mute(who, on),
            Weather::Freeze(who, on) => self.freezes(who, on),
            Weather::Drop(who) => self.drops(who),
            Weather::KillSoon { steps, .. } => {
                self.killed_after = Some((steps, weather));
                self.bus_works();
            }
            Weather::Disk(operations, fault) => {
                self.site.disk.fault_after(operations, fault);
            }
            Weather::Full(on) => {
                self.counts.faults += u64::from(on);
                self.site.disk.set_full(on);
            }
            Weather::Step(astray_ms) => self.steps(astray_ms),
            Weather::Restart => self.stops()?,
            Weather::RememberIndex => self.remember_index()?,
        }
        Ok(())
    }

    fn remember_index(&mut self) -> Result<(), SimulationError> {
        if let Some(bus) = &self.bus {
            bus.index.flush().map_err(io::Error::other)?;
            self.site.remember_index()?;
        }
        Ok(())
    }

    /// From now on all is well.
    fn clears(&mut self) -> Result<(), SimulationError> {
        self.clear = true;
        self.killed_after = None;
        self.site.disk.heal();
        self.steps(0);
        for who in 0..self.systems.len() {
            self.falls_mute(who, false);
            self.cut(who, false);
            self.systems[who].link.stormy = false;
            self.freezes(who, false);
            if self.systems[who].asleep {
                self.rises(who);
            }
        }
        self.after(HOUR_US, Happening::Looks);
        self.at(self.now_us + END_US, Happening::Looks);
        self.counts.clear_at_us = self.now_us;
        Ok(())
    }

    /// Ends the world once everybody has what is theirs, or has had enough time for it.
    fn looks(&mut self) {
        let is_answered = self.systems.iter().all(System::is_answered);
        let is_quiet = self.bus.as_ref().is_some_and(|bus| !bus.has_work());
        if is_answered && is_quiet && self.judge.undelivered() == 0 {
            self.ended = true;
        } else if self.now_us >= self.counts.clear_at_us + END_US {
            self.ended = true;
            let names: BTreeMap<_, _> =
                self.systems.iter().map(|system| (system.number, system.name.clone())).collect();
            if self.judge.undelivered() > 0 {
                self.judge.left_over(&names);
            }
            for system in self.systems.iter().filter(|system| !system.is_answered()) {
                let words =
                    format!("{} has no answer to {} acts", system.name, system.letters.len());
                self.judge.found(Checker::Delivered, words);
            }
        } else {
            self.after(HOUR_US, Happening::Looks);
        }
    }
}
