//! GOST signatures and the verifier beside the bus: a server that speaks NCANode's REST interface,
//! honestly or otherwise.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kopir::domain::Act;
use kopir::domain::signature::{
    Doubt, Flaw, ProvenBy, RevocationSource, Signature, SignatureRefusal, SignatureVerdict,
};
use kopir::trust::signature::Document;
use kopir::trust::signature::authorities::Authorities;
use kopir::trust::signature::desk::{Desk, DeskParts};
use kopir::trust::signature::policy::{ActPolicy, Demand, Policy};
use kopir::trust::signature::sidecar::NcaNode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::DOCUMENT;
use super::signing::{Cms, GOST_512, GOST_DIGEST_512, NOW, Person, Pki, Signer, at};

/// How the verifier behaves.
#[derive(Debug, Clone)]
enum Manner {
    /// Says of the signer's certificate what is asked, with these revocations.
    Says {
        valid: bool,
        revocations: Value,
    },
    /// The same, and another verdict where it is not asked of revocation.
    SaysWithout {
        valid: bool,
        without: bool,
    },
    /// Tells of another certificate.
    OtherSerial,
    OtherCertificate,
    /// Tells of two signers.
    Two,
    /// Answers with this text.
    Text(&'static str),
    Status(u16),
    /// Never ends.
    Endless,
    /// Never answers.
    Silent,
    /// Closes at once.
    Gone,
}

/// A verifier, until it is dropped.
struct Node {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    async fn start(manner: Manner, signer: &Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let certificate = certificate(signer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manner.clone(), certificate.clone()));
            }
        });
        Self { address, task }
    }
}

/// The signer's certificate as NCANode tells of it.
fn certificate(signer: &Signer) -> Value {
    use x509_parser::prelude::FromDer;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&signer.der).unwrap();
    json!({
        "valid": true,
        "revocations": [],
        "notBefore": "2022-06-01T00:00:00.000+00:00",
        "notAfter": "2023-06-01T00:00:00.000+00:00",
        "keyUsage": "SIGN",
        "serialNumber": parsed.serial.to_str_radix(16),
        "signAlg": "1.2.398.3.10.1.1.2.3.2",
        "keyUser": ["CEO", "ORGANIZATION"],
        "signature": STANDARD.encode(&parsed.signature_value.data),
        "subject": { "commonName": "SAMPLE SIGNER", "iin": "000000000000" },
    })
}

async fn serve(mut stream: TcpStream, manner: Manner, certificate: Value) {
    let asked = request(&mut stream).await;
    let good = json!([{ "revoked": false, "by": "OCSP" }]);
    let signed = |valid: bool, revocations: Value| {
        let mut certificate = certificate.clone();
        certificate["revocations"] = revocations;
        json!({ "status": 200, "message": "OK", "valid": valid,
                "signers": [{ "certificates": [certificate], "tsp": null }] })
    };
    // What it is asked is the document and its signature, whole.
    assert_eq!(STANDARD.decode(asked["data"].as_str().unwrap()).unwrap(), DOCUMENT);
    let with_revocation = asked["revocationCheck"] == json!(["OCSP"]);
    assert!(with_revocation || asked["revocationCheck"] == json!([]), "{asked}");
    let body = match manner {
        Manner::Says { valid, revocations } => signed(valid, revocations).to_string(),
        Manner::SaysWithout { valid, .. } if with_revocation => {
            signed(valid, json!([])).to_string()
        }
        Manner::SaysWithout { without, .. } => signed(without, json!(null)).to_string(),
        Manner::OtherSerial => {
            let mut other = signed(true, good);
            other["signers"][0]["certificates"][0]["serialNumber"] = json!("4d2");
            other.to_string()
        }
        Manner::OtherCertificate => {
            let mut other = signed(true, good);
            other["signers"][0]["certificates"][0]["signature"] =
                json!(STANDARD.encode(b"another"));
            other.to_string()
        }
        Manner::Two => {
            let mut two = signed(true, good);
            let first = two["signers"][0].clone();
            two["signers"] = json!([first, first]);
            two.to_string()
        }
        Manner::Text(text) => text.to_owned(),
        Manner::Status(status) => {
            let head = format!("HTTP/1.1 {status} Sample\r\ncontent-length: 2\r\n\r\n{{}}");
            return drop(stream.write_all(head.as_bytes()).await);
        }
        Manner::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n";
            let mut written = stream.write_all(head).await;
            while written.is_ok() {
                written = stream.write_all(&[b' '; 65536]).await;
            }
            return;
        }
        Manner::Silent => return std::future::pending().await,
        Manner::Gone => return,
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
}

