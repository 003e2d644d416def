//! Reads the regional quotas of a year or more from their file.
//!
//! Quotas are set by order, region by region, and the ground "no quota" rests on them. So the file
//! is refused whole at its first doubtful row, with the line, the field and what would be right.
//!
//! The format, one row a quota after the head:
//!
//! ```text
//! # format: kopir-quotas/1
//! # quotas: kz-2026.1
//! year,category,region,persons
//! 2026,kandas,KZ-55,977
//! ```
//!
//! Further lines that begin with `#` are comments. Rows may stand in any order.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::quota::{Category, QuotaKey};
use crate::domain::region::{Region, RegionError};

/// The first year for which a quota can be set: that of Order No. 20.
pub const FIRST_YEAR: i16 = 2016;
/// The last year for which a quota can be set.
pub const LAST_YEAR: i16 = 2100;
/// The largest quota of a region, in persons. More is a slip of a digit.
pub const MAX_PERSONS: u32 = 1_000_000;

const FORMAT: &str = "# format: kopir-quotas/1";
const VERSION: &str = "# quotas: ";
const COLUMNS: &str = "year,category,region,persons";
/// The longest version in bytes; it is shown and stored beside the quotas.
const VERSION_MAX: usize = 32;

/// A checked file of quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    version: String,
    /// In the order in which they are told: by year, category and region.
    persons: BTreeMap<(i16, Category, Region), u32>,
}

impl Quotas {
    /// The name of this state of the file: 1 to 32 bytes, changed with every row.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The persons of a quota; none when the file does not set it.
    #[must_use]
    pub fn persons(&self, key: QuotaKey) -> Option<u32> {
        self.persons.get(&place(key)).copied()
    }

    /// Every quota by year, category and region. Never empty.
    pub fn iter(&self) -> impl Iterator<Item = (QuotaKey, u32)> {
        self.persons.iter().map(|((year, category, region), persons)| {
            (QuotaKey { region: *region, year: *year, category: *category }, *persons)
        })
    }
}

/// Where a quota stands in a file.
fn place(QuotaKey { region, year, category }: QuotaKey) -> (i16, Category, Region) {
    (year, category, region)
}

