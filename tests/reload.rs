//! Certificates, revocation lists and the registry change under a running bus: what is new is in
//! force within seconds, whoever lost its place is out, nobody else notices, and what cannot be
//! used changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::fs;
use std::time::Duration;

use bus::refusal::refused;
use bus::samples::application;
use bus::trust::replace;
use bus::*;
use kopir::domain::Event;
use kopir::domain::party::PartyId;
use kopir::engine::Clock;
use kopir::index::NoteKind;
use kopir::rpc::proto::operations::v1::{
    GetStatusResponse, HealthIssue, RevocationListState, TrustStatus,
};
use tonic::{Code, Status};

/// A bus that looks at its files every second, with a revocation list of the tests' authority.
async fn watching(settings: &[Setting]) -> Bus {
    let mut all = vec![("tls.reload_seconds", "1")];
    all.extend_from_slice(settings);
    Bus::with(&all).await
}

trait Watched {
    fn registry(&self) -> String;
    fn register(&self, from: &str, to: &str);
    async fn trust(&self) -> (TrustStatus, GetStatusResponse);
    async fn until(&self, wanted: impl Fn(&TrustStatus) -> bool) -> TrustStatus;
}

impl Watched for Bus {
    fn registry(&self) -> String {
        fs::read_to_string(self.registry_file()).unwrap()
    }

    /// Puts another registry in place, by a change of its text.
    fn register(&self, from: &str, to: &str) {
        let text = self.registry();
        assert!(text.contains(from), "{from:?} is not in the registry");
        replace(&self.registry_file(), &text.replacen(from, to, 1));
    }

    async fn trust(&self) -> (TrustStatus, GetStatusResponse) {
        let status = self.party(OPERATOR).await.status().await;
        (status.trust.clone().unwrap(), status)
    }

