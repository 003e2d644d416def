//! The queues as they must be: what is on its way to each party, who holds it, and so what has to
//! leave next.

use std::collections::BTreeMap;

use crate::domain::party::PartyNumber;
use crate::domain::{DeliveryHeld, Event, HeldReason, HeldResolved, Resolution};
use crate::simulate::bus::StreamId;

/// A delivery's place: in due order, then in the order of the journal.
type Place = (i64, u64);

/// Who holds a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulate) enum Holder {
    /// A stream, until it is closed or silent.
    Stream(StreamId),
    /// A caller without one, until this instant.
    Until(u64),
}

/// What is on its way, by receiver.
#[derive(Default)]
pub(super) struct Queues {
    waiting: BTreeMap<PartyNumber, BTreeMap<Place, Waiting>>,
    streams: BTreeMap<StreamId, Stream>,
    indexed: u64,
    /// Failures after which a delivery may be passed over.
    max_failed: u32,
    /// The records that the process found at its start.
    inherited: u64,
}

#[derive(Default)]
struct Waiting {
    /// The record that put it into the queue last.
    since: u64,
    /// The record that holds it, while it is held.
    held: Option<u64>,
    /// How often it was the first of what somebody had and did not take.
    failed: u32,
    /// The party took something else after this had failed half as often as is allowed, or more.
    others_taken: bool,
    /// Both of these as the last process left them.
    before: (u32, bool),
    /// The record of its acknowledgement, once that is durable.
    acknowledged: Option<u64>,
    /// The bus was told so while somebody held it, so that it knows.
    settled: bool,
    holder: Option<Holder>,
    /// How often it left.
    handed: u32,
}

struct Stream {
    party: PartyNumber,
    window: usize,
    moved_us: u64,
    is_read: bool,
}

impl Queues {
    pub(super) fn new(max_failed: u32) -> Self {
        Self { max_failed, ..Self::default() }
    }

