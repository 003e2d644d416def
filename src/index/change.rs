//! What a record changes in the index, as values: entries of the queues and of the other lists that
//! follow from the cases, places in the ledger, the kind of a record that is of no case's acts.

use std::sync::Arc;

use jiff::civil::Date;

use crate::domain::case::Case;
use crate::domain::event::PartyEnrolled;
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};
use crate::domain::ladder::{Channel, Rung};
use crate::domain::party::PartyNumber;
use crate::domain::quota::{IdentityHash, Quota, QuotaKey, QuotaMove, Standing};

use super::{Applied, ObligationKey, QueueKey};

/// What one record of the journal changes in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub applied: Applied,
    /// Whose request it answers, when it records an act in a case that was there. The request of
    /// an opening act needs no entry: the case's own id is derived from it.
    pub request: Option<(PartyNumber, RequestId)>,
    /// The case after it, when it is about one.
    pub case: Option<Arc<Case>>,
    /// What it takes out of the queues and puts into them, removals first.
    pub queue: Vec<QueueOp>,
    /// The party it enrols.
    pub enrolment: Option<PartyEnrolled>,
    /// What it changes in the ledger of quotas, in order.
    pub quota: Vec<QuotaOp>,
    /// What kind of record it is, when it is of no case's acts.
    pub note: Option<NoteKind>,
}

impl Change {
    /// A record that changes nothing yet.
    pub(super) fn nothing(applied: Applied) -> Self {
        let (queue, quota) = (Vec::new(), Vec::new());
        Self { applied, request: None, case: None, queue, enrolment: None, quota, note: None }
    }
}

/// A change of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaOp {
    /// The limit is set.
    Limit(QuotaKey, u32),
    /// Places are held, taken or freed.
    Move(QuotaMove),
}

impl QuotaOp {
    /// Which quota it changes.
    pub fn key(self) -> QuotaKey {
        match self {
            Self::Limit(key, _) => key,
            Self::Move(entry) => entry.key,
        }
    }

    /// The quota after it.
    pub fn of(self, quota: Quota) -> Quota {
        match self {
            Self::Limit(_, limit) => Quota { limit: Some(limit), ..quota },
            Self::Move(entry) => quota.after(entry.change, u32::from(entry.persons)),
        }
    }
}

named! {
    /// The kind of a record that leaves no act or receipt in a case.
    NoteKind, "a kind of record", {
        /// A quota was set.
        QuotaSet = 1 "quota-set",
        /// Held places expired.
        HoldingExpired = 2 "holding-expired",
        /// The calendar was amended.
        CalendarAmended = 3 "calendar-amended",
        /// Clocks were counted again.
        ClocksMoved = 4 "clocks-moved",
        /// All of them were.
        CalendarSettled = 5 "calendar-settled",
        /// Rungs of running terms were said.
        Notice = 6 "notice",
        /// A party's system took a notice.
        NoticeAcknowledged = 7 "notice-acknowledged",
        /// A notice went out beside the inbox, or was given up.
        NoticeSent = 8 "notice-sent",
        /// The bus was away.
        BusOutage = 9 "bus-outage",
        /// A delivery is held.
        DeliveryHeld = 14 "delivery-held",
        /// A held delivery was resolved.
        HeldResolved = 15 "held-resolved",
        /// An endpoint was registered or taken back.
        EndpointSet = 16 "endpoint-set",
        /// A case's personal data were erased by order.
        CaseErased = 19 "case-erased",
        /// The same by a rule of the bus, so that nobody's request is answered.
        CaseErasedByRule = 119 "case-erased-by-rule",
        /// Another registry is in force.
        RegistryChanged = 17 "registry-changed",
        /// Personal data of a case were read.
        DataRead = 18 "data-read",
    }
}

/// What is kept of a running clock beside its place in a queue, so that its next rung can be told
/// without its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockMark {
    /// The place of the hop's run in the case.
    pub place: u8,
    /// The hop.
    pub hop: HopId,
    /// The instant the law counts from, Unix milliseconds.
    pub opened_ms: i64,
    /// The due instant, Unix milliseconds.
    pub due_ms: i64,
}

/// A rung that was said of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The case.
    pub case: CaseId,
    /// The place of the hop's run in the case.
    pub place: u8,
    /// The rung.
    pub rung: Rung,
    /// Working days overdue.
    pub days: u16,
    /// Who had to act then.
    pub duty: PartyNumber,
    /// The due instant it was said of, Unix milliseconds.
    pub due_ms: i64,
    /// The record.
    pub notice: Sequence,
}

