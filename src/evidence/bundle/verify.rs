//! How a bundle is checked: offline, with the key of the bus and perhaps those of witnesses, and
//! with words for what is proven and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;

use super::clocks::{Erased, Told};
use super::container::{self, Fault, Stored};
use super::manifest::{FileMark, Manifest};
use super::stamp::{self, Seen};
use super::{
    CHECKPOINT, CLOCKS, MANIFEST, REPORT, SIGNATURES, STAMP_CONSISTENCY, STAMP_TOKEN,
    STAMPED_CHECKPOINT, proof_file,
};
use crate::domain::CaseId;
use crate::evidence::checkpoint::Checkpoint;
use crate::evidence::note::{MAX_NOTE_BYTES, Note, VerifierKey};
use crate::evidence::proof::RecordProof;
use crate::evidence::tree::{leaf_hash, verify_inclusion};
use crate::journal::{Record, read_hashed};
use crate::trust::signature::authorities::Authorities;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a file of the bundle, a record, a part of the container.
    pub place: String,
    /// Which bytes of the bundle, where that can be told.
    pub bytes: Option<Range<usize>>,
    /// What is wrong.
    pub what: String,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The case, as the manifest says.
    pub case: Option<CaseId>,
    /// What is proven, in sentences.
    pub proven: Vec<String>,
    /// What no bundle can prove, or this one was not asked for, in sentences.
    pub open: Vec<String>,
    /// What is wrong. The bundle holds if there is nothing.
    pub findings: Vec<Finding>,
}

/// The manifest is a line for each file; this is enough for the most of them.
const MAX_MANIFEST_BYTES: usize = 200 * container::MAX_FILES;

/// Checks a bundle; its time-stamp is not judged.
#[must_use]
pub fn verify(bytes: &[u8], log: &VerifierKey, witnesses: &[VerifierKey]) -> Verdict {
    verify_with(bytes, log, witnesses, &Authorities::default())
}

/// Checks a bundle, its time-stamp by these authorities.
#[must_use]
pub fn verify_with(
    bytes: &[u8],
    log: &VerifierKey,
    witnesses: &[VerifierKey],
    stamped_by: &Authorities,
) -> Verdict {
    let (stored, faults) = container::read(bytes);
    let mut check = Check { bytes, log, files: BTreeMap::new(), verdict: Verdict::default() };
    for file in &stored {
        if check.files.insert(&file.name, file).is_some() {
            check.find(&file.name, "is in the bundle twice");
        }
    }
    let manifest = check.manifest();
    let changed = manifest.as_ref().map(|manifest| check.marks(manifest));
    check.container(&faults, manifest.is_some(), &changed.unwrap_or_default());
    let checkpoint = check.checkpoint(witnesses);
    let records = check.records(checkpoint.as_ref());
    check.papers(&records);
    if let Some(manifest) = &manifest {
        check.tables(manifest, &records);
    }
    check.open(witnesses);
    if let Some(checkpoint) = &checkpoint {
        check.stamp(checkpoint, stamped_by);
    }
    check.verdict
}

pub(super) struct Check<'a> {
    bytes: &'a [u8],
    log: &'a VerifierKey,
    files: BTreeMap<&'a str, &'a Stored>,
    pub(super) verdict: Verdict,
}

