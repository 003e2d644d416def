//! What the kernel says of a process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::BenchError;

/// The unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every architecture that the
/// bus is built for.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, of the kernel's work for it too. Told in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// The most resident memory since its start, or since that was begun anew, in bytes.
    pub peak_bytes: u64,
}

/// Reads what a process has used.
pub(super) fn usage(process: u32) -> Result<Usage, BenchError> {
    read(&Path::new("/proc").join(process.to_string()))
}

/// Reads what this process has used.
pub(super) fn own_usage() -> Result<Usage, BenchError> {
    read(Path::new("/proc/self"))
}

/// Processor time of the thread that asks.
pub(super) fn thread_cpu() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// Begins the most resident memory of a process anew.
pub(super) fn forget_peak(process: u32) -> Result<(), BenchError> {
    let path = Path::new("/proc").join(process.to_string()).join("clear_refs");
    // Five stands for the most resident memory, in proc(5).
    fs::write(&path, "5").map_err(|why| BenchError::Figures { path, why })
}

fn read(process: &Path) -> Result<Usage, BenchError> {
    let cpu = figure(process.join("stat"), cpu)?;
    let resident_bytes = figure(process.join("status"), resident_bytes)?;
    let peak_bytes = figure(process.join("status"), peak_bytes)?;
    Ok(Usage { cpu, resident_bytes, peak_bytes })
}

fn figure<T>(path: PathBuf, find: fn(&str) -> Option<T>) -> Result<T, BenchError> {
    let found = fs::read_to_string(&path).and_then(|text| {
        find(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unknown form"))
    });
    found.map_err(|why| BenchError::Figures { path, why })
}

/// The 14th and 15th fields. The second, the name, is in parentheses and may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    TICK.checked_mul(user.checked_add(system)?)
}

fn resident_bytes(status: &str) -> Option<u64> {
    bytes(status, "VmRSS:")
}

fn peak_bytes(status: &str) -> Option<u64> {
    bytes(status, "VmHWM:")
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 1 0 120 30 5 6 20 0 4 0 99 1 2";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1_500)));
        assert_eq!(cpu("7 (kopir) S 1 7"), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let status = "Name:\tkopir\nVmHWM:\t 90000 kB\nVmRSS:\t   51200 kB\nThreads:\t5\n";
        assert_eq!(resident_bytes(status), Some(50 << 20));
        assert_eq!(peak_bytes(status), Some(90_000 << 10));
        assert_eq!(resident_bytes("Name:\tkopir\n"), None);
    }

    #[test]
    fn this_process_has_figures() {
        let used = own_usage().unwrap();
        assert!(used.resident_bytes > 1 << 20, "{used:?}");
        assert!(matches!(usage(0), Err(BenchError::Figures { .. })));
    }
}
