//! How the personal data of a case are kept.

use crate::domain::confidential::{Papers, SlotNumber};
use crate::records::RecordError;
use crate::records::wire::{Reader, Writer};

use super::{Last, read_moment, write_moment};

const PLAIN: u8 = 0;
const PARTLY_SEALED: u8 = 1;
const SEALED: u8 = 2;
const ERASED: u8 = 3;

pub(super) fn write_papers(
    out: &mut Writer<'_>,
    papers: Papers,
    last: &mut Last,
) -> Result<(), RecordError> {
    let tag = match papers {
        Papers::Plain(None) => PLAIN,
        Papers::Plain(Some(_)) => PARTLY_SEALED,
        Papers::Sealed(_) => SEALED,
        Papers::Erased { .. } => ERASED,
    };
    out.byte(tag);
    if let Some(SlotNumber(slot)) = papers.slot() {
        out.number(slot);
    }
    papers.erased().map_or(Ok(()), |erased| write_moment(out, erased, last))
}

pub(super) fn read_papers(from: &mut Reader<'_>, last: &mut Last) -> Result<Papers, RecordError> {
    let slot = |from: &mut Reader<'_>| from.number("papers.slot").map(SlotNumber);
    Ok(match from.byte("papers")? {
        PLAIN => Papers::Plain(None),
        PARTLY_SEALED => Papers::Plain(Some(slot(from)?)),
        SEALED => Papers::Sealed(slot(from)?),
        ERASED => {
            Papers::Erased { slot: slot(from)?, erased: read_moment(from, "papers.erased", last)? }
        }
        tag => return Err(RecordError::UnknownTag { field: "papers", tag }),
    })
}
