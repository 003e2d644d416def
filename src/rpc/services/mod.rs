//! The services, thin: a message is parsed, handed on, and what came of it is shown.
//!
//! Whether the caller's role may call a method has been judged by the layers before; whether a
//! case or an inbox is the caller's is judged where it is looked up.

mod acts;
mod calendar;
mod cases;
mod deliveries;
mod endpoint;
mod erasure;
mod evidence;
mod held;
mod inbox;
mod inbox_list;
mod inbox_stream;
mod operations;
mod papers;
mod pipeline;
mod procedures;
mod quotas;
mod reads;
mod registry;
mod stopping;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Status, Streaming};
use tracing::field::display;

use super::Caller;
use super::parse::Asked;
use super::parse::act::{ActRequest, List, ListRequest};
use super::parse::query::DeliveryId;
use super::parse::signature::to_judge;
use super::proto::inbox::v1::DeliveryConfirmation;
use super::proto::types::v1::Receipt;
use super::show::law::Wording;
use super::show::receipt::{confirmation, receipt};
use super::show::{self, View};
use super::status::{Refusal, status};
use super::withdrawn::Seat;
use crate::dispatch::Dispatch;
use crate::domain::ladder::NO_CASE;
use crate::domain::party::PartyNumber;
use crate::domain::term::TermError;
use crate::domain::{Act, CaseAct, CaseId, Command, Roster, Sequence};
use crate::engine::vitals::Health;
use crate::engine::{Accepted, Chain, Engine, ItemRefused, Rosters};
use crate::evidence::Log;
use crate::procedures::RegisterError;
use crate::procedures::labels::Labels;

