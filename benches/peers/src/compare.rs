//! The table: medians over the rounds, and each peer against the bus at the same load.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::Failure;

/// Rates and 99th percentiles of one system at one load, a value a round.
#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

type Table = BTreeMap<(u64, String), Rounds>;

pub fn run(peers: &str, bus: &str) -> Result<(), Failure> {
    let mut table = Table::new();
    for line in fs::read_to_string(peers)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        take(&mut table, text(&line, "peer")?, &line)?;
    }
    for line in fs::read_to_string(bus)?.lines() {
        let report: Value = serde_json::from_str(line)?;
        let acts = report["acts"].as_array().ok_or("the bus's report has no acts")?;
        for run in acts {
            take(&mut table, &format!("kopir {}", text(run, "form")?), run)?;
        }
    }
    print(&table);
    Ok(())
}

fn take(table: &mut Table, system: &str, line: &Value) -> Result<(), Failure> {
    let number = |key: &str| line[key].as_f64().ok_or_else(|| format!("no {key} in {line}"));
    let in_flight = line["in_flight"].as_u64().ok_or("no in_flight")?;
    let rounds = table.entry((in_flight, system.to_owned())).or_default();
    rounds.per_second.push(number("per_second")?);
    rounds.p50_us.push(number("p50_us")?);
    rounds.p99_us.push(number("p99_us")?);
    Ok(())
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, Failure> {
    value[key].as_str().ok_or_else(|| format!("no {key} in {value}").into())
}

fn print(table: &Table) {
    println!(
        "{:>9}  {:<14} {:>8} {:>17} {:>9} {:>9}  bus bulk / this",
        "in flight", "system", "median/s", "least to most", "p50 ms", "p99 ms"
    );
    for ((in_flight, system), rounds) in table {
        let rate = median(&rounds.per_second);
        let bulk = table.get(&(*in_flight, "kopir bulk".to_owned()));
        let ratio = bulk.map(|bulk| format!("{:.2}", median(&bulk.per_second) / rate));
        let least = rounds.per_second.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.per_second.iter().copied().fold(0.0, f64::max);
        let span = format!("{least:.0} to {most:.0}");
        println!(
            "{in_flight:>9}  {system:<14} {rate:>8.0} {span:>17} {:>9.2} {:>9.2}  {}",
            median(&rounds.p50_us) / 1000.0,
            median(&rounds.p99_us) / 1000.0,
            ratio.unwrap_or_default(),
        );
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}
