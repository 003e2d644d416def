//! By what else than a URN a certificate may be known: its own hash, and the business
//! identification number (BIN) that the national certification centre (НУЦ РК) writes into it.

use std::fmt;
use std::str::FromStr;

use super::PartyError;

/// The SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateHash(pub [u8; 32]);

/// A business identification number: twelve digits, of which the last one checks the others
/// (Law No. 223-III of 12 January 2007 on national registers of identification numbers).
///
/// Year and month of registration, then the kind of body (4 a legal entity resident, 5 one that is
/// not, 6 a joint enterprise), its sort, and a running number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bin([u8; 12]);

impl FromStr for CertificateHash {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        let mut hash = [0; 32];
        let digits: Vec<_> = text.chars().filter(|c| *c != ':').collect();
        let pairs = digits.chunks_exact(2);
        if digits.len() != 64 || text.len() > 95 {
            return Err(PartyError::CertificateHash);
        }
        for (byte, pair) in hash.iter_mut().zip(pairs) {
            let digit = |at: usize| pair[at].to_digit(16).ok_or(PartyError::CertificateHash);
            // Two digits of 16 fit a byte.
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).unwrap_or_default();
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CertificateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Bin {
    /// The digit that checks the first eleven; none for digits that no number begins with.
    fn check_digit(digits: [u8; 12]) -> Option<u8> {
        // Weights 1 to 11, and where they give 10, the same from 3 on.
        let sum = |first: usize| {
            let weighted = digits[..11].iter().enumerate();
            weighted.map(|(at, digit)| ((at + first) % 11 + 1) * usize::from(*digit)).sum::<usize>()
        };
        [0, 2].into_iter().map(|first| sum(first) % 11).find(|check| *check < 10).and_then(
            // The remainder is below ten.
            |check| u8::try_from(check).ok(),
        )
    }
}

impl FromStr for Bin {
    type Err = PartyError;

    fn from_str(text: &str) -> Result<Self, PartyError> {
        let found: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|c| c - b'0').collect();
        let digits: [u8; 12] = match found.try_into() {
            Ok(digits) if text.len() == 12 => digits,
            Ok(_) | Err(_) => return Err(PartyError::BinForm),
        };
        let month = digits[2] * 10 + digits[3];
        if !(1..=12).contains(&month) || !(4..=6).contains(&digits[4]) {
            return Err(PartyError::BinForm);
        }
        match Self::check_digit(digits) {
            Some(check) if check == digits[11] => Ok(Self(digits)),
            Some(_) | None => Err(PartyError::BinCheck),
        }
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl fmt::Debug for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, with the check digit worked out by hand: 9·1+9·2+0·3+1·4+4·5 = 51 = 7 mod 11.
    const SOUND: &str = "990140000007";

    #[test]
    fn a_number_reads_back_and_its_last_digit_checks_it() {
        assert_eq!(SOUND.parse::<Bin>().unwrap().to_string(), SOUND);
        for last in "012345689".chars() {
            let other = format!("{}{last}", &SOUND[..11]);
            assert_eq!(other.parse::<Bin>(), Err(PartyError::BinCheck), "{other}");
        }
        for text in
            ["", "99014000000", "9901400000077", "99014000000x", "991340000007", "990130000007"]
        {
            assert_eq!(text.parse::<Bin>(), Err(PartyError::BinForm), "{text}");
        }
    }

    /// Where the first weights give ten, the second ones count; where those do too, there is no
    /// such number.
    #[test]
    fn the_second_weights_count_where_the_first_give_ten() {
        let mut second = 0;
        for n in 0..2_000_u32 {
            let text = format!("99014{n:06}");
            let mut digits = [0; 12];
            text.bytes().zip(&mut digits).for_each(|(c, digit)| *digit = c - b'0');
            let first: u32 = (1_u32..).zip(&digits[..11]).map(|(w, d)| w * u32::from(*d)).sum();
            let weights = [3_u32, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2];
            let other: u32 = weights.iter().zip(&digits).map(|(w, d)| w * u32::from(*d)).sum();
            let expected = match (first % 11, other % 11) {
                (10, 10) => None,
                (10, check) => {
                    second += 1;
                    Some(check)
                }
                (check, _) => Some(check),
            };
            assert_eq!(Bin::check_digit(digits).map(u32::from), expected, "{text}");
        }
        assert!(second > 50, "{second}");
    }

    #[test]
    fn a_hash_is_read_with_and_without_colons() {
        let plain = "0f".repeat(32);
        let colons = ["0F"; 32].join(":");
        assert_eq!(plain.parse::<CertificateHash>().unwrap().0, [15; 32]);
        assert_eq!(colons.parse::<CertificateHash>().unwrap().to_string(), plain);
        for text in ["", "0f", &plain[1..], &format!("{plain}0"), &"zz".repeat(32)] {
            assert_eq!(text.parse::<CertificateHash>(), Err(PartyError::CertificateHash));
        }
    }
}
