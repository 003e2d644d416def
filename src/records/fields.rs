//! The fields that events and cases have in common, and the limits on their lists.

use crate::domain::act::{Actor, Ground, Outcome};
use crate::domain::calendar::{CalendarError, CalendarVersion};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::region::Region;
use crate::domain::term::Source;
use crate::domain::{Decision, ProcedureKey};

use super::RecordError;
use super::wire::{Reader, Writer};

/// The most grounds a decision may state.
pub const MAX_GROUNDS: usize = 16;
/// The most parties of one case.
pub const MAX_PARTICIPANTS: usize = 16;
/// The most hops one event may open.
pub const MAX_OPENED: usize = 16;
/// The most service clocks of one case.
pub const MAX_SERVICE_CLOCKS: usize = 8;
/// The most hops of one case. With it a case stays below 16 KiB whatever its values.
pub const MAX_HOPS: usize = 64;

const APPLICANT: u8 = 0;

/// The stable number of a role; never reused.
pub(super) const fn role_tag(role: Role) -> u8 {
    match role {
        Role::ForeignMission => 1,
        Role::MigrationBody => 2,
        Role::Akimat => 3,
        Role::Commission => 4,
        Role::Operator => 5,
    }
}

pub(super) fn role_of_tag(tag: u8) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role_tag(*role) == tag)
}

/// The stable number of an actor: zero for the applicant, else the role's.
pub(super) const fn actor_tag(actor: Actor) -> u8 {
    match actor {
        Actor::Applicant => APPLICANT,
        Actor::Role(role) => role_tag(role),
    }
}

pub(super) fn actor_of_tag(tag: u8) -> Option<Actor> {
    if tag == APPLICANT { Some(Actor::Applicant) } else { role_of_tag(tag).map(Actor::Role) }
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
    participants: &[(Role, PartyNumber)],
) -> Result<(), RecordError> {
    out.count("participants", participants.len(), MAX_PARTICIPANTS)?;
    for (role, party) in participants {
        out.byte(role_tag(*role));
        write_party(out, *party);
    }
    Ok(())
}

pub(super) fn read_participants(
    from: &mut Reader<'_>,
) -> Result<Vec<(Role, PartyNumber)>, RecordError> {
    from.list("participants", MAX_PARTICIPANTS, |from| {
        Ok((from.tag("role", role_of_tag)?, read_party(from, "participant")?))
    })
}

/// A decision behind a flag that says whether there is one.
pub(super) fn write_decision(
    out: &mut Writer<'_>,
    decision: Option<&Decision>,
) -> Result<(), RecordError> {
    out.flag(decision.is_some());
    let Some(Decision { outcome, decided_on, persons, grounds }) = decision else {
        return Ok(());
    };
    out.byte(outcome.tag());
    out.date(*decided_on);
    out.number(u64::from(*persons));
    out.count("grounds", grounds.len(), MAX_GROUNDS)?;
    for ground in grounds {
        out.byte(ground.tag());
    }
    Ok(())
}

pub(super) fn read_decision(from: &mut Reader<'_>) -> Result<Option<Decision>, RecordError> {
    from.option("decision", |from| {
        Ok(Decision {
            outcome: from.tag("outcome", Outcome::from_tag)?,
            decided_on: from.date("decided_on")?,
            persons: from.small("decision.persons")?,
            grounds: from
                .list("grounds", MAX_GROUNDS, |from| from.tag("ground", Ground::from_tag))?,
        })
    })
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
        assert_eq!(Role::ALL.map(role_tag), [1, 2, 3, 4, 5]);
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
        assert_eq!((role_of_tag(0), role_of_tag(6), actor_of_tag(6)), (None, None, None));
        assert_eq!((source_of_tag(0), source_of_tag(3)), (None, None));
    }
}
