//! Who takes part: organisations and their systems.
//!
//! Every hop of the law has a sender and a receiver, so who is who must be
//! settled before the first act. One party is a [`Party`]; the closed set of
//! them, proven consistent, is [`Parties`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use thiserror::Error;

use super::region::Region;

mod identity;
mod set;

pub use identity::{Bin, CertificateHash};
pub use set::{MAX_NAME_CHARS, MAX_PARTIES, Parties, PartiesError};

/// What every party identity in a certificate begins with.
pub const IDENTITY_PREFIX: &str = "urn:kopir:party:";

/// The name by which people and systems call a party: `akimat-kz-55`.
///
/// 3 to 63 small ASCII letters, digits and hyphens, a letter first and no
/// hyphen last, so it serves unchanged as a file name, a DNS label, a command
/// line argument and the tail of a URN.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(Arc<str>);

/// The number the journal gives a party when it first enrols it. It never
/// changes and is never given to another, so index keys can use four bytes in
/// place of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyNumber(pub u32);

/// A name a certificate may carry, `urn:kopir:party:<name>`, that the registry
/// maps to a party. A party with a second system lists a second identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityUri {
    /// What follows the prefix. It obeys the rules of a party id but need not
    /// be one: `akimat-kz-55-reserve` may belong to `akimat-kz-55`.
    name: PartyId,
}

/// What a party is in the law, and so which acts are open to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A diplomatic or equal mission or a consular office (002-EN A1 ¶2(2)).
    ForeignMission,
    /// The authorised body on population migration (002-EN A1 ¶2(6)).
    MigrationBody,
    /// The local executive body of a region (002-EN A1 ¶2(7)).
    Akimat,
    /// The commission of a region on the quota of kandas (002-EN A1 ¶2(4); 002-KK ¶11).
    Commission,
    /// Whoever runs the bus: sees its state, takes no part in a case.
    Operator,
    /// The commission of a region on employment, for in-migrants (002-EN A2 ¶2(3); 002-KK ¶19).
    EmploymentCommission,
    /// The State Corporation "Government for Citizens" (002-EN A1 ¶2(1)).
    StateCorporation,
    /// An employment centre, until 2024 (002-EN A2 ¶2(6)).
    EmploymentCentre,
    /// A career centre, its successor (002-KK ¶2(7)).
    CareerCentre,
    /// A labour mobility centre (003 ¶2(1)).
    LabourMobilityCentre,
    /// The portal of migration services, migration.enbek.kz (004 ¶2(13)).
    MigrationPortal,
    /// The web portal of electronic government, egov.kz (002-KK ¶2(9)).
    EgovPortal,
    /// The mobile application of the migration portal (004 ¶2(14)).
    MobileApp,
    /// The information system "Kandas" (002-KK ¶¶8-9; 004 ¶¶4, 10).
    AisKandas,
    /// The information system "Labour market" (002-KK ¶¶15, 22).
    AisLabourMarket,
    /// The e-government gateway to the state's information systems (002-EN A1 ¶4).
    EgovGateway,
    /// The digital documents service (002-KK App. 2 row 8).
    DigitalDocuments,
    /// The system that monitors public services (002-EN A1 ¶6).
    MonitoringSystem,
    /// The electronic labour exchange, enbek.kz (003 ¶5).
    LabourExchange,
    /// The akimat of a rural district (003 ¶5).
    RuralAkimat,
    /// The body that controls the quality of public services (002-EN A1 ¶24; 002-KK ¶25).
    QualityBody,
    /// A centre for adaptation and integration of kandas; reads (003 ¶2(3)).
    AdaptationCentre,
    /// A centre of information for kandas; reads (000 ¶8).
    FrontOffice,
    /// The contact centre 1414; reads where a case stands (002-KK ¶29).
    ContactCentre,
}

/// A party's name in the three languages it is shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Kazakh.
    pub kk: String,
    /// Russian.
    pub ru: String,
    /// English.
    pub en: String,
}

/// One party as the registry describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// How it is called everywhere.
    pub id: PartyId,
    /// What it is.
    pub role: Role,
    /// Where it acts; for a role that belongs to a region, and for no other.
    pub region: Option<Region>,
    /// What people read.
    pub names: Names,
    /// Its days end at 24:00 here. From the bundled database, so a due instant
    /// does not depend on the machine that computed it.
    pub zone: TimeZone,
    /// Who is warned beside it when its term runs out.
    pub supervisor: Option<PartyId>,
    /// Whose acts its system may perform besides its own: an akimat's, those
    /// of its region's commissions. Empty means none.
    pub acts_for: Vec<PartyId>,
    /// The certificate identities that are this party. Empty means it has no
    /// system of its own and another acts for it.
    pub identities: Vec<IdentityUri>,
    /// The only certificates that are taken for it, by their hashes, each of them also without an
    /// identity in it. Empty means any certificate that names it.
    pub certificates: Vec<CertificateHash>,
    /// The business identification numbers by which certificates of the national certification
    /// centre name it.
    pub bins: Vec<Bin>,
}

