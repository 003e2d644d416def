//! The months of the pilot: whoever is busy next sets the clock, everybody busy at that instant
//! works at once, and nothing goes on before the bus has answered all of it. So the same seed
//! always has the same history, however the machine schedules it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::civil::{DateTime, datetime};

use super::DemoError;
use super::agent::{Agent, Consequence, World};
use super::counts::{Done, Refusals};
use super::family::{Family, Pilot, Population, populate};
use super::heard::Heard;
use super::inbox::Inbox;
use super::law::{Law, Partners};
use super::line::Line;
use super::office::Office;
use super::stage::Stage;
use super::tally::{self, Totals};
use crate::domain::party::{Party, PartyId, Role};
use crate::procedures::calendar;
use crate::rpc::proto::operations::v1::GetStatusRequest;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;

/// The evening of the day of the letter, in Almaty.
pub(super) const LETTER: DateTime = datetime(2023, 5, 3, 18, 0, 0, 0);

/// A pilot under way.
pub(super) struct Replay<'s> {
    stage: &'s Stage,
    offices: BTreeMap<PartyId, Office>,
    agents: BTreeMap<PartyId, Agent>,
    families: Vec<Arc<Family>>,
    committee: Line,
}

/// What came of a pilot, besides what the bus knows.
pub(super) struct Played {
    /// The families.
    pub(super) families: Vec<Arc<Family>>,
    /// What the authorised body was told on the day of the letter.
    pub(super) at_letter: Totals,
    /// What all parties did.
    pub(super) done: Done,
    /// What the parties were told of running terms.
    pub(super) heard: Heard,
    /// The refusals as they reached the missions.
    pub(super) refusals: Refusals,
    /// The simulated instant of the last act.
    pub(super) ended_at: Timestamp,
}

impl<'s> Replay<'s> {
    /// Connects every party that the pilot needs, and lets the families file.
    pub(super) async fn prepare(
        stage: &'s Stage,
        law: &Arc<Law>,
        (seed, pilot): (u64, Pilot),
    ) -> Result<Self, DemoError> {
        let calendar = Arc::new(calendar::kazakhstan()?);
        let office = |party: &Party| (party.id.clone(), Office::new(party, &calendar));
        let offices: BTreeMap<_, _> = stage.parties().iter().map(office).collect();
        let Population { families, last_place } = populate(seed, pilot, &offices)?;
        let partners = Arc::new(Partners::of(stage.parties()));
        let committee = Line::connect(stage, &partners.committee).await?;
        let world = World { seed, law: Arc::clone(law), partners };
        let mut agents = BTreeMap::new();
        for party in stage.parties().iter().filter(|party| takes_part(party, &families)) {
            let Some(office) = offices.get(&party.id) else { continue };
            let line = Line::connect(stage, &party.id).await?;
            let places = party.region.and_then(|region| last_place.get(&region)).copied();
            let agent = Agent::start(line, office.clone(), places, &world).await?;
            agents.insert(party.id.clone(), agent);
        }
        for family in &families {
            let mission = agents.get_mut(&family.mission);
            let mission = mission.ok_or_else(|| DemoError::NoParty(family.mission.to_string()))?;
            mission.accept(family).await?;
        }
        Ok(Self { stage, offices, agents, families, committee })
    }

    /// Plays until nobody has anything left to do.
    pub(super) async fn play(mut self, progress: &ProgressBar) -> Result<Played, DemoError> {
        let zone = self.office(self.committee.party())?.zone.clone();
        let letter = zone.to_timestamp(LETTER)?;
        let mut at_letter = None;
        while let Some(now) = self.agents.values().filter_map(Agent::next_instant).min() {
            if now > letter && at_letter.is_none() {
                self.stage.advance(letter).await?;
                at_letter = Some(tally::totals(&self.committee).await?);
            }
            self.stage.advance(now).await?;
            let busy = self.agents.iter_mut();
            let busy = busy.filter(|(_, agent)| agent.next_instant() == Some(now));
            let worked = busy.map(|(_, agent)| agent.work(now));
            for consequence in try_join_all(worked).await?.into_iter().flatten() {
                self.carry(now, consequence)?;
            }
            let Done { acts, applied, finished, .. } = self.done();
            progress.set_position(u64::try_from(acts).unwrap_or(0));
            let today = zone.to_datetime(now).strftime("%-d %B %Y");
            progress.set_message(format!("{today}: {applied} families applied, {finished} done"));
        }
        // A pilot so small that all is over before the letter was told nothing more since.
        let at_letter = match at_letter {
            Some(totals) => totals,
            None => tally::totals(&self.committee).await?,
        };
        let done = self.done();
        let refusals = self.agents.values().map(Agent::refusals);
        let refusals = refusals.fold(Refusals::default(), Refusals::and);
        let ended_at = self.stage.now();
        let heard = self.hear().await?;
        Ok(Played { families: self.families, at_letter, done, heard, refusals, ended_at })
    }

    /// Lets every inbox be emptied: of what is left, all is notices. What everybody was told.
    async fn hear(&mut self) -> Result<Heard, DemoError> {
        self.stage.settle().await;
        let mut stub = OperationsServiceClient::new(self.committee.channel());
        let asked = stub.get_status(GetStatusRequest {});
        let loads = self.committee.ask("what waits", asked).await?.into_inner().parties;
        let mut others = Heard::default();
        for load in loads.iter().filter(|load| load.queued_deliveries > 0) {
            let count = usize::try_from(load.queued_deliveries).unwrap_or(0);
            let party = self.stage.party(&load.party_id)?;
            match self.agents.get_mut(party) {
                Some(agent) => agent.take_notices(count).await?,
                None => {
                    // The body that controls quality acts in no case; it is told of breaches.
                    let line = Line::connect(self.stage, party).await?;
                    let mail = Inbox::open(&line).await?.empty(count).await?;
                    others.add(&mail.notices);
                }
            }
        }
        Ok(self.agents.values().fold(others, |sum, agent| sum.and(&agent.heard)))
    }

    fn done(&self) -> Done {
        self.agents.values().fold(Done::default(), |sum, agent| sum.and(agent.done))
    }

    fn carry(&mut self, now: Timestamp, consequence: Consequence) -> Result<(), DemoError> {
        let party = match &consequence {
            Consequence::Letter(party) | Consequence::Journey(party, _) => party,
        };
        let agent = self.agents.get_mut(party);
        let agent = agent.ok_or_else(|| DemoError::NoParty(party.to_string()))?;
        match consequence {
            Consequence::Letter(_) => agent.expect_letter(now),
            Consequence::Journey(_, arrival) => agent.expect_family(arrival),
        }
    }

    fn office(&self, party: &PartyId) -> Result<&Office, DemoError> {
        self.offices.get(party).ok_or_else(|| DemoError::NoParty(party.to_string()))
    }
}

fn takes_part(party: &Party, families: &[Arc<Family>]) -> bool {
    if party.role == Role::ForeignMission {
        return families.iter().any(|family| family.mission == party.id);
    }
    let regional = matches!(party.role, Role::Akimat | Role::Commission);
    party.role == Role::MigrationBody
        || regional && families.iter().any(|family| party.region == Some(family.region))
}
