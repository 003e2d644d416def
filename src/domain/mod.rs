//! The pure core: parties, calendar, terms, procedures, cases, and the two functions that
//! everything else serves — [`decide`](decide::decide()) says what happens, [`Case::apply_act`] folds it.
//!
//! Nothing here reads a clock, touches IO, draws a random number or knows protobuf, serde, sled or
//! tokio. Time, ids and hashes come in as values, so a journal replays to the same state anywhere.

#[macro_use]
pub mod act;
pub mod calendar;
pub mod case;
pub mod command;
pub mod confidential;
pub mod contact;
pub mod decide;
pub mod endpoint;
pub mod erasure;
pub mod event;
pub mod held;
pub mod hours;
pub mod ids;
pub mod ladder;
pub mod party;
pub mod procedure;
pub mod quota;
pub mod reading;
pub mod region;
pub mod registry;
pub mod rejection;
pub mod retention;
pub mod roster;
pub mod signature;
pub mod term;

pub use act::{Act, Actor, Basis, Body, BodyKind, Ground, Outcome};
pub use case::{Case, CaseStatus, HopRun, HopState};
pub use command::{ActFacts, CaseAct, Command, SetEndpoint, SetQuota, Submission};
pub use confidential::{Confidential, Papers, Sealed, SlotNumber};
pub use decide::{
    Context, Procedures, acknowledge, decide, edition_on, erase, expire, hold, recount,
    resolve_held, set_quota,
};
pub use endpoint::{EndpointError, EndpointUrl};
pub use erasure::{CaseErased, EraseCase, ErasureOrder, ErasureReason};
pub use event::{
    ActRecorded, CalendarAmended, CalendarSettled, ClockMoved, ClocksMoved, Decision, Delivery,
    DeliveryAcknowledged, DeliveryKind, EndpointSet, Event, HoldingChange, HoldingExpired,
    HopOpened, ListedParty, ListingChange, Opening, PartyEnrolled, QuotaSet, RegistryChanged,
    ServiceClock,
};
pub use held::{
    DeliveryHeld, Held, HeldBy, HeldReason, HeldResolved, Hold, Resolution, ResolveHeld,
};
pub use ids::{CaseId, Edition, HopId, ProcedureId, ProcedureKey, RequestId, Sequence};
pub use quota::{
    Category, Holding, IdentityHash, Ledger, NoLedger, Quota, QuotaKey, Standing, WhenUnset,
};
pub use reading::{DataRead, ReadContent, ReadPurpose, read};
pub use registry::{Burden, Listed, Listing, RegistryRefusal};
pub use rejection::{OpenHop, Rejection};
pub use roster::Roster;
pub use signature::{Signature, SignatureVerdict};
