//! The quotas of a tour: set by the authorised body before anybody applies, read again at the end.

use super::script::{QuotaRow, Script};
use crate::demo::DemoError;
use crate::demo::line::Line;
use crate::domain::region::Region;
use crate::domain::{Category, QuotaKey};
use crate::procedures::quotas;
use crate::rpc::proto::quotas::v1 as contract;
use crate::rpc::proto::quotas::v1::quota_service_client::QuotaServiceClient;
use crate::rpc::proto::types::v1 as types;

/// The quotas that ship with the bus as a sample.
const SAMPLE: &str = include_str!("../../../deploy/quotas.csv");

/// A quota that was set.
pub(super) struct SetQuota {
    /// Where, when and for whom, in words.
    pub(super) what: String,
    /// Persons.
    pub(super) persons: i32,
    /// Whether another year's figure stands in.
    pub(super) stands_in: Option<u16>,
}

/// Sets the quotas of a script, as the authorised body.
pub(super) async fn set(line: &Line, script: &Script) -> Result<Vec<SetQuota>, DemoError> {
    let mut set = Vec::new();
    for row in &script.quotas {
        let persons =
            sampled(row).ok_or_else(|| line.lacks(&format!("a sample quota: {row:?}")))?;
        let mut stub = QuotaServiceClient::new(line.channel());
        let asked = contract::SetQuotaRequest {
            request_id: uuid::Uuid::new_v4().to_string(),
            region: row.region.clone(),
            year: i32::from(row.year),
            category: category(row).into(),
            person_count: persons,
            basis: "Order No. 0 of 01.01.2025, a sample".to_owned(),
        };
        line.ask("setting a quota", stub.set_quota(asked)).await?;
        let what = format!("{} {} {}", row.region, row.year, row.category);
        let stands_in = row.sample_year;
        set.push(SetQuota { what, persons, stands_in });
    }
    Ok(set)
}

/// The quotas of a script as they stand.
pub(super) async fn read(line: &Line, script: &Script) -> Result<Vec<contract::Quota>, DemoError> {
    let mut found = Vec::new();
    for row in &script.quotas {
        let mut stub = QuotaServiceClient::new(line.channel());
        let asked = contract::GetQuotaRequest {
            region: row.region.clone(),
            year: i32::from(row.year),
            category: category(row).into(),
        };
        let answer = line.ask("a quota", stub.get_quota(asked)).await?.into_inner();
        found.push(answer.quota.ok_or_else(|| line.lacks("the quota"))?);
    }
    Ok(found)
}

fn category(row: &QuotaRow) -> types::QuotaCategory {
    let name = super::papers::in_contract("QUOTA_CATEGORY", &row.category);
    types::QuotaCategory::from_str_name(&name).unwrap_or_default()
}

fn sampled(row: &QuotaRow) -> Option<i32> {
    let region: Region = row.region.parse().ok()?;
    let category: Category = row.category.parse().ok()?;
    let year = i16::try_from(row.sample_year.unwrap_or(row.year)).ok()?;
    let persons = quotas::parse(SAMPLE).ok()?.persons(QuotaKey { year, category, region })?;
    i32::try_from(persons).ok()
}
