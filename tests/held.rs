//! Held deliveries over real connections: rejected, found by the bus, released, redirected,
//! withdrawn, taken after all; each refusal; and what a restart makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::{BTreeSet, VecDeque};
use std::process::Command;

use bus::held::{redirect, rejection, release, saying, withdraw};
use bus::refusal::{refused, refused_item};
use bus::{Act, Bus, Party, samples};
use kopir::rpc::proto::inbox::v1::open_inbox_response::Message as Said;
use kopir::rpc::proto::inbox::v1::{Delivery, HeldDelivery, ListHeldRequest};
use kopir::rpc::proto::types::v1::{HeldReason, Rung};
use tonic::Code;

/// An application on its way to the authorised body.
async fn submitted(bus: &Bus) -> (Party, Party, Delivery) {
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    mission.submit(samples::application(bus::MORNING)).await;
    let delivery = papers(&committee).await.pop().unwrap();
    (mission, committee, delivery)
}

/// What a party is handed, without what the bus itself has to say.
async fn papers(party: &Party) -> Vec<Delivery> {
    let mut all = Vec::new();
    for delivery in party.fetch(100).await {
        if delivery.notice.is_some() {
            party.acknowledge(&delivery.delivery_id).await.unwrap();
        } else {
            all.push(delivery);
        }
    }
    all
}

/// The same, until something comes.
async fn some_papers(party: &Party) -> Vec<Delivery> {
    loop {
        let all = papers(party).await;
        if !all.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_rejected_delivery_is_held_with_its_reason_and_its_clock_runs_on() {
    let bus = Bus::start().await;
    let (mission, committee, delivery) = submitted(&bus).await;
    let asked =
        rejection(&delivery.delivery_id, HeldReason::CannotParse, "SAMPLE: page 2 is empty");
    let confirmed = committee.reject(asked.clone()).await.unwrap();
    let mark = confirmed.mark.clone().unwrap();
    assert_eq!((mark.delivery_id, mark.party_id.as_str()), (delivery.delivery_id, bus::COMMITTEE));
    assert_eq!((mark.reason, mark.sequence), (HeldReason::CannotParse.into(), 13));
    assert_eq!((confirmed.case_id.as_str(), confirmed.record_hash.len()), (&*delivery.case_id, 32));
    // A repeat gets the same, whatever it says.
    let again = rejection(&asked.delivery_id, HeldReason::Other, "SAMPLE: something else");
    assert_eq!(committee.reject(again).await.unwrap(), confirmed);
    assert!(papers(&committee).await.is_empty());
    // Its clock is the only one, and runs on.
    let status = bus.party(bus::OPERATOR).await.status().await;
    assert!(status.oldest_slack.unwrap().seconds > 0);

    // Its receiver, the operator and the sender see it, each in its place.
    let held = committee.held_deliveries().await;
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].mark.clone(), held[0].hop.as_str()), (confirmed.mark, "K21B-02"));
    assert_eq!((held[0].detail.as_str(), &*held[0].by_party_id), (&*asked.detail, bus::COMMITTEE));
    assert_eq!((&held[0].due_time, held[0].late), (&delivery.due_time, false));
    let operator = bus.party(bus::OPERATOR).await;
    let seen = operator.held_deliveries().await;
    assert_eq!((seen.len(), seen[0].detail.as_str()), (1, ""), "papers are not the operator's");
    assert!(mission.held_deliveries().await.is_empty());
    let hop = mission.case(&delivery.case_id).await.unwrap().hops.pop().unwrap();
    assert_eq!(hop.held, [held[0].mark.clone().unwrap()]);
    assert_eq!(hop.clock.unwrap().due_time, delivery.due_time);
    let load = operator.status().await.parties.into_iter();
    let load = load.filter(|load| load.party_id == bus::COMMITTEE).collect::<Vec<_>>();
    assert_eq!((load[0].held_deliveries, load[0].queued_deliveries), (1, 0));

    // The sender is told at once, and its term runs out as any other.
    let told = mission.fetch(100).await.pop().unwrap().notice.unwrap();
    assert_eq!((told.rungs.len(), told.rungs[0].rung()), (1, Rung::Held));
    bus.clock("2023-03-01T10:00:00+06:00");
    mission.submit(samples::application("2023-03-01T09:30:00+06:00")).await;
    let hop = mission.case(&delivery.case_id).await.unwrap().hops.pop().unwrap();
    assert!(hop.rungs.iter().any(|said| said.rung() == Rung::Due), "{:?}", hop.rungs);
    assert!(committee.held_deliveries().await[0].late);

    // It outlives the index; late as it is, it can be had.
    let bus = bus.restart_without_index().await;
    let committee = bus.party(bus::COMMITTEE).await;
    assert_eq!(committee.held_deliveries().await[0].mark, held[0].mark);
    committee.release(release(&asked.delivery_id)).await.unwrap();
    let released = some_papers(&committee).await;
    assert_eq!(released.len(), 2);
    assert_eq!((&released[0].delivery_id, released[0].attempt), (&asked.delivery_id, 1));
    bus.stop().await;
}

