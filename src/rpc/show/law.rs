//! The law in the contract's words: procedures, terms, and the reckoning of a due date.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::{act, actor, category, date, ground, outcome, role, time};
use crate::domain::calendar::{Calendar, Certainty};
use crate::domain::hours::{Hours, Purpose};
use crate::domain::procedure::{
    Hop, Kind, ListedGround, OpenedBy, Procedure, ServiceTerm, Trigger,
};
use crate::domain::term::{
    CountMode, Explanation, SkipReason, SkippedDay, Source, Term, TermError, explain,
};
use crate::domain::{Actor, HopId, ProcedureKey, Procedures, Roster};
use crate::rpc::proto::procedures::v1 as procedures;
use crate::rpc::proto::types::v1 as types;

/// The rule of counting of every hop, in words, for every zone in which a party's days end. Worked
/// out once, because each receipt tells one.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    rules: BTreeMap<ProcedureKey, BTreeMap<HopId, Vec<ZoneRule>>>,
}

#[derive(Debug, Clone)]
struct ZoneRule {
    /// The zone's IANA name.
    zone: String,
    rule: String,
}

impl Wording {
    /// The rules of these procedures, for the zones of these parties.
    ///
    /// # Errors
    /// [`TermError`] if a hop's term cannot be counted on the calendar at all.
    pub fn new(
        procedures: &Procedures,
        roster: &Roster,
        calendar: &Calendar,
    ) -> Result<Self, TermError> {
        let mut zones: Vec<&TimeZone> = Vec::new();
        for party in roster.parties().iter() {
            if !zones.iter().any(|zone| zone.iana_name() == party.zone.iana_name()) {
                zones.push(&party.zone);
            }
        }
        let mut rules = BTreeMap::new();
        for (key, procedure) in procedures {
            let mut hops = BTreeMap::new();
            for hop in procedure.hops() {
                let told = zones.iter().map(|zone| {
                    let rule = rule(procedure, hop, zone, calendar)?;
                    Ok(ZoneRule { zone: name(zone).to_owned(), rule })
                });
                hops.insert(hop.id, told.collect::<Result<Vec<_>, TermError>>()?);
            }
            rules.insert(key.clone(), hops);
        }
        Ok(Self { rules })
    }

    /// Whether it has the rules for the zones of all these parties.
    pub fn covers(&self, roster: &Roster) -> bool {
        let told = self.rules.values().flat_map(BTreeMap::values).next();
        let is_told = |zone: &TimeZone| {
            told.is_none_or(|rules| rules.iter().any(|rule| rule.zone == name(zone)))
        };
        roster.parties().iter().all(|party| is_told(&party.zone))
    }

    /// The rule of a hop for a party whose days end in this zone; empty for a procedure that this
    /// bus does not have.
    pub fn rule(&self, procedure: &ProcedureKey, hop: HopId, zone: &TimeZone) -> &str {
        let rules = self.rules.get(procedure).and_then(|hops| hops.get(&hop));
        let of_zone = |rule: &&ZoneRule| rule.zone == name(zone);
        let rule = rules.and_then(|rules| rules.iter().find(of_zone));
        rule.map_or("", |rule| &rule.rule)
    }
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or_default()
}

/// The words do not depend on the day, so any day that the calendar covers with room after it
/// serves: its first one.
fn rule(
    procedure: &Procedure,
    hop: &Hop,
    zone: &TimeZone,
    calendar: &Calendar,
) -> Result<String, TermError> {
    let beyond = |_| TermError::BeyondTime { from: calendar.first() };
    let noon = calendar.first().to_datetime(Time::constant(12, 0, 0, 0));
    let opened = zone.to_timestamp(noon).map_err(beyond)?;
    let service_due = calendar.first().checked_add(Span::new().days(60)).map_err(beyond)?;
    let counting = procedure.counting();
    let told = explain(hop.term, hop.count, counting, opened, zone, calendar, Some(service_due))?;
    Ok(told.map_or_else(|| NO_TERM.to_owned(), |explanation| explanation.rule))
}

/// The rule of a hop without a term.
const NO_TERM: &str = "the text sets no term";

