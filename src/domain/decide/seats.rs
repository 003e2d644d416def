//! Who stands where in a case: the parties that the hops of its procedure name.

use super::Context;
use crate::domain::act::Actor;
use crate::domain::command::Submission;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::procedure::{Hop, Procedure};
use crate::domain::region::Region;
use crate::domain::rejection::Rejection;

/// The parties of a case by place. Invariant: [`Actor::Channel`] is there.
#[derive(Clone)]
pub(super) struct Seats {
    participants: Vec<(Actor, PartyNumber)>,
    channel: Role,
}

impl Seats {
    /// Finds the parties of a new case, all of them at once, so that no case is taken in which
    /// nobody could go on with.
    ///
    /// # Errors
    /// [`Rejection::PartyMissing`] or a [`Rejection::Field`].
    pub(super) fn of_submission(
        procedure: &Procedure,
        author: PartyNumber,
        submission: &Submission,
        context: Context<'_>,
    ) -> Result<Self, Rejection> {
        let party = context.roster.party(author);
        let party = party.ok_or(Rejection::RoleNotAllowed(submission.act))?;
        let regions = [Some(submission.region), submission.departure];
        if party.region.is_some() && !regions.contains(&party.region) {
            let rule = "is not the region of your party; a case of another region is taken there";
            return Err(Rejection::Field { field: "region", rule });
        }
        let channel = party.role;
        let mut seats = Self { participants: vec![(Actor::Channel, author)], channel };
        let basis = submission.basis;
        let hops: Vec<&Hop> =
            procedure.hops().iter().filter(|hop| hop.applies_to(channel, basis)).collect();
        for actor in hops.iter().flat_map(|hop| hop.recorders().into_iter().chain(hop.receivers()))
        {
            seats.seat(actor, author, submission, context);
        }
        for hop in hops.iter().filter(|hop| hop.branch.is_none()) {
            seats.check(procedure, hop, submission)?;
        }
        Ok(seats)
    }

    fn seat(
        &mut self,
        actor: Actor,
        author: PartyNumber,
        submission: &Submission,
        context: Context<'_>,
    ) {
        if self.get(actor).is_some() {
            return;
        }
        let found = match actor {
            Actor::Applicant | Actor::Internal | Actor::Channel => None,
            Actor::DepartureAkimat => {
                submission.departure.and_then(|region| party_of(Role::Akimat, region, context))
            }
            // A departure akimat that takes an application in is not the akimat of reception, and a
            // centre of the region of reception is not the one of departure.
            Actor::Role(role)
                if role == self.channel && self.is_there(author, submission, context) =>
            {
                Some(author)
            }
            Actor::Role(Role::EmploymentCentre) => {
                let region = submission.departure.unwrap_or(submission.region);
                party_of(Role::EmploymentCentre, region, context)
            }
            Actor::Role(role) => party_of(role, submission.region, context),
        };
        if let Some(party) = found {
            self.participants.push((actor, party));
        }
    }

    /// Whether the party that takes a case in stands in the region of its own role's place.
    fn is_there(&self, author: PartyNumber, submission: &Submission, context: Context<'_>) -> bool {
        let region = context.roster.party(author).and_then(|party| party.region);
        let centre_of = submission.departure.unwrap_or(submission.region);
        let elsewhere = self.channel == Role::EmploymentCentre && region != Some(centre_of);
        self.channel != Role::Akimat && !elsewhere
    }

    fn check(
        &self,
        procedure: &Procedure,
        hop: &Hop,
        submission: &Submission,
    ) -> Result<(), Rejection> {
        let seated = |actor: &Actor| self.get(*actor).is_some();
        let recorders = hop.recorders();
        let receivers: Vec<_> = hop.receivers().collect();
        let lacks_recorder = !recorders.iter().any(seated);
        let lacks_receiver =
            !receivers.is_empty() && !hop.broadcast && !receivers.iter().any(seated);
        let missing = match (lacks_recorder, lacks_receiver) {
            (true, _) => recorders.first(),
            (false, true) => receivers.first(),
            (false, false) => return Ok(()),
        };
        if missing == Some(&Actor::DepartureAkimat) && submission.departure.is_none() {
            let rule = "is required: the region the in-migrant leaves";
            return Err(Rejection::Field { field: "departure_region", rule });
        }
        let role = missing.and_then(|actor| actor.role()).unwrap_or(Role::Akimat);
        let region = match missing {
            Some(Actor::DepartureAkimat) => submission.departure.unwrap_or(submission.region),
            Some(_) | None => submission.region,
        };
        if role == Role::Akimat || role == Role::Commission {
            return Err(Rejection::RegionUnknown(region));
        }
        Err(Rejection::PartyMissing { procedure: procedure.key().clone(), role, region })
    }

    /// The seats of a case that is open.
    pub(super) fn of_case(participants: &[(Actor, PartyNumber)], channel: Role) -> Self {
        Self { participants: participants.to_vec(), channel }
    }

    pub(super) fn into_participants(self) -> Vec<(Actor, PartyNumber)> {
        self.participants
    }

    /// The role of the party that took the application in.
    pub(super) fn channel(&self) -> Role {
        self.channel
    }

    /// The party in a place.
    pub(super) fn get(&self, actor: Actor) -> Option<PartyNumber> {
        self.participants.iter().find(|(each, _)| *each == actor).map(|(_, party)| *party)
    }

    /// The party that provides the service, in whose zone the service's days end: the akimat, or
    /// where the procedure has none the party that took the case in.
    pub(super) fn provider(&self) -> PartyNumber {
        let akimat = self.get(Actor::Role(Role::Akimat));
        akimat.or(self.get(Actor::Channel)).unwrap_or(PartyNumber(0))
    }

    /// Whose system records the hop, and in which place it stands. Of several the party of the
    /// event that opens the hop, for it has the papers; else the first in the order of the text.
    pub(super) fn recorder(&self, hop: &Hop, by: PartyNumber) -> Option<(Actor, PartyNumber)> {
        let mut seated = Vec::new();
        for actor in hop.recorders() {
            seated.extend(self.get(actor).map(|party| (actor, party)));
        }
        let own = seated.iter().find(|(_, party)| *party == by);
        own.or(seated.first()).copied()
    }

    /// The receiver of a hop that its recorder sends: the first in the order of the text that is
    /// another party.
    pub(super) fn receiver(&self, hop: &Hop, recorder: PartyNumber) -> Option<PartyNumber> {
        let mut parties = hop.receivers().filter_map(|actor| self.get(actor));
        parties.find(|party| *party != recorder)
    }
}

fn party_of(role: Role, region: Region, context: Context<'_>) -> Option<PartyNumber> {
    let parties = context.roster.parties();
    let party = if role.is_regional() {
        parties.in_region(role, region)
    } else if role.is_single() {
        parties.with_role(role).next()
    } else {
        None
    };
    context.roster.number(&party?.id)
}
