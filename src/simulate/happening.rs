//! What can happen in a world, and in which order it does.

use super::bus::StreamId;
use super::system::StepKey;
use super::talk::{Ask, CallId, Told, Who};
use super::weather::Weather;
use crate::dispatch::Leased;
use crate::domain::party::PartyNumber;
use crate::domain::{CaseId, RequestId, Sequence};

/// Something that happens.
#[derive(Debug)]
pub(super) enum Happening {
    /// A call reaches the bus.
    Asked(Who, CallId, Ask),
    /// An answer reaches its caller.
    Told(Who, CallId, Told),
    /// A caller has waited long enough.
    TimedOut(Who, CallId),
    /// The bus does the next thing.
    Works,
    /// A connection for a party's inbox reaches the bus.
    Opened(Who, StreamId),
    /// The bus learns that a connection is gone.
    Closed(StreamId),
    /// A party learns that.
    Broken(Who, StreamId),
    /// A delivery reaches its party.
    Arrived(Who, Option<StreamId>, Leased),
    /// An acknowledgement reaches the bus on the stream of the delivery.
    Acknowledged(Who, StreamId, CaseId, Sequence),
    /// A party's system does something of its own.
    Wakes(Who, Waking),
    /// The bus looks after its leases.
    Keeps,
    /// The bus looks at its clock.
    Ticks,
    /// The process is started.
    Starts,
    /// The weather changes.
    Turns(Weather),
    /// Nothing goes wrong from here on.
    Clears,
    /// Has everything come to its end?
    Looks,
}

/// What a party's system does of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waking {
    Connect,
    Poll,
    LookAround,
    Submit,
    Take(StepKey),
    Send(RequestId),
    /// It cannot read a delivery.
    Reject(CaseId, Sequence),
    /// The authorised body decides on what is held with a party.
    Resolve(CaseId, Sequence, PartyNumber),
    /// Somebody sees to its endpoint.
    Register,
    Acknowledge(Sequence),
}

/// Something that is going to happen.
pub(super) struct Scheduled {
    pub(super) at_us: u64,
    /// Of what happens at the same instant the seed says which comes first.
    pub(super) tie: u64,
    pub(super) number: u64,
    pub(super) what: Happening,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_us, self.tie, self.number).cmp(&(other.at_us, other.tie, other.number))
    }
}
