//! From the requests that read or acknowledge to typed questions.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Asked;
use super::fault::{Faults, Path};
use super::rule;
use crate::domain::ladder::NO_CASE;
use crate::domain::party::{PartyId, PartyNumber, bundled_zone};
use crate::domain::region::Region;
use crate::domain::{CaseId, HopId, ProcedureKey, Roster, Sequence};
use crate::rpc::Caller;
use crate::rpc::access::{LIST_INBOX, LIST_OBLIGATIONS, Relation};
use crate::rpc::proto::cases::v1::{
    CaseState, GetCaseRequest, GetCaseStatusRequest, ListCasesRequest,
};
use crate::rpc::proto::inbox::v1::{
    AcknowledgeDeliveryRequest, DeliveryAcknowledgement, FetchDeliveriesRequest, InboxOpening,
    ListObligationsRequest,
};
use crate::rpc::proto::operations::v1::{
    ListInboxRequest, ListRegistryChangesRequest, SetSandboxTimeRequest,
};
use crate::rpc::proto::procedures::v1::{ComputeDueTimeRequest, GetProcedureRequest};
use crate::rpc::status::Refusal;

/// Items of a page when the caller does not say.
const USUAL_PAGE_ITEMS: usize = 100;

/// Items of a page at most.
const MAX_PAGE_ITEMS: usize = 1000;

/// Deliveries of one fetch at most.
const MAX_FETCHED: i32 = 100;

/// The shortest and the longest lease, in seconds.
const LEASE_SECONDS: std::ops::RangeInclusive<i32> = 5..=3600;

/// The name of a delivery: the act's place in the journal and its case. Opaque to clients, and the
/// same on every redelivery, because both are fixed when the act is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryId {
    /// The act.
    pub sequence: Sequence,
    /// Its case.
    pub case: CaseId,
}

/// Stands in the name of a notice's delivery where that of an act has its case.
const NOTICE: &str = "notice";

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.case == NO_CASE {
            return write!(f, "{}-{NOTICE}", self.sequence);
        }
        write!(f, "{}-{}", self.sequence, self.case)
    }
}

impl FromStr for DeliveryId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let read = || {
            let (sequence, case) = text.split_once('-')?;
            let case = if case == NOTICE { NO_CASE } else { case.parse().ok()? };
            let id = Self { sequence: Sequence(sequence.parse().ok()?), case };
            // One delivery has one name: what does not read back the same is none.
            (id.to_string() == text).then_some(id)
        };
        // The longest name has 20 digits, a hyphen and a UUID; longer text is not looked into.
        if text.len() > 57 { None } else { read() }.ok_or(Refusal::DeliveryUnknown)
    }
}

/// Which delivery a unary call acknowledges.
///
/// # Errors
/// [`Refusal::DeliveryUnknown`] for text that names none.
pub fn acknowledged(request: &AcknowledgeDeliveryRequest) -> Result<DeliveryId, Refusal> {
    let AcknowledgeDeliveryRequest { delivery_id } = request;
    delivery_id.parse()
}

/// Which delivery a message on the stream acknowledges.
///
/// # Errors
/// As for [`acknowledged`].
pub fn acknowledged_on_stream(message: &DeliveryAcknowledgement) -> Result<DeliveryId, Refusal> {
    let DeliveryAcknowledgement { delivery_id } = message;
    delivery_id.parse()
}

/// The opening of an inbox stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Whose inbox.
    pub party: PartyNumber,
    /// How many deliveries may be unacknowledged.
    pub window: usize,
}

/// Reads the first message of an inbox stream.
///
/// # Errors
/// [`Refusal::Invalid`], or [`Refusal::PartyNotAllowed`] for another's inbox.
pub fn opening(
    message: &InboxOpening,
    caller: &Caller,
    roster: &Roster,
    max_window: usize,
) -> Result<Opening, Refusal> {
    let InboxOpening { window, party_id } = message;
    let party = acted_for(party_id, caller, roster)?;
    let mut faults = Faults::new();
    let window = number(
        &mut faults,
        "opening.window",
        *window,
        1..=i32::try_from(max_window).unwrap_or(i32::MAX),
    );
    Ok(Opening { party, window: faults.judge(window)? })
}

