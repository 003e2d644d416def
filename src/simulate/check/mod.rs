//! The checkers: what must be so in every world, told from what left the bus and from the bytes of
//! its journal, without asking the code that is under test.

mod cases;
mod chain;
mod days;
mod ladder;
mod queues;
mod receipts;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::bus::StreamId;
use super::talk::Proof;
use super::world::STEADY;
use crate::domain::party::PartyNumber;
use crate::domain::{RequestId, Sequence};
use crate::engine::Recorded;

pub(super) use ladder::Resident;
pub(super) use queues::Holder;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which checker found it.
    pub checker: Checker,
    /// What it found.
    pub words: String,
}

named! {
    /// A checker, by what it holds.
    Checker, "a checker", {
        /// A record that was durable stays as it was.
        Durable = 1 "durable",
        /// The journal's bytes are one whole chain.
        Chain = 2 "chain",
        /// An act that was answered is there, once; a repeat gets the first answer.
        Receipts = 3 "receipts",
        /// The acts of a case follow each other as the openings allow.
        Order = 4 "order",
        /// What leaves for a party is the earliest due of what nobody holds.
        DueOrder = 5 "due-order",
        /// What a living party is to get leaves for it, and is acknowledged in the end.
        Delivered = 6 "delivered",
        /// The index is what a fresh fold of the journal gives.
        Index = 7 "index",
        /// Of every running term each rung is said once, in its time and order, to whom it concerns,
        /// and before anything else is recorded; a breach tells where the time went.
        Ladder = 9 "ladder",
        /// The time of the bus does not follow a clock that was set by more than it believes.
        Clock = 10 "clock",
        /// The bus neither panics nor refuses what it wrote itself.
        Alive = 8 "alive",
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.words)
    }
}

/// How far the time of the bus may lie ahead: the steps of the machine's clock that it follows,
/// before a start and after it.
const MAX_AHEAD_MS: i64 = 2 * STEADY.max_step_ms;

/// What the checkers have seen of a world.
#[derive(Default)]
pub(super) struct Judge {
    /// The hashes of the records that were durable, in order.
    durable: Vec<[u8; 32]>,
    queues: queues::Queues,
    receipts: receipts::Receipts,
    cases: cases::Cases,
    ladders: ladder::Ladders,
    violations: Vec<Violation>,
}

impl Judge {
    /// A judge who knows where the parties are, and how often a delivery may fail.
    pub(super) fn new(residents: BTreeMap<PartyNumber, Resident>, max_failed: u32) -> Self {
        Self {
            ladders: ladder::Ladders::new(residents),
            queues: queues::Queues::new(max_failed),
            ..Self::default()
        }
    }

    /// The bus is back, and was away between these times of its own, if that is known.
    pub(super) fn is_back(&mut self, away: Option<(i64, i64)>, has_room: bool) {
        let found = self.ladders.is_back(away, has_room);
        self.add(Checker::Ladder, found);
    }

    /// A bus that is up, has room and nothing else to do has said what was to be said by now.
    pub(super) fn clock_is_at(&mut self, now_ms: i64) {
        let found = self.ladders.silent_at(now_ms);
        self.add(Checker::Ladder, found);
    }

    /// What was found so far.
    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Records that were durable when last looked.
    pub(super) fn records(&self) -> u64 {
        self.durable.len() as u64
    }

    /// Something is wrong that needs no checker to see it.
    pub(super) fn found(&mut self, checker: Checker, words: impl Into<String>) {
        self.violations.push(Violation { checker, words: words.into() });
    }

    /// A record is durable for the first time.
    pub(super) fn recorded(&mut self, sequence: u64, recorded: &Recorded, true_ms: i64) {
        if sequence != self.records() + 1 {
            let words = format!("record {sequence} came after record {}", self.records());
            self.found(Checker::Durable, words);
        }
        self.durable.push(recorded.hash);
        let at_ms = recorded.at.as_millisecond();
        if at_ms > true_ms + MAX_AHEAD_MS {
            let ahead_ms = at_ms - true_ms;
            self.found(Checker::Clock, format!("record {sequence} is {ahead_ms} ms in the future"));
        }
        self.receipts.recorded(sequence, at_ms, recorded.hash, &recorded.event);
        let found = self.queues.recorded(sequence, at_ms, &recorded.event);
        self.add(Checker::Delivered, found);
        let found = self.cases.recorded(sequence, &recorded.event);
        self.add(Checker::Order, found);
        let found = self.ladders.recorded(sequence, at_ms, &recorded.event);
        self.add(Checker::Ladder, found);
    }