/// What a list says of a procedure.
pub fn summary(procedure: &Procedure) -> procedures::ProcedureSummary {
    let key = procedure.key();
    procedures::ProcedureSummary {
        procedure: key.procedure.to_string(),
        edition: key.edition.to_string(),
        title: procedure.names().en.clone(),
        citation: procedure.basis().to_owned(),
        hop_count: i32::try_from(procedure.hops().len()).unwrap_or(i32::MAX),
        title_kk: procedure.names().kk.clone(),
        title_ru: procedure.names().ru.clone(),
        category: procedure.category().map(category).unwrap_or_default().into(),
        region: procedure.region().map(|region| region.code().to_owned()).unwrap_or_default(),
        published_date: procedure.in_force_from().and_then(published).map(date),
        effective_date: procedure.in_force_from().map(date),
    }
}

/// A procedure with its hops.
pub fn procedure(procedure: &Procedure) -> procedures::Procedure {
    let summary = Some(summary(procedure));
    procedures::Procedure {
        summary,
        hops: procedure.hops().iter().map(hop).collect(),
        service_terms: procedure.service().iter().map(service_term).collect(),
        grounds: procedure.grounds().iter().map(listed).collect(),
        acceptance_grounds: procedure.acceptance_grounds().iter().map(listed).collect(),
        hours: procedure.hours().iter().map(hours).collect(),
    }
}

/// The day of publication of what applies from this day on: eleven days earlier.
fn published(in_force_from: Date) -> Option<Date> {
    in_force_from.checked_sub(Span::new().days(11)).ok()
}

fn service_term(service: &ServiceTerm) -> procedures::ServiceTerm {
    let ServiceTerm { starts_with, term: lasts, informative, citation } = service;
    let count = if *lasts == Term::None { CountMode::None } else { CountMode::From };
    procedures::ServiceTerm {
        starts_with: starts_with.to_string(),
        term: Some(term(*lasts, count)),
        informative: *informative,
        citation: citation.clone(),
    }
}

fn listed(listed: &ListedGround) -> procedures::Ground {
    let ListedGround { ground: of, code, words, citation } = listed;
    procedures::Ground {
        ground: ground(*of).into(),
        code: code.clone(),
        words: words.clone(),
        citation: citation.clone(),
    }
}

fn hours(hours: &Hours) -> procedures::ReceptionHours {
    let Hours { role: of, purpose, days: _, open: _, citation } = hours;
    let purpose = match purpose {
        Purpose::All => procedures::ReceptionPurpose::All,
        Purpose::Applications => procedures::ReceptionPurpose::Applications,
        Purpose::Results => procedures::ReceptionPurpose::Results,
    };
    procedures::ReceptionHours {
        role: role(*of).into(),
        purpose: purpose.into(),
        days: hours.days_in_words(),
        open: hours.open_in_words(),
        citation: citation.clone(),
    }
}

fn hop(hop: &Hop) -> procedures::Hop {
    let Hop {
        id,
        kind,
        from,
        to,
        act: does,
        term: lasts,
        count,
        source: origin,
        citation,
        wording,
        readings,
        opened_by,
        channels,
        bases,
        branch,
        closes,
        ends,
        broadcast,
        recorded_with,
        recorded_by,
        carried_by_bus: _,
        note,
    } = hop;
    let first = |actors: &[Actor]| actors.first().map(|each| actor(*each)).unwrap_or_default();
    let sender = from.first().copied().unwrap_or(Actor::Internal);
    procedures::Hop {
        hop: id.to_string(),
        from_role: first(from).into(),
        to_role: first(to).into(),
        act: act(*does, sender).into(),
        term: Some(term(*lasts, *count)),
        source: source(*origin).into(),
        citation: citation.clone(),
        wording: wording.clone(),
        kind: match kind {
            Kind::Hop => procedures::HopKind::Hop.into(),
            Kind::Step => procedures::HopKind::Step.into(),
        },
        from_roles: from.iter().map(|each| actor(*each).into()).collect(),
        to_roles: to.iter().map(|each| actor(*each).into()).collect(),
        broadcast: *broadcast,
        recorded_by_role: recorded_by.map(actor).unwrap_or_default().into(),
        recorded_with: recorded_with.map(|hop| hop.to_string()).unwrap_or_default(),
        opened_by: opened_by.iter().map(opening).collect(),
        channels: channels.iter().map(|each| role(*each).into()).collect(),
        bases: bases.iter().map(ToString::to_string).collect(),
        branch: branch.clone().unwrap_or_default(),
        closes: closes.iter().map(ToString::to_string).collect(),
        ends: *ends,
        readings: readings.clone(),
        note: note.clone(),
    }
}

