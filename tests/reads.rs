//! Reads of personal data over real connections: told for a purpose alone, recorded before they are
//! told, once for each case of a page, and shown to those who watch over them and to nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use bus::held::rejection;
use bus::refusal::refused;
use bus::{Act, Bus, Party, samples, within};
use kopir::domain::{DataRead, Event, ReadContent, ReadPurpose as Purpose, Sequence};
use kopir::rpc::proto::cases::v1::{ListDataReadsRequest, ListDataReadsResponse};
use kopir::rpc::proto::inbox::v1::{Delivery, HeldDelivery, ListHeldRequest};
use kopir::rpc::proto::types::v1 as types;
use kopir::rpc::proto::types::v1::{HeldReason, ReadPurpose, ReadPurposeKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tonic::{Code, Status};

const WORDS: &str = "SAMPLE: page 2 is of somebody else";

fn purpose(kind: ReadPurposeKind, reference: &str) -> Option<ReadPurpose> {
    Some(ReadPurpose { kind: kind.into(), reference: reference.to_owned() })
}

/// A case whose papers its akimat has rejected with words of its own.
async fn rejected(mission: &Party, committee: &Party, akimat: &Party) -> String {
    let case = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let delivery = of_case(committee, &case).await;
    committee.acknowledge(&delivery.delivery_id).await.unwrap();
    committee.act(Act::forward(&case)).await;
    let delivery = of_case(akimat, &case).await;
    let asked = rejection(&delivery.delivery_id, HeldReason::Other, WORDS);
    akimat.reject(asked).await.unwrap();
    case
}

/// The delivery of a case, once it is there.
async fn of_case(party: &Party, case: &str) -> Delivery {
    loop {
        let fetched = party.fetch(100).await;
        if let Some(found) = fetched.into_iter().find(|one| one.case_id == case) {
            return found;
        }
    }
}

async fn held(party: &Party, stated: Option<ReadPurpose>) -> Result<Vec<HeldDelivery>, Status> {
    let request = ListHeldRequest { purpose: stated, ..Default::default() };
    Ok(party.held_page(request).await?.deliveries)
}

async fn reads_page(
    party: &Party,
    case: &str,
    (page_size, page_token): (i32, String),
) -> Result<ListDataReadsResponse, Status> {
    let request = ListDataReadsRequest { case_id: case.to_owned(), page_size, page_token };
    Ok(within(party.cases().list_data_reads(request)).await?.into_inner())
}

async fn reads(party: &Party, case: &str) -> Vec<types::DataRead> {
    reads_page(party, case, (0, String::new())).await.unwrap().reads
}

fn details(held: &[HeldDelivery]) -> BTreeSet<&str> {
    held.iter().map(|one| one.detail.as_str()).collect()
}

#[tokio::test]
async fn the_words_of_a_rejection_are_told_for_a_purpose_that_is_on_record() {
    let bus = Bus::start().await;
    let bus::Parties { mission, committee, akimat, .. } = bus.parties().await;
    let operator = bus.party(bus::OPERATOR).await;
    let case = rejected(&mission, &committee, &akimat).await;
    let before = bus.sequence();

    // The receiver has them, as it wrote them; others learn that there are some.
    let own = held(&akimat, None).await.unwrap();
    assert_eq!((own[0].detail.as_str(), own[0].has_detail), (WORDS, true));
    for watcher in [&committee, &operator] {
        let seen = held(watcher, None).await.unwrap();
        assert_eq!((seen.len(), seen[0].detail.as_str(), seen[0].has_detail), (1, "", true));
    }
    assert_eq!(bus.sequence(), before, "nothing personal was told");
    assert!(reads(&operator, &case).await.is_empty());

    let stated = purpose(ReadPurposeKind::CourtOrder, "SAMPLE No. 4-17 of 2023-01-30");
    let told = held(&committee, stated.clone()).await.unwrap();
    assert_eq!(told[0].detail, WORDS);
    assert_eq!(bus.sequence(), before + 1);
    let read = reads(&committee, &case).await;
    assert_eq!(read, reads(&operator, &case).await);
    let [read] = &read[..] else { panic!("{read:?}") };
    assert_eq!((read.sequence, read.reader_party_id.as_str()), (before + 1, bus::COMMITTEE));
    assert_eq!((read.content(), &read.purpose), (types::ReadContent::HeldWords, &stated));
    let pem = bus.files(bus::COMMITTEE).certificate;
    let certificate = CertificateDer::from_pem_file(pem).unwrap();
    assert_eq!(read.certificate_hash, digest(&SHA256, &certificate).as_ref());
    let recorded = bus.app().engine().recorded(Sequence(read.sequence)).unwrap();
    assert_eq!((&recorded.hash[..], recorded.at), (&read.record_hash[..], bus.now()));
    let Event::DataRead(event) = recorded.event else { panic!("{:?}", recorded.event) };
    let DataRead { content, purpose, reference, .. } = *event;
    assert_eq!((content, purpose), (ReadContent::HeldWords, Purpose::CourtOrder));
    assert_eq!(reference.as_deref(), Some("SAMPLE No. 4-17 of 2023-01-30"));

    // Each reading is one, and the case itself is as it was.
    let untouched = operator.case(&case).await.unwrap();
    held(&committee, self::purpose(ReadPurposeKind::Delivery, "")).await.unwrap();
    assert_eq!(operator.case(&case).await.unwrap(), untouched);
    let newest: Vec<_> = reads(&operator, &case).await;
    let kinds: Vec<_> = newest.iter().map(|read| read.purpose.clone().unwrap().kind()).collect();
    assert_eq!(kinds, [ReadPurposeKind::Delivery, ReadPurposeKind::CourtOrder]);
    // They outlive the index.
    let bus = bus.restart_without_index().await;
    assert_eq!(reads(&bus.party(bus::OPERATOR).await, &case).await, newest);
    bus.stop().await;
}

#[tokio::test]
async fn a_page_leaves_one_record_for_each_of_its_cases() {
    let bus = Bus::start().await;
    let bus::Parties { mission, committee, akimat, .. } = bus.parties().await;
    let operator = bus.party(bus::OPERATOR).await;
    let mut cases = Vec::new();
    for _ in 0..3 {
        cases.push(rejected(&mission, &committee, &akimat).await);
    }
    // What the authorised body itself has rejected is its own, and no read.
    let own = mission.submit(samples::application(bus::MORNING)).await.case_id;
    let delivery = of_case(&committee, &own).await;
    let asked = rejection(&delivery.delivery_id, HeldReason::Other, "SAMPLE: of its own");
    committee.reject(asked).await.unwrap();

    let before = bus.sequence();
    let told = held(&committee, purpose(ReadPurposeKind::Delivery, "")).await.unwrap();
    assert_eq!((told.len(), details(&told)), (4, BTreeSet::from([WORDS, "SAMPLE: of its own"])));
    assert_eq!(bus.sequence(), before + 3);
    assert!(reads(&operator, &own).await.is_empty());
    for case in &cases {
        assert_eq!(reads(&operator, case).await.len(), 1);
    }
    // A page of one is of one.
    let request = ListHeldRequest {
        page_size: 1,
        party_id: bus::AKIMAT.to_owned(),
        purpose: purpose(ReadPurposeKind::Supervision, "SAMPLE No. 9"),
        ..Default::default()
    };
    committee.held_page(request).await.unwrap();
    assert_eq!(bus.sequence(), before + 4);
    // The reads of a case in pages, the newest first.
    let of_all: Vec<_> = reads(&operator, &cases[0]).await;
    assert_eq!(of_all.len(), 2);
    let first = reads_page(&operator, &cases[0], (1, String::new())).await.unwrap();
    let second = reads_page(&operator, &cases[0], (1, first.next_page_token.clone())).await;
    let second = second.unwrap();
    assert_eq!([first.reads, second.reads].concat(), of_all);
    let elsewhere = reads_page(&operator, &cases[1], (1, first.next_page_token)).await;
    refused(&elsewhere.unwrap_err()).is(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    bus.stop().await;
}

#[tokio::test]
async fn a_purpose_that_is_none_is_refused_by_its_field_and_tells_nothing() {
    let bus = Bus::start().await;
    let bus::Parties { mission, committee, akimat, .. } = bus.parties().await;
    let operator = bus.party(bus::OPERATOR).await;
    let case = rejected(&mission, &committee, &akimat).await;
    let before = bus.sequence();
    let long = "7".repeat(201);
    for (kind, reference, field) in [
        (ReadPurposeKind::Unspecified, "SAMPLE No. 4", "purpose.kind"),
        (ReadPurposeKind::CourtOrder, "", "purpose.reference"),
        (ReadPurposeKind::Complaint, "", "purpose.reference"),
        (ReadPurposeKind::SubjectRequest, "", "purpose.reference"),
        (ReadPurposeKind::Delivery, &long, "purpose.reference"),
        (ReadPurposeKind::Supervision, "two\nlines", "purpose.reference"),
    ] {
        let refusal = held(&committee, purpose(kind, reference)).await.unwrap_err();
        refused(&refusal).is(Code::InvalidArgument, "FIELD_INVALID").field(field);
    }
    let unknown = Some(ReadPurpose { kind: 99, reference: String::new() });
    let refusal = held(&committee, unknown).await.unwrap_err();
    refused(&refusal).is(Code::InvalidArgument, "FIELD_INVALID").field("purpose.kind");
    // Nobody else gets anything by one.
    for other in [&operator, &akimat, &mission] {
        let refusal = held(other, purpose(ReadPurposeKind::Delivery, "")).await.unwrap_err();
        refused(&refusal).is(Code::InvalidArgument, "FIELD_INVALID").field("purpose");
    }
    assert_eq!(bus.sequence(), before);

    // Who has read is for those who watch.
    for other in [&mission, &akimat] {
        let refusal = reads_page(other, &case, (0, String::new())).await.unwrap_err();
        refused(&refusal).is(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    }
    for none in ["", "no case", "00000000-0000-8000-8000-000000000001"] {
        let refusal = reads_page(&operator, none, (0, String::new())).await.unwrap_err();
        refused(&refusal).is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
    }
    let refusal = reads_page(&operator, &case, (-1, String::new())).await.unwrap_err();
    refused(&refusal).is(Code::InvalidArgument, "FIELD_INVALID").field("page_size");
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
async fn the_commands_state_a_purpose_and_show_who_has_read() {
    let bus = Bus::start().await;
    let bus::Parties { mission, committee, akimat, .. } = bus.parties().await;
    let case = rejected(&mission, &committee, &akimat).await;
    let list = ["held", "list"];
    let (shown, _, done) = kopir(&bus, bus::COMMITTEE, &list).await;
    assert!(done && shown.contains("(not shown)") && !shown.contains("page 2"), "{shown}");
    let (shown, _, _) = kopir(&bus, bus::OPERATOR, &["case", "show", &case]).await;
    assert!(!shown.contains("read of its personal data"), "{shown}");

    let stated = ["--purpose", "complaint", "--purpose-reference", "SAMPLE No. 5"];
    let (shown, told, done) = kopir(&bus, bus::COMMITTEE, &[&list[..], &stated].concat()).await;
    assert!(done && shown.contains(WORDS), "{shown}{told}");
    for args in [&["case", "show", &case][..], &["case", "reads", &case]] {
        let (shown, told, done) = kopir(&bus, bus::OPERATOR, args).await;
        assert!(done, "{told}");
        for word in [bus::COMMITTEE, "held-words", "complaint", "SAMPLE No. 5"] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(!shown.contains("page 2"), "{shown}");
    }
    let (shown, _, _) = kopir(&bus, bus::OPERATOR, &["case", "reads", &case, "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&told["reads"][0]["purpose"], &told["more"]), (&"complaint".into(), &false.into()));
    // A party of the case is shown the case, and not who has read of it.
    let (shown, told, done) = kopir(&bus, bus::MISSION, &["case", "show", &case]).await;
    assert!(done && !shown.contains("SAMPLE No. 5"), "{shown}{told}");
    let (_, told, done) = kopir(&bus, bus::MISSION, &["case", "reads", &case]).await;
    assert!(!done && told.contains("ROLE_NOT_ALLOWED"), "{told}");
    // What is wrong on the command line is said before the bus is asked.
    let alone = ["held", "list", "--purpose-reference", "SAMPLE No. 5"];
    let (_, told, done) = kopir(&bus, bus::COMMITTEE, &alone).await;
    assert!(!done && told.contains("--purpose"), "{told}");
    let (_, told, done) =
        kopir(&bus, bus::COMMITTEE, &["held", "list", "--purpose", "court-order"]).await;
    assert!(!done && told.contains("purpose.reference"), "{told}");
    bus.stop().await;
}
