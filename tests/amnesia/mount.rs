//! The forgetful disk as a file system of this machine (FUSE), with a switch for its power.
//!
//! The kernel keeps nothing of it: names and attributes are asked for each time, and reads and
//! writes go past the page cache. So everything that a process has written is here, and whether
//! it survives is this disk's to say.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags, spawn_mount,
};
use tokio::sync::watch;

use super::disk::{Disk, Forgotten, Node, Refusal};
use crate::process::seed::Seed;

/// Nothing is to be remembered by the kernel.
const NO_TIME: Duration = Duration::ZERO;
/// What the disk says it holds, in blocks of 4 KiB: 64 GiB.
const BLOCKS: u64 = 16 << 20;
const BLOCK: u32 = 4096;

/// A mounted disk; unmounted with this value.
pub struct Amnesia {
    inner: Arc<Mutex<Inner>>,
    power: watch::Receiver<bool>,
    _session: BackgroundSession,
}

/// When the power is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap {
    /// The calls that count.
    pub calls: Calls,
    /// Which of them it is, from 0.
    pub place: u64,
    /// Whether that call is carried out, though nobody will hear of it.
    pub carried_out: bool,
}

/// Kinds of calls that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Writes into a segment of the journal.
    JournalWrite,
    /// Syncs of a segment of the journal.
    JournalSync,
    /// Names made, moved, removed or synced in the journal's directory.
    JournalName,
    /// Any at all.
    Any,
}

struct Inner {
    disk: Disk,
    power: watch::Sender<bool>,
    trap: Option<Trap>,
    /// Calls that changed something, so far.
    changes: u64,
    /// Whether `fdatasync` only says that it did.
    data_syncs_lie: bool,
}

impl Amnesia {
    /// Mounts an empty disk on a directory.
    pub fn mount(dir: &Path) -> io::Result<Self> {
        let (sender, power) = watch::channel(true);
        let (disk, trap) = (Disk::new(), None);
        let inner = Inner { disk, power: sender, trap, changes: 0, data_syncs_lie: false };
        let inner = Arc::new(Mutex::new(inner));
        let mut config = Config::default();
        let name = |text: &str| text.to_owned();
        config.mount_options =
            vec![MountOption::FSName(name("amnesia")), MountOption::Subtype(name("kopir"))];
        let session = spawn_mount(Calling(Arc::clone(&inner)), dir, &config)?;
        Ok(Self { inner, power, _session: session })
    }

    /// From now on `fdatasync` returns without having made anything durable: the journal's sync is
    /// gone, and all else is as it was.
    pub fn let_data_syncs_lie(&self) {
        self.lock().data_syncs_lie = true;
    }

    /// The power will go at a call.
    pub fn set_trap(&self, trap: Trap) {
        self.lock().trap = Some(trap);
    }

    /// How many calls have changed something so far.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// The power goes now: every call fails from here on.
    pub fn cut_power(&self) {
        self.lock().cut_power();
    }

    /// Told when the power goes.
    pub fn power(&self) -> watch::Receiver<bool> {
        self.power.clone()
    }

    /// What was not synced meets its fate, and the disk can be used again. Nobody may have a file
    /// of it open. Without a seed all is forgotten that was not synced.
    pub fn restore_power(&self, seed: Option<&mut Seed>) -> Forgotten {
        let mut inner = self.lock();
        inner.cut_power();
        let forgotten = inner.disk.lose_power(seed);
        inner.power.send_replace(true);
        forgotten
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn cut_power(&mut self) {
        self.trap = None;
        self.power.send_replace(false);
    }

    /// Whether this call is the one at which the power goes.
    fn springs(&mut self, call: Option<Calls>) -> Option<Trap> {
        let trap = self.trap.as_mut()?;
        if trap.calls != Calls::Any && Some(trap.calls) != call {
            return None;
        }
        if trap.place > 0 {
            trap.place -= 1;
            return None;
        }
        self.trap.take()
    }
}

/// The calls of the kernel.
struct Calling(Arc<Mutex<Inner>>);

impl Calling {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the disk.
    fn look<T>(&self, look: impl FnOnce(&Disk) -> Result<T, Refusal>) -> Result<T, Errno> {
        let inner = self.lock();
        if !*inner.power.borrow() {
            return Err(Errno::EIO);
        }
        look(&inner.disk).map_err(errno)
    }

    /// Changes the disk, unless the power is gone or goes at this very call.
    fn change<T>(
        &self,
        call: Option<Calls>,
        change: impl FnOnce(&mut Disk) -> Result<T, Refusal>,
    ) -> Result<T, Errno> {
        let mut inner = self.lock();
        if !*inner.power.borrow() {
            return Err(Errno::EIO);
        }
        inner.changes += 1;
        let Some(trap) = inner.springs(call) else {
            return change(&mut inner.disk).map_err(errno);
        };
        if trap.carried_out {
            // Whether it could be done or not, nobody hears of it.
            let _ = change(&mut inner.disk);
        }
        inner.cut_power();
        Err(Errno::EIO)
    }

    /// What a call is that changes names in a directory.
    fn naming(&self, dir: INodeNo) -> Option<Calls> {
        // The bus keeps segments in one directory, and nothing but them and a lock.
        let inner = self.lock();
        let names = &inner.disk.dir(dir.0).ok()?.names;
        names.contains_key(OsStr::new("journal.lock")).then_some(Calls::JournalName)
    }

