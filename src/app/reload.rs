//! Certificates, revocation lists and the registry, read again while the bus runs: when a file has
//! changed, or at SIGHUP.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;
use crate::engine::{Clock, Engine, NewRegistry, RegistryChange, RegistryError, RegistryTaken};
use crate::rpc::Bus;
use crate::trust::crl::{CrlState, Worth};
use crate::trust::live::{LiveTrust, Loader, Part};
use crate::trust::ocsp::{Key, OcspState};
use crate::trust::registry::{self, RegistryHashes};
use crate::trust::watch::FileWatch;

/// What is read again.
const PARTS: [Part; 3] = [Part::Own, Part::Authorities, Part::Crls];

/// What is watched, and by what it is read.
pub(super) struct Reload {
    trust: Arc<LiveTrust>,
    loader: Loader,
    watches: Watches,
    registry_file: PathBuf,
    /// The registry was read and could not be recorded yet.
    registry_waits: bool,
    /// What stood beside the parties at the start: it is in force until the next one.
    beside: [u8; 32],
    /// What was told of the lists last.
    told: Vec<CrlState>,
    /// The certificates that an answer of a responder kept out when connections were judged last.
    kept_out: Vec<Key>,
    interval: Duration,
}

/// The files, as they were before they were read.
pub(super) struct Watches {
    parts: [(Part, FileWatch); 3],
    registry: FileWatch,
}

impl Watches {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            parts: PARTS.map(|part| (part, FileWatch::new(config.tls.files.of(part)))),
            registry: FileWatch::new(vec![config.registry_file.clone()]),
        }
    }
}

impl Reload {
    /// Begins with what was read at the start, `beside` being what the registry then had beside
    /// its parties.
    pub(super) fn new(
        config: &Config,
        trust: &Arc<LiveTrust>,
        (loader, watches): (Loader, Watches),
        beside: [u8; 32],
    ) -> Self {
        Self {
            trust: Arc::clone(trust),
            watches,
            loader,
            registry_file: config.registry_file.clone(),
            registry_waits: false,
            beside,
            told: Vec::new(),
            kept_out: Vec::new(),
            interval: config.tls.reload_interval,
        }
    }

