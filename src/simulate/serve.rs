//! The bus's side of a world: its steps, calls that reach it, and streams that it serves as its
//! listener does.

use std::sync::Arc;

use tokio::time::Instant;

use super::SimulationError;
use super::bus::{Bus, Done, Served, Step, StreamId};
use super::check::{Checker, Holder};
use super::happening::Happening;
use super::talk::{Answered, Ask, CallId, Order, Proof, Told, Who};
use super::weather::Weather;
use super::world::{MINUTE_US, SECOND_US, SILENCE, World};
use crate::dispatch::{Dispatch, Leased, Untaken};
use crate::domain::ladder::NO_CASE;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, Event, HeldBy, HeldReason, Hold, RequestId, Sequence};
use crate::engine::{EndpointTaken, Engine, EngineError, HeldTaken, Noted};
use crate::index::IndexError;

/// How often the bus looks after its leases.
const KEEP_US: u64 = 5 * MINUTE_US;
/// How often the bus looks ahead.
const FORESEE_US: u64 = 15 * MINUTE_US;
/// How often the bus looks at its clock.
const TICK_US: u64 = SECOND_US / 2;
/// How long a call without a stream holds what it fetched, in seconds.
const LEASE_S: u64 = 120;
/// Deliveries that such a call takes at most.
const MAX_FETCHED: usize = 3;
/// What the world counts cases by in one answer.
const MAX_CASES: usize = 64;

