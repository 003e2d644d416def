//! What a decision does to the places of its case in the quota.
//!
//! A consent holds places, an inclusion takes them, a refusal frees them. The whole family counts.
//! A quota is checked again at the inclusion: what the consent held is given up for it, so
//! that nobody needs two places.

use jiff::Span;
use jiff::civil::Date;

use super::Context;
use crate::domain::act::{Act, Ground, Outcome};
use crate::domain::case::Case;
use crate::domain::event::{Decision, HoldingChange};
use crate::domain::procedure::Procedure;
use crate::domain::quota::{Holding, Quota, QuotaKey, Standing, WhenUnset};
use crate::domain::rejection::Rejection;

/// The change of the case's places that a decision brings, if any.
///
/// # Errors
/// A [`Rejection`] when the quota has no room, when the ground "no regional quota" is not true, or
/// when the applicant had before what is granted once.
pub(super) fn change(
    case: &Case,
    procedure: &Procedure,
    act: Act,
    decision: Option<&Decision>,
    context: Context<'_>,
) -> Result<Option<HoldingChange>, Rejection> {
    let Some(decision) = decision else {
        return Ok(kept_by_arrival(case, act));
    };
    check_once(case, procedure, decision, context)?;
    let Some(category) = procedure.category() else {
        return Ok(None);
    };
    let key = QuotaKey { region: case.region, year: decision.decided_on.year(), category };
    let quota = without(case.holding, key, context.ledger.quota(key));
    if decision.grounds.contains(&Ground::NoRegionalQuota) {
        check_ground(case, key, quota)?;
    }
    if act == Act::RecordRecommendation {
        return Ok(None);
    }
    let after = match decision.outcome {
        Outcome::Consent => {
            let until = valid_until(procedure, decision.decided_on);
            Some(Holding { key, persons: decision.persons, taken: false, until })
        }
        Outcome::Inclusion => {
            Some(Holding { key, persons: decision.persons, taken: true, until: None })
        }
        Outcome::Refusal => None,
        Outcome::Assignment
        | Outcome::Extension
        | Outcome::Satisfied
        | Outcome::Dismissed
        | Outcome::Completed => return Ok(None),
    };
    if let Some(holding) = after {
        check_room(holding, quota, context)?;
    }
    let before = case.holding;
    Ok((before != after).then_some(HoldingChange { before, after }))
}

/// An arrival that is registered in time uses the consent: its places wait for the decision and
/// expire no more.
fn kept_by_arrival(case: &Case, act: Act) -> Option<HoldingChange> {
    let before = case.holding.filter(|holding| !holding.taken && holding.until.is_some());
    let kept = before.filter(|_| act == Act::RegisterArrival)?;
    Some(HoldingChange { before, after: Some(Holding { until: None, ..kept }) })
}

/// The quota as if the case held nothing of it.
fn without(holding: Option<Holding>, key: QuotaKey, quota: Quota) -> Quota {
    match holding.filter(|holding| holding.key == key) {
        Some(own) => quota.after(own.undone().change, u32::from(own.persons)),
        None => quota,
    }
}

fn check_room(holding: Holding, quota: Quota, context: Context<'_>) -> Result<(), Rejection> {
    let Holding { key, persons, .. } = holding;
    match (quota.free(), context.when_unset) {
        (Some(free), _) if free < u32::from(persons) => {
            Err(Rejection::QuotaExhausted { key, free, persons })
        }
        (None, WhenUnset::Refuse) => Err(Rejection::QuotaNotSet(key)),
        (Some(_), _) | (None, WhenUnset::Admit) => Ok(()),
    }
}

/// The ground "no regional quota" is true while the whole family does not fit. Without a limit
/// there is no quota, so the ground stands.
fn check_ground(case: &Case, key: QuotaKey, quota: Quota) -> Result<(), Rejection> {
    let consented = case.consent.as_ref().map(|consent| consent.persons);
    let persons = case.arrived_persons.or(consented.filter(|persons| *persons > 0));
    let persons = persons.unwrap_or(case.persons);
    match quota.free() {
        Some(free) if free >= u32::from(persons) => {
            Err(Rejection::QuotaAvailable { key, free, persons })
        }
        Some(_) | None => Ok(()),
    }
}

