//! A family's application on its way through a running bus and back, as the systems of the four
//! parties see it: receipts, clocks, papers, timelines, lists.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;
use std::fmt::Debug;

use bus::act::new_id;
use bus::refusal::refused_item;
use bus::{Act, Bus, Parties, samples, show, within};
use jiff::ToSpan as _;
use kopir::rpc::proto::cases::v1::{CaseOutcome, CaseState, ListCasesRequest};
use kopir::rpc::proto::inbox::v1::{Delivery, FetchDeliveriesRequest, ListObligationsRequest};
use kopir::rpc::proto::mission::v1::submit_applications_response::Result as Fate;
use kopir::rpc::proto::mission::v1::{SubmitApplicationsRequest, SubmitApplicationsResponse};
use kopir::rpc::proto::operations::v1::SetSandboxTimeRequest;
use kopir::rpc::proto::procedures::v1::{
    ComputeDueTimeRequest, GetProcedureRequest, ListProceduresRequest, SkipReason,
};
use kopir::rpc::proto::types::v1::{Act as ActName, PartyRole, Receipt, TermUnit};
use prost::Message;
use tonic::{Code, Streaming};

/// The way of one case: every act with its receipt, so that all can be repeated later.
struct Way {
    parties: Parties,
    case_id: String,
    acts: Vec<(&'static str, Act, Receipt)>,
}

impl Way {
    async fn begin(bus: &Bus, act: Act) -> (Self, String) {
        let parties = bus.parties().await;
        let mut way = Self { parties, case_id: String::new(), acts: Vec::new() };
        let told = way.act(bus::MISSION, act).await;
        way.case_id = way.acts[0].2.case_id.clone();
        (way, told)
    }

    fn party(&self, id: &str) -> &bus::Party {
        let Parties { mission, committee, akimat, commission } = &self.parties;
        let mut all = [mission, committee, akimat, commission].into_iter();
        all.find(|party| party.id == id).unwrap()
    }

    /// Acts; a repeat at once must bring the same receipt. Gives the receipt as a transcript.
    async fn act(&mut self, party: &'static str, act: Act) -> String {
        let receipt = self.party(party).act(act.clone()).await;
        let again = self.party(party).act(act.clone()).await;
        assert_eq!(again, receipt);
        assert_eq!(receipt.request_id, act.request_id());
        let told = show::receipt(&receipt);
        self.acts.push((party, act, receipt));
        told
    }

    /// Receives what the last act sent; it must carry that act's record, and the confirmation must
    /// come again on a repeat. Gives the confirmation as a transcript.
    async fn receive(&self, party: &str) -> (Delivery, String) {
        let (delivery, confirmation) = self.party(party).receive().await;
        let (sender, _, receipt) = self.acts.last().unwrap();
        assert_eq!(delivery.case_id, self.case_id);
        assert_eq!(delivery.sender_party_id, *sender);
        assert_eq!(delivery.record_hash, receipt.record_hash);
        assert_eq!(delivery.sent_time, receipt.accepted_time);
        assert_eq!(delivery.hop, receipt.hop);
        assert_eq!((delivery.attempt, delivery.region.as_str()), (1, bus::REGION));
        assert_eq!(confirmation.case_id, self.case_id);
        assert_eq!(confirmation.delivery_id, delivery.delivery_id);
        let again = self.party(party).acknowledge(&delivery.delivery_id).await.unwrap();
        assert_eq!(again, confirmation);
        // What is left are notices of terms that are running out.
        let left = self.party(party).fetch(100).await;
        assert!(left.iter().all(|delivery| delivery.notice.is_some()), "{left:?}");
        (delivery, show::confirmation(&confirmation))
    }

