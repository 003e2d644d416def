//! OCSP (RFC 6960): what counts as an answer and what does not, the asking over real sockets, and
//! what becomes of handshakes, open connections and signatures by it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod agency;
mod bus;
mod responder;
mod signing;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agency::Agency;
use bus::refusal::refused;
use bus::samples::application;
use bus::*;
use jiff::SignedDuration;
use kopir::domain::signature::{Doubt, Flaw, RevocationSource, Signature, SignatureRefusal};
use kopir::rpc::proto::inbox::v1::{EndpointFailure, GetEndpointRequest, RegisterEndpointRequest};
use kopir::rpc::proto::operations::v1::OcspStatus;
use kopir::trust::ocsp::answer::{Answer, AnswerFault, Status};
use kopir::trust::ocsp::{Answers, OcspOptions, Subject, subjects};
use kopir::trust::signature::again::{self, Again};
use kopir::trust::signature::authorities::{Crl, Crls};
use kopir::trust::signature::desk::{Desk, DeskParts};
use kopir::trust::signature::evidence::Kind;
use kopir::trust::signature::policy::{ActPolicy, Demand, Policy, SIGNABLE};
use kopir::trust::signature::{Document, Signed, Wanted, sha256, verify};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use responder::{Maker, Manner, Responder, Said, der, now, refusal};
use signing::{Authority, Cms, NOW, Person, Pki, at};
use x509_parser::prelude::{FromDer, X509Certificate};

const DOCUMENT: &[u8] = "Шешім № 1 (үлгі). A sample decision, of nobody.".as_bytes();
const SERIAL: &[u8] = &[0x11, 0x22];
const LATER: &str = "2045-01-01T00:00:00Z";

fn subject_of(authority: &Authority, certificate: &[u8]) -> Subject {
    let (_, issuer) = X509Certificate::from_der(&authority.der).unwrap();
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    Subject::of(&certificate, &issuer).unwrap()
}

fn subject(authority: &Authority) -> Subject {
    subject_of(authority, &authority.system(SERIAL, None, LATER))
}

fn status(read: Result<Answer, AnswerFault>) -> Result<Status, AnswerFault> {
    read.map(|answer| answer.status)
}

#[test]
fn an_answer_of_the_authority_or_of_one_it_appointed_counts() {
    let (authority, now) = (Authority::root("SAMPLE AUTHORITY"), at(NOW));
    let about = subject(&authority);
    let sound = || Maker::of(&authority, SERIAL, now);
    let read = |maker: Maker<'_>| status(Answer::read(&maker.make(), &about, now));
    assert_eq!(read(sound()), Ok(Status::Good));
    assert_eq!(read(Maker { by_key: true, ..sound() }), Ok(Status::Good));
    assert_eq!(read(Maker { sha256: true, ..sound() }), Ok(Status::Good));
    assert_eq!(read(Maker { said: Said::Unknown, ..sound() }), Ok(Status::Unknown));
    let since = at("2023-01-01T00:00:00Z");
    let revoked = Maker { said: Said::Revoked(since), ..sound() };
    assert_eq!(read(revoked), Ok(Status::Revoked { at: since }));
    for (unasked, serial) in [(true, None), (false, Some(vec![0x50, 1]))] {
        let purposes = vec![ExtendedKeyUsagePurpose::OcspSigning];
        let (certificate, key) = authority.responder(purposes, unasked, LATER);
        let maker = Maker {
            key: &key,
            named: &certificate,
            certificates: vec![certificate.clone()],
            ..sound()
        };
        let answer = Answer::read(&maker.make(), &about, now).unwrap();
        assert_eq!((answer.status, answer.responder), (Status::Good, serial));
    }
}

