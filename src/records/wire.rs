//! The primitives of every record: fixed integers in little-endian order, numbers of variable
//! length, texts and lists with their length in front. Whatever is read is bounded by the bytes
//! at hand, so a damaged length never asks for more memory than the record itself takes.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::RecordError;

/// 1970-01-01, from which days are counted.
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const HOURS_PER_DAY: i64 = 24;

/// Writes fields to the end of a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first; the high bit says that more follow.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// A signed number, small whichever its sign.
    pub(super) fn signed(&mut self, number: i64) {
        self.number(zigzag(number));
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.out.push(u8::from(flag));
    }

    /// A text of up to 255 bytes, which every id and version of the domain keeps to.
    pub(super) fn text(&mut self, field: &'static str, text: &str) -> Result<(), RecordError> {
        let length = u8::try_from(text.len()).map_err(|_| RecordError::Text { field })?;
        self.out.push(length);
        self.bytes(text.as_bytes());
        Ok(())
    }

    /// A text that may be longer than an id: a reason, a file.
    pub(super) fn long_text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// The number of a list's items.
    pub(super) fn count(
        &mut self,
        field: &'static str,
        count: usize,
        limit: usize,
    ) -> Result<(), RecordError> {
        if count > limit {
            return Err(RecordError::TooMany { field, found: count as u64, limit });
        }
        self.number(count as u64);
        Ok(())
    }

    /// A time, eight bytes.
    pub(super) fn time(&mut self, field: &'static str, at: Timestamp) -> Result<(), RecordError> {
        self.bytes(&whole_ms(field, at)?.to_le_bytes());
        Ok(())
    }

    /// A date, four bytes.
    pub(super) fn date(&mut self, date: Date) {
        self.bytes(&days_of(date).to_le_bytes());
    }
}

