//! Lanes: what waits for one party on one channel, in order, one attempt at a time.
//!
//! A window of the outbox is in memory; what does not fit stays where it is and is looked for again
//! once a lane has run empty. So a party that cannot be reached for weeks costs a bounded amount.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::failure::Failure;
use crate::domain::Sequence;
use crate::domain::contact::EmailAddress;
use crate::domain::ladder::{Channel, Sent};
use crate::domain::party::PartyNumber;
use crate::index::Outgoing;

/// The most notices of one lane in memory, 8 bytes each.
const WINDOW: usize = 1_024;

/// Attempts after which a letter that was taken for some addresses holds up the next one no longer
/// for the sake of the others: with the usual waits a quarter of an hour, which greylisting takes.
const REST_ATTEMPTS: u32 = 8;

/// One party and one channel.
pub(super) type LaneKey = (PartyNumber, Channel);

/// The lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    /// Up to where the outbox has been looked through.
    cursor: Option<Outgoing>,
}

/// One lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// What waits, the head first.
    waiting: VecDeque<Sequence>,
    /// The last that was ever put here; what comes before it is here or done.
    last: Option<Sequence>,
    /// Whether more is in the outbox than fits here.
    is_beyond: bool,
    /// An attempt is under way.
    is_busy: bool,
    /// Failed attempts of the head.
    pub(super) attempts: u32,
    /// Whether the last attempt of any failed.
    pub(super) is_failing: bool,
    /// No attempt before this instant.
    pub(super) not_before: Option<Instant>,
    /// The addresses for which the head has not been taken, where it was for others. Not kept over a
    /// stop: the next start brings it to all again, under the same name.
    pub(super) rest: Vec<EmailAddress>,
    /// How the head ended, while that is not recorded yet.
    pub(super) owed: Option<Sent>,
}

/// The next thing to do for a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Bring the head.
    Send(Outgoing),
    /// Record how it ended.
    Record(Outgoing, Sent),
}

impl Job {
    pub(super) fn item(self) -> Outgoing {
        match self {
            Self::Send(item) | Self::Record(item, _) => item,
        }
    }
}

impl Lanes {
    /// From where the outbox is to be looked through: behind what was seen, or, once a lane has
    /// run empty while more waits for it, from the first that did not fit.
    pub(super) fn cursor(&mut self) -> Option<Outgoing> {
        let is_dry = |lane: &Lane| lane.is_beyond && lane.waiting.is_empty();
        if self.lanes.values().any(is_dry) {
            // From the earliest of all that did not fit, so that no lane skips one.
            let beyond = self.lanes.values_mut().filter(|lane| lane.is_beyond);
            let from = beyond.filter_map(|lane| {
                lane.is_beyond = false;
                lane.last
            });
            let party = PartyNumber(0);
            self.cursor =
                from.min().map(|notice| Outgoing { notice, party, channel: Channel::Email });
        }
        self.cursor
    }

    /// Takes in what the outbox has behind the cursor.
    pub(super) fn take_in(&mut self, page: &[Outgoing]) {
        for item in page {
            let lane = self.lanes.entry((item.party, item.channel)).or_default();
            let is_known = lane.last.is_some_and(|last| item.notice <= last);
            if is_known {
                continue;
            }
            if lane.is_beyond || lane.waiting.len() >= WINDOW {
                lane.is_beyond = true;
            } else {
                lane.waiting.push_back(item.notice);
                lane.last = Some(item.notice);
            }
        }
        self.cursor = page.last().copied().or(self.cursor);
    }

    /// What can be begun now, the longest waiting first, within the room of each channel. Of the
    /// lanes whose last attempt failed at most half of the room is under way, so that they hold up
    /// no other by their timeouts. What is returned counts as begun.
    pub(super) fn begin(&mut self, max_in_flight: usize, now: Instant) -> Vec<Job> {
        let mut jobs = Vec::new();
        for channel in Channel::ALL {
            let of_channel = |key: &LaneKey| key.1 == *channel;
            let busy = self.lanes.iter().filter(|(key, lane)| of_channel(key) && lane.is_busy);
            let (mut busy, mut failing) = busy.fold((0, 0), |(busy, failing), (_, lane)| {
                (busy + 1, failing + usize::from(lane.is_failing))
            });
            let ready = |lane: &Lane| {
                !lane.is_busy && lane.not_before.is_none_or(|not_before| not_before <= now)
            };
            let mut heads: Vec<(Sequence, LaneKey)> = self
                .lanes
                .iter()
                .filter(|(key, lane)| of_channel(key) && ready(lane))
                .filter_map(|(key, lane)| Some((*lane.waiting.front()?, *key)))
                .collect();
            heads.sort_unstable();
            for (notice, key) in heads {
                let Some(lane) = self.lanes.get_mut(&key) else { continue };
                if busy >= max_in_flight {
                    break;
                }
                if lane.is_failing && failing >= (max_in_flight / 2).max(1) {
                    continue;
                }
                (busy, failing) = (busy + 1, failing + usize::from(lane.is_failing));
                lane.is_busy = true;
                let item = Outgoing { notice, party: key.0, channel: key.1 };
                jobs.push(lane.owed.map_or(Job::Send(item), |owed| Job::Record(item, owed)));
            }
        }
        jobs
    }

