//! What was found of the signatures of a case: as a table, computed from the records alone, and
//! found again where the bundle has the document, its signature and what the verdict rests on.

use std::fmt::Write as _;

use super::SIGNATURES;
use super::clocks::Told;
use super::papers::{evidence_file, paper_file};
use super::verify::Check;
use crate::domain::Act;
use crate::domain::event::Event;
use crate::domain::signature::{ProvenBy, SignatureVerdict};
use crate::evidence::note::hex;
use crate::trust::signature::again::{Again, NotAgain, again};
use crate::trust::signature::evidence::Kind;
use crate::trust::signature::{MAX_SIGNATURE_BYTES, Signed};

const HEAD: &str = "record,act,verdict,doubt,proven_by,signed,checked,roles,organisation_bin,scheme,\
                    digest,document_sha256,certificate_sha256,chain_sha256,revocation";

/// The verdicts of a case: record, act, what was found.
pub(super) fn verdicts(told: &Told) -> impl Iterator<Item = (u64, Act, &SignatureVerdict)> {
    told.events.iter().filter_map(|(sequence, event)| match event {
        Event::Act(act) => Some((sequence.0, act.act, act.signature.as_deref()?)),
        Event::PartyEnrolled(_)
        | Event::Acknowledged(_)
        | Event::QuotaSet(_)
        | Event::HoldingExpired(_)
        | Event::CalendarAmended(_)
        | Event::ClocksMoved(_)
        | Event::CalendarSettled(_)
        | Event::Notice(_)
        | Event::NoticeAcknowledged(_)
        | Event::NoticeSent(_)
        | Event::BusOutage(_)
        | Event::DeliveryHeld(_)
        | Event::HeldResolved(_)
        | Event::EndpointSet(_)
        | Event::CaseErased(_)
        | Event::DataRead(_)
        | Event::RegistryChanged(_) => None,
    })
}

/// The table, each line a signed act; none where nothing was signed.
pub(super) fn csv(told: &Told) -> Option<String> {
    let mut text = format!("{HEAD}\n");
    for (record, act, found) in verdicts(told) {
        let SignatureVerdict { doubt, proven_by, document, certificate, signed_at, .. } = found;
        let SignatureVerdict { digest, scheme, checked_at, chain, revocation, .. } = found;
        let roles: Vec<_> = found.roles.iter().map(|role| role.name()).collect();
        let chain: Vec<_> = chain.iter().map(|hash| hex(hash)).collect();
        let revocation: Vec<_> = revocation
            .iter()
            .map(|of| format!("{} {} {}", of.source.name(), hex(&of.sha256), of.this_update))
            .collect();
        // Writing into a string does not fail; no field has a comma in it.
        let _ = writeln!(
            text,
            "{record},{act},{},{},{proven_by},{signed_at},{checked_at},{},{},{scheme},{digest},{},{},{},{}",
            standing(found),
            doubt.map(|doubt| doubt.name()).unwrap_or_default(),
            roles.join(" "),
            found.organisation.map(|bin| bin.to_string()).unwrap_or_default(),
            hex(document),
            hex(certificate),
            chain.join(" "),
            revocation.join("; "),
        );
    }
    (text.lines().count() > 1).then_some(text)
}

/// The verdict in a word.
pub(super) fn standing(found: &SignatureVerdict) -> &'static str {
    if found.doubt.is_none() { "valid" } else { "undetermined" }
}

/// The verdict in words, with its doubt.
fn verdict_words(found: &SignatureVerdict) -> String {
    match found.doubt {
        None => "valid".to_owned(),
        Some(doubt) => format!("undetermined ({doubt}: {})", doubt.words()),
    }
}

/// Whose certificate it was, as far as the record says.
fn signer_words(found: &SignatureVerdict) -> String {
    let roles: Vec<_> = found.roles.iter().map(|role| role.name()).collect();
    let role = if roles.is_empty() { "nobody in a role".to_owned() } else { roles.join(", ") };
    let of = found.organisation.map(|bin| format!(" of {bin}")).unwrap_or_default();
    format!("{role}{of}, certificate {}", hex(&found.certificate))
}

