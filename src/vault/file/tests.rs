use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::vault::secret::SecretFile;
use crate::vault::{Kind, rotate};

const CASE: CaseId = CaseId([7; 16]);

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn place(dir: &TempDir) -> VaultPlace {
    VaultPlace {
        dir: dir.path().join("vault"),
        master: MasterSource::Plain(SecretFile::Path(dir.path().join("master.key"))),
        previous: None,
        credentials: None,
    }
}

fn open(place: &VaultPlace, named: Option<SlotNumber>) -> FileVault {
    FileVault::open(place, named).unwrap()
}

fn refused(place: &VaultPlace, named: Option<SlotNumber>) -> VaultError {
    match FileVault::open(place, named) {
        Ok(_) => panic!("the vault was opened"),
        Err(error) => error,
    }
}

fn bytes_of(vault: &FileVault, slot: SlotNumber) -> [u8; KEY_BYTES] {
    match vault.key(slot).unwrap() {
        Kept::Live(CaseKey(key)) => *key,
        Kept::Erased { .. } => panic!("key {slot} is erased"),
    }
}

fn slots(place: &VaultPlace) -> PathBuf {
    place.dir.join("slots")
}

#[test]
fn keys_are_random_and_outlive_the_process_and_no_slot_is_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let vault = open(&place, None);
    let first: Vec<_> = (0..600).map(|_| vault.assign(CASE).unwrap()).collect();
    let keys: Vec<_> = first.iter().map(|slot| bytes_of(&vault, *slot)).collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 600);
    let fingerprint = vault.fingerprints().keyed(&[1; 32]);
    drop(vault);
    let vault = open(&place, first.last().copied());
    let later: BTreeSet<_> = (0..600).map(|_| vault.assign(CASE).unwrap()).collect();
    assert!(first.iter().all(|slot| !later.contains(slot)));
    for (slot, key) in first.iter().zip(&keys) {
        assert_eq!(bytes_of(&vault, *slot), *key);
    }
    assert_eq!(vault.fingerprints().keyed(&[1; 32]), fingerprint);
    assert_ne!(fingerprint, [1; 32]);
}

#[test]
fn the_files_are_their_owners_alone_and_hold_no_key_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let vault = open(&place, None);
    let key = bytes_of(&vault, vault.assign(CASE).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.dir), 0o700);
    assert_eq!(mode(&slots(&place)), 0o600);
    let stored = fs::read(slots(&place)).unwrap();
    assert!(!stored.windows(KEY_BYTES).any(|window| window == key));
}

#[test]
fn a_key_that_is_erased_is_gone_from_the_file_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let vault = open(&place, None);
    let (gone, kept) = (vault.assign(CASE).unwrap(), vault.assign(CASE).unwrap());
    let before = fs::read(slots(&place)).unwrap();
    let from = usize::try_from(slot::offset(gone)).unwrap();
    let wrapped = &before[from + 24..from + 84];
    vault.erase(gone, at()).unwrap();
    vault.erase(gone, Timestamp::UNIX_EPOCH).unwrap();
    let after = fs::read(slots(&place)).unwrap();
    assert!(!after.windows(wrapped.len()).any(|window| window == wrapped));
    drop(vault);
    let vault = open(&place, Some(kept));
    assert!(matches!(vault.key(gone), Ok(Kept::Erased { at: when }) if when == at()));
    assert!(matches!(vault.key(kept), Ok(Kept::Live(_))));
    let found = inspect(&place.dir).unwrap().unwrap();
    assert_eq!((found.erased, found.damaged.len(), found.masters.len()), (1, 0, 1));
}

#[test]
fn what_is_not_there_is_named_with_what_to_restore() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let missing = refused(&place, Some(SlotNumber(5)));
    assert!(matches!(missing, VaultError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("restore"), "{missing}");
    let vault = open(&place, None);
    let last = vault.assign(CASE).unwrap();
    assert!(matches!(vault.key(SlotNumber(100_000)), Err(VaultError::NoSlot(_))));
    assert!(matches!(vault.key(FINGERPRINTS), Err(VaultError::NoSlot(_))));
    assert!(matches!(vault.erase(FINGERPRINTS, at()), Err(VaultError::NoSlot(_))));
    assert!(matches!(refused(&place, None), VaultError::Locked { .. }));
    drop(vault);
    let behind = refused(&place, Some(SlotNumber(last.0 + BATCH)));
    assert!(matches!(behind, VaultError::Behind { .. }), "{behind}");
    fs::remove_file(dir.path().join("master.key")).unwrap();
    let missing = refused(&place, Some(last));
    assert!(matches!(missing, VaultError::MasterMissing { .. }), "{missing}");
    assert!(!dir.path().join("master.key").exists(), "no key is made for a vault that has one");
}

#[test]
fn another_master_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut place = place(&dir);
    drop(open(&place, None));
    let other = dir.path().join("other.key");
    fs::write(&other, [9; KEY_BYTES]).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    place.master = MasterSource::Plain(SecretFile::Path(other));
    let error = refused(&place, None);
    assert!(matches!(error, VaultError::WrongMaster { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Operator);
    let told = error.to_string();
    assert!(told.contains("slots") && told.contains("vault.master_key"), "{told}");
}

#[test]
fn every_bit_of_a_slot_that_turns_is_named_and_its_neighbours_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let vault = open(&place, None);
    let (one, two) = (vault.assign(CASE).unwrap(), vault.assign(CASE).unwrap());
    drop(vault);
    let whole = fs::read(slots(&place)).unwrap();
    let from = usize::try_from(slot::offset(one)).unwrap();
    for bit in (0..SLOT_BYTES * 8).step_by(7) {
        let mut changed = whole.clone();
        changed[from + bit / 8] ^= 1 << (bit % 8);
        fs::write(slots(&place), &changed).unwrap();
        let vault = open(&place, Some(two));
        let error = vault.key(one).unwrap_err();
        let offset = slot::offset(one);
        assert!(
            matches!(&error, VaultError::Damaged { slot, offset: at, .. } if (*slot, *at) == (one, offset)),
            "{error}"
        );
        assert!(matches!(vault.key(two), Ok(Kept::Live(_))));
        assert_eq!(inspect(&place.dir).unwrap().unwrap().damaged, [one]);
    }
    for (at, expected) in [(5, "no vault"), (slot::offset(FINGERPRINTS) as usize + 30, "damaged")] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(slots(&place), &changed).unwrap();
        let error = refused(&place, Some(two)).to_string();
        assert!(error.contains(expected), "{error}");
    }
    fs::write(slots(&place), b"short").unwrap();
    assert!(matches!(refused(&place, None), VaultError::Foreign { .. }));
}

