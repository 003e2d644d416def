//! What one notice says to one party: a plain value, from which letter and call are written.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::calendar::Calendar;
use crate::domain::contact::{Contact, Contacts};
use crate::domain::ladder::{Attribution, Fired, Impediment, Notice, Rung};
use crate::domain::party::{Names, Party, PartyId, PartyNumber};
use crate::domain::term::Source;
use crate::domain::{Act, CaseId, HopId, Procedures, Roster, Sequence};

/// What a digest is made from, beside the notice.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The parties by number.
    pub roster: &'a Roster,
    /// Where the hops are cited.
    pub procedures: &'a Procedures,
    /// The working days.
    pub calendar: &'a Calendar,
    /// Which rungs a party wants to be told of.
    pub contacts: &'a Contacts,
}

/// What a notice says to a party, without personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// The notice.
    pub notice: Sequence,
    /// When it was recorded.
    pub at: Timestamp,
    /// When it was to be said.
    pub planned_at: Timestamp,
    /// Whether an outage of the bus made it late.
    pub is_late: bool,
    /// Who is told.
    pub party: PartyId,
    /// What that party is called.
    pub names: Names,
    /// Where it sits.
    pub zone: TimeZone,
    /// What is said, at least one, in the order of the record.
    pub entries: Vec<Entry>,
}

/// One rung of one clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The rung.
    pub rung: Rung,
    /// The case.
    pub case: CaseId,
    /// The hop.
    pub hop: HopId,
    /// The act of the hop.
    pub act: Act,
    /// Where the law has it; empty for a hop of another build's procedures.
    pub citation: String,
    /// Whether the term is the law's or assumed.
    pub source: Source,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant.
    pub due_at: Timestamp,
    /// The last day of the term where the duty-holder sits.
    pub due_date: Date,
    /// Who must act, or take the delivery.
    pub duty: Option<PartyId>,
    /// What that party is called.
    pub duty_names: Names,
    /// Whether the act is done and its delivery to be taken.
    pub is_carried: bool,
    /// Working days to the due day or since it, where the rung tells of them.
    pub days: Days,
    /// Why the term will not hold.
    pub impediment: Option<Impediment>,
    /// Where the time went.
    pub attribution: Option<Attribution>,
}

/// Working days around the due day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// So many are left after the day of the notice.
    Left(u16),
    /// So many have passed since the due day.
    Late(u16),
    /// The rung does not tell, or the calendar does not reach so far.
    Untold,
}

impl Digest {
    /// What a notice says to a party of what it wants to be told. None where that is nothing any
    /// more: the party has left the registry, or has another contact since.
    #[must_use]
    pub fn of(
        sequence: Sequence,
        at: Timestamp,
        notice: &Notice,
        party: PartyNumber,
        from: Sources<'_>,
    ) -> Option<Self> {
        let Party { id, names, zone, .. } = from.roster.party(party)?;
        let Contact { rungs, .. } = from.contacts.get(id)?;
        let wanted = notice.concerning(party).filter(|fired| rungs.has(fired.rung));
        let entries: Vec<_> = wanted.map(|fired| Entry::of(fired, at, from)).collect();
        (!entries.is_empty()).then(|| Self {
            notice: sequence,
            at,
            planned_at: notice.planned_at,
            is_late: notice.outage.is_some(),
            party: id.clone(),
            names: names.clone(),
            zone: zone.clone(),
            entries,
        })
    }
}

impl Entry {
    fn of(fired: &Fired, at: Timestamp, from: Sources<'_>) -> Self {
        let zone = from.roster.zone(fired.duty);
        // The due instant is the first that is too late: 24:00 of the last day.
        let last = Timestamp::from_millisecond(fired.due_at.as_millisecond().saturating_sub(1));
        let due_date = zone.to_datetime(last.unwrap_or(fired.due_at)).date();
        let id = from.roster.id(fired.duty);
        // One that has left the registry has its id for a name.
        let gone = || {
            let id = id.map(ToString::to_string).unwrap_or_default();
            Names { kk: id.clone(), ru: id.clone(), en: id }
        };
        let party = from.roster.party(fired.duty);
        let recorded = fired.clause.as_ref().map(|clause| clause.citation.clone());
        let law = || from.procedures.values().find_map(|procedure| procedure.hop(fired.hop));
        let citation = recorded.or_else(|| law().map(|hop| hop.citation.clone()));
        Self {
            rung: fired.rung,
            case: fired.case,
            hop: fired.hop,
            act: fired.act,
            citation: citation.unwrap_or_default(),
            source: fired.source,
            opened_at: fired.opened_at,
            due_at: fired.due_at,
            due_date,
            duty: id.cloned(),
            duty_names: party.map_or_else(gone, |party| party.names.clone()),
            is_carried: fired.carried,
            days: days(fired, zone.to_datetime(at).date(), due_date, from.calendar),
            impediment: fired.impediment,
            attribution: fired.attribution,
        }
    }

    /// Whether the term has run out.
    #[must_use]
    pub fn is_past_due(&self) -> bool {
        match self.rung {
            Rung::Due | Rung::Overdue | Rung::LateDischarge => true,
            Rung::Opening
            | Rung::Half
            | Rung::DayBefore
            | Rung::DueMorning
            | Rung::Infeasible
            | Rung::Held => false,
        }
    }
}

fn days(fired: &Fired, today: Date, due_date: Date, calendar: &Calendar) -> Days {
    match fired.rung {
        Rung::Overdue | Rung::LateDischarge => Days::Late(fired.days),
        Rung::Due => Days::Untold,
        Rung::Opening
        | Rung::Half
        | Rung::DayBefore
        | Rung::DueMorning
        | Rung::Infeasible
        | Rung::Held => {
            let left = calendar.working_days_between(today, due_date);
            if today > due_date {
                return Days::Untold;
            }
            left.map_or(Days::Untold, |left| Days::Left(left.0))
        }
    }
}
