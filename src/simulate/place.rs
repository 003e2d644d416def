//! Where a world takes place: the parties of one procedure, and the law that all worlds share.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::SimulationError;
use crate::domain::act::{Actor, Basis};
use crate::domain::calendar::Calendar;
use crate::domain::party::{IdentityUri, Names, Parties, Party, PartyId, Role, bundled_zone};
use crate::domain::procedure::Procedure;
use crate::domain::region::Region;
use crate::domain::{ProcedureKey, Procedures};
use crate::procedures;

/// The procedures that are played, with the days between which their worlds begin: while the
/// edition is in force, and the calendar has its days.
const PLAYED: [(&str, &str, u64, u64); 6] = [
    ("kandas-mission", "2021", SEPTEMBER_2021_S, OCTOBER_2024_S),
    ("kandas", "2021", SEPTEMBER_2021_S, OCTOBER_2024_S),
    ("kandas", "2024", SEPTEMBER_2024_S, OCTOBER_2026_S),
    ("in-migrant", "2021", SEPTEMBER_2021_S, OCTOBER_2024_S),
    ("in-migrant", "2024", SEPTEMBER_2024_S, OCTOBER_2026_S),
    ("kandas-status", "2025", SEPTEMBER_2025_S, OCTOBER_2026_S),
];

const SEPTEMBER_2021_S: u64 = 1_630_900_000;
const SEPTEMBER_2024_S: u64 = 1_725_500_000;
const OCTOBER_2024_S: u64 = 1_730_000_000;
const SEPTEMBER_2025_S: u64 = 1_757_000_000;
const OCTOBER_2026_S: u64 = 1_793_000_000;

/// The region from which in-migrants depart.
const DEPARTURE: &str = "KZ-61";

/// A party: its id, role, region and zone.
type Row = (&'static str, Role, Option<&'static str>, &'static str);

/// Parties of every role that a procedure names, in three regions and zones of reception and one
/// of departure. A world has those whose roles its procedure names.
#[rustfmt::skip]
const PARTIES: &[Row] = &[
    ("migration-committee", Role::MigrationBody, None, "Asia/Almaty"),
    ("quality-body", Role::QualityBody, None, "Asia/Almaty"),
    ("mission-uz", Role::ForeignMission, None, "Asia/Tashkent"),
    ("mission-mn", Role::ForeignMission, None, "Asia/Ulaanbaatar"),
    ("mission-ru", Role::ForeignMission, None, "Europe/Moscow"),
    ("state-corporation", Role::StateCorporation, None, "Asia/Almaty"),
    ("migration-portal", Role::MigrationPortal, None, "Asia/Almaty"),
    ("egov-portal", Role::EgovPortal, None, "Asia/Almaty"),
    ("mobile-app", Role::MobileApp, None, "Asia/Almaty"),
    ("ais-kandas", Role::AisKandas, None, "Asia/Almaty"),
    ("ais-labour-market", Role::AisLabourMarket, None, "Asia/Almaty"),
    ("egov-gateway", Role::EgovGateway, None, "Asia/Almaty"),
    ("digital-documents", Role::DigitalDocuments, None, "Asia/Almaty"),
    ("monitoring-system", Role::MonitoringSystem, None, "Asia/Almaty"),
    ("labour-exchange", Role::LabourExchange, None, "Asia/Almaty"),
    ("contact-centre", Role::ContactCentre, None, "Asia/Almaty"),
    ("akimat-kz-55", Role::Akimat, Some("KZ-55"), "Asia/Almaty"),
    ("commission-kz-55", Role::Commission, Some("KZ-55"), "Asia/Almaty"),
    ("employment-commission-kz-55", Role::EmploymentCommission, Some("KZ-55"), "Asia/Almaty"),
    ("employment-centre-kz-55", Role::EmploymentCentre, Some("KZ-55"), "Asia/Almaty"),
    ("career-centre-kz-55", Role::CareerCentre, Some("KZ-55"), "Asia/Almaty"),
    ("labour-mobility-centre-kz-55", Role::LabourMobilityCentre, Some("KZ-55"), "Asia/Almaty"),
    ("rural-akimat-kz-55", Role::RuralAkimat, Some("KZ-55"), "Asia/Almaty"),
    ("akimat-kz-10", Role::Akimat, Some("KZ-10"), "Asia/Almaty"),
    ("commission-kz-10", Role::Commission, Some("KZ-10"), "Asia/Almaty"),
    ("akimat-kz-23", Role::Akimat, Some("KZ-23"), "Asia/Atyrau"),
    ("commission-kz-23", Role::Commission, Some("KZ-23"), "Asia/Atyrau"),
    ("akimat-kz-61", Role::Akimat, Some("KZ-61"), "Asia/Almaty"),
    ("employment-centre-kz-61", Role::EmploymentCentre, Some("KZ-61"), "Asia/Almaty"),
    ("career-centre-kz-61", Role::CareerCentre, Some("KZ-61"), "Asia/Almaty"),
    ("labour-mobility-centre-kz-61", Role::LabourMobilityCentre, Some("KZ-61"), "Asia/Almaty"),
];

/// What the worlds of one procedure have in common.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) parties: Vec<Party>,
    pub(super) procedures: Arc<Procedures>,
    pub(super) calendar: Calendar,
    /// The ways to open a case: the role that does, and on what basis.
    pub(super) entries: Vec<Entry>,
    /// Where cases are received: in every region that has all its parties.
    pub(super) regions: Vec<Region>,
    /// From where in-migrants depart, where the procedure has such a place.
    pub(super) departure: Option<Region>,
    /// The first and the last day on which a world begins, in Unix seconds.
    pub(super) days_s: (u64, u64),
}

