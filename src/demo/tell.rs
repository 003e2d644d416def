//! The report for people: tables no wider than a terminal of a hundred columns, and plain sentences
//! around them.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets};

use super::counts::{Done, Refusals};
use super::family::FILING;
use super::heard::Heard;
use super::law::{EDITION, PROCEDURE};
use super::tally::{Count, HopUse, Totals};
use super::timeline::timeline;
use super::{DemoError, Findings, Pilot};
use crate::procedures;
use crate::rpc::proto::types::v1::{Act, PartyRole, Rung};

/// The widest line of a report, in columns.
const WIDTH: u16 = 100;

/// The whole report.
pub(super) fn report(findings: &Findings, differences: &[String]) -> Result<String, DemoError> {
    let sections = [
        heading(findings)?,
        totals(findings),
        hops(findings),
        timeline(findings),
        figures(findings),
        verdict(differences),
    ];
    let lines = sections.iter().flat_map(|section| section.lines().chain([""]));
    Ok(lines.map(|line| line.trim_end().to_owned() + "\n").collect())
}

fn heading(findings: &Findings) -> Result<String, DemoError> {
    let all = procedures::load()?;
    let ours = all
        .iter()
        .find(|(key, _)| key.procedure.as_str() == PROCEDURE && key.edition.as_str() == EDITION);
    let names = ours.map(|(_, procedure)| procedure.names());
    let names: Vec<_> =
        names.into_iter().flat_map(|names| [&names.kk, &names.ru, &names.en]).cloned().collect();
    let played = if findings.demo.pilot == Pilot::YEAR_2023 {
        "Köpir plays the pilot of 2023 again, at its true size, on a real bus."
    } else {
        "Köpir plays a pilot of another size than that of 2023, on a real bus."
    };
    let law = format!("Law: {}.", findings.law.summary.citation);
    let seed = findings.demo.seed;
    let about = format!(
        "Everybody in it is made up (seed {seed}). The families file from {} to {}; the last act is \
         done on {}. The figures below are the bus's answers when all was over.",
        FILING.0.strftime("%-d %B"),
        FILING.1.strftime("%-d %B %Y"),
        findings.played.ended_at.strftime("%-d %B %Y"),
    );
    Ok([played.to_owned(), names.join("\n"), wrap(&law), wrap(&about)].join("\n"))
}

fn totals(findings: &Findings) -> String {
    let Totals { submitted, approved, refused, included, .. } = findings.tally.totals;
    let at_letter = findings.played.at_letter;
    let letter = |count: Count| {
        if findings.demo.pilot == Pilot::YEAR_2023 { slash(count) } else { "-".to_owned() }
    };
    let told = Totals::expected(Pilot::YEAR_2023);
    let none = || "-".to_owned();
    let mut table = table(&["Families / persons", "On 3 May 2023", "At the end", "In the letter"]);
    for (what, may, end, letter) in [
        ("Applied", slash(at_letter.submitted), submitted, letter(told.submitted)),
        ("Approved, before entry", slash(at_letter.approved), approved, letter(told.approved)),
        ("Refused", slash(at_letter.refused), refused, none()),
        ("Included, after arrival", none(), included, none()),
    ] {
        table.add_row([Cell::new(what), number(may), number(slash(end)), number(letter)]);
    }
    let Refusals { doubtful, no_quota, both } = findings.played.refusals;
    let notes = format!(
        "Grounds of the refusals, as delivered to the missions: unreliable data {doubtful}, no \
         regional quota {no_quota}, both {both}. The letter is that of 3 May 2023 to the Mazhilis, \
         on DS-134. It does not report the arrivals: here every approved family arrives two to \
         eight weeks after its consent was handed over.",
    );
    format!("{table}\n{}", wrap(&notes))
}

fn hops(findings: &Findings) -> String {
    let heads = ["Hop", "Act", "From → to", "Term", "Source", "Acts", "Median", "Worst", "Late"];
    let mut table = table(&heads);
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    for hop in &findings.tally.hops {
        table.add_row(hop_row(hop));
    }
    let notes = "Median and worst are days of the term used, late the acts that missed it. ¶ is a \
                 paragraph of 002-EN A1, that is Annex 1 to Order No. 20. Where the law sets no \
                 term the bus assumes one and says so; missing that breaks no law.";
    format!("{table}\n{}", wrap(notes))
}

