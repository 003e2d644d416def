//! The closed set of parties.
//!
//! [`Parties::new`] is the one gate: what it returns has exactly one
//! authorised body (002-EN A1 ¶¶11-12 route every application through it), at
//! most one akimat and one commission to a region, and names nobody it does
//! not contain. Code that holds a `Parties` relies on that and checks nothing
//! again.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Bin, CertificateHash, IdentityUri, Names, Party, PartyId, Role, bundled_zone};
use crate::domain::region::Region;

/// The most parties one registry may hold. Twenty regions with all their
/// bodies and every mission abroad stay far below it; a larger file is a
/// mistake.
pub const MAX_PARTIES: usize = 4096;

/// The most characters a party's name may have in one language.
pub const MAX_NAME_CHARS: usize = 200;

/// The closed set of parties, proven consistent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// Sorted by id, which is the order of iteration.
    members: Vec<Party>,
    /// Each identity occurs once; the values index `members`, as below.
    by_identity: BTreeMap<IdentityUri, usize>,
    by_certificate: BTreeMap<CertificateHash, usize>,
    by_bin: BTreeMap<Bin, usize>,
    /// Akimats and both kinds of commissions, of which a region has one.
    regional: BTreeMap<(Role, Region), usize>,
    migration_body: usize,
}

/// Why a set of parties is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartiesError {
    /// More parties than [`MAX_PARTIES`].
    #[error("{count} parties are more than the {MAX_PARTIES} a registry may hold")]
    TooMany {
        /// Parties given.
        count: usize,
    },
    /// An empty, overlong or unprintable name.
    #[error(
        "party {party}: its name in {language} must be 1 to {MAX_NAME_CHARS} printable characters"
    )]
    Name {
        /// Whose.
        party: PartyId,
        /// `kk`, `ru` or `en`.
        language: &'static str,
    },
    /// A zone that another machine might resolve to other rules.
    #[error("the zone of {party} does not come from the bundled time zone database")]
    ForeignZone {
        /// Whose.
        party: PartyId,
    },
    /// Two parties under one id.
    #[error("party {party} is listed twice; give each party its own id")]
    DuplicateId {
        /// The id.
        party: PartyId,
    },
    /// One identity in two places.
    #[error("identity {identity} is given to {first} and again to {second}; keep it with one")]
    DuplicateIdentity {
        /// The identity.
        identity: IdentityUri,
        /// Who has it, by id.
        first: PartyId,
        /// Who has it too; the same party if it lists it twice.
        second: PartyId,
    },
    /// A certificate or a BIN in two places.
    #[error("{what} is given to {first} and again to {second}; keep it with one")]
    DuplicateMark {
        /// The hash or the number, with what it is.
        what: String,
        /// Who has it, by id.
        first: PartyId,
        /// Who has it too; the same party if it lists it twice.
        second: PartyId,
    },
    /// An identity that spells another party's id.
    #[error("identity {identity} of {party} reads as another party's; choose another name for it")]
    IdentityOfAnother {
        /// Who lists it.
        party: PartyId,
        /// The identity.
        identity: IdentityUri,
    },
    /// An akimat or commission without a region.
    #[error("party {party} is of role {role} and must have a region")]
    RegionMissing {
        /// Which.
        party: PartyId,
        /// Its role.
        role: Role,
    },
    /// A region on a party that acts everywhere.
    #[error("party {party} is of role {role}, which has no region; remove it")]
    RegionNotAllowed {
        /// Which.
        party: PartyId,
        /// Its role.
        role: Role,
    },
    /// Two parties of a role of which a region has one.
    #[error("{first} and {second} are both the {role} of {region}; a region has one")]
    RegionTaken {
        /// The region.
        region: Region,
        /// Which.
        role: Role,
        /// The first, by id.
        first: PartyId,
        /// The second.
        second: PartyId,
    },
    /// Two parties of a role of which the country has one.
    #[error("{first} and {second} are both the {role}; there is one")]
    SecondOfRole {
        /// Which.
        role: Role,
        /// The first, by id.
        first: PartyId,
        /// The second.
        second: PartyId,
    },
    /// No authorised body.
    #[error("no party is the migration-body; exactly one must be")]
    NoMigrationBody,
    /// A supervisor outside the set.
    #[error("the supervisor {supervisor} of {party} is not a listed party")]
    UnknownSupervisor {
        /// Who is supervised.
        party: PartyId,
        /// By whom.
        supervisor: PartyId,
    },
    /// Parties that supervise each other in a ring, so nobody is above them.
    #[error("supervision runs in a circle: {}; remove one link", circle(.parties))]
    SupervisorCycle {
        /// The ring, from its smallest id upwards along the links.
        parties: Vec<PartyId>,
    },
    /// `acts_for` names nobody of the set.
    #[error("{party} is to act for {subject}, which is not a listed party")]
    UnknownActsFor {
        /// Who would act.
        party: PartyId,
        /// For whom.
        subject: PartyId,
    },
    /// `acts_for` grants more than an akimat acting for its own commission.
    #[error(
        "{party} may not act for {subject}; only an akimat may, for a commission of its region"
    )]
    ActsForNotAllowed {
        /// Who would act.
        party: PartyId,
        /// For whom.
        subject: PartyId,
    },
}

