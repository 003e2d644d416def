//! Where the certificate of a peer stands, by everything that is known of its revocation: the lists
//! and the answers at hand.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::crl::{Crls, Revocation, Standing, Unknown};
use super::identity::{self, IdentityError};
use super::ocsp::answer::{Answer, Status};
use super::ocsp::{Answers, Subject, subjects};

/// What is known, and what becomes of a certificate of which nothing is.
#[derive(Debug, Clone, Default)]
pub(super) struct Revocations {
    /// The lists.
    pub(super) crls: Crls,
    /// What a certificate may do whose standing is undetermined.
    pub(super) policy: Revocation,
    /// The answers, where responders are asked.
    pub(super) answers: Option<Arc<Answers>>,
    /// The authorities of the peers.
    pub(super) authorities: Arc<[CertificateDer<'static>]>,
}

impl Revocations {
    /// Where a chain that the library has accepted stands: the worst of the certificates that were
    /// shown.
    pub(super) fn standing(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Standing, IdentityError> {
        let path = self.subjects(end_entity, intermediates, now);
        // The library found a way up; one that is not found here is shown to be hidden, so that
        // nobody is asked. Such a chain must not fare better than a revoked one.
        let mut worst = match &path {
            Some(_) => Standing::Good,
            None => Standing::Lapsed(Unknown::NoAnswer),
        };
        let asked = path.unwrap_or_default();
        for certificate in [end_entity].into_iter().chain(intermediates) {
            let parsed = identity::parse(certificate)?;
            let issuer = parsed.issuer().as_raw();
            // An authority that came along needs nobody's word.
            if parsed.subject().as_raw() == issuer {
                continue;
            }
            let by_list = self.crls.standing(&parsed, self.policy, now);
            let of = |each: &&Subject| each.issuer == issuer && each.serial == parsed.raw_serial();
            let standing = match asked.iter().find(of) {
                Some(subject) => best(by_list, self.by_answer(subject, now)),
                None => by_list,
            };
            if severity(&standing) > severity(&worst) {
                worst = standing;
            }
        }
        Ok(worst)
    }

    /// Has responders asked about a chain of which too little is known, and waits for the time of one
    /// call at most.
    pub(super) async fn ask(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) {
        let asked = self.subjects(end_entity, intermediates, now).unwrap_or_default();
        if let Some(answers) = &self.answers
            && !asked.is_empty()
        {
            answers.want(&asked, now).await;
        }
    }

    /// Has responders asked about a chain of which too little is known, and waits for nothing.
    pub(super) fn list(&self, chain: &[CertificateDer<'_>], now: Timestamp) {
        if let (Some(answers), Some((first, beside))) = (&self.answers, chain.split_first()) {
            answers.list(&self.subjects(first, beside, now).unwrap_or_default(), now);
        }
    }

    /// Whether something may still be learnt of a certificate by asking.
    pub(super) fn can_ask(&self) -> bool {
        self.answers.is_some()
    }

    /// The current answer about a certificate, in DER: what its holder shows of itself.
    pub(super) fn current(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Option<Vec<u8>> {
        let (first, beside) = chain.split_first()?;
        let subject = self.subjects(first, beside, now)?.into_iter().next()?;
        let answer = self.answer(&subject)?;
        let good = answer.status == Status::Good && answer.is_current(now);
        good.then(|| answer.der.to_vec())
    }

    /// Those to be asked about; none where no way up to an authority is found.
    fn subjects(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Option<Vec<Subject>> {
        match (&self.answers, self.policy) {
            (None, _) | (_, Revocation::Off) => Some(Vec::new()),
            (Some(_), Revocation::Soft | Revocation::Strict { .. }) => {
                subjects(end_entity, intermediates, &self.authorities, now)
            }
        }
    }

    /// The answer about a certificate, unless its responder lost the authority's trust meanwhile.
    fn answer(&self, subject: &Subject) -> Option<Arc<Answer>> {
        let answer = self.answers.as_ref()?.get(subject.key())?;
        let revoked = |serial: &Vec<u8>| self.crls.revokes(&subject.issuer, serial);
        (!answer.responder.as_ref().is_some_and(revoked)).then_some(answer)
    }

    fn by_answer(&self, subject: &Subject, now: Timestamp) -> Standing {
        let unknown = match self.answer(subject) {
            None => Unknown::NoAnswer,
            Some(answer) => match answer.status {
                Status::Revoked { .. } => return Standing::Revoked,
                Status::Good if answer.is_current(now) => return Standing::Good,
                Status::Good => Unknown::AnswerOverdue { since: answer.until() },
                Status::Unknown => Unknown::NoAnswer,
            },
        };
        self.policy.judge(unknown, now)
    }
}

/// What two sources tell of one certificate: a revocation by either stands, and otherwise whichever
/// knows more.
fn best(one: Standing, other: Standing) -> Standing {
    match (&one, &other) {
        (Standing::Revoked, _) | (_, Standing::Revoked) => Standing::Revoked,
        _ if severity(&one) < severity(&other) => one,
        _ => other,
    }
}

fn severity(standing: &Standing) -> u8 {
    match standing {
        Standing::Good => 0,
        Standing::Undetermined(_) => 1,
        Standing::Lapsed(_) => 2,
        Standing::Revoked => 3,
    }
}
