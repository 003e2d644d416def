//! The driver: moves the clock, sends each act on its party's line, lets every inbox be read and
//! acknowledged, and asks the bus in the end what has come of it.

use std::collections::BTreeMap;

use jiff::civil::{Time, time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use uuid::Uuid;

use super::calls::{self, Answer, Call};
use super::papers::{CaseFile, Papers};
use super::people::Family;
use super::quota;
use super::script::{Chapter, Script, Step};
use super::tale::Tale;
use crate::demo::inbox::Inbox;
use crate::demo::line::{Line, PATIENCE};
use crate::demo::stage::Stage;
use crate::demo::{DemoError, papers};
use crate::domain::calendar::{Calendar, WorkingDays};
use crate::domain::party::{Party, PartyId, bundled_zone};
use crate::rpc::access::allowed;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use crate::rpc::proto::operations::v1 as operations;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::procedures::v1 as law;
use crate::rpc::proto::procedures::v1::procedure_service_client::ProcedureServiceClient;
use crate::rpc::proto::types::v1::Receipt;

/// When offices open in a script that names no time.
const MORNING: Time = time(10, 0, 0, 0);
/// When hearings are held.
const HEARINGS: Time = time(11, 0, 0, 0);
/// The method by which a party reads its inbox.
const OPEN_INBOX: &str = "/kopir.inbox.v1.InboxService/OpenInbox";
/// Between two acts of a day.
const PAUSE_MINUTES: i64 = 15;

/// A tour under way.
pub(super) struct Play<'s> {
    stage: &'s Stage,
    script: &'s Script,
    calendar: &'s Calendar,
    zone: TimeZone,
    lines: BTreeMap<PartyId, Line>,
    inboxes: BTreeMap<PartyId, Inbox>,
    operator: Line,
    /// Cases filed so far, which number them.
    filed: usize,
    tale: Tale,
}

/// The cases of a chapter, by family.
type Files = BTreeMap<usize, (Family, CaseFile)>;

/// When the clock of a script starts.
pub(super) fn start(script: &Script) -> Result<Timestamp, DemoError> {
    Ok(almaty()?.to_timestamp(script.start)?)
}

/// The hops of the procedure by name, as the bus tells them.
async fn law(line: &Line, script: &Script) -> Result<BTreeMap<String, law::Hop>, DemoError> {
    let mut stub = ProcedureServiceClient::new(line.channel());
    let asked = law::GetProcedureRequest {
        procedure: script.procedure.clone(),
        edition: script.edition.clone(),
    };
    let answer = line.ask("the procedure", stub.get_procedure(asked)).await?.into_inner();
    let procedure = answer.procedure.ok_or_else(|| line.lacks("the procedure"))?;
    Ok(procedure.hops.into_iter().map(|hop| (hop.hop.clone(), hop)).collect())
}

fn almaty() -> Result<TimeZone, DemoError> {
    bundled_zone("Asia/Almaty").map_err(|_| DemoError::NoParty("Asia/Almaty".to_owned()))
}

impl<'s> Play<'s> {
    /// Connects every party of the script.
    pub(super) async fn begin(
        stage: &'s Stage,
        script: &'s Script,
        calendar: &'s Calendar,
    ) -> Result<Self, DemoError> {
        let (mut lines, mut inboxes) = (BTreeMap::new(), BTreeMap::new());
        for party in stage.parties() {
            let line = Line::connect(stage, &party.id).await?;
            // Whoever may be sent something reads from the start: who is away too long is warned of.
            if allowed(party.role, OPEN_INBOX) {
                inboxes.insert(party.id.clone(), Inbox::open(&line).await?);
            }
            lines.insert(party.id.clone(), line);
        }
        let operator = Line::connect(stage, stage.party("operator")?).await?;
        let law = law(&operator, script).await?;
        let tale = Tale::of(script, stage.parties(), law);
        let zone = almaty()?;
        Ok(Self { stage, script, calendar, zone, lines, inboxes, operator, filed: 0, tale })
    }

    /// Plays all chapters. What stops it is told as a difference.
    pub(super) async fn play(mut self) -> Tale {
        if let Err(why) = self.all().await {
            self.tale.differ(why.to_string());
        }
        self.tale
    }

    async fn all(&mut self) -> Result<(), DemoError> {
        let committee = self.line(self.stage.party("migration-committee")?)?.clone();
        let set = quota::set(&committee, self.script).await?;
        self.tale.quotas(&set);
        let script = self.script;
        for chapter in &script.chapters {
            self.chapter(chapter).await?;
        }
        let quotas = quota::read(&committee, self.script).await?;
        self.tale.quotas_left(&quotas);
        let status = self.status().await?;
        for load in status.parties.iter().filter(|load| load.open_obligations > 0) {
            let (owed, party) = (load.open_obligations, &load.party_id);
            self.tale.differ(format!("{party} still owes {owed} acts"));
        }
        Ok(())
    }

