//! A party's own system, as an integrator would write it: it keeps what it has sent until it holds
//! the receipt, keeps what it has received, acknowledges what it keeps, and does what the law asks
//! next. Its memory is the disk of that system; a broken connection costs it nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use kopir::rpc::proto::akimat::v1::{
    HandOverInclusionDecisionRequest, ReferToCommissionRequest, RegisterArrivalRequest,
    SendConsentDecisionRequest,
};
use kopir::rpc::proto::commission::v1::{
    RecordConsentDecisionRequest, RecordInclusionDecisionRequest,
};
use kopir::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use kopir::rpc::proto::inbox::v1::{
    AcknowledgeDeliveryRequest, Delivery, DeliveryAcknowledgement, DeliveryConfirmation,
    InboxOpening, OpenInboxRequest, OpenInboxResponse, open_inbox_request, open_inbox_response,
};
use kopir::rpc::proto::migration::v1::{ForwardApplicationRequest, ForwardDecisionRequest};
use kopir::rpc::proto::mission::v1::foreign_mission_service_client::ForeignMissionServiceClient;
use kopir::rpc::proto::mission::v1::{
    HandOverDecisionRequest, SubmitApplicationRequest, SubmitApplicationsRequest,
    SubmitApplicationsResponse, submit_applications_response,
};
use kopir::rpc::proto::types::v1::{ConsentDecision, Receipt};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::act::{Act, Answer, item_status, read, reason};
use super::ledger::Ledger;
use super::seed::Seed;
use super::{Ground, akimat_of, load, papers};

/// Acts and acknowledgements that a party has under way at once.
const AT_ONCE: usize = 64;
/// Deliveries that it holds unacknowledged.
const WINDOW: i32 = 64;
/// How long it waits for news of the bus after a connection broke, before it tries again.
const NEWS: Duration = Duration::from_millis(100);
/// One decision in so many is a refusal.
const REFUSALS: u64 = 4;
/// One acknowledgement in so many goes by the unary call instead of the stream.
const UNARY: u64 = 4;

/// A family on its way from the mission to its new home, with the decision in its hands.
pub struct Family {
    case: String,
    region: String,
    decision: ConsentDecision,
    handed_over: prost_types::Timestamp,
}

/// What all parties of a test share; the bus is not part of it.
#[derive(Clone)]
pub struct World {
    pub ground: Arc<Ground>,
    pub ledger: Arc<Ledger>,
    /// Where the bus listens, while it does.
    pub doors: watch::Receiver<Option<SocketAddr>>,
    /// A permit for each case that may be begun; closed when no more are to be.
    pub intake: Arc<Semaphore>,
    /// The way to each akimat, by its id.
    pub roads: Arc<HashMap<String, mpsc::UnboundedSender<Family>>>,
}

/// What a party is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Submits, one call an application.
    Mission,
    /// Submits on one stream.
    BulkMission,
    /// Everyone else, who acts on what arrives.
    Receiver,
}

/// A party's system.
pub struct Party {
    id: String,
    part: Part,
    world: World,
    seed: Seed,
    /// Acts whose receipt is not in hand.
    outbox: BTreeMap<String, Act>,
    /// Deliveries whose confirmation is not in hand.
    taken: BTreeMap<String, Delivery>,
    /// The connection, counted from 1, on which each delivery was confirmed.
    confirmed: HashMap<String, u64>,
    connections: u64,
    /// Decisions on their way to the applicant with the region they are for, by case.
    decisions: HashMap<String, (ConsentDecision, String)>,
    arrivals: mpsc::UnboundedReceiver<Family>,
}

/// Something that was sent and has come to an end.
enum Done {
    Act(String, Result<Receipt, Status>),
    Acknowledged(String, Result<DeliveryConfirmation, Status>),
}

/// One connection to the bus.
struct Session {
    channel: Channel,
    acknowledgements: mpsc::UnboundedSender<OpenInboxRequest>,
    inbox: Streaming<OpenInboxResponse>,
    bulk: Option<Bulk>,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Acts to be sent when there is room.
    waiting: Vec<String>,
}

struct Bulk {
    items: mpsc::UnboundedSender<SubmitApplicationsRequest>,
    answers: Streaming<SubmitApplicationsResponse>,
}