#[test]
fn whatever_is_no_answer_about_this_certificate_counts_for_nothing() {
    let (authority, now) = (Authority::root("SAMPLE AUTHORITY"), at(NOW));
    let namesake = Authority::root("SAMPLE AUTHORITY");
    let about = subject(&authority);
    let sound = || Maker::of(&authority, SERIAL, now);
    let ahead = now + SignedDuration::from_mins(6);
    let appointed =
        |by: &Authority, purposes: Vec<_>, until: &str| by.responder(purposes, true, until);
    let signing = || vec![ExtendedKeyUsagePurpose::OcspSigning];
    let delegates: [(&str, (Vec<u8>, KeyPair)); 3] = [
        (
            "without the purpose",
            appointed(&authority, vec![ExtendedKeyUsagePurpose::ServerAuth], LATER),
        ),
        ("of another authority", appointed(&namesake, signing(), LATER)),
        ("that has ended", appointed(&authority, signing(), "2023-02-20T09:00:00Z")),
    ];
    use AnswerFault::{Ahead, Malformed, NoAnswer, OtherCertificate, TooLarge, Unsigned};
    let mut cases = vec![
        ("nothing", Vec::new(), Malformed),
        ("words", b"<html>".to_vec(), Malformed),
        ("much", vec![0x30; 64 * 1024 + 1], TooLarge),
        ("malformedRequest", refusal(1), NoAnswer(1)),
        ("internalError", refusal(2), NoAnswer(2)),
        ("tryLater", refusal(3), NoAnswer(3)),
        ("unauthorized", refusal(6), NoAnswer(6)),
        ("success without an answer", refusal(0), Malformed),
        (
            "another serial number",
            Maker { serial: vec![0x11, 0x23], ..sound() }.make(),
            OtherCertificate,
        ),
        (
            "another issuer",
            Maker { other_issuer: Some(&namesake.der), ..sound() }.make(),
            OtherCertificate,
        ),
        ("another key", Maker { key: namesake.key(), ..sound() }.make(), Unsigned),
        ("another's name", Maker { named: &delegates[0].1.0, ..sound() }.make(), Unsigned),
        ("made ahead of time", Maker { produced: ahead, ..sound() }.make(), Ahead),
        ("of a time to come", Maker { this: ahead, next: None, ..sound() }.make(), Ahead),
        (
            "that ends before it begins",
            Maker { next: Some(now - SignedDuration::from_mins(1)), ..sound() }.make(),
            Malformed,
        ),
        ("twice", Maker { twice: true, ..sound() }.make(), Malformed),
        ("an unknown critical extension", Maker { critical: true, ..sound() }.make(), Malformed),
        ("with a byte behind it", [sound().make(), vec![0]].concat(), Malformed),
    ];
    for (what, (certificate, key)) in &delegates {
        let certificates = vec![certificate.clone()];
        let maker = Maker { key, named: certificate, certificates, ..sound() };
        cases.push((what, maker.make(), Unsigned));
    }
    for (what, bytes, fault) in cases {
        assert_eq!(Answer::read(&bytes, &about, now).unwrap_err(), fault, "{what}");
    }
    // One whose time is over is read, and counts no more.
    let hour = SignedDuration::from_hours(1);
    let stale =
        Maker { this: now - hour * 2, produced: now - hour * 2, next: Some(now - hour), ..sound() };
    assert!(!Answer::read(&stale.make(), &about, now).unwrap().is_current(now));
    let undated = Answer::read(&Maker { next: None, ..sound() }.make(), &about, now).unwrap();
    assert!(undated.is_current(now) && !undated.is_current(now + hour));
}

#[test]
fn no_flipped_byte_of_an_answer_says_otherwise() {
    let (authority, now) = (Authority::root("SAMPLE AUTHORITY"), at(NOW));
    let about = subject(&authority);
    let purposes = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let (certificate, key) = authority.responder(purposes, true, LATER);
    let said = Said::Revoked(at("2023-01-01T00:00:00Z"));
    let own = Maker { said, ..Maker::of(&authority, SERIAL, now) };
    let delegated = Maker {
        key: &key,
        named: &certificate,
        certificates: vec![certificate.clone()],
        said,
        ..Maker::of(&authority, SERIAL, now)
    };
    for maker in [own, delegated] {
        let bytes = maker.make();
        let sound = Answer::read(&bytes, &about, now).unwrap();
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1;
            if let Ok(read) = Answer::read(&spoilt, &about, now) {
                // A byte of a certificate that is not needed to prove it, such as NULL's length.
                assert_eq!(
                    (read.status, read.this_update),
                    (sound.status, sound.this_update),
                    "{at}"
                );
                assert_eq!(read.next_update, sound.next_update, "{at}");
            }
            assert!(Answer::read(&bytes[..at], &about, now).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn nobody_is_asked_at_an_address_that_no_authority_vouches_for() {
    let root = Authority::root("SAMPLE ROOT");
    let authority = root.under("SAMPLE AUTHORITY", 7);
    let url = "http://127.0.0.1:9/ocsp";
    let system = der(&authority.system(SERIAL, Some(url), LATER));
    let trusted = [der(&root.der)];
    let subjects =
        |first: &_, beside: &[_], trusted: &[_]| subjects(first, beside, trusted, at(NOW));
    let found = subjects(&system, &[der(&authority.der)], &trusted).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].urls[0].to_string(), url);
    assert_eq!((found[0].serial.as_slice(), found[1].serial.as_slice()), (SERIAL, &[7][..]));
    // Without the one between, or with a namesake in its place, nothing leads to an authority.
    assert!(subjects(&system, &[], &trusted).is_none());
    let namesake = Authority::root("SAMPLE ROOT").under("SAMPLE AUTHORITY", 7);
    assert!(subjects(&system, &[der(&namesake.der)], &trusted).is_none());
    // What comes along beside the path, with addresses of its own, is not looked at.
    let stranger = Authority::root("SAMPLE STRANGER");
    let other = der(&stranger.system(&[9], Some("http://127.0.0.1:1/inside"), LATER));
    let beside = [der(&stranger.der), other, der(&authority.der)];
    let found = subjects(&system, &beside, &trusted).unwrap();
    assert_eq!(found.iter().map(|one| one.urls.len()).sum::<usize>(), 1);
    // An address that is no plain one of the web is none.
    let local = der(&authority.system(SERIAL, Some("ldap://127.0.0.1/ocsp"), LATER));
    let found = subjects(&local, &[der(&authority.der)], &trusted).unwrap();
    assert!(found[0].urls.is_empty());
}

#[test]
fn whoever_is_no_authority_or_no_longer_one_leads_nowhere() {
    type Spoil = fn(&mut CertificateParams);
    let root = Authority::root("SAMPLE ROOT");
    let trusted = [der(&root.der)];
    let url = Some("http://127.0.0.1:1/inside");
    let params = |of: Spoil| {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&[8]));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        of(&mut params);
        params
    };
    let in_force = ["2015-01-01T00:00:00Z", LATER];
    let ended = ["2015-01-01T00:00:00Z", "2016-01-01T00:00:00Z"];
    let cases: [(Spoil, _, bool); 4] = [
        (|_| {}, in_force, true),
        (|_| {}, ended, false),
        (|params| params.is_ca = IsCa::ExplicitNoCa, in_force, false),
        (|params| params.key_usages = vec![KeyUsagePurpose::CrlSign], in_force, false),
    ];
    for (place, (of, validity, leads)) in cases.into_iter().enumerate() {
        let between = root.issue(params(of), signing::Key::P256, validity);
        let key = KeyPair::from_pem(&between.key.serialize_pem()).unwrap();
        let issuer = Authority::of(&between.der, key);
        let system = der(&issuer.system(SERIAL, url, LATER));
        let found = subjects(&system, &[der(&between.der)], &trusted, at(NOW));
        assert_eq!(found.map(|found| found.len()), leads.then_some(2), "case {place}");
    }
}

