//! How a segment looks on disk, byte by byte, in format version 1. This
//! encoding is the journal's own: it is not derived from any type of the
//! program, and `tests/data/journal` holds files that every later release
//! must read. Integers are little-endian.
//!
//! A segment is a header, frames one after the other, and zeros up to its
//! declared length:
//!
//! ```text
//! header, 80 bytes               frame, 104 bytes and the payload
//!  0  magic "KOPIRJNL"            0  u32 payload length
//!  8  u16 format version          4  u32 CRC-32 of all other bytes of the frame
//! 10  6 zero bytes                8  u64 first record of the group
//! 16  u64 length of the file     16  u32 records of the group after this one
//! 24  u64 first record           20  u32 the mark: CRC-32 of the segment's header
//! 32  hash of the record before  24  hash of the record
//! 64  i64 its time, or i64::MIN  56  hash of the record before
//! 72  4 zero bytes               88  u64 record
//! 76  u32 CRC-32 of the above    96  i64 time, Unix milliseconds
//!                               104  payload, then zeros to a multiple of 8
//! ```
//!
//! The group fields say which records were written by one append, so that
//! recovery can keep or drop a group whole. The mark binds a frame to its
//! segment: it depends on the hashes before it, so bytes that merely look like
//! a frame (an old journal carried as somebody's attachment) never pass for one.

use aws_lc_rs::digest;

use super::{Damage, Record, RecordHash, Seq};

/// The format of the segments this release writes and reads.
pub const FORMAT_VERSION: u16 = 1;

/// Size of a segment's header.
pub(super) const HEADER_BYTES: usize = 80;
/// Size of a frame without its payload.
pub(super) const FRAME_BYTES: usize = 104;

const MAGIC: [u8; 8] = *b"KOPIRJNL";
const HASH_PREFIX: &[u8] = b"kopir journal record v1\n";
/// Stands for "no record before" in the header's time field.
const NO_TIME: i64 = i64::MIN;

/// The hash of a record: SHA-256 over the ASCII bytes `kopir journal record
/// v1` and a line feed, the hash of the record before (32 bytes), the
/// sequence number (8 bytes, little-endian), the time in Unix milliseconds
/// (8 bytes, little-endian) and the payload.
///
/// How records were grouped is not part of it, so another implementation of
/// the journal chains the same records to the same hashes.
#[must_use]
pub fn record_hash(previous: RecordHash, seq: Seq, time_ms: i64, payload: &[u8]) -> RecordHash {
    let mut context = hash_context();
    context.update(&previous.0);
    context.update(&seq.0.to_le_bytes());
    context.update(&time_ms.to_le_bytes());
    context.update(payload);
    finish(context)
}

/// The bytes that the hash of a record is over, as [`record_hash`] says: whoever has them needs no
/// program of ours to compute it.
#[must_use]
pub fn hashed_bytes(record: &Record) -> Vec<u8> {
    let mut bytes = HASH_PREFIX.to_vec();
    bytes.extend(record.previous.0);
    bytes.extend(record.seq.0.to_le_bytes());
    bytes.extend(record.time_ms.to_le_bytes());
    bytes.extend_from_slice(&record.payload);
    bytes
}

/// The record that such bytes are of, with the hash that they have; none where they do not begin as
/// they must.
#[must_use]
pub fn read_hashed(bytes: &[u8]) -> Option<Record> {
    let content = bytes.strip_prefix(HASH_PREFIX)?;
    let (previous, rest) = content.split_first_chunk::<32>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (time_ms, payload) = rest.split_first_chunk::<8>()?;
    Some(Record {
        seq: Seq(u64::from_le_bytes(*seq)),
        time_ms: i64::from_le_bytes(*time_ms),
        previous: RecordHash(*previous),
        hash: hash_framed(content),
        payload: payload.to_vec(),
    })
}

