//! The keys of `[ladder]`: when and of what a running term is spoken.

use std::collections::BTreeMap;

use jiff::civil::Time;

use super::error::{ConfigError, Key};
use super::file::Reader;
use super::raw::RawLadder;
use crate::domain::HopId;
use crate::domain::ladder::{Ladder, Rung, Rungs};

/// The rungs that may be chosen; the others follow from what happens.
const CHOSEN: [Rung; 6] =
    [Rung::Opening, Rung::Half, Rung::DayBefore, Rung::DueMorning, Rung::Due, Rung::Overdue];

impl Reader<'_> {
    pub(super) fn ladder(&self, raw: RawLadder) -> Result<Ladder, ConfigError> {
        let RawLadder { morning, rungs, hops } = raw;
        let usual = Ladder::default();
        let morning = match morning {
            None => usual.morning,
            Some(text) => self.time_of_day("ladder.morning", &text)?,
        };
        let rungs = match rungs {
            None => usual.usual,
            Some(names) => self.rungs("ladder.rungs", &names)?,
        };
        let key = "ladder.hops";
        let mut of_hops = BTreeMap::new();
        for (hop, names) in hops {
            let example = "\"K21B-03\" = [\"day-before\", \"overdue\"]";
            let id: Result<HopId, _> = hop.parse();
            let id = id.map_err(|_| self.value(key, &hop, "the id of a hop", example))?;
            of_hops.insert(id, self.rungs(key, &names)?);
        }
        Ok(Ladder { morning, usual: rungs, of_hops, ..usual })
    }

    fn time_of_day(&self, key: Key, text: &str) -> Result<Time, ConfigError> {
        let parsed = text.parse().ok().filter(|_| text.len() == 5);
        parsed.ok_or_else(|| self.value(key, text, "a time of day as HH:MM", "morning = \"09:00\""))
    }

    fn rungs(&self, key: Key, names: &[String]) -> Result<Rungs, ConfigError> {
        let rung = |name: &String| {
            let rung = name.parse().ok().filter(|rung| CHOSEN.contains(rung));
            rung.ok_or_else(|| {
                let wanted = "opening, half, day-before, due-morning, due or overdue";
                self.value(key, name, wanted, "rungs = [\"half\", \"day-before\", \"overdue\"]")
            })
        };
        names.iter().map(rung).collect()
    }
}
