//! Writes a calendar as a file of the same format, for whoever amends one.

use super::{COLUMNS, CalendarFileError, FORMAT, Field, certainty_word, kind_word, name};
use crate::domain::calendar::{Calendar, ListedDay};

/// Lines above the first row: those of the head, one of comment, the columns.
const LINES_ABOVE: usize = 5;

/// The text of a file that [`parse`](super::parse) reads as this very calendar.
/// Comments of the file it came from are not kept.
///
/// # Errors
/// [`CalendarFileError::Value`] for a name that no row can hold, with the line
/// on which it would stand.
pub fn write(calendar: &Calendar) -> Result<String, CalendarFileError> {
    let mut text = format!(
        "# format: {FORMAT}\n# calendar: {}\n# covers: {}..{}\n\
         # Days not listed work from Monday to Friday. Change a row, and change the version.\n\
         {COLUMNS}\n",
        calendar.version(),
        calendar.first(),
        calendar.last(),
    );
    for (line, ListedDay { date, kind, certainty, name: called }) in
        (LINES_ABOVE + 1..).zip(calendar.listed())
    {
        let weekday = super::weekday_word(date.weekday());
        let (kind, certainty) = (kind_word(*kind), certainty_word(*certainty));
        let en = name(line, Field::NameEn, &called.en)?;
        let kk = name(line, Field::NameKk, &called.kk)?;
        text += &format!("{date},{weekday},{kind},{certainty},{en},{kk}\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{
        CalendarBuilder, CalendarVersion, Certainty, DayName, ListedKind,
    };
    use crate::procedures::calendar::{KAZAKHSTAN, kazakhstan, parse};
    use jiff::civil::date;

    fn rows(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn the_carried_calendar_is_written_as_it_was_read() {
        let calendar = kazakhstan().unwrap();
        let text = write(&calendar).unwrap();
        assert_eq!(parse(&text).unwrap(), calendar);
        assert_eq!(rows(&text), rows(KAZAKHSTAN));
    }

    #[test]
    fn a_name_that_no_row_can_hold_is_refused_with_its_line() {
        for (en, kk, place) in [
            ("Eid, first day", "", "line 6, name_en: "),
            ("", "", "line 6, name_en: "),
            ("Eid", "Айт\n", "line 6, name_kk: "),
        ] {
            let version = CalendarVersion::parse("t-1").unwrap();
            let (first, last) = (date(2025, 1, 1), date(2025, 12, 31));
            let mut builder = CalendarBuilder::new(version, first, last).unwrap();
            let name = DayName { en: en.into(), kk: kk.into() };
            let (kind, certainty) = (ListedKind::Holiday, Certainty::Fixed);
            builder.list(ListedDay { date: first, kind, certainty, name }).unwrap();
            let said = write(&builder.build()).unwrap_err().to_string();
            assert!(said.starts_with(place), "{said}");
        }
    }
}
