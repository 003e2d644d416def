//! The openssl command line as the other implementation: it verifies what is accepted here, and
//! what it signs is accepted here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kopir::domain::signature::{Flaw, SignatureScheme};
use kopir::trust::signature::authorities::{Authorities, Crl, Crls};
use kopir::trust::signature::{Signed, Wanted, verify};

use super::signing::{Cms, Key, NOW, Person, Pki, at, pem};
use super::{DOCUMENT, judge};

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn try_run(&self, line: &str) -> Output {
        let words = line.split_whitespace();
        Command::new("openssl").args(words).current_dir(self.dir.path()).output().unwrap()
    }

    #[track_caller]
    fn run(&self, line: &str) -> Output {
        let output = self.try_run(line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {line}: {told}");
        output
    }
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

#[test]
fn openssl_verifies_what_is_accepted_here() {
    if !has_openssl() {
        return;
    }
    let (pki, bench) = (Pki::new(), Bench::new());
    bench.write("content", DOCUMENT);
    let chain = [pem("CERTIFICATE", &pki.root.der), pem("CERTIFICATE", &pki.authority.der)];
    bench.write("root.pem", chain.concat());
    for (key, pss_salt) in
        [(Key::P256, None), (Key::P384, None), (Key::Rsa, None), (Key::Rsa, Some(32))]
    {
        let signer = pki.authority.signer(&Person { key, ..Person::default() });
        let digest = if key == Key::P384 { super::SHA384 } else { super::SHA256 };
        let signature = Cms { digest, pss_salt, ..Cms::by(&signer) }.sign(DOCUMENT);
        assert!(judge(&pki, &pki.lists(), &signature).is_ok());
        bench.write("signature", &signature);
        let when = at(NOW).as_second();
        let line = format!(
            "cms -verify -binary -inform DER -in signature -content content -CAfile root.pem \
             -attime {when} -purpose any -out said"
        );
        bench.run(&line);
        assert_eq!(bench.read("said"), DOCUMENT);
        // And not of other bytes.
        bench.write("content", b"another document");
        assert!(!bench.try_run(&line).status.success());
        bench.write("content", DOCUMENT);
    }
}

/// An authority and a signer made by openssl alone, as their configuration says.
fn set_up(bench: &Bench, key: &str) {
    bench.write(
        "openssl.cnf",
        "[req]\ndistinguished_name = dn\nprompt = no\nstring_mask = utf8only\nutf8 = yes\n\
         [dn]\nCN = SAMPLE OPENSSL ROOT\n\
         [root]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign, cRLSign\n\
         subjectKeyIdentifier = hash\n\
         [signer]\nbasicConstraints = critical, CA:false\n\
         keyUsage = critical, digitalSignature, nonRepudiation\n\
         extendedKeyUsage = 1.2.398.3.3.4.1.2, 1.2.398.3.3.4.1.2.1\n\
         subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n\
         [ca]\ndefault_ca = own\n\
         [own]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256\n\
         default_crl_days = 30\ncertificate = root.pem\nprivate_key = root.key\n",
    );
    bench.write("index.txt", "");
    bench.write("number", "01\n");
    bench.run(
        "req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
         -out root.pem -days 30 -config openssl.cnf -extensions root",
    );
    bench.run(&format!("genpkey {key} -out signer.key"));
    bench.run(
        "req -new -key signer.key -out signer.csr -config openssl.cnf \
         -subj /CN=SAMPLE_SIGNER/OU=BIN990140000007",
    );
    bench.run(
        "x509 -req -in signer.csr -CA root.pem -CAkey root.key -set_serial 4242 -days 20 \
         -extfile openssl.cnf -extensions signer -out signer.pem",
    );
    bench.run("ca -gencrl -config openssl.cnf -out list.pem");
    bench.write("content", DOCUMENT);
}

fn verdict(bench: &Bench) -> Result<SignatureScheme, Flaw> {
    let signature = bench.read("signature");
    let authorities = Authorities::read(&bench.path("root.pem"), None).unwrap();
    let crls = Crls::new([Crl::read(&bench.path("list.pem")).unwrap()]);
    let signed = Signed { content: DOCUMENT, signature: &signature };
    let wanted =
        Wanted { roles: vec![kopir::domain::signature::KeyRole::Head], schemes: Vec::new() };
    let now = now_by_openssl(bench.dir.path());
    let judged = verify(signed, &wanted, &authorities, &crls, now)?;
    assert_eq!(judged.verdict.doubt, None);
    assert_eq!(judged.verdict.organisation, Some("990140000007".parse().unwrap()));
    Ok(judged.verdict.scheme)
}

/// openssl signs at the machine's time, which is that of its files.
fn now_by_openssl(dir: &Path) -> jiff::Timestamp {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::write(dir.join("clock"), "").unwrap();
    let seconds = std::fs::metadata(dir.join("clock")).unwrap().mtime();
    jiff::Timestamp::from_second(seconds + 1).unwrap()
}

const SIGN: &str = "cms -sign -binary -in content -signer signer.pem -inkey signer.key -outform DER \
                    -out signature";

#[test]
fn what_openssl_signs_is_accepted_here() {
    if !has_openssl() {
        return;
    }
    let rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    let p256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let p384 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
    let pss = "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:digest";
    for (key, how, scheme) in [
        (rsa, "-md sha256", SignatureScheme::RsaPkcs1),
        (rsa, "-md sha512 -keyid", SignatureScheme::RsaPkcs1),
        (rsa, &format!("-md sha256 {pss}"), SignatureScheme::RsaPss),
        (rsa, &format!("-md sha384 {pss}"), SignatureScheme::RsaPss),
        (p256, "-md sha256", SignatureScheme::EcdsaP256),
        (p256, "-md sha256 -keyid -certfile root.pem", SignatureScheme::EcdsaP256),
        (p384, "-md sha384", SignatureScheme::EcdsaP384),
        (p384, "-md sha256", SignatureScheme::EcdsaP384),
    ] {
        let bench = Bench::new();
        set_up(&bench, key);
        bench.run(&format!("{SIGN} {how}"));
        assert_eq!(verdict(&bench), Ok(scheme), "{key} {how}");
    }
}

#[test]
fn what_openssl_signs_badly_is_refused_by_its_reason() {
    if !has_openssl() {
        return;
    }
    let rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    for (key, how, flaw) in [
        (rsa, "-md sha1", Flaw::WeakDigest),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-md sha256", Flaw::WeakKey),
        (rsa, "-md sha256 -nodetach", Flaw::NotDetached),
        (rsa, "-md sha256 -noattr", Flaw::AttributeMissing),
        (rsa, "-md sha256 -nocerts", Flaw::NoCertificate),
        // The longest salt, which openssl takes if nobody says otherwise.
        (rsa, "-md sha256 -keyopt rsa_padding_mode:pss", Flaw::Algorithm),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-md sha512", Flaw::Forged),
        // It writes indefinite lengths when it streams.
        (rsa, "-md sha256 -stream -nodetach -indef", Flaw::IndefiniteLength),
    ] {
        let bench = Bench::new();
        set_up(&bench, key);
        bench.run(&format!("{SIGN} {how}"));
        assert_eq!(verdict(&bench), Err(flaw), "{key} {how}");
    }
}

#[test]
fn what_openssl_revokes_is_revoked_here() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    set_up(&bench, "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    bench.run("ca -config openssl.cnf -revoke signer.pem -crl_reason keyCompromise");
    bench.run("ca -gencrl -config openssl.cnf -out list.pem");
    bench.run(&format!("{SIGN} -md sha256"));
    assert_eq!(verdict(&bench), Err(Flaw::Revoked));
}
