//! Where a bus of the bench's own keeps its files: its directory, its certificates, its
//! configuration.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::{BenchError, Options};
use crate::config;
use crate::domain::party::PartyId;
use crate::rpc::client::ConnectError;
use crate::trust::issue::{CertificateDir, Validity, issue_ca, issue_party, issue_server};
use crate::trust::tls::TlsFiles;

/// The registry that the bus comes with; the bench adds akimats and commissions of the other
/// regions.
const REGISTRY: &str = include_str!("../../deploy/parties.toml");
pub(super) const MISSION: &str = "mission-uz";
pub(super) const MIGRATION_BODY: &str = "migration-committee";
pub(super) const OPERATOR: &str = "operator";
/// All regions.
pub(super) const REGIONS: [&str; 20] = [
    "KZ-55", "KZ-11", "KZ-59", "KZ-39", "KZ-63", "KZ-10", "KZ-23", "KZ-27", "KZ-35", "KZ-62",
    "KZ-15", "KZ-19", "KZ-31", "KZ-33", "KZ-43", "KZ-47", "KZ-61", "KZ-71", "KZ-75", "KZ-79",
];
/// The name in the bus's certificate.
pub(super) const HOST: &str = "localhost";
const DATA_DIR: &str = "data";

/// Longer than any bench, and than any clock is wrong.
const CERTIFICATE_SPAN: SignedDuration = SignedDuration::from_hours(48);
/// How much of the log is told when the bus fails.
const LOG_BYTES: usize = 2_000;

/// A directory in which a bus can be started again and again on the same files. Dropping it
/// removes the directory.
#[derive(Debug)]
pub(super) struct Site {
    root: PathBuf,
    binary: PathBuf,
    certificates: CertificateDir,
    /// Where the clock of the bus stands at first; none for the machine's.
    sandbox_start: Option<Timestamp>,
}

impl Site {
    /// Makes a directory of a name of its own with everything a bus needs but data.
    pub(super) fn make(options: &Options) -> Result<Self, BenchError> {
        let root = options.dir.join(format!("kopir-bench-{}", uuid::Uuid::new_v4()));
        // Private, as whatever a bus keeps must be.
        let made = DirBuilder::new().mode(0o700).create(&root);
        made.map_err(|why| BenchError::Files { path: root.clone(), why })?;
        let certificates = CertificateDir::new(root.join("certs"));
        // Made before it is filled, so that what there is goes if the rest fails.
        let binary = options.binary.clone();
        let site = Self { root, binary, certificates, sandbox_start: None };
        site.issue(options.now)?;
        site.write("parties.toml", &registry())?;
        Ok(site)
    }

    /// The same for a bus whose clock stands still where it is set, at first here.
    pub(super) fn sandbox(options: &Options, start: Timestamp) -> Result<Self, BenchError> {
        let mut site = Self::make(options)?;
        site.sandbox_start = Some(start);
        Ok(site)
    }

    fn issue(&self, now: Timestamp) -> Result<(), BenchError> {
        let validity = Validity::new(now - CERTIFICATE_SPAN, now + CERTIFICATE_SPAN)?;
        let directory = &self.certificates;
        directory.create()?;
        let ca = issue_ca("Kopir bench", validity)?;
        directory.save_ca(&ca)?;
        let host = HOST.try_into().map_err(|_| ConnectError::Name(HOST.to_owned()))?;
        directory.save_bus(&issue_server(&ca, &[host], validity)?)?;
        let akimats = REGIONS.iter().map(|region| akimat(region));
        for party in
            [MISSION, MIGRATION_BODY, OPERATOR].map(str::to_owned).into_iter().chain(akimats)
        {
            let party: PartyId = party.parse()?;
            directory.save_party(&party, &issue_party(&ca, &party, validity)?)?;
        }
        Ok(())
    }

    /// The bus's binary.
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Writes the configuration of a bus that listens on an address.
    pub(super) fn configure(&self, address: SocketAddr) -> Result<PathBuf, BenchError> {
        let mut text = configuration(address);
        if let Some(start) = self.sandbox_start {
            text += &format!("[sandbox]\nstart_time = \"{start}\"\n");
        }
        self.write("kopir.toml", &text)
    }