/// Reads fields from the front of a record, without copying.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(
        &mut self,
        field: &'static str,
        count: usize,
    ) -> Result<&'a [u8], RecordError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(RecordError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], RecordError> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(RecordError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, RecordError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, RecordError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(field)?;
            let bits = u64::from(byte & 0x7f);
            // A last byte of zero would be a longer form of the same number, and the tenth byte
            // has room for the topmost bit only.
            if shift > 0 && byte == 0 || shift == 63 && byte > 1 {
                return Err(RecordError::Number { field });
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(RecordError::Number { field })
    }

    /// A number of a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, RecordError> {
        T::try_from(self.number(field)?).map_err(|_| RecordError::Number { field })
    }

    pub(super) fn signed(&mut self, field: &'static str) -> Result<i64, RecordError> {
        self.number(field).map(unzigzag)
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, RecordError> {
        match self.byte(field)? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(RecordError::UnknownTag { field, tag }),
        }
    }

    /// A value of a closed list by its number.
    pub(super) fn tag<T>(
        &mut self,
        field: &'static str,
        value: impl FnOnce(u8) -> Option<T>,
    ) -> Result<T, RecordError> {
        let tag = self.byte(field)?;
        value(tag).ok_or(RecordError::UnknownTag { field, tag })
    }

    /// A text that may be longer than an id.
    pub(super) fn long_text(&mut self, field: &'static str) -> Result<String, RecordError> {
        let length = self.small(field)?;
        let bytes = self.bytes(field, length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Text { field })?;
        Ok(text.to_owned())
    }

    /// A text, parsed into the type whose rule it must follow.
    pub(super) fn text<T: FromStr>(&mut self, field: &'static str) -> Result<T, RecordError> {
        let length = self.byte(field)?;
        let bytes = self.bytes(field, usize::from(length))?;
        let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Text { field })?;
        text.parse().map_err(|_| RecordError::Text { field })
    }

    pub(super) fn count(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<usize, RecordError> {
        let found = self.number(field)?;
        let too_many = RecordError::TooMany { field, found, limit };
        let count = usize::try_from(found).map_err(|_| too_many.clone())?;
        if count > limit { Err(too_many) } else { Ok(count) }
    }

    /// A list of items, its count in front.
    pub(super) fn list<T>(
        &mut self,
        field: &'static str,
        limit: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.count(field, limit)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A value behind a flag that says whether it is there.
    pub(super) fn option<T>(
        &mut self,
        field: &'static str,
        value: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.flag(field)? { value(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn time(&mut self, field: &'static str) -> Result<Timestamp, RecordError> {
        time_of(field, i64::from_le_bytes(self.array(field)?))
    }

    pub(super) fn date(&mut self, field: &'static str) -> Result<Date, RecordError> {
        date_of(field, i64::from(i32::from_le_bytes(self.array(field)?)))
    }

    /// Refuses whatever has not been read.
    pub(super) fn finish(self) -> Result<(), RecordError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(RecordError::Trailing { bytes }),
        }
    }
}

/// Maps small numbers of either sign to small numbers.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(super) const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// A time in Unix milliseconds.
pub(super) fn whole_ms(field: &'static str, at: Timestamp) -> Result<i64, RecordError> {
    let unix_ms = at.as_millisecond();
    // Comparing with what will be read also refuses the last instants of the year 9999, whose
    // milliseconds do not read back.
    match Timestamp::from_millisecond(unix_ms) {
        Ok(read) if read == at => Ok(unix_ms),
        Ok(_) | Err(_) => Err(RecordError::FinerThanMs { field }),
    }
}

/// The time of Unix milliseconds.
pub(super) fn time_of(field: &'static str, unix_ms: i64) -> Result<Timestamp, RecordError> {
    Timestamp::from_millisecond(unix_ms).map_err(|_| RecordError::Number { field })
}

/// The days from 1970-01-01 to a date.
pub(super) fn days_of(date: Date) -> i32 {
    // All dates lie within four million days of the epoch.
    (EPOCH.duration_until(date).as_hours() / HOURS_PER_DAY) as i32
}

/// The date so many days after 1970-01-01.
pub(super) fn date_of(field: &'static str, days: i64) -> Result<Date, RecordError> {
    let out_of_range = RecordError::Number { field };
    let hours = days.checked_mul(HOURS_PER_DAY).ok_or(out_of_range.clone())?;
    // The span of hours must fit its own type before it can be added.
    let hours = i32::try_from(hours).map_err(|_| out_of_range.clone())?;
    EPOCH.checked_add(jiff::SignedDuration::from_hours(i64::from(hours))).map_err(|_| out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        for (number, length) in
            [(0, 1), (0x7f, 1), (0x80, 2), (0x3fff, 2), (0x4000, 3), (u64::MAX, 10)]
        {
            let mut out = Vec::new();
            Writer::new(&mut out).number(number);
            assert_eq!(out.len(), length, "{number}");
            assert_eq!(Reader::new(&out).number("n"), Ok(number));
        }
    }

    #[test]
    fn a_number_in_a_longer_form_is_refused() {
        let number = RecordError::Number { field: "n" };
        for bytes in [
            &[0x80, 0x00][..],
            &[0xff, 0x80, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00],
        ] {
            assert_eq!(Reader::new(bytes).number("n"), Err(number.clone()), "{bytes:?}");
        }
        assert_eq!(Reader::new(&[0x80]).number("n"), Err(RecordError::Truncated { field: "n" }));
    }

    #[test]
    fn signed_numbers_fold_around_zero() {
        for (number, folded) in [(0, 0), (-1, 1), (1, 2), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(number), folded);
            assert_eq!(unzigzag(folded), number);
        }
        assert_eq!(unzigzag(zigzag(i64::MAX)), i64::MAX);
    }

    #[test]
    fn dates_count_from_the_epoch_over_their_whole_range() {
        for (date, days) in [
            (EPOCH, 0),
            (jiff::civil::date(1969, 12, 31), -1),
            (jiff::civil::date(2000, 3, 1), 11_017),
            (Date::MAX, 2_932_896),
            (Date::MIN, -4_371_587),
        ] {
            assert_eq!(days_of(date), days);
            assert_eq!(date_of("d", i64::from(days)), Ok(date));
        }
        let beyond = i64::from(days_of(Date::MAX)) + 1;
        for days in [beyond, i64::MAX, i64::MIN, i64::from(i32::MAX)] {
            assert_eq!(date_of("d", days), Err(RecordError::Number { field: "d" }));
        }
    }

    #[test]
    fn a_count_beyond_its_limit_is_refused_before_anything_is_allocated() {
        let mut out = Vec::new();
        Writer::new(&mut out).number(u64::MAX);
        let read = Reader::new(&out).list("list", 4, |reader| reader.byte("item"));
        assert_eq!(read, Err(RecordError::TooMany { field: "list", found: u64::MAX, limit: 4 }));
    }
}
