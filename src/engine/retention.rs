//! The keeper of retention: erases, once a day and at the start, the cases whose time is over by a
//! rule. It looks through the index page by page beside the writer, who decides on each case anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Engine, EngineError};
use crate::domain::erasure::Seen;
use crate::domain::retention::{Retention, closed_at};
use crate::domain::{Case, CaseId, EraseCase, ErasureReason};
use crate::index::IndexError;

/// Cases read from the index at once; others have their turn between two pages.
const PAGE_CASES: usize = 256;
/// Cases erased in one run; the rest waits for the next, a turn later.
const MAX_AT_ONCE: usize = 1000;

/// Turns that are passed over after one that could not do its work, so that a full disk does not have
/// all cases looked through again and again.
const TURNS_AFTER_A_FAILURE: u32 = 120;

/// Erases by rule.
pub struct Retainer {
    engine: Engine,
    rules: Retention,
    /// The day that is done.
    done: Option<Date>,
    /// Turns to be passed over, after one that could not do its work.
    passed_over: u32,
}

/// A case whose time is over, as it was seen.
struct Over {
    case: CaseId,
    seen: Seen,
    rule: String,
}

/// Which cases are about which others.
#[derive(Default)]
struct Concerns {
    about: BTreeMap<CaseId, CaseId>,
    open: Vec<CaseId>,
}

impl Concerns {
    fn note(&mut self, case: &Case) {
        if let Some(concerned) = case.concerns {
            self.about.insert(case.id, concerned);
            if closed_at(case).is_none() {
                self.open.push(case.id);
            }
        }
    }

    /// The cases that an open one is about, and those that they are about in turn.
    fn needed(&self) -> BTreeSet<CaseId> {
        let mut needed = BTreeSet::new();
        for open in &self.open {
            let mut at = self.about.get(open);
            while let Some(concerned) = at.filter(|concerned| needed.insert(**concerned)) {
                at = self.about.get(concerned);
            }
        }
        needed
    }
}

impl Retainer {
    /// For a running engine.
    pub fn new(engine: Engine, rules: Retention) -> Self {
        Self { engine, rules, done: None, passed_over: 0 }
    }

    /// A turn: nothing where there is no rule, or the day is done; else a run. Gives the number of
    /// cases that were erased. What could not be done now is done at a later turn of the day.
    pub async fn turn(&mut self) -> usize {
        let zone = self.engine.roster().parties().migration_body().zone.clone();
        let today = self.engine.clock().now().to_zoned(zone).date();
        if self.rules.rules.is_empty() || self.done == Some(today) {
            return 0;
        }
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return 0;
        }
        let (over, is_last) = match self.over(today).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "cases whose time is over could not be looked for");
                self.passed_over = TURNS_AFTER_A_FAILURE;
                return 0;
            }
        };
        let mut erased = 0;
        for one in over {
            match self.erase(one).await {
                Ok(done) => erased += usize::from(done),
                Err(error) => {
                    tracing::warn!(%error, "cases whose time is over are erased later");
                    self.passed_over = TURNS_AFTER_A_FAILURE;
                    return erased;
                }
            }
        }
        if is_last {
            self.done = Some(today);
        }
        erased
    }

    /// The cases whose time is over, none of which an open case is about, be it by way of others:
    /// whoever complains of a decision needs its papers. And whether these are all.
    async fn over(&self, today: Date) -> Result<(Vec<Over>, bool), IndexError> {
        let zone = self.engine.roster().parties().migration_body().zone.clone();
        // A complaint taken before this is in the index then; the writer knows of those after it.
        let looked_at = self.engine.progress().sequence;
        self.engine.caught_up().await;
        let (mut over, mut concerns) = (Vec::new(), Concerns::default());
        let mut after = None;
        loop {
            let page = self.engine.index().cases(after, PAGE_CASES)?;
            for case in &page {
                concerns.note(case);
                if over.len() < MAX_AT_ONCE
                    && let Some(rule) = self.rules.due(case, today, &zone)
                {
                    let seen = Seen { closed_at: case.updated_at, looked_at };
                    over.push(Over { case: case.id, seen, rule: rule.to_string() });
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE_CASES => after = Some(last.id),
                Some(_) | None => break,
            }
            tokio::task::yield_now().await;
        }
        let is_last = over.len() < MAX_AT_ONCE;
        let needed = concerns.needed();
        over.retain(|one| !needed.contains(&one.case));
        Ok((over, is_last))
    }

    /// Whether it was erased; not where something has happened in it since it was looked at.
    async fn erase(&self, over: Over) -> Result<bool, EngineError> {
        let Over { case, seen, rule } = over;
        let reason = ErasureReason::RetentionRule;
        let asked = EraseCase { order: None, case, reason, reference: rule, seen: Some(seen) };
        match self.engine.erase(asked).await {
            Ok(erased) => {
                let (sequence, rule) = (erased.sequence, "retention rule");
                tracing::info!(%case, %sequence, rule, "the personal data of a case are erased");
                Ok(true)
            }
            Err(EngineError::Rejected(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_open_complaint_is_about_is_needed_also_by_way_of_a_closed_one() {
        let case = |byte| CaseId([byte; 16]);
        // 3 complains of 2, which complained of 1; 5 complained of 4; 7 and 8 are about each other.
        let about = [(2, 1), (3, 2), (5, 4), (7, 8), (8, 7)];
        let about = about.map(|(complaint, of)| (case(complaint), case(of))).into();
        let needed = |open: &[u8]| {
            let open = open.iter().copied().map(case).collect();
            Concerns { about: BTreeMap::clone(&about), open }.needed()
        };
        assert_eq!(needed(&[]), BTreeSet::new());
        assert_eq!(needed(&[3]), [case(1), case(2)].into());
        assert_eq!(needed(&[2, 5]), [case(1), case(4)].into());
        assert_eq!(needed(&[7]), [case(7), case(8)].into());
    }
}
