//! The closed loop: a fixed number of slots, each with one message that awaits its confirmation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Failure;

/// The loads measured, in messages in flight, each with the most messages it may take.
pub const LOADS: [(usize, u64); 3] = [(1, 20_000), (64, 60_000), (512, 120_000)];

/// A measurement ends with its count or with this time, whichever is first.
const LONGEST: Duration = Duration::from_secs(10);

/// Publishes one message and waits until it is durable.
pub trait Publish: Clone + Send + Sync + 'static {
    fn publish(&self, number: u64) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs one load and prints its line.
pub async fn measure<P: Publish>(
    peer: &str,
    publisher: &P,
    in_flight: usize,
    most: u64,
) -> Result<(), Failure> {
    eprintln!("{peer}: {in_flight} in flight");
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let slots: Vec<_> = (0..in_flight)
        .map(|_| tokio::spawn(slot(publisher.clone(), Arc::clone(&next), most, begun)))
        .collect();
    let mut waits = Vec::new();
    for slot in slots {
        waits.extend(slot.await??);
    }
    let elapsed = begun.elapsed();
    waits.sort_unstable();
    let at = |share: f64| {
        let place = (waits.len() as f64 * share) as usize;
        waits.get(place.min(waits.len().saturating_sub(1))).map_or(0, Duration::as_micros) as u64
    };
    let line = json!({
        "peer": peer,
        "in_flight": in_flight,
        "messages": waits.len(),
        "per_second": waits.len() as f64 / elapsed.as_secs_f64(),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
    });
    println!("{line}");
    Ok(())
}

async fn slot<P: Publish>(
    publisher: P,
    next: Arc<AtomicU64>,
    most: u64,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut waits = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= most || begun.elapsed() >= LONGEST {
            return Ok(waits);
        }
        let sent = Instant::now();
        publisher.publish(number).await?;
        waits.push(sent.elapsed());
    }
}
