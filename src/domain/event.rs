//! Events: what the journal records. Each carries everything that folding it needs, due instants
//! and their calendar version included, so that a replay never consults a calendar or a registry.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::{Act, Actor, Body, Ground, Outcome};
use super::ids::{CaseId, HopId, ProcedureKey, RequestId, Sequence};
use super::party::{PartyId, PartyNumber, Role};
use super::region::Region;
use super::term::{Due, Source};

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A party got the number under which records and queues name it.
    PartyEnrolled(PartyEnrolled),
    /// A party acted in a case.
    Act(Box<ActRecorded>),
    /// A receiver's system took a delivery.
    Acknowledged(DeliveryAcknowledged),
}

/// A party of the registry seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyEnrolled {
    /// The number, given in the order of enrolment, from 1.
    pub number: PartyNumber,
    /// The party.
    pub party: PartyId,
}

/// An act, accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRecorded {
    /// The case acted in.
    pub case: CaseId,
    /// The party whose system sent the act.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked, by which a repeat is told from another act under the same id.
    pub fingerprint: [u8; 32],
    /// The hop that the act discharges.
    pub hop: HopId,
    /// The act.
    pub act: Act,
    /// The instant that counts as the discharge of the hop: the act's acceptance, or, for a
    /// handover, when the decision was handed over.
    pub discharged_at: Timestamp,
    /// What was decided, when the act is a decision.
    pub decision: Option<Decision>,
    /// The persons who have arrived, when the act registers an arrival.
    pub arrived_persons: Option<u16>,
    /// What opened the case, in its first act only.
    pub opening: Option<Opening>,
    /// The service clock that the act starts.
    pub service: Option<ServiceClock>,
    /// The hops that the act itself opens.
    pub opened: Vec<HopOpened>,
    /// The delivery that the act causes, if its receiver has an inbox.
    pub delivery: Option<Delivery>,
    /// The document, as received.
    pub body: Body,
}

/// A commission's decision, without the persons' data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub outcome: Outcome,
    /// The day it was decided, on the commission's calendar.
    pub decided_on: Date,
    /// The persons of the application that it covers; none are covered by a refusal.
    pub persons: u16,
    /// The grounds of a refusal.
    pub grounds: Vec<Ground>,
}

/// The first act's facts about the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Procedure and edition, fixed here for the life of the case.
    pub procedure: ProcedureKey,
    /// The intended region of residence.
    pub region: Region,
    /// The applicant and the family, in persons.
    pub persons: u16,
    /// When the applicant filed at the mission.
    pub filed_at: Timestamp,
    /// The applicant's hop that the same act records, if the procedure has one.
    pub recorded_with: Option<HopId>,
    /// When the discharged hop's clock was opened and ends.
    pub clock: HopOpened,
    /// The parties of the case, fixed at its opening.
    pub participants: Vec<(Role, PartyNumber)>,
}

/// A hop that became open, with its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopOpened {
    /// The hop.
    pub hop: HopId,
    /// The act that will discharge it.
    pub act: Act,
    /// Who must act by law.
    pub from: Actor,
    /// The party whose system records the act.
    pub holder: PartyNumber,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant, or none when the text states no term.
    pub due: Option<Due>,
    /// Whether that term is the law's or assumed.
    pub source: Source,
}

/// The clock of the whole service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceClock {
    /// The instant counted from.
    pub opened_at: Timestamp,
    /// Its end.
    pub due: Due,
    /// True when it informs only.
    pub informative: bool,
}

/// An act on its way to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The receiver.
    pub to: PartyNumber,
    /// The place in the receiver's due order: the hop's due instant, or the instant of the act
    /// when the hop has no term, so that it leaves at once.
    pub order: Timestamp,
}

/// A delivery, acknowledged by its receiver's system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAcknowledged {
    /// The case.
    pub case: CaseId,
    /// The act that was delivered.
    pub delivery: Sequence,
    /// The receiver.
    pub by: PartyNumber,
    /// The hops that the receipt opens.
    pub opened: Vec<HopOpened>,
}
