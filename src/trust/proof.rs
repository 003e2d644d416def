//! Whether an authority's key made the signature on a certificate, a revocation list or an OCSP
//! answer: each is a sequence of what is signed, an algorithm and a bit string (RFC 5280 §4.1.1 and
//! §5.1.1, RFC 6960 §4.2.1).

use super::tls::provider;

/// Something signed, in its three parts, as slices of what was received.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedParts<'a> {
    /// What is signed, with its tag.
    pub(super) message: &'a [u8],
    /// The content of the algorithm's identifier.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> SignedParts<'a> {
    /// Takes such a sequence apart; none for other bytes. What follows the signature within the
    /// sequence, as the certificates of an OCSP answer do, is not looked at.
    pub(super) fn of(der: &'a [u8]) -> Option<Self> {
        let (_, inside, _) = element(der)?;
        let (message, _, rest) = element(inside)?;
        let (_, algorithm, rest) = element(rest)?;
        let (_, signature, _) = element(rest)?;
        // The first octet of a bit string counts its unused bits.
        Some(Self { message, algorithm, signature: signature.strip_prefix(&[0])? })
    }

    /// Whether this key, a SubjectPublicKeyInfo in DER, made the signature, by the algorithms that
    /// are accepted of certificates too: no SHA-1, no RSA below 2048 bits.
    pub(super) fn is_by(&self, key_info: &[u8]) -> bool {
        self.check(key_info).is_some()
    }

    fn check(&self, key_info: &[u8]) -> Option<()> {
        #[cfg(test)]
        HASHED.with(|hashed| hashed.set(hashed.get() + self.message.len()));
        let (_, key_info, _) = element(key_info)?;
        let (_, key_algorithm, rest) = element(key_info)?;
        let (_, key, _) = element(rest)?;
        let key = key.strip_prefix(&[0])?;
        let algorithms = provider().signature_verification_algorithms.all;
        let made = algorithms.iter().find(|each| {
            each.public_key_alg_id().as_ref() == key_algorithm
                && each.signature_alg_id().as_ref() == self.algorithm
                && each.verify_signature(key, self.message, self.signature).is_ok()
        });
        made.map(drop)
    }
}

/// The first element of DER: all of it, its content, and what follows.
pub(super) fn element(der: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let &[_, first, ..] = der else { return None };
    let (length, header) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let octets = der.get(2..2 + usize::from(first & 0x7f))?;
        if octets.is_empty() || octets.len() > 4 {
            return None;
        }
        let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        (length, 2 + octets.len())
    };
    let end = header.checked_add(length)?;
    Some((der.get(..end)?, der.get(header..end)?, der.get(end..)?))
}

#[cfg(test)]
thread_local! {
    static HASHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many bytes this thread has hashed for the sake of signatures.
#[cfg(test)]
pub(super) fn hashed_bytes() -> usize {
    HASHED.with(std::cell::Cell::get)
}
