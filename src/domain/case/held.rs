//! Held deliveries in a case.

use jiff::Timestamp;

use super::{Case, CopyRun, HopRun, HopState, Moment};
use crate::domain::held::{DeliveryHeld, Held, HeldResolved, Resolution};
use crate::domain::ids::Sequence;
use crate::domain::party::PartyNumber;

impl Case {
    /// The mark of a delivery that is held with a party; none while it is on its way, and once it
    /// has arrived.
    pub fn held(&self, delivery: Sequence, party: PartyNumber) -> Option<Held> {
        let run = self.hops.iter().find(|run| run.is_carried_to(delivery, party));
        let copy = || self.copies.iter().find(|copy| copy.is_on_its_way(delivery, party));
        run.map_or_else(|| copy().and_then(|copy| copy.held), HopRun::held)
    }

    /// With whom a delivery is held.
    pub fn held_with(&self, delivery: Sequence) -> impl Iterator<Item = PartyNumber> {
        let mut with: Vec<PartyNumber> =
            self.awaited(delivery).filter(|to| self.held(delivery, *to).is_some()).collect();
        with.sort_unstable();
        with.dedup();
        with.into_iter()
    }

    /// The parties that sent an act: they hold the hops that it discharged.
    pub fn senders(&self, delivery: Sequence) -> impl Iterator<Item = PartyNumber> {
        let of_act =
            move |run: &&HopRun| run.acted().is_some_and(|acted| acted.sequence == delivery);
        self.hops.iter().filter(of_act).map(|run| run.holder)
    }

    /// Folds the holding of a delivery in.
    pub fn apply_held(&mut self, event: &DeliveryHeld, sequence: Sequence, at: Timestamp) {
        let since = Moment { sequence, at };
        self.mark(event.delivery, event.party, Some(Held { reason: event.reason, since }));
        if let Some(detail) = &event.detail {
            self.papers = self.papers.and(detail);
        }
        self.updated_at = at;
    }

    /// Folds the end of a holding in.
    pub fn apply_resolved(&mut self, event: &HeldResolved, sequence: Sequence, at: Timestamp) {
        let (delivery, party) = (event.delivery, event.party);
        if let Some(note) = &event.note {
            self.papers = self.papers.and(note);
        }
        match event.resolution {
            Resolution::Released => self.mark(delivery, party, None),
            Resolution::Redirected { to } => {
                self.mark(delivery, party, None);
                self.redirect(delivery, party, to);
            }
            Resolution::Withdrawn => self.withdraw(delivery, party, Moment { sequence, at }),
        }
        self.updated_at = at;
    }

    fn mark(&mut self, delivery: Sequence, party: PartyNumber, mark: Option<Held>) {
        for run in &mut self.hops {
            if run.is_carried_to(delivery, party)
                && let HopState::Carried { held, .. } = &mut run.state
            {
                *held = mark;
            }
        }
        for copy in &mut self.copies {
            if copy.is_on_its_way(delivery, party) {
                copy.held = mark;
            }
        }
    }

    /// The new party stands wherever the old one stood, so that what is still to come of the case
    /// goes to the party that has its papers: open hops, and whatever else is on its way to the old
    /// one. What the old one has done stays its own.
    ///
    /// An old one without a place, such as the reader of a broadcast, hands over this delivery only.
    fn redirect(&mut self, delivery: Sequence, old: PartyNumber, new: PartyNumber) {
        let has_place = self.participants.iter().any(|(_, party)| *party == old);
        let moves = |of: Sequence| has_place || of == delivery;
        for (_, party) in &mut self.participants {
            if *party == old {
                *party = new;
            }
        }
        for run in &mut self.hops {
            match &mut run.state {
                HopState::Open if has_place && run.holder == old => run.holder = new,
                HopState::Carried { acted, to, .. } if *to == old && moves(acted.sequence) => {
                    *to = new;
                }
                HopState::Open
                | HopState::Carried { .. }
                | HopState::Done { .. }
                | HopState::Withdrawn { .. }
                | HopState::Ended { .. } => {}
            }
        }
        for copy in &mut self.copies {
            if copy.to == old && copy.received.is_none() && moves(copy.delivery) {
                copy.to = new;
            }
        }
    }

    /// A hop says that its act was withdrawn; a copy that was withdrawn is a copy no more.
    fn withdraw(&mut self, delivery: Sequence, party: PartyNumber, withdrawn: Moment) {
        for run in &mut self.hops {
            if run.is_carried_to(delivery, party)
                && let Some(acted) = run.acted()
            {
                run.state = HopState::Withdrawn { acted, withdrawn };
            }
        }
        self.copies.retain(|copy| !copy.is_on_its_way(delivery, party));
    }
}

impl HopRun {
    /// The mark of an act that is held on its way.
    pub fn held(&self) -> Option<Held> {
        match &self.state {
            HopState::Carried { held, .. } => *held,
            HopState::Open
            | HopState::Done { .. }
            | HopState::Withdrawn { .. }
            | HopState::Ended { .. } => None,
        }
    }
}

impl CopyRun {
    /// Whether this is what a party is sent of an act and has not acknowledged.
    pub(super) fn is_on_its_way(&self, delivery: Sequence, party: PartyNumber) -> bool {
        self.delivery == delivery && self.to == party && self.received.is_none()
    }
}