/// The JSON of a POST to /cms/verify.
async fn request(stream: &mut TcpStream) -> Value {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap();
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("POST /cms/verify HTTP/1.1\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return serde_json::from_str(body).unwrap();
        }
    }
}

fn gost<'a>(signer: &'a Signer) -> Cms<'a> {
    Cms { digest: GOST_DIGEST_512, algorithm: Some(GOST_512), ..Cms::by(signer) }
}

/// What comes of a GOST signature before a verifier of this manner.
async fn judged(manner: Manner) -> Signature {
    judged_of(manner, &Person::default()).await
}

async fn judged_of(manner: Manner, person: &Person) -> Signature {
    let pki = Pki::new();
    let signer = pki.authority.signer(person);
    let node = Node::start(manner, &signer).await;
    let desk = desk(Some(node.address));
    let document = Document::new(Bytes::from_static(DOCUMENT), gost(&signer).sign(DOCUMENT).into());
    desk.judge(Act::RecordDecision, Some(document), at(NOW)).await
}

fn desk(node: Option<SocketAddr>) -> Desk {
    let url = node.map(|address| format!("http://{address}").parse().unwrap());
    let timeout = Duration::from_secs(1);
    Desk::new(DeskParts {
        answers: None,
        policy: Policy::default(),
        authorities: Authorities::default(),
        lists: None,
        evidence: "/nonexistent".into(),
        verifier: url.map(|url| Box::new(NcaNode::new(url, None, timeout)) as _),
        max_at_once: 2,
    })
}

#[track_caller]
fn verdict(signature: Signature) -> SignatureVerdict {
    match signature {
        Signature::Judged(verdict) => *verdict,
        other @ (Signature::Absent | Signature::Refused(_)) => panic!("{other:?}"),
    }
}

fn invalid(flaw: Flaw) -> Signature {
    Signature::Refused(SignatureRefusal::Invalid(flaw))
}

fn good() -> Value {
    json!([{ "revoked": false, "by": "OCSP", "revocationTime": null, "reason": null }])
}

#[tokio::test]
async fn a_verifier_proves_what_the_bus_has_bound() {
    let found = verdict(judged(Manner::Says { valid: true, revocations: good() }).await);
    assert_eq!((found.doubt, found.proven_by), (None, ProvenBy::Sidecar));
    assert_eq!(found.revocation.len(), 1);
    assert_eq!(found.revocation[0].source, RevocationSource::Sidecar);
}

#[tokio::test]
async fn a_verifier_is_not_asked_of_other_bytes_nor_of_a_wrong_role() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    // Nobody listens there, so that asking would leave a doubt.
    let desk = desk(Some("127.0.0.1:1".parse().unwrap()));
    let judge = |content: &'static [u8], signer: &Signer| {
        let signature = gost(signer).sign(DOCUMENT).into();
        let document = Document::new(Bytes::from_static(content), signature);
        desk.judge(Act::RecordDecision, Some(document), at(NOW))
    };
    assert_eq!(judge(b"another document", &signer).await, invalid(Flaw::OtherDocument));
    let employee = Person { roles: vec![super::EMPLOYEE], ..Person::default() };
    let employee = pki.authority.signer(&employee);
    assert_eq!(judge(DOCUMENT, &employee).await, invalid(Flaw::WrongRole));
    assert_eq!(verdict(judge(DOCUMENT, &signer).await).doubt, Some(Doubt::VerifierSilent));
}

#[tokio::test]
async fn a_verifier_that_fails_leaves_a_doubt_and_never_a_flaw() {
    for (manner, doubt) in [
        (Manner::Silent, Doubt::VerifierSilent),
        (Manner::Gone, Doubt::VerifierSilent),
        (Manner::Endless, Doubt::VerifierUnreadable),
        (Manner::Status(500), Doubt::VerifierUnreadable),
        (Manner::Text("no JSON"), Doubt::VerifierUnreadable),
        (Manner::Text("{}"), Doubt::VerifierUnreadable),
        (Manner::Text("{\"valid\": true, \"signers\": []}"), Doubt::VerifierUnreadable),
        (Manner::Text("{\"valid\": \"yes\", \"signers\": []}"), Doubt::VerifierUnreadable),
        (Manner::Two, Doubt::VerifierUnreadable),
        (Manner::OtherSerial, Doubt::VerifierContradicts),
        (Manner::OtherCertificate, Doubt::VerifierContradicts),
    ] {
        let found = verdict(judged(manner.clone()).await);
        assert_eq!((found.doubt, found.proven_by), (Some(doubt), ProvenBy::Nobody), "{manner:?}");
        assert!(found.revocation.is_empty(), "{manner:?}");
    }
}

