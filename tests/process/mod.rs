//! A bus as its operator runs it: the real binary in a process of its own, with files, certificates
//! and a configuration in a temporary directory, and clients that reach it as a party's system
//! would. The tests of this harness kill the process, trace its system calls and damage its files;
//! nothing of them looks inside it.
#![allow(dead_code, reason = "each test binary uses the part of the harness that it needs")]

pub mod act;
pub mod answers;
pub mod breaches;
pub mod crowd;
pub mod journal;
pub mod ledger;
pub mod link;
pub mod load;
pub mod papers;
pub mod party;
pub mod seed;
pub mod trace;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kopir::domain::party::PartyId;
use kopir::rpc::client::{ConnectError, connect};
use kopir::trust::issue::{CertificateDir, Validity, issue_ca, issue_party, issue_server};
use kopir::trust::tls::{TlsFiles, client_config};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tonic::transport::Channel;

/// The missions of these tests, by party id.
pub const MISSIONS: [&str; 4] = ["mission-uz", "mission-cn", "mission-mn", "mission-ru"];
/// The regions of these tests; all of them keep the time of Almaty.
pub const REGIONS: [&str; 4] = ["KZ-55", "KZ-11", "KZ-10", "KZ-59"];
/// The authorised body.
pub const COMMITTEE: &str = "migration-committee";
/// The body that is told of breaches.
pub const QUALITY: &str = "quality-body";
/// Who may see every case.
pub const OPERATOR: &str = "operator";

/// How long a bus may take to start or to stop before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether a bus has ended by itself.
const LOOK: Duration = Duration::from_millis(200);
/// How many of the last lines of its log are kept for a failure's message.
const KEPT_LINES: usize = 200;

/// The akimat of a region.
pub fn akimat_of(region: &str) -> String {
    format!("akimat-{}", region.to_lowercase())
}

/// The commission of a region.
pub fn commission_of(region: &str) -> String {
    format!("commission-{}", region.to_lowercase())
}

/// Everyone who takes part in cases or is told of them.
pub fn everyone() -> Vec<String> {
    let missions = MISSIONS.iter().map(ToString::to_string);
    let regions = REGIONS.iter().flat_map(|region| [akimat_of(region), commission_of(region)]);
    missions.chain([COMMITTEE.to_owned(), QUALITY.to_owned()]).chain(regions).collect()
}

/// A variable of the environment, by which whoever runs the tests sets their size.
#[expect(clippy::disallowed_methods, reason = "a test has no configuration file")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether what cannot be shown here is a failure: a build server has what is needed.
pub fn must_show() -> bool {
    environment("CI").is_some_and(|value| value == "true")
}

/// Says that a test proves nothing here, and why; a failure where it must.
pub fn skip(test: &str, why: &str) {
    assert!(!must_show(), "{test} cannot run here, and CI is true: {why}");
    println!("{test}: SKIPPED, it shows nothing here: {why}");
}

/// What a test wants otherwise than the defaults of its bus.
pub struct Settings {
    /// Where the bus stores; none for a directory of the ground.
    pub data_dir: Option<PathBuf>,
    /// Size of a segment of the journal, in MiB.
    pub segment_mib: u32,
    /// Free space that the journal leaves, in MiB.
    pub journal_reserve_mib: u32,
    /// Free space below which no application is taken, in MiB; at least the two above.
    pub engine_reserve_mib: u32,
    /// The address that it listens on; the port is chosen by the kernel.
    pub listen: IpAddr,
    /// After how many seconds a silent connection is asked whether it lives, and within how many
    /// it must answer.
    pub keepalive_seconds: (u32, u32),
}

