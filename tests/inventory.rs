//! The inventory of the law: all 127 hops of the acts, held against what the bus carries.
//!
//! The tables in `data/inventory` were taken from the texts of the acts by hand, apart from the
//! procedure files: who sends, who receives, by which act, within how many of which unit, counted
//! how, by which paragraph, in which words. A hop that is missing, is there twice, or says anything
//! else than its row is a fault of the law as data, and so is a hop that no row knows.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use kopir::domain::procedure::{Hop, Kind, Procedure};
use kopir::domain::term::{CountMode, Source, Term};
use kopir::domain::{Actor, HopId, ProcedureKey, Procedures};
use kopir::procedures;
use kopir::procedures::ambiguities;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const TABLES: [&str; 2] =
    [include_str!("data/inventory/2021.csv"), include_str!("data/inventory/2024-2025.csv")];
const COLUMNS: &str = "hop,procedure,from,to,act,n,unit,count,source,citation,words";
const HOPS: usize = 127;

/// Hops without a term in the texts, for which the bus sets itself a target. Nothing
/// else in the inventory may have a term that its text does not.
const ASSUMED: [(&str, &str); 3] =
    [("K21B-02", "5 working days"), ("M21S-02", "5 working days"), ("M21S-06", "none")];

/// One row of the inventory, as text.
#[derive(Debug)]
struct Row {
    hop: String,
    procedure: String,
    from: String,
    to: String,
    act: String,
    n: String,
    unit: String,
    count: String,
    source: String,
    citation: String,
    words: String,
}

#[test]
fn the_inventory_has_every_hop_of_the_reference_once() -> Outcome {
    let rows = inventory()?;
    assert_eq!(rows.len(), HOPS);
    assert_eq!(rows.iter().map(|row| &row.hop).collect::<BTreeSet<_>>().len(), HOPS);
    Ok(())
}

