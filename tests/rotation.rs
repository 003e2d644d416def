//! Rotation under load: the bus gets another certificate, a revocation list takes back a party's
//! old one, and the registry changes, all under running bulk streams. No act is lost or doubled,
//! no other party's stream ends, and whoever was taken back is out within seconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bus::samples::application;
use bus::trust::replace;
use bus::*;
use kopir::rpc::proto::cases::v1::ListCasesRequest;
use kopir::rpc::proto::inbox::v1::open_inbox_response::Message as Said;
use kopir::rpc::proto::mission::v1::SubmitApplicationsRequest;
use kopir::rpc::proto::mission::v1::submit_applications_response::Result as Fate;
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic_types::StatusExt as _;

/// The pause between two acts of a mission.
const PACE: Duration = Duration::from_millis(4);
/// Within which whoever was taken back is out: the look at the files, once again, and the telling.
const SECONDS: Duration = Duration::from_secs(5);

/// What a mission was promised.
#[derive(Default)]
struct Ledger {
    /// The receipt of each request, by its id: the case.
    receipts: BTreeMap<String, String>,
    /// Requests whose receipt has not come.
    waiting: BTreeSet<String>,
    /// The longest time without a receipt while some were waited for.
    longest: Duration,
    /// How a stream ended that had to.
    ended: Option<(Instant, Status)>,
}

impl Ledger {
    /// Sends on one bulk stream until it is told to stop or the stream ends; then waits for what
    /// is left. What waited from a stream before goes first, under the same ids.
    async fn submit(&mut self, party: &Party, going: &AtomicBool) {
        let (outgoing, receiver) = mpsc::channel(64);
        let answer = party.mission().submit_applications(ReceiverStream::new(receiver)).await;
        let mut answers = answer.unwrap().into_inner();
        let mut outgoing = Some(outgoing);
        let mut again: Vec<_> = self.waiting.iter().cloned().collect();
        let mut heard = Instant::now();
        loop {
            if !going.load(Ordering::Acquire) && again.is_empty() {
                // No more comes; what was read is still answered.
                outgoing = None;
            }
            tokio::select! {
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => {
                        self.longest = self.longest.max(heard.elapsed());
                        heard = Instant::now();
                        self.answered(answer.request_id, answer.result.unwrap());
                    }
                    Ok(None) => return,
                    Err(status) => {
                        self.ended = Some((Instant::now(), status));
                        return;
                    }
                },
                () = tokio::time::sleep(PACE), if outgoing.is_some() => {
                    let id = again.pop().unwrap_or_else(act::new_id);
                    self.waiting.insert(id.clone());
                    let application = Some(application(MORNING));
                    let item = SubmitApplicationsRequest { request_id: id, application };
                    if let Some(outgoing) = &outgoing {
                        // Refused once the stream has ended, which its answers tell.
                        let _ = outgoing.send(item).await;
                    }
                }
            }
        }
    }

    fn answered(&mut self, id: String, fate: Fate) {
        let Fate::Receipt(receipt) = fate else { panic!("{id} was refused: {fate:?}") };
        self.waiting.remove(&id);
        let before = self.receipts.insert(id, receipt.case_id.clone());
        assert!(before.is_none_or(|before| before == receipt.case_id), "two cases for a request");
    }
}

