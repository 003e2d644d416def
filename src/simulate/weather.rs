//! What goes wrong in a world, and when: drawn from the seed before anything happens.

use super::chance::Chance;
use super::disk::DiskFault;
use super::talk::Who;

const MINUTE_US: u64 = 60_000_000;
const HOUR_US: u64 = 60 * MINUTE_US;
const DAY_US: u64 = 24 * HOUR_US;

/// A change of the weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Nothing passes between a party and the bus, or it does again.
    Cut(Who, bool),
    /// Much is lost, doubled and late between a party and the bus, or no longer.
    Storm(Who, bool),
    /// A party's system is down, or comes back with what it had written down.
    Sleep(Who, bool),
    /// A party's system takes deliveries and acknowledges none, or does again.
    Mute(Who, bool),
    /// A party's system does not read its stream, or does again.
    Freeze(Who, bool),
    /// A party's system drops its connection without a word.
    Drop(Who),
    /// The process is killed after so many more of its steps.
    KillSoon {
        /// Steps of the process until then.
        steps: u64,
        /// The machine goes down with it.
        power: bool,
        /// For how long it stays down.
        down_us: u64,
        /// Of the index an earlier state is left.
        earlier_index: bool,
    },
    /// Something goes wrong at the disk after so many more operations.
    Disk(u64, DiskFault),
    /// The disk is full, or has room again.
    Full(bool),
    /// The machine's clock is set to be wrong by so many milliseconds, or right again.
    Step(i64),
    /// The process is stopped and started again as it should be.
    Restart,
    /// The kernel has everything of the index now, and perhaps nothing later.
    RememberIndex,
}

/// What goes wrong until a time, in order.
pub(super) fn forecast(chance: &mut Chance, parties: usize, until_us: u64) -> Vec<(u64, Weather)> {
    let mut ahead = Vec::new();
    // Some worlds are calm, so that what is wrong without any fault shows too.
    let roughness = [0, 1, 2, 4].get(chance.place(4).unwrap_or(0)).copied().unwrap_or(1);
    let days = until_us / DAY_US;
    let some = |one_in_days: u64, chance: &mut Chance| {
        chance.below(1 + 2 * roughness * days / one_in_days.max(1))
    };
    for _ in 0..some(3, chance) {
        let (who, at) = (chance.place(parties).unwrap_or(0), chance.below(until_us));
        let lasts = span(chance);
        let pair: [Weather; 2] = match chance.below(6) {
            0 => [Weather::Cut(who, true), Weather::Cut(who, false)],
            1 => [Weather::Storm(who, true), Weather::Storm(who, false)],
            2 => [Weather::Sleep(who, true), Weather::Sleep(who, false)],
            3 => [Weather::Mute(who, true), Weather::Mute(who, false)],
            4 => [Weather::Freeze(who, true), Weather::Freeze(who, false)],
            _ => [Weather::Drop(who), Weather::Drop(who)],
        };
        ahead.push((at, pair[0]));
        ahead.push(((at + lasts).min(until_us), pair[1]));
    }
    for _ in 0..some(5, chance) {
        let at = chance.below(until_us);
        let kill = Weather::KillSoon {
            steps: chance.below(60),
            power: chance.hits(500),
            down_us: span(chance) / 2,
            earlier_index: chance.hits(300),
        };
        ahead.push((at, kill));
    }
    for _ in 0..some(6, chance) {
        let fault = if chance.hits(600) { DiskFault::Kill } else { DiskFault::Fail };
        ahead.push((chance.below(until_us), Weather::Disk(chance.below(30), fault)));
    }
    for _ in 0..some(14, chance) {
        let at = chance.below(until_us);
        ahead.push((at, Weather::Full(true)));
        ahead.push(((at + span(chance) / 4).min(until_us), Weather::Full(false)));
    }
    for _ in 0..some(10, chance) {
        let at = chance.below(until_us);
        ahead.push((at, Weather::Step(astray_ms(chance))));
        ahead.push(((at + span(chance)).min(until_us), Weather::Step(0)));
    }
    for _ in 0..some(10, chance) {
        ahead.push((chance.below(until_us), Weather::Restart));
        ahead.push((chance.below(until_us), Weather::RememberIndex));
    }
    ahead.sort_by_key(|(at, _)| *at);
    ahead
}

/// By how much a clock is set wrong: a correction, a wrong zone, a wrong day, a wrong year.
fn astray_ms(chance: &mut Chance) -> i64 {
    let most_s = [100, 100, 6 * 3600, 3 * 86_400, 2 * 365 * 86_400];
    let most_s = chance.pick(&most_s).copied().unwrap_or(100);
    let by_ms = i64::try_from(chance.below(1000 * most_s)).unwrap_or(0);
    if chance.hits(500) { by_ms } else { -by_ms }
}

/// How long something lasts: mostly minutes or hours, sometimes days.
fn span(chance: &mut Chance) -> u64 {
    match chance.below(10) {
        0..4 => chance.below(30 * MINUTE_US),
        4..8 => chance.below(10 * HOUR_US),
        _ => chance.below(4 * DAY_US),
    }
}
