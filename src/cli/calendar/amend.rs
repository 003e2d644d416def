//! `kopir calendar amend`: the only way in which a running bus gets another calendar.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use uuid::Uuid;

use super::super::bus::BusArgs;
use super::super::output::{Failure, note, print, print_json};
use crate::procedures::calendar::write;
use crate::rpc::client::CallError;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::operations::v1::{AmendCalendarRequest, AmendCalendarResponse};

#[derive(Debug, Args)]
pub(in crate::cli) struct AmendArgs {
    /// The amended calendar, as `kopir calendar import` writes it
    #[arg(long)]
    file: PathBuf,
    /// Why: the decision that moves the days, with its number and date
    #[arg(long)]
    reason: String,
    /// To repeat an amendment whose answer was lost: the id that was told then
    #[arg(long, value_name = "UUID")]
    request_id: Option<Uuid>,
    #[command(flatten)]
    bus: BusArgs,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AmendArgs) -> Result<(), Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::usage(anyhow!(
            "--reason: due dates will move for it; name the decision, its number and its date"
        )));
    }
    // Read here, so that a mistake is told with the line of this file; what the bus gets is the
    // calendar without the comments of its author.
    let calendar = super::calendar(Some(&args.file))?;
    let calendar_csv = write(&calendar).map_err(|why| super::in_file(&args.file, why))?;
    let request_id = args.request_id.unwrap_or_else(Uuid::new_v4).to_string();
    note(format_args!("request id {request_id}; repeat with --request-id if no answer comes"));
    let request = AmendCalendarRequest {
        request_id: request_id.clone(),
        calendar: calendar_csv,
        reason: args.reason.clone(),
    };
    let answer = args.bus.call(async |channel| {
        let answer = OperationsServiceClient::new(channel).amend_calendar(request).await?;
        Ok::<_, CallError>(answer.into_inner())
    })?;
    let AmendCalendarResponse { receipt: _, previous_version, calendar_version, moved_clock_count } =
        answer;
    if args.json {
        return print_json(&serde_json::json!({
            "previous_calendar": previous_version,
            "calendar": calendar_version,
            "moved_clocks": moved_clock_count,
            "request_id": request_id,
            "reason": args.reason,
        }));
    }
    let moved = match moved_clock_count {
        0 => "no open term moved".to_owned(),
        1 => "1 open term moved".to_owned(),
        many => format!("{many} open terms moved"),
    };
    print(format_args!(
        "the calendar in force is {calendar_version}, after {previous_version}; {moved}\n"
    ))
}
