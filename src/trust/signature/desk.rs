//! Where the signatures of acts are judged, before the act goes to the engine.
//!
//! A verification costs a tenth of a millisecond to some milliseconds of a core, far more than an
//! act costs the writer. So it is done beside it, so many at once and no more; whoever comes then
//! waits, within the time that its call has.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::algorithm::sha256;
use super::authorities::{Authorities, CrlDir, Crls};
use super::evidence::{EvidenceStore, Kind};
use super::policy::{ActPolicy, Demand, Policy};
use super::sidecar::{self, Expected, Verifier, without_zeros};
use super::{Document, Judged, Wanted, read};
use crate::domain::Act;
use crate::domain::signature::{Doubt, Flaw, Signature, SignatureRefusal, SignatureVerdict};
use crate::trust::ocsp::{Answers, Subject};

/// What a desk is set up with.
#[derive(Debug)]
pub struct DeskParts {
    /// What is asked of each act.
    pub policy: Policy,
    /// Whose certificates are believed; nobody's where there are none.
    pub authorities: Authorities,
    /// The revocation lists, where there is a directory of them.
    pub lists: Option<CrlDir>,
    /// Where evidence is kept.
    pub evidence: PathBuf,
    /// The verifier for GOST, if there is one.
    pub verifier: Option<Box<dyn Verifier>>,
    /// The answers of responders (OCSP), where they are asked.
    pub answers: Option<Arc<Answers>>,
    /// Verifications at once.
    pub max_at_once: usize,
}

/// Judges the signatures of acts.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    verifier: Option<Box<dyn Verifier>>,
    room: Semaphore,
}

#[derive(Debug)]
struct Shared {
    policy: Policy,
    authorities: Authorities,
    lists: Option<Mutex<CrlDir>>,
    evidence: EvidenceStore,
    answers: Option<Arc<Answers>>,
}

/// What came of a look without a verifier.
enum Looked {
    Judged(SignatureVerdict),
    Ask(Box<Expected>),
}

impl Desk {
    /// A desk.
    #[must_use]
    pub fn new(parts: DeskParts) -> Self {
        let DeskParts { policy, authorities, lists, evidence, verifier, answers, max_at_once } =
            parts;
        let lists = lists.map(Mutex::new);
        let evidence = EvidenceStore::new(evidence);
        let shared = Arc::new(Shared { policy, authorities, lists, evidence, answers });
        Self { shared, verifier, room: Semaphore::new(max_at_once.max(1)) }
    }

    /// What is found of the signature of an act. A refusal is for the core to say, after what it
    /// says to those who may not act at all, and not of a repeat.
    pub async fn judge(&self, act: Act, document: Option<Document>, now: Timestamp) -> Signature {
        let Some(policy) = self.shared.policy.of(act) else { return Signature::Absent };
        let document = match (policy.demand, document) {
            (Demand::None, _) | (Demand::Optional, None) => return Signature::Absent,
            (Demand::Required, None) => return Signature::Refused(SignatureRefusal::Required),
            (Demand::Required | Demand::Optional, Some(document)) => document,
        };
        match self.verdict(policy, &document, now).await {
            Ok(verdict) => match policy.refuses(verdict.doubt) {
                Some(refused) => refused,
                None => Signature::Judged(Box::new(verdict)),
            },
            Err(flaw) => Signature::Refused(SignatureRefusal::Invalid(flaw)),
        }
    }

    /// What verdicts rest on, by its hash; none where it was not kept.
    #[must_use]
    pub fn evidence(&self, kind: Kind, hash: &[u8; 32]) -> Option<Vec<u8>> {
        let read = self.shared.evidence.read(kind, hash);
        read.inspect_err(|error| tracing::error!(%error, "evidence of a signature is not there"))
            .ok()
    }