#[test]
fn the_procedures_carry_the_inventory_and_nothing_more() -> Outcome {
    let rows = inventory()?;
    let expected: BTreeSet<_> = rows.iter().map(|row| (row.key(), row.hop.clone())).collect();
    let procedures = procedures::load()?;
    let carried: Vec<_> = hops(&procedures)
        .map(|(procedure, hop)| (procedure.key().to_string(), hop.id.to_string()))
        .collect();
    assert_eq!(carried.len(), HOPS, "a hop is carried twice");
    assert_eq!(carried.into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

#[test]
fn every_hop_says_what_its_row_says() -> Outcome {
    let procedures = procedures::load()?;
    let carried: BTreeMap<String, &Hop> =
        hops(&procedures).map(|(_, hop)| (hop.id.to_string(), hop)).collect();
    let mut faults = Vec::new();
    for row in inventory()? {
        let hop = carried.get(&row.hop).ok_or_else(|| format!("{} is not carried", row.hop))?;
        for (what, carried, expected) in row.against(hop) {
            if carried != expected {
                faults.push(format!("{}: {what} is {carried:?}, not {expected:?}", row.hop));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn only_the_hops_that_are_said_to_be_have_an_assumed_term() -> Outcome {
    let procedures = procedures::load()?;
    let assumed: BTreeSet<_> = hops(&procedures)
        .filter(|(_, hop)| hop.source == Source::Assumed)
        .map(|(_, hop)| (hop.id.to_string(), words(hop.term)))
        .collect();
    let expected = ASSUMED.map(|(hop, term)| (hop.to_owned(), term.to_owned()));
    assert_eq!(assumed, BTreeSet::from(expected));
    Ok(())
}

#[test]
fn every_hop_and_step_rests_on_readings_of_the_register_that_name_it() -> Outcome {
    let register = ambiguities::load()?;
    let known: BTreeMap<String, _> =
        register.iter().map(|entry| (entry.id.to_string(), entry)).collect();
    let procedures = procedures::load()?;
    let mut faults = Vec::new();
    for (key, procedure) in &procedures {
        for hop in procedure.hops() {
            for reading in &hop.readings {
                match known.get(reading) {
                    None => faults.push(format!("{}: {reading} is not in the register", hop.id)),
                    Some(entry) if !entry.procedures.contains(key) => {
                        faults.push(format!("{}: {reading} does not name {key}", hop.id));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_hop_that_the_register_names_is_carried_there() -> Outcome {
    let procedures = procedures::load()?;
    let carried: BTreeMap<HopId, &ProcedureKey> = procedures
        .values()
        .flat_map(|procedure| procedure.hops().iter().map(|hop| (hop.id, procedure.key())))
        .collect();
    for entry in ambiguities::load()? {
        for hop in &entry.hops {
            let key = carried.get(hop).ok_or_else(|| format!("{}: no hop {hop}", entry.id))?;
            assert!(entry.procedures.contains(key), "{}: {hop} is of {key}", entry.id);
        }
    }
    Ok(())
}

impl Row {
    /// The procedure and edition, as they are told.
    fn key(&self) -> String {
        let edition = match self.hop.split('-').next() {
            Some(prefix) if prefix.contains("21") => "2021",
            Some(prefix) if prefix.contains("25") => "2025",
            Some(_) | None => "2024",
        };
        format!("{}/{edition}", self.procedure)
    }

    /// What the hop says beside what this row says, column by column.
    fn against(&self, hop: &Hop) -> [(&'static str, String, String); 9] {
        let (n, unit) = match (self.assumed_term(), number_and_unit(hop.term)) {
            // The text has no term: what the bus assumes is not held against its row.
            (Some(_), _) => (String::new(), "NONE"),
            (None, found) => found,
        };
        [
            ("from", actors(&hop.from), self.from.clone()),
            ("to", actors(&hop.to), self.to.clone()),
            ("act", hop.act.name().to_owned(), self.act.clone()),
            ("n", n, self.n.clone()),
            ("unit", unit.to_owned(), self.unit.clone()),
            ("count", count(hop.count).to_owned(), self.count.clone()),
            ("source", source(hop.source).to_owned(), self.source.clone()),
            ("citation", hop.citation.clone(), self.citation.clone()),
            ("words", hop.wording.clone(), self.words.clone()),
        ]
    }

    fn assumed_term(&self) -> Option<&'static str> {
        ASSUMED.iter().find(|(hop, _)| *hop == self.hop).map(|(_, term)| *term)
    }
}

/// The hops of every procedure, without its steps.
fn hops(procedures: &Procedures) -> impl Iterator<Item = (&Procedure, &Hop)> {
    procedures.values().flat_map(|procedure| {
        let hops = procedure.hops().iter().filter(|hop| hop.kind == Kind::Hop);
        hops.map(move |hop| (procedure, hop))
    })
}

fn actors(actors: &[Actor]) -> String {
    actors.iter().map(|actor| actor.name()).collect::<Vec<_>>().join("/")
}

/// A term as the inventory writes it. The same working day is the same day of an office that is
/// closed on days off; the texts make no difference.
fn number_and_unit(term: Term) -> (String, &'static str) {
    match term {
        Term::None => (String::new(), "NONE"),
        Term::WorkingDays(n) => (n.0.to_string(), "WD"),
        Term::CalendarDays(n) => (n.0.to_string(), "CD"),
        Term::SameDay | Term::SameWorkingDay => ("0".to_owned(), "SAME"),
        Term::MonthEnd => (String::new(), "MONTHEND"),
        Term::BeforeServiceEnd(n) => (n.0.to_string(), "B1"),
    }
}

fn words(term: Term) -> String {
    match term {
        Term::None => "none".to_owned(),
        Term::WorkingDays(n) => n.to_string(),
        Term::CalendarDays(n) => n.to_string(),
        Term::SameDay => "same day".to_owned(),
        Term::SameWorkingDay => "same working day".to_owned(),
        Term::MonthEnd => "month end".to_owned(),
        Term::BeforeServiceEnd(n) => format!("{n} before the end of the service"),
    }
}

fn count(count: CountMode) -> &'static str {
    match count {
        CountMode::From => "FROM",
        CountMode::After => "AFTER",
        CountMode::On => "ON",
        CountMode::Moment => "MOMENT",
        CountMode::Before => "BEFORE",
        CountMode::NotStated => "NOTSTATED",
        CountMode::None => "NONE",
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Statutory => "statutory",
        Source::Assumed => "assumed",
    }
}

fn inventory() -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for table in TABLES {
        let mut lines = table.lines();
        if lines.next() != Some(COLUMNS) {
            return Err("the columns of the inventory have changed".into());
        }
        for line in lines {
            rows.push(row(line)?);
        }
    }
    Ok(rows)
}

fn row(line: &str) -> Outcome<Row> {
    let fields: [String; 11] = fields(line)
        .try_into()
        .map_err(|fields: Vec<_>| format!("{} fields in {line}", fields.len()))?;
    let [hop, procedure, from, to, act, n, unit, count, source, citation, words] = fields;
    Ok(Row { hop, procedure, from, to, act, n, unit, count, source, citation, words })
}

/// The fields of a line: a comma parts them unless it stands within quotation marks, of which two
/// are one that is meant.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut fields, '"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => fields.push(String::new()),
            (letter, _) => push(&mut fields, letter),
        }
    }
    fields
}

fn push(fields: &mut [String], letter: char) {
    if let Some(last) = fields.last_mut() {
        last.push(letter);
    }
}