    /// What is only to be recorded, of every lane at once; it counts as begun.
    pub(super) fn begin_owed(&mut self) -> Vec<Job> {
        let owed = self.lanes.iter_mut().filter(|(_, lane)| !lane.is_busy);
        let owed = owed.filter_map(|((party, channel), lane)| {
            let (owed, notice) = (lane.owed?, *lane.waiting.front()?);
            lane.is_busy = true;
            let item = Outgoing { notice, party: *party, channel: *channel };
            Some(Job::Record(item, owed))
        });
        owed.collect()
    }

    /// The addresses that are left of the head of a lane, where an attempt brought it to others.
    pub(super) fn rest(&self, item: Outgoing) -> Vec<EmailAddress> {
        let lane = self.lanes.get(&(item.party, item.channel));
        lane.map(|lane| lane.rest.clone()).unwrap_or_default()
    }

    /// The lane of something that has ended; it can be begun again.
    pub(super) fn ended(&mut self, item: Outgoing) -> &mut Lane {
        let lane = self.lanes.entry((item.party, item.channel)).or_default();
        lane.is_busy = false;
        lane
    }
}

impl Lane {
    /// An attempt of the head has failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        (self.is_failing, self.attempts) = (true, self.attempts.saturating_add(1));
        if let Failure::Partly { rest, .. } = failure {
            self.rest.clone_from(rest);
        }
    }

    /// Whether the addresses that are left of the head have been tried often enough: what waits
    /// behind it is for those too that took the head.
    pub(super) fn leaves_rest(&self) -> bool {
        !self.rest.is_empty() && self.waiting.len() > 1 && self.attempts >= REST_ATTEMPTS
    }

    /// The head is done for good.
    pub(super) fn advance(&mut self) {
        self.waiting.pop_front();
        (self.attempts, self.not_before, self.owed) = (0, None, None);
        self.rest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(notice: u64, party: u32, channel: Channel) -> Outgoing {
        Outgoing { notice: Sequence(notice), party: PartyNumber(party), channel }
    }

    /// Looks through an outbox as the worker does.
    fn look(lanes: &mut Lanes, outbox: &[Outgoing]) {
        loop {
            let cursor = lanes.cursor();
            let behind = outbox.iter().filter(|item| Some(**item) > cursor);
            let page: Vec<_> = behind.take(100).copied().collect();
            lanes.take_in(&page);
            if page.len() < 100 {
                return;
            }
        }
    }

    #[test]
    fn a_backlog_of_any_length_leaves_in_order_from_a_bounded_window() {
        let now = Instant::now();
        // Two parties: one with four windows, one with a single notice behind them all.
        let long = 4 * WINDOW as u64;
        let mut outbox: Vec<_> = (1..=long).map(|at| item(at, 1, Channel::Webhook)).collect();
        outbox.push(item(long, 2, Channel::Webhook));
        let mut lanes = Lanes::default();
        let mut left = Vec::new();
        while !outbox.is_empty() {
            look(&mut lanes, &outbox);
            assert!(lanes.lanes.values().all(|lane| lane.waiting.len() <= WINDOW));
            let jobs = lanes.begin(8, now);
            assert!(!jobs.is_empty());
            for job in jobs {
                let done = job.item();
                lanes.ended(done).advance();
                outbox.retain(|item| *item != done);
                left.push(done);
            }
        }
        assert_eq!(left[1], item(long, 2, Channel::Webhook));
        left.remove(1);
        let order: Vec<_> = left.iter().map(|item| item.notice.0).collect();
        assert_eq!(order, (1..=long).collect::<Vec<_>>());
    }

    #[test]
    fn a_lane_has_one_attempt_at_a_time_and_each_channel_its_own_room() {
        let mut lanes = Lanes::default();
        let mut outbox = Vec::new();
        for party in 1..=5 {
            outbox.extend([item(1, party, Channel::Email), item(1, party, Channel::Webhook)]);
            outbox.push(item(2, party, Channel::Email));
        }
        outbox.sort_unstable();
        look(&mut lanes, &outbox);
        let jobs = lanes.begin(4, Instant::now());
        let of = |channel| jobs.iter().filter(|job| job.item().channel == channel).count();
        assert_eq!((of(Channel::Email), of(Channel::Webhook)), (4, 4));
        assert!(jobs.iter().all(|job| job.item().notice == Sequence(1)));
        assert_eq!(lanes.begin(4, Instant::now()), []);
    }

    #[test]
    fn failing_lanes_take_at_most_half_of_the_room() {
        let mut lanes = Lanes::default();
        let outbox: Vec<_> = (1..=8).map(|party| item(1, party, Channel::Webhook)).collect();
        look(&mut lanes, &outbox);
        for party in 1..=6 {
            lanes.ended(item(1, party, Channel::Webhook)).is_failing = true;
        }
        let jobs = lanes.begin(4, Instant::now());
        let parties: Vec<_> = jobs.iter().map(|job| job.item().party.0).collect();
        assert_eq!(parties, [1, 2, 7, 8]);
    }
}
