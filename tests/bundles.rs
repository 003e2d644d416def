//! Exported cases with their papers and signatures: to whom they are opened, that they are held
//! against the records and judged again offline, and what is left when they were erased.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bus;
mod proofs;
mod signing;

use std::fs;
use std::path::Path;
use std::time::Instant;

use bus::{
    AKIMAT, Act, Bus, COMMISSION, COMMITTEE, MISSION, OPERATOR, OTHER_AKIMAT, Setting, samples,
};
use kopir::evidence::bundle;
use kopir::evidence::key;
use kopir::evidence::note::{KeyKind, Note, Signer};
use kopir::rpc::proto::types::v1::ConsentDecision;
use proofs::{DAMAGE, DONE, REFUSED, Watch, ask, data, kopir, log_key, prove, start_with};
use signing::Person;
use signing::site::{DOCUMENT, Site};

/// When the bus takes the decision: 16:00 in Pavlodar.
const TAKEN: &str = "2023-02-20T15:00:00+05:00";

/// A bus with a case whose consent decision is signed.
struct Decided {
    watch: Watch,
    bus: Bus,
    case: String,
    /// The record of the decision.
    decision: u64,
}

/// What opens papers in an export.
const WITH_PAPERS: [&str; 5] =
    ["--with-papers", "--purpose", "court-order", "--purpose-reference", "SAMPLE No. 4-17"];

async fn decided() -> Decided {
    let site = Site::new();
    let settings = site.settings(&[]);
    decided_on(site, &settings).await
}

async fn decided_on(site: Site, settings: &[Setting]) -> Decided {
    let watch = Watch::new();
    let bus = start_with(&watch, settings).await;
    let parties = bus.parties().await;
    let application = samples::application("2023-01-30T10:00:00+05:00");
    let case = parties.mission.act(Act::submit(application)).await.case_id;
    parties.committee.receive().await;
    parties.committee.act(Act::forward(&case)).await;
    parties.akimat.receive().await;
    parties.akimat.act(Act::refer(&case)).await;
    parties.commission.receive().await;
    bus.clock(TAKEN);
    let signed_document = Some(site.signed(&Person::default()));
    let consent = ConsentDecision { signed_document, ..samples::consent("2023-02-20", 1) };
    let receipt = parties.commission.act(Act::decide_consent(&case, consent)).await;
    parties.akimat.receive().await;
    prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
    Decided { watch, bus, case, decision: receipt.sequence }
}

impl Decided {
    /// Exports the case as a party. An export with papers before may be on record, and not be in a
    /// checkpoint yet.
    fn export(&self, party: &str, file: &Path, more: &[&str]) -> (i32, String) {
        let args = ["evidence", "export", &self.case, "--out", file.to_str().unwrap()];
        let began = Instant::now();
        loop {
            let (exit, said) = ask(&self.bus, party, &[&args, more].concat());
            if !said.contains("CHECKPOINT_PENDING") || began.elapsed() > bus::PATIENCE {
                return (exit, said);
            }
        }
    }
}

