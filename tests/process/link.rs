//! Two machines and the cable between them, made of network namespaces: the bus on one, a party on
//! the other. The addresses are those for documentation (RFC 5737) and lead nowhere else.

use std::fs::File;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where the bus is.
pub const BUS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PARTY: &str = "192.0.2.2";
/// An address that nobody's card has.
const NOBODY: &str = "02:00:00:00:00:99";
/// The name of the card on either side.
const CARD: &str = "cable";

/// A side of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Bus,
    Party,
}

/// How a link is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somewhere in between: what is sent never arrives, and neither card notices.
    Silent,
    /// At the party's card, which goes down.
    Unplugged,
}

/// The link; gone with this value, and both sides with it.
pub struct Link {
    /// What the namespaces of this process and this link are called by.
    name: String,
}

impl Link {
    /// Lays it.
    ///
    /// # Errors
    /// Why it cannot be laid here.
    pub fn lay() -> Result<Self, String> {
        static LAID: AtomicU32 = AtomicU32::new(0);
        let number = LAID.fetch_add(1, Ordering::SeqCst);
        let link = Self { name: format!("kopir-{}-{number}", std::process::id()) };
        let (bus, party) = (link.space(Side::Bus), link.space(Side::Party));
        for space in [&bus, &party] {
            ip(&["netns", "add", space])?;
            ip(&["-n", space, "link", "set", "lo", "up"])?;
        }
        ip(&[
            "-n", &bus, "link", "add", CARD, "type", "veth", "peer", "name", CARD, "netns", &party,
        ])?;
        for (space, address) in [(&bus, BUS.to_string()), (&party, PARTY.to_owned())] {
            ip(&["-n", space, "address", "add", &format!("{address}/30"), "dev", CARD])?;
            ip(&["-n", space, "link", "set", CARD, "up"])?;
        }
        Ok(link)
    }

    fn space(&self, side: Side) -> String {
        match side {
            Side::Bus => format!("{}-bus", self.name),
            Side::Party => format!("{}-party", self.name),
        }
    }

    /// The same command on the bus's side; the process is the command itself.
    pub fn on_the_bus_side(&self, command: &Command) -> Command {
        let mut entered = Command::new("nsenter");
        entered.arg(format!("--net=/run/netns/{}", self.space(Side::Bus))).arg("--");
        entered.arg(command.get_program()).args(command.get_args());
        entered
    }

    /// Runs a task on one side, on a thread that stays there, and waits for it.
    pub fn on<T: Send, F: Future<Output = T>>(
        &self,
        side: Side,
        task: impl FnOnce() -> F + Send,
    ) -> T {
        let space = File::open(format!("/run/netns/{}", self.space(side))).unwrap();
        let there = || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            // Threads that this one starts stay where it is.
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(task())
        };
        thread::scope(|scope| {
            let ended = scope.spawn(there).join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Cuts the link.
    pub fn cut(&self, cut: Cut) {
        match cut {
            Cut::Silent => {
                self.mute(Side::Bus);
                self.mute(Side::Party);
            }
            Cut::Unplugged => self.plug("down"),
        }
    }

    /// Joins what was cut.
    pub fn mend(&self, cut: Cut) {
        match cut {
            Cut::Silent => {
                self.hear(Side::Bus);
                self.hear(Side::Party);
            }
            Cut::Unplugged => self.plug("up"),
        }
    }

    fn plug(&self, state: &str) {
        ip(&["-n", &self.space(Side::Party), "link", "set", CARD, state]).unwrap();
    }

    /// What this side says goes to nobody; what it is told still arrives.
    pub fn mute(&self, side: Side) {
        self.neighbour(side, "replace", &["lladdr", NOBODY, "nud", "permanent"]);
    }

    /// What this side says arrives again.
    pub fn hear(&self, side: Side) {
        self.neighbour(side, "del", &[]);
    }

    fn neighbour(&self, side: Side, verb: &str, more: &[&str]) {
        let other = match side {
            Side::Bus => PARTY.to_owned(),
            Side::Party => BUS.to_string(),
        };
        let space = self.space(side);
        let mut words = vec!["-n", &space, "neighbour", verb, &other, "dev", CARD];
        words.extend(more);
        ip(&words).unwrap();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for side in [Side::Bus, Side::Party] {
            // It may never have been made.
            let _ = ip(&["netns", "delete", &self.space(side)]);
        }
    }
}

/// Why no link can be laid here; none when it can.
pub fn obstacle() -> Option<String> {
    let laid = Link::lay();
    let trial = laid.map(|link| link.on_the_bus_side(&Command::new("true")).status());
    match trial {
        Err(why) => Some(why),
        Ok(Err(error)) => Some(format!("nsenter does not run: {error}")),
        Ok(Ok(status)) if !status.success() => Some(format!("nsenter: {status}")),
        Ok(Ok(_)) => None,
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    let said = Command::new("ip").args(words).output();
    let said = said.map_err(|error| format!("ip does not run: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&said.stderr).trim()))
}
