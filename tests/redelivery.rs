//! What a receiver held when it went away goes to its next stream, within a second: when it closes
//! the stream, when its connection is reset, and when its process is killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Inbox, Party, samples, within};
use kopir::rpc::proto::inbox::v1::Delivery;
use kopir::rpc::proto::mission::v1::SubmitApplicationsRequest;
use kopir::trust::tls::{TlsFiles, client_config};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Deliveries that the receiver holds when it goes away.
const HELD: usize = 50;

const AT_MOST: Duration = Duration::from_secs(1);

/// Tells this program, run again as a process of its own, where the bus is and with which files.
const HOLDER: &str = "KOPIR_TEST_HOLDER";

async fn backlog(bus: &Bus) {
    let mission = bus.party(bus::MISSION).await;
    let item = |_| SubmitApplicationsRequest {
        request_id: bus::act::new_id(),
        application: Some(samples::application(bus::MORNING)),
    };
    let items: Vec<_> = (0..HELD).map(item).collect();
    let answers = mission.mission().submit_applications(tokio_stream::iter(items)).await;
    let mut answers = answers.unwrap().into_inner();
    while within(answers.message()).await.unwrap().is_some() {}
    mission.caught_up().await;
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    deliveries.iter().map(|delivery| delivery.delivery_id.clone()).collect()
}

/// Opens the party's next stream and takes what it gets, all of it for the second time.
async fn next_stream(committee: &Party, how: &str, gone: Instant) -> Vec<Delivery> {
    let mut inbox = committee.open_inbox(HELD as i32).await;
    let again = inbox.deliveries(HELD).await;
    let took = gone.elapsed();
    println!("{HELD} deliveries came again {took:?} after the stream was {how}");
    assert!(took < AT_MOST, "{took:?}");
    assert!(again.iter().all(|delivery| delivery.attempt == 2), "each was held before");
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stream_gives_what_it_held_to_the_next() {
    let bus = Bus::start().await;
    backlog(&bus).await;
    let committee = bus.party(bus::COMMITTEE).await;
    let mut inbox = committee.open_inbox(HELD as i32).await;
    let held = inbox.deliveries(HELD).await;
    let gone = Instant::now();
    drop(inbox);
    let again = next_stream(&committee, "closed", gone).await;
    assert_eq!(ids(&again), ids(&held));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_gives_what_it_held_to_the_next_stream() {
    let bus = Bus::start().await;
    backlog(&bus).await;
    // Between the receiver and the bus, so that the connection can be reset below TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (between, address) = (listener.local_addr().unwrap(), bus.address());
    let (cut, is_cut) = oneshot::channel::<()>();
    let relay = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(address).await.unwrap();
        far.set_zero_linger().unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => {}
            _ = is_cut => {}
        }
    });
    let receiver = Party::connect(bus::COMMITTEE, between, bus.tls(bus::COMMITTEE)).await.unwrap();
    let mut inbox = receiver.open_inbox(HELD as i32).await;
    let held = inbox.deliveries(HELD).await;
    let committee = bus.party(bus::COMMITTEE).await;
    let gone = Instant::now();
    cut.send(()).unwrap();
    relay.await.unwrap();
    let again = next_stream(&committee, "reset", gone).await;
    assert_eq!(ids(&again), ids(&held));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_gives_what_it_held_to_the_next_stream() {
    if let Some(holder) = std::env::var_os(HOLDER) {
        return hold(holder.to_str().unwrap()).await;
    }
    let bus = Bus::start().await;
    backlog(&bus).await;
    let mut holder = Holder::start(&bus);
    holder.wait_until_it_holds();
    let committee = bus.party(bus::COMMITTEE).await;
    assert_eq!(committee.fetch(1).await.len(), 0, "everything is held");
    let gone = Instant::now();
    holder.0.kill().unwrap();
    let again = next_stream(&committee, "killed", gone).await;
    assert_eq!(ids(&again).len(), HELD);
    bus.stop().await;
}

/// A receiver in a process of its own; killed at the latest when it is dropped.
struct Holder(Child);

impl Holder {
    fn start(bus: &Bus) -> Self {
        let TlsFiles { certificate, key, ca } = bus.files(bus::COMMITTEE);
        let files = [certificate, key, ca].map(|file| file.display().to_string());
        let holder = format!("{} {}", bus.address(), files.join(" "));
        let this = std::env::current_exe().unwrap();
        let child = Command::new(this)
            .args(["--exact", "a_killed_process_gives_what_it_held_to_the_next_stream"])
            .arg("--nocapture")
            .env(HOLDER, holder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn wait_until_it_holds(&mut self) {
        let said = BufReader::new(self.0.stdout.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("everything is held")), "it ended before");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The receiver's process: takes everything, acknowledges nothing, and stays.
async fn hold(holder: &str) {
    let mut words = holder.split(' ');
    let mut word = || words.next().unwrap();
    let address = word().parse().unwrap();
    let files = TlsFiles { certificate: word().into(), key: word().into(), ca: word().into() };
    let tls = Arc::clone(&client_config(&files).unwrap());
    let party = Party::connect(bus::COMMITTEE, address, tls).await.unwrap();
    let mut inbox = Inbox::open(&party, HELD as i32, "").await.unwrap();
    inbox.deliveries(HELD).await;
    println!("everything is held");
    std::future::pending().await
}
