//! Events: what the journal records. Each carries everything that folding it needs, due instants
//! and their calendar version included, so that a replay never consults a calendar or a registry.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::{Act, Actor, Basis, Body, Ground, Outcome};
use super::calendar::CalendarVersion;
use super::endpoint::EndpointUrl;
use super::erasure::CaseErased;
use super::held::{DeliveryHeld, HeldResolved};
use super::ids::{CaseId, HopId, ProcedureKey, RequestId, Sequence};
use super::ladder::{BusOutage, Notice, NoticeAcknowledged, NoticeSent};
use super::party::{PartyId, PartyNumber, Role};
use super::quota::{Holding, IdentityHash, QuotaKey};
use super::reading::DataRead;
use super::region::Region;
use super::registry::Listed;
use super::signature::SignatureVerdict;
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
    /// The authorised body set a quota.
    QuotaSet(QuotaSet),
    /// The places that an expired consent held are free again.
    HoldingExpired(HoldingExpired),
    /// The calendar of working days was amended.
    CalendarAmended(Box<CalendarAmended>),
    /// Open clocks of a case were counted again on the amended calendar.
    ClocksMoved(ClocksMoved),
    /// Every open clock has been counted on the amended calendar.
    CalendarSettled(CalendarSettled),
    /// Rungs of running terms were said.
    Notice(Box<Notice>),
    /// A party's system took a notice.
    NoticeAcknowledged(NoticeAcknowledged),
    /// A notice went out beside the inbox, or was given up.
    NoticeSent(NoticeSent),
    /// The bus was down, or stood still.
    BusOutage(BusOutage),
    /// A delivery that its receiver rejected, or failed to take, is held.
    DeliveryHeld(DeliveryHeld),
    /// A held delivery was released, redirected or withdrawn.
    HeldResolved(HeldResolved),
    /// A party registered an endpoint for its deliveries, or took it back.
    EndpointSet(EndpointSet),
    /// The personal data of a case were erased.
    CaseErased(CaseErased),
    /// Another party registry is in force.
    RegistryChanged(Box<RegistryChanged>),
    /// Personal data of a case were read.
    DataRead(Box<DataRead>),
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
    /// The instant that counts as the discharge of the hop: the act's acceptance, or, for what
    /// happens outside the bus, such as a handover, when it happened.
    pub discharged_at: Timestamp,
    /// What was decided, recommended or answered, when the act does so.
    pub decision: Option<Decision>,
    /// The persons who have arrived, when the act registers an arrival.
    pub arrived_persons: Option<u16>,
    /// When the hearing is to be, when the act sets or moves it.
    pub hearing_at: Option<Timestamp>,
    /// What opened the case, in its first act only.
    pub opening: Option<Opening>,
    /// The service clock that the act starts.
    pub service: Option<ServiceClock>,
    /// The hops that the act itself opens, those of `also` that were not open among them.
    pub opened: Vec<HopOpened>,
    /// Further hops that the same act discharges.
    pub also: Vec<HopId>,
    /// Hops that were open and end undone.
    pub closed: Vec<HopId>,
    /// The deliveries that the act causes, at most one to a party.
    pub deliveries: Vec<Delivery>,
    /// The places of the case in the quota from now on, when the act changes them.
    pub holding: Option<HoldingChange>,
    /// What was found of the signature on the document, where it has one that was looked at.
    pub signature: Option<Box<SignatureVerdict>>,
    /// The document, as received.
    pub body: Body,
}

/// The places of a case before and after an act, so that the ledger's entries follow from the
/// record alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldingChange {
    /// What the case held or had taken.
    pub before: Option<Holding>,
    /// What it holds or has taken now.
    pub after: Option<Holding>,
}

/// A decision, a recommendation or an answer, without the persons' data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub outcome: Outcome,
    /// The day it was decided, where the deciding party sits.
    pub decided_on: Date,
    /// The persons of the application that it covers; none are covered by a refusal.
    pub persons: u16,
    /// The grounds of a refusal.
    pub grounds: Vec<Ground>,
    /// By how many months a status is extended; zero for every other outcome.
    pub months: u8,
}

