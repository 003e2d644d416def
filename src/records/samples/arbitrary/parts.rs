//! Arbitrary parts of which records are made.

use jiff::Timestamp;
use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::domain::act::Actor;
use crate::domain::calendar::CalendarVersion;
use crate::domain::ids::{CaseId, HopId, ProcedureKey, Sequence};
use crate::domain::party::{PartyNumber, Role};
use crate::domain::quota::{Category, Holding, IdentityHash, QuotaKey};
use crate::domain::region::Region;
use crate::domain::term::{Due, Source};
use crate::records::MAX_PARTICIPANTS;
use crate::records::wire::date_of;

pub(super) fn any_time() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_second() * 1000, Timestamp::MAX.as_second() * 1000);
    let any = prop_oneof![first..=last, 1_700_000_000_000..1_800_000_000_000_i64];
    any.prop_map(|unix_ms| Timestamp::from_millisecond(unix_ms).unwrap())
}

pub(super) fn any_date() -> impl Strategy<Value = Date> {
    let days = prop_oneof![-4_371_587..=2_932_896_i64, 19_000..22_000_i64];
    days.prop_map(|days| date_of("date", days).unwrap())
}

pub(super) fn any_party() -> impl Strategy<Value = PartyNumber> {
    prop_oneof![any::<u32>(), 0..400_u32].prop_map(PartyNumber)
}

pub(super) fn any_sequence() -> impl Strategy<Value = Sequence> {
    prop_oneof![any::<u64>(), 0..100_000_u64].prop_map(Sequence)
}

pub(super) fn any_hop_id() -> impl Strategy<Value = HopId> {
    prop_oneof!["[A-Za-z0-9-]{1,12}", "K21B-[01][0-9]"].prop_map(|text| text.parse().unwrap())
}

pub(super) fn one_of<T: Copy + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

pub(super) fn any_role() -> impl Strategy<Value = Role> {
    one_of(&Role::ALL)
}

pub(super) fn any_actor() -> impl Strategy<Value = Actor> {
    let places = [Actor::Applicant, Actor::Internal, Actor::Channel, Actor::DepartureAkimat];
    prop_oneof![proptest::sample::select(places.to_vec()), any_role().prop_map(Actor::Role)]
}

pub(super) fn any_region() -> impl Strategy<Value = Region> {
    one_of(&Region::ALL)
}

pub(super) fn any_applicant() -> impl Strategy<Value = Option<IdentityHash>> {
    option::of(any::<[u8; 16]>().prop_map(IdentityHash))
}

pub(super) fn any_case_id() -> impl Strategy<Value = CaseId> {
    any::<[u8; 16]>().prop_map(CaseId)
}

pub(super) fn any_quota_key() -> impl Strategy<Value = QuotaKey> {
    (any_region(), any::<i16>(), one_of(Category::ALL))
        .prop_map(|(region, year, category)| QuotaKey { region, year, category })
}

pub(super) fn any_holding() -> impl Strategy<Value = Holding> {
    (any_quota_key(), any::<u16>(), any::<bool>(), option::of(any_date()))
        .prop_map(|(key, persons, taken, until)| Holding { key, persons, taken, until })
}

pub(super) fn any_calendar() -> impl Strategy<Value = CalendarVersion> {
    r"[a-z0-9.-]{1,32}|kz-2026\.1".prop_map(|text| CalendarVersion::parse(&text).unwrap())
}

pub(super) fn any_source() -> impl Strategy<Value = Source> {
    one_of(&[Source::Statutory, Source::Assumed])
}

pub(super) fn any_due() -> impl Strategy<Value = Due> {
    (any_date(), any_time(), any_calendar(), any::<bool>())
        .prop_map(|(date, instant, calendar, estimated)| Due { date, instant, calendar, estimated })
}

pub(super) fn any_procedure() -> impl Strategy<Value = ProcedureKey> {
    ("[A-Za-z0-9-]{1,40}", "[A-Za-z0-9-]{1,16}").prop_map(|(procedure, edition)| ProcedureKey {
        procedure: procedure.parse().unwrap(),
        edition: edition.parse().unwrap(),
    })
}

pub(super) fn any_participants() -> impl Strategy<Value = Vec<(Actor, PartyNumber)>> {
    vec((any_actor(), any_party()), 0..=MAX_PARTICIPANTS)
}
