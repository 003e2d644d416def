//! A bus that runs short, over real sockets: what opens a case is told to wait, what closes a clock
//! is still taken, and the health service answers by what the bus does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod bus;

use bus::refusal::refused_act;
use bus::{Act, Bus, Party, Setting, within};
use kopir::rpc::front::READINESS;
use kopir::rpc::proto::operations::v1::{DiskLevel, HealthIssue, PartyLoad};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// More than any disk of a test has free, as far as the configuration goes.
const TEBIBYTE_MIB: u64 = 1 << 20;

/// What the health service answers for a name.
async fn health(party: &Party, service: &str) -> ServingStatus {
    let asked = HealthCheckRequest { service: service.to_owned() };
    let answer = within(HealthClient::new(party.channel.clone()).check(asked)).await;
    answer.unwrap().into_inner().status()
}

/// Waits for the answers to both names.
async fn until(party: &Party, serving: ServingStatus, ready: ServingStatus) {
    within(async {
        while (health(party, "").await, health(party, READINESS).await) != (serving, ready) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn submission() -> Act {
    Act::submit(bus::samples::application(bus::MORNING))
}

async fn submit(mission: &Party) -> String {
    submission().send(mission).await.unwrap().case_id
}

fn load(status: &kopir::rpc::proto::operations::v1::GetStatusResponse, party: &str) -> PartyLoad {
    status.parties.iter().find(|load| load.party_id == party).unwrap().clone()
}

/// What closes a clock: the acknowledgement of what waits for the committee, and the act that it
/// has to do then.
async fn assert_clocks_can_be_closed(bus: &Bus, case: &str) {
    let committee = bus.party(bus::COMMITTEE).await;
    committee.receive().await;
    Act::forward(case).send(&committee).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_works_serves_is_ready_and_says_so() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    until(&mission, ServingStatus::Serving, ServingStatus::Serving).await;
    let operator = bus.party(bus::OPERATOR).await;
    let idle = operator.status().await;
    assert!(idle.serving && idle.ready, "{idle:?}");
    assert_eq!((idle.oldest_slack, idle.last_outage), (None, None));
    assert_eq!(idle.current_commit_duration, None);
    assert_ne!(idle.journal_disk.unwrap().free_bytes, 0);

    submit(&mission).await;
    let status = operator.status().await;
    assert!(status.last_commit_time.is_some());
    let committee = load(&status, bus::COMMITTEE);
    assert_eq!(committee.queued_deliveries, 1);
    // The application is due with the committee; that clock ends first of all.
    let slack = status.oldest_slack.unwrap().seconds;
    assert!(slack > 0, "{slack}");
    bus.clock("2023-06-01T09:00:00+06:00");
    let status = operator.status().await;
    assert!(status.oldest_slack.unwrap().seconds < 0, "{status:?}");
    // A bus over whose terms have run out works all the same.
    assert!(status.serving);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_service_tells_a_bus_that_stops() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let mut client = HealthClient::new(mission.channel.clone());
    let asked = HealthCheckRequest { service: READINESS.to_owned() };
    let mut watched = within(client.watch(asked)).await.unwrap().into_inner();
    while within(watched.message()).await.unwrap().unwrap().status() != ServingStatus::Serving {}
    let stopping = bus.stop();
    let told = async {
        let mut next = async || within(watched.message()).await.unwrap().unwrap().status();
        while next().await != ServingStatus::NotServing {}
        assert_eq!(within(watched.message()).await.unwrap(), None, "and the call ends");
    };
    tokio::join!(told, stopping);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_falls_through_its_watermarks_and_closes_clocks_until_the_last() {
    let free = rustix::fs::statvfs(std::env::temp_dir()).unwrap();
    let free_mib = free.f_bavail * free.f_frsize / (1 << 20);
    if free_mib >= TEBIBYTE_MIB {
        println!("SKIPPED: no watermark can lie above {free_mib} MiB");
        return;
    }
    let beyond = |below: u64| (TEBIBYTE_MIB - below).to_string();
    let (high, lower) = (beyond(0), beyond(10));

    let bus = Bus::with(&[("engine.warn_disk_mib", high.clone().leak())]).await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    let first = submit(&mission).await;
    let status = operator.status().await;
    assert_eq!(status.journal_disk.unwrap().level(), DiskLevel::Low);
    assert_eq!(status.issues().collect::<Vec<_>>(), [HealthIssue::DiskLow]);
    until(&mission, ServingStatus::Serving, ServingStatus::Serving).await;

    let short: [Setting; 1] = [("engine.reserve_disk_mib", high.clone().leak())];
    let bus = bus.restart_with(&short).await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    refused_act(submission().send(&mission).await).is(Code::Unavailable, "DISK_FULL").wait();
    assert_clocks_can_be_closed(&bus, &first).await;
    let status = operator.status().await;
    assert_eq!(status.journal_disk.unwrap().level(), DiskLevel::Short);
    assert_eq!(status.issues().collect::<Vec<_>>(), [HealthIssue::DiskShort]);
    until(&mission, ServingStatus::Serving, ServingStatus::Serving).await;

    let full: [Setting; 2] = [short[0], ("journal.reserve_disk_mib", lower.leak())];
    let bus = bus.restart_with(&full).await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    until(&mission, ServingStatus::NotServing, ServingStatus::NotServing).await;
    let status = operator.status().await;
    assert_eq!(status.journal_disk.unwrap().level(), DiskLevel::Full);
    assert_eq!(status.issues().collect::<Vec<_>>(), [HealthIssue::DiskFull]);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_short_of_memory_takes_no_application_and_closes_clocks() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let known = submission();
    let case = known.send(&mission).await.unwrap().case_id;

    // Any process has more.
    let bus = bus.restart_with(&[("limits.max_memory_mib", "1")]).await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    let sequence = bus.sequence();
    refused_act(submission().send(&mission).await).is(Code::Unavailable, "MEMORY_SHORT").wait();
    assert_eq!(bus.sequence(), sequence, "a refusal leaves no record");
    // A repeat needs no room, and what closes a clock is taken.
    assert_eq!(known.send(&mission).await.unwrap().case_id, case);
    assert_clocks_can_be_closed(&bus, &case).await;
    let status = operator.status().await;
    assert_eq!(status.issues().collect::<Vec<_>>(), [HealthIssue::MemoryShort]);
    until(&mission, ServingStatus::Serving, ServingStatus::Serving).await;

    let bus = bus.restart().await;
    let mission = bus.party(bus::MISSION).await;
    submit(&mission).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_no_application_until_its_receiver_has_taken_something() {
    let bus = Bus::with(&[("limits.max_queued_deliveries_per_party", "2")]).await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    let first = submission();
    let case = first.send(&mission).await.unwrap().case_id;
    submit(&mission).await;
    let full = |answer| refused_act(answer).is(Code::Unavailable, "QUEUE_FULL").wait();
    full(submission().send(&mission).await);
    assert_eq!(first.send(&mission).await.unwrap().case_id, case, "a repeat needs no room");
    assert_eq!(load(&operator.status().await, bus::COMMITTEE).queued_deliveries, 2);

    // The bound is counted anew after a restart.
    let bus = bus.restart().await;
    let (mission, operator) = (bus.party(bus::MISSION).await, bus.party(bus::OPERATOR).await);
    full(submission().send(&mission).await);
    assert_clocks_can_be_closed(&bus, &case).await;
    assert_eq!(load(&operator.status().await, bus::COMMITTEE).queued_deliveries, 1);
    submit(&mission).await;
    full(submission().send(&mission).await);
    bus.stop().await;
}
