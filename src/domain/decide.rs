//! What happens when a party asks: an event, or a rejection. Pure, so a journal and a seed replay
//! any decision.

mod effects;
mod erase;
mod facts;
mod held;
mod intake;
mod places;
mod recount;
mod seats;
mod signed;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use self::effects::{Effects, Step};
use super::act::{Act, Actor, States};
use super::calendar::Calendar;
use super::case::{Case, HopRun, HopState, MAX_RUNS};
use super::command::{ActFacts, CaseAct, Command, SetQuota};
use super::event::{ActRecorded, DeliveryAcknowledged, HoldingExpired, HopOpened, QuotaSet};
use super::ids::{ProcedureId, ProcedureKey, Sequence};
use super::party::{PartyNumber, Role};
use super::procedure::{Hop, Procedure, Trigger};
use super::quota::{Ledger, WhenUnset};
use super::rejection::{OpenHop, Rejection};
use super::roster::Roster;

pub use erase::erase;
pub use held::{hold, resolve_held};
pub use recount::recount;

/// The procedures of this bus.
pub type Procedures = BTreeMap<ProcedureKey, Procedure>;

/// What a decision is made against, besides the case.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The working days.
    pub calendar: &'a Calendar,
    /// Who is who.
    pub roster: &'a Roster,
    /// The law.
    pub procedures: &'a Procedures,
    /// The quotas and who was included before.
    pub ledger: &'a dyn Ledger,
    /// What a quota means that nobody has set.
    pub when_unset: WhenUnset,
}

/// How far ahead of the bus's clock a sender's may run before its times are refused.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// Runs of a case that are kept for what is owed. Only a branch leads back to an earlier hop, as a
/// hearing that is put off does, so a case that no branch fills beyond them comes to its end.
const RUNS_FOR_OBLIGATIONS: usize = 32;

/// Decides on an act: the first of a case, or a later one.
///
/// # Errors
/// A [`Rejection`], which changes nothing.
pub fn decide(
    case: Option<&Case>,
    command: &Command,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    match (&command.act, case) {
        (CaseAct::Submit(submission), None) => intake::submit(command, submission, context),
        (CaseAct::Submit(submission), Some(case)) if takes_part(case, command.author, context) => {
            Err(out_of_order(case, submission.act))
        }
        (CaseAct::Submit(_), Some(_)) => Err(Rejection::CaseNotVisible),
        (CaseAct::Continue(..), None) => Err(Rejection::CaseNotVisible),
        (CaseAct::Continue(act, facts), Some(case)) => proceed(case, command, *act, facts, context),
    }
}

/// Decides on a receiver's acknowledgement of the delivery of an act. A system that acts for
/// several of its receivers takes its own delivery first, then one of the others each time.
///
/// # Errors
/// [`Rejection::DeliveryUnknown`] if the party was not sent it or has acknowledged it before;
/// the caller answers a repeat from the case.
pub fn acknowledge(
    case: Option<&Case>,
    delivery: Sequence,
    by: PartyNumber,
    context: Context<'_>,
) -> Result<DeliveryAcknowledged, Rejection> {
    let unknown = Rejection::DeliveryUnknown(delivery);
    let case = case.ok_or(unknown.clone())?;
    let awaited = || case.awaited(delivery);
    let own = awaited().find(|to| *to == by);
    let to = own.or_else(|| awaited().find(|to| context.roster.may_act_for(by, *to)));
    let to = to.ok_or(unknown)?;
    let opened = opened_by_receipt(case, delivery, to, context)?;
    Ok(DeliveryAcknowledged { case: case.id, delivery, by: to, opened })
}

/// The hops that a party's receipt of a delivery opens now.
fn opened_by_receipt(
    case: &Case,
    delivery: Sequence,
    to: PartyNumber,
    context: Context<'_>,
) -> Result<Vec<HopOpened>, Rejection> {
    let procedure = procedure_of(case, context)?;
    let arrived = case.hops.iter().filter(|run| run.is_carried_to(delivery, to));
    let arrived: Vec<_> = arrived.map(|run| run.hop).collect();
    let step = Step::of_case(case, procedure, to, not_before_filing(case, context.now));
    step.opened(&arrived, Trigger::Received, context)
}

/// Decides on a quota that the authorised body sets.
///
/// # Errors
/// [`Rejection::QuotaBelowTaken`] for a limit below what cases hold and have taken.
pub fn set_quota(asked: &SetQuota, context: Context<'_>) -> Result<QuotaSet, Rejection> {
    let SetQuota { author, request, fingerprint, key, persons, basis } = asked;
    let used = context.ledger.quota(*key).used();
    if *persons < used {
        return Err(Rejection::QuotaBelowTaken { key: *key, used, asked: *persons });
    }
    Ok(QuotaSet {
        key: *key,
        persons: *persons,
        author: *author,
        request: *request,
        fingerprint: *fingerprint,
        basis: basis.clone(),
    })
}

