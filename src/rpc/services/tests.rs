//! The services over a real engine with a journal in memory, called as tonic would call them.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

mod lists;
mod methods;
mod orders;
mod reads;

use super::*;
use crate::dispatch::DispatchOptions;
use crate::domain::WhenUnset;
use crate::domain::party::Parties;
use crate::engine::{Clock, EngineOptions, Law, Parts, Started, start};
use crate::evidence::note::{KeyKind, Signer};
use crate::index::{Index, IndexOptions};
use crate::journal::{Journal as _, MemoryStore};
use crate::procedures;
use crate::rpc::proto::akimat::v1 as akimat;
use crate::rpc::proto::akimat::v1::akimat_service_server::AkimatService;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::cases::v1::case_service_server::CaseService;
use crate::rpc::proto::commission::v1 as commission;
use crate::rpc::proto::commission::v1::commission_service_server::CommissionService;
use crate::rpc::proto::inbox::v1 as inbox;
use crate::rpc::proto::inbox::v1::inbox_service_server::InboxService;
use crate::rpc::proto::inbox::v1::open_inbox_request::Message as Said;
use crate::rpc::proto::inbox::v1::open_inbox_response::Message as Answer;
use crate::rpc::proto::migration::v1 as migration;
use crate::rpc::proto::migration::v1::migration_body_service_server::MigrationBodyService;
use crate::rpc::proto::mission::v1 as mission;
use crate::rpc::proto::mission::v1::foreign_mission_service_server::ForeignMissionService;
use crate::rpc::proto::operations::v1 as operations;
use crate::rpc::proto::operations::v1::operations_service_server::OperationsService;
use crate::rpc::proto::procedures::v1 as laws;
use crate::rpc::proto::procedures::v1::procedure_service_server::ProcedureService;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::tests::samples::*;
use crate::trust::signature::authorities::Authorities;
use crate::trust::signature::desk::DeskParts;
use crate::trust::signature::policy::Policy;

/// A bus in a temporary directory, with its sandbox clock at [`now`].
struct House {
    service: Service,
    store: MemoryStore,
    _threads: [JoinHandle<()>; 2],
    _dir: tempfile::TempDir,
}

impl House {
    fn open() -> Self {
        Self::open_with(parties(), Duration::from_secs(3600))
    }

    fn open_with_idle(idle: Duration) -> Self {
        Self::open_with(parties(), idle)
    }

