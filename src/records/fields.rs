//! The fields that events and cases have in common, and the limits on their lists.

use crate::domain::act::{Actor, Ground, Outcome};
use crate::domain::calendar::{CalendarError, CalendarVersion};
use crate::domain::case;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::quota::{Category, Holding, IdentityHash, QuotaKey};
use crate::domain::region::Region;
use crate::domain::term::Source;
use crate::domain::{CaseId, Decision, ProcedureKey};

use super::RecordError;
use super::wire::{Reader, Writer};

/// The most grounds a decision may state.
pub const MAX_GROUNDS: usize = 16;
/// The most parties of one case.
pub const MAX_PARTICIPANTS: usize = 32;
/// The most hops one event may open.
pub const MAX_OPENED: usize = 32;
/// The most service clocks of one case.
pub const MAX_SERVICE_CLOCKS: usize = 8;
/// The most hops of one case. With it a case stays below 16 KiB whatever its values.
pub const MAX_HOPS: usize = case::MAX_RUNS;
/// The most parties that one act may go to, a broadcast's included.
pub const MAX_DELIVERIES: usize = 1024;
/// The most clocks of one case that an amended calendar moves.
pub const MAX_MOVED: usize = MAX_HOPS + MAX_SERVICE_CLOCKS;

const APPLICANT: u8 = 0;
const INTERNAL: u8 = 200;
const CHANNEL: u8 = 201;
const DEPARTURE_AKIMAT: u8 = 202;

/// The stable number of a role; never reused.
pub(super) const fn role_tag(role: Role) -> u8 {
    // The enumeration is in the order of `Role::ALL`, which is fixed for the sake of these numbers.
    role as u8 + 1
}

pub(super) fn role_of_tag(tag: u8) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role_tag(*role) == tag)
}

/// The stable number of an actor: zero for the applicant, else the role's.
pub(super) const fn actor_tag(actor: Actor) -> u8 {
    match actor {
        Actor::Applicant => APPLICANT,
        Actor::Internal => INTERNAL,
        Actor::Channel => CHANNEL,
        Actor::DepartureAkimat => DEPARTURE_AKIMAT,
        Actor::Role(role) => role_tag(role),
    }
}

pub(super) fn actor_of_tag(tag: u8) -> Option<Actor> {
    match tag {
        APPLICANT => Some(Actor::Applicant),
        INTERNAL => Some(Actor::Internal),
        CHANNEL => Some(Actor::Channel),
        DEPARTURE_AKIMAT => Some(Actor::DepartureAkimat),
        _ => role_of_tag(tag).map(Actor::Role),
    }
}

/// The stable number of a term's source; never reused.
pub(super) const fn source_tag(source: Source) -> u8 {
    match source {
        Source::Statutory => 1,
        Source::Assumed => 2,
    }
}

pub(super) const fn source_of_tag(tag: u8) -> Option<Source> {
    match tag {
        1 => Some(Source::Statutory),
        2 => Some(Source::Assumed),
        _ => None,
    }
}

pub(super) fn write_party(out: &mut Writer<'_>, party: PartyNumber) {
    let PartyNumber(number) = party;
    out.number(u64::from(number));
}

pub(super) fn read_party(
    from: &mut Reader<'_>,
    field: &'static str,
) -> Result<PartyNumber, RecordError> {
    from.small(field).map(PartyNumber)
}

pub(super) fn write_procedure(out: &mut Writer<'_>, key: &ProcedureKey) -> Result<(), RecordError> {
    let ProcedureKey { procedure, edition } = key;
    out.text("procedure", procedure.as_str())?;
    out.text("edition", edition.as_str())
}

pub(super) fn read_procedure(from: &mut Reader<'_>) -> Result<ProcedureKey, RecordError> {
    Ok(ProcedureKey { procedure: from.text("procedure")?, edition: from.text("edition")? })
}

pub(super) fn read_region(from: &mut Reader<'_>) -> Result<Region, RecordError> {
    from.tag("region", Region::from_number)
}

pub(super) fn write_participants(
    out: &mut Writer<'_>,
    participants: &[(Actor, PartyNumber)],
) -> Result<(), RecordError> {
    out.count("participants", participants.len(), MAX_PARTICIPANTS)?;
    for (actor, party) in participants {
        out.byte(actor_tag(*actor));
        write_party(out, *party);
    }
    Ok(())
}

pub(super) fn read_participants(
    from: &mut Reader<'_>,
) -> Result<Vec<(Actor, PartyNumber)>, RecordError> {
    from.list("participants", MAX_PARTICIPANTS, |from| {
        Ok((from.tag("actor", actor_of_tag)?, read_party(from, "participant")?))
    })
}

/// A decision behind a flag that says whether there is one.
pub(super) fn write_decision(
    out: &mut Writer<'_>,
    decision: Option<&Decision>,
) -> Result<(), RecordError> {
    out.flag(decision.is_some());
    let Some(Decision { outcome, decided_on, persons, grounds, months }) = decision else {
        return Ok(());
    };
    out.byte(outcome.tag());
    out.date(*decided_on);
    out.number(u64::from(*persons));
    out.count("grounds", grounds.len(), MAX_GROUNDS)?;
    for ground in grounds {
        out.byte(ground.tag());
    }
    out.byte(*months);
    Ok(())
}

