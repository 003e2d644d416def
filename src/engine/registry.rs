//! Another party registry in the place of the one in force, without a restart: numbers for new
//! parties, the history in the journal, and only then the roster that everything reads.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::chain::Chain;
use super::group::{Group, Taken};
use super::writer::Writer;
use super::{Engine, EngineError, Request, StartError};
use crate::domain::party::{Names, Parties, Party, PartyId};
use crate::domain::registry::{self, Burden, Listed, Listing};
use crate::domain::{
    Event, ListingChange, PartyEnrolled, RegistryChanged, RegistryRefusal, Roster, Sequence,
};
use crate::index::{Counts, Index, NoteKind};
use crate::journal::{JournalError, JournalReader};

/// The rosters of a process, the last of them in force.
pub type Rosters = Arc<Chain<Arc<Roster>>>;

/// A registry, proven, with the hash of the file it was read from.
#[derive(Debug, Clone)]
pub struct NewRegistry {
    /// The parties.
    pub parties: Parties,
    /// The SHA-256 of the file.
    pub content: [u8; 32],
}

/// What became of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryTaken {
    /// It is the one in force already, to the byte.
    InForce,
    /// It is in force from now on.
    Changed(RegistryChange),
}

/// A change of the registry, as journaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryChange {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When it was recorded.
    pub at: Timestamp,
    /// Parties that are listed now and were not.
    pub added: Vec<PartyId>,
    /// Parties of which something else is said.
    pub changed: Vec<PartyId>,
    /// Parties that are listed no more.
    pub removed: Vec<PartyId>,
}

/// Why a registry was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file is to be mended.
    #[error(transparent)]
    Refused(#[from] RegistryRefusal),
    /// It cannot be recorded now; it is tried again.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

pub(super) type RegistryReply = oneshot::Sender<Result<RegistryTaken, RegistryError>>;

impl Engine {
    /// Puts a registry in force and waits until that is durable. New parties get their numbers, and
    /// every later command is decided by it.
    ///
    /// # Errors
    /// [`RegistryError`]; the registry before stays in force then.
    pub async fn change_registry(&self, new: NewRegistry) -> Result<RegistryTaken, RegistryError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::ChangeRegistry(Box::new(new), reply))?;
        answer.await.unwrap_or(Err(EngineError::Stopped.into()))
    }

    /// The rosters, for whoever must follow them without the engine.
    pub fn rosters(&self) -> &Rosters {
        &self.rosters
    }
}