/// The end of the places that a case's consent held, once their last day has passed where the
/// akimat sits; none while they stand.
pub fn expire(case: &Case, context: Context<'_>) -> Option<HoldingExpired> {
    let holding = case.holding.filter(|holding| !holding.taken)?;
    let provider = case.participant(Actor::Role(Role::Akimat))?;
    let today = context.roster.zone(provider).to_datetime(context.now).date();
    (today > holding.until?).then_some(HoldingExpired { case: case.id, holding })
}

/// The edition of a procedure that applies to an application of this day: of those whose
/// publication is configured the newest in force; where none is configured, the newest there is.
pub fn edition_on<'a>(
    procedures: &'a Procedures,
    procedure: &ProcedureId,
    filed_on: Date,
) -> Option<&'a Procedure> {
    let editions = || procedures.values().filter(|each| each.key().procedure == *procedure);
    let is_dated = editions().any(|each| each.in_force_from().is_some());
    let applies =
        |each: &&Procedure| !is_dated || each.in_force_from().is_some_and(|from| from <= filed_on);
    editions().filter(applies).max_by_key(|each| (each.in_force_from(), each.key()))
}

fn proceed(
    case: &Case,
    command: &Command,
    act: Act,
    facts: &ActFacts,
    context: Context<'_>,
) -> Result<ActRecorded, Rejection> {
    if !takes_part(case, command.author, context) {
        return Err(Rejection::CaseNotVisible);
    }
    if let Some(erased) = case.papers.erased() {
        return Err(erase::refusal(erased));
    }
    let procedure = procedure_of(case, context)?;
    let run = expected(case, procedure, command, act, context)?;
    let hop = procedure.hop(run.hop).ok_or_else(|| out_of_order(case, act))?;
    let checked = facts::check(case, procedure, run, facts, context)?;
    let signature = signed::admitted(&command.signature, run, command.author, context)?;
    let holding = places::change(case, procedure, act, checked.decision.as_ref(), context)?;
    let counts_from = not_before_filing(case, checked.counts_from);
    let mut step = Step::of_case(case, procedure, run.holder, counts_from);
    if let Some(decision) = &checked.decision {
        step.outcome = Some(decision.outcome);
    }
    let effects = step.effects(hop, None, run.due.as_ref(), context)?;
    check_runs(case, hop, &effects)?;
    let Effects { opened, also, closed, deliveries, service } = effects;
    Ok(ActRecorded {
        case: case.id,
        author: command.author,
        request: command.request,
        fingerprint: command.fingerprint,
        hop: hop.id,
        act,
        discharged_at: checked.discharged_at,
        decision: checked.decision,
        arrived_persons: checked.arrived_persons,
        hearing_at: checked.hearing_at,
        opening: None,
        service,
        opened,
        also,
        closed,
        deliveries,
        holding,
        signature,
        body: command.body.clone(),
    })
}

/// A case cannot hold without end what happened in it.
fn check_runs(case: &Case, hop: &Hop, effects: &Effects) -> Result<(), Rejection> {
    let runs = case.hops.len() + effects.opened.len();
    if hop.branch.is_some() && runs > MAX_RUNS - RUNS_FOR_OBLIGATIONS {
        let rule = "names a case that has come back to this step too often; only what is owed in it is taken";
        return Err(Rejection::Field { field: "case_id", rule });
    }
    Ok(())
}

/// The open hop that the act would discharge.
fn expected<'a>(
    case: &'a Case,
    procedure: &Procedure,
    command: &Command,
    act: Act,
    context: Context<'_>,
) -> Result<&'a HopRun, Rejection> {
    let acts_for = |party: PartyNumber| context.roster.may_act_for(command.author, party);
    // A hop that is recorded with another is done by that one's act, never by its own.
    let by_itself =
        |run: &HopRun| procedure.hop(run.hop).is_some_and(|hop| hop.recorded_with.is_none());
    let is_expected = |run: &&HopRun| {
        run.state == HopState::Open && run.act == act && acts_for(run.holder) && by_itself(run)
    };
    if let Some(run) = case.hops.iter().find(is_expected) {
        return Ok(run);
    }
    let seated = |hop: &Hop| {
        let mut seats = hop.recorders().into_iter().filter_map(|actor| case.participant(actor));
        seats.any(acts_for)
    };
    let own = |hop: &&Hop| hop.act.states() == act.states() && seated(hop);
    let instead = procedure.hops().iter().find(own);
    let mut of_edition = procedure.hops().iter().filter(|hop| hop.act == act).peekable();
    let is_known = of_edition.peek().is_some();
    // Who only recommends is told so, not that the decision is out of order.
    let decides_otherwise =
        act.states() == States::Decision && instead.is_some() && !of_edition.any(seated);
    if is_known && !decides_otherwise {
        return Err(out_of_order(case, act));
    }
    Err(act_not_of_edition(procedure, act, instead))
}

