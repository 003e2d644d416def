//! Quotas with the act that set them.

use jiff::Timestamp;

use super::{category, time};
use crate::domain::{Quota, QuotaKey, QuotaSet};
use crate::rpc::proto::quotas::v1 as quotas;

/// A quota, with the act that set it last and its time.
pub fn quota(key: QuotaKey, quota: Quota, set: Option<(&QuotaSet, Timestamp)>) -> quotas::Quota {
    let QuotaKey { region, year, category: of } = key;
    let Quota { limit, reserved, taken } = quota;
    let count = |persons: u32| i32::try_from(persons).unwrap_or(i32::MAX);
    quotas::Quota {
        region: region.code().to_owned(),
        year: i32::from(year),
        category: category(of).into(),
        set_count: count(limit.unwrap_or_default()),
        reserved_count: count(reserved),
        taken_count: count(taken),
        free_count: count(quota.free().unwrap_or_default()),
        basis: set.map(|(set, _)| set.basis.clone()).unwrap_or_default(),
        set_time: set.map(|(_, at)| time(at)),
    }
}