    async fn state(&self, party: &str) -> CaseState {
        show::state(&self.party(party).case(&self.case_id).await.unwrap())
    }
}

/// Typed documents must arrive as they left, to the byte.
#[track_caller]
fn assert_same<M: Message + PartialEq + Debug>(received: &Option<M>, sent: &M) {
    let received = received.as_ref().expect("the document is missing");
    assert_eq!(received, sent);
    assert_eq!(received.encode_to_vec(), sent.encode_to_vec());
}

/// The papers of a delivery that are set.
fn papers(delivery: &Delivery) -> Vec<&'static str> {
    let set = [
        ("application", delivery.application.is_some()),
        ("consent_decision", delivery.consent_decision.is_some()),
        ("arrival_application", delivery.arrival_application.is_some()),
        ("inclusion_decision", delivery.inclusion_decision.is_some()),
        ("dispatch", delivery.dispatch.is_some()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
}

/// From the mission to the commission. The spans cross Women's Day and Nauryz.
async fn to_the_commission(bus: &Bus) -> Way {
    let application = samples::application("2023-01-30T10:00:00+05:00");
    let (mut way, told) = Way::begin(bus, Act::submit(application.clone())).await;
    assert_eq!(
        told,
        "K21B-02 2023-02-01 09:00\n  \
         closed K21B-02 mission-uz: from 2023-01-30 due 2023-02-06 (5 working days assumed, 002-EN A1 ¶11)\n"
    );
    assert_eq!(way.state(bus::MISSION).await, CaseState::AtMigrationBody);

    bus.clock("2023-02-02T09:30:00+06:00");
    let (delivery, told) = way.receive(bus::COMMITTEE).await;
    assert_eq!(
        told,
        "received 2023-02-02 09:30\n  \
         opened K21B-03 migration-committee: from 2023-02-02 due 2023-02-09 (5 working days, 002-EN A1 ¶12)\n"
    );
    assert_eq!((delivery.hop.as_str(), delivery.next_hop.as_str()), ("K21B-02", "K21B-03"));
    assert_eq!(delivery.act(), ActName::SubmitApplication);
    assert_eq!(delivery.due_date, Some(samples::date("2023-02-06")));
    assert_eq!(delivery.due_time, Some(samples::instant("2023-02-07T00:00:00+05:00")));
    assert_eq!(delivery.citation, "002-EN A1 ¶11");
    assert_eq!(papers(&delivery), ["application"]);
    assert_same(&delivery.application, &application);

    bus.clock("2023-02-08T17:00:00+06:00");
    let forward = Act::forward(&way.case_id);
    let told = way.act(bus::COMMITTEE, forward).await;
    assert_eq!(
        told,
        "K21B-03 2023-02-08 17:00\n  \
         closed K21B-03 migration-committee: from 2023-02-02 due 2023-02-09 (5 working days, 002-EN A1 ¶12)\n"
    );

    bus.clock("2023-03-06T10:00:00+06:00");
    let (delivery, told) = way.receive(bus::AKIMAT).await;
    assert_eq!(
        told,
        "received 2023-03-06 10:00\n  \
         opened K21B-04 akimat-kz-55: from 2023-03-06 due 2023-03-10 (3 working days, 002-EN A1 ¶13)\n"
    );
    assert_eq!(papers(&delivery), ["application", "dispatch"]);
    assert_same(&delivery.application, &application);
    assert_same(&delivery.dispatch, &samples::dispatch("K-17/2023"));
    assert_eq!(way.state(bus::AKIMAT).await, CaseState::AtAkimat);

    bus.clock("2023-03-10T18:00:00+06:00");
    let refer = Act::refer(&way.case_id);
    let told = way.act(bus::AKIMAT, refer).await;
    assert_eq!(
        told,
        "K21B-04 2023-03-10 18:00\n  \
         closed K21B-04 akimat-kz-55: from 2023-03-06 due 2023-03-10 (3 working days, 002-EN A1 ¶13)\n"
    );

    bus.clock("2023-03-14T09:00:00+06:00");
    let (delivery, told) = way.receive(bus::COMMISSION).await;
    assert_eq!(
        told,
        "received 2023-03-14 09:00\n  \
         opened K21B-05 commission-kz-55: from 2023-03-14 due 2023-03-31 (10 working days, 002-EN A1 ¶14)\n"
    );
    assert_eq!(papers(&delivery), ["application", "dispatch"]);
    assert_same(&delivery.application, &application);
    way
}

/// The decision's way back to the mission, and over May's holidays. `decision` is of 28 March.
async fn back_to_the_mission(
    bus: &Bus,
    way: &mut Way,
    decision: kopir::rpc::proto::types::v1::ConsentDecision,
) {
    bus.clock("2023-03-28T12:00:00+06:00");
    let decide = Act::decide_consent(&way.case_id, decision.clone());
    let told = way.act(bus::COMMISSION, decide).await;
    assert_eq!(
        told,
        "K21B-05 2023-03-28 12:00\n  \
         closed K21B-05 commission-kz-55: from 2023-03-14 due 2023-03-31 (10 working days, 002-EN A1 ¶14)\n  \
         opened K21B-06 akimat-kz-55: from 2023-03-28 due 2023-03-31 (3 working days, 002-EN A1 ¶16)\n"
    );
    let (delivery, told) = way.receive(bus::AKIMAT).await;
    assert_eq!(told, "received 2023-03-28 12:00\n");
    assert_eq!((delivery.hop.as_str(), delivery.next_hop.as_str()), ("K21B-05", ""));
    assert_eq!(papers(&delivery), ["consent_decision"]);
    assert_same(&delivery.consent_decision, &decision);

    bus.clock("2023-03-30T16:00:00+06:00");
    let send = Act::send_consent(&way.case_id);
    way.act(bus::AKIMAT, send).await;
    bus.clock("2023-04-28T10:00:00+06:00");
    let (delivery, told) = way.receive(bus::COMMITTEE).await;
    assert_eq!(
        told,
        "received 2023-04-28 10:00\n  \
         opened K21B-07 migration-committee: from 2023-04-28 due 2023-05-10 (5 working days, 002-EN A1 ¶17)\n"
    );
    assert_eq!(papers(&delivery), ["consent_decision", "dispatch"]);
    assert_same(&delivery.consent_decision, &decision);
    assert_same(&delivery.dispatch, &samples::dispatch("A-55/102"));

    bus.clock("2023-05-10T23:59:59+06:00");
    let forward = Act::forward_decision(&way.case_id);
    let told = way.act(bus::COMMITTEE, forward).await;
    assert_eq!(
        told,
        "K21B-07 2023-05-10 23:59\n  \
         closed K21B-07 migration-committee: from 2023-04-28 due 2023-05-10 (5 working days, 002-EN A1 ¶17)\n"
    );
    bus.clock("2023-05-11T11:00:00+06:00");
    let (delivery, told) = way.receive(bus::MISSION).await;
    assert_eq!(
        told,
        "received 2023-05-11 11:00\n  \
         opened K21B-08 mission-uz: from 2023-05-11 due 2023-06-10 (30 calendar days, 002-EN A1 ¶18)\n"
    );
    assert_eq!(papers(&delivery), ["consent_decision"]);
    assert_same(&delivery.consent_decision, &decision);
}

/// Handed over in its term and recorded after it: the handover counts.
async fn hand_over(bus: &Bus, way: &mut Way) -> String {
    bus.clock("2023-06-12T09:00:00+06:00");
    let handed_over = Act::hand_over(&way.case_id, samples::hand_over("2023-06-10T23:30:00+05:00"));
    way.act(bus::MISSION, handed_over).await
}

/// After arrival, up to the last handover. The decision is recorded a day late.
async fn arrival_and_inclusion(bus: &Bus, way: &mut Way) {
    bus.clock("2023-08-01T15:00:00+06:00");
    let arrival = samples::arrival("2023-08-01T11:00:00+06:00", "2023-03-28", 3);
    let arrive = Act::arrive(&way.case_id, arrival.clone());
    let told = way.act(bus::AKIMAT, arrive).await;
    assert_eq!(
        told,
        "K21B-09 2023-08-01 15:00\n  \
         closed K21B-09 akimat-kz-55: from 2023-06-11 due never (no term, 002-EN A1 ¶¶19-20)\n  \
         opened K21B-10 akimat-kz-55: from 2023-08-01 due 2023-08-04 (3 working days, 002-EN A1 ¶21)\n"
    );
    assert_eq!(way.state(bus::AKIMAT).await, CaseState::Arrived);
    bus.clock("2023-08-03T10:00:00+06:00");
    let refer = Act::refer(&way.case_id);
    way.act(bus::AKIMAT, refer).await;
    bus.clock("2023-08-07T10:00:00+06:00");
    let (delivery, told) = way.receive(bus::COMMISSION).await;
    assert_eq!(
        told,
        "received 2023-08-07 10:00\n  \
         opened K21B-11 commission-kz-55: from 2023-08-07 due 2023-08-21 (10 working days, 002-EN A1 ¶22)\n"
    );
    assert_eq!(
        papers(&delivery),
        ["application", "consent_decision", "arrival_application", "dispatch"]
    );
    assert_same(&delivery.arrival_application, &arrival);
    assert_same(&delivery.consent_decision, &samples::consent("2023-03-28", 3));
    assert_same(&delivery.application, &samples::application("2023-01-30T10:00:00+05:00"));

    bus.clock("2023-08-22T10:00:00+06:00");
    let inclusion = samples::inclusion("2023-08-21", 2);
    let decide = Act::decide_inclusion(&way.case_id, inclusion.clone());
    let told = way.act(bus::COMMISSION, decide).await;
    assert_eq!(
        told,
        "K21B-11 2023-08-22 10:00\n  \
         closed late K21B-11 commission-kz-55: from 2023-08-07 due 2023-08-21 (10 working days, 002-EN A1 ¶22)\n  \
         opened K21B-12 akimat-kz-55: from 2023-08-21 due 2023-08-26 (5 calendar days, 002-EN A1 ¶23)\n"
    );
    let (delivery, told) = way.receive(bus::AKIMAT).await;
    assert_eq!(told, "received 2023-08-22 10:00\n");
    assert_eq!(papers(&delivery), ["inclusion_decision"]);
    assert_same(&delivery.inclusion_decision, &inclusion);
    bus.clock("2023-08-25T14:00:00+06:00");
    let handed_over =
        Act::hand_over_inclusion(&way.case_id, samples::hand_over("2023-08-25T13:30:00+06:00"));
    let told = way.act(bus::AKIMAT, handed_over).await;
    assert_eq!(
        told,
        "K21B-12 2023-08-25 14:00\n  \
         closed K21B-12 akimat-kz-55: from 2023-08-21 due 2023-08-26 (5 calendar days, 002-EN A1 ¶23)\n"
    );
}

const TIMELINE: &str = "\
Closed
  K21B-01 mission-uz, opened 2023-01-30, due never, acted 2023-01-30 11:00
  K21B-02 mission-uz > migration-committee, opened 2023-01-30, due 2023-02-06, acted 2023-02-01 09:00, received 2023-02-02 09:30, used 2
  K21B-03 migration-committee > akimat-kz-55, opened 2023-02-02, due 2023-02-09, acted 2023-02-08 17:00, received 2023-03-06 10:00, used 4
  K21B-04 akimat-kz-55 > commission-kz-55, opened 2023-03-06, due 2023-03-10, acted 2023-03-10 18:00, received 2023-03-14 09:00, used 3
  K21B-05 commission-kz-55 > akimat-kz-55, opened 2023-03-14, due 2023-03-31, acted 2023-03-28 12:00, received 2023-03-28 12:00, used 7
  K21B-06 akimat-kz-55 > migration-committee, opened 2023-03-28, due 2023-03-31, acted 2023-03-30 16:00, received 2023-04-28 10:00, used 2
  K21B-07 migration-committee > mission-uz, opened 2023-04-28, due 2023-05-10, acted 2023-05-10 23:59, received 2023-05-11 11:00, used 5
  K21B-08 mission-uz, opened 2023-05-11, due 2023-06-10, acted 2023-06-11 00:30, used 30
  K21B-09 akimat-kz-55, opened 2023-06-11, due never, acted 2023-08-01 15:00
  K21B-10 akimat-kz-55 > commission-kz-55, opened 2023-08-01, due 2023-08-04, acted 2023-08-03 10:00, received 2023-08-07 10:00, used 2
  K21B-11 commission-kz-55 > akimat-kz-55, opened 2023-08-07, due 2023-08-21, acted 2023-08-22 10:00, received 2023-08-22 10:00, used 11, late
  K21B-12 akimat-kz-55, opened 2023-08-21, due 2023-08-26, acted 2023-08-25 13:30, used 4
";

#[tokio::test(flavor = "multi_thread")]
async fn a_family_travels_to_inclusion_and_every_term_is_on_record() {
    let bus = Bus::start().await;
    let mut way = to_the_commission(&bus).await;
    back_to_the_mission(&bus, &mut way, samples::consent("2023-03-28", 3)).await;
    let told = hand_over(&bus, &mut way).await;
    assert_eq!(
        told,
        "K21B-08 2023-06-12 09:00\n  \
         closed K21B-08 mission-uz: from 2023-05-11 due 2023-06-10 (30 calendar days, 002-EN A1 ¶18)\n  \
         opened K21B-09 akimat-kz-55: from 2023-06-11 due never (no term, 002-EN A1 ¶¶19-20)\n"
    );
    assert_eq!(way.state(bus::MISSION).await, CaseState::AwaitingArrival);
    arrival_and_inclusion(&bus, &mut way).await;

    let operator = bus.party(bus::OPERATOR).await;
    let case = operator.case(&way.case_id).await.unwrap();
    assert_eq!(show::timeline(&case), TIMELINE);
    assert_eq!(show::outcomes(&case), (CaseOutcome::Positive, CaseOutcome::Positive));
    let summary = case.summary.as_ref().unwrap();
    let counts =
        (summary.person_count, summary.consented_person_count, summary.included_person_count);
    assert_eq!(counts, (3, 3, 2));
    assert_eq!((summary.procedure.as_str(), summary.edition.as_str()), ("kandas-mission", "2021"));
    assert_eq!(summary.create_time, way.acts[0].2.accepted_time);
    assert_eq!(summary.update_time, way.acts.last().unwrap().2.accepted_time);
    assert_eq!(summary.next_due_time, None);
    let parties = [
        &case.mission_party_id,
        &case.migration_body_party_id,
        &case.akimat_party_id,
        &case.commission_party_id,
    ];
    assert_eq!(parties, [bus::MISSION, bus::COMMITTEE, bus::AKIMAT, bus::COMMISSION]);
    // Everybody in the case reads the same.
    for party in [bus::MISSION, bus::COMMITTEE, bus::AKIMAT, bus::COMMISSION] {
        assert_eq!(way.party(party).case(&way.case_id).await.unwrap(), case, "{party}");
        assert!(way.party(party).obligations().await.is_empty(), "{party}");
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_comes_again_after_a_restart_and_without_the_index() {
    let bus = Bus::start().await;
    let mut way = to_the_commission(&bus).await;
    back_to_the_mission(&bus, &mut way, samples::consent("2023-03-28", 3)).await;
    hand_over(&bus, &mut way).await;
    arrival_and_inclusion(&bus, &mut way).await;
    let (case, sequence) =
        (way.party(bus::MISSION).case(&way.case_id).await.unwrap(), bus.sequence());

    let Way { case_id, acts, parties } = way;
    drop(parties);
    let mut bus = bus.restart().await;
    for without_index in [false, true] {
        if without_index {
            bus = bus.restart_without_index().await;
        }
        bus.clock(if without_index {
            "2026-03-02T09:00:00+06:00"
        } else {
            "2024-03-02T09:00:00+06:00"
        });
        let parties = bus.parties().await;
        let way = Way { parties, case_id: case_id.clone(), acts: acts.clone() };
        for (party, act, receipt) in &acts {
            assert_eq!(&way.party(party).send(act).await.unwrap(), receipt, "{act:?}");
        }
        assert_eq!(way.party(bus::MISSION).case(&case_id).await.unwrap(), case);
        assert_eq!(bus.sequence(), sequence);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_travels_back_with_its_grounds_and_closes_the_case() {
    let bus = Bus::start().await;
    let mut way = to_the_commission(&bus).await;
    let refused = samples::consent_refused("2023-03-28");
    back_to_the_mission(&bus, &mut way, refused).await;
    let told = hand_over(&bus, &mut way).await;
    assert_eq!(
        told,
        "K21B-08 2023-06-12 09:00\n  \
         closed K21B-08 mission-uz: from 2023-05-11 due 2023-06-10 (30 calendar days, 002-EN A1 ¶18)\n"
    );
    let case = way.party(bus::AKIMAT).case(&way.case_id).await.unwrap();
    assert_eq!(show::state(&case), CaseState::Closed);
    assert_eq!(show::outcomes(&case), (CaseOutcome::Refused, CaseOutcome::Unspecified));
    assert_eq!(case.summary.unwrap().consented_person_count, 0);
    assert!(way.party(bus::AKIMAT).obligations().await.is_empty());
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_may_be_refused_after_arrival_and_told_so() {
    let bus = Bus::start().await;
    let mut way = to_the_commission(&bus).await;
    back_to_the_mission(&bus, &mut way, samples::consent("2023-03-28", 2)).await;
    hand_over(&bus, &mut way).await;
    bus.clock("2023-08-01T15:00:00+06:00");
    let arrival = samples::arrival("2023-08-01T11:00:00+06:00", "2023-03-28", 2);
    let arrive = Act::arrive(&way.case_id, arrival);
    way.act(bus::AKIMAT, arrive).await;
    let refer = Act::refer(&way.case_id);
    way.act(bus::AKIMAT, refer).await;
    way.receive(bus::COMMISSION).await;
    let refused = samples::inclusion_refused("2023-08-01");
    let decide = Act::decide_inclusion(&way.case_id, refused.clone());
    way.act(bus::COMMISSION, decide).await;
    let (delivery, _) = way.receive(bus::AKIMAT).await;
    assert_same(&delivery.inclusion_decision, &refused);
    let hand_over = samples::hand_over("2023-08-01T15:00:00+06:00");
    let hand_over = Act::hand_over_inclusion(&way.case_id, hand_over);
    way.act(bus::AKIMAT, hand_over).await;
    let case = way.party(bus::COMMITTEE).case(&way.case_id).await.unwrap();
    assert_eq!(show::state(&case), CaseState::Closed);
    assert_eq!(show::outcomes(&case), (CaseOutcome::Positive, CaseOutcome::Refused));
    let summary = case.summary.unwrap();
    assert_eq!((summary.consented_person_count, summary.included_person_count), (2, 0));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_akimat_receives_and_decides_for_a_commission_without_a_system() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let akimat = bus.party(bus::JOINT_AKIMAT).await;
    let application = samples::application_to(bus::JOINT_REGION, bus::MORNING);
    let case_id = mission.submit(application).await.case_id;
    committee.receive().await;
    committee.act(Act::forward(&case_id)).await;
    akimat.receive().await;
    akimat.act(Act::refer(&case_id)).await;

    // The commission's inbox is its own; the akimat names it.
    assert!(akimat.fetch(10).await.is_empty());
    let mut inbox = bus::Inbox::open(&akimat, 4, bus::SILENT_COMMISSION).await.unwrap();
    let delivery = inbox.delivery().await;
    assert_eq!((delivery.case_id.as_str(), delivery.hop.as_str()), (case_id.as_str(), "K21B-04"));
    inbox.acknowledge(&delivery.delivery_id).await;
    let confirmation = inbox.confirmation().await;
    let clock = confirmation.clocks[0].clock.as_ref().unwrap();
    assert_eq!(
        (clock.hop.as_str(), clock.holder_party_id.as_str()),
        ("K21B-05", bus::SILENT_COMMISSION)
    );
    let request = ListObligationsRequest {
        party_id: bus::SILENT_COMMISSION.into(),
        ..ListObligationsRequest::default()
    };
    let owed = within(akimat.inbox().list_obligations(request)).await.unwrap().into_inner();
    assert_eq!(owed.obligations.len(), 1);

    let decision = samples::consent("2023-02-01", 1);
    let receipt = akimat.act(Act::decide_consent(&case_id, decision)).await;
    assert_eq!(receipt.hop, "K21B-05");
    let (delivery, _) = akimat.receive().await;
    assert_eq!(delivery.sender_party_id, bus::SILENT_COMMISSION);
    bus.stop().await;
}

/// Sends items through the bulk stream and gathers the answers by request id.
async fn bulk(
    mission: &bus::Party,
    items: Vec<SubmitApplicationsRequest>,
) -> Vec<SubmitApplicationsResponse> {
    let requests = tokio_stream::iter(items.clone());
    let answers = within(mission.mission().submit_applications(requests)).await.unwrap();
    let answers = gather(answers.into_inner()).await;
    let answered: BTreeSet<_> = answers.iter().map(|answer| &answer.request_id).collect();
    assert_eq!(answered, items.iter().map(|item| &item.request_id).collect());
    answers
}

async fn gather(
    mut answers: Streaming<SubmitApplicationsResponse>,
) -> Vec<SubmitApplicationsResponse> {
    let mut all = Vec::new();
    while let Some(answer) = within(answers.message()).await.unwrap() {
        all.push(answer);
    }
    all
}

fn fate(answers: &[SubmitApplicationsResponse], id: &str) -> Fate {
    let mut of = answers.iter().filter(|answer| answer.request_id == id);
    of.next().unwrap().result.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_of_a_bulk_stream_has_its_own_fate() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    let item = |application| SubmitApplicationsRequest {
        request_id: new_id(),
        application: Some(application),
    };
    let mut items: Vec<_> =
        (1..=29).map(|persons| item(samples::application_of(persons + 1, bus::MORNING))).collect();
    let unserved = item(samples::application_to(bus::UNSERVED_REGION, bus::MORNING));
    let crowd = item(samples::application_of(31, bus::MORNING));
    let nameless =
        SubmitApplicationsRequest { request_id: "not a UUID".into(), ..items[0].clone() };
    items.insert(7, unserved.clone());
    items.insert(14, crowd.clone());
    items.insert(21, nameless.clone());
    let answers = bulk(&mission, items.clone()).await;
    assert_eq!(answers.len(), 32);
    assert_eq!(bus.sequence(), before + 29);

    let refusal = |item: &SubmitApplicationsRequest| match fate(&answers, &item.request_id) {
        Fate::Status(status) => refused_item(&status),
        Fate::Receipt(receipt) => panic!("taken: {receipt:?}"),
    };
    refusal(&unserved).is(Code::InvalidArgument, "REGION_UNKNOWN").field("application.region");
    refusal(&crowd)
        .is(Code::InvalidArgument, "FAMILY_TOO_LARGE")
        .field("application.family_members");
    refusal(&nameless).is(Code::InvalidArgument, "REQUEST_ID_INVALID").field("request_id");

    // Item by item the receipts are those that the unary method gives on a repeat.
    for item in items {
        let Fate::Receipt(receipt) = fate(&answers, &item.request_id) else { continue };
        let SubmitApplicationsRequest { request_id, application } = item;
        let act = Act::submit(application.unwrap()).under(&request_id);
        assert_eq!(mission.send(&act).await.unwrap(), receipt);
    }
    assert_eq!(bus.sequence(), before + 29);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_stream_longer_than_its_window_loses_nothing() {
    let bus = Bus::with(&[("limits.bulk_window_acts", "8")]).await;
    let mission = bus.party(bus::MISSION).await;
    let item = |_| SubmitApplicationsRequest {
        request_id: new_id(),
        application: Some(samples::application(bus::MORNING)),
    };
    let mut items: Vec<_> = (0..300).map(item).collect();
    // Each tenth is sent twice on the same stream.
    let twice: Vec<_> = items.iter().step_by(10).cloned().collect();
    items.extend(twice.clone());
    let before = bus.sequence();
    let answers = bulk(&mission, items).await;
    assert_eq!(answers.len(), 330);
    assert_eq!(bus.sequence(), before + 300);
    for item in twice {
        let of: Vec<_> =
            answers.iter().filter(|answer| answer.request_id == item.request_id).collect();
        assert_eq!(of.len(), 2);
        assert_eq!(of[0], of[1]);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_sent_many_times_at_once_opens_one_case() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let before = bus.sequence();
    let act = Act::submit(samples::application(bus::MORNING));
    let sending = (0..32).map(|_| mission.send(&act));
    let answers = futures_util::future::join_all(sending).await;
    let receipts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(receipts.iter().all(|receipt| receipt == &receipts[0]));
    assert_eq!(bus.sequence(), before + 1);

    // Another party may use the same id for an act of its own.
    let other = bus.party(bus::OTHER_MISSION).await;
    let receipt = other.send(&act).await.unwrap();
    assert_ne!(receipt.case_id, receipts[0].case_id);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_see_what_their_reader_has_written() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut inbox = committee.open_inbox(1).await;
    for count in 1..=40 {
        let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
        let case = mission.case(&case_id).await.unwrap();
        assert_eq!(show::state(&case), CaseState::AtMigrationBody);
        let listed = mission.list(ListCasesRequest { page_size: 1000, ..Default::default() }).await;
        assert_eq!(listed.unwrap().cases.len(), count);
        let delivery = inbox.delivery().await;
        assert_eq!(delivery.case_id, case_id);
        inbox.acknowledge(&delivery.delivery_id).await;
        inbox.confirmation().await;
        assert_eq!(committee.obligations().await.len(), 1);
        committee.act(Act::forward(&case_id)).await;
        assert!(committee.obligations().await.is_empty());
        let operator = bus.party(bus::OPERATOR).await;
        assert_eq!(operator.status().await.index_lag_records, 0);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_a_party_its_own_cases_page_by_page() {
    let bus = Bus::start().await;
    let (mission, other) = (bus.party(bus::MISSION).await, bus.party(bus::OTHER_MISSION).await);
    let committee = bus.party(bus::COMMITTEE).await;
    let mut own = BTreeSet::new();
    for at in 0..25 {
        let region = if at % 5 == 0 { bus::OTHER_REGION } else { bus::REGION };
        let application = samples::application_to(region, bus::MORNING);
        own.insert(mission.submit(application).await.case_id);
    }
    let foreign = other.submit(samples::application(bus::MORNING)).await.case_id;
    let forwarded = own.first().unwrap().clone();
    for delivery in committee.fetch(100).await {
        if delivery.case_id == forwarded {
            committee.acknowledge(&delivery.delivery_id).await.unwrap();
        }
    }
    committee.act(Act::forward(&forwarded)).await;

    let all = |party: bus::Party, request: ListCasesRequest| async move {
        let (mut ids, mut request) = (Vec::new(), request);
        loop {
            let page = party.list(request.clone()).await.unwrap();
            ids.extend(page.cases.into_iter().map(|case| case.case_id));
            if page.next_page_token.is_empty() {
                return ids;
            }
            request.page_token = page.next_page_token;
        }
    };
    for page_size in [0, 1, 7, 25, 5000] {
        let request = ListCasesRequest { page_size, ..Default::default() };
        let ids = all(mission.clone(), request).await;
        assert_eq!(ids.len(), 25, "pages of {page_size}");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), own);
    }
    let in_region = ListCasesRequest { region: bus::OTHER_REGION.into(), ..Default::default() };
    assert_eq!(all(mission.clone(), in_region.clone()).await.len(), 5);
    assert_eq!(all(other.clone(), in_region.clone()).await.len(), 0);
    let at_akimat = ListCasesRequest { state: CaseState::AtAkimat.into(), ..Default::default() };
    assert_eq!(all(mission.clone(), at_akimat).await, [forwarded]);
    assert_eq!(all(other.clone(), ListCasesRequest::default()).await, [foreign]);
    assert_eq!(all(committee.clone(), ListCasesRequest::default()).await.len(), 26);
    assert_eq!(all(bus.party(bus::OPERATOR).await, ListCasesRequest::default()).await.len(), 26);
    // A party of a case sees it before its turn has come, those of another region never.
    assert_eq!(all(bus.party(bus::OTHER_AKIMAT).await, ListCasesRequest::default()).await.len(), 5);
    assert_eq!(all(bus.party(bus::JOINT_AKIMAT).await, in_region).await.len(), 0);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn obligations_are_listed_earliest_due_first_and_turn_late() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut expected = Vec::new();
    for day in ["2023-02-01", "2023-02-02", "2023-02-03"] {
        bus.clock(&format!("{day}T09:00:00+06:00"));
        let filed = format!("{day}T09:00:00+06:00");
        expected.push(mission.submit(samples::application(&filed)).await.case_id);
        committee.receive().await;
    }
    let owed = committee.obligations().await;
    assert_eq!(owed.iter().map(|owed| owed.case_id.clone()).collect::<Vec<_>>(), expected);
    assert!(owed.iter().all(|owed| owed.act() == ActName::ForwardApplication && !owed.late));
    let request = ListObligationsRequest { page_size: 2, ..Default::default() };
    let page = within(committee.inbox().list_obligations(request)).await.unwrap().into_inner();
    assert_eq!((page.obligations.len(), page.next_page_token.is_empty()), (2, false));

    // The terms end with 8, 9 and 10 February.
    bus.clock("2023-02-10T00:00:00+06:00");
    let late: Vec<_> = committee.obligations().await.iter().map(|owed| owed.late).collect();
    assert_eq!(late, [true, true, false]);
    let load = bus.party(bus::OPERATOR).await.status().await.parties;
    let load = load.into_iter().find(|load| load.party_id == bus::COMMITTEE).unwrap();
    assert_eq!((load.open_obligations, load.late_obligations), (3, 2));
    assert_eq!(load.earliest_due_time, Some(samples::instant("2023-02-09T00:00:00+06:00")));
    let case = mission.case(&expected[0]).await.unwrap();
    assert!(case.hops.last().unwrap().late);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_procedure_is_told_as_the_law_has_it() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let listed = within(mission.procedures().list_procedures(ListProceduresRequest {})).await;
    let listed = listed.unwrap().into_inner().procedures;
    let found = listed.iter().find(|found| found.procedure == "kandas-mission").unwrap();
    assert_eq!((found.edition.as_str(), found.hop_count), ("2021", 12));
    let request =
        GetProcedureRequest { procedure: found.procedure.clone(), edition: found.edition.clone() };
    let answer = within(mission.procedures().get_procedure(request)).await.unwrap();
    let procedure = answer.into_inner().procedure.unwrap();
    assert_eq!(procedure.summary.as_ref(), Some(found));
    let hop = |name: &str| procedure.hops.iter().find(|hop| hop.hop == name).unwrap();
    assert_eq!(procedure.hops.len(), 12);
    let forward = hop("K21B-03");
    assert_eq!(forward.from_role(), PartyRole::MigrationBody);
    assert_eq!(forward.to_role(), PartyRole::Akimat);
    assert_eq!(forward.act(), ActName::ForwardApplication);
    assert_eq!(
        forward.term.as_ref().map(|term| (term.n, term.unit())),
        Some((5, TermUnit::WorkingDays))
    );
    assert_eq!(forward.citation, "002-EN A1 ¶12");
    assert!(forward.wording.contains("within five working days"));
    assert_eq!(hop("K21B-01").from_role(), PartyRole::Applicant);
    assert_eq!(hop("K21B-01").act(), ActName::FileApplication);
    assert_eq!(hop("K21B-12").to_role(), PartyRole::Applicant);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computed_due_time_is_the_one_that_a_case_gets() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    bus.clock("2023-04-28T10:00:00+06:00");
    let filed = "2023-04-28T10:00:00+06:00";
    mission.submit(samples::application(filed)).await;
    let (_, confirmation) = committee.receive().await;
    let clock = confirmation.clocks[0].clock.clone().unwrap();
    let request = ComputeDueTimeRequest {
        procedure: "kandas-mission".into(),
        edition: "2021".into(),
        hop: "K21B-03".into(),
        from_time: clock.opened_time,
        time_zone: String::new(),
    };
    let computed = within(committee.procedures().compute_due_time(request.clone())).await;
    let computed = computed.unwrap().into_inner();
    assert_eq!(computed.due_date, Some(samples::date("2023-05-10")));
    assert_eq!((&computed.due_date, &computed.due_time), (&clock.due_date, &clock.due_time));
    assert_eq!((&computed.rule, &computed.citation), (&clock.rule, &clock.citation));
    assert_eq!(computed.source, clock.source);
    assert_eq!(computed.calendar_version, clock.calendar_version);
    let skipped: Vec<_> =
        computed.skipped_days.iter().map(|day| (day.date.unwrap().day, day.reason())).collect();
    assert_eq!(
        skipped,
        [
            (29, SkipReason::Weekend),
            (30, SkipReason::Weekend),
            (1, SkipReason::Holiday),
            (6, SkipReason::Weekend),
            (7, SkipReason::Holiday),
            (8, SkipReason::Observed),
            (9, SkipReason::Holiday),
        ]
    );
    // Where the day ends is asked by zone.
    let elsewhere = ComputeDueTimeRequest { time_zone: "Asia/Atyrau".into(), ..request };
    let computed = within(committee.procedures().compute_due_time(elsewhere)).await.unwrap();
    let at = samples::timestamp(&computed.into_inner().due_time.unwrap());
    assert_eq!(at, samples::timestamp(&clock.due_time.unwrap()) + 1.hour());
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_the_load_and_sets_the_clock_of_a_sandbox() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let operator = bus.party(bus::OPERATOR).await;
    let receipts = [
        mission.submit(samples::application(bus::MORNING)).await,
        mission.submit(samples::application(bus::MORNING)).await,
        mission.submit(samples::application(bus::MORNING)).await,
    ];
    let request =
        FetchDeliveriesRequest { max_deliveries: 2, lease_seconds: 60, party_id: String::new() };
    let fetched = within(committee.inbox().fetch_deliveries(request)).await.unwrap().into_inner();
    assert_eq!(fetched.deliveries.len(), 2);
    assert!(fetched.lease_expire_time.is_some());
    committee.acknowledge(&fetched.deliveries[0].delivery_id).await.unwrap();

    let status = operator.status().await;
    assert!(status.sandbox && status.version == env!("CARGO_PKG_VERSION"));
    assert_eq!(status.journal_sequence, bus.sequence());
    assert_eq!((status.index_sequence, status.index_lag_records), (bus.sequence(), 0));
    assert_eq!(status.journal_head_hash.len(), 32);
    assert_eq!(status.journal_sequence, receipts[2].sequence + 1);
    assert!(status.resident_bytes > 0);
    let ids: Vec<_> = status.parties.iter().map(|load| load.party_id.clone()).collect();
    assert!(ids.is_sorted() && ids.len() == 10, "{ids:?}");
    let load = status.parties.iter().find(|load| load.party_id == bus::COMMITTEE).unwrap();
    assert_eq!(load.role(), PartyRole::MigrationBody);
    let counts = (load.queued_deliveries, load.leased_deliveries, load.open_obligations);
    assert_eq!(counts, (2, 1, 1));

    let to = samples::instant("2023-02-05T00:00:00+06:00");
    let set = SetSandboxTimeRequest { time: Some(to) };
    for _ in 0..2 {
        let answer = within(operator.operations().set_sandbox_time(set)).await.unwrap();
        assert_eq!(answer.into_inner().current_time, Some(to));
    }
    assert_eq!(operator.status().await.current_time, Some(to));
    assert_eq!(samples::stamp(bus.now()), to);
    bus.stop().await;
}
