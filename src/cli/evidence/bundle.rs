//! Bundles: fetched from a bus, and checked without one.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::super::bus::BusArgs;
use super::super::output::{Exit, Failure, note, print, print_json};
use super::super::purpose::PurposeArgs;
use super::{KeyringArgs, read_up_to, write_new};
use crate::evidence::bundle::{self, Finding, MAX_BUNDLE_BYTES, Verdict};
use crate::rpc::proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use crate::rpc::proto::evidence::v1::{ExportCaseRequest, ExportCaseWithPapersRequest};
use crate::trust::signature::authorities::Authorities;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The case
    #[arg(value_name = "CASE")]
    case: Uuid,
    /// Where to write the bundle; a file that is there is never written over
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Open the papers that the party has sent or received; the file is personal data then
    #[arg(long, requires = "purpose")]
    with_papers: bool,
    #[command(flatten)]
    purpose: PurposeArgs,
    #[command(flatten)]
    bus: BusArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    keys: KeyringArgs,
    /// The authorities behind time-stamps, in PEM; without it a time-stamp is not judged
    #[arg(long, value_name = "FILE")]
    tsa: Option<PathBuf>,
    /// One JSON document instead of sentences
    #[arg(long)]
    json: bool,
}

pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let ExportArgs { case, out, with_papers, purpose, bus } = args;
    let case_id = case.to_string();
    let purpose = purpose.stated()?;
    if purpose.is_some() && !with_papers {
        let why =
            anyhow!("--purpose: without --with-papers nothing personal is exported; leave it out");
        return Err(Failure::usage(why));
    }
    let bundle = bus.call(async |channel| {
        let mut client = EvidenceServiceClient::new(channel);
        let mut bundle = Vec::new();
        if *with_papers {
            let asked = ExportCaseWithPapersRequest { case_id: case_id.clone(), purpose };
            let mut pieces = client.export_case_with_papers(asked).await?.into_inner();
            while let Some(piece) = pieces.message().await?
                && bundle.len() <= MAX_BUNDLE_BYTES
            {
                bundle.extend_from_slice(&piece.chunk);
            }
        } else {
            let asked = ExportCaseRequest { case_id: case_id.clone() };
            let mut pieces = client.export_case(asked).await?.into_inner();
            while let Some(piece) = pieces.message().await?
                && bundle.len() <= MAX_BUNDLE_BYTES
            {
                bundle.extend_from_slice(&piece.chunk);
            }
        }
        Ok(bundle)
    })?;
    if bundle.len() > MAX_BUNDLE_BYTES {
        let why = anyhow!("the bus sent more than a bundle has; nothing was written");
        return Err(Failure::new(Exit::Refused, why));
    }
    write_new(out, &bundle)?;
    note(format_args!("{}: {} bytes", out.display(), bundle.len()));
    Ok(())
}

pub(super) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let (log, witnesses) = args.keys.read()?;
    let bytes = read_up_to(&args.bundle, MAX_BUNDLE_BYTES)?;
    let stamped_by = args.tsa.as_deref().map(|file| Authorities::read(file, None)).transpose();
    let stamped_by = stamped_by.map_err(Failure::usage)?.unwrap_or_default();
    let verdict = bundle::verify_with(&bytes, &log, &witnesses, &stamped_by);
    if args.json {
        print_json(&json_of(&verdict))?;
    } else {
        tell(&verdict)?;
    }
    match verdict.findings.len() {
        0 => Ok(()),
        found => {
            let why = anyhow!("{}: {found} of it not as it must be", args.bundle.display());
            Err(Failure::new(Exit::Damage, why))
        }
    }
}

fn tell(verdict: &Verdict) -> Result<(), Failure> {
    let Verdict { case, proven, open, findings } = verdict;
    if let Some(case) = case {
        print(format_args!("case {case}\n"))?;
    }
    for sentence in proven {
        print(format_args!("proven: {sentence}\n"))?;
    }
    for sentence in open {
        print(format_args!("not proven: {sentence}\n"))?;
    }
    for Finding { place, bytes, what } in findings {
        let bytes =
            bytes.as_ref().map(|bytes| format!(" (bytes {} to {})", bytes.start, bytes.end));
        print(format_args!("WRONG: {place}{}: {what}\n", bytes.unwrap_or_default()))?;
    }
    Ok(())
}

fn json_of(verdict: &Verdict) -> serde_json::Value {
    let Verdict { case, proven, open, findings } = verdict;
    let finding = |Finding { place, bytes, what }: &Finding| {
        let bytes = bytes.as_ref().map(|bytes| json!([bytes.start, bytes.end]));
        json!({ "place": place, "bytes": bytes, "what": what })
    };
    json!({
        "case_id": case.map(|case| case.to_string()),
        "proven": proven,
        "not_proven": open,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