impl Parties {
    /// Proves the set consistent.
    ///
    /// # Errors
    /// The first fault found, with the parties it concerns; the same fault for
    /// the same set, whatever order it is given in.
    pub fn new(mut members: Vec<Party>) -> Result<Self, PartiesError> {
        if members.len() > MAX_PARTIES {
            return Err(PartiesError::TooMany { count: members.len() });
        }
        members.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(PartiesError::DuplicateId { party: pair[0].id.clone() });
        }
        for party in &members {
            check_party(party)?;
        }
        check_single(&members)?;
        let is_migration_body = |party: &Party| party.role == Role::MigrationBody;
        let migration_body =
            members.iter().position(is_migration_body).ok_or(PartiesError::NoMigrationBody)?;
        let regional = one_per_region(&members)?;
        let by_identity = identities(&members)?;
        let by_certificate = marks(&members, "certificate", |party| &party.certificates)?;
        let by_bin = marks(&members, "BIN", |party| &party.bins)?;
        check_supervision(&members)?;
        check_acts_for(&members)?;
        Ok(Self { members, by_identity, by_certificate, by_bin, regional, migration_body })
    }

    /// The party of this id.
    #[must_use]
    pub fn get(&self, id: &PartyId) -> Option<&Party> {
        position(&self.members, id).map(|at| &self.members[at])
    }

    /// The party a certificate identity stands for.
    #[must_use]
    pub fn by_identity(&self, identity: &IdentityUri) -> Option<&Party> {
        self.by_identity.get(identity).map(|&at| &self.members[at])
    }

    /// The party that a certificate was given to by its hash.
    #[must_use]
    pub fn by_certificate(&self, hash: &CertificateHash) -> Option<&Party> {
        self.by_certificate.get(hash).map(|&at| &self.members[at])
    }

    /// The party of a business identification number.
    #[must_use]
    pub fn by_bin(&self, bin: &Bin) -> Option<&Party> {
        self.by_bin.get(bin).map(|&at| &self.members[at])
    }

    /// The authorised body on population migration.
    #[must_use]
    pub fn migration_body(&self) -> &Party {
        &self.members[self.migration_body]
    }

    /// The akimat of a region, if the registry has one there.
    #[must_use]
    pub fn akimat_of(&self, region: Region) -> Option<&Party> {
        self.in_region(Role::Akimat, region)
    }

    /// The commission on the quota of kandas of a region, if the registry has one there.
    #[must_use]
    pub fn commission_of(&self, region: Region) -> Option<&Party> {
        self.in_region(Role::Commission, region)
    }

    /// The party of a role in a region; the first by id where the role allows several.
    #[must_use]
    pub fn in_region(&self, role: Role, region: Region) -> Option<&Party> {
        if role.is_one_per_region() {
            return self.regional.get(&(role, region)).map(|&at| &self.members[at]);
        }
        self.with_role(role).find(|party| party.region == Some(region))
    }

    /// Who is warned beside this party, if anyone is set over it.
    #[must_use]
    pub fn supervisor_of(&self, id: &PartyId) -> Option<&Party> {
        self.get(self.get(id)?.supervisor.as_ref()?)
    }

    /// Whether the system of `actor` may perform acts of `subject`: its own
    /// always, another's only where the registry says so. Unknown parties may
    /// do nothing.
    #[must_use]
    pub fn may_act_for(&self, actor: &PartyId, subject: &PartyId) -> bool {
        self.get(actor)
            .is_some_and(|party| party.id == *subject || party.acts_for.contains(subject))
    }

    /// Every party, by id.
    pub fn iter(&self) -> std::slice::Iter<'_, Party> {
        self.members.iter()
    }

    /// Every party of a role, by id.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Party> {
        self.members.iter().filter(move |party| party.role == role)
    }
}

