//! What happens in the chapter: the parties' acts, the akimat's absence and its return.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, date, datetime};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use crate::demo::DemoError;
use crate::demo::family::{Family, Kin, Member};
use crate::demo::folder::Folder;
use crate::demo::heard::Heard;
use crate::demo::inbox::{Inbox, Mail};
use crate::demo::line::Line;
use crate::demo::papers;
use crate::demo::request::{Request, send};
use crate::demo::stage::Stage;
use crate::demo::words::Script;
use crate::domain::party::{PartyId, bundled_zone};
use crate::domain::region::Region;
use crate::rpc::proto::cases::v1::case_service_client::CaseServiceClient;
use crate::rpc::proto::cases::v1::{Case, GetCaseRequest};
use crate::rpc::proto::operations::v1::GetStatusRequest;
use crate::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;
use crate::rpc::proto::types::v1::Receipt;

/// The hop of the decision, which the akimat has to take in: ten working days.
pub(super) const DECIDED: &str = "K21B-05";
/// The hop with which the akimat sends the decision on: three working days.
pub(super) const OWED: &str = "K21B-06";

/// Who goes silent.
pub(super) const SILENT: &str = "akimat-kz-55";
/// The other parties of the case, and the body that is told of breaches.
pub(super) const MISSION: &str = "mission-uz";
pub(super) const COMMITTEE: &str = "migration-committee";
pub(super) const COMMISSION: &str = "commission-kz-55";
pub(super) const QUALITY: &str = "quality-body";

/// When the family files and the mission sends its application on, where the akimat sits.
const FILED: DateTime = datetime(2023, 4, 3, 11, 0, 0, 0);
/// When the akimat's system takes its mail for the last time.
pub(super) const GONE: DateTime = datetime(2023, 4, 10, 14, 0, 0, 0);
/// When the commission decides.
pub(super) const DECISION: DateTime = datetime(2023, 4, 10, 15, 0, 0, 0);
/// When the akimat's system is back.
pub(super) const BACK: DateTime = datetime(2023, 4, 21, 11, 0, 0, 0);
/// When the akimat sends the decision on.
const SENT: DateTime = datetime(2023, 4, 21, 11, 30, 0, 0);

/// What came of the chapter.
pub(super) struct Played {
    /// The case at the end, with all that was said of it.
    pub(super) case: Case,
    /// What each party found in its inbox.
    pub(super) heard: BTreeMap<String, Heard>,
    /// Notices that lay in the akimat's inbox when it came back.
    pub(super) waited: usize,
}

/// When the clock of the chapter starts.
pub(super) fn start() -> Result<Timestamp, DemoError> {
    at(datetime(2023, 4, 3, 9, 0, 0, 0))
}

/// An instant by the clock on the akimat's wall.
fn at(time: DateTime) -> Result<Timestamp, DemoError> {
    let zone = bundled_zone("Asia/Almaty");
    Ok(zone.map_err(|_| DemoError::NoParty("Asia/Almaty".to_owned()))?.to_timestamp(time)?)
}

/// Plays it.
pub(super) async fn play(stage: &Stage) -> Result<Played, DemoError> {
    let mut office = Offices::open(stage).await?;
    let (case_id, folder) = office.up_to_the_commission().await?;
    office.go_silent().await?;
    office.decide(&case_id, &folder).await?;
    office.wait().await?;
    let waited = office.come_back(&case_id).await?;
    let heard = office.hear().await?;
    let case = office.case(case_id).await?;
    Ok(Played { case, heard, waited })
}

/// The systems of the parties.
struct Offices<'s> {
    stage: &'s Stage,
    lines: BTreeMap<&'static str, Line>,
    inboxes: BTreeMap<&'static str, Inbox>,
    heard: BTreeMap<String, Heard>,
    operator: Line,
}

impl<'s> Offices<'s> {
    async fn open(stage: &'s Stage) -> Result<Self, DemoError> {
        let operator = Line::connect(stage, stage.party("operator")?).await?;
        let (mut lines, mut inboxes) = (BTreeMap::new(), BTreeMap::new());
        for party in [MISSION, COMMITTEE, SILENT, COMMISSION, QUALITY] {
            let line = Line::connect(stage, stage.party(party)?).await?;
            inboxes.insert(party, Inbox::open(&line).await?);
            lines.insert(party, line);
        }
        Ok(Self { stage, lines, inboxes, heard: BTreeMap::new(), operator })
    }

    /// The usual way of an application, each act in its term.
    async fn up_to_the_commission(&mut self) -> Result<(String, Folder), DemoError> {
        let family = family()?;
        self.stage.advance(at(FILED)?).await?;
        let submit = Request::submit(id(), papers::application(&family));
        let case_id = self.act(MISSION, submit).await?.case_id;
        self.take(COMMITTEE, 1).await?;
        let cover = |hop| papers::cover(&family.file, hop, date(2023, 4, 4));
        self.stage.advance(at(datetime(2023, 4, 4, 10, 0, 0, 0))?).await?;
        let forward = Request::forward_application(id(), case_id.clone(), cover("K21B-03"));
        self.act(COMMITTEE, forward).await?;
        self.take(SILENT, 1).await?;
        self.stage.advance(at(datetime(2023, 4, 4, 11, 0, 0, 0))?).await?;
        self.act(SILENT, Request::refer(id(), case_id.clone(), cover("K21B-04"))).await?;
        self.stage.advance(at(datetime(2023, 4, 5, 10, 0, 0, 0))?).await?;
        let mut folder = Folder::default();
        let mail = self.take(COMMISSION, 1).await?;
        mail.letters.into_iter().for_each(|(delivery, _)| folder.add(delivery));
        Ok((case_id, folder))
    }

