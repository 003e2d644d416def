//! The format of procedure files, version 2: what a lawyer writes, read into a draft.

use serde::Deserialize;

use super::FileError;
use crate::domain::act::{Actor, Basis, Ground, Outcome, UnknownName};
use crate::domain::hours::{Hours, Purpose, spans, weekdays};
use crate::domain::ids::IdError;
use crate::domain::party::{Names, Role};
use crate::domain::procedure::{
    Draft, Hop, Kind, ListedGround, OpenedBy, Procedure, ServiceTerm, Trigger,
};
use crate::domain::quota::Category;
use crate::domain::term::{CalendarDays, CountMode, Counting, Source, Term, WorkingDays};
use crate::domain::{HopId, ProcedureKey};

/// The only format version of procedure files that this build reads. The files ship inside the
/// program, so no older ones are about.
const FORMAT_VERSION: u32 = 2;

/// Reads one procedure file; `file` is its name in errors.
///
/// # Errors
/// A [`FileError`] that names the file, the place and what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Procedure, FileError> {
    let syntax = |source| FileError::Syntax { file: file.to_owned(), source: Box::new(source) };
    let raw: RawFile = toml::from_str(text).map_err(syntax)?;
    let file = file.to_owned();
    if raw.version != FORMAT_VERSION {
        return Err(FileError::Version { file, found: raw.version });
    }
    let draft = draft(raw).map_err(|problem| problem.of(&file))?;
    Procedure::new(draft).map_err(|source| FileError::Procedure { file, source })
}

/// What is wrong inside a file, before the file's name is added.
enum Problem {
    Id(IdError),
    Name(UnknownName),
    Term(String),
    Hours(String),
}

impl Problem {
    fn of(self, file: &str) -> FileError {
        let file = file.to_owned();
        match self {
            Self::Id(source) => FileError::Id { file, source },
            Self::Name(source) => FileError::Name { file, source },
            Self::Term(text) => FileError::Term { file, text },
            Self::Hours(text) => FileError::Hours { file, text },
        }
    }
}

impl From<IdError> for Problem {
    fn from(source: IdError) -> Self {
        Self::Id(source)
    }
}

