//! Chapter 3 of the rules as a reader of them writes it down, without a line of the code under
//! test: who passes what to whom, in which term, and the calendar of the months the model lives in.

use jiff::civil::{Date, date};

/// A party, as its place in [`WHO`].
pub type Who = usize;

pub const COMMITTEE: Who = 0;
pub const MISSIONS: [Who; 2] = [1, 2];

/// Every party of the model: its name, its region, the hours by which its clock is ahead of UTC.
pub const WHO: [(&str, Option<u8>, i64); 8] = [
    ("migration-committee", None, 6),
    ("mission-uz", None, 5),
    ("mission-mn", None, 8),
    ("akimat-kz-10", Some(10), 6),
    ("commission-kz-10", Some(10), 6),
    ("akimat-kz-23", Some(23), 5),
    ("commission-kz-23", Some(23), 5),
    // A region without a commission, so no case can be there.
    ("akimat-kz-47", Some(47), 5),
];

/// Regions of which applications are made: two whole ones, one without a commission, one without
/// any party.
pub const REGIONS: [u8; 4] = [10, 23, 47, 79];

/// The parties of a region's cases.
pub fn akimat_and_commission(region: u8) -> Option<(Who, Who)> {
    match region {
        10 => Some((3, 4)),
        23 => Some((5, 6)),
        _ => None,
    }
}

/// Whose acts a party's system may record: its own, and for the akimat of region 23 those of its
/// commission.
pub fn acts_for(actor: Who, subject: Who) -> bool {
    actor == subject || (actor, subject) == (5, 6)
}

/// The seats of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Mission,
    Committee,
    Akimat,
    Commission,
    Applicant,
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Submit,
    Forward,
    Refer,
    DecideConsent,
    SendDecision,
    ForwardDecision,
    HandOver,
    Arrive,
    DecideInclusion,
    HandOverInclusion,
}

pub const LATER_DEEDS: [Deed; 9] = [
    Deed::Forward,
    Deed::Refer,
    Deed::DecideConsent,
    Deed::SendDecision,
    Deed::ForwardDecision,
    Deed::HandOver,
    Deed::Arrive,
    Deed::DecideInclusion,
    Deed::HandOverInclusion,
];

/// How long a hop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    None,
    Working(u32),
    Calendar(i32),
}

/// What follows a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next hop runs from the receipt of this one.
    OnReceipt(u8),
    /// From the act itself.
    OnAct(u8),
    /// From the act, and only after a consent.
    OnConsent(u8),
    Nothing,
}

/// One line of the table of chapter 3.
pub struct Rule {
    pub hop: u8,
    pub from: Seat,
    pub to: Seat,
    pub deed: Deed,
    pub term: Term,
    pub next: Next,
}

const fn rule(hop: u8, from: Seat, to: Seat, deed: Deed, term: Term, next: Next) -> Rule {
    Rule { hop, from, to, deed, term, next }
}

/// Hops 2 to 12; hop 1 is the applicant's filing, recorded with hop 2.
#[rustfmt::skip]
pub const RULES: [Rule; 11] = [
    rule(2, Seat::Mission, Seat::Committee, Deed::Submit, Term::Working(5), Next::OnReceipt(3)), // ¶11, assumed
    rule(3, Seat::Committee, Seat::Akimat, Deed::Forward, Term::Working(5), Next::OnReceipt(4)), // ¶12
    rule(4, Seat::Akimat, Seat::Commission, Deed::Refer, Term::Working(3), Next::OnReceipt(5)), // ¶13
    rule(5, Seat::Commission, Seat::Akimat, Deed::DecideConsent, Term::Working(10), Next::OnAct(6)), // ¶14
    rule(6, Seat::Akimat, Seat::Committee, Deed::SendDecision, Term::Working(3), Next::OnReceipt(7)), // ¶16
    rule(7, Seat::Committee, Seat::Mission, Deed::ForwardDecision, Term::Working(5), Next::OnReceipt(8)), // ¶17
    rule(8, Seat::Mission, Seat::Applicant, Deed::HandOver, Term::Calendar(30), Next::OnConsent(9)), // ¶18
    rule(9, Seat::Applicant, Seat::Akimat, Deed::Arrive, Term::None, Next::OnAct(10)), // ¶¶19-20
    rule(10, Seat::Akimat, Seat::Commission, Deed::Refer, Term::Working(3), Next::OnReceipt(11)), // ¶21
    rule(11, Seat::Commission, Seat::Akimat, Deed::DecideInclusion, Term::Working(10), Next::OnAct(12)), // ¶22
    rule(12, Seat::Akimat, Seat::Applicant, Deed::HandOverInclusion, Term::Calendar(5), Next::Nothing), // ¶23
];

/// The term of the whole service, from the first intake and again from the arrival (App. 2).
pub const SERVICE: Term = Term::Working(14);

pub fn rule_of(hop: u8) -> &'static Rule {
    RULES.iter().find(|rule| rule.hop == hop).expect("a hop of the table")
}

/// Days off that are no weekend, from the public list of holidays with their observed and moved
/// days.
const OFF: [Date; 22] = [
    date(2021, 12, 1),
    date(2021, 12, 16),
    date(2021, 12, 17),
    date(2022, 1, 3),
    date(2022, 1, 4),
    date(2022, 1, 7),
    date(2022, 3, 7),
    date(2022, 3, 8),
    date(2022, 3, 21),
    date(2022, 3, 22),
    date(2022, 3, 23),
    date(2022, 5, 2),
    date(2022, 5, 9),
    date(2022, 5, 10),
    date(2022, 7, 6),
    date(2022, 8, 29),
    date(2022, 8, 30),
    date(2022, 10, 24),
    date(2022, 10, 25),
    date(2022, 12, 16),
    date(2023, 1, 2),
    date(2023, 1, 3),
];

/// Saturdays that work.
const ON: [Date; 3] = [date(2022, 3, 5), date(2022, 8, 27), date(2022, 10, 22)];

/// The model's first and last day; the lists above hold between them and well after.
pub const FIRST_DAY: Date = date(2021, 11, 26);
pub const LAST_DAY: Date = date(2022, 9, 30);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const EPOCH: Date = date(1970, 1, 1);

/// The day it is for a party.
pub fn day_of(who: Who, at_ms: i64) -> Date {
    let days = (at_ms + WHO[who].2 * HOUR_MS).div_euclid(DAY_MS);
    EPOCH + jiff::Span::new().days(days)
}

/// The first instant of a party's day.
pub fn start_of(who: Who, day: Date) -> i64 {
    let days = (day - EPOCH).get_days();
    i64::from(days) * DAY_MS - WHO[who].2 * HOUR_MS
}

/// Whether a day is a working day.
pub fn is_working(day: Date) -> bool {
    let is_weekend = day.weekday().to_monday_zero_offset() > 4;
    (!is_weekend || ON.contains(&day)) && !OFF.contains(&day)
}

/// The last day of a term that runs from an event on `day`, which does not count itself.
pub fn last_day(term: Term, day: Date) -> Option<Date> {
    let tomorrow = |day: Date| day + jiff::Span::new().days(1);
    match term {
        Term::None => None,
        Term::Calendar(days) => Some(day + jiff::Span::new().days(days)),
        Term::Working(days) => {
            let (mut left, mut last) = (days, day);
            while left > 0 {
                last = tomorrow(last);
                if is_working(last) {
                    left -= 1;
                }
            }
            Some(last)
        }
    }
}

/// The first instant after a party's day.
pub fn end_of(who: Who, day: Date) -> i64 {
    start_of(who, day) + DAY_MS
}
