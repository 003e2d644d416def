//! Reads of personal data, as the journal has them.

use super::{View, digest, time};
use crate::domain::party::CertificateHash;
use crate::domain::{DataRead, ReadContent, ReadPurpose, Sequence};
use crate::engine::Recorded;
use crate::rpc::proto::types::v1 as types;

/// A read, told from its record.
pub fn data_read(
    view: View<'_>,
    sequence: Sequence,
    recorded: &Recorded,
    read: &DataRead,
) -> types::DataRead {
    let DataRead { case: _, reader, certificate, content, purpose, reference } = read;
    let CertificateHash(certificate) = certificate;
    types::DataRead {
        sequence: sequence.0,
        time: Some(time(recorded.at)),
        record_hash: digest(&recorded.hash),
        reader_party_id: view.party_id(*reader),
        certificate_hash: digest(certificate),
        content: match content {
            ReadContent::HeldWords => types::ReadContent::HeldWords,
            ReadContent::CaseExport => types::ReadContent::CaseExport,
        }
        .into(),
        purpose: Some(types::ReadPurpose {
            kind: kind(*purpose).into(),
            reference: reference.clone().unwrap_or_default(),
        }),
    }
}

fn kind(purpose: ReadPurpose) -> types::ReadPurposeKind {
    match purpose {
        ReadPurpose::Delivery => types::ReadPurposeKind::Delivery,
        ReadPurpose::Supervision => types::ReadPurposeKind::Supervision,
        ReadPurpose::Complaint => types::ReadPurposeKind::Complaint,
        ReadPurpose::CourtOrder => types::ReadPurposeKind::CourtOrder,
        ReadPurpose::SubjectRequest => types::ReadPurposeKind::SubjectRequest,
    }
}
