//! A bus in this process, with its real storage and real TLS sockets, for tests that speak to it
//! as parties do.
//!
//! Its clock is a sandbox clock, so nothing waits for a term to run out. Where the bus itself
//! measures time (a handshake, a stream that stands still) the configuration asks for one second
//! and the test waits for the event, not for the time.
#![allow(dead_code, reason = "each test program uses its own part of the harness")]

pub mod act;
pub mod held;
pub mod inbox;
pub mod party;
pub mod raw;
pub mod refusal;
pub mod samples;
pub mod show;
pub mod told;
pub mod trust;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kopir::app::App;
use kopir::config::Config;
use kopir::domain::party::PartyId;
use kopir::engine::Clock;
use kopir::trust::issue::{
    CertificateAuthority, CertificateDir, Validity, issue_ca, issue_party, issue_server,
};
use kopir::trust::tls::{TlsFiles, client_config};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tempfile::TempDir;

pub use act::Act;
pub use inbox::Inbox;
pub use party::Party;

/// The name in the bus's certificate.
pub const SERVER_NAME: &str = "bus.kopir.invalid";

/// When the clock of a bus begins, unless a test says otherwise: a Wednesday in an ordinary week.
pub const MORNING: &str = "2023-02-01T09:00:00+06:00";

/// The authorised body.
pub const COMMITTEE: &str = "migration-committee";
/// Two missions, so that one can be a stranger to the other's cases.
pub const MISSION: &str = "mission-uz";
/// See [`MISSION`].
pub const OTHER_MISSION: &str = "mission-mn";
/// The region of most tests, with a system for the akimat and one for the commission.
pub const REGION: &str = "KZ-55";
/// Its akimat.
pub const AKIMAT: &str = "akimat-kz-55";
/// Its commission.
pub const COMMISSION: &str = "commission-kz-55";
/// Another region.
pub const OTHER_REGION: &str = "KZ-59";
/// Its akimat.
pub const OTHER_AKIMAT: &str = "akimat-kz-59";
/// Its commission.
pub const OTHER_COMMISSION: &str = "commission-kz-59";
/// A region whose commission has no system: the akimat acts for it.
pub const JOINT_REGION: &str = "KZ-11";
/// Its akimat.
pub const JOINT_AKIMAT: &str = "akimat-kz-11";
/// The commission without a system.
pub const SILENT_COMMISSION: &str = "commission-kz-11";
/// Whoever runs the bus.
pub const OPERATOR: &str = "operator";
/// A region of Kazakhstan that has no akimat in the registry.
pub const UNSERVED_REGION: &str = "KZ-47";

/// Parties with systems of their own.
pub const SYSTEMS: [&str; 9] = [
    COMMITTEE,
    MISSION,
    OTHER_MISSION,
    AKIMAT,
    COMMISSION,
    OTHER_AKIMAT,
    OTHER_COMMISSION,
    JOINT_AKIMAT,
    OPERATOR,
];

/// Id, role, region, zone, and what else the entry says.
const REGISTRY: [(&str, &str, &str, &str, &str); 10] = [
    (COMMITTEE, "migration-body", "", "Asia/Almaty", ""),
    (MISSION, "foreign-mission", "", "Asia/Tashkent", ""),
    (OTHER_MISSION, "foreign-mission", "", "Asia/Ulaanbaatar", ""),
    (AKIMAT, "akimat", REGION, "Asia/Almaty", ""),
    (COMMISSION, "commission", REGION, "Asia/Almaty", ""),
    (OTHER_AKIMAT, "akimat", OTHER_REGION, "Asia/Almaty", ""),
    (OTHER_COMMISSION, "commission", OTHER_REGION, "Asia/Almaty", ""),
    (JOINT_AKIMAT, "akimat", JOINT_REGION, "Asia/Almaty", "acts_for = [\"commission-kz-11\"]"),
    (SILENT_COMMISSION, "commission", JOINT_REGION, "Asia/Almaty", "identities = []"),
    (OPERATOR, "operator", "", "Asia/Almaty", ""),
];

/// How long anything may take before a test calls it lost. Far above what any step needs, so that
/// a busy machine fails nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A change of the configuration: `("limits.max_message_kib", "16")`.
pub type Setting = (&'static str, &'static str);

/// A running bus with everything it stands on.
pub struct Bus {
    app: App,
    site: Arc<Site>,
}

/// What outlives a restart: files and certificates.
struct Site {
    /// Removed with the last reference.
    dir: TempDir,
    ca: CertificateAuthority,
    settings: Vec<Setting>,
}

impl Bus {
    /// A bus in a directory of its own, as the sample configuration has it.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A bus with some settings changed.
    pub async fn with(settings: &[Setting]) -> Self {
        let site = Arc::new(Site::build(settings));
        Self::start_on(site, Clock::sandbox(time(MORNING)), &[]).await
    }

