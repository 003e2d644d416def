//! The families of the pilot: as many as the letter reports, made up from a seed. Which of them get
//! a consent follows from their papers and from when they filed, so the commissions find it out by
//! reading what the bus delivers to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

use super::DemoError;
use super::chance::Chance;
use super::office::Office;
use super::words::Script;
use crate::domain::party::PartyId;
use crate::domain::region::Region;

/// The size of a pilot, in families and persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pilot {
    /// Families that file.
    pub families: usize,
    /// Persons in them; at most nine in a family.
    pub persons: usize,
    /// Families that get a consent.
    pub approved_families: usize,
    /// Persons in those.
    pub approved_persons: usize,
}

/// The span in which families file. It ends early enough for every decision before entry to be
/// made before the letter of 3 May 2023.
pub(super) const FILING: (Date, Date) = (date(2023, 1, 9), date(2023, 2, 24));

/// A mission with its part of the families, per mille: the countries of origin of 2025.
struct Origin {
    mission: &'static str,
    country: &'static str,
    share: usize,
}

const ORIGINS: [Origin; 5] = [
    Origin { mission: "mission-uz", country: "UZ", share: 456 },
    Origin { mission: "mission-cn", country: "CN", share: 423 },
    Origin { mission: "mission-tm", country: "TM", share: 41 },
    Origin { mission: "mission-mn", country: "MN", share: 29 },
    Origin { mission: "mission-ru", country: "RU", share: 26 },
];

/// Aqmola, Qostanai, Pavlodar, North Kazakhstan and East Kazakhstan: the north of the letter.
const NORTH: [u8; 5] = [11, 39, 55, 59, 63];

/// Ordinals for given names end here.
const MAX_PERSONS: usize = 9;

/// Sizes of families with their weights, a little above three persons on average as in the letter.
const SIZES: [(usize, usize); 8] =
    [(1, 14), (2, 20), (3, 24), (4, 20), (5, 12), (6, 6), (7, 3), (8, 1)];

/// One refusal in so many is for papers that do not agree, the others for want of a quota.
const REFUSALS_PER_DOUBT: usize = 4;

/// A family and its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    /// The number of its file, on every paper of it.
    pub(super) file: String,
    /// The script of its papers.
    pub(super) script: Script,
    /// The surname of all its members.
    pub(super) surname: String,
    /// Where it files.
    pub(super) mission: PartyId,
    /// Where it lives, an ISO 3166-1 code.
    pub(super) country: &'static str,
    /// Where it wants to live.
    pub(super) region: Region,
    /// When it files. Invariant: no two families of a region file at the same instant.
    pub(super) filed_at: Timestamp,
    /// The day of the filing at the mission.
    pub(super) filed_on: Date,
    /// The applicant, then the family.
    pub(super) members: Vec<Member>,
    /// Whether the identity document attached is the one that the application names.
    pub(super) papers_agree: bool,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The given name.
    pub(super) given_name: String,
    /// The day of birth.
    pub(super) born_on: Date,
    /// What the person is to the applicant; the first member is the applicant.
    pub(super) kin: Kin,
}

/// What a person is to the applicant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    /// The applicant.
    Applicant,
    /// Wife or husband.
    Spouse,
    /// Son or daughter.
    Child,
    /// Mother or father.
    Parent,
}

/// Everybody, and what the quota allows.
#[derive(Debug, Clone)]
pub(super) struct Population {
    /// The families in the order of their filing.
    pub(super) families: Vec<Arc<Family>>,
    /// The filing that took the last place of each region's quota.
    pub(super) last_place: BTreeMap<Region, Timestamp>,
}

impl Pilot {
    /// The pilot of 2023 through the missions, to the northern regions: letter of the Prime
    /// Minister of 3 May 2023 to the Mazhilis, on its inquiry DS-134.
    pub const YEAR_2023: Self =
        Self { families: 237, persons: 771, approved_families: 111, approved_persons: 368 };

    /// Acts that bring every family to the end of its way: seven to a refusal handed over, four
    /// more to an inclusion handed over.
    pub(super) fn acts(self) -> usize {
        7 * self.families + 4 * self.approved_families
    }