/// A way to open a case.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: ProcedureKey,
    pub(super) channel: Role,
    pub(super) basis: Basis,
}

impl Place {
    /// A place for each of the procedures.
    pub(super) fn all() -> Result<Vec<Self>, SimulationError> {
        let procedures = Arc::new(procedures::load().map_err(|error| unusable(&error))?);
        let calendar = procedures::calendar::kazakhstan().map_err(|error| unusable(&error))?;
        let all = PARTIES.iter().map(|row| party(*row)).collect::<Result<Vec<_>, _>>()?;
        let mut places = Vec::new();
        for (procedure, edition, first_s, last_s) in PLAYED {
            let key = ProcedureKey {
                procedure: procedure.parse().map_err(|error| unusable(&error))?,
                edition: edition.parse().map_err(|error| unusable(&error))?,
            };
            let law = procedures.get(&key).ok_or_else(|| SimulationError::Law {
                reason: format!("there is no procedure {key}"),
            })?;
            let named = roles(law);
            let is_there = |party: &&Party| named.contains(&party.role);
            let mut parties: Vec<_> = all.iter().filter(is_there).cloned().collect();
            // In the order in which a registry enrols them.
            parties.sort_by(|one, other| one.id.cmp(&other.id));
            let entries = ways_in(&key, law, &parties);
            let departure: Region = DEPARTURE.parse().map_err(|error| unusable(&error))?;
            places.push(Self {
                regions: whole_regions(&parties, departure),
                departure: has_departure(law).then_some(departure),
                parties,
                procedures: Arc::clone(&procedures),
                calendar: calendar.clone(),
                entries,
                days_s: (first_s, last_s),
            });
        }
        Ok(places)
    }

    /// The registry.
    pub(super) fn registry(&self) -> Result<Parties, SimulationError> {
        Parties::new(self.parties.clone()).map_err(|error| unusable(&error))
    }

    /// The parties that can open a case, by their places in the list.
    pub(super) fn openers(&self) -> Vec<usize> {
        let opens = |party: &Party| {
            let is_its = self.entries.iter().any(|entry| entry.channel == party.role);
            is_its && party.region.is_none_or(|region| self.regions.contains(&region))
        };
        let all = self.parties.iter().enumerate();
        all.filter(|(_, party)| opens(party)).map(|(who, _)| who).collect()
    }

    /// The authorised body, by its place in the list.
    pub(super) fn body(&self) -> usize {
        let is_it = |party: &Party| party.role == Role::MigrationBody;
        self.parties.iter().position(is_it).unwrap_or(0)
    }

    pub(super) fn law(&self, key: &ProcedureKey) -> Option<&Procedure> {
        self.procedures.get(key)
    }
}

/// The roles that a procedure names, and those whom a ladder tells.
fn roles(law: &Procedure) -> BTreeSet<Role> {
    let mut roles = BTreeSet::from([Role::MigrationBody, Role::QualityBody]);
    for hop in law.hops() {
        let actors = hop.from.iter().chain(&hop.to).chain(&hop.recorded_by);
        roles.extend(actors.filter_map(|actor| actor.role()));
        roles.extend(hop.channels.iter().copied());
    }
    roles
}

fn has_departure(law: &Procedure) -> bool {
    let mut actors = law.hops().iter().flat_map(|hop| hop.from.iter().chain(&hop.to));
    actors.any(|actor| *actor == Actor::DepartureAkimat)
}

/// The regions that have a party of every regional role that any region has here.
fn whole_regions(parties: &[Party], departure: Region) -> Vec<Region> {
    let needed: BTreeSet<Role> =
        parties.iter().map(|party| party.role).filter(|role| role.is_regional()).collect();
    let regions: BTreeSet<Region> = parties.iter().filter_map(|party| party.region).collect();
    let has_all = |region: &Region| {
        let has = |role: &Role| {
            parties.iter().any(|party| party.role == *role && party.region == Some(*region))
        };
        needed.iter().all(has)
    };
    regions.into_iter().filter(|region| *region != departure && has_all(region)).collect()
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
        certificates: Vec::new(),
        bins: Vec::new(),
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
