//! Inboxes over real connections: windows, due order, leases, redelivery, and parties that do not
//! hold each other up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;
use std::time::Duration;

use bus::refusal::{refused, refused_item};
use bus::{Act, Bus, Inbox, Party, inbox, samples, within};
use kopir::rpc::proto::inbox::v1::open_inbox_response::Message as Said;
use kopir::rpc::proto::inbox::v1::{Delivery, FetchDeliveriesRequest, OpenInboxRequest};
use kopir::rpc::proto::mission::v1::SubmitApplicationsRequest;
use kopir::rpc::proto::mission::v1::submit_applications_response::Result as Fate;
use tokio::time::Instant;
use tonic::Code;

/// Submits so many applications in bulk; the sequences of the acts, in the order sent.
async fn backlog(mission: &Party, count: usize) -> Vec<u64> {
    let item = |_| SubmitApplicationsRequest {
        request_id: bus::act::new_id(),
        application: Some(samples::application(bus::MORNING)),
    };
    let items: Vec<_> = (0..count).map(item).collect();
    let answers = mission.mission().submit_applications(tokio_stream::iter(items)).await;
    let mut answers = answers.unwrap().into_inner();
    let mut sequences = Vec::with_capacity(count);
    while let Some(answer) = within(answers.message()).await.unwrap() {
        match answer.result.unwrap() {
            Fate::Receipt(receipt) => sequences.push(receipt.sequence),
            Fate::Status(status) => panic!("refused: {status:?}"),
        }
    }
    sequences.sort_unstable();
    mission.caught_up().await;
    sequences
}

fn cases(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.case_id.clone()).collect()
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    deliveries.iter().map(|delivery| delivery.delivery_id.clone()).collect()
}

