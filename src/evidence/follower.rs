//! What keeps the log up with the journal: on a thread of its own, never on the path of an answer.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::log::{Log, LogError, Published};
use super::store::Tree;
use super::tree::leaf_hash;
use crate::journal::{Record, RecordHash, Seq};

/// Follows a journal.
pub struct Follower {
    log: Arc<Log>,
    /// None before the first turn, and after one that failed.
    grown: Option<Grown>,
    /// The journal contradicts what was signed; only a restart looks again.
    contradicted: bool,
}

/// The tree, and the record that its last leaf is.
struct Grown {
    tree: Tree,
    last: RecordHash,
}

impl Follower {
    /// A follower that has done nothing yet.
    pub fn new(log: Arc<Log>) -> Self {
        Self { log, grown: None, contradicted: false }
    }

    /// Takes in what the journal has by now, and signs a checkpoint when the tree has grown. It ends
    /// early, without one, when `stopping` says so.
    ///
    /// # Errors
    /// [`LogError`]; the next turn begins with what is on the disk. After
    /// [`LogError::Contradicted`] every turn fails with it.
    pub fn turn(&mut self, stopping: &dyn Fn() -> bool) -> Result<(), LogError> {
        // Where the last checkpoint is gone or an older one was put back, what a witness has
        // cosigned still binds.
        let both = [self.log.last_signed()?, self.log.kept_cosigned()];
        let signed = both.into_iter().flatten().max_by_key(|each| each.checkpoint.size);
        let turned = match self.contradicted {
            true => Err(contradicted("it was found at an earlier turn", signed.as_ref())),
            false => self.follow(signed.as_ref(), stopping),
        };
        if let Err(LogError::Contradicted { .. }) = &turned {
            self.contradicted = true;
            self.log.contradict();
        }
        turned
    }

    fn follow(
        &mut self,
        signed: Option<&Published>,
        stopping: &dyn Fn() -> bool,
    ) -> Result<(), LogError> {
        let damaged = self.log.take_damaged();
        let mut grown = match self.grown.take().filter(|_| !damaged) {
            Some(grown) => grown,
            None => match self.begin(signed, damaged, stopping)? {
                Some(grown) => grown,
                None => return Ok(()),
            },
        };
        self.take_in(&mut grown, None, signed, stopping)?;
        let size = grown.tree.size();
        if size > signed.map_or(0, |signed| signed.checkpoint.size) && !stopping() {
            grown.tree.write_parts()?;
            self.log.publish(size, grown.tree.root())?;
        }
        self.grown = Some(grown);
        Ok(())
    }

    /// The tree as it was last signed: what is left of it on the disk, or from the journal's first
    /// record on. None when it is to stop before that.
    fn begin(
        &self,
        signed: Option<&Published>,
        damaged: bool,
        stopping: &dyn Fn() -> bool,
    ) -> Result<Option<Grown>, LogError> {
        let Some(signed) = signed else {
            let tree = Tree::begin(self.log.dir())?;
            return Ok(Some(Grown { tree, last: RecordHash::GENESIS }));
        };
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        let last = self.log.reader().read(Seq(size))?;
        let missing = || contradicted("records at its end are missing", Some(signed));
        let last = last.ok_or_else(missing)?;
        let loaded = Tree::load(self.log.dir(), size, root).filter(|_| !damaged);
        // Its root is the one that was signed, so the record behind its last leaf vouches by its
        // hash for every record before it.
        let loaded = loaded.filter(|_| self.stands_last(&last, signed));
        let loaded = loaded.filter(|_| self.log.takes_up_cosigned(size));
        let grown = match loaded {
            Some(tree) => Grown { tree, last: last.hash },
            None => match self.build(signed, stopping)? {
                Some(grown) => grown,
                None => return Ok(None),
            },
        };
        self.log.show(signed.clone());
        Ok(Some(grown))
    }