/// The first act's facts about the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Procedure and edition, fixed here for the life of the case.
    pub procedure: ProcedureKey,
    /// The region of residence or reception.
    pub region: Region,
    /// The region of departure of an in-migrant, where the procedure has one.
    pub departure: Option<Region>,
    /// The role of the party that took the application in.
    pub channel: Role,
    /// On what basis it was opened.
    pub basis: Basis,
    /// The applicant and the family, in persons; zero where nobody applies.
    pub persons: u16,
    /// The applicant by a keyed hash, where one applies.
    pub applicant: Option<IdentityHash>,
    /// The case that this one is about: the one complained of.
    pub concerns: Option<CaseId>,
    /// When the applicant filed.
    pub filed_at: Timestamp,
    /// The applicant's hop that the same act records, if the procedure has one.
    pub recorded_with: Option<HopId>,
    /// When the discharged hop's clock was opened and ends.
    pub clock: HopOpened,
    /// The parties of the case by the place in which they stand, fixed at its opening.
    pub participants: Vec<(Actor, PartyNumber)>,
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
    /// True when the step is a branch or a right, never an obligation.
    pub branch: bool,
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
    /// The hop that carries it.
    pub hop: HopId,
    /// The receiver.
    pub to: PartyNumber,
    /// The place in the receiver's due order: the hop's due instant, or the instant of the act
    /// when the hop has no term, so that it leaves at once.
    pub order: Timestamp,
    /// What the receiver gets it for.
    pub kind: DeliveryKind,
}

named! {
    /// For what a receiver gets an act.
    DeliveryKind, "a kind of delivery", {
        /// It is the hop's receiver; its acknowledgement may open the next hop.
        Hop = 1 "hop",
        /// It must act on it, or is told of it; its acknowledgement opens nothing.
        Copy = 2 "copy",
        /// It gets the stage of the service, never the document.
        Stage = 3 "stage",
    }
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

/// A quota, set by the authorised body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaSet {
    /// Which.
    pub key: QuotaKey,
    /// The limit in persons.
    pub persons: u32,
    /// Who set it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
    /// The order that sets it, as its number and date are written.
    pub basis: String,
}

/// Places that a consent held until its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldingExpired {
    /// The case.
    pub case: CaseId,
    /// What it held.
    pub holding: Holding,
}

/// The calendar, amended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarAmended {
    /// The version of the amended calendar.
    pub version: CalendarVersion,
    /// The whole of it, in the format of calendar files.
    pub text: String,
    /// Why, for instance the resolution that moved a day.
    pub reason: String,
    /// Who amended it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
}

/// Open clocks of one case, counted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClocksMoved {
    /// The case.
    pub case: CaseId,
    /// The record of the amendment.
    pub amendment: Sequence,
    /// The clocks that end on another day, or no longer rest on an estimated one.
    pub moved: Vec<ClockMoved>,
}

/// One clock, counted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockMoved {
    /// The hop; none for the clock of the service.
    pub hop: Option<HopId>,
    /// The instant it was opened, which tells the clocks of the service apart.
    pub opened_at: Timestamp,
    /// Its end until now.
    pub old: Due,
    /// Its end from now on.
    pub new: Due,
}

/// Every open clock has been counted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarSettled {
    /// The record of the amendment.
    pub amendment: Sequence,
}

/// An endpoint to which the bus hands a party's deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSet {
    /// Whose deliveries go there.
    pub party: PartyNumber,
    /// Where; none from now on when it is taken back.
    pub url: Option<EndpointUrl>,
    /// Who set it.
    pub author: PartyNumber,
    /// The sender's id of the act.
    pub request: RequestId,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
}

/// The party registry from now on, without what its file says of anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryChanged {
    /// The SHA-256 of the file.
    pub content: [u8; 32],
    /// Every party that it lists, and those that it lists no more, by number.
    pub parties: Vec<ListedParty>,
}

/// A party in the history of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedParty {
    /// Which.
    pub party: PartyNumber,
    /// What the file did to it.
    pub change: ListingChange,
    /// What it is; for one that is listed no more, what it was.
    pub listed: Listed,
}

named! {
    /// What a registry did to a party.
    ListingChange, "a change of the registry", {
        /// It says of it what the one before said.
        Kept = 1 "kept",
        /// It lists it for the first time, or again.
        Added = 2 "added",
        /// It says something else of it.
        Changed = 3 "changed",
        /// It lists it no more.
        Removed = 4 "removed",
    }
}