    fn refused_families(self) -> Option<usize> {
        self.families.checked_sub(self.approved_families)
    }
}

/// Makes up the families of `pilot`; `offices` are those of the missions.
///
/// # Errors
/// [`DemoError::Pilot`] for numbers that no families can have, [`DemoError::NoParty`] where a
/// mission has no office.
pub(super) fn populate(
    seed: u64,
    pilot: Pilot,
    offices: &BTreeMap<PartyId, Office>,
) -> Result<Population, DemoError> {
    let refused = pilot.refused_families().ok_or(DemoError::Pilot(pilot))?;
    let mut filings = filings(seed, pilot, offices)?;
    let doubts = refused / REFUSALS_PER_DOUBT;
    let mut places: Vec<_> = (0..filings.len()).collect();
    Chance::about(seed, "papers that do not agree").shuffle(&mut places);
    for &place in places.iter().take(doubts) {
        if let Some(filing) = filings.get_mut(place) {
            filing.papers_agree = false;
        }
    }
    let last_place = share_quota(&filings, pilot.approved_families);
    let gets_consent = |filing: &Filing| {
        filing.papers_agree && last_place.get(&filing.region) >= Some(&filing.filed_at)
    };
    let refused_persons = pilot.persons.checked_sub(pilot.approved_persons);
    let refused_persons = refused_persons.ok_or(DemoError::Pilot(pilot))?;
    let sizes = |what, families, persons| {
        sizes(&mut Chance::about(seed, what), families, persons).ok_or(DemoError::Pilot(pilot))
    };
    let approved = sizes("sizes with consent", pilot.approved_families, pilot.approved_persons)?;
    let refused = sizes("sizes without", refused, refused_persons)?;
    let (mut approved, mut refused) = (approved.into_iter(), refused.into_iter());
    let mut numbers: Vec<_> = (1..=999).collect();
    Chance::about(seed, "numbers").shuffle(&mut numbers);
    let families = filings.into_iter().enumerate().map(|(at, filing)| {
        let sizes = if gets_consent(&filing) { &mut approved } else { &mut refused };
        let size = sizes.next().unwrap_or(1);
        let number = numbers.get(at).copied().unwrap_or(at + 1);
        Arc::new(family(seed, at, number, size, filing))
    });
    Ok(Population { families: families.collect(), last_place })
}

/// An application before the family behind it is known.
struct Filing {
    mission: PartyId,
    country: &'static str,
    region: Region,
    filed_at: Timestamp,
    filed_on: Date,
    papers_agree: bool,
}

/// As many filings as there are families, in the order of time.
fn filings(
    seed: u64,
    pilot: Pilot,
    offices: &BTreeMap<PartyId, Office>,
) -> Result<Vec<Filing>, DemoError> {
    let shares: Vec<_> = ORIGINS.iter().map(|origin| origin.share).collect();
    let mut regions: Vec<_> = (0..pilot.families).map(|at| NORTH[at % NORTH.len()]).collect();
    Chance::about(seed, "regions").shuffle(&mut regions);
    let mut regions = regions.into_iter().filter_map(Region::from_number);
    let mut filings = Vec::with_capacity(pilot.families);
    for (origin, count) in ORIGINS.iter().zip(apportion(pilot.families, &shares)) {
        let office = offices.iter().find(|(party, _)| party.as_str() == origin.mission);
        let (mission, office) =
            office.ok_or_else(|| DemoError::NoParty(origin.mission.to_owned()))?;
        let mut chance = Chance::about(seed, origin.mission);
        for region in regions.by_ref().take(count) {
            let filed_on = office.working_day(FILING.0, FILING.1, &mut chance)?;
            filings.push(Filing {
                mission: mission.clone(),
                country: origin.country,
                region,
                filed_at: office.sitting(filed_on, &mut chance)?,
                filed_on,
                papers_agree: true,
            });
        }
    }
    filings.sort_by(|a, b| (a.filed_at, &a.mission).cmp(&(b.filed_at, &b.mission)));
    // One counter takes one application after the other.
    let mut last = BTreeMap::new();
    for filing in &mut filings {
        let free = last.get(&filing.region).map(|last: &Timestamp| *last + 1.minute());
        filing.filed_at = free.map_or(filing.filed_at, |free| free.max(filing.filed_at));
        last.insert(filing.region, filing.filed_at);
    }
    filings.sort_by(|a, b| (a.filed_at, &a.mission).cmp(&(b.filed_at, &b.mission)));
    Ok(filings)
}

