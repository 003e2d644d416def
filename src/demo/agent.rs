//! A party's system: it takes in the mail, keeps a plan of what it owes by when, and acts in its
//! office hours. All it knows of a case it has read in the bus's answers and deliveries.

mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use jiff::civil::Date;

use super::DemoError;
use super::chance::Chance;
use super::counts::{Done, Refusals};
use super::family::Family;
use super::folder::Folder;
use super::heard::Heard;
use super::inbox::Inbox;
use super::law::{EDITION, Law, PROCEDURE, Partners};
use super::line::Line;
use super::office::{Office, Wish};
use super::papers::{self, ArrivalPapers};
use super::request::send;
use crate::domain::party::{PartyId, Role};
use crate::rpc::proto::inbox::v1 as inbox;
use crate::rpc::proto::inbox::v1::inbox_service_client::InboxServiceClient;
use crate::rpc::proto::procedures::v1::ComputeDueTimeRequest;
use crate::rpc::proto::procedures::v1::procedure_service_client::ProcedureServiceClient;
use crate::rpc::proto::types::v1::{self as types, ClockChange};

/// The hop with which a mission sends an application on.
const SUBMISSION: &str = "K21B-02";
/// The hop with which a family that has arrived applies again.
const ARRIVAL: &str = "K21B-09";
/// How often an act misses its term, in a thousand.
const LATE_PER_MILLE: usize = 30;
/// How often an answer is lost and the request is sent again, in a thousand.
const REPEAT_PER_MILLE: usize = 20;
/// How often the inbox stream breaks while the mail is read, in a thousand.
const BREAK_PER_MILLE: usize = 40;
/// When families arrive, in days after the consent was handed over.
const JOURNEY_DAYS: std::ops::RangeInclusive<i16> = 14..=56;

/// A party's system.
pub(super) struct Agent {
    office: Office,
    seed: u64,
    line: Line,
    inbox: Inbox,
    law: Arc<Law>,
    partners: Arc<Partners>,
    folders: BTreeMap<String, Folder>,
    /// What is to be done when. Invariant: every instant lies ahead of the bus's clock.
    plan: BTreeMap<Timestamp, Vec<Task>>,
    /// Case and hop of all that was ever planned.
    planned: BTreeSet<(String, String)>,
    /// When the mail is taken in next, and how much of it there will be.
    mail: Option<(Timestamp, usize)>,
    last_place: Option<Timestamp>,
    decisions: usize,
    /// What it has done so far.
    pub(super) done: Done,
    /// What it has been told of running terms.
    pub(super) heard: Heard,
}

/// What all parties share.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// What every draw begins with.
    pub(super) seed: u64,
    /// The procedure.
    pub(super) law: Arc<Law>,
    /// Who is who.
    pub(super) partners: Arc<Partners>,
}

/// What an act sets in motion elsewhere.
#[derive(Debug)]
pub(super) enum Consequence {
    /// A delivery is on its way to a party.
    Letter(PartyId),
    /// A family with its consent goes to the akimat.
    Journey(PartyId, Arrival),
}

/// A family that comes to the counter of an akimat.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    case_id: String,
    papers: Box<ArrivalPapers>,
    handed_over_at: Timestamp,
}

#[derive(Debug)]
struct Task {
    file: String,
    hop: String,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// An application accepted at the counter.
    Submit(Arc<Family>),
    /// A family that has arrived.
    Register(Arrival),
    /// What a running clock asks for in a case.
    Owed { case_id: String },
}

impl Agent {
    /// Starts a party's system on its line. `last_place` is the filing that took the last place of
    /// the region's quota, which a commission knows.
    pub(super) async fn start(
        line: Line,
        office: Office,
        last_place: Option<Timestamp>,
        world: &World,
    ) -> Result<Self, DemoError> {
        let inbox = Inbox::open(&line).await?;
        Ok(Self {
            office,
            seed: world.seed,
            line,
            inbox,
            law: Arc::clone(&world.law),
            partners: Arc::clone(&world.partners),
            folders: BTreeMap::new(),
            plan: BTreeMap::new(),
            planned: BTreeSet::new(),
            mail: None,
            last_place,
            decisions: 0,
            done: Done::default(),
            heard: Heard::default(),
        })
    }

    /// A family files its application; the mission asks the bus by when to send it on.
    pub(super) async fn accept(&mut self, family: &Arc<Family>) -> Result<(), DemoError> {
        let request = ComputeDueTimeRequest {
            procedure: PROCEDURE.to_owned(),
            edition: EDITION.to_owned(),
            hop: SUBMISSION.to_owned(),
            from_time: Some(papers::timestamp(family.filed_at)),
            time_zone: String::new(),
        };
        let mut stub = ProcedureServiceClient::new(self.line.channel());
        let answer =
            self.line.ask("a due time", stub.compute_due_time(request)).await?.into_inner();
        let due = self.day_of(answer.due_date.as_ref())?;
        let at = self.act_time(&family.file, SUBMISSION, family.filed_at, due)?;
        let work = Work::Submit(Arc::clone(family));
        self.put(at, Task { file: family.file.clone(), hop: SUBMISSION.to_owned(), work });
        Ok(())
    }

