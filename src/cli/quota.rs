//! `kopir quota`: the regional quotas, before they are set on a bus.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{Failure, print, print_json, table};
use crate::procedures::quotas::{self, Quotas};

/// The largest file of quotas, in bytes; thirty years of every region take a tenth.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The regional quotas of kandas and in-migrants.
#[derive(Debug, Subcommand)]
pub(super) enum QuotaCommand {
    /// Check a file of quotas and show its totals; nothing is set
    ///
    /// A mistake ends with exit code 2 and names the file, the line, the field and what would be
    /// right. The format is explained in deploy/quotas.csv.
    ///
    /// Examples:
    ///
    ///   kopir quota check deploy/quotas.csv
    ///   kopir quota check deploy/quotas.csv --json | jq '.totals[] | select(.year == 2026)'
    #[command(verbatim_doc_comment)]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file of quotas
    file: PathBuf,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &QuotaCommand) -> Result<(), Failure> {
    match command {
        QuotaCommand::Check(CheckArgs { file, json }) => {
            let quotas = read(file)?;
            let view = QuotasView::new(&quotas);
            if *json { print_json(&view) } else { print(show(file, &view)) }
        }
    }
}

/// Reads and checks a file of quotas.
fn read(path: &Path) -> Result<Quotas, Failure> {
    let told = |why: &dyn std::fmt::Display| Failure::usage(anyhow!("{}: {why}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|why| told(&why))?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|why| told(&why))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(told(&format_args!("the file is larger than {MAX_FILE_BYTES} bytes")));
    }
    quotas::parse(&text).map_err(|why| told(&why))
}

#[derive(Serialize)]
struct QuotasView<'q> {
    version: &'q str,
    totals: Vec<TotalView>,
    quotas: Vec<QuotaView>,
}

#[derive(Serialize)]
struct TotalView {
    year: u16,
    category: &'static str,
    regions: usize,
    persons: u64,
}

#[derive(Serialize)]
struct QuotaView {
    year: u16,
    category: &'static str,
    region: &'static str,
    persons: u32,
}

impl<'q> QuotasView<'q> {
    fn new(quotas: &'q Quotas) -> Self {
        let mut sums: BTreeMap<_, (usize, u64)> = BTreeMap::new();
        for (key, persons) in quotas.iter() {
            let (regions, sum) = sums.entry((key.year, key.category)).or_default();
            *regions += 1;
            *sum += u64::from(persons);
        }
        let total = |((year, category), (regions, persons)): ((u16, quotas::QuotaCategory), _)| {
            TotalView { year, category: category.name(), regions, persons }
        };
        let row = |(key, persons): (quotas::QuotaKey, u32)| QuotaView {
            year: key.year,
            category: key.category.name(),
            region: key.region.code(),
            persons,
        };
        Self {
            version: quotas.version(),
            totals: sums.into_iter().map(total).collect(),
            quotas: quotas.iter().map(row).collect(),
        }
    }
}

fn show(file: &Path, view: &QuotasView<'_>) -> String {
    let mut table = table(&["year", "category", "regions", "persons"]);
    for TotalView { year, category, regions, persons } in &view.totals {
        let cells = [year.to_string(), (*category).to_owned(), regions.to_string()];
        table.add_row(cells.into_iter().chain([persons.to_string()]));
    }
    let version = view.version;
    format!("{} is in order, version {version}\n\n{}\n", file.display(), table.trim_fmt())
}
