//! The ledger of a scenario, folded from the records as the index folds it.

use std::collections::BTreeMap;

use kopir::domain::{
    Case, CaseId, Holding, HoldingChange, IdentityHash, Ledger, Quota, QuotaKey, Standing,
};

/// Quotas, and what persons have been granted.
#[derive(Default)]
pub struct Book {
    quotas: BTreeMap<QuotaKey, Quota>,
    standings: Vec<(IdentityHash, Standing, CaseId)>,
}

impl Ledger for Book {
    fn quota(&self, key: QuotaKey) -> Quota {
        self.quotas.get(&key).copied().unwrap_or_default()
    }

    fn earlier(&self, person: IdentityHash, standing: Standing) -> Option<CaseId> {
        let granted = |(who, what, _): &&(_, _, _)| (*who, *what) == (person, standing);
        self.standings.iter().find(granted).map(|(_, _, case)| *case)
    }
}

impl Book {
    pub fn set(&mut self, key: QuotaKey, persons: u32) {
        self.quotas.entry(key).or_default().limit = Some(persons);
    }

    /// Whether a scenario is about this quota.
    pub fn is_set(&self, key: QuotaKey) -> bool {
        self.quota(key).limit.is_some()
    }

    pub fn change(&mut self, change: HoldingChange) {
        let undone = change.before.map(Holding::undone);
        for each in undone.into_iter().chain(change.after.map(Holding::made)) {
            let quota = self.quotas.entry(each.key).or_default();
            *quota = quota.after(each.change, u32::from(each.persons));
        }
    }

    pub fn stands(&mut self, case: &Case) {
        let granted = case.standing().map(|(person, standing)| (person, standing, case.id));
        self.standings.retain(|(_, _, of)| *of != case.id || granted.is_some());
        if let Some(granted) = granted
            && !self.standings.contains(&granted)
        {
            self.standings.push(granted);
        }
    }

    /// The ledger is the sum over the cases, at any moment.
    pub fn audit<'a>(&self, cases: impl Iterator<Item = &'a Case>) -> Result<(), String> {
        let mut summed = Self::default();
        for case in cases {
            summed.change(HoldingChange { before: None, after: case.holding });
        }
        for (key, quota) in &self.quotas {
            let sum = summed.quota(*key);
            if (sum.reserved, sum.taken) != (quota.reserved, quota.taken) {
                return Err(format!("{key:?} is {quota:?} in the ledger and {sum:?} in the cases"));
            }
        }
        Ok(())
    }
}