impl Writer {
    /// Decides about a registry and, where it is taken, makes it durable before it is in force.
    /// What was decided before in this turn is written first.
    pub(super) fn change_registry(
        &mut self,
        new: NewRegistry,
        reply: RegistryReply,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<(), JournalError> {
        self.flush(now_ms, group)?;
        let taken = match self.listed_before() {
            Err(error) => Err(error.into()),
            Ok((content, _)) if content == Some(new.content) => Ok(RegistryTaken::InForce),
            Ok((_, before)) => self.take_registry(new, &before, now_ms, group)?,
        };
        // Whoever asked may be gone.
        drop(reply.send(taken));
        Ok(())
    }

    /// The registry of the last record, by its hash, and what it listed.
    fn listed_before(&self) -> Result<(Option<[u8; 32]>, Listing), EngineError> {
        // The record may not be in the index yet.
        if !self.backlog.wait_until_empty() {
            return Err(EngineError::Stopped);
        }
        let index = self.overlay.index();
        let last = last_change(index, &*self.journal.reader());
        let last = last.map_err(|reason| {
            tracing::error!(reason, "the history of the registry cannot be read");
            EngineError::Fault("the history of the registry cannot be read")
        })?;
        Ok(last.map_or_else(Default::default, |(_, changed)| {
            (Some(changed.content), registry::listing(&changed.parties))
        }))
    }

    fn take_registry(
        &mut self,
        new: NewRegistry,
        before: &Listing,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Result<RegistryTaken, RegistryError>, JournalError> {
        let NewRegistry { parties, content } = new;
        let roster = self.roster_with(parties);
        let entries = registry::compare(before, &listing(&roster));
        let id = |number| roster.id(number).cloned();
        let burden = |number| {
            let Counts { deliveries, held, obligations } = self.vitals.queues.of(number);
            Burden { obligations, deliveries: deliveries + held }
        };
        if let Err(refusal) = registry::judge(before, &entries, id, burden) {
            return Ok(Err(refusal.into()));
        }
        let listed = |change| {
            let of = entries.iter().filter(move |entry| entry.change == change);
            of.filter_map(|entry| id(entry.party)).collect::<Vec<_>>()
        };
        let added = listed(ListingChange::Added);
        let changed = listed(ListingChange::Changed);
        let removed = listed(ListingChange::Removed);
        let numbers = |party: &PartyId| roster.number(party);
        let unknown = added.iter().filter(|party| self.roster.number(party).is_none());
        let enrolled = unknown.filter_map(|party| {
            Some(PartyEnrolled { number: numbers(party)?, party: party.clone() })
        });
        let enrolled: Vec<_> = enrolled.collect();
        let record = RegistryChanged { content, parties: entries };
        let sequence = match self.record_registry(enrolled, record, now_ms, group)? {
            Ok(sequence) => sequence,
            Err(error) => return Ok(Err(error.into())),
        };
        let moved = self.zones_moved(&roster);
        self.roster = Arc::new(roster);
        self.rosters.push(Arc::clone(&self.roster));
        if moved && let Err(error) = self.plan_anew(now_ms) {
            return Ok(Err(error.into()));
        }
        let at = super::timestamp(now_ms);
        Ok(Ok(RegistryTaken::Changed(RegistryChange { sequence, at, added, changed, removed })))
    }

    /// The roster with these parties, where those that the journal has never seen have numbers that
    /// are still to be recorded.
    fn roster_with(&self, parties: Parties) -> Roster {
        let known = self.roster.enrolled();
        let known = known.map(|(number, party)| PartyEnrolled { number, party: party.clone() });
        let mut roster = Roster::new(parties, known);
        roster.missing().into_iter().for_each(|enrolment| roster.enrol(enrolment));
        roster
    }

    /// Makes enrolments and the change durable in one group; where the change stands.
    fn record_registry(
        &mut self,
        enrolled: Vec<PartyEnrolled>,
        record: RegistryChanged,
        now_ms: i64,
        group: &mut Group,
    ) -> Result<Result<Sequence, EngineError>, JournalError> {
        for enrolment in enrolled {
            if let Err(error) = self.note(Event::PartyEnrolled(enrolment), now_ms, group) {
                self.fail();
                return Ok(Err(error));
            }
        }
        let sequence = self.next_sequence(group);
        let noted = self.note(Event::RegistryChanged(Box::new(record)), now_ms, group);
        let committed = self.commit(now_ms, group)?;
        Ok(noted.and(committed).map(|()| sequence))
    }

    /// Whether a party that was there before has its days in another zone from now on.
    fn zones_moved(&self, after: &Roster) -> bool {
        self.roster.enrolled().any(|(number, _)| {
            self.roster.zone(number).iana_name() != after.zone(number).iana_name()
        })
    }

    /// Where the rungs of a term lie depends on the zone of whoever must act.
    fn plan_anew(&mut self, now_ms: i64) -> Taken {
        if !self.backlog.wait_until_empty() {
            return Err(EngineError::Stopped);
        }
        self.replan(now_ms).map_err(|error| {
            // Without them no term would be spoken of any more.
            self.fail();
            super::answer::index_fault(error)
        })
    }
}

/// The last record of the registry's history, if there is any.
pub(super) fn last_change(
    index: &Index,
    reader: &dyn JournalReader,
) -> Result<Option<(Sequence, RegistryChanged)>, String> {
    let last = index.last_note(NoteKind::RegistryChanged).map_err(|error| error.to_string())?;
    let Some(sequence) = last else { return Ok(None) };
    let recorded = super::read_back(reader, sequence).map_err(|error| error.to_string())?;
    let Event::RegistryChanged(changed) = recorded.event else {
        return Err(format!("record {sequence} is no change of the registry"));
    };
    Ok(Some((sequence, *changed)))
}

/// Whether a registry may follow the one that was in force when the bus went down.
pub(super) fn check(
    index: &Index,
    reader: &dyn JournalReader,
    roster: &Roster,
) -> Result<(), StartError> {
    let last = last_change(index, reader).map_err(|reason| StartError::History { reason })?;
    let Some((_, last)) = last else { return Ok(()) };
    let before = registry::listing(&last.parties);
    // Those without a number are new, of which nothing can be wrong.
    let entries = registry::compare(&before, &listing(roster));
    let counts = index.counts()?;
    let burden = |number| {
        let Counts { deliveries, held, obligations } =
            counts.get(&number).copied().unwrap_or_default();
        Burden { obligations, deliveries: deliveries + held }
    };
    Ok(registry::judge(&before, &entries, |number| roster.id(number).cloned(), burden)?)
}

/// What the history keeps of the parties of a roster.
fn listing(roster: &Roster) -> Listing {
    let listed = roster.parties().iter().filter_map(|party| {
        let Party { role, region, .. } = party;
        let listed = Listed { role: *role, region: *region, facts: facts(party) };
        Some((roster.number(&party.id)?, listed))
    });
    listed.collect()
}

/// The first bytes of the SHA-256 of everything that the registry says of a party. They tell that
/// something is another, not what.
fn facts(party: &Party) -> [u8; 8] {
    let Party {
        id,
        role,
        region,
        names,
        zone,
        supervisor,
        acts_for,
        identities,
        certificates,
        bins,
    } = party;
    let Names { kk, ru, en } = names;
    let mut hashed = Context::new(&SHA256);
    let mut text = |text: &str| {
        hashed.update(&(text.len() as u64).to_be_bytes());
        hashed.update(text.as_bytes());
    };
    text(id.as_str());
    text(role.as_str());
    text(region.map_or("", |region| region.code()));
    [kk, ru, en].into_iter().for_each(|name| text(name));
    text(zone.iana_name().unwrap_or_default());
    text(supervisor.as_ref().map_or("", PartyId::as_str));
    let lists = [
        acts_for.iter().map(ToString::to_string).collect::<Vec<_>>(),
        identities.iter().map(ToString::to_string).collect(),
        certificates.iter().map(ToString::to_string).collect(),
        bins.iter().map(ToString::to_string).collect(),
    ];
    for list in lists {
        text(&list.len().to_string());
        list.iter().for_each(|each| text(each));
    }
    let mut facts = [0; 8];
    facts.copy_from_slice(&hashed.finish().as_ref()[..8]);
    facts
}
