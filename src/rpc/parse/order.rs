//! What is set for all cases: a quota, a calendar of working days.

use aws_lc_rs::digest;

use super::Asked;
use super::fault::{Faults, Path};
use super::query::page_items;
use super::rule::{self, Lines};
use crate::domain::calendar::Calendar;
use crate::domain::erasure::MAX_REFERENCE_CHARS;
use crate::domain::region::Region;
use crate::domain::{
    CaseId, Category, EraseCase, ErasureOrder, ErasureReason, QuotaKey, RequestId, SetQuota,
};
use crate::engine::Amendment;
use crate::procedures::calendar;
use crate::rpc::proto::operations::v1::{
    AmendCalendarRequest, EraseCaseRequest, ErasureReason as Stated,
};
use crate::rpc::proto::quotas::v1::{GetQuotaRequest, ListQuotasRequest, SetQuotaRequest};
use crate::rpc::proto::types::v1::QuotaCategory;
use crate::rpc::reason::Reason;
use crate::rpc::status::Refusal;

/// The years that a quota can be of.
const YEARS: std::ops::RangeInclusive<i32> = 2016..=2100;

/// The most persons of a quota.
const MAX_PERSONS: u32 = 1_000_000;

/// The longest calendar that is taken, in bytes.
const MAX_CALENDAR_BYTES: usize = 200_000;

/// Reads a quota to be set.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found.
pub fn set_quota(request: &SetQuotaRequest, asked: Asked<'_>) -> Result<SetQuota, Refusal> {
    let SetQuotaRequest { request_id, region, year, category, person_count, basis } = request;
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
    let key = quota_key(&mut faults, region, *year, *category);
    let persons = u32::try_from(*person_count).ok().filter(|persons| *persons <= MAX_PERSONS);
    if persons.is_none() {
        let rule = format_args!("must be 0 to {MAX_PERSONS} persons");
        faults.field(&root.field("person_count"), rule);
    }
    rule::text(&mut faults, &root.field("basis"), basis, 1..=300, Lines::One);
    let (request, (key, persons)) = faults.judge(request.zip(key.zip(persons)))?;
    let QuotaKey { region, year, category } = key;
    let of = [region.number(), category.tag()];
    let parts: [&[u8]; 4] = [&of, &year.to_be_bytes(), &persons.to_be_bytes(), basis.as_bytes()];
    Ok(SetQuota {
        author: asked.caller.party,
        request,
        fingerprint: fingerprint(b"kopir quota v1\0", &parts),
        key,
        persons,
        basis: basis.clone(),
    })
}

/// Which quota is asked for.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found.
pub fn quota(request: &GetQuotaRequest) -> Result<QuotaKey, Refusal> {
    let GetQuotaRequest { region, year, category } = request;
    let mut faults = Faults::new();
    let key = quota_key(&mut faults, region, *year, *category);
    Ok(faults.judge(key)?)
}

/// Which page of which quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas<'a> {
    /// Of this year only.
    pub year: Option<i16>,
    /// Of this category only.
    pub category: Option<Category>,
    /// Of this region only.
    pub region: Option<Region>,
    /// How many at most.
    pub page_items: usize,
    /// The token of the page.
    pub page_token: &'a str,
}

/// Reads the request for a page of quotas.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found.
pub fn quotas(request: &ListQuotasRequest) -> Result<Quotas<'_>, Refusal> {
    let ListQuotasRequest { page_size, page_token, year, category, region } = request;
    let mut faults = Faults::new();
    let root = Path::Root;
    let page_items = page_items(&mut faults, *page_size);
    let year = match year {
        0 => None,
        year => self::year(&mut faults, *year),
    };
    let category = match QuotaCategory::try_from(*category) {
        Ok(QuotaCategory::Unspecified) => None,
        Ok(_) | Err(_) => self::category(&mut faults, *category),
    };
    let region = match region.as_str() {
        "" => None,
        region => rule::region(&mut faults, &root.field("region"), region),
    };
    let page_items = faults.judge(page_items)?;
    Ok(Quotas { year, category, region, page_items, page_token })
}