impl Check<'_> {
    /// Holds the table against the records.
    pub(super) fn verdict_table(&mut self, told: &Told) {
        let Some(content) = self.content(SIGNATURES) else { return };
        if csv(told).as_deref().map(str::as_bytes) == Some(content) {
            let count = verdicts(told).count();
            self.prove(format!(
                "The verdicts in {SIGNATURES} are those that the records hold ({count} of them)."
            ));
        } else {
            self.find(SIGNATURES, "does not say what the records hold");
        }
    }

    /// A signature, as far as the bundle tells.
    pub(super) fn signature(
        &mut self,
        record: u64,
        act: Act,
        recorded: &SignatureVerdict,
        is_open: bool,
    ) {
        let names = ["document", "p7s"].map(|part| paper_file(record, part));
        let parts = [0, 1].map(|at: usize| self.content(&names[at]));
        let (content, signature) = match parts {
            [None, None] => {
                self.leave(format!(
                    "Record {record}, {act}: that the signature on its document is {}. The bus says \
                     so, by the record; document and signature are not in this bundle.",
                    verdict_words(recorded)
                ));
                return;
            }
            [Some(content), Some(signature)] => (content, signature),
            [Some(_), None] => return self.find(&names[1], "is missing beside its document"),
            [None, Some(_)] => return self.find(&names[0], "is missing beside its signature"),
        };
        let paper = is_open.then(|| self.content(&paper_file(record, "content"))).flatten();
        let within = |part: &[u8]| {
            let mut pieces = paper.unwrap_or_default().windows(part.len().max(1));
            pieces.any(|piece| piece == part)
        };
        // The record names the document by its hash, and the signature by nothing.
        if signature.len() > MAX_SIGNATURE_BYTES || !within(signature) {
            let what = format!("is not in the paper of record {record}");
            return self.find(&names[1], what);
        }
        let kept = |kind: Kind, hash: &[u8; 32]| {
            self.content(&evidence_file(&kind.file_name(hash))).map(<[u8]>::to_vec)
        };
        match again(Signed { content, signature }, recorded, &kept) {
            Ok(found) => self.found_again(record, act, recorded, found),
            Err(NotAgain::Evidence(kind, hash)) => {
                let place = evidence_file(&kind.file_name(&hash));
                self.find(
                    &place,
                    format!(
                        "is not there or was changed: the verdict on record {record} rests on it"
                    ),
                );
            }
            Err(why) => {
                let at = if why == NotAgain::Document { 0 } else { 1 };
                self.find(&names[at], format!("record {record}: {why}"));
            }
        }
    }

    fn found_again(&mut self, record: u64, act: Act, found: &SignatureVerdict, again: Again) {
        let SignatureVerdict { signed_at, checked_at, scheme, digest, .. } = found;
        let document = hex(&found.document);
        let (who, verdict) = (signer_words(found), verdict_words(found));
        let chain = found.chain.last().map(|root| hex(root)).unwrap_or_default();
        let what = format!("Record {record}, {act}: the document {document}");
        match again {
            Again::Verdict => {
                let lists: Vec<_> =
                    found.revocation.iter().map(|of| of.this_update.to_string()).collect();
                let lists = match lists.is_empty() {
                    true => "no revocation list".to_owned(),
                    false => format!("the revocation lists of {}", lists.join(" and ")),
                };
                self.prove(format!(
                    "{what} bears a signature ({scheme} over {digest}) by {who}. Judged again from \
                     this bundle alone, up to the authority {chain} and with {lists}, as of \
                     {checked_at}, it is {verdict}, as was recorded then."
                ));
                self.leave(format!(
                    "Record {record}: that the authority {chain} is to be believed, which its owner \
                     tells; that it signed at {signed_at}, which is the signer's own word; that the \
                     role was the one that the act needs, which was the bus's to judge."
                ));
            }
            Again::Signature => {
                self.prove(format!("{what} bears a signature ({scheme} over {digest}) by {who}."));
                self.leave(format!(
                    "Record {record}: whose certificate that is. The verdict was {verdict}, and \
                     nothing was kept that tells more."
                ));
            }
            Again::Statement => {
                self.prove(format!(
                    "{what} is the one that a signature ({scheme} over {digest}) with the \
                     certificate of {who} names."
                ));
                let by = match found.proven_by {
                    ProvenBy::Sidecar => "the verifier beside the bus said so",
                    ProvenBy::Nobody | ProvenBy::Bus => "nobody proved it",
                };
                self.leave(format!(
                    "Record {record}: that the certificate's key made the signature, and who stands \
                     behind it. The verdict was {verdict}; {by} at {checked_at}, and GOST \
                     signatures need a verifier of their own."
                ));
            }
        }
    }
}
