//! Signed decisions through a running bus: verified when they are taken, delivered as they came, with
//! their verdict, and provable when the certificate has long ended.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;
mod signing;

use std::path::{Path, PathBuf};
use std::process::Command;

use bus::refusal::refused_act;
use bus::{Act, Bus, Parties, samples};
use kopir::rpc::proto::types::v1::{
    ConsentDecision, Receipt, SignatureDoubt, SignatureProver, SignatureStanding, SignatureVerdict,
    SignedDocument, SignerRole,
};
use kopir::trust::signature::sha256;
use signing::site::{DOCUMENT, Site};
use signing::{BIN, EMPLOYEE, Person};
use tonic::Code;

/// When it was signed and when the bus takes it: 16:00 in Pavlodar.
const TAKEN: &str = "2023-02-20T15:00:00+05:00";

/// A case that waits for the commission's decision on consent.
async fn at_the_commission(bus: &Bus) -> (Parties, String) {
    let parties = bus.parties().await;
    let application = samples::application("2023-01-30T10:00:00+05:00");
    let case_id = parties.mission.act(Act::submit(application)).await.case_id;
    parties.committee.receive().await;
    parties.committee.act(Act::forward(&case_id)).await;
    parties.akimat.receive().await;
    parties.akimat.act(Act::refer(&case_id)).await;
    parties.commission.receive().await;
    bus.clock(TAKEN);
    (parties, case_id)
}

fn decision(signed_document: Option<SignedDocument>) -> ConsentDecision {
    ConsentDecision { signed_document, ..samples::consent("2023-02-20", 1) }
}

fn assert_valid(found: &SignatureVerdict, receipt: &Receipt) {
    assert_eq!(found.sequence, receipt.sequence);
    assert_eq!(found.standing(), SignatureStanding::Valid);
    assert_eq!(found.doubt(), SignatureDoubt::Unspecified);
    assert_eq!(found.proven_by(), SignatureProver::Bus);
    assert_eq!(found.document_sha256, sha256(DOCUMENT).to_vec());
    assert_eq!(found.roles, [i32::from(SignerRole::Head)]);
    assert_eq!(found.organisation_bin, BIN);
    assert_eq!(found.signed_time, Some(samples::instant(signing::SIGNED)));
    assert_eq!(found.checked_time, Some(samples::instant(TAKEN)));
    assert_eq!((found.chain_sha256.len(), found.revocation.len()), (2, 2));
}

#[tokio::test]
async fn a_signed_decision_is_verified_delivered_unchanged_and_stays_proven() {
    let site = Site::new();
    let bus = Bus::with(&site.settings(&[])).await;
    let (parties, case_id) = at_the_commission(&bus).await;
    let signed = site.signed(&Person::default());
    let act = Act::decide_consent(&case_id, decision(Some(signed.clone())));
    let receipt = parties.commission.act(act.clone()).await;

    let (delivery, _) = parties.akimat.receive().await;
    let received = delivery.consent_decision.as_ref().unwrap();
    assert_eq!(received.signed_document.as_ref(), Some(&signed));
    assert_eq!(delivery.signatures.len(), 1);
    assert_valid(&delivery.signatures[0], &receipt);

    // It goes on with the paper to those who get it later.
    parties.akimat.act(Act::send_consent(&case_id)).await;
    let (delivery, _) = parties.committee.receive().await;
    assert_eq!(delivery.consent_decision.unwrap().signed_document, Some(signed.clone()));
    assert_valid(&delivery.signatures[0], &receipt);

    // The certificate ends in June. A repeat gets its receipt, and the verdict stays what it was.
    bus.clock("2024-02-01T10:00:00+05:00");
    assert_eq!(parties.commission.send(&act).await.unwrap(), receipt);
    let bus = bus.restart_without_index().await;
    let parties = bus.parties().await;
    assert_eq!(parties.commission.send(&act).await.unwrap(), receipt);
    let case = parties.commission.case(&case_id).await.unwrap();
    let hop = case.hops.iter().find(|hop| hop.sequence == receipt.sequence).unwrap();
    assert_valid(hop.signature.as_ref().unwrap(), &receipt);
    let others = case.hops.iter().filter(|hop| hop.sequence != receipt.sequence);
    assert!(others.into_iter().all(|hop| hop.signature.is_none()));

    // What it rests on was kept under its hash, and from that the command finds the same.
    let kept = kept(&bus);
    let hash = |of: &[u8]| of.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found = hop.signature.as_ref().unwrap();
    let named = found.chain_sha256.iter().map(|of| hash(of) + ".cer");
    let named = named.chain(found.revocation.iter().map(|of| hash(&of.sha256) + ".crl"));
    for name in named {
        let bytes = std::fs::read(kept.join(&name)).unwrap();
        assert_eq!(hash(&sha256(&bytes)), name.split('.').next().unwrap());
    }
    verified_by_the_command(&site, &signed, &kept, found);
}

/// The directory of what was kept.
fn kept(bus: &Bus) -> PathBuf {
    bus.certs().parent().unwrap().join("data/signatures")
}

fn verified_by_the_command(
    site: &Site,
    signed: &SignedDocument,
    kept: &Path,
    found: &SignatureVerdict,
) {
    std::fs::write(site.path("content"), &signed.content).unwrap();
    std::fs::write(site.path("signature"), &signed.signature).unwrap();
    let verify = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        command.args(["signature", "verify", "--json", "--role", "head"]);
        for (name, file) in [
            ("--content", "content"),
            ("--signature", "signature"),
            ("--anchors", "roots.pem"),
            ("--intermediates", "between.pem"),
        ] {
            command.arg(name).arg(site.path(file));
        }
        for evidence in &found.revocation {
            let name: String = evidence.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            command.arg("--crl").arg(kept.join(name + ".crl"));
        }
        let output = command.args(more).output().unwrap();
        let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), view["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verify(&["--at", TAKEN]), (Some(0), "valid".to_owned()));
    assert_eq!(verify(&[]), (Some(1), "undetermined".to_owned()));
    assert_eq!(verify(&["--at", "2023-02-20T09:00:00Z"]), (Some(3), "invalid".to_owned()));
}

