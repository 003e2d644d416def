//! Which clocks run, by the records: opened, carried on with an act, and ended.

use super::super::days::{day_of, morning};
use super::{AtOnce, Clock, Key, Ladders, Next, Run};
use crate::domain::ladder::Rung;
use crate::domain::party::PartyNumber;
use crate::domain::{
    ActRecorded, Actor, CaseId, DeliveryAcknowledged, DeliveryHeld, DeliveryKind, HopId, HopOpened,
    Sequence,
};

impl Ladders {
    /// Who did what a record tells: who held the first hop that was done, or arrived, by it.
    pub(super) fn doer(&self, case: CaseId, record: u64) -> Option<PartyNumber> {
        let by_it = |run: &&Run| run.acted == Some(record) || run.received == Some(record);
        self.runs.get(&case)?.iter().find(by_it).map(|run| run.holder)
    }

    pub(super) fn act(&mut self, sequence: u64, at_ms: i64, act: &ActRecorded) {
        if let Some(opening) = &act.opening {
            let filed = opening.recorded_with.map(|hop| Run {
                hop,
                holder: act.author,
                is_open: false,
                acted: Some(sequence),
                sent_to: None,
                received: None,
            });
            self.runs.entry(act.case).or_default().extend(filed);
            self.run(act.case, &opening.clock);
        }
        let mut done = vec![(act.hop, act.opening.is_none())];
        let first = self.discharge(act, &mut done, sequence, at_ms);
        for hop in &act.closed {
            self.close(act.case, *hop);
            if let Some(key) = self.open_clock(act.case, *hop) {
                self.end(key, at_ms, true);
            }
        }
        self.open(act.case, &act.opened, sequence, at_ms);
        let mut also: Vec<_> = act.also.iter().map(|hop| (*hop, true)).collect();
        let mut sent = self.discharge(act, &mut also, sequence, at_ms);
        sent.extend(first);
        // One act to one receiver is one delivery, whose clock is that of its first hop.
        sent.sort_by_key(|(place, ..)| *place);
        for (_, hop, clock, ran_before) in sent {
            self.carry(act, hop, clock, (sequence, at_ms), ran_before);
        }
    }

    /// Hops are done by an act; those that ran have come to their ends. What is sent of them, by
    /// the places of the hops.
    fn discharge(
        &mut self,
        act: &ActRecorded,
        hops: &mut Vec<(HopId, bool)>,
        sequence: u64,
        at_ms: i64,
    ) -> Vec<(usize, HopId, Clock, bool)> {
        let mut sent = Vec::new();
        for (hop, ran) in hops.drain(..) {
            let of_hop =
                act.deliveries.iter().find(|it| it.kind == DeliveryKind::Hop && it.hop == hop);
            let Some((place, run)) = self.open_run(act.case, hop) else { continue };
            run.is_open = false;
            run.acted = Some(sequence);
            run.sent_to = of_hop.map(|delivery| delivery.to);
            // What is opened and done by the same act has not run in between.
            let clock = match (&act.opening, ran) {
                (Some(opening), false) => self.clock_of(&opening.clock, sequence),
                (_, _) => self.open_clock(act.case, hop).and_then(|key| self.end(key, at_ms, true)),
            };
            sent.extend(clock.map(|clock| (place, hop, clock, ran)));
        }
        sent
    }

    fn run(&mut self, case: CaseId, opened: &HopOpened) {
        let HopOpened { hop, holder, .. } = *opened;
        let run = Run { hop, holder, is_open: true, acted: None, sent_to: None, received: None };
        self.runs.entry(case).or_default().push(run);
    }

    fn open_run(&mut self, case: CaseId, hop: HopId) -> Option<(usize, &mut Run)> {
        let runs = self.runs.get_mut(&case)?.iter_mut().enumerate();
        runs.into_iter().find(|(_, run)| run.hop == hop && run.is_open)
    }

    fn close(&mut self, case: CaseId, hop: HopId) {
        if let Some((_, run)) = self.open_run(case, hop) {
            run.is_open = false;
        }
    }

    /// An act is on its way to the receiver of a hop, and with it the hop's clock.
    fn carry(
        &mut self,
        act: &ActRecorded,
        hop: HopId,
        clock: Clock,
        (sequence, at_ms): (u64, i64),
        ran_before: bool,
    ) {
        let of_hop = act.deliveries.iter().find(|it| it.kind == DeliveryKind::Hop && it.hop == hop);
        let Some(delivery) = of_hop else { return };
        let acted = (sequence, act.discharged_at.as_millisecond());
        let is_same = |other: &Clock| other.carried == Some(acted) && other.duty == delivery.to;
        if self.clocks.values().any(is_same) {
            return;
        }
        let clock = Clock { duty: delivery.to, carried: Some(acted), ..clock };
        self.begin((act.case, hop), clock, at_ms, ran_before);
    }

    pub(super) fn receipt(&mut self, sequence: u64, at_ms: i64, receipt: &DeliveryAcknowledged) {
        let DeliveryAcknowledged { case, delivery, by, opened } = receipt;
        self.arrived(*case, *delivery, *by, at_ms);
        for run in self.runs.get_mut(case).into_iter().flatten() {
            if run.acted == Some(delivery.0) && run.sent_to == Some(*by) {
                run.received = Some(sequence);
            }
        }
        self.open(*case, opened, sequence, at_ms);
    }

