//! What a test does to the files by which a bus believes its parties.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kopir::app::App;
use kopir::config::Config;
use kopir::domain::party::PartyId;
use kopir::trust::issue::{issue_crl, issue_party, issue_server};
use kopir::trust::pem;
use kopir::trust::tls::{TlsFiles, client_config, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Bus, MISSION, SERVER_NAME, Setting, Site, always, span, time, within};
use kopir::engine::Clock;

/// Puts a file in place as a whole.
pub fn replace(file: &Path, text: &str) {
    let aside = file.with_extension("aside");
    fs::write(&aside, text).unwrap();
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&aside, file).unwrap();
}

impl Bus {
    /// Where the registry is.
    pub fn registry_file(&self) -> PathBuf {
        self.site.path("parties.toml")
    }

    /// The authority of bus and parties: its file, its certificate, and its key in PEM.
    pub fn authority(&self) -> (PathBuf, Vec<u8>, String) {
        let certificates = self.site.certificates();
        let key = fs::read_to_string(certificates.ca_key()).unwrap();
        (certificates.ca_certificate(), self.site.ca.certificate().to_vec(), key)
    }

    /// The certificate of a party.
    pub fn certificate(&self, id: &str) -> Vec<u8> {
        pem::certificates(&self.site.files(id).certificate).unwrap().swap_remove(0).to_vec()
    }

    /// Another certificate of the bus's own authority for a party, as files.
    pub fn other_files(&self, id: &str) -> TlsFiles {
        let id: PartyId = id.parse().unwrap();
        let (certificate, key) = issue_party(&self.site.ca, &id, always()).unwrap().pem();
        self.files_with(&certificate, &key)
    }

    /// A file of the site.
    pub fn file(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    /// Another certificate of the bus's own authority for a party.
    pub fn issue(&self, id: &str) -> Arc<ClientConfig> {
        self.site.stranger(id, &self.site.ca, always())
    }

    /// Restarts with a revocation list that revokes nobody, unless there is one; strict, unless the
    /// settings say otherwise.
    pub async fn restart_revoking(self, settings: &[Setting]) -> Self {
        let (site, now) = (Arc::clone(&self.site), self.now());
        self.stop().await;
        if !site.crl().exists() {
            site.revoke(&[], 1, "2200-01-01T00:00:00Z");
        }
        Self::start_on(site, Clock::sandbox(now), settings).await
    }

    /// Stops the bus, and why it does not start again.
    pub async fn refuses_to_start(self) -> String {
        let (site, clock) = (Arc::clone(&self.site), Clock::sandbox(self.now()));
        self.stop().await;
        let file = site.path("kopir.toml");
        let config = Config::parse(&file, &site.config(&clock, &[])).unwrap();
        let started = App::start(config, clock).await;
        format!("{:#}", started.err().expect("it does not start"))
    }

    /// Puts a list in place that revokes the first certificates of these parties.
    pub fn revoke(&self, ids: &[&str], number: u64) {
        self.site.revoke(ids, number, "2200-01-01T00:00:00Z");
    }

    /// The same with the day on which the next list is due.
    pub fn revoke_until(&self, ids: &[&str], number: u64, until: &str) {
        self.site.revoke(ids, number, until);
    }

    /// The certificate that the bus shows to whoever connects now.
    pub async fn shown_certificate(&self) -> Vec<u8> {
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let connector = TlsConnector::from(self.tls(MISSION));
        let stream = within(connector.connect(name, stream)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    /// The answer of OCSP that the bus shows with its certificate; empty where it shows none.
    pub async fn stapled(&self) -> Vec<u8> {
        let seen = Arc::new(Staple::default());
        let mut config = ClientConfig::clone(&self.tls(MISSION));
        config.dangerous().set_certificate_verifier(Arc::clone(&seen) as _);
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        within(connector.connect(name, stream)).await.unwrap();
        seen.0.lock().unwrap().clone()
    }

    /// Puts another certificate of the bus in place, and leaves the old key there; the new key.
    pub fn bus_certificate_without_key(&self) -> String {
        let names = [ServerName::try_from(SERVER_NAME).unwrap()];
        let (certificate, key) = issue_server(&self.site.ca, &names, always()).unwrap().pem();
        replace(&self.site.certificates().bus_certificate(), &certificate);
        key
    }

    /// Puts a key of the bus in place.
    pub fn bus_key(&self, key: &str) {
        replace(&self.site.certificates().bus_key(), key);
    }

    /// The files of a certificate made by the test, that trusts the bus.
    pub fn files_with(&self, certificate: &str, key: &str) -> TlsFiles {
        let dir = tempfile::tempdir_in(self.site.dir.path()).unwrap().keep();
        let file = |name: &str, text: &str| {
            let file = dir.join(name);
            replace(&file, text);
            file
        };
        TlsFiles {
            certificate: file("one.pem", certificate),
            key: file("one.key", key),
            ca: self.site.certificates().ca_certificate(),
        }
    }

    /// TLS settings of a party with a certificate that ends soon.
    pub fn tls_until(&self, id: &str, until: jiff::Timestamp) -> Arc<ClientConfig> {
        let id: PartyId = id.parse().unwrap();
        let begin = time("2000-01-01T00:00:00Z");
        let validity = kopir::trust::issue::Validity::new(begin, until).unwrap();
        let (certificate, key) = issue_party(&self.site.ca, &id, validity).unwrap().pem();
        client_config(&self.files_with(&certificate, &key)).unwrap()
    }
}

/// Believes any server, and keeps the answer of OCSP that it shows.
#[derive(Debug, Default)]
struct Staple(Mutex<Vec<u8>>);

impl ServerCertVerifier for Staple {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 alone".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

impl Site {
    pub(super) fn crl(&self) -> PathBuf {
        self.path("ca.crl")
    }

    fn revoke(&self, ids: &[&str], number: u64, until: &str) {
        let certificate = |id: &&str| {
            let file = self.files(id).certificate;
            pem::certificates(&file).unwrap().swap_remove(0)
        };
        let revoked: Vec<_> = ids.iter().map(certificate).collect();
        let list = issue_crl(&self.ca, &revoked, number, span("2020-01-01T00:00:00Z", until));
        replace(&self.crl(), &list.unwrap());
    }
}