/// Why a text is not the id, role, identity or zone of a party.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartyError {
    /// A party id of a wrong length.
    #[error("a party id has 3 to 63 characters, this has {bytes} bytes")]
    IdLength {
        /// Length found, in bytes.
        bytes: usize,
    },
    /// A party id with a character outside the permitted ones.
    #[error("a party id is made of a-z, 0-9 and hyphens, not {found:?}")]
    IdCharacter {
        /// The first character that is not permitted.
        found: char,
    },
    /// A party id that begins with no letter or ends with a hyphen.
    #[error("a party id begins with a letter and does not end with a hyphen")]
    IdEdge,
    /// No role is called so.
    #[error("a role is one of {}", role_names())]
    UnknownRole,
    /// An identity that is not a party URN.
    #[error("an identity is written urn:kopir:party: and a name made like a party id")]
    IdentityForm,
    /// A hash of a certificate that is none.
    #[error(
        "a certificate is named by its SHA-256, 64 hexadecimal digits: `openssl x509 -noout -fingerprint -sha256 -in FILE`"
    )]
    CertificateHash,
    /// A number that is no BIN.
    #[error(
        "a BIN has 12 digits, of which the third and fourth are a month and the fifth is 4, 5 or 6"
    )]
    BinForm,
    /// A BIN that was mistyped.
    #[error("the last digit of the BIN does not fit the others; copy it again")]
    BinCheck,
    /// The bundled time zone database has no such zone.
    #[error("{name:?} is no zone of the bundled time zone database; write one such as Asia/Almaty")]
    UnknownZone {
        /// What was found, cut to 64 characters.
        name: String,
    },
}

impl PartyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartyId {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        // Length first, so a hostile megabyte is not searched for its faults.
        if !(3..=63).contains(&text.len()) {
            return Err(PartyError::IdLength { bytes: text.len() });
        }
        let permitted = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        if let Some(found) = text.chars().find(|&c| !permitted(c)) {
            return Err(PartyError::IdCharacter { found });
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.ends_with('-') {
            return Err(PartyError::IdEdge);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PartyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl IdentityUri {
    /// The identity a party has unless the registry says otherwise: its own id.
    #[must_use]
    pub fn of(id: &PartyId) -> Self {
        Self { name: id.clone() }
    }
}

impl FromStr for IdentityUri {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        text.strip_prefix(IDENTITY_PREFIX)
            .and_then(|name| name.parse().ok())
            .map(|name| Self { name })
            .ok_or(PartyError::IdentityForm)
    }
}

impl fmt::Display for IdentityUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{IDENTITY_PREFIX}{}", self.name)
    }
}

impl fmt::Debug for IdentityUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Role {
    /// Every role: those of the first edition in the order an application meets them, then the
    /// others. The place in this list is the role's number in records and never changes.
    pub const ALL: [Self; 24] = [
        Self::ForeignMission,
        Self::MigrationBody,
        Self::Akimat,
        Self::Commission,
        Self::Operator,
        Self::EmploymentCommission,
        Self::StateCorporation,
        Self::EmploymentCentre,
        Self::CareerCentre,
        Self::LabourMobilityCentre,
        Self::MigrationPortal,
        Self::EgovPortal,
        Self::MobileApp,
        Self::AisKandas,
        Self::AisLabourMarket,
        Self::EgovGateway,
        Self::DigitalDocuments,
        Self::MonitoringSystem,
        Self::LabourExchange,
        Self::RuralAkimat,
        Self::QualityBody,
        Self::AdaptationCentre,
        Self::FrontOffice,
        Self::ContactCentre,
    ];

    /// The name of the role in files and records; it never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForeignMission => "foreign-mission",
            Self::MigrationBody => "migration-body",
            Self::Akimat => "akimat",
            Self::Commission => "commission",
            Self::Operator => "operator",
            Self::EmploymentCommission => "employment-commission",
            Self::StateCorporation => "state-corporation",
            Self::EmploymentCentre => "employment-centre",
            Self::CareerCentre => "career-centre",
            Self::LabourMobilityCentre => "labour-mobility-centre",
            Self::MigrationPortal => "migration-portal",
            Self::EgovPortal => "egov-portal",
            Self::MobileApp => "mobile-app",
            Self::AisKandas => "ais-kandas",
            Self::AisLabourMarket => "ais-labour-market",
            Self::EgovGateway => "egov-gateway",
            Self::DigitalDocuments => "digital-documents",
            Self::MonitoringSystem => "monitoring-system",
            Self::LabourExchange => "labour-exchange",
            Self::RuralAkimat => "rural-akimat",
            Self::QualityBody => "quality-body",
            Self::AdaptationCentre => "adaptation-centre",
            Self::FrontOffice => "front-office",
            Self::ContactCentre => "contact-centre",
        }
    }

    /// Whether a party of this role belongs to one region.
    #[must_use]
    pub const fn is_regional(self) -> bool {
        match self {
            Self::Akimat
            | Self::Commission
            | Self::EmploymentCommission
            | Self::EmploymentCentre
            | Self::CareerCentre
            | Self::LabourMobilityCentre
            | Self::RuralAkimat
            | Self::AdaptationCentre
            | Self::FrontOffice => true,
            Self::ForeignMission
            | Self::MigrationBody
            | Self::Operator
            | Self::StateCorporation
            | Self::MigrationPortal
            | Self::EgovPortal
            | Self::MobileApp
            | Self::AisKandas
            | Self::AisLabourMarket
            | Self::EgovGateway
            | Self::DigitalDocuments
            | Self::MonitoringSystem
            | Self::LabourExchange
            | Self::QualityBody
            | Self::ContactCentre => false,
        }
    }

    /// Whether a region has at most one party of this role.
    #[must_use]
    pub const fn is_one_per_region(self) -> bool {
        matches!(self, Self::Akimat | Self::Commission | Self::EmploymentCommission)
    }

    /// Whether the whole country has at most one party of this role.
    #[must_use]
    pub const fn is_single(self) -> bool {
        !self.is_regional() && !matches!(self, Self::ForeignMission | Self::Operator)
    }
}