    async fn verdict(
        &self,
        policy: &ActPolicy,
        document: &Document,
        now: Timestamp,
    ) -> Result<SignatureVerdict, Flaw> {
        let wanted = self.shared.policy.wanted(policy);
        if let Some(answers) = &self.shared.answers {
            let (of, wanted) = (document.clone(), wanted.clone());
            let asked = {
                let _place = self.room.acquire().await;
                self.beside(move |shared| shared.subjects(&of, &wanted, now)).await?
            };
            // Whoever waits for a responder takes nobody's place.
            answers.want(&asked, now).await;
        }
        // The room is never closed; were it, the verification would go on without.
        let _place = self.room.acquire().await;
        let (of, asks) = (document.clone(), self.verifier.is_some());
        let looked = self.beside(move |shared| shared.look(&of, &wanted, asks, now)).await?;
        match (looked, &self.verifier) {
            (Looked::Judged(verdict), _) => Ok(verdict),
            (Looked::Ask(expected), Some(verifier)) => {
                sidecar::prove(&**verifier, document, *expected).await
            }
            (Looked::Ask(expected), None) => Ok(expected.verdict),
        }
    }
}

impl Desk {
    /// Does what takes a core for a while on the pool for that.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Flaw> + Send + 'static,
    ) -> Result<T, Flaw> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a verification panicked");
            Err(Flaw::Malformed)
        })
    }
}

impl Shared {
    /// The certificates of a signature that responders are asked about: none but of one that its
    /// signer's key made, and of which an authority stands at the end.
    fn subjects(
        &self,
        document: &Document,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Vec<Subject>, Flaw> {
        let found = read(document.signed(), wanted, now)?;
        if found.needs_verifier().is_some() || self.authorities.is_empty() {
            return Ok(Vec::new());
        }
        found.check_signature()?;
        found.check_validity()?;
        Ok(found.subjects(&self.authorities))
    }

    /// Whatever can be told here, with its evidence kept.
    fn look(
        &self,
        document: &Document,
        wanted: &Wanted,
        asks: bool,
        now: Timestamp,
    ) -> Result<Looked, Flaw> {
        let found = read(document.signed(), wanted, now)?;
        let Some(scheme) = found.needs_verifier() else {
            let mut crls = Crls::clone(&self.crls());
            if let Some(answers) = &self.answers {
                let subjects = found.subjects(&self.authorities);
                let kept =
                    subjects.iter().filter_map(|of| Some(answers.get(of.key())?.der.clone()));
                crls = crls.with_answers(kept);
            }
            let judged = found.prove(&self.authorities, &crls)?;
            return Ok(Looked::Judged(self.keep(judged)));
        };
        // The verifier judges as of its own time, so this is the bus's to say.
        found.check_validity()?;
        let verdict = found.unproven(scheme, Doubt::NoVerifier).verdict;
        if !asks {
            return Ok(Looked::Judged(verdict));
        }
        Ok(Looked::Ask(Box::new(Expected {
            verdict,
            serial: without_zeros(&found.signer.serial),
            signature: found.signer.signature.clone(),
            not_after: found.signer.not_after,
        })))
    }

    fn crls(&self) -> Arc<Crls> {
        let Some(lists) = &self.lists else { return Arc::default() };
        let mut lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = lists.refresh() {
            // What was read before goes on to count, until it runs out.
            tracing::warn!(%error, "revocation lists could not be read again");
        }
        lists.crls()
    }

    /// Keeps what a verdict rests on. Without its evidence it would be the bus's word alone.
    fn keep(&self, judged: Judged) -> SignatureVerdict {
        let Judged { verdict, certificates, lists, answers } = judged;
        let hashed = |kind, der| (kind, sha256(der), der);
        let certificates = certificates.iter().map(|der| hashed(Kind::Certificate, &der[..]));
        let answers = answers.iter().map(|der| hashed(Kind::Answer, &der[..]));
        let lists = lists.iter().map(|(hash, der)| (Kind::List, *hash, &der[..]));
        for (kind, hash, der) in certificates.chain(answers).chain(lists) {
            if let Err(error) = self.evidence.keep(kind, hash, der) {
                tracing::error!(%error, "the evidence of a signature could not be kept");
                let doubt = Some(verdict.doubt.unwrap_or(Doubt::EvidenceNotKept));
                return SignatureVerdict { doubt, ..verdict };
            }
        }
        verdict
    }
}

impl Document {
    /// A document with its signature.
    #[must_use]
    pub fn new(content: Bytes, signature: Bytes) -> Self {
        Self { content, signature }
    }
}
