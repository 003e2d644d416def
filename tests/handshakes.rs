//! Who gets through the bus's door, by a client that is nobody's library here: `openssl s_client`
//! against a running bus. Each refusal is told in the log with its reason; the peer sees a TLS alert
//! and nothing else. The hybrid group is shown by `tests/python/run`, whose OpenSSL knows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bus;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bus::told::Told;
use bus::{Bus, MISSION, within};
use kopir::trust::issue::{CertificateAuthority, CertificateDir, Validity, issue_ca, issue_party};
use tempfile::TempDir;

const ALWAYS: [&str; 2] = ["2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z"];

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

/// A running bus, and a workshop for certificates.
struct Door {
    bus: Bus,
    told: Told,
    dir: TempDir,
}

impl Door {
    async fn open() -> Self {
        let told = Told::listen();
        Self { bus: Bus::start().await, told, dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A certificate of the mission in two files, by the bus's own authority or another one.
    fn issue(&self, name: &str, by: Option<&CertificateAuthority>, span: [&str; 2]) -> Vec<String> {
        let own = CertificateDir::new(self.bus.certs()).load_ca().unwrap();
        let [begin, end] = span.map(|text| text.parse().unwrap());
        let validity = Validity::new(begin, end).unwrap();
        let id = MISSION.parse().unwrap();
        let issued = issue_party(by.unwrap_or(&own), &id, validity).unwrap();
        let (certificate, key) = issued.pem();
        fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
        fs::write(self.path(&format!("{name}.key")), key).unwrap();
        self.shown(name)
    }

    /// One that the openssl command makes: with this key and these extensions.
    fn forge(&self, name: &str, key: &[&str], usage: &str) -> Vec<String> {
        let openssl = |args: &[&str]| {
            let output = Command::new("openssl").args(args).current_dir(self.dir.path()).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let (own, file) = (CertificateDir::new(self.bus.certs()), |kind| format!("{name}.{kind}"));
        let (ca, ca_key) = (own.ca_certificate(), own.ca_key());
        let extensions =
            format!("subjectAltName=URI:urn:kopir:party:{MISSION}\nextendedKeyUsage={usage}\n");
        fs::write(self.path(&file("ext")), extensions).unwrap();
        openssl(&[&["genpkey", "-out", &file("key")], key].concat());
        let request = ["req", "-new", "-subj", "/CN=sample", "-key"];
        openssl(&[&request[..], &[&file("key"), "-out", &file("csr")]].concat());
        let (ca, ca_key) = (ca.to_str().unwrap(), ca_key.to_str().unwrap());
        let sign = ["x509", "-req", "-days", "2", "-set_serial", "77", "-CA", ca, "-CAkey", ca_key];
        let files = ["-in", &file("csr"), "-extfile", &file("ext"), "-out", &file("pem")];
        openssl(&[&sign[..], &files].concat());
        self.shown(name)
    }

    /// The options that show a certificate.
    fn shown(&self, name: &str) -> Vec<String> {
        let path = |kind| self.path(&format!("{name}.{kind}")).to_str().unwrap().to_owned();
        vec!["-cert".into(), path("pem"), "-key".into(), path("key")]
    }

    /// Starts a client with these options. It stays until it is refused, or until its input ends.
    fn client(&self, options: &[String]) -> Child {
        let ca = CertificateDir::new(self.bus.certs()).ca_certificate();
        let address = self.bus.address().to_string();
        Command::new("openssl")
            .args(["s_client", "-msg", "-alpn", "h2", "-connect", &address, "-CAfile"])
            .arg(ca)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a client says that is refused, once it is.
    async fn refused(&self, options: &[String]) -> String {
        let mut client = self.client(options);
        let input = client.stdin.take().unwrap();
        let said = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap());
        let said = within(said).await.unwrap();
        drop(input);
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    }
}

/// What came from the bus, message by message, as `-msg` shows it.
fn heard(said: &str) -> Vec<&str> {
    let from_bus = said.lines().filter_map(|line| line.strip_prefix("<<< "));
    from_bus.filter(|line| !line.contains("RecordHeader") && !line.contains("Inner")).collect()
}

/// Options of a client that is refused, words of the log, and the alert that the client hears.
type Refusal = (Vec<String>, &'static str, &'static str);

fn refusals(door: &Door) -> [Refusal; 8] {
    let stranger = issue_ca(
        "Sample Other Authority",
        Validity::new(ALWAYS[0].parse().unwrap(), ALWAYS[1].parse().unwrap()).unwrap(),
    )
    .unwrap();
    let good = door.issue("good", None, ALWAYS);
    let with = |own: &[String], more: &[&str]| {
        [own, &more.iter().map(ToString::to_string).collect::<Vec<_>>()].concat()
    };
    let p256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let rsa_1024: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    // openssl itself would not use such a key otherwise.
    let lax = ["-cipher", "DEFAULT@SECLEVEL=0"];
    [
        (with(&good, &["-tls1_2"]), "TLS 1.3 was not offered", "protocol_version"),
        (Vec::new(), "no certificate was shown", "certificate_required"),
        (
            door.forge("server", p256, "serverAuth"),
            "the certificate is not made for this use",
            "unsupported_certificate",
        ),
        (
            door.issue("expired", None, [ALWAYS[0], "2020-01-01T00:00:00Z"]),
            "the certificate has expired",
            "certificate_expired",
        ),
        (
            door.issue("early", None, ["2190-01-01T00:00:00Z", ALWAYS[1]]),
            "the certificate is not valid yet",
            "certificate_expired",
        ),
        (
            door.issue("foreign", Some(&stranger), ALWAYS),
            "the certificate is signed by no trusted authority",
            "unknown_ca",
        ),
        (
            with(&door.forge("weak", rsa_1024, "clientAuth"), &lax),
            "the certificate's key is too short",
            "certificate_unknown",
        ),
        (
            with(&good, &["-groups", "P-384"]),
            "no key exchange, cipher or signature in common",
            "handshake_failure",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refused_handshake_has_its_reason_in_the_log_and_the_peer_hears_an_alert_alone() {
    if !has_openssl() {
        return;
    }
    let door = Door::open().await;
    let table = refusals(&door);
    for (options, words, alert) in &table {
        let said = door.refused(options).await;
        let line = door.told.line(&["a handshake failed", words]).await;
        assert!(line.contains("remote=127.0.0.1:"), "{line}");
        let heard = heard(&said);
        let last = heard.last().unwrap_or(&"nothing");
        let told = format!("Alert [length 0002], fatal {alert}");
        assert!(last.contains(&told), "{words}: {last}\n{said}");
        // Before it only what belongs to a handshake, and nothing after it.
        let before = &heard[..heard.len() - 1];
        let is_of_handshake =
            |message: &&str| message.contains("Handshake [") || message.contains("ChangeCipher");
        assert!(before.iter().all(is_of_handshake), "{words}: {heard:#?}");
        for inner in [*words, "urn:kopir:party", "registry", "rustls", "webpki"] {
            assert!(!said.contains(inner), "{inner} is told to the peer:\n{said}");
        }
    }
    let text = door.told.text();
    let reasons: Vec<_> = table
        .iter()
        .map(|(_, words, _)| text.lines().filter(|line| line.contains(words)).count())
        .collect();
    assert_eq!(reasons, [1; 8], "each reason once:\n{text}");
    door.bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_let_in_with_the_certificate_of_a_party() {
    if !has_openssl() {
        return;
    }
    let door = Door::open().await;
    let own = door.issue("good", None, ALWAYS);
    let mut client = door.client(&own);
    let (mut input, mut output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    // The preface of HTTP/2 and empty settings: only whoever is let in gets data in answer.
    input.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let (mut said, mut piece) = (String::new(), [0; 4096]);
        while !said.contains("<<< TLS 1.3, InnerContent [length 0001]\n    17\n") {
            let length = output.read(&mut piece).unwrap();
            assert!(length > 0, "it ended early: {said}");
            said += &String::from_utf8_lossy(&piece[..length]);
        }
        said
    });
    let said = within(said).await.unwrap();
    drop(input);
    client.kill().unwrap();
    client.wait().unwrap();
    assert!(said.contains("New, TLSv1.3, Cipher is TLS_AES_"), "{said}");
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(!said.contains("fatal"), "{said}");
    door.bus.stop().await;
}
