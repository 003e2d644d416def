//! Ends a call that is not answered in time: the bus's own limit, or the caller's where it is
//! shorter. A stream is answered when it stands; from then on its own idle time bounds it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::rpc::status;

/// See [`Deadline`].
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer {
    pub(super) limit: Duration,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;
    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, limit: self.limit }
    }
}

/// Answers DEADLINE_EXCEEDED in place of a call that takes too long, and drops the call.
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    inner: S,
    limit: Duration,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InTime<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = callers(request.headers());
        let limit = asked.map_or(self.limit, |asked| asked.min(self.limit));
        InTime { call: Box::pin(self.inner.call(request)), too_late: Box::pin(sleep(limit)) }
    }
}

/// A call with its deadline.
pub struct InTime<F> {
    call: Pin<Box<F>>,
    too_late: Pin<Box<Sleep>>,
}

impl<F, E> Future for InTime<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Poll::Ready(answer) = self.call.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        self.too_late.as_mut().poll(cx).map(|()| Ok(status::deadline_exceeded().into_http()))
    }
}

/// The caller's deadline: up to eight digits and a unit, as gRPC writes it. What is written
/// otherwise is no deadline.
fn callers(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_as_grpc_writes_it() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            callers(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("99999999M"), Some(Duration::from_secs(5_999_999_940)));
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "999999999S", " 1S"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(callers(&HeaderMap::new()), None);
    }
}