/// A calendar to be put in force, before it is held against the one that is.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found; that of the calendar names its line.
pub fn amendment(request: &AmendCalendarRequest, asked: Asked<'_>) -> Result<Amendment, Refusal> {
    let AmendCalendarRequest { request_id, calendar: text, reason } = request;
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
    let calendar = calendar(&mut faults, &root.field("calendar"), text);
    rule::text(&mut faults, &root.field("reason"), reason, 1..=1000, Lines::Many);
    let (request, calendar): (RequestId, Calendar) = faults.judge(request.zip(calendar))?;
    let parts: [&[u8]; 3] = [text.as_bytes(), &[0], reason.as_bytes()];
    Ok(Amendment {
        author: asked.caller.party,
        request,
        fingerprint: fingerprint(b"kopir calendar v1\0", &parts),
        calendar,
        text: text.clone(),
        reason: reason.clone(),
    })
}

/// A case to be erased. Text that cannot be a case's id is answered like the id of no case.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found, or [`Refusal::CaseNotVisible`].
pub fn erasure(request: &EraseCaseRequest, asked: Asked<'_>) -> Result<EraseCase, Refusal> {
    let EraseCaseRequest { request_id, case_id, reason, reference } = request;
    let case: CaseId = case_id.parse().map_err(|_| Refusal::CaseNotVisible)?;
    let mut faults = Faults::new();
    let root = Path::Root;
    let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
    let stated = match Stated::try_from(*reason) {
        Ok(Stated::RetentionRule) => Some(ErasureReason::RetentionRule),
        Ok(Stated::LawfulRequest) => Some(ErasureReason::LawfulRequest),
        Ok(Stated::Unspecified) | Err(_) => None,
    };
    let reason = rule::stated(&mut faults, &root.field("reason"), stated);
    let length = 1..=MAX_REFERENCE_CHARS;
    rule::text(&mut faults, &root.field("reference"), reference, length, Lines::One);
    let (request, reason) = faults.judge(request.zip(reason))?;
    let parts: [&[u8]; 3] = [&case.0, &[reason.tag()], reference.as_bytes()];
    let fingerprint = fingerprint(b"kopir erasure v1\0", &parts);
    let order = ErasureOrder { author: asked.caller.party, request, fingerprint };
    let (order, reference) = (Some(order), reference.clone());
    Ok(EraseCase { order, case, reason, reference, seen: None })
}

/// Whether an amended calendar may follow the one in force.
///
/// # Errors
/// [`Refusal::Invalid`] with the rule that it breaks.
pub fn follows(in_force: &Calendar, amended: &Calendar) -> Result<(), Refusal> {
    match in_force.amended_by(amended) {
        Ok(_) => Ok(()),
        Err(error) => {
            let rule = error.to_string();
            Err(Faults::one("calendar", Reason::FieldInvalid, &rule).into())
        }
    }
}

fn calendar(faults: &mut Faults, at: &Path<'_>, text: &str) -> Option<Calendar> {
    if !(1..=MAX_CALENDAR_BYTES).contains(&text.len()) {
        let rule = format_args!("must be a calendar of 1 to {MAX_CALENDAR_BYTES} bytes");
        faults.field(at, rule);
        return None;
    }
    match calendar::parse(text) {
        Ok(calendar) => Some(calendar),
        Err(error) => {
            faults.field(at, format_args!("{error}"));
            None
        }
    }
}

fn quota_key(faults: &mut Faults, region: &str, year: i32, category: i32) -> Option<QuotaKey> {
    let region = rule::region(faults, &Path::Root.field("region"), region);
    let year = self::year(faults, year);
    let category = self::category(faults, category);
    Some(QuotaKey { region: region?, year: year?, category: category? })
}

fn year(faults: &mut Faults, year: i32) -> Option<i16> {
    let known = i16::try_from(year).ok().filter(|_| YEARS.contains(&year));
    if known.is_none() {
        let (first, last) = (YEARS.start(), YEARS.end());
        faults.field(&Path::Root.field("year"), format_args!("must be a year {first} to {last}"));
    }
    known
}

fn category(faults: &mut Faults, category: i32) -> Option<Category> {
    let known = match QuotaCategory::try_from(category) {
        Ok(QuotaCategory::Kandas) => Some(Category::Kandas),
        Ok(QuotaCategory::InMigrant) => Some(Category::InMigrant),
        Ok(QuotaCategory::Unspecified) | Err(_) => None,
    };
    rule::stated(faults, &Path::Root.field("category"), known)
}

pub(super) fn fingerprint(kind: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(kind);
    for part in parts {
        hashed.update(part);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hashed.finish().as_ref());
    fingerprint
}