use crate::trust::applicants::ApplicantKey;
use crate::trust::live::LiveTrust;
use crate::trust::signature::desk::Desk;
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
    /// What is published of the journal.
    pub log: Arc<Log>,
    /// Where the signatures of acts are judged.
    pub signatures: Arc<Desk>,
    /// Turns true when the bus is to stop; open streams end then.
    pub stopping: watch::Receiver<bool>,
    /// Whom the bus believes, to be told of; none where nobody connects.
    pub trust: Option<Arc<LiveTrust>>,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// A hop whose term the calendar cannot count at all.
    #[error("a term of the procedures cannot be counted on the calendar: {0}")]
    Term(#[from] TermError),
    /// The words for the states of a case are damaged.
    #[error("the words for citizens: {0}")]
    Labels(#[from] RegisterError),
}

/// What every service holds.
pub struct Bus {
    engine: Engine,
    dispatch: Dispatch,
    streams: StreamOptions,
    journal_format_version: u32,
    stopping: watch::Receiver<bool>,
    trust: Option<Arc<LiveTrust>>,
    /// Those of the registry in force are the last.
    wordings: Chain<Wording>,
    /// What citizens read.
    labels: Labels,
    /// By which applicants are told again.
    applicants: Arc<ApplicantKey>,
    log: Arc<Log>,
    /// One bundle is made at a time: it reads the whole journal.
    exporting: Arc<Semaphore>,
    /// Where the signatures of acts are judged.
    signatures: Arc<Desk>,
    /// Held while a calendar is held against the one in force and takes its place.
    amending: tokio::sync::Mutex<()>,
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
        let BusParts { engine, dispatch, streams, journal_format_version, .. } = parts;
        let BusParts { applicants, log, signatures, stopping, trust, .. } = parts;
        let law = engine.law();
        let wording = Wording::new(&law.procedures, engine.roster(), &law.calendar())?;
        let (started, started_at) = (Instant::now(), engine.clock().now());
        Ok(Self {
            engine,
            dispatch,
            streams,
            journal_format_version,
            stopping,
            trust,
            wordings: Chain::new(wording),
            labels: Labels::load()?,
            applicants,
            log,
            exporting: Arc::new(Semaphore::new(1)),
            signatures,
            amending: tokio::sync::Mutex::default(),
            started,
            started_at,
            bulk_rooms: Mutex::default(),
        })
    }

    /// The parties with their numbers.
    pub fn roster(&self) -> &Arc<Roster> {
        self.engine.roster()
    }

    /// The rosters, the last of them in force.
    pub fn rosters(&self) -> &Rosters {
        self.engine.rosters()
    }

    /// Follows a registry that has come into force: the rules of counting are told for the zones of
    /// its parties.
    ///
    /// # Errors
    /// [`BusError::Term`]; those of the zones before are told on.
    pub fn registry_changed(&self) -> Result<(), BusError> {
        let (law, roster) = (self.engine.law(), self.engine.roster());
        if !self.wordings.last().covers(roster) {
            self.wordings.push(Wording::new(&law.procedures, roster, &law.calendar())?);
        }
        Ok(())
    }

    /// What the health service answers, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.engine.vitals().health()
    }

    /// The room that a party's bulk streams share.
    fn bulk_room(&self, party: PartyNumber) -> Arc<Semaphore> {
        let mut rooms = self.bulk_rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(self.streams.bulk_window_acts.max(1)));
        Arc::clone(rooms.entry(party).or_insert_with(new))
    }

    fn view(&self) -> View<'_> {
        View { roster: self.engine.roster(), law: self.engine.law(), wording: self.wordings.last() }
    }

    fn asked<'a>(&'a self, caller: &'a Caller) -> Asked<'a> {
        let zone = self.engine.roster().zone(caller.party);
        let law_zone = &self.engine.roster().parties().migration_body().zone;
        let procedures = &*self.engine.law().procedures;
        let now = self.engine.clock().now();
        Asked { caller, zone, law_zone, now, procedures, applicants: &self.applicants }
    }

    /// What comes on a stream, until the bus stops or the caller has lost its place.
    fn until_stop<M>(&self, request: Request<Streaming<M>>) -> UntilStop<Streaming<M>> {
        let stopping = (self.stopping.clone(), self.refuse(&Refusal::Stopping));
        let seat = request.extensions().get::<Seat>().cloned();
        UntilStop::new(request.into_inner(), stopping, seat)
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
        let mut command = command.map_err(refuse)?;
        let span = tracing::Span::current();
        span.record("request_id", display(command.request));
        span.record("case_id", display(command.case));
        let document = request.get_ref().signed_document().map(to_judge);
        let now = self.engine.clock().now();
        command.signature = self.signatures.judge(act_of(&command), document, now).await;
        self.act(command).await.map_err(refuse)
    }

    /// Hands a command to the engine; its receipt leaves when the act is durable.
    async fn act(&self, command: Command) -> Result<Receipt, Refusal> {
        let (act, case) = (act_of(&command), command.case);
        let accepted = self.engine.act(command).await;
        let accepted = accepted.map_err(|error| Refusal::Act { act, case, error })?;
        Ok(receipt(self.view(), &accepted))
    }

    /// Takes a list of acts, all of them or none; one receipt for each, in their order.
    async fn take_list<R: ListRequest>(&self, request: Request<R>) -> Result<Vec<Receipt>, Status> {
        let caller = self.caller(&request)?;
        let refuse = |refusal: Refusal| self.refuse(&refusal);
        let List { request, act, commands } =
            request.get_ref().list(self.asked(&caller)).map_err(refuse)?;
        tracing::Span::current().record("request_id", display(request));
        let cases: Vec<_> = commands.iter().map(|command| command.case).collect();
        let accepted = self.engine.list(commands).await.map_err(|refused| {
            let ItemRefused { item, error } = refused;
            let case = cases.get(item).copied().unwrap_or(CaseId([0; 16]));
            refuse(Refusal::Item { item, refusal: Box::new(Refusal::Act { act, case, error }) })
        })?;
        // The ids of the items are the bus's own; the sender knows that of its list.
        let told = |one: &Accepted| Receipt {
            request_id: request.to_string(),
            ..receipt(self.view(), one)
        };
        Ok(accepted.iter().map(told).collect())
    }

    /// Makes an acknowledgement durable, and takes its delivery off every lease.
    async fn acknowledge(
        &self,
        caller: &Caller,
        id: DeliveryId,
    ) -> Result<DeliveryConfirmation, Refusal> {
        self.acknowledge_for(caller.party, id).await
    }

    /// The same for a party whose endpoint has answered.
    pub(in crate::rpc) async fn acknowledge_for(
        &self,
        party: PartyNumber,
        id: DeliveryId,
    ) -> Result<DeliveryConfirmation, Refusal> {
        let DeliveryId { sequence, case } = id;
        if case == NO_CASE {
            // The message does not name the inbox; a copy that the system was handed does.
            let inbox = self.leased_to(party, sequence).unwrap_or(party);
            let taken = self.engine.acknowledge_notice(sequence, inbox).await;
            let taken = taken.map_err(Refusal::Acknowledgement)?;
            self.dispatch.settled(taken.party, sequence, taken.sequence);
            return Ok(show::notice::confirmation(id, &taken));
        }
        let confirmed = self.engine.acknowledge(case, sequence, party).await;
        let confirmed = confirmed.map_err(Refusal::Acknowledgement)?;
        self.dispatch.settled(confirmed.event.by, sequence, confirmed.sequence);
        Ok(confirmation(self.view(), &confirmed))
    }

    /// In whose inbox a delivery is on lease, of a party's own and those it acts for, in that order.
    fn leased_to(&self, party: PartyNumber, delivery: Sequence) -> Option<PartyNumber> {
        let roster = self.roster();
        let acts_for = roster.party(party).map(|party| &party.acts_for[..]).unwrap_or_default();
        let others = acts_for.iter().filter_map(|id| roster.number(id));
        let mut inboxes = [party].into_iter().chain(others);
        inboxes.find(|inbox| self.dispatch.is_leased(*inbox, delivery))
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
    use super::proto::{
        akimat, career_centre, cases, commission, employment_centre, employment_commission,
        evidence, gateway, inbox, migration, mission, operations, portal, procedures, quality,
        quotas, statecorp,
    };
    macro_rules! served {
        ($($package:ident::$server:ident::$name:ident,)*) => {
            Routes::default()$(.add_service(
                $package::v1::$server::$name::new(Service(Arc::clone(&bus)))
                    .max_decoding_message_size(max_message_bytes),
            ))*
        };
    }
    served! {
        mission::foreign_mission_service_server::ForeignMissionServiceServer,
        migration::migration_body_service_server::MigrationBodyServiceServer,
        akimat::akimat_service_server::AkimatServiceServer,
        commission::commission_service_server::CommissionServiceServer,
        employment_commission::employment_commission_service_server::EmploymentCommissionServiceServer,
        statecorp::state_corporation_service_server::StateCorporationServiceServer,
        employment_centre::employment_centre_service_server::EmploymentCentreServiceServer,
        career_centre::career_centre_service_server::CareerCentreServiceServer,
        portal::portal_service_server::PortalServiceServer,
        gateway::egov_gateway_service_server::EgovGatewayServiceServer,
        gateway::digital_documents_service_server::DigitalDocumentsServiceServer,
        quality::quality_body_service_server::QualityBodyServiceServer,
        quotas::quota_service_server::QuotaServiceServer,
        inbox::inbox_service_server::InboxServiceServer,
        inbox::held_service_server::HeldServiceServer,
        cases::case_service_server::CaseServiceServer,
        procedures::procedure_service_server::ProcedureServiceServer,
        operations::operations_service_server::OperationsServiceServer,
        evidence::evidence_service_server::EvidenceServiceServer,
    }
}
