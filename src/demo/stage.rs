//! What the pilot is played on: a directory of its own, development certificates, and a real bus on
//! loopback with its real storage, on a clock that is moved by hand.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::DemoError;
use super::family::FILING;
use crate::app::App;
use crate::config::{Config, journal_dir};
use crate::domain::WhenUnset;
use crate::domain::party::{Parties, PartyId};
use crate::engine::Clock;
use crate::journal::{VerifyReport, verify};
use crate::rpc::client::{BusChannel, connect};
use crate::trust::issue::{CertificateDir, Validity, issue_ca, issue_party, issue_server};
use crate::trust::registry;
use crate::trust::tls::{TlsFiles, client_config};

/// The registry that ships with the bus: it has the missions, akimats and commissions of the pilot.
const PARTIES: &str = include_str!("../../deploy/parties.toml");
/// The name in the bus's certificate.
const SERVER_NAME: &str = "localhost";
/// How long the certificates hold beyond today, in hours: nobody should come to rely on them.
const CERTIFICATE_HOURS: i64 = 48;

/// A running bus and everything that belongs to it.
pub(super) struct Stage {
    root: PathBuf,
    certificates: CertificateDir,
    parties: Parties,
    app: App,
}

impl Stage {
    /// Sets the pilot up under `root`, which must not exist, and starts the bus.
    pub(super) async fn build(root: &Path) -> Result<Self, DemoError> {
        let start =
            TimeZone::UTC.to_timestamp(FILING.0.to_datetime(jiff::civil::Time::midnight()))?;
        Self::sample(root, start).await
    }

    /// Sets everything up for the sample registry, and starts the bus at the instant given.
    pub(super) async fn sample(root: &Path, start: Timestamp) -> Result<Self, DemoError> {
        // Nobody sets a quota here, so none is kept.
        Self::open(root, PARTIES, start, WhenUnset::Admit).await
    }

    /// Sets everything up for these parties under `root`, which must not exist, and starts the bus
    /// at the instant given.
    pub(super) async fn open(
        root: &Path,
        registry: &str,
        start: Timestamp,
        when_unset: WhenUnset,
    ) -> Result<Self, DemoError> {
        make_directory(root)?;
        let certificates = CertificateDir::new(root.join("certs"));
        let registry_file = root.join("parties.toml");
        let parties = registry::parse(Path::new("parties.toml"), registry)?;
        issue(&certificates, &parties)?;
        fs::write(&registry_file, registry).map_err(|why| files(&registry_file, why))?;
        let config_file = root.join("kopir.toml");
        fs::write(&config_file, config_text(start, when_unset))
            .map_err(|why| files(&config_file, why))?;
        let config = Config::read(&config_file)?;
        let app = App::start(config, Clock::sandbox(start)).await;
        let app = app.map_err(|why| DemoError::Bus(format!("{why:#}")))?;
        Ok(Self { root: root.to_owned(), certificates, parties, app })
    }

    /// The parties of the registry.
    pub(super) fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The id of the party that the registry calls `name`.
    pub(super) fn party(&self, name: &str) -> Result<&PartyId, DemoError> {
        let party = self.parties.iter().find(|party| party.id.as_str() == name);
        party.map(|party| &party.id).ok_or_else(|| DemoError::NoParty(name.to_owned()))
    }

    /// Connects to the bus as a party, with the party's own certificate.
    pub(super) async fn connect(&self, party: &PartyId) -> Result<BusChannel, DemoError> {
        let tls = client_config(&TlsFiles {
            certificate: self.certificates.party_certificate(party),
            key: self.certificates.party_key(party),
            ca: self.certificates.ca_certificate(),
        })?;
        let channel = connect(self.app.address(), SERVER_NAME, tls).await;
        channel.map_err(|why| DemoError::Connect { party: party.clone(), why })
    }

    /// The time on the bus's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    /// Moves the bus's clock forward, and waits until everything that has fallen due by then is
    /// said and in the inboxes.
    pub(super) async fn advance(&self, to: Timestamp) -> Result<(), DemoError> {
        self.app.clock().set(to)?;
        self.say().await
    }

    /// Waits until all that was asked of the bus so far, and whatever is due, is said.
    async fn say(&self) -> Result<(), DemoError> {
        let engine = self.app.engine();
        engine.sweep().await.map_err(|why| DemoError::Bus(why.to_string()))?;
        engine.caught_up().await;
        Ok(())
    }

    /// Lets the bus judge whether what waits will arrive in time, and waits until it has said so.
    pub(super) async fn look(&self) -> Result<(), DemoError> {
        self.app.look();
        self.say().await
    }

    /// Waits until what has been accepted can be seen.
    pub(super) async fn settle(&self) {
        self.app.engine().caught_up().await;
    }

    /// Stops the bus and checks what it leaves behind, record by record.
    pub(super) async fn close(self) -> Result<VerifyReport, DemoError> {
        self.app.stop().await.map_err(|why| DemoError::Bus(format!("{why:#}")))?;
        Ok(verify(&journal_dir(&self.root.join("data")))?)
    }
}

/// Makes a directory for the owner alone, since private keys lie below; one that exists is never
/// mixed with.
pub(super) fn make_directory(path: &Path) -> Result<(), DemoError> {
    DirBuilder::new().mode(0o700).create(path).map_err(|why| files(path, why))
}

/// The parties of the sample registry.
#[cfg(test)]
pub(super) fn sample_parties() -> Result<Parties, DemoError> {
    Ok(registry::parse(Path::new("parties.toml"), PARTIES)?)
}

fn issue(certificates: &CertificateDir, parties: &Parties) -> Result<(), DemoError> {
    // Certificates are checked against the machine's clock, not the sandbox's.
    let today = Clock::System.now();
    let validity = Validity::new(today - 1.hour(), today + CERTIFICATE_HOURS.hours())?;
    let authority = issue_ca("Kopir demonstration", validity)?;
    certificates.create()?;
    certificates.save_ca(&authority)?;
    let name = SERVER_NAME.try_into();
    let name = name.map_err(|_| DemoError::NoParty(SERVER_NAME.to_owned()))?;
    certificates.save_bus(&issue_server(&authority, &[name], validity)?)?;
    for party in parties {
        certificates.save_party(&party.id, &issue_party(&authority, &party.id, validity)?)?;
    }
    Ok(())
}

/// The configuration: every bound is the default, only the places are the demonstration's own.
fn config_text(start: Timestamp, when_unset: WhenUnset) -> String {
    let when_unset = match when_unset {
        WhenUnset::Refuse => "refuse",
        WhenUnset::Admit => "admit",
    };
    format!(
        r#"version = 1
listen = "127.0.0.1:0"
data_dir = "data"
registry_file = "parties.toml"

[tls]
ca_file = "certs/ca.pem"
certificate_file = "certs/bus.pem"
key_file = "certs/bus.key"

[quota]
when_unset = "{when_unset}"

[sandbox]
start_time = "{start}"
"#
    )
}

fn files(path: &Path, why: std::io::Error) -> DemoError {
    DemoError::Files { path: path.to_owned(), why }
}