fn opening(by: &OpenedBy) -> procedures::HopOpening {
    let OpenedBy { hop, trigger, outcomes, with } = by;
    procedures::HopOpening {
        hop: hop.to_string(),
        event: match trigger {
            Trigger::Acted => procedures::HopEvent::Acted.into(),
            Trigger::Received => procedures::HopEvent::Received.into(),
        },
        outcomes: outcomes.iter().map(|each| outcome(*each).into()).collect(),
        with_hops: with.iter().map(ToString::to_string).collect(),
    }
}

/// A term.
pub fn term(term: Term, count: CountMode) -> types::Term {
    let (n, unit) = match term {
        Term::None => (0, types::TermUnit::None),
        Term::WorkingDays(days) => (i32::from(days.0), types::TermUnit::WorkingDays),
        Term::CalendarDays(days) => (i32::from(days.0), types::TermUnit::CalendarDays),
        Term::SameDay => (0, types::TermUnit::SameDay),
        Term::SameWorkingDay => (0, types::TermUnit::SameWorkingDay),
        Term::MonthEnd => (0, types::TermUnit::MonthEnd),
        Term::BeforeServiceEnd(days) => (i32::from(days.0), types::TermUnit::DaysBeforeServiceDue),
    };
    let count = match count {
        CountMode::From => types::CountRule::From,
        CountMode::After => types::CountRule::After,
        CountMode::On => types::CountRule::On,
        CountMode::Moment => types::CountRule::Moment,
        CountMode::Before => types::CountRule::Before,
        CountMode::NotStated => types::CountRule::NotStated,
        CountMode::None => types::CountRule::None,
    };
    types::Term { n, unit: unit.into(), count: count.into() }
}

/// Where a term comes from.
pub fn source(source: Source) -> types::TermSource {
    match source {
        Source::Statutory => types::TermSource::Statutory,
        Source::Assumed => types::TermSource::Assumed,
    }
}

/// The reckoning of a term; none stands for a hop without one.
pub fn due_time(
    hop: &Hop,
    told: Option<Explanation>,
    calendar: &Calendar,
) -> procedures::ComputeDueTimeResponse {
    let mut answer = procedures::ComputeDueTimeResponse {
        due_date: None,
        due_time: None,
        rule: NO_TERM.to_owned(),
        citation: hop.citation.clone(),
        source: source(hop.source).into(),
        calendar_version: calendar.version().to_string(),
        estimated: false,
        skipped_days: Vec::new(),
    };
    if let Some(Explanation { due, rule, skipped: days }) = told {
        answer.due_date = Some(date(due.date));
        answer.due_time = Some(time(due.instant));
        answer.estimated = due.estimated;
        answer.rule = rule;
        answer.skipped_days = days.iter().map(skipped).collect();
    }
    answer
}

fn skipped(day: &SkippedDay) -> procedures::SkippedDay {
    let SkippedDay { date: on, why, certainty } = day;
    let (reason, name) = match why {
        SkipReason::Weekend => (procedures::SkipReason::Weekend, ""),
        SkipReason::Holiday(name) => (procedures::SkipReason::Holiday, &*name.en),
        SkipReason::Observed(name) => (procedures::SkipReason::Observed, &*name.en),
        SkipReason::MovedOff(name) => (procedures::SkipReason::DayOffMoved, &*name.en),
    };
    procedures::SkippedDay {
        date: Some(date(*on)),
        reason: reason.into(),
        name: name.to_owned(),
        estimated: *certainty == Certainty::Estimated,
    }
}
