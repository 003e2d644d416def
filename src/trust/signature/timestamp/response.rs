//! What a time-stamp authority answers (RFC 3161 §2.4.2): a status, and a token if it is granted.

use std::fmt;

use der::Tag;

use super::super::cms::Values;
use super::StampFault;
use crate::domain::signature::Flaw;

/// Why an authority gives no token (RFC 3161 §2.4.2). Its own words are not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    status: u8,
    /// The bit of its PKIFailureInfo.
    failure: Option<u8>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            2 => "rejection",
            3 => "waiting",
            4 => "revocation is imminent",
            5 => "revocation was told",
            _ => "a status that there is not",
        };
        let failure = match self.failure {
            None => return f.write_str(status),
            Some(0) => "badAlg, it does not take SHA-256",
            Some(2) => "badRequest",
            Some(5) => "badDataFormat",
            Some(14) => "timeNotAvailable, its clock is not to be had",
            Some(15) => "unacceptedPolicy, it does not have evidence.timestamp.policy",
            Some(16) => "unacceptedExtension",
            Some(17) => "addInfoNotAvailable",
            Some(25) => "systemFailure",
            Some(_) => "a failure that there is not",
        };
        write!(f, "{status}, {failure}")
    }
}

/// The token of an answer, a CMS in DER.
///
/// # Errors
/// [`StampFault::Rejected`], or [`StampFault::Unreadable`] for what is no answer.
pub fn token(answer: &[u8]) -> Result<&[u8], StampFault> {
    match read(answer) {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(rejection)) => Err(StampFault::Rejected(rejection)),
        Err(_) => Err(StampFault::Unreadable),
    }
}

fn read(answer: &[u8]) -> Result<Result<&[u8], Rejection>, Flaw> {
    let mut outer = Values::of(answer);
    let mut from = outer.sequence()?;
    outer.finish()?;
    let mut info = from.sequence()?;
    let status = info.small()?;
    info.optional(Tag::Sequence)?;
    let failure = info.optional(Tag::BitString)?;
    info.finish()?;
    let token = from.next()?;
    from.finish()?;
    match (status, token) {
        // granted, and grantedWithMods: what was modified is judged by the token.
        (0 | 1, Some(token)) if token.tag == Tag::Sequence => Ok(Ok(token.whole)),
        (0 | 1, _) => Err(Flaw::Malformed),
        (status, _) => {
            let failure = failure.and_then(|bits| first_bit(bits.value));
            Ok(Err(Rejection { status, failure }))
        }
    }
}

/// The first bit that is set in a BIT STRING, behind the byte that counts its unused bits.
fn first_bit(value: &[u8]) -> Option<u8> {
    let bytes = value.get(1..)?;
    let bit = |(at, byte): (usize, &u8)| {
        let zeros = u8::try_from(byte.leading_zeros()).ok()?;
        u8::try_from(at * 8).ok()?.checked_add(zeros).filter(|_| *byte != 0)
    };
    bytes.iter().enumerate().find_map(bit)
}