fn act_not_of_edition(procedure: &Procedure, act: Act, instead: Option<&Hop>) -> Rejection {
    let instead = match instead {
        Some(hop) => format!("it has {} ({})", hop.act, hop.citation),
        None => "see the hops of the procedure".to_owned(),
    };
    Rejection::ActNotOfEdition { procedure: procedure.key().clone(), act, instead }
}

/// An instant from which a term counts, but none before the filing counts: what was filed at night
/// counts from the next working day, for whoever passes it on or receives it that night too.
fn not_before_filing(case: &Case, at: Timestamp) -> Timestamp {
    case.service.first().map_or(at, |clock| clock.opened_at.max(at))
}

/// Whether the party, or one it acts for, is of the case.
fn takes_part(case: &Case, party: PartyNumber, context: Context<'_>) -> bool {
    let mut participants = case.participants.iter();
    participants.any(|(_, participant)| context.roster.may_act_for(party, *participant))
}

fn procedure_of<'a>(case: &Case, context: Context<'a>) -> Result<&'a Procedure, Rejection> {
    let unknown = || Rejection::ProcedureUnknown(case.procedure.clone());
    context.procedures.get(&case.procedure).ok_or_else(unknown)
}

fn out_of_order(case: &Case, act: Act) -> Rejection {
    let open = case.hops.iter().filter_map(|run| {
        let (holder, awaiting_receipt) = match &run.state {
            HopState::Open => (run.holder, false),
            HopState::Carried { to, .. } => (*to, true),
            HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. } => {
                return None;
            }
        };
        let due_at = run.due.as_ref().map(|due| due.instant);
        let (hop, act, from) = (run.hop, run.act, run.from);
        Some(OpenHop { hop, act, from, holder, due_at, awaiting_receipt })
    });
    Rejection::OutOfOrder { act, open: open.collect() }
}