impl Party {
    /// A system with nothing in it.
    pub fn new(
        id: &str,
        part: Part,
        world: World,
        seed: Seed,
        arrivals: mpsc::UnboundedReceiver<Family>,
    ) -> Self {
        Self {
            id: id.into(),
            part,
            world,
            seed,
            outbox: BTreeMap::new(),
            taken: BTreeMap::new(),
            confirmed: HashMap::new(),
            connections: 0,
            decisions: HashMap::new(),
            arrivals,
        }
    }

    /// Works for as long as the doors of the bus are watched by anyone.
    pub async fn run(mut self) {
        loop {
            let Some(address) = *self.world.doors.borrow_and_update() else {
                if self.world.doors.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if let Err(why) = self.connection(address).await {
                self.world.ledger.remark(format!("{}: {why}", self.id));
            }
            // Whether the bus died or only this connection, news of it will tell or time will.
            let _ = tokio::time::timeout(NEWS, self.world.doors.changed()).await;
        }
    }

    /// Works over one connection until it breaks.
    async fn connection(&mut self, address: SocketAddr) -> Result<(), String> {
        let channel = self.world.ground.connect(address, &self.id).await;
        let channel = channel.map_err(|error| error.to_string())?;
        let mut session = self.open(channel).await.map_err(|status| status.to_string())?;
        self.connections += 1;
        let taken: Vec<_> = self.taken.keys().cloned().collect();
        for delivery in taken {
            self.acknowledge(&mut session, delivery);
        }
        let permits = Arc::clone(&self.world.intake);
        let mut intake = matches!(self.part, Part::Mission | Part::BulkMission);
        loop {
            self.send_waiting(&mut session);
            tokio::select! {
                message = session.inbox.message() => {
                    let message = message.map_err(|status| status.to_string())?;
                    let message = message.and_then(|message| message.message);
                    self.hear(&mut session, message.ok_or("the inbox ended")?)?;
                }
                Some(done) = session.under_way.next() => self.settle(&mut session, done)?,
                answer = next_bulk(&mut session.bulk) => {
                    let answer = answer.map_err(|status| status.to_string())?;
                    self.settle(&mut session, bulk_done(answer.ok_or("the bulk stream ended")?))?;
                }
                Some(family) = self.arrivals.recv() => self.welcome(&mut session, family),
                permit = permits.acquire(), if intake => match permit {
                    Ok(permit) => {
                        permit.forget();
                        let act = load::submission(&mut self.seed);
                        self.world.ledger.begin();
                        self.put(&mut session, act);
                    }
                    Err(_) => intake = false,
                },
            }
        }
    }

    async fn open(&self, channel: Channel) -> Result<Session, Status> {
        let (acknowledgements, said) = mpsc::unbounded_channel();
        let opening = InboxOpening { window: WINDOW, party_id: String::new() };
        let message = Some(open_inbox_request::Message::Opening(opening));
        acknowledgements.send(OpenInboxRequest { message }).expect("the stream is not open yet");
        let inbox = InboxServiceClient::new(channel.clone())
            .open_inbox(UnboundedReceiverStream::new(said))
            .await?
            .into_inner();
        let bulk = match self.part {
            Part::Mission | Part::Receiver => None,
            Part::BulkMission => {
                let (items, said) = mpsc::unbounded_channel();
                let answers = ForeignMissionServiceClient::new(channel.clone())
                    .submit_applications(UnboundedReceiverStream::new(said))
                    .await?
                    .into_inner();
                Some(Bulk { items, answers })
            }
        };
        let under_way = FuturesUnordered::new();
        // Whatever has no receipt is sent again, under the id that it has.
        let waiting = self.outbox.keys().cloned().collect();
        Ok(Session { channel, acknowledgements, inbox, bulk, under_way, waiting })
    }

    fn send_waiting(&self, session: &mut Session) {
        while session.under_way.len() < AT_ONCE
            && let Some(id) = session.waiting.pop()
        {
            let act = self.outbox[&id].clone();
            if let (Act::Submit(request), Some(bulk)) = (&act, &session.bulk) {
                let SubmitApplicationRequest { request_id, application } = request.clone();
                // A stream that has ended says so to its reader.
                let _ = bulk.items.send(SubmitApplicationsRequest { request_id, application });
                continue;
            }
            let channel = session.channel.clone();
            session.under_way.push(Box::pin(async move { Done::Act(id, act.send(channel).await) }));
        }
    }

    /// Keeps an act until its receipt is in hand.
    fn put(&mut self, session: &mut Session, act: Act) {
        session.waiting.push(act.request_id().to_owned());
        self.outbox.insert(act.request_id().to_owned(), act);
    }

    fn acknowledge(&mut self, session: &mut Session, delivery_id: String) {
        if !self.seed.once_in(UNARY) {
            let acknowledgement = DeliveryAcknowledgement { delivery_id };
            let message = Some(open_inbox_request::Message::Acknowledgement(acknowledgement));
            // As above: the reader of the stream hears of its end.
            let _ = session.acknowledgements.send(OpenInboxRequest { message });
            return;
        }
        let mut client = InboxServiceClient::new(session.channel.clone());
        session.under_way.push(Box::pin(async move {
            let request = AcknowledgeDeliveryRequest { delivery_id: delivery_id.clone() };
            let answer = client.acknowledge_delivery(request).await;
            let confirmation = answer.map(|answer| {
                answer.into_inner().confirmation.expect("an answer carries its confirmation")
            });
            Done::Acknowledged(delivery_id, confirmation)
        }));
    }

    fn hear(
        &mut self,
        session: &mut Session,
        message: open_inbox_response::Message,
    ) -> Result<(), String> {
        match message {
            open_inbox_response::Message::Delivery(delivery) => {
                let id = delivery.delivery_id.clone();
                if let Some(connection) = self.confirmed.get(&id) {
                    // It was on its way while the unary call or the stream before acknowledged it.
                    let earlier = *connection < self.connections;
                    assert!(!earlier, "{}: {id} comes again after its confirmation", self.id);
                    return Ok(());
                }
                let before = self.taken.insert(id.clone(), delivery.clone());
                if let Some(mut before) = before {
                    before.attempt = delivery.attempt;
                    assert_eq!(before, delivery, "a redelivery carries the same");
                }
                self.acknowledge(session, id);
                Ok(())
            }
            open_inbox_response::Message::Confirmation(confirmation) => {
                let id = confirmation.delivery_id.clone();
                self.settle(session, Done::Acknowledged(id, Ok(confirmation)))
            }
            open_inbox_response::Message::Rejection(rejection) => {
                panic!("{}: nothing was rejected: {rejection:?}", self.id)
            }
            open_inbox_response::Message::Refusal(refusal) => {
                let status = item_status(&refusal.status.expect("a refusal says why"));
                self.settle(session, Done::Acknowledged(refusal.delivery_id, Err(status)))
            }
        }
    }

    /// Enters an answer into the ledger and does what comes next; an answer that tells nothing
    /// ends the connection, and everything is asked again on the next one.
    fn settle(&mut self, session: &mut Session, done: Done) -> Result<(), String> {
        match done {
            Done::Act(id, Ok(receipt)) => {
                // A repeat may have brought it already.
                if let Some(act) = self.outbox.remove(&id) {
                    self.world.ledger.receipt(&self.id, &act, &receipt);
                    self.after_receipt(session, &act, &receipt);
                }
                Ok(())
            }
            Done::Acknowledged(id, Ok(confirmation)) => {
                if let Some(delivery) = self.taken.remove(&id) {
                    self.world.ledger.confirmation(&self.id, &delivery, &confirmation);
                    self.confirmed.insert(id, self.connections);
                    self.after_confirmation(session, &delivery, &confirmation);
                }
                Ok(())
            }
            Done::Act(id, Err(status)) => match read(&status) {
                Answer::Unknown => Err(format!("{status}")),
                Answer::Later(why) => {
                    self.world.ledger.remark(format!("{}: later: {why}", self.id));
                    session.waiting.insert(0, id);
                    Ok(())
                }
                Answer::Refused(why) => {
                    panic!("{}: {:?} is refused: {why}: {status:?}", self.id, self.outbox[&id])
                }
            },
            Done::Acknowledged(id, Err(status)) => match read(&status) {
                Answer::Unknown => Err(format!("{status}")),
                Answer::Later(why) => {
                    self.world.ledger.remark(format!("{}: {id} later: {why}", self.id));
                    self.acknowledge(session, id);
                    Ok(())
                }
                Answer::Refused(why) => {
                    let reason = reason(&status);
                    panic!("{}: acknowledging {id} is refused: {why} {reason:?}", self.id)
                }
            },
        }
    }

    fn after_receipt(&mut self, session: &mut Session, act: &Act, receipt: &Receipt) {
        let case_id = receipt.case_id.clone();
        match receipt.hop.as_str() {
            "K21B-08" => {
                let Act::HandOver(request) = act else { panic!("{act:?} has hop K21B-08") };
                let handed_over = request.hand_over.as_ref().and_then(|act| act.handed_over_time);
                let handed_over = handed_over.expect("complete");
                let kept = self.decisions.remove(&case_id);
                let (decision, region) = kept.expect("the decision was delivered");
                if papers::consented(&decision).is_none() {
                    self.end_case();
                    return;
                }
                let family = Family { case: case_id, region, decision, handed_over };
                let road = &self.world.roads[&akimat_of(&family.region)];
                assert!(road.send(family).is_ok(), "the akimat is there");
            }
            "K21B-09" => {
                let request_id = self.seed.uuid();
                let dispatch = Some(papers::cover("SYN-10"));
                let act = Act::Refer(ReferToCommissionRequest { request_id, case_id, dispatch });
                self.put(session, act);
            }
            "K21B-12" => self.end_case(),
            _ => {}
        }
    }

    fn after_confirmation(
        &mut self,
        session: &mut Session,
        delivery: &Delivery,
        confirmation: &DeliveryConfirmation,
    ) {
        if delivery.notice.is_some() {
            // A party is warned, and does what it has to do anyway.
            return;
        }
        let received = confirmation.received_time.expect("a confirmation has its time");
        let (request_id, case_id) = (self.seed.uuid(), delivery.case_id.clone());
        let dispatch = Some(papers::cover(&format!("SYN-{}", confirmation.sequence)));
        let refuse = self.seed.once_in(REFUSALS);
        let act = match delivery.hop.as_str() {
            "K21B-02" => {
                Act::ForwardApplication(ForwardApplicationRequest { request_id, case_id, dispatch })
            }
            "K21B-03" => Act::Refer(ReferToCommissionRequest { request_id, case_id, dispatch }),
            "K21B-04" => {
                let decision = Some(papers::consent_decision(delivery, received, refuse));
                Act::DecideConsent(RecordConsentDecisionRequest { request_id, case_id, decision })
            }
            "K21B-05" => {
                Act::SendConsent(SendConsentDecisionRequest { request_id, case_id, dispatch })
            }
            "K21B-06" => {
                Act::ForwardDecision(ForwardDecisionRequest { request_id, case_id, dispatch })
            }
            "K21B-07" => {
                let decision = delivery.consent_decision.clone().expect("hop K21B-07 carries it");
                self.decisions.insert(case_id.clone(), (decision, delivery.region.clone()));
                let hand_over = Some(papers::hand_over(received));
                Act::HandOver(HandOverDecisionRequest { request_id, case_id, hand_over })
            }
            "K21B-10" => {
                let decision = Some(papers::inclusion_decision(delivery, received, refuse));
                let request = RecordInclusionDecisionRequest { request_id, case_id, decision };
                Act::DecideInclusion(request)
            }
            "K21B-11" => {
                let hand_over = Some(papers::hand_over(received));
                let request = HandOverInclusionDecisionRequest { request_id, case_id, hand_over };
                Act::HandOverInclusion(request)
            }
            other => panic!("{}: nothing is delivered by {other}", self.id),
        };
        self.put(session, act);
    }

    /// A family arrives at the akimat.
    fn welcome(&mut self, session: &mut Session, family: Family) {
        let Family { case, region, decision, handed_over } = family;
        let application = Some(papers::arrival(&region, &decision, handed_over));
        let request_id = self.seed.uuid();
        let request = RegisterArrivalRequest { request_id, case_id: case, application };
        self.put(session, Act::Arrive(request));
    }

    /// Nothing is owed in a case any more, so another may begin.
    fn end_case(&self) {
        self.world.ledger.close();
        self.world.intake.add_permits(1);
    }
}

/// The next answer of a bulk stream; never, where there is none.
async fn next_bulk(bulk: &mut Option<Bulk>) -> Result<Option<SubmitApplicationsResponse>, Status> {
    match bulk {
        Some(bulk) => bulk.answers.message().await,
        None => std::future::pending().await,
    }
}

fn bulk_done(answer: SubmitApplicationsResponse) -> Done {
    let result = match answer.result.expect("an item has its fate") {
        submit_applications_response::Result::Receipt(receipt) => Ok(receipt),
        submit_applications_response::Result::Status(status) => Err(item_status(&status)),
    };
    Done::Act(answer.request_id, result)
}