    /// A family sets out for this akimat's region.
    pub(super) fn expect_family(&mut self, arrival: Arrival) -> Result<(), DemoError> {
        let file = arrival.papers.file.clone();
        let mut chance = Chance::about(self.seed, &format!("journey {file}"));
        let left_on = self.office.day(arrival.handed_over_at);
        let days = |days: i16| left_on.checked_add(jiff::Span::new().days(days));
        let (first, last) = (days(*JOURNEY_DAYS.start())?, days(*JOURNEY_DAYS.end())?);
        let on = self.office.working_day(first, last, &mut chance)?;
        let at = self.office.sitting(on, &mut chance)?;
        self.put(at, Task { file, hop: ARRIVAL.to_owned(), work: Work::Register(arrival) });
        Ok(())
    }

    /// A delivery was sent to this party at `now`.
    pub(super) fn expect_letter(&mut self, now: Timestamp) -> Result<(), DemoError> {
        let next = self.office.next_mail(now)?;
        let (at, count) = self.mail.unwrap_or((next, 0));
        self.mail = Some((at, count + 1));
        Ok(())
    }

    /// The refusals that this party, a mission, was told of.
    pub(super) fn refusals(&self) -> Refusals {
        let own = self.folders.values();
        let own = own.filter(|folder| folder.mission.as_ref() == Some(&self.office.party));
        own.filter_map(Folder::grounds).fold(Refusals::default(), Refusals::and_one)
    }

    /// Takes the notices that are left when all acts are done, and so its whole inbox.
    pub(super) async fn take_notices(&mut self, count: usize) -> Result<(), DemoError> {
        self.heard.add(&self.inbox.empty(count).await?.notices);
        Ok(())
    }

    /// When this party will be busy next.
    pub(super) fn next_instant(&self) -> Option<Timestamp> {
        let mail = self.mail.map(|(at, _)| at);
        self.plan.keys().next().copied().into_iter().chain(mail).min()
    }

    /// Does what is to be done at `now`.
    pub(super) async fn work(&mut self, now: Timestamp) -> Result<Vec<Consequence>, DemoError> {
        if let Some((_, count)) = self.mail.take_if(|(at, _)| *at == now) {
            self.take_mail(now, count).await?;
        }
        let mut tasks = self.plan.remove(&now).unwrap_or_default();
        tasks.sort_by(|a, b| (&a.file, &a.hop).cmp(&(&b.file, &b.hop)));
        let mut requests = Vec::with_capacity(tasks.len());
        for task in &tasks {
            requests.push(self.request(now, task)?);
        }
        // All at once: the bus makes what comes together durable with one sync.
        let (line, seed) = (&self.line, self.seed);
        let sent = tasks.iter().zip(requests).map(|(task, request)| async move {
            let receipt = send(line, request.clone()).await?;
            let mut chance = Chance::about(seed, &format!("repeat {} {}", task.file, task.hop));
            let repeats = chance.hits(REPEAT_PER_MILLE);
            if repeats && send(line, request).await? != receipt {
                let what = format!("{} of {}", task.hop, task.file);
                return Err(DemoError::Repeat { party: line.party().clone(), what });
            }
            Ok((receipt, repeats))
        });
        let receipts = try_join_all(sent).await?;
        let mut consequences = Vec::new();
        for (task, (receipt, repeated)) in tasks.iter().zip(receipts) {
            self.done.acts += 1;
            self.done.repeated += usize::from(repeated);
            consequences.extend(self.settle(now, task, &receipt)?);
        }
        Ok(consequences)
    }

    /// Reads the mail, acknowledges it, and plans what the receipts have opened.
    async fn take_mail(&mut self, now: Timestamp, count: usize) -> Result<(), DemoError> {
        let mut chance = Chance::about(self.seed, &format!("mail {} {now}", self.office.party));
        let mail = self.inbox.take(count, chance.hits(BREAK_PER_MILLE)).await?;
        self.done.receipts += mail.letters.len();
        self.done.redelivered += mail.redelivered;
        self.heard.add(&mail.notices);
        let mut decided = false;
        for (delivery, confirmation) in mail.letters {
            // Such a delivery opens nothing; the decision in it has opened the clock before.
            decided |= delivery.next_hop.is_empty();
            let case_id = delivery.case_id.clone();
            self.folders.entry(case_id.clone()).or_default().add(delivery);
            for notice in &confirmation.clocks {
                self.plan_clock(now, &case_id, notice.clock.as_ref())?;
            }
        }
        if decided {
            for owed in self.obligations().await? {
                self.plan_clock(now, &owed.case_id, owed.clock.as_ref())?;
            }
        }
        Ok(())
    }

