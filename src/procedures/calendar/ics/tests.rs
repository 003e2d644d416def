//! Events as they come from calendar programs, good and bad.

use jiff::civil::date;

use super::*;
use crate::procedures::calendar::{kazakhstan, parse, write};

const HEAD: &str = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n";

fn file(events: &[&str]) -> String {
    let events = events.iter().map(|event| format!("BEGIN:VEVENT\n{event}\nEND:VEVENT\n"));
    format!("{HEAD}{}END:VCALENDAR\n", events.collect::<String>())
}

fn imported(events: &[&str]) -> Result<Calendar, IcsError> {
    let version = CalendarVersion::parse("kz-2026.2").unwrap();
    import(file(events).as_bytes(), &kazakhstan().unwrap(), version, None)
}

/// The days that change, as `date: kind certainty en kk`.
fn changed(events: &[&str]) -> Vec<String> {
    let (base, calendar) = (kazakhstan().unwrap(), imported(events).unwrap());
    let text = write(&calendar).unwrap();
    assert_eq!(parse(&text).unwrap(), calendar);
    let changes = base.amended_by(&calendar).unwrap();
    let told = changes.iter().map(|change| {
        let listed = change.after.listed;
        let listed =
            listed.map(|day| format!("{:?} {} {}", day.certainty, day.name.en, day.name.kk));
        format!("{}: {} {}", change.date(), change.after.kind.as_str(), listed.unwrap_or_default())
    });
    told.collect()
}

#[test]
fn an_announced_day_takes_the_place_of_the_estimated_one() {
    let told = changed(&[
        "DTSTART;VALUE=DATE:20270516\nSTATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20270517\nDTEND;VALUE=DATE:20270518\nSUMMARY:Eid al-Adha\n\
         X-KOPIR-NAME-KK:Құрбан айт\nCATEGORIES:Holiday\nSTATUS:CONFIRMED\n\
         BEGIN:VALARM\nTRIGGER:-P1D\nEND:VALARM",
    ]);
    assert_eq!(told, ["2027-05-16: weekend ", "2027-05-17: holiday Fixed Eid al-Adha Құрбан айт"]);
}

#[test]
fn spans_are_taken_day_by_day() {
    let moved = "DTSTART;VALUE=DATE:20260810\nDURATION:P2D\nSUMMARY:Moved\\, twice\n\
                 CATEGORIES:DAY-OFF-MOVED\nSTATUS:TENTATIVE";
    let worked = "DTSTART;VALUE=DATE:20260815\nDTEND;VALUE=DATE:20260817\nSUMMARY:Worked\n\
                  CATEGORIES:working_weekend";
    assert_eq!(
        changed(&[worked, moved]),
        [
            "2026-08-10: moved day off Estimated Moved; twice ",
            "2026-08-11: moved day off Estimated Moved; twice ",
            "2026-08-15: working weekend Fixed Worked ",
            "2026-08-16: working weekend Fixed Worked ",
        ]
    );
}

#[test]
fn a_day_under_its_old_name_keeps_its_kazakh_one() {
    let told = changed(&[
        "DTSTART;VALUE=DATE:20260706\nSUMMARY:Capital Day\nCATEGORIES:HOLIDAY\nSTATUS:TENTATIVE",
    ]);
    assert_eq!(told, ["2026-07-06: holiday Estimated Capital Day Астана күні"]);
}

#[test]
fn a_default_kind_is_for_events_without_one() {
    let base = kazakhstan().unwrap();
    let version = CalendarVersion::parse("kz-2026.2").unwrap();
    let events = file(&[
        "DTSTART;VALUE=DATE:20260810\nSUMMARY:A",
        "DTSTART;VALUE=DATE:20260811\nSUMMARY:B\nCATEGORIES:OBSERVED",
    ]);
    let calendar = import(events.as_bytes(), &base, version, Some(ListedKind::Holiday)).unwrap();
    let kind = |day| calendar.day(date(2026, 8, day)).unwrap().kind;
    assert_eq!((kind(10), kind(11)), (DayKind::Holiday, DayKind::Observed));
}

