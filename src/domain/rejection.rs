//! Rejections: why an act was not accepted. A rejection changes nothing.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::{Act, Actor};
use super::ids::{HopId, IdError, ProcedureKey, RequestId, Sequence};
use super::party::{PartyNumber, Role};
use super::quota::QuotaKey;
use super::region::Region;
use super::signature::SignatureRefusal;
use super::term::TermError;

/// A hop that is open, as told to a party whose act was out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenHop {
    /// The hop.
    pub hop: HopId,
    /// The act that would discharge it.
    pub act: Act,
    /// Who must act by law.
    pub from: Actor,
    /// The party whose system records it.
    pub holder: PartyNumber,
    /// Its end, if it has a term.
    pub due_at: Option<Timestamp>,
    /// True while the hop waits for its receiver to acknowledge the delivery.
    pub awaiting_receipt: bool,
}

/// Why an act was refused. Each is the caller's to mend; none helps by repeating as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No case of this id is visible to the party, whether or not one exists.
    #[error("no case with this id is visible to your party")]
    CaseNotVisible,
    /// No delivery of this id is in the party's inbox, nor was one acknowledged by it.
    #[error("delivery {0} is not in your inbox")]
    DeliveryUnknown(Sequence),
    /// The delivery is on its way, or has arrived, and is not held.
    #[error("delivery {0} is not held")]
    NotHeld(Sequence),
    /// The party takes part in the case, but the delivery is neither to nor from it.
    #[error("delivery {0} is neither to nor from your party, so it is not yours to resolve")]
    HeldNotYours(Sequence),
    /// Somebody's next step rests on the delivery.
    #[error(
        "delivery {delivery} cannot be withdrawn: its receiver has to act on it ({hop}); \
         release it, or have the authorised body redirect it"
    )]
    DeliveryNeeded {
        /// The delivery.
        delivery: Sequence,
        /// The hop that rests on it.
        hop: HopId,
    },
    /// The case's personal data were erased, so nothing more is recorded in it.
    #[error("the personal data of the case were erased on {on}; nothing more is taken in it")]
    CaseErased {
        /// The day, in UTC.
        on: Date,
    },
    /// Somebody still has to act on what is to be erased.
    #[error(
        "the case has {obligations} open obligations and {deliveries} acts on their way; \
         its papers are needed until they are done"
    )]
    CaseNotSettled {
        /// Hops that a party has to discharge.
        obligations: usize,
        /// Deliveries that are not acknowledged, held ones among them.
        deliveries: usize,
    },
    /// What no key erases.
    #[error(
        "some of the case was recorded by a release that did not seal, so no key erases it, and only \
         the migration body exports it, with papers; what may not be kept has to leave the journal's \
         files and their backups"
    )]
    CaseNotSealed,
    /// The act is not for the party's role.
    #[error("{0} is not for the role of your party")]
    RoleNotAllowed(Act),
    /// The act is not what the law expects now.
    #[error("{act} is not open to your party in this case")]
    OutOfOrder {
        /// The act that was asked.
        act: Act,
        /// What is open instead, and for whom.
        open: Vec<OpenHop>,
    },
    /// The same request id with other content.
    #[error("request {0} was already accepted with other content")]
    RequestReused(RequestId),
    /// The registry has no akimat or commission for the region.
    #[error("no akimat with a commission is registered for region {0}")]
    RegionUnknown(Region),
    /// No such procedure and edition.
    #[error("there is no procedure {0}")]
    ProcedureUnknown(ProcedureKey),
    /// The edition does not apply on the day of filing: not yet, or no longer.
    #[error("{procedure} does not apply to an application of {filed_on}; {in_force} does")]
    EditionNotInForce {
        /// The edition that was asked.
        procedure: ProcedureKey,
        /// The day of filing.
        filed_on: Date,
        /// The edition that applies, or words for none.
        in_force: String,
    },
    /// The procedure needs a party that the registry does not have.
    #[error("{procedure} needs the {role} of region {region}, and none is registered")]
    PartyMissing {
        /// The procedure.
        procedure: ProcedureKey,
        /// Who is missing.
        role: Role,
        /// Where.
        region: Region,
    },
    /// The party may not open a case of this procedure, or not on this basis.
    #[error("{procedure} is not opened by the role {channel} on this basis; by {allowed}")]
    ChannelNotAllowed {
        /// The procedure.
        procedure: ProcedureKey,
        /// The act that was to open it.
        act: Act,
        /// The role of the party that asked.
        channel: Role,
        /// Who may, with the paragraphs.
        allowed: String,
    },
    /// The edition has no such act for this role.
    #[error("{procedure} has no act {act} for your role; {instead}")]
    ActNotOfEdition {
        /// The procedure.
        procedure: ProcedureKey,
        /// What was asked.
        act: Act,
        /// What the edition has instead, with its paragraph.
        instead: String,
    },
    /// The quota has not so many places.
    #[error("the quota {} of {} has {free} places left, {persons} are needed", .key.category, .key.region)]
    QuotaExhausted {
        /// The quota.
        key: QuotaKey,
        /// Places left.
        free: u32,
        /// Places needed: the whole family's.
        persons: u16,
    },
    /// Nobody has set the quota.
    #[error("no quota {} of {} is set for {}", .0.category, .0.region, .0.year)]
    QuotaNotSet(QuotaKey),
    /// The ground "no regional quota" while there are places.
    #[error("the quota {} of {} has {free} places left, enough for {persons}", .key.category, .key.region)]
    QuotaAvailable {
        /// The quota.
        key: QuotaKey,
        /// Places left.
        free: u32,
        /// Places needed.
        persons: u16,
    },
    /// A limit below what is held and taken.
    #[error(
        "{used} places are held or taken already, {asked} cannot be the limit (002-KK ¶2(4), (6))"
    )]
    QuotaBelowTaken {
        /// The quota.
        key: QuotaKey,
        /// Places held or taken.
        used: u32,
        /// The limit asked.
        asked: u32,
    },
    /// The applicant was included before.
    #[error("the applicant was included in this quota before ({citation})")]
    EarlierIncluded {
        /// The paragraph.
        citation: String,
    },
    /// The status was extended before.
    #[error("the status was extended before; it is extended once ({citation})")]
    SecondExtension {
        /// The paragraph.
        citation: String,
    },
    /// The consent is no longer valid.
    #[error("the consent of {decided_on} was valid until {valid_until}")]
    ConsentExpired {
        /// The day of the consent.
        decided_on: Date,
        /// The last day it was valid.
        valid_until: Date,
    },
    /// A refusal without a ground.
    #[error(
        "a refusal states at least one ground (002-EN A1 ¶15; 002-KK App. 2 row 9; 004 App. 2 row 9)"
    )]
    GroundsRequired,
    /// A ground that does not belong: to this edition, or to a positive decision.
    #[error("{0}")]
    GroundsNotAllowed(&'static str),
    /// An outcome, or facts, that the act cannot have.
    #[error("{0} cannot have this outcome")]
    OutcomeNotAllowed(Act),
    /// A field that breaks a rule only the case can tell.
    #[error("{field}: {rule}")]
    Field {
        /// The field's path in the message.
        field: &'static str,
        /// The rule it breaks, with the remedy.
        rule: &'static str,
    },
    /// The signature on the document, or the want of one, is not admitted for the act.
    #[error(transparent)]
    Signature(#[from] SignatureRefusal),
    /// A due instant that cannot be computed, for instance beyond the calendar's last year.
    #[error("the due instant cannot be computed: {0}")]
    Term(#[from] TermError),
    /// An id that does not follow its rule.
    #[error("{0}")]
    Id(#[from] IdError),
}

/// The rule that a ground of another edition breaks.
pub const GROUND_OF_ANOTHER_EDITION: &str = "this edition does not know the ground (002-EN A1 ¶15, A2 ¶9; \
    002-KK App. 2 row 9; 004 App. 2 row 9)";
