//! The people of an application, and the officials who sign for papers.

use jiff::Span;
use jiff::civil::Date;

use super::Asked;
use super::fault::{Faults, Path};
use super::rule::{self, Bound, Lines};
use crate::domain::IdentityHash;
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::{
    Address, ElectronicSignature, FamilyMember, Kinship, Official, Person, PersonName,
};

/// The oldest age that is taken for true, in years. The oldest verified human reached 122.
const MAX_AGE_YEARS: i32 = 130;

/// Where the bounds of a person's birth come from: the day the application was signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed(pub Date);

/// A full name.
pub fn name(faults: &mut Faults, at: &Path<'_>, value: &Option<PersonName>) {
    let Some(PersonName { surname, given_name, patronymic }) = rule::required(faults, at, value)
    else {
        return;
    };
    rule::text(faults, &at.field("surname"), surname, 1..=120, Lines::One);
    rule::text(faults, &at.field("given_name"), given_name, 1..=120, Lines::One);
    rule::text(faults, &at.field("patronymic"), patronymic, 0..=120, Lines::One);
}

/// The applicant.
pub fn applicant(faults: &mut Faults, at: &Path<'_>, value: &Option<Person>, signed: Signed) {
    let Some(person) = rule::required(faults, at, value) else { return };
    let Person { name: full_name, birth_date, citizenship_country } = person;
    name(faults, &at.field("name"), full_name);
    birth(faults, &at.field("birth_date"), birth_date.as_ref(), signed);
    let at = at.field("citizenship_country");
    match citizenship_country.as_str() {
        // A stateless person.
        "" => {}
        "KZ" => faults.field(
            &at,
            format_args!("is KZ: a citizen of Kazakhstan cannot become a kandas (002-EN A1 ¶2(3))"),
        ),
        code => rule::country(faults, &at, code),
    }
}

/// The hash by which a person is told again; none while the name or the day of birth is faulty,
/// which has been told as a fault by then.
pub fn told_again(
    name: Option<&PersonName>,
    birth_date: Option<&DateMessage>,
    asked: Asked<'_>,
) -> Option<IdentityHash> {
    let PersonName { surname, given_name, patronymic } = name?;
    let DateMessage { year, month, day } = birth_date?;
    let (year, month) = (i16::try_from(*year).ok()?, i8::try_from(*month).ok()?);
    let born = Date::new(year, month, i8::try_from(*day).ok()?).ok()?;
    Some(asked.applicants.hash([surname, given_name, patronymic], born))
}

/// A member of the family.
pub fn family_member(faults: &mut Faults, at: &Path<'_>, value: &FamilyMember, signed: Signed) {
    let FamilyMember { name: full_name, birth_date, kinship } = value;
    name(faults, &at.field("name"), full_name);
    birth(faults, &at.field("birth_date"), birth_date.as_ref(), signed);
    let known = Kinship::try_from(*kinship).ok().filter(|known| *known != Kinship::Unspecified);
    rule::stated(faults, &at.field("kinship"), known);
}

/// An address anywhere.
pub fn address<'m>(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &'m Option<Address>,
) -> Option<&'m Address> {
    let address = rule::required(faults, at, value)?;
    let Address { country, text, postal_code } = address;
    rule::country(faults, &at.field("country"), country);
    rule::text(faults, &at.field("text"), text, 1..=500, Lines::One);
    rule::text(faults, &at.field("postal_code"), postal_code, 0..=16, Lines::One);
    Some(address)
}

/// An official who signed.
pub fn official(faults: &mut Faults, at: &Path<'_>, value: &Option<Official>) {
    let Some(Official { name: full_name, position }) = rule::required(faults, at, value) else {
        return;
    };
    name(faults, &at.field("name"), full_name);
    rule::text(faults, &at.field("position"), position, 1..=200, Lines::One);
}

/// The largest detached signature that a paper bears, in bytes.
const MAX_SIGNATURE_BYTES: usize = 8192;

/// Checks an electronic signature for its form only: whom it binds is for its readers to verify.
pub fn signature(faults: &mut Faults, at: &Path<'_>, value: &ElectronicSignature) {
    let ElectronicSignature { signer, signed_time, signature } = value;
    official(faults, &at.field("signer"), signer);
    rule::time(faults, &at.field("signed_time"), signed_time.as_ref());
    if !(1..=MAX_SIGNATURE_BYTES).contains(&signature.len()) {
        let rule = format_args!("must be a signature of 1 to {MAX_SIGNATURE_BYTES} bytes");
        faults.field(&at.field("signature"), rule);
    }
}

/// A day of birth, not after the paper that states it and not 130 years before.
pub fn birth(faults: &mut Faults, at: &Path<'_>, value: Option<&DateMessage>, signed: Signed) {
    let earliest = signed.0.checked_sub(Span::new().years(MAX_AGE_YEARS)).unwrap_or(Date::MIN);
    let first = Bound { day: earliest, name: "130 years before the day of signing" };
    let last = Bound { day: signed.0, name: "the day of signing" };
    rule::date(faults, at, value, first, last);
}