    /// Begins a new log.
    pub(super) fn begin_log(&self) -> Result<File, BenchError> {
        let path = self.log();
        File::create(&path).map_err(|why| BenchError::Files { path, why })
    }

    /// What the bus said last.
    pub(super) fn end_of_log(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let from = log.len().saturating_sub(LOG_BYTES);
        String::from_utf8_lossy(&log[from..]).into_owned()
    }

    /// What a party needs to connect.
    pub(super) fn tls_files(&self, party: &str) -> Result<TlsFiles, BenchError> {
        let party = party.parse()?;
        Ok(TlsFiles {
            certificate: self.certificates.party_certificate(&party),
            key: self.certificates.party_key(&party),
            ca: self.certificates.ca_certificate(),
        })
    }

    /// Removes the index, as if the disk had lost it. No bus may be running.
    pub(super) fn remove_index(&self) -> Result<(), BenchError> {
        let path = config::index_dir(&self.root.join(DATA_DIR));
        fs::remove_dir_all(&path).map_err(|why| BenchError::Files { path, why })
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, BenchError> {
        let path = self.root.join(name);
        let written: io::Result<()> = fs::write(&path, text);
        match written {
            Ok(()) => Ok(path),
            Err(why) => Err(BenchError::Files { path, why }),
        }
    }

    fn log(&self) -> PathBuf {
        self.root.join("bus.log")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Best effort: what is left has a name that says whose it was.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The akimat of a region.
pub(super) fn akimat(region: &str) -> String {
    format!("akimat-{}", region.to_lowercase())
}

/// The registry of a bench: every region has an akimat, and each of them a commission.
fn registry() -> String {
    let is_there = |region: &&str| REGISTRY.contains(&format!("id = \"{}\"", akimat(region)));
    let mut registry = REGISTRY.to_owned();
    for region in REGIONS.iter().filter(|region| !is_there(region)) {
        let (akimat, commission) =
            (akimat(region), format!("commission-{}", region.to_lowercase()));
        registry += &party(&akimat, "akimat", region, MIGRATION_BODY);
        registry += &party(&commission, "commission", region, &akimat);
    }
    registry
}

fn party(id: &str, role: &str, region: &str, supervisor: &str) -> String {
    format!(
        "\n[[party]]\n\
         id = \"{id}\"\n\
         role = \"{role}\"\n\
         region = \"{region}\"\n\
         zone = \"Asia/Almaty\"\n\
         supervisor = \"{supervisor}\"\n\
         [party.names]\n\
         kk = \"{id}\"\n\
         ru = \"{id}\"\n\
         en = \"{id}\"\n"
    )
}

/// The defaults of the bus, but for the rate and the calls at once, which are there to hold a
/// single party back, and a single party is what asks here.
fn configuration(address: SocketAddr) -> String {
    format!(
        "version = 1\n\
         listen = \"{address}\"\n\
         data_dir = \"{DATA_DIR}\"\n\
         registry_file = \"parties.toml\"\n\
         [tls]\n\
         ca_file = \"certs/ca.pem\"\n\
         certificate_file = \"certs/bus.pem\"\n\
         key_file = \"certs/bus.key\"\n\
         [limits]\n\
         acts_per_second_per_party = 1000000\n\
         max_concurrent_calls_per_party = 4096\n\
         [http2]\n\
         max_concurrent_streams = 1024\n\
         [quota]\n\
         when_unset = \"admit\"\n\
         [log]\n\
         filter = \"warn\"\n"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_configuration_is_one_that_the_bus_accepts() {
        let address: SocketAddr = "127.0.0.1:7443".parse().unwrap();
        let file = Path::new("/bench/kopir.toml");
        let config = config::Config::parse(file, &configuration(address)).unwrap();
        assert_eq!(config.listen, address);
        assert_eq!(config.data_dir, Path::new("/bench").join(DATA_DIR));
        assert_eq!(config.registry_file, Path::new("/bench/parties.toml"));
    }

    #[test]
    fn a_site_is_removed_with_everything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            binary: "/bin/false".into(),
            dir: dir.path().to_owned(),
            parts: Vec::new(),
            acts: 1,
            longest: Duration::from_secs(1),
            hops: 1,
            connections: 1,
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365),
        };
        let site = Site::make(&options).unwrap();
        assert!(site.root.join("certs/mission-uz.key").exists());
        drop(site);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