/// Why a file of quotas was refused. Lines count from one. Reading again helps only after the file
/// is mended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuotaFileError {
    /// A line of the head is missing, stands elsewhere or is of another format.
    #[error("line {line}: the head is incomplete; write `{wanted}` on this line")]
    Head {
        /// Where it should stand.
        line: usize,
        /// The line as it should look.
        wanted: &'static str,
    },
    /// A version that cannot be one.
    #[error(
        "line {line}, version: {found:?} is not a version; write 1 to 32 letters, digits, dots and hyphens"
    )]
    Version {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// A row has too few or too many fields.
    #[error("line {line}: {found} fields instead of 4; give one row of `{COLUMNS}`")]
    Fields {
        /// The line.
        line: usize,
        /// How many were found.
        found: usize,
    },
    /// A year outside the range.
    #[error("line {line}, year: {found:?} is not allowed; write a year from 2016 to 2100")]
    Year {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// A category that is none.
    #[error("line {line}, category: {found:?} is not allowed; write kandas or in-migrant")]
    Category {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// A region that is none.
    #[error("line {line}, region: {source}")]
    Region {
        /// The line.
        line: usize,
        /// Why, with what would be right.
        source: RegionError,
    },
    /// A number of persons that cannot be one.
    #[error("line {line}, persons: {found:?} is not allowed; write a number from 0 to 1000000")]
    Persons {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// A quota that an earlier line sets as well.
    #[error("line {line}: the quota {key} is there twice; keep one row")]
    Twice {
        /// The second line.
        line: usize,
        /// The quota.
        key: QuotaKey,
    },
    /// A file that sets nothing.
    #[error("there is no quota in the file; give at least one row of `{COLUMNS}`")]
    Empty,
}

/// Reads quotas from the text of a file.
///
/// # Errors
/// [`QuotaFileError`] for the first line that breaks a rule.
pub fn parse(text: &str) -> Result<Quotas, QuotaFileError> {
    let mut lines = (1..).zip(text.lines());
    let head = |line, wanted| QuotaFileError::Head { line, wanted };
    if lines.next().is_none_or(|(_, text)| text != FORMAT) {
        return Err(head(1, FORMAT));
    }
    let version = lines.next().and_then(|(_, text)| text.strip_prefix(VERSION));
    let version = version.ok_or(head(2, "# quotas: kz-2026.1"))?;
    let mut rows = lines.filter(|(_, text)| !text.starts_with('#'));
    match rows.next() {
        Some((_, COLUMNS)) => {}
        other => return Err(head(other.map_or(3, |(line, _)| line), COLUMNS)),
    }
    let version = checked_version(version)?;
    let mut persons = BTreeMap::new();
    for (line, text) in rows {
        let (key, number) = row(line, text)?;
        if persons.insert(place(key), number).is_some() {
            return Err(QuotaFileError::Twice { line, key });
        }
    }
    if persons.is_empty() { Err(QuotaFileError::Empty) } else { Ok(Quotas { version, persons }) }
}

fn checked_version(text: &str) -> Result<String, QuotaFileError> {
    let fits = (1..=VERSION_MAX).contains(&text.len());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if fits && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(QuotaFileError::Version { line: 2, found: shown(text) })
    }
}

fn row(line: usize, text: &str) -> Result<(QuotaKey, u32), QuotaFileError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[year, category, region, persons] = fields.as_slice() else {
        return Err(QuotaFileError::Fields { line, found: fields.len() });
    };
    let known = i16::try_from(number(year).unwrap_or(0)).ok();
    let known = known.filter(|year| (FIRST_YEAR..=LAST_YEAR).contains(year));
    let year = known.ok_or_else(|| QuotaFileError::Year { line, found: shown(year) })?;
    let unknown = |_| QuotaFileError::Category { line, found: shown(category) };
    let category = category.parse().map_err(unknown)?;
    let region = region.parse().map_err(|source| QuotaFileError::Region { line, source })?;
    let known = number(persons).filter(|persons| *persons <= MAX_PERSONS);
    let persons = known.ok_or_else(|| QuotaFileError::Persons { line, found: shown(persons) })?;
    Ok((QuotaKey { region, year, category }, persons))
}

/// A number as a person writes it: digits without a sign or a leading zero.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The beginning of a wrong value: enough to find it, not a whole binary file.
fn shown(found: &str) -> String {
    found.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../deploy/quotas.csv");

    fn total(quotas: &Quotas, year: i16, category: Category) -> (usize, u32) {
        let wanted = |key: &QuotaKey| key.year == year && key.category == category;
        let found: Vec<_> = quotas.iter().filter(|(key, _)| wanted(key)).collect();
        (found.len(), found.iter().map(|(_, persons)| persons).sum())
    }

    #[test]
    fn the_sample_has_the_quotas_of_2025_and_2026() {
        let quotas = parse(SAMPLE).unwrap();
        assert_eq!(quotas.version(), "kz-2026.1");
        assert_eq!(total(&quotas, 2025, Category::Kandas), (8, 2309));
        assert_eq!(total(&quotas, 2025, Category::InMigrant), (0, 0));
        assert_eq!(total(&quotas, 2026, Category::Kandas), (8, 2281));
        assert_eq!(total(&quotas, 2026, Category::InMigrant), (7, 5997));
        let region = "KZ-55".parse().unwrap();
        let pavlodar = QuotaKey { region, year: 2026, category: Category::Kandas };
        assert_eq!(quotas.persons(pavlodar), Some(977));
        assert_eq!(quotas.persons(QuotaKey { year: 2027, ..pavlodar }), None);
    }

    #[test]
    fn bounds_belong_to_the_range() {
        let text = format!(
            "{FORMAT}\n{VERSION}t-1\n{COLUMNS}\n2016,kandas,KZ-10,0\n2100,in-migrant,KZ-79,1000000\n"
        );
        let quotas = parse(&text).unwrap();
        assert_eq!(quotas.iter().map(|(_, persons)| persons).collect::<Vec<_>>(), [0, 1_000_000]);
        assert_eq!(parse(&text.replace('\n', "\r\n")).unwrap(), quotas);
    }

    #[test]
    fn a_doubtful_row_is_refused_with_line_field_and_remedy() {
        let head = format!("{FORMAT}\n{VERSION}t-1\n# a comment\n{COLUMNS}\n2026,kandas,KZ-55,9\n");
        for (row, message) in [
            ("2015,kandas,KZ-55,1", "line 6, year: \"2015\" is not allowed; write a year from"),
            ("2101,kandas,KZ-55,1", "line 6, year: \"2101\""),
            ("+2026,kandas,KZ-55,1", "line 6, year: \"+2026\""),
            ("67562,kandas,KZ-55,1", "line 6, year: \"67562\""),
            ("2026,Kandas,KZ-55,1", "line 6, category: \"Kandas\" is not allowed; write kandas"),
            ("2026,kandas,KZ-56,1", "line 6, region: KZ-56 is not a region of Kazakhstan"),
            ("2026,kandas,Pavlodar,1", "line 6, region: a region is written as"),
            ("2026,kandas,KZ-11,-1", "line 6, persons: \"-1\" is not allowed; write a number"),
            ("2026,kandas,KZ-11,1000001", "line 6, persons: \"1000001\""),
            ("2026,kandas,KZ-11,007", "line 6, persons: \"007\""),
            ("2026,kandas,KZ-11,99999999999", "line 6, persons: "),
            ("2026,kandas,KZ-11,", "line 6, persons: \"\""),
            ("2026,kandas,KZ-11", "line 6: 3 fields instead of 4; give one row of"),
            ("", "line 6: 1 fields instead of 4"),
            ("2026,kandas,KZ-55,10", "line 6: the quota 2026 kandas KZ-55 is there twice; keep"),
        ] {
            let said = parse(&format!("{head}{row}\n")).unwrap_err().to_string();
            assert!(said.starts_with(message), "{row}: {said}");
        }
    }

    #[test]
    fn a_head_that_is_not_whole_is_refused() {
        let good = format!("{FORMAT}\n{VERSION}t-1\n{COLUMNS}\n2026,kandas,KZ-55,9\n");
        for (from, to, message) in [
            ("quotas/1", "quotas/2", "line 1: the head is incomplete; write `# format: kopir"),
            ("# quotas: t-1\n", "", "line 2: the head is incomplete"),
            ("t-1", "", "line 2, version: \"\" is not a version"),
            ("t-1", "т-1", "line 2, version: \"т-1\""),
            ("year,", "jahr,", "line 3: the head is incomplete; write `year,category"),
            ("2026,kandas,KZ-55,9\n", "", "there is no quota in the file"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            let said = parse(&text).unwrap_err().to_string();
            assert!(said.starts_with(message), "{said}");
        }
        assert!(parse("").is_err());
        let long = format!("{}\n", "9".repeat(9000));
        assert!(parse(&good.replace("2026,", &long)).unwrap_err().to_string().len() < 200);
    }
}