#[tokio::test]
async fn on_the_stream_a_rejection_makes_room_for_the_next_delivery() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    for _ in 0..3 {
        mission.submit(samples::application(bus::MORNING)).await;
    }
    let mut inbox = committee.open_inbox(1).await;
    let first = inbox.delivery().await;
    let other = rejection("1-unknown", HeldReason::Other, "SAMPLE");
    inbox.say(saying(other)).await;
    let refusal = inbox.refusal().await;
    assert_eq!(refusal.delivery_id, "1-unknown");
    refused_item(&refusal.status.unwrap()).is(Code::NotFound, "DELIVERY_UNKNOWN");
    let wrong = rejection(&first.delivery_id, HeldReason::Unacknowledged, "");
    inbox.say(saying(wrong)).await;
    refused_item(&inbox.refusal().await.status.unwrap())
        .is(Code::InvalidArgument, "FIELD_INVALID")
        .field("rejection.reason");
    inbox.say(saying(rejection(&first.delivery_id, HeldReason::Incomplete, ""))).await;
    inbox.rejected();
    // The room is there once the rejection is durable, so the next may come before its answer.
    let (mut confirmed, mut next) = (None, None);
    while confirmed.is_none() || next.is_none() {
        match inbox.next().await.unwrap().unwrap() {
            Said::Rejection(answer) => confirmed = answer.mark,
            Said::Delivery(delivery) => next = Some(delivery),
            other @ (Said::Confirmation(_) | Said::Refusal(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!(confirmed.unwrap().delivery_id, first.delivery_id);
    let next = next.unwrap();
    assert_ne!(next.delivery_id, first.delivery_id);
    inbox.acknowledge(&next.delivery_id).await;
    inbox.confirmation().await;
    bus.stop().await;
}

#[tokio::test]
async fn a_held_delivery_that_its_receiver_takes_after_all_is_held_no_more() {
    let bus = Bus::start().await;
    let (mission, committee, delivery) = submitted(&bus).await;
    committee.reject(rejection(&delivery.delivery_id, HeldReason::SystemFault, "")).await.unwrap();
    let confirmation = committee.acknowledge(&delivery.delivery_id).await.unwrap();
    assert_eq!(confirmation.clocks.len(), 1, "its receipt opens the next hop");
    assert!(committee.held_deliveries().await.is_empty());
    let late = mission.release(release(&delivery.delivery_id)).await.unwrap_err();
    refused(&late).is(Code::FailedPrecondition, "DELIVERY_NOT_HELD");
    let late = rejection(&delivery.delivery_id, HeldReason::Other, "SAMPLE");
    let late = committee.reject(late).await.unwrap_err();
    refused(&late).is(Code::NotFound, "DELIVERY_UNKNOWN");
    bus.stop().await;
}

#[tokio::test]
async fn each_act_is_for_those_it_is_for_and_has_one_receipt() {
    let bus = Bus::start().await;
    let (mission, committee, delivery) = submitted(&bus).await;
    let id = &delivery.delivery_id[..];
    let early = mission.release(release(id)).await.unwrap_err();
    refused(&early).is(Code::FailedPrecondition, "DELIVERY_NOT_HELD");
    committee.reject(rejection(id, HeldReason::WrongReceiver, "")).await.unwrap();

    let stranger = bus.party(bus::OTHER_MISSION).await;
    let unknown = stranger.release(release(id)).await.unwrap_err();
    refused(&unknown).is(Code::NotFound, "DELIVERY_UNKNOWN");
    let akimat = bus.party(bus::AKIMAT).await;
    for unasked in [
        akimat.release(release(id)).await.unwrap_err(),
        akimat.withdraw(withdraw(id)).await.unwrap_err(),
    ] {
        refused(&unasked).is(Code::PermissionDenied, "HELD_NOT_YOURS");
    }
    let operator = bus.party(bus::OPERATOR).await;
    for unallowed in [
        operator.release(release(id)).await.unwrap_err(),
        operator.withdraw(withdraw(id)).await.unwrap_err(),
        operator.redirect(redirect(id, bus::AKIMAT)).await.unwrap_err(),
        mission.redirect(redirect(id, bus::AKIMAT)).await.unwrap_err(),
    ] {
        refused(&unallowed).is(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    }
    let needed = mission.withdraw(withdraw(id)).await.unwrap_err();
    refused(&needed).is(Code::FailedPrecondition, "DELIVERY_NEEDED").says("K21B-03");
    let nobody = committee.redirect(redirect(id, "nobody-at-all")).await.unwrap_err();
    refused(&nobody).is(Code::InvalidArgument, "FIELD_INVALID").field("to_party_id");
    let role = committee.redirect(redirect(id, bus::AKIMAT)).await.unwrap_err();
    refused(&role).is(Code::InvalidArgument, "FIELD_INVALID").field("to_party_id");
    let mut unsaid = withdraw(id);
    unsaid.note = String::new();
    unsaid.request_id = "1".to_owned();
    let unsaid = refused(&mission.withdraw(unsaid).await.unwrap_err());
    assert_eq!(unsaid.fields(), ["request_id", "note"]);
    let long = rejection(id, HeldReason::Other, &"x".repeat(301));
    refused(&committee.reject(long).await.unwrap_err()).field("rejection.detail");
    let unsaid = rejection(id, HeldReason::Other, "");
    refused(&committee.reject(unsaid).await.unwrap_err()).field("rejection.detail");

    let asked = release(id);
    let receipt = mission.release(asked.clone()).await.unwrap();
    assert_eq!((&receipt.request_id, &receipt.case_id), (&asked.request_id, &delivery.case_id));
    assert_eq!(mission.release(asked.clone()).await.unwrap(), receipt);
    // Rejected and released once more, the first request still has its first receipt.
    committee.reject(rejection(id, HeldReason::WrongReceiver, "")).await.unwrap();
    assert_eq!(mission.release(asked.clone()).await.unwrap(), receipt);
    assert_eq!(committee.held_deliveries().await.len(), 1);
    let mut other = asked.clone();
    other.note = "SAMPLE: another".to_owned();
    let reused = mission.release(other).await.unwrap_err();
    refused(&reused).is(Code::AlreadyExists, "REQUEST_ID_REUSED");
    let bus = bus.restart().await;
    let mission = bus.party(bus::MISSION).await;
    assert_eq!(mission.release(asked).await.unwrap(), receipt);
    bus.stop().await;
}

#[tokio::test]
async fn a_redirected_delivery_and_the_later_hops_of_its_place_go_to_the_other_party() {
    let bus = Bus::start().await;
    let (mission, committee, delivery) = submitted(&bus).await;
    let case = &delivery.case_id[..];
    committee.acknowledge(&delivery.delivery_id).await.unwrap();
    committee.act(Act::forward(case)).await;
    let (akimat, other) = (bus.party(bus::AKIMAT).await, bus.party(bus::OTHER_AKIMAT).await);
    let forwarded = some_papers(&akimat).await.pop().unwrap();
    let id = &forwarded.delivery_id[..];
    akimat.reject(rejection(id, HeldReason::WrongReceiver, "")).await.unwrap();
    let unvisible = other.case(case).await.unwrap_err();
    refused(&unvisible).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
    committee.redirect(redirect(id, bus::OTHER_AKIMAT)).await.unwrap();

    let unknown = akimat.acknowledge(id).await.unwrap_err();
    refused(&unknown).is(Code::NotFound, "DELIVERY_UNKNOWN");
    let got = some_papers(&other).await.pop().unwrap();
    assert_eq!((&got.delivery_id, &got.due_time), (&forwarded.delivery_id, &forwarded.due_time));
    assert_eq!(got.application, forwarded.application);
    other.acknowledge(id).await.unwrap();
    assert!(akimat.obligations().await.is_empty());
    assert_eq!(other.obligations().await[0].clock.as_ref().unwrap().hop, "K21B-04");
    other.act(Act::refer(case)).await;
    let commission = bus.party(bus::COMMISSION).await;
    let referred = some_papers(&commission).await.pop().unwrap();
    assert_eq!(referred.sender_party_id, bus::OTHER_AKIMAT);
    commission.acknowledge(&referred.delivery_id).await.unwrap();
    commission.act(Act::decide_consent(case, samples::consent("2023-02-01", 1))).await;
    assert_eq!(some_papers(&other).await[0].hop, "K21B-05");
    let seen = mission.case(case).await.unwrap();
    assert_eq!(seen.akimat_party_id, bus::OTHER_AKIMAT);
    refused(&akimat.case(case).await.unwrap_err()).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
    bus.stop().await;
}

#[tokio::test]
async fn what_is_held_is_listed_in_pages_with_a_party_and_with_all() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    for _ in 0..5 {
        mission.submit(samples::application(bus::MORNING)).await;
    }
    let mut waiting = Vec::new();
    while waiting.len() < 5 {
        waiting.extend(papers(&committee).await);
    }
    for delivery in &waiting {
        let asked = rejection(&delivery.delivery_id, HeldReason::SystemFault, "");
        committee.reject(asked).await.unwrap();
    }
    let operator = bus.party(bus::OPERATOR).await;
    for party_id in ["", bus::COMMITTEE] {
        let mut request =
            ListHeldRequest { page_size: 2, party_id: party_id.to_owned(), ..Default::default() };
        let mut listed = Vec::new();
        loop {
            let page = operator.held_page(request.clone()).await.unwrap();
            listed.extend(page.deliveries.into_iter().map(|one| one.mark.unwrap().delivery_id));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let expected: Vec<_> = waiting.iter().map(|one| one.delivery_id.clone()).collect();
        assert_eq!(listed, expected);
        request.party_id = bus::AKIMAT.to_owned();
        let foreign = operator.held_page(request).await.unwrap_err();
        refused(&foreign).is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    let of_committee =
        ListHeldRequest { party_id: bus::COMMITTEE.to_owned(), ..Default::default() };
    let denied = mission.held_page(of_committee).await.unwrap_err();
    refused(&denied).is(Code::PermissionDenied, "PARTY_NOT_ALLOWED");
    bus.stop().await;
}

/// A system that works through what it gets in order and dies on the papers of one case.
async fn work_until(inbox: &mut bus::Inbox, poison: &str, taken: &mut BTreeSet<String>) {
    let mut waiting = VecDeque::new();
    loop {
        while waiting.is_empty() {
            if let Some(Said::Delivery(delivery)) = inbox.next().await.unwrap() {
                waiting.push_back(delivery);
            }
        }
        let Some(next) = waiting.pop_front() else { continue };
        if next.case_id == poison {
            return;
        }
        // Noted before it is acknowledged, since this may be broken off at any wait.
        if next.notice.is_none() {
            taken.insert(next.case_id);
        }
        inbox.acknowledge(&next.delivery_id).await;
        loop {
            match inbox.next().await.unwrap().unwrap() {
                Said::Delivery(delivery) => waiting.push_back(delivery),
                Said::Confirmation(_) => break,
                other @ (Said::Refusal(_) | Said::Rejection(_)) => panic!("{other:?}"),
            }
        }
    }
}

/// What is held with a party, once something is.
async fn some_held(party: &Party) -> HeldDelivery {
    loop {
        if let Some(held) = party.held_deliveries().await.pop() {
            return held;
        }
    }
}

#[tokio::test]
async fn the_bus_holds_what_a_system_dies_on_and_delivers_the_rest() {
    // It is asked again and again whether something is held yet.
    let settings =
        [("limits.max_delivery_attempts", "3"), ("limits.acts_per_second_per_party", "1000000")];
    let bus = Bus::with(&settings).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.push(mission.submit(samples::application(bus::MORNING)).await.case_id);
    }
    // It dies on the second of them, however often it comes back.
    let poison = sent[1].clone();
    let mut taken = BTreeSet::new();
    let held = loop {
        // Work goes on: a delivery is held because others are taken after it failed, and the first
        // ones may all be taken by then, by a stream opened before the bus saw the last one's end.
        sent.push(mission.submit(samples::application(bus::MORNING)).await.case_id);
        let mut inbox = committee.open_inbox(3).await;
        tokio::select! {
            held = some_held(&committee) => break held,
            () = work_until(&mut inbox, &poison, &mut taken) => {}
        }
    };
    let others: BTreeSet<_> = sent.iter().filter(|case| **case != poison).cloned().collect();
    while taken != others {
        let delivery = some_papers(&committee).await;
        assert!(delivery.iter().all(|one| one.case_id != poison));
        for one in delivery {
            committee.acknowledge(&one.delivery_id).await.unwrap();
            taken.insert(one.case_id);
        }
    }
    assert_eq!((&held.case_id, held.by_party_id.as_str()), (&poison, ""));
    assert_eq!(held.mark.unwrap().reason(), HeldReason::Unacknowledged);
    let operator = bus.party(bus::OPERATOR).await;
    assert_eq!(operator.held_deliveries().await.len(), 1);
    bus.stop().await;
}

/// Runs the command against the bus as a party; what it writes, and whether it was done.
async fn kopir(bus: &Bus, party: &str, args: &[&str]) -> (String, String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    command.args(args).arg("--certs").arg(bus.certs()).args(["--as", party]);
    command.args(["--bus", &bus.address().to_string(), "--name", bus::SERVER_NAME]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_lists_releases_and_tells_why_it_is_refused() {
    let bus = Bus::start().await;
    let (_mission, committee, delivery) = submitted(&bus).await;
    let id = &delivery.delivery_id[..];
    let asked = rejection(id, HeldReason::CannotParse, "SAMPLE: page 2 is empty");
    committee.reject(asked).await.unwrap();

    let (shown, told, done) = kopir(&bus, bus::OPERATOR, &["held", "list"]).await;
    assert!(done && shown.starts_with("held: 1\n"), "{shown}{told}");
    for word in [id, bus::COMMITTEE, "cannot-parse", "K21B-02", bus::MISSION, "(assumed)"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(!shown.contains("page 2"), "{shown}");
    let (shown, _, _) = kopir(&bus, bus::COMMITTEE, &["held", "list", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(told["held"][0]["detail"], "SAMPLE: page 2 is empty");
    let (shown, _, _) = kopir(&bus, bus::MISSION, &["case", "show", &delivery.case_id]).await;
    assert!(shown.contains("held with migration-committee: cannot-parse"), "{shown}");

    let (_, told, done) = kopir(&bus, bus::OPERATOR, &["held", "release", id]).await;
    assert!(!done && told.contains("ROLE_NOT_ALLOWED"), "{told}");
    let withdraw = ["held", "withdraw", id, "--note", "SAMPLE"];
    let (_, told, done) = kopir(&bus, bus::MISSION, &withdraw).await;
    assert!(!done && told.contains("DELIVERY_NEEDED"), "{told}");
    let redirect = ["held", "redirect", id, "--to", bus::AKIMAT, "--note", "SAMPLE"];
    let (_, told, done) = kopir(&bus, bus::COMMITTEE, &redirect).await;
    assert!(!done && told.contains("to_party_id"), "{told}");
    let (shown, told, done) = kopir(&bus, bus::MISSION, &["held", "release", id]).await;
    assert!(done && shown.contains(&delivery.case_id) && told.contains("--request-id"), "{told}");
    let (shown, _, _) = kopir(&bus, bus::OPERATOR, &["held", "list"]).await;
    assert_eq!(shown, "held: 0\n");
    bus.stop().await;
}
