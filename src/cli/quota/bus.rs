//! The quotas of a running bus, set and listed as any other client does it.

use std::path::PathBuf;

use anyhow::anyhow;
use aws_lc_rs::digest;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use uuid::{Builder, Uuid};

use super::super::bus::BusArgs;
use super::super::output::{Exit, Failure, note, print, print_json, table};
use super::super::words;
use crate::domain::quota::{Category, QuotaKey};
use crate::domain::region::Region;
use crate::procedures::quotas::{FIRST_YEAR, LAST_YEAR, MAX_PERSONS};
use crate::rpc::client::{BusChannel, CallError};
use crate::rpc::proto::quotas::v1::quota_service_client::QuotaServiceClient;
use crate::rpc::proto::quotas::v1::{ListQuotasRequest, Quota, SetQuotaRequest};
use crate::rpc::proto::types::v1::QuotaCategory;

/// Quotas asked for at once.
const PAGE_QUOTAS: i32 = 500;
/// The longest basis that the bus records, in characters.
const BASIS_CHARS: usize = 300;

#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    /// The region that takes the persons in, an ISO 3166-2 code
    #[arg(long, value_name = "CODE")]
    region: Region,
    /// The calendar year
    #[arg(long, value_parser = clap::value_parser!(i16).range(i64::from(FIRST_YEAR)..=i64::from(LAST_YEAR)))]
    year: i16,
    /// Whom it is for: kandas or in-migrant
    #[arg(long)]
    category: Category,
    /// How many, families counted whole
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_PERSONS)))]
    persons: u32,
    /// The act that sets it, with its number and date
    #[arg(long, value_name = "TEXT")]
    basis: String,
    /// To repeat an act whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LoadArgs {
    /// The file of quotas
    file: PathBuf,
    /// The act that sets them, with its number and date
    #[arg(long, value_name = "TEXT")]
    basis: String,
    #[command(flatten)]
    bus: BusArgs,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only this year
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    year: i32,
    /// Only these: kandas or in-migrant
    #[arg(long)]
    category: Option<Category>,
    /// Only this region, an ISO 3166-2 code
    #[arg(long, value_name = "CODE")]
    region: Option<Region>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn set(args: &SetArgs) -> Result<(), Failure> {
    let SetArgs { region, year, category, persons, basis, request_id, bus, json } = args;
    check_basis(basis)?;
    let key = QuotaKey { region: *region, year: *year, category: *category };
    let request_id = request_id.unwrap_or_else(Uuid::new_v4);
    note(format_args!("request id {request_id}; repeat with --request-id if no answer comes"));
    let request = request(key, *persons, basis, request_id);
    let quota = bus.call(async |channel| {
        let answer = QuotaServiceClient::new(channel).set_quota(request).await?;
        Ok::<_, CallError>(answer.into_inner().quota.unwrap_or_default())
    })?;
    if *json { print_json(&QuotaView::new(&quota)) } else { print(quota_table(&[quota])) }
}

pub(super) fn load(args: &LoadArgs) -> Result<(), Failure> {
    check_basis(&args.basis)?;
    let file = super::read(&args.file)?;
    let requests: Vec<_> = file
        .iter()
        .map(|(key, persons)| {
            let id = derived_id(file.version(), key, persons, &args.basis);
            (key, request(key, persons, &args.basis, id))
        })
        .collect();
    let all = requests.len();
    let bar = bar(all);
    let loaded =
        args.bus.call(async |channel| Ok::<_, CallError>(set_each(channel, requests, &bar).await));
    bar.finish_and_clear();
    let (quotas, stopped) = loaded?;
    if let Some((key, why)) = stopped {
        return Err(Failure::new(
            Exit::Refused,
            anyhow!(
                "{} of {all} quotas are set, and then {key} was refused: {why}\n\
                 load the file again once that is mended; what is set is not set twice",
                quotas.len()
            ),
        ));
    }
    if args.json {
        return print_json(&quotas.iter().map(QuotaView::new).collect::<Vec<_>>());
    }
    print(format_args!("{}\n{all} quotas of {} are set\n", quota_table(&quotas), file.version()))
}

pub(super) fn list(args: &ListArgs) -> Result<(), Failure> {
    let ListArgs { year, category, region, bus, json } = args;
    let quotas = bus.call(async |channel| {
        let mut client = QuotaServiceClient::new(channel);
        let mut quotas: Vec<Quota> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListQuotasRequest {
                page_size: PAGE_QUOTAS,
                page_token,
                year: *year,
                category: category.map(contract).unwrap_or_default().into(),
                region: region.map(|region| region.code().to_owned()).unwrap_or_default(),
            };
            let page = client.list_quotas(request).await?.into_inner();
            quotas.extend(page.quotas);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok::<_, CallError>(quotas);
            }
        }
    })?;
    if *json {
        return print_json(&quotas.iter().map(QuotaView::new).collect::<Vec<_>>());
    }
    let plural = if quotas.len() == 1 { "" } else { "s" };
    print(format_args!("{}\n{} quota{plural}\n", quota_table(&quotas), quotas.len()))
}

