//! The calendar of working days, as its own file and as an import of iCalendar (RFC 5545).
#![no_main]

use kopir::domain::calendar::{Calendar, CalendarVersion};
use kopir::procedures::calendar::{self, ics};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(read) = calendar::parse(text) {
        // What was read is written so that it reads the same.
        let written = calendar::write(&read).expect("what was read can be written");
        assert_eq!(calendar::parse(&written).as_ref().ok(), Some(&read));
    }
    let base: Calendar = calendar::kazakhstan().expect("the calendar carried along is sound");
    let version = CalendarVersion::parse("fuzz-1").expect("a sound version");
    let _refused = ics::import(text.as_bytes(), &base, version, None);
});
