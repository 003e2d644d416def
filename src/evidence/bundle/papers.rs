//! What is personal in the records of a case: sealed, unless the bundle was made with papers; then
//! beside its record as content and salt, by which anybody can hold it against what the record
//! committed to.

use std::collections::BTreeMap;

use super::verify::Check;
use crate::domain::confidential::Confidential;
use crate::domain::event::Event;
use crate::journal::Record;
use crate::records::decode_event;
use crate::vault::{Context, Disclosed, personal};

/// The papers with which a bundle is made.
#[derive(Debug, Clone, Default)]
pub struct Papers {
    /// The party for which they are opened.
    pub party: String,
    /// The papers by the numbers of their records.
    pub opened: BTreeMap<u64, Opened>,
    /// What the verdicts on their signatures rest on, by the name of its file.
    pub evidence: BTreeMap<String, Vec<u8>>,
}

/// A paper, opened.
#[derive(Clone)]
pub struct Opened {
    /// What was sealed.
    pub disclosed: Disclosed,
    /// What it says, by the fields of the contract.
    pub reading: Vec<(String, String)>,
    /// The document in it on which the record has a verdict.
    pub signed: Option<SignedPaper>,
}

/// A signed document.
#[derive(Clone)]
pub struct SignedPaper {
    /// Its exact bytes.
    pub document: Vec<u8>,
    /// The signature, detached CMS in DER.
    pub signature: Vec<u8>,
    /// What the bytes are, as the sender says; nothing signs it.
    pub media_type: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} in {} fields", self.disclosed, self.reading.len())
    }
}

/// The parts of a paper, each a file.
pub(super) const PARTS: [&str; 4] = ["content", "salt", "document", "p7s"];

/// The file of a part of a paper.
pub(super) fn paper_file(sequence: u64, part: &str) -> String {
    format!("papers/{sequence:012}.{part}")
}

/// The file of evidence.
pub(super) fn evidence_file(name: &str) -> String {
    format!("signatures/{name}")
}

/// The files of papers and of what their signatures rest on.
pub(super) fn files(papers: Papers) -> Vec<(String, Vec<u8>)> {
    let Papers { party: _, opened, evidence } = papers;
    let mut files = Vec::new();
    for (sequence, Opened { disclosed, reading: _, signed }) in opened {
        files.push((paper_file(sequence, "content"), disclosed.content));
        files.push((paper_file(sequence, "salt"), disclosed.salt.to_vec()));
        if let Some(SignedPaper { document, signature, media_type: _ }) = signed {
            files.push((paper_file(sequence, "document"), document));
            files.push((paper_file(sequence, "p7s"), signature));
        }
    }
    files.extend(evidence.into_iter().map(|(name, bytes)| (evidence_file(&name), bytes)));
    files
}

/// What the records of a case have of papers, by their numbers.
#[derive(Debug, Default)]
struct Sorted {
    /// Held against the commitment.
    disclosed: Vec<u64>,
    /// Sealed, and nothing beside.
    sealed: Vec<u64>,
    /// From before papers were sealed.
    plain: Vec<u64>,
}

impl Check<'_> {
    /// Holds the papers against the records, and the signatures against both.
    pub(super) fn papers(&mut self, records: &[Record]) {
        let mut sorted = Sorted::default();
        let known = self.verdict.findings.is_empty();
        for record in records {
            let sequence = record.seq.0;
            let Ok(mut event) = decode_event(&record.payload) else { continue };
            let is_open = match personal(&mut event) {
                None => false,
                Some((context, content)) => self.paper(sequence, &context, content, &mut sorted),
            };
            if let Event::Act(act) = &event
                && let Some(verdict) = &act.signature
            {
                self.signature(sequence, act.act, verdict, is_open);
            }
        }
        for name in self.names("papers/") {
            let sequence = name.strip_prefix("papers/").and_then(|rest| rest.split('.').next());
            let sequence = sequence.and_then(|digits| digits.parse().ok()).unwrap_or_default();
            let is_known = sorted.disclosed.contains(&sequence)
                && PARTS.iter().any(|part| paper_file(sequence, part) == name);
            if known && !is_known {
                self.find(&name, "belongs to no paper of the records");
            }
        }
        self.tell(&sorted);
    }

    /// A paper; whether it is in the bundle, and is what its record committed to.
    fn paper(
        &mut self,
        sequence: u64,
        context: &Context,
        content: &Confidential,
        sorted: &mut Sorted,
    ) -> bool {
        let Confidential::Sealed(sealed) = content else {
            sorted.plain.push(sequence);
            return false;
        };
        let [beside, salt] =
            ["content", "salt"].map(|part| self.content(&paper_file(sequence, part)));
        let (beside, salt) = match (beside, salt) {
            (None, None) => {
                sorted.sealed.push(sequence);
                return false;
            }
            (Some(beside), Some(salt)) => (beside, salt),
            (Some(_), None) => {
                self.find(&paper_file(sequence, "salt"), "is missing, so the paper is not proven");
                return false;
            }
            (None, Some(_)) => {
                self.find(&paper_file(sequence, "content"), "is missing beside its salt");
                return false;
            }
        };
        let disclosed =
            salt.try_into().ok().map(|salt| Disclosed { salt, content: beside.to_vec() });
        if !disclosed.is_some_and(|disclosed| disclosed.is_of(context, &sealed.commitment)) {
            let what = format!("is not, with its salt, what record {sequence} committed to");
            self.find(&paper_file(sequence, "content"), what);
            return false;
        }
        sorted.disclosed.push(sequence);
        true
    }

    fn tell(&mut self, sorted: &Sorted) {
        let Sorted { disclosed, sealed, plain } = sorted;
        if !disclosed.is_empty() {
            self.prove(format!(
                "The papers of {} are to the byte what was accepted with them: each record commits \
                 to its content.",
                numbers(disclosed)
            ));
        }
        if !sealed.is_empty() {
            self.leave(format!(
                "What the papers of {} say: they are sealed in the records, and nothing opens them \
                 here.",
                numbers(sealed)
            ));
        }
        if !plain.is_empty() {
            self.leave(format!(
                "That nobody else has read the papers of {}: they were recorded before papers were \
                 sealed and stand in the records themselves.",
                numbers(plain)
            ));
        }
    }
}

/// Records by their numbers.
fn numbers(records: &[u64]) -> String {
    let all: Vec<_> = records.iter().map(ToString::to_string).collect();
    match &all[..] {
        [one] => format!("record {one}"),
        [before @ .., last] => format!("the records {} and {last}", before.join(", ")),
        [] => "no record".to_owned(),
    }
}
