//! The keeper of retention: erases, once a day and at the start, the cases whose time is over by a
//! rule. It looks through the index page by page beside the writer, who decides on each case anew.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Engine, EngineError};
use crate::domain::retention::{Retention, closed_at};
use crate::domain::{CaseId, EraseCase, ErasureReason};
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
    seen: Timestamp,
    rule: String,
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
        let over = match self.over(today).await {
            Ok(over) => over,
            Err(error) => {
                tracing::warn!(%error, "cases whose time is over could not be looked for");
                self.passed_over = TURNS_AFTER_A_FAILURE;
                return 0;
            }
        };
        let is_last = over.len() < MAX_AT_ONCE;
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

    /// The cases whose time is over, none of which an open case is about: whoever complains of a
    /// decision needs its papers.
    async fn over(&self, today: Date) -> Result<Vec<Over>, IndexError> {
        let zone = self.engine.roster().parties().migration_body().zone.clone();
        let (mut over, mut needed) = (Vec::new(), BTreeSet::new());
        let mut after = None;
        loop {
            let page = self.engine.index().cases(after, PAGE_CASES)?;
            for case in &page {
                if let Some(concerned) = case.concerns.filter(|_| closed_at(case).is_none()) {
                    needed.insert(concerned);
                }
                if over.len() < MAX_AT_ONCE
                    && let Some(rule) = self.rules.due(case, today, &zone)
                {
                    let (case, seen) = (case.id, case.updated_at);
                    over.push(Over { case, seen, rule: rule.to_string() });
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE_CASES => after = Some(last.id),
                Some(_) | None => break,
            }
            tokio::task::yield_now().await;
        }
        over.retain(|one| !needed.contains(&one.case));
        Ok(over)
    }

    /// Whether it was erased; not where something has happened in it since it was looked at.
    async fn erase(&self, over: Over) -> Result<bool, EngineError> {
        let Over { case, seen, rule } = over;
        let reason = ErasureReason::RetentionRule;
        let asked =
            EraseCase { order: None, case, reason, reference: rule, unchanged_since: Some(seen) };
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
