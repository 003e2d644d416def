//! The sign of life: a small file that says when the bus last ran, and the rule by which the
//! machine's clock is believed at a start.
//!
//! ```text
//! kopir alive 1
//! now_ms 1675220400000
//! boot_ms 86400000
//! boot 6e0b0f0e-...
//! check 1c291ca3
//! ```
//!
//! It is replaced every second and never synced: it needs to survive the process, and after a power
//! loss an older one, or none, only makes the outage look longer. The journal's last time stands
//! beside it.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::clock::{ClockOptions, Reading, timestamp};

const FILE: &str = "alive";
const NEW_FILE: &str = "alive.new";
const FIRST_LINE: &str = "kopir alive 1";
/// Larger than any sign of life; what is longer is none.
const MAX_FILE_BYTES: u64 = 4096;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// When a bus last ran on a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAlive {
    /// The time of the bus, Unix milliseconds.
    pub now_ms: i64,
    /// The machine's boot clock at that instant, in milliseconds.
    pub boot_ms: i64,
    /// The kernel's id of that boot; empty where it gives none.
    pub boot: String,
}

impl LastAlive {
    /// The sign of life in a data directory; none where there is none that can be read as one.
    ///
    /// # Errors
    /// [`io::Error`] if there is a file that cannot be read at all.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        let path = dir.join(FILE);
        let found = fs::metadata(&path).map(|found| found.len() <= MAX_FILE_BYTES);
        match found.and_then(|fits| if fits { fs::read(&path) } else { Ok(Vec::new()) }) {
            Ok(text) => Ok(Self::parse(&String::from_utf8_lossy(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the sign of life in a data directory, so that a reader finds either or.
    ///
    /// # Errors
    /// [`io::Error`]; the one before stands then.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(NEW_FILE);
        fs::write(&new, self.print())?;
        fs::rename(new, dir.join(FILE))
    }

    fn print(&self) -> String {
        let Self { now_ms, boot_ms, boot } = self;
        let text = format!("{FIRST_LINE}\nnow_ms {now_ms}\nboot_ms {boot_ms}\nboot {boot}\n");
        let check = crc32fast::hash(text.as_bytes());
        format!("{text}check {check:08x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let (content, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let check = u32::from_str_radix(check.strip_prefix("check ")?, 16).ok()?;
        if crc32fast::hash(format!("{content}\n").as_bytes()) != check {
            return None;
        }
        let mut lines = content.lines();
        (lines.next()? == FIRST_LINE).then_some(())?;
        let now_ms = lines.next()?.strip_prefix("now_ms ")?.parse().ok()?;
        let boot_ms = lines.next()?.strip_prefix("boot_ms ")?.parse().ok()?;
        let boot = lines.next()?.strip_prefix("boot ")?.to_owned();
        Some(Self { now_ms, boot_ms, boot })
    }
}

/// What is known when a bus starts.
#[derive(Debug, Clone)]
pub struct AtStart {
    /// The machine's clocks.
    pub reading: Reading,
    /// The kernel's id of its boot; empty where it gives none.
    pub boot: String,
    /// The time of the journal's last record; none in an empty journal.
    pub journal_ms: Option<i64>,
    /// The sign of life.
    pub alive: Option<LastAlive>,
}

/// Why the machine's clock is not believed. Told to the operator, who alone knows what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockRefused {
    /// It lies before what the bus has lived through.
    #[error(
        "the machine's clock shows {now}, and the bus was last alive at {last}, later than that; set \
         the clock right, or, if it is right, start once with `kopir serve --accept-clock`: time \
         then stands still until {stands_until}"
    )]
    Earlier {
        /// What the clock shows.
        now: Timestamp,
        /// The last sign of life.
        last: Timestamp,
        /// The journal's last time, before which nothing can be recorded.
        stands_until: Timestamp,
    },
    /// It lies far after it.
    #[error(
        "the machine's clock shows {now}, and the bus was last alive at {last}, more than \
         clock.max_gap_days = {max_gap_days} before; set the clock right, or, if it is right, start \
         once with `kopir serve --accept-clock`: every term that ended in between is late then"
    )]
    Later {
        /// What the clock shows.
        now: Timestamp,
        /// The last sign of life.
        last: Timestamp,
        /// The bound.
        max_gap_days: i64,
    },
    /// The machine has counted another time since the last sign of life.
    #[error(
        "the machine's clock shows {now}, and by what the machine has counted since the bus was last \
         alive, at {last}, it is {expected}; set the clock right, or, if it is right, start once with \
         `kopir serve --accept-clock`"
    )]
    Disagrees {
        /// What the clock shows.
        now: Timestamp,
        /// The last sign of life.
        last: Timestamp,
        /// What it would show at the pace of the boot clock.
        expected: Timestamp,
    },
}

impl AtStart {
    /// The last sign of life, in the journal or beside it, Unix milliseconds; none of a bus that
    /// has never run.
    pub fn last_alive_ms(&self) -> Option<i64> {
        self.journal_ms.max(self.alive.as_ref().map(|alive| alive.now_ms))
    }

    /// Judges the machine's clock.
    ///
    /// # Errors
    /// [`ClockRefused`], unless the operator has said that the clock is right.
    pub fn judge(&self, options: ClockOptions) -> Result<(), ClockRefused> {
        match self.last_alive_ms() {
            Some(last_ms) if !options.accept => self.check(last_ms, options),
            Some(_) | None => Ok(()),
        }
    }

