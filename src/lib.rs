//! Köpir (көпір, "bridge"): the bus of Kazakhstan's kandas and in-migrant procedures.
//!
//! Every step of the law has a sender, a receiver and a term. The bus carries the step, proves it,
//! and sees that no term passes unnoticed. `ARCHITECTURE.md` has the map; start at
//! [`domain::decide()`], the pure core, and [`engine`], which makes its decisions durable.

// First, since its `named!` makes the closed lists of other modules too.
#[macro_use]
pub mod domain;

pub mod app;
pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod engine;
pub mod evidence;
pub mod index;
pub mod journal;
pub mod mutation;
pub mod notify;
pub mod procedures;
pub mod records;
pub mod rpc;
pub mod simulate;
pub mod trust;
pub mod vault;
