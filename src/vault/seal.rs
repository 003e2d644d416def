//! Sealing: AES-256-GCM (NIST SP 800-38D) under the key of the case, and a commitment to what was
//! sealed.
//!
//! From the key of a case two are derived by HKDF-Expand with SHA-256 (RFC 5869, 2.3): one seals,
//! the other gives each record its salt. The associated data are the format, the case, what the
//! record says of itself, and the commitment, so that nothing sealed opens in another place.
//!
//! The tag of GCM does not bind to one key: whoever chooses keys can make a ciphertext that opens to
//! two texts. So the record also carries a SHA-256 over salt and content. Who is given both, as in
//! an exported case, can tell by the record alone that this is what was accepted; once the key is
//! gone so is the salt, and nobody can try names against it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{CaseKey, KEY_BYTES, VaultError};
use crate::domain::confidential::{NONCE_BYTES, Sealed, SlotNumber};
use crate::domain::party::PartyNumber;
use crate::domain::{BodyKind, CaseId, RequestId, Sequence};

/// What the associated data begin with: method 1 of sealing.
const METHOD: &[u8] = b"kopir sealed v1\0";
const COMMITMENT: &[u8] = b"kopir commitment v1\0";

/// Which part of which record something is; not where the record stands, which nobody knows before
/// it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context(Vec<u8>);

impl Context {
    /// The document of an act.
    #[must_use]
    pub fn body(case: CaseId, author: PartyNumber, request: RequestId, kind: BodyKind) -> Self {
        Self([&case.0[..], &[1], &author.0.to_be_bytes(), &request.0, &[kind.tag()]].concat())
    }

    /// What a receiver says of a delivery that it rejects.
    #[must_use]
    pub fn held_detail(case: CaseId, delivery: Sequence, party: PartyNumber) -> Self {
        let (delivery, party) = (delivery.0.to_be_bytes(), party.0.to_be_bytes());
        Self([&case.0[..], &[2], &delivery, &party].concat())
    }

    /// What somebody says who resolves a held delivery.
    #[must_use]
    pub fn held_note(case: CaseId, author: PartyNumber, request: RequestId) -> Self {
        Self([&case.0[..], &[3], &author.0.to_be_bytes(), &request.0].concat())
    }

    /// The bytes, in which no two contexts agree.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Content with the salt by which it can be held against its record.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// The salt. It is as confidential as the content.
    pub salt: [u8; 32],
    /// The content.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes disclosed", self.content.len())
    }
}

/// Seals content of a case. `nonce` is used with this key once.
///
/// # Errors
/// [`VaultError::Random`], if the library refuses what cannot be refused: content of 64 GiB.
pub fn seal(
    key: &CaseKey,
    slot: SlotNumber,
    nonce: [u8; NONCE_BYTES],
    context: &Context,
    content: &[u8],
) -> Result<Sealed, VaultError> {
    let key = derivation(key);
    let commitment = commitment(&salt(&key, &nonce, context), context, content);
    let aad = associated(context, &commitment);
    let mut bytes = Vec::with_capacity(content.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(content);
    cipher(&key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&aad[..]),
            &mut bytes,
        )
        .map_err(|_| VaultError::Random)?;
    Ok(Sealed { slot, nonce, commitment, bytes: bytes.into() })
}

/// Opens what was sealed in this context, and holds it against its commitment.
///
/// # Errors
/// [`VaultError::Unopened`] if anything of it was changed, or it is of another context.
pub fn open(key: &CaseKey, sealed: &Sealed, context: &Context) -> Result<Disclosed, VaultError> {
    let Sealed { slot, nonce, commitment, bytes } = sealed;
    let unopened = || VaultError::Unopened(*slot);
    let key = derivation(key);
    let aad = associated(context, commitment);
    let mut content = bytes.to_vec();
    let length = cipher(&key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&aad[..]), &mut content)
        .map_err(|_| unopened())?
        .len();
    content.truncate(length);
    let disclosed = Disclosed { salt: *salt(&key, nonce, context), content };
    if !disclosed.is_of(context, commitment) {
        return Err(unopened());
    }
    Ok(disclosed)
}

impl Disclosed {
    /// Whether this is what a record commits to. It needs no key, so that anybody can tell who was
    /// given content and salt.
    #[must_use]
    pub fn is_of(&self, context: &Context, commitment: &[u8; 32]) -> bool {
        let own = self::commitment(&self.salt, context, &self.content);
        verify_slices_are_equal(&own, commitment).is_ok()
    }
}