impl From<UnknownName> for Problem {
    fn from(source: UnknownName) -> Self {
        Self::Name(source)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: u32,
    procedure: String,
    edition: String,
    basis: String,
    category: Option<String>,
    grants: Option<String>,
    once: Option<String>,
    region: Option<String>,
    consent_validity_days: Option<u16>,
    names: RawNames,
    counting: RawCounting,
    #[serde(default)]
    ground: Vec<RawGround>,
    #[serde(default)]
    acceptance_ground: Vec<RawGround>,
    #[serde(default)]
    service: Vec<RawService>,
    #[serde(default)]
    hours: Vec<RawHours>,
    #[serde(default)]
    hop: Vec<RawHop>,
    #[serde(default)]
    step: Vec<RawHop>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNames {
    kk: String,
    ru: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounting {
    strict_from: bool,
    roll_over: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGround {
    ground: String,
    code: String,
    #[serde(default)]
    words: String,
    citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    starts_with: String,
    term: String,
    informative: bool,
    citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    role: String,
    purpose: RawPurpose,
    days: String,
    open: String,
    citation: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawPurpose {
    All,
    Applications,
    Results,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHop {
    id: String,
    from: OneOrMany<String>,
    to: OneOrMany<String>,
    act: String,
    term: String,
    count: RawCount,
    source: RawSource,
    #[serde(default)]
    citation: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    reading: Vec<String>,
    opened_by: Option<OneOrMany<RawOpenedBy>>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    bases: Vec<String>,
    branch: Option<String>,
    #[serde(default)]
    closes: Vec<String>,
    #[serde(default)]
    ends: bool,
    #[serde(default)]
    broadcast: bool,
    #[serde(default)]
    carried_by_bus: bool,
    recorded_with: Option<String>,
    recorded_by: Option<String>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawCount {
    From,
    After,
    On,
    Moment,
    Before,
    NotStated,
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawSource {
    Statutory,
    Assumed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpenedBy {
    hop: String,
    event: RawTrigger,
    when: Option<OneOrMany<String>>,
    #[serde(default)]
    with: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawTrigger {
    Acted,
    Received,
}

fn draft(raw: RawFile) -> Result<Draft, Problem> {
    let key = ProcedureKey { procedure: raw.procedure.parse()?, edition: raw.edition.parse()? };
    let hops = raw.hop.into_iter().map(|raw| hop(raw, Kind::Hop));
    let steps = raw.step.into_iter().map(|raw| hop(raw, Kind::Step));
    let region = raw.region.as_deref().map(|text| {
        let unknown = |_| UnknownName { text: text.to_owned(), kind: "a region" };
        text.parse().map_err(unknown)
    });
    Ok(Draft {
        key,
        names: Names { kk: raw.names.kk, ru: raw.names.ru, en: raw.names.en },
        basis: raw.basis,
        category: raw.category.as_deref().map(str::parse::<Category>).transpose()?,
        grants: raw.grants.as_deref().map(str::parse::<Outcome>).transpose()?,
        once: raw.once,
        region: region.transpose()?,
        hops: hops.chain(steps).collect::<Result<_, _>>()?,
        service: raw.service.into_iter().map(service).collect::<Result<_, _>>()?,
        grounds: raw.ground.into_iter().map(ground).collect::<Result<_, _>>()?,
        acceptance_grounds: raw
            .acceptance_ground
            .into_iter()
            .map(ground)
            .collect::<Result<_, _>>()?,
        hours: raw.hours.into_iter().map(hours).collect::<Result<_, _>>()?,
        counting: Counting {
            strict_from: raw.counting.strict_from,
            roll_over: raw.counting.roll_over,
        },
        consent_validity: raw.consent_validity_days.map(CalendarDays),
    })
}

fn ground(raw: RawGround) -> Result<ListedGround, Problem> {
    let RawGround { ground, code, words, citation } = raw;
    Ok(ListedGround { ground: ground.parse::<Ground>()?, code, words, citation })
}

fn service(raw: RawService) -> Result<ServiceTerm, Problem> {
    Ok(ServiceTerm {
        starts_with: raw.starts_with.parse()?,
        term: term(&raw.term)?,
        informative: raw.informative,
        citation: raw.citation,
    })
}

fn hop(raw: RawHop, kind: Kind) -> Result<Hop, Problem> {
    let opened_by = raw.opened_by.map(OneOrMany::into_vec).unwrap_or_default();
    Ok(Hop {
        id: raw.id.parse()?,
        kind,
        from: each(raw.from.into_vec(), str::parse::<Actor>)?,
        to: each(raw.to.into_vec(), str::parse::<Actor>)?,
        act: raw.act.parse()?,
        term: term(&raw.term)?,
        count: count(raw.count),
        source: match raw.source {
            RawSource::Statutory => Source::Statutory,
            RawSource::Assumed => Source::Assumed,
        },
        citation: raw.citation,
        wording: raw.words,
        readings: raw.reading,
        opened_by: opened_by.into_iter().map(opening).collect::<Result<_, _>>()?,
        channels: each(raw.channels, role)?,
        bases: each(raw.bases, str::parse::<Basis>)?,
        branch: raw.branch,
        closes: each(raw.closes, str::parse::<HopId>)?,
        ends: raw.ends,
        broadcast: raw.broadcast,
        recorded_with: raw.recorded_with.map(|text| text.parse::<HopId>()).transpose()?,
        recorded_by: raw.recorded_by.map(|text| text.parse::<Actor>()).transpose()?,
        carried_by_bus: raw.carried_by_bus,
        note: raw.note,
    })
}

fn each<T, E>(texts: Vec<String>, read: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, Problem>
where
    Problem: From<E>,
{
    Ok(texts.iter().map(|text| read(text)).collect::<Result<_, _>>()?)
}

fn role(text: &str) -> Result<Role, UnknownName> {
    text.parse().map_err(|_| UnknownName { text: text.to_owned(), kind: "a role" })
}

fn opening(raw: RawOpenedBy) -> Result<OpenedBy, Problem> {
    let outcomes = raw.when.map(OneOrMany::into_vec).unwrap_or_default();
    Ok(OpenedBy {
        hop: raw.hop.parse()?,
        trigger: match raw.event {
            RawTrigger::Acted => Trigger::Acted,
            RawTrigger::Received => Trigger::Received,
        },
        outcomes: each(outcomes, str::parse::<Outcome>)?,
        with: each(raw.with, str::parse::<HopId>)?,
    })
}

fn count(raw: RawCount) -> CountMode {
    match raw {
        RawCount::From => CountMode::From,
        RawCount::After => CountMode::After,
        RawCount::On => CountMode::On,
        RawCount::Moment => CountMode::Moment,
        RawCount::Before => CountMode::Before,
        RawCount::NotStated => CountMode::NotStated,
        RawCount::None => CountMode::None,
    }
}

fn term(text: &str) -> Result<Term, Problem> {
    let number = |unit: &str| {
        let plural = text.strip_suffix(unit);
        let number = plural.or_else(|| text.strip_suffix(&unit.replacen("days", "day", 1)));
        number.and_then(|number| number.trim_end().parse::<u16>().ok()).filter(|n| *n > 0)
    };
    match text {
        "none" => Ok(Term::None),
        "same day" => Ok(Term::SameDay),
        "same working day" => Ok(Term::SameWorkingDay),
        "month end" => Ok(Term::MonthEnd),
        _ => number("calendar days before the end of the service")
            .map(|n| Term::BeforeServiceEnd(CalendarDays(n)))
            .or(number("working days").map(|n| Term::WorkingDays(WorkingDays(n))))
            .or(number("calendar days").map(|n| Term::CalendarDays(CalendarDays(n))))
            .ok_or_else(|| Problem::Term(text.to_owned())),
    }
}

fn hours(raw: RawHours) -> Result<Hours, Problem> {
    let RawHours { role: named, purpose, days, open, citation } = raw;
    let wrong = || Problem::Hours(format!("{days} {open}"));
    let open = spans(&open).ok_or_else(wrong)?;
    let purpose = match purpose {
        RawPurpose::All => Purpose::All,
        RawPurpose::Applications => Purpose::Applications,
        RawPurpose::Results => Purpose::Results,
    };
    let days = weekdays(&days).ok_or_else(wrong)?;
    Ok(Hours { role: role(&named)?, purpose, days, open, citation })
}
