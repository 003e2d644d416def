//! The cable between the bus and a party is cut: two network namespaces with a link of their own,
//! the real bus on one side and its clients on the other.
//!
//! It needs root and `ip`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kopir::rpc::proto::inbox::v1::{Delivery, open_inbox_response};
use kopir::rpc::proto::operations::v1::GetStatusResponse;
use tonic::transport::Channel;

use process::act::Act;
use process::answers::{open_inbox, status};
use process::ledger::Ledger;
use process::link::{BUS, Cut, Link, Side, obstacle};
use process::load::{acknowledge, send, submission, submit_in_bulk};
use process::seed::Seed;
use process::{Bus, COMMITTEE, Ground, OPERATOR, Settings, journal, skip};

const MISSION: &str = "mission-uz";
/// A silent connection is asked after a second whether it lives, and ended after another.
const SETTINGS: Settings = Settings { listen: BUS, keepalive_seconds: (1, 1), ..Settings::DEFAULT };
/// How long the bus may take to end it: twice the two, and a second for a slow machine.
const NOTICED: Duration = Duration::from_secs(5);
/// How long a sender waits for an answer.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long anything may take that is not cut off.
const PATIENCE: Duration = Duration::from_secs(20);
/// Room for deliveries in the inbox that is cut off.
const WINDOW: usize = 16;
/// Acts that are under way when the link is cut.
const UNDER_WAY: usize = 12;

#[test]
fn what_was_leased_over_a_cut_link_comes_again_and_acts_are_repeated() {
    if let Some(why) = obstacle() {
        return skip("what_was_leased_over_a_cut_link_comes_again_and_acts_are_repeated", &why);
    }
    let mut seed = Seed::of_this_run("cut link");
    for cut in [Cut::Silent, Cut::Unplugged] {
        let wire = Wire::lay(seed.fork());
        wire.link.on(Side::Party, || wire.cut_while_leased(cut));
        wire.end();
    }
}

#[test]
fn answers_that_never_arrive_are_given_again_under_the_same_request_ids() {
    if let Some(why) = obstacle() {
        return skip("answers_that_never_arrive_are_given_again_under_the_same_request_ids", &why);
    }
    let wire = Wire::lay(Seed::of_this_run("muted bus"));
    wire.link.on(Side::Party, || wire.mute_during_intake());
    wire.end();
}

/// A bus behind a link.
struct Wire {
    link: Link,
    ground: Ground,
    bus: Bus,
    ledger: Ledger,
    acts: Vec<Act>,
}

impl Wire {
    fn lay(mut seed: Seed) -> Self {
        let (link, ground) = (Link::lay().unwrap(), Ground::new());
        let bus = Bus::start(&mut link.on_the_bus_side(&ground.serve(&SETTINGS)));
        let acts = (0..WINDOW + 2 * UNDER_WAY).map(|_| submission(&mut seed)).collect();
        Self { link, ground, bus, ledger: Ledger::new(), acts }
    }

    /// Ends the bus; its journal holds what the ledger holds and nothing else.
    fn end(self) {
        let Self { ground, bus, ledger, .. } = self;
        assert!(bus.stop().success(), "a bus stops when it is asked to");
        journal::agrees(&ground.journal(), &ledger, true);
    }

    async fn channel(&self, party: &str) -> Channel {
        self.ground.client(&self.bus, party).await
    }