#[test]
fn a_bad_event_is_refused_with_its_line_and_a_remedy() {
    let day = "DTSTART;VALUE=DATE:20260810\nSUMMARY:A\nCATEGORIES:HOLIDAY";
    let with = |line: &str| format!("{day}\n{line}");
    let long =
        format!("DTSTART;VALUE=DATE:20260810\nSUMMARY:{}\nCATEGORIES:HOLIDAY", "n".repeat(201));
    for (event, place, rule) in [
        ("DTSTART:20260810T090000Z\nSUMMARY:A", "line 5, DTSTART: ", "not a whole day"),
        ("DTSTART;TZID=Asia/Almaty:20260810T000000", "line 5, DTSTART: ", "not a whole day"),
        ("DTSTART;VALUE=DATE:20260230\nSUMMARY:A", "line 5, DTSTART: ", "a day such as"),
        ("SUMMARY:A\nCATEGORIES:HOLIDAY", "line 4, DTSTART: ", "has none"),
        (&with("RRULE:FREQ=YEARLY"), "line 8, RRULE: ", "repeated"),
        (&with("RDATE;VALUE=DATE:20260811"), "line 8, RDATE: ", "repeated"),
        (&with("CATEGORIES:OBSERVED"), "line 8, CATEGORIES: ", "keep one"),
        (&with("SUMMARY:B"), "line 8, SUMMARY: ", "keep one"),
        (&with("STATUS:LIKELY"), "line 8, STATUS: ", "TENTATIVE"),
        (&with("DTEND;VALUE=DATE:20260810"), "line 8, DTEND: ", "1 to 31 days"),
        (&with("DTEND;VALUE=DATE:20261010"), "line 8, DTEND: ", "1 to 31 days"),
        (&with("DURATION:PT4H"), "line 8, DURATION: ", "whole days"),
        (&with("DURATION:P60000W"), "line 8, DURATION: ", "whole days"),
        ("DTSTART;VALUE=DATE:20260810\nSUMMARY:A", "line 4, CATEGORIES: ", "--kind"),
        (&day.replace("HOLIDAY", "OBSERVANCE"), "line 7, CATEGORIES: ", "\"OBSERVANCE\""),
        (&day.replace("SUMMARY:A", "SUMMARY:"), "line 6, SUMMARY: ", "in English"),
        (&day.replace("SUMMARY:A", "SUMMARY;LANGUAGE=ru:A"), "line 6, SUMMARY: ", "in English"),
        (&day.replace("SUMMARY:A\n", ""), "line 4, SUMMARY: ", "in English"),
        (&day.replace("2026", "2031"), "line 5, DTSTART: ", "2016-01-01..2030-12-31"),
        (&long, "line 6, SUMMARY: ", "200 bytes"),
        ("DTSTART;VALUE=DATE:20260810\nSTATUS:CANCELLED", "line 5, STATUS: ", "nothing is listed"),
        ("no colon", "line 5: ", "NAME;PARAMETER=VALUE:VALUE"),
        ("BEGIN:VALARM", "line 6: ", "END:VALARM"),
    ] {
        let said = imported(&[event]).unwrap_err().to_string();
        assert!(said.starts_with(place) && said.contains(rule), "{event}\n{said}");
        assert!(said.contains(';'), "no remedy: {said}");
    }
}

#[test]
fn a_span_that_leaves_the_calendar_is_refused() {
    let event = "DTSTART;VALUE=DATE:20301231\nDURATION:P2D\nSUMMARY:A\nCATEGORIES:HOLIDAY";
    let said = imported(&[event]).unwrap_err().to_string();
    assert!(said.starts_with("line 5, DTSTART: 2031-01-01 is listed, but"), "{said}");
}

#[test]
fn two_events_for_one_day_are_refused_with_both_lines() {
    let off = "DTSTART;VALUE=DATE:20260815\nSUMMARY:A\nCATEGORIES:HOLIDAY";
    let working = "DTSTART;VALUE=DATE:20260815\nSUMMARY:A\nCATEGORIES:WORKING-WEEKEND";
    let said = |events: &[&str]| imported(events).unwrap_err().to_string();
    assert_eq!(
        said(&[off, working]),
        "line 10, DTSTART: 2026-08-15 is working weekend here and holiday on line 5; \
         keep one event for a day"
    );
    assert!(said(&[off, off]).contains("is holiday here and holiday on line 5"));
}

#[test]
fn a_file_that_is_no_calendar_is_refused() {
    let many: Vec<_> = (0..=EVENTS_MAX).map(|_| "SUMMARY:A").collect();
    let many = file(&many);
    for (text, said) in [
        ("", "the file has no VEVENT"),
        (&file(&[]), "the file has no VEVENT"),
        ("SUMMARY:A", "line 1: \"SUMMARY:A\" stands where BEGIN:VCALENDAR"),
        ("# format: kopir-calendar/1", "line 1: \"# format"),
        (&format!("{HEAD}END:VEVENT"), "line 4: \"END:VEVENT\" stands where END:VCALENDAR"),
        (HEAD, "line 4: \"the end of the file\" stands where END:VCALENDAR"),
        (
            &format!("{HEAD}END:VCALENDAR\n{HEAD}"),
            "line 5: \"BEGIN:VCALENDAR\" stands where the end",
        ),
        ("BEGIN:VCALENDAR\nVERSION:1.0", "line 2, VERSION: \"1.0\""),
        (&many, "line 6004, BEGIN: more than 2000 events"),
        (&"X".repeat(1 << 21), "the file has more than 1048576 bytes"),
    ] {
        let version = CalendarVersion::parse("t-2").unwrap();
        let base = kazakhstan().unwrap();
        let error = import(text.as_bytes(), &base, version, None).unwrap_err().to_string();
        assert!(error.starts_with(said) && error.contains(';'), "{error}");
    }
}
