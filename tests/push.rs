//! Endpoints over real sockets and real certificates: sound ones, and every way in which one can
//! fail to do its part. Whatever it does, nothing is acknowledged that was not, nothing is lost,
//! and nobody else waits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod agency;
mod bus;

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use agency::{Agency, Manner};
use bus::refusal::refused;
use bus::{Act, Bus, Party, Setting, samples, within};
use jiff::Timestamp;
use kopir::rpc::proto::inbox::v1::{
    Endpoint, EndpointFailure, EndpointState, GetEndpointRequest, ListHeldRequest,
    RegisterEndpointRequest, ReleaseDeliveryRequest, UnregisterEndpointRequest,
};
use kopir::rpc::proto::operations::v1::ListInboxRequest;
use kopir::rpc::proto::types::v1::{HeldMark, HeldReason, Receipt};
use kopir::trust::tls::TlsFiles;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Level;

/// Quick to fail and to come back, so that a test takes seconds.
const QUICK: [Setting; 4] = [
    ("push.timeout_seconds", "1"),
    ("push.backoff_base_ms", "20"),
    ("push.backoff_max_seconds", "1"),
    ("push.breaker_failures", "3"),
];

/// What the buses of this process have warned of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    /// Listens from the first call on.
    fn listen() -> Self {
        static TOLD: OnceLock<Told> = OnceLock::new();
        let listen = || {
            let told = Self::default();
            let writer = told.clone();
            let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::WARN);
            log.with_writer(move || writer.clone()).init();
            told
        };
        TOLD.get_or_init(listen).clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn register(party: &Party, url: &str, of: &str) -> Result<Receipt, Status> {
    let request = RegisterEndpointRequest {
        request_id: bus::act::new_id(),
        url: url.to_owned(),
        party_id: of.to_owned(),
    };
    let answer = within(party.inbox().register_endpoint(request)).await?;
    Ok(answer.into_inner().receipt.unwrap())
}

async fn unregister(party: &Party) -> Receipt {
    let request =
        UnregisterEndpointRequest { request_id: bus::act::new_id(), party_id: String::new() };
    within(party.inbox().unregister_endpoint(request)).await.unwrap().into_inner().receipt.unwrap()
}

async fn endpoint(party: &Party, of: &str) -> Result<Option<Endpoint>, Status> {
    let request = GetEndpointRequest { party_id: of.to_owned() };
    Ok(within(party.inbox().get_endpoint(request)).await?.into_inner().endpoint)
}