    async fn cut_while_leased(&self, how: Cut) {
        let mission = self.channel(MISSION).await;
        let (first, rest) = self.acts.split_at(WINDOW);
        assert!(submit_in_bulk(&mission, &self.ledger, MISSION, first).await.is_empty());
        let (_said, mut inbox) = open_inbox(self.channel(COMMITTEE).await, WINDOW).await;
        let leased = deliveries(&mut inbox).await;
        self.link.cut(how);
        let cut = Instant::now();
        let heard = self.submit_within_deadline(&mission, rest).await;
        assert_eq!(heard, 0, "nothing gets through");
        let freed = self.until(|status| leased_by(status, COMMITTEE) == 0);
        assert!(freed - cut < NOTICED, "the stream lived on for {:?}", freed - cut);
        self.link.mend(how);

        // The old connection is dead, though this side has not been told.
        let committee = self.channel(COMMITTEE).await;
        let (_said, mut inbox) = open_inbox(committee.clone(), WINDOW).await;
        let again = deliveries(&mut inbox).await;
        let same = |deliveries: &[Delivery], attempt| -> Vec<_> {
            assert!(deliveries.iter().all(|delivery| delivery.attempt == attempt));
            deliveries.iter().map(|delivery| delivery.delivery_id.clone()).collect()
        };
        assert_eq!(same(&again, 2), same(&leased, 1), "the same, in the same order");
        for delivery in &again {
            acknowledge(&committee, &self.ledger, COMMITTEE, delivery).await.unwrap();
        }
        self.repeat(rest).await;
        println!("cut link: {how:?}: {WINDOW} leased deliveries free after {:?}", freed - cut);
    }

    async fn mute_during_intake(&self) {
        let mission = self.channel(MISSION).await;
        let (first, rest) = self.acts.split_at(WINDOW);
        assert!(submit_in_bulk(&mission, &self.ledger, MISSION, first).await.is_empty());
        let before = self.status().journal_sequence;
        self.link.mute(Side::Bus);
        let heard = self.submit_within_deadline(&mission, rest).await;
        assert_eq!(heard, 0, "no answer arrives");
        let taken = self.status().journal_sequence - before;
        assert!(taken > 0, "the acts themselves did arrive");
        self.link.hear(Side::Bus);
        self.repeat(rest).await;
        let all = self.status().journal_sequence - before;
        assert_eq!(all, rest.len() as u64, "each is recorded once");
        println!(
            "muted bus: {taken} of {} acts were taken, unheard, and receipted later",
            rest.len()
        );
    }

    /// Sends acts at once and waits for no answer longer than the deadline; how many came.
    async fn submit_within_deadline(&self, channel: &Channel, acts: &[Act]) -> usize {
        let sent = acts
            .iter()
            .map(|act| tokio::time::timeout(DEADLINE, send(channel, &self.ledger, MISSION, act)));
        join_all(sent).await.iter().filter(|answer| matches!(answer, Ok(Ok(())))).count()
    }

    /// Sends them again over a new connection, under the ids that they have.
    async fn repeat(&self, acts: &[Act]) {
        let mission = self.channel(MISSION).await;
        for act in acts {
            send(&mission, &self.ledger, MISSION, act).await.unwrap();
        }
    }

    /// What the bus says to an operator on its own side.
    fn status(&self) -> GetStatusResponse {
        let ask = || async { status(self.channel(OPERATOR).await).await };
        tokio::task::block_in_place(|| self.link.on(Side::Bus, ask))
    }

    /// Asks until it is so; when it was.
    fn until(&self, so: impl Fn(&GetStatusResponse) -> bool) -> Instant {
        let begun = Instant::now();
        while !so(&self.status()) {
            assert!(begun.elapsed() < PATIENCE, "it never comes: {:?}", self.status());
        }
        Instant::now()
    }
}

fn leased_by(status: &GetStatusResponse, party: &str) -> u64 {
    let load = status.parties.iter().find(|load| load.party_id == party);
    load.expect("the status names every party").leased_deliveries
}

/// As many deliveries as the window has room for.
async fn deliveries(
    inbox: &mut tonic::Streaming<kopir::rpc::proto::inbox::v1::OpenInboxResponse>,
) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < WINDOW {
        let message = tokio::time::timeout(PATIENCE, inbox.message()).await;
        let message = message.expect("it comes").expect("the stream stands");
        match message.and_then(|message| message.message) {
            Some(open_inbox_response::Message::Delivery(delivery)) => all.push(delivery),
            other => panic!("nothing was acknowledged: {other:?}"),
        }
    }
    all
}
