//! Who is told of a rung.

use super::Rung;
use super::clock::{Clock, sender};
use crate::domain::case::Case;
use crate::domain::party::{Parties, Party, PartyNumber, Role};
use crate::domain::roster::Roster;
use crate::domain::term::Source;

/// The parties that a rung of a clock is told to, each once: the duty-holder first, then whoever
/// is set over it, the sender, and of a breach of the law the body that controls the quality of
/// services. Who has left the registry is not told; a duty-holder whom nobody reads for has the
/// one above told in any case.
pub fn audience(
    case: &Case,
    clock: &Clock,
    rung: Rung,
    source: Source,
    roster: &Roster,
) -> Vec<PartyNumber> {
    let told = told(rung, source);
    let mut parties = Vec::with_capacity(4);
    let reachable = is_reachable(clock.duty, roster);
    parties.extend(reachable.then_some(clock.duty));
    if told.above || !reachable {
        parties.extend(above(clock.duty, roster));
    }
    if told.sender {
        parties.extend(sender(case, clock).filter(|sender| is_reachable(*sender, roster)));
    }
    if told.quality {
        let quality = roster.parties().with_role(Role::QualityBody).next();
        parties.extend(quality.and_then(|party| roster.number(&party.id)));
    }
    let mut seen = Vec::with_capacity(parties.len());
    parties.retain(|party| {
        let is_new = !seen.contains(party);
        seen.push(*party);
        is_new
    });
    parties
}

/// Who is told of a rung beside the duty-holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whoever is set over it.
    pub above: bool,
    /// Whoever sent what the clock runs on.
    pub sender: bool,
    /// The body that controls the quality of services.
    pub quality: bool,
}

/// Who is told of a rung of a term of this source beside the duty-holder, in any case.
pub fn told(rung: Rung, source: Source) -> Told {
    match rung {
        Rung::Opening | Rung::Half => Told { above: false, sender: false, quality: false },
        Rung::DayBefore | Rung::DueMorning => Told { above: true, sender: false, quality: false },
        Rung::Overdue | Rung::Infeasible | Rung::Held => {
            Told { above: true, sender: true, quality: false }
        }
        Rung::Due | Rung::LateDischarge => {
            Told { above: true, sender: true, quality: source == Source::Statutory }
        }
    }
}

/// Whether a party can ever be told of a rung: somebody reads for it, and it can have to act, or
/// stands above one that can. The authorised body and the body that controls quality are told in any
/// case; the operator never.
pub fn is_ever_told(party: &Party, parties: &Parties) -> bool {
    match party.role {
        Role::Operator => false,
        Role::MigrationBody | Role::QualityBody => true,
        // Nothing is ever sent to them.
        Role::AdaptationCentre | Role::FrontOffice => {
            let is_above = parties.iter().any(|other| other.supervisor.as_ref() == Some(&party.id));
            is_above && is_read(party, parties)
        }
        Role::ForeignMission
        | Role::Akimat
        | Role::Commission
        | Role::EmploymentCommission
        | Role::StateCorporation
        | Role::EmploymentCentre
        | Role::CareerCentre
        | Role::LabourMobilityCentre
        | Role::MigrationPortal
        | Role::EgovPortal
        | Role::MobileApp
        | Role::AisKandas
        | Role::AisLabourMarket
        | Role::EgovGateway
        | Role::DigitalDocuments
        | Role::MonitoringSystem
        | Role::LabourExchange
        | Role::RuralAkimat
        | Role::ContactCentre => is_read(party, parties),
    }
}

/// Who is told beside a party: its supervisor, else the authorised body; beside the authorised
/// body itself the body that controls quality, else the operator of the bus has it in the log.
fn above(duty: PartyNumber, roster: &Roster) -> Option<PartyNumber> {
    let parties = roster.parties();
    let authorised = parties.migration_body();
    let quality = || parties.with_role(Role::QualityBody).next();
    let id = roster.id(duty)?;
    let mut next = parties.supervisor_of(id);
    // One that nobody reads for is passed over: the next one up is told.
    while let Some(party) = next.filter(|party| !is_read(party, parties) || party.id == *id) {
        next = parties.supervisor_of(&party.id);
    }
    let next = next.or_else(|| if authorised.id == *id { quality() } else { Some(authorised) });
    roster.number(&next.filter(|party| party.id != *id)?.id)
}

fn is_reachable(party: PartyNumber, roster: &Roster) -> bool {
    roster.party(party).is_some_and(|party| is_read(party, roster.parties()))
}

/// Whether some system reads a party's inbox: its own, or one that acts for it.
fn is_read(party: &Party, parties: &Parties) -> bool {
    let acts_for =
        |other: &Party| other.acts_for.contains(&party.id) && !other.identities.is_empty();
    // The operator runs the bus and has no inbox.
    party.role != Role::Operator && (!party.identities.is_empty() || parties.iter().any(acts_for))
}