/// What a polling client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Whose inbox.
    pub party: PartyNumber,
    /// How many deliveries at most.
    pub max: usize,
    /// For how long.
    pub lease: Duration,
}

/// Reads the request of a polling client.
///
/// # Errors
/// As for [`opening`].
pub fn fetch(
    request: &FetchDeliveriesRequest,
    caller: &Caller,
    roster: &Roster,
) -> Result<Fetch, Refusal> {
    let FetchDeliveriesRequest { max_deliveries, lease_seconds, party_id } = request;
    let party = acted_for(party_id, caller, roster)?;
    let mut faults = Faults::new();
    let max = number(&mut faults, "max_deliveries", *max_deliveries, 1..=MAX_FETCHED);
    let lease = number(&mut faults, "lease_seconds", *lease_seconds, LEASE_SECONDS);
    let (max, lease) = faults.judge(max.zip(lease))?;
    Ok(Fetch { party, max, lease: Duration::from_secs(lease as u64) })
}

/// Which page of what a party has: its obligations, or its inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyPage<'a> {
    /// Whose.
    pub party: PartyNumber,
    /// How many at most.
    pub page_items: usize,
    /// The token of the page.
    pub page_token: &'a str,
}

/// Reads the request for a page of obligations.
///
/// # Errors
/// [`Refusal::Invalid`], or [`Refusal::PartyNotAllowed`] for a party that is not the caller's to
/// look at.
pub fn obligations<'a>(
    request: &'a ListObligationsRequest,
    caller: &Caller,
    roster: &Roster,
) -> Result<PartyPage<'a>, Refusal> {
    let ListObligationsRequest { page_size, page_token, party_id } = request;
    let mut faults = Faults::new();
    let party =
        if caller.access.reaches(LIST_OBLIGATIONS, Relation::Stranger) && !party_id.is_empty() {
            registered(&mut faults, party_id, roster)
        } else {
            Some(acted_for(party_id, caller, roster)?)
        };
    let page_items = page_items(&mut faults, *page_size);
    let (party, page_items) = faults.judge(party.zip(page_items))?;
    Ok(PartyPage { party, page_items, page_token })
}

/// Reads the request for a page of an inbox: the caller's own, that of a party for which it acts, or
/// any for who watches over the parties.
///
/// # Errors
/// [`Refusal::Invalid`], or [`Refusal::PartyNotAllowed`] for a party that is not the caller's to
/// look at.
pub fn inbox<'a>(
    request: &'a ListInboxRequest,
    caller: &Caller,
    roster: &Roster,
) -> Result<PartyPage<'a>, Refusal> {
    let ListInboxRequest { party_id, page_size, page_token } = request;
    let mut faults = Faults::new();
    // The field has to be there, whoever asks.
    let party = if caller.access.reaches(LIST_INBOX, Relation::Stranger) || party_id.is_empty() {
        registered(&mut faults, party_id, roster)
    } else {
        Some(acted_for(party_id, caller, roster)?)
    };
    let page_items = page_items(&mut faults, *page_size);
    let (party, page_items) = faults.judge(party.zip(page_items))?;
    Ok(PartyPage { party, page_items, page_token })
}

/// Which case is asked for.
///
/// # Errors
/// [`Refusal::CaseNotVisible`] for text that names none.
pub fn case(request: &GetCaseRequest) -> Result<CaseId, Refusal> {
    let GetCaseRequest { case_id } = request;
    case_id.parse().map_err(|_| Refusal::CaseNotVisible)
}

/// Of which case the state is asked for.
///
/// # Errors
/// As for [`case`].
pub fn case_status(request: &GetCaseStatusRequest) -> Result<CaseId, Refusal> {
    let GetCaseStatusRequest { case_id } = request;
    case_id.parse().map_err(|_| Refusal::CaseNotVisible)
}

/// Which page of which cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases<'a> {
    /// In this state only.
    pub state: Option<CaseState>,
    /// Of this region only.
    pub region: Option<Region>,
    /// How many at most.
    pub page_items: usize,
    /// The token of the page.
    pub page_token: &'a str,
}

