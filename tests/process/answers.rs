//! Everything that a bus answers about its state, taken down so that two answers can be compared.

use std::fmt::Debug;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use kopir::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use kopir::rpc::proto::cases::v1::{Case, CaseSummary, GetCaseRequest, ListCasesRequest};
use kopir::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use kopir::rpc::proto::inbox::v1::{
    Delivery, InboxOpening, ListObligationsRequest, Obligation, OpenInboxRequest,
    OpenInboxResponse, open_inbox_request, open_inbox_response,
};
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use kopir::rpc::proto::operations::v1::{GetStatusRequest, GetStatusResponse, PartyLoad};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::{Clients, LOOK, OPERATOR, PATIENCE, everyone};

/// The largest window that the contract allows.
const WINDOW: usize = 1024;
/// How many cases are asked for at once.
const AT_ONCE: usize = 32;

/// The state of a bus, as its parties see it.
#[derive(Debug, PartialEq)]
pub struct Answers {
    /// Place and hash of the last record.
    pub head: (u64, Vec<u8>),
    /// What waits for each party.
    pub loads: Vec<PartyLoad>,
    /// Every case in the order of the operator's listing.
    pub summaries: Vec<CaseSummary>,
    /// Every case with its timeline, in the same order.
    pub cases: Vec<Case>,
    /// What each party owes, in due order.
    pub obligations: Vec<(String, Vec<Obligation>)>,
    /// What is in each inbox, in the order in which it leaves, as far as one window goes.
    pub deliveries: Vec<(String, Vec<Delivery>)>,
}

impl Answers {
    /// Asks a bus to which nobody else talks.
    pub async fn of(clients: &mut Clients<'_>) -> Self {
        let operator = clients.of(OPERATOR).await;
        let status = caught_up(operator.clone()).await;
        let summaries = summaries(operator.clone()).await;
        let ids = summaries.iter().map(|summary| summary.case_id.clone()).collect();
        let cases = cases(operator, ids).await;
        let (mut obligations, mut deliveries) = (Vec::new(), Vec::new());
        for party in everyone() {
            let channel = clients.of(&party).await;
            let owed = obligations_of(channel.clone()).await;
            let load = status.parties.iter().find(|load| load.party_id == party);
            let load = load.expect("the status names every party");
            assert_eq!(load.open_obligations, owed.len() as u64, "{party}: listing and status");
            let queued = usize::try_from(load.queued_deliveries).expect("a count in memory");
            deliveries.push((party.clone(), inbox_of(channel, queued).await));
            obligations.push((party, owed));
        }
        Self {
            head: (status.journal_sequence, status.journal_head_hash.to_vec()),
            loads: status.parties,
            summaries,
            cases,
            obligations,
            deliveries,
        }
    }

    /// Holds two answers to be the same, and shows the first difference where they are not.
    pub fn assert_same(&self, other: &Self, what: &str) {
        assert_eq!(self.head, other.head, "{what}: head of the journal");
        assert_lists(&self.loads, &other.loads, what);
        assert_lists(&self.summaries, &other.summaries, what);
        assert_lists(&self.cases, &other.cases, what);
        for (before, after) in self.obligations.iter().zip(&other.obligations) {
            assert_lists(&before.1, &after.1, &format!("{what}: {} owes", before.0));
        }
        for (before, after) in self.deliveries.iter().zip(&other.deliveries) {
            assert_lists(&before.1, &after.1, &format!("{what}: inbox of {}", before.0));
        }
        assert!(self == other, "{what}");
    }

    /// Deliveries that wait, over all parties.
    pub fn queued(&self) -> u64 {
        self.loads.iter().map(|load| load.queued_deliveries).sum()
    }

    /// Hops that are open, over all parties.
    pub fn open(&self) -> u64 {
        self.loads.iter().map(|load| load.open_obligations).sum()
    }
}

fn assert_lists<T: Debug + PartialEq>(before: &[T], after: &[T], what: &str) {
    for (place, (before, after)) in before.iter().zip(after).enumerate() {
        assert_eq!(before, after, "{what}: item {place}");
    }
    assert_eq!(before.len(), after.len(), "{what}: number of items");
}

