//! The system calls of a bus, as strace sees them. strace writes a line before it lets the traced
//! thread go on, so what a client has heard of is in the file already.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the end of the journal's files is called.
const SEGMENT: &str = ".kjl>";

/// Something that the bus did to its journal, in the order in which it came back from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A write into a segment.
    Written,
    /// An fdatasync of a segment, successful.
    Synced,
}

/// The growing file of a trace.
pub struct Trace {
    path: PathBuf,
    file: File,
    /// A line that is not complete yet.
    rest: String,
    /// The call that each thread has not come back from.
    unfinished: HashMap<String, Option<Call>>,
}

/// Why no process can be traced here; none when it can.
pub fn obstacle() -> Option<String> {
    let mut trial = Command::new("strace");
    trial.args(["-f", "-e", "trace=none", "-o", "/dev/null", "true"]);
    match trial.stdin(Stdio::null()).output() {
        Err(error) => Some(format!("strace does not run: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!("strace may not trace: {}", said.trim()))
        }
        Ok(_) => None,
    }
}

/// The same command under strace, which stays in the background: the process started is the bus
/// itself. `more` are further options of strace.
pub fn traced(command: &Command, file: &Path, more: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    // Without data, with the path of each descriptor.
    strace.args(["-D", "-f", "-y", "-s", "0", "-e", "trace=pwrite64,fdatasync,fsync"]);
    strace.args(more).arg("-o").arg(file).arg("--");
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

/// The same command under strace, which lets a call fail as `inject` says, where there is a file
/// only on that one.
pub fn injected(
    command: &Command,
    trace: &Path,
    call: &str,
    inject: &str,
    file: Option<&Path>,
) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-y", "-s", "0", "-e"]).arg(format!("trace={call}"));
    strace.args(["-e", inject]);
    if let Some(file) = file {
        strace.arg("-P").arg(file);
    }
    strace.arg("-o").arg(trace).arg("--");
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

impl Trace {
    /// Follows a trace that has begun.
    pub fn follow(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.into(), file, rest: String::new(), unfinished: HashMap::new() }
    }

    /// What came back since the last question.
    pub fn news(&mut self) -> Vec<Call> {
        let mut text = std::mem::take(&mut self.rest);
        let read = self.file.read_to_string(&mut text);
        read.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.rest = text.split_off(whole);
        text.lines().filter_map(|line| self.call(line)).collect()
    }

    /// How many syncs there were since the last question.
    pub fn syncs(&mut self) -> usize {
        self.news().iter().filter(|call| **call == Call::Synced).count()
    }

    /// The call that a line shows as returned.
    fn call(&mut self, line: &str) -> Option<Call> {
        let (thread, said) = line.split_once(' ')?;
        let said = said.trim_start();
        if said.starts_with("<... ") {
            let call = self.unfinished.remove(thread).flatten()?;
            return succeeded(said).then_some(call);
        }
        let call = match said.split_once('(')?.0 {
            "pwrite64" => Call::Written,
            "fdatasync" => Call::Synced,
            _ => return None,
        };
        let call = said.contains(SEGMENT).then_some(call);
        if said.contains("<unfinished ...>") {
            self.unfinished.insert(thread.into(), call);
            return None;
        }
        call.filter(|_| succeeded(said))
    }
}

fn succeeded(said: &str) -> bool {
    let result = said.rsplit_once(" = ").map(|(_, result)| result.trim());
    result.is_some_and(|result| !result.starts_with('-') && !result.starts_with('?'))
}
