//! The keys of `[retention]`: for how long closed cases are kept.

use super::error::ConfigError;
use super::file::{Reader, number};
use super::raw::{RawRetention, RawRetentionRule};
use crate::domain::retention::{Period, Retention, RetentionRule};

/// The longest source of a rule, in characters: it stands in the record of each erasure.
const MAX_SOURCE_CHARS: usize = 100;
/// The most rules.
const MAX_RULES: usize = 100;
/// The most cases that are kept whatever a rule says.
const MAX_KEPT: usize = 10_000;

impl Reader<'_> {
    pub(super) fn retention(&self, raw: RawRetention) -> Result<Retention, ConfigError> {
        let RawRetention { rules, keep_cases } = raw;
        if rules.len() > MAX_RULES {
            let (found, wanted) = (rules.len().to_string(), "a list of at most 100 rules");
            return Err(self.value("retention.rules", &found, wanted, "years = 1"));
        }
        let rules =
            rules.into_iter().map(|rule| self.retention_rule(rule)).collect::<Result<_, _>>()?;
        let key = "retention.keep_cases";
        let example = "keep_cases = [\"0193a0de-77aa-8bbb-8ccc-0123456789ab\"]";
        if keep_cases.len() > MAX_KEPT {
            let found = keep_cases.len().to_string();
            return Err(self.value(key, &found, "a list of at most 10000 cases", example));
        }
        let kept = keep_cases.iter().map(|case| {
            case.parse().map_err(|_| self.value(key, case, "the id of a case", example))
        });
        Ok(Retention { rules, keep: kept.collect::<Result<_, _>>()? })
    }

    fn retention_rule(&self, raw: RawRetentionRule) -> Result<RetentionRule, ConfigError> {
        let RawRetentionRule { procedure, role, years, days, source } = raw;
        let parsed = procedure.map(|text| {
            let wanted = "the name of a procedure";
            let refuse = |_| {
                self.value("retention.rules.procedure", &text, wanted, "procedure = \"kandas\"")
            };
            text.parse().map_err(refuse)
        });
        let procedure = parsed.transpose()?;
        let parsed = role.map(|text| {
            let wanted = "a role of the registry";
            let refuse = |_| {
                self.value("retention.rules.role", &text, wanted, "role = \"state-corporation\"")
            };
            text.parse().map_err(refuse)
        });
        let role = parsed.transpose()?;
        let period = match (years, days) {
            (Some(years), None) => {
                let years = self.number(Some(years), number("retention.rules.years", 1, 1, 100))?;
                Period::Years(u16::try_from(years).unwrap_or(u16::MAX))
            }
            (None, Some(days)) => {
                Period::Days(self.number(Some(days), number("retention.rules.days", 1, 1, 36_600))?)
            }
            (Some(_), Some(_)) => {
                let wanted = "years or days, one of the two";
                return Err(self.value("retention.rules", "years and days", wanted, "years = 1"));
            }
            (None, None) => return Err(self.missing("retention.rules.years", "years = 1")),
        };
        let (key, example) = ("retention.rules.source", "source = \"004 App. 2 row 5\"");
        let source: String = source.ok_or_else(|| self.missing(key, example))?;
        let fits = (1..=MAX_SOURCE_CHARS).contains(&source.chars().count())
            && !source.chars().any(char::is_control);
        if !fits {
            let wanted = "a citation of 1 to 100 characters in one line, or assumed";
            return Err(self.value(key, &source, wanted, example));
        }
        Ok(RetentionRule { procedure, role, period, source })
    }
}