    async fn chapter(&mut self, chapter: &'s Chapter) -> Result<(), DemoError> {
        let mut files = Files::new();
        for number in &chapter.families {
            self.filed += 1;
            let file =
                CaseFile { number: format!("ҮЛГІ-{:03}", self.filed), ..CaseFile::default() };
            files.insert(*number, (Family::new(*number, chapter.persons), file));
        }
        let people = files.values().map(|(family, _)| family);
        self.tale.chapter(chapter, people);
        for step in &chapter.steps {
            self.step(chapter, step, &mut files).await?;
        }
        for (family, file) in files.values().filter(|(_, file)| !file.case_id.is_empty()) {
            let case = self.case(&file.case_id).await?;
            self.tale.ended(chapter, family, &case);
            self.tale.status(&self.told_by_phone(&file.case_id).await?);
        }
        Ok(())
    }

    /// One act of each of its families in turn, or of all of them at once where it is a list.
    async fn step(
        &mut self,
        chapter: &'s Chapter,
        step: &'s Step,
        files: &mut Files,
    ) -> Result<(), DemoError> {
        let asked = if step.of.is_empty() { &chapter.families } else { &step.of };
        let groups: Vec<&[usize]> = if calls::takes_list(&step.call) {
            vec![asked.as_slice()]
        } else {
            asked.chunks(1).collect()
        };
        for (at, group) in groups.into_iter().enumerate() {
            self.advance(step, at == 0).await?;
            self.act(chapter, step, group, files).await?;
        }
        Ok(())
    }

    async fn act(
        &mut self,
        chapter: &'s Chapter,
        step: &'s Step,
        group: &[usize],
        files: &mut Files,
    ) -> Result<(), DemoError> {
        let author = self.party(&step.by)?;
        let (now, ahead) = (self.stage.now(), self.ahead(step)?);
        let rows = group.iter().filter_map(|number| files.get(number));
        let papers = |(family, file): &'_ (Family, CaseFile)| (family.clone(), file.clone());
        let rows: Vec<(Family, CaseFile)> = rows.map(papers).collect();
        let papers = rows.iter().map(|(family, file)| Papers {
            script: self.script,
            chapter,
            step,
            author,
            family,
            file,
            now,
            zone: &author.zone,
            ahead,
        });
        let papers: Vec<_> = papers.collect();
        let line = self.line(&step.by)?.clone();
        let call = Call {
            line: &line,
            role: author.role,
            method: &step.call,
            request_id: Uuid::new_v4().to_string(),
            edition: &self.script.edition,
            papers: &papers,
        };
        let answer = if step.call == "submit-application" {
            Box::pin(calls::submit_abroad(&call)).await?
        } else {
            Box::pin(calls::send(&call)).await?
        };
        let decided = papers.first().map(Papers::decided);
        let Some(receipts) = self.judge(&line, step, answer, now)? else { return Ok(()) };
        for (number, receipt) in group.iter().zip(&receipts) {
            if let Some((_, file)) = files.get_mut(number) {
                self.remember(file, step, receipt, ahead);
                file.decided =
                    if is_decision(&step.call) { decided.clone() } else { file.decided.take() };
            }
        }
        self.tale.act(step, author, now, &receipts);
        self.post(receipts.iter().map(|receipt| receipt.sequence).max().unwrap_or(0)).await
    }

