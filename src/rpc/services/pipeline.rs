//! A stream of requests answered beside each other, each by itself and in any order.
//!
//! It is one task's work: no channel, no task and no lock an item. What has come is read and
//! started while there is room in the window; beyond it nothing is read, so that HTTP/2 holds the
//! sender back. Items answer as their acts become durable, a group at a time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;

/// Items started before answers are looked for, so that a fast sender does not starve its own
/// receipts.
const MAX_STARTED_AT_ONCE: usize = 64;

/// The bounds of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Items that may be unanswered.
    pub(super) window: usize,
    /// How long nothing may come while nothing is unanswered.
    pub(super) idle: Duration,
}

/// The answers to a stream of requests.
pub(super) struct Pipeline<In, Start, Fut, Explain> {
    inbound: In,
    start: Start,
    explain: Explain,
    unanswered: FuturesUnordered<Fut>,
    window: usize,
    stillness: Stillness,
    /// What a stream that stands still ends with.
    idle: Status,
    /// What broke the inbound side; told after everything that was read is answered.
    broken: Option<Status>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// The sender has closed its side; what was read is still answered.
    Closing,
    /// Nothing more will be said.
    Ended,
}

impl<In, Item, Start, Fut, Explain> Pipeline<In, Start, Fut, Explain>
where
    In: Stream<Item = Result<Item, Status>> + Unpin,
    Start: FnMut(Item) -> Fut + Unpin,
    Fut: Future,
    Explain: Fn(Status) -> Status + Unpin,
{
    /// Answers what `inbound` brings with what `start` makes of it. A transport's error is told as
    /// `explain` says, a stream that stands still ends with `idle`.
    pub(super) fn new(
        inbound: In,
        start: Start,
        explain: Explain,
        limits: Limits,
        idle: Status,
    ) -> Self {
        Self {
            inbound,
            start,
            explain,
            unanswered: FuturesUnordered::new(),
            window: limits.window.max(1),
            stillness: Stillness::new(limits.idle),
            idle,
            broken: None,
            state: State::Open,
        }
    }

    /// Starts what has come, as far as there is room.
    fn read(&mut self, cx: &mut Context<'_>) {
        let mut started = 0;
        while self.state == State::Open && self.unanswered.len() < self.window {
            if started == MAX_STARTED_AT_ONCE {
                // More may be waiting: this task is to come back after the answers were looked at.
                cx.waker().wake_by_ref();
                break;
            }
            match Pin::new(&mut self.inbound).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.state = State::Closing,
                Poll::Ready(Some(Err(broken))) => {
                    self.broken = Some((self.explain)(broken));
                    self.state = State::Closing;
                }
                Poll::Ready(Some(Ok(item))) => {
                    self.stillness.moved();
                    self.unanswered.push((self.start)(item));
                    started += 1;
                }
            }
        }
    }

    fn end(&mut self, with: Status) -> Poll<Option<Result<Fut::Output, Status>>> {
        self.state = State::Ended;
        Poll::Ready(Some(Err(with)))
    }
}

impl<In, Item, Start, Fut, Explain> Stream for Pipeline<In, Start, Fut, Explain>
where
    In: Stream<Item = Result<Item, Status>> + Unpin,
    Start: FnMut(Item) -> Fut + Unpin,
    Fut: Future,
    Explain: Fn(Status) -> Status + Unpin,
{
    type Item = Result<Fut::Output, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.state == State::Ended {
            return Poll::Ready(None);
        }
        this.read(cx);
        if !this.unanswered.is_empty() {
            let answer = ready!(Pin::new(&mut this.unanswered).poll_next(cx));
            return Poll::Ready(answer.map(Ok));
        }
        if this.state == State::Closing {
            this.state = State::Ended;
            return Poll::Ready(this.broken.take().map(Err));
        }
        ready!(this.stillness.poll_too_long(cx));
        let idle = this.idle.clone();
        this.end(idle)
    }
}

