//! A party's system: what it has written down and so keeps over its own crashes, what it has in
//! mind, and how it behaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::bus::StreamId;
use super::chance::Chance;
use super::talk::{CallId, Link, Order};
use crate::domain::party::{Party, PartyNumber};
use crate::domain::{Case, CaseId, Command, RequestId, Sequence};

/// A step of a case: the case, and the place of the hop's run in it.
pub(super) type StepKey = (CaseId, usize);

/// Times that a step is tried in another form after the bus has refused it.
pub(super) const MAX_FORMS: u32 = 3;

/// A party's system.
pub(super) struct System {
    pub(super) name: String,
    pub(super) number: PartyNumber,
    pub(super) zone: TimeZone,
    pub(super) habits: Habits,
    pub(super) link: Link,
    pub(super) asleep: bool,
    pub(super) mute: bool,
    pub(super) frozen: bool,
    /// The connection that it takes its deliveries from, as far as it knows.
    pub(super) stream: Option<StreamId>,
    /// Attempts to open one since the last that succeeded.
    pub(super) attempts: u32,
    /// Acts that it wants a receipt for. Durable before the first attempt.
    pub(super) letters: BTreeMap<RequestId, Letter>,
    /// What else it wants a receipt for, as durable as its letters.
    pub(super) orders: BTreeMap<RequestId, Arc<Order>>,
    /// Deliveries that it took, with the case of each, and whether the bus confirmed that.
    pub(super) taken: BTreeMap<Sequence, (CaseId, bool)>,
    /// What its people are going to do, or have done: a step is planned once.
    pub(super) plans: BTreeMap<StepKey, Plan>,
    /// The cases as it saw them last.
    pub(super) cases: BTreeMap<CaseId, Arc<Case>>,
    /// Its calls under way. Gone with the process.
    pub(super) calls: BTreeMap<CallId, Call>,
}

/// How a system works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// It asks for deliveries now and then instead of holding a stream open.
    pub(super) polls: bool,
    /// Deliveries that it takes at once.
    pub(super) window: usize,
    /// How long it takes over a delivery, at most, in microseconds.
    pub(super) slow_us: u64,
    /// How many in a thousand of its acts come after the term.
    pub(super) late_per_mille: u64,
}

/// An act on its way to the bus.
pub(super) struct Letter {
    pub(super) command: Arc<Command>,
    pub(super) step: Option<StepKey>,
    pub(super) tries: u32,
}

/// What is to become of a step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Plan {
    /// Nothing is to be done any more: it was done, left, or tried often enough.
    pub(super) settled: bool,
    /// Times that the bus refused it.
    pub(super) refused: u32,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Letter(RequestId),
    Order(RequestId),
    Rejection(CaseId, Sequence),
    Acknowledgement(Sequence),
    Cases,
    Fetch,
}

impl System {
    pub(super) fn new(party: &Party, number: PartyNumber, chance: &mut Chance) -> Self {
        let late_per_mille = [0, 0, 100, 400].get(chance.place(4).unwrap_or(0)).copied();
        let slow_us = if chance.hits(200) { 3_600_000_000 } else { 20_000_000 };
        let habits = Habits {
            polls: chance.hits(200),
            window: usize::try_from(chance.within(1..=4)).unwrap_or(1),
            slow_us,
            late_per_mille: late_per_mille.unwrap_or(0),
        };
        Self {
            name: party.id.to_string(),
            number,
            zone: party.zone.clone(),
            habits,
            link: Link::default(),
            asleep: false,
            mute: false,
            frozen: false,
            stream: None,
            attempts: 0,
            letters: BTreeMap::new(),
            orders: BTreeMap::new(),
            taken: BTreeMap::new(),
            plans: BTreeMap::new(),
            cases: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Whether all that it wanted to tell the bus has been answered.
    pub(super) fn is_answered(&self) -> bool {
        self.letters.is_empty() && self.orders.is_empty()
    }

    /// How long to wait before the next of so many attempts, in microseconds.
    pub(super) fn backoff_us(tries: u32, chance: &mut Chance) -> u64 {
        let whole = 1_000_000_u64 << tries.min(10);
        whole / 2 + chance.below(whole)
    }
}
