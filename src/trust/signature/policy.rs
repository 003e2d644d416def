//! Which acts are signed, by whom, and what is admitted.

use std::collections::BTreeMap;

use super::Wanted;
use crate::domain::Act;
use crate::domain::signature::{Doubt, KeyRole, Signature, SignatureRefusal, SignatureScheme};

/// The acts that may carry a signed document: those whose papers the law has signed with ЭЦП, and
/// the decisions of commissions that the akimat signs.
pub const SIGNABLE: [Act; 8] = [
    Act::RecordConsentDecision,
    Act::RecordInclusionDecision,
    Act::RecordDecision,
    Act::RecordHearingOutcome,
    Act::SendDecision,
    Act::RefuseToAccept,
    Act::CertifyCopies,
    Act::PublishResult,
];

/// Those that an employee may sign: the specialist certified copies (002-KK ¶6), the official of the
/// provider the result (App. 2 row 5), and a refusal to accept, which is the head's by the forms, an
/// employee of the State Corporation or of a centre by the text (002-KK ¶¶6, 17).
const BY_EMPLOYEES: [Act; 3] = [Act::CertifyCopies, Act::PublishResult, Act::RefuseToAccept];

/// Whether an act is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It is not taken without.
    Required,
    /// It is taken with or without; what is there must hold.
    Optional,
    /// What is there is passed on and not looked at.
    None,
}

/// What is asked of the signature of one act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActPolicy {
    /// Whether it is to be there.
    pub demand: Demand,
    /// Whether it may be undetermined.
    pub undetermined: bool,
    /// The roles of which the signer has one; anybody may sign where there are none.
    pub roles: Vec<KeyRole>,
}

/// What is asked of the signatures of all acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    acts: BTreeMap<Act, ActPolicy>,
    schemes: Vec<SignatureScheme>,
}

impl Policy {
    /// The policy of these acts, with the schemes that are taken; all are where none is named.
    #[must_use]
    pub fn new(acts: BTreeMap<Act, ActPolicy>, schemes: Vec<SignatureScheme>) -> Self {
        Self { acts, schemes }
    }

    /// What is asked where nothing is configured: any act may be signed or not, an undetermined
    /// signature is taken with its verdict, and the signer has the role that the forms name.
    #[must_use]
    pub fn of_law(act: Act) -> ActPolicy {
        // A decision is signed by the head; whoever stands in for the head has the right to sign.
        let mut roles = vec![KeyRole::Head, KeyRole::Signatory];
        if BY_EMPLOYEES.contains(&act) {
            roles.push(KeyRole::Employee);
        }
        ActPolicy { demand: Demand::Optional, undetermined: true, roles }
    }

    /// What is asked of an act; none for one that is not signed.
    #[must_use]
    pub fn of(&self, act: Act) -> Option<&ActPolicy> {
        self.acts.get(&act)
    }

    /// Every act that may be signed.
    pub fn acts(&self) -> impl Iterator<Item = (Act, &ActPolicy)> {
        self.acts.iter().map(|(act, policy)| (*act, policy))
    }

    pub(super) fn wanted(&self, policy: &ActPolicy) -> Wanted {
        Wanted { roles: policy.roles.clone(), schemes: self.schemes.clone() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        let acts = SIGNABLE.into_iter().map(|act| (act, Self::of_law(act)));
        Self { acts: acts.collect(), schemes: Vec::new() }
    }
}

impl ActPolicy {
    /// What becomes of an act whose signature could not be determined; none if it is taken so.
    pub(super) fn refuses(&self, doubt: Option<Doubt>) -> Option<Signature> {
        let doubt = doubt.filter(|_| !self.undetermined)?;
        Some(Signature::Refused(SignatureRefusal::Undetermined(doubt)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_of_the_list_has_a_policy_and_no_other_has() {
        let policy = Policy::default();
        for act in Act::ALL {
            assert_eq!(policy.of(*act).is_some(), SIGNABLE.contains(act), "{act}");
        }
        let demands = policy.acts().all(|(_, each)| {
            each.demand == Demand::Optional && each.undetermined && !each.roles.is_empty()
        });
        assert!(demands);
    }
}
