//! Time-stamps of checkpoints (RFC 3161). The token that a bus keeps is verified by `openssl ts`,
//! made by it too; every way in which a token is none has its reason and costs no act.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "timestamps/authority.rs"]
mod authority;
mod bus;
mod outside;
mod signing;
#[path = "timestamps/token.rs"]
mod token;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use authority::{Mode, Openssl, Tsa, run};
use bus::told::Told;
use bus::{Bus, COMMITTEE, MORNING, OPERATOR, PATIENCE, SERVER_NAME, samples};
use der::asn1::ObjectIdentifier;
use kopir::evidence::key;
use kopir::evidence::note::KeyKind;
use kopir::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use kopir::rpc::proto::evidence::v1::{GetCheckpointRequest, GetCheckpointResponse};
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use kopir::rpc::proto::operations::v1::{GetStatusRequest, TimeStampStatus};
use kopir::trust::signature::authorities::Authorities;
use kopir::trust::signature::timestamp::{
    MAX_ANSWER_BYTES, Nonce, Question, StampFault, read, verify, verify_answer,
};
use rustls::pki_types::CertificateDer;
use signing::{Authority, Key, SHA1, SHA384, SHA512, oid, tlv};
use tempfile::TempDir;
use token::{EVER, POLICY, SERVER, STAMPING, Token, answer, refusal, sound, stamper};

const CONTENT: &[u8] = b"bus.example\n7\nroot\n\n- bus.example signature\n";

fn authorities(root: &Authority) -> Authorities {
    Authorities::new(vec![CertificateDer::from(root.der.clone())], Vec::new())
}

/// Whether the command is there; where it is not, the test says so.
fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").output();
    let is_there = found.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: there is no openssl");
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
    }
    is_there
}

fn question(policy: Option<&str>) -> Question {
    let policy = policy.map(ObjectIdentifier::new_unwrap);
    Question::new(CONTENT, policy, Nonce::new(0x77))
}