    /// The process is up again: what was durable must be there.
    pub(super) fn started(
        &mut self,
        records: u64,
        hash_of: &mut dyn FnMut(u64) -> Option<[u8; 32]>,
    ) {
        if records < self.records() {
            let words = format!("{} records were durable, {records} are left", self.records());
            self.found(Checker::Durable, words);
        }
        for (before, at) in self.durable.clone().iter().zip(1..) {
            if hash_of(at).as_ref() != Some(before) {
                self.found(Checker::Durable, format!("record {at} is not what it was"));
                break;
            }
        }
        self.queues.restarted(records);
    }

    /// The index has the records up to this one.
    pub(super) fn indexed(&mut self, sequence: u64) {
        self.queues.indexed(sequence);
    }

    /// An act was answered with a receipt.
    pub(super) fn accepted(&mut self, author: PartyNumber, request: RequestId, proof: Proof) {
        let found = self.receipts.accepted(author, request, proof);
        self.add(Checker::Receipts, found);
    }

    /// An act was refused for good.
    pub(super) fn rejected(&mut self, author: PartyNumber, request: RequestId, words: &str) {
        let found = self.receipts.rejected(author, request, words);
        self.add(Checker::Receipts, found);
    }

    /// An acknowledgement was.
    pub(super) fn confirmed(&mut self, by: PartyNumber, delivery: Sequence, proof: Proof) {
        let found = self.receipts.confirmed(by, delivery, proof);
        self.add(Checker::Receipts, found);
    }

    /// An inbox was opened as a stream.
    pub(super) fn opened(
        &mut self,
        stream: StreamId,
        party: PartyNumber,
        window: usize,
        now_us: u64,
    ) {
        self.queues.opened(stream, party, window, now_us);
    }

    /// A stream was closed, so that what it held is free.
    pub(super) fn closed(&mut self, stream: StreamId) {
        self.queues.closed(stream);
    }

    /// A stream moved.
    pub(super) fn touched(&mut self, stream: StreamId, now_us: u64) {
        self.queues.touched(stream, now_us);
    }

    /// Nobody reads a stream now, or somebody does again.
    pub(super) fn read(&mut self, stream: StreamId, is_read: bool) {
        self.queues.read(stream, is_read);
    }

    /// Leases that have run out were freed.
    pub(super) fn expired(&mut self, now_us: u64, silence_us: u64) {
        self.queues.expired(now_us, silence_us);
    }

    /// A delivery left.
    pub(super) fn handed(
        &mut self,
        holder: Holder,
        party: PartyNumber,
        order_ms: i64,
        delivery: Sequence,
    ) {
        let found = self.queues.handed(holder, party, (order_ms, delivery.0));
        self.add(Checker::DueOrder, found);
    }

    /// The bus was told that a delivery is settled.
    pub(super) fn settled(&mut self, party: PartyNumber, delivery: Sequence) {
        self.queues.settled(party, delivery.0);
    }

    /// Nothing is under way inside the bus: whoever has room has been given what there is.
    pub(super) fn at_rest(&mut self, max_leased: usize) {
        let found = self.queues.at_rest(max_leased);
        self.add(Checker::Delivered, found);
    }

    /// How many deliveries wait for an acknowledgement.
    pub(super) fn undelivered(&self) -> usize {
        self.queues.undelivered()
    }

    /// Everybody was well for long enough, and yet something is left.
    pub(super) fn left_over(&mut self, names: &BTreeMap<PartyNumber, String>) {
        let words = self.queues.left_over(names);
        self.found(Checker::Delivered, words);
    }

    /// Looks at the journal's bytes and at what was promised of them.
    pub(super) fn at_the_end(&mut self, journal: &Path) {
        let records = match chain::read(journal) {
            Ok(records) => records,
            Err(words) => return self.found(Checker::Chain, words),
        };
        let same = records.iter().map(|record| record.hash).eq(self.durable.iter().copied());
        if !same {
            let words = "the journal's bytes are not the records that were durable";
            self.found(Checker::Chain, words);
        }
        let found = self.receipts.at_the_end(&records);
        self.add(Checker::Receipts, found);
    }

    fn add(&mut self, checker: Checker, found: Option<String>) {
        self.violations.extend(found.map(|words| Violation { checker, words }));
    }
}
