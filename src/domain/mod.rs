//! The pure core: parties, calendar, terms, procedures, cases, and the two functions that
//! everything else serves — [`decide`](decide::decide()) says what happens, [`Case::apply_act`] folds it.
//!
//! Nothing here reads a clock, touches IO, draws a random number or knows protobuf, serde, sled or
//! tokio. Time, ids and hashes come in as values, so a journal replays to the same state anywhere.

pub mod act;
pub mod calendar;
pub mod case;
pub mod command;
pub mod decide;
pub mod event;
pub mod ids;
pub mod party;
pub mod procedure;
pub mod region;
pub mod rejection;
pub mod roster;
pub mod term;

pub use act::{Act, Actor, Body, BodyKind, Ground, Outcome};
pub use case::{Case, CaseStatus, HopRun, HopState};
pub use command::{ActFacts, CaseAct, Command, Submission};
pub use decide::{Context, Procedures, acknowledge, decide};
pub use event::{
    ActRecorded, Decision, Delivery, DeliveryAcknowledged, Event, HopOpened, Opening,
    PartyEnrolled, ServiceClock,
};
pub use ids::{CaseId, Edition, HopId, ProcedureId, ProcedureKey, RequestId, Sequence};
pub use rejection::{OpenHop, Rejection};
pub use roster::Roster;