#[test]
fn a_thicket_of_certificates_is_searched_within_bounds() {
    // Each of them is issued by each other and none by an authority.
    let key = || KeyPair::generate().unwrap();
    let shared = key();
    let mut thicket = Vec::new();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "SAMPLE THICKET");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for serial in 1..=24_u8 {
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        thicket.push(params.self_signed(&shared).unwrap().der().clone());
    }
    let root = Authority::root("SAMPLE ROOT");
    // Without bounds some 24 to the power of 6 signatures would be looked at.
    let (first, beside) = thicket.split_first().unwrap();
    assert!(subjects(first, beside, &[der(&root.der)], at(NOW)).is_none());
    // One that is hidden behind namesakes is not found, and that is told.
    let authority = root.under("SAMPLE AUTHORITY", 7);
    let system = der(&authority.system(SERIAL, None, LATER));
    let namesakes: Vec<_> =
        (1..=20).map(|serial| der(&root.under("SAMPLE AUTHORITY", serial).der)).collect();
    let few = [&namesakes[..8], &[der(&authority.der)]].concat();
    assert_eq!(subjects(&system, &few, &[der(&root.der)], at(NOW)).unwrap().len(), 2);
    let many = [&namesakes[..], &[der(&authority.der)]].concat();
    assert!(subjects(&system, &many, &[der(&root.der)], at(NOW)).is_none());
}

#[test]
fn what_says_nothing_takes_nothing_back() {
    let (authority, now) = (Authority::root("SAMPLE AUTHORITY"), at(NOW));
    let about = subject(&authority);
    let hour = SignedDuration::from_hours(1);
    let since = Said::Revoked(at("2023-01-01T00:00:00Z"));
    let of = |said, this| {
        let maker =
            Maker { said, this, next: Some(this + hour), ..Maker::of(&authority, SERIAL, now) };
        Answer::read(&maker.make(), &about, now).unwrap()
    };
    let (before, long_ago) = (now - hour / 2, now - hour * 2);
    let cases = [
        (Said::Unknown, now, since, before, false),
        (Said::Unknown, now, since, long_ago, false),
        (Said::Unknown, now, Said::Good, before, false),
        (Said::Unknown, now, Said::Good, long_ago, true),
        (Said::Good, now, since, now, false),
        (Said::Good, now, since, before, true),
        (since, now, Said::Good, now, true),
        (since, before, Said::Good, now, false),
        (Said::Good, before, Said::Unknown, now, true),
        (since, before, Said::Unknown, now, true),
    ];
    for (new, this, known, then, replaces) in cases {
        let found = of(new, this).replaces(&of(known, then), now);
        assert_eq!(found, replaces, "{new:?} of {this} after {known:?} of {then}");
    }
    assert!(!of(Said::Unknown, now).tells(now) && of(Said::Good, now).tells(now));
}

#[test]
fn a_revocation_outlives_the_certificate_of_whoever_told_it() {
    let (authority, now) = (Authority::root("SAMPLE AUTHORITY"), at(NOW));
    let about = subject(&authority);
    let purposes = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let ended = now - SignedDuration::from_hours(1);
    let (certificate, key) = authority.responder(purposes, true, &ended.to_string());
    let then = now - SignedDuration::from_hours(2);
    let read = |said, produced| {
        let maker = Maker {
            key: &key,
            named: &certificate,
            certificates: vec![certificate.clone()],
            said,
            produced,
            this: then,
            ..Maker::of(&authority, SERIAL, now)
        };
        status(Answer::read(&maker.make(), &about, now))
    };
    let since = at("2023-01-01T00:00:00Z");
    assert_eq!(read(Said::Revoked(since), then), Ok(Status::Revoked { at: since }));
    assert_eq!(read(Said::Revoked(since), now), Err(AnswerFault::Unsigned));
    assert_eq!(read(Said::Good, then), Err(AnswerFault::Unsigned));
}