fn hop_row(hop: &HopUse) -> Vec<Cell> {
    let days = |days: Option<i32>| days.map_or_else(|| "-".to_owned(), |days| days.to_string());
    let paragraph = hop.hop.citation.rsplit(' ').next().unwrap_or_default();
    let assumed = if hop.is_assumed() { "assumed " } else { "" };
    let late = if hop.used_days.is_empty() { "-".to_owned() } else { hop.late.to_string() };
    vec![
        Cell::new(&hop.hop.hop),
        Cell::new(act_words(hop.hop.act())),
        Cell::new(format!("{} → {}", role_word(hop.hop.from_role()), role_word(hop.hop.to_role()))),
        Cell::new(hop.term()),
        Cell::new(format!("{assumed}{paragraph}")),
        number(hop.done),
        number(days(hop.median_days())),
        number(days(hop.worst_days())),
        number(late),
    ]
}

fn figures(findings: &Findings) -> String {
    let Done { acts: sent, repeated, receipts, redelivered, .. } = findings.played.done;
    let accepted = findings.tally.acts;
    let seconds = findings.replay_time.as_secs_f64();
    let rate = f64::from(u32::try_from(accepted).unwrap_or(u32::MAX)) / seconds.max(f64::EPSILON);
    let whole = findings.whole_time.as_secs_f64();
    let journal = findings.journal;
    let told = [
        format!("Acts accepted: {accepted}, of {sent} sent. Deliveries acknowledged: {receipts}."),
        format!(
            "Requests sent twice, as after a lost answer: {repeated}; each brought its first receipt, \
             no second act."
        ),
        format!(
            "Inbox streams were broken on purpose: {redelivered} deliveries came again, under the same id."
        ),
        notices(&findings.played.heard),
        format!(
            "Replay: {seconds:.1} s, {rate:.0} acts/s over mutual TLS, each synced before its \
             receipt left; with start and count {whole:.1} s."
        ),
        format!("Journal whole: {} records, head {}.", journal.records, journal.last_hash),
    ];
    told.map(|line| wrap(&line)).join("\n")
}

fn notices(heard: &Heard) -> String {
    let said = [
        (Rung::Half, "the middle day"),
        (Rung::DayBefore, "a day before"),
        (Rung::DueMorning, "the due day"),
        (Rung::Due, "a term that ran out"),
        (Rung::Overdue, "a day overdue"),
        (Rung::LateDischarge, "done late"),
        (Rung::Infeasible, "will not hold"),
    ];
    let said = said.map(|(rung, what)| format!("{what} {}", heard.count(rung)));
    let (notices, untaken) = (heard.notices, heard.untaken());
    format!(
        "Notices of running terms taken beside the acts: {notices}. Said: {}. Of the terms that ran \
         out, {untaken} did when the act was done and lay in its receiver's inbox.",
        said.join(", ")
    )
}

fn verdict(differences: &[String]) -> String {
    if differences.is_empty() {
        return "All totals are as expected, and the journal is whole.".to_owned();
    }
    let list = differences.iter().map(|difference| format!("\n  {difference}"));
    format!("This is not as it should be:{}", list.collect::<String>())
}

/// An empty table of the report's width.
pub(super) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(heads);
    table
}

