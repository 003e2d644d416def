//! Page tokens, made and read in one place because the two must agree.
//!
//! A token carries a version, the place after which the next page begins, and a checksum over both
//! together with the listing, the caller and the filter. It is no secret and grants nothing: what
//! a page shows is judged anew each time. The checksum is there so that a token of another listing
//! or a damaged one is refused and never read as some other place.

use std::fmt::Write;

use aws_lc_rs::digest;

use crate::domain::party::PartyNumber;
use crate::rpc::status::Refusal;

const VERSION: u8 = 1;

/// Bytes of the checksum.
const SUM_BYTES: usize = 8;

/// The longest token taken, in characters.
const MAX_TOKEN_CHARS: usize = 256;

/// What is being listed, for whom, through which filter.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// The method.
    pub name: &'static str,
    /// The party whose things are listed.
    pub party: PartyNumber,
    /// The other fields of the request, in any unambiguous form.
    pub filter: &'a [u8],
}

impl Listing<'_> {
    /// The token of the page that begins after `place`.
    pub fn token(&self, place: &[u8]) -> String {
        let sum = self.sum(VERSION, place);
        let mut token = String::with_capacity(2 * (1 + place.len() + SUM_BYTES));
        for byte in [VERSION].iter().chain(place).chain(&sum) {
            // Writing into a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// The place of a token; none for the empty token of a first page.
    ///
    /// # Errors
    /// [`Refusal::PageTokenInvalid`] for a token that this listing did not give.
    pub fn place(&self, token: &str) -> Result<Option<Vec<u8>>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = from_hex(token).ok_or(Refusal::PageTokenInvalid)?;
        let (head, sum) = bytes
            .split_at_checked(bytes.len().wrapping_sub(SUM_BYTES))
            .ok_or(Refusal::PageTokenInvalid)?;
        match head.split_first() {
            Some((version @ &VERSION, place)) if self.sum(*version, place) == sum => {
                Ok(Some(place.to_vec()))
            }
            Some(_) | None => Err(Refusal::PageTokenInvalid),
        }
    }

    fn sum(&self, version: u8, place: &[u8]) -> [u8; SUM_BYTES] {
        let mut hashed = digest::Context::new(&digest::SHA256);
        hashed.update(b"kopir page\0");
        hashed.update(self.name.as_bytes());
        hashed.update(&[0, version]);
        hashed.update(&self.party.0.to_be_bytes());
        hashed.update(&(self.filter.len() as u64).to_be_bytes());
        hashed.update(self.filter);
        hashed.update(place);
        let mut sum = [0; SUM_BYTES];
        sum.copy_from_slice(&hashed.finish().as_ref()[..SUM_BYTES]);
        sum
    }
}

/// Bytes of small hexadecimal digits, the one spelling that tokens have.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_TOKEN_CHARS || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: Listing<'static> =
        Listing { name: "cases", party: PartyNumber(7), filter: b"KZ-55" };

    #[test]
    fn a_token_leads_back_to_its_place() {
        for place in [&b""[..], b"x", &[0, 255, 16], &[9; 32]] {
            let token = LISTING.token(place);
            assert_eq!(LISTING.place(&token).unwrap().unwrap(), place);
        }
        assert_eq!(LISTING.place("").unwrap(), None);
    }

    #[test]
    fn a_token_is_good_only_where_it_was_given() {
        let token = LISTING.token(b"place");
        let others = [
            Listing { name: "obligations", ..LISTING },
            Listing { party: PartyNumber(8), ..LISTING },
            Listing { filter: b"KZ-5", ..LISTING },
            Listing { filter: b"", ..LISTING },
        ];
        for other in others {
            assert!(matches!(other.place(&token), Err(Refusal::PageTokenInvalid)), "{other:?}");
        }
    }

    #[test]
    fn every_change_to_a_token_is_found() {
        let token = LISTING.token(b"place");
        for at in 0..token.len() {
            for put in ['0', '5', 'f', 'F', ' ', 'z'] {
                let mut changed: Vec<char> = token.chars().collect();
                if changed[at] == put {
                    continue;
                }
                changed[at] = put;
                let changed: String = changed.into_iter().collect();
                assert!(LISTING.place(&changed).is_err(), "{changed}");
            }
            assert!(at == 0 || LISTING.place(&token[..at]).is_err(), "cut at {at}");
        }
        for token in ["0", "é", "01", &"01".repeat(4000), &format!("{token}00")] {
            assert!(LISTING.place(token).is_err());
        }
    }
}
