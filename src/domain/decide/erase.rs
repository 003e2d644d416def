//! Whether the personal data of a case may be erased: once nobody needs its papers any more.

use jiff::tz::TimeZone;

use crate::domain::case::{Case, HopRun, HopState, Moment};
use crate::domain::confidential::Papers;
use crate::domain::erasure::{CaseErased, EraseCase};
use crate::domain::rejection::Rejection;

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
    let EraseCase { order, case: _, reason, reference } = asked;
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
    use crate::domain::erasure::ErasureReason;
    use crate::domain::ids::Sequence;

    fn asked(case: &Case) -> EraseCase {
        let reference = "No. 17 of 2026-03-20".to_owned();
        EraseCase { order: None, case: case.id, reason: ErasureReason::LawfulRequest, reference }
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