/// The beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Length of the whole file. Declared here so that a file cut short is
    /// noticed even where only unused room was lost.
    pub(super) file_bytes: u64,
    pub(super) first: Seq,
    pub(super) previous: RecordHash,
    pub(super) previous_time_ms: Option<i64>,
}

/// Why a header was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Unreadable,
    Version(u16),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.file_bytes.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.previous.0);
        let time_ms = self.previous_time_ms.unwrap_or(NO_TIME);
        bytes[64..72].copy_from_slice(&time_ms.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..76]);
        bytes[76..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header and the mark that its frames carry. The version is
    /// looked at before the checksum, whose place another version may change.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<(Self, u32), HeaderFault> {
        if bytes[..8] != MAGIC {
            return Err(HeaderFault::Unreadable);
        }
        let version = u16::from_le_bytes(array(bytes, 8));
        if version != FORMAT_VERSION {
            return Err(HeaderFault::Version(version));
        }
        let mark = u32::from_le_bytes(array(bytes, 76));
        if crc32fast::hash(&bytes[..76]) != mark {
            return Err(HeaderFault::Unreadable);
        }
        let time_ms = i64::from_le_bytes(array(bytes, 64));
        let header = Self {
            file_bytes: u64::from_le_bytes(array(bytes, 16)),
            first: Seq(u64::from_le_bytes(array(bytes, 24))),
            previous: RecordHash(array(bytes, 32)),
            previous_time_ms: (time_ms != NO_TIME).then_some(time_ms),
        };
        Ok((header, mark))
    }

    /// The mark that the frames of this segment carry.
    pub(super) fn mark(&self) -> u32 {
        u32::from_le_bytes(array(&self.encode(), 76))
    }
}

/// A record about to be framed.
pub(super) struct Draft<'a> {
    pub(super) mark: u32,
    pub(super) group: Seq,
    pub(super) remaining: u32,
    pub(super) previous: RecordHash,
    pub(super) seq: Seq,
    pub(super) time_ms: i64,
    pub(super) payload: &'a [u8],
}

impl Draft<'_> {
    /// Appends the frame to `out`, whose length is a multiple of 8, and
    /// returns the record's hash. The payload fits into a `u32`: the limit on
    /// records is one.
    pub(super) fn push(&self, out: &mut Vec<u8>) -> RecordHash {
        let start = out.len();
        let end = start + frame_bytes(self.payload.len());
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.group.0.to_le_bytes());
        out.extend_from_slice(&self.remaining.to_le_bytes());
        out.extend_from_slice(&self.mark.to_le_bytes());
        out.extend_from_slice(&[0; 32]);
        out.extend_from_slice(&self.previous.0);
        out.extend_from_slice(&self.seq.0.to_le_bytes());
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(self.payload);

        // What is hashed stands in one piece in the frame, so it is hashed in one go.
        let hash = hash_framed(&out[start + 56..]);
        out[start + 24..start + 56].copy_from_slice(&hash.0);
        out.resize(end, 0);
        let crc = frame_crc(&out[start..]);
        out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        hash
    }
}

/// The fixed fields of a frame, as stored; only [`is_intact`] on the whole
/// frame says whether they can be believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHead {
    pub(super) payload_bytes: u32,
    pub(super) group: Seq,
    pub(super) remaining: u32,
    pub(super) mark: u32,
    pub(super) hash: RecordHash,
    pub(super) previous: RecordHash,
    pub(super) seq: Seq,
    pub(super) time_ms: i64,
}

