//! The time-stamp of a bundle: that a time-stamp authority saw a checkpoint with the records.
//!
//! The stamped checkpoint need not be the bundle's own, by which the records are proven; a
//! consistency proof between the two shows that they are of one history. Then every record with a
//! number up to the smaller of both sizes stood when the token was made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{STAMP_CONSISTENCY, STAMP_TOKEN, STAMPED_CHECKPOINT};
use crate::evidence::checkpoint::{self, Checkpoint};
use crate::evidence::log::{Log, ProofRefused, Published};
use crate::evidence::note::{MAX_NOTE_BYTES, Note, VerifierKey};
use crate::evidence::stamps::Stamped;
use crate::evidence::tree::{Hash, verify_consistency};
use crate::journal::Record;
use crate::trust::signature::authorities::Authorities;
use crate::trust::signature::timestamp::{self, Stamp};

/// Hashes of a consistency proof: two for each level of the largest tree at most.
const MAX_HASHES: usize = 128;

/// The files of the time-stamp that proves most about the records; none where there is none.
///
/// # Errors
/// [`ProofRefused`].
pub(super) fn files(
    log: &Log,
    records: &[Record],
    by: &Published,
) -> Result<Vec<(String, Vec<u8>)>, ProofRefused> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(Vec::new());
    };
    let Some(stamped) = log.stamps().over(first.seq.0, last.seq.0) else { return Ok(Vec::new()) };
    let Stamped { size, checkpoint, token, .. } = stamped;
    let (old, new) = (size.min(by.checkpoint.size), size.max(by.checkpoint.size));
    let consistency = text(&log.consistency(old, new)?);
    Ok(vec![
        (STAMPED_CHECKPOINT.to_owned(), checkpoint),
        (STAMP_TOKEN.to_owned(), token),
        (STAMP_CONSISTENCY.to_owned(), consistency.into_bytes()),
    ])
}

/// Something that is not as it must be: the file, and what is wrong.
pub(super) type Wrong = (&'static str, String);

/// What the time-stamp of a bundle comes to.
#[derive(Debug)]
pub(super) struct Seen {
    /// What the token states.
    pub(super) stamp: Stamp,
    /// Up to which record it says that they stood.
    pub(super) up_to: u64,
    /// Whether an authority that was named stands behind it; not judged where none was.
    pub(super) is_judged: bool,
}

/// Checks the time-stamp of a bundle with this checkpoint; nothing where the bundle has none.
///
/// # Errors
/// [`Wrong`].
pub(super) fn check(
    [stamped, token, consistency]: [Option<&[u8]>; 3],
    own: &Checkpoint,
    log: &VerifierKey,
    authorities: &Authorities,
) -> Result<Option<Seen>, Wrong> {
    let (stamped, token, consistency) = match (stamped, token, consistency) {
        (None, None, None) => return Ok(None),
        (Some(stamped), Some(token), Some(consistency)) => (stamped, token, consistency),
        (None, ..) => return Err((STAMPED_CHECKPOINT, "is missing".into())),
        (_, None, _) => return Err((STAMP_TOKEN, "is missing".into())),
        (_, _, None) => return Err((STAMP_CONSISTENCY, "is missing".into())),
    };
    let wrong = |why: &dyn std::fmt::Display| (STAMPED_CHECKPOINT, why.to_string());
    let note = Note::parse_up_to(stamped, MAX_NOTE_BYTES).map_err(|why| wrong(&why))?;
    let theirs = Checkpoint::open(&note, log).map_err(|why| wrong(&why))?;
    let hashes = read(consistency).ok_or((STAMP_CONSISTENCY, "is no proof".to_owned()))?;
    let (old, new) = if theirs.size <= own.size { (&theirs, own) } else { (own, &theirs) };
    verify_consistency((old.size, old.root), (new.size, new.root), &hashes).map_err(|why| {
        (STAMP_CONSISTENCY, format!("the two checkpoints are of no one history: {why}"))
    })?;
    let is_judged = !authorities.is_empty();
    let judged = match is_judged {
        true => timestamp::verify(token, stamped, authorities),
        false => timestamp::read(token, stamped),
    };
    let stamp = judged.map_err(|why| (STAMP_TOKEN, why.to_string()))?;
    Ok(Some(Seen { stamp, up_to: theirs.size, is_judged }))
}

/// A consistency proof, a hash on each line.
fn text(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect()
}

fn read(bytes: &[u8]) -> Option<Vec<Hash>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let hashes: Vec<_> = text.lines().map(checkpoint::hash).collect::<Option<_>>()?;
    (hashes.len() <= MAX_HASHES && self::text(&hashes) == text).then_some(hashes)
}
