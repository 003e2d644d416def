//! The task of one party's endpoint: leases as a stream does, hands over, and waits.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::line::{Ended, Line};
use super::schedule::millis;
use super::{Blame, Endpoint, Moment, Outcome, PushHealth};
use crate::dispatch::inbox::Holder;
use crate::dispatch::{InboxStream, Leased, Mailbox};
use crate::engine::{Clock, timestamp};
use crate::index::{IndexError, QueueKey};

/// How long at most until the wall clock is looked at again while something is planned: it may
/// have been set, or the machine may have slept.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// One party's worker.
pub(super) struct Worker {
    pub(super) stream: InboxStream,
    pub(super) endpoint: Box<dyn Endpoint>,
    pub(super) line: Line,
    pub(super) clock: Clock,
    /// The zero of its steady clock.
    pub(super) began: Instant,
}

impl Worker {
    /// Works until it is dropped, which frees what it holds at once.
    pub(super) async fn run(self) -> IndexError {
        let Self { stream, endpoint, mut line, clock, began } = self;
        let shown = Shown { mailbox: Arc::clone(&stream.mailbox), holder: stream.stream };
        let moment = || Moment { steady: began.elapsed(), wall_ms: clock.now_ms() };
        let mut attempts = FuturesUnordered::new();
        loop {
            let mut changed = std::pin::pin!(stream.mailbox.changed.notified());
            // Enabled before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            let now = moment();
            line.forget(|key| stream.mailbox.lock().has(key));
            loop {
                match take(&stream, &mut line, now) {
                    Ok(Some(leased)) => {
                        attempts.push(attempt(&*endpoint, leased));
                    }
                    Ok(None) => break,
                    Err(error) => return error,
                }
            }
            let wake = wake(&stream, &line, now);
            shown.publish(&line, now, wake.filter(|_| attempts.is_empty()));
            let wait = wake.map(|wake| until(now, wake));
            tokio::select! {
                biased;
                Some((leased, outcome)) = attempts.next(), if !attempts.is_empty() => {
                    ended(&stream, &mut line, moment(), leased, outcome);
                }
                () = changed => {}
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }
}

async fn attempt(endpoint: &dyn Endpoint, leased: Leased) -> (Leased, Outcome) {
    (leased, endpoint.deliver(leased).await)
}

/// Leases the next delivery that may go out.
fn take(stream: &InboxStream, line: &mut Line, now: Moment) -> Result<Option<Leased>, IndexError> {
    if line.room() == 0 {
        return Ok(None);
    }
    let from_ms = line.possible_from_ms(now);
    let taken = stream.take_where(line.waiting(), from_ms, |key| line.may_go(now, key))?;
    if let Some(leased) = taken {
        line.started(leased.sequence);
    }
    Ok(taken)
}

/// When something may go out next. What a stream of the same party has is free when it says so.
fn wake(stream: &InboxStream, line: &Line, now: Moment) -> Option<Duration> {
    let inbox = stream.mailbox.lock();
    line.wake(
        now,
        |key| inbox.may_be_leased(key),
        |from_ms, is_it| inbox.first_from(from_ms, is_it),
    )
}

/// How long to wait for that. What may go now and was not taken waits for others to give back
/// what they have, which they say.
fn until(now: Moment, wake: Duration) -> Duration {
    let wait = wake.saturating_sub(now.steady);
    if wait.is_zero() { LOOK_INTERVAL } else { wait.min(LOOK_INTERVAL) }
}

fn ended(stream: &InboxStream, line: &mut Line, now: Moment, leased: Leased, outcome: Outcome) {
    let Leased { sequence, order_ms, .. } = leased;
    let ended = match outcome {
        // What is still on lease stays so until the index has it out of the queue, or it may go out
        // once more. It may also be there again already, held and released meanwhile.
        Outcome::Acknowledged | Outcome::Rejected => Ended::Settled,
        Outcome::Gone => Ended::Gone,
        Outcome::Failed { fault, blame, asked } => {
            stream.give_back(sequence, blame == Blame::Delivery);
            Ended::Failed { fault, asked }
        }
        Outcome::Ours => {
            stream.give_back(sequence, false);
            Ended::Ours
        }
    };
    line.ended(now, QueueKey { order_ms, sequence }, ended);
}

/// The health of the endpoint, for everybody to see while there is one. That an attempt ends with
/// its worker is laid to no delivery.
struct Shown {
    mailbox: Arc<Mailbox>,
    holder: Holder,
}

impl Shown {
    fn publish(&self, line: &Line, now: Moment, next: Option<Duration>) {
        let breaker = line.breaker();
        let next = next.map(|at| at.saturating_sub(now.steady));
        let ahead = |wait| now.wall_ms.saturating_add(millis(wait));
        *self.mailbox.health() = Some(PushHealth {
            state: breaker.state(),
            consecutive_failures: breaker.failures(),
            since: breaker.since_ms().map(timestamp),
            last_failure: line.last_failure().map(|(fault, ms)| (fault, timestamp(ms))),
            next_attempt_at: next.map(|wait| timestamp(ahead(wait))),
        });
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        *self.mailbox.health() = None;
        self.mailbox.lock().give_all_back(self.holder);
    }
}
