//! `kopir bench`: what the bus does on this machine.

mod evidence;
mod outage;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::output::{Exit, Failure, note, print, table};
use crate::bench::{
    self, ActsRun, BenchError, DeliveryRun, LadderRun, Latency, LawRun, MemoryRun, Options, Part,
    Report, RestartRun, Start,
};
use crate::engine::Clock;

/// The longest bar, in characters.
const BAR_WIDTH: f64 = 24.0;

/// Measures a bus on this machine: acts a second, latency, delivery, restart, memory, law, evidence
///
/// A bus is started as a process of its own, with mutual TLS and its real storage, and ended and
/// removed afterwards. Every act counted was durable before its receipt. Clients run in this
/// process, on the same processors. Give --dir to measure another disk than that of the system's
/// temporary directory, and leave the machine alone meanwhile.
///
/// Examples:
///
///   kopir bench
///   kopir bench --only bulk --seconds 30 --dir /var/lib/kopir
///   kopir bench --only law
///   kopir bench --json > bench.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct BenchArgs {
    /// The most acts of one measurement
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    acts: u64,
    /// The longest that acts are sent in one measurement, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Deliveries queued for the memory and outage parts, hops open for the restart part
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    hops: u64,
    /// Connections of the sender; in the bulk form, streams
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    connections: u8,
    /// A directory on the disk to be measured; the system's temporary one if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only this part; may be given several times
    #[arg(long, value_enum)]
    only: Vec<PartArg>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartArg {
    Unary,
    Bulk,
    Delivery,
    Restart,
    Memory,
    Law,
    Ladder,
    Outage,
    Evidence,
    Sealing,
}

impl From<PartArg> for Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Unary => Self::Unary,
            PartArg::Bulk => Self::Bulk,
            PartArg::Delivery => Self::Delivery,
            PartArg::Restart => Self::Restart,
            PartArg::Memory => Self::Memory,
            PartArg::Law => Self::Law,
            PartArg::Ladder => Self::Ladder,
            PartArg::Outage => Self::Outage,
            PartArg::Evidence => Self::Evidence,
            PartArg::Sealing => Self::Sealing,
        }
    }
}

pub(super) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let options = options(args)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
    let report = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate()).map_err(Failure::failed)?;
        // Dropping the bench ends its bus and removes its files.
        tokio::select! {
            report = bench::run(&options, &|step| note(step)) => report.map_err(failure),
            _ = tokio::signal::ctrl_c() => Err(Failure::failed(anyhow!("interrupted"))),
            _ = terminated.recv() => Err(Failure::failed(anyhow!("interrupted"))),
        }
    })?;
    if args.json {
        // One line a run, so that the runs of an evening fit into one file.
        return print(format_args!("{}\n", json(&report)));
    }
    show(&report)
}

fn options(args: &BenchArgs) -> Result<Options, Failure> {
    let parts: Vec<_> = args.only.iter().copied().map(Part::from).collect();
    Ok(Options {
        binary: std::env::current_exe().map_err(Failure::failed)?,
        dir: args.dir.clone().unwrap_or_else(std::env::temp_dir),
        parts: if parts.is_empty() { Part::ALL.to_vec() } else { parts },
        acts: args.acts,
        longest: Duration::from_secs(args.seconds.into()),
        hops: args.hops,
        connections: args.connections.into(),
        now: Clock::System.now(),
    })
}

