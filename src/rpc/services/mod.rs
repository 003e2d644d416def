//! The services, thin: a message is parsed, handed on, and what came of it is shown.
//!
//! Whether the caller's role may call a method has been judged by the layers before; whether a
//! case or an inbox is the caller's is judged where it is looked up.

mod acts;
mod cases;
mod deliveries;
mod inbox;
mod inbox_list;
mod inbox_stream;
mod operations;
mod pipeline;
mod procedures;
mod stopping;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Status};
use tracing::field::display;

use super::Caller;
use super::parse::Asked;
use super::parse::act::ActRequest;
use super::parse::query::DeliveryId;
use super::proto::akimat::v1::akimat_service_server::AkimatServiceServer;
use super::proto::cases::v1::case_service_server::CaseServiceServer;
use super::proto::commission::v1::commission_service_server::CommissionServiceServer;
use super::proto::inbox::v1::inbox_service_server::InboxServiceServer;
use super::proto::migration::v1::migration_body_service_server::MigrationBodyServiceServer;
use super::proto::mission::v1::foreign_mission_service_server::ForeignMissionServiceServer;
use super::proto::operations::v1::operations_service_server::OperationsServiceServer;
use super::proto::procedures::v1::procedure_service_server::ProcedureServiceServer;
use super::proto::types::v1::Receipt;
use super::show::View;
use super::show::law::Wording;
use super::show::receipt::receipt;
use super::status::{Refusal, status};
use crate::dispatch::Dispatch;
use crate::domain::party::PartyNumber;
use crate::domain::term::TermError;
use crate::domain::{Act, CaseAct, Command, Roster};
use crate::engine::{Confirmed, Engine};
use crate::trust::applicants::ApplicantKey;
use stopping::UntilStop;

/// Bounds of the streams, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct StreamOptions {
    /// Acts of one bulk stream that may wait for their receipts.
    pub bulk_window_acts: usize,
    /// Deliveries that may be unacknowledged on one inbox stream.
    pub max_inbox_window_deliveries: usize,
    /// How long a stream may stand still.
    pub idle: Duration,
}

/// What the services run on.
#[derive(Clone)]
pub struct BusParts {
    /// The engine.
    pub engine: Engine,
    /// Delivery.
    pub dispatch: Dispatch,
    /// Bounds of the streams.
    pub streams: StreamOptions,
    /// The journal's format, for the operator.
    pub journal_format_version: u32,
    /// By which applicants are told again.
    pub applicants: Arc<ApplicantKey>,
    /// Turns true when the bus is to stop; open streams end then.
    pub stopping: watch::Receiver<bool>,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// A hop whose term the calendar cannot count at all.
    #[error("a term of the procedures cannot be counted on the calendar: {0}")]
    Term(#[from] TermError),
}

/// What every service holds.
pub struct Bus {
    engine: Engine,
    dispatch: Dispatch,
    streams: StreamOptions,
    journal_format_version: u32,
    stopping: watch::Receiver<bool>,
    wording: Wording,
    /// By which applicants are told again.
    applicants: Arc<ApplicantKey>,
    started: Instant,
    started_at: Timestamp,
    /// Room for the acts of each party's bulk streams together, so that one party cannot fill the
    /// writer's queue. One entry a party that has opened such a stream.
    bulk_rooms: Mutex<HashMap<PartyNumber, Arc<Semaphore>>>,
}

impl Bus {
    /// The services' common ground.
    ///
    /// # Errors
    /// [`BusError`] if the law does not serve.
    pub fn new(parts: BusParts) -> Result<Self, BusError> {
        let BusParts { engine, dispatch, streams, journal_format_version, applicants, stopping } =
            parts;
        let law = engine.law();
        let wording = Wording::new(&law.procedures, engine.roster(), &law.calendar())?;
        let (started, started_at) = (Instant::now(), engine.clock().now());
        Ok(Self {
            engine,
            dispatch,
            streams,
            journal_format_version,
            stopping,
            wording,
            applicants,
            started,
            started_at,
            bulk_rooms: Mutex::default(),
        })
    }

    /// The parties with their numbers.
    pub fn roster(&self) -> &Arc<Roster> {
        self.engine.roster()
    }