impl Settings {
    /// What [`Default`] gives, for constants.
    pub const DEFAULT: Self = Self {
        data_dir: None,
        segment_mib: 4,
        journal_reserve_mib: 1,
        engine_reserve_mib: 5,
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        keepalive_seconds: (30, 10),
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a bus stands on: certificates, registry, configuration and data, gone with this value.
pub struct Ground {
    dir: TempDir,
    certificates: CertificateDir,
}

impl Ground {
    /// Certificates for everyone, and the registry of the repository.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("kopir-").tempdir().unwrap();
        let certificates = CertificateDir::new(dir.path().join("certs"));
        certificates.create().unwrap();
        let time = |text: &str| text.parse().unwrap();
        let validity =
            Validity::new(time("2020-01-01T00:00:00Z"), time("2099-01-01T00:00:00Z")).unwrap();
        let authority = issue_ca("Köpir tests", validity).unwrap();
        certificates.save_ca(&authority).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        certificates.save_bus(&issue_server(&authority, &names, validity).unwrap()).unwrap();
        for party in everyone().into_iter().chain([OPERATOR.to_owned()]) {
            let party: PartyId = party.parse().unwrap();
            let issued = issue_party(&authority, &party, validity).unwrap();
            certificates.save_party(&party, &issued).unwrap();
        }
        let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.toml");
        fs::copy(registry, dir.path().join("parties.toml")).unwrap();
        Self { dir, certificates }
    }

    /// A path in the directory of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the bus stores, unless the settings say otherwise.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Where its journal is.
    pub fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    /// Where its index is.
    pub fn index(&self) -> PathBuf {
        self.data().join("index")
    }

    /// Writes the configuration of a sandbox; the bounds that protect a bus from a party's haste are
    /// far off, because haste is what these tests are made of.
    pub fn configure(&self, settings: &Settings) -> PathBuf {
        self.configure_with(settings, &sandbox_from(papers::SANDBOX_START))
    }

    /// The same with other sections in the place of the sandbox's; none for the machine's clock.
    fn configure_with(&self, settings: &Settings, sections: &str) -> PathBuf {
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| self.data());
        let text = format!(
            "version = 1\n\
             listen = \"{}:0\"\n\
             data_dir = {data_dir:?}\n\
             registry_file = \"parties.toml\"\n\
             [tls]\n\
             ca_file = \"certs/ca.pem\"\n\
             certificate_file = \"certs/bus.pem\"\n\
             key_file = \"certs/bus.key\"\n\
             [engine]\n\
             reserve_disk_mib = {}\n\
             [journal]\n\
             segment_mib = {}\n\
             reserve_disk_mib = {}\n\
             [http2]\n\
             keepalive_interval_seconds = {}\n\
             keepalive_timeout_seconds = {}\n\
             [limits]\n\
             acts_per_second_per_party = 1000000\n\
             [quota]\n\
             when_unset = \"admit\"\n\
             [log]\n\
             filter = \"warn\"\n\
             {sections}",
            settings.listen,
            settings.engine_reserve_mib,
            settings.segment_mib,
            settings.journal_reserve_mib,
            settings.keepalive_seconds.0,
            settings.keepalive_seconds.1,
        );
        let file = self.path("kopir.toml");
        fs::write(&file, text).unwrap();
        file
    }

    /// The command that serves by this configuration.
    pub fn serve(&self, settings: &Settings) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        command.arg("serve").arg("--config").arg(self.configure(settings));
        command
    }

    /// The command that serves a sandbox whose clock begins at this instant.
    pub fn serve_sandbox_from(&self, start: &str) -> Command {
        self.serve_with(&sandbox_from(start))
    }

    /// The command that serves by the machine's clock.
    pub fn serve_by_machine_clock(&self) -> Command {
        self.serve_with("")
    }

    fn serve_with(&self, sections: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        let config = self.configure_with(&Settings::default(), sections);
        command.arg("serve").arg("--config").arg(config);
        command
    }

    /// A connection as a party of the registry.
    pub async fn connect(&self, address: SocketAddr, party: &str) -> Result<Channel, ConnectError> {
        let party: PartyId = party.parse().unwrap();
        let files = TlsFiles {
            certificate: self.certificates.party_certificate(&party),
            key: self.certificates.party_key(&party),
            ca: self.certificates.ca_certificate(),
        };
        connect(address, "localhost", client_config(&files).unwrap()).await
    }

    /// As [`connect`](Self::connect), to a bus that runs.
    pub async fn client(&self, bus: &Bus, party: &str) -> Channel {
        self.connect(bus.address, party).await.unwrap_or_else(|error| bus.fail(&error.to_string()))
    }
}

fn sandbox_from(start: &str) -> String {
    format!("[sandbox]\nstart_time = \"{start}\"\n")
}

/// A bus that has said where it listens. Dropping it kills it, without waiting to be asked.
pub struct Bus {
    child: Child,
    address: SocketAddr,
    log: Log,
}

/// A bus that ended before it listened.
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said.
    pub log: String,
}

/// A process that has been started and may listen one day.
pub struct Starting {
    child: Option<Child>,
    log: Log,
    /// Where it says that it listens; without a sender when it has ended.
    address: Receiver<SocketAddr>,
}