impl World<'_> {
    /// Lets the bus go on soon, if it does not anyway.
    pub(super) fn bus_works(&mut self) {
        if !self.works && self.bus.is_some() {
            self.works = true;
            let delay_us = self.chance.within(20..=1500);
            self.after(delay_us, Happening::Works);
        }
    }

    /// One step of the process, or its end.
    pub(super) fn works(&mut self) -> Result<(), SimulationError> {
        self.works = false;
        if let Some((left, how)) = self.killed_after {
            let left = left.checked_sub(1);
            self.killed_after = left.map(|left| (left, how));
            if let (None, Weather::KillSoon { power, down_us, earlier_index, .. }) = (left, how) {
                return self.kills(power, down_us, earlier_index);
            }
        }
        let Some(mut bus) = self.bus.take() else { return Ok(()) };
        let step = self.inside(|world| bus.step(&mut world.chance));
        let has_work = bus.has_work();
        self.bus = Some(bus);
        self.witness();
        match step {
            Step::Idle | Step::Worked => {}
            Step::Done(done) => self.done(done),
            Step::Died(death) => return self.dies(death),
        }
        if has_work || self.bus.as_ref().is_some_and(Bus::has_work) {
            self.bus_works();
        } else {
            self.judge.at_rest(self.bounds.max_leased);
        }
        Ok(())
    }

    /// Shows the judge what has become durable and what the index has.
    pub(super) fn witness(&mut self) {
        let Some(bus) = &self.bus else { return };
        let (durable, indexed) = bus.progress();
        let mut held = Vec::new();
        for sequence in self.judge.records() + 1..=durable {
            match bus.recorded(sequence) {
                Ok(recorded) => {
                    let true_ms = i64::try_from(self.true_ms()).unwrap_or(0);
                    if self.is_traced() {
                        self.tell(&format!("record {sequence}: {:?}", recorded.event));
                    }
                    self.judge.recorded(sequence, &recorded, true_ms);
                    if let Event::DeliveryHeld(it) = recorded.event {
                        held.push((it.case, it.delivery, it.party));
                    }
                }
                Err(error) => self.judge.found(Checker::Durable, error.to_string()),
            }
        }
        self.judge.indexed(indexed);
        self.ticks_then();
        for (case, delivery, party) in held {
            self.is_held(case, delivery, party);
        }
    }

    /// Lets the bus look at its clock when it has something to say, as it does twice a second. What
    /// was planned holds only in the world's own time: another process, or one whose clock was set,
    /// may come to the same rung earlier, and is then looked for earlier.
    fn ticks_then(&mut self) {
        let next_ms = self.bus.as_ref().and_then(Bus::next_rung_ms);
        let Some(next_ms) = next_ms.and_then(|ms| u64::try_from(ms).ok()) else { return };
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let ahead_us = next_ms.saturating_sub(now_ms).saturating_mul(1000);
        let latest_us = self.now_us.saturating_add(ahead_us).saturating_add(TICK_US);
        if self.ticks_at_us.is_some_and(|at_us| at_us <= latest_us) {
            return;
        }
        let delay_us = ahead_us.saturating_add(self.chance.below(TICK_US));
        self.ticks_at_us = Some(self.now_us.saturating_add(delay_us));
        self.after(delay_us, Happening::Ticks);
    }

    /// The bus looks at its clock.
    pub(super) fn ticks(&mut self) {
        self.ticks_at_us = None;
        if let Some(bus) = &self.bus {
            bus.engine().tick();
            self.bus_works();
        }
    }

    /// A call reaches the bus; nobody answers where there is none.
    pub(super) fn asked(&mut self, who: Who, call: CallId, ask: Ask) {
        let party = self.systems[who].number;
        let Some(bus) = &mut self.bus else { return };
        let engine = bus.engine().clone();
        let dispatch = bus.dispatch.clone();
        let answer = move |told| Done::Answer(Answered { call, who, told });
        match ask {
            Ask::Act(command) => bus.tasks.spawn(async move {
                let accepted = engine.act((*command).clone()).await;
                answer(match accepted {
                    Ok(accepted) => {
                        let (sequence, at_ms) = (accepted.sequence.0, accepted.at.as_millisecond());
                        let proof = Proof { sequence, at_ms, hash: accepted.hash };
                        Told::Accepted(command.request, proof)
                    }
                    Err(error) => refusal(&error, Some(command.request)),
                })
            }),
            Ask::Reject(case, delivery) => bus.tasks.spawn(async move {
                let (by, reason) = (HeldBy::Receiver(party), HeldReason::CannotParse);
                let asked = Hold { case, delivery, by, reason, detail: None };
                answer(match engine.reject(asked).await {
                    Ok(_) => Told::Held,
                    Err(error) => refusal(&error, None),
                })
            }),
            Ask::Order(order) => {
                bus.tasks.spawn(async move { answer(ordered(engine, &order).await) })
            }
            Ask::Acknowledge(case, delivery) => bus.tasks.spawn(async move {
                answer(acknowledge(engine, dispatch, case, delivery, party).await)
            }),
            Ask::ShowCases => bus.tasks.spawn(async move {
                engine.caught_up().await;
                answer(match engine.index().cases(None, MAX_CASES) {
                    Ok(cases) => Told::Cases(cases.into_iter().map(Arc::new).collect()),
                    Err(error) => Told::TryAgain(error.to_string()),
                })
            }),
            Ask::Fetch => bus.tasks.spawn(async move {
                let lease = std::time::Duration::from_secs(LEASE_S);
                answer(match dispatch.fetch(party, MAX_FETCHED, lease) {
                    Ok(leased) => Told::Deliveries(leased),
                    Err(error) => Told::TryAgain(error.to_string()),
                })
            }),
        };
        self.bus_works();
    }

    /// A party opens its inbox.
    pub(super) fn opened(&mut self, who: Who, stream: StreamId) {
        if self.bus.is_none() {
            let delay_us = self.chance.below(SECOND_US);
            return self.after(delay_us, Happening::Broken(who, stream));
        }
        let (party, window) = (self.systems[who].number, self.systems[who].habits.window);
        let opened = self.inside(|world| {
            world.bus.as_ref().map(|bus| Arc::new(bus.dispatch.open(party, window)))
        });
        let (Some(opened), Some(bus)) = (opened, &mut self.bus) else { return };
        let served =
            Served { party, window, stream: opened, next: None, last_us: 0, full_since_us: None };
        bus.streams.insert(stream, served);
        self.judge.opened(stream, party, window, self.now_us);
        self.reads(stream, !self.systems[who].frozen);
    }

    /// Somebody reads a stream, so that the next delivery is looked for; or nobody does.
    pub(super) fn reads(&mut self, id: StreamId, is_read: bool) {
        self.judge.read(id, is_read);
        let Some(bus) = &mut self.bus else { return };
        let Some(served) = bus.streams.get_mut(&id) else { return };
        if let Some(task) = served.next.take() {
            bus.tasks.cancel(task);
        }
        if is_read {
            let stream = Arc::clone(&served.stream);
            served.next =
                Some(bus.tasks.spawn(async move { Done::Leased(id, stream.next().await) }));
        }
        self.bus_works();
    }

    /// The connection of a stream is gone, as far as the bus can tell.
    pub(super) fn close(&mut self, id: StreamId) {
        let Some(bus) = &mut self.bus else { return };
        let Some(served) = bus.streams.remove(&id) else { return };
        if let Some(task) = served.next {
            bus.tasks.cancel(task);
        }
        drop(served);
        self.judge.closed(id);
        self.bus_works();
    }

    /// A party acknowledges on the stream.
    pub(super) fn acknowledged(
        &mut self,
        who: Who,
        id: StreamId,
        case: CaseId,
        delivery: Sequence,
    ) {
        let party = self.systems[who].number;
        let Some(bus) = &mut self.bus else { return };
        let Some(served) = bus.streams.get_mut(&id) else { return };
        served.full_since_us = None;
        let (engine, dispatch) = (bus.engine().clone(), bus.dispatch.clone());
        bus.tasks.spawn(async move {
            let told = acknowledge(engine, dispatch, case, delivery, party).await;
            Done::Answer(Answered { call: 0, who, told })
        });
        self.bus_works();
    }

    /// Touches the streams that are served, and frees what was held for too long.
    pub(super) fn keeps(&mut self) {
        self.after(KEEP_US, Happening::Keeps);
        let is_idle = self.bus.as_ref().is_some_and(|bus| !bus.has_work());
        if is_idle && !self.site.disk.is_full() && self.is_used_to_clock() {
            self.wind();
            self.judge.clock_is_at(self.clock.now_ms());
        }
        let silence_us = u64::try_from(SILENCE.as_micros()).unwrap_or(u64::MAX);
        let full = self.inside(|world| {
            let now_us = world.now_us;
            let Some(bus) = &mut world.bus else { return Vec::new() };
            let mut full = Vec::new();
            for (id, served) in &mut bus.streams {
                if served.next.is_some() {
                    served.stream.touch();
                    world.judge.touched(*id, now_us);
                }
                if served.stream.in_flight() < served.window {
                    served.full_since_us = None;
                } else if *served.full_since_us.get_or_insert(now_us) + silence_us <= now_us {
                    full.push((*id, served.party));
                }
            }
            bus.dispatch.expire(Instant::now());
            world.judge.expired(now_us, silence_us);
            full
        });
        for (id, party) in full {
            self.close(id);
            let who = self.systems.iter().position(|system| system.number == party);
            self.after(SECOND_US, Happening::Broken(who.unwrap_or(0), id));
        }
        self.foresees();
        self.holds();
        self.bus_works();
    }

    /// Warns of what will not arrive in time. A bus looks every ten seconds; the less often it does
    /// in a world, the less that costs.
    fn foresees(&mut self) {
        if self.now_us % FORESEE_US >= KEEP_US {
            return;
        }
        let found = self.inside(|world| {
            let Some(bus) = &mut world.bus else { return Ok(()) };
            let parties = world.systems.iter().map(|system| system.number);
            let warnings = bus.outlook.look(&bus.dispatch, parties, world.clock.now_ms())?;
            if !warnings.is_empty() && bus.engine().warn(warnings.clone()).is_err() {
                bus.outlook.untold(&warnings);
            }
            Ok::<_, IndexError>(())
        });
        if let Err(error) = found {
            self.judge.found(Checker::Alive, error.to_string());
        }
    }

    /// Has the bus hold what its receivers fail to take.
    fn holds(&mut self) {
        let Some(bus) = &mut self.bus else { return };
        for untaken in bus.dispatch.untaken() {
            let (engine, dispatch) = (bus.engine().clone(), bus.dispatch.clone());
            bus.tasks.spawn(async move {
                let Untaken { party, case, sequence } = untaken;
                let held = engine.hold(case, sequence, party, HeldReason::Unacknowledged).await;
                if let Err(EngineError::Rejected(_)) = held {
                    dispatch.pardon(untaken);
                }
                Done::Chore
            });
        }
    }

    /// What a task of the bus has ended in.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Answer(Answered { call, who, told }) => {
                self.promise(who, &told);
                let link = self.systems[who].link;
                for delay_us in link.carry(&mut self.chance) {
                    self.after(delay_us, Happening::Told(who, call, told.clone()));
                }
            }
            Done::Chore => {}
            Done::Leased(id, leased) => self.leaves(id, leased),
        }
    }

    /// Notes what an answer promises, whoever gets to read it.
    fn promise(&mut self, who: Who, told: &Told) {
        let party = self.systems[who].number;
        match told {
            Told::Accepted(request, proof) => self.judge.accepted(party, *request, *proof),
            Told::Confirmed(by, delivery, proof) => {
                self.judge.confirmed(*by, *delivery, *proof);
                self.judge.settled(*by, *delivery);
            }
            Told::Deliveries(leased) => {
                let holder = Holder::Until(self.now_us + LEASE_S * SECOND_US);
                for Leased { sequence, order_ms, .. } in leased {
                    self.judge.handed(holder, party, *order_ms, *sequence);
                }
            }
            Told::Rejected(Some(request), words) => self.judge.rejected(party, *request, words),
            Told::Held | Told::Rejected(None, _) | Told::TryAgain(_) | Told::Cases(_) => {}
        }
    }

    /// A delivery leaves on a stream.
    fn leaves(&mut self, id: StreamId, leased: Result<Leased, IndexError>) {
        let leased = match leased {
            Ok(leased) => leased,
            Err(error) => return self.judge.found(Checker::Alive, error.to_string()),
        };
        let Some(served) = self.bus.as_ref().and_then(|bus| bus.streams.get(&id)) else { return };
        let (party, last_us) = (served.party, served.last_us);
        self.judge.handed(Holder::Stream(id), party, leased.order_ms, leased.sequence);
        self.reads(id, true);
        if self.is_acknowledged(party, leased) {
            // As the listener does with what was acknowledged since it was leased.
            return self.judge.settled(party, leased.sequence);
        }
        let Some(who) = self.systems.iter().position(|system| system.number == party) else {
            return;
        };
        let link = self.systems[who].link;
        let Some(delay_us) = link.carry_on_stream(&mut self.chance) else { return };
        let at_us = (self.now_us + delay_us).max(last_us);
        if let Some(served) = self.bus.as_mut().and_then(|bus| bus.streams.get_mut(&id)) {
            served.last_us = at_us;
        }
        self.after(at_us - self.now_us, Happening::Arrived(who, Some(id), leased));
    }

    fn is_acknowledged(&self, party: PartyNumber, leased: Leased) -> bool {
        let case = self.bus.as_ref().and_then(|bus| bus.index.case(leased.case).ok().flatten());
        case.is_some_and(|case| case.carrying(leased.sequence, party).is_none())
    }
}