/// A change of a queue, or of another list that follows from the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueOp {
    /// An act is on its way.
    AddDelivery {
        /// The receiver.
        to: PartyNumber,
        /// Its place.
        key: QueueKey,
        /// The case.
        case: CaseId,
        /// The clock that runs until it has arrived, where there is one.
        mark: Option<ClockMark>,
    },
    /// It is on its way no more: it has arrived, is held, or was withdrawn or redirected; or it
    /// comes back with this same record, with another mark.
    RemoveDelivery {
        /// The receiver.
        to: PartyNumber,
        /// Its place.
        key: QueueKey,
        /// The record of its receiver's acknowledgement, where that is why.
        taken: Option<Sequence>,
    },
    /// A delivery is held, out of its queue.
    AddHeld {
        /// The receiver.
        to: PartyNumber,
        /// Its place in the queue it left.
        key: QueueKey,
        /// The case.
        case: CaseId,
        /// The clock that runs on meanwhile, where there is one.
        mark: Option<ClockMark>,
    },
    /// It is held no more.
    RemoveHeld {
        /// The receiver.
        to: PartyNumber,
        /// Its place.
        key: QueueKey,
        /// The record of its receiver's acknowledgement, where that is why.
        taken: Option<Sequence>,
    },
    /// A party has to act.
    AddObligation {
        /// The party.
        holder: PartyNumber,
        /// Its place.
        key: ObligationKey,
        /// The case.
        case: CaseId,
        /// The hop to discharge.
        hop: HopId,
        /// Its clock, where it has a term.
        mark: Option<ClockMark>,
    },
    /// It has acted.
    RemoveObligation {
        /// The party.
        holder: PartyNumber,
        /// Its place.
        key: ObligationKey,
    },
    /// A person has what is granted once.
    AddStanding {
        /// The person.
        person: IdentityHash,
        /// What.
        standing: Standing,
        /// By which case.
        case: CaseId,
    },
    /// It has been taken back.
    RemoveStanding {
        /// The person.
        person: IdentityHash,
        /// What.
        standing: Standing,
        /// By which case it was had.
        case: CaseId,
    },
    /// A consent holds places until a day.
    AddExpiry {
        /// The last day.
        until: Date,
        /// The case.
        case: CaseId,
    },
    /// It holds them no more.
    RemoveExpiry {
        /// The last day.
        until: Date,
        /// The case.
        case: CaseId,
    },
    /// A rung was said of a clock.
    AddSaid(Said),
    /// Every rung planned before this instant, in Unix milliseconds, has been said.
    Swept(i64),
    /// A notice waits in a party's inbox, beside its place in the queue.
    AddNotice {
        /// The record.
        notice: Sequence,
        /// The party.
        party: PartyNumber,
        /// Its place in the queue, Unix milliseconds.
        order_ms: i64,
    },
    /// It was acknowledged.
    TakeNotice {
        /// The record.
        notice: Sequence,
        /// The party.
        party: PartyNumber,
        /// Its place in the queue, Unix milliseconds.
        order_ms: i64,
        /// The record of the acknowledgement.
        by: Sequence,
    },
    /// A notice is to be sent beside the inbox.
    AddOutgoing {
        /// The record.
        notice: Sequence,
        /// The party.
        party: PartyNumber,
        /// The way.
        channel: Channel,
    },
    /// It was sent, or given up.
    RemoveOutgoing {
        /// The record.
        notice: Sequence,
        /// The party.
        party: PartyNumber,
        /// The way.
        channel: Channel,
    },
    /// The bus was away.
    AddOutage {
        /// The record.
        sequence: Sequence,
        /// From when, Unix milliseconds.
        from_ms: i64,
        /// Until when, Unix milliseconds.
        until_ms: i64,
    },
    /// A party's endpoint is another from now on.
    SetEndpoint {
        /// The party.
        party: PartyNumber,
        /// The record that says so.
        sequence: Sequence,
        /// Whether there is one.
        registered: bool,
    },
    /// Personal data of a case were read.
    AddRead {
        /// The case.
        case: CaseId,
        /// The record.
        sequence: Sequence,
    },
}

/// What takes back an addition.
pub(super) fn removal(op: &QueueOp) -> QueueOp {
    match *op {
        QueueOp::AddDelivery { to, key, .. } => QueueOp::RemoveDelivery { to, key, taken: None },
        QueueOp::AddHeld { to, key, .. } => QueueOp::RemoveHeld { to, key, taken: None },
        QueueOp::AddObligation { holder, key, .. } => QueueOp::RemoveObligation { holder, key },
        QueueOp::AddStanding { person, standing, case } => {
            QueueOp::RemoveStanding { person, standing, case }
        }
        QueueOp::AddExpiry { until, case } => QueueOp::RemoveExpiry { until, case },
        removal @ (QueueOp::RemoveDelivery { .. }
        | QueueOp::RemoveHeld { .. }
        | QueueOp::RemoveObligation { .. }
        | QueueOp::RemoveStanding { .. }
        | QueueOp::RemoveExpiry { .. }
        | QueueOp::AddSaid(_)
        | QueueOp::Swept(_)
        | QueueOp::AddNotice { .. }
        | QueueOp::TakeNotice { .. }
        | QueueOp::AddOutgoing { .. }
        | QueueOp::RemoveOutgoing { .. }
        | QueueOp::AddOutage { .. }
        | QueueOp::SetEndpoint { .. }
        | QueueOp::AddRead { .. }) => removal,
    }
}
