//! Erasure by rule over a whole bus on a clock of its own: not on the last day of the period, on the day
//! after it, once, over a restart; and nothing that is open, kept or of no rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use bus::held::rejection;
use bus::{Act, Bus, Parties, Party, samples};
use kopir::domain::{CaseErased, CaseId, ErasureReason, Event, Sequence};
use kopir::journal::verify;
use kopir::rpc::proto::cases::v1::CaseState;
use kopir::rpc::proto::inbox::v1::Delivery;
use kopir::rpc::proto::types::v1::HeldReason;

/// A year for the procedure through a mission, ten days for another one.
const RULES: (&str, &str) = (
    "retention.rules",
    "[{ procedure = \"kandas-mission\", role = \"commission\", years = 1, source = \"assumed\" }, \
     { procedure = \"appeal\", days = 10, source = \"assumed\" }]",
);

/// The next paper for a party; notices are taken on the way.
async fn paper(party: &Party) -> Delivery {
    loop {
        for delivery in party.fetch(100).await {
            if delivery.notice.is_none() {
                return delivery;
            }
            party.acknowledge(&delivery.delivery_id).await.unwrap();
        }
    }
}

async fn receive(party: &Party) {
    let delivery = paper(party).await;
    party.acknowledge(&delivery.delivery_id).await.unwrap();
}

/// A case of which the consent is refused, up to the last handover, all on one morning.
async fn refused(parties: &Parties) -> String {
    let Parties { mission, committee, akimat, commission } = parties;
    let case = mission.submit(samples::application(bus::MORNING)).await.case_id;
    receive(committee).await;
    committee.act(Act::forward(&case)).await;
    receive(akimat).await;
    akimat.act(Act::refer(&case)).await;
    receive(commission).await;
    let decision = samples::consent_refused(&bus::MORNING[..10]);
    commission.act(Act::decide_consent(&case, decision)).await;
    receive(akimat).await;
    akimat.act(Act::send_consent(&case)).await;
    receive(committee).await;
    committee.act(Act::forward_decision(&case)).await;
    receive(mission).await;
    mission.act(Act::hand_over(&case, samples::hand_over(bus::MORNING))).await;
    assert_eq!(state(mission, &case).await, CaseState::Closed);
    case
}

async fn state(party: &Party, case: &str) -> CaseState {
    party.case(case).await.unwrap().summary.unwrap().state()
}

async fn is_erased(bus: &Bus, case: &str) -> bool {
    let case = bus.party(bus::OPERATOR).await.case(case).await.unwrap();
    case.summary.unwrap().erased_time.is_some()
}

/// The erasures that the journal has, with their places.
fn erasures(bus: &Bus) -> Vec<(u64, CaseErased)> {
    let mut found = Vec::new();
    for sequence in 1..=bus.sequence() {
        let recorded = bus.app().engine().as_recorded(Sequence(sequence)).unwrap();
        if let Event::CaseErased(erased) = recorded.event {
            found.push((sequence, erased));
        }
    }
    found
}

/// Of each act of a case, whether its papers can be opened.
fn opened(bus: &Bus, case: &str) -> Vec<bool> {
    let (id, mut opened) = (case.parse::<CaseId>().unwrap(), Vec::new());
    for sequence in 1..=bus.sequence() {
        let recorded = bus.app().engine().recorded(Sequence(sequence)).unwrap();
        if let Event::Act(act) = recorded.event
            && act.case == id
        {
            opened.push(act.body.content.bytes().is_some());
        }
    }
    assert!(!opened.is_empty());
    opened
}

/// Whether the papers of a case can be opened: of every act of it, or of none.
fn opens(bus: &Bus, case: &str) -> bool {
    let opened = opened(bus, case);
    assert!(opened.iter().all(|one| *one == opened[0]), "{opened:?}");
    opened[0]
}

