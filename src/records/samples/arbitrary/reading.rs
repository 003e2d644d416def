//! Arbitrary reads of personal data.

use proptest::option;
use proptest::prelude::*;

use super::parts::{any_case_id, any_party, one_of};
use crate::domain::party::CertificateHash;
use crate::domain::reading::{DataRead, ReadContent, ReadPurpose};

pub(super) fn any_data_read() -> impl Strategy<Value = DataRead> {
    let who = (any_case_id(), any_party(), any::<[u8; 32]>());
    let why = (one_of(ReadContent::ALL), one_of(ReadPurpose::ALL), option::of(any::<String>()));
    (who, why).prop_map(|((case, reader, certificate), (content, purpose, reference))| DataRead {
        case,
        reader,
        certificate: CertificateHash(certificate),
        content,
        purpose,
        reference,
    })
}
