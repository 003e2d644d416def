//! Where a simulation takes place: the parties, and the law that all its worlds share.

use std::sync::Arc;

use crate::domain::act::Basis;
use crate::domain::calendar::Calendar;
use crate::domain::party::{IdentityUri, Names, Parties, Party, PartyId, Role, bundled_zone};
use crate::domain::procedure::Procedure;
use crate::domain::{ProcedureKey, Procedures};
use crate::procedures;

use super::SimulationError;

/// The procedures that are played, each with whether it goes on after an entry of its own kind.
const PLAYED: [(&str, &str); 1] = [("kandas-mission", "2021")];

/// A party: its id, role, region and zone.
type Row = (&'static str, Role, Option<&'static str>, &'static str);

/// Enough parties for whole cases in three regions and zones, with everybody whom a ladder tells.
#[rustfmt::skip]
const PARTIES: &[Row] = &[
    ("migration-committee", Role::MigrationBody, None, "Asia/Almaty"),
    ("quality-body", Role::QualityBody, None, "Asia/Almaty"),
    ("mission-uz", Role::ForeignMission, None, "Asia/Tashkent"),
    ("mission-mn", Role::ForeignMission, None, "Asia/Ulaanbaatar"),
    ("mission-ru", Role::ForeignMission, None, "Europe/Moscow"),
    ("akimat-kz-55", Role::Akimat, Some("KZ-55"), "Asia/Almaty"),
    ("commission-kz-55", Role::Commission, Some("KZ-55"), "Asia/Almaty"),
    ("akimat-kz-10", Role::Akimat, Some("KZ-10"), "Asia/Almaty"),
    ("commission-kz-10", Role::Commission, Some("KZ-10"), "Asia/Almaty"),
    ("akimat-kz-23", Role::Akimat, Some("KZ-23"), "Asia/Atyrau"),
    ("commission-kz-23", Role::Commission, Some("KZ-23"), "Asia/Atyrau"),
];

/// What every world has in common.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) parties: Vec<Party>,
    pub(super) procedures: Arc<Procedures>,
    pub(super) calendar: Calendar,
    /// The ways to open a case: the procedure, the role that does, and on what basis.
    pub(super) entries: Vec<Entry>,
}

/// A way to open a case.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: ProcedureKey,
    pub(super) channel: Role,
    pub(super) basis: Basis,
}

impl Place {
    pub(super) fn new() -> Result<Self, SimulationError> {
        let mut parties = PARTIES.iter().map(|row| party(*row)).collect::<Result<Vec<_>, _>>()?;
        // In the order in which a registry enrols them.
        parties.sort_by(|one, other| one.id.cmp(&other.id));
        let procedures = procedures::load().map_err(|error| unusable(&error))?;
        let calendar = procedures::calendar::kazakhstan().map_err(|error| unusable(&error))?;
        let mut entries = Vec::new();
        for (procedure, edition) in PLAYED {
            let key = ProcedureKey {
                procedure: procedure.parse().map_err(|error| unusable(&error))?,
                edition: edition.parse().map_err(|error| unusable(&error))?,
            };
            if let Some(law) = procedures.get(&key) {
                entries.extend(ways_in(&key, law, &parties));
            }
        }
        Ok(Self { parties, procedures: Arc::new(procedures), calendar, entries })
    }

    /// The registry.
    pub(super) fn registry(&self) -> Result<Parties, SimulationError> {
        Parties::new(self.parties.clone()).map_err(|error| unusable(&error))
    }

    /// The parties that can open a case, by their places in the list.
    pub(super) fn openers(&self) -> Vec<usize> {
        let opens = |party: &Party| self.entries.iter().any(|entry| entry.channel == party.role);
        let all = self.parties.iter().enumerate();
        all.filter(|(_, party)| opens(party)).map(|(who, _)| who).collect()
    }

    pub(super) fn law(&self, key: &ProcedureKey) -> Option<&Procedure> {
        self.procedures.get(key)
    }
}

fn ways_in(key: &ProcedureKey, law: &Procedure, parties: &[Party]) -> Vec<Entry> {
    let mut ways = Vec::new();
    for hop in law.entries() {
        let bases = if hop.bases.is_empty() { vec![Basis::Ordinary] } else { hop.bases.clone() };
        for role in hop.recorders().iter().filter_map(|actor| actor.role()) {
            let is_there = parties.iter().any(|party| party.role == role);
            for basis in bases.iter().filter(|basis| is_there && hop.applies_to(role, **basis)) {
                ways.push(Entry { key: key.clone(), channel: role, basis: *basis });
            }
        }
    }
    ways
}

fn party((id, role, region, zone): Row) -> Result<Party, SimulationError> {
    let id: PartyId = id.parse().map_err(|error| unusable(&error))?;
    let names = Names { kk: id.to_string(), ru: id.to_string(), en: id.to_string() };
    Ok(Party {
        identities: vec![IdentityUri::of(&id)],
        id,
        role,
        region: region.map(|code| code.parse().map_err(|error| unusable(&error))).transpose()?,
        names,
        zone: bundled_zone(zone).map_err(|error| unusable(&error))?,
        supervisor: None,
        acts_for: vec![],
    })
}

fn unusable(error: &dyn std::error::Error) -> SimulationError {
    SimulationError::Law { reason: error.to_string() }
}
