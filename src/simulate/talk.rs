//! What parties' systems and the bus say to each other, and the network between them.

use std::fmt;
use std::sync::Arc;

use super::chance::Chance;
use crate::dispatch::Leased;
use crate::domain::party::PartyNumber;
use crate::domain::{
    Case, CaseAct, CaseId, Command, RequestId, ResolveHeld, Sequence, SetEndpoint,
};

/// The place of a party in the list of a world.
pub(super) type Who = usize;

/// A call under way.
pub(super) type CallId = u64;

/// What a party's system asks.
#[derive(Clone)]
pub(super) enum Ask {
    /// For an act.
    Act(Arc<Command>),
    /// To hold a delivery that its system cannot read.
    Reject(CaseId, Sequence),
    /// For something beside the acts of cases.
    Order(Arc<Order>),
    /// To take the acknowledgement of a delivery.
    Acknowledge(CaseId, Sequence),
    /// For the cases in which the party has something to do.
    ShowCases,
    /// For deliveries, without a stream.
    Fetch,
}

/// What a party wants a receipt for beside its acts.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// What is held goes on its way again, or is taken back.
    Resolve(ResolveHeld),
    /// Deliveries are to go to an endpoint, or no longer.
    Endpoint(SetEndpoint),
}

impl Order {
    pub(super) fn request(&self) -> RequestId {
        match self {
            Self::Resolve(asked) => asked.request,
            Self::Endpoint(asked) => asked.request,
        }
    }
}

/// An answer with whom it is for.
pub(super) struct Answered {
    pub(super) call: CallId,
    pub(super) who: Who,
    pub(super) told: Told,
}

/// What the bus answers.
#[derive(Clone)]
pub(super) enum Told {
    /// The act has its receipt.
    Accepted(RequestId, Proof),
    /// The acknowledgement of a delivery has its receipt, in the name of its receiver.
    Confirmed(PartyNumber, Sequence, Proof),
    /// The delivery is held.
    Held,
    /// It never will be taken as it was asked; which act, if it was one.
    Rejected(Option<RequestId>, String),
    /// Not now; whether it was taken may be unknown.
    TryAgain(String),
    /// The cases.
    Cases(Vec<Arc<Case>>),
    /// The deliveries.
    Deliveries(Vec<Leased>),
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(request, proof) => write!(f, "act {request} is {proof:?}"),
            Self::Confirmed(by, delivery, proof) => {
                write!(f, "acknowledgement of {delivery} by {by} is {proof:?}")
            }
            Self::Held => f.write_str("held"),
            Self::Rejected(_, words) => write!(f, "rejected: {words}"),
            Self::TryAgain(words) => write!(f, "not now: {words}"),
            Self::Cases(cases) => write!(f, "{} cases", cases.len()),
            Self::Deliveries(leased) => {
                let sequences: Vec<u64> = leased.iter().map(|it| it.sequence.0).collect();
                write!(f, "deliveries {sequences:?}")
            }
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.sequence)
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(command) => {
                let act = match &command.act {
                    CaseAct::Submit(asked) => asked.act,
                    CaseAct::Continue(act, _) => *act,
                };
                write!(f, "{act} in case {}, request {}", command.case, command.request)
            }
            Self::Acknowledge(case, delivery) => {
                write!(f, "acknowledge {delivery} of case {case}")
            }
            Self::Reject(case, delivery) => write!(f, "reject {delivery} of case {case}"),
            Self::Order(order) => write!(f, "{order:?}"),
            Self::ShowCases => f.write_str("show cases"),
            Self::Fetch => f.write_str("fetch"),
        }
    }
}

/// A receipt: the place, time and hash of the record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) sequence: u64,
    pub(super) at_ms: i64,
    pub(super) hash: [u8; 32],
}

/// The network between a party and the bus.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    /// Nothing passes, in either direction.
    pub(super) cut: bool,
    /// Much is lost, doubled and late.
    pub(super) stormy: bool,
}

/// When the copies of one message arrive, in microseconds from now.
pub(super) type Arrivals = Vec<u64>;

impl Link {
    /// What becomes of a message.
    pub(super) fn carry(self, chance: &mut Chance) -> Arrivals {
        if self.cut {
            return Arrivals::new();
        }
        let (lost, doubled) = if self.stormy { (200, 200) } else { (5, 25) };
        let mut arrivals = Arrivals::new();
        let delay_us = self.delay_us(chance);
        if !chance.hits(lost) {
            arrivals.push(delay_us);
        }
        if chance.hits(doubled) {
            // What was repeated below the callers arrives at once, or late, also after what was
            // said later.
            let later_us = if chance.hits(500) { 2_000 } else { 90_000_000 };
            arrivals.push(delay_us + chance.below(later_us));
        }
        arrivals
    }

    /// What becomes of a message on a connection, which neither loses nor doubles.
    pub(super) fn carry_on_stream(self, chance: &mut Chance) -> Option<u64> {
        (!self.cut).then(|| self.delay_us(chance))
    }

    fn delay_us(self, chance: &mut Chance) -> u64 {
        let usual = chance.within(300..=40_000);
        if self.stormy { usual + chance.below(20_000_000) } else { usual }
    }
}