    fn check(&self, last_ms: i64, options: ClockOptions) -> Result<(), ClockRefused> {
        let ClockOptions { steady, max_gap_days, .. } = options;
        let now_ms = self.reading.wall_ms;
        let (now, last) = (timestamp(now_ms), timestamp(last_ms));
        let gap_ms = now_ms.saturating_sub(last_ms);
        if gap_ms < -steady.max_step_ms {
            let stands_until = timestamp(self.journal_ms.unwrap_or(now_ms).max(now_ms));
            return Err(ClockRefused::Earlier { now, last, stands_until });
        }
        // In the same boot of the machine the boot clock knows how long it was, whatever was set.
        let same_boot = |alive: &&LastAlive| !alive.boot.is_empty() && alive.boot == self.boot;
        if let Some(alive) = self.alive.as_ref().filter(same_boot) {
            let counted_ms = self.reading.boot_ms.saturating_sub(alive.boot_ms);
            let expected_ms = alive.now_ms.saturating_add(counted_ms);
            if counted_ms >= 0 && now_ms.abs_diff(expected_ms) > steady.max_step_ms.unsigned_abs() {
                let (last, expected) = (timestamp(alive.now_ms), timestamp(expected_ms));
                return Err(ClockRefused::Disagrees { now, last, expected });
            }
        }
        if gap_ms > max_gap_days.saturating_mul(DAY_MS) {
            return Err(ClockRefused::Later { now, last, max_gap_days });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::SteadyOptions;

    const NOW: &str = "2023-02-01T09:00:00Z";

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn options() -> ClockOptions {
        let steady = SteadyOptions { max_step_ms: 60_000, settle_ms: 60_000 };
        ClockOptions { steady, max_gap_days: 30, accept: false }
    }

    fn sample() -> LastAlive {
        LastAlive { now_ms: ms(NOW), boot_ms: 86_400_000, boot: "6e0b0f0e-sample".into() }
    }

    fn start(wall: &str, journal: Option<&str>, alive: Option<LastAlive>) -> AtStart {
        let reading = Reading { wall_ms: ms(wall), boot_ms: 0 };
        AtStart { reading, boot: "another".into(), journal_ms: journal.map(ms), alive }
    }

    #[test]
    fn a_sign_of_life_reads_back_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LastAlive::read(dir.path()).unwrap(), None);
        sample().write(dir.path()).unwrap();
        let later = LastAlive { now_ms: ms(NOW) + 1000, ..sample() };
        later.write(dir.path()).unwrap();
        assert_eq!(LastAlive::read(dir.path()).unwrap(), Some(later));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no other file is left");
    }

    #[test]
    fn a_damaged_sign_of_life_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let whole = sample().print();
        let cut = (0..whole.len()).map(|end| whole.as_bytes()[..end].to_vec());
        let flipped = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            bytes
        });
        for damaged in cut.chain(flipped).chain([vec![b'a'; 5000]]) {
            fs::write(dir.path().join(FILE), &damaged).unwrap();
            assert_eq!(LastAlive::read(dir.path()).unwrap(), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_last_sign_of_life_stands_in_the_journal_or_beside_it() {
        let earlier = "2023-02-01T08:00:00Z";
        let alive = |at: &str| Some(LastAlive { now_ms: ms(at), ..sample() });
        for (journal, beside, last) in [
            (Some(earlier), alive(NOW), Some(NOW)),
            (Some(NOW), alive(earlier), Some(NOW)),
            (Some(NOW), None, Some(NOW)),
            (None, alive(NOW), Some(NOW)),
            (None, None, None),
        ] {
            let start = start("2023-02-03T09:00:00Z", journal, beside);
            assert_eq!(start.last_alive_ms(), last.map(ms));
            start.judge(options()).unwrap();
        }
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_refused_with_both_times_and_the_remedy() {
        for (wall, believed) in [
            ("2021-02-01T09:00:00Z", false),
            ("2023-02-01T08:58:59Z", false),
            ("2023-02-01T08:59:00Z", true),
            ("2023-02-01T09:00:00Z", true),
            ("2023-03-03T09:00:00Z", true),
            ("2023-03-03T09:00:01Z", false),
            // Two years ahead.
            ("2025-02-01T09:00:00Z", false),
        ] {
            let start = start(wall, Some(NOW), None);
            let judged = start.judge(options());
            assert_eq!(judged.is_ok(), believed, "{wall}: {judged:?}");
            if let Err(refused) = judged {
                let told = refused.to_string();
                assert!(told.contains(wall) && told.contains(NOW), "{told}");
                assert!(told.contains("kopir serve --accept-clock"), "{told}");
            }
            start.judge(ClockOptions { accept: true, ..options() }).unwrap();
        }
    }

    #[test]
    fn a_clock_set_while_the_bus_was_down_is_told_by_the_boot_clock() {
        // An hour by the boot clock; the wall clock may say that, give or take the bound.
        let boot_ms = sample().boot_ms + 3_600_000;
        for (wall, believed) in [
            ("2023-02-01T10:00:00Z", true),
            ("2023-02-01T10:01:00Z", true),
            ("2023-02-01T09:59:00Z", true),
            ("2023-02-01T11:00:00Z", false),
            ("2023-02-01T09:30:00Z", false),
        ] {
            let reading = Reading { wall_ms: ms(wall), boot_ms };
            let start =
                AtStart { reading, boot: sample().boot, journal_ms: None, alive: Some(sample()) };
            assert_eq!(start.judge(options()).is_ok(), believed, "{wall}");
        }
    }
}