fn failure(error: BenchError) -> Failure {
    let exit = match error {
        BenchError::Connect(_)
        | BenchError::Call { .. }
        | BenchError::Refused { .. }
        | BenchError::Incomplete { .. } => Exit::Refused,
        BenchError::Files { .. } => Exit::Usage,
        BenchError::Certificates(_)
        | BenchError::Tls(_)
        | BenchError::Party(_)
        | BenchError::Process { .. }
        | BenchError::Ended { .. }
        | BenchError::TooSlow { .. }
        | BenchError::Task(_)
        | BenchError::Histogram(_)
        | BenchError::Procedures(_)
        | BenchError::Calendar(_)
        | BenchError::Term(_)
        | BenchError::Config(_)
        | BenchError::Engine(_)
        | BenchError::Figures { .. }
        | BenchError::Evidence(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn show(report: &Report) -> Result<(), Failure> {
    if !report.acts.is_empty() {
        print(format_args!("Durable acts of 1 KiB over mutual TLS\n{}\n", acts(&report.acts)))?;
    }
    let mut facts = table(&["measured", "value"]);
    if let Some(run) = &report.delivery {
        delivery(run, &mut facts);
    }
    if let Some(run) = &report.restart {
        restart(run, &mut facts);
    }
    if let Some(run) = &report.memory {
        memory(run, &mut facts);
    }
    if let Some(run) = &report.law {
        law(run, &mut facts);
    }
    if let Some(run) = &report.ladder {
        ladder(run, &mut facts);
    }
    if let Some(run) = &report.outage {
        outage::show(run, &mut facts);
    }
    if let Some(run) = &report.evidence {
        evidence::show(run, &mut facts);
    }
    if let Some(run) = &report.sealing {
        evidence::show_sealing(run, &mut facts);
    }
    if facts.row_count() > 0 { print(format_args!("{facts}\n")) } else { Ok(()) }
}

fn acts(runs: &[ActsRun]) -> Table {
    let head = [
        "form",
        "in flight",
        "acts/s",
        "",
        "p50 ms",
        "p99 ms",
        "max ms",
        "bus µs/act",
        "client µs/act",
        "bus MiB",
        "index behind",
        "caught up ms",
    ];
    let mut table = table(&head);
    let most = runs.iter().map(ActsRun::per_second).fold(1.0, f64::max);
    for run in runs {
        let Latency { p50, p99, max } = run.latency;
        table.add_row([
            run.form.as_str().to_owned(),
            run.in_flight.to_string(),
            format!("{:.0}", run.per_second()),
            bar(run.per_second() / most),
            ms(p50),
            ms(p99),
            ms(max),
            us(run.server_cpu_per_act()),
            us(run.client_cpu_per_act()),
            mib(run.resident_bytes),
            run.lag_records.to_string(),
            ms(run.catch_up),
        ]);
    }
    table
}

fn delivery(run: &DeliveryRun, facts: &mut Table) {
    let DeliveryRun { backlog, drained_in, server_cpu: _, flow_per_second, paced } = run;
    let (seconds, each) = (drained_in.as_secs_f64(), us(run.server_cpu_per_delivery()));
    facts.add_row([
        "backlog delivered, acknowledged, confirmed".to_owned(),
        format!(
            "{backlog} in {seconds:.1} s, {:.0}/s, bus {each} µs each",
            run.drained_per_second()
        ),
    ]);
    facts.add_row([
        "acts filed, delivered and acknowledged at once".to_owned(),
        format!("{flow_per_second:.0}/s"),
    ]);
    for (what, Latency { p50, p99, max }) in
        [("receipt", paced.receipt), ("delivery", paced.delivery)]
    {
        facts.add_row([
            format!("act to {what}, at {:.0}/s, half of that", paced.per_second),
            format!("p50 {} ms, p99 {} ms, max {} ms", ms(p50), ms(p99), ms(max)),
        ]);
    }
}

fn restart(run: &RestartRun, facts: &mut Table) {
    let RestartRun { open_hops, with_index, rebuilt } = run;
    for (how, Start { took, resident_bytes }) in
        [("with its index", with_index), ("index rebuilt", rebuilt)]
    {
        facts.add_row([
            format!("start with {open_hops} open hops, {how}"),
            format!("{:.2} s, {} MiB resident", took.as_secs_f64(), mib(*resident_bytes)),
        ]);
    }
}

fn memory(run: &MemoryRun, facts: &mut Table) {
    let MemoryRun { idle_bytes, deliveries, filled_bytes, restarted_bytes } = run;
    facts.add_row(["resident, idle".to_owned(), format!("{} MiB", mib(*idle_bytes))]);
    for (how, bytes, each) in [
        ("just taken", filled_bytes, run.bytes_per_delivery_taken()),
        ("after a restart", restarted_bytes, run.bytes_per_delivery()),
    ] {
        facts.add_row([
            format!("resident, {deliveries} deliveries queued, {how}"),
            format!("{} MiB, {each:.0} bytes a delivery", mib(*bytes)),
        ]);
    }
}

fn law(run: &LawRun, facts: &mut Table) {
    let LawRun { procedures, procedures_loaded_in, listed_days, calendar_loaded_in, .. } = *run;
    for (what, took) in [
        (format!("{procedures} procedures loaded and checked"), procedures_loaded_in),
        (format!("calendar of {listed_days} listed days loaded"), calendar_loaded_in),
    ] {
        facts.add_row([what, format!("{} ms", ms(took))]);
    }
    let each = format!("{:.0} ns each", run.ns_per_due());
    facts.add_row([format!("due instants counted, {} of them", run.dues), each]);
}

fn ladder(run: &LadderRun, facts: &mut Table) {
    let LadderRun { clocks, idle_tick, started_in, .. } = *run;
    let LadderRun { rungs, said_in, brought_in, missed, caught_up_in, .. } = *run;
    let rate = |count: u64, took: Duration| count as f64 / took.as_secs_f64().max(1e-9);
    let seconds = |took: Duration| format!("{:.2} s", took.as_secs_f64());
    for (what, figure) in [
        (
            format!("a tick over {clocks} running terms, nothing due"),
            format!("{} µs", us(idle_tick)),
        ),
        (
            format!("{rungs} rungs due at once, said and durable"),
            format!("{}, {:.0}/s", seconds(said_in), rate(rungs, said_in)),
        ),
        ("the same, in the inboxes".to_owned(), seconds(brought_in)),
        (format!("start with {clocks} running terms, nothing due"), seconds(started_in)),
        (
            format!("start after {missed} rungs fell due, said before new traffic"),
            format!("{}, {:.0}/s", seconds(caught_up_in), rate(missed, caught_up_in)),
        ),
    ] {
        facts.add_row([what, figure]);
    }
}

fn bar(share: f64) -> String {
    // Between one and BAR_WIDTH, so the cast cuts nothing.
    "█".repeat((share * BAR_WIDTH).clamp(1.0, BAR_WIDTH) as usize)
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

fn us(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

fn json(report: &Report) -> Value {
    let Report { acts, delivery, restart, memory, law, ladder, outage, evidence, sealing } = report;
    json!({
        "acts": acts.iter().map(acts_json).collect::<Vec<_>>(),
        "delivery": delivery.as_ref().map(delivery_json),
        "restart": restart.as_ref().map(|run| json!({
            "open_hops": run.open_hops,
            "with_index_ms": millis(run.with_index.took),
            "with_index_resident_bytes": run.with_index.resident_bytes,
            "rebuilt_ms": millis(run.rebuilt.took),
            "rebuilt_resident_bytes": run.rebuilt.resident_bytes,
        })),
        "memory": memory.as_ref().map(|run| json!({
            "idle_bytes": run.idle_bytes,
            "deliveries": run.deliveries,
            "filled_bytes": run.filled_bytes,
            "restarted_bytes": run.restarted_bytes,
            "bytes_per_delivery_taken": run.bytes_per_delivery_taken(),
            "bytes_per_delivery": run.bytes_per_delivery(),
        })),
        "law": law.as_ref().map(|run| json!({
            "procedures": run.procedures,
            "procedures_loaded_ms": millis(run.procedures_loaded_in),
            "listed_days": run.listed_days,
            "calendar_loaded_ms": millis(run.calendar_loaded_in),
            "dues": run.dues,
            "due_ns": run.ns_per_due(),
        })),
        "evidence": evidence.as_ref().map(evidence::json_of),
        "sealing": sealing.as_ref().map(evidence::sealing_json),
        "ladder": ladder.as_ref().map(|run| json!({
            "clocks": run.clocks,
            "idle_tick_us": micros(run.idle_tick),
            "rungs": run.rungs,
            "said_ms": millis(run.said_in),
            "brought_ms": millis(run.brought_in),
            "started_ms": millis(run.started_in),
            "missed": run.missed,
            "caught_up_ms": millis(run.caught_up_in),
        })),
        "outage": outage.as_ref().map(outage::json),
    })
}

fn acts_json(run: &ActsRun) -> Value {
    json!({
        "form": run.form.as_str(),
        "in_flight": run.in_flight,
        "connections": run.connections,
        "acts": run.acts,
        "seconds": run.elapsed.as_secs_f64(),
        "per_second": run.per_second(),
        "p50_us": micros(run.latency.p50),
        "p99_us": micros(run.latency.p99),
        "max_us": micros(run.latency.max),
        "server_cpu_us_per_act": run.server_cpu_per_act().as_secs_f64() * 1e6,
        "client_cpu_us_per_act": run.client_cpu_per_act().as_secs_f64() * 1e6,
        "resident_bytes": run.resident_bytes,
        "lag_records": run.lag_records,
        "catch_up_ms": millis(run.catch_up),
    })
}

fn delivery_json(run: &DeliveryRun) -> Value {
    let times = |latency: Latency| {
        let Latency { p50, p99, max } = latency;
        json!({ "p50_us": micros(p50), "p99_us": micros(p99), "max_us": micros(max) })
    };
    json!({
        "backlog": run.backlog,
        "drained_seconds": run.drained_in.as_secs_f64(),
        "drained_per_second": run.drained_per_second(),
        "server_cpu_us_per_delivery": run.server_cpu_per_delivery().as_secs_f64() * 1e6,
        "flow_per_second": run.flow_per_second,
        "paced": {
            "per_second": run.paced.per_second,
            "acts": run.paced.acts,
            "receipt": times(run.paced.receipt),
            "delivery": times(run.paced.delivery),
        },
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Form, PacedRun};

    fn latency(ms: u64) -> Latency {
        let at = Duration::from_millis;
        Latency { p50: at(ms), p99: at(ms * 10), max: at(ms * 20) }
    }

    fn report() -> Report {
        Report {
            acts: vec![ActsRun {
                form: Form::Bulk,
                in_flight: 64,
                connections: 1,
                acts: 30_000,
                elapsed: Duration::from_secs(2),
                latency: latency(2),
                server_cpu: Duration::from_millis(900),
                client_cpu: Duration::from_millis(300),
                resident_bytes: 48 << 20,
                lag_records: 12,
                catch_up: Duration::from_millis(4),
            }],
            ladder: None,
            outage: None,
            delivery: Some(DeliveryRun {
                backlog: 10_000,
                drained_in: Duration::from_secs(1),
                server_cpu: Duration::from_secs(1),
                flow_per_second: 8_000.0,
                paced: PacedRun {
                    per_second: 4_000.0,
                    acts: 40_000,
                    receipt: latency(1),
                    delivery: latency(3),
                },
            }),
            restart: None,
            memory: Some(MemoryRun {
                idle_bytes: 20 << 20,
                deliveries: 1 << 20,
                filled_bytes: 220 << 20,
                restarted_bytes: 70 << 20,
            }),
            law: Some(LawRun {
                procedures: 9,
                procedures_loaded_in: Duration::from_millis(6),
                listed_days: 320,
                calendar_loaded_in: Duration::from_micros(500),
                dues: 50_000,
                counted_in: Duration::from_millis(4),
            }),
            evidence: Some(bench::EvidenceRun {
                records: 1000,
                followed_in: Duration::from_millis(3),
                proven_in: Duration::from_micros(40),
                verified_in: Duration::from_micros(90),
            }),
            sealing: Some(bench::SealingRun {
                acts: 1_000,
                sealed_in: Duration::from_millis(3),
                chained_in: Duration::from_millis(1),
                followed_in: Duration::from_millis(1),
                act: Duration::from_micros(25),
            }),
        }
    }

    #[test]
    fn json_is_one_line_with_figures_in_the_units_of_their_names() {
        let value = json(&report());
        assert!(!value.to_string().contains('\n'));
        let run = &value["acts"][0];
        assert_eq!(run["form"], "bulk");
        assert_eq!(run["per_second"], 15_000.0);
        assert_eq!(run["p99_us"], 20_000);
        assert_eq!(run["server_cpu_us_per_act"], 30.0);
        assert_eq!(value["delivery"]["paced"]["delivery"]["p50_us"], 3_000);
        assert_eq!(value["delivery"]["server_cpu_us_per_delivery"], 100.0);
        assert_eq!(value["memory"]["bytes_per_delivery"], 50.0);
        assert_eq!(value["law"]["due_ns"], 80.0);
        assert_eq!(value["law"]["procedures_loaded_ms"], 6.0);
        assert_eq!(value["evidence"]["verified_us"], 90);
        assert_eq!(value["sealing"]["share"], 0.2);
        assert!(value["restart"].is_null());
    }

    #[test]
    fn the_table_shows_every_run_and_the_longest_bar_is_whole() {
        let mut slower = report().acts;
        slower[0].acts /= 4;
        let mut runs = report().acts;
        runs.extend(slower);
        let shown = acts(&runs).to_string();
        let bars: Vec<_> =
            shown.lines().map(|line| line.matches('█').count()).filter(|bar| *bar > 0).collect();
        assert_eq!(bars, [24, 6]);
        assert!(shown.contains("15000") && shown.contains("3750"), "{shown}");
    }
}