    /// The akimat's system goes away. The bus has seen it until now.
    async fn go_silent(&mut self) -> Result<(), DemoError> {
        self.stage.advance(at(GONE)?).await?;
        self.stage.look().await?;
        match self.inboxes.remove(SILENT) {
            Some(inbox) => inbox.close().await,
            None => Ok(()),
        }
    }

    /// The commission decides: the akimat has a delivery to take and an act to do.
    async fn decide(&mut self, case_id: &str, folder: &Folder) -> Result<(), DemoError> {
        self.stage.advance(at(DECISION)?).await?;
        let lacks = || self.operator.lacks("the papers to decide on");
        let number = "KZ-55/1".to_owned();
        let decision = folder.decide_consent(number, DECISION.date(), Some(at(SENT)?));
        let decision = Request::consent(id(), case_id.to_owned(), decision.ok_or_else(lacks)?);
        self.act(COMMISSION, decision).await?;
        Ok(())
    }

    /// The clock moves on, an hour at a time; nobody does anything.
    async fn wait(&mut self) -> Result<(), DemoError> {
        while self.stage.now() < at(BACK)? {
            self.stage.advance(self.stage.now().checked_add(1.hour())?).await?;
            self.stage.look().await?;
        }
        Ok(())
    }

    /// The akimat's system comes back, takes what waits, and the akimat does what it owes. How many
    /// notices had waited for it.
    async fn come_back(&mut self, case_id: &str) -> Result<usize, DemoError> {
        let inbox = Inbox::open(self.line(SILENT)?).await?;
        self.inboxes.insert(SILENT, inbox);
        let waiting = self.waiting(SILENT).await?;
        let waited = self.empty(SILENT, waiting).await?.notices.len();
        self.stage.advance(at(SENT)?).await?;
        let cover = papers::cover("ҮЛГІ-0001", OWED, SENT.date());
        self.act(SILENT, Request::send_consent(id(), case_id.to_owned(), cover)).await?;
        Ok(waited)
    }

    /// Lets everybody empty the inbox.
    async fn hear(&mut self) -> Result<BTreeMap<String, Heard>, DemoError> {
        for party in [MISSION, COMMITTEE, SILENT, COMMISSION, QUALITY] {
            let waiting = self.waiting(party).await?;
            self.empty(party, waiting).await?;
        }
        Ok(std::mem::take(&mut self.heard))
    }

    async fn case(&self, case_id: String) -> Result<Case, DemoError> {
        self.stage.settle().await;
        let mut stub = CaseServiceClient::new(self.operator.channel());
        let asked = stub.get_case(GetCaseRequest { case_id });
        let answer = self.operator.ask("the case", asked).await?.into_inner();
        answer.case.ok_or_else(|| self.operator.lacks("the case"))
    }

    async fn act(&self, party: &str, request: Request) -> Result<Receipt, DemoError> {
        send(self.line(party)?, request).await
    }

    /// How much waits for a party.
    async fn waiting(&self, party: &str) -> Result<usize, DemoError> {
        self.stage.settle().await;
        let mut stub = OperationsServiceClient::new(self.operator.channel());
        let asked = stub.get_status(GetStatusRequest {});
        let loads = self.operator.ask("what waits", asked).await?.into_inner().parties;
        let load = loads.iter().find(|load| load.party_id == party);
        Ok(load.map_or(0, |load| usize::try_from(load.queued_deliveries).unwrap_or(0)))
    }

    async fn take(&mut self, party: &str, count: usize) -> Result<Mail, DemoError> {
        let mail = self.inbox(party)?.take(count, false).await?;
        self.heard.entry(party.to_owned()).or_default().add(&mail.notices);
        Ok(mail)
    }

    async fn empty(&mut self, party: &str, count: usize) -> Result<Mail, DemoError> {
        let mail = self.inbox(party)?.empty(count).await?;
        self.heard.entry(party.to_owned()).or_default().add(&mail.notices);
        Ok(mail)
    }

    fn inbox(&mut self, party: &str) -> Result<&mut Inbox, DemoError> {
        self.inboxes.get_mut(party).ok_or_else(|| DemoError::NoParty(party.to_owned()))
    }

    fn line(&self, party: &str) -> Result<&Line, DemoError> {
        self.lines.get(party).ok_or_else(|| DemoError::NoParty(party.to_owned()))
    }
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

/// The family, made up.
fn family() -> Result<Family, DemoError> {
    let member = |place: usize, kin, born_on| Member {
        given_name: Script::Kazakh.given_name(place),
        born_on,
        kin,
    };
    let mission: Result<PartyId, _> = MISSION.parse();
    let region = Region::from_number(55);
    Ok(Family {
        file: "ҮЛГІ-0001".to_owned(),
        script: Script::Kazakh,
        surname: Script::Kazakh.surname(0, 1),
        mission: mission.map_err(|_| DemoError::NoParty(MISSION.to_owned()))?,
        country: "UZ",
        region: region.ok_or_else(|| DemoError::NoParty(SILENT.to_owned()))?,
        filed_at: at(FILED)?,
        filed_on: FILED.date(),
        members: vec![
            member(1, Kin::Applicant, date(1984, 5, 17)),
            member(2, Kin::Spouse, date(1986, 9, 2)),
            member(3, Kin::Child, date(2011, 2, 25)),
        ],
        papers_agree: true,
    })
}
