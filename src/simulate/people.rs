//! The parties' side of a world: their systems take deliveries, keep what they want to say until
//! it is answered, and their people act in the cases.

use std::sync::Arc;

use super::bus::StreamId;
use super::happening::{Happening, Waking};
use super::office::{Clerk, open_to, person};
use super::place::Entry;
use super::system::{Call, Letter, MAX_FORMS, StepKey, System};
use super::talk::{Ask, CallId, Told, Who};
use super::world::{HOUR_US, MINUTE_US, SECOND_US, World};
use crate::dispatch::Leased;
use crate::domain::{Case, Command, RequestId, Sequence, Submission};
use crate::engine::timestamp;

/// How long a system waits for an answer.
const TIMEOUT_US: u64 = 30 * SECOND_US;
/// Of so many deliveries in a thousand a system breaks its connection off.
const CHOKES_PER_MILLE: u64 = 25;
/// What is not an act waits between its attempts as an act does after so many.
const ORDER_TRIES: u32 = 5;

impl World<'_> {
    /// A party's system does something of its own.
    pub(super) fn wakes(&mut self, who: Who, waking: Waking) {
        if self.systems[who].asleep {
            // Whoever rises looks at everything anew; a new application waits.
            if matches!(waking, Waking::Submit | Waking::Resolve(..) | Waking::Register) {
                self.after(HOUR_US, Happening::Wakes(who, waking));
            }
            return;
        }
        match waking {
            Waking::Connect => self.connects(who),
            Waking::Poll => {
                self.calls(who, Call::Fetch, Ask::Fetch);
                let pause_us = self.chance.within(5 * MINUTE_US..=HOUR_US);
                self.after(pause_us, Happening::Wakes(who, Waking::Poll));
            }
            Waking::LookAround => {
                self.calls(who, Call::Cases, Ask::ShowCases);
                let pause_us = self.chance.within(4 * HOUR_US..=9 * HOUR_US);
                self.after(pause_us, Happening::Wakes(who, Waking::LookAround));
            }
            Waking::Submit => self.submits(who),
            Waking::Take(step) => self.takes(who, step),
            Waking::Send(request) => self.sends(who, request),
            Waking::Resolve(case, delivery, party) => self.resolves(who, case, delivery, party),
            Waking::Register => self.registers(who),
            Waking::Reject(case, delivery) => self.rejects(who, case, delivery),
            Waking::Acknowledge(delivery) => self.acknowledges(who, delivery),
        }
    }

    /// A system comes up: it goes on with what it had written down.
    pub(super) fn begins(&mut self, who: Who) {
        let first = if self.systems[who].habits.polls { Waking::Poll } else { Waking::Connect };
        let delay_us = self.chance.below(MINUTE_US);
        self.after(delay_us, Happening::Wakes(who, first));
        let delay_us = self.chance.below(HOUR_US);
        self.after(delay_us, Happening::Wakes(who, Waking::LookAround));
        let system = &self.systems[who];
        let unanswered = system.letters.keys().chain(system.orders.keys());
        for request in unanswered.copied().collect::<Vec<_>>() {
            let delay_us = self.chance.below(MINUTE_US);
            self.after(delay_us, Happening::Wakes(who, Waking::Send(request)));
        }
    }

    pub(super) fn falls_asleep(&mut self, who: Who) {
        self.counts.faults += 1;
        let system = &mut self.systems[who];
        system.asleep = true;
        system.calls.clear();
        // What its people had planned is on their desks; the plans are made anew from the cases.
        system.plans.retain(|_, plan| plan.settled);
        if let Some(stream) = system.stream.take() {
            let delay_us = self.chance.below(MINUTE_US);
            self.after(delay_us, Happening::Closed(stream));
        }
    }

    pub(super) fn rises(&mut self, who: Who) {
        if self.systems[who].asleep {
            self.systems[who].asleep = false;
            self.begins(who);
        }
    }

    /// Nothing passes between a party and the bus; both notice after a while.
    pub(super) fn cut(&mut self, who: Who, on: bool) {
        self.counts.faults += u64::from(on);
        self.systems[who].link.cut = on;
        if let Some(stream) = self.systems[who].stream.filter(|_| on) {
            let bus_us = self.chance.within(20 * SECOND_US..=2 * MINUTE_US);
            let party_us = self.chance.within(20 * SECOND_US..=2 * MINUTE_US);
            self.after(bus_us, Happening::Closed(stream));
            self.after(party_us, Happening::Broken(who, stream));
        }
    }

    pub(super) fn freezes(&mut self, who: Who, on: bool) {
        self.counts.faults += u64::from(on);
        self.systems[who].frozen = on;
        if let Some(stream) = self.systems[who].stream {
            self.reads(stream, !on);
        }
    }

    /// Takes deliveries and acknowledges none; afterwards it acknowledges what it has taken.
    pub(super) fn falls_mute(&mut self, who: Who, on: bool) {
        self.counts.faults += u64::from(on);
        let system = &mut self.systems[who];
        let was_mute = std::mem::replace(&mut system.mute, on);
        if on || !was_mute {
            return;
        }
        let owed = system.taken.iter().filter(|(_, (_, confirmed))| !confirmed);
        for delivery in owed.map(|(delivery, _)| *delivery).collect::<Vec<_>>() {
            let delay_us = self.chance.below(MINUTE_US);
            self.after(delay_us, Happening::Wakes(who, Waking::Acknowledge(delivery)));
        }
    }

    /// Breaks its connection off and opens another one, while the bus still holds the first.
    pub(super) fn drops(&mut self, who: Who) {
        if let Some(stream) = self.systems[who].stream {
            self.counts.faults += 1;
            let delay_us = self.chance.below(3 * MINUTE_US);
            self.after(delay_us, Happening::Closed(stream));
            self.broken(who, stream);
        }
    }

    fn connects(&mut self, who: Who) {
        if self.systems[who].stream.is_some() {
            return;
        }
        let stream = self.fresh_id();
        let tries = self.systems[who].attempts;
        self.systems[who].attempts = tries + 1;
        self.systems[who].stream = Some(stream);
        let link = self.systems[who].link;
        match link.carry_on_stream(&mut self.chance) {
            Some(delay_us) => self.after(delay_us, Happening::Opened(who, stream)),
            None => self.after(TIMEOUT_US, Happening::Broken(who, stream)),
        }
    }

    /// A system learns that its connection is gone.
    pub(super) fn broken(&mut self, who: Who, stream: StreamId) {
        if self.systems[who].stream == Some(stream) {
            self.systems[who].stream = None;
            let delay_us = System::backoff_us(self.systems[who].attempts, &mut self.chance);
            self.after(delay_us, Happening::Wakes(who, Waking::Connect));
        }
    }

    /// A delivery has come.
    pub(super) fn arrived(&mut self, who: Who, stream: Option<StreamId>, leased: Leased) {
        let system = &mut self.systems[who];
        let is_gone = stream.is_some() && system.stream != stream;
        if system.asleep || system.link.cut || is_gone {
            return;
        }
        system.attempts = 0;
        if stream.is_some() && !self.clear && self.chance.hits(CHOKES_PER_MILLE) {
            return self.drops(who);
        }
        let Leased { case, sequence, .. } = leased;
        if self.is_poison(leased) {
            if stream.is_some() {
                self.drops(who);
            }
            return;
        }
        if self.is_unreadable(leased) {
            return self.rejects(who, case, sequence);
        }
        let system = &mut self.systems[who];
        system.taken.entry(sequence).or_insert((case, false));
        if !system.mute {
            let slow_us = system.habits.slow_us;
            let delay_us = self.chance.within(1000..=slow_us);
            self.after(delay_us, Happening::Wakes(who, Waking::Acknowledge(sequence)));
        }
        if self.chance.hits(300) {
            let delay_us = self.chance.below(10 * MINUTE_US);
            self.after(delay_us, Happening::Wakes(who, Waking::LookAround));
        }
    }

    fn acknowledges(&mut self, who: Who, delivery: Sequence) {
        let system = &self.systems[who];
        let Some((case, _)) = system.taken.get(&delivery).copied() else { return };
        match system.stream {
            Some(stream) if !system.link.cut => {
                let link = system.link;
                if let Some(delay_us) = link.carry_on_stream(&mut self.chance) {
                    let what = Happening::Acknowledged(who, stream, case, delivery);
                    self.after(delay_us, what);
                }
            }
            Some(_) | None => {
                let call = Call::Acknowledgement(delivery);
                self.calls(who, call, Ask::Acknowledge(case, delivery));
            }
        }
    }

    pub(super) fn calls(&mut self, who: Who, what: Call, ask: Ask) {
        let call = self.fresh_id();
        self.systems[who].calls.insert(call, what);
        let link = self.systems[who].link;
        for delay_us in link.carry(&mut self.chance) {
            self.after(delay_us, Happening::Asked(who, call, ask.clone()));
        }
        self.after(TIMEOUT_US, Happening::TimedOut(who, call));
    }

    pub(super) fn timed_out(&mut self, who: Who, call: CallId) {
        match self.systems[who].calls.remove(&call) {
            Some(Call::Letter(request) | Call::Order(request)) => self.sends_later(who, request),
            Some(Call::Rejection(case, delivery)) => self.rejects_later(who, case, delivery),
            // The delivery comes again, and the cases are looked at again.
            Some(Call::Acknowledgement(_) | Call::Cases | Call::Fetch) | None => {}
        }
    }

    /// An answer has come, the first or another copy of it.
    pub(super) fn told(&mut self, who: Who, call: CallId, told: Told) {
        if self.systems[who].asleep {
            return;
        }
        let call = self.systems[who].calls.remove(&call);
        match told {
            Told::Accepted(request, _) => {
                self.systems[who].orders.remove(&request);
                if let Some(letter) = self.systems[who].letters.remove(&request)
                    && let Some(step) = letter.step
                {
                    self.systems[who].plans.entry(step).or_default().settled = true;
                }
            }
            Told::Confirmed(_, delivery, _) => {
                if let Some((_, confirmed)) = self.systems[who].taken.get_mut(&delivery) {
                    *confirmed = true;
                }
            }
            Told::Rejected(_, words) => {
                if let Some(Call::Order(request)) = call {
                    // It was acknowledged meanwhile, or something rests on it.
                    self.systems[who].orders.remove(&request);
                }
                if let Some(Call::Letter(request)) = call {
                    self.counts.rejections += 1;
                    self.tell(&format!("{}: {words}", self.systems[who].name));
                    self.gives_up(who, request);
                }
            }
            Told::TryAgain(_) => match call {
                Some(Call::Letter(request) | Call::Order(request)) => {
                    self.sends_later(who, request);
                }
                Some(Call::Rejection(case, delivery)) => self.rejects_later(who, case, delivery),
                Some(Call::Acknowledgement(_) | Call::Cases | Call::Fetch) | None => {}
            },
            Told::Held => {}
            Told::Cases(cases) => self.plans(who, &cases),
            Told::Deliveries(leased) => {
                for leased in leased {
                    self.arrived(who, None, leased);
                }
            }
        }
    }

    /// What was refused is not tried again in this form; perhaps in another.
    fn gives_up(&mut self, who: Who, request: RequestId) {
        let system = &mut self.systems[who];
        let Some(letter) = system.letters.remove(&request) else { return };
        if let Some(step) = letter.step {
            let mut plan = system.plans.remove(&step).unwrap_or_default();
            plan.refused += 1;
            plan.settled = plan.refused >= MAX_FORMS;
            system.plans.insert(step, plan);
        }
    }

    pub(super) fn sends(&mut self, who: Who, request: RequestId) {
        if let Some(order) = self.systems[who].orders.get(&request).map(Arc::clone) {
            return self.calls(who, Call::Order(request), Ask::Order(order));
        }
        let Some(letter) = self.systems[who].letters.get_mut(&request) else { return };
        letter.tries += 1;
        let command = Arc::clone(&letter.command);
        self.calls(who, Call::Letter(request), Ask::Act(command));
    }

    fn sends_later(&mut self, who: Who, request: RequestId) {
        let tries =
            self.systems[who].letters.get(&request).map_or(ORDER_TRIES, |letter| letter.tries);
        let delay_us = System::backoff_us(tries, &mut self.chance);
        self.after(delay_us, Happening::Wakes(who, Waking::Send(request)));
    }

    fn writes(&mut self, who: Who, command: Command, step: Option<StepKey>) {
        let request = command.request;
        let letter = Letter { command: Arc::new(command), step, tries: 0 };
        self.systems[who].letters.insert(request, letter);
        self.sends(who, request);
    }

    /// Its people look at the cases and plan what is theirs to do.
    fn plans(&mut self, who: Who, cases: &[Arc<Case>]) {
        if self.clear {
            return;
        }
        for case in cases {
            let number = self.systems[who].number;
            for (at, run) in open_to(case, number) {
                let step = (case.id, at);
                let known = self.systems[who].plans.get(&step);
                if known.is_some_and(|plan| plan.settled || plan.refused == 0) {
                    continue;
                }
                let mut chance = self.chance.fork();
                let when_ms = self.clerk(who).when(run, &mut chance);
                let plan = self.systems[who].plans.entry(step).or_default();
                match when_ms {
                    None => plan.settled = true,
                    Some(when_ms) => {
                        let what = Happening::Wakes(who, Waking::Take(step));
                        self.after(when_ms * 1000, what);
                    }
                }
            }
            self.systems[who].cases.insert(case.id, Arc::clone(case));
        }
    }

    /// Its people take a step.
    fn takes(&mut self, who: Who, step: StepKey) {
        let system = &self.systems[who];
        let under_way = system.letters.values().any(|letter| letter.step == Some(step));
        let is_settled = system.plans.get(&step).is_none_or(|plan| plan.settled);
        let Some(case) = system.cases.get(&step.0).map(Arc::clone) else { return };
        let Some(run) = case.hops.get(step.1) else { return };
        if under_way || is_settled || self.clear {
            return;
        }
        let mut chance = self.chance.fork();
        if let Some(command) = self.clerk(who).act(&case, run, &mut chance) {
            self.writes(who, command, Some(step));
        }
    }

    fn submits(&mut self, who: Who) {
        if self.clear {
            return;
        }
        let party = &self.place.parties[who];
        let (role, name) = (party.role, party.id.to_string());
        let ways: Vec<&Entry> =
            self.place.entries.iter().filter(|entry| entry.channel == role).collect();
        let mut chance = self.chance.fork();
        let Some(entry) = chance.pick(&ways).copied() else { return };
        let own = party.region;
        let Some(region) = own.or_else(|| chance.pick(&self.place.regions).copied()) else {
            return;
        };
        let Some(law) = self.place.law(&entry.key) else { return };
        let Some(hop) = law.entry(entry.channel, entry.basis) else { return };
        let filed_ms = self.true_ms() - chance.within(SECOND_US / 1000..=30 * HOUR_US / 1000);
        let asked = Submission {
            procedure: entry.key.clone(),
            act: hop.act,
            basis: entry.basis,
            region,
            departure: self.place.departure,
            persons: 1 + u16::try_from(chance.below(6)).unwrap_or(0),
            applicant: Some(person(&mut chance)),
            concerns: None,
            filed_at: timestamp(i64::try_from(filed_ms).unwrap_or(0)),
        };
        let command = self.clerk(who).submission(&name, asked, &mut chance);
        self.writes(who, command, None);
    }

    fn clerk(&self, who: Who) -> Clerk<'_> {
        let system = &self.systems[who];
        Clerk {
            place: self.place,
            number: system.number,
            zone: &system.zone,
            late_per_mille: system.habits.late_per_mille,
            now_ms: self.true_ms(),
        }
    }
}
