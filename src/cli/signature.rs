//! `kopir signature`: what a signature on a document is worth, without a bus.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::output::{Exit, Failure, print, print_json};
use crate::domain::signature::{Flaw, KeyRole, SignatureVerdict};
use crate::engine::Clock;
use crate::trust::ocsp::answer::MAX_ANSWER_BYTES;
use crate::trust::signature::authorities::{Authorities, Crl, Crls};
use crate::trust::signature::{self, Signed, Wanted};

/// Electronic signatures on documents.
#[derive(Debug, Subcommand)]
pub(super) enum SignatureCommand {
    /// Verify a detached CMS signature over a document, as the bus does
    ///
    /// The signature is DER, the authorities are PEM, a revocation list is either. With the lists,
    /// answers and certificates that a bus has kept (data_dir/signatures) and the time at which it judged,
    /// its verdict is found again, also after the certificate has ended. Without --at the time is
    /// now. A signature that is none ends with exit code 3, one that is undetermined with 1.
    /// GOST signatures need a verifier and stay undetermined.
    ///
    /// Examples:
    ///
    ///   kopir signature verify --content decision.pdf --signature decision.p7s \
    ///     --anchors certs/signers.pem --crl crl/signers.crl --role head
    ///   kopir signature verify --content decision.pdf --signature decision.p7s \
    ///     --anchors certs/signers.pem --crl old.crl --at 2026-03-20T10:00:00Z
    #[command(verbatim_doc_comment)]
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The document
    #[arg(long, value_name = "FILE")]
    content: PathBuf,
    /// The signature: detached CMS in DER
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// The authorities of the signers, PEM
    #[arg(long, value_name = "FILE")]
    anchors: PathBuf,
    /// Certificates between the signer and the authorities, PEM
    #[arg(long, value_name = "FILE")]
    intermediates: Option<PathBuf>,
    /// A revocation list, DER or PEM; may be given for each authority
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// The answer of a responder (OCSP) about the signer or an authority, DER; may be given again
    #[arg(long, value_name = "FILE")]
    ocsp: Vec<PathBuf>,
    /// A role of which the signer has one: head, signatory, employee; may be given again
    #[arg(long, value_name = "ROLE")]
    role: Vec<KeyRole>,
    /// The time at which it is judged (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &SignatureCommand) -> Result<(), Failure> {
    match command {
        SignatureCommand::Verify(args) => verify(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let VerifyArgs { content, signature, anchors, intermediates, crl, ocsp, role, at, json } = args;
    let authorities = Authorities::read(anchors, intermediates.as_deref());
    let authorities = authorities.map_err(Failure::usage)?;
    let lists: Result<Vec<_>, _> = crl.iter().map(|file| Crl::read(file)).collect();
    let answers: Result<Vec<Arc<[u8]>>, _> =
        ocsp.iter().map(|file| read(file, MAX_ANSWER_BYTES).map(Arc::from)).collect();
    let lists = Crls::new(lists.map_err(Failure::usage)?).with_answers(answers?);
    // A little more than is taken, so that what is too large is told to be.
    let content = read(content, signature::MAX_CONTENT_BYTES)?;
    let signature = read(signature, signature::MAX_SIGNATURE_BYTES)?;
    let signed = Signed { content: &content, signature: &signature };
    let wanted = Wanted { roles: role.clone(), schemes: Vec::new() };
    let now = at.unwrap_or_else(|| Clock::System.now());
    match signature::verify(signed, &wanted, &authorities, &lists, now) {
        Ok(judged) => told(&judged.verdict, *json),
        Err(flaw) => Err(refused(flaw, *json)?),
    }
}

fn read(file: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let told = |why: &dyn std::fmt::Display| anyhow!("{}: cannot be read: {why}", file.display());
    let length = fs::metadata(file).map_err(|why| Failure::usage(told(&why)))?.len();
    // Far beyond what is taken, it is another file that was meant.
    if length > 16 * most as u64 {
        return Err(Failure::usage(told(&format_args!("it has {length} bytes; at most {most}"))));
    }
    fs::read(file).map_err(|why| Failure::usage(told(&why)))
}

#[derive(Serialize)]
struct VerdictView {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<&'static str>,
    document_sha256: String,
    certificate_sha256: String,
    roles: Vec<&'static str>,
    organisation_bin: Option<String>,
    signed_time: String,
    digest: &'static str,
    algorithm: &'static str,
    checked_time: String,
    chain_sha256: Vec<String>,
    revocation: Vec<EvidenceView>,
}

#[derive(Serialize)]
struct EvidenceView {
    source: &'static str,
    sha256: String,
    this_update: String,
    next_update: Option<String>,
}

#[derive(Serialize)]
struct FlawView {
    verdict: &'static str,
    flaw: &'static str,
    words: &'static str,
}

fn told(found: &SignatureVerdict, json: bool) -> Result<(), Failure> {
    let view = view(found);
    if json {
        print_json(&view)?;
    } else {
        let mut text = format!(
            "{}: signed {} by {} of {}, {} with {}\n",
            view.verdict,
            view.signed_time,
            if view.roles.is_empty() {
                "nobody in a role".to_owned()
            } else {
                view.roles.join(", ")
            },
            view.organisation_bin.as_deref().unwrap_or("no organisation"),
            view.algorithm,
            view.digest,
        );
        text += &format!(
            "document    {}\ncertificate {}\n",
            view.document_sha256, view.certificate_sha256
        );
        for hash in &view.chain_sha256 {
            text += &format!("authority   {hash}\n");
        }
        for EvidenceView { sha256, this_update, next_update, .. } in &view.revocation {
            let next = next_update.as_deref().unwrap_or("not said");
            text += &format!("revocations {sha256} of {this_update}, the next by {next}\n");
        }
        print(text)?;
    }
    match found.doubt {
        None => Ok(()),
        Some(doubt) => Err(Failure::failed(anyhow!("{doubt}: {}", doubt.words()))),
    }
}

fn view(found: &SignatureVerdict) -> VerdictView {
    let evidence = found.revocation.iter().map(|of| EvidenceView {
        source: of.source.name(),
        sha256: hex(&of.sha256),
        this_update: of.this_update.to_string(),
        next_update: of.next_update.map(|at| at.to_string()),
    });
    VerdictView {
        verdict: if found.doubt.is_none() { "valid" } else { "undetermined" },
        doubt: found.doubt.map(|doubt| doubt.name()),
        document_sha256: hex(&found.document),
        certificate_sha256: hex(&found.certificate),
        roles: found.roles.iter().map(|role| role.name()).collect(),
        organisation_bin: found.organisation.map(|bin| bin.to_string()),
        signed_time: found.signed_at.to_string(),
        digest: found.digest.name(),
        algorithm: found.scheme.name(),
        checked_time: found.checked_at.to_string(),
        chain_sha256: found.chain.iter().map(|hash| hex(hash)).collect(),
        revocation: evidence.collect(),
    }
}

/// Shows the flaw as data too, then tells it.
fn refused(flaw: Flaw, json: bool) -> Result<Failure, Failure> {
    let view = FlawView { verdict: "invalid", flaw: flaw.name(), words: flaw.words() };
    if json {
        print_json(&view)?;
    } else {
        print(format_args!("invalid: {flaw}\n"))?;
    }
    Ok(Failure::new(Exit::Damage, anyhow!("{flaw}: {}", flaw.words())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