/// What is said of the answer with a token that is spoilt in one way.
fn said_of(spoil: impl FnOnce(&mut Token<'_>)) -> String {
    let root = Authority::root("SAMPLE ROOT");
    let signer = sound(&root);
    let mut token = Token::over(CONTENT, &signer);
    spoil(&mut token);
    said(&token.answer(), &root)
}

fn said(answer: &[u8], root: &Authority) -> String {
    match verify_answer(answer, &question(Some(POLICY)), CONTENT, &authorities(root)) {
        Ok((stamp, _)) => stamp.at.to_string(),
        Err(fault) => fault.to_string(),
    }
}

/// What is said of a token by a certificate of this kind.
fn said_of_stamper(purposes: &[&str], critical: bool, in_force: [&str; 2]) -> String {
    let root = Authority::root("SAMPLE ROOT");
    let signer = stamper(&root, Key::P256, purposes, critical, in_force);
    said(&Token::over(CONTENT, &signer).answer(), &root)
}

#[test]
fn a_sound_token_is_taken_with_its_time() {
    assert_eq!(said_of(|_| {}), "2023-02-20T10:00:00Z");
    assert_eq!(said_of(|token| token.at = "20230220100000.125Z"), "2023-02-20T10:00:00.125Z");
    // An extension that need not be understood, and the authority's name for itself.
    let extension = tlv(0x30, &[oid("1.2.3.4"), tlv(0x04, b"x")].concat());
    let name = tlv(0xa0, &tlv(0x82, b"tsa.example"));
    let more = [name, tlv(0xa1, &extension)].concat();
    assert_eq!(said_of(|token| token.more = more), "2023-02-20T10:00:00Z");
    assert_eq!(said_of(|token| token.named_issuer = None), "2023-02-20T10:00:00Z");
}

#[test]
fn each_way_to_be_no_token_has_its_reason() {
    let other = sound(&Authority::root("SAMPLE ROOT"));
    let critical = [oid("1.2.3.4"), vec![1, 1, 0xff], tlv(0x04, b"x")].concat();
    let critical = tlv(0xa1, &tlv(0x30, &critical));
    for (said, words) in [
        (said_of(|token| token.imprint[0] ^= 1), "other bytes than those that were sent"),
        (said_of(|token| token.imprint_by = SHA512), "other bytes than those that were sent"),
        (said_of(|token| token.nonce = Some(vec![0x78])), "does not repeat the nonce"),
        (said_of(|token| token.nonce = None), "does not repeat the nonce"),
        (said_of(|token| token.policy = "1.2.3.4"), "under the policy 1.2.3.4, which was not"),
        (said_of(|token| token.at = "20230220100000"), "no TSTInfo"),
        (said_of(|token| token.more = critical), "no TSTInfo in DER (RFC 3161 §2.4.2), or has"),
        (said_of(|token| token.more = vec![2, 1, 1, 5, 0]), "no TSTInfo"),
        (said_of(|token| token.content_type = "1.2.840.113549.1.7.1"), "content-type-differs"),
        (said_of(|token| token.detached = true), "not sound: malformed"),
        (said_of(|token| token.named = None), "does not say by an ESSCertIDv2"),
        (said_of(|token| token.named = Some(other.der.clone())), "names another certificate"),
        (said_of(|token| token.named_issuer = Some(root_like())), "names another certificate"),
        (said_of(|token| token.digest = SHA1), "not sound: weak-digest"),
        (said_of(|token| token.digest = SHA384), "not sound: algorithm"),
        (said_of(|token| token.certificates.clear()), "not sound: no-certificate"),
        (said_of(|token| token.at = "20460101000000Z"), "not sound: expired-at-signing"),
        (said_of_stamper(&[STAMPING], false, EVER), "not for time stamping alone"),
        (said_of_stamper(&[STAMPING, SERVER], true, EVER), "not for time stamping alone"),
        (said_of_stamper(&[STAMPING, "1.2.3.4"], true, EVER), "not for time stamping alone"),
        (said_of_stamper(&[SERVER], true, EVER), "not for time stamping alone"),
        (said_of_stamper(&[], true, EVER), "not for time stamping alone"),
        (
            said_of_stamper(&[STAMPING], true, [EVER[0], "2023-02-20T09:59:59Z"]),
            "not sound: expired-at-signing",
        ),
        (
            said_of_stamper(&[STAMPING], true, ["2023-02-20T10:00:01Z", EVER[1]]),
            "not sound: not-yet-valid-at-signing",
        ),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// A certificate of another issuer, with the serial number of the signer's.
fn root_like() -> Vec<u8> {
    sound(&Authority::root("SAMPLE OTHER ROOT")).der
}

#[test]
fn whoever_is_not_below_a_configured_authority_stamps_nothing() {
    let (root, other) = (Authority::root("SAMPLE ROOT"), Authority::root("SAMPLE ROOT"));
    let signer = sound(&other);
    let said = said(&Token::over(CONTENT, &signer).answer(), &root);
    assert!(said.contains("not sound: unknown-authority"), "{said}");
    // An authority between comes with the token.
    let between = root.under("SAMPLE BETWEEN", 7);
    let signer = sound(&between);
    let mut token = Token::over(CONTENT, &signer);
    assert!(self::said(&token.answer(), &root).contains("unknown-authority"));
    token.certificates.push(between.der.clone());
    assert_eq!(self::said(&token.answer(), &root), "2023-02-20T10:00:00Z");
    // Without any authority nothing is proven.
    let nobody = verify(&token.token(), CONTENT, &Authorities::default());
    assert!(nobody.unwrap_err().to_string().contains("unknown-authority"));
}

#[test]
fn what_is_no_answer_is_refused_by_its_status_or_its_form() {
    let root = Authority::root("SAMPLE ROOT");
    let signer = sound(&root);
    let whole = Token::over(CONTENT, &signer).answer();
    let token = Token::over(CONTENT, &signer).token();
    for (bytes, words) in [
        (refusal(2, 0), "refused: rejection, badAlg, it does not take SHA-256"),
        (refusal(2, 15), "refused: rejection, unacceptedPolicy, it does not have"),
        (refusal(2, 25), "refused: rejection, systemFailure"),
        (refusal(3, 14), "refused: waiting, timeNotAvailable"),
        (answer(2, &[]), "refused: rejection"),
        // A token does not make a refusal one less.
        (answer(2, &token), "refused: rejection"),
        (answer(0, &[]), "no time-stamp response"),
        (answer(0, &[5, 0]), "no time-stamp response"),
        (answer(0x7f, &token), "refused: a status that there is not"),
        (b"<html>".to_vec(), "no time-stamp response"),
        (Vec::new(), "no time-stamp response"),
        ([whole.clone(), vec![0]].concat(), "no time-stamp response"),
    ] {
        let said = said(&bytes, &root);
        assert!(said.contains(words), "{words}: {said}");
    }
    for length in 0..whole.len() {
        let cut = said(&whole[..length], &root);
        assert!(cut.contains("no time-stamp response"), "{length}: {cut}");
    }
    assert_eq!(said(&answer(1, &token), &root), "2023-02-20T10:00:00Z", "granted with mods");
}

#[test]
fn no_flipped_bit_of_a_token_or_of_what_it_stamps_is_ever_taken() {
    let root = Authority::root("SAMPLE ROOT");
    let signer = sound(&root);
    let (token, by) = (Token::over(CONTENT, &signer).token(), authorities(&root));
    assert!(verify(&token, CONTENT, &by).is_ok());
    for at in 0..token.len() * 8 {
        let mut other = token.clone();
        other[at / 8] ^= 1 << (at % 8);
        assert!(verify(&other, CONTENT, &by).is_err(), "bit {at}");
    }
    for at in 0..CONTENT.len() * 8 {
        let mut other = CONTENT.to_vec();
        other[at / 8] ^= 1 << (at % 8);
        assert_eq!(verify(&token, &other, &by), Err(StampFault::OtherImprint), "bit {at}");
        assert_eq!(read(&token, &other), Err(StampFault::OtherImprint));
    }
}

#[test]
fn openssl_reads_our_questions_and_we_take_its_answers() {
    if !has_openssl() {
        return;
    }
    let root = Authority::root("SAMPLE ROOT");
    for (key, nonce) in
        [(Key::P256, 0x77), (Key::Rsa, u64::MAX), (Key::P384, 1), (Key::P256, 0x8000)]
    {
        let dir = tempfile::tempdir().unwrap();
        let signer = stamper(&root, key, &[STAMPING], true, EVER);
        let openssl = Openssl::new(dir.path(), &root, &signer, &signer);
        for policy in [None, Some(POLICY)] {
            let policy = policy.map(ObjectIdentifier::new_unwrap);
            let question = Question::new(CONTENT, policy, Nonce::new(nonce));
            let query = dir.path().join("q");
            fs::write(&query, question.to_der()).unwrap();
            let shown =
                run(Command::new("openssl").args(["ts", "-query", "-text", "-in"]).arg(query));
            assert!(shown.contains("Hash Algorithm: sha256"), "{shown}");
            assert!(shown.contains(&format!("Nonce: 0x{nonce:0>2X}")), "{shown}");
            assert!(shown.contains("Certificate required: yes"), "{shown}");
            let answer = openssl.reply(&question.to_der(), "sound", "signer");
            let by = authorities(&root);
            let (stamp, _) = verify_answer(&answer, &question, CONTENT, &by).unwrap();
            assert_eq!(stamp.policy.to_string(), POLICY);
            let refused = openssl.reply(&question.to_der(), "strict", "signer");
            let refused = verify_answer(&refused, &question, CONTENT, &by).unwrap_err();
            assert!(refused.to_string().contains("badAlg"), "{refused}");
        }
    }
}

/// A time-stamp authority with its files, and a bus that asks it every second.
struct Site {
    dir: TempDir,
    root: Authority,
    tsa: Tsa,
    bus: Bus,
}

impl Site {
    async fn start(mode: Mode, secure: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Authority::root("SAMPLE ROOT");
        let signer = stamper(&root, Key::Rsa, &[STAMPING], true, EVER);
        let ended = stamper(&root, Key::P256, &[STAMPING], true, [EVER[0], "2020-01-01T00:00:00Z"]);
        let openssl = Openssl::new(dir.path(), &root, &signer, &ended);
        let tls = secure.then(|| outside::server_tls(dir.path()));
        let (anchors, ca) = (openssl.root(), dir.path().join("ca.pem"));
        let tsa = Tsa::start(openssl, mode, tls).await;
        let scheme = if secure { "https" } else { "http" };
        let service = format!(
            "{{ url = \"{scheme}://localhost:{}/tsa\", anchors_file = {anchors:?}, ca_file = {ca:?}, \
             interval_seconds = 1, timeout_seconds = 1, policy = \"{POLICY}\" }}",
            tsa.address.port()
        );
        let service: &'static str = Box::leak(service.into_boxed_str());
        let settings = [("evidence.checkpoint_seconds", "1"), ("evidence.timestamp", service)];
        Self { bus: Bus::with(&settings).await, dir, root, tsa }
    }

    /// The data directory of the bus.
    fn data(&self) -> PathBuf {
        self.bus.certs().parent().unwrap().join("data")
    }

    async fn status(&self) -> Option<TimeStampStatus> {
        let mut client = OperationsServiceClient::new(self.bus.party(OPERATOR).await.channel);
        client.get_status(GetStatusRequest {}).await.unwrap().into_inner().time_stamp
    }

    /// The status, once it is as it must be.
    async fn until(&self, is_so: impl Fn(&TimeStampStatus) -> bool) -> TimeStampStatus {
        let begun = tokio::time::Instant::now();
        loop {
            let status = self.status().await;
            match status {
                Some(status) if is_so(&status) => return status,
                _ if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                status => panic!("the time-stamps stay as they are: {status:?}"),
            }
        }
    }

    /// A case, which the bus must take whatever the authority does.
    async fn act(&self) -> String {
        let mission = self.bus.party(bus::MISSION).await;
        mission.submit(samples::application(MORNING)).await.case_id
    }

    /// Runs a command against the bus; its exit code and everything it said.
    fn ask(&self, party: &str, args: &[&str]) -> (i32, String) {
        let (address, certs) = (self.bus.address().to_string(), self.bus.certs());
        let at = ["--bus", &address, "--name", SERVER_NAME, "--certs", certs.to_str().unwrap()];
        kopir(&[args, &at[..], &["--as", party]].concat())
    }
}

fn kopir(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    let Output { status, stdout, stderr } =
        command.args(args).stdin(Stdio::null()).output().unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Has openssl verify a token over the bytes of a file.
fn openssl_verifies(token: &Path, checkpoint: &Path, root: &Path) {
    let said = run(Command::new("openssl")
        .args(["ts", "-verify", "-token_in", "-in"])
        .arg(token)
        .arg("-data")
        .arg(checkpoint)
        .arg("-CAfile")
        .arg(root));
    assert!(said.contains("Verification: OK"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_that_a_bus_keeps_and_serves_is_verified_by_openssl() {
    if !has_openssl() {
        return;
    }
    let site = Site::start(Mode::Sound, true).await;
    site.act().await;
    let first = site.until(|status| status.tree_size > 0).await;
    site.act().await;
    let second = site.until(|status| status.tree_size > first.tree_size).await;
    assert_eq!((second.problem.as_str(), second.problem_time), ("", None));

    // Every one that it kept.
    let dir = site.data().join("stamps/v1");
    let names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let tokens: Vec<_> = names.filter(|path| path.extension().unwrap() == "tst").collect();
    assert!(tokens.len() >= 2, "{tokens:?}");
    let root = site.dir.path().join("root.pem");
    for token in &tokens {
        openssl_verifies(token, &token.with_extension("checkpoint"), &root);
    }

    // The one that it serves.
    let mut client = EvidenceServiceClient::new(site.bus.party(COMMITTEE).await.channel);
    let served = client.get_checkpoint(GetCheckpointRequest {}).await.unwrap().into_inner();
    let stamp = verify(
        &served.time_stamp_token,
        served.stamped_checkpoint.as_bytes(),
        &authorities(&site.root),
    );
    assert_eq!(stamp.unwrap().at.as_second(), served.time_stamp_time.unwrap().seconds);
    let (token, text) = (site.dir.path().join("served.tst"), site.dir.path().join("served"));
    let asked = ["evidence", "checkpoint", "--stamped", "--token", token.to_str().unwrap()];
    let (exit, said) = site.ask(COMMITTEE, &asked);
    assert_eq!((exit, said.contains("last time-stamp: 20")), (0, true), "{said}");
    // What it notes goes to the standard error, which comes last here.
    let checkpoint = said.rsplit_once("last time-stamp").unwrap().0;
    fs::write(&text, checkpoint.trim_end_matches("kopir: ")).unwrap();
    openssl_verifies(&token, &text, &root);
    let (_, said) = site.ask(OPERATOR, &["status"]);
    assert!(said.contains("last time-stamp") && said.contains(" records"), "{said}");

    // Over a restart it is still there, without asking again.
    let Site { bus, tsa, dir: _dir, .. } = site;
    tsa.answer(Mode::Status(503));
    let bus = bus.restart().await;
    let mut client = EvidenceServiceClient::new(bus.party(COMMITTEE).await.channel);
    let begun = tokio::time::Instant::now();
    let again = loop {
        match client.get_checkpoint(GetCheckpointRequest {}).await {
            Ok(answer) => break answer.into_inner(),
            Err(_) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(status) => panic!("{status}"),
        }
    };
    let seconds = |answer: GetCheckpointResponse| answer.time_stamp_time.unwrap().seconds;
    assert!(seconds(again) >= seconds(served));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_fails_is_told_of_tried_again_and_costs_no_act() {
    if !has_openssl() {
        return;
    }
    let told = Told::listen();
    let site = Site::start(Mode::Hang, false).await;
    let other = Authority::root("SAMPLE ROOT");
    let signer = stamper(&site.root, Key::P256, &[SERVER], true, EVER);
    let wrong = Arc::new(move |question: &[u8]| made(question, &signer));
    let foreign = Arc::new(move |question: &[u8]| made(question, &sound(&other)));
    for (mode, words) in [
        (Mode::Hang, "did not answer: not within 1s"),
        (Mode::Bytes(b"no such thing".to_vec()), "no time-stamp response"),
        (Mode::Bytes(vec![0; MAX_ANSWER_BYTES + 1]), "has more than 65536 bytes"),
        (Mode::Status(500), "the HTTP status 500"),
        (Mode::OtherImprint, "stamps other bytes"),
        (Mode::OtherNonce, "does not repeat the nonce"),
        (Mode::Rejection, "refused: rejection, badAlg"),
        (Mode::Cut(400), "no time-stamp response"),
        (Mode::Expired, "not sound: expired-at-signing"),
        (Mode::Made(wrong), "not for time stamping alone"),
        (Mode::Made(foreign), "not sound: unknown-authority"),
    ] {
        site.tsa.answer(mode);
        let status = site.until(|status| status.problem.contains(words)).await;
        assert_eq!((status.tree_size, status.time), (0, None), "nothing was kept");
        assert!(status.problem_time.is_some());
        told.line(&["WARN", "a checkpoint is not time-stamped", words]).await;
        site.act().await;
    }
    assert!(!site.data().join("stamps").exists(), "nothing was kept");
    let (_, said) = site.ask(OPERATOR, &["status"]);
    assert!(said.contains("no time-stamp") && said.contains("unknown-authority"), "{said}");
    let (exit, said) = site.ask(COMMITTEE, &["evidence", "checkpoint", "--stamped"]);
    assert_eq!((exit, said.contains("has stamped a checkpoint yet")), (4, true), "{said}");

    site.tsa.answer(Mode::Sound);
    let status = site.until(|status| status.tree_size > 0).await;
    assert_eq!(status.problem, "");
    site.bus.stop().await;
}

/// A token of our own for a question of the bus: the imprint and the nonce are those of its DER.
fn made(question: &[u8], signer: &signing::Signer) -> Vec<u8> {
    let find = |mark: &[u8]| question.windows(mark.len()).position(|bytes| bytes == mark).unwrap();
    let imprint = find(&[0x04, 0x20]) + 2;
    let policy = find(&oid(POLICY)) + oid(POLICY).len();
    let nonce = policy + 2..policy + 2 + usize::from(question[policy + 1]);
    let mut token = Token::over(b"", signer);
    token.imprint = question[imprint..imprint + 32].to_vec();
    token.nonce = Some(question[nonce].to_vec());
    token.answer()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_carries_its_time_stamp_and_is_judged_by_who_names_the_authority() {
    if !has_openssl() {
        return;
    }
    let site = Site::start(Mode::Sound, false).await;
    let case = site.act().await;
    let all = site.bus.sequence();
    site.until(|status| status.tree_size >= all).await;
    let (file, root) = (site.dir.path().join("case.zip"), site.dir.path().join("root.pem"));
    let (file, root) = (file.to_str().unwrap(), root.to_str().unwrap());
    let (exit, said) = site.ask(OPERATOR, &["evidence", "export", &case, "--out", file]);
    assert_eq!(exit, 0, "{said}");
    let log = key::open(&site.data().join("log.key"), "localhost/kopir", KeyKind::Log).unwrap();
    let log = log.verifier().to_string();
    let other = Authority::root("SAMPLE ROOT");
    let foreign = site.dir.path().join("foreign.pem");
    fs::write(&foreign, signing::pem("CERTIFICATE", &other.der)).unwrap();
    let Site { bus, dir, .. } = site;
    bus.stop().await;

    // Offline from here on.
    let check =
        |more: &[&str]| kopir(&[&["evidence", "verify", file, "--key", &log], more].concat());
    let (exit, said) = check(&[]);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("not proven: That the records up to number"), "{said}");
    assert!(said.contains("was not judged, since no authority was named by --tsa"), "{said}");
    let (exit, said) = check(&["--tsa", root]);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("proven: A time-stamp authority that you named confirmed at"), "{said}");
    let (exit, said) = check(&["--tsa", foreign.to_str().unwrap()]);
    assert_eq!((exit, said.contains("WRONG: stamp/token.tst")), (3, true), "{said}");
    assert!(said.contains("unknown-authority"), "{said}");
    assert_eq!(check(&["--tsa", "missing.pem"]).0, 2);

    // The same by openssl, from the files of the bundle.
    let bytes = fs::read(file).unwrap();
    let stored: std::collections::BTreeMap<_, _> =
        kopir::evidence::bundle::files(&bytes).into_iter().collect();
    for (name, path) in [("stamp/token.tst", "b.tst"), ("stamp/checkpoint", "b.checkpoint")] {
        fs::write(dir.path().join(path), &bytes[stored[name].clone()]).unwrap();
    }
    let path = |name: &str| dir.path().join(name);
    openssl_verifies(&path("b.tst"), &path("b.checkpoint"), Path::new(root));
    // And every changed byte of the three files is named.
    for name in ["stamp/checkpoint", "stamp/token.tst", "stamp/consistency"] {
        for at in stored[name].clone().step_by(61) {
            let mut other = bytes.clone();
            other[at] ^= 4;
            fs::write(path("changed.zip"), other).unwrap();
            let changed = path("changed.zip");
            let (exit, said) =
                kopir(&["evidence", "verify", changed.to_str().unwrap(), "--key", &log]);
            assert_eq!((exit, said.contains(&format!("WRONG: {name}"))), (3, true), "{said}");
        }
    }
}
