//! Rejections of deliveries, and what is asked about those that are held.

use super::Asked;
use super::fault::{Faults, Path};
use super::order::fingerprint;
use super::query::{DeliveryId, acted_for, page_items, registered};
use super::reading::{self, StatedPurpose};
use super::rule::{self, Lines};
use crate::domain::held::{MAX_DETAIL_CHARS, MAX_NOTE_CHARS};
use crate::domain::ladder::NO_CASE;
use crate::domain::party::{PartyId, PartyNumber};
use crate::domain::{HeldBy, HeldReason, Hold, ReadContent, Resolution, ResolveHeld, Roster};
use crate::rpc::Caller;
use crate::rpc::access::{LIST_HELD, Relation, Sees};
use crate::rpc::proto::inbox::v1::{
    DeliveryRejection, ListHeldRequest, RedirectDeliveryRequest, ReleaseDeliveryRequest,
    WithdrawDeliveryRequest,
};
use crate::rpc::proto::types::v1::HeldReason as Stated;
use crate::rpc::status::Refusal;

/// A receiver's rejection, with the delivery as it is named.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault found, or [`Refusal::DeliveryUnknown`] for text that names
/// no delivery.
pub fn rejection(message: &DeliveryRejection, by: PartyNumber) -> Result<Hold, Refusal> {
    let DeliveryRejection { delivery_id, reason, detail } = message;
    let DeliveryId { sequence, case } = delivery_id.parse()?;
    let mut faults = Faults::new();
    let root = Path::Root;
    let at = root.field("rejection");
    if case == NO_CASE {
        let rule = format_args!("names a notice, which is acknowledged and never rejected");
        faults.field(&at.field("delivery_id"), rule);
    }
    let stated = Stated::try_from(*reason).ok().and_then(reason_of);
    let stated = rule::stated(&mut faults, &at.field("reason"), stated);
    // The list says which of these a receiver may state.
    let stated = stated.filter(|reason| {
        if !reason.is_receivers() {
            let rule =
                format_args!("is a finding of the bus; state what is wrong with the delivery");
            faults.field(&at.field("reason"), rule);
        }
        reason.is_receivers()
    });
    let least = usize::from(stated == Some(HeldReason::Other));
    let detail_at = at.field("detail");
    rule::text(&mut faults, &detail_at, detail, least..=MAX_DETAIL_CHARS, Lines::One);
    let reason = faults.judge(stated)?;
    let detail = (!detail.is_empty()).then(|| detail.clone());
    let by = HeldBy::Receiver(by);
    Ok(Hold { case, delivery: sequence, by, reason, detail })
}

/// A held delivery that is released.
///
/// # Errors
/// As for [`rejection`].
pub fn release(
    request: &ReleaseDeliveryRequest,
    asked: Asked<'_>,
    roster: &Roster,
) -> Result<ResolveHeld, Refusal> {
    let ReleaseDeliveryRequest { request_id, delivery_id, party_id, note } = request;
    let fields = Fields { request_id, delivery_id, party_id, note, least_note: 0 };
    fields.resolve(Faults::new(), Some(Resolution::Released), asked, roster)
}

/// A held delivery that goes to another party.
///
/// # Errors
/// As for [`rejection`].
pub fn redirect(
    request: &RedirectDeliveryRequest,
    asked: Asked<'_>,
    roster: &Roster,
) -> Result<ResolveHeld, Refusal> {
    let RedirectDeliveryRequest { request_id, delivery_id, party_id, to_party_id, note } = request;
    let mut faults = Faults::new();
    let to = named(&mut faults, "to_party_id", to_party_id, roster);
    let resolution = to.map(|to| Resolution::Redirected { to });
    let fields = Fields { request_id, delivery_id, party_id, note, least_note: 1 };
    fields.resolve(faults, resolution, asked, roster)
}

/// A held delivery that is taken back.
///
/// # Errors
/// As for [`rejection`].
pub fn withdraw(
    request: &WithdrawDeliveryRequest,
    asked: Asked<'_>,
    roster: &Roster,
) -> Result<ResolveHeld, Refusal> {
    let WithdrawDeliveryRequest { request_id, delivery_id, party_id, note } = request;
    let fields = Fields { request_id, delivery_id, party_id, note, least_note: 1 };
    fields.resolve(Faults::new(), Some(Resolution::Withdrawn), asked, roster)
}

/// What the three resolutions have in common.
struct Fields<'m> {
    request_id: &'m str,
    delivery_id: &'m str,
    party_id: &'m str,
    note: &'m str,
    least_note: usize,
}

