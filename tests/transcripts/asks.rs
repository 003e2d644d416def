//! What a line of a script asks for: an act with its facts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use kopir::domain::party::PartyNumber;
use kopir::domain::{
    Act, ActFacts, Basis, CaseAct, CaseId, Decision, Ground, IdentityHash, Outcome, ProcedureKey,
    Submission,
};

use crate::stage::Stage;
use crate::words::said;

const KEYS: &[&str] = &[
    "procedure",
    "basis",
    "region",
    "departure",
    "persons",
    "applicant",
    "concerns",
    "filed",
    "consent",
    "on",
    "grounds",
    "months",
    "handed-over",
    "happened",
    "hearing",
    "until",
];

/// The acts by which a case begins.
const OPENING: &[Act] = &[
    Act::SubmitApplication,
    Act::RegisterComplaint,
    Act::RegisterChange,
    Act::SendProposal,
    Act::PublishSettlementList,
];

pub fn opens(act: Act) -> bool {
    OPENING.contains(&act)
}

/// A case's id is its name, so that a scenario reads alike on every run.
pub fn case_id(name: &str) -> CaseId {
    CaseId(padded(name))
}

fn padded(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// What follows the case in a line of the script.
pub struct Args<'a> {
    outcome: Option<Outcome>,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Args<'a> {
    pub fn new(words: &[&'a str]) -> Result<Self, String> {
        let mut args = Self { outcome: None, values: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if KEYS.contains(&key) => drop(args.values.insert(key, value)),
                Some((key, _)) => return Err(format!("{key} is not a key")),
                None => args.outcome = Some(word.parse().map_err(said)?),
            }
        }
        Ok(args)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied()
    }

    fn need(&self, key: &str) -> Result<&'a str, String> {
        self.get(key).ok_or_else(|| format!("{key} is missing"))
    }

    fn read<T: FromStr<Err: Display>>(&self, key: &str) -> Result<T, String> {
        self.need(key)?.parse().map_err(said)
    }

    fn read_if<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>, String> {
        self.get(key).map(|text| text.parse().map_err(said)).transpose()
    }

    fn grounds(&self) -> Result<Vec<Ground>, String> {
        let list = self.get("grounds").into_iter().flat_map(|list| list.split(','));
        list.map(str::parse).collect::<Result<_, _>>().map_err(said)
    }
}

impl Stage {
    pub fn parse_act(&self, by: PartyNumber, act: Act, args: &Args<'_>) -> Result<CaseAct, String> {
        if opens(act) {
            return Ok(CaseAct::Submit(self.submission(by, act, args)?));
        }
        let at = |key| args.get(key).map(|text| self.instant(by, text)).transpose();
        let facts = if let Some(outcome) = args.outcome {
            ActFacts::Decision(Decision {
                outcome,
                decided_on: match args.read_if("on")? {
                    Some(day) => day,
                    None => self.today(by)?,
                },
                persons: args.read_if("persons")?.unwrap_or(0),
                grounds: args.grounds()?,
                months: args.read_if("months")?.unwrap_or(0),
            })
        } else if let Some(at) = at("handed-over")? {
            ActFacts::Happened { field: "hand_over.handed_over_time", at }
        } else if let Some(at) = at("happened")? {
            ActFacts::Happened { field: "happened_time", at }
        } else if let Some(at) = at("hearing")? {
            ActFacts::Hearing { at }
        } else if let Some(until) = at("until")? {
            ActFacts::Postponed { until }
        } else if let Some(filed_at) = at("filed")? {
            ActFacts::Arrival {
                region: args.read("region")?,
                consented_on: args.read("consent")?,
                persons: args.read("persons")?,
                filed_at,
            }
        } else if args.get("grounds").is_some() || act == Act::RefuseToAccept {
            ActFacts::NotAccepted { grounds: args.grounds()? }
        } else {
            ActFacts::Dispatch
        };
        Ok(CaseAct::Continue(act, facts))
    }

    fn submission(&self, by: PartyNumber, act: Act, args: &Args<'_>) -> Result<Submission, String> {
        let key = args.get("procedure").unwrap_or("kandas-mission/2021");
        let (procedure, edition) = key.split_once('/').ok_or("procedure=NAME/EDITION")?;
        let procedure = ProcedureKey {
            procedure: procedure.parse().map_err(said)?,
            edition: edition.parse().map_err(said)?,
        };
        let filed_at: Timestamp = match args.get("filed") {
            Some(text) => self.instant(by, text)?,
            None => self.time()?,
        };
        Ok(Submission {
            procedure,
            act,
            basis: args.read_if("basis")?.unwrap_or(Basis::Ordinary),
            region: args.read("region")?,
            departure: args.read_if("departure")?,
            persons: args.read_if("persons")?.unwrap_or(0),
            applicant: args.get("applicant").map(|name| IdentityHash(padded(name))),
            concerns: args.get("concerns").map(case_id),
            filed_at,
        })
    }
}
