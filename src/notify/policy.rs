//! When a failed attempt is repeated, and when it is given up: pure, so that any course can be told
//! from its numbers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::index::Outgoing;

/// Attempts before an old notice is given up: after a long outage of the bus, what waited for it
/// is tried before its age counts.
const MIN_ATTEMPTS: u32 = 3;
/// Doublings after which the longest wait is reached whatever the shortest one is.
const MAX_DOUBLINGS: u32 = 20;

/// The bounds of repeating, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The wait after the first failure.
    pub backoff_min: Duration,
    /// The longest wait between two attempts.
    pub backoff_max: Duration,
    /// The age from which a notice that cannot be brought is given up.
    pub give_up_after: Duration,
}

impl Policy {
    /// The wait after so many attempts that failed: twice that of the one before, up to the
    /// longest, and of that between half and the whole, so that what failed at once does not come
    /// back at once. The share is drawn from what is sent, so a wait is the same in every replay.
    #[must_use]
    pub fn backoff(&self, item: Outgoing, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(MAX_DOUBLINGS);
        let whole = self.backoff_min.saturating_mul(1 << doublings).min(self.backoff_max);
        let half = whole / 2;
        let share = share(item, attempts);
        half + half.mul_f64(f64::from(share) / f64::from(u16::MAX))
    }

    /// Whether a notice recorded at `at`, of which so many attempts have failed, is given up.
    #[must_use]
    pub fn gives_up(&self, attempts: u32, at: Timestamp, now: Timestamp) -> bool {
        let age = now.duration_since(at);
        let limit = SignedDuration::try_from(self.give_up_after).unwrap_or(SignedDuration::MAX);
        attempts >= MIN_ATTEMPTS && age >= limit
    }
}

/// A number that differs from item to item and from attempt to attempt (FNV-1a).
fn share(item: Outgoing, attempts: u32) -> u16 {
    let Outgoing { notice, party, channel } = item;
    let words = [notice.0, u64::from(party.0), u64::from(channel.tag()), u64::from(attempts)];
    let bytes = words.into_iter().flat_map(u64::to_le_bytes);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u16::try_from((hash ^ hash >> 32) >> 8 & 0xffff).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sequence;
    use crate::domain::ladder::Channel;
    use crate::domain::party::PartyNumber;

    const POLICY: Policy = Policy {
        backoff_min: Duration::from_secs(5),
        backoff_max: Duration::from_secs(900),
        give_up_after: Duration::from_secs(48 * 3600),
    };

    fn item(notice: u64) -> Outgoing {
        Outgoing { notice: Sequence(notice), party: PartyNumber(7), channel: Channel::Webhook }
    }

    #[test]
    fn waits_grow_to_the_longest_and_differ() {
        for attempts in 1..200 {
            let whole = 5.0 * 2_f64.powi(i32::try_from(attempts).unwrap() - 1);
            let whole = whole.min(900.0);
            let wait = POLICY.backoff(item(1), attempts).as_secs_f64();
            assert!((whole / 2.0..=whole).contains(&wait), "{attempts}: {wait}");
        }
        let mut waits: Vec<_> = (0..1_000).map(|notice| POLICY.backoff(item(notice), 20)).collect();
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 950, "{}", waits.len());
        // Neither end is favoured.
        let low = waits.iter().filter(|wait| wait.as_secs() < 675).count();
        assert!((400..600).contains(&low), "{low}");
    }

    #[test]
    fn what_is_old_is_given_up_after_some_attempts_only() {
        let at: Timestamp = "2026-01-10T09:00:00Z".parse().unwrap();
        let later = |hours| at.checked_add(SignedDuration::from_hours(hours)).unwrap();
        assert!(!POLICY.gives_up(1_000, at, later(47)));
        assert!(POLICY.gives_up(3, at, later(48)));
        assert!(!POLICY.gives_up(2, at, later(1_000)));
        // A clock that went back gives nothing up.
        assert!(!POLICY.gives_up(1_000, later(1), at));
    }
}
