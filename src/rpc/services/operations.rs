//! The state of the bus, for those who run it.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::{Bus, Service};
use crate::dispatch::push::BreakerState;
use crate::domain::party::PartyNumber;
use crate::engine::clock::ClockError;
use crate::engine::keeper::resident_bytes;
use crate::engine::{Clock, Progress, timestamp};
use crate::index::{ClockMark, Counts, IndexError, ObligationKey};
use crate::rpc::parse::fault::Faults;
use crate::rpc::parse::query;
use crate::rpc::proto::operations::v1::operations_service_server::OperationsService;
use crate::rpc::proto::operations::v1::{
    AmendCalendarRequest, AmendCalendarResponse, EraseCaseRequest, EraseCaseResponse,
    GetCalendarRequest, GetCalendarResponse, GetStatusRequest, GetStatusResponse, ListInboxRequest,
    ListInboxResponse, ListRegistryChangesRequest, ListRegistryChangesResponse, PartyLoad,
    SetSandboxTimeRequest, SetSandboxTimeResponse,
};
use crate::rpc::proto::types::v1::PartyRole;
use crate::rpc::reason::Reason;
use crate::rpc::show::trust::{time_stamp, trust};
use crate::rpc::show::vitals::{issue, journal_disk, machine_clock, outage, span};
use crate::rpc::show::{digest, role, time};
use crate::rpc::status::Refusal;

/// Obligations read from the index at once while the late ones are counted.
const READ_AT_ONCE: usize = 1000;
/// How many such pages are read of one queue while the earliest clock is looked for.
const MAX_PAGES: usize = 10;