    /// What the bus says that this party owes.
    async fn obligations(&self) -> Result<Vec<inbox::Obligation>, DemoError> {
        let mut owed = Vec::new();
        let mut request = inbox::ListObligationsRequest::default();
        loop {
            let mut stub = InboxServiceClient::new(self.line.channel());
            let call = stub.list_obligations(request.clone());
            let page = self.line.ask("the obligations", call).await?.into_inner();
            owed.extend(page.obligations);
            if page.next_page_token.is_empty() {
                return Ok(owed);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Plans the act that a clock of this party waits for, once.
    fn plan_clock(
        &mut self,
        now: Timestamp,
        case_id: &str,
        clock: Option<&types::Clock>,
    ) -> Result<(), DemoError> {
        let clock = clock.ok_or_else(|| self.line.lacks("a clock"))?;
        // What a family does is the family's to plan.
        let mine = clock.holder_party_id == self.office.party.as_str() && clock.hop != ARRIVAL;
        let key = (case_id.to_owned(), clock.hop.clone());
        if !mine || !self.planned.insert(key) {
            return Ok(());
        }
        let file = self.folder(case_id)?.file.clone();
        let due = self.day_of(clock.due_date.as_ref())?;
        let at = self.act_time(&file, &clock.hop, now, due)?;
        let work = Work::Owed { case_id: case_id.to_owned() };
        self.put(at, Task { file, hop: clock.hop.clone(), work });
        Ok(())
    }

    /// A seeded time within the term, or for a few acts after it.
    fn act_time(
        &self,
        file: &str,
        hop: &str,
        now: Timestamp,
        last: Date,
    ) -> Result<Timestamp, DemoError> {
        let mut chance = Chance::about(self.seed, &format!("pace {file} {hop}"));
        let late = chance.hits(LATE_PER_MILLE);
        let late_days = if late { chance.within(1..=3).unsigned_abs() } else { 0 };
        self.office.act_time(now, Wish { last, late_days }, &mut chance)
    }

    fn put(&mut self, at: Timestamp, task: Task) {
        self.plan.entry(at).or_default().push(task);
    }

    /// Plans what a receipt has opened for this party, and tells what the act starts elsewhere.
    fn settle(
        &mut self,
        now: Timestamp,
        task: &Task,
        receipt: &types::Receipt,
    ) -> Result<Vec<Consequence>, DemoError> {
        let case_id = &receipt.case_id;
        if let Work::Submit(family) = &task.work {
            self.folders.insert(case_id.clone(), Folder::of(family));
            self.done.applied += 1;
        }
        let mut consequences = Vec::new();
        if let Some(role) = self.law.receiver(&task.hop) {
            consequences.push(Consequence::Letter(self.partner(case_id, role)?));
        }
        let opened = |notice: &&types::ClockNotice| notice.change() == ClockChange::Opened;
        let goes_on = !consequences.is_empty() || receipt.clocks.iter().any(|it| opened(&it));
        self.done.finished += usize::from(!goes_on);
        for notice in receipt.clocks.iter().filter(opened) {
            self.plan_clock(now, case_id, notice.clock.as_ref())?;
            if notice.clock.as_ref().is_some_and(|clock| clock.hop == ARRIVAL) {
                let papers = self.folder(case_id)?.departure();
                let papers = papers.ok_or_else(|| self.line.lacks("a consent to leave with"))?;
                let arrival = Arrival {
                    case_id: case_id.clone(),
                    papers: Box::new(papers),
                    handed_over_at: now,
                };
                let akimat = self.partner(case_id, Role::Akimat)?;
                consequences.push(Consequence::Journey(akimat, arrival));
            }
        }
        Ok(consequences)
    }

    fn partner(&self, case_id: &str, role: Role) -> Result<PartyId, DemoError> {
        let folder = self.folder(case_id)?;
        let regional = self.partners.regional.get(&folder.region);
        let partner = if role == Role::ForeignMission {
            folder.mission.clone()
        } else if role == Role::MigrationBody {
            Some(self.partners.committee.clone())
        } else if role == Role::Akimat {
            regional.map(|(akimat, _)| akimat.clone())
        } else if role == Role::Commission {
            regional.map(|(_, commission)| commission.clone())
        } else {
            None
        };
        partner.ok_or_else(|| self.line.lacks(&format!("the {role} of case {case_id}")))
    }

    fn folder(&self, case_id: &str) -> Result<&Folder, DemoError> {
        let folder = self.folders.get(case_id);
        folder.ok_or_else(|| self.line.lacks(&format!("a delivery of case {case_id}")))
    }

    fn day_of(
        &self,
        date: Option<&crate::rpc::proto::google::r#type::Date>,
    ) -> Result<Date, DemoError> {
        date.and_then(papers::day).ok_or_else(|| self.line.lacks("a due date"))
    }
}