#[test]
fn what_an_interrupted_batch_leaves_is_cut_off_and_what_the_journal_names_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir);
    let vault = open(&place, None);
    let named = vault.assign(CASE).unwrap();
    drop(vault);
    let whole = fs::read(slots(&place)).unwrap();
    // Every length that a power cut may leave of the batch behind the slot that is named.
    let least = usize::try_from(slot::offset(named)).unwrap() + SLOT_BYTES;
    for end in (least..whole.len()).step_by(61) {
        let mut torn = whole[..end].to_vec();
        torn.resize(end + 200, 0);
        fs::write(slots(&place), &torn).unwrap();
        let vault = open(&place, Some(named));
        let next = vault.assign(CASE).unwrap();
        assert!(next > named);
        bytes_of(&vault, next);
        bytes_of(&vault, named);
        assert!(inspect(&place.dir).unwrap().unwrap().damaged.is_empty());
    }
    // A slot that is named is left as it is, whatever it looks like.
    let mut damaged = whole.clone();
    damaged.truncate(least);
    damaged[least - 1] ^= 1;
    fs::write(slots(&place), &damaged).unwrap();
    let vault = open(&place, Some(named));
    assert!(matches!(vault.key(named), Err(VaultError::Damaged { .. })));
    assert!(vault.assign(CASE).unwrap() > named);
}

#[test]
fn a_rotation_wraps_every_key_anew_and_can_be_repeated_and_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let mut place = place(&dir);
    let vault = open(&place, None);
    let slots_before: Vec<_> = (0..300).map(|_| vault.assign(CASE).unwrap()).collect();
    let keys: Vec<_> = slots_before.iter().map(|slot| bytes_of(&vault, *slot)).collect();
    let (fingerprint, old) = (vault.fingerprints().keyed(&[1; 32]), vault.master());
    vault.erase(slots_before[3], at()).unwrap();
    assert!(matches!(rotate(&place, &mut |_, _| {}), Err(VaultError::Locked { .. })));
    drop(vault);

    let previous = std::mem::replace(
        &mut place.master,
        MasterSource::Plain(SecretFile::Path(dir.path().join("new.key"))),
    );
    place.previous = Some(previous);
    // What an interrupted rotation leaves is nobody's vault.
    fs::write(place.dir.join("slots.new"), b"half").unwrap();
    let mut told = Vec::new();
    let rotated = rotate(&place, &mut |done, all| told.push((done, all))).unwrap();
    assert_eq!((rotated.rewrapped, rotated.kept, rotated.erased), (2 * BATCH, 0, 1));
    assert_eq!(told.last(), Some(&(2 * BATCH + 1, 2 * BATCH + 1)));
    assert_ne!(rotated.master, old);
    assert!(!place.dir.join("slots.new").exists());
    let again = rotate(&place, &mut |_, _| {}).unwrap();
    assert_eq!((again.rewrapped, again.kept), (0, 2 * BATCH));

    place.previous = None;
    let vault = open(&place, slots_before.last().copied());
    assert_eq!(vault.master(), rotated.master);
    assert_eq!(vault.fingerprints().keyed(&[1; 32]), fingerprint);
    for (slot, key) in slots_before.iter().zip(&keys).filter(|(slot, _)| **slot != slots_before[3])
    {
        assert_eq!(bytes_of(&vault, *slot), *key);
    }
    assert!(matches!(vault.key(slots_before[3]), Ok(Kept::Erased { .. })));
}

#[test]
fn a_bus_runs_with_two_master_keys_before_the_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let mut place = place(&dir);
    let vault = open(&place, None);
    let old = vault.assign(CASE).unwrap();
    drop(vault);
    let new = MasterSource::Plain(SecretFile::Path(dir.path().join("new.key")));
    drop(new.read_or_make(None, &place.dir).unwrap());
    place.previous = Some(std::mem::replace(&mut place.master, new));
    let vault = open(&place, Some(old));
    let young = vault.assign(CASE).unwrap();
    bytes_of(&vault, old);
    bytes_of(&vault, young);
    assert_eq!(inspect(&place.dir).unwrap().unwrap().masters.len(), 2);
    drop(vault);
    // A master key that is still needed is not left out.
    place.previous = None;
    assert!(matches!(refused(&place, Some(young)), VaultError::WrongMaster { .. }));
}

#[test]
fn a_rotation_without_the_old_key_makes_no_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut place = place(&dir);
    drop(open(&place, None));
    place.previous = Some(MasterSource::Plain(SecretFile::Path(dir.path().join("lost.key"))));
    place.master = MasterSource::Plain(SecretFile::Path(dir.path().join("new.key")));
    assert!(matches!(rotate(&place, &mut |_, _| {}), Err(VaultError::MasterMissing { .. })));
    assert!(!dir.path().join("new.key").exists());
}