/// Sets one after the other until one is refused; returns what is set, and what stopped it.
async fn set_each(
    channel: BusChannel,
    requests: Vec<(QuotaKey, SetQuotaRequest)>,
    bar: &ProgressBar,
) -> (Vec<Quota>, Option<(QuotaKey, CallError)>) {
    let mut client = QuotaServiceClient::new(channel);
    let mut quotas = Vec::with_capacity(requests.len());
    for (key, request) in requests {
        match client.set_quota(request).await {
            Ok(answer) => quotas.extend(answer.into_inner().quota),
            Err(status) => return (quotas, Some((key, status.into()))),
        }
        bar.inc(1);
    }
    (quotas, None)
}

fn check_basis(basis: &str) -> Result<(), Failure> {
    match basis.chars().count() {
        1..=BASIS_CHARS if !basis.trim().is_empty() => Ok(()),
        _ => Err(Failure::usage(anyhow!(
            "--basis: name the act that sets the quota, with its number and date, in at most \
             {BASIS_CHARS} characters"
        ))),
    }
}

fn request(key: QuotaKey, persons: u32, basis: &str, id: Uuid) -> SetQuotaRequest {
    let QuotaKey { region, year, category } = key;
    SetQuotaRequest {
        request_id: id.to_string(),
        region: region.code().to_owned(),
        year: year.into(),
        category: contract(category).into(),
        person_count: i32::try_from(persons).unwrap_or(i32::MAX),
        basis: basis.to_owned(),
    }
}

/// The request id of a row: the same row of the same version under the same basis has the same, and
/// everything else another.
fn derived_id(version: &str, key: QuotaKey, persons: u32, basis: &str) -> Uuid {
    let text = format!("kopir quota load\0{version}\0{key}\0{persons}\0{basis}");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    Builder::from_custom_bytes(bytes).into_uuid()
}

fn contract(category: Category) -> QuotaCategory {
    match category {
        Category::Kandas => QuotaCategory::Kandas,
        Category::InMigrant => QuotaCategory::InMigrant,
    }
}

fn bar(all: usize) -> ProgressBar {
    let bar = ProgressBar::new(all as u64).with_message("setting quotas");
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len}");
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

#[derive(Serialize)]
struct QuotaView<'q> {
    year: i32,
    category: String,
    region: &'q str,
    /// The limit, in persons: the sum of the other three.
    set: i32,
    /// Held by consents.
    reserved: i32,
    /// Taken by inclusions.
    taken: i32,
    free: i32,
    basis: &'q str,
    /// When it was set last.
    set_time: String,
}

impl<'q> QuotaView<'q> {
    fn new(quota: &'q Quota) -> Self {
        let category = words::category(quota.category());
        let Quota {
            region,
            year,
            category: _,
            set_count,
            reserved_count,
            taken_count,
            free_count,
            basis,
            set_time,
        } = quota;
        Self {
            year: *year,
            category,
            region,
            set: *set_count,
            reserved: *reserved_count,
            taken: *taken_count,
            free: *free_count,
            basis,
            set_time: words::time(*set_time),
        }
    }
}

fn quota_table(quotas: &[Quota]) -> String {
    let head = ["year", "category", "region", "set", "reserved", "taken", "free", "basis"];
    let mut table = table(&head);
    for quota in quotas {
        let QuotaView { year, category, region, set, reserved, taken, free, basis, set_time: _ } =
            QuotaView::new(quota);
        let [year, set, reserved, taken, free] =
            [year, set, reserved, taken, free].map(|number| number.to_string());
        table.add_row([&year, &category, region, &set, &reserved, &taken, &free, basis]);
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_an_id_of_its_own_and_keeps_it() {
        let region = "KZ-55".parse().unwrap();
        let key = QuotaKey { region, year: 2026, category: Category::Kandas };
        let id = derived_id("kz-2026.1", key, 977, "an order");
        assert_eq!(id, derived_id("kz-2026.1", key, 977, "an order"));
        assert_eq!(id.get_version_num(), 8);
        let others = [
            derived_id("kz-2026.2", key, 977, "an order"),
            derived_id("kz-2026.1", QuotaKey { year: 2027, ..key }, 977, "an order"),
            derived_id("kz-2026.1", key, 978, "an order"),
            derived_id("kz-2026.1", key, 977, "another order"),
        ];
        assert!(others.iter().all(|other| *other != id));
    }

    #[test]
    fn a_basis_is_given_and_short_enough() {
        assert!(check_basis("Order No. 1 of 2026-01-15").is_ok());
        for basis in ["", "  ", &"ә".repeat(301)] {
            assert!(check_basis(basis).is_err(), "{basis}");
        }
    }
}
