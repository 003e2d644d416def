//! The id of a case, derived from the act that opens it.

use crate::domain::{CaseId, RequestId};

/// The id of the case that a first act opens: UUID version 8 (RFC 9562) over the sender and its
/// request, so that a repeat of the request names the same case.
pub fn case_id(sender: &str, request: RequestId) -> CaseId {
    let mut hashed = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hashed.update(b"kopir case id v1\0");
    hashed.update(sender.as_bytes());
    hashed.update(&[0]);
    hashed.update(&request.0);
    let digest = hashed.finish();
    let mut id = [0; 16];
    id.copy_from_slice(&digest.as_ref()[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    CaseId(id)
}
