//! One hop of a case, and the deliveries beside it.

use jiff::Timestamp;

use crate::domain::act::{Act, Actor};
use crate::domain::held::Held;
use crate::domain::ids::{HopId, Sequence};
use crate::domain::party::PartyNumber;
use crate::domain::term::{Due, Source};

/// One hop of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopRun {
    /// The hop.
    pub hop: HopId,
    /// The act that discharges it.
    pub act: Act,
    /// Who must act by law.
    pub from: Actor,
    /// The party whose system records the act.
    pub holder: PartyNumber,
    /// The record that opened it; with the hop it names the obligation.
    pub opened_by: Sequence,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant, or none when the text states no term.
    pub due: Option<Due>,
    /// Whether that term is the law's or assumed.
    pub source: Source,
    /// True when the step is a branch or a right, never an obligation.
    pub branch: bool,
    /// Where it stands.
    pub state: HopState,
}

/// An act that a party gets beside the hop's receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRun {
    /// The act.
    pub delivery: Sequence,
    /// The hop it discharged.
    pub hop: HopId,
    /// The receiver.
    pub to: PartyNumber,
    /// Its place in the receiver's due order.
    pub order: Timestamp,
    /// True when the receiver gets the stage only, never the document.
    pub stage: bool,
    /// The mark of one that is held. Invariant: never beside an acknowledgement.
    pub held: Option<Held>,
    /// The acknowledgement, once there is one.
    pub received: Option<Moment>,
}

/// Where a hop stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopState {
    /// The holder has not acted.
    Open,
    /// The holder has acted; the act is on its way to the receiver.
    Carried {
        /// The act.
        acted: Moment,
        /// The receiver.
        to: PartyNumber,
        /// Its place in the receiver's due order.
        order: Timestamp,
        /// The mark of an act that is held on its way: it is in no queue until that is resolved.
        held: Option<Held>,
    },
    /// Nothing is outstanding.
    Done {
        /// The act.
        acted: Moment,
        /// The receiver's acknowledgement; none when the receiver is the applicant.
        received: Option<Receipt>,
    },
    /// The holder has acted, and the act was withdrawn before its receiver had it.
    Withdrawn {
        /// The act.
        acted: Moment,
        /// The withdrawal.
        withdrawn: Moment,
    },
    /// The hop ended undone: another branch was taken.
    Ended {
        /// The act that ended it.
        ended: Moment,
    },
}

/// An event's place in the journal, and the instant that counts for it: its acceptance, or for a
/// handover the instant of the handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its place.
    pub sequence: Sequence,
    /// The instant.
    pub at: Timestamp,
}

/// A receiver's acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Who received.
    pub by: PartyNumber,
    /// When the bus accepted the acknowledgement.
    pub moment: Moment,
}

impl HopRun {
    /// The act, once there is one.
    pub fn acted(&self) -> Option<Moment> {
        match &self.state {
            HopState::Open | HopState::Ended { .. } => None,
            HopState::Carried { acted, .. }
            | HopState::Done { acted, .. }
            | HopState::Withdrawn { acted, .. } => Some(*acted),
        }
    }

    /// The acknowledgement, once there is one.
    pub fn received(&self) -> Option<Receipt> {
        match &self.state {
            HopState::Open
            | HopState::Carried { .. }
            | HopState::Withdrawn { .. }
            | HopState::Ended { .. } => None,
            HopState::Done { received, .. } => *received,
        }
    }

    /// True once the act came at or after the due instant, or has not come by `now`. A branch
    /// that nobody takes is never late.
    pub fn is_late(&self, now: Timestamp) -> bool {
        let until = match &self.state {
            HopState::Open if self.branch => return false,
            HopState::Open => now,
            HopState::Ended { ended } => ended.at.min(now),
            HopState::Carried { acted, .. }
            | HopState::Done { acted, .. }
            | HopState::Withdrawn { acted, .. } => acted.at,
        };
        let ended_as_branch = self.branch && matches!(self.state, HopState::Ended { .. });
        !ended_as_branch && self.due.as_ref().is_some_and(|due| until >= due.instant)
    }

    /// Whether the hop is an obligation of its holder: open, not the applicant's to take, and no
    /// branch.
    pub fn is_obligation(&self) -> bool {
        self.state == HopState::Open && self.from != Actor::Applicant && !self.branch
    }

    /// The delivery of this act that is on its way to a party.
    pub fn is_carried_to(&self, delivery: Sequence, party: PartyNumber) -> bool {
        match &self.state {
            HopState::Carried { acted, to, .. } => acted.sequence == delivery && *to == party,
            HopState::Open
            | HopState::Done { .. }
            | HopState::Withdrawn { .. }
            | HopState::Ended { .. } => false,
        }
    }

    /// Whether nothing more is to come of it by itself: done, withdrawn, ended, or a branch not
    /// taken.
    pub(super) fn is_settled(&self) -> bool {
        match self.state {
            HopState::Open => self.branch,
            HopState::Carried { .. } => false,
            HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. } => true,
        }
    }
}