    /// Holds an answer against what the script expects of it; the receipts, unless the bus was to
    /// refuse and did.
    fn judge(
        &mut self,
        line: &Line,
        step: &Step,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Option<Vec<Receipt>>, DemoError> {
        match (answer, &step.refused) {
            (Ok(receipts), None) => Ok(Some(receipts)),
            (Err(why), Some(reason)) if why.reason() == *reason => {
                self.tale.refused(step, self.party(&step.by)?, now, &why);
                Ok(None)
            }
            (Err(why), None | Some(_)) => Err(line.refused(&step.call, why)),
            (Ok(_), Some(reason)) => Err(line.lacks(&format!("the refusal {reason}"))),
        }
    }

    fn remember(&self, file: &mut CaseFile, step: &Step, receipt: &Receipt, ahead: Timestamp) {
        if file.case_id.is_empty() {
            file.case_id.clone_from(&receipt.case_id);
            file.filed_on = Some(self.zone.to_datetime(self.stage.now()).date());
        }
        if step.call == "give-preliminary-notice" || step.call == "postpone-hearing" {
            file.hearing_at = Some(ahead);
        }
    }

    /// Lets every party read and acknowledge what has come, until no inbox holds anything.
    async fn post(&mut self, mut until: u64) -> Result<(), DemoError> {
        loop {
            let status = self.indexed(until).await?;
            let waiting = status.parties.iter().filter(|load| load.queued_deliveries > 0);
            let waiting: Vec<_> =
                waiting.map(|load| (load.party_id.clone(), load.queued_deliveries)).collect();
            if waiting.is_empty() {
                return Ok(());
            }
            for (party, count) in waiting {
                let id = self.stage.party(&party)?.clone();
                let Some(inbox) = self.inboxes.get_mut(&id) else { continue };
                let mail = inbox.empty(usize::try_from(count).unwrap_or(1)).await?;
                self.tale.notices(mail.notices.len());
                for (delivery, confirmation) in &mail.letters {
                    until = until.max(confirmation.sequence);
                    self.tale.received(&id, delivery, confirmation);
                }
            }
        }
    }

    /// The bus's state once its index has everything up to a record.
    async fn indexed(&self, until: u64) -> Result<operations::GetStatusResponse, DemoError> {
        let wait = async {
            loop {
                let status = self.status().await?;
                if status.index_sequence >= until && status.index_lag_records == 0 {
                    return Ok(status);
                }
                tokio::task::yield_now().await;
            }
        };
        let silent = |_| DemoError::Silent {
            party: self.operator.party().clone(),
            what: "the index to follow".to_owned(),
            seconds: PATIENCE.as_secs(),
        };
        tokio::time::timeout(PATIENCE, wait).await.map_err(silent)?
    }

    async fn status(&self) -> Result<operations::GetStatusResponse, DemoError> {
        let mut stub = OperationsServiceClient::new(self.operator.channel());
        let asked = operations::GetStatusRequest {};
        Ok(self.operator.ask("the state", stub.get_status(asked)).await?.into_inner())
    }

    async fn case(&self, case_id: &str) -> Result<cases::Case, DemoError> {
        let mut stub = CaseServiceClient::new(self.operator.channel());
        let asked = cases::GetCaseRequest { case_id: case_id.to_owned() };
        let answer = self.operator.ask("a case", stub.get_case(asked)).await?.into_inner();
        answer.case.ok_or_else(|| self.operator.lacks("the case"))
    }

    /// What the contact centre would tell the applicant.
    async fn told_by_phone(&self, case_id: &str) -> Result<cases::CaseStatus, DemoError> {
        let line = self.line(self.stage.party("contact-centre")?)?;
        let mut stub = CaseServiceClient::new(line.channel());
        let asked = cases::GetCaseStatusRequest { case_id: case_id.to_owned() };
        let answer = line.ask("where a case stands", stub.get_case_status(asked)).await?;
        answer.into_inner().status.ok_or_else(|| line.lacks("where the case stands"))
    }

    /// Moves the clock to the time of an act: of its first family, or a little later of the next.
    async fn advance(&self, step: &Step, first: bool) -> Result<(), DemoError> {
        let now = self.stage.now();
        let soon = now.checked_add(PAUSE_MINUTES.minutes())?;
        if !first {
            return self.stage.advance(soon).await;
        }
        let today = self.zone.to_datetime(now).date();
        let later = today.checked_add(Span::new().days(i64::from(step.days)))?;
        let later =
            if step.days > 0 { self.calendar.next_working_day_on_or_after(later)? } else { later };
        let day = match step.wait {
            0 => later,
            wait => self.calendar.add_working_days(later, WorkingDays(wait))?,
        };
        let at = match (step.at, day == today) {
            (None, true) => return self.stage.advance(soon).await,
            (None, false) => MORNING,
            (Some(at), _) => at,
        };
        self.stage.advance(self.zone.to_timestamp(day.to_datetime(at))?.max(soon)).await
    }

    fn ahead(&self, step: &Step) -> Result<Timestamp, DemoError> {
        let today = self.zone.to_datetime(self.stage.now()).date();
        let days = WorkingDays(step.ahead.unwrap_or(1));
        let day = self.calendar.add_working_days(today, days)?;
        Ok(self.zone.to_timestamp(day.to_datetime(HEARINGS))?)
    }

    fn party(&self, id: &PartyId) -> Result<&'s Party, DemoError> {
        self.stage.parties().get(id).ok_or_else(|| DemoError::NoParty(id.to_string()))
    }

    fn line(&self, id: &PartyId) -> Result<&Line, DemoError> {
        self.lines.get(id).ok_or_else(|| DemoError::NoParty(id.to_string()))
    }
}

fn is_decision(call: &str) -> bool {
    call.ends_with("-decision") && call.starts_with("record-")
}

/// The day of a message in words.
pub(super) fn day_in_words(
    day: Option<&crate::rpc::proto::google::r#type::Date>,
) -> Option<String> {
    Some(papers::day(day?)?.strftime("%a %-d %b %Y").to_string())
}