    fn open_with(parties: Parties, idle: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("index"), &IndexOptions::default()).unwrap().index;
        let options = DispatchOptions {
            max_ready_per_party: 64,
            max_leased_per_party: 64,
            max_stream_silence: Duration::from_secs(300),
            max_failed_attempts: 20,
        };
        let dispatch = Dispatch::new(index.clone(), options);
        let procedures = Arc::new(procedures::load().unwrap());
        let calendar = procedures::calendar::kazakhstan().unwrap();
        let store = MemoryStore::new();
        let journal = store.open(1 << 20).unwrap();
        let signer = Signer::new("bus.example", KeyKind::Log, &[7; 32]).unwrap();
        let log = Arc::new(Log::new(dir.path(), journal.reader(), signer, Vec::new()));
        let Started { engine, threads } = start(Parts {
            journal: Box::new(journal),
            disk: None,
            vault: Arc::new(crate::vault::MemoryVault::new(1)),
            index,
            observer: Arc::new(dispatch.clone()),
            parties,
            law: Law::new(procedures, calendar, WhenUnset::Admit),
            clock: Clock::sandbox(now()),
            options: EngineOptions {
                max_waiting_commands: 4096,
                max_group_commands: 64,
                max_index_lag_records: 64,
                reserve_disk_bytes: 0,
                max_queued_deliveries_per_party: 1_000_000,
            },
            ladder: crate::domain::ladder::Ladder::default(),
            last_alive_ms: None,
            read_calendar: |text| {
                procedures::calendar::parse(text).map_err(|error| error.to_string())
            },
            vitals: Arc::default(),
        })
        .unwrap();
        let streams =
            StreamOptions { bulk_window_acts: 16, max_inbox_window_deliveries: 1024, idle };
        let parts = BusParts {
            engine,
            dispatch,
            streams,
            journal_format_version: 1,
            applicants: Arc::new(ApplicantKey::of(&[7; 32])),
            log,
            signatures: Arc::new(Desk::new(DeskParts {
                answers: None,
                policy: Policy::default(),
                authorities: Authorities::default(),
                lists: None,
                evidence: dir.path().join("signatures"),
                verifier: None,
                max_at_once: 1,
            })),
            stopping: watch::channel(false).1,
            trust: None,
        };
        let service = Service(Arc::new(Bus::new(parts).unwrap()));
        Self { service, store, _threads: threads, _dir: dir }
    }

    fn caller(&self, party: &str) -> Caller {
        caller(self.service.0.roster(), party)
    }

    /// The request as it comes from the layers before.
    fn from<M>(&self, party: &str, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.caller(party));
        request
    }

    async fn submit(&self, n: u32) -> Result<types::Receipt, Status> {
        let application = Some(application());
        let message = mission::SubmitApplicationRequest { request_id: request_id(n), application };
        let answer = self.service.submit_application(self.from("mission-uz", message)).await?;
        Ok(answer.into_inner().receipt.unwrap())
    }

    async fn forward(&self, party: &str, case: &str) -> Result<types::Receipt, Status> {
        let message = migration::ForwardApplicationRequest {
            request_id: request_id(100),
            case_id: case.to_owned(),
            dispatch: Some(cover()),
        };
        let answer =
            MigrationBodyService::forward_application(&self.service, self.from(party, message))
                .await?;
        Ok(answer.into_inner().receipt.unwrap())
    }

    async fn refer(&self, case: &str, n: u32) -> types::Receipt {
        let message = akimat::ReferToCommissionRequest {
            request_id: request_id(n),
            case_id: case.to_owned(),
            dispatch: None,
        };
        let answer = self.service.refer_to_commission(self.from("akimat-kz-55", message)).await;
        answer.unwrap().into_inner().receipt.unwrap()
    }

    /// Fetches the one delivery that waits and acknowledges it.
    async fn receive(
        &self,
        caller: &str,
        of: &str,
    ) -> (inbox::Delivery, inbox::DeliveryConfirmation) {
        let fetched = self.fetch(caller, of).await.unwrap();
        let [delivery] = &fetched[..] else { panic!("{} deliveries", fetched.len()) };
        let confirmed = self.acknowledge(caller, &delivery.delivery_id).await.unwrap();
        (delivery.clone(), confirmed)
    }

    async fn fetch(&self, caller: &str, of: &str) -> Result<Vec<inbox::Delivery>, Status> {
        self.service.0.engine.caught_up().await;
        let message = inbox::FetchDeliveriesRequest {
            max_deliveries: 100,
            lease_seconds: 60,
            party_id: of.to_owned(),
        };
        let fetched = self.service.fetch_deliveries(self.from(caller, message)).await?;
        Ok(fetched.into_inner().deliveries)
    }

    async fn acknowledge(
        &self,
        caller: &str,
        id: &str,
    ) -> Result<inbox::DeliveryConfirmation, Status> {
        let message = inbox::AcknowledgeDeliveryRequest { delivery_id: id.to_owned() };
        let answer = self.service.acknowledge_delivery(self.from(caller, message)).await?;
        Ok(answer.into_inner().confirmation.unwrap())
    }

    async fn case(&self, caller: &str, case: &str) -> Result<cases::Case, Status> {
        let message = cases::GetCaseRequest { case_id: case.to_owned() };
        let answer = self.service.get_case(self.from(caller, message)).await?;
        Ok(answer.into_inner().case.unwrap())
    }

    async fn state(&self, case: &str) -> cases::CaseState {
        self.case("operator", case).await.unwrap().summary.unwrap().state()
    }

    fn inbox(&self, party: &str) -> (mpsc::Sender<Said>, inbox_stream::Deliveries) {
        let (sender, said) = mpsc::channel(16);
        let said = ReceiverStream::new(said)
            .map(|message| Ok(inbox::OpenInboxRequest { message: Some(message) }));
        let bus = Arc::clone(&self.service.0);
        (sender, inbox_stream::deliveries(bus, self.caller(party), said))
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn opening(window: i32) -> Said {
    Said::Opening(inbox::InboxOpening { window, party_id: String::new() })
}

fn acknowledgement(delivery_id: &str) -> Said {
    let delivery_id = delivery_id.to_owned();
    Said::Acknowledgement(inbox::DeliveryAcknowledgement { delivery_id })
}

async fn answer(deliveries: &mut inbox_stream::Deliveries) -> Answer {
    deliveries.next().await.unwrap().unwrap().message.unwrap()
}

fn delivery(answer: Answer) -> inbox::Delivery {
    match answer {
        Answer::Delivery(delivery) => delivery,
        Answer::Confirmation(_) | Answer::Refusal(_) | Answer::Rejection(_) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_family_passes_every_hop_with_its_papers() {
    use cases::CaseState as S;
    let house = House::open();
    let submitted = house.submit(1).await.unwrap();
    let case = &submitted.case_id[..];
    assert_eq!((submitted.hop.as_str(), submitted.clocks.len()), ("K21B-02", 1));
    let closed = &submitted.clocks[0];
    assert_eq!((closed.change(), closed.late), (types::ClockChange::Closed, false));
    let clock = closed.clock.as_ref().unwrap();
    assert_eq!(clock.due_date, day(2021, 9, 10));
    assert_eq!(clock.source(), types::TermSource::Assumed);
    assert_eq!(clock.citation, "002-EN A1 ¶11");
    assert_eq!(house.state(case).await, S::AtMigrationBody);

    let (delivered, confirmed) = house.receive("committee", "").await;
    assert_eq!((delivered.hop.as_str(), delivered.next_hop.as_str()), ("K21B-02", "K21B-03"));
    assert_eq!(delivered.application, Some(application()));
    assert_eq!(delivered.record_hash, submitted.record_hash);
    assert_eq!(delivered.due_time, clock.due_time);
    assert_eq!(delivered.citation, "002-EN A1 ¶11");
    let opened = confirmed.clocks[0].clock.as_ref().unwrap();
    // The vector of the law's own order: received on 6 September 2021, due on the 13th.
    assert_eq!((opened.hop.as_str(), &opened.due_date), ("K21B-03", &day(2021, 9, 13)));
    assert_eq!(opened.holder_party_id, "committee");

    house.forward("committee", case).await.unwrap();
    let (delivered, _) = house.receive("akimat-kz-55", "").await;
    assert_eq!(delivered.dispatch, Some(cover()));
    assert_eq!(delivered.application, Some(application()));
    house.refer(case, 3).await;
    assert_eq!(house.state(case).await, S::AtCommission);
    // The commission has no system of its own; the akimat's acts for it.
    let (delivered, _) = house.receive("akimat-kz-55", "commission-kz-55").await;
    assert_eq!((delivered.hop.as_str(), delivered.dispatch), ("K21B-04", None));

    let message = commission::RecordConsentDecisionRequest {
        request_id: request_id(4),
        case_id: case.to_owned(),
        decision: Some(consent(2)),
    };
    let decided = house.service.record_consent_decision(house.from("akimat-kz-55", message)).await;
    let decided = decided.unwrap().into_inner().receipt.unwrap();
    let changes: Vec<_> = decided.clocks.iter().map(|notice| notice.change()).collect();
    assert_eq!(changes, [types::ClockChange::Closed, types::ClockChange::Opened]);
    let (delivered, confirmed) = house.receive("akimat-kz-55", "").await;
    assert_eq!((delivered.next_hop.as_str(), confirmed.clocks.len()), ("", 0));
    assert_eq!(delivered.consent_decision, Some(consent(2)));
    assert_eq!(delivered.application, None);

    let message = akimat::SendConsentDecisionRequest {
        request_id: request_id(5),
        case_id: case.to_owned(),
        dispatch: None,
    };
    house.service.send_consent_decision(house.from("akimat-kz-55", message)).await.unwrap();
    house.receive("committee", "").await;
    let message = migration::ForwardDecisionRequest {
        request_id: request_id(6),
        case_id: case.to_owned(),
        dispatch: None,
    };
    MigrationBodyService::forward_decision(&house.service, house.from("committee", message))
        .await
        .unwrap();
    let (delivered, _) = house.receive("mission-uz", "").await;
    assert_eq!(delivered.consent_decision, Some(consent(2)));
    let message = mission::HandOverDecisionRequest {
        request_id: request_id(7),
        case_id: case.to_owned(),
        hand_over: Some(hand_over()),
    };
    ForeignMissionService::hand_over_decision(&house.service, house.from("mission-uz", message))
        .await
        .unwrap();
    assert_eq!(house.state(case).await, S::AwaitingArrival);
    arrives(&house, case).await;
}

/// The second half of the way, after entry.
async fn arrives(house: &House, case: &str) {
    use cases::CaseState as S;
    let registered = |person_count| {
        let application = Some(types::ArrivalApplication { person_count, ..arrival() });
        let case_id = case.to_owned();
        akimat::RegisterArrivalRequest { request_id: request_id(8), case_id, application }
    };
    let too_many = house.from("akimat-kz-55", registered(3));
    let refused = AkimatService::register_arrival(&house.service, too_many).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "application.person_count");
    let message = house.from("akimat-kz-55", registered(2));
    AkimatService::register_arrival(&house.service, message).await.unwrap();
    assert_eq!(house.state(case).await, S::Arrived);
    house.refer(case, 9).await;
    let (delivered, _) = house.receive("akimat-kz-55", "commission-kz-55").await;
    assert_eq!(delivered.hop, "K21B-10");
    assert_eq!(delivered.application, Some(application()));
    assert_eq!(delivered.consent_decision, Some(consent(2)));
    assert_eq!(delivered.arrival_application.unwrap().person_count, 2);

    let decided = |person_count| commission::RecordInclusionDecisionRequest {
        request_id: request_id(10),
        case_id: case.to_owned(),
        decision: Some(inclusion(person_count)),
    };
    let message = house.from("akimat-kz-55", decided(3));
    let refused = house.service.record_inclusion_decision(message).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "decision.inclusion.person_count");
    let message = house.from("akimat-kz-55", decided(2));
    house.service.record_inclusion_decision(message).await.unwrap();
    let (delivered, _) = house.receive("akimat-kz-55", "").await;
    assert_eq!(delivered.inclusion_decision, Some(inclusion(2)));
    let message = akimat::HandOverInclusionDecisionRequest {
        request_id: request_id(11),
        case_id: case.to_owned(),
        hand_over: Some(hand_over()),
    };
    let message = house.from("akimat-kz-55", message);
    house.service.hand_over_inclusion_decision(message).await.unwrap();

    let told = house.case("mission-uz", case).await.unwrap();
    let summary = told.summary.unwrap();
    assert_eq!(summary.state(), S::Closed);
    assert_eq!(summary.consent_outcome(), cases::CaseOutcome::Positive);
    let persons = (summary.person_count, summary.consented_person_count);
    assert_eq!((persons, summary.included_person_count), ((3, 2), 2));
    assert_eq!(told.hops.len(), 12);
    assert_eq!(told.hops[0].act(), types::Act::FileApplication);
    assert!(told.hops.iter().all(|hop| !hop.late && hop.sequence > 0));
    assert_eq!(told.hops[2].used_days, Some(0));
    assert_eq!(told.hops[0].used_days, None);
}

#[tokio::test]
async fn a_repeat_brings_the_original_receipt_and_other_content_is_refused() {
    let house = House::open();
    let first = house.submit(1).await.unwrap();
    house.receive("committee", "").await;
    assert_eq!(house.submit(1).await.unwrap(), first);

    let mut other = application();
    other.residence.as_mut().unwrap().text.push('0');
    let message =
        mission::SubmitApplicationRequest { request_id: request_id(1), application: Some(other) };
    let refused = house.service.submit_application(house.from("mission-uz", message)).await;
    assert_eq!(reason(&refused.unwrap_err()), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_stranger_and_an_unknown_case_are_answered_alike() {
    let house = House::open();
    let case = house.submit(1).await.unwrap().case_id;
    let unknown = "0193a0de-77aa-8bbb-8ccc-0123456789ab";
    let strange = house.case("mission-mn", &case).await.unwrap_err();
    let missing = house.case("mission-mn", unknown).await.unwrap_err();
    let nonsense = house.case("mission-mn", "nonsense").await.unwrap_err();
    for told in [&missing, &nonsense] {
        assert_eq!((told.code(), told.message()), (strange.code(), strange.message()));
        assert_eq!(told.details(), strange.details());
    }
    assert_eq!(reason(&strange), "CASE_NOT_VISIBLE");
    let strange = house.forward("mission-mn", &case).await.unwrap_err();
    let missing = house.forward("mission-mn", unknown).await.unwrap_err();
    assert_eq!((strange.message(), strange.details()), (missing.message(), missing.details()));
    // Whoever has a part in it, and the operator, may read it.
    for party in ["mission-uz", "committee", "akimat-kz-55", "commission-kz-55", "operator"] {
        assert!(house.case(party, &case).await.is_ok(), "{party}");
    }
}

#[tokio::test]
async fn an_act_out_of_order_names_what_is_open() {
    let house = House::open();
    let case = house.submit(1).await.unwrap().case_id;
    let refused = house.forward("committee", &case).await.unwrap_err();
    assert_eq!(reason(&refused), "ACT_OUT_OF_ORDER");
    let open = refused.get_details_precondition_failure().unwrap().violations;
    assert_eq!(open[0].subject, format!("{case}/K21B-02"));
    assert!(open[0].description.contains("migration-body committee has to acknowledge"));
}

#[tokio::test]
async fn a_call_without_a_caller_is_refused() {
    let house = House::open();
    let message = cases::GetCaseRequest::default();
    let refused = house.service.get_case(Request::new(message)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(reason(&refused), "CERTIFICATE_UNKNOWN_PARTY");
}

#[tokio::test]
async fn deliveries_are_acknowledged_by_their_receiver_alone() {
    let house = House::open();
    house.submit(1).await.unwrap();
    let fetched = house.fetch("committee", "").await.unwrap();
    let id = &fetched[0].delivery_id;
    for party in ["mission-uz", "akimat-kz-55"] {
        let refused = house.acknowledge(party, id).await.unwrap_err();
        assert_eq!(reason(&refused), "DELIVERY_UNKNOWN");
    }
    for unknown in ["", "1", "999-0193a0de-77aa-8bbb-8ccc-0123456789ab"] {
        let refused = house.acknowledge("committee", unknown).await.unwrap_err();
        assert_eq!(reason(&refused), "DELIVERY_UNKNOWN", "{unknown}");
    }
    let first = house.acknowledge("committee", id).await.unwrap();
    assert_eq!(house.acknowledge("committee", id).await.unwrap(), first);
    assert!(house.fetch("committee", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_inbox_is_open_to_its_party_and_to_who_acts_for_it() {
    let house = House::open();
    assert!(house.fetch("akimat-kz-55", "commission-kz-55").await.unwrap().is_empty());
    for (caller, of) in [
        ("commission-kz-55", "akimat-kz-55"),
        ("mission-uz", "mission-mn"),
        ("mission-uz", "nobody-at-all"),
        ("mission-uz", "Not an id"),
    ] {
        let refused = house.fetch(caller, of).await.unwrap_err();
        assert_eq!(reason(&refused), "PARTY_NOT_ALLOWED", "{caller} {of}");
    }
}

#[tokio::test]
async fn the_bulk_stream_answers_every_item_by_itself() {
    let house = House::open();
    let bus = Arc::clone(&house.service.0);
    let caller = Arc::new(house.caller("mission-uz"));
    let items = (0..100_u32).map(|n| {
        let mut application = application();
        if n % 10 == 3 {
            application.personal_data_consent = false;
        }
        let request_id = if n == 50 { "no id".to_owned() } else { request_id(n) };
        let item =
            mission::SubmitApplicationsRequest { request_id, application: Some(application) };
        Ok(item)
    });
    let start = move |item| acts::mission::submit(Arc::clone(&bus), Arc::clone(&caller), item);
    let limits = pipeline::Limits { window: 16, idle: Duration::from_secs(60) };
    let idle = Status::aborted("idle");
    let answers =
        pipeline::Pipeline::new(futures_util::stream::iter(items), start, |s| s, limits, idle);
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    assert_eq!(answers.len(), 100);
    use mission::submit_applications_response::Result as Fate;
    for answer in answers {
        match answer.result.unwrap() {
            Fate::Receipt(receipt) => assert_eq!(receipt.request_id, answer.request_id),
            Fate::Status(status) => {
                assert_eq!(status.code, Code::InvalidArgument as i32);
                let refused = answer.request_id == "no id" || answer.request_id.ends_with('3');
                assert!(refused, "{answer:?}", answer = answer.request_id);
            }
        }
    }
    // An item sent again alone has the receipt that it got on the stream.
    assert_eq!(house.submit(7).await.unwrap().hop, "K21B-02");
    assert_eq!(house.fetch("committee", "").await.unwrap().len(), 64);
}

#[tokio::test]
async fn an_inbox_stream_delivers_within_its_window_and_confirms() {
    let house = House::open();
    for n in 0..5 {
        house.submit(n).await.unwrap();
    }
    let (say, mut deliveries) = house.inbox("committee");
    say.send(opening(2)).await.unwrap();
    let first = delivery(answer(&mut deliveries).await);
    let second = delivery(answer(&mut deliveries).await);
    assert_eq!((first.attempt, second.attempt), (1, 1));
    assert!(deliveries.next().now_or_never().is_none());

    say.send(acknowledgement("nonsense")).await.unwrap();
    let Answer::Refusal(refusal) = answer(&mut deliveries).await else { panic!("no refusal") };
    assert_eq!(refusal.delivery_id, "nonsense");
    assert_eq!(refusal.status.unwrap().code, Code::NotFound as i32);

    say.send(acknowledgement(&second.delivery_id)).await.unwrap();
    let Answer::Confirmation(confirmed) = answer(&mut deliveries).await else {
        panic!("no confirmation")
    };
    assert_eq!(confirmed.delivery_id, second.delivery_id);
    assert_eq!(confirmed.clocks[0].clock.as_ref().unwrap().hop, "K21B-03");
    let third = delivery(answer(&mut deliveries).await);
    assert_ne!(third.delivery_id, first.delivery_id);

    // Closed, it gives back what it holds at once, under the same names.
    drop(deliveries);
    let (say, mut deliveries) = house.inbox("committee");
    say.send(opening(10)).await.unwrap();
    let again = delivery(answer(&mut deliveries).await);
    assert_eq!((again.delivery_id, again.attempt), (first.delivery_id, 2));
    // Whoever closes its side has its acknowledgements confirmed, and then the end.
    say.send(acknowledgement(&third.delivery_id)).await.unwrap();
    drop(say);
    let mut confirmations = 0;
    while let Some(answer) = deliveries.next().await {
        confirmations +=
            usize::from(matches!(answer.unwrap().message, Some(Answer::Confirmation(_))));
    }
    assert_eq!(confirmations, 1);
}

#[tokio::test]
async fn an_inbox_stream_begins_with_one_opening() {
    let house = House::open();
    for (said, field) in [
        (vec![acknowledgement("x")], "opening"),
        (vec![opening(0)], "opening.window"),
        (vec![opening(1025)], "opening.window"),
        (vec![opening(1), opening(1)], "opening"),
    ] {
        let (say, mut deliveries) = house.inbox("committee");
        for said in said {
            say.send(said).await.unwrap();
        }
        let refused = deliveries.next().await.unwrap().unwrap_err();
        assert_eq!(reason(&refused), "FIELD_INVALID");
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
        assert!(deliveries.next().await.is_none());
    }
}

#[tokio::test]
async fn an_inbox_stream_that_stands_still_ends_and_an_empty_one_does_not() {
    let house = House::open_with_idle(Duration::from_millis(5));
    let (_say, mut deliveries) = house.inbox("committee");
    let refused = deliveries.next().await.unwrap().unwrap_err();
    assert_eq!(reason(&refused), "STREAM_IDLE");

    let (say, mut deliveries) = house.inbox("committee");
    say.send(opening(1)).await.unwrap();
    let empty = tokio::time::timeout(Duration::from_millis(50), deliveries.next()).await;
    assert!(empty.is_err(), "an empty inbox is never idle");
    house.submit(1).await.unwrap();
    delivery(answer(&mut deliveries).await);
    let refused = deliveries.next().await.unwrap().unwrap_err();
    assert_eq!(reason(&refused), "STREAM_IDLE");
}

#[tokio::test]
async fn obligations_and_cases_are_listed_page_by_page() {
    let house = House::open();
    for n in 0..7 {
        house.submit(n).await.unwrap();
    }
    for delivery in house.fetch("committee", "").await.unwrap() {
        house.acknowledge("committee", &delivery.delivery_id).await.unwrap();
    }
    let (mut token, mut owed) = (String::new(), Vec::new());
    loop {
        let message = inbox::ListObligationsRequest {
            page_size: 3,
            page_token: token,
            party_id: String::new(),
        };
        let page = house.service.list_obligations(house.from("committee", message)).await;
        let page = page.unwrap().into_inner();
        assert!(page.obligations.len() <= 3);
        owed.extend(page.obligations);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(owed.len(), 7);
    assert!(owed.iter().all(|one| one.act() == types::Act::ForwardApplication && !one.late));

    let list = async |party: &str, page_size, region: &str, page_token: String| {
        let region = region.to_owned();
        let message = cases::ListCasesRequest { page_size, page_token, state: 1, region };
        Ok::<_, Status>(house.service.list_cases(house.from(party, message)).await?.into_inner())
    };
    let first = list("committee", 4, "KZ-55", String::new()).await.unwrap();
    assert_eq!(first.cases.len(), 4);
    let second = list("committee", 4, "KZ-55", first.next_page_token.clone()).await.unwrap();
    assert_eq!((second.cases.len(), second.next_page_token.as_str()), (3, ""));
    let ids = |page: &cases::ListCasesResponse| {
        page.cases.iter().map(|case| case.case_id.clone()).collect::<Vec<_>>()
    };
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    for (party, region) in [("mission-mn", "KZ-55"), ("committee", "KZ-10")] {
        assert!(list(party, 4, region, String::new()).await.unwrap().cases.is_empty());
    }
    let elsewhere = list("committee", 4, "", first.next_page_token.clone()).await.unwrap_err();
    assert_eq!(reason(&elsewhere), "PAGE_TOKEN_INVALID");
    let another = list("akimat-kz-55", 4, "KZ-55", first.next_page_token).await.unwrap_err();
    assert_eq!(reason(&another), "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn the_state_of_the_bus_tells_what_waits_for_whom() {
    let house = House::open();
    house.submit(1).await.unwrap();
    house.submit(2).await.unwrap();
    house.service.0.engine.caught_up().await;
    let fetched = house.fetch("committee", "").await.unwrap();
    house.acknowledge("committee", &fetched[0].delivery_id).await.unwrap();
    house.service.0.engine.caught_up().await;
    let set = async |text: &str| {
        let message = operations::SetSandboxTimeRequest { time: stamp(text) };
        house.service.set_sandbox_time(house.from("operator", message)).await
    };
    // 24:00 of the due day: the obligation is late from this instant on.
    set("2021-09-14T00:00:00+06:00").await.unwrap();
    let backwards = set("2021-09-13T00:00:00+06:00").await.unwrap_err();
    assert_eq!(reason(&backwards), "FIELD_INVALID");

    let message = operations::GetStatusRequest {};
    let told = house.service.get_status(house.from("operator", message)).await.unwrap();
    let told = told.into_inner();
    assert!(told.sandbox && told.resident_bytes > 0);
    assert_eq!(told.current_time, stamp("2021-09-14T00:00:00+06:00"));
    // Six enrolments, two submissions, one acknowledgement; and the rungs of the delivery that
    // was not taken (half, the day before, the due day, the due instant, a day overdue) and of the
    // obligation (half, the day before, the due day, the due instant), three times at one instant.
    assert_eq!((told.journal_sequence, told.index_lag_records), (9 + 9 - 3, 0));
    assert_eq!(told.journal_head_hash.len(), 32);
    let names: Vec<_> = told.parties.iter().map(|load| load.party_id.as_str()).collect();
    assert!(names.is_sorted() && names.len() == 6);
    let load = told.parties.iter().find(|load| load.party_id == "committee").unwrap();
    // The delivery, and the notices.
    assert_eq!((load.queued_deliveries, load.leased_deliveries), (1 + 6, 1));
    assert_eq!((load.open_obligations, load.late_obligations), (1, 1));
    assert_eq!(load.earliest_due_time, stamp("2021-09-14T00:00:00+06:00"));
}

#[tokio::test]
async fn what_waits_in_an_inbox_is_listed_without_papers_or_leases() {
    let house = House::open();
    let mut cases = Vec::new();
    for n in 0..5 {
        cases.push(house.submit(n).await.unwrap().case_id);
    }
    let list = async |party_id: &str, page_size, page_token: String| {
        let party_id = party_id.to_owned();
        let message = operations::ListInboxRequest { party_id, page_size, page_token };
        let listed = house.service.list_inbox(house.from("operator", message)).await;
        listed.map(Response::into_inner)
    };
    let all = list("committee", 0, String::new()).await.unwrap();
    assert_eq!((all.deliveries.len(), all.next_page_token.as_str()), (5, ""));
    let (mut token, mut paged) = (String::new(), Vec::new());
    for expected in [2, 2, 1] {
        let page = list("committee", 2, token).await.unwrap();
        assert_eq!(page.deliveries.len(), expected);
        paged.extend(page.deliveries);
        token = page.next_page_token;
    }
    assert_eq!((&paged, token.as_str()), (&all.deliveries, ""));
    let listed: Vec<_> = paged.iter().map(|one| one.case_id.clone()).collect();
    assert_eq!(listed, cases);

    // The receiver sees the same under the same name; looking took nothing from it.
    let fetched = house.fetch("committee", "").await.unwrap();
    assert_eq!(fetched.len(), 5);
    for (one, delivery) in paged.iter().zip(&fetched) {
        let expected = operations::QueuedDelivery {
            delivery_id: delivery.delivery_id.clone(),
            case_id: delivery.case_id.clone(),
            hop: delivery.hop.clone(),
            act: delivery.act,
            sender_party_id: delivery.sender_party_id.clone(),
            sent_time: delivery.sent_time,
            due_time: delivery.due_time,
            due_date: delivery.due_date,
            source: delivery.source,
            citation: delivery.citation.clone(),
            region: delivery.region.clone(),
            leased: false,
            notice: None,
            rung_count: 0,
        };
        assert_eq!((one, delivery.attempt), (&expected, 1));
    }
    house.acknowledge("committee", &fetched[0].delivery_id).await.unwrap();
    let rest = list("committee", 0, String::new()).await.unwrap().deliveries;
    assert!(rest.len() == 4 && rest.iter().all(|one| one.leased));
    assert!(list("mission-uz", 0, String::new()).await.unwrap().deliveries.is_empty());
}

#[tokio::test]
async fn what_waits_in_an_inbox_is_shown_to_its_party_and_to_no_other() {
    let house = House::open();
    let case = house.submit(1).await.unwrap().case_id;
    house.receive("committee", "").await;
    house.forward("committee", &case).await.unwrap();
    let list = async |caller: &str, party_id: &str| {
        let party_id = party_id.to_owned();
        let message = operations::ListInboxRequest { party_id, ..Default::default() };
        let listed = house.service.list_inbox(house.from(caller, message)).await;
        listed.map(|listed| listed.into_inner().deliveries.len())
    };
    assert_eq!(list("akimat-kz-55", "akimat-kz-55").await.unwrap(), 1);
    assert_eq!(list("committee", "akimat-kz-55").await.unwrap(), 1);
    assert_eq!(list("operator", "akimat-kz-55").await.unwrap(), 1);
    // It acts for its commission.
    assert_eq!(list("akimat-kz-55", "commission-kz-55").await.unwrap(), 0);
    for other in ["committee", "mission-uz", "nobody-at-all"] {
        let refused = list("akimat-kz-55", other).await.unwrap_err();
        assert_eq!(reason(&refused), "PARTY_NOT_ALLOWED", "{other}");
    }
    assert_eq!(reason(&list("akimat-kz-55", "").await.unwrap_err()), "FIELD_INVALID");
}

#[tokio::test]
async fn a_listing_of_an_inbox_names_a_party_and_takes_its_own_tokens_only() {
    let house = House::open();
    for n in 0..3 {
        house.submit(n).await.unwrap();
    }
    let list = async |party_id: &str, page_size, page_token: &str| {
        let (party_id, page_token) = (party_id.to_owned(), page_token.to_owned());
        let message = operations::ListInboxRequest { party_id, page_size, page_token };
        let listed = house.service.list_inbox(house.from("committee", message)).await;
        listed.map(Response::into_inner)
    };
    for (party, page_size, fields) in [
        ("", 0, &["party_id"][..]),
        ("nobody-at-all", 0, &["party_id"]),
        ("Not an id", -1, &["party_id", "page_size"]),
        ("committee", -1, &["page_size"]),
    ] {
        let refused = list(party, page_size, "").await.unwrap_err();
        assert_eq!(reason(&refused), "FIELD_INVALID", "{party}");
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        let named: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(named, fields);
    }
    let token = list("committee", 1, "").await.unwrap().next_page_token;
    assert_eq!(list("committee", 1, &token).await.unwrap().deliveries.len(), 1);
    for (party, token) in [("mission-uz", &token[..]), ("committee", "00"), ("committee", "x")] {
        let refused = list(party, 1, token).await.unwrap_err();
        assert_eq!(reason(&refused), "PAGE_TOKEN_INVALID", "{party} {token}");
    }
}

#[tokio::test]
async fn what_a_party_owes_is_told_to_it_and_to_who_watches_over_all() {
    let house = House::open();
    let case = house.submit(1).await.unwrap().case_id;
    house.receive("committee", "").await;
    house.forward("committee", &case).await.unwrap();
    house.receive("akimat-kz-55", "").await;
    let owed = async |caller: &str, of: &str| {
        let message =
            inbox::ListObligationsRequest { party_id: of.to_owned(), ..Default::default() };
        let listed = house.service.list_obligations(house.from(caller, message)).await;
        listed.map(|listed| listed.into_inner().obligations)
    };
    let own = owed("akimat-kz-55", "").await.unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0].case_id, own[0].act()), (&case, types::Act::ReferToCommission));
    for watcher in ["operator", "committee"] {
        assert_eq!(owed(watcher, "akimat-kz-55").await.unwrap(), own);
        assert!(owed(watcher, "").await.unwrap().is_empty(), "{watcher}");
        let refused = owed(watcher, "nobody-at-all").await.unwrap_err();
        assert_eq!(reason(&refused), "FIELD_INVALID");
    }
    for (caller, of) in
        [("mission-uz", "akimat-kz-55"), ("commission-kz-55", "akimat-kz-55"), ("mission-uz", "x")]
    {
        let refused = owed(caller, of).await.unwrap_err();
        assert_eq!(reason(&refused), "PARTY_NOT_ALLOWED", "{caller} {of}");
    }
}

#[tokio::test]
async fn terms_are_computed_as_for_cases() {
    let house = House::open();
    let compute = async |hop: &str, from: &str, zone: &str, edition: &str| {
        let message = laws::ComputeDueTimeRequest {
            procedure: "kandas-mission".to_owned(),
            edition: edition.to_owned(),
            hop: hop.to_owned(),
            from_time: stamp(from),
            time_zone: zone.to_owned(),
        };
        house.service.compute_due_time(house.from("committee", message)).await
    };
    let told = compute("K21B-03", "2021-09-06T12:00:00+06:00", "", "2021").await.unwrap();
    let told = told.into_inner();
    assert_eq!(told.due_date, day(2021, 9, 13));
    assert_eq!(told.due_time, stamp("2021-09-14T00:00:00+06:00"));
    let skipped: Vec<_> = told.skipped_days.iter().map(|day| day.reason()).collect();
    assert_eq!(skipped, [laws::SkipReason::Weekend; 2]);
    let none = compute("K21B-09", "2021-09-06T12:00:00Z", "", "2021").await.unwrap().into_inner();
    assert_eq!((none.due_date, none.citation.as_str()), (None, "002-EN A1 ¶¶19-20"));

    let noon = "2021-09-06T12:00:00Z";
    for (hop, from, zone, edition, expected) in [
        ("K21B-99", noon, "", "2021", "HOP_UNKNOWN"),
        ("not a hop", noon, "", "2021", "HOP_UNKNOWN"),
        ("K21B-03", noon, "", "1999", "PROCEDURE_UNKNOWN"),
        ("K21B-03", noon, "Asia/Nowhere", "2021", "FIELD_INVALID"),
        ("K21B-03", "2031-01-05T00:00:00Z", "", "2021", "FIELD_INVALID"),
    ] {
        let refused = compute(hop, from, zone, edition).await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{hop} {zone} {edition}");
    }
}