/// A decision as this release or, `version` 1, the first one wrote it.
pub(super) fn read_decision(
    from: &mut Reader<'_>,
    version: u8,
) -> Result<Option<Decision>, RecordError> {
    from.option("decision", |from| {
        Ok(Decision {
            outcome: from.tag("outcome", Outcome::from_tag)?,
            decided_on: from.date("decided_on")?,
            persons: from.small("decision.persons")?,
            grounds: from
                .list("grounds", MAX_GROUNDS, |from| from.tag("ground", Ground::from_tag))?,
            months: if version == 1 { 0 } else { from.byte("months")? },
        })
    })
}

/// A holding behind a flag that says whether there is one.
pub(super) fn write_holding(
    out: &mut Writer<'_>,
    holding: Option<&Holding>,
) -> Result<(), RecordError> {
    out.flag(holding.is_some());
    let Some(Holding { key, persons, taken, until }) = holding else {
        return Ok(());
    };
    write_quota_key(out, *key);
    out.number(u64::from(*persons));
    out.flag(*taken);
    out.flag(until.is_some());
    if let Some(until) = until {
        out.date(*until);
    }
    Ok(())
}

pub(super) fn read_holding(from: &mut Reader<'_>) -> Result<Option<Holding>, RecordError> {
    from.option("holding", |from| {
        Ok(Holding {
            key: read_quota_key(from)?,
            persons: from.small("holding.persons")?,
            taken: from.flag("holding.taken")?,
            until: from.option("holding.until", |from| from.date("holding.until"))?,
        })
    })
}

pub(super) fn write_quota_key(out: &mut Writer<'_>, key: QuotaKey) {
    let QuotaKey { region, year, category } = key;
    out.byte(region.number());
    out.signed(i64::from(year));
    out.byte(category.tag());
}

pub(super) fn read_quota_key(from: &mut Reader<'_>) -> Result<QuotaKey, RecordError> {
    let region = read_region(from)?;
    let year = from.signed("year")?;
    let year = i16::try_from(year).map_err(|_| RecordError::Text { field: "year" })?;
    Ok(QuotaKey { region, year, category: from.tag("category", Category::from_tag)? })
}

/// A tag whose zero says that there is none.
pub(super) fn read_or_none<T>(
    from: &mut Reader<'_>,
    field: &'static str,
    of_tag: impl Fn(u8) -> Option<T>,
) -> Result<Option<T>, RecordError> {
    from.tag(field, |tag| if tag == 0 { Some(None) } else { of_tag(tag).map(Some) })
}

pub(super) fn write_applicant(out: &mut Writer<'_>, applicant: Option<IdentityHash>) {
    out.flag(applicant.is_some());
    if let Some(IdentityHash(hash)) = applicant {
        out.bytes(&hash);
    }
}

pub(super) fn read_applicant(from: &mut Reader<'_>) -> Result<Option<IdentityHash>, RecordError> {
    from.option("applicant", |from| from.array("applicant").map(IdentityHash))
}

pub(super) fn write_concerns(out: &mut Writer<'_>, concerns: Option<CaseId>) {
    out.flag(concerns.is_some());
    if let Some(CaseId(id)) = concerns {
        out.bytes(&id);
    }
}

pub(super) fn read_concerns(from: &mut Reader<'_>) -> Result<Option<CaseId>, RecordError> {
    from.option("concerns", |from| from.array("concerns").map(CaseId))
}

pub(super) fn write_arrived(out: &mut Writer<'_>, persons: Option<u16>) {
    out.flag(persons.is_some());
    if let Some(persons) = persons {
        out.number(u64::from(persons));
    }
}

pub(super) fn read_arrived(from: &mut Reader<'_>) -> Result<Option<u16>, RecordError> {
    from.option("arrived_persons", |from| from.small("arrived_persons"))
}

pub(super) fn read_calendar(from: &mut Reader<'_>) -> Result<CalendarVersion, RecordError> {
    from.text::<Calendar>("due.calendar").map(|Calendar(version)| version)
}

/// Gives the calendar's version the form in which the reader takes texts.
struct Calendar(CalendarVersion);

impl std::str::FromStr for Calendar {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        CalendarVersion::parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_lists_never_change() {
        let first: [u8; 5] = [1, 2, 3, 4, 5];
        assert_eq!(Role::ALL.map(role_tag)[..5], first);
        assert_eq!(role_tag(Role::ContactCentre), 24);
        assert_eq!(actor_tag(Actor::Applicant), 0);
        assert_eq!([Source::Statutory, Source::Assumed].map(source_tag), [1, 2]);
    }

    #[test]
    fn every_number_reads_back_and_others_do_not() {
        for role in Role::ALL {
            assert_eq!(role_of_tag(role_tag(role)), Some(role));
            assert_eq!(actor_of_tag(actor_tag(Actor::Role(role))), Some(Actor::Role(role)));
        }
        assert_eq!(actor_of_tag(0), Some(Actor::Applicant));
        for source in [Source::Statutory, Source::Assumed] {
            assert_eq!(source_of_tag(source_tag(source)), Some(source));
        }
        assert_eq!((role_of_tag(0), role_of_tag(25), actor_of_tag(25)), (None, None, None));
        assert_eq!((source_of_tag(0), source_of_tag(3)), (None, None));
    }
}
