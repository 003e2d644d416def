//! Certificate, key, authorities and revocation lists as they are in force, and how others take
//! their place while the bus runs.
//!
//! Each kind of file is read by itself. One that cannot be used changes nothing: what was in force
//! stays, and the refusal is kept to be shown until the file is mended. What is in force is one
//! value, so that a connection is judged by one state of the files and never by halves of two.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;

use super::crl::last::LastLists;
use super::crl::{self, CrlState, Crls, Revocation, Standing};
use super::identity::{self, Profile, Usage};
use super::ocsp::{Answers, Key, OcspState};
use super::standing::Revocations;
use super::tls::{
    self, CertificateWarning, ClientVerifier, EndpointTls, HandshakeFailure, Own, TlsError,
    TlsFiles,
};

/// The files that say whom the bus believes and who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustFiles {
    /// The bus's certificate, its key, and the authorities of the parties.
    pub tls: TlsFiles,
    /// Files of revocation lists.
    pub crls: Vec<PathBuf>,
    /// Where it is kept which lists were accepted last; nowhere for a bus of one test.
    pub last_lists: Option<PathBuf>,
}

/// What is asked of certificates, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustRules {
    /// What a certificate may do whose revocation cannot be told.
    pub revocation: Revocation,
    /// The extended key usages that each client's certificate must have.
    pub client_usages: Vec<Usage>,
    /// Those that one must have which names its party by a BIN alone.
    pub bin_usages: Vec<Usage>,
}

/// A kind of file that is read, judged and replaced by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The bus's certificate with its key.
    Own,
    /// The authorities of the parties, with the lists that they have signed.
    Authorities,
    /// The revocation lists.
    Crls,
    /// The party registry, which others read; its refusals are kept here with the rest.
    Registry,
}

impl Part {
    /// The key of the configuration that names the file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Own => "tls.certificate_file, tls.key_file",
            Self::Authorities => "tls.ca_file",
            Self::Crls => "tls.crl_files",
            Self::Registry => "registry_file",
        }
    }
}

/// What is in force.
pub struct Trust {
    server: Arc<ServerConfig>,
    endpoint: EndpointTls,
    verifier: Arc<ClientVerifier>,
    /// By what a certificate stands for a party.
    pub profile: Profile,
    revocations: Revocations,
    own: Own,
    /// What the operator should be told of the bus's certificate; none of it prevents the start.
    pub warnings: Vec<CertificateWarning>,
    /// When the bus's certificate ceases to hold.
    pub certificate_until: Timestamp,
}

/// Reads the files, and reads them again.
pub struct Loader {
    files: TrustFiles,
    rules: TrustRules,
    answers: Option<Arc<Answers>>,
    own: Own,
    authorities: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
    crls: Crls,
    /// What is kept of the lists that were accepted last.
    kept: LastLists,
}

