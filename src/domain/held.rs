//! Deliveries that are held: what a receiver rejects, or fails to take again and again, leaves its
//! queue and waits for somebody to resolve it. Nothing of it is lost and nothing of it stands still:
//! the hop stays where it is, with its receiver and its due instant.

use super::case::Moment;
use super::confidential::Confidential;
use super::ids::{CaseId, RequestId, Sequence};
use super::party::PartyNumber;

/// The longest detail of a rejection, in characters.
pub const MAX_DETAIL_CHARS: usize = 300;

/// The longest note of a resolution, in characters.
pub const MAX_NOTE_CHARS: usize = 500;

named! {
    /// Why a delivery is held.
    HeldReason, "a reason to hold a delivery", {
        /// The receiver's system cannot read the papers.
        CannotParse = 1 "cannot-parse",
        /// The receiver is not the party that the act is for.
        WrongReceiver = 2 "wrong-receiver",
        /// Something that belongs to the act is not there.
        Incomplete = 3 "incomplete",
        /// The receiver's system fails on it.
        SystemFault = 4 "system-fault",
        /// None of these; the detail says what.
        Other = 5 "other",
        /// The receiver was handed it again and again and never acknowledged it, while it took
        /// others. Said by the bus, never by a receiver.
        Unacknowledged = 6 "unacknowledged",
    }
}

impl HeldReason {
    /// Whether a receiver may state it; the others are the bus's own findings.
    pub const fn is_receivers(self) -> bool {
        match self {
            Self::CannotParse
            | Self::WrongReceiver
            | Self::Incomplete
            | Self::SystemFault
            | Self::Other => true,
            Self::Unacknowledged => false,
        }
    }
}

/// The mark of a held delivery in its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub reason: HeldReason,
    /// The record that holds it, where the rest is told, and when it was accepted.
    pub since: Moment,
}

/// A delivery, held: it left its receiver's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryHeld {
    /// The case.
    pub case: CaseId,
    /// The act that was on its way.
    pub delivery: Sequence,
    /// The receiver.
    pub party: PartyNumber,
    /// Why.
    pub reason: HeldReason,
    /// What the receiver says of it; none where it says nothing, or where the bus holds it.
    pub detail: Option<Confidential>,
    /// The party whose system rejected it; none where the bus holds it.
    pub by: Option<PartyNumber>,
}

/// What ends the holding of a delivery, besides its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It is on its way to its receiver again.
    Released,
    /// It is on its way to another party, which takes the receiver's places in the case.
    Redirected {
        /// That party.
        to: PartyNumber,
    },
    /// It is not delivered at all.
    Withdrawn,
}

/// A held delivery, resolved: an act with an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldResolved {
    /// The case.
    pub case: CaseId,
    /// The act that was on its way.
    pub delivery: Sequence,
    /// The receiver with which it was held.
    pub party: PartyNumber,
    /// How it was resolved.
    pub resolution: Resolution,
    /// Who resolved it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
    /// Why, in the author's words; none where it gives none.
    pub note: Option<Confidential>,
}

/// A holding that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The case.
    pub case: CaseId,
    /// The act on its way.
    pub delivery: Sequence,
    /// Who asks.
    pub by: HeldBy,
    /// Why.
    pub reason: HeldReason,
    /// In words; none where nothing more is said.
    pub detail: Option<String>,
}

/// Who holds a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// The system of this party, which is the receiver or acts for it.
    Receiver(PartyNumber),
    /// The bus, for this receiver.
    Bus(PartyNumber),
}

/// A resolution that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveHeld {
    /// Who asks.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
    /// The case.
    pub case: CaseId,
    /// The act on its way.
    pub delivery: Sequence,
    /// The receiver with which it is held; none where the delivery is held with one only.
    pub party: Option<PartyNumber>,
    /// How.
    pub resolution: Resolution,
    /// Why, in the author's words.
    pub note: String,
}