/// Gives each region so much of the quota that `approved` families get a consent, those who filed
/// first, and tells which filing took the last place.
fn share_quota(filings: &[Filing], approved: usize) -> BTreeMap<Region, Timestamp> {
    let mut sound: BTreeMap<Region, Vec<Timestamp>> = BTreeMap::new();
    for filing in filings.iter().filter(|filing| filing.papers_agree) {
        sound.entry(filing.region).or_default().push(filing.filed_at);
    }
    let counts: Vec<_> = sound.values().map(Vec::len).collect();
    let quotas = apportion(approved, &counts);
    let last = sound
        .iter()
        .zip(quotas)
        .filter_map(|((region, filed), quota)| Some((*region, *filed.get(quota.checked_sub(1)?)?)));
    last.collect()
}

/// Divides `total` by `shares`, by largest remainders.
fn apportion(total: usize, shares: &[usize]) -> Vec<usize> {
    let sum = shares.iter().sum::<usize>().max(1);
    let mut parts: Vec<_> = shares.iter().map(|share| total * share / sum).collect();
    let mut order: Vec<_> = (0..shares.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(total * shares[at] % sum));
    let missing = total.saturating_sub(parts.iter().sum());
    for at in order.into_iter().take(missing) {
        parts[at] += 1;
    }
    parts
}

/// Sizes of `families` families with `persons` persons together, or none if there are no such.
fn sizes(chance: &mut Chance, families: usize, persons: usize) -> Option<Vec<usize>> {
    if persons < families || persons > families * MAX_PERSONS {
        return None;
    }
    let mut sizes: Vec<_> = (0..families).map(|_| chance.weighted(&SIZES, 1)).collect();
    let mut sum: usize = sizes.iter().sum();
    while sum != persons {
        let size = sizes.get_mut(chance.below(families))?;
        if sum < persons && *size < MAX_PERSONS {
            *size += 1;
            sum += 1;
        } else if sum > persons && *size > 1 {
            *size -= 1;
            sum -= 1;
        }
    }
    Some(sizes)
}

fn family(seed: u64, at: usize, number: usize, size: usize, filing: Filing) -> Family {
    let mut chance = Chance::about(seed, &format!("family {at}"));
    // In turn, so that even a handful of families has all three.
    let script = Script::ALL[at % Script::ALL.len()];
    let Filing { mission, country, region, filed_at, filed_on, papers_agree } = filing;
    Family {
        file: format!("ҮЛГІ-{:04}", at + 1),
        script,
        surname: script.surname(chance.below(100), number),
        mission,
        country,
        region,
        filed_at,
        filed_on,
        members: members(&mut chance, script, size, filed_on.year()),
        papers_agree,
    }
}