    /// Waits until the state of what the bus believes is as wanted.
    async fn until(&self, wanted: impl Fn(&TrustStatus) -> bool) -> TrustStatus {
        let operator = self.party(OPERATOR).await;
        within(async {
            loop {
                let trust = operator.status().await.trust.unwrap();
                if wanted(&trust) {
                    return trust;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
    }
}

/// Whether the open inbox of a party has ended, and how.
async fn ended(inbox: &mut Inbox) -> (Code, String) {
    loop {
        if let Err(refusal) = inbox.next().await {
            return (refusal.code(), reason(&refusal));
        }
    }
}

fn reason(refusal: &Status) -> String {
    refused(refusal).details.error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn a_party_that_loses_its_identity_is_out_and_the_others_go_on() {
    let bus = watching(&[]).await;
    let (mut out, mut other) = (
        bus.party(MISSION).await.open_inbox(4).await,
        bus.party(COMMITTEE).await.open_inbox(4).await,
    );
    let before = bus.trust().await.0.registry_hash;
    let mission = bus.party(MISSION).await;
    bus.register(
        "id = \"mission-uz\"\nrole = \"foreign-mission\"\n",
        "id = \"mission-uz\"\nrole = \"foreign-mission\"\nidentities = []\n",
    );
    let told = ended(&mut out).await;
    assert_eq!(told, (Code::Unauthenticated, "IDENTITY_WITHDRAWN".to_owned()));
    let refused = mission.send(&Act::submit(application(MORNING))).await.unwrap_err();
    assert!([Code::Unauthenticated, Code::Unavailable].contains(&refused.code()), "{refused:?}");
    // A new connection is nobody's.
    let again =
        bus.party(MISSION).await.send(&Act::submit(application(MORNING))).await.unwrap_err();
    assert_eq!(reason(&again), "CERTIFICATE_UNKNOWN_PARTY");

    // The open stream of another party never noticed, and takes a delivery.
    let receipt = bus.party(OTHER_MISSION).await.submit(application(MORNING)).await;
    let delivery = within(other.delivery()).await;
    assert_eq!(delivery.case_id, receipt.case_id);
    assert_ne!(bus.trust().await.0.registry_hash, before);
    bus.stop().await;
}

#[tokio::test]
async fn rights_that_change_end_the_streams_of_that_party_alone() {
    let bus = watching(&[]).await;
    let joint = bus.party(JOINT_AKIMAT).await;
    let mut changed = [joint.open_inbox(4).await, joint.open_inbox(4).await];
    let mut others = [
        bus.party(AKIMAT).await.open_inbox(4).await,
        bus.party(COMMISSION).await.open_inbox(4).await,
        bus.party(COMMITTEE).await.open_inbox(4).await,
    ];
    bus.register("acts_for = [\"commission-kz-11\"]", "acts_for = []");
    for inbox in &mut changed {
        let told = within(ended(inbox)).await;
        assert_eq!(told, (Code::Unavailable, "RIGHTS_CHANGED".to_owned()));
    }
    // It is let in again at once, as what it is now.
    let again = bus.party(JOINT_AKIMAT).await;
    again.open_inbox(4).await;
    let silent = Inbox::open(&again, 4, SILENT_COMMISSION).await;
    let refused = match silent {
        Err(refused) => refused,
        Ok(mut inbox) => inbox.next().await.unwrap_err(),
    };
    assert_eq!(reason(&refused), "PARTY_NOT_ALLOWED");
    // The streams of the others stand, and one of them takes a delivery.
    for inbox in &mut others {
        assert!(tokio::time::timeout(Duration::from_millis(300), inbox.next()).await.is_err());
    }
    let receipt = bus.party(MISSION).await.submit(application(MORNING)).await;
    let [.., committee] = &mut others;
    assert_eq!(within(committee.delivery()).await.case_id, receipt.case_id);
    bus.stop().await;
}

#[tokio::test]
async fn a_certificate_that_ends_while_a_stream_is_open_ends_the_stream() {
    let bus = watching(&[]).await;
    let mut other = bus.party(MISSION).await.open_inbox(4).await;
    // On a machine that has much else to do a handshake may take longer than the shortest of them.
    let mut opened = None;
    for seconds in [4, 12, 24] {
        let until = Clock::System.now() + Duration::from_secs(seconds);
        let tls = bus.tls_until(MISSION, until);
        if let Ok(party) = Party::connect(MISSION, bus.address(), tls.clone()).await
            && let Ok(inbox) = Inbox::open(&party, 4, "").await
        {
            opened = Some((tls, inbox));
            break;
        }
    }
    let (tls, mut inbox) = opened.expect("no handshake was quick enough");
    let told = within(ended(&mut inbox)).await;
    assert_eq!(told, (Code::Unauthenticated, "IDENTITY_WITHDRAWN".to_owned()));
    // A new handshake with it is refused; the party's other connection never noticed.
    let late = Party::connect(MISSION, bus.address(), tls).await;
    let refused = match late {
        Ok(late) => late.send(&Act::submit(application(MORNING))).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    assert!(tokio::time::timeout(Duration::from_millis(300), other.next()).await.is_err());
    bus.stop().await;
}

#[tokio::test]
async fn a_new_party_takes_part_at_once_and_its_number_stays() {
    let bus = watching(&[]).await;
    let last = bus.sequence();
    let added = "\n[[party]]\nid = \"mission-tm\"\nrole = \"foreign-mission\"\n\
                 zone = \"Asia/Ashgabat\"\n[party.names]\nkk = \"m\"\nru = \"m\"\nen = \"m\"\n";
    let certificate = bus.issue("mission-tm");
    let early = Party::connect("mission-tm", bus.address(), certificate.clone()).await.unwrap();
    let refused = early.send(&Act::submit(application(MORNING))).await.unwrap_err();
    assert_eq!(reason(&refused), "CERTIFICATE_UNKNOWN_PARTY");
    replace(&bus.registry_file(), &(bus.registry() + added));
    // An enrolment and the change of the registry, in one group.
    within(async {
        while bus.sequence() < last + 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mission = Party::connect("mission-tm", bus.address(), certificate).await.unwrap();
    // What the rule says of a term is told for the zone of the new party too.
    let receipt = mission.submit(application(MORNING)).await;
    let rules: Vec<_> =
        receipt.clocks.iter().map(|told| &told.clock.as_ref().unwrap().rule).collect();
    assert!(!rules.is_empty() && rules.iter().all(|rule| !rule.is_empty()), "{receipt:?}");
    let id: PartyId = "mission-tm".parse().unwrap();
    let number = bus.app().engine().roster().number(&id).unwrap();
    let bus = bus.restart_without_index().await;
    assert_eq!(bus.app().engine().roster().number(&id), Some(number));
    bus.stop().await;
}

#[tokio::test]
async fn each_change_of_the_registry_is_a_record_without_its_contents() {
    let bus = watching(&[]).await;
    bus.register("zone = \"Asia/Tashkent\"", "zone = \"Asia/Almaty\"");
    let engine = bus.app().engine();
    let read = || {
        let last = engine.index().last_note(NoteKind::RegistryChanged).unwrap().unwrap();
        let Event::RegistryChanged(changed) = engine.recorded(last).unwrap().event else {
            panic!("{last} is another record")
        };
        changed
    };
    let first = read();
    let changed = within(async {
        loop {
            let changed = read();
            if changed != first {
                return changed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    use kopir::domain::ListingChange;
    assert!(first.parties.iter().all(|party| party.change == ListingChange::Added));
    let others: Vec<_> =
        changed.parties.iter().filter(|party| party.change != ListingChange::Kept).collect();
    let id: PartyId = MISSION.parse().unwrap();
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].change, ListingChange::Changed);
    assert_eq!(engine.roster().number(&id), Some(others[0].party));
    // The same file again, by a restart, is no change.
    let sequence = bus.sequence();
    let bus = bus.restart().await;
    assert_eq!(bus.sequence(), sequence);
    bus.stop().await;
}

#[tokio::test]
async fn what_the_law_forbids_of_a_registry_is_refused_with_the_reason() {
    let bus = watching(&[]).await;
    let Parties { mission, committee, .. } = bus.parties().await;
    mission.submit(application(MORNING)).await;
    let (good, last) = (bus.registry(), bus.sequence());
    let entry = |id: &str| {
        let start = good.find(&format!("\n[[party]]\nid = \"{id}\"")).unwrap();
        let length = good[start + 1..].find("\n[[party]]").map_or(good.len() - start, |at| at + 1);
        good[start..start + length].to_owned()
    };
    let refusals = [
        (
            good.replacen(
                "id = \"mission-mn\"\nrole = \"foreign-mission\"",
                "id = \"mission-mn\"\nrole = \"operator\"",
                1,
            ),
            "mission-mn: role foreign-mission becomes operator",
        ),
        (good.replace("KZ-59", "KZ-63"), "akimat-kz-59: its region becomes another"),
        (good.replacen(COMMITTEE, "other-committee", 1), "left out with"),
        (good.replacen("zone = \"Asia/Almaty\"", "zone = \"Asia/Alma-Ata\"", 1), "key zone"),
        (good.clone() + "\nhalf a", "toml:"),
        (good.clone() + &entry(MISSION), "listed twice"),
    ];
    let count = refusals.len();
    for (text, why) in refusals {
        replace(&bus.registry_file(), &text);
        let told = |trust: &TrustStatus| {
            trust
                .refused_files
                .iter()
                .any(|file| file.key == "registry_file" && file.problem.contains(why))
        };
        let trust = bus.until(told).await;
        let problem = &trust.refused_files[0].problem;
        assert!(problem.contains("parties.toml"), "{problem}");
    }
    assert_eq!(count, 6);
    assert_eq!(bus.sequence(), last, "nothing was recorded");
    let (_, status) = bus.trust().await;
    assert!(status.serving);
    within(async {
        while !bus.trust().await.1.issues().any(|issue| issue == HealthIssue::FileRefused) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    // What was in force is: the committee still has its inbox, and the mended file ends the issue.
    assert_eq!(committee.fetch(10).await.len(), 1);
    replace(&bus.registry_file(), &good);
    bus.until(|trust| trust.refused_files.is_empty()).await;
    bus.stop().await;
}

#[tokio::test]
async fn a_revoked_certificate_is_out_and_the_next_one_of_its_party_in() {
    let bus = watching(&[]).await;
    let (old, new) = (bus.party(MISSION).await, bus.issue(MISSION));
    let bus = bus.restart_revoking(&[]).await;
    drop(old);
    let old = bus.party(MISSION).await;
    let new = Party::connect(MISSION, bus.address(), new).await.unwrap();
    let (mut out, mut stays) = (old.open_inbox(4).await, new.open_inbox(4).await);
    bus.revoke(&[MISSION], 2);
    assert_eq!(ended(&mut out).await.1, "IDENTITY_WITHDRAWN");
    // Over the other certificate of the same party everything goes on.
    new.submit(application(MORNING)).await;
    assert!(tokio::time::timeout(Duration::from_millis(300), stays.next()).await.is_err());
    // No new handshake either; the client hears of it at its first call.
    let late = Party::connect(MISSION, bus.address(), bus.tls(MISSION)).await;
    let refused = match late {
        Ok(late) => late.send(&Act::submit(application(MORNING))).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);

    // A list that is older than the last is refused, and the revocation stands.
    bus.revoke(&[], 1);
    let trust = bus.until(|trust| !trust.refused_files.is_empty()).await;
    assert!(trust.refused_files[0].problem.contains("older"), "{trust:?}");
    assert_eq!(trust.revocation_lists[0].revoked_count, 1);
    assert_eq!(trust.revocation_lists[0].state(), RevocationListState::Current);
    // Nor does a restart take it, which would let in again whom the last one revoked.
    let why = bus.refuses_to_start().await;
    assert!(why.contains("is older than the last list of"), "{why}");
}

#[tokio::test]
async fn another_certificate_of_the_bus_is_shown_and_a_wrong_one_is_not() {
    let bus = watching(&[]).await;
    let standing = bus.party(MISSION).await;
    let mut inbox = standing.open_inbox(4).await;
    let before = bus.shown_certificate().await;
    // A certificate without its key changes nothing.
    let key = bus.bus_certificate_without_key();
    let trust = bus.until(|trust| !trust.refused_files.is_empty()).await;
    assert!(trust.refused_files[0].problem.contains("is not the key of"), "{trust:?}");
    assert!(trust.refused_files[0].key.contains("tls.key_file"), "{trust:?}");
    assert_eq!(bus.shown_certificate().await, before);
    bus.bus_key(&key);
    bus.until(|trust| trust.refused_files.is_empty()).await;
    assert_ne!(bus.shown_certificate().await, before);
    // Whoever was connected still is.
    standing.submit(application(MORNING)).await;
    assert!(tokio::time::timeout(Duration::from_millis(300), inbox.next()).await.is_err());
    bus.stop().await;
}

#[tokio::test]
async fn a_sighup_needs_no_second_look() {
    // By the clock alone this bus would look once an hour.
    let bus = Bus::with(&[("tls.reload_seconds", "3600")]).await;
    let mut inbox = bus.party(MISSION).await.open_inbox(4).await;
    // The first look comes with the start.
    tokio::time::sleep(Duration::from_millis(200)).await;
    bus.register(
        "id = \"mission-uz\"\nrole = \"foreign-mission\"\n",
        "id = \"mission-uz\"\nrole = \"foreign-mission\"\nidentities = []\n",
    );
    bus.app().reload();
    assert_eq!(ended(&mut inbox).await.1, "IDENTITY_WITHDRAWN");
    bus.stop().await;
}

#[tokio::test]
async fn an_overdue_list_is_told_and_lets_in_as_the_policy_has_it() {
    let bus = watching(&[]).await.restart_revoking(&[("tls.revocation", "\"soft\"")]).await;
    bus.revoke_until(&[], 2, "2020-01-02T00:00:00Z");
    let trust =
        bus.until(|trust| trust.revocation_lists[0].state() == RevocationListState::Overdue).await;
    assert!(trust.refused_files.is_empty());
    bus.party(MISSION).await.submit(application(MORNING)).await;
    within(async {
        while !bus.trust().await.1.issues().any(|issue| issue == HealthIssue::RevocationUnknown) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;

    // The same list under a strict policy whose grace is over keeps everybody out.
    let bus = bus
        .restart_revoking(&[("tls.revocation", "\"strict\""), ("tls.revocation_grace_hours", "0")])
        .await;
    let late = Party::connect(MISSION, bus.address(), bus.tls(MISSION)).await;
    let refused = match late {
        Ok(late) => late.send(&Act::submit(application(MORNING))).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    // A new list, and they are in again.
    bus.revoke(&[], 3);
    within(async {
        loop {
            let party = Party::connect(MISSION, bus.address(), bus.tls(MISSION)).await;
            if let Ok(party) = party
                && party.send(&Act::submit(application(MORNING))).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    bus.stop().await;
}