/// What the edition grants once is not granted to a person who has it from another case.
fn check_once(
    case: &Case,
    procedure: &Procedure,
    decision: &Decision,
    context: Context<'_>,
) -> Result<(), Rejection> {
    let (Some(citation), Some(person)) = (procedure.once(), case.applicant) else {
        return Ok(());
    };
    let standing = match (decision.outcome, procedure.category()) {
        (Outcome::Extension, _) => Standing::StatusExtended,
        (Outcome::Inclusion, Some(category)) => category.standing(),
        (
            Outcome::Consent
            | Outcome::Inclusion
            | Outcome::Refusal
            | Outcome::Assignment
            | Outcome::Satisfied
            | Outcome::Dismissed
            | Outcome::Completed,
            _,
        ) => return Ok(()),
    };
    let earlier = context.ledger.earlier(person, standing).filter(|earlier| *earlier != case.id);
    if earlier.is_none() {
        return Ok(());
    }
    let citation = citation.to_owned();
    Err(match standing {
        Standing::StatusExtended => Rejection::SecondExtension { citation },
        Standing::KandasIncluded | Standing::InMigrantIncluded => {
            Rejection::EarlierIncluded { citation }
        }
    })
}

fn valid_until(procedure: &Procedure, decided_on: Date) -> Option<Date> {
    let days = i64::from(procedure.consent_validity()?.0);
    Some(decided_on.checked_add(Span::new().days(days)).unwrap_or(Date::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::act::{Actor, Basis};
    use crate::domain::calendar::{Calendar, CalendarBuilder, CalendarVersion};
    use crate::domain::decide::Procedures;
    use crate::domain::ids::CaseId;
    use crate::domain::party::{Names, Parties, Party, PartyNumber, Role, bundled_zone};
    use crate::domain::procedure::tests::{draft, sound};
    use crate::domain::quota::{Category, IdentityHash, Ledger};
    use crate::domain::roster::Roster;
    use crate::domain::term::CalendarDays;

    /// One quota, and one person who has been included before.
    struct Book {
        quota: Quota,
        earlier: Option<(IdentityHash, CaseId)>,
    }

    impl Ledger for Book {
        fn quota(&self, asked: QuotaKey) -> Quota {
            if asked == key() { self.quota } else { Quota::default() }
        }

        fn earlier(&self, person: IdentityHash, _: Standing) -> Option<CaseId> {
            self.earlier.filter(|(known, _)| *known == person).map(|(_, case)| case)
        }
    }

    const PERSON: IdentityHash = IdentityHash([7; 16]);

    fn key() -> QuotaKey {
        QuotaKey { region: "KZ-55".parse().unwrap(), year: 2026, category: Category::Kandas }
    }

    fn book(limit: Option<u32>, reserved: u32, taken: u32) -> Book {
        Book { quota: Quota { limit, reserved, taken }, earlier: None }
    }

    /// A case of four persons.
    fn case(holding: Option<Holding>) -> Case {
        Case {
            id: CaseId([1; 16]),
            procedure: draft("1", Vec::new()).key,
            region: key().region,
            departure: None,
            channel: Role::ForeignMission,
            basis: Basis::Ordinary,
            persons: 4,
            applicant: Some(PERSON),
            concerns: None,
            participants: vec![(Actor::Channel, PartyNumber(1))],
            consent: None,
            arrived_persons: None,
            decision: None,
            last_outcome: None,
            hearing_at: None,
            holding,
            service: Vec::new(),
            hops: Vec::new(),
            copies: Vec::new(),
            papers: crate::domain::Papers::Plain(None),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn decision(outcome: Outcome, persons: u16) -> Decision {
        let decided_on = date(2026, 3, 20);
        Decision { outcome, decided_on, persons, grounds: Vec::new(), months: 0 }
    }

    fn no_quota() -> Decision {
        Decision { grounds: vec![Ground::NoRegionalQuota], ..decision(Outcome::Refusal, 0) }
    }

    fn held(persons: u16, until: Option<Date>) -> Holding {
        Holding { key: key(), persons, taken: false, until }
    }

    fn taken(persons: u16) -> Holding {
        Holding { key: key(), persons, taken: true, until: None }
    }

    fn procedure() -> Procedure {
        Procedure::new(draft("1", sound())).unwrap()
    }

    fn calendar() -> Calendar {
        let version = CalendarVersion::parse("test-1").unwrap();
        CalendarBuilder::new(version, date(2026, 1, 1), date(2026, 12, 31)).unwrap().build()
    }

    fn roster() -> Roster {
        let committee = Party {
            id: "committee".parse().unwrap(),
            role: Role::MigrationBody,
            region: None,
            names: Names {
                kk: "үлгі".into(), ru: "образец".into(), en: "sample".into()
            },
            zone: bundled_zone("Asia/Almaty").unwrap(),
            supervisor: None,
            acts_for: Vec::new(),
            identities: vec!["urn:kopir:party:committee".parse().unwrap()],
            certificates: Vec::new(),
            bins: Vec::new(),
        };
        Roster::new(Parties::new(vec![committee]).unwrap(), [])
    }

    type Changed = Result<Option<HoldingChange>, Rejection>;

    fn changed(case: &Case, procedure: &Procedure, decision: &Decision, book: &Book) -> Changed {
        changed_when(case, procedure, decision, book, WhenUnset::Refuse)
    }

    fn changed_when(
        case: &Case,
        procedure: &Procedure,
        decision: &Decision,
        book: &Book,
        when_unset: WhenUnset,
    ) -> Changed {
        let context = Context {
            now: "2026-03-20T10:00:00Z".parse().unwrap(),
            calendar: &calendar(),
            roster: &roster(),
            procedures: &Procedures::new(),
            ledger: book,
            when_unset,
        };
        let consents = decision.outcome == Outcome::Consent;
        let act = if consents { Act::RecordConsentDecision } else { Act::RecordInclusionDecision };
        change(case, procedure, act, Some(decision), context)
    }

    #[test]
    fn a_consent_holds_the_places_of_the_whole_family_while_there_are_any() {
        let consent = decision(Outcome::Consent, 4);
        let after = Some(held(4, None));
        let made = Ok(Some(HoldingChange { before: None, after }));
        let at = |book: Book| changed(&case(None), &procedure(), &consent, &book);
        assert_eq!(at(book(Some(10), 3, 3)), made);
        let full = Rejection::QuotaExhausted { key: key(), free: 3, persons: 4 };
        assert_eq!(at(book(Some(10), 3, 4)), Err(full));
        assert_eq!(at(book(None, 0, 0)), Err(Rejection::QuotaNotSet(key())));
        let admitted = WhenUnset::Admit;
        let book = book(None, 90, 90);
        assert_eq!(changed_when(&case(None), &procedure(), &consent, &book, admitted), made);
    }

    #[test]
    fn a_consent_of_limited_validity_holds_them_to_its_last_day() {
        let limited = procedure().with_consent_validity(Some(CalendarDays(30)));
        let consent = decision(Outcome::Consent, 4);
        let change = changed(&case(None), &limited, &consent, &book(Some(4), 0, 0)).unwrap();
        assert_eq!(change.unwrap().after, Some(held(4, Some(date(2026, 4, 19)))));
    }

    #[test]
    fn an_inclusion_takes_what_the_consent_held_and_needs_no_second_place() {
        let before = Some(held(4, None));
        let inclusion = decision(Outcome::Inclusion, 3);
        let after = Some(taken(3));
        let made = Ok(Some(HoldingChange { before, after }));
        // Not a place is free but the family's own.
        assert_eq!(changed(&case(before), &procedure(), &inclusion, &book(Some(4), 4, 0)), made);
        // The limit was set to what was held, which another family has taken since.
        let full = Rejection::QuotaExhausted { key: key(), free: 2, persons: 3 };
        let tight = book(Some(4), 4, 2);
        assert_eq!(changed(&case(before), &procedure(), &inclusion, &tight), Err(full));
    }

    #[test]
    fn an_inclusion_of_the_next_year_is_of_the_next_year_s_quota() {
        let before = Some(held(4, None));
        let decided_on = date(2027, 1, 11);
        let inclusion = Decision { decided_on, ..decision(Outcome::Inclusion, 4) };
        let next = QuotaKey { year: 2027, ..key() };
        let refused = changed(&case(before), &procedure(), &inclusion, &book(Some(4), 4, 0));
        assert_eq!(refused, Err(Rejection::QuotaNotSet(next)));
    }

    #[test]
    fn a_refusal_frees_what_was_held() {
        let before = Some(held(4, None));
        let refusal =
            Decision { grounds: vec![Ground::UnreliableData], ..decision(Outcome::Refusal, 0) };
        let freed = Ok(Some(HoldingChange { before, after: None }));
        assert_eq!(changed(&case(before), &procedure(), &refusal, &book(Some(4), 4, 0)), freed);
        assert_eq!(changed(&case(None), &procedure(), &refusal, &book(Some(4), 0, 0)), Ok(None));
    }

    #[test]
    fn no_quota_is_a_ground_only_while_the_family_does_not_fit() {
        let at = |holding, book: Book| changed(&case(holding), &procedure(), &no_quota(), &book);
        assert_eq!(at(None, book(Some(10), 3, 4)), Ok(None));
        let room = Rejection::QuotaAvailable { key: key(), free: 4, persons: 4 };
        assert_eq!(at(None, book(Some(10), 3, 3)), Err(room.clone()));
        // The places that the family itself holds are room for it.
        assert_eq!(at(Some(held(4, None)), book(Some(4), 4, 0)), Err(room));
        // Nobody has set a quota: there is none.
        assert_eq!(at(None, book(None, 0, 0)), Ok(None));
        // Only two of four have arrived, and two places are left.
        let few = Case { arrived_persons: Some(2), ..case(None) };
        let room = Rejection::QuotaAvailable { key: key(), free: 2, persons: 2 };
        let refused = changed(&few, &procedure(), &no_quota(), &book(Some(2), 0, 0));
        assert_eq!(refused, Err(room));
    }

    #[test]
    fn a_recommendation_and_other_outcomes_move_nothing() {
        let (procedure, book) = (procedure(), book(Some(4), 0, 0));
        for outcome in [Outcome::Assignment, Outcome::Satisfied, Outcome::Completed] {
            let moved = changed(&case(None), &procedure, &decision(outcome, 4), &book);
            assert_eq!(moved, Ok(None), "{outcome}");
        }
        let without = Procedure::new(crate::domain::procedure::Draft {
            category: None,
            ..draft("1", sound())
        });
        let inclusion = decision(Outcome::Inclusion, 4);
        assert_eq!(changed(&case(None), &without.unwrap(), &inclusion, &book), Ok(None));
    }

    #[test]
    fn what_is_granted_once_is_refused_to_whom_another_case_gave_it() {
        let once = crate::domain::procedure::Draft {
            once: Some("a sample ¶3".to_owned()),
            ..draft("1", sound())
        };
        let once = Procedure::new(once).unwrap();
        let inclusion = decision(Outcome::Inclusion, 4);
        let by = |case| Book { earlier: Some((PERSON, case)), ..book(Some(4), 0, 0) };
        let other = by(CaseId([2; 16]));
        let citation = "a sample ¶3".to_owned();
        let earlier = Err(Rejection::EarlierIncluded { citation: citation.clone() });
        assert_eq!(changed(&case(None), &once, &inclusion, &other), earlier);
        let extension = Decision { months: 6, ..decision(Outcome::Extension, 4) };
        let second = Err(Rejection::SecondExtension { citation });
        assert_eq!(changed(&case(None), &once, &extension, &other), second);
        // Its own earlier decision, another person, or an edition that does not say so.
        assert!(changed(&case(None), &once, &inclusion, &by(CaseId([1; 16]))).is_ok());
        let stranger = Case { applicant: Some(IdentityHash([8; 16])), ..case(None) };
        assert!(changed(&stranger, &once, &inclusion, &other).is_ok());
        assert!(changed(&case(None), &procedure(), &inclusion, &other).is_ok());
    }
}
