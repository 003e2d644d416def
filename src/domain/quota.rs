//! The ledger of regional quotas: how many persons a region may take in a year, how many places a
//! consent holds, how many are taken.
//!
//! A regional quota is a limit in persons, families counted whole (002-KK ¶2(4), (6)). The ledger
//! is the sum over the cases: a case holds places, or has taken them, or neither; each act's
//! record carries what it moves, so the fold needs no rule of its own.

use std::fmt;

use jiff::civil::Date;

use super::ids::CaseId;
use super::region::Region;

named! {
    /// Whom a quota is for.
    Category, "a category of a quota", {
        /// Kandas and their families (002-KK ¶2(4)).
        Kandas = 1 "kandas",
        /// In-migrants and their families (002-KK ¶2(6)).
        InMigrant = 2 "in-migrant",
    }
}

/// Which quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaKey {
    /// The region that takes the persons in.
    pub region: Region,
    /// The calendar year.
    pub year: i16,
    /// Whom it is for.
    pub category: Category,
}

impl fmt::Display for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.year, self.category, self.region)
    }
}

/// Where a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// The limit in persons; none when the authorised body has not set one.
    pub limit: Option<u32>,
    /// Places that consents hold.
    pub reserved: u32,
    /// Places taken by inclusions.
    pub taken: u32,
}

impl Quota {
    /// Places held or taken.
    pub fn used(self) -> u32 {
        self.reserved.saturating_add(self.taken)
    }

    /// Places left; none without a limit.
    pub fn free(self) -> Option<u32> {
        self.limit.map(|limit| limit.saturating_sub(self.used()))
    }

    /// The quota after a move. Total: a move that the ledger cannot hold stops at its edge, which
    /// the audit of the index would then tell.
    #[must_use]
    pub fn after(mut self, change: QuotaChange, persons: u32) -> Self {
        match change {
            QuotaChange::Reserve => self.reserved = self.reserved.saturating_add(persons),
            QuotaChange::Release => self.reserved = self.reserved.saturating_sub(persons),
            QuotaChange::Take => self.taken = self.taken.saturating_add(persons),
            QuotaChange::GiveBack => self.taken = self.taken.saturating_sub(persons),
        }
        self
    }
}

named! {
    /// What happens to the places of a case.
    QuotaChange, "a change of a quota", {
        /// A consent holds places.
        Reserve = 1 "reserve",
        /// Held places are free again: refusal, expiry, or inclusion in their stead.
        Release = 2 "release",
        /// An inclusion takes places.
        Take = 3 "take",
        /// Taken places are free again.
        GiveBack = 4 "give-back",
    }
}

/// One entry of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaMove {
    /// Which quota.
    pub key: QuotaKey,
    /// What happens.
    pub change: QuotaChange,
    /// To how many places, in persons.
    pub persons: u16,
}

/// The places of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Of which quota.
    pub key: QuotaKey,
    /// How many, in persons.
    pub persons: u16,
    /// True once an inclusion has taken them, false while a consent holds them.
    pub taken: bool,
    /// The last day on which the consent holds them; none without a limit.
    pub until: Option<Date>,
}

impl Holding {
    /// The entry that undoes it.
    pub fn undone(self) -> QuotaMove {
        let change = if self.taken { QuotaChange::GiveBack } else { QuotaChange::Release };
        QuotaMove { key: self.key, change, persons: self.persons }
    }

    /// The entry that makes it.
    pub fn made(self) -> QuotaMove {
        let change = if self.taken { QuotaChange::Take } else { QuotaChange::Reserve };
        QuotaMove { key: self.key, change, persons: self.persons }
    }
}

/// A person by a keyed hash over name and date of birth: the same person gives the same hash on
/// one bus, and the hash gives nobody away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityHash(pub [u8; 16]);

named! {
    /// What a person may have only once.
    Standing, "a standing", {
        /// Included in the quota of kandas (002-KK ¶3).
        KandasIncluded = 1 "kandas-included",
        /// Included in the quota of in-migrants (002-KK App. 2 row 9).
        InMigrantIncluded = 2 "in-migrant-included",
        /// The kandas status was extended (004 ¶19).
        StatusExtended = 3 "status-extended",
    }
}

impl Category {
    /// The standing that an inclusion in this quota gives.
    pub const fn standing(self) -> Standing {
        match self {
            Self::Kandas => Standing::KandasIncluded,
            Self::InMigrant => Standing::InMigrantIncluded,
        }
    }
}

/// What a decision reads of the ledger.
pub trait Ledger {
    /// Where a quota stands.
    fn quota(&self, key: QuotaKey) -> Quota;

    /// The case that gave a person a standing before.
    fn earlier(&self, person: IdentityHash, standing: Standing) -> Option<CaseId>;
}

/// A ledger that admits everybody: no limit is kept and nobody is known. For a bus that carries
/// acts without keeping quotas, and for tests of other rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn quota(&self, _: QuotaKey) -> Quota {
        Quota::default()
    }

    fn earlier(&self, _: IdentityHash, _: Standing) -> Option<CaseId> {
        None
    }
}

/// What a quota that nobody has set means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenUnset {
    /// No quota, no inclusion: a quota is a limit that the authorised body sets.
    #[default]
    Refuse,
    /// Inclusions are recorded without a limit, for a bus that does not keep the quotas.
    Admit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holding_undone_leaves_the_quota_as_it_was() {
        let key =
            QuotaKey { region: "KZ-55".parse().unwrap(), year: 2026, category: Category::Kandas };
        for taken in [false, true] {
            let holding = Holding { key, persons: 4, taken, until: None };
            let before = Quota { limit: Some(10), reserved: 1, taken: 2 };
            let made = before.after(holding.made().change, 4);
            assert_eq!(made.free(), Some(3));
            assert_eq!(made.after(holding.undone().change, 4), before);
        }
    }

    #[test]
    fn a_quota_below_what_is_used_has_nothing_free() {
        let quota = Quota { limit: Some(3), reserved: 2, taken: 2 };
        assert_eq!((quota.used(), quota.free()), (4, Some(0)));
        assert_eq!(Quota::default().free(), None);
    }
}