#[tokio::test]
async fn a_source_that_the_verifier_cannot_reach_is_told_from_a_false_signature() {
    let unreachable = judged(Manner::SaysWithout { valid: false, without: true }).await;
    assert_eq!(verdict(unreachable).doubt, Some(Doubt::RevocationUnknown));
    let refused = judged(Manner::SaysWithout { valid: false, without: false }).await;
    assert_eq!(refused, invalid(Flaw::RefusedByVerifier));
    // It says that all is well, and of revocation nothing.
    let unasked = judged(Manner::Says { valid: true, revocations: json!([]) }).await;
    assert_eq!(verdict(unasked).doubt, Some(Doubt::RevocationUnknown));
}

#[tokio::test]
async fn what_a_verifier_knows_of_now_is_held_against_the_signing_time() {
    let revoked = |when: Value| Manner::Says {
        valid: false,
        revocations: json!([{ "revoked": true, "by": "OCSP", "revocationTime": when }]),
    };
    let before = judged(revoked(json!("2023-02-01T00:00:00.000+00:00"))).await;
    assert_eq!(before, invalid(Flaw::Revoked));
    for since in [json!("2023-02-20T09:40:00.000+00:00"), json!(null)] {
        assert_eq!(verdict(judged(revoked(since)).await).doubt, Some(Doubt::RevokedSince));
    }
    let unreadable = verdict(judged(revoked(json!("yesterday"))).await);
    assert_eq!(unreadable.doubt, Some(Doubt::VerifierUnreadable));
    // A certificate that ended since: whatever it says, it says of now.
    let ended = Person { not_after: "2023-02-20T09:45:00Z", ..Person::default() };
    for valid in [true, false] {
        let manner = Manner::Says { valid, revocations: good() };
        let found = verdict(judged_of(manner, &ended).await);
        assert_eq!(found.doubt, Some(Doubt::ExpiredSince));
    }
    // One that had ended before is refused without asking.
    let long_ended = Person { not_after: "2023-02-01T00:00:00Z", ..Person::default() };
    assert_eq!(judged_of(Manner::Silent, &long_ended).await, invalid(Flaw::Expired));
}

#[tokio::test]
async fn policy_decides_what_an_act_needs() {
    let pki = Pki::new();
    let signer = pki.authority.signer(&Person::default());
    let document = || {
        let signature = gost(&signer).sign(DOCUMENT).into();
        Some(Document::new(Bytes::from_static(DOCUMENT), signature))
    };
    let with = |demand, undetermined| {
        let policy = ActPolicy { demand, undetermined, roles: Vec::new() };
        let acts = [(Act::RecordDecision, policy)].into();
        Desk::new(DeskParts {
            answers: None,
            policy: Policy::new(acts, Vec::new()),
            authorities: Authorities::default(),
            lists: None,
            evidence: "/nonexistent".into(),
            verifier: None,
            max_at_once: 1,
        })
    };
    let judge =
        async |desk: Desk, document| desk.judge(Act::RecordDecision, document, at(NOW)).await;
    let required = SignatureRefusal::Required;
    assert_eq!(judge(with(Demand::Required, true), None).await, Signature::Refused(required));
    assert_eq!(judge(with(Demand::Optional, false), None).await, Signature::Absent);
    assert_eq!(judge(with(Demand::None, false), document()).await, Signature::Absent);
    let undetermined = SignatureRefusal::Undetermined(Doubt::NoVerifier);
    let refused = judge(with(Demand::Optional, false), document()).await;
    assert_eq!(refused, Signature::Refused(undetermined));
    let taken = verdict(judge(with(Demand::Required, true), document()).await);
    assert_eq!(taken.doubt, Some(Doubt::NoVerifier));
    // An act that nobody signs has no policy.
    let desk = with(Demand::Required, true);
    assert_eq!(desk.judge(Act::SubmitApplication, None, at(NOW)).await, Signature::Absent);
}