#[cfg(test)]
pub(in crate::domain) mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::act::Basis;
    use crate::domain::calendar::{CalendarBuilder, CalendarVersion};
    use crate::domain::case::CopyRun;
    use crate::domain::confidential::Papers;
    use crate::domain::event::PartyEnrolled;
    use crate::domain::ids::CaseId;
    use crate::domain::party::{IdentityUri, Names, Parties, Party, bundled_zone};
    use crate::domain::procedure::tests::{draft, sound};
    use crate::domain::quota::{IdentityHash, Quota, QuotaKey, Standing};

    /// The editions of the sample procedure with the days of their publication.
    fn editions(published: &[(&str, Option<Date>)]) -> Procedures {
        let edition = |(edition, published): &(&str, Option<Date>)| {
            let procedure = Procedure::new(draft(edition, sound())).unwrap();
            let procedure = match published {
                Some(day) => procedure.with_publication(*day),
                None => procedure,
            };
            (procedure.key().clone(), procedure)
        };
        published.iter().map(edition).collect()
    }

    fn applies(editions: &Procedures, filed_on: Date) -> Option<String> {
        let found = edition_on(editions, &"sample".parse().unwrap(), filed_on);
        found.map(|procedure| procedure.key().edition.to_string())
    }

    #[test]
    fn without_a_publication_the_newest_edition_applies_to_every_day() {
        let editions = editions(&[("2021", None), ("2024", None)]);
        for day in [date(2016, 1, 15), date(2026, 1, 1)] {
            assert_eq!(applies(&editions, day).as_deref(), Some("2024"));
        }
        assert_eq!(edition_on(&editions, &"other".parse().unwrap(), date(2026, 1, 1)), None);
    }

    #[test]
    fn an_edition_applies_from_its_eleventh_day_to_the_day_before_the_next_one_does() {
        let published = [
            ("2021", Some(date(2021, 8, 20))),
            ("2024", Some(date(2024, 6, 13))),
            ("2025", Some(date(2025, 10, 14))),
        ];
        let editions = editions(&published);
        for (day, edition) in [
            (date(2021, 8, 30), None),
            (date(2021, 8, 31), Some("2021")),
            (date(2024, 6, 23), Some("2021")),
            (date(2024, 6, 24), Some("2024")),
            (date(2025, 10, 24), Some("2024")),
            (date(2025, 10, 25), Some("2025")),
        ] {
            assert_eq!(applies(&editions, day).as_deref(), edition, "{day}");
        }
    }

    #[test]
    fn an_edition_without_a_publication_does_not_apply_beside_one_that_has_it() {
        let editions = editions(&[("2021", Some(date(2021, 8, 20))), ("2024", None)]);
        assert_eq!(applies(&editions, date(2026, 1, 1)).as_deref(), Some("2021"));
    }

    struct NoLedger;

    impl Ledger for NoLedger {
        fn quota(&self, _: QuotaKey) -> Quota {
            Quota::default()
        }

        fn earlier(&self, _: IdentityHash, _: Standing) -> Option<CaseId> {
            None
        }
    }

    /// A committee, and a commission and the akimat that acts for it.
    pub fn roster() -> Roster {
        let party = |id: &str, role: Role, acts_for: &[&str]| {
            let party = id.parse().unwrap();
            Party {
                identities: vec![IdentityUri::of(&party)],
                certificates: Vec::new(),
                bins: Vec::new(),
                id: party,
                role,
                region: role.is_regional().then(|| "KZ-55".parse().unwrap()),
                names: Names { kk: id.into(), ru: id.into(), en: id.into() },
                zone: bundled_zone("Asia/Almaty").unwrap(),
                supervisor: None,
                acts_for: acts_for.iter().map(|id| id.parse().unwrap()).collect(),
            }
        };
        let parties = vec![
            party("commission", Role::Commission, &[]),
            party("akimat", Role::Akimat, &["commission"]),
            party("committee", Role::MigrationBody, &[]),
        ];
        let enrolled = (1..).zip(["commission", "akimat", "committee"]).map(|(number, id)| {
            PartyEnrolled { number: PartyNumber(number), party: id.parse().unwrap() }
        });
        Roster::new(Parties::new(parties).unwrap(), enrolled)
    }

    /// A case whose first act went to the commission and to the akimat as well.
    pub fn case_of_sample() -> Case {
        let copy = |to| CopyRun {
            delivery: Sequence(5),
            hop: "SAMPLE-01".parse().unwrap(),
            to: PartyNumber(to),
            order: Timestamp::UNIX_EPOCH,
            stage: false,
            held: None,
            received: None,
        };
        Case {
            id: CaseId([1; 16]),
            procedure: draft("1", sound()).key,
            region: "KZ-55".parse().unwrap(),
            departure: None,
            channel: Role::ForeignMission,
            basis: Basis::Ordinary,
            persons: 1,
            applicant: None,
            concerns: None,
            participants: vec![(Actor::Channel, PartyNumber(3))],
            consent: None,
            arrived_persons: None,
            decision: None,
            last_outcome: None,
            hearing_at: None,
            holding: None,
            service: Vec::new(),
            hops: Vec::new(),
            copies: vec![copy(1), copy(2)],
            papers: Papers::Plain(None),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    pub fn editions_of(procedure: Procedure) -> Procedures {
        Procedures::from([(procedure.key().clone(), procedure)])
    }

    pub fn context_of<'a>(
        calendar: &'a Calendar,
        roster: &'a Roster,
        procedures: &'a Procedures,
    ) -> Context<'a> {
        let (ledger, when_unset) = (&NoLedger, WhenUnset::Refuse);
        let now = "2026-03-20T10:00:00Z".parse().unwrap();
        Context { now, calendar, roster, procedures, ledger, when_unset }
    }

    #[test]
    fn who_acts_for_another_takes_its_own_delivery_first() {
        let version = CalendarVersion::parse("test-1").unwrap();
        let calendar = CalendarBuilder::new(version, date(2026, 1, 1), date(2026, 12, 31));
        let (calendar, roster) = (calendar.unwrap().build(), roster());
        let procedures = editions(&[("1", None)]);
        let context = context_of(&calendar, &roster, &procedures);
        let (commission, akimat) = (PartyNumber(1), PartyNumber(2));
        let mut case = case_of_sample();
        let mut taken = Vec::new();
        for record in 6..8 {
            let event = acknowledge(Some(&case), Sequence(5), akimat, context).unwrap();
            taken.push(event.by);
            case.apply_acknowledged(&event, Sequence(record), context.now);
        }
        assert_eq!(taken, [akimat, commission]);
        let unknown = Err(Rejection::DeliveryUnknown(Sequence(5)));
        assert_eq!(acknowledge(Some(&case), Sequence(5), akimat, context), unknown);
    }
}
