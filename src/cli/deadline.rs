//! `kopir deadline`: when a hop is due, and how that was counted, so that it can be recounted.

use anyhow::anyhow;
use clap::Args;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::law::{self, TermView};
use super::output::{Failure, note, print, print_json};
use crate::domain::act::Actor;
use crate::domain::calendar::{Calendar, Certainty};
use crate::domain::party::Role;
use crate::domain::procedure::{Hop, Procedure, ServiceTerm};
use crate::domain::term::{
    CountMode, Due, Explanation, SkippedDay, Term, bundled_zone, due, explain,
};
use crate::procedures::calendar::kazakhstan;

/// Where the authorised body and the akimats are.
pub(super) const HOME_ZONE: &str = "Asia/Almaty";

/// Count when a hop is due, and tell how
///
/// The answer names the last day of the term, the instant at which that day ends where the acting
/// party sits, the rule, the paragraph of law, the revision of the calendar, and each day off that
/// the count passed over. A due date that rests on a day only estimated so far is marked.
///
/// An application that a round-the-clock channel took in outside working time counts from the next
/// working day: give that day. A hop that is due before the end of the service needs the
/// day on which the service started as well.
///
/// Examples:
///
///   kopir deadline --procedure kandas-mission --edition 2021 --hop K21B-03 --from 2021-09-06
///   kopir deadline --procedure kandas-mission --hop K21B-08 \
///       --from 2021-10-12T10:00:00+05:00 --zone Asia/Tashkent --json
///   kopir deadline --procedure kandas --edition 2024 --hop K24-16 \
///       --from 2024-09-18 --service-from 2024-09-03
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct DeadlineArgs {
    /// The procedure, as `kopir procedure list` names it
    #[arg(long)]
    procedure: String,
    /// The wording of the law; may be left out while there is only one
    #[arg(long)]
    edition: Option<String>,
    /// The hop, as `kopir procedure show` names it
    #[arg(long)]
    hop: String,
    /// When the event that opens the hop happened: an instant by RFC 3339, or a date
    ///
    /// A date stands for its noon in the zone.
    #[arg(long, value_name = "INSTANT|DATE")]
    from: String,
    /// When the service started, for a hop that is due before its end: an instant or a date
    ///
    /// It is the day of the act that `kopir procedure show` names with the service.
    #[arg(long, value_name = "INSTANT|DATE")]
    service_from: Option<String>,
    /// The time zone of the party that must act [default: Asia/Almaty]
    ///
    /// The day of the event is taken in this zone, and the term ends at 24:00 in it. Give the
    /// mission's own for a hop of a foreign mission.
    #[arg(long)]
    zone: Option<String>,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DeadlineArgs) -> Result<(), Failure> {
    let procedures = law::load()?;
    let procedure = law::find(&procedures, &args.procedure, args.edition.as_deref())?;
    let hop = law::find_hop(procedure, &args.hop)?;
    let zone_name = args.zone.as_deref().unwrap_or(HOME_ZONE);
    let zone = bundled_zone(zone_name).map_err(|why| Failure::usage(anyhow!("--zone: {why}")))?;
    let opened = opened("--from", &args.from, &zone)?;
    let calendar = kazakhstan().map_err(Failure::failed)?;
    let service = service(procedure, hop, args.service_from.as_deref(), &zone, &calendar)?;
    let answer = Answer { procedure, hop, zone: &zone, opened, service, told: None };
    let answer = Answer { told: answer.explain(&calendar)?, ..answer };
    if hop.from.contains(&Actor::Role(Role::ForeignMission)) && args.zone.is_none() {
        note(format_args!(
            "note: {} is a hop of a foreign mission, counted in {HOME_ZONE}; \
             --zone counts it where the mission is",
            hop.id
        ));
    }
    if args.json { print_json(&answer.view()) } else { print(answer.text()) }
}

