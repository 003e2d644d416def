//! What is proven of the journal, from outside: the real commands against a bus over mutual TLS, and
//! then without one. Tampering of each kind is named, a rewritten journal is caught by the bus and by
//! its witness, a forked history by whoever compares.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bus;
mod proofs;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use bus::act::Act;
use bus::{AKIMAT, Bus, COMMITTEE, MISSION, MORNING, OPERATOR, OTHER_MISSION, PATIENCE, samples};
use kopir::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use kopir::rpc::proto::evidence::v1::{
    AddCosignatureRequest, ExportCaseRequest, GetCheckpointRequest, GetConsistencyProofRequest,
};
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use kopir::rpc::proto::operations::v1::{GetStatusRequest, HealthIssue};
use kopir::rpc::proto::types::v1::Receipt;
use proofs::{
    DAMAGE, DONE, REFUSED, USAGE, Watch, ask, data, kopir, log_key, prove, read, reason, start,
};
use tonic::Code;

/// A case that the migration body has taken and sent on, with a breach of a term.
async fn case(bus: &Bus) -> Receipt {
    let parties = bus.parties().await;
    let receipt = parties.mission.submit(samples::application(MORNING)).await;
    parties.committee.receive().await;
    parties.committee.act(Act::forward(&receipt.case_id)).await;
    receipt
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_proven_to_whoever_may_see_its_case() {
    let watch = Watch::new();
    let bus = start(&watch).await;
    let receipt = case(&bus).await;
    let answer = prove(&bus, MISSION, receipt.sequence).await.unwrap();
    assert_eq!(answer.record_hash, receipt.record_hash);
    assert_eq!(answer.leaf_index, receipt.sequence - 1);

    // Permission before existence: a stranger learns nothing.
    for sequence in [receipt.sequence, 0, u64::MAX] {
        let refused = prove(&bus, OTHER_MISSION, sequence).await.unwrap_err();
        assert_eq!(reason(&refused), "CASE_NOT_VISIBLE", "{sequence}");
    }
    let refused = prove(&bus, OPERATOR, u64::MAX).await.unwrap_err();
    assert_eq!(reason(&refused), "CASE_NOT_VISIBLE");
    // An enrolment is of no case.
    assert_eq!(reason(&prove(&bus, MISSION, 1).await.unwrap_err()), "CASE_NOT_VISIBLE");
    assert_eq!(prove(&bus, OPERATOR, 1).await.unwrap().leaf_index, 0);

    let (dir, key) = (tempfile::tempdir().unwrap(), log_key(&bus));
    let file = dir.path().join("receipt.tlog-proof");
    let (file, sequence) = (file.to_str().unwrap(), receipt.sequence.to_string());
    let (exit, said) = ask(&bus, MISSION, &["evidence", "receipt", &sequence, "--out", file]);
    assert_eq!(exit, DONE, "{said}");
    bus.stop().await;

    // Offline from here on.
    let hash = hex(&receipt.record_hash);
    let check = |file: &str, more: &[&str]| {
        kopir(&[&["evidence", "verify-receipt", file, "--key", &key], more].concat())
    };
    let (exit, said) = check(file, &["--sequence", &sequence, "--hash", &hash]);
    assert_eq!(exit, DONE, "{said}");
    assert!(said.contains(&format!("stands at place {sequence} of the journal")), "{said}");
    assert!(said.contains("not proven: that everybody was shown the same"), "{said}");
    for (more, words) in [
        (["--sequence", "7000"], "not about that of the receipt"),
        (["--hash", &"0".repeat(64)], "not the receipt's"),
        (["--witness", &watch.key.to_string()], "the cosignature of a witness"),
    ] {
        let (exit, said) = check(file, &more);
        assert_eq!((exit, said.contains(words)), (DAMAGE, true), "{said}");
    }
    let bytes = fs::read(file).unwrap();
    let changed = dir.path().join("changed");
    for at in (0..bytes.len()).step_by(37) {
        let mut other = bytes.clone();
        other[at] ^= 2;
        fs::write(&changed, other).unwrap();
        let (exit, said) = check(changed.to_str().unwrap(), &["--hash", &hash]);
        assert_eq!(exit, DAMAGE, "byte {at}: {said}");
    }
    fs::write(&changed, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(check(changed.to_str().unwrap(), &[]).0, DAMAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_held_against_the_bus_the_act_and_its_own_bytes() {
    let (watch, elsewhere) = (Watch::new(), Watch::new());
    let (bus, other) = (start(&watch).await, start(&elsewhere).await);
    let (receipt, second) = (case(&bus).await, case(&bus).await);
    let foreign = case(&other).await;
    prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
    let key = log_key(&bus);
    let (exit, said) = watch.look(&bus, &key);
    assert_eq!(exit, DONE, "{said}");
    let proof = prove(&bus, MISSION, receipt.sequence).await.unwrap().proof;
    let of_second = prove(&bus, MISSION, second.sequence).await.unwrap().proof;
    let of_other = prove(&other, MISSION, foreign.sequence).await.unwrap().proof;
    // One that no checkpoint covers yet, or ever, has no proof.
    let far = (bus.sequence() + 1_000_000).to_string();
    let (exit, said) = ask(&bus, MISSION, &["evidence", "receipt", &far]);
    assert_eq!((exit, said.contains("CASE_NOT_VISIBLE")), (REFUSED, true), "{said}");
    assert_eq!(ask(&bus, MISSION, &["evidence", "receipt", "0"]).0, USAGE);
    bus.stop().await;
    other.stop().await;

    let (file, witness) = (watch.path("proof"), watch.key.to_string());
    let (sequence, hash) = (receipt.sequence.to_string(), hex(&receipt.record_hash));
    let of_receipt = ["--sequence", &sequence, "--hash", &hash];
    let check = |proof: &[u8], more: &[&str]| {
        fs::write(&file, proof).unwrap();
        let verify = ["evidence", "verify-receipt", file.to_str().unwrap(), "--key", &key];
        kopir(&[&verify, more].concat())
    };
    let witnessed = [&of_receipt[..], &["--witness", &witness]].concat();
    let (exit, said) = check(proof.as_bytes(), &witnessed);
    assert_eq!((exit, said.contains("not ")), (DONE, false), "{said}");
    // The cosignature is there, and nobody has named its key.
    let (exit, said) = check(proof.as_bytes(), &of_receipt);
    let told = said.contains("not checked: 1 more signatures on the checkpoint");
    assert_eq!((exit, told), (DONE, true), "{said}");

    let lines: Vec<&str> = proof.lines().collect();
    let swapped = proof.replacen(lines[4], "#", 1).replacen(lines[3], lines[4], 1);
    let swapped = swapped.replacen('#', lines[3], 1);
    let cosignature = [lines[lines.len() - 1], "\n"].concat();
    let checkpoint = proof.split_once("\n\n").unwrap().1;
    for (what, proof, words) in [
        ("of another act", of_second, "not about that of the receipt"),
        ("of another bus", of_other, "bears no signature of this key"),
        ("cut", proof[..proof.len() / 3].to_owned(), "what a proof has there"),
        ("without its checkpoint", proof.replace(checkpoint, ""), "its checkpoint"),
        ("cut before the cosignature", proof.replace(&cosignature, ""), "the cosignature"),
        ("with a line more", proof.clone() + "more\n", "its checkpoint"),
        ("with a byte more", proof.clone() + "\0", "its checkpoint"),
        ("with another's hashes", swapped, "the proof of inclusion"),
        ("with other line ends", proof.replace('\n', "\r\n"), "line 1"),
        ("empty", String::new(), "line 1"),
        ("a checkpoint alone", checkpoint.to_owned(), "line 1"),
        ("far too long", proof.repeat(1000), "has more than"),
    ] {
        let (exit, said) = check(proof.as_bytes(), &witnessed);
        assert_eq!((exit, said.contains(words)), (DAMAGE, true), "{what}: {said}");
    }
    // What was typed wrong is told as that.
    for more in [["--hash", "00"], ["--sequence", "seven"], ["--witness", "no key"]] {
        let (exit, said) = check(proof.as_bytes(), &more);
        assert_eq!((exit, said.contains(more[0])), (USAGE, true), "{said}");
    }
    let none = watch.path("none");
    let verify = ["evidence", "verify-receipt", none.to_str().unwrap(), "--key", &key];
    let (exit, said) = kopir(&verify);
    assert_eq!((exit, said.contains("none")), (1, true), "{said}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_proves_a_case_offline() {
    let watch = Watch::new();
    let bus = start(&watch).await;
    let receipt = case(&bus).await;
    // The commission never hears of it: the akimat's term runs out.
    bus.clock("2023-06-01T12:00:00+06:00");
    bus.party(OPERATOR).await.status().await;
    bus.app().engine().sweep().await.unwrap();
    let last = bus.sequence();
    prove(&bus, OPERATOR, last).await.unwrap();
    let key = log_key(&bus);
    let (exit, said) = watch.look(&bus, &key);
    assert_eq!(exit, DONE, "{said}");
    assert!(said.contains("cosigned: "), "{said}");

    let file = watch.path("case.zip");
    let out = file.to_str().unwrap();
    let export = ["evidence", "export", &receipt.case_id, "--out", out];
    let (exit, said) = ask(&bus, MISSION, &export);
    assert_eq!((exit, said.contains("ROLE_NOT_ALLOWED")), (REFUSED, true), "{said}");
    let unknown = ["evidence", "export", "4e39cbb3-8a3b-8a6e-a0c0-8d0a7d0fc5a1", "--out", out];
    let (exit, said) = ask(&bus, OPERATOR, &unknown);
    assert_eq!((exit, said.contains("CASE_NOT_VISIBLE")), (REFUSED, true), "{said}");
    let (exit, said) = ask(&bus, COMMITTEE, &export);
    assert_eq!(exit, DONE, "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ask(&bus, COMMITTEE, &export).0, 1, "a file is never written over");
    bus.stop().await;

    let witness = watch.key.to_string();
    let verify = ["evidence", "verify", out, "--key", &key, "--witness", &witness];
    let (exit, said) = kopir(&verify);
    assert_eq!(exit, DONE, "{said}");
    for words in [
        &format!("case {}", receipt.case_id),
        "proven: The bus localhost/kopir made and signed this bundle at 2023-06-01T06:00:00Z",
        "stood unchanged and at its place in the journal",
        "proven: The witness witness.example saw that journal at ",
        "proven: The terms in clocks.csv are those that the records lead to",
        "not proven: That the case has no further records",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    let bytes = read(&file);
    let page = String::from_utf8_lossy(&bytes);
    for words in ["Notice of a term", "Уведомление о сроке", "Мерзім туралы хабарлама"]
    {
        assert!(page.contains(words), "the report tells of the breach: {words}");
    }
    assert!(!page.contains(samples::SURNAME), "what is personal is sealed");

    // Another key, and the archive as any other program sees it.
    let stranger = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let (exit, said) = kopir(&["evidence", "verify", out, "--key", stranger]);
    assert_eq!((exit, said.contains("bears no signature of this key")), (DAMAGE, true), "{said}");
    assert_eq!(kopir(&["evidence", "verify", out, "--key", &witness]).0, USAGE);
    other_programs_agree(&file, &receipt);
}

/// `sha256sum` of a record is its hash, by what python's standard library makes of the archive.
fn other_programs_agree(file: &Path, receipt: &Receipt) {
    let script = "import hashlib, sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1])\n\
        assert archive.testzip() is None\n\
        print(hashlib.sha256(archive.read('records/%012d' % int(sys.argv[2]))).hexdigest())";
    let mut python = Command::new("python3");
    let ran = python.args(["-c", script]).arg(file).arg(receipt.sequence.to_string()).output();
    let Ok(Output { stdout, .. }) = ran else {
        println!("evidence: python3 is not here, so nothing else has opened the archive");
        return;
    };
    let hash = hex(&receipt.record_hash);
    assert_eq!(String::from_utf8_lossy(&stdout).trim(), hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_journal_is_caught_by_the_witness_and_by_the_bus_itself() {
    let watch = Watch::new();
    let honest = start(&watch).await;
    case(&honest).await;
    prove(&honest, OPERATOR, honest.sequence()).await.unwrap();
    let key = log_key(&honest);
    assert_eq!(watch.look(&honest, &key).0, DONE);
    assert_eq!(watch.look(&honest, &key).0, DONE, "the same again");
    let (_, shown) = ask(&honest, AKIMAT, &["evidence", "checkpoint"]);
    let first = watch.path("first");
    fs::write(&first, &shown).unwrap();

    // Whoever runs the bus writes another history, sound in itself and longer, and has its key.
    let other = start(&watch).await;
    for _ in 0..3 {
        case(&other).await;
    }
    let (stolen, to) = (read(&data(&honest).join("log.key")), data(&other));
    honest.stop().await;
    let other = other
        .restart_after(|| {
            fs::write(to.join("log.key"), stolen).unwrap();
            fs::remove_file(to.join("log.signed")).unwrap();
            fs::remove_dir_all(to.join("log")).unwrap();
        })
        .await;
    prove(&other, OPERATOR, other.sequence()).await.unwrap();
    let (exit, said) = watch.look(&other, &key);
    assert_eq!((exit, said.contains("forked or rewritten")), (DAMAGE, true), "{said}");
    let kept = fs::read_dir(watch.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> =
        kept.filter(|path| path.to_str().unwrap().contains("state.conflict-")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        fs::read_to_string(&kept[0]).unwrap().matches("\u{2014} localhost/kopir").count(),
        2
    );

    // Two parties that were shown the two histories compare them.
    let (_, shown) = ask(&other, AKIMAT, &["evidence", "checkpoint"]);
    let second = watch.path("second");
    fs::write(&second, &shown).unwrap();
    let (one, two) = (first.to_str().unwrap(), second.to_str().unwrap());
    let compare = ["evidence", "compare", one, two, "--key", &key];
    let (exit, said) = kopir(&compare);
    assert_eq!((exit, said.contains("add --ask")), (USAGE, true), "{said}");
    let asked = [&compare[..], &["--ask"]].concat();
    let (exit, said) = ask(&other, AKIMAT, &asked);
    assert_eq!((exit, said.contains("FORKED")), (DAMAGE, true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_whose_journal_was_exchanged_signs_nothing_and_still_takes_acts() {
    let watch = Watch::new();
    let other = start(&watch).await;
    for _ in 0..3 {
        case(&other).await;
    }
    let exchanged = watch.path("journal");
    fs::create_dir(&exchanged).unwrap();
    for entry in fs::read_dir(data(&other).join("journal")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), exchanged.join(entry.file_name())).unwrap();
    }
    other.stop().await;
    let bus = start(&watch).await;
    let mine = data(&bus);
    // On a clock that stands still the enrolments of both are the same; this is not.
    case(&bus).await;
    prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
    let bus = bus
        .restart_after(|| {
            fs::remove_dir_all(mine.join("journal")).unwrap();
            fs::remove_dir_all(mine.join("index")).unwrap();
            fs::rename(exchanged, mine.join("journal")).unwrap();
        })
        .await;
    let mut client = EvidenceServiceClient::new(bus.party(MISSION).await.channel);
    let begun = tokio::time::Instant::now();
    let refused = loop {
        let refused = client.get_checkpoint(GetCheckpointRequest {}).await.unwrap_err();
        if reason(&refused) != "CHECKPOINT_PENDING" || begun.elapsed() > PATIENCE {
            break refused;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(reason(&refused), "LOG_CONTRADICTED");
    // What closes a clock is still taken: only the signing has ended, and the status says so.
    case(&bus).await;
    let mut operations = OperationsServiceClient::new(bus.party(OPERATOR).await.channel);
    let begun = tokio::time::Instant::now();
    let status = loop {
        let status = operations.get_status(GetStatusRequest {}).await.unwrap().into_inner();
        if status.issues().next().is_some() || begun.elapsed() > PATIENCE {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(status.issues().collect::<Vec<_>>(), [HealthIssue::LogContradicted]);
    assert!(status.serving, "acts are taken");
    let (exit, said) = ask(&bus, OPERATOR, &["status"]);
    assert_eq!((exit, said.contains("log-contradicted")), (DONE, true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_continue_each_other_over_restarts_and_bad_requests_are_refused() {
    let watch = Watch::new();
    let bus = start(&watch).await;
    case(&bus).await;
    prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
    let (_, before) = ask(&bus, AKIMAT, &["evidence", "checkpoint"]);
    let bus = bus.restart().await;
    case(&bus).await;
    prove(&bus, OPERATOR, bus.sequence()).await.unwrap();
    let (_, after) = ask(&bus, MISSION, &["evidence", "checkpoint"]);
    let (one, two) = (watch.path("one"), watch.path("two"));
    fs::write(&one, before).unwrap();
    fs::write(&two, &after).unwrap();
    let (one, two, key) = (one.to_str().unwrap(), two.to_str().unwrap(), log_key(&bus));
    let (exit, said) =
        ask(&bus, AKIMAT, &["evidence", "compare", two, one, "--key", &key, "--ask"]);
    assert_eq!((exit, said.contains("one history")), (DONE, true), "{said}");
    assert_eq!(kopir(&["evidence", "compare", one, one, "--key", &key]).0, DONE);
    let (exit, said) = ask(&bus, AKIMAT, &["evidence", "checkpoint", "--cosigned"]);
    assert_eq!((exit, said.contains("no witness has cosigned")), (REFUSED, true), "{said}");

    let mut client = EvidenceServiceClient::new(bus.party(COMMITTEE).await.channel);
    for (old, new) in [(2, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let asked = GetConsistencyProofRequest { old_tree_size: old, new_tree_size: new };
        let refused = client.get_consistency_proof(asked).await.unwrap_err();
        assert_eq!(reason(&refused), "FIELD_INVALID", "{old} {new}");
    }
    let line = after.lines().last().unwrap().to_owned();
    let size: u64 = after.lines().nth(1).unwrap().parse().unwrap();
    for (tree_size, cosignature) in
        [(size, "nothing".into()), (size, line.clone()), (1, line.clone()), (size, String::new())]
    {
        let asked = AddCosignatureRequest { tree_size, cosignature };
        let refused = client.add_cosignature(asked).await.unwrap_err();
        assert_eq!(reason(&refused), "FIELD_INVALID");
    }
    let mut mission = EvidenceServiceClient::new(bus.party(MISSION).await.channel);
    let asked = AddCosignatureRequest { tree_size: size, cosignature: line };
    assert_eq!(mission.add_cosignature(asked).await.unwrap_err().code(), Code::PermissionDenied);
    let asked = ExportCaseRequest { case_id: "no case".into() };
    let refused = client.export_case(asked).await.unwrap_err();
    assert_eq!(reason(&refused), "CASE_NOT_VISIBLE");
}
