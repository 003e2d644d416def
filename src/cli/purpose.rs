//! What personal data are read for, as it is stated on the command line.

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::output::Failure;
use crate::domain::reading::MAX_REFERENCE_CHARS;
use crate::rpc::proto::types::v1::{ReadPurpose, ReadPurposeKind};

/// What personal data are read for.
#[derive(Debug, Args)]
pub(super) struct PurposeArgs {
    /// What personal data are read for; recorded, with who reads them, before they are shown
    #[arg(long, value_enum, value_name = "PURPOSE")]
    purpose: Option<Purpose>,
    /// Number of the order, complaint or request behind the purpose; it stays for ever, so no
    /// personal data
    #[arg(long = "purpose-reference", value_name = "TEXT", requires = "purpose")]
    reference: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// To resolve a delivery that its receiver does not take
    Delivery,
    /// To supervise how the case is dealt with
    Supervision,
    /// To examine a complaint
    Complaint,
    /// A court or an investigating body has asked for it
    CourtOrder,
    /// The person whose data they are has asked for them
    SubjectRequest,
}

impl PurposeArgs {
    /// The purpose, if one is stated.
    pub(super) fn stated(&self) -> Result<Option<ReadPurpose>, Failure> {
        let reference = self.reference.clone().unwrap_or_default();
        if reference.chars().count() > MAX_REFERENCE_CHARS {
            let why = anyhow!(
                "--purpose-reference: give a number of at most {MAX_REFERENCE_CHARS} characters"
            );
            return Err(Failure::usage(why));
        }
        Ok(self.purpose.map(|purpose| ReadPurpose { kind: kind(purpose).into(), reference }))
    }
}

fn kind(purpose: Purpose) -> ReadPurposeKind {
    match purpose {
        Purpose::Delivery => ReadPurposeKind::Delivery,
        Purpose::Supervision => ReadPurposeKind::Supervision,
        Purpose::Complaint => ReadPurposeKind::Complaint,
        Purpose::CourtOrder => ReadPurposeKind::CourtOrder,
        Purpose::SubjectRequest => ReadPurposeKind::SubjectRequest,
    }
}
