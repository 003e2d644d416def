//! What the case itself asks of a signature, beside what the edge has judged.

use super::Context;
use crate::domain::case::HopRun;
use crate::domain::party::PartyNumber;
use crate::domain::rejection::Rejection;
use crate::domain::signature::{Flaw, Signature, SignatureRefusal, SignatureVerdict};

/// The verdict that is recorded with an act; none where there is nothing to judge.
///
/// # Errors
/// [`Rejection::Signature`] for what policy or the case does not admit.
pub(super) fn admitted(
    signature: &Signature,
    run: &HopRun,
    author: PartyNumber,
    context: Context<'_>,
) -> Result<Option<Box<SignatureVerdict>>, Rejection> {
    let verdict = match signature {
        Signature::Absent => return Ok(None),
        Signature::Refused(why) => return Err((*why).into()),
        Signature::Judged(verdict) => verdict,
    };
    let invalid = |flaw| Err(SignatureRefusal::Invalid(flaw).into());
    // By the day, as the date of a decision is: the receiver's system may take a delivery after the
    // person who signs has seen the papers.
    let zone = context.roster.zone(run.holder);
    let day = |at| zone.to_datetime(at).date();
    if day(verdict.signed_at) < day(run.opened_at) {
        return invalid(Flaw::BeforeTheTerm);
    }
    if !is_of_organisation(verdict, run.holder, author, context) {
        return invalid(Flaw::OtherOrganisation);
    }
    Ok(Some(verdict.clone()))
}

/// Whether the signer's organisation is that of the party that must act, where the registry names
/// it. A commission is no legal entity: where it has no number, that of the party whose system acts
/// for it holds (A-24: the akimat signs what its commission decides).
fn is_of_organisation(
    verdict: &SignatureVerdict,
    holder: PartyNumber,
    author: PartyNumber,
    context: Context<'_>,
) -> bool {
    let bins = |party| context.roster.party(party).map(|party| &party.bins[..]).unwrap_or_default();
    let known = [holder, author].into_iter().map(bins).find(|bins| !bins.is_empty());
    known.is_none_or(|bins| verdict.organisation.is_some_and(|bin| bins.contains(&bin)))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::act::{Act, Actor};
    use crate::domain::calendar::{CalendarBuilder, CalendarVersion};
    use crate::domain::case::HopState;
    use crate::domain::decide::Procedures;
    use crate::domain::decide::tests::{context_of, roster};
    use crate::domain::event::PartyEnrolled;
    use crate::domain::ids::Sequence;
    use crate::domain::party::{Bin, Parties};
    use crate::domain::roster::Roster;
    use crate::domain::signature::{DigestAlgorithm, Doubt, ProvenBy, SignatureScheme};
    use crate::domain::term::Source;

    const COMMISSION: PartyNumber = PartyNumber(1);
    const AKIMAT: PartyNumber = PartyNumber(2);

    fn bin(text: &str) -> Bin {
        text.parse().unwrap()
    }

    fn verdict(organisation: Option<Bin>, signed_at: &str) -> Signature {
        Signature::Judged(Box::new(SignatureVerdict {
            doubt: None,
            proven_by: ProvenBy::Bus,
            document: [1; 32],
            certificate: [2; 32],
            roles: Vec::new(),
            organisation,
            signed_at: signed_at.parse().unwrap(),
            digest: DigestAlgorithm::Sha256,
            scheme: SignatureScheme::EcdsaP256,
            checked_at: signed_at.parse().unwrap(),
            chain: Vec::new(),
            revocation: Vec::new(),
        }))
    }

    /// The roster of the other tests, in which the akimat has this number.
    fn roster_with(of_akimat: &[Bin]) -> Roster {
        let before = roster();
        let members = before.parties().iter().map(|party| {
            let mut party = party.clone();
            if party.id.as_str() == "akimat" {
                party.bins = of_akimat.to_vec();
            }
            party
        });
        let parties = Parties::new(members.collect()).unwrap();
        let enrolled =
            before.enrolled().map(|(number, id)| PartyEnrolled { number, party: id.clone() });
        Roster::new(parties, enrolled.collect::<Vec<_>>())
    }

    fn admitted_by(
        of_akimat: &[Bin],
        signature: &Signature,
        author: PartyNumber,
    ) -> Result<bool, Rejection> {
        let version = CalendarVersion::parse("test-1").unwrap();
        let calendar = CalendarBuilder::new(version, date(2026, 1, 1), date(2026, 12, 31));
        let (calendar, roster) = (calendar.unwrap().build(), roster_with(of_akimat));
        let procedures = Procedures::new();
        let run = HopRun {
            hop: "SAMPLE-01".parse().unwrap(),
            act: Act::RecordConsentDecision,
            from: Actor::Applicant,
            holder: COMMISSION,
            opened_by: Sequence(1),
            opened_at: "2026-03-18T10:00:00+05:00".parse().unwrap(),
            due: None,
            source: Source::Statutory,
            branch: false,
            state: HopState::Open,
        };
        let context = context_of(&calendar, &roster, &procedures);
        admitted(signature, &run, author, context).map(|verdict| verdict.is_some())
    }

    const MARCH: &str = "2026-03-18T11:00:00+05:00";

    #[test]
    fn the_organisation_is_compared_where_the_registry_names_it() {
        let (own, other) = (bin("990140000007"), bin("000140000002"));
        let refused = Err(SignatureRefusal::Invalid(Flaw::OtherOrganisation).into());
        for (of_akimat, signed_by, author, expected) in [
            (&[][..], None, AKIMAT, Ok(true)),
            (&[], Some(other), COMMISSION, Ok(true)),
            // The commission has no number of its own; that of the system which acts for it holds.
            (&[own], Some(own), AKIMAT, Ok(true)),
            (&[own, other], Some(other), AKIMAT, Ok(true)),
            (&[own], Some(other), AKIMAT, refused.clone()),
            (&[own], None, AKIMAT, refused.clone()),
            (&[own], Some(other), COMMISSION, Ok(true)),
        ] {
            let signature = verdict(signed_by, MARCH);
            assert_eq!(admitted_by(of_akimat, &signature, author), expected, "{signed_by:?}");
        }
    }

    #[test]
    fn a_document_signed_before_the_day_of_the_step_is_not_of_it() {
        let at = |text| admitted_by(&[], &verdict(None, text), COMMISSION);
        let refused = Err(SignatureRefusal::Invalid(Flaw::BeforeTheTerm).into());
        assert_eq!(at("2026-03-18T00:00:00+05:00"), Ok(true));
        assert_eq!(at("2026-03-17T23:59:59+05:00"), refused);
    }

    #[test]
    fn what_the_edge_refused_is_refused_and_what_is_absent_is_no_matter() {
        let undetermined = SignatureRefusal::Undetermined(Doubt::RevocationUnknown);
        for why in [SignatureRefusal::Required, undetermined] {
            let refused = admitted_by(&[], &Signature::Refused(why), COMMISSION);
            assert_eq!(refused, Err(Rejection::Signature(why)));
        }
        assert_eq!(admitted_by(&[], &Signature::Absent, COMMISSION), Ok(false));
    }
}