    /// The room that a party's bulk streams share.
    fn bulk_room(&self, party: PartyNumber) -> Arc<Semaphore> {
        let mut rooms = self.bulk_rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(self.streams.bulk_window_acts.max(1)));
        Arc::clone(rooms.entry(party).or_insert_with(new))
    }

    fn view(&self) -> View<'_> {
        View { roster: self.engine.roster(), law: self.engine.law(), wording: &self.wording }
    }

    fn asked<'a>(&'a self, caller: &'a Caller) -> Asked<'a> {
        let zone = self.engine.roster().zone(caller.party);
        let procedures = &*self.engine.law().procedures;
        let now = self.engine.clock().now();
        Asked { caller, zone, now, procedures, applicants: &self.applicants }
    }

    /// What comes on a stream, until the bus stops.
    fn until_stop<In>(&self, inbound: In) -> UntilStop<In> {
        UntilStop::new(inbound, self.stopping.clone(), self.refuse(&Refusal::Stopping))
    }

    /// Who calls. The layers before refuse a call without one; this holds even if they did not.
    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        caller.ok_or_else(|| self.refuse(&Refusal::Unidentified))
    }

    fn refuse(&self, refusal: &Refusal) -> Status {
        status(refusal, self.engine.roster())
    }

    /// Takes an act of a unary call.
    async fn take<R: ActRequest>(&self, request: Request<R>) -> Result<Receipt, Status> {
        let caller = self.caller(&request)?;
        let refuse = |refusal: Refusal| self.refuse(&refusal);
        let command = request.get_ref().command(self.asked(&caller));
        let command = command.map_err(refuse)?;
        let span = tracing::Span::current();
        span.record("request_id", display(command.request));
        span.record("case_id", display(command.case));
        self.act(command).await.map_err(refuse)
    }

    /// Hands a command to the engine; its receipt leaves when the act is durable.
    async fn act(&self, command: Command) -> Result<Receipt, Refusal> {
        let (act, case) = (act_of(&command), command.case);
        let accepted = self.engine.act(command).await;
        let accepted = accepted.map_err(|error| Refusal::Act { act, case, error })?;
        Ok(receipt(self.view(), &accepted))
    }

    /// Makes an acknowledgement durable, and takes its delivery off every lease.
    async fn acknowledge(&self, caller: &Caller, id: DeliveryId) -> Result<Confirmed, Refusal> {
        let DeliveryId { sequence, case } = id;
        let confirmed = self.engine.acknowledge(case, sequence, caller.party).await;
        let confirmed = confirmed.map_err(Refusal::Acknowledgement)?;
        self.dispatch.settled(confirmed.event.by, sequence);
        Ok(confirmed)
    }
}

fn act_of(command: &Command) -> Act {
    match &command.act {
        CaseAct::Submit(submission) => submission.act,
        CaseAct::Continue(act, _) => *act,
    }
}

/// A service of the contract, over the common ground.
#[derive(Clone)]
struct Service(Arc<Bus>);

/// Every service of the contract but health and reflection, taking messages of at most
/// `max_message_bytes`.
pub fn routes(bus: Arc<Bus>, max_message_bytes: usize) -> Routes {
    let service = Service(bus);
    let max = max_message_bytes;
    let (mission, migration) = (service.clone(), service.clone());
    let (akimat, commission) = (service.clone(), service.clone());
    let (inbox, cases, procedures) = (service.clone(), service.clone(), service.clone());
    Routes::new(ForeignMissionServiceServer::new(mission).max_decoding_message_size(max))
        .add_service(MigrationBodyServiceServer::new(migration).max_decoding_message_size(max))
        .add_service(AkimatServiceServer::new(akimat).max_decoding_message_size(max))
        .add_service(CommissionServiceServer::new(commission).max_decoding_message_size(max))
        .add_service(InboxServiceServer::new(inbox).max_decoding_message_size(max))
        .add_service(CaseServiceServer::new(cases).max_decoding_message_size(max))
        .add_service(ProcedureServiceServer::new(procedures).max_decoding_message_size(max))
        .add_service(OperationsServiceServer::new(service).max_decoding_message_size(max))
}