fn members(chance: &mut Chance, script: Script, size: usize, year: i16) -> Vec<Member> {
    let applicant_born = year - chance.within(26..=58);
    let oldest_child = 0..=(year - applicant_born - 20).clamp(1, 24);
    let with_parent = size > 3 && chance.hits(250);
    let member = |place: usize| {
        let (kin, born) = match place {
            1 => (Kin::Applicant, applicant_born),
            2 => (Kin::Spouse, applicant_born + chance.within(-4..=4)),
            last if last == size && with_parent => {
                (Kin::Parent, applicant_born - chance.within(20..=32))
            }
            _ => {
                let (first, last) = (*oldest_child.start(), *oldest_child.end());
                (Kin::Child, year - 1 - chance.within(first..=last))
            }
        };
        let ordinal = i8::try_from(1 + chance.below(12)).unwrap_or(1);
        let day = i8::try_from(1 + chance.below(28)).unwrap_or(1);
        Member { given_name: script.given_name(place), born_on: date(born, ordinal, day), kin }
    };
    (1..=size).map(member).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::stage;
    use crate::domain::party::Role;
    use crate::procedures::calendar;

    fn missions() -> BTreeMap<PartyId, Office> {
        let calendar = Arc::new(calendar::kazakhstan().unwrap());
        let parties = stage::sample_parties().unwrap();
        let missions = parties.with_role(Role::ForeignMission);
        missions.map(|party| (party.id.clone(), Office::new(party, &calendar))).collect()
    }

    fn made_up(seed: u64) -> Population {
        populate(seed, Pilot::YEAR_2023, &missions()).unwrap()
    }

    /// What a commission concludes from the papers.
    fn approved(population: &Population) -> impl Iterator<Item = &Family> {
        population.families.iter().map(Arc::as_ref).filter(|family| {
            family.papers_agree
                && population.last_place.get(&family.region) >= Some(&family.filed_at)
        })
    }

    #[test]
    fn every_seed_meets_the_letter_to_the_person() {
        for seed in 0..60 {
            let population = made_up(seed);
            let persons = |families: Vec<&Family>| {
                (families.len(), families.iter().map(|family| family.members.len()).sum::<usize>())
            };
            let all = population.families.iter().map(Arc::as_ref).collect();
            assert_eq!(persons(all), (237, 771), "seed {seed}");
            assert_eq!(persons(approved(&population).collect()), (111, 368), "seed {seed}");
        }
    }

    #[test]
    fn every_seed_has_both_grounds_and_all_scripts_missions_and_regions() {
        for seed in 0..60 {
            let Population { families, last_place } = made_up(seed);
            let doubted = families.iter().filter(|family| !family.papers_agree).count();
            let too_late = families.iter().filter(|family| {
                family.papers_agree && last_place.get(&family.region) < Some(&family.filed_at)
            });
            assert_eq!((doubted, too_late.count()), (31, 95), "seed {seed}");
            let distinct = |each: fn(&Family) -> String| {
                families.iter().map(|family| each(family)).collect::<BTreeSet<_>>().len()
            };
            assert_eq!(distinct(|family| family.script.name().to_owned()), 3, "seed {seed}");
            assert_eq!(distinct(|family| family.mission.to_string()), 5, "seed {seed}");
            assert_eq!(distinct(|family| family.region.code().to_owned()), 5, "seed {seed}");
            assert_eq!(distinct(|family| family.surname.clone()), 237, "seed {seed}");
        }
    }

    #[test]
    fn families_file_within_the_window_and_one_after_the_other() {
        let population = made_up(7);
        let mut filed = BTreeSet::new();
        for family in &population.families {
            assert!(family.filed_on >= FILING.0 && family.filed_on <= FILING.1);
            assert!(filed.insert((family.region, family.filed_at)), "{} is not alone", family.file);
        }
    }

    #[test]
    fn another_seed_makes_other_families() {
        assert_eq!(made_up(1).families, made_up(1).families);
        let surnames = |seed| made_up(seed).families.iter().map(|f| f.surname.clone()).collect();
        let (one, two): (Vec<String>, Vec<String>) = (surnames(1), surnames(2));
        assert_ne!(one, two);
    }

    #[test]
    fn ages_are_possible() {
        for family in &made_up(11).families {
            let applicant = family.members[0].born_on;
            for member in &family.members {
                let years = member.born_on.year() - applicant.year();
                let possible = match member.kin {
                    Kin::Applicant => years == 0,
                    Kin::Spouse => years.abs() <= 4,
                    Kin::Child => years >= 18,
                    Kin::Parent => years <= -20,
                };
                assert!(possible, "{} {}: {:?}", family.file, member.given_name, member.kin);
                assert!(member.born_on < family.filed_on);
            }
        }
    }

    #[test]
    fn numbers_that_no_families_can_have_are_refused() {
        let wrong = [
            Pilot { persons: 236, ..Pilot::YEAR_2023 },
            Pilot { approved_families: 238, ..Pilot::YEAR_2023 },
            Pilot { approved_persons: 1000, ..Pilot::YEAR_2023 },
        ];
        for pilot in wrong {
            let refused = populate(1, pilot, &missions());
            assert!(matches!(refused, Err(DemoError::Pilot(named)) if named == pilot));
        }
    }
}
