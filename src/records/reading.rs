//! The record of a read of personal data, without the two bytes of kind and version.

use crate::domain::ids::CaseId;
use crate::domain::party::CertificateHash;
use crate::domain::reading::{DataRead, ReadContent, ReadPurpose};

use super::RecordError;
use super::fields::{read_party, write_party};
use super::wire::{Reader, Writer};

pub(super) fn write_read(out: &mut Writer<'_>, read: &DataRead) {
    let DataRead { case: CaseId(case), reader, certificate, content, purpose, reference } = read;
    let CertificateHash(certificate) = certificate;
    out.bytes(case);
    write_party(out, *reader);
    out.bytes(certificate);
    out.byte(content.tag());
    out.byte(purpose.tag());
    out.flag(reference.is_some());
    if let Some(reference) = reference {
        out.long_text(reference);
    }
}

pub(super) fn read_read(from: &mut Reader<'_>) -> Result<DataRead, RecordError> {
    Ok(DataRead {
        case: CaseId(from.array("case")?),
        reader: read_party(from, "read.reader")?,
        certificate: CertificateHash(from.array("read.certificate")?),
        content: from.tag("read.content", ReadContent::from_tag)?,
        purpose: from.tag("read.purpose", ReadPurpose::from_tag)?,
        reference: from.option("read.reference", |from| from.long_text("read.reference"))?,
    })
}