#[test]
fn openssl_reads_the_question_and_its_answer_counts() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
        eprintln!("skipped: there is no openssl");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let authority = Authority::root("SAMPLE AUTHORITY");
    let about = subject(&authority);
    std::fs::write(path("ca.pem"), signing::pem("CERTIFICATE", &authority.der)).unwrap();
    std::fs::write(path("ca.key"), authority.key().serialize_pem()).unwrap();
    std::fs::write(path("question"), about.request()).unwrap();
    let index = |line: &str| std::fs::write(path("index"), line).unwrap();
    let ask = || {
        let mut openssl = Command::new("openssl");
        openssl.args(["ocsp", "-ndays", "1", "-reqin"]).arg(path("question"));
        openssl.arg("-index").arg(path("index")).arg("-CA").arg(path("ca.pem"));
        openssl.arg("-rsigner").arg(path("ca.pem")).arg("-rkey").arg(path("ca.key"));
        let done = openssl.arg("-respout").arg(path("answer")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Answer::read(&std::fs::read(path("answer")).unwrap(), &about, now())
    };
    index("V\t450101000000Z\t\t1122\tunknown\t/CN=SAMPLE SYSTEM\n");
    assert_eq!(status(ask()), Ok(Status::Good));
    index("R\t450101000000Z\t230101000000Z\t1122\tunknown\t/CN=SAMPLE SYSTEM\n");
    assert_eq!(status(ask()), Ok(Status::Revoked { at: at("2023-01-01T00:00:00Z") }));
    index("V\t450101000000Z\t\t1123\tunknown\t/CN=SAMPLE OTHER\n");
    assert_eq!(status(ask()), Ok(Status::Unknown));
}

fn options(file: Option<PathBuf>) -> OcspOptions {
    OcspOptions {
        responders: Vec::new(),
        timeout: Duration::from_secs(1),
        max_at_once: 4,
        max_answers: 16,
        renew: Some(Duration::from_secs(1)),
        file,
    }
}

/// Answers with the task that asks.
fn asking(options: OcspOptions) -> (Arc<Answers>, tokio::task::JoinHandle<()>) {
    let answers = Arc::new(Answers::open(options, now()));
    let of = Arc::clone(&answers);
    (answers, tokio::spawn(async move { of.run(now).await }))
}

async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    within(async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_responder_that_fails_leaves_a_certificate_undetermined() {
    let authority = Authority::root("SAMPLE AUTHORITY");
    let again =
        Authority::of(&authority.der, KeyPair::from_pem(&authority.key().serialize_pem()).unwrap());
    let responder = Responder::start(again, Manner::Hangs).await;
    let manners = [
        Manner::Hangs,
        Manner::Closes,
        Manner::Garbage,
        Manner::Oversized,
        Manner::Status(500),
        Manner::Redirect,
        Manner::TryLater,
        Manner::OtherSerial,
        Manner::Forged,
    ];
    for (manner, serial) in manners.into_iter().zip(1_u8..) {
        responder.behave(manner.clone());
        let (answers, task) = asking(options(None));
        let system = authority.system(&[0x20, serial], Some(&responder.url()), LATER);
        let about = subject_of(&authority, &system);
        within(answers.want(std::slice::from_ref(&about), now())).await;
        assert_eq!(answers.get(about.key()), None, "{manner:?}");
        assert_eq!(answers.state(now()).unanswered, 1, "{manner:?}");
        // One that finds its voice is heard at the next asking.
        responder.behave(Manner::Says(Said::Good));
        let answer = until(|| answers.get(about.key())).await;
        assert_eq!(answer.status, Status::Good, "{manner:?}");
        task.abort();
    }
    // Nobody is there at all, and a certificate that names nobody is asked about nowhere.
    let gone = responder.url();
    drop(responder);
    let (answers, task) = asking(options(None));
    let about = subject_of(&authority, &authority.system(SERIAL, Some(&gone), LATER));
    within(answers.want(&[about.clone(), subject(&authority)], now())).await;
    assert_eq!(answers.get(about.key()), None);
    assert_eq!(answers.state(now()).unanswered, 1);
    task.abort();
}

#[tokio::test]
async fn an_answer_is_kept_renewed_and_never_gives_way_to_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("answers");
    let authority = Authority::root("SAMPLE AUTHORITY");
    let again =
        Authority::of(&authority.der, KeyPair::from_pem(&authority.key().serialize_pem()).unwrap());
    let responder = Responder::start(again, Manner::Says(Said::Good)).await;
    let system = authority.system(SERIAL, Some(&responder.url()), LATER);
    let about = subject_of(&authority, &system);
    let (answers, task) = asking(options(Some(file.clone())));
    within(answers.want(std::slice::from_ref(&about), now())).await;
    let good = answers.get(about.key()).unwrap();
    assert_eq!(good.status, Status::Good);
    assert_eq!(responder.asked()[0], about.request());

    // It is revoked, and found to be so without anybody's asking.
    let since = at("2023-01-01T00:00:00Z");
    tokio::time::sleep(Duration::from_secs(1)).await;
    responder.behave(Manner::Says(Said::Revoked(since)));
    let is_revoked = || {
        let answer = answers.get(about.key()).unwrap();
        (answer.status == Status::Revoked { at: since }).then_some(answer)
    };
    until(is_revoked).await;
    assert_eq!(answers.kept_out(None, now()), [about.key()]);
    // Whoever plays the earlier answer back, though it is in its time, changes nothing.
    let count = responder.asked().len();
    responder.behave(Manner::Replays(good.der.to_vec()));
    until(|| (responder.asked().len() > count + 1).then_some(())).await;
    assert!(is_revoked().is_some());
    task.abort();

    // A restart asks nobody, and a spoilt file is as good as none.
    until(|| {
        let kept = Answers::open(options(Some(file.clone())), now());
        kept.get(about.key()).filter(|kept| kept.status == Status::Revoked { at: since })
    })
    .await;
    let text = std::fs::read(&file).unwrap();
    for at in (0..text.len()).step_by(7) {
        let mut spoilt = text.clone();
        spoilt[at] ^= 1;
        std::fs::write(&file, &spoilt).unwrap();
        let kept = Answers::open(options(Some(file.clone())), now());
        assert_eq!(kept.get(about.key()), None, "byte {at}");
    }
}