impl Fields<'_> {
    fn resolve(
        &self,
        mut faults: Faults,
        resolution: Option<Resolution>,
        asked: Asked<'_>,
        roster: &Roster,
    ) -> Result<ResolveHeld, Refusal> {
        let Self { request_id, delivery_id, party_id, note, least_note } = *self;
        let DeliveryId { sequence, case } = delivery_id.parse()?;
        let root = Path::Root;
        let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
        let party = match party_id {
            "" => Some(None),
            id => named(&mut faults, "party_id", id, roster).map(Some),
        };
        let length = least_note..=MAX_NOTE_CHARS;
        rule::text(&mut faults, &root.field("note"), note, length, Lines::Many);
        let (request, (party, resolution)) = faults.judge(request.zip(party.zip(resolution)))?;
        let (kind, to): (u8, u32) = match resolution {
            Resolution::Released => (1, 0),
            Resolution::Redirected { to } => (2, to.0),
            Resolution::Withdrawn => (3, 0),
        };
        let with = party.map_or(0, |party| party.0);
        let parts: [&[u8]; 6] = [
            &[kind],
            &sequence.0.to_be_bytes(),
            &case.0,
            &with.to_be_bytes(),
            &to.to_be_bytes(),
            note.as_bytes(),
        ];
        Ok(ResolveHeld {
            author: asked.caller.party,
            request,
            fingerprint: fingerprint(b"kopir held v1\0", &parts),
            case,
            delivery: sequence,
            party,
            resolution,
            note: note.to_owned(),
        })
    }
}

/// Which page of what is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPage<'a> {
    /// With whom; none for everybody.
    pub party: Option<PartyNumber>,
    /// How many at most.
    pub page_items: usize,
    /// The token of the page.
    pub page_token: &'a str,
    /// What the words of other receivers are read for; none where they are to be left out.
    pub purpose: Option<StatedPurpose>,
}

/// Reads the request for a page of what is held.
///
/// # Errors
/// [`Refusal::Invalid`], or [`Refusal::PartyNotAllowed`] for a party that is not the caller's to
/// look at.
pub fn list<'a>(
    request: &'a ListHeldRequest,
    caller: &Caller,
    roster: &Roster,
) -> Result<HeldPage<'a>, Refusal> {
    let ListHeldRequest { page_size, page_token, party_id, purpose } = request;
    let mut faults = Faults::new();
    let root = Path::Root;
    let at = root.field("purpose");
    let purpose = match purpose {
        None => Some(None),
        Some(stated) => reading::purpose(&mut faults, &at, stated).map(Some),
    };
    let reads = caller.access.sees(LIST_HELD, ReadContent::HeldWords, Relation::Stranger);
    if matches!(purpose, Some(Some(_))) && reads != Sees::ForPurpose {
        let rule = "is for the MIGRATION_BODY, which reads what others have said; leave it out";
        faults.field(&at, format_args!("{rule}"));
    }
    let party = match (caller.access.reaches(LIST_HELD, Relation::Stranger), party_id.as_str()) {
        (true, "") => Some(None),
        (true, id) => registered(&mut faults, id, roster).map(Some),
        (false, id) => Some(Some(acted_for(id, caller, roster)?)),
    };
    let page_items = page_items(&mut faults, *page_size);
    let (party, (page_items, purpose)) = faults.judge(party.zip(page_items.zip(purpose)))?;
    Ok(HeldPage { party, page_items, page_token, purpose })
}

fn reason_of(stated: Stated) -> Option<HeldReason> {
    match stated {
        Stated::Unspecified => None,
        Stated::CannotParse => Some(HeldReason::CannotParse),
        Stated::WrongReceiver => Some(HeldReason::WrongReceiver),
        Stated::Incomplete => Some(HeldReason::Incomplete),
        Stated::SystemFault => Some(HeldReason::SystemFault),
        Stated::Other => Some(HeldReason::Other),
        Stated::Unacknowledged => Some(HeldReason::Unacknowledged),
    }
}

/// A party that a case may know although the registry does not any more.
fn named(
    faults: &mut Faults,
    field: &'static str,
    id: &str,
    roster: &Roster,
) -> Option<PartyNumber> {
    let party = id.parse::<PartyId>().ok().and_then(|id| roster.number(&id));
    if party.is_none() {
        faults.field(&Path::Root.field(field), format_args!("names no party of this bus"));
    }
    party
}