/// Reads the request for a page of cases.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn cases(request: &ListCasesRequest) -> Result<Cases<'_>, Refusal> {
    let ListCasesRequest { page_size, page_token, state, region } = request;
    let mut faults = Faults::new();
    let root = Path::Root;
    let page_items = page_items(&mut faults, *page_size);
    let state = match CaseState::try_from(*state) {
        Ok(CaseState::Unspecified) => None,
        Ok(state) => Some(state),
        Err(_) => {
            faults.field(&root.field("state"), format_args!("is no state of a case"));
            None
        }
    };
    let region = match region.as_str() {
        "" => None,
        code => {
            let region = code.parse().ok();
            if region.is_none() {
                let rule = format_args!("is no ISO 3166-2 code of a region, such as KZ-55");
                faults.field(&root.field("region"), rule);
            }
            region
        }
    };
    Ok(Cases { state, region, page_items: faults.judge(page_items)?, page_token })
}

/// How many changes of the registry, and the token of the page.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn registry_changes(request: &ListRegistryChangesRequest) -> Result<(usize, &str), Refusal> {
    let ListRegistryChangesRequest { page_size, page_token } = request;
    let mut faults = Faults::new();
    let page_items = page_items(&mut faults, *page_size);
    Ok((faults.judge(page_items)?, page_token))
}

/// Which edition of which procedure.
///
/// # Errors
/// [`Refusal::ProcedureUnknown`] for text that names none.
pub fn procedure(request: &GetProcedureRequest) -> Result<ProcedureKey, Refusal> {
    let GetProcedureRequest { procedure, edition } = request;
    procedure_key(procedure, edition)
}

/// A term to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct DueTime {
    /// The procedure.
    pub procedure: ProcedureKey,
    /// The hop.
    pub hop: HopId,
    /// The event that opens it.
    pub from: Timestamp,
    /// Where the acting party's days end.
    pub zone: TimeZone,
}

/// Reads the request to compute a term.
///
/// # Errors
/// [`Refusal::ProcedureUnknown`], [`Refusal::HopUnknown`] or [`Refusal::Invalid`].
pub fn due_time(request: &ComputeDueTimeRequest, asked: Asked<'_>) -> Result<DueTime, Refusal> {
    let ComputeDueTimeRequest { procedure, edition, hop, from_time, time_zone } = request;
    let procedure = procedure_key(procedure, edition)?;
    let hop = hop.parse().map_err(|_| Refusal::HopUnknown)?;
    let mut faults = Faults::new();
    let root = Path::Root;
    let from = rule::time(&mut faults, &root.field("from_time"), from_time.as_ref());
    let zone = match time_zone.as_str() {
        "" => Some(asked.zone.clone()),
        name => {
            let zone = bundled_zone(name).ok();
            if zone.is_none() {
                let rule = format_args!("is no IANA time zone; give one such as Asia/Almaty");
                faults.field(&root.field("time_zone"), rule);
            }
            zone
        }
    };
    let (from, zone) = faults.judge(from.zip(zone))?;
    Ok(DueTime { procedure, hop, from, zone })
}

/// The time to set a sandbox to.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn sandbox_time(request: &SetSandboxTimeRequest) -> Result<Timestamp, Refusal> {
    let SetSandboxTimeRequest { time } = request;
    let mut faults = Faults::new();
    let time = rule::time(&mut faults, &Path::Root.field("time"), time.as_ref());
    Ok(faults.judge(time)?)
}

/// The party whose inbox is meant: the caller, or one for which the registry lets it act.
pub(super) fn acted_for(
    party_id: &str,
    caller: &Caller,
    roster: &Roster,
) -> Result<PartyNumber, Refusal> {
    if party_id.is_empty() || party_id == caller.id.as_str() {
        return Ok(caller.party);
    }
    // A party that does not exist is answered like one that the caller may not act for.
    let named = party_id.parse::<PartyId>().ok().and_then(|id| roster.number(&id));
    named.filter(|party| roster.may_act_for(caller.party, *party)).ok_or(Refusal::PartyNotAllowed)
}

/// The party that is meant, for callers who know of all of them.
pub(super) fn registered(
    faults: &mut Faults,
    party_id: &str,
    roster: &Roster,
) -> Option<PartyNumber> {
    let named = party_id.parse::<PartyId>().ok().and_then(|id| roster.number(&id));
    if named.is_none() {
        let at = Path::Root.field("party_id");
        faults.field(&at, format_args!("names no party of the registry; GetStatus lists them all"));
    }
    named
}