/// Waits until the endpoint fares so.
async fn until(party: &Party, is: impl Fn(&Endpoint) -> bool) -> Endpoint {
    let begun = Instant::now();
    loop {
        let found = endpoint(party, "").await.unwrap().unwrap();
        if is(&found) {
            return found;
        }
        assert!(begun.elapsed() < bus::PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until so many deliveries are still to be acknowledged by a party.
async fn queued(operator: &Party, of: &str, count: u64) {
    let begun = Instant::now();
    loop {
        let status = operator.status().await;
        let load = status.parties.into_iter().find(|load| load.party_id == of).unwrap();
        if load.queued_deliveries == count {
            return;
        }
        assert!(begun.elapsed() < bus::PATIENCE, "{load:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a party owes so many acts.
async fn owes(party: &Party, count: usize) {
    let begun = Instant::now();
    while party.obligations().await.len() != count {
        assert!(begun.elapsed() < bus::PATIENCE, "{:?}", party.obligations().await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn submit(mission: &Party) -> String {
    mission.submit(samples::application(bus::MORNING)).await.case_id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_what_waits_and_what_comes_and_its_answer_is_the_acknowledgement() {
    let bus = Bus::with(&[("push.max_in_flight_per_party", "1")]).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut cases = Vec::new();
    for filed in ["2023-02-01", "2023-01-31", "2023-01-30"] {
        let filed = format!("{filed}T09:00:00+06:00");
        cases.push(mission.submit(samples::application(&filed)).await.case_id);
    }
    mission.caught_up().await;
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Sound).await;
    assert_eq!(endpoint(&committee, "").await.unwrap(), None);
    let receipt = register(&committee, &agency.url(), "").await.unwrap();
    assert_eq!((receipt.case_id.as_str(), receipt.record_hash.len()), ("", 32));
    let arrivals = agency.until(3).await;
    let came: Vec<_> = arrivals.iter().map(|one| one.delivery.case_id.clone()).collect();
    assert_eq!(came, [2, 1, 0].map(|at| cases[at].clone()), "earliest due first");

    let begun = Instant::now();
    cases.push(submit(&mission).await);
    agency.until(4).await;
    println!("a delivery came {:?} after its act was sent", begun.elapsed());
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 0).await;
    // The answer is the receipt from which the next term counts.
    owes(&committee, 4).await;
    let receipt = committee.send(&Act::forward(&cases[0])).await.unwrap();
    assert!(!receipt.clocks.is_empty());
    let found = endpoint(&committee, "").await.unwrap().unwrap();
    assert_eq!(found.url, agency.url());
    assert_eq!(found.registered_by_party_id, bus::COMMITTEE);
    assert_eq!((found.state(), found.consecutive_failure_count), (EndpointState::Closed, 0));
    bus.stop().await;
}

/// Whatever the endpoint does, the delivery stays what it was; once it behaves, it gets it.
async fn survives(manner: Manner) {
    let bus = Bus::with(&QUICK).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let agency = Agency::open(&bus.files(bus::COMMITTEE), manner.clone()).await;
    register(&committee, &agency.url(), "").await.unwrap();
    submit(&mission).await;
    let before = bus.sequence();
    let failing = until(&committee, |found| found.consecutive_failure_count >= 4).await;
    assert!(failing.failing_since_time.is_some(), "{manner:?}");
    assert_ne!(failing.state(), EndpointState::Closed, "{manner:?}");
    assert_eq!(bus.sequence(), before, "{manner:?}: nothing was journaled");
    assert!(failing.last_failure_time.is_some(), "{manner:?}");
    let why = failing.last_failure();
    assert!(failures(&manner).contains(&why), "{manner:?}: {why:?}");
    let before = agency.arrivals().len();
    agency.be(Manner::Sound);
    let arrivals = agency.until(before + 1).await;
    let ids: Vec<_> = arrivals.iter().map(|one| &one.delivery.delivery_id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{manner:?}: one delivery under one name");
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 0).await;
    let well = until(&committee, |found| found.consecutive_failure_count == 0).await;
    assert_eq!((well.state(), well.failing_since_time), (EndpointState::Closed, None));
    assert_ne!(well.last_failure(), EndpointFailure::Unspecified, "{manner:?}: it is still told");
    owes(&committee, 1).await;
    bus.stop().await;
}

/// What the party may be told of an endpoint that behaves so.
fn failures(manner: &Manner) -> &'static [EndpointFailure] {
    match manner {
        Manner::Hang => &[EndpointFailure::TimedOut],
        Manner::Mute => &[EndpointFailure::NoConnection],
        // Where it breaks before the request was written, or says what is no HTTP/2.
        Manner::Reset | Manner::Noise => {
            &[EndpointFailure::ConnectionBroken, EndpointFailure::NoConnection]
        }
        Manner::OtherDelivery | Manner::NoOutcome | Manner::Reject(..) => {
            &[EndpointFailure::BadAnswer]
        }
        Manner::Busy(_) => &[EndpointFailure::AskedForTime],
        Manner::Garbage
        | Manner::Endless(_)
        | Manner::Redirect(_)
        | Manner::FailOn(_)
        | Manner::Fail(_) => &[EndpointFailure::ErrorStatus],
        Manner::Sound => &[],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_is_given_up_after_its_time() {
    survives(Manner::Hang).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_takes_connections_and_says_nothing_is_given_up_after_its_time() {
    survives(Manner::Mute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_resets_acknowledges_nothing() {
    survives(Manner::Reset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_garbage_acknowledges_nothing() {
    survives(Manner::Garbage).await;
    survives(Manner::Noise).await;
    survives(Manner::Endless(100_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_another_delivery_acknowledges_neither() {
    survives(Manner::OtherDelivery).await;
    survives(Manner::NoOutcome).await;
    // A reason that is none, or that is the bus's to find, is no rejection either.
    survives(Manner::Reject(HeldReason::Unspecified, "a sample")).await;
    survives(Manner::Reject(HeldReason::Unacknowledged, "a sample")).await;
    survives(Manner::Reject(HeldReason::Other, "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    survives(Manner::Redirect(301)).await;
    survives(Manner::Redirect(307)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_status_acknowledges_nothing() {
    for code in [Code::Internal, Code::Unimplemented, Code::PermissionDenied, Code::Cancelled] {
        survives(Manner::Fail(code)).await;
    }
}

/// Refused in the handshake: not one byte of a delivery leaves.
async fn refuses_certificate(files: impl Fn(&Bus) -> TlsFiles, why: &str) {
    let told = Told::listen();
    // Time enough for a handshake on a machine that has much else to do.
    let mut patient = QUICK;
    patient[0] = ("push.timeout_seconds", "20");
    let bus = Bus::with(&patient).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let agency = Agency::open(&files(&bus), Manner::Sound).await;
    register(&committee, &agency.url(), "").await.unwrap();
    submit(&mission).await;
    let before = bus.sequence();
    let failing = until(&committee, |found| found.consecutive_failure_count >= 4).await;
    assert_ne!(failing.state(), EndpointState::Closed);
    assert_eq!(failing.last_failure(), EndpointFailure::CertificateRefused);
    assert!(failing.next_attempt_time.is_some() || failing.state() == EndpointState::HalfOpen);
    assert_eq!((agency.arrivals().len(), agency.connections()), (0, 0));
    assert_eq!(bus.sequence(), before);
    let told = told.text();
    let is_it = |line: &str| line.contains(why) && line.contains(&agency.url());
    assert!(told.lines().any(is_it), "{told}");
    // What the wrong one did not get waits for its receiver.
    let right = Agency::open(&bus.files(bus::COMMITTEE), Manner::Sound).await;
    register(&committee, &right.url(), "").await.unwrap();
    right.until(1).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_partys_certificate_gets_nothing() {
    let why = "the certificate was refused: the certificate is that of akimat-kz-55, which may not \
               act for migration-committee";
    refuses_certificate(|bus| bus.files(bus::AKIMAT), why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_gets_nothing() {
    let why =
        "the handshake failed: peer refused: the certificate is signed by no trusted authority";
    refuses_certificate(|bus| bus.files_of_other_authority(bus::COMMITTEE), why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_turns_away_whoever_is_not_the_bus() {
    let bus = Bus::with(&QUICK).await;
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Sound).await;
    // Another party has a certificate of the same authority, and would hand something over.
    for id in [bus::AKIMAT, bus::COMMITTEE] {
        let turned_away = agency::hand_over_as(&agency, &bus.files(id)).await;
        assert!(turned_away, "{id} was let in");
    }
    assert_eq!((agency.connections(), agency.arrivals().len()), (0, 0));
    // The bus is let in.
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    register(&committee, &agency.url(), "").await.unwrap();
    let case = submit(&mission).await;
    assert_eq!(agency.until(1).await[0].delivery.case_id, case);
    assert!(agency.connections() > 0);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listening_is_a_failure_like_any_other() {
    let bus = Bus::with(&QUICK).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    register(&committee, "https://127.0.0.1:1", "").await.unwrap();
    submit(&mission).await;
    until(&committee, |found| found.state() == EndpointState::Open).await;
    assert_eq!(bus.party(bus::OPERATOR).await.status().await.failing_endpoints, 1);
    // A stream of the same party gets it meanwhile: what waits for another attempt is free.
    let mut inbox = committee.open_inbox(1).await;
    let delivery = inbox.delivery().await;
    inbox.acknowledge(&delivery.delivery_id).await;
    inbox.confirmation().await;
    // With nothing left to try, nothing is planned.
    until(&committee, |found| found.next_attempt_time.is_none()).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_asks_for_time_gets_it() {
    let bus = Bus::with(&QUICK).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let wait = Duration::from_secs(3);
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Busy(wait)).await;
    register(&committee, &agency.url(), "").await.unwrap();
    submit(&mission).await;
    let first = agency.until(1).await[0].at;
    let found = until(&committee, |found| found.consecutive_failure_count == 1).await;
    assert!(found.next_attempt_time.is_some());
    agency.be(Manner::Sound);
    submit(&mission).await;
    let arrivals = agency.until(3).await;
    for later in &arrivals[1..] {
        let after = later.at - first;
        assert!(after >= wait, "called again after {after:?}");
    }
    println!("asked for {wait:?}, called again after {:?}", arrivals[1].at - first);
    bus.stop().await;
}

/// The party asks for an hour, and the delivery falls due in a minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_party_asks_for_ends_before_the_delivery_falls_due() {
    let bus = Bus::with(&QUICK).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    submit(&mission).await;
    mission.caught_up().await;
    let request = ListInboxRequest { party_id: bus::COMMITTEE.to_owned(), ..Default::default() };
    let operator = bus.party(bus::OPERATOR).await;
    let waiting = within(operator.operations().list_inbox(request)).await.unwrap().into_inner();
    let [waiting] = &waiting.deliveries[..] else { panic!("{waiting:?}") };
    let due = Timestamp::from_second(waiting.due_time.unwrap().seconds).unwrap();
    bus.clock(&(due - Duration::from_secs(60)).to_string());
    let busy = Manner::Busy(Duration::from_secs(3600));
    let agency = Agency::open(&bus.files(bus::COMMITTEE), busy).await;
    register(&committee, &agency.url(), "").await.unwrap();
    // Notices of the term go the same way.
    let of_case = |arrivals: Vec<agency::Arrival>| {
        let is_it = |one: &agency::Arrival| one.delivery.delivery_id == waiting.delivery_id;
        arrivals.into_iter().filter(is_it).count()
    };
    let begun = agency.until(1).await.len();
    let found = until(&committee, |found| found.next_attempt_time.is_some()).await;
    let next = Timestamp::from_second(found.next_attempt_time.unwrap().seconds).unwrap();
    assert!(next < due, "planned for {next}, due at {due}");
    let before = of_case(agency.arrivals());
    // Twice the time of an attempt before it falls due is the last call.
    agency.be(Manner::Sound);
    bus.clock(&(due - Duration::from_secs(2)).to_string());
    agency.until(begun + 1).await;
    owes(&committee, 1).await;
    assert_eq!(of_case(agency.arrivals()), before + 1);
    bus.stop().await;
}

async fn held(operator: &Party) -> Vec<HeldMark> {
    let request = ListHeldRequest { party_id: bus::COMMITTEE.to_owned(), ..Default::default() };
    let listed = within(operator.held().list_held(request)).await.unwrap().into_inner();
    listed.deliveries.into_iter().map(|held| held.mark.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_party_rejects_is_held_and_goes_out_again_when_it_is_released() {
    let bus = Bus::with(&QUICK).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let operator = bus.party(bus::OPERATOR).await;
    let rejects = Manner::Reject(HeldReason::CannotParse, "SAMPLE: unknown form");
    let agency = Agency::open(&bus.files(bus::COMMITTEE), rejects).await;
    register(&committee, &agency.url(), "").await.unwrap();
    submit(&mission).await;
    let rejected = agency.until(1).await.remove(0).delivery;
    // The notice of it is no act that could be rejected.
    agency.be(Manner::Sound);
    queued(&operator, bus::COMMITTEE, 0).await;
    let [mark] = &held(&operator).await[..] else { panic!("not held") };
    assert_eq!(
        (&mark.delivery_id, mark.reason()),
        (&rejected.delivery_id, HeldReason::CannotParse)
    );
    assert_eq!(committee.obligations().await.len(), 0);
    let release = ReleaseDeliveryRequest {
        request_id: bus::act::new_id(),
        delivery_id: rejected.delivery_id.clone(),
        ..Default::default()
    };
    within(committee.held().release_delivery(release)).await.unwrap();
    owes(&committee, 1).await;
    let arrivals = agency.arrivals();
    let again = arrivals.iter().filter(|one| one.delivery.delivery_id == rejected.delivery_id);
    assert_eq!(again.count(), 2);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_fails_on_again_and_again_is_held_while_it_takes_the_others() {
    let bus =
        Bus::with(&[("limits.max_delivery_attempts", "2"), ("push.backoff_base_ms", "20")]).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let operator = bus.party(bus::OPERATOR).await;
    submit(&mission).await;
    mission.caught_up().await;
    let poison = committee.fetch(1).await.remove(0).delivery_id;
    let bus = bus.restart().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    drop(operator);
    let operator = bus.party(bus::OPERATOR).await;
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::FailOn(poison.clone())).await;
    register(&committee, &agency.url(), "").await.unwrap();
    let begun = Instant::now();
    while held(&operator).await.is_empty() {
        assert!(begun.elapsed() < bus::PATIENCE, "never held");
        submit(&mission).await;
    }
    let [mark] = &held(&operator).await[..] else { panic!("not one alone") };
    assert_eq!((&mark.delivery_id, mark.reason()), (&poison, HeldReason::Unacknowledged));
    queued(&operator, bus::COMMITTEE, 0).await;
    bus.stop().await;
}

/// Cases referred to both akimats; the system of one is dead.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_costs_the_others_nothing() {
    const CASES: usize = 40;
    let mut times = Vec::new();
    for manner in [Manner::Sound, Manner::Hang, Manner::Mute, Manner::Reset] {
        let bus = Bus::with(&[("push.timeout_seconds", "30")]).await;
        let parties = bus.parties().await;
        let other = bus.party(bus::OTHER_AKIMAT).await;
        let dead = Agency::open(&bus.files(bus::OTHER_AKIMAT), manner.clone()).await;
        let well = Agency::open(&bus.files(bus::AKIMAT), Manner::Sound).await;
        register(&other, &dead.url(), "").await.unwrap();
        register(&parties.akimat, &well.url(), "").await.unwrap();
        let begun = Instant::now();
        for at in 0..2 * CASES {
            let mut application = samples::application(bus::MORNING);
            if at % 2 == 0 {
                bus::OTHER_REGION.clone_into(&mut application.region);
            }
            let case = parties.mission.submit(application).await.case_id;
            parties.mission.caught_up().await;
            parties.committee.receive().await;
            parties.committee.act(Act::forward(&case)).await;
        }
        well.until(CASES).await;
        let took = begun.elapsed();
        println!("{CASES} deliveries beside an endpoint that is {manner:?}: {took:?}");
        times.push(took);
        if manner != Manner::Sound {
            let operator = bus.party(bus::OPERATOR).await;
            queued(&operator, bus::AKIMAT, 0).await;
            queued(&operator, bus::OTHER_AKIMAT, CASES as u64).await;
        }
        dead.be(Manner::Sound);
        bus.stop().await;
    }
    // One call that waited for the dead one would have taken its thirty seconds.
    assert!(times.iter().all(|took| *took < times[0] + Duration::from_secs(15)), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unregistering_frees_what_is_on_its_way_at_once() {
    let bus = Bus::with(&[("push.timeout_seconds", "60")]).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Hang).await;
    register(&committee, &agency.url(), "").await.unwrap();
    submit(&mission).await;
    let arrival = agency.until(1).await.remove(0).delivery;
    let mut inbox = committee.open_inbox(1).await;
    let begun = Instant::now();
    unregister(&committee).await;
    let delivery = inbox.delivery().await;
    println!("free {:?} after the endpoint was to be taken back", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(delivery.delivery_id, arrival.delivery_id);
    assert_eq!(delivery.attempt, 2);
    assert_eq!(endpoint(&committee, "").await.unwrap(), None);
    // Taking back what is not there is recorded and changes nothing.
    unregister(&committee).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_and_a_stream_share_the_inbox_without_duplicates() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Sound).await;
    let mut inbox = committee.open_inbox(1).await;
    let held = submit(&mission).await;
    let delivery = inbox.delivery().await;
    assert_eq!(delivery.case_id, held);
    register(&committee, &agency.url(), "").await.unwrap();
    // The stream is full, so everything else goes to the endpoint.
    for _ in 0..20 {
        submit(&mission).await;
    }
    agency.until(20).await;
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 1).await;
    drop(inbox);
    let arrivals = agency.until(21).await;
    assert_eq!(arrivals[20].delivery.delivery_id, delivery.delivery_id);
    let mut ids: Vec<_> = arrivals.iter().map(|one| one.delivery.delivery_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 21);
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 0).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_outlives_a_restart_with_and_without_the_index() {
    let bus = Bus::start().await;
    let agency = Agency::open(&bus.files(bus::COMMITTEE), Manner::Sound).await;
    register(&bus.party(bus::COMMITTEE).await, &agency.url(), "").await.unwrap();
    let bus = bus.restart().await;
    submit(&bus.party(bus::MISSION).await).await;
    agency.until(1).await;
    // An answer that the bus had not journaled would bring the delivery again.
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 0).await;
    let bus = bus.restart_without_index().await;
    submit(&bus.party(bus::MISSION).await).await;
    agency.until(2).await;
    queued(&bus.party(bus::OPERATOR).await, bus::COMMITTEE, 0).await;
    unregister(&bus.party(bus::COMMITTEE).await).await;
    let bus = bus.restart().await;
    submit(&bus.party(bus::MISSION).await).await;
    let committee = bus.party(bus::COMMITTEE).await;
    committee.caught_up().await;
    assert_eq!(committee.fetch(10).await.len(), 1);
    assert_eq!(agency.arrivals().len(), 2);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_may_serve_the_endpoint_of_one_that_it_acts_for() {
    let bus = Bus::with(&QUICK).await;
    let parties = bus.parties().await;
    let joint = bus.party(bus::JOINT_AKIMAT).await;
    let agency = Agency::open(&bus.files(bus::JOINT_AKIMAT), Manner::Sound).await;
    register(&joint, &agency.url(), bus::SILENT_COMMISSION).await.unwrap();
    let mut application = samples::application(bus::MORNING);
    bus::JOINT_REGION.clone_into(&mut application.region);
    let case = parties.mission.submit(application).await.case_id;
    parties.mission.caught_up().await;
    parties.committee.receive().await;
    parties.committee.act(Act::forward(&case)).await;
    joint.caught_up().await;
    joint.receive().await;
    joint.act(Act::refer(&case)).await;
    let arrived = agency.until(1).await.remove(0).delivery;
    assert_eq!(arrived.case_id, case);
    queued(&bus.party(bus::OPERATOR).await, bus::SILENT_COMMISSION, 0).await;
    let found = endpoint(&joint, bus::SILENT_COMMISSION).await.unwrap().unwrap();
    assert_eq!(found.party_id, bus::SILENT_COMMISSION);
    assert_eq!(found.registered_by_party_id, bus::JOINT_AKIMAT);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_cannot_be_one_is_refused_with_the_rule() {
    let bus = Bus::start().await;
    let committee = bus.party(bus::COMMITTEE).await;
    let before = bus.sequence();
    for (url, rule) in [
        ("", "1 to 200 bytes"),
        ("http://agency.example.kz:80", "must begin with https://"),
        ("https://agency.example.kz", "must end with the port"),
        ("https://me@agency.example.kz:443", "no user, path, query or fragment"),
        ("https://agency.example.kz:443/x", "no user, path, query or fragment"),
        ("https://agency.example.kz:443?x", "no user, path, query or fragment"),
        ("https://agency.example.kz:443#x", "no user, path, query or fragment"),
        ("https://AGENCY.example.kz:443", "in lower case"),
    ] {
        let refusal = refused(&register(&committee, url, "").await.unwrap_err());
        let refusal = refusal.is(Code::InvalidArgument, "FIELD_INVALID");
        let told = refusal.details.bad_request().unwrap().field_violations[0].clone();
        assert_eq!(told.field, "url");
        assert!(told.description.contains(rule), "{url}: {}", told.description);
    }
    let url = "https://agency.example.kz:8443";
    let elsewhere = register(&committee, url, bus::MISSION).await.unwrap_err();
    refused(&elsewhere).is(Code::PermissionDenied, "PARTY_NOT_ALLOWED");
    let operator = bus.party(bus::OPERATOR).await;
    let by_operator = register(&operator, url, "").await.unwrap_err();
    refused(&by_operator).is(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    assert_eq!(bus.sequence(), before, "what is refused is not journaled");
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_brings_the_first_receipt_and_other_content_is_refused() {
    let bus = Bus::start().await;
    let (committee, operator) = (bus.party(bus::COMMITTEE).await, bus.party(bus::OPERATOR).await);
    let request = RegisterEndpointRequest {
        request_id: bus::act::new_id(),
        url: "https://127.0.0.1:1".to_owned(),
        party_id: String::new(),
    };
    let send = async |request: &RegisterEndpointRequest| {
        within(committee.inbox().register_endpoint(request.clone())).await
    };
    let first = send(&request).await.unwrap().into_inner();
    let before = bus.sequence();
    assert_eq!(send(&request).await.unwrap().into_inner(), first);
    let other =
        RegisterEndpointRequest { url: "https://127.0.0.1:2".to_owned(), ..request.clone() };
    refused(&send(&other).await.unwrap_err()).is(Code::AlreadyExists, "REQUEST_ID_REUSED");
    let back = UnregisterEndpointRequest {
        request_id: request.request_id.clone(),
        party_id: String::new(),
    };
    let reused = within(committee.inbox().unregister_endpoint(back)).await.unwrap_err();
    refused(&reused).is(Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(bus.sequence(), before);
    // The operator looks, and a stranger does not.
    let seen = endpoint(&operator, bus::COMMITTEE).await.unwrap().unwrap();
    assert_eq!(seen.url, request.url);
    let unknown = endpoint(&operator, "nobody").await.unwrap_err();
    refused(&unknown).is(Code::InvalidArgument, "FIELD_INVALID");
    let stranger = endpoint(&bus.party(bus::MISSION).await, bus::COMMITTEE).await.unwrap_err();
    refused(&stranger).is(Code::PermissionDenied, "PARTY_NOT_ALLOWED");
    bus.stop().await;
}