/// The content of a file of a bundle.
fn part(bundle: &[u8], name: &str) -> Option<Vec<u8>> {
    let files = bundle::files(bundle);
    let place = files.into_iter().find(|(file, _)| file == name)?.1;
    Some(bundle[place].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_and_signatures_of_a_case_are_proven_offline() {
    let case = decided().await;
    let key = log_key(&case.bus);
    let file = case.watch.path("with-papers.zip");
    let (exit, said) = case.export(AKIMAT, &file, &WITH_PAPERS);
    assert_eq!(exit, DONE, "{said}");
    let without = case.watch.path("without.zip");
    assert_eq!(case.export(COMMITTEE, &without, &[]).0, DONE);
    case.bus.stop().await;

    let bytes = fs::read(&file).unwrap();
    let paper = |part: &str| format!("papers/{:012}.{part}", case.decision);
    assert_eq!(part(&bytes, &paper("document")).unwrap(), DOCUMENT);
    assert!(part(&bytes, &paper("p7s")).is_some());
    let page = String::from_utf8(part(&bytes, "report.html").unwrap()).unwrap();
    for words in [
        samples::SURNAME,
        "applicant.name.surname",
        "Электрондық қолтаңбалар",
        "первый руководитель",
        "Papers opened for",
        signing::BIN,
    ] {
        assert!(page.contains(words), "the report tells {words}");
    }
    let verify = ["evidence", "verify", file.to_str().unwrap(), "--key", &key];
    let (exit, said) = kopir(&verify);
    assert_eq!(exit, DONE, "{said}");
    for words in [
        "are to the byte what was accepted with them",
        &format!("proven: Record {}, record-consent-decision: the document", case.decision),
        "it is valid, as was recorded then",
        "proven: The verdicts in signatures.csv are those that the records hold (1 of them)",
        "is to be believed, which its owner tells",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    assert!(!said.contains(samples::SURNAME), "what is proven is told, not what the papers say");

    // Without papers the same verdict is the record's word, and nothing of a person is in the file.
    let bytes = fs::read(&without).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains(samples::SURNAME) && !text.contains("applicant."), "{text}");
    assert!(bundle::files(&bytes).iter().all(|(name, _)| !name.starts_with("papers/")));
    let (exit, said) = kopir(&["evidence", "verify", without.to_str().unwrap(), "--key", &key]);
    assert_eq!(exit, DONE, "{said}");
    for words in [
        "not proven: What the papers of the records",
        "they are sealed in the records",
        "record-consent-decision: that the signature on its document is valid. The bus says so",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_are_opened_for_whom_they_were_given_and_for_nobody_else() {
    let case = decided().await;
    let file = |name: &str| case.watch.path(name);
    for (party, reason) in [
        (OPERATOR, "ROLE_NOT_ALLOWED"),
        (MISSION, "ROLE_NOT_ALLOWED"),
        (COMMISSION, "ROLE_NOT_ALLOWED"),
        (OTHER_AKIMAT, "CASE_NOT_VISIBLE"),
    ] {
        let (exit, said) = case.export(party, &file(party), &WITH_PAPERS);
        assert_eq!((exit, said.contains(reason)), (REFUSED, true), "{party}: {said}");
        assert!(!file(party).exists());
    }
    // The committee has sent on the application and has not seen the decision yet.
    let (exit, said) = case.export(COMMITTEE, &file("committee"), &WITH_PAPERS);
    assert_eq!(exit, DONE, "{said}");
    let bytes = fs::read(file("committee")).unwrap();
    let opened: Vec<_> = bundle::files(&bytes)
        .into_iter()
        .filter_map(|(name, _)| Some(name.strip_prefix("papers/")?.to_owned()))
        .filter(|name| name.ends_with(".content"))
        .collect();
    assert!(!opened.contains(&format!("{:012}.content", case.decision)), "{opened:?}");
    assert!(!bytes.windows(DOCUMENT.len()).any(|piece| piece == DOCUMENT));
    // Its own covering letter and the application that it passed on.
    assert_eq!(opened.len(), 2, "{opened:?}");
    let key = log_key(&case.bus);
    let verify = ["evidence", "verify", file("committee").to_str().unwrap(), "--key", &key]
        .map(ToOwned::to_owned);
    let (exit, said) = kopir(&verify.each_ref().map(String::as_str));
    assert_eq!((exit, said.contains("nothing opens them here")), (DONE, true), "{said}");
    // An unknown case is like one of others.
    let unknown = ["evidence", "export", "4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1"];
    let none = file("none");
    let asked = [&unknown[..], &WITH_PAPERS, &["--out", none.to_str().unwrap()]].concat();
    let (exit, said) = ask(&case.bus, AKIMAT, &asked);
    assert_eq!((exit, said.contains("CASE_NOT_VISIBLE")), (REFUSED, true), "{said}");
    case.bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_with_papers_needs_a_purpose_and_is_on_record() {
    let case = decided().await;
    let file = case.watch.path("papers.zip");
    let before = case.bus.sequence();
    for (more, words) in [
        (&["--with-papers"][..], "--purpose"),
        (&["--with-papers", "--purpose", "court-order"], "purpose.reference"),
        (&["--purpose", "supervision"], "--with-papers"),
    ] {
        let (exit, said) = case.export(AKIMAT, &file, more);
        assert!(exit != DONE && said.contains(words) && !file.exists(), "{more:?}: {said}");
    }
    assert_eq!(case.bus.sequence(), before);
    let (exit, said) = case.export(AKIMAT, &file, &WITH_PAPERS);
    assert_eq!(exit, DONE, "{said}");
    assert_eq!(case.bus.sequence(), before + 1);
    let (_, said) = ask(&case.bus, OPERATOR, &["case", "reads", &case.case]);
    for word in [AKIMAT, "case-export", "court-order", "SAMPLE No. 4-17"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // Without papers nothing personal is told, and nothing is recorded.
    let sealed = case.watch.path("sealed.zip");
    assert_eq!(case.export(COMMITTEE, &sealed, &[]).0, DONE);
    assert_eq!(case.bus.sequence(), before + 1);
    // The read is of the case, and is proven with it.
    let key = log_key(&case.bus);
    case.bus.stop().await;
    let (exit, said) = kopir(&["evidence", "verify", sealed.to_str().unwrap(), "--key", &key]);
    assert_eq!(exit, DONE, "{said}");
    let page = String::from_utf8(part(&fs::read(&sealed).unwrap(), "report.html").unwrap());
    assert!(page.unwrap().contains("Персональные данные прочитаны"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_signs_another_paper_than_it_recorded_is_caught_by_the_record() {
    let case = decided().await;
    let key = log_key(&case.bus);
    let signer = key::open(&data(&case.bus).join("log.key"), "localhost/kopir", KeyKind::Log);
    let signer = signer.unwrap();
    let file = case.watch.path("case.zip");
    assert_eq!(case.export(AKIMAT, &file, &WITH_PAPERS).0, DONE);
    case.bus.stop().await;
    let bytes = fs::read(&file).unwrap();
    let log = key.parse().unwrap();
    assert_eq!(bundle::verify(&bytes, &log, &[]).findings, []);
    let files = bundle::files(&bytes);
    let mut tried = 0;
    for (name, _) in &files {
        // The report is the bus's own wording, and the manifest is what is signed anew.
        if ["manifest", "report.html"].contains(&name.as_str()) {
            continue;
        }
        let mut content = part(&bytes, name).unwrap();
        let at = content.len() / 2;
        content[at] ^= 1;
        let forged = resigned(&bytes, name, &content, &signer);
        let findings = bundle::verify(&forged, &log, &[]).findings;
        assert_ne!(findings, [], "{name}");
        let number = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
        let tells = |finding: &bundle::Finding| {
            // Of a paper and its salt nobody can say which of them was exchanged.
            finding.place == *name
                || name == "checkpoint"
                || (name.ends_with(".salt") && number(&finding.place) == number(name))
        };
        assert!(findings.iter().any(tells), "{name}: {findings:?}");
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
    // One that is left out is missed.
    let gone = format!("papers/{:012}.salt", case.decision);
    let renamed = gone.replace(".salt", ".sale");
    let forged = renamed_in(&bytes, &gone, &renamed, &signer);
    let findings = bundle::verify(&forged, &log, &[]).findings;
    let told = |place: &str| findings.iter().any(|finding| finding.place == place);
    assert!(told(&gone), "{findings:?}");
}

/// A bundle with another content of the same length, signed anew with the key of the bus.
fn resigned(bundle: &[u8], name: &str, content: &[u8], signer: &Signer) -> Vec<u8> {
    let files = bundle::files(bundle);
    let place = |name: &str| files.iter().find(|(file, _)| file == name).unwrap().1.clone();
    let hex = |bytes: &[u8]| -> String {
        let hash = kopir::trust::signature::sha256(bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut forged = bundle.to_vec();
    let before = hex(&bundle[place(name)]);
    forged[place(name)].copy_from_slice(content);
    let before_it = signed_text(bundle);
    let line = |hash: &str| format!("file {hash} {} {name}\n", content.len());
    let text = before_it.replace(&line(&before), &line(&hex(content)));
    assert_ne!(text, before_it);
    signed_anew(forged, &text, signer, &[("manifest", None), (name, Some(content))])
}

/// What the bus signed of a bundle.
fn signed_text(bundle: &[u8]) -> String {
    let manifest = String::from_utf8(part(bundle, "manifest").unwrap()).unwrap();
    manifest.split_once("\n\n").unwrap().0.to_owned() + "\n"
}

/// A bundle in which a file has another name of the same length.
fn renamed_in(bundle: &[u8], name: &str, other: &str, signer: &Signer) -> Vec<u8> {
    let text = signed_text(bundle).replace(name, other);
    let mut forged = bundle.to_vec();
    let places: Vec<_> = bundle
        .windows(name.len())
        .enumerate()
        .filter(|(_, piece)| *piece == name.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in places {
        forged[at..at + name.len()].copy_from_slice(other.as_bytes());
    }
    signed_anew(forged, &text, signer, &[("manifest", None)])
}

/// Signs a manifest, and puts the checksums of changed files where the container has them.
fn signed_anew(
    mut bundle: Vec<u8>,
    text: &str,
    signer: &Signer,
    changed: &[(&str, Option<&[u8]>)],
) -> Vec<u8> {
    let files = bundle::files(&bundle);
    let place = |name: &str| files.iter().find(|(file, _)| file == name).unwrap().1.clone();
    let mut note = Note::new(text.to_owned());
    note.add(signer.sign(text, 0));
    let note = note.to_string().into_bytes();
    bundle[place("manifest")].copy_from_slice(&note);
    for (name, content) in changed {
        let checksum = crc32fast::hash(content.unwrap_or(&note)).to_le_bytes();
        let local = place(name).start - name.len() - 30;
        bundle[local + 14..local + 18].copy_from_slice(&checksum);
        let entry = (0..bundle.len()).rev().find(|at| bundle[*at..].starts_with(name.as_bytes()));
        let entry = entry.unwrap() - 46;
        assert!(bundle[entry..].starts_with(b"PK\x01\x02"));
        bundle[entry + 16..entry + 20].copy_from_slice(&checksum);
    }
    bundle
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_case_proves_its_chain_and_says_that_its_papers_were_erased() {
    let case = decided().await;
    let parties = case.bus.parties().await;
    // The consent goes back to the mission, which hands it over and waits for the family.
    parties.akimat.act(Act::send_consent(&case.case)).await;
    parties.committee.receive().await;
    parties.committee.act(Act::forward_decision(&case.case)).await;
    parties.mission.receive().await;
    let handed = samples::hand_over(TAKEN);
    parties.mission.act(Act::hand_over(&case.case, handed)).await;
    prove(&case.bus, OPERATOR, case.bus.sequence()).await.unwrap();
    let before = case.watch.path("before.zip");
    assert_eq!(case.export(AKIMAT, &before, &WITH_PAPERS).0, DONE);
    let args = ["case", "erase", &case.case, "--reason", "lawful-request", "--reference", "No. 17"];
    let (exit, said) = ask(&case.bus, OPERATOR, &args);
    assert_eq!(exit, DONE, "{said}");
    let erased = case.bus.sequence();
    prove(&case.bus, OPERATOR, erased).await.unwrap();
    let after = case.watch.path("after.zip");
    let (exit, said) = case.export(AKIMAT, &after, &WITH_PAPERS);
    assert_eq!(exit, DONE, "{said}");
    let key = log_key(&case.bus);
    case.bus.stop().await;

    let bytes = fs::read(&after).unwrap();
    assert!(bundle::files(&bytes).iter().all(|(name, _)| !name.starts_with("papers/")));
    assert!(!String::from_utf8_lossy(&bytes).contains(samples::SURNAME));
    let page = String::from_utf8(part(&bytes, "report.html").unwrap()).unwrap();
    assert!(page.contains("Персональные данные уничтожены"), "{page}");
    let verify =
        |file: &Path| kopir(&["evidence", "verify", file.to_str().unwrap(), "--key", &key]);
    let (exit, said) = verify(&after);
    assert_eq!(exit, DONE, "{said}");
    for words in [
        &format!("proven: Record {erased}, accepted at 2023-02-20T"),
        "the personal data of the case were erased, on the order of operator (lawful-request: No. 17)",
        "not proven: What the erased papers said. The key that opened them is destroyed",
        "stood unchanged and at its place in the journal",
        "the signature on its document is valid. The bus says so, by the record",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    // Whoever was given the papers before still proves them: that is why erasing is not forgetting.
    let (exit, said) = verify(&before);
    let proven = said.contains("are to the byte what was accepted with them");
    assert_eq!((exit, proven), (DONE, true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_nobody_known_is_told_for_what_it_is() {
    // Without authorities the bus takes it and has a doubt; the key and the document still hold.
    let case = decided_on(Site::new(), &[]).await;
    let key = log_key(&case.bus);
    let file = case.watch.path("case.zip");
    let (exit, said) = case.export(AKIMAT, &file, &WITH_PAPERS);
    assert_eq!(exit, DONE, "{said}");
    case.bus.stop().await;
    let verify = ["evidence", "verify", file.to_str().unwrap(), "--key", &key];
    let (exit, said) = kopir(&verify);
    assert_eq!(exit, DONE, "{said}");
    for words in [
        "bears a signature (ecdsa-p256 over sha-256) by head of",
        "whose certificate that is. The verdict was undetermined (no-authorities",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&kopir(&[&verify[..], &["--json"]].concat()).1).unwrap();
    assert_eq!(json["findings"], serde_json::json!([]));
    // Cut short, it names where.
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let (exit, said) = kopir(&verify);
    assert_eq!((exit, said.contains("WRONG: ")), (DAMAGE, true), "{said}");
}