#[tokio::test]
async fn an_invalid_signature_refuses_its_act_and_changes_nothing() {
    let site = Site::new();
    let bus = Bus::with(&site.settings(&[])).await;
    let (parties, case_id) = at_the_commission(&bus).await;
    let sound = site.signed(&Person::default());
    let employee = Person { roles: vec![EMPLOYEE], ..Person::default() };
    let ended = Person { not_after: "2023-02-01T00:00:00Z", ..Person::default() };
    let cases = [
        (
            SignedDocument { content: b"other bytes".to_vec().into(), ..sound.clone() },
            "other-document",
        ),
        (SignedDocument { signature: b"none".to_vec().into(), ..sound.clone() }, "malformed"),
        (site.signed(&employee), "wrong-role"),
        (site.signed(&ended), "expired-at-signing"),
        (Site::new().signed(&Person::default()), "unknown-authority"),
    ];
    for (document, flaw) in cases {
        let act = Act::decide_consent(&case_id, decision(Some(document)));
        let refused = refused_act(parties.commission.send(&act).await);
        let refused = refused.is(Code::InvalidArgument, "SIGNATURE_INVALID");
        let refused = refused.field("decision.signed_document").says(flaw);
        assert!(!format!("{refused:?}").contains("SAMPLE SIGNER"));
        // Whoever has no part in the case is told nothing of it.
        let stranger = bus.party(bus::OTHER_COMMISSION).await;
        let told = refused_act(stranger.send(&act).await);
        told.is(Code::PermissionDenied, "CASE_NOT_VISIBLE");
    }
    // What breaks the form is told with it.
    let act = Act::decide_consent(
        &case_id,
        decision(Some(SignedDocument { media_type: "pdf".to_owned(), ..sound.clone() })),
    );
    let refused = refused_act(parties.commission.send(&act).await);
    refused.is(Code::InvalidArgument, "FIELD_INVALID").field("decision.signed_document.media_type");
    let case = parties.commission.case(&case_id).await.unwrap();
    let open = case.hops.iter().find(|hop| hop.clock.as_ref().unwrap().hop == "K21B-05").unwrap();
    assert_eq!((open.sequence, &open.signature), (0, &None));
    // The step is still open, with and without a signature.
    parties.commission.act(Act::decide_consent(&case_id, decision(None))).await;
    let (delivery, _) = parties.akimat.receive().await;
    assert!(delivery.signatures.is_empty());
}

#[tokio::test]
async fn policy_says_what_an_act_needs_and_lists_count_without_a_restart() {
    let site = Site::new();
    let policy =
        "{ \"record-consent-decision\" = { demand = \"required\", undetermined = \"refuse\" } }";
    let bus = Bus::with(&site.settings(&[("signatures.acts", policy)])).await;
    let (parties, case_id) = at_the_commission(&bus).await;
    let send = async |document: Option<SignedDocument>| {
        let act = Act::decide_consent(&case_id, decision(document));
        parties.commission.send(&act).await
    };
    let refused = refused_act(send(None).await);
    refused.is(Code::FailedPrecondition, "SIGNATURE_REQUIRED").field("decision.signed_document");
    // The list runs out, and with it what is known.
    bus.clock("2023-02-21T10:00:00+05:00");
    let person = Person::default();
    let refused = refused_act(send(Some(site.signed(&person))).await);
    let refused = refused.is(Code::FailedPrecondition, "SIGNATURE_UNDETERMINED");
    refused.field("decision.signed_document").says("revocation-stale");
    // A new list says that it was revoked, the next one that it was another.
    let revoked = [(person.serial_bytes(), "2023-02-20T08:00:00Z")];
    let list = |revoked: &[(Vec<u8>, &str)], this| {
        site.pki.authority.list(revoked, this, "2023-02-23T00:00:00Z")
    };
    let root = site.pki.root.list(&[], "2023-02-21T00:00:00Z", "2023-03-23T00:00:00Z");
    site.lay("root.crl", &root);
    site.lay("signers.crl", &list(&revoked, "2023-02-21T00:00:00Z"));
    let refused = refused_act(send(Some(site.signed(&person))).await);
    refused.is(Code::InvalidArgument, "SIGNATURE_INVALID").says("revoked-at-signing");
    site.lay(
        "signers.crl",
        &list(&[(vec![0x41, 0x99], "2023-02-20T08:00:00Z")], "2023-02-21T01:00:00Z"),
    );
    let other = Person { serial: 9, ..Person::default() };
    send(Some(site.signed(&other))).await.unwrap();
    let (delivery, _) = parties.akimat.receive().await;
    assert_eq!(delivery.signatures[0].standing(), SignatureStanding::Valid);
}

#[tokio::test]
async fn without_authorities_a_signature_is_taken_undetermined() {
    let site = Site::new();
    let bus = Bus::start().await;
    let (parties, case_id) = at_the_commission(&bus).await;
    let act = Act::decide_consent(&case_id, decision(Some(site.signed(&Person::default()))));
    parties.commission.act(act).await;
    let (delivery, _) = parties.akimat.receive().await;
    let found = &delivery.signatures[0];
    assert_eq!(found.standing(), SignatureStanding::Undetermined);
    assert_eq!(found.doubt(), SignatureDoubt::NoAuthorities);
}
