//! Gives the gRPC library's own refusals a reason of the catalogue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::engine::Rosters;
use crate::rpc::status::of_transport;

/// See [`Explain`].
#[derive(Debug, Clone)]
pub struct ExplainLayer {
    pub(super) rosters: Rosters,
}

impl<S> Layer<S> for ExplainLayer {
    type Service = Explain<S>;
    fn layer(&self, inner: S) -> Explain<S> {
        Explain { inner, rosters: Arc::clone(&self.rosters) }
    }
}

/// Rewrites an answer that is a bare status without details; ours always have them.
#[derive(Debug, Clone)]
pub struct Explain<S> {
    inner: S,
    rosters: Rosters,
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
        Explained { call, rosters: Arc::clone(&self.rosters) }
    }
}

/// The answer, explained where need be.
pub struct Explained<F> {
    call: Pin<Box<F>>,
    rosters: Rosters,
}

impl<F, E> Future for Explained<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let response = ready!(self.call.as_mut().poll(cx))?;
        let Some(status) = Status::from_header_map(response.headers()) else {
            return Poll::Ready(Ok(response));
        };
        if status.code() == Code::Ok || !status.details().is_empty() {
            return Poll::Ready(Ok(response));
        }
        Poll::Ready(Ok(of_transport(status, self.rosters.last()).into_http()))
    }
}
