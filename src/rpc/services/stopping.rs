//! Ends the streams of a bus that is being stopped, and of a party that has lost its place.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::watch;
use tonic::Status;

use crate::rpc::status;
use crate::rpc::withdrawn::Seat;

/// What a sender says, until the bus stops or the sender has lost its place; the refusal then, and
/// nothing after it. Without this an open inbox would hold up every stop for as long as open calls
/// are waited for, and a party that was shut out would hear nothing of it.
pub(super) struct UntilStop<In> {
    inbound: In,
    /// None once it was told.
    end: Option<Pin<Box<dyn Future<Output = Status> + Send>>>,
}

impl<In> UntilStop<In> {
    pub(super) fn new(
        inbound: In,
        (mut stopping, stopped): (watch::Receiver<bool>, Status),
        seat: Option<Seat>,
    ) -> Self {
        let stop = async move {
            // An error means that nobody can ask any more, which is a stop as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let end = async move {
            let Some(seat) = seat else {
                stop.await;
                return stopped;
            };
            tokio::select! {
                () = stop => stopped,
                why = seat.until_withdrawn() => status::withdrawn(&why),
            }
        };
        Self { inbound, end: Some(Box::pin(end)) }
    }
}

impl<In, Item> Stream for UntilStop<In>
where
    In: Stream<Item = Result<Item, Status>> + Unpin,
{
    type Item = In::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<In::Item>> {
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        if let Poll::Ready(refusal) = end.as_mut().poll(cx) {
            self.end = None;
            return Poll::Ready(Some(Err(refusal)));
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
        let mut said = UntilStop::new(Box::pin(inbound), (stopping, refusal), None);
        assert_eq!(said.next().await.unwrap().unwrap(), 1);
        stop.send_replace(true);
        assert_eq!(said.next().await.unwrap().unwrap_err().message(), "stopping");
        assert!(said.next().await.is_none());
    }

    #[tokio::test]
    async fn a_lost_place_is_told_once_and_ends_the_stream() {
        let (_stop, stopping) = watch::channel(false);
        let (withdraw, seat) = Seat::new();
        let inbound = stream::pending::<Result<u8, Status>>();
        let stopping = (stopping, Status::unavailable("stopping"));
        let mut said = UntilStop::new(Box::pin(inbound), stopping, Some(seat));
        assert!(futures_util::poll!(said.next()).is_pending());
        withdraw.send_replace(Some(crate::rpc::withdrawn::Withdrawn::Rights));
        let refusal = said.next().await.unwrap().unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::Unavailable);
        assert!(said.next().await.is_none());
    }
}
