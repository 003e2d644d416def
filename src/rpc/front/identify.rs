//! Turns the connection's peer into the call's caller, or refuses the call.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::Peer;
use crate::rpc::status;

/// See [`Identify`].
#[derive(Debug, Clone, Copy)]
pub struct IdentifyLayer;

impl<S> Layer<S> for IdentifyLayer {
    type Service = Identify<S>;
    fn layer(&self, inner: S) -> Identify<S> {
        Identify { inner }
    }
}

/// Puts the [`Caller`](crate::rpc::Caller) into the request, from the certificate alone, with the
/// [`Seat`](crate::rpc::withdrawn::Seat) by which a stream learns that it stands no more.
#[derive(Debug, Clone)]
pub struct Identify<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Identify<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let refusal = match request.extensions().get::<Peer>().cloned() {
            None => status::no_caller(),
            Some(Peer { caller, seat, remote: _ }) => match (seat.withdrawn(), caller) {
                (Some(why), _) => status::withdrawn(&why),
                (None, Err(error)) => status::unknown_party(&error),
                (None, Ok(caller)) => {
                    tracing::Span::current().record("party", caller.id.as_str());
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(seat);
                    return Either::Left(self.inner.call(request));
                }
            },
        };
        Either::Right(ready(Ok(refusal.into_http())))
    }
}