#[tokio::test]
async fn a_case_is_erased_by_rule_on_the_day_after_its_last_one_and_once() {
    let bus = Bus::with(&[RULES]).await;
    let parties = bus.parties().await;
    let case = refused(&parties).await;
    let open = parties.mission.submit(samples::application(bus::MORNING)).await.case_id;
    let before = bus.party(bus::OPERATOR).await.case(&case).await.unwrap();
    drop(parties);

    // The last day of the year, to its last second; a start on it is no occasion either.
    bus.clock("2024-02-01T23:59:59+06:00");
    assert_eq!(bus.app().retain().await, 0);
    let bus = bus.restart().await;
    assert_eq!(bus.app().retain().await, 0);
    assert!(!is_erased(&bus, &case).await && opens(&bus, &case));

    bus.clock("2024-02-02T00:00:00+06:00");
    // By this turn, or by one that the bus took by itself just before.
    bus.app().retain().await;
    assert!(is_erased(&bus, &case).await && !opens(&bus, &case));
    assert!(!is_erased(&bus, &open).await && opens(&bus, &open));
    let all = erasures(&bus);
    let [(_, erased)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((erased.case, erased.order), (case.parse().unwrap(), None));
    assert_eq!(erased.reason, ErasureReason::RetentionRule);
    assert_eq!(erased.reference, "kandas-mission, commission: 1 years after closing; assumed");

    // Once, whatever comes: turns, days, starts with the index or without it.
    bus.clock("2024-02-03T09:00:00+06:00");
    bus.app().retain().await;
    let bus = bus.restart_without_index().await;
    bus.app().retain().await;
    assert_eq!(erasures(&bus), all);
    assert!(is_erased(&bus, &case).await && !opens(&bus, &case));
    // The case stays, with its hops, terms and figures.
    let mut after = bus.party(bus::OPERATOR).await.case(&case).await.unwrap();
    let (was, is) = (before.summary.clone().unwrap(), after.summary.as_mut().unwrap());
    (is.erased_time, is.update_time) = (None, was.update_time);
    assert_eq!(after, before);
    // And so does the chain.
    let (journal, records) = (bus.certs().parent().unwrap().join("data/journal"), bus.sequence());
    assert_eq!(verify(&journal).unwrap().records, records);
    bus.stop().await;
}

#[tokio::test]
async fn what_is_held_kept_or_of_no_rule_is_not_erased() {
    let bus = Bus::with(&[RULES]).await;
    let parties = bus.parties().await;
    let (case, other) = (refused(&parties).await, refused(&parties).await);
    // Rejected by its receiver: held, and open for years.
    let held = parties.mission.submit(samples::application(bus::MORNING)).await.case_id;
    let delivery = paper(&parties.committee).await;
    let asked = rejection(&delivery.delivery_id, HeldReason::CannotParse, "");
    parties.committee.reject(asked).await.unwrap();
    drop(parties);
    // A court has asked for one of the cases.
    let keep: &'static str = format!("[\"{case}\"]").leak();
    let bus = bus.restart_with(&[RULES, ("retention.keep_cases", keep)]).await;
    bus.clock("2030-01-01T00:00:00+06:00");
    bus.app().retain().await;
    assert!(is_erased(&bus, &other).await);
    assert!(!is_erased(&bus, &case).await && !is_erased(&bus, &held).await);
    assert!(opens(&bus, &case) && opens(&bus, &held));
    // It does not any more; and without a rule nothing happens at all.
    let none = ("retention.rules", "[]");
    let bus = bus.restart_with(&[none]).await;
    bus.clock("2030-06-01T00:00:00+06:00");
    assert_eq!((bus.app().retain().await, is_erased(&bus, &case).await), (0, false));
    let bus = bus.restart_with(&[RULES]).await;
    bus.app().retain().await;
    assert!(is_erased(&bus, &case).await && !is_erased(&bus, &held).await);
    assert_eq!(erasures(&bus).len(), 2);
    bus.stop().await;
}

/// Nobody asks for it here: the bus looks by itself.
#[tokio::test]
async fn a_running_bus_erases_by_itself() {
    let bus = Bus::with(&[RULES]).await;
    let parties = bus.parties().await;
    let case = refused(&parties).await;
    bus.clock("2024-02-02T09:00:00+06:00");
    bus::within(async {
        // The record comes first, and then the key goes.
        while !is_erased(&bus, &case).await || opened(&bus, &case).contains(&true) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bus.stop().await;
}
