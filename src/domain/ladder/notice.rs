//! The records of the ladder: what was said, to whom it was brought, and when the bus was away.

use jiff::Timestamp;

use super::{Attribution, Channel, Rung};
use crate::domain::act::Act;
use crate::domain::ids::{CaseId, HopId, ProcedureKey, Sequence};
use crate::domain::party::PartyNumber;
use crate::domain::term::Source;

/// The most rungs that one record holds.
pub const MAX_FIRED: usize = 256;

/// Rungs that are due at the same instant. Each party that one of them concerns gets the record
/// once in its inbox, with what concerns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When they were to be said. The record's own time tells how late they were.
    pub planned_at: Timestamp,
    /// The outage of the bus that made them late.
    pub outage: Option<Sequence>,
    /// What is said.
    pub fired: Vec<Fired>,
    /// By which ways beside the inbox it is brought, and to whom.
    pub channels: Vec<(PartyNumber, Channel)>,
}

/// Stands in the place of the case where a notice waits in an inbox: it is of many cases.
pub const NO_CASE: CaseId = CaseId([0; 16]);

/// Which rule set a hop and its term: a breach says so by itself, whatever edition a later build
/// reads the law in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// The procedure in its edition.
    pub procedure: ProcedureKey,
    /// The paragraph, for example `002-EN A1 ¶12`.
    pub citation: String,
}

/// One rung of one clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The case.
    pub case: CaseId,
    /// The place of the hop's run in the case, from zero.
    pub place: u8,
    /// The hop.
    pub hop: HopId,
    /// The act of the hop.
    pub act: Act,
    /// The rung.
    pub rung: Rung,
    /// Working days overdue, or by which it was late; zero for every other rung.
    pub days: u16,
    /// Why the term will not hold.
    pub impediment: Option<Impediment>,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant.
    pub due_at: Timestamp,
    /// Whether the term is the law's or assumed.
    pub source: Source,
    /// True when the act is done and on its way, so that its receiver is to take it.
    pub carried: bool,
    /// The party that must act or take the delivery.
    pub duty: PartyNumber,
    /// Where the time went, once the term has run out.
    pub attribution: Option<Attribution>,
    /// The rule of a breach, as the build read it that recorded it.
    pub clause: Option<Clause>,
    /// Who is told.
    pub to: Vec<PartyNumber>,
}

named! {
    /// Why a term will not hold, as far as can be told.
    Impediment, "an impediment", {
        /// The office is closed on every day that is left.
        OfficeClosed = 1 "office-closed",
        /// The receiver's system has been away, or has taken nothing, for as long as there is time
        /// left.
        Unreachable = 2 "unreachable",
        /// The next attempt to deliver is planned for after the due instant.
        RetryTooLate = 3 "retry-too-late",
        /// The receiver takes fewer deliveries than are due before this one.
        Backlog = 4 "backlog",
    }
}

/// A party's system took a notice from its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeAcknowledged {
    /// The notice.
    pub notice: Sequence,
    /// Whose inbox it was in.
    pub by: PartyNumber,
    /// Its place in that inbox: when it was recorded.
    pub order: Timestamp,
}

named! {
    /// How the sending of a notice beside the inbox ended.
    Sent, "an outcome of sending", {
        /// The other side took it.
        Taken = 1 "taken",
        /// It failed for as long as the configuration allows.
        GivenUp = 2 "given-up",
    }
}

/// A notice went out beside the inbox, or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeSent {
    /// The notice.
    pub notice: Sequence,
    /// The party.
    pub party: PartyNumber,
    /// The way.
    pub channel: Channel,
    /// How it ended.
    pub outcome: Sent,
}

/// The bus was down, or stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusOutage {
    /// Its last sign of life before.
    pub from: Timestamp,
    /// When it was there again.
    pub until: Timestamp,
}

impl Notice {
    /// Everyone who is told, each once, in the order of the numbers.
    pub fn parties(&self) -> Vec<PartyNumber> {
        let mut parties: Vec<_> =
            self.fired.iter().flat_map(|fired| fired.to.iter().copied()).collect();
        parties.sort_unstable();
        parties.dedup();
        parties
    }

    /// What concerns a party.
    pub fn concerning(&self, party: PartyNumber) -> impl Iterator<Item = &Fired> {
        self.fired.iter().filter(move |fired| fired.to.contains(&party))
    }
}