    /// What is wrong about what a record puts into the queues or takes out of them.
    pub(super) fn recorded(&mut self, sequence: u64, at_ms: i64, event: &Event) -> Option<String> {
        match event {
            Event::Act(act) => {
                for delivery in &act.deliveries {
                    let place = (delivery.order.as_millisecond(), sequence);
                    self.of(delivery.to).entry(place).or_default().since = sequence;
                }
            }
            Event::Notice(notice) => {
                for party in notice.parties() {
                    self.of(party).entry((at_ms, sequence)).or_default().since = sequence;
                }
            }
            Event::Acknowledged(receipt) => {
                self.acknowledged(receipt.by, receipt.delivery.0, sequence);
            }
            Event::NoticeAcknowledged(receipt) => {
                self.acknowledged(receipt.by, receipt.notice.0, sequence);
            }
            Event::DeliveryHeld(held) => return self.held(sequence, held),
            Event::HeldResolved(resolved) => self.resolved(sequence, resolved),
            Event::PartyEnrolled(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => {}
        }
        None
    }

    /// A receiver may reject what it was sent. The bus holds what failed more often than is allowed,
    /// if the party took something else after half of that: one that takes nothing has nothing held.
    fn held(&mut self, sequence: u64, held: &DeliveryHeld) -> Option<String> {
        let DeliveryHeld { case, delivery, party, reason, .. } = held;
        let (max_failed, inherited) = (self.max_failed, self.inherited);
        let mut wrong = None;
        self.mark(*party, delivery.0, |waiting| {
            waiting.held = Some(sequence);
            let now = (waiting.failed, waiting.others_taken);
            // What the last process wrote and nobody saw rests on what it had counted.
            let (failed, others_taken) = if sequence <= inherited { waiting.before } else { now };
            let is_to_blame = failed > max_failed && others_taken;
            if *reason == HeldReason::Unacknowledged && !is_to_blame {
                wrong = Some((failed, others_taken));
            }
        });
        wrong.map(|(failed, others_taken)| {
            let others = if others_taken { "others" } else { "nothing else" };
            format!(
                "record {sequence} holds {delivery} of case {case}, which failed {failed} times of \
                 {max_failed} with {party}, who took {others} meanwhile"
            )
        })
    }

    /// What was held goes on its way anew, or is taken back. Nothing is redirected in a world.
    fn resolved(&mut self, sequence: u64, resolved: &HeldResolved) {
        let is_withdrawn = resolved.resolution == Resolution::Withdrawn;
        self.mark(resolved.party, resolved.delivery.0, |waiting| {
            waiting.held = None;
            waiting.since = sequence;
            waiting.failed = 0;
            waiting.others_taken = false;
            waiting.acknowledged = is_withdrawn.then_some(sequence);
        });
    }

    fn of(&mut self, party: PartyNumber) -> &mut BTreeMap<Place, Waiting> {
        self.waiting.entry(party).or_default()
    }

    fn acknowledged(&mut self, by: PartyNumber, delivery: u64, record: u64) {
        self.takes(by);
        self.mark(by, delivery, |waiting| waiting.acknowledged = Some(record));
    }

    /// A party takes something: it is not at fault for what it has failed on often by now.
    fn takes(&mut self, party: PartyNumber) {
        let often = self.max_failed.div_ceil(2);
        for waiting in self.of(party).values_mut().filter(|it| it.failed >= often) {
            waiting.others_taken = true;
        }
    }

    pub(super) fn settled(&mut self, party: PartyNumber, delivery: u64) {
        self.takes(party);
        self.mark(party, delivery, |waiting| {
            waiting.settled |= waiting.holder.is_some();
            waiting.holder = None;
        });
    }

    fn mark(&mut self, party: PartyNumber, delivery: u64, mut mark: impl FnMut(&mut Waiting)) {
        for ((_, sequence), waiting) in self.of(party) {
            if *sequence == delivery {
                mark(waiting);
            }
        }
    }

    pub(super) fn indexed(&mut self, sequence: u64) {
        if self.indexed == sequence {
            return;
        }
        self.indexed = sequence;
        let is_over = |record: Option<u64>| record.is_some_and(|record| record <= sequence);
        for queue in self.waiting.values_mut() {
            queue.retain(|_, waiting| !is_over(waiting.acknowledged));
            for waiting in queue.values_mut().filter(|waiting| is_over(waiting.held)) {
                waiting.holder = None;
            }
        }
    }

    /// The process is another one, which found so many records: nobody holds anything.
    pub(super) fn restarted(&mut self, records: u64) {
        self.inherited = records;
        self.streams.clear();
        for queue in self.waiting.values_mut() {
            queue.retain(|_, waiting| waiting.acknowledged.is_none());
            for waiting in queue.values_mut() {
                waiting.holder = None;
                waiting.settled = false;
                waiting.before = (waiting.failed, waiting.others_taken);
                waiting.failed = 0;
                waiting.others_taken = false;
            }
        }
    }

    pub(super) fn opened(&mut self, id: StreamId, party: PartyNumber, window: usize, now_us: u64) {
        self.streams.insert(id, Stream { party, window, moved_us: now_us, is_read: true });
    }

    pub(super) fn touched(&mut self, id: StreamId, now_us: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.moved_us = now_us;
        }
    }

