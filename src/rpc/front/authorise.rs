//! Refuses a call whose method is not for the caller's role, before anything is looked up.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::rpc::{Caller, status};

/// See [`Authorise`].
#[derive(Debug, Clone, Copy)]
pub struct AuthoriseLayer;

impl<S> Layer<S> for AuthoriseLayer {
    type Service = Authorise<S>;
    fn layer(&self, inner: S) -> Authorise<S> {
        Authorise { inner }
    }
}

/// Enforces the [access table](crate::rpc::access); no row means no.
#[derive(Debug, Clone)]
pub struct Authorise<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Authorise<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let refusal = match request.extensions().get::<Caller>() {
            Some(caller) if caller.access.allows(request.uri().path()) => {
                return Either::Left(self.inner.call(request));
            }
            Some(caller) => status::role_not_allowed(caller.role),
            None => status::no_caller(),
        };
        Either::Right(ready(Ok(refusal.into_http())))
    }
}