    /// Watches in a task, until the bus stops. What is sent on `asked` has everything read at once.
    pub(super) fn start(
        mut self,
        engine: Engine,
        bus: Arc<Bus>,
        mut asked: mpsc::Receiver<()>,
        mut stopping: watch::Receiver<bool>,
    ) -> JoinHandle<()> {
        // What was read at the start, now that there is a directory for it.
        keep_last(&mut self.loader);
        tokio::spawn(async move {
            let mut turn = interval(self.interval);
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let at_once = tokio::select! {
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                    _ = turn.tick() => false,
                    Some(()) = asked.recv() => true,
                };
                self.turn(&engine, &bus, at_once).await;
            }
        })
    }

    async fn turn(&mut self, engine: &Engine, bus: &Bus, at_once: bool) {
        if at_once {
            tracing::info!("certificates, revocation lists and the registry are read again");
        }
        let changed = self.watches.parts.iter_mut().filter_map(|(part, watch)| {
            // What is refused is read again when somebody asks for it.
            let again = at_once && self.trust.report().refused.contains_key(part);
            (watch.changed(at_once) || again).then_some(*part)
        });
        for part in changed.collect::<Vec<_>>() {
            self.reload(part);
        }
        if self.watches.registry.changed(at_once) || self.registry_waits {
            self.reload_registry(engine, bus).await;
        }
        self.judge_lists(engine);
    }

    fn reload(&mut self, part: Part) {
        let now = Clock::System.now();
        match self.loader.reload(part, now) {
            Ok(trust) => {
                for warning in &trust.warnings {
                    tracing::warn!(%warning, "the bus's certificate");
                }
                self.trust.in_force(part);
                self.trust.install(trust);
                keep_last(&mut self.loader);
                tracing::info!(key = part.key(), "a changed file is in force");
            }
            Err(error) => self.refused(part, &error.to_string()),
        }
    }

    fn refused(&self, part: Part, why: &str) {
        if self.trust.refused(part, why.to_owned(), Clock::System.now()) {
            let key = part.key();
            tracing::error!(key, why, "a changed file is refused; what was in force before it is");
        }
    }

    async fn reload_registry(&mut self, engine: &Engine, bus: &Bus) {
        self.registry_waits = false;
        let (parties, hashes) = match registry::read_hashed(&self.registry_file) {
            Ok(read) => read,
            Err(error) => return self.refused(Part::Registry, &error.to_string()),
        };
        let new = NewRegistry { parties, content: hashes.content };
        match engine.change_registry(new).await {
            Err(RegistryError::Refused(why)) => {
                let file = self.registry_file.display();
                self.refused(Part::Registry, &format!("{file}: {why}"));
            }
            Err(RegistryError::Engine(error)) => {
                tracing::warn!(%error, "a changed registry cannot be recorded yet");
                self.registry_waits = true;
            }
            Ok(taken) => {
                if let RegistryTaken::Changed(change) = &taken {
                    tell(change);
                    if let Err(error) = bus.registry_changed() {
                        tracing::error!(%error, "the rules of counting are told for the zones before");
                    }
                    self.trust.judge_again();
                }
                self.in_force(hashes);
            }
        }
    }

    fn in_force(&self, hashes: RegistryHashes) {
        let other = hashes.beside != self.beside;
        if other && !self.trust.report().registry_needs_restart {
            tracing::warn!(
                "contacts or reception hours of the registry have changed; they are in force from \
                 the next start on"
            );
        }
        self.trust.registry_in_force(hashes.content, Clock::System.now(), other);
    }

    /// Has connections judged again when an answer of a responder keeps others out than before.
    fn judge_answers(&mut self, kept_out: Vec<Key>, state: OcspState) {
        if kept_out == self.kept_out {
            return;
        }
        let OcspState { good, revoked, overdue, unanswered } = state;
        tracing::info!(
            good,
            revoked,
            overdue,
            unanswered,
            "certificates stand otherwise by what responders (OCSP) answered"
        );
        self.kept_out = kept_out;
        self.trust.judge_again();
    }

    /// Tells what has become of the lists, and has connections judged again when one has lapsed.
    fn judge_lists(&mut self, engine: &Engine) {
        let (trust, now) = (self.trust.current(), Clock::System.now());
        let states = trust.crls(now);
        let answers = trust.answers(now).unwrap_or_default();
        let unknown = states.iter().any(|state| state.worth != Worth::Current)
            || answers.overdue + answers.unanswered > 0;
        trust.ask_of_own(now);
        self.judge_answers(trust.kept_out(now), answers);
        engine.vitals().note_trust(unknown, !self.trust.report().refused.is_empty());
        if states == self.told {
            return;
        }
        for state in states.iter().filter(|state| !self.told.contains(state)) {
            let CrlState { issuer, next_update, revoked, worth, .. } = state;
            match worth {
                Worth::Current => {
                    tracing::info!(issuer, %next_update, revoked, "a revocation list is in force");
                }
                Worth::Overdue => tracing::warn!(
                    issuer, %next_update,
                    "a revocation list was due to be renewed; certificates of its authority are let \
                     in without being known as good"
                ),
                Worth::Lapsed => tracing::error!(
                    issuer, %next_update,
                    "a revocation list was due to be renewed, and the grace is over; certificates \
                     of its authority are refused"
                ),
            }
        }
        self.told = states;
        self.trust.judge_again();
    }
}

/// Keeps which revocation lists were accepted last.
fn keep_last(loader: &mut Loader) {
    if let Err(error) = loader.keep_last() {
        tracing::error!(%error, "which revocation lists were accepted last cannot be kept; after a restart older ones would be taken");
    }
}

fn tell(change: &RegistryChange) {
    let RegistryChange { sequence, added, changed, removed, .. } = change;
    tracing::info!(%sequence, ?added, ?changed, ?removed, "another party registry is in force");
}

/// Records the registry of the start, where it is not the one that was recorded last.
///
/// # Errors
/// What the engine has against it.
pub(super) async fn record(
    engine: &Engine,
    new: NewRegistry,
    trust: &LiveTrust,
) -> Result<(), RegistryError> {
    let content = new.content;
    if let RegistryTaken::Changed(change) = engine.change_registry(new).await? {
        tell(&change);
    }
    trust.registry_in_force(content, Clock::System.now(), false);
    Ok(())
}
