//! Faults put into the bus on purpose, to see that the checkers of the simulation find them.
//!
//! They exist only in builds with the cargo feature `mutations`, which no release has; without it
//! [`on`] is a constant that the compiler removes. The switch is the process's, since a fault is a
//! property of a build.

#[cfg(feature = "mutations")]
use std::sync::atomic::{AtomicU8, Ordering};

named! {
    /// A fault.
    Mutation, "a mutation", {
        /// A group is answered although its sync has not been asked for.
        AnswerBeforeSync = 1 "answer-before-sync",
        /// Some rungs are not said.
        SkipRung = 2 "skip-rung",
        /// What a closed stream held is not put back.
        DropLease = 3 "drop-lease",
        /// Decisions do not see what is not indexed yet.
        ForgetOverlay = 4 "forget-overlay",
        /// A repeat is decided as if it came for the first time.
        AnswerAnew = 5 "answer-anew",
        /// What was said before a stop is said again after it.
        SayTwice = 6 "say-twice",
        /// Rungs are said an hour before their time.
        SayEarly = 7 "say-early",
        /// Whoever waits for what a closed stream held is not woken.
        ForgetWakeUp = 8 "forget-wake-up",
        /// The latest due leaves first.
        LatestFirst = 9 "latest-first",
        /// The index loses some requests on its way.
        LoseRequest = 10 "lose-request",
        /// Whatever the machine's clock is set to is followed.
        FollowJump = 12 "follow-jump",
        /// A stop of the bus is counted and not recorded.
        HideOutage = 11 "hide-outage",
    }
}

#[cfg(feature = "mutations")]
static ON: AtomicU8 = AtomicU8::new(0);

/// Switches one fault on in this process, or all of them off.
#[cfg(feature = "mutations")]
pub fn switch(mutation: Option<Mutation>) {
    ON.store(mutation.map_or(0, Mutation::tag), Ordering::SeqCst);
}

/// Whether a fault is switched on.
#[cfg(feature = "mutations")]
pub fn on(mutation: Mutation) -> bool {
    ON.load(Ordering::Relaxed) == mutation.tag()
}

/// Whether a fault is switched on: never in a build without the feature.
#[cfg(not(feature = "mutations"))]
pub const fn on(_: Mutation) -> bool {
    false
}
