//! Ends the streams of a bus that is being stopped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::watch;
use tonic::Status;

/// What a sender says, until the bus stops; the refusal then, and nothing after it. Without this an
/// open inbox would hold up every stop for as long as open calls are waited for.
pub(super) struct UntilStop<In> {
    inbound: In,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    refusal: Option<Status>,
}

impl<In> UntilStop<In> {
    pub(super) fn new(inbound: In, mut stopping: watch::Receiver<bool>, refusal: Status) -> Self {
        let stop = Box::pin(async move {
            // An error means that nobody can ask any more, which is a stop as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        Self { inbound, stop, refusal: Some(refusal) }
    }
}

impl<In, Item> Stream for UntilStop<In>
where
    In: Stream<Item = Result<Item, Status>> + Unpin,
{
    type Item = In::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<In::Item>> {
        if self.refusal.is_none() || self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.refusal.take().map(Err));
        }
        Pin::new(&mut self.inbound).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_stop_is_told_once_and_ends_the_stream() {
        let (stop, stopping) = watch::channel(false);
        let inbound = stream::iter([Ok::<_, Status>(1)]).chain(stream::pending());
        let refusal = Status::unavailable("stopping");
        let mut said = UntilStop::new(Box::pin(inbound), stopping, refusal);
        assert_eq!(said.next().await.unwrap().unwrap(), 1);
        stop.send_replace(true);
        assert_eq!(said.next().await.unwrap().unwrap_err().message(), "stopping");
        assert!(said.next().await.is_none());
    }
}