/// Asks the bus something on the stream and waits for the answer, so that whatever it meant to send
/// before is there: nothing else may come first.
async fn assert_nothing_waits(inbox: &mut Inbox) {
    inbox.say(inbox::acknowledgement("no delivery")).await;
    let refusal = inbox.refusal().await;
    refused_item(&refusal.status.unwrap()).is(Code::NotFound, "DELIVERY_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_holds_deliveries_back_until_an_acknowledgement() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 5).await;
    let mut inbox = committee.open_inbox(2).await;
    let first = inbox.deliveries(2).await;
    assert_nothing_waits(&mut inbox).await;
    let operator = bus.party(bus::OPERATOR).await;
    let load = |status: kopir::rpc::proto::operations::v1::GetStatusResponse| {
        let load = status.parties.into_iter().find(|load| load.party_id == bus::COMMITTEE);
        load.map(|load| (load.queued_deliveries, load.leased_deliveries)).unwrap()
    };
    assert_eq!(load(operator.status().await), (5, 2));

    inbox.acknowledge(&first[1].delivery_id).await;
    let mut rest = Vec::new();
    // The confirmation and the delivery that it makes room for may come in either order.
    for _ in 0..2 {
        match inbox.next().await.unwrap().unwrap() {
            Said::Delivery(delivery) => rest.push(delivery),
            Said::Confirmation(confirmation) => {
                assert_eq!(confirmation.delivery_id, first[1].delivery_id);
            }
            other @ (Said::Refusal(_) | Said::Rejection(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!(rest.len(), 1);
    assert_nothing_waits(&mut inbox).await;
    assert_eq!(load(operator.status().await), (4, 2));
    drop(inbox);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_earlier_overtakes_and_ties_keep_the_order_of_the_journal() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut submitted = Vec::new();
    // The hop of a submission falls due five working days after its filing.
    for filed in
        ["2023-02-01", "2023-01-31", "2023-01-30", "2023-01-31", "2023-01-25", "2023-02-01"]
    {
        let filed = format!("{filed}T09:00:00+06:00");
        submitted.push(mission.submit(samples::application(&filed)).await.case_id);
    }
    mission.caught_up().await;
    let order = [4, 2, 1, 3, 0, 5].map(|at| submitted[at].clone());
    let mut inbox = committee.open_inbox(10).await;
    let deliveries = inbox.deliveries(6).await;
    assert_eq!(cases(&deliveries), order);
    let due: Vec<_> = deliveries.iter().map(|delivery| delivery.due_date.unwrap()).collect();
    assert_eq!(due[0], samples::date("2023-02-01"));
    assert_eq!((due[2], due[3]), (samples::date("2023-02-07"), samples::date("2023-02-07")));
    inbox.end().await.unwrap();
    // A client that polls gets the same order, and what came free keeps its place.
    assert_eq!(cases(&committee.fetch(10).await), order);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_comer_that_is_due_earlier_leaves_before_what_waits_beyond_the_window() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 4).await;
    let mut inbox = committee.open_inbox(1).await;
    let held = inbox.delivery().await;
    let urgent = samples::application("2023-01-25T09:00:00+05:00");
    let urgent = mission.submit(urgent).await.case_id;
    mission.caught_up().await;
    inbox.acknowledge(&held.delivery_id).await;
    inbox.confirmation().await;
    assert_eq!(inbox.delivery().await.case_id, urgent);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_gets_new_deliveries_as_they_come() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut inbox = committee.open_inbox(16).await;
    assert_nothing_waits(&mut inbox).await;
    for _ in 0..10 {
        let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
        assert_eq!(inbox.delivery().await.case_id, case_id);
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_on_the_stream_opens_the_next_clock() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let mut inbox = committee.open_inbox(1).await;
    let delivery = inbox.delivery().await;
    assert!(committee.obligations().await.is_empty());
    bus.clock("2023-02-03T10:00:00+06:00");
    inbox.acknowledge(&delivery.delivery_id).await;
    let confirmation = inbox.confirmation().await;
    assert_eq!(
        bus::show::confirmation(&confirmation),
        "received 2023-02-03 10:00\n  \
         opened K21B-03 migration-committee: from 2023-02-03 due 2023-02-10 (5 working days, 002-EN A1 ¶12)\n"
    );
    let owed = committee.obligations().await;
    assert_eq!(owed[0].clock, confirmation.clocks[0].clock);
    committee.act(Act::forward(&case_id)).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stream_frees_its_deliveries_at_once() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 3).await;
    let mut expected = Vec::new();
    for attempt in 1..=5 {
        let closed = Instant::now();
        let mut inbox = committee.open_inbox(3).await;
        let deliveries = inbox.deliveries(3).await;
        // Nothing is waited for: no lease and no timer stands between the streams.
        assert!(attempt == 1 || closed.elapsed() < Duration::from_secs(1));
        assert!(deliveries.iter().all(|delivery| delivery.attempt == attempt), "{attempt}");
        let ids: Vec<_> = deliveries.into_iter().map(|delivery| delivery.delivery_id).collect();
        if attempt == 1 {
            expected.clone_from(&ids);
        }
        assert_eq!(ids, expected);
        match attempt {
            // Closed in good order, by dropping the call, and by losing the whole connection.
            1 | 2 => drop(inbox.end().await.unwrap()),
            3 => drop(inbox),
            _ => {
                let other = bus.party(bus::COMMITTEE).await;
                drop(inbox);
                let mut inbox = other.open_inbox(3).await;
                assert_eq!(inbox.deliveries(3).await.len(), 3);
                drop((inbox, other));
                return bus.stop().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_stream_takes_over_what_another_lets_go() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 1).await;
    let mut holder = committee.open_inbox(1).await;
    let held = holder.delivery().await;
    let other = bus.party(bus::COMMITTEE).await;
    let mut waiting = other.open_inbox(1).await;
    assert_nothing_waits(&mut waiting).await;
    drop(holder);
    let taken = waiting.delivery().await;
    assert_eq!((taken.delivery_id, taken.attempt), (held.delivery_id, 2));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_of_a_party_share_its_inbox_without_duplicates() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let sequences = backlog(&mission, 400).await;
    let share = |party: Party| async move {
        // What the stream holds beyond these goes back when it closes.
        party.open_inbox(7).await.drain(150).await
    };
    let (one, two) = tokio::join!(share(committee.clone()), share(bus.party(bus::COMMITTEE).await));
    let mut rest = committee.open_inbox(64).await;
    let three = rest.drain(100).await;
    let all: Vec<_> = [one, two, three].concat();
    assert_eq!(ids(&all).len(), 400, "a delivery was acknowledged twice");
    assert_eq!(sequences.len(), 400);
    assert_nothing_waits(&mut rest).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_does_not_read_delays_no_other() {
    let bus = Bus::start().await;
    let mission = bus.party(bus::MISSION).await;
    let (committee, akimat) = (bus.party(bus::COMMITTEE).await, bus.party(bus::AKIMAT).await);
    // The akimat gets two deliveries and falls silent with its window full.
    for _ in 0..2 {
        let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
        committee.receive().await;
        committee.act(Act::forward(&case_id)).await;
    }
    let mut stalled = akimat.open_inbox(1).await;
    let held = stalled.delivery().await;
    // So does one stream of the committee, which does not even read what it was sent.
    let first = backlog(&mission, 50).await;
    let unread = committee.open_inbox(10).await;

    let other = bus.party(bus::COMMITTEE).await;
    let more = backlog(&mission, 2000).await;
    let mut draining = other.open_inbox(100).await;
    let drained = draining.drain(first.len() + more.len() - 10).await;
    assert_eq!(ids(&drained).len(), 2040);
    // The two that stood still find everything as it was.
    drop(unread);
    assert_eq!(draining.drain(10).await.len(), 10);
    stalled.acknowledge(&held.delivery_id).await;
    stalled.confirmation().await;
    let next = stalled.delivery().await;
    assert_ne!(next.delivery_id, held.delivery_id);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_beyond_the_memory_of_a_window_drains_in_order() {
    let settings = [("limits.max_inbox_window_deliveries", "8")];
    let bus = Bus::with(&settings).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let sequences = backlog(&mission, 500).await;
    let urgent = samples::application("2023-01-25T09:00:00+05:00");
    let urgent = mission.submit(urgent).await;
    mission.caught_up().await;
    let operator = bus.party(bus::OPERATOR).await;
    let mut inbox = committee.open_inbox(8).await;
    let all = inbox.drain(501).await;
    assert_eq!(all[0].case_id, urgent.case_id);
    let mut names = Vec::new();
    for delivery in &all[1..] {
        let case = operator.case(&delivery.case_id).await.unwrap();
        names.push(case.hops[1].sequence);
    }
    assert_eq!(names, sequences);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_waits_for_its_receiver_through_a_restart() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 6).await;
    let mut inbox = committee.open_inbox(4).await;
    let before = inbox.deliveries(4).await;
    inbox.acknowledge(&before[0].delivery_id).await;
    inbox.confirmation().await;
    drop((mission, inbox, committee));
    let mut bus = bus;
    for without_index in [false, true] {
        bus = if without_index { bus.restart_without_index().await } else { bus.restart().await };
        let committee = bus.party(bus::COMMITTEE).await;
        let first = committee.acknowledge(&before[0].delivery_id).await.unwrap();
        assert_eq!(first.delivery_id, before[0].delivery_id);
        let after = committee.fetch(100).await;
        assert_eq!(after.len(), 5);
        assert_eq!(after[0].delivery_id, before[1].delivery_id);
        // Attempts are counted since the bus last started.
        assert!(after.iter().all(|delivery| delivery.attempt == 1));
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leased_delivery_is_nobody_elses_and_may_be_acknowledged() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 3).await;
    let leased = committee.fetch(2).await;
    assert_eq!(leased.len(), 2);
    let mut inbox = committee.open_inbox(10).await;
    let third = inbox.delivery().await;
    assert!(!ids(&leased).contains(&third.delivery_id));
    assert_nothing_waits(&mut inbox).await;
    assert!(committee.fetch(10).await.is_empty());
    // However it was received: the lease's on the stream, the stream's by itself.
    inbox.say(inbox::acknowledgement(&leased[0].delivery_id)).await;
    assert_eq!(inbox.confirmation().await.delivery_id, leased[0].delivery_id);
    committee.acknowledge(&third.delivery_id).await.unwrap();
    committee.acknowledge(&leased[1].delivery_id).await.unwrap();
    assert_nothing_waits(&mut inbox).await;
    drop(inbox);
    assert!(committee.fetch(10).await.is_empty());
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_runs_out_frees_its_delivery_for_a_waiting_stream() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 1).await;
    let leased = committee.fetch(1).await.pop().unwrap();
    let mut inbox = committee.open_inbox(1).await;
    assert_nothing_waits(&mut inbox).await;
    // The hour of the lease is over for the dispatch; nobody has to wait it out.
    bus.app().dispatch().expire(Instant::now() + Duration::from_secs(3601));
    let again = inbox.delivery().await;
    assert_eq!((again.delivery_id.clone(), again.attempt), (leased.delivery_id, 2));
    // Acknowledged after its lease by whoever had it first.
    committee.acknowledge(&again.delivery_id).await.unwrap();
    drop(inbox);
    assert!(committee.fetch(1).await.is_empty());
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_again_brings_the_original_confirmation() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let mut inbox = committee.open_inbox(4).await;
    let delivery = inbox.delivery().await;
    inbox.acknowledge(&delivery.delivery_id).await;
    let original = inbox.confirmation().await;
    let sequence = bus.sequence();
    bus.clock("2023-02-02T09:00:00+06:00");
    inbox.say(inbox::acknowledgement(&delivery.delivery_id)).await;
    assert_eq!(inbox.confirmation().await, original);
    assert_eq!(committee.acknowledge(&delivery.delivery_id).await.unwrap(), original);
    assert_eq!(bus.sequence(), sequence);
    // Also when the case has long moved on, and after a restart.
    committee.act(Act::forward(&case_id)).await;
    drop((inbox, mission, committee));
    let bus = bus.restart().await;
    let committee = bus.party(bus::COMMITTEE).await;
    assert_eq!(committee.acknowledge(&delivery.delivery_id).await.unwrap(), original);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_of_what_is_not_in_the_inbox_changes_nothing() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let other_case = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let mut inbox = committee.open_inbox(4).await;
    let deliveries = inbox.deliveries(2).await;
    let own = &deliveries[0].delivery_id;
    let (sequence, before) = (bus.sequence(), mission.case(&case_id).await.unwrap());
    let mut bad: Vec<String> =
        ["", "0", "-", "nothing", "18446744073709551616-x", "\u{0}", "Ә"].map(Into::into).to_vec();
    bad.extend([
        own[..own.len() - 1].to_owned(),
        format!("{own}0"),
        format!(" {own}"),
        format!("0{own}"),
        format!("+{own}"),
        own.to_uppercase().replace('-', ""),
        own.replace(&case_id, &other_case),
        "9".repeat(64),
        "a".repeat(100_000),
    ]);
    for delivery_id in bad {
        let unary = committee.acknowledge(&delivery_id).await.unwrap_err();
        refused(&unary).is(Code::NotFound, "DELIVERY_UNKNOWN");
        inbox.say(inbox::acknowledgement(&delivery_id)).await;
        let refusal = inbox.refusal().await;
        assert_eq!(refusal.delivery_id, delivery_id);
        refused_item(&refusal.status.unwrap()).is(Code::NotFound, "DELIVERY_UNKNOWN");
    }
    // Another party's delivery is as unknown as none at all, to its sender too.
    let nowhere = own.replace(&case_id, "0193a0de-77aa-7bbb-8ccc-0123456789ab");
    for stranger in [bus::MISSION, bus::AKIMAT, bus::COMMISSION, bus::OTHER_AKIMAT] {
        let stranger = bus.party(stranger).await;
        let foreign = refused(&stranger.acknowledge(own).await.unwrap_err());
        let none = refused(&stranger.acknowledge(&nowhere).await.unwrap_err());
        assert_eq!(foreign.message, none.message);
        foreign.is(Code::NotFound, "DELIVERY_UNKNOWN");
    }
    assert_eq!(bus.sequence(), sequence);
    assert_eq!(mission.case(&case_id).await.unwrap(), before);
    // The stream has stood all this and the delivery is still there to be acknowledged.
    inbox.acknowledge(own).await;
    assert_eq!(&inbox.confirmation().await.delivery_id, own);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_begins_or_goes_on_wrongly_ends_with_the_reason() {
    let bus = Bus::start().await;
    let committee = bus.party(bus::COMMITTEE).await;
    let silent = OpenInboxRequest { message: None };
    let wrong = [
        (vec![inbox::opening(0, "")], "opening.window"),
        (vec![inbox::opening(-1, "")], "opening.window"),
        (vec![inbox::opening(1025, "")], "opening.window"),
        (vec![inbox::opening(i32::MAX, "")], "opening.window"),
        (vec![inbox::acknowledgement("no delivery")], "opening"),
        (vec![silent.clone()], "opening"),
        (vec![inbox::opening(1, ""), inbox::opening(1, "")], "opening"),
        (vec![inbox::opening(1, ""), silent], "acknowledgement"),
    ];
    for (messages, field) in wrong {
        let told = format!("{messages:?}");
        let ended = match Inbox::saying(&committee, messages, 1).await {
            Ok(mut inbox) => inbox.next().await.map(|said| panic!("{told}: {said:?}")).unwrap_err(),
            Err(status) => status,
        };
        let refused = refused(&ended).is(Code::InvalidArgument, "FIELD_INVALID");
        assert!(refused.fields()[0].starts_with(field), "{told}: {refused:?}");
    }
    for other in [bus::AKIMAT, bus::OPERATOR, "nobody", "\u{0}", "Ә"] {
        let ended = match Inbox::open(&committee, 1, other).await {
            Ok(mut inbox) => inbox.next().await.unwrap_err(),
            Err(status) => status,
        };
        refused(&ended).is(Code::PermissionDenied, "PARTY_NOT_ALLOWED");
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_well_when_its_receiver_has_no_more_to_say() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 2).await;
    let mut inbox = committee.open_inbox(2).await;
    let deliveries = inbox.deliveries(2).await;
    for delivery in &deliveries {
        inbox.acknowledge(&delivery.delivery_id).await;
    }
    // What was asked before the end is answered.
    let rest = inbox.end().await.unwrap();
    let confirmed: BTreeSet<_> = rest
        .into_iter()
        .map(|said| match said {
            Said::Confirmation(confirmation) => confirmation.delivery_id,
            Said::Delivery(_) | Said::Refusal(_) | Said::Rejection(_) => panic!("{said:?}"),
        })
        .collect();
    assert_eq!(confirmed, ids(&deliveries));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_out_of_range_or_for_another_is_refused_and_leases_nothing() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 1).await;
    let ask = |max_deliveries, lease_seconds, party_id: &str| {
        let party_id = party_id.to_owned();
        let request = FetchDeliveriesRequest { max_deliveries, lease_seconds, party_id };
        let committee = committee.clone();
        async move { refused(&within(committee.inbox().fetch_deliveries(request)).await.unwrap_err()) }
    };
    for max in [0, -1, 101, i32::MIN] {
        let told = ask(max, 60, "").await.is(Code::InvalidArgument, "FIELD_INVALID");
        told.field("max_deliveries").says("1 to 100");
    }
    for lease in [0, 4, 3601, -5, i32::MAX] {
        let told = ask(1, lease, "").await.is(Code::InvalidArgument, "FIELD_INVALID");
        told.field("lease_seconds").says("5 to 3600");
    }
    ask(1, 60, bus::MISSION).await.is(Code::PermissionDenied, "PARTY_NOT_ALLOWED");
    assert_eq!(committee.fetch(1).await[0].attempt, 1);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_bus_ends_its_streams_and_forgets_nothing() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    backlog(&mission, 3).await;
    let mut inbox = committee.open_inbox(2).await;
    let held = inbox.deliveries(2).await;
    let began = Instant::now();
    let bus = bus.restart().await;
    assert!(began.elapsed() < Duration::from_secs(5), "an open stream held up the stop");
    let ended = inbox.next().await.unwrap_err();
    refused(&ended).is(Code::Unavailable, "BUS_STOPPING").wait();
    let committee = bus.party(bus::COMMITTEE).await;
    let again = committee.fetch(10).await;
    assert_eq!(again.len(), 3);
    assert_eq!(again[0].delivery_id, held[0].delivery_id);
    bus.stop().await;
}