/// How long nothing has come. The timer is not moved for each item: when it rings it looks when the
/// last one came.
struct Stillness {
    limit: Duration,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Stillness {
    fn new(limit: Duration) -> Self {
        Self { limit, last: Instant::now(), timer: Box::pin(sleep(limit)) }
    }

    fn moved(&mut self) {
        self.last = Instant::now();
    }

    fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let until = self.last + self.limit;
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use futures_util::stream;
    use futures_util::{FutureExt, StreamExt};
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn idle() -> Status {
        Status::aborted("idle")
    }

    fn limits(window: usize, idle: Duration) -> Limits {
        Limits { window, idle }
    }

    #[tokio::test]
    async fn every_item_is_answered_before_the_end() {
        let inbound = stream::iter((0..500).map(Ok::<u32, Status>));
        let start = |item| async move { item * 2 };
        let answers = Pipeline::new(inbound, start, |s| s, limits(7, LONG), idle());
        let mut got: Vec<u32> = answers.map(Result::unwrap).collect().await;
        got.sort_unstable();
        assert_eq!(got, (0..500).map(|item| item * 2).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_window_holds_and_answers_come_in_any_order() {
        let replies = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&replies);
        let start = move |item: u32| {
            let (reply, answer) = oneshot::channel::<()>();
            kept.borrow_mut().push(reply);
            async move {
                answer.await.unwrap();
                item
            }
        };
        let inbound = stream::iter((0..9).map(Ok::<u32, Status>));
        let mut answers = Pipeline::new(inbound, start, |s| s, limits(3, LONG), idle());
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(replies.borrow().len(), 3);
        replies.borrow_mut().remove(1).send(()).unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(replies.borrow().len(), 3);
    }

    #[tokio::test]
    async fn a_broken_transport_ends_the_stream_as_it_is_explained() {
        let inbound = stream::iter([Ok(1), Err(Status::out_of_range("too long"))]);
        let start = |item: u32| async move { item };
        let explain = |status: Status| Status::resource_exhausted(status.message());
        let answers = Pipeline::new(inbound, start, explain, limits(8, LONG), idle());
        let got: Vec<_> = answers.collect().await;
        let last = got.last().unwrap().as_ref().unwrap_err();
        assert_eq!(last.code(), tonic::Code::ResourceExhausted);
    }

    /// On virtual time: the clock jumps to the next timer when nothing else can run.
    #[tokio::test]
    async fn what_was_read_before_the_break_is_answered_first() {
        let inbound = stream::iter([Ok(1), Ok(2), Err(Status::out_of_range("too long")), Ok(3)]);
        let start = |item: u32| async move {
            tokio::task::yield_now().await;
            item
        };
        let answers = Pipeline::new(inbound, start, |s| s, limits(8, LONG), idle());
        let mut got: Vec<_> = answers.collect().await;
        assert_eq!(got.pop().unwrap().unwrap_err().code(), tonic::Code::OutOfRange);
        let mut answered: Vec<u32> = got.into_iter().map(Result::unwrap).collect();
        answered.sort_unstable();
        assert_eq!(answered, [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_stands_still_ends_and_one_that_waits_for_an_answer_does_not() {
        let start = |item: u32| async move { item };
        let nothing = stream::pending::<Result<u32, Status>>();
        let limit = limits(8, Duration::from_secs(60));
        let mut answers = Pipeline::new(nothing, start, |s| s, limit, idle());
        assert_eq!(answers.next().await.unwrap().unwrap_err().message(), "idle");
        assert!(answers.next().await.is_none());

        // The answer takes longer than the stream may stand still.
        let start = |item: u32| async move {
            sleep(Duration::from_secs(600)).await;
            item
        };
        let one = stream::iter([Ok(7)]).chain(stream::pending());
        let mut answers = Pipeline::new(one, start, |s| s, limit, idle());
        assert_eq!(answers.next().await.unwrap().unwrap(), 7);
        assert_eq!(answers.next().await.unwrap().unwrap_err().message(), "idle");
    }
}
