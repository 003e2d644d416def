//! The ladder: what is said of a running term, to whom, and when.
//!
//! A clock is a hop with a due instant that is not settled: an obligation of the party that must
//! act, or an act that its receiver's system has not acknowledged. Its rungs are planned by the
//! clock and the calendar alone, so anyone can tell from the journal what must have been said by
//! when. Nothing here decides about a case: a rung is a record and a word to those whom it
//! concerns, and an item stays deliverable whatever has been said of it.

mod audience;
mod clock;
mod notice;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};

use super::ids::HopId;
use super::party::PartyId;

pub use audience::{Told, audience, is_ever_told, told};
pub use clock::{Attribution, Clock, Outage, attribution, clocks, late_discharges};
pub use notice::{
    BusOutage, Clause, Fired, Impediment, MAX_FIRED, NO_CASE, Notice, NoticeAcknowledged,
    NoticeSent, Sent,
};
pub use plan::{Plan, Planned};

named! {
    /// What is said of a clock.
    Rung, "a rung of the ladder", {
        /// The term has begun. The delivery that brings the papers says it too.
        Opening = 1 "opening",
        /// The morning of the middle working day of the term.
        Half = 2 "half",
        /// The morning of the last working day before the due day.
        DayBefore = 3 "day-before",
        /// The morning of the due day.
        DueMorning = 4 "due-morning",
        /// The term has run out: the breach.
        Due = 5 "due",
        /// The morning of each working day after it.
        Overdue = 6 "overdue",
        /// The term will not hold, as far as can be told.
        Infeasible = 7 "infeasible",
        /// What was overdue is done, or ended undone.
        LateDischarge = 8 "late-discharge",
        /// The delivery is held: its receiver refused it or failed to take it.
        Held = 9 "held",
    }
}

named! {
    /// By which way a party is told beside its inbox.
    Channel, "a channel of notices", {
        /// A letter to its duty contacts, by SMTP.
        Email = 1 "e-mail",
        /// A signed call of its own address.
        Webhook = 2 "webhook",
    }
}

/// A set of rungs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rungs(u16);

/// Which rungs there are, and who wants them beside the inbox. The same at every node and in every
/// replay, since it is configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// When a working day's notices go out, in the zone of the party that must act.
    pub morning: Time,
    /// The planned rungs of a hop that `of_hops` does not name.
    pub usual: Rungs,
    /// The planned rungs of single hops.
    pub of_hops: BTreeMap<HopId, Rungs>,
    /// Days on which a party's office is closed beside the holidays of Kazakhstan.
    pub days_off: BTreeMap<PartyId, BTreeSet<Date>>,
    /// By which ways a party is told beside its inbox, and of which rungs.
    pub channels: BTreeMap<PartyId, Vec<(Channel, Rungs)>>,
}

impl Rungs {
    /// The rungs planned unless the configuration says otherwise.
    pub const USUAL: Self =
        Self::of(&[Rung::Half, Rung::DayBefore, Rung::DueMorning, Rung::Due, Rung::Overdue]);
    /// Every rung.
    pub const ALL: Self = Self::of(Rung::ALL);

    /// The set of these rungs.
    pub const fn of(rungs: &[Rung]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < rungs.len() {
            bits |= 1 << rungs[at].tag();
            at += 1;
        }
        Self(bits)
    }

    /// Whether a rung is in the set.
    pub const fn has(self, rung: Rung) -> bool {
        self.0 & (1 << rung.tag()) != 0
    }

    /// The set with one more rung.
    #[must_use]
    pub const fn with(self, rung: Rung) -> Self {
        Self(self.0 | 1 << rung.tag())
    }
}

impl FromIterator<Rung> for Rungs {
    fn from_iter<I: IntoIterator<Item = Rung>>(rungs: I) -> Self {
        rungs.into_iter().fold(Self::default(), Self::with)
    }
}

impl Default for Ladder {
    /// The usual rungs, at nine in the morning, by the inbox alone.
    fn default() -> Self {
        Self {
            morning: Time::constant(9, 0, 0, 0),
            usual: Rungs::USUAL,
            of_hops: BTreeMap::new(),
            days_off: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }
}

impl Ladder {
    /// The planned rungs of a hop. The breach is recorded whatever the configuration says.
    pub fn rungs(&self, hop: HopId) -> Rungs {
        self.of_hops.get(&hop).copied().unwrap_or(self.usual).with(Rung::Due)
    }

    /// Whether a rung is said of any hop. What is not planned follows from what happens.
    pub fn says(&self, rung: Rung) -> bool {
        match rung {
            Rung::Opening | Rung::Half | Rung::DayBefore | Rung::DueMorning | Rung::Overdue => {
                self.usual.has(rung) || self.of_hops.values().any(|rungs| rungs.has(rung))
            }
            Rung::Due | Rung::Infeasible | Rung::LateDischarge | Rung::Held => true,
        }
    }

    /// The ways beside its inbox by which a party is told of a rung.
    pub fn channels(&self, party: &PartyId, rung: Rung) -> impl Iterator<Item = Channel> {
        let wanted = self.channels.get(party).into_iter().flatten();
        wanted.filter(move |(_, rungs)| rungs.has(rung)).map(|(channel, _)| *channel)
    }
}
