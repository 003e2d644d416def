//! The regions of Kazakhstan as ISO 3166-2 names them.
//!
//! An application names the region where the family means to live
//! (002-EN A1 ¶10), and that region alone decides which akimat and which
//! commission handle it. The list is closed, so a code that is not a region
//! is refused where it enters and never reaches a case.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A region, or a city that ranks as one, of Kazakhstan.
///
/// Its text form is the ISO 3166-2 code, `KZ-55`. Regions order by that code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// Index into [`TABLE`]; always within it, since only `ALL` and
    /// `from_number` make one.
    row: u8,
}

/// Why a text is not a region.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegionError {
    /// The text does not have the form `KZ-` and two digits.
    #[error("a region is written as an ISO 3166-2 code such as KZ-55, in capitals")]
    Form,
    /// The form is right and the code belongs to no region.
    #[error("KZ-{number:02} is not a region of Kazakhstan in ISO 3166-2")]
    Unknown {
        /// The two digits as a number.
        number: u8,
    },
}

struct Row {
    number: u8,
    code: &'static str,
    kk: &'static str,
    ru: &'static str,
    en: &'static str,
}

const COUNT: usize = 20;

const fn row(
    number: u8,
    code: &'static str,
    kk: &'static str,
    ru: &'static str,
    en: &'static str,
) -> Row {
    Row { number, code, kk, ru, en }
}

/// ISO 3166-2:KZ since the regions of 2022 (Abai, Zhetisu, Ulytau), by code.
#[rustfmt::skip]
static TABLE: [Row; COUNT] = [
    row(10, "KZ-10", "Абай облысы", "область Абай", "Abai Region"),
    row(11, "KZ-11", "Ақмола облысы", "Акмолинская область", "Akmola Region"),
    row(15, "KZ-15", "Ақтөбе облысы", "Актюбинская область", "Aktobe Region"),
    row(19, "KZ-19", "Алматы облысы", "Алматинская область", "Almaty Region"),
    row(23, "KZ-23", "Атырау облысы", "Атырауская область", "Atyrau Region"),
    row(27, "KZ-27", "Батыс Қазақстан облысы", "Западно-Казахстанская область", "West Kazakhstan Region"),
    row(31, "KZ-31", "Жамбыл облысы", "Жамбылская область", "Zhambyl Region"),
    row(33, "KZ-33", "Жетісу облысы", "область Жетісу", "Zhetisu Region"),
    row(35, "KZ-35", "Қарағанды облысы", "Карагандинская область", "Karaganda Region"),
    row(39, "KZ-39", "Қостанай облысы", "Костанайская область", "Kostanay Region"),
    row(43, "KZ-43", "Қызылорда облысы", "Кызылординская область", "Kyzylorda Region"),
    row(47, "KZ-47", "Маңғыстау облысы", "Мангистауская область", "Mangystau Region"),
    row(55, "KZ-55", "Павлодар облысы", "Павлодарская область", "Pavlodar Region"),
    row(59, "KZ-59", "Солтүстік Қазақстан облысы", "Северо-Казахстанская область", "North Kazakhstan Region"),
    row(61, "KZ-61", "Түркістан облысы", "Туркестанская область", "Turkistan Region"),
    row(62, "KZ-62", "Ұлытау облысы", "область Ұлытау", "Ulytau Region"),
    row(63, "KZ-63", "Шығыс Қазақстан облысы", "Восточно-Казахстанская область", "East Kazakhstan Region"),
    row(71, "KZ-71", "Астана қаласы", "город Астана", "Astana city"),
    row(75, "KZ-75", "Алматы қаласы", "город Алматы", "Almaty city"),
    row(79, "KZ-79", "Шымкент қаласы", "город Шымкент", "Shymkent city"),
];

impl Region {
    /// Every region, by code.
    pub const ALL: [Self; COUNT] = {
        let mut all = [Self { row: 0 }; COUNT];
        let mut row: u8 = 0;
        while (row as usize) < COUNT {
            all[row as usize] = Self { row };
            row += 1;
        }
        all
    };

    /// The region with these two digits after `KZ-`, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.number() == number)
    }

    /// The two digits after `KZ-` as a number: 55 for `KZ-55`. This is what
    /// records and index keys store.
    #[must_use]
    pub fn number(self) -> u8 {
        self.entry().number
    }

    /// The ISO 3166-2 code, `KZ-55`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.entry().code
    }

    /// The name in Kazakh.
    #[must_use]
    pub fn name_kk(self) -> &'static str {
        self.entry().kk
    }

    /// The name in Russian.
    #[must_use]
    pub fn name_ru(self) -> &'static str {
        self.entry().ru
    }

    /// The name in English.
    #[must_use]
    pub fn name_en(self) -> &'static str {
        self.entry().en
    }

    fn entry(self) -> &'static Row {
        &TABLE[usize::from(self.row)]
    }
}

impl FromStr for Region {
    type Err = RegionError;

    /// Reads `KZ-55`. Small letters, spaces and three digits are refused: one
    /// region has one spelling, so texts compare as regions do.
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let digits = text.strip_prefix("KZ-").ok_or(RegionError::Form)?;
        let &[tens @ b'0'..=b'9', units @ b'0'..=b'9'] = digits.as_bytes() else {
            return Err(RegionError::Form);
        };
        let number = (tens - b'0') * 10 + (units - b'0');
        Self::from_number(number).ok_or(RegionError::Unknown { number })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_regions_read_back_from_their_own_codes() {
        assert_eq!(Region::ALL.len(), 20);
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
            assert_eq!(Region::from_number(region.number()), Some(region));
            assert_eq!(region.code(), format!("KZ-{:02}", region.number()));
        }
    }

    #[test]
    fn regions_order_by_code_and_no_name_is_shared() {
        assert!(
            Region::ALL
                .windows(2)
                .all(|pair| pair[0] < pair[1] && pair[0].number() < pair[1].number())
        );
        for name in [Region::name_kk, Region::name_ru, Region::name_en] {
            let mut names: Vec<_> = Region::ALL.into_iter().map(name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), Region::ALL.len());
        }
    }

    #[test]
    fn names_go_with_their_codes() {
        let pavlodar: Region = "KZ-55".parse().unwrap();
        assert_eq!(pavlodar.name_kk(), "Павлодар облысы");
        assert_eq!(pavlodar.name_ru(), "Павлодарская область");
        assert_eq!(pavlodar.name_en(), "Pavlodar Region");
        let west: Region = "KZ-27".parse().unwrap();
        assert_eq!(west.name_en(), "West Kazakhstan Region");
        let city: Region = "KZ-75".parse().unwrap();
        assert_eq!(city.name_ru(), "город Алматы");
        assert_eq!(Region::from_number(19).unwrap().name_en(), "Almaty Region");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "", "55", "KZ55", "kz-55", "KZ-5", "KZ-055", "KZ-55 ", " KZ-55", "KZ-5а", "KZ-+5",
            "PAV", "KZ-PAV", "RU-55", "KZ-٥٥",
        ] {
            assert_eq!(text.parse::<Region>(), Err(RegionError::Form), "{text:?}");
        }
    }

    #[test]
    fn a_code_of_no_region_is_named_in_the_answer() {
        let error = "KZ-07".parse::<Region>().unwrap_err();
        assert_eq!(error, RegionError::Unknown { number: 7 });
        assert!(error.to_string().contains("KZ-07"));
    }
}