    /// What a call is that has to do with the bytes of a file: `call` if it is a segment.
    fn filing(&self, file: INodeNo, call: Calls) -> Option<Calls> {
        let inner = self.lock();
        let bytes = &inner.disk.file(file.0).ok()?.bytes;
        bytes.starts_with(b"KOPIRJNL").then_some(call)
    }

    fn attr(&self, node: u64) -> Result<FileAttr, Errno> {
        self.look(|disk| disk.node(node).map(|found| attr(node, found)))
    }
}

fn attr(number: u64, node: &Node) -> FileAttr {
    let (kind, perm, size, nlink) = match node {
        Node::File(file) => (FileType::RegularFile, file.mode, file.bytes.len() as u64, 1),
        Node::Dir(dir) => (FileType::Directory, dir.mode, 0, 2),
    };
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

fn errno(refusal: Refusal) -> Errno {
    match refusal {
        Refusal::Missing => Errno::ENOENT,
        Refusal::Exists => Errno::EEXIST,
        Refusal::NotADirectory => Errno::ENOTDIR,
        Refusal::IsADirectory => Errno::EISDIR,
        Refusal::NotEmpty => Errno::ENOTEMPTY,
    }
}

/// The permission bits of a new file or directory.
fn permissions(mode: u32, umask: u32) -> u16 {
    u16::try_from(mode & !umask & 0o7777).expect("twelve bits")
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("a file in memory")
}

fn empty(outcome: Result<(), Errno>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(outcome: Result<FileAttr, Errno>, reply: ReplyEntry) {
    match outcome {
        Ok(attr) => reply.entry(&NO_TIME, &attr, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Calling {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.look(|disk| {
            let node = disk.lookup(parent.0, name)?;
            Ok(attr(node, disk.node(node)?))
        });
        entry(found, reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Ok(attr) => reply.attr(&NO_TIME, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let call = self.filing(ino, Calls::JournalWrite);
        let changed = self.change(call, |disk| {
            if let Some(mode) = mode {
                disk.set_mode(ino.0, permissions(mode, 0))?;
            }
            size.map_or(Ok(()), |size| disk.set_length(ino.0, place(size)))
        });
        match changed.and_then(|()| self.attr(ino.0)) {
            Ok(attr) => reply.attr(&NO_TIME, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let mode = permissions(mode, umask);
        let made = self.change(self.naming(parent), |disk| disk.create_dir(parent.0, name, mode));
        entry(made.and_then(|node| self.attr(node)), reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mode = permissions(mode, umask);
        let made = self.change(self.naming(parent), |disk| disk.create(parent.0, name, mode));
        match made.and_then(|node| self.attr(node)) {
            Ok(attr) => {
                let (none, direct) = (FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
                reply.created(&NO_TIME, &attr, Generation(0), none, direct);
            }
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.change(self.naming(parent), |disk| disk.remove(parent.0, name));
        empty(done, reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.change(self.naming(parent), |disk| disk.remove(parent.0, name));
        empty(done, reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if parent != newparent || !flags.is_empty() {
            // Nothing of the bus does this; it would need two directories changed at once.
            return reply.error(Errno::EXDEV);
        }
        let call = self.naming(parent);
        empty(self.change(call, |disk| disk.rename(parent.0, name, newname)), reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.attr(ino.0) {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let found = self.look(|disk| {
            let bytes = &disk.file(ino.0)?.bytes;
            let from = place(offset).min(bytes.len());
            let to = from.saturating_add(size as usize).min(bytes.len());
            Ok(bytes[from..to].to_vec())
        });
        match found {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let call = self.filing(ino, Calls::JournalWrite);
        match self.change(call, |disk| disk.write(ino.0, place(offset), data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("a write of the kernel")),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, datasync: bool, reply: ReplyEmpty) {
        let lies = datasync && self.lock().data_syncs_lie;
        let call = self.filing(ino, Calls::JournalSync);
        let sync = |disk: &mut Disk| if lies { Ok(()) } else { disk.sync_file(ino.0) };
        empty(self.change(call, sync), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        empty(self.change(self.naming(ino), |disk| disk.sync_dir(ino.0)), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.look(|disk| {
            let names = disk.dir(ino.0)?.names.iter().filter(|(_, node)| **node > offset);
            let named = names.map(|(name, node)| {
                let kind = match disk.node(*node)? {
                    Node::File(_) => FileType::RegularFile,
                    Node::Dir(_) => FileType::Directory,
                };
                Ok((*node, name.clone(), kind))
            });
            named.collect::<Result<Vec<_>, Refusal>>()
        });
        match listed {
            Ok(mut names) => {
                // A node's number is its place, so that names may go while others are listed.
                names.sort_unstable_by_key(|(node, _, _)| *node);
                for (node, name, kind) in names {
                    if reply.add(INodeNo(node), node, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.look(|_| Ok(())) {
            Ok(()) => reply.statfs(BLOCKS, BLOCKS, BLOCKS, 1 << 20, 1 << 20, BLOCK, 255, BLOCK),
            Err(error) => reply.error(error),
        }
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let end = place(offset + length);
        let grown = self.change(None, |disk| {
            let longer = disk.file(ino.0)?.bytes.len() < end;
            if longer { disk.set_length(ino.0, end) } else { Ok(()) }
        });
        empty(grown, reply);
    }
}