impl Starting {
    /// Starts the process.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (log, address) = Log::follow(&mut child);
        Self { child: Some(child), log, address }
    }

    /// Waits until it listens or has ended.
    pub fn finish(mut self) -> Result<Bus, Refused> {
        let heard = self.address.recv_timeout(PATIENCE);
        let mut child = self.child.take().expect("taken once");
        match heard {
            Ok(address) => Ok(Bus { child, address, log: self.log.clone() }),
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().unwrap();
                Err(Refused { status, log: self.log.text() })
            }
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                panic!("the bus neither listens nor ends:\n{}", self.log.text())
            }
        }
    }

    /// Kills it after a while, in whatever it is doing then.
    pub fn kill_within(mut self, span: Duration) {
        // The address may come first; the process is then a bus without clients.
        let _ = self.address.recv_timeout(span);
        end(&mut self.child.take().expect("taken once"));
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

impl Bus {
    /// Starts a bus that must come up.
    pub fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|refused| {
            panic!("the bus did not start ({}):\n{}", refused.status, refused.log)
        })
    }

    /// Starts a bus.
    pub fn try_start(command: &mut Command) -> Result<Self, Refused> {
        Starting::spawn(command).finish()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said lately.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Kills it as a power cut would, from the process's point of view.
    pub fn kill(mut self) {
        end(&mut self.child);
    }

    /// Stops it where it is; it notices nothing.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).expect("a process has an id");
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.has_ended() {
                // What it said last is still to be read.
                let (Ok(()) | Err(())) = self.log.end(PATIENCE);
                return status;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until it has ended by itself, and tells how and what it said lately.
    pub fn end_and_tell(mut self) -> (ExitStatus, String) {
        if self.log.end(PATIENCE).is_err() {
            self.fail("it does not end by itself");
        }
        (self.child.wait().unwrap(), self.log.text())
    }

    /// Asks it to stop, as an operator would, and waits until it has.
    pub fn stop(self) -> ExitStatus {
        self.stop_and_tell().0
    }

    /// As [`stop`](Self::stop), with what it has said lately.
    pub fn stop_and_tell(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        if self.log.end(PATIENCE).is_err() {
            self.fail("it does not stop");
        }
        (self.child.wait().unwrap(), self.log.text())
    }

    /// Fails the test with what the bus has said.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}; the bus said:\n{}", self.log.text())
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a process of ours and waits for its end; it may have ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    child.wait().unwrap();
}

/// What a process says, followed until it ends.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<Receiver<()>>>,
}

impl Log {
    fn follow(child: &mut Child) -> (Self, Receiver<SocketAddr>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (address_sender, address) = channel();
        let (ended_sender, ended) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let (lines, address) = (Arc::clone(&lines), address_sender.clone());
            let ended = ended_sender.clone();
            thread::spawn(move || {
                follow(output, &lines, &address);
                drop(ended);
            });
        }
        (Self { lines, ended: Arc::new(Mutex::new(ended)) }, address)
    }

    /// Waits until the process has closed its outputs.
    fn end(&self, patience: Duration) -> Result<(), ()> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(patience) {
            Err(RecvTimeoutError::Disconnected) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Timeout) => Err(()),
        }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

/// Keeps the last lines, and passes on the first that says where the bus listens.
fn follow(output: impl Read, lines: &Mutex<Vec<String>>, address: &Sender<SocketAddr>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(heard) = listening(&line) {
            // Nobody waits any more when it was killed while starting.
            let _ = address.send(heard);
        }
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.remove(0);
        }
        lines.push(line);
    }
}

/// The address in the line that says that the bus is up.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, told) = line.split_once("kopir listens on ")?;
    let end = |next: char| next.is_whitespace() || next == ',';
    told.split(end).next()?.parse().ok()
}

/// Reads a case or a listing by its party's own connection, opened once.
pub struct Clients<'a> {
    ground: &'a Ground,
    address: SocketAddr,
    open: HashMap<String, Channel>,
}

impl<'a> Clients<'a> {
    /// Connections to a bus, opened as they are asked for.
    pub fn new(ground: &'a Ground, bus: &Bus) -> Self {
        Self { ground, address: bus.address, open: HashMap::new() }
    }

    /// The connection of a party.
    pub async fn of(&mut self, party: &str) -> Channel {
        if let Some(channel) = self.open.get(party) {
            return channel.clone();
        }
        let channel = self.ground.connect(self.address, party).await.expect("the bus answers");
        self.open.insert(party.to_owned(), channel.clone());
        channel
    }
}