/// The file as an earlier release wrote it: its answer is proven again by the key that it names.
#[tokio::test]
async fn whoever_does_not_know_a_certificate_has_the_next_one_asked() {
    let authority = Authority::root("SAMPLE AUTHORITY");
    let unsure = Responder::start(same(&authority), Manner::Says(Said::Unknown)).await;
    let sure = Responder::start(same(&authority), Manner::Says(Said::Good)).await;
    let mut about = subject_of(&authority, &authority.system(SERIAL, None, LATER));
    about.urls = vec![unsure.url().parse().unwrap(), sure.url().parse().unwrap()];
    let (answers, task) = asking(options(None));
    within(answers.want(std::slice::from_ref(&about), now())).await;
    assert_eq!(answers.get(about.key()).unwrap().status, Status::Good);
    assert!(!unsure.asked().is_empty());
    task.abort();
}

#[test]
fn the_golden_file_of_answers_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ocsp/v1-answers.txt");
    let kept = kopir::trust::ocsp::file::read(&file, at("2026-03-01T00:00:00Z")).unwrap();
    let [(about, answer)] = &kept[..] else { panic!("{} answers", kept.len()) };
    assert_eq!((about.serial.as_slice(), answer.status), (SERIAL, Status::Good));
    assert_eq!(answer.next_update, Some(at("2023-02-20T11:00:00Z")));
    let dir = tempfile::tempdir().unwrap();
    let again = dir.path().join("again");
    let kept: Vec<_> = kept.iter().map(|(of, one)| (of.clone(), Arc::new(one.clone()))).collect();
    kopir::trust::ocsp::file::write(&again, &kept).unwrap();
    assert_eq!(std::fs::read(again).unwrap(), std::fs::read(file).unwrap());
}

/// A responder for the authority of a bus, and the settings by which the bus asks it.
async fn responder_of(bus: &Bus, manner: Manner) -> (Responder, Vec<Setting>) {
    let (file, certificate, key) = bus.authority();
    let authority = Authority::of(&certificate, KeyPair::from_pem(&key).unwrap());
    let responder = Responder::start(authority, manner).await;
    let asked =
        format!("[{{ ca_file = {:?}, url = {:?} }}]", file.display().to_string(), responder.url());
    let settings = vec![
        ("tls.reload_seconds", "1"),
        ("tls.revocation", "\"strict\""),
        ("ocsp.parties", "true"),
        ("ocsp.timeout_seconds", "1"),
        ("ocsp.renew_seconds", "1"),
        ("ocsp.responders", &*Box::leak(asked.into_boxed_str())),
    ];
    (responder, settings)
}

fn serial_of(certificate: &[u8]) -> Vec<u8> {
    X509Certificate::from_der(certificate).unwrap().1.raw_serial().to_vec()
}

async fn is_refused(bus: &Bus, id: &'static str) -> bool {
    match Party::connect(id, bus.address(), bus.tls(id)).await {
        Ok(party) => party.send(&Act::submit(application(MORNING))).await.is_err(),
        Err(_) => true,
    }
}

async fn told(bus: &Bus) -> OcspStatus {
    bus.party(OPERATOR).await.status().await.trust.unwrap().ocsp.unwrap()
}