impl FrameHead {
    /// Reads the fields from the first [`FRAME_BYTES`] of a frame.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self {
            payload_bytes: u32::from_le_bytes(array(bytes, 0)),
            group: Seq(u64::from_le_bytes(array(bytes, 8))),
            remaining: u32::from_le_bytes(array(bytes, 16)),
            mark: u32::from_le_bytes(array(bytes, 20)),
            hash: RecordHash(array(bytes, 24)),
            previous: RecordHash(array(bytes, 56)),
            seq: Seq(u64::from_le_bytes(array(bytes, 88))),
            time_ms: i64::from_le_bytes(array(bytes, 96)),
        }
    }

    /// The frame's size with its payload and padding.
    pub(super) fn frame_bytes(&self) -> usize {
        frame_bytes(self.payload_bytes as usize)
    }

    /// Whether the content of an intact frame has the recorded hash. The
    /// checksum guards against accidents, this against everything else.
    pub(super) fn matches_hash(&self, frame: &[u8]) -> bool {
        let content_end = FRAME_BYTES + self.payload_bytes as usize;
        hash_framed(&frame[56..content_end]) == self.hash
    }

    /// The record in an intact frame, its hash checked.
    pub(super) fn record(&self, frame: &[u8]) -> Result<Record, Damage> {
        if !self.matches_hash(frame) {
            return Err(Damage::Hash);
        }
        let content_end = FRAME_BYTES + self.payload_bytes as usize;
        Ok(Record {
            seq: self.seq,
            time_ms: self.time_ms,
            previous: self.previous,
            hash: self.hash,
            payload: frame[FRAME_BYTES..content_end].to_vec(),
        })
    }
}

/// Size of a frame for a payload of this size.
pub(super) const fn frame_bytes(payload_bytes: usize) -> usize {
    FRAME_BYTES + payload_bytes.next_multiple_of(8)
}

/// Whether a whole frame has the checksum it carries.
pub(super) fn is_intact(frame: &[u8]) -> bool {
    frame_crc(frame) == u32::from_le_bytes(array(frame, 4))
}

fn frame_crc(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..4]);
    crc.update(&frame[8..]);
    crc.finalize()
}

fn hash_framed(content: &[u8]) -> RecordHash {
    let mut context = hash_context();
    context.update(content);
    finish(context)
}

fn hash_context() -> digest::Context {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(HASH_PREFIX);
    context
}

fn finish(context: digest::Context) -> RecordHash {
    RecordHash(array(context.finish().as_ref(), 0))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framed_content_has_the_published_hash() {
        let mut out = Vec::new();
        let previous = RecordHash([7; 32]);
        let hash = Draft {
            mark: 1,
            group: Seq(4),
            remaining: 0,
            previous,
            seq: Seq(5),
            time_ms: -3,
            payload: b"eleven byte",
        }
        .push(&mut out);
        assert_eq!(hash, record_hash(previous, Seq(5), -3, b"eleven byte"));
        assert_eq!(out.len(), 104 + 16);
        assert!(is_intact(&out));
        let record = FrameHead::parse(&out).record(&out).unwrap();
        assert_eq!(record.payload, b"eleven byte");
        assert_eq!(record.hash, hash);
        assert_eq!(read_hashed(&hashed_bytes(&record)), Some(record));
        assert_eq!(read_hashed(b"kopir journal record v1\nshort"), None);
    }

    #[test]
    fn header_reads_back_with_its_mark() {
        let header = SegmentHeader {
            file_bytes: 4096,
            first: Seq(9),
            previous: RecordHash([3; 32]),
            previous_time_ms: Some(12),
        };
        let decoded = SegmentHeader::decode(&header.encode());
        assert_eq!(decoded, Ok((header, header.mark())));
    }

    #[test]
    fn content_changed_behind_a_renewed_checksum_fails_its_hash() {
        let mut out = Vec::new();
        Draft {
            mark: 1,
            group: Seq(1),
            remaining: 0,
            previous: RecordHash::GENESIS,
            seq: Seq(1),
            time_ms: 0,
            payload: b"agreed",
        }
        .push(&mut out);
        out[FRAME_BYTES] ^= 1;
        let crc = frame_crc(&out);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        assert!(is_intact(&out));
        assert_eq!(FrameHead::parse(&out).record(&out), Err(Damage::Hash));
    }
}