/// A cell that stands to the right.
pub(super) fn number(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

fn slash(Count { families, persons }: Count) -> String {
    format!("{families} / {persons}")
}

/// A paragraph in lines that fit; a word longer than a line has one of its own.
pub(super) fn wrap(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= usize::from(WIDTH) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// An act in two or three words.
pub(super) fn act_words(act: Act) -> &'static str {
    match act {
        Act::FileApplication => "file application",
        Act::SubmitApplication => "submit application",
        Act::ForwardApplication => "forward application",
        Act::ReferToCommission => "refer to commission",
        Act::RecordConsentDecision => "decide on consent",
        Act::SendConsentDecision | Act::SendDecision => "send decision",
        Act::ForwardDecision => "forward decision",
        Act::HandOverDecision => "hand over decision",
        Act::RegisterArrival => "apply after arrival",
        Act::RecordInclusionDecision => "decide on inclusion",
        Act::HandOverInclusionDecision => "hand over inclusion",
        Act::QueryStateSystems => "query state systems",
        Act::AnswerQuery => "answer query",
        Act::QueryDigitalDocuments => "query digital papers",
        Act::AnswerDigitalDocuments => "answer digital papers",
        Act::RegisterApplication => "register application",
        Act::ConfirmAcceptance => "confirm acceptance",
        Act::RefuseToAccept => "refuse to accept",
        Act::CertifyCopies => "certify copies",
        Act::SendList => "send list",
        Act::RecordRecommendation => "recommend",
        Act::GivePreliminaryNotice => "give notice",
        Act::RecordObjection => "object",
        Act::RecordHearing => "hold hearing",
        Act::PostponeHearing => "postpone hearing",
        Act::RecordHearingOutcome => "settle hearing",
        Act::RecordDecision => "decide",
        Act::PublishResult => "publish result",
        Act::IssueCertificate => "issue certificate",
        Act::ReissueCertificate => "reissue certificate",
        Act::ReportStage => "report stage",
        Act::NotifyApplicant => "notify applicant",
        Act::RegisterComplaint => "register complaint",
        Act::AnswerComplaint => "answer complaint",
        Act::ExtendComplaint => "extend complaint",
        Act::NotifyExtension => "notify of extension",
        Act::RecordCourtAppeal => "appeal to court",
        Act::RegisterChange => "register change",
        Act::NotifyChange => "notify of change",
        Act::SendProposal => "send proposal",
        Act::PublishSettlementList => "publish settlements",
        Act::RecordArrival => "record arrival",
        Act::RecordServiceResult => "record result",
        Act::Unspecified => "-",
    }
}

fn role_word(role: PartyRole) -> &'static str {
    match role {
        PartyRole::Applicant => "family",
        PartyRole::ForeignMission => "mission",
        PartyRole::MigrationBody => "committee",
        PartyRole::Akimat => "akimat",
        PartyRole::Commission => "commission",
        PartyRole::Operator => "operator",
        PartyRole::EmploymentCommission => "employment commission",
        PartyRole::StateCorporation => "state corporation",
        PartyRole::EmploymentCentre => "employment centre",
        PartyRole::CareerCentre => "career centre",
        PartyRole::LabourMobilityCentre => "mobility centre",
        PartyRole::MigrationPortal => "migration portal",
        PartyRole::EgovPortal => "egov portal",
        PartyRole::MobileApp => "mobile app",
        PartyRole::AisKandas => "AIS Kandas",
        PartyRole::AisLabourMarket => "AIS labour market",
        PartyRole::EgovGateway => "egov gateway",
        PartyRole::DigitalDocuments => "digital documents",
        PartyRole::MonitoringSystem => "monitoring",
        PartyRole::LabourExchange => "labour exchange",
        PartyRole::RuralAkimat => "rural akimat",
        PartyRole::QualityBody => "quality body",
        PartyRole::AdaptationCentre => "adaptation centre",
        PartyRole::FrontOffice => "front office",
        PartyRole::ContactCentre => "contact centre",
        PartyRole::DepartureAkimat => "departure akimat",
        PartyRole::Channel => "channel",
        PartyRole::Internal => "internal",
        PartyRole::Unspecified => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_up_to_the_width() {
        let text = "Қандас ".repeat(40);
        let wrapped = wrap(&text);
        let widths: Vec<_> = wrapped.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [97, 97, 83]);
        assert_eq!(wrapped.replace('\n', " ") + " ", text);
    }

    #[test]
    fn a_difference_is_told() {
        let told = verdict(&["approved: 110 families".to_owned()]);
        assert!(told.starts_with("This is not as it should be:\n  approved: 110"), "{told}");
    }
}