/// The state of the bus.
pub async fn status(channel: Channel) -> GetStatusResponse {
    let answer = OperationsServiceClient::new(channel).get_status(GetStatusRequest {}).await;
    answer.expect("an operator may ask for the status").into_inner()
}

/// The status of a bus at rest, once it has everything in its index.
async fn caught_up(channel: Channel) -> GetStatusResponse {
    let begun = Instant::now();
    loop {
        let status = status(channel.clone()).await;
        if status.index_lag_records == 0 {
            return status;
        }
        let lag = status.index_lag_records;
        assert!(begun.elapsed() < PATIENCE, "a bus at rest stays {lag} records behind");
        tokio::time::sleep(LOOK).await;
    }
}

async fn summaries(channel: Channel) -> Vec<CaseSummary> {
    let mut client = CaseServiceClient::new(channel);
    let mut all = Vec::new();
    let mut request = ListCasesRequest { page_size: 1000, ..ListCasesRequest::default() };
    loop {
        let page = client.list_cases(request.clone()).await.expect("a page").into_inner();
        all.extend(page.cases);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// The cases of these ids, each with its timeline, in the same order.
pub async fn cases(channel: Channel, ids: Vec<String>) -> Vec<Case> {
    let asked = stream::iter(ids).map(|case_id| {
        let mut client = CaseServiceClient::new(channel.clone());
        async move {
            let answer = client.get_case(GetCaseRequest { case_id: case_id.clone() }).await;
            let answer = answer.unwrap_or_else(|status| panic!("case {case_id}: {status}"));
            answer.into_inner().case.expect("an answer carries its case")
        }
    });
    asked.buffered(AT_ONCE).collect().await
}

async fn obligations_of(channel: Channel) -> Vec<Obligation> {
    let mut client = InboxServiceClient::new(channel);
    let mut all = Vec::new();
    let mut request =
        ListObligationsRequest { page_size: 1000, ..ListObligationsRequest::default() };
    loop {
        let page = client.list_obligations(request.clone()).await.expect("a page").into_inner();
        all.extend(page.obligations);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// Looks into an inbox without acknowledging anything: the stream is closed again and its end
/// awaited, after which nothing is held by it. How often each has been sent is left out.
pub async fn inbox_of(channel: Channel, queued: usize) -> Vec<Delivery> {
    let window = queued.min(WINDOW);
    if window == 0 {
        return Vec::new();
    }
    let (say, mut stream) = open_inbox(channel, window).await;
    let mut deliveries = Vec::with_capacity(window);
    while deliveries.len() < window {
        let message = stream.message().await.expect("the stream stands");
        let message = message.and_then(|message| message.message).expect("it does not end");
        let open_inbox_response::Message::Delivery(mut delivery) = message else {
            panic!("nothing was acknowledged: {message:?}");
        };
        delivery.attempt = 0;
        deliveries.push(delivery);
    }
    drop(say);
    let end = stream.message().await.expect("the stream ends well");
    assert_eq!(end, None, "nothing comes beyond the window");
    deliveries
}

/// Opens an inbox with room for so many deliveries. The stream stands for as long as the sender
/// that comes with it lives.
pub async fn open_inbox(
    channel: Channel,
    window: usize,
) -> (mpsc::UnboundedSender<OpenInboxRequest>, Streaming<OpenInboxResponse>) {
    let (say, said) = mpsc::unbounded_channel();
    let window = i32::try_from(window).expect("at most 1024");
    let opening = InboxOpening { window, party_id: String::new() };
    let message = Some(open_inbox_request::Message::Opening(opening));
    say.send(OpenInboxRequest { message }).expect("the stream is not open yet");
    let said = UnboundedReceiverStream::new(said);
    let answer = InboxServiceClient::new(channel).open_inbox(said).await;
    (say, answer.expect("a party may open its inbox").into_inner())
}
