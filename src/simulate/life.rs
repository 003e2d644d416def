//! The life of the process in a world: it starts, is stopped as it should be, is killed, and at the
//! end is looked at.

use super::SimulationError;
use super::bus::{Done, Step};
use super::check::Checker;
use super::death::{Death, NoStart};
use super::happening::Happening;
use super::world::{DAY_US, MINUTE_US, SECOND_US, STEADY, World};
use crate::engine::alive::LastAlive;
use crate::engine::clock::steady::Steady;
use crate::engine::{Clock, timestamp};

impl World<'_> {
    /// The process starts, if it is not there.
    pub(super) fn starts(&mut self) -> Result<(), SimulationError> {
        if self.bus.is_some() {
            return Ok(());
        }
        let (place, bounds, reading) = (self.place, self.bounds, self.reading());
        let alive = self.alive.clone();
        self.steady = Steady::new(STEADY, reading);
        self.clock = Clock::sandbox(timestamp(reading.wall_ms));
        let clock = self.clock.clone();
        match self.inside(|world| world.site.start(place, bounds, &clock, reading, alive)) {
            Ok(bus) => {
                self.counts.starts += 1;
                let (durable, _) = bus.progress();
                let hash_of = |sequence| bus.recorded(sequence).ok().map(|found| found.hash);
                self.judge.started(durable, &mut { hash_of });
                self.bus = Some(bus);
                self.witness();
                let since_ms = self.away_since_ms.take().filter(|_| self.alive.is_some());
                let away = since_ms.map(|since_ms| (since_ms, self.clock.now_ms()));
                self.judge.is_back(away, !self.site.disk.is_full());
                self.bus_works();
                self.tell("the bus is up");
                Ok(())
            }
            Err(NoStart::Refused(words)) => {
                self.judge.found(Checker::Alive, format!("the bus does not start: {words}"));
                Ok(())
            }
            Err(NoStart::ClockRefused) => {
                // The operator sets the clock right, and starts the bus again.
                self.tell("the machine's clock is not believed");
                self.astray_ms = 0;
                let down_us = self.chance.within(MINUTE_US..=30 * MINUTE_US);
                self.after(down_us, Happening::Starts);
                Ok(())
            }
            Err(NoStart::Died(death)) => self.dies(death),
        }
    }

    /// The process ends by itself.
    pub(super) fn dies(&mut self, death: Death) -> Result<(), SimulationError> {
        self.tell(&format!("the bus dies: {death:?}"));
        let power = match death {
            Death::Killed => self.chance.hits(500),
            Death::Failed(_) => self.chance.hits(200),
            Death::Panicked(words) => {
                self.judge.found(Checker::Alive, format!("the bus panicked: {words}"));
                false
            }
        };
        let down_us = self.chance.within(SECOND_US..=10 * MINUTE_US);
        let earlier_index = self.chance.hits(200);
        self.kills(power, down_us, earlier_index)
    }

    /// The process is killed where it is, and the machine with it if the power fails.
    pub(super) fn kills(
        &mut self,
        power: bool,
        down_us: u64,
        earlier: bool,
    ) -> Result<(), SimulationError> {
        self.counts.crashes += 1;
        self.counts.power_losses += u64::from(power);
        self.tell(if power { "the power fails" } else { "the bus is killed" });
        // What its threads had at hand may still have left while another one died.
        let mut bus = self.bus.take();
        if let Some(bus) = &mut bus
            && self.chance.hits(500)
        {
            for task in bus.tasks.woken() {
                if let Some(Done::Answer(answered)) = bus.tasks.poll(task) {
                    self.done(Done::Answer(answered));
                }
            }
        }
        if bus.is_some() {
            self.dies_at(power);
        }
        self.breaks_all(power);
        self.site.kill(bus, earlier)?;
        if power {
            self.site.lose_power()?;
            // It comes up with the right time.
            self.astray_ms = 0;
            self.booted_us = self.now_us;
        }
        self.after(down_us.max(SECOND_US), Happening::Starts);
        Ok(())
    }

    /// Its last sign of life is a second old at most; with the power an earlier one may be left, or
    /// none.
    fn dies_at(&mut self, power: bool) {
        let seconds = if power { self.chance.below(40) } else { self.chance.below(2) };
        let before_ms = i64::try_from(seconds * 1000).unwrap_or(0);
        self.wind();
        let now_ms = self.clock.now_ms();
        self.away_since_ms = Some(now_ms);
        let alive = LastAlive {
            now_ms: now_ms - before_ms,
            boot_ms: (self.reading().boot_ms - before_ms).max(0),
            boot: self.site.boot_id(),
        };
        self.alive = (!power || !self.chance.hits(100)).then_some(alive);
    }

    /// The process is stopped as it should be: streams end, what waits is answered, the index is
    /// closed.
    pub(super) fn stops(&mut self) -> Result<(), SimulationError> {
        let Some(bus) = &self.bus else { return Ok(()) };
        self.tell("the bus is stopped");
        for stream in bus.streams.keys().copied().collect::<Vec<_>>() {
            self.close(stream);
        }
        self.breaks_all(false);
        while let Some(mut bus) = self.bus.take_if(|bus| bus.has_work()) {
            let step = self.inside(|world| bus.step(&mut world.chance));
            self.bus = Some(bus);
            self.witness();
            match step {
                Step::Idle | Step::Worked => {}
                Step::Done(done) => self.done(done),
                Step::Died(death) => return self.dies(death),
            }
        }
        self.dies_at(false);
        if let Some(bus) = self.bus.take()
            && let Err(error) = bus.index.close()
        {
            self.judge.found(Checker::Alive, format!("the index does not close: {error}"));
        }
        let down_us = self.chance.within(SECOND_US..=MINUTE_US);
        self.after(down_us, Happening::Starts);
        Ok(())
    }

    /// Every party loses its connection, at once or when its system notices.
    fn breaks_all(&mut self, silently: bool) {
        for who in 0..self.systems.len() {
            if let Some(stream) = self.systems[who].stream {
                let delay_us = if silently { MINUTE_US } else { self.chance.below(SECOND_US) };
                self.after(delay_us, Happening::Broken(who, stream));
            }
        }
    }

    /// Ends the world: the bus is stopped, and its journal and index are looked at.
    pub(super) fn finish(&mut self) -> Result<(), SimulationError> {
        let has_bus = self.bus.is_some();
        if self.judge.violations().is_empty() && has_bus {
            self.stops()?;
            self.judge.at_the_end(&self.site.journal());
            self.audit()?;
        }
        self.bus = None;
        self.counts.records = self.judge.records();
        self.counts.syncs = self.site.disk.syncs();
        self.counts.days = self.now_us / DAY_US;
        self.counts.fingerprint = self.chance.next();
        Ok(())
    }

    /// Holds the index against one that is folded anew.
    fn audit(&mut self) -> Result<(), SimulationError> {
        if !self.judge.violations().is_empty() {
            return Ok(());
        }
        let found = self.inside(|world| world.site.differing_index());
        if let Some(words) = found.map_err(SimulationError::from)? {
            self.judge.found(Checker::Index, words);
        }
        Ok(())
    }
}
