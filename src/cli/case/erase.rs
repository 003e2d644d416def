//! `kopir case erase`: destroys the key of a case.

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde_json::json;
use uuid::Uuid;

use super::id_of;
use crate::cli::bus::BusArgs;
use crate::cli::output::{Failure, note, print, print_json};
use crate::cli::words;
use crate::domain::erasure::MAX_REFERENCE_CHARS;
use crate::rpc::client::CallError;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{EraseCaseRequest, ErasureReason};
use crate::rpc::proto::types::v1::Receipt;

#[derive(Debug, Args)]
pub(in crate::cli) struct EraseArgs {
    /// The case's id
    case: String,
    /// Why
    #[arg(long, value_enum, value_name = "REASON")]
    reason: Reason,
    /// Number of the request or of the rule, for whoever asks later; it stays for ever, so no
    /// personal data
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// To repeat an erasure whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write the receipt as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reason {
    /// The time for which its papers are kept is over
    RetentionRule,
    /// Somebody who may has asked for it
    LawfulRequest,
}

pub(super) fn run(args: &EraseArgs) -> Result<(), Failure> {
    let EraseArgs { case, reason, reference, request_id, bus, json } = args;
    let case_id = id_of(case)?;
    if !(1..=MAX_REFERENCE_CHARS).contains(&reference.chars().count()) {
        let why = anyhow!("--reference: give a number of 1 to {MAX_REFERENCE_CHARS} characters");
        return Err(Failure::usage(why));
    }
    let reason = match reason {
        Reason::RetentionRule => ErasureReason::RetentionRule,
        Reason::LawfulRequest => ErasureReason::LawfulRequest,
    };
    let request_id = request_id.unwrap_or_else(Uuid::new_v4).to_string();
    note(format_args!("request id {request_id}; repeat with --request-id if no answer comes"));
    let request = EraseCaseRequest {
        request_id,
        case_id,
        reason: reason.into(),
        reference: reference.clone(),
    };
    let receipt = bus.call(async |channel| {
        let answer = OperationsServiceClient::new(channel).erase_case(request).await?;
        Ok::<_, CallError>(answer.into_inner().receipt.unwrap_or_default())
    })?;
    let Receipt { case_id, request_id, sequence, accepted_time, .. } = receipt;
    let accepted = words::time(accepted_time);
    if *json {
        return print_json(&json!({
            "case": case_id,
            "request": request_id,
            "sequence": sequence,
            "accepted": accepted,
        }));
    }
    print(format_args!(
        "erased: record {sequence} of case {case_id}, {accepted}; its key is destroyed\n\
         backups of the vault from before that still have it\n"
    ))
}
