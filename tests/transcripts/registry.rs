//! The parties of the scenarios.

use kopir::domain::Roster;
use kopir::domain::party::{IdentityUri, Names, Parties, Party, Role, bundled_zone};

/// The identity, role, region and zone of a party.
pub type Row = (&'static str, Role, Option<&'static str>, &'static str);

/// The parties of the procedure through a mission, in the order in which they are enrolled.
#[rustfmt::skip]
pub const PARTIES: &[Row] = &[
    ("migration-committee", Role::MigrationBody, None, "Asia/Almaty"),
    ("mission-uz", Role::ForeignMission, None, "Asia/Tashkent"),
    ("mission-cn", Role::ForeignMission, None, "Asia/Shanghai"),
    ("mission-mn", Role::ForeignMission, None, "Asia/Ulaanbaatar"),
    ("mission-ru", Role::ForeignMission, None, "Europe/Moscow"),
    ("akimat-kz-55", Role::Akimat, Some("KZ-55"), "Asia/Almaty"),
    ("commission-kz-55", Role::Commission, Some("KZ-55"), "Asia/Almaty"),
    ("akimat-kz-10", Role::Akimat, Some("KZ-10"), "Asia/Almaty"),
    ("commission-kz-10", Role::Commission, Some("KZ-10"), "Asia/Almaty"),
    ("akimat-kz-23", Role::Akimat, Some("KZ-23"), "Asia/Atyrau"),
    ("commission-kz-23", Role::Commission, Some("KZ-23"), "Asia/Atyrau"),
    // A region whose commission is not registered yet.
    ("akimat-kz-47", Role::Akimat, Some("KZ-47"), "Asia/Aqtau"),
];

/// Whom `registry full` adds: every other role, in three regions of reception, Astana among them,
/// and one of departure.
#[rustfmt::skip]
const FURTHER: &[Row] = &[
    ("kopir-operator", Role::Operator, None, "Asia/Almaty"),
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
    ("quality-body", Role::QualityBody, None, "Asia/Almaty"),
    ("contact-centre", Role::ContactCentre, None, "Asia/Almaty"),
    ("employment-commission-kz-55", Role::EmploymentCommission, Some("KZ-55"), "Asia/Almaty"),
    ("employment-centre-kz-55", Role::EmploymentCentre, Some("KZ-55"), "Asia/Almaty"),
    ("career-centre-kz-55", Role::CareerCentre, Some("KZ-55"), "Asia/Almaty"),
    ("labour-mobility-centre-kz-55", Role::LabourMobilityCentre, Some("KZ-55"), "Asia/Almaty"),
    ("rural-akimat-kz-55", Role::RuralAkimat, Some("KZ-55"), "Asia/Almaty"),
    ("adaptation-centre-kz-55", Role::AdaptationCentre, Some("KZ-55"), "Asia/Almaty"),
    ("front-office-kz-55", Role::FrontOffice, Some("KZ-55"), "Asia/Almaty"),
    ("akimat-kz-11", Role::Akimat, Some("KZ-11"), "Asia/Almaty"),
    ("commission-kz-11", Role::Commission, Some("KZ-11"), "Asia/Almaty"),
    ("employment-commission-kz-11", Role::EmploymentCommission, Some("KZ-11"), "Asia/Almaty"),
    ("employment-centre-kz-11", Role::EmploymentCentre, Some("KZ-11"), "Asia/Almaty"),
    ("career-centre-kz-11", Role::CareerCentre, Some("KZ-11"), "Asia/Almaty"),
    ("akimat-kz-71", Role::Akimat, Some("KZ-71"), "Asia/Almaty"),
    ("commission-kz-71", Role::Commission, Some("KZ-71"), "Asia/Almaty"),
    ("labour-mobility-centre-kz-71", Role::LabourMobilityCentre, Some("KZ-71"), "Asia/Almaty"),
    ("rural-akimat-kz-71", Role::RuralAkimat, Some("KZ-71"), "Asia/Almaty"),
    ("akimat-kz-61", Role::Akimat, Some("KZ-61"), "Asia/Almaty"),
    ("commission-kz-61", Role::Commission, Some("KZ-61"), "Asia/Almaty"),
    ("employment-centre-kz-61", Role::EmploymentCentre, Some("KZ-61"), "Asia/Almaty"),
];

/// The parties of one procedure, or of all of them.
pub fn parties(full: bool) -> Vec<Party> {
    let further: &[Row] = if full { FURTHER } else { &[] };
    PARTIES.iter().chain(further).copied().map(party).collect()
}

fn party((id, role, region, zone): Row) -> Party {
    let id: kopir::domain::party::PartyId = id.parse().unwrap();
    let names = Names { kk: id.to_string(), ru: id.to_string(), en: id.to_string() };
    Party {
        identities: vec![IdentityUri::of(&id)],
        certificates: Vec::new(),
        bins: Vec::new(),
        id,
        role,
        region: region.map(|code| code.parse().unwrap()),
        names,
        zone: bundled_zone(zone).unwrap(),
        supervisor: None,
        acts_for: vec![],
    }
}

/// The roster with every party enrolled.
pub fn enrolled(parties: &[Party]) -> Roster {
    let parties = Parties::new(parties.to_vec()).unwrap();
    let mut roster = Roster::new(parties, []);
    for enrolment in roster.missing() {
        roster.enrol(enrolment);
    }
    roster
}