fn procedure_key(procedure: &str, edition: &str) -> Result<ProcedureKey, Refusal> {
    let unknown = |_| Refusal::ProcedureUnknown;
    let procedure = procedure.parse().map_err(unknown)?;
    Ok(ProcedureKey { procedure, edition: edition.parse().map_err(unknown)? })
}

pub(super) fn page_items(faults: &mut Faults, page_size: i32) -> Option<usize> {
    match usize::try_from(page_size) {
        Ok(0) => Some(USUAL_PAGE_ITEMS),
        Ok(items) => Some(items.min(MAX_PAGE_ITEMS)),
        Err(_) => {
            faults.field(&Path::Root.field("page_size"), format_args!("must not be negative"));
            None
        }
    }
}

fn number(
    faults: &mut Faults,
    field: &'static str,
    value: i32,
    allowed: std::ops::RangeInclusive<i32>,
) -> Option<usize> {
    let number = usize::try_from(value).ok().filter(|_| allowed.contains(&value));
    if number.is_none() {
        let (least, most) = (allowed.start(), allowed.end());
        faults.field(&Path::Root.field(field), format_args!("must be {least} to {most}"));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_one_name() {
        let case = "0193a0de-77aa-8bbb-8ccc-0123456789ab".parse().unwrap();
        let id = DeliveryId { sequence: Sequence(42), case };
        let text = id.to_string();
        assert_eq!(text, "42-0193a0de-77aa-8bbb-8ccc-0123456789ab");
        assert_eq!(text.parse::<DeliveryId>().unwrap(), id);
        let longest = DeliveryId { sequence: Sequence(u64::MAX), case }.to_string();
        assert_eq!(longest.parse::<DeliveryId>().unwrap().to_string(), longest);
        assert!(longest.len() <= 64);
        for other in [
            "",
            "42",
            "42-",
            "-42-0193a0de-77aa-8bbb-8ccc-0123456789ab",
            "042-0193a0de-77aa-8bbb-8ccc-0123456789ab",
            "+42-0193a0de-77aa-8bbb-8ccc-0123456789ab",
            "42-0193A0DE-77aa-8bbb-8ccc-0123456789ab",
            "42-0193a0de77aa8bbb8ccc0123456789ab",
            "42-00000000-0000-0000-0000-000000000000",
            "18446744073709551616-0193a0de-77aa-8bbb-8ccc-0123456789ab",
            "42-0193a0de-77aa-8bbb-8ccc-0123456789ab ",
        ] {
            let refused = other.parse::<DeliveryId>();
            assert!(matches!(refused, Err(Refusal::DeliveryUnknown)), "{other:?}");
        }
    }

    #[test]
    fn a_page_has_a_usual_size_and_a_largest() {
        for (asked, expected) in [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (i32::MAX, 1000)] {
            let request = ListCasesRequest { page_size: asked, ..ListCasesRequest::default() };
            assert_eq!(cases(&request).unwrap().page_items, expected);
        }
        let request = ListCasesRequest { page_size: -1, ..ListCasesRequest::default() };
        assert!(matches!(cases(&request), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_filter_names_states_and_regions_that_exist() {
        let request = ListCasesRequest { state: 7, region: "KZ-55".into(), ..Default::default() };
        let read = cases(&request).unwrap();
        assert_eq!(read.state, Some(CaseState::AwaitingArrival));
        assert_eq!(read.region.unwrap().code(), "KZ-55");
        let request =
            ListCasesRequest { state: 99, region: "Pavlodar".into(), ..Default::default() };
        let Err(Refusal::Invalid(faults)) = cases(&request) else { panic!("taken") };
        let fields: Vec<_> = faults.violations().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["state", "region"]);
    }

    #[test]
    fn what_names_no_procedure_is_unknown_and_not_malformed() {
        let request = GetProcedureRequest { procedure: "no such".into(), edition: "2021".into() };
        assert!(matches!(procedure(&request), Err(Refusal::ProcedureUnknown)));
    }
}