    /// Stops the bus and starts another on the same files. The clock goes on where it was.
    pub async fn restart(self) -> Self {
        self.restart_with(&[]).await
    }

    /// The same with some settings changed, for this start.
    pub async fn restart_with(self, settings: &[Setting]) -> Self {
        let (site, now) = (Arc::clone(&self.site), self.now());
        self.stop().await;
        Self::start_on(site, Clock::sandbox(now), settings).await
    }

    /// The same after its files were changed.
    pub async fn restart_after(self, change: impl FnOnce()) -> Self {
        let (site, now) = (Arc::clone(&self.site), self.now());
        self.stop().await;
        change();
        Self::start_on(site, Clock::sandbox(now), &[]).await
    }

    /// The same after the index has been removed.
    pub async fn restart_without_index(self) -> Self {
        let (site, now) = (Arc::clone(&self.site), self.now());
        self.stop().await;
        std::fs::remove_dir_all(site.path("data/index")).unwrap();
        Self::start_on(site, Clock::sandbox(now), &[]).await
    }

    /// Stops it in good order.
    pub async fn stop(self) {
        within(self.app.stop()).await.unwrap();
    }

    /// Stops it, and takes something of its files before they go.
    pub async fn stop_keeping<T>(self, keep: impl FnOnce() -> T) -> T {
        let site = Arc::clone(&self.site);
        self.stop().await;
        let kept = keep();
        drop(site);
        kept
    }

    async fn start_on(site: Arc<Site>, clock: Clock, settings: &[Setting]) -> Self {
        let file = site.path("kopir.toml");
        let config = Config::parse(&file, &site.config(&clock, settings)).unwrap();
        let app = within(App::start(config, clock)).await.unwrap();
        Self { app, site }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address()
    }

    /// Its present time.
    pub fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    /// Moves its clock forward.
    pub fn clock(&self, to: &str) {
        self.app.clock().set(time(to)).unwrap();
    }

    /// The place of its last durable record. What is refused does not move it.
    pub fn sequence(&self) -> u64 {
        self.app.engine().progress().sequence.0
    }

    /// The running program itself, for what no party can see.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// A party's system, connected.
    pub async fn party(&self, id: &'static str) -> Party {
        Party::connect(id, self.address(), self.tls(id)).await.unwrap()
    }

    /// The systems of one region's way, connected.
    pub async fn parties(&self) -> Parties {
        Parties {
            mission: self.party(MISSION).await,
            committee: self.party(COMMITTEE).await,
            akimat: self.party(AKIMAT).await,
            commission: self.party(COMMISSION).await,
        }
    }

    /// The TLS settings of a party of the registry.
    pub fn tls(&self, id: &str) -> Arc<ClientConfig> {
        client_config(&self.site.files(id)).unwrap()
    }

    /// Where the certificates of the parties are, for a command.
    pub fn certs(&self) -> PathBuf {
        self.site.path("certs")
    }

    /// The files of a party of the registry.
    pub fn files(&self, id: &str) -> TlsFiles {
        self.site.files(id)
    }

    /// The files of a party by an authority that the bus does not know, who trusts the bus all the
    /// same.
    pub fn files_of_other_authority(&self, id: &str) -> TlsFiles {
        let other = issue_ca("Sample Other Authority", always()).unwrap();
        let certificates = CertificateDir::new(self.site.path("other"));
        certificates.create().unwrap();
        let id: PartyId = id.parse().unwrap();
        certificates.save_party(&id, &issue_party(&other, &id, always()).unwrap()).unwrap();
        TlsFiles {
            certificate: certificates.party_certificate(&id),
            key: certificates.party_key(&id),
            ca: self.site.certificates().ca_certificate(),
        }
    }

    /// TLS settings with a certificate of the bus's own authority for any name and span.
    pub fn tls_issued(&self, id: &str, begin: &str, end: &str) -> Arc<ClientConfig> {
        self.site.stranger(id, &self.site.ca, span(begin, end))
    }

    /// TLS settings with a certificate of an authority that the bus does not know.
    pub fn tls_of_other_authority(&self, id: &str) -> Arc<ClientConfig> {
        let other = issue_ca("Sample Other Authority", always()).unwrap();
        self.site.stranger(id, &other, always())
    }

    /// TLS settings without any certificate.
    pub fn tls_without_certificate(&self) -> Arc<ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.site.ca.certificate().clone()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(kopir::trust::tls::provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }
}

/// The systems of the four parties of a case.
pub struct Parties {
    pub mission: Party,
    pub committee: Party,
    pub akimat: Party,
    pub commission: Party,
}