    /// The tree as it was last signed, from the journal's first record on. It must have that root,
    /// and contain what a witness has cosigned: the bus had signed that too.
    fn build(
        &self,
        signed: &Published,
        stopping: &dyn Fn() -> bool,
    ) -> Result<Option<Grown>, LogError> {
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        let tree = Tree::begin(self.log.dir())?;
        let mut grown = Grown { tree, last: RecordHash::GENESIS };
        tracing::info!(records = size, "the tree of the log is built from the journal");
        self.take_in(&mut grown, Some(size), Some(signed), stopping)?;
        if stopping() {
            return Ok(None);
        }
        if grown.tree.root() != root {
            return Err(contradicted("the records lead to another root", Some(signed)));
        }
        grown.tree.write_parts()?;
        // Whoever asked meanwhile found tiles missing.
        self.log.take_damaged();
        if !self.log.takes_up_cosigned(size) {
            return Err(contradicted("a witness has cosigned another tree", Some(signed)));
        }
        Ok(Some(grown))
    }

    /// Whether a record is the last leaf of a tree, as its tiles have it.
    fn stands_last(&self, last: &Record, signed: &Published) -> bool {
        use super::store::Tiles;
        use super::tree::{inclusion_proof, verify_inclusion};
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        let tiles = Tiles { dir: self.log.dir(), size };
        let proof = inclusion_proof(&tiles, size.saturating_sub(1), size);
        proof.is_ok_and(|proof| {
            verify_inclusion(leaf_hash(&last.hash.0), size - 1, size, root, &proof).is_ok()
        })
    }