#[tokio::test]
async fn whom_a_responder_revokes_is_out_within_seconds_and_stays_out_over_a_restart() {
    let bus = Bus::start().await;
    let (responder, settings) = responder_of(&bus, Manner::Says(Said::Good)).await;
    let bus = bus.restart_with(&settings).await;
    let (mission, committee) = (bus.party(MISSION).await, bus.party(COMMITTEE).await);
    let (mut out, mut stays) = (mission.open_inbox(4).await, committee.open_inbox(4).await);
    mission.submit(application(MORNING)).await;
    within(stays.delivery()).await;

    responder.behave(Manner::Revokes(vec![serial_of(&bus.certificate(MISSION))]));
    let refusal = within(async {
        loop {
            if let Err(refusal) = out.next().await {
                return refusal;
            }
        }
    })
    .await;
    let reason = refused(&refusal).details.error_info().unwrap().reason.clone();
    assert_eq!(reason, "IDENTITY_WITHDRAWN");
    assert!(is_refused(&bus, MISSION).await);
    bus.party(OTHER_MISSION).await.submit(application(MORNING)).await;
    within(stays.delivery()).await;
    let told_of = told(&bus).await;
    assert_eq!((told_of.revoked_count, told_of.unanswered_count), (1, 0), "{told_of:?}");

    // Another process, with nobody to ask: what was answered still counts.
    let file = bus.file("data/answers-of-parties");
    let serials = [MISSION, OTHER_MISSION].map(|id| serial_of(&bus.certificate(id)));
    let is_kept = || {
        let kept = kopir::trust::ocsp::file::read(&file, now()).unwrap();
        let of = |serial: &Vec<u8>| kept.iter().find(|(about, _)| about.serial == *serial);
        let revoked = |status| matches!(status, Status::Revoked { .. });
        let (one, other) = (of(&serials[0])?, of(&serials[1])?);
        (revoked(one.1.status) && other.1.status == Status::Good).then_some(())
    };
    until(is_kept).await;
    drop((mission, committee, responder));
    let bus = bus.restart_with(&settings).await;
    bus.party(OTHER_MISSION).await.submit(application(MORNING)).await;
    assert!(is_refused(&bus, MISSION).await);
    bus.stop().await;
}