impl FromStr for Role {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(PartyError::UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn role_names() -> String {
    Role::ALL.map(Role::as_str).join(", ")
}

/// The zone of this IANA name, from the database compiled into the program.
///
/// # Errors
/// [`PartyError::UnknownZone`] if the database has no such zone.
pub fn bundled_zone(name: &str) -> Result<TimeZone, PartyError> {
    let unknown = |_| PartyError::UnknownZone { name: name.chars().take(64).collect() };
    super::term::bundled_zone(name).map_err(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_permitted_form_read_back() {
        for text in ["abc", "mission-uz", "akimat-kz-55", "a1-b2", &"a".repeat(63)] {
            assert_eq!(text.parse::<PartyId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn ids_of_other_forms_are_refused() {
        let refusals = [
            ("", PartyError::IdLength { bytes: 0 }),
            ("ab", PartyError::IdLength { bytes: 2 }),
            ("ә", PartyError::IdLength { bytes: 2 }),
            (&"a".repeat(64), PartyError::IdLength { bytes: 64 }),
            ("Mission", PartyError::IdCharacter { found: 'M' }),
            ("mission_uz", PartyError::IdCharacter { found: '_' }),
            ("mission uz", PartyError::IdCharacter { found: ' ' }),
            ("../../etc", PartyError::IdCharacter { found: '.' }),
            ("миссия", PartyError::IdCharacter { found: 'м' }),
            ("abc\n", PartyError::IdCharacter { found: '\n' }),
            ("-rf", PartyError::IdEdge),
            ("abc-", PartyError::IdEdge),
            ("1ab", PartyError::IdEdge),
        ];
        for (text, refusal) in refusals {
            assert_eq!(text.parse::<PartyId>(), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn roles_keep_their_wire_names() {
        let names = Role::ALL.map(Role::as_str);
        assert_eq!(
            names[..5],
            ["foreign-mission", "migration-body", "akimat", "commission", "operator"]
        );
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("Akimat".parse::<Role>(), Err(PartyError::UnknownRole));
        assert_eq!("".parse::<Role>(), Err(PartyError::UnknownRole));
    }

    #[test]
    fn identities_are_party_urns_and_nothing_else() {
        let id: PartyId = "mission-uz".parse().unwrap();
        let identity = IdentityUri::of(&id);
        assert_eq!(identity.to_string(), "urn:kopir:party:mission-uz");
        assert_eq!(identity.to_string().parse(), Ok(identity));
        for text in [
            "",
            "mission-uz",
            "urn:kopir:party:",
            "urn:kopir:party:Mission",
            "urn:kopir:party:mission-uz/x",
            "URN:kopir:party:mission-uz",
            "urn:kopir:system:mission-uz",
            " urn:kopir:party:mission-uz",
        ] {
            let refusal = text.parse::<IdentityUri>();
            assert_eq!(refusal, Err(PartyError::IdentityForm), "{text:?}");
        }
    }

    #[test]
    fn zones_come_from_the_bundled_database_only() {
        let zone = bundled_zone("Asia/Almaty").unwrap();
        assert_eq!(zone.iana_name(), Some("Asia/Almaty"));
        for name in ["", "Asia/Nowhere", "+05:00", "local", "/etc/localtime"] {
            let refusal = bundled_zone(name).unwrap_err();
            assert_eq!(refusal, PartyError::UnknownZone { name: name.into() });
        }
    }

    /// Kazakhstan has had one time since 1 March 2024; a due instant before
    /// that day in the east lies an hour earlier.
    #[test]
    fn the_bundled_zone_knows_the_single_time_of_2024() {
        let almaty = bundled_zone("Asia/Almaty").unwrap();
        let offset_hours = |day: jiff::civil::Date| {
            let noon = day.at(12, 0, 0, 0).to_zoned(almaty.clone()).unwrap();
            noon.offset().seconds() / 3600
        };
        assert_eq!(offset_hours(jiff::civil::date(2024, 2, 28)), 6);
        assert_eq!(offset_hours(jiff::civil::date(2024, 3, 2)), 5);
    }
}