impl Loader {
    /// Reads every file.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn open(files: TrustFiles, rules: TrustRules) -> Result<Self, TlsError> {
        let own = Own::read(&files.tls)?;
        let (authorities, roots) = tls::authorities_of(&files.tls)?;
        let kept = files.last_lists.as_deref().map(LastLists::read).transpose()?;
        let kept = kept.unwrap_or_default();
        let crls = Crls::remembering(kept.clone());
        let answers = None;
        let mut loader = Self { own, authorities, roots, crls, kept, files, rules, answers };
        loader.crls = loader.read_crls(&loader.authorities)?;
        Ok(loader)
    }

    /// Has responders asked too (OCSP), by these answers.
    #[must_use]
    pub fn asking(mut self, answers: Option<Arc<Answers>>) -> Self {
        self.answers = answers;
        self
    }

    /// What the files make together. `now` serves only the warnings.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn trust(&self, now: Timestamp) -> Result<Trust, TlsError> {
        let revocations = Revocations {
            crls: self.crls.clone(),
            policy: self.rules.revocation,
            answers: self.answers.clone(),
            authorities: self.authorities.clone().into(),
        };
        let (roots, usages) = (Arc::clone(&self.roots), self.rules.client_usages.clone());
        let verifier = Arc::new(ClientVerifier::new(roots, usages, revocations.clone())?);
        let judges = Arc::clone(&verifier) as _;
        let server = tls::server_side(&self.files.tls, &self.own, judges, revocations.clone())?;
        let profile = Profile { bin_usages: self.rules.bin_usages.clone() };
        let endpoint = EndpointTls::new(
            self.files.tls.clone(),
            self.own.clone(),
            Arc::clone(&self.roots),
            revocations.clone(),
            profile.clone(),
        );
        let (warnings, certificate_until) = tls::warnings(&self.files.tls, &self.own, now)?;
        Ok(Trust {
            server: Arc::new(server),
            endpoint,
            own: self.own.clone(),
            verifier,
            profile,
            revocations,
            warnings,
            certificate_until,
        })
    }

    /// Reads one kind of file again, and gives what is in force from then on.
    ///
    /// # Errors
    /// [`TlsError`]; what was read before stays.
    pub fn reload(&mut self, part: Part, now: Timestamp) -> Result<Trust, TlsError> {
        let before = (self.own.clone(), self.authorities.clone());
        let (roots, crls) = (Arc::clone(&self.roots), self.crls.clone());
        let read = self.read(part).and_then(|()| self.trust(now));
        if read.is_err() {
            (self.own, self.authorities) = before;
            (self.roots, self.crls) = (roots, crls);
        }
        read
    }

    /// Keeps which lists were accepted last, so that an older one is refused after a restart too.
    ///
    /// # Errors
    /// Whatever the system says; this process goes on to know them.
    pub fn keep_last(&mut self) -> io::Result<()> {
        let Some(file) = &self.files.last_lists else { return Ok(()) };
        if self.kept != *self.crls.last() {
            self.crls.last().write(file)?;
            self.kept = self.crls.last().clone();
        }
        Ok(())
    }

    fn read(&mut self, part: Part) -> Result<(), TlsError> {
        match part {
            Part::Own => self.own = Own::read(&self.files.tls)?,
            Part::Authorities => {
                (self.authorities, self.roots) = tls::authorities_of(&self.files.tls)?;
                self.crls = self.read_crls(&self.authorities)?;
            }
            Part::Crls => self.crls = self.read_crls(&self.authorities)?,
            Part::Registry => {}
        }
        Ok(())
    }

    fn read_crls(&self, authorities: &[CertificateDer<'_>]) -> Result<Crls, TlsError> {
        let mut found = Vec::new();
        for file in &self.files.crls {
            found.extend(crl::read(file, authorities)?);
        }
        Ok(self.crls.after(found)?)
    }
}

impl TrustFiles {
    /// The files of one kind.
    #[must_use]
    pub fn of(&self, part: Part) -> Vec<PathBuf> {
        let Self { tls: TlsFiles { certificate, key, ca }, crls, last_lists: _ } = self;
        match part {
            Part::Own => vec![certificate.clone(), key.clone()],
            Part::Authorities => vec![ca.clone()],
            Part::Crls => crls.clone(),
            Part::Registry => Vec::new(),
        }
    }
}

impl Trust {
    /// The bus's side of a new connection.
    #[must_use]
    pub fn server(&self) -> &Arc<ServerConfig> {
        &self.server
    }

