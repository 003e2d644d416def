//! The law in the contract's words: procedures, terms, and the reckoning of a due date.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::{act, actor, date, time};
use crate::domain::calendar::{Calendar, Certainty};
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::term::{
    CountMode, Explanation, SkipReason, SkippedDay, Source, Term, TermError, explain,
};
use crate::domain::{HopId, ProcedureKey, Procedures, Roster};
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
        category: types::QuotaCategory::Unspecified.into(),
        region: String::new(),
        published_date: None,
        effective_date: None,
    }
}

/// A procedure with its hops.
pub fn procedure(procedure: &Procedure) -> procedures::Procedure {
    let summary = Some(summary(procedure));
    procedures::Procedure {
        summary,
        hops: procedure.hops().iter().map(hop).collect(),
        service_terms: Vec::new(),
        grounds: Vec::new(),
        acceptance_grounds: Vec::new(),
        hours: Vec::new(),
    }
}

fn hop(hop: &Hop) -> procedures::Hop {
    let Hop {
        id,
        from,
        to,
        act: does,
        term: lasts,
        count,
        source: origin,
        citation,
        wording,
        opened_by: _,
        recorded_with,
        note,
    } = hop;
    procedures::Hop {
        hop: id.to_string(),
        from_role: actor(*from).into(),
        to_role: actor(*to).into(),
        act: act(*does, *from).into(),
        term: Some(term(*lasts, *count)),
        source: source(*origin).into(),
        citation: citation.clone(),
        wording: wording.clone(),
        kind: procedures::HopKind::Hop.into(),
        from_roles: vec![actor(*from).into()],
        to_roles: vec![actor(*to).into()],
        broadcast: false,
        recorded_by_role: types::PartyRole::Unspecified.into(),
        recorded_with: recorded_with.map(|hop| hop.to_string()).unwrap_or_default(),
        opened_by: Vec::new(),
        channels: Vec::new(),
        bases: Vec::new(),
        branch: String::new(),
        closes: Vec::new(),
        ends: false,
        readings: Vec::new(),
        note: note.clone(),
    }
}

/// A term.
pub fn term(term: Term, count: CountMode) -> types::Term {
    let (n, unit) = match term {
        Term::None => (0, types::TermUnit::None),
        Term::WorkingDays(days) => (i32::from(days.0), types::TermUnit::WorkingDays),
        Term::CalendarDays(days) => (i32::from(days.0), types::TermUnit::CalendarDays),
        Term::SameDay => (0, types::TermUnit::SameDay),
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