#[tonic::async_trait]
impl OperationsService for Service {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let bus = Arc::clone(&self.0);
        bus.caller(&request)?;
        let GetStatusRequest {} = request.get_ref();
        // It reads all queues, which would hold up the calls beside it.
        let state = tokio::task::spawn_blocking(move || bus.state()).await;
        let state = state.unwrap_or(Err(Refusal::Fault("reading the state panicked")));
        state.map(Response::new).map_err(|refusal| self.0.refuse(&refusal))
    }

    async fn list_inbox(
        &self,
        request: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        let listed = bus.list_inbox(request.get_ref(), &caller);
        listed.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn set_sandbox_time(
        &self,
        request: Request<SetSandboxTimeRequest>,
    ) -> Result<Response<SetSandboxTimeResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let set = match bus.set_time(request.get_ref()) {
            // Whoever reads next sees what has fallen due.
            Ok(set) => bus.swept().await.map(|()| set),
            Err(refusal) => Err(refusal),
        };
        set.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn amend_calendar(
        &self,
        request: Request<AmendCalendarRequest>,
    ) -> Result<Response<AmendCalendarResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let amended = bus.amend_calendar(request.get_ref(), &caller).await;
        amended.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn erase_case(
        &self,
        request: Request<EraseCaseRequest>,
    ) -> Result<Response<EraseCaseResponse>, Status> {
        let bus = &self.0;
        let caller = bus.caller(&request)?;
        let erased = bus.erase_case(request.get_ref(), &caller).await;
        erased.map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn get_calendar(
        &self,
        request: Request<GetCalendarRequest>,
    ) -> Result<Response<GetCalendarResponse>, Status> {
        let bus = &self.0;
        bus.caller(&request)?;
        let GetCalendarRequest {} = request.get_ref();
        bus.calendar().map(Response::new).map_err(|refusal| bus.refuse(&refusal))
    }

    async fn list_registry_changes(
        &self,
        request: Request<ListRegistryChangesRequest>,
    ) -> Result<Response<ListRegistryChangesResponse>, Status> {
        let bus = Arc::clone(&self.0);
        let caller = bus.caller(&request)?;
        bus.engine.caught_up().await;
        // It looks through all records that are of no case.
        let listed =
            tokio::task::spawn_blocking(move || bus.registry_changes(request.get_ref(), &caller))
                .await;
        let listed = listed.unwrap_or(Err(Refusal::Fault("listing registries panicked")));
        listed.map(Response::new).map_err(|refusal| self.0.refuse(&refusal))
    }
}

impl Bus {
    /// Waits until what has fallen due is said, and in the inboxes.
    async fn swept(&self) -> Result<(), Refusal> {
        self.engine.sweep().await.map_err(Refusal::Acknowledgement)?;
        self.engine.caught_up().await;
        Ok(())
    }

    fn set_time(&self, request: &SetSandboxTimeRequest) -> Result<SetSandboxTimeResponse, Refusal> {
        let clock = self.engine.clock();
        if !clock.is_sandbox() {
            return Err(Refusal::SandboxOnly);
        }
        let to = query::sandbox_time(request)?;
        match clock.set(to) {
            Ok(()) => Ok(SetSandboxTimeResponse { current_time: Some(time(clock.now())) }),
            Err(ClockError::NotSandbox) => Err(Refusal::SandboxOnly),
            Err(ClockError::Backwards) => {
                let rule = "lies before the present time of the sandbox; time only moves forward";
                Err(Refusal::Invalid(Faults::one("time", Reason::FieldInvalid, rule)))
            }
        }
    }

    fn state(&self) -> Result<GetStatusResponse, Refusal> {
        let Progress { sequence, indexed } = self.engine.progress();
        let now = self.engine.clock().now();
        let head = match sequence.0 {
            0 => bytes::Bytes::new(),
            _ => digest(&self.engine.as_recorded(sequence)?.hash),
        };
        let vitals = self.engine.vitals();
        let health = vitals.health().borrow().clone();
        let commits = vitals.commits();
        let slack = self.earliest_due()?.map(|due| due.duration_since(now));
        let version = i32::try_from(self.journal_format_version).unwrap_or(i32::MAX);
        Ok(GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            journal_format_version: version,
            calendar_version: self.engine.law().calendar().version().to_string(),
            start_time: Some(time(self.started_at)),
            uptime: prost_types::Duration::try_from(self.started.elapsed()).ok(),
            current_time: Some(time(now)),
            sandbox: self.engine.clock().is_sandbox(),
            journal_sequence: sequence.0,
            journal_head_hash: head,
            index_sequence: indexed.0,
            index_lag_records: sequence.0.saturating_sub(indexed.0),
            resident_bytes: resident_bytes().unwrap_or_default(),
            parties: self.loads(now)?,
            serving: health.is_serving(),
            ready: health.is_ready(),
            issues: health.issues.iter().map(|each| issue(*each).into()).collect(),
            oldest_slack: slack.map(span),
            last_commit_time: commits.last.map(time),
            current_commit_duration: commits
                .since
                .and_then(|since| prost_types::Duration::try_from(since.elapsed()).ok()),
            machine_clock: Some(machine_clock(self.engine.clock().state())),
            journal_disk: Some(journal_disk(vitals.disk())),
            last_outage: vitals.last_outage().map(outage),
            failing_endpoints: self.failing_endpoints(),
            waiting_notifications: self.waiting_notifications()?,
            trust: self.trust.as_deref().map(|live| trust(live, Clock::System.now())),
            time_stamp: time_stamp(self.log.stamps()),
        })
    }

    /// How many parties have an endpoint that is not called freely.
    fn failing_endpoints(&self) -> u32 {
        let states = self.engine.roster().enrolled().filter_map(|(party, _)| {
            let health = self.dispatch.push_health(party)?;
            Some(health.state)
        });
        let failing = states.filter(|state| match state {
            BreakerState::Open | BreakerState::HalfOpen => true,
            BreakerState::Closed => false,
        });
        u32::try_from(failing.count()).unwrap_or(u32::MAX)
    }

    /// Letters and calls that are still to be brought, up to some pages of them.
    fn waiting_notifications(&self) -> Result<u32, Refusal> {
        let waiting = self.engine.index().outgoing(None, READ_AT_ONCE * MAX_PAGES)?;
        Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
    }

    /// The due instant of the clock that ends first, of all that are open.
    fn earliest_due(&self) -> Result<Option<Timestamp>, Refusal> {
        let mut earliest = None;
        for (party, _) in self.engine.roster().enrolled() {
            let dues = [self.owed_by(party)?, self.sent_to(party)?, self.held_with(party)?];
            for due_ms in dues.into_iter().flatten() {
                earliest = Some(earliest.map_or(due_ms, |so_far: i64| so_far.min(due_ms)));
            }
        }
        Ok(earliest.map(timestamp))
    }

    /// The earliest due instant of what a party has to do.
    fn owed_by(&self, party: PartyNumber) -> Result<Option<i64>, Refusal> {
        first_due(|after| {
            let owed = self.engine.index().obligations(party, after, READ_AT_ONCE)?;
            Ok(owed.into_iter().map(|owed| (owed.key, owed.mark)).collect())
        })
    }

    /// The same of what is on its way to it.
    fn sent_to(&self, party: PartyNumber) -> Result<Option<i64>, Refusal> {
        first_due(|after| {
            let sent = self.engine.index().deliveries(party, after, READ_AT_ONCE)?;
            Ok(sent.into_iter().map(|sent| (sent.key, sent.mark)).collect())
        })
    }

    /// The same of what is held with it, whose clocks run on.
    fn held_with(&self, party: PartyNumber) -> Result<Option<i64>, Refusal> {
        first_due(|after| {
            let held = self.engine.index().held(party, after, READ_AT_ONCE)?;
            Ok(held.into_iter().map(|held| (held.key, held.mark)).collect())
        })
    }

    /// What waits, party by party, in the order of their names.
    fn loads(&self, now: Timestamp) -> Result<Vec<PartyLoad>, Refusal> {
        let counts = self.engine.vitals().queues.all();
        let roster = self.engine.roster();
        let mut loads = Vec::new();
        for (number, id) in roster.enrolled() {
            let Counts { deliveries, held, obligations } =
                counts.get(&number).copied().unwrap_or_default();
            let (late, earliest) = self.late(number, now)?;
            let is = roster.party(number).map(|party| role(party.role));
            loads.push(PartyLoad {
                party_id: id.to_string(),
                role: is.unwrap_or(PartyRole::Unspecified).into(),
                queued_deliveries: deliveries,
                held_deliveries: held,
                leased_deliveries: self.dispatch.leased_count(number) as u64,
                open_obligations: obligations,
                late_obligations: late,
                earliest_due_time: earliest.map(time),
            });
        }
        loads.sort_by(|one, other| one.party_id.cmp(&other.party_id));
        Ok(loads)
    }

    /// How many obligations of a party are late, and its earliest due time. They stand in due
    /// order, so what is late comes first.
    fn late(
        &self,
        party: PartyNumber,
        now: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), Refusal> {
        let (mut late, mut earliest, mut after) = (0, None, None);
        loop {
            let owed = self.engine.index().obligations(party, after, READ_AT_ONCE)?;
            for one in &owed {
                let ObligationKey { due_ms, .. } = one.key;
                if due_ms == ObligationKey::NO_TERM_MS {
                    return Ok((late, earliest));
                }
                earliest = earliest.or(Some(timestamp(due_ms)));
                if due_ms > now.as_millisecond() {
                    return Ok((late, earliest));
                }
                late += 1;
            }
            match owed.last() {
                Some(last) if owed.len() == READ_AT_ONCE => after = Some(last.key),
                Some(_) | None => return Ok((late, earliest)),
            }
        }
    }
}

/// The earliest due instant of a list in due order. What has no clock stands between and is passed
/// over, up to a bound.
fn first_due<Key>(
    page: impl Fn(Option<Key>) -> Result<Vec<(Key, Option<ClockMark>)>, IndexError>,
) -> Result<Option<i64>, Refusal> {
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let entries = page(after)?;
        let clock = entries.iter().find_map(|(_, mark)| *mark);
        if clock.is_some() || entries.len() < READ_AT_ONCE {
            return Ok(clock.map(|clock| clock.due_ms));
        }
        after = entries.into_iter().next_back().map(|(key, _)| key);
    }
    Ok(None)
}