impl<'a> Check<'a> {
    pub(super) fn content(&self, name: &str) -> Option<&'a [u8]> {
        self.files.get(name).map(|file| &self.bytes[file.content.clone()])
    }

    /// The files whose names begin so.
    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.files.keys().filter(|name| name.starts_with(prefix));
        names.map(ToString::to_string).collect()
    }

    pub(super) fn find(&mut self, place: &str, what: impl Into<String>) {
        let bytes = self.files.get(place).map(|file| file.content.clone());
        self.verdict.findings.push(Finding { place: place.to_owned(), bytes, what: what.into() });
    }

    pub(super) fn prove(&mut self, what: String) {
        self.verdict.proven.push(what);
    }

    /// Says what stays open.
    pub(super) fn leave(&mut self, what: String) {
        self.verdict.open.push(what);
    }

    /// The manifest, if the bus signed it.
    fn manifest(&mut self) -> Option<Manifest> {
        let Some(content) = self.content(MANIFEST) else {
            self.find(MANIFEST, "is missing, so nothing says what belongs to the bundle");
            return None;
        };
        let read = self.open_manifest(content);
        match read {
            Ok(manifest) => {
                self.verdict.case = Some(manifest.case);
                Some(manifest)
            }
            Err(what) => {
                self.find(MANIFEST, what);
                None
            }
        }
    }

    fn open_manifest(&self, content: &[u8]) -> Result<Manifest, String> {
        if content.len() > MAX_MANIFEST_BYTES {
            return Err(format!("has more than {MAX_MANIFEST_BYTES} bytes"));
        }
        let note = Note::parse_up_to(content, MAX_MANIFEST_BYTES).map_err(|why| why.to_string())?;
        self.log.verify(&note).map_err(|why| why.to_string())?;
        let manifest = Manifest::parse(note.text()).map_err(|why| why.to_string())?;
        if manifest.origin != self.log.name() {
            return Err("is of another log than the key's".into());
        }
        // Another note of the same text would do as well; the bus writes one alone.
        if note.to_string().as_bytes() != content || note.signatures().len() != 1 {
            return Err("bears more than the signature of the bus".into());
        }
        Ok(manifest)
    }

    /// Holds every file against its mark; the names of those that were changed.
    fn marks(&mut self, manifest: &Manifest) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        let mut named = BTreeSet::from([MANIFEST]);
        for mark in &manifest.files {
            named.insert(&mark.name);
            let Some(content) = self.content(&mark.name) else {
                self.find(&mark.name, "is missing from the bundle");
                continue;
            };
            if FileMark::of(&mark.name, content) != *mark {
                self.find(&mark.name, "was changed since the bus signed the manifest");
                changed.insert(mark.name.clone());
            }
        }
        let strange: Vec<&str> =
            self.files.keys().copied().filter(|name| !named.contains(name)).collect();
        for name in strange {
            self.find(name, "is not in the manifest, so the bus did not put it there");
        }
        if self.verdict.findings.is_empty() {
            let (name, at, count) = (self.log.name(), manifest.made_at, manifest.files.len());
            self.prove(format!(
                "The bus {name} made and signed this bundle at {at} by its clock; none of its \
                 {count} files was changed since."
            ));
        }
        changed
    }

    /// What is wrong outside the contents of the files.
    fn container(&mut self, faults: &[Fault], is_signed: bool, changed: &BTreeSet<String>) {
        for Fault { bytes, what, checksum_of } in faults {
            // The fault is the content's then, and told.
            let of_content = checksum_of
                .as_ref()
                .is_some_and(|name| changed.contains(name) || (name == MANIFEST && !is_signed));
            if !of_content {
                let finding = Finding {
                    place: what.clone(),
                    bytes: Some(bytes.clone()),
                    what: "is not as the bus writes it".into(),
                };
                self.verdict.findings.push(finding);
            }
        }
    }

    /// The checkpoint, if the bus signed it and every witness that was named saw it.
    fn checkpoint(&mut self, witnesses: &[VerifierKey]) -> Option<Checkpoint> {
        let Some(content) = self.content(CHECKPOINT) else {
            self.find(CHECKPOINT, "is missing, so no record is proven");
            return None;
        };
        let opened = Note::parse_up_to(content, MAX_NOTE_BYTES)
            .map_err(|why| why.to_string())
            .and_then(|note| match Checkpoint::open(&note, self.log) {
                Ok(checkpoint) => Ok((note, checkpoint)),
                Err(why) => Err(why.to_string()),
            });
        let (note, checkpoint) = match opened {
            Ok(opened) => opened,
            Err(what) => {
                self.find(CHECKPOINT, what);
                return None;
            }
        };
        for witness in witnesses {
            let name = witness.name();
            match witness.verify(&note) {
                Ok(seconds) => {
                    let seconds = i64::try_from(seconds.unwrap_or_default()).unwrap_or(i64::MAX);
                    let at = Timestamp::from_second(seconds).map(|at| at.to_string());
                    self.prove(format!(
                        "The witness {name} saw that journal at {} by its own clock, and that it \
                         continues every journal it had seen of this bus before.",
                        at.unwrap_or_else(|_| format!("second {seconds}"))
                    ));
                }
                Err(why) => self.find(CHECKPOINT, format!("the witness {name}: {why}")),
            }
        }
        Some(checkpoint)
    }

    /// The records that are proven.
    fn records(&mut self, checkpoint: Option<&Checkpoint>) -> Vec<Record> {
        let names = self.names("records/");
        let (mut records, all) = (Vec::new(), names.len());
        for name in names {
            match self.record(&name, checkpoint) {
                Ok(record) => records.push(record),
                Err((place, what)) => self.find(&place, what),
            }
        }
        if let (Some(checkpoint), Some(first), Some(last)) =
            (checkpoint, records.first(), records.last())
            && records.len() == all
        {
            let Checkpoint { origin, size, .. } = checkpoint;
            let (first, last) = (first.seq, last.seq);
            self.prove(format!(
                "Each of the {all} records, numbers {first} to {last}, stood unchanged and at its \
                 place in the journal of {origin} when that had {size} records."
            ));
        }
        records
    }

    fn record(
        &self,
        name: &str,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Record, (String, String)> {
        let wrong = |what: String| (name.to_owned(), what);
        let number = name.strip_prefix("records/").and_then(|number| number.parse().ok());
        let number: u64 = number.ok_or_else(|| wrong("has no number of a record".into()))?;
        let record = self.content(name).and_then(read_hashed);
        let record = record.ok_or_else(|| wrong(format!("record {number} is not one")))?;
        if record.seq.0 != number || name != super::record_file(number) {
            return Err(wrong(format!("holds record {}, not the one it is named for", record.seq)));
        }
        let proof_name = proof_file(number);
        let unproven =
            |what: String| (proof_name.clone(), format!("record {number} is not proven: {what}"));
        let text = self.content(&proof_name).ok_or_else(|| unproven("no proof is there".into()))?;
        let proof = RecordProof::parse(text).map_err(|why| unproven(why.to_string()))?;
        if Some(proof.checkpoint.to_string().as_bytes()) != self.content(CHECKPOINT) {
            return Err(unproven("its checkpoint is not that of the bundle".into()));
        }
        if proof.record != record.hash || proof.sequence != record.seq {
            let what = format!("record {number} is not the one that {proof_name} is about");
            return Err(wrong(what));
        }
        let Checkpoint { size, root, .. } =
            checkpoint.ok_or_else(|| unproven("the checkpoint does not hold".into()))?;
        let leaf = leaf_hash(&record.hash.0);
        verify_inclusion(leaf, number.wrapping_sub(1), *size, *root, &proof.hashes)
            .map_err(|why| unproven(why.to_string()))?;
        Ok(record)
    }

    /// Computes the tables again, and tells what the records themselves say of the papers.
    fn tables(&mut self, manifest: &Manifest, records: &[Record]) {
        if !self.verdict.findings.is_empty() {
            return;
        }
        match Told::of(manifest.case, records) {
            Ok(told) => {
                self.clocks(&told);
                self.verdict_table(&told);
                self.erasure(&told);
            }
            Err(untold) => {
                let place = super::record_file(untold.sequence.0);
                self.find(&place, untold.why);
            }
        }
    }

    fn clocks(&mut self, told: &Told) {
        let Some(content) = self.content(CLOCKS) else { return };
        if told.csv().as_bytes() != content {
            return self.find(CLOCKS, "does not say what the records lead to");
        }
        let state = match told.case.status() {
            crate::domain::CaseStatus::InProgress => "in progress",
            crate::domain::CaseStatus::AwaitingApplicant => "with the applicant",
            crate::domain::CaseStatus::Closed => "closed",
        };
        self.prove(format!(
            "The terms in {CLOCKS} are those that the records lead to ({} of them, the case is \
             {state}).",
            told.case.hops.len(),
        ));
    }

    /// That the papers were erased, when, and on whose order.
    fn erasure(&mut self, told: &Told) {
        for Erased { record, at, by, reason, reference } in told.erasures() {
            self.prove(format!(
                "Record {record}, accepted at {at}: the personal data of the case were erased, {by} \
                 ({reason}: {reference})."
            ));
            self.leave(
                "What the erased papers said. The key that opened them is destroyed, as the bus \
                 says; that nobody kept a copy no bundle proves."
                    .to_owned(),
            );
        }
    }

    /// The time-stamp, if there is one.
    fn stamp(&mut self, own: &Checkpoint, authorities: &Authorities) {
        let files = [STAMPED_CHECKPOINT, STAMP_TOKEN, STAMP_CONSISTENCY];
        let files = files.map(|name| self.content(name));
        match stamp::check(files, own, self.log, authorities) {
            Ok(Some(Seen { stamp, up_to, is_judged: true })) => self.prove(format!(
                "A time-stamp authority that you named confirmed at {}, by its own clock, a \
                 checkpoint of that journal with {up_to} records; every record of this bundle up \
                 to number {up_to} stood then.",
                stamp.at
            )),
            Ok(Some(Seen { stamp, up_to, is_judged: false })) => self.leave(format!(
                "That the records up to number {up_to} stood at {}: a time-stamp that says so is \
                 there and was not judged, since no authority was named by --tsa.",
                stamp.at
            )),
            Ok(None) if authorities.is_empty() => {}
            Ok(None) => self.leave(
                "When the records stood, by another clock than the bus's: no time-stamp is in \
                 the bundle."
                    .to_owned(),
            ),
            Err((place, what)) => self.find(place, what),
        }
    }

    /// What the check leaves open.
    fn open(&mut self, witnesses: &[VerifierKey]) {
        self.leave(
            "That the case has no further records: the bus says so by its manifest, and one that \
             it left out would not be noticed."
                .to_owned(),
        );
        self.leave(
            "That what the parties wrote is true; and the times, but for those of witnesses, are \
             by the clock of the bus."
                .to_owned(),
        );
        self.leave(format!(
            "{REPORT} is the bus's wording for people and was not compared with the records."
        ));
        if witnesses.is_empty() {
            self.leave(
                "That everybody was shown the same journal: no witness was named by --witness."
                    .to_owned(),
            );
        }
        let known = |name: &str| {
            [MANIFEST, CHECKPOINT, CLOCKS, SIGNATURES, REPORT].contains(&name)
                || [STAMPED_CHECKPOINT, STAMP_TOKEN, STAMP_CONSISTENCY].contains(&name)
                || ["records/", "proofs/", "papers/", "signatures/"]
                    .iter()
                    .any(|folder| name.starts_with(folder))
        };
        for name in self.names("").into_iter().filter(|name| !known(name)) {
            self.leave(format!("What {name} says: this release does not look into it."));
        }
    }
}
