//! The few calls to the operating system on which durability hangs, behind one
//! trait, so that tests can make the disk fill up or a sync fail at a chosen
//! moment while every line of the journal itself is the real one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// What the journal asks of a file system.
pub(crate) trait Storage: Send {
    /// Bytes that the service's account may still use under `dir`.
    fn available_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Gives a new, empty file this length, and the blocks for it.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when the content of the file is on stable storage.
    fn sync_data(&self, file: &File) -> io::Result<()>;
    /// Returns when content, length and allocation are on stable storage.
    fn sync_all(&self, file: &File) -> io::Result<()>;
    /// Returns when the names in `dir` are on stable storage.
    fn sync_directory(&self, dir: &Path) -> io::Result<()>;
}

/// The file system of the machine.
pub(super) struct OsStorage;

impl Storage for OsStorage {
    fn available_bytes(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Where the file system cannot reserve blocks (some network and
    /// copy-on-write ones), the file only gets its length. A full disk may
    /// then be met inside a group, which stops the process like any failed
    /// write; the reserve makes that unlikely, recovery makes it harmless.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes),
            outcome => Ok(outcome?),
        }
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Whether a file system refused for want of space.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
pub(super) mod faults {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;

    /// The machine's file system with a disk that can be told to misbehave.
    #[derive(Clone, Default)]
    pub(in super::super) struct FaultyStorage(Arc<Faults>);

    #[derive(Default)]
    struct Faults {
        full: AtomicBool,
        allocation_fails: AtomicBool,
        without_syncs: AtomicBool,
        fail_next_sync: AtomicBool,
        fail_next_write: AtomicBool,
        data_syncs: AtomicU64,
        directory_syncs: AtomicU64,
        writes: AtomicU64,
    }

    impl FaultyStorage {
        /// For tests that cannot lose power and open very many journals.
        pub(in super::super) fn without_syncs() -> Self {
            let storage = Self::default();
            storage.0.without_syncs.store(true, Ordering::SeqCst);
            storage
        }
        fn syncs(&self) -> bool {
            !self.0.without_syncs.load(Ordering::SeqCst)
        }
        pub(in super::super) fn set_full(&self, full: bool) {
            self.0.full.store(full, Ordering::SeqCst);
        }
        /// The free space looks sufficient, but the blocks are not to be had.
        pub(in super::super) fn set_allocation_fails(&self, fails: bool) {
            self.0.allocation_fails.store(fails, Ordering::SeqCst);
        }
        pub(in super::super) fn fail_next_sync(&self) {
            self.0.fail_next_sync.store(true, Ordering::SeqCst);
        }
        pub(in super::super) fn fail_next_write(&self) {
            self.0.fail_next_write.store(true, Ordering::SeqCst);
        }
        pub(in super::super) fn directory_syncs(&self) -> u64 {
            self.0.directory_syncs.load(Ordering::SeqCst)
        }
        /// Writes and data syncs so far.
        pub(in super::super) fn calls(&self) -> (u64, u64) {
            let writes = self.0.writes.load(Ordering::SeqCst);
            (writes, self.0.data_syncs.load(Ordering::SeqCst))
        }
    }

    impl Storage for FaultyStorage {
        fn available_bytes(&self, dir: &Path) -> io::Result<u64> {
            if self.0.full.load(Ordering::SeqCst) {
                return Ok(0);
            }
            OsStorage.available_bytes(dir)
        }

        fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
            if self.0.allocation_fails.load(Ordering::SeqCst) {
                return Err(Errno::NOSPC.into());
            }
            OsStorage.allocate(file, bytes)
        }

        fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
            self.0.writes.fetch_add(1, Ordering::SeqCst);
            if self.0.fail_next_write.swap(false, Ordering::SeqCst) {
                OsStorage.write_at(file, &bytes[..bytes.len() / 2], offset)?;
                return Err(Errno::IO.into());
            }
            OsStorage.write_at(file, bytes, offset)
        }

        fn sync_data(&self, file: &File) -> io::Result<()> {
            self.0.data_syncs.fetch_add(1, Ordering::SeqCst);
            if self.0.fail_next_sync.swap(false, Ordering::SeqCst) {
                return Err(Errno::IO.into());
            }
            if self.syncs() { OsStorage.sync_data(file) } else { Ok(()) }
        }

        fn sync_all(&self, file: &File) -> io::Result<()> {
            if self.syncs() { OsStorage.sync_all(file) } else { Ok(()) }
        }

        fn sync_directory(&self, dir: &Path) -> io::Result<()> {
            self.0.directory_syncs.fetch_add(1, Ordering::SeqCst);
            if self.syncs() { OsStorage.sync_directory(dir) } else { Ok(()) }
        }
    }
}
