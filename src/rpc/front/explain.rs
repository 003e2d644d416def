//! Gives the gRPC library's own refusals a reason of the catalogue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::rpc::status;

/// See [`Explain`].
#[derive(Debug, Clone, Copy)]
pub struct ExplainLayer {
    max_message_bytes: usize,
}

impl ExplainLayer {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        Self { max_message_bytes }
    }
}

impl<S> Layer<S> for ExplainLayer {
    type Service = Explain<S>;
    fn layer(&self, inner: S) -> Explain<S> {
        Explain { inner, max_message_bytes: self.max_message_bytes }
    }
}

/// Rewrites the code OUT_OF_RANGE, which only the library's decoder gives and only for a message
/// over the limit, and DEADLINE_EXCEEDED or CANCELLED, which its timeout gives.
#[derive(Debug, Clone)]
pub struct Explain<S> {
    inner: S,
    max_message_bytes: usize,
}

impl<S> Service<Request<Body>> for Explain<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Explained<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = Box::pin(self.inner.call(request));
        Explained { call, max_message_bytes: self.max_message_bytes }
    }
}

/// The answer, explained where need be.
pub struct Explained<F> {
    call: Pin<Box<F>>,
    max_message_bytes: usize,
}

impl<F, E> Future for Explained<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let response = ready!(self.call.as_mut().poll(cx))?;
        let explained = refusal(response.headers(), self.max_message_bytes);
        Poll::Ready(Ok(explained.map_or(response, Status::into_http)))
    }
}

/// The status of a trailers-only answer of the library that has a better name with us.
fn refusal(headers: &HeaderMap, max_message_bytes: usize) -> Option<Status> {
    let status = Status::from_header_map(headers)?;
    match status.code() {
        Code::OutOfRange => Some(status::message_too_large(max_message_bytes)),
        _ => None,
    }
}