#[tokio::test]
async fn without_an_answer_a_strict_bus_lets_nobody_in_and_a_soft_one_tells() {
    for manner in [Manner::Hangs, Manner::TryLater, Manner::OtherSerial] {
        let bus = Bus::start().await;
        let (responder, settings) = responder_of(&bus, manner.clone()).await;
        let bus = bus.restart_with(&settings).await;
        assert!(is_refused(&bus, MISSION).await, "{manner:?}");
        // As soon as it answers, everybody is in.
        responder.behave(Manner::Says(Said::Good));
        within(async {
            while is_refused(&bus, MISSION).await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
        .await;
        bus.stop().await;
    }
    let bus = Bus::start().await;
    let (_responder, mut settings) = responder_of(&bus, Manner::TryLater).await;
    settings.push(("tls.revocation", "\"soft\""));
    let bus = bus.restart_with(&settings).await;
    bus.party(MISSION).await.submit(application(MORNING)).await;
    assert!(told(&bus).await.unanswered_count > 0);
    within(async {
        use kopir::rpc::proto::operations::v1::HealthIssue;
        loop {
            let status = bus.party(OPERATOR).await.status().await;
            if status.issues().any(|issue| issue == HealthIssue::RevocationUnknown) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    bus.stop().await;
}

#[tokio::test]
async fn a_stale_answer_is_undetermined_for_the_grace_and_no_longer() {
    for (grace, refused) in [("24", false), ("0", true)] {
        let bus = Bus::start().await;
        let (_responder, mut settings) = responder_of(&bus, Manner::Stale).await;
        settings.push(("tls.revocation_grace_hours", grace));
        let bus = bus.restart_with(&settings).await;
        assert_eq!(is_refused(&bus, MISSION).await, refused, "{grace}");
        bus.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_a_responder_revokes_gets_nothing() {
    let bus = Bus::start().await;
    let files = bus.other_files(COMMITTEE);
    let shown = kopir::trust::pem::certificates(&files.certificate).unwrap();
    let manner = Manner::Revokes(vec![serial_of(&shown[0])]);
    let (responder, mut settings) = responder_of(&bus, manner).await;
    settings.extend([("push.backoff_base_ms", "20"), ("push.backoff_max_seconds", "1")]);
    let bus = bus.restart_with(&settings).await;
    let agency = Agency::open(&files, agency::Manner::Sound).await;
    let (mission, committee) = (bus.party(MISSION).await, bus.party(COMMITTEE).await);
    let request = RegisterEndpointRequest {
        request_id: bus::act::new_id(),
        url: agency.url(),
        party_id: String::new(),
    };
    within(committee.inbox().register_endpoint(request)).await.unwrap();
    mission.submit(application(MORNING)).await;
    within(async {
        loop {
            let asked = GetEndpointRequest { party_id: String::new() };
            let found = committee.inbox().get_endpoint(asked).await.unwrap().into_inner();
            if found.endpoint.unwrap().last_failure() == EndpointFailure::CertificateRefused {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(agency.arrivals().is_empty());
    // Was it on hold only, it gets what has waited.
    responder.behave(Manner::Says(Said::Good));
    agency.until(1).await;
    bus.stop().await;
}

#[tokio::test]
async fn a_bus_that_asks_nobody_calls_nobody() {
    let bus = Bus::start().await;
    let (responder, settings) = responder_of(&bus, Manner::Says(Said::Good)).await;
    // The addresses are configured, and the asking is off.
    let settings: Vec<_> = settings
        .into_iter()
        .filter(|(key, _)| !["ocsp.parties", "tls.revocation"].contains(key))
        .collect();
    let bus = bus.restart_with(&settings).await;
    bus.party(MISSION).await.submit(application(MORNING)).await;
    assert!(bus.party(OPERATOR).await.status().await.trust.unwrap().ocsp.is_none());
    bus.stop().await;
    assert!(responder.asked().is_empty());
}

#[tokio::test]
async fn the_bus_shows_the_answer_about_its_own_certificate() {
    let bus = Bus::start().await;
    let (responder, settings) = responder_of(&bus, Manner::Says(Said::Good)).await;
    let bus = bus.restart_with(&settings).await;
    let own = bus.shown_certificate().await;
    let (_, authority, _) = bus.authority();
    let authority = X509Certificate::from_der(&authority).unwrap().1;
    let about = Subject::of(&X509Certificate::from_der(&own).unwrap().1, &authority).unwrap();
    within(async {
        loop {
            let stapled = bus.stapled().await;
            if !stapled.is_empty() {
                let answer = Answer::read(&stapled, &about, now()).unwrap();
                assert_eq!(answer.status, Status::Good);
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    drop(responder);
    bus.stop().await;
}

/// Who judges signatures, and the responders of the signers' authorities.
struct Signers {
    pki: Pki,
    of_root: Responder,
    of_authority: Responder,
    dir: tempfile::TempDir,
}

fn same(authority: &Authority) -> Authority {
    Authority::of(&authority.der, KeyPair::from_pem(&authority.key().serialize_pem()).unwrap())
}

impl Signers {
    async fn new() -> Self {
        let pki = Pki::new();
        let good = Manner::Says(Said::Good);
        let of_root = Responder::start(same(&pki.root), good.clone()).await;
        let of_authority = Responder::start(same(&pki.authority), good).await;
        Self { pki, of_root, of_authority, dir: tempfile::tempdir().unwrap() }
    }

    fn desk(&self) -> (Desk, tokio::task::JoinHandle<()>) {
        self.desk_with(2, Duration::from_secs(1))
    }

    fn desk_with(
        &self,
        max_at_once: usize,
        timeout: Duration,
    ) -> (Desk, tokio::task::JoinHandle<()>) {
        let name = |of: &Authority| {
            X509Certificate::from_der(&of.der).unwrap().1.subject().as_raw().to_vec()
        };
        let responders = vec![
            (name(&self.pki.root), self.of_root.url().parse().unwrap()),
            (name(&self.pki.authority), self.of_authority.url().parse().unwrap()),
        ];
        let (answers, task) =
            asking(OcspOptions { responders, timeout, renew: None, ..options(None) });
        let demand = ActPolicy { demand: Demand::Required, undetermined: true, roles: Vec::new() };
        let desk = Desk::new(DeskParts {
            policy: Policy::new([(SIGNABLE[0], demand)].into(), Vec::new()),
            authorities: self.pki.authorities(),
            lists: None,
            evidence: self.dir.path().join("signatures"),
            verifier: None,
            answers: Some(answers),
            max_at_once,
        });
        (desk, task)
    }
}

/// A person whose certificate holds today, who signs now.
fn signed_now(pki: &Pki, serial: u8) -> (Vec<u8>, Vec<u8>) {
    let person = Person { serial, not_after: LATER, ..Person::default() };
    let signer = pki.authority.signer(&person);
    let when: &'static str = Box::leak(now().to_string().into_boxed_str());
    let when = &*Box::leak(format!("{}Z", &when[..19]).into_boxed_str());
    (Cms { signed_at: Some(when), ..Cms::by(&signer) }.sign(DOCUMENT), person.serial_bytes())
}

#[tokio::test]
async fn a_signer_is_asked_about_and_the_answers_are_kept_with_the_verdict() {
    let signers = Signers::new().await;
    let (desk, task) = signers.desk();
    let judge = async |signature: &[u8]| {
        let document = Document::new(DOCUMENT.into(), signature.to_vec().into());
        within(desk.judge(SIGNABLE[0], Some(document), now())).await
    };
    let (signature, _) = signed_now(&signers.pki, 1);
    let Signature::Judged(verdict) = judge(&signature).await else { panic!("it is sound") };
    assert_eq!(verdict.doubt, None);
    assert_eq!(verdict.revocation.len(), 2);
    assert!(verdict.revocation.iter().all(|each| each.source == RevocationSource::Ocsp));
    // A repeat rests on the same answers, without asking.
    let asked = (signers.of_root.asked().len(), signers.of_authority.asked().len());
    assert_eq!(asked, (1, 1));
    judge(&signature).await;
    assert_eq!((signers.of_root.asked().len(), signers.of_authority.asked().len()), asked);

    // Years later the verdict is found again with what was kept.
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let kept = verdict.revocation.iter().map(|of| {
        let file = signers.dir.path().join("signatures").join(hex(&of.sha256) + ".ocsp");
        let bytes = std::fs::read(file).unwrap();
        assert_eq!(sha256(&bytes), of.sha256);
        Arc::from(bytes)
    });
    let at_hand = Crls::default().with_answers(kept);
    let signed = Signed { content: DOCUMENT, signature: &signature };
    let (wanted, authorities) = (Wanted::default(), signers.pki.authorities());
    let again = verify(signed, &wanted, &authorities, &at_hand, verdict.checked_at).unwrap();
    assert_eq!(again.verdict, *verdict);
    // As a bundle holds it, by the names of what it rests on.
    let kept = |kind: Kind, hash: &[u8; 32]| {
        std::fs::read(signers.dir.path().join("signatures").join(kind.file_name(hash))).ok()
    };
    assert_eq!(again::again(signed, &verdict, &kept), Ok(Again::Verdict));

    // Revoked before it signed, and a responder that gives no answer.
    let (revoked, serial) = signed_now(&signers.pki, 2);
    signers.of_authority.behave(Manner::Revokes(vec![serial]));
    let flaw = Signature::Refused(SignatureRefusal::Invalid(Flaw::Revoked));
    assert_eq!(judge(&revoked).await, flaw);
    for (manner, serial) in [Manner::TryLater, Manner::OtherSerial, Manner::Hangs, Manner::Forged]
        .into_iter()
        .zip(3_u8..)
    {
        signers.of_authority.behave(manner.clone());
        let (signature, _) = signed_now(&signers.pki, serial);
        let Signature::Judged(verdict) = judge(&signature).await else { panic!("{manner:?}") };
        assert_eq!(verdict.doubt, Some(Doubt::RevocationUnknown), "{manner:?}");
    }
    task.abort();
}

#[tokio::test]
async fn whoever_waits_for_a_responder_holds_up_no_other_signature() {
    let signers = Signers::new().await;
    signers.of_authority.behave(Manner::Hangs);
    // Longer than the test waits for anything.
    let (desk, task) = signers.desk_with(1, Duration::from_secs(600));
    let judge = async |serial| {
        let (signature, _) = signed_now(&signers.pki, serial);
        let document = Document::new(DOCUMENT.into(), signature.into());
        desk.judge(SIGNABLE[0], Some(document), now()).await
    };
    let both_asked = until(|| (signers.of_authority.asked().len() == 2).then_some(()));
    tokio::select! {
        _ = async { tokio::join!(judge(1), judge(2)) } => panic!("nobody has answered"),
        () = both_asked => {}
    }
    task.abort();
}

#[test]
fn an_answer_within_the_signature_counts_if_it_is_good() {
    let (pki, now) = (Pki::new(), at(NOW));
    let person = Person::default();
    let signer = pki.authority.signer(&person);
    let serial = person.serial_bytes();
    let root_only = || Crls::new([Crl::parse(&pki.root.empty_list()).unwrap()]);
    let judge = |answers: Vec<Vec<u8>>| {
        let signature = Cms { answers, ..Cms::by(&signer) }.sign(DOCUMENT);
        let signed = Signed { content: DOCUMENT, signature: &signature };
        let judged = verify(signed, &Wanted::default(), &pki.authorities(), &root_only(), now);
        judged.map(|judged| (judged.verdict.doubt, judged.answers.len()))
    };
    let sound = || Maker::of(&pki.authority, &serial, now);
    let hour = SignedDuration::from_hours(1);
    let unknown = Ok((Some(Doubt::RevocationUnknown), 0));
    assert_eq!(judge(Vec::new()), unknown);
    assert_eq!(judge(vec![sound().make()]), Ok((None, 1)));
    assert_eq!(judge(vec![b"\x30\x00".to_vec(), sound().make()]), Ok((None, 1)));
    assert_eq!(judge(vec![Maker { serial: vec![1], ..sound() }.make()]), unknown);
    assert_eq!(judge(vec![Maker { key: pki.root.key(), ..sound() }.make()]), unknown);
    assert_eq!(judge(vec![refusal(3)]), unknown);
    let unsure = Maker { said: Said::Unknown, ..sound() }.make();
    assert_eq!(judge(vec![unsure]), Ok((Some(Doubt::RevocationUnknown), 1)));
    let stale =
        Maker { produced: now - hour * 2, this: now - hour * 2, next: Some(now - hour), ..sound() };
    assert_eq!(judge(vec![stale.make()]), Ok((Some(Doubt::RevocationStale), 1)));
    let revoked = |at| Maker { said: Said::Revoked(at), ..sound() }.make();
    assert_eq!(judge(vec![revoked(now - hour)]), Err(Flaw::Revoked));
    assert_eq!(judge(vec![revoked(now)]), Ok((Some(Doubt::RevokedSince), 1)));
}