/// Takes and acknowledges everything until the stream ends; the cases, and how often each came.
async fn take(mut inbox: Inbox, taken: mpsc::UnboundedSender<String>) -> Status {
    loop {
        match inbox.next().await {
            Ok(Some(Said::Delivery(delivery))) => {
                inbox.acknowledge(&delivery.delivery_id).await;
                taken.send(delivery.case_id).unwrap();
            }
            Ok(Some(Said::Confirmation(_))) => {}
            Ok(other) => panic!("{other:?}"),
            Err(status) => return status,
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn rotate(bus: &Bus) -> (Instant, Instant) {
    let pause = || tokio::time::sleep(Duration::from_millis(1_500));
    // The bus's own certificate, its key a moment later.
    let before = bus.shown_certificate().await;
    let key = bus.bus_certificate_without_key();
    pause().await;
    bus.bus_key(&key);
    within(async {
        while bus.shown_certificate().await == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    // The list with the mission's old certificate.
    bus.revoke(&[MISSION], 2);
    let revoked = Instant::now();
    pause().await;
    // The registry: a party more, and one whose systems are shut out.
    let text = std::fs::read_to_string(bus.registry_file()).unwrap();
    let shut = "id = \"akimat-kz-59\"\nrole = \"akimat\"\n";
    assert!(text.contains(shut));
    let text = text.replacen(shut, &format!("{shut}identities = []\n"), 1);
    let added = "\n[[party]]\nid = \"mission-tm\"\nrole = \"foreign-mission\"\n\
                 zone = \"Asia/Ashgabat\"\n[party.names]\nkk = \"m\"\nru = \"m\"\nen = \"m\"\n";
    replace(&bus.registry_file(), &(text + added));
    let registered = Instant::now();
    pause().await;
    pause().await;
    (revoked, registered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_lists_and_the_registry_change_under_load_and_nothing_is_lost() {
    let bus = Bus::with(&[("tls.reload_seconds", "1")]).await.restart_revoking(&[]).await;
    let going = Arc::new(AtomicBool::new(true));
    let renewed: Arc<ClientConfig> = bus.issue(MISSION);
    let (old, other) = (bus.party(MISSION).await, bus.party(OTHER_MISSION).await);
    let committee = bus.party(COMMITTEE).await.open_inbox(256).await;
    let (sender, mut taken) = mpsc::unbounded_channel();
    let committee = tokio::spawn(take(committee, sender));
    let mut shut_out = bus.party(OTHER_AKIMAT).await.open_inbox(4).await;
    let shut_out = tokio::spawn(async move { (shut_out.next().await, Instant::now()) });

    let address = bus.address();
    let on = Arc::clone(&going);
    let revoked = tokio::spawn(async move {
        let mut ledger = Ledger::default();
        ledger.submit(&old, &on).await;
        let ended = ledger.ended.take().expect("the stream of a revoked certificate ends");
        let party = Party::connect(MISSION, address, renewed).await.unwrap();
        ledger.submit(&party, &on).await;
        (ledger, ended)
    });
    let on = Arc::clone(&going);
    let undisturbed = tokio::spawn(async move {
        let mut ledger = Ledger::default();
        ledger.submit(&other, &on).await;
        ledger
    });

    let (revoked_at, registered_at) = rotate(&bus).await;
    going.store(false, Ordering::Release);
    let (mission, (out_at, status)) = within(revoked).await.unwrap();
    let other = within(undisturbed).await.unwrap();

    // Whoever was taken back is out within seconds, and told why.
    let out = out_at.duration_since(revoked_at);
    assert_eq!(reason(&status), "IDENTITY_WITHDRAWN", "{status:?}");
    assert!(out < SECONDS, "{out:?}");
    let (told, at) = within(shut_out).await.unwrap();
    assert_eq!(reason(&told.unwrap_err()), "IDENTITY_WITHDRAWN");
    let shut = at.duration_since(registered_at);
    assert!(shut < SECONDS, "{shut:?}");
    // The stream of another party stood through all of it.
    assert!(other.ended.is_none(), "{:?}", other.ended);
    assert!(!committee.is_finished(), "the committee's inbox ended");

    // Every request has its receipt, each its own case, and the committee got each case once.
    assert!(mission.waiting.is_empty() && other.waiting.is_empty());
    let promised: Vec<_> = mission.receipts.values().chain(other.receipts.values()).collect();
    let cases: BTreeSet<_> = promised.iter().copied().cloned().collect();
    assert_eq!(cases.len(), promised.len());
    let mut delivered = BTreeSet::new();
    while delivered.len() < cases.len() {
        let case = within(taken.recv()).await.unwrap();
        assert!(delivered.insert(case.clone()), "{case} came twice");
    }
    assert_eq!(delivered, cases);
    let operator = bus.party(OPERATOR).await;
    let mut listed = 0;
    let mut page = ListCasesRequest { page_size: 1000, ..Default::default() };
    loop {
        let answer = operator.list(page.clone()).await.unwrap();
        listed += answer.cases.len();
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    assert_eq!(listed, cases.len(), "the bus has what was promised, and no more");
    println!(
        "{} acts; the revoked party out after {out:?}, the unregistered after {shut:?}; the \
         longest wait of another party for a receipt {:?}",
        cases.len(),
        other.longest
    );
    bus.stop().await;
    drop(committee);
}