    /// Adds the records behind the last leaf, up to `until` where it is given.
    fn take_in(
        &self,
        grown: &mut Grown,
        until: Option<u64>,
        signed: Option<&Published>,
        stopping: &dyn Fn() -> bool,
    ) -> Result<(), LogError> {
        let mut failed = None;
        let from = Seq(grown.tree.size() + 1);
        self.log.reader().scan(from, &mut |record| {
            if stopping() || until.is_some_and(|until| record.seq.0 > until) {
                return ControlFlow::Break(());
            }
            if record.previous != grown.last {
                let what = format!("record {} does not follow the one before it", record.seq);
                failed = Some(contradicted(&what, signed));
                return ControlFlow::Break(());
            }
            if let Err(error) = grown.tree.push(leaf_hash(&record.hash.0)) {
                failed = Some(error.into());
                return ControlFlow::Break(());
            }
            grown.last = record.hash;
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(()), Err)
    }
}

fn contradicted(what: &str, signed: Option<&Published>) -> LogError {
    let size = signed.map_or(0, |signed| signed.checkpoint.size);
    LogError::Contradicted { what: what.to_owned(), size }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::domain::Sequence;
    use crate::evidence::log::ProofRefused;
    use crate::evidence::note::{KeyKind, Signer};
    use crate::evidence::tree::verify_consistency;
    use crate::journal::{Entry, Journal, JournalReader, MemoryJournal, MemoryStore};

    struct Site {
        dir: tempfile::TempDir,
        journal: MemoryJournal,
    }

    impl Site {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), journal: journal() }
        }

        fn grow(&mut self, records: u64) {
            grow(&mut self.journal, records, b"record");
        }

        /// The bus, started anew.
        fn start(&self) -> (Arc<Log>, Follower) {
            let log = Arc::new(log(self.dir.path(), self.journal.reader()));
            let follower = Follower::new(Arc::clone(&log));
            (log, follower)
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }
    }

    fn journal() -> MemoryJournal {
        MemoryStore::new().open(64 * 1024).unwrap()
    }

    fn grow(journal: &mut MemoryJournal, records: u64, payload: &[u8]) {
        for _ in 0..records {
            journal.append(&[Entry { time_ms: 0, payload }]).unwrap();
        }
    }

    fn witness() -> Signer {
        Signer::new("witness.example", KeyKind::Witness, &[9; 32]).unwrap()
    }

    fn log(dir: &Path, reader: Arc<dyn JournalReader>) -> Log {
        let signer = Signer::new("bus.example", KeyKind::Log, &[1; 32]).unwrap();
        Log::new(dir, reader, signer, vec![witness().verifier().clone()])
    }

    fn turn(follower: &mut Follower) {
        follower.turn(&|| false).unwrap();
    }

    fn prove_all(site: &Site, log: &Log) {
        let newest = log.newest().unwrap();
        for sequence in 1..=newest.checkpoint.size {
            let record = site.journal.reader().read(Seq(sequence)).unwrap().unwrap();
            let by = log.covering(Sequence(sequence)).unwrap();
            let proof = log.prove(Sequence(sequence), record.hash.0, &by).unwrap();
            proof.verify(log.verifier(), &[]).unwrap();
        }
    }

    #[test]
    fn checkpoints_follow_the_journal_and_restarts() {
        let mut site = Site::new();
        let (log, mut follower) = site.start();
        turn(&mut follower);
        assert_eq!(log.newest(), Err(ProofRefused::Pending), "an empty journal is not signed");
        let mut before: Option<Published> = None;
        for records in [1, 254, 1, 1, 300] {
            site.grow(records);
            let (log, mut follower) = site.start();
            turn(&mut follower);
            turn(&mut follower);
            prove_all(&site, &log);
            let newest = log.newest().unwrap();
            assert_eq!(
                fs::read(site.path("log/checkpoint")).unwrap(),
                fs::read(site.path("log.signed")).unwrap()
            );
            if let Some(before) = &before {
                let (old, new) = (&before.checkpoint, &newest.checkpoint);
                let proof = log.consistency(old.size, new.size).unwrap();
                let checked =
                    verify_consistency((old.size, old.root), (new.size, new.root), &proof);
                assert_eq!(checked, Ok(()));
            }
            before = Some(newest);
        }
        assert_eq!(log.consistency(2, 1), Err(ProofRefused::Pending), "this one never started");
    }

    #[test]
    fn what_is_removed_or_damaged_is_built_from_the_journal() {
        let mut site = Site::new();
        site.grow(700);
        let (log, mut follower) = site.start();
        turn(&mut follower);
        let newest = log.newest().unwrap();
        fs::remove_dir_all(site.path("log")).unwrap();
        let (log, mut follower) = site.start();
        turn(&mut follower);
        assert_eq!(log.newest().unwrap(), newest);
        prove_all(&site, &log);

        // Damage is found by the proof that it spoils, and mended at the next turn.
        let tile = site.path("log/tile/0/001");
        let mut bytes = fs::read(&tile).unwrap();
        bytes[100] ^= 1;
        fs::write(&tile, bytes).unwrap();
        let record = site.journal.reader().read(Seq(258)).unwrap().unwrap();
        assert_eq!(log.prove(Sequence(258), record.hash.0, &newest), Err(ProofRefused::Pending));
        turn(&mut follower);
        prove_all(&site, &log);
    }

    #[test]
    fn a_rewritten_journal_is_never_signed() {
        let mut site = Site::new();
        site.grow(300);
        let (_, mut follower) = site.start();
        turn(&mut follower);
        let signed = fs::read(site.path("log.signed")).unwrap();
        // Another history, its chain sound in itself, and longer.
        for tiles_too in [false, true] {
            site.journal = journal();
            grow(&mut site.journal, 10, b"another");
            site.grow(400);
            if tiles_too {
                fs::remove_dir_all(site.path("log")).unwrap();
            }
            let (log, mut follower) = site.start();
            for _ in 0..2 {
                let refused = follower.turn(&|| false).unwrap_err();
                assert!(matches!(refused, LogError::Contradicted { size: 300, .. }), "{refused}");
            }
            assert_eq!(log.newest(), Err(ProofRefused::Contradicted));
            assert_eq!(fs::read(site.path("log.signed")).unwrap(), signed);
        }
        // A shorter one.
        site.journal = journal();
        site.grow(299);
        let refused = site.start().1.turn(&|| false).unwrap_err();
        assert!(refused.to_string().contains("records at its end are missing"), "{refused}");
    }

    #[test]
    fn a_journal_that_changes_under_the_running_bus_is_not_followed() {
        let mut site = Site::new();
        site.grow(5);
        let (log, mut follower) = site.start();
        turn(&mut follower);
        // The record that would be next does not follow the last one.
        if let Some(grown) = &mut follower.grown {
            grown.last = RecordHash([7; 32]);
        }
        site.grow(1);
        assert!(matches!(follower.turn(&|| false), Err(LogError::Contradicted { .. })));
        assert_eq!(log.newest(), Err(ProofRefused::Contradicted));
    }

    #[test]
    fn another_key_or_a_damaged_last_checkpoint_is_refused_with_a_remedy() {
        let mut site = Site::new();
        site.grow(5);
        turn(&mut site.start().1);
        let other = Signer::new("bus.example", KeyKind::Log, &[2; 32]).unwrap();
        let log = Arc::new(Log::new(site.dir.path(), site.journal.reader(), other, vec![]));
        let refused = Follower::new(log).turn(&|| false).unwrap_err();
        assert!(refused.to_string().contains("Restore it"), "{refused}");
        fs::write(site.path("log.signed"), b"half").unwrap();
        let refused = site.start().1.turn(&|| false);
        assert!(matches!(refused, Err(LogError::Signed { .. })));
    }

    #[test]
    fn a_cosignature_stays_with_its_checkpoint_over_a_restart() {
        let mut site = Site::new();
        site.grow(5);
        let (log, mut follower) = site.start();
        turn(&mut follower);
        let newest = log.newest().unwrap();
        let signature = witness().sign(newest.note.text(), 7);
        assert_eq!(log.cosign(4, &signature), Err(ProofRefused::NotRecent));
        let forged = Signer::new("witness.example", KeyKind::Witness, &[8; 32]).unwrap();
        let forged = forged.sign(newest.note.text(), 7);
        assert_eq!(log.cosign(5, &forged), Err(ProofRefused::Cosignature));
        let cosigned = log.cosign(5, &signature).unwrap();
        assert_eq!(witness().verifier().verify(&cosigned.note), Ok(Some(7)));
        site.grow(3);
        turn(&mut follower);
        let (log, mut follower) = site.start();
        turn(&mut follower);
        assert_eq!(log.newest().unwrap().checkpoint.size, 8);
        assert_eq!(log.cosigned(), Some(cosigned.clone()));
        assert_eq!(log.covering(Sequence(5)).unwrap(), cosigned);
        assert_eq!(log.covering(Sequence(6)).unwrap().checkpoint.size, 8);
        assert_eq!(log.covering(Sequence(9)), Err(ProofRefused::Pending));
    }

    #[test]
    fn what_a_witness_cosigned_binds_where_the_last_checkpoint_is_older_or_gone() {
        let mut site = Site::new();
        site.grow(5);
        let (log, mut follower) = site.start();
        turn(&mut follower);
        let older = fs::read(site.path("log.signed")).unwrap();
        site.grow(3);
        turn(&mut follower);
        let newest = log.newest().unwrap();
        log.cosign(8, &witness().sign(newest.note.text(), 7)).unwrap();

        // The journal of a backup with the checkpoint of that backup.
        let whole = std::mem::replace(&mut site.journal, journal());
        site.grow(5);
        fs::write(site.path("log.signed"), &older).unwrap();
        let refused = site.start().1.turn(&|| false).unwrap_err();
        assert!(matches!(refused, LogError::Contradicted { size: 8, .. }), "{refused}");
        // The same without it, and then with another history of the same length.
        fs::remove_file(site.path("log.signed")).unwrap();
        let (log, mut follower) = site.start();
        let refused = follower.turn(&|| false).unwrap_err();
        assert!(matches!(refused, LogError::Contradicted { size: 8, .. }), "{refused}");
        assert_eq!(log.newest(), Err(ProofRefused::Contradicted));
        site.journal = journal();
        grow(&mut site.journal, 9, b"another");
        let refused = site.start().1.turn(&|| false).unwrap_err();
        assert!(refused.to_string().contains("another root"), "{refused}");

        site.journal = whole;
        fs::write(site.path("log.signed"), &older).unwrap();
        let (log, mut follower) = site.start();
        turn(&mut follower);
        assert_eq!(log.newest().unwrap().checkpoint, newest.checkpoint);
    }

    #[test]
    fn a_turn_that_is_to_stop_signs_nothing() {
        let mut site = Site::new();
        site.grow(5);
        let (log, mut follower) = site.start();
        follower.turn(&|| true).unwrap();
        assert_eq!(log.newest(), Err(ProofRefused::Pending));
        turn(&mut follower);
        assert_eq!(log.newest().unwrap().checkpoint.size, 5);
    }
}