/// When the service is due: for a hop that is due before that, and for no other.
fn service<'p>(
    procedure: &'p Procedure,
    hop: &Hop,
    from: Option<&str>,
    zone: &TimeZone,
    calendar: &Calendar,
) -> Result<Option<Service<'p>>, Failure> {
    let Term::BeforeServiceEnd(_) = hop.term else {
        return match from {
            None => Ok(None),
            Some(_) => Err(Failure::usage(anyhow!(
                "--service-from: {} is not due before the end of the service; leave it out",
                hop.id
            ))),
        };
    };
    let starts: Vec<_> = procedure.service().iter().map(|each| each.starts_with).collect();
    let starts = law::list(starts.iter());
    let from = from.ok_or_else(|| {
        Failure::usage(anyhow!(
            "{} is due before the end of the service; give the day on which that started \
             ({starts}) with --service-from",
            hop.id
        ))
    })?;
    let opened = opened("--service-from", from, zone)?;
    let mut found: Option<Service<'p>> = None;
    for term in procedure.service() {
        let counting = procedure.counting();
        let due = due(term.term, CountMode::From, counting, opened, zone, calendar, None);
        // Where several terms bind the service, the one that ends first does.
        if let Some(Due { date, estimated, .. }) = due.map_err(Failure::usage)?
            && found.as_ref().is_none_or(|found| date < found.due)
        {
            found = Some(Service { term, opened, due: date, estimated });
        }
    }
    Ok(found)
}

/// The clock of the service, before whose end a hop is due.
struct Service<'p> {
    term: &'p ServiceTerm,
    opened: Timestamp,
    due: Date,
    estimated: bool,
}

/// A question with its answer.
struct Answer<'a> {
    procedure: &'a Procedure,
    hop: &'a Hop,
    zone: &'a TimeZone,
    opened: Timestamp,
    service: Option<Service<'a>>,
    /// None for a hop without a term.
    told: Option<Explanation>,
}

#[derive(Serialize)]
struct DeadlineView<'a> {
    procedure: &'a str,
    edition: &'a str,
    hop: &'a str,
    from: String,
    zone: &'a str,
    term: TermView,
    /// The last day of the term.
    due_date: Option<String>,
    /// The end of that day: the first instant that is too late.
    due_time: Option<String>,
    rule: Option<&'a str>,
    citation: &'a str,
    source: &'static str,
    calendar: Option<&'a str>,
    estimated: Option<bool>,
    skipped: Vec<SkippedView>,
    /// The clock of the service, where the hop is due before its end.
    service: Option<ServiceView<'a>>,
}

#[derive(Serialize)]
struct ServiceView<'a> {
    from: String,
    term: TermView,
    due_date: String,
    citation: &'a str,
}

#[derive(Serialize)]
struct SkippedView {
    date: String,
    why: String,
    estimated: bool,
}

impl SkippedView {
    fn new(SkippedDay { date, why, certainty }: &SkippedDay) -> Self {
        Self {
            date: date.to_string(),
            why: why.to_string(),
            estimated: *certainty == Certainty::Estimated,
        }
    }
}

impl<'a> Answer<'a> {
    fn explain(&self, calendar: &Calendar) -> Result<Option<Explanation>, Failure> {
        let Hop { term, count, .. } = *self.hop;
        let counting = self.procedure.counting();
        let service = self.service.as_ref().map(|service| service.due);
        explain(term, count, counting, self.opened, self.zone, calendar, service)
            .map_err(Failure::usage)
    }