fn commitment(salt: &[u8; 32], context: &Context, content: &[u8]) -> [u8; 32] {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(COMMITMENT);
    hashed.update(salt);
    // Its length first, so that context and content cannot trade bytes.
    hashed.update(&(context.0.len() as u64).to_be_bytes());
    hashed.update(&context.0);
    hashed.update(content);
    let mut commitment = [0; 32];
    commitment.copy_from_slice(hashed.finish().as_ref());
    commitment
}

fn associated(context: &Context, commitment: &[u8; 32]) -> Vec<u8> {
    [METHOD, &context.0, commitment].concat()
}

fn salt(key: &hmac::Key, nonce: &[u8; NONCE_BYTES], context: &Context) -> Zeroizing<[u8; 32]> {
    expand(key, &[b"kopir salt v1\0", nonce, &context.0])
}

fn cipher(key: &hmac::Key) -> Result<LessSafeKey, VaultError> {
    let key = expand(key, &[b"kopir encryption v1\0"]);
    // Only a key of another length is refused.
    let key = UnboundKey::new(&AES_256_GCM, &key[..]).map_err(|_| VaultError::Random)?;
    Ok(LessSafeKey::new(key))
}

/// The key of a case, from which others are derived.
fn derivation(CaseKey(key): &CaseKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &key[..])
}

/// HKDF-Expand to the length of one hash: HMAC over the info and the byte 1.
fn expand(key: &hmac::Key, info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut context = hmac::Context::with_key(key);
    info.iter().for_each(|part| context.update(part));
    context.update(&[1]);
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    derived.copy_from_slice(context.sign().as_ref());
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

    fn key(byte: u8) -> CaseKey {
        CaseKey::of(Zeroizing::new([byte; KEY_BYTES]))
    }

    fn context(case: u8) -> Context {
        let (author, request) = (PartyNumber(3), RequestId([4; 16]));
        Context::body(CaseId([case; 16]), author, request, BodyKind::Application)
    }

    fn sealed(content: &[u8]) -> Sealed {
        seal(&key(1), SlotNumber(5), NONCE, &context(2), content).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_and_nowhere_else() {
        for content in [&b""[..], b"SAMPLE SURNAME", &[7; 10_000]] {
            let sealed = sealed(content);
            assert_eq!(open(&key(1), &sealed, &context(2)).unwrap().content, content);
            assert!(open(&key(8), &sealed, &context(2)).is_err());
            assert!(open(&key(1), &sealed, &context(3)).is_err());
            assert_eq!(sealed.bytes.len(), content.len() + 16);
        }
        let detail = Context::held_detail(CaseId([2; 16]), Sequence(1), PartyNumber(3));
        assert!(open(&key(1), &sealed(b"x"), &detail).is_err());
    }

    #[test]
    fn every_bit_that_is_turned_is_noticed() {
        let whole = sealed(b"SAMPLE SURNAME");
        for bit in 0..whole.bytes.len() * 8 {
            let mut bytes = whole.bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = Sealed { bytes: bytes.into(), ..whole.clone() };
            let error = open(&key(1), &changed, &context(2)).unwrap_err();
            assert!(matches!(error, VaultError::Unopened(SlotNumber(5))), "{error}");
        }
        for bit in 0..32 * 8 {
            let mut changed = whole.clone();
            changed.commitment[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key(1), &changed, &context(2)).is_err());
        }
        let short = Sealed { bytes: whole.bytes[..15].into(), ..whole.clone() };
        assert!(open(&key(1), &short, &context(2)).is_err());
    }

    #[test]
    fn whoever_is_given_content_and_salt_can_hold_them_against_the_record() {
        let sealed = sealed(b"SAMPLE SURNAME");
        let disclosed = open(&key(1), &sealed, &context(2)).unwrap();
        assert!(disclosed.is_of(&context(2), &sealed.commitment));
        assert!(!disclosed.is_of(&context(3), &sealed.commitment));
        let other = Disclosed { content: b"SAMPLE SURNAMF".to_vec(), ..disclosed.clone() };
        assert!(!other.is_of(&context(2), &sealed.commitment));
        assert_eq!(format!("{disclosed:?}"), "14 bytes disclosed");
        // Two records of one content do not show that it is one.
        let again = seal(&key(1), SlotNumber(5), [8; NONCE_BYTES], &context(2), b"SAMPLE SURNAME");
        assert_ne!(again.unwrap().commitment, sealed.commitment);
    }

    /// RFC 5869, appendix A.1, of which this is the first block: the derivation is the standard's.
    #[test]
    fn the_derivation_is_hkdf_expand() {
        let bytes = |hex: &str| -> Vec<u8> {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        };
        let prk = bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let okm = bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        let key = CaseKey::of(Zeroizing::new(prk.try_into().unwrap()));
        assert_eq!(expand(&derivation(&key), &[&bytes("f0f1f2f3f4f5f6f7f8f9")]).to_vec(), okm);
    }
}
