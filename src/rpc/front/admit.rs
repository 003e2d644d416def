//! Holds each party to its share: calls a second, and calls at once.

use std::collections::HashMap;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::Either;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tower::{Layer, Service};

use super::FrontOptions;
use crate::domain::party::PartyNumber;
use crate::rpc::{Caller, status};

/// See [`Admit`].
#[derive(Clone)]
pub struct AdmitLayer {
    shares: Arc<Shares>,
}

struct Shares {
    options: FrontOptions,
    /// One entry a party that has called; bounded by the registry.
    parties: Mutex<HashMap<PartyNumber, Arc<Share>>>,
}

struct Share {
    rate: DefaultDirectRateLimiter,
    calls: Arc<Semaphore>,
}

impl AdmitLayer {
    pub(super) fn new(options: FrontOptions) -> Self {
        Self { shares: Arc::new(Shares { options, parties: Mutex::default() }) }
    }
}

impl Shares {
    fn of(&self, party: PartyNumber) -> Arc<Share> {
        let new = || {
            let rate = Quota::per_second(self.options.max_calls_per_second_per_party);
            Arc::new(Share {
                rate: RateLimiter::direct(rate),
                calls: Arc::new(Semaphore::new(self.options.max_concurrent_calls_per_party)),
            })
        };
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(parties.entry(party).or_insert_with(new))
    }

    /// Room for one more call of the party, if there is any.
    fn admit(&self, party: PartyNumber) -> Option<OwnedSemaphorePermit> {
        let share = self.of(party);
        // The place first: a call that finds none should not use up the rate as well.
        let permit = Arc::clone(&share.calls).try_acquire_owned().ok()?;
        share.rate.check().is_ok().then_some(permit)
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;
    fn layer(&self, inner: S) -> Admit<S> {
        Admit { inner, shares: Arc::clone(&self.shares) }
    }
}

/// Answers RATE_LIMITED to a party over its share; the others do not notice.
#[derive(Clone)]
pub struct Admit<S> {
    inner: S,
    shares: Arc<Shares>,
}

impl<S> Service<Request<Body>> for Admit<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<Admitted<S::Future>, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        let Some(party) = caller.map(|caller| caller.party) else {
            return Either::Right(ready(Ok(status::no_caller().into_http())));
        };
        match self.shares.admit(party) {
            Some(permit) => {
                Either::Left(Admitted { call: Box::pin(self.inner.call(request)), _permit: permit })
            }
            None => {
                let refusal = status::rate_limited(self.shares.options.retry_after);
                Either::Right(ready(Ok(refusal.into_http())))
            }
        }
    }
}

/// A call that holds its place until it is answered.
pub struct Admitted<F> {
    call: Pin<Box<F>>,
    _permit: OwnedSemaphorePermit,
}

impl<F: Future> Future for Admitted<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.call.as_mut().poll(cx)
    }
}