    /// What was on its way is so no more: its receiver took it, or it was taken back.
    pub(super) fn arrived(
        &mut self,
        case: CaseId,
        delivery: Sequence,
        to: PartyNumber,
        at_ms: i64,
    ) {
        for key in self.on_its_way(case, delivery, to) {
            let in_time = self.clocks.get(&key).is_some_and(|clock| {
                clock.carried.is_some_and(|(_, acted_ms)| acted_ms < clock.due_ms)
            });
            self.end(key, at_ms, in_time);
        }
    }

    /// Whoever the term of a delivery concerns is told at once that it is held.
    pub(super) fn held(&mut self, held: &DeliveryHeld) {
        let DeliveryHeld { case, delivery, party, .. } = held;
        for key in self.on_its_way(*case, *delivery, *party) {
            let clock = self.clocks.get(&key).cloned();
            let rung = Rung::Held;
            self.at_once.extend(clock.map(|clock| AtOnce { key, rung, clock }));
        }
    }

    /// The clocks that run until a party has taken a delivery.
    fn on_its_way(&self, case: CaseId, delivery: Sequence, to: PartyNumber) -> Vec<Key> {
        let is_it = |(key, clock): &(&Key, &Clock)| {
            let of_act = clock.carried.is_some_and(|(act, _)| act == delivery.0);
            key.0 == case && of_act && clock.duty == to
        };
        self.clocks.iter().filter(is_it).map(|(key, _)| *key).collect()
    }

    fn open(&mut self, case: CaseId, opened: &[HopOpened], sequence: u64, at_ms: i64) {
        for opened in opened {
            self.run(case, opened);
            if let Some(clock) = self.clock_of(opened, sequence) {
                self.begin((case, opened.hop), clock, at_ms, false);
            }
        }
    }

    /// The clock of a hop that was opened, where it has one.
    fn clock_of(&self, opened: &HopOpened, opened_by: u64) -> Option<Clock> {
        let HopOpened { from, holder, opened_at, due, source, branch, .. } = opened;
        let due = due.as_ref().filter(|_| !branch && *from != Actor::Applicant)?;
        Some(Clock {
            opened_ms: opened_at.as_millisecond(),
            due_ms: due.instant.as_millisecond(),
            source: *source,
            holder: *holder,
            duty: *holder,
            opened_by,
            carried: None,
            next: (0, Rung::Due, 0),
        })
    }

    fn open_clock(&self, case: CaseId, hop: HopId) -> Option<Key> {
        let first = (case, hop, 0);
        let mut of_hop = self.clocks.range(first..);
        let is_it = |(key, _): &(&Key, &Clock)| (key.0, key.1) == (case, hop);
        let of_hop = of_hop.by_ref().take_while(is_it);
        of_hop.filter(|(_, clock)| clock.carried.is_none()).map(|(key, _)| *key).next()
    }

    fn begin(&mut self, (case, hop): (CaseId, HopId), clock: Clock, at_ms: i64, ran_before: bool) {
        self.numbers += 1;
        let key = (case, hop, self.numbers);
        if clock.due_ms <= at_ms && !ran_before {
            self.at_once.push(AtOnce { key, rung: Rung::Due, clock: clock.clone() });
        }
        self.plan(key, clock, at_ms);
    }

    pub(super) fn plan(&mut self, key: Key, clock: Clock, after_ms: i64) {
        if let Some(before) = self.clocks.get(&key) {
            self.planned.remove(&(before.next.0, key));
        }
        let next = self.next(&clock, after_ms);
        self.planned.insert((next.0, key));
        self.clocks.insert(key, Clock { next, ..clock });
    }

    /// A clock comes to its end; told at once if its term had run out.
    fn end(&mut self, key: Key, at_ms: i64, told: bool) -> Option<Clock> {
        let clock = self.clocks.remove(&key)?;
        self.planned.remove(&(clock.next.0, key));
        if told && clock.due_ms <= at_ms {
            self.at_once.push(AtOnce { key, rung: Rung::LateDischarge, clock: clock.clone() });
        }
        Some(clock)
    }

    /// The first rung after an instant.
    fn next(&self, clock: &Clock, after_ms: i64) -> Next {
        let (Some(days), Some(resident)) = (&self.days, self.residents.get(&clock.duty)) else {
            return (i64::MAX, Rung::Due, 0);
        };
        let zone = &resident.zone;
        let mut last = day_of(zone, clock.due_ms - 1);
        if morning(zone, last) >= clock.due_ms {
            // Counted where the clocks are behind: here it ends in the night after its last day.
            last = last.yesterday().unwrap_or(last);
        }
        if clock.due_ms > after_ms {
            let eve = days.before(last);
            let mut planned = vec![
                (morning(zone, eve), Rung::DayBefore, 0),
                (morning(zone, last), Rung::DueMorning, 0),
            ];
            let opened = day_of(zone, clock.opened_ms);
            let half = days.between(opened, last).div_ceil(2);
            let middle = (0..half).fold(opened, |day, _| days.next(day));
            if half > 0 && middle < eve {
                planned.push((morning(zone, middle), Rung::Half, 0));
            }
            planned.retain(|(at_ms, _, _)| *at_ms < clock.due_ms);
            planned.push((clock.due_ms, Rung::Due, 0));
            planned.retain(|(at_ms, _, _)| *at_ms > after_ms);
            return planned.into_iter().min().unwrap_or((clock.due_ms, Rung::Due, 0));
        }
        let mut day = last;
        loop {
            day = days.next(day);
            let at_ms = morning(zone, day);
            if at_ms > after_ms && at_ms >= clock.due_ms {
                return (at_ms, Rung::Overdue, days.between(last, day));
            }
        }
    }
}
