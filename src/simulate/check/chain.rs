//! The journal read anew: its segments frame by frame after the written format, each record hashed
//! and held against the one before.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

const HEADER_BYTES: usize = 80;
const FRAME_BYTES: usize = 104;

/// A record as its bytes have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) sequence: u64,
    pub(super) at_ms: i64,
    pub(super) hash: [u8; 32],
    pub(super) payload: Vec<u8>,
}

/// Every record of the journal in a directory, or what is wrong with it.
pub(super) fn read(directory: &Path) -> Result<Vec<Raw>, String> {
    let unreadable = |error: std::io::Error| format!("the journal cannot be read: {error}");
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "kjl") {
            segments.push(path);
        }
    }
    segments.sort();
    let mut chain = Chain { records: Vec::new(), last: [0; 32], group_left: 0 };
    for path in segments {
        let bytes = fs::read(&path).map_err(unreadable)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        chain.segment(&bytes).map_err(|what| format!("segment {name}: {what}"))?;
    }
    if chain.group_left > 0 {
        return Err(format!("the last group lacks {} records", chain.group_left));
    }
    Ok(chain.records)
}

struct Chain {
    records: Vec<Raw>,
    last: [u8; 32],
    /// Records of the open group that are still to come.
    group_left: u32,
}

impl Chain {
    fn segment(&mut self, bytes: &[u8]) -> Result<(), String> {
        let header = bytes.get(..HEADER_BYTES).ok_or("it has no header")?;
        if header[..8] != *b"KOPIRJNL" || number(header, 16) != bytes.len() as u64 {
            return Err("its header is not of it".to_owned());
        }
        if number(header, 24) != self.next() || header[32..64] != self.last {
            return Err("it does not continue the one before".to_owned());
        }
        let mut at = HEADER_BYTES;
        while let Some(frame) = bytes.get(at..).filter(|rest| rest.len() >= FRAME_BYTES) {
            if frame[..FRAME_BYTES].iter().all(|byte| *byte == 0) {
                break;
            }
            at += self.frame(frame)?;
        }
        match bytes.get(at..).unwrap_or_default().iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(format!("something is left behind record {}", self.next() - 1)),
        }
    }

    /// One frame; its length.
    fn frame(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let wrong = |what: &str| format!("record {}: {what}", self.next());
        let length = u32::from_le_bytes(array(bytes, 0)) as usize;
        let end = FRAME_BYTES + length;
        let content = bytes.get(56..end).ok_or_else(|| wrong("it is longer than its segment"))?;
        let sequence = number(bytes, 88);
        let hash: [u8; 32] = array(bytes, 24);
        if sequence != self.next() || bytes[56..88] != self.last {
            return Err(wrong("it does not follow the one before"));
        }
        let hashed = [b"kopir journal record v1\n", content].concat();
        if digest(&SHA256, &hashed).as_ref() != hash {
            return Err(wrong("its content has another hash"));
        }
        let at_ms = i64::from_le_bytes(array(bytes, 96));
        if self.records.last().is_some_and(|before| before.at_ms > at_ms) {
            return Err(wrong("its time lies before that of the one before"));
        }
        let left = u32::from_le_bytes(array(bytes, 16));
        if self.group_left > 0 && left != self.group_left - 1 {
            return Err(wrong("its group is torn"));
        }
        self.group_left = left;
        self.last = hash;
        let payload = bytes[FRAME_BYTES..end].to_vec();
        self.records.push(Raw { sequence, at_ms, hash, payload });
        Ok(FRAME_BYTES + length.next_multiple_of(8))
    }

    fn next(&self) -> u64 {
        self.records.len() as u64 + 1
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = bytes.get(at..at + N) {
        out.copy_from_slice(found);
    }
    out
}