async fn ordered(engine: Engine, order: &Order) -> Told {
    let taken = match order {
        Order::Resolve(asked) => {
            let taken = engine.resolve_held(asked.clone()).await;
            taken.map(|HeldTaken { sequence, at, hash, case: _ }| (sequence, at, hash))
        }
        Order::Endpoint(asked) => {
            let taken = engine.set_endpoint(asked.clone()).await;
            taken.map(|EndpointTaken { sequence, at, hash }| (sequence, at, hash))
        }
    };
    match taken {
        Ok((sequence, at, hash)) => {
            let proof = Proof { sequence: sequence.0, at_ms: at.as_millisecond(), hash };
            Told::Accepted(order.request(), proof)
        }
        Err(error) => refusal(&error, Some(order.request())),
    }
}

async fn acknowledge(
    engine: Engine,
    dispatch: Dispatch,
    case: CaseId,
    delivery: Sequence,
    by: PartyNumber,
) -> Told {
    if case == NO_CASE {
        return match engine.acknowledge_notice(delivery, by).await {
            Ok(Noted { party, sequence, at, hash }) => {
                dispatch.settled(party, delivery, sequence);
                let proof = Proof { sequence: sequence.0, at_ms: at.as_millisecond(), hash };
                Told::Confirmed(party, delivery, proof)
            }
            Err(error) => refusal(&error, None),
        };
    }
    match engine.acknowledge(case, delivery, by).await {
        Ok(confirmed) => {
            dispatch.settled(confirmed.event.by, delivery, confirmed.sequence);
            let (sequence, at_ms) = (confirmed.sequence.0, confirmed.at.as_millisecond());
            let proof = Proof { sequence, at_ms, hash: confirmed.hash };
            Told::Confirmed(confirmed.event.by, delivery, proof)
        }
        Err(error) => refusal(&error, None),
    }
}

fn refusal(error: &EngineError, act: Option<RequestId>) -> Told {
    match error {
        EngineError::Rejected(_) | EngineError::ListRefused => {
            Told::Rejected(act, error.to_string())
        }
        EngineError::Overloaded
        | EngineError::DiskFull
        | EngineError::MemoryShort
        | EngineError::QueueFull
        | EngineError::Stopped
        | EngineError::Fault(_) => Told::TryAgain(error.to_string()),
    }
}