    /// The bus's side of a connection to an endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &EndpointTls {
        &self.endpoint
    }

    /// Judges the chain of a connection that stands, as a new handshake would.
    ///
    /// # Errors
    /// Why a new handshake would be refused.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Standing, HandshakeFailure> {
        let refused = |error: rustls::Error| HandshakeFailure::of_tls(&error);
        let Some((end_entity, intermediates)) = chain.split_first() else {
            return Err(refused(rustls::Error::NoCertificatesPresented));
        };
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let unix = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        self.verifier.verify_client_cert(end_entity, intermediates, unix).map_err(refused)?;
        self.verifier.standing(end_entity, intermediates, now).map_err(refused)
    }

    /// Has responders asked about a chain of which too little is known, and waits for the time of one
    /// call at most; at once where none is asked.
    pub async fn ask(&self, chain: &[CertificateDer<'_>], now: Timestamp) {
        if let Some((end_entity, intermediates)) = chain.split_first() {
            self.revocations.ask(end_entity, intermediates, now).await;
        }
    }

    /// Has responders asked about the bus's own certificate, to show the answer with it.
    pub fn ask_of_own(&self, now: Timestamp) {
        self.revocations.list(self.own.chain(), now);
    }

    /// When the first certificate of a chain ceases to hold.
    #[must_use]
    pub fn until(chain: &[CertificateDer<'_>]) -> Timestamp {
        let until = |certificate: &CertificateDer<'_>| {
            let parsed = identity::parse(certificate).ok()?;
            Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
        };
        chain.iter().filter_map(until).min().unwrap_or(Timestamp::MAX)
    }

    /// What is told of the revocation lists.
    #[must_use]
    pub fn crls(&self, now: Timestamp) -> Vec<CrlState> {
        self.revocations.crls.states(self.revocations.policy, now)
    }

    /// What is told of the answers of responders; none where nobody is asked.
    #[must_use]
    pub fn answers(&self, now: Timestamp) -> Option<OcspState> {
        self.revocations.answers.as_ref().map(|answers| answers.state(now))
    }

    /// The certificates that an answer keeps out now.
    #[must_use]
    pub fn kept_out(&self, now: Timestamp) -> Vec<Key> {
        let grace = match self.revocations.policy {
            Revocation::Off | Revocation::Soft => None,
            Revocation::Strict { grace } => Some(grace),
        };
        let answers = self.revocations.answers.as_ref();
        answers.map(|answers| answers.kept_out(grace, now)).unwrap_or_default()
    }
}

/// What is in force, for everybody who connects, is connected to, or tells of it.
pub struct LiveTrust {
    current: RwLock<Arc<Trust>>,
    version: watch::Sender<u64>,
    report: Mutex<Report>,
}

/// What is told of the files, beside what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Files that were changed and refused; what was in force before them still is.
    pub refused: BTreeMap<Part, FileRefused>,
    /// The SHA-256 of the registry in force.
    pub registry: Option<[u8; 32]>,
    /// When it was put in force, or found so at the start.
    pub registry_since: Option<Timestamp>,
    /// Its contacts or reception hours are others than those in force, which the next start reads.
    pub registry_needs_restart: bool,
}

/// A changed file that is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRefused {
    /// Since when.
    pub since: Timestamp,
    /// The file, what is wrong with it, and what would be right.
    pub why: String,
}

impl LiveTrust {
    /// Begins with what was read at the start.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self {
            current: RwLock::new(Arc::new(trust)),
            version: watch::Sender::new(0),
            report: Mutex::default(),
        }
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<Trust> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts something else in force, for every connection from now on, and has those that stand
    /// judged again.
    pub fn install(&self, trust: Trust) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
        self.judge_again();
    }

    /// Has every connection judged again.
    pub fn judge_again(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Rises with each time that connections are to be judged again.
    #[must_use]
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What is told of the files.
    #[must_use]
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// Notes that a file was refused, and since when that one is; true where that is news.
    pub fn refused(&self, part: Part, why: String, now: Timestamp) -> bool {
        let mut report = self.lock();
        if report.refused.get(&part).is_some_and(|known| known.why == why) {
            return false;
        }
        report.refused.insert(part, FileRefused { since: now, why });
        true
    }

    /// Notes that the files of a kind are in force.
    pub fn in_force(&self, part: Part) {
        self.lock().refused.remove(&part);
    }

    /// Notes which registry is in force.
    pub fn registry_in_force(&self, content: [u8; 32], now: Timestamp, needs_restart: bool) {
        let mut report = self.lock();
        report.refused.remove(&Part::Registry);
        if report.registry != Some(content) {
            (report.registry, report.registry_since) = (Some(content), Some(now));
        }
        report.registry_needs_restart = needs_restart;
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Trust {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("revocation", &self.revocations.policy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Loader {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("files", &self.files).finish_non_exhaustive()
    }
}
