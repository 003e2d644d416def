//! From messages to commands and queries.
//!
//! A message is read once, here: every struct is taken apart whole, so that a field which the
//! contract gains breaks this build instead of vanishing, and every fault is collected, so that
//! the sender mends all of them in one round. Inside, the types are the proof. What a rule needs
//! from outside the message, the time and the sender's zone, comes in as a value.

pub mod act;
pub mod application;
pub mod decision;
pub mod dispatch;
pub mod endpoint;
pub mod fault;
pub mod forms;
pub mod held;
pub mod order;
pub mod page;
pub mod person;
pub mod query;
pub mod reading;
pub mod rule;
pub mod signature;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Caller;
use crate::domain::Procedures;
use crate::trust::applicants::ApplicantKey;

/// Who asks, and when.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The calling party.
    pub caller: &'a Caller,
    /// The zone in which its days end.
    pub zone: &'a TimeZone,
    /// The zone of the authorised body, in which the day is told on which an edition applies.
    pub law_zone: &'a TimeZone,
    /// The time of the bus.
    pub now: Timestamp,
    /// The procedures, by which an application finds its edition.
    pub procedures: &'a Procedures,
    /// By which an applicant is told again.
    pub applicants: &'a ApplicantKey,
}

impl Asked<'_> {
    /// The caller's day of an instant.
    pub fn day(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The day of an instant by which an edition is chosen.
    pub fn law_day(&self, at: Timestamp) -> Date {
        self.law_zone.to_datetime(at).date()
    }
}
