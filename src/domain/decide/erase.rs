//! Whether the personal data of a case may be erased: once nobody needs its papers any more.

use jiff::tz::TimeZone;

use crate::domain::case::{Case, HopRun, HopState, Moment};
use crate::domain::confidential::Papers;
use crate::domain::erasure::{CaseErased, EraseCase};
use crate::domain::rejection::Rejection;
use crate::domain::retention::closed_at;

/// Decides on the erasure of a case's personal data.
///
/// # Errors
/// [`Rejection::CaseNotVisible`] where there is no such case, [`Rejection::CaseErased`] where it was
/// erased before, [`Rejection::CaseNotSettled`] while somebody has to act on its papers or take
/// them, [`Rejection::CaseNotSealed`] where destroying a key would leave some of them.
pub fn erase(case: Option<&Case>, asked: &EraseCase) -> Result<CaseErased, Rejection> {
    let case = case.ok_or(Rejection::CaseNotVisible)?;
    let slot = match case.papers {
        Papers::Sealed(slot) => slot,
        Papers::Plain(_) => return Err(Rejection::CaseNotSealed),
        Papers::Erased { erased, .. } => return Err(refusal(erased)),
    };
    let obligations = case.hops.iter().filter(|run| run.is_obligation()).count();
    let carried = |run: &&HopRun| matches!(run.state, HopState::Carried { .. });
    let copies = case.copies.iter().filter(|copy| copy.received.is_none()).count();
    let deliveries = case.hops.iter().filter(carried).count() + copies;
    if obligations + deliveries > 0 {
        return Err(Rejection::CaseNotSettled { obligations, deliveries });
    }
    let EraseCase { order, case: _, reason, reference, seen } = asked;
    if seen.is_some_and(|seen| closed_at(case) != Some(seen.closed_at)) {
        return Err(Rejection::CaseNotSettled { obligations, deliveries });
    }
    let (order, reason, reference) = (*order, *reason, reference.clone());
    Ok(CaseErased { case: case.id, slot, reason, reference, order })
}

/// What is told of a case that was erased.
pub(super) fn refusal(erased: Moment) -> Rejection {
    Rejection::CaseErased { on: erased.at.to_zoned(TimeZone::UTC).date() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::confidential::SlotNumber;
    use crate::domain::decide::tests::case_of_sample;
    use crate::domain::erasure::{ErasureReason, Seen};
    use crate::domain::ids::Sequence;
    use crate::domain::party::PartyNumber;
    use crate::domain::term::Source;
    use crate::domain::{Act, Actor};

    fn asked(case: &Case) -> EraseCase {
        let reference = "No. 17 of 2026-03-20".to_owned();
        let (reason, seen) = (ErasureReason::LawfulRequest, None);
        EraseCase { order: None, case: case.id, reason, reference, seen }
    }

    #[test]
    fn a_case_is_erased_once_nobody_waits_for_its_papers() {
        let mut case = case_of_sample();
        case.papers = Papers::Sealed(SlotNumber(5));
        let asked = asked(&case);
        let waits = |deliveries| Err(Rejection::CaseNotSettled { obligations: 0, deliveries });
        assert_eq!(erase(Some(&case), &asked), waits(2));
        let moment = Moment { sequence: Sequence(9), at: Timestamp::UNIX_EPOCH };
        case.copies[0].received = Some(moment);
        assert_eq!(erase(Some(&case), &asked), waits(1));
        case.copies[1].received = Some(moment);
        let erased = erase(Some(&case), &asked).unwrap();
        assert_eq!((erased.slot, erased.case), (SlotNumber(5), case.id));
        case.apply_erased(&erased, Sequence(10), Timestamp::UNIX_EPOCH);
        let before = Rejection::CaseErased { on: jiff::civil::date(1970, 1, 1) };
        assert_eq!(erase(Some(&case), &asked), Err(before));
    }

    #[test]
    fn a_rule_holds_for_a_closed_case_in_which_nothing_has_happened_since() {
        let mut case = case_of_sample();
        case.papers = Papers::Sealed(SlotNumber(5));
        let moment = Moment { sequence: Sequence(9), at: Timestamp::UNIX_EPOCH };
        case.copies.iter_mut().for_each(|copy| copy.received = Some(moment));
        let seen = Seen { closed_at: case.updated_at, looked_at: Sequence(9) };
        let seen = EraseCase { seen: Some(seen), ..asked(&case) };
        assert!(erase(Some(&case), &seen).is_ok());
        let mut later = case.clone();
        later.updated_at += jiff::SignedDuration::from_millis(1);
        assert!(erase(Some(&later), &seen).is_err());
        assert!(erase(Some(&later), &asked(&later)).is_ok());
        // Where the applicant is awaited it is erased by order, and by no rule.
        case.hops.push(HopRun {
            hop: "K21B-09".parse().unwrap(),
            act: Act::RegisterArrival,
            from: Actor::Applicant,
            holder: PartyNumber(1),
            opened_by: Sequence(8),
            opened_at: Timestamp::UNIX_EPOCH,
            due: None,
            source: Source::Statutory,
            branch: false,
            state: HopState::Open,
        });
        assert!(erase(Some(&case), &seen).is_err());
        assert!(erase(Some(&case), &asked(&case)).is_ok());
    }

    #[test]
    fn what_is_not_sealed_or_not_there_is_not_erased() {
        let mut case = case_of_sample();
        let asked = asked(&case);
        for papers in [Papers::Plain(None), Papers::Plain(Some(SlotNumber(3)))] {
            case.papers = papers;
            assert_eq!(erase(Some(&case), &asked), Err(Rejection::CaseNotSealed));
        }
        assert_eq!(erase(None, &asked), Err(Rejection::CaseNotVisible));
    }
}