    fn view(&'a self) -> DeadlineView<'a> {
        let key = self.procedure.key();
        let told = self.told.as_ref();
        let due = told.map(|told| &told.due);
        DeadlineView {
            procedure: key.procedure.as_str(),
            edition: key.edition.as_str(),
            hop: self.hop.id.as_str(),
            from: self.local(self.opened),
            zone: self.zone.iana_name().unwrap_or_default(),
            term: TermView::new(self.hop.term, self.hop.count),
            due_date: due.map(|due| due.date.to_string()),
            due_time: due.map(|due| self.local(due.instant)),
            rule: told.map(|told| told.rule.as_str()),
            citation: &self.hop.citation,
            source: law::source(self.hop.source),
            calendar: due.map(|due| due.calendar.as_str()),
            estimated: due.map(|due| due.estimated || self.rests_on_an_estimated_service()),
            skipped: told
                .map(|told| told.skipped.iter().map(SkippedView::new).collect())
                .unwrap_or_default(),
            service: self.service.as_ref().map(|service| ServiceView {
                from: self.local(service.opened),
                term: TermView::new(service.term.term, CountMode::From),
                due_date: service.due.to_string(),
                citation: &service.term.citation,
            }),
        }
    }

    fn rests_on_an_estimated_service(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.estimated)
    }

    fn text(&self) -> String {
        let Hop { id, from, to, act, .. } = self.hop;
        let view = self.view();
        let (from, to) = (law::actors(from), law::actors(to));
        let head = format!("{} {id}: {act}, {from} to {to}\n", self.procedure.key());
        let mut rows = vec![("event", view.from)];
        if let Some(ServiceView { from, term, due_date, citation }) = view.service {
            let term = term.words();
            rows.push(("service", format!("due {due_date}, {term} from {from} ({citation})")));
        }
        match (view.due_date, view.due_time, view.rule) {
            (Some(date), Some(time), Some(rule)) => {
                rows.push(("due", format!("{date} at 24:00 in {}, which is {time}", view.zone)));
                rows.push(("rule", rule.to_owned()));
            }
            _ => rows.push(("due", "never: the law sets no term for this hop".into())),
        }
        if !self.hop.wording.is_empty() {
            rows.push(("law", format!("\"{}\"", self.hop.wording)));
        }
        rows.push(("citation", view.citation.to_owned()));
        rows.push((
            "source",
            match view.source {
                "assumed" => "assumed: a target of the bus, missing it is no breach of law".into(),
                source => source.to_owned(),
            },
        ));
        if let Some(calendar) = view.calendar {
            rows.push(("calendar", calendar.to_owned()));
        }
        for SkippedView { date, why, .. } in &view.skipped {
            rows.push(("skipped", format!("{date} {why}")));
        }
        if view.estimated == Some(true) {
            let days = view.skipped.iter().filter(|day| day.estimated);
            let days: Vec<_> = days.map(|day| day.date.as_str()).collect();
            // A working weekend may be estimated too, and that is not among the days skipped.
            let which = if days.is_empty() { "a day counted".to_owned() } else { days.join(", ") };
            let verb = if days.len() > 1 { "are" } else { "is" };
            let why = "not announced yet, so the due date may move";
            rows.push(("estimated", format!("{which} {verb} {why}")));
        }
        let rows = rows.into_iter().map(|(name, value)| format!("  {name:<10} {value}\n"));
        head + &rows.collect::<String>()
    }

    /// An instant with the offset of the zone, as RFC 3339 writes it.
    fn local(&self, instant: Timestamp) -> String {
        instant.display_with_offset(self.zone.to_offset(instant)).to_string()
    }
}

/// Reads the instant or the date of an option.
pub(super) fn opened(option: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    // The length tells a date from an instant that lacks its offset, of which the library would
    // take the date and drop the rest.
    let date = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
    let noon = |date: Date| date.to_datetime(Time::constant(12, 0, 0, 0)).to_zoned(zone.clone());
    let instant = match date {
        Some(date) => noon(date).ok().map(|noon: Zoned| noon.timestamp()),
        None => text.parse().ok(),
    };
    instant.ok_or_else(|| {
        Failure::usage(anyhow!(
            "{option}: {text:?} is neither an instant with its offset, such as \
             2021-09-06T10:00:00+06:00, nor a date, such as 2021-09-06"
        ))
    })
}
