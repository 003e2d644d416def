//! The worker: drains the outbox, a lane for each party and channel.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use super::NotifyOptions;
use super::desk::Desk;
use super::failure::Failure;
use super::lanes::{Job, Lanes};
use super::outbox::{Outbox, OutboxError};
use crate::domain::ladder::Sent;
use crate::engine::Clock;
use crate::index::Outgoing;

/// How often the outbox is looked at, and waits are looked through.
const POLL: Duration = Duration::from_millis(250);
/// What is read from the outbox at once.
const PAGE: usize = 1_024;
/// Pages of one look, so that the bus's other tasks are not held up.
const MAX_PAGES: usize = 16;
/// The wait before an outcome that the engine did not take is offered again.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// How long what is under way may take to end and be recorded once the bus stops.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Everything that wakes the worker.
enum Wake {
    /// Time has passed.
    Tick,
    /// A job has ended.
    Ended(Outgoing, Ended),
    /// The bus stops.
    Stop,
}

/// How a job ended.
enum Ended {
    /// An attempt to send a notice that was recorded at this time.
    Sent(Timestamp, Result<(), Failure>),
    /// The outcome was recorded, or not.
    Recorded(Result<(), OutboxError>),
    /// The notice could not be read.
    Unread(OutboxError),
    /// The job did not come to its end.
    Broken(JoinError),
}

/// Sends what the outbox holds until `stopping` says so. Attempts that do not end soon after are cut
/// off; what they may have brought is brought again, under the same name, by the next start.
pub async fn run<O: Outbox>(
    outbox: Arc<O>,
    desk: Arc<Desk>,
    options: NotifyOptions,
    clock: Clock,
    mut stopping: watch::Receiver<bool>,
) {
    let (lanes, jobs, running) = (Lanes::default(), JoinSet::new(), HashMap::new());
    let mut worker = Worker { outbox, desk, options, clock, lanes, jobs, running };
    let mut tick = interval(POLL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        match worker.woken(&mut tick, &mut stopping).await {
            Wake::Tick => worker.look(),
            Wake::Ended(item, ended) => worker.end(item, ended),
            Wake::Stop => return worker.finish().await,
        }
        worker.begin();
    }
}

struct Worker<O> {
    outbox: Arc<O>,
    desk: Arc<Desk>,
    options: NotifyOptions,
    /// The bus's clock, by which the age of a notice is told.
    clock: Clock,
    lanes: Lanes,
    jobs: JoinSet<Ended>,
    /// What each job is about, also of one that breaks.
    running: HashMap<Id, Outgoing>,
}

impl<O: Outbox> Worker<O> {
    async fn woken(&mut self, tick: &mut Interval, stopping: &mut watch::Receiver<bool>) -> Wake {
        tokio::select! {
            biased;
            // Whoever could say stop is gone: that says it too.
            _ = stopping.wait_for(|stopping| *stopping) => Wake::Stop,
            Some(ended) = self.jobs.join_next_with_id() => {
                let (id, ended) = match ended {
                    Ok((id, ended)) => (id, ended),
                    Err(broken) => (broken.id(), Ended::Broken(broken)),
                };
                // Each job was entered when it was begun.
                self.running.remove(&id).map_or(Wake::Tick, |item| Wake::Ended(item, ended))
            }
            _ = tick.tick() => Wake::Tick,
        }
    }

    /// Looks through the outbox for what has come since.
    fn look(&mut self) {
        for _ in 0..MAX_PAGES {
            let cursor = self.lanes.cursor();
            let page = match self.outbox.pending(cursor, PAGE) {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the outbox of notices cannot be read");
                    return;
                }
            };
            self.lanes.take_in(&page);
            if page.len() < PAGE {
                return;
            }
        }
    }

    fn begin(&mut self) {
        let jobs = self.lanes.begin(self.options.max_in_flight, Instant::now());
        self.spawn(jobs);
    }

    /// Lets what is under way come to its end and be recorded, so that it is not repeated.
    async fn finish(mut self) {
        let until = Instant::now() + STOP_GRACE;
        loop {
            let owed = self.lanes.begin_owed();
            self.spawn(owed);
            let ended = timeout_at(until, self.jobs.join_next_with_id()).await;
            let Ok(Some(ended)) = ended else { return };
            if let Ok((id, ended)) = ended
                && let Some(item) = self.running.remove(&id)
            {
                self.end(item, ended);
            }
        }
    }

    fn spawn(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            let (outbox, desk) = (Arc::clone(&self.outbox), Arc::clone(&self.desk));
            let rest = self.lanes.rest(job.item());
            let handle = self.jobs.spawn(async move {
                match job {
                    Job::Send(item) => match outbox.notice(item.notice) {
                        Ok(told) => Ended::Sent(told.at, desk.bring(item, &told, &rest).await),
                        Err(error) => Ended::Unread(error),
                    },
                    Job::Record(item, outcome) => Ended::Recorded(outbox.done(item, outcome).await),
                }
            });
            self.running.insert(handle.id(), job.item());
        }
    }

    fn end(&mut self, item: Outgoing, ended: Ended) {
        let Outgoing { notice, channel, .. } = item;
        let party = self.desk.name(item);
        let policy = self.options.policy;
        let lane = self.lanes.ended(item);
        let now = Instant::now();
        match ended {
            Ended::Sent(_, Ok(())) => {
                tracing::debug!(%notice, party, %channel, "a notice was taken");
                (lane.is_failing, lane.owed) = (false, Some(Sent::Taken));
            }
            Ended::Sent(at, Err(failure)) => {
                lane.failed(&failure);
                let attempts = lane.attempts;
                let gives_up = policy.gives_up(attempts, at, self.clock.now());
                let is_over = failure.is_final() || gives_up || lane.leaves_rest();
                if is_over && !lane.rest.is_empty() {
                    lane.owed = Some(Sent::Taken);
                    tracing::warn!(%notice, party, %channel, attempts, %failure,
                        "a letter was brought, and not to all addresses of the party");
                } else if is_over {
                    lane.owed = Some(Sent::GivenUp);
                    tracing::error!(%notice, party, %channel, attempts, %failure,
                        "a notice was not brought and is given up; the party has it in its inbox");
                } else {
                    let wait = policy.backoff(item, attempts);
                    lane.not_before = Some(now + wait);
                    let seconds = wait.as_secs();
                    tracing::warn!(%notice, party, %channel, attempts, %failure,
                        "a notice was not brought; the next attempt is in {seconds} s");
                }
            }
            Ended::Recorded(Ok(())) => lane.advance(),
            Ended::Recorded(Err(error)) => {
                lane.not_before = Some(now + RECORD_AGAIN);
                tracing::warn!(%notice, party, %channel, %error,
                    "how a notice was sent is not recorded yet");
            }
            Ended::Unread(error) => {
                lane.attempts = lane.attempts.saturating_add(1);
                lane.not_before = Some(now + policy.backoff(item, lane.attempts));
                tracing::error!(%notice, party, %channel, %error, "a notice cannot be read");
            }
            Ended::Broken(error) => {
                lane.attempts = lane.attempts.saturating_add(1);
                lane.not_before = Some(now + policy.backoff(item, lane.attempts));
                tracing::error!(%notice, party, %channel, %error, "sending a notice broke off");
            }
        }
    }
}