    pub(super) fn read(&mut self, id: StreamId, is_read: bool) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.is_read = is_read;
        }
    }

    pub(super) fn closed(&mut self, id: StreamId) {
        self.streams.remove(&id);
        self.free(|holder| holder == Holder::Stream(id));
    }

    pub(super) fn expired(&mut self, now_us: u64, silence_us: u64) {
        let is_silent = |stream: &Stream| stream.moved_us + silence_us <= now_us;
        let silent: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, stream)| is_silent(stream))
            .map(|(id, _)| *id)
            .collect();
        self.free(|holder| match holder {
            Holder::Stream(id) => silent.contains(&id),
            Holder::Until(until_us) => until_us <= now_us,
        });
    }

    /// What somebody had is free; that it was not taken is laid to the first of it.
    fn free(&mut self, is_freed: impl Fn(Holder) -> bool) {
        for queue in self.waiting.values_mut() {
            let mut blamed: Vec<Holder> = Vec::new();
            for waiting in queue.values_mut() {
                let Some(holder) = waiting.holder.filter(|holder| is_freed(*holder)) else {
                    continue;
                };
                waiting.holder = None;
                if !blamed.contains(&holder) {
                    blamed.push(holder);
                    waiting.failed += 1;
                }
            }
        }
    }

    /// A delivery leaves: it must be on its way, with nobody, and none may be earlier.
    pub(super) fn handed(
        &mut self,
        holder: Holder,
        party: PartyNumber,
        place: Place,
    ) -> Option<String> {
        let (indexed, max_failed) = (self.indexed, self.max_failed);
        let queue = self.waiting.entry(party).or_default();
        let is_first = |waiting: &Waiting| waiting.is_ready(indexed, max_failed);
        let earlier = queue.range(..place).find(|(_, waiting)| is_first(waiting));
        let earlier = earlier.map(|(at, _)| *at);
        let Some(waiting) = queue.get_mut(&place) else {
            return Some(format!("{place:?} left for {party}, to whom it is not on its way"));
        };
        waiting.handed += 1;
        let before = waiting.holder.replace(holder);
        if let Some(before) = before {
            return Some(format!("{place:?} left for {party} while {before:?} held it"));
        }
        if waiting.held.is_some_and(|record| record <= indexed) {
            return Some(format!("{place:?} left for {party} while it is held"));
        }
        if waiting.settled || waiting.acknowledged.is_some_and(|record| record <= indexed) {
            return Some(format!("{place:?} left for {party} after it was settled"));
        }
        earlier.map(|earlier| format!("{place:?} left for {party} before {earlier:?}"))
    }

    /// Whoever reads and has room must have what is ready.
    pub(super) fn at_rest(&self, max_leased: usize) -> Option<String> {
        for (id, stream) in self.streams.iter().filter(|(_, stream)| stream.is_read) {
            let Some(queue) = self.waiting.get(&stream.party) else { continue };
            let held = queue.values().filter(|it| it.holder.is_some()).count();
            let its = Some(Holder::Stream(*id));
            let in_flight = queue.values().filter(|it| it.holder == its).count();
            if held >= max_leased || in_flight >= stream.window {
                continue;
            }
            let is_ready = |waiting: &Waiting| waiting.is_ready(self.indexed, self.max_failed);
            let ready = queue.iter().find(|(_, waiting)| is_ready(waiting));
            if let Some((place, waiting)) = ready {
                let party = stream.party;
                let handed = waiting.handed;
                return Some(format!(
                    "{place:?} does not leave for {party}, whose stream {id} has room ({in_flight} \
                     of {}); it left {handed} times before",
                    stream.window
                ));
            }
        }
        None
    }

    pub(super) fn undelivered(&self) -> usize {
        let all = self.waiting.values().flat_map(BTreeMap::values);
        all.filter(|waiting| waiting.acknowledged.is_none()).count()
    }

    /// What is left, in words.
    pub(super) fn left_over(&self, names: &BTreeMap<PartyNumber, String>) -> String {
        let mut words = String::from("not acknowledged although everybody was well:");
        for (party, queue) in &self.waiting {
            let left: Vec<_> = queue
                .iter()
                .filter(|(_, it)| it.acknowledged.is_none())
                .map(|(at, _)| at.1)
                .collect();
            if !left.is_empty() {
                let name = names.get(party).map_or("nobody", String::as_str);
                words.push_str(&format!(" {name} {left:?}"));
            }
        }
        words
    }
}

impl Waiting {
    /// Whether it must be handed out before anything later: the index has it, nobody has it, and
    /// it is neither acknowledged nor held. What has failed too often may be passed over.
    fn is_ready(&self, indexed: u64, max_failed: u32) -> bool {
        let is_there = self.since <= indexed && self.acknowledged.is_none() && !self.settled;
        is_there && self.held.is_none() && self.holder.is_none() && self.failed < max_failed
    }
}