impl Site {
    fn build(settings: &[Setting]) -> Self {
        let dir = tempfile::Builder::new().prefix("kopir-test-").tempdir().unwrap();
        let ca = issue_ca("Sample Test Authority", always()).unwrap();
        let site = Self { dir, ca, settings: settings.to_vec() };
        let certificates = site.certificates();
        certificates.create().unwrap();
        certificates.save_ca(&site.ca).unwrap();
        let names = [ServerName::try_from(SERVER_NAME).unwrap()];
        let issued = issue_server(&site.ca, &names, always()).unwrap();
        certificates.save_bus(&issued).unwrap();
        for id in SYSTEMS {
            let id: PartyId = id.parse().unwrap();
            certificates.save_party(&id, &issue_party(&site.ca, &id, always()).unwrap()).unwrap();
        }
        std::fs::write(site.path("parties.toml"), registry()).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn certificates(&self) -> CertificateDir {
        CertificateDir::new(self.path("certs"))
    }

    fn files(&self, id: &str) -> TlsFiles {
        let (certificates, id) = (self.certificates(), id.parse().unwrap());
        TlsFiles {
            certificate: certificates.party_certificate(&id),
            key: certificates.party_key(&id),
            ca: certificates.ca_certificate(),
        }
    }

    /// A certificate outside the directory of the parties, trusting the bus all the same.
    fn stranger(
        &self,
        id: &str,
        by: &CertificateAuthority,
        for_span: Validity,
    ) -> Arc<ClientConfig> {
        let dir = tempfile::tempdir_in(self.dir.path()).unwrap();
        let certificates = CertificateDir::new(dir.path());
        let id: PartyId = id.parse().unwrap();
        let issued = issue_party(by, &id, for_span).unwrap();
        certificates.save_party(&id, &issued).unwrap();
        let files = TlsFiles {
            certificate: certificates.party_certificate(&id),
            key: certificates.party_key(&id),
            ca: self.certificates().ca_certificate(),
        };
        client_config(&files).unwrap()
    }

    /// Small files, so that a bus starts in no time; the settings of the test come last.
    fn config(&self, clock: &Clock, settings: &[Setting]) -> String {
        let mut keys: BTreeMap<(&str, &str), String> = BTreeMap::new();
        let quoted = |path: PathBuf| format!("{:?}", path.display().to_string());
        let certificates = self.certificates();
        keys.insert(("", "version"), "1".into());
        keys.insert(("", "listen"), "\"127.0.0.1:0\"".into());
        keys.insert(("", "data_dir"), quoted(self.path("data")));
        keys.insert(("", "registry_file"), quoted(self.path("parties.toml")));
        keys.insert(("tls", "ca_file"), quoted(certificates.ca_certificate()));
        keys.insert(("tls", "certificate_file"), quoted(certificates.bus_certificate()));
        keys.insert(("tls", "key_file"), quoted(certificates.bus_key()));
        if self.crl().exists() {
            keys.insert(("tls", "crl_files"), format!("[{}]", quoted(self.crl())));
            keys.insert(("tls", "revocation"), "\"strict\"".into());
        }
        keys.insert(("journal", "segment_mib"), "2".into());
        keys.insert(("journal", "reserve_disk_mib"), "1".into());
        keys.insert(("engine", "reserve_disk_mib"), "3".into());
        keys.insert(("index", "cache_mib"), "8".into());
        keys.insert(("quota", "when_unset"), "\"admit\"".into());
        keys.insert(("log", "filter"), "\"off\"".into());
        keys.insert(("sandbox", "start_time"), format!("\"{}\"", clock.now()));
        for (key, value) in self.settings.iter().chain(settings) {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            keys.insert((section, name), (*value).into());
        }
        let (mut text, mut open) = (String::new(), "");
        for ((section, name), value) in keys {
            if section != open {
                writeln!(text, "\n[{section}]").unwrap();
                open = section;
            }
            writeln!(text, "{name} = {value}").unwrap();
        }
        text
    }
}

fn registry() -> String {
    let mut text = String::from("version = 1\n");
    for (id, role, region, zone, more) in REGISTRY {
        let region =
            if region.is_empty() { String::new() } else { format!("region = \"{region}\"") };
        write!(
            text,
            "\n[[party]]\nid = \"{id}\"\nrole = \"{role}\"\nzone = \"{zone}\"\n{region}\n{more}\n\
             [party.names]\nkk = \"{id}\"\nru = \"{id}\"\nen = \"{id}\"\n"
        )
        .unwrap();
    }
    text
}

/// An instant by RFC 3339.
pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn span(begin: &str, end: &str) -> Validity {
    Validity::new(time(begin), time(end)).unwrap()
}

/// Certificates are judged by the machine's clock, not by the bus's.
fn always() -> Validity {
    span("2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z")
}

/// Waits for what must come; a test that would wait for ever fails and says where.
#[track_caller]
pub fn within<F: Future>(expected: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, expected).await {
            Ok(output) => output,
            Err(_) => panic!("nothing came within {PATIENCE:?} at {place}"),
        }
    }
}