impl<'a> IntoIterator for &'a Parties {
    type Item = &'a Party;
    type IntoIter = std::slice::Iter<'a, Party>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What can be said of a party without looking at the others.
fn check_party(party: &Party) -> Result<(), PartiesError> {
    let Names { kk, ru, en } = &party.names;
    for (language, name) in [("kk", kk), ("ru", ru), ("en", en)] {
        let printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if !printable || name.chars().count() > MAX_NAME_CHARS {
            return Err(PartiesError::Name { party: party.id.clone(), language });
        }
    }
    match (party.role.is_regional(), party.region) {
        (true, None) => {
            Err(PartiesError::RegionMissing { party: party.id.clone(), role: party.role })
        }
        (false, Some(_)) => {
            Err(PartiesError::RegionNotAllowed { party: party.id.clone(), role: party.role })
        }
        (true, Some(_)) | (false, None) => {
            // A system or hand-made zone has no name that another machine
            // would resolve to the same rules.
            let bundled = party.zone.iana_name().map(bundled_zone);
            match bundled {
                Some(Ok(zone)) if zone == party.zone => Ok(()),
                Some(Ok(_) | Err(_)) | None => {
                    Err(PartiesError::ForeignZone { party: party.id.clone() })
                }
            }
        }
    }
}

fn check_single(members: &[Party]) -> Result<(), PartiesError> {
    let mut found: BTreeMap<Role, &Party> = BTreeMap::new();
    for party in members.iter().filter(|party| party.role.is_single()) {
        if let Some(first) = found.insert(party.role, party) {
            let (first, second) = (first.id.clone(), party.id.clone());
            return Err(PartiesError::SecondOfRole { role: party.role, first, second });
        }
    }
    Ok(())
}

fn one_per_region(members: &[Party]) -> Result<BTreeMap<(Role, Region), usize>, PartiesError> {
    let mut found = BTreeMap::new();
    for (at, party) in members.iter().enumerate() {
        let Some(region) = party.region.filter(|_| party.role.is_one_per_region()) else {
            continue;
        };
        if let Some(first) = found.insert((party.role, region), at) {
            return Err(PartiesError::RegionTaken {
                region,
                role: party.role,
                first: members[first].id.clone(),
                second: party.id.clone(),
            });
        }
    }
    Ok(found)
}

/// Whose each hash or number is; each is one party's.
fn marks<M: Ord + Copy + std::fmt::Display>(
    members: &[Party],
    kind: &str,
    of: impl Fn(&Party) -> &Vec<M>,
) -> Result<BTreeMap<M, usize>, PartiesError> {
    let mut found = BTreeMap::new();
    for (at, party) in members.iter().enumerate() {
        for mark in of(party) {
            if let Some(first) = found.insert(*mark, at) {
                return Err(PartiesError::DuplicateMark {
                    what: format!("{kind} {mark}"),
                    first: members[first].id.clone(),
                    second: party.id.clone(),
                });
            }
        }
    }
    Ok(found)
}

fn identities(members: &[Party]) -> Result<BTreeMap<IdentityUri, usize>, PartiesError> {
    let mut found = BTreeMap::new();
    for (at, party) in members.iter().enumerate() {
        for identity in &party.identities {
            if let Some(first) = found.insert(identity.clone(), at) {
                return Err(PartiesError::DuplicateIdentity {
                    identity: identity.clone(),
                    first: members[first].id.clone(),
                    second: party.id.clone(),
                });
            }
            // Even when the other party lists no such identity: whoever reads
            // the certificate would take its holder for that party.
            if identity.name != party.id && position(members, &identity.name).is_some() {
                return Err(PartiesError::IdentityOfAnother {
                    party: party.id.clone(),
                    identity: identity.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// Every supervisor is listed, and the links upwards end.
fn check_supervision(members: &[Party]) -> Result<(), PartiesError> {
    let mut above = Vec::with_capacity(members.len());
    for party in members {
        above.push(match &party.supervisor {
            None => None,
            Some(id) => Some(position(members, id).ok_or_else(|| {
                PartiesError::UnknownSupervisor { party: party.id.clone(), supervisor: id.clone() }
            })?),
        });
    }
    let mut settled = vec![false; members.len()];
    for start in 0..members.len() {
        let mut path: Vec<usize> = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next.filter(|&at| !settled[at]) {
            if let Some(entered) = path.iter().position(|&passed| passed == at) {
                let mut ring: Vec<_> = path[entered..].to_vec();
                let smallest = ring.iter().enumerate().min_by_key(|&(_, &at)| at);
                let turn = smallest.map_or(0, |(turn, _)| turn);
                ring.rotate_left(turn);
                let parties = ring.into_iter().map(|at| members[at].id.clone()).collect();
                return Err(PartiesError::SupervisorCycle { parties });
            }
            path.push(at);
            next = above[at];
        }
        for at in path {
            settled[at] = true;
        }
    }
    Ok(())
}

/// Acting for another is a grant of power, so nothing passes but the one case
/// there is a need for: an akimat's system and the commission of its region.
fn check_acts_for(members: &[Party]) -> Result<(), PartiesError> {
    for party in members {
        for subject in &party.acts_for {
            let Some(at) = position(members, subject) else {
                return Err(PartiesError::UnknownActsFor {
                    party: party.id.clone(),
                    subject: subject.clone(),
                });
            };
            let roles = (party.role, members[at].role);
            let commissions = [Role::Commission, Role::EmploymentCommission];
            let is_its = roles.0 == Role::Akimat && commissions.contains(&roles.1);
            if !is_its || party.region != members[at].region {
                return Err(PartiesError::ActsForNotAllowed {
                    party: party.id.clone(),
                    subject: subject.clone(),
                });
            }
        }
    }
    Ok(())
}

fn position(members: &[Party], id: &PartyId) -> Option<usize> {
    members.binary_search_by(|party| party.id.cmp(id)).ok()
}

fn circle(parties: &[PartyId]) -> String {
    let closing = parties.first();
    let ids: Vec<&str> = parties.iter().chain(closing).map(PartyId::as_str).collect();
    ids.join(" → ")
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    fn id(text: &str) -> PartyId {
        text.parse().unwrap()
    }

    fn region(code: &str) -> Region {
        code.parse().unwrap()
    }

    fn party(name: &str, role: Role, code: Option<&str>, supervisor: Option<&str>) -> Party {
        let names =
            Names { kk: "атауы".into(), ru: "название".into(), en: "name".into() };
        Party {
            id: id(name),
            role,
            region: code.map(region),
            names,
            zone: bundled_zone("Asia/Almaty").unwrap(),
            supervisor: supervisor.map(id),
            acts_for: Vec::new(),
            identities: vec![IdentityUri::of(&id(name))],
            certificates: Vec::new(),
            bins: Vec::new(),
        }
    }

    /// A small sound set, in no order.
    fn sound() -> Vec<Party> {
        let mut members = vec![
            party("operator", Role::Operator, None, None),
            party("mission-uz", Role::ForeignMission, None, Some("committee")),
            party("commission-kz-55", Role::Commission, Some("KZ-55"), Some("akimat-kz-55")),
            party("commission-kz-11", Role::Commission, Some("KZ-11"), Some("akimat-kz-11")),
            party("akimat-kz-55", Role::Akimat, Some("KZ-55"), Some("committee")),
            party("akimat-kz-11", Role::Akimat, Some("KZ-11"), Some("committee")),
            party("committee", Role::MigrationBody, None, None),
        ];
        members[4].acts_for = vec![id("commission-kz-55")];
        members[4].identities.push("urn:kopir:party:akimat-kz-55-reserve".parse().unwrap());
        members
    }

    #[test]
    fn lookups_answer_for_the_sound_set() {
        let parties = Parties::new(sound()).unwrap();
        let at = |found: Option<&Party>| found.map(|party| party.id.to_string());
        assert_eq!(parties.migration_body().id, id("committee"));
        assert_eq!(at(parties.get(&id("mission-uz"))).unwrap(), "mission-uz");
        assert_eq!(at(parties.get(&id("mission-xx"))), None);
        assert_eq!(at(parties.akimat_of(region("KZ-55"))).unwrap(), "akimat-kz-55");
        assert_eq!(at(parties.commission_of(region("KZ-55"))).unwrap(), "commission-kz-55");
        assert_eq!(at(parties.akimat_of(region("KZ-79"))), None);
        let reserve = "urn:kopir:party:akimat-kz-55-reserve".parse().unwrap();
        assert_eq!(at(parties.by_identity(&reserve)).unwrap(), "akimat-kz-55");
        let stranger = "urn:kopir:party:stranger".parse().unwrap();
        assert_eq!(at(parties.by_identity(&stranger)), None);
        let above = parties.supervisor_of(&id("commission-kz-11"));
        assert_eq!(at(above).unwrap(), "akimat-kz-11");
        assert_eq!(at(parties.supervisor_of(&id("committee"))), None);
    }

    #[test]
    fn iteration_is_by_id_whatever_order_was_given() {
        let forward = Parties::new(sound()).unwrap();
        let backward = Parties::new(sound().into_iter().rev().collect()).unwrap();
        assert_eq!(forward, backward);
        let ids: Vec<_> = forward.iter().map(|party| party.id.as_str()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.len(), 7);
        let akimats: Vec<_> = forward.with_role(Role::Akimat).map(|party| &party.id).collect();
        assert_eq!(akimats, [&id("akimat-kz-11"), &id("akimat-kz-55")]);
    }

    #[test]
    fn only_the_listed_akimat_may_act_for_its_commission() {
        let parties = Parties::new(sound()).unwrap();
        let may = |actor, subject| parties.may_act_for(&id(actor), &id(subject));
        assert!(may("akimat-kz-55", "commission-kz-55"));
        assert!(may("mission-uz", "mission-uz"));
        assert!(!may("akimat-kz-11", "commission-kz-11"));
        assert!(!may("commission-kz-55", "akimat-kz-55"));
        assert!(!may("akimat-kz-55", "commission-kz-11"));
        assert!(!may("stranger", "stranger"));
    }

    /// Spoils the sound set and tells what it is refused for.
    fn refusal(spoil: impl FnOnce(&mut Vec<Party>)) -> PartiesError {
        let mut members = sound();
        spoil(&mut members);
        let forward = Parties::new(members.clone()).unwrap_err();
        members.reverse();
        assert_eq!(Parties::new(members).unwrap_err(), forward);
        forward
    }

    fn of<'a>(members: &'a mut [Party], name: &str) -> &'a mut Party {
        members.iter_mut().find(|party| party.id == id(name)).unwrap()
    }

    #[test]
    fn ids_and_identities_belong_to_one_party() {
        assert_eq!(
            refusal(|set| set.push(party("mission-uz", Role::ForeignMission, None, None))),
            PartiesError::DuplicateId { party: id("mission-uz") }
        );
        let reserve: IdentityUri = "urn:kopir:party:akimat-kz-55-reserve".parse().unwrap();
        assert_eq!(
            refusal(|set| of(set, "mission-uz").identities.push(reserve.clone())),
            PartiesError::DuplicateIdentity {
                identity: reserve.clone(),
                first: id("akimat-kz-55"),
                second: id("mission-uz"),
            }
        );
        let taken = IdentityUri::of(&id("operator"));
        assert_eq!(
            refusal(|set| {
                of(set, "operator").identities.clear();
                of(set, "mission-uz").identities.push(taken.clone());
            }),
            PartiesError::IdentityOfAnother { party: id("mission-uz"), identity: taken.clone() }
        );
    }

    #[test]
    fn regions_are_where_the_role_wants_them_and_held_once() {
        assert_eq!(
            refusal(|set| of(set, "akimat-kz-11").region = None),
            PartiesError::RegionMissing { party: id("akimat-kz-11"), role: Role::Akimat }
        );
        assert_eq!(
            refusal(|set| of(set, "commission-kz-11").region = None),
            PartiesError::RegionMissing { party: id("commission-kz-11"), role: Role::Commission }
        );
        assert_eq!(
            refusal(|set| of(set, "mission-uz").region = Some(region("KZ-55"))),
            PartiesError::RegionNotAllowed { party: id("mission-uz"), role: Role::ForeignMission }
        );
        for (name, role) in [("akimat", Role::Akimat), ("commission", Role::Commission)] {
            let second = format!("{name}-two");
            assert_eq!(
                refusal(|set| set.push(party(&second, role, Some("KZ-55"), None))),
                PartiesError::RegionTaken {
                    region: region("KZ-55"),
                    role,
                    first: id(&format!("{name}-kz-55")),
                    second: id(&second),
                }
            );
        }
    }

    #[test]
    fn there_is_one_migration_body() {
        assert_eq!(
            refusal(|set| of(set, "committee").role = Role::Operator),
            PartiesError::NoMigrationBody
        );
        assert_eq!(Parties::new(Vec::new()), Err(PartiesError::NoMigrationBody));
        assert_eq!(
            refusal(|set| of(set, "operator").role = Role::MigrationBody),
            PartiesError::SecondOfRole {
                role: Role::MigrationBody,
                first: id("committee"),
                second: id("operator")
            }
        );
    }

    #[test]
    fn supervision_names_listed_parties_and_ends() {
        assert_eq!(
            refusal(|set| of(set, "mission-uz").supervisor = Some(id("ministry"))),
            PartiesError::UnknownSupervisor { party: id("mission-uz"), supervisor: id("ministry") }
        );
        assert_eq!(
            refusal(|set| of(set, "operator").supervisor = Some(id("operator"))),
            PartiesError::SupervisorCycle { parties: vec![id("operator")] }
        );
        // The first party by id is not of the ring and leads into its middle.
        let ring = refusal(|set| {
            let outside = party("aaa", Role::Operator, None, Some("committee"));
            set.push(outside);
            of(set, "committee").supervisor = Some(id("commission-kz-11"));
        });
        let parties = ["akimat-kz-11", "committee", "commission-kz-11"];
        assert_eq!(ring, PartiesError::SupervisorCycle { parties: parties.map(id).into() });
        assert!(
            ring.to_string().contains("akimat-kz-11 → committee → commission-kz-11 → akimat-kz-11")
        );
    }

    #[test]
    fn acting_for_another_is_granted_to_an_akimat_and_its_commission_only() {
        let grant = |actor: &str, subject: &str| {
            let subject = id(subject);
            refusal(|set| of(set, actor).acts_for.push(subject))
        };
        assert_eq!(
            grant("akimat-kz-11", "commission-kz-79"),
            PartiesError::UnknownActsFor {
                party: id("akimat-kz-11"),
                subject: id("commission-kz-79"),
            }
        );
        for (actor, subject) in [
            ("akimat-kz-11", "commission-kz-55"),
            ("akimat-kz-11", "akimat-kz-11"),
            ("commission-kz-11", "akimat-kz-11"),
            ("operator", "commission-kz-11"),
            ("mission-uz", "committee"),
        ] {
            assert_eq!(
                grant(actor, subject),
                PartiesError::ActsForNotAllowed { party: id(actor), subject: id(subject) }
            );
        }
    }

    #[test]
    fn names_are_present_printable_and_bounded() {
        for name in ["", "  ", "two\nlines", &"ә".repeat(MAX_NAME_CHARS + 1)] {
            assert_eq!(
                refusal(|set| of(set, "operator").names.ru = name.into()),
                PartiesError::Name { party: id("operator"), language: "ru" },
                "{name:?}"
            );
        }
        let mut members = sound();
        of(&mut members, "operator").names.kk = "ә".repeat(MAX_NAME_CHARS);
        assert!(Parties::new(members).is_ok());
    }

    #[test]
    fn hand_made_zones_are_refused() {
        let fixed = TimeZone::fixed(Offset::constant(5));
        let posix = TimeZone::posix("<+05>-5").unwrap();
        for zone in [fixed, posix] {
            assert_eq!(
                refusal(|set| of(set, "mission-uz").zone = zone.clone()),
                PartiesError::ForeignZone { party: id("mission-uz") }
            );
        }
    }

    #[test]
    fn a_set_over_the_limit_is_refused() {
        let many = |count: usize| -> Vec<Party> {
            let missions = (1..count)
                .map(|n| party(&format!("mission-{n}"), Role::ForeignMission, None, None));
            let body = party("committee", Role::MigrationBody, None, None);
            missions.chain([body]).collect()
        };
        assert!(Parties::new(many(MAX_PARTIES)).is_ok());
        let count = MAX_PARTIES + 1;
        assert_eq!(Parties::new(many(count)), Err(PartiesError::TooMany { count }));
    }
}
