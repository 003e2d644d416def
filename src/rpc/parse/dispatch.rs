//! How a paper leaves: with a cover to another party, or into the applicant's hands.

use jiff::Timestamp;

use super::Asked;
use super::fault::{Faults, Path};
use super::person;
use super::rule::{self, Bound, Lines};
use crate::rpc::proto::types::v1::{Dispatch, HandOver, HandOverManner, HandOverRecipient};

/// Checks the cover of an outgoing letter.
pub fn dispatch(faults: &mut Faults, at: &Path<'_>, value: &Dispatch, asked: Asked<'_>) {
    let Dispatch { outgoing_number, outgoing_date, note } = value;
    rule::text(faults, &at.field("outgoing_number"), outgoing_number, 1..=64, Lines::One);
    let today = Bound { day: asked.day(asked.now), name: "today" };
    rule::paper_date(faults, &at.field("outgoing_date"), outgoing_date.as_ref(), today);
    rule::text(faults, &at.field("note"), note, 0..=1000, Lines::Many);
}

/// Checks a handover to the applicant; gives the instant by which the term is judged.
pub fn hand_over(faults: &mut Faults, at: &Path<'_>, value: &HandOver) -> Option<Timestamp> {
    let HandOver {
        handed_over_time,
        manner,
        recipient,
        representative_name,
        representative_authority,
        handed_over_by,
        head_signature,
    } = value;
    let handed_over_at =
        rule::time(faults, &at.field("handed_over_time"), handed_over_time.as_ref());
    let known = HandOverManner::try_from(*manner).ok();
    let known = known.filter(|known| *known != HandOverManner::Unspecified);
    rule::stated(faults, &at.field("manner"), known);
    let known = HandOverRecipient::try_from(*recipient).ok();
    let known = known.filter(|known| *known != HandOverRecipient::Unspecified);
    let recipient = rule::stated(faults, &at.field("recipient"), known);
    let (name, authority) = (at.field("representative_name"), at.field("representative_authority"));
    if recipient == Some(HandOverRecipient::Representative) {
        person::name(faults, &name, representative_name);
        rule::text(faults, &authority, representative_authority, 1..=200, Lines::One);
    } else {
        let rule = format_args!("must be empty unless recipient is REPRESENTATIVE");
        if representative_name.is_some() {
            faults.field(&name, rule);
        }
        if !representative_authority.is_empty() {
            faults.field(&authority, rule);
        }
    }
    person::official(faults, &at.field("handed_over_by"), handed_over_by);
    if let Some(signed) = head_signature {
        person::signature(faults, &at.field("head_signature"), signed);
    }
    handed_over_at
}
