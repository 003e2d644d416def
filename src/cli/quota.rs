//! `kopir quota`: the regional quotas, checked in a file, set on a running bus, and shown with what
//! is used of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{Failure, print, print_json, table};
use crate::domain::quota::{Category, QuotaKey};
use crate::procedures::quotas::{self, Quotas};

mod bus;

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
    /// Set a quota on a running bus, or set it anew
    ///
    /// Only the authorised body may. A quota below what is reserved and taken is refused.
    ///
    /// Example:
    ///
    ///   kopir quota set --region KZ-55 --year 2026 --category kandas --persons 977 \
    ///       --basis "Order No. 1 of 2026-01-15" --certs certs --as migration-committee
    #[command(verbatim_doc_comment)]
    Set(bus::SetArgs),
    /// Set every quota of a file on a running bus
    ///
    /// The request ids follow from the version of the file and its rows, so a load that broke off
    /// is repeated as it is: what was set is not set twice. To set the same figures anew later,
    /// give the file another version. The format is explained in deploy/quotas.csv.
    ///
    /// Example:
    ///
    ///   kopir quota load deploy/quotas.csv --basis "Orders of the years" \
    ///       --certs certs --as migration-committee
    #[command(verbatim_doc_comment)]
    Load(bus::LoadArgs),
    /// List the quotas of a running bus: set, reserved by consents, taken by inclusions, free
    ///
    /// Examples:
    ///
    ///   kopir quota list --year 2026 --category kandas
    ///   kopir quota list --json | jq '.[] | select(.free == 0) | .region'
    #[command(verbatim_doc_comment)]
    List(bus::ListArgs),
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
        QuotaCommand::Set(args) => bus::set(args),
        QuotaCommand::Load(args) => bus::load(args),
        QuotaCommand::List(args) => bus::list(args),
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
    year: i16,
    category: &'static str,
    regions: usize,
    persons: u64,
}

#[derive(Serialize)]
struct QuotaView {
    year: i16,
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
        let total = |((year, category), (regions, persons)): ((i16, Category), _)| TotalView {
            year,
            category: category.name(),
            regions,
            persons,
        };
        let row = |(key, persons): (QuotaKey, u32)| QuotaView {
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
