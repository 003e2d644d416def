//! Each rule of the forms: what breaks it, and what is told; and what a form without fault gives
//! the core.

mod acts;
mod decisions;
mod openings;
pub(super) mod samples;

use std::fmt::Debug;

use super::samples::{caller, now, roster};
use crate::domain::party::Role;
use crate::domain::{ActFacts, Decision, Ground, Outcome};
use crate::procedures;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::reason::Reason;
use crate::trust::applicants::ApplicantKey;

/// The check of a form.
type Check<M, F> = fn(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<F>;

/// One change to a form without fault, and the beginning of the one fault that it brings: the
/// field and the rule, before them the reason unless it is FIELD_INVALID.
type Row<M> = (fn(&mut M), &'static str);

/// Texts of the samples that stand for personal data: none may be told in a fault.
const PERSONAL: &[&str] = &["Тест", "Үлг", "1980", "+7 000", "Sample", "140000"];

/// Runs what needs to know who asks: a party of the samples, or one of another role.
fn asking<T>(role: Role, run: impl FnOnce(Asked<'_>) -> T) -> T {
    let roster = roster();
    let mut caller = caller(&roster, "akimat-kz-55");
    let zone = roster.zone(caller.party);
    caller.role = role;
    let (procedures, applicants) = (procedures::load().unwrap(), ApplicantKey::of(&[7; 32]));
    run(Asked {
        caller: &caller,
        zone,
        law_zone: zone,
        now: now(),
        procedures: &procedures,
        applicants: &applicants,
    })
}

/// The facts of a form, and its faults as `[REASON ]field: rule`.
fn told<M, F>(check: Check<M, F>, role: Role, form: &M) -> (Option<F>, Vec<String>) {
    let mut faults = Faults::new();
    let facts = asking(role, |asked| check(&mut faults, &Path::Root, form, asked));
    assert_eq!(faults.omitted(), 0, "more faults than are told");
    let line = |fault: &crate::rpc::parse::fault::Violation| {
        let (field, rule) = (&fault.field, &fault.rule);
        let reason = Some(fault.reason).filter(|reason| *reason != Reason::FieldInvalid);
        let reason = reason.map(|reason| format!("{} ", reason.name())).unwrap_or_default();
        format!("{reason}{field}: {rule}")
    };
    (facts, faults.violations().iter().map(line).collect())
}

/// The facts of a form that has no fault.
fn facts<M: Debug, F>(check: Check<M, F>, role: Role, form: &M) -> F {
    let (facts, faults) = told(check, role, form);
    assert!(faults.is_empty(), "{faults:?} in {form:?}");
    facts.expect("a form without fault has its facts")
}

/// Holds a check against its table: the sample has no fault, an empty form lacks what is required
/// and nothing else, and each change brings its one fault without telling what was written.
fn hold<M: Clone + Debug + Default, F>(
    check: Check<M, F>,
    sample: &M,
    required: &[&str],
    rows: &[Row<M>],
) {
    facts(check, Role::Akimat, sample);
    let (_, lacking) = told(check, Role::Akimat, &M::default());
    let fields = lacking.iter().map(|fault| fault.split(':').next().unwrap().to_owned());
    assert_eq!(fields.collect::<Vec<_>>(), required, "{lacking:#?}");
    for (row, (change, expected)) in rows.iter().enumerate() {
        let mut form = sample.clone();
        change(&mut form);
        let (_, got) = told(check, Role::Akimat, &form);
        assert_eq!(got.len(), 1, "row {row}, {expected:?}: {got:?}");
        assert!(got[0].starts_with(expected), "row {row}: {:?} is not {expected:?}", got[0]);
        for text in PERSONAL {
            assert!(!got[0].contains(text), "row {row} tells {text:?}: {:?}", got[0]);
        }
    }
}

/// A text of so many characters.
fn long(characters: usize) -> String {
    "ә".repeat(characters)
}

/// What a form of a decision of the samples' day gives.
fn decided(outcome: Outcome, persons: u16, grounds: &[Ground], months: u8) -> ActFacts {
    let decided_on = "2021-09-06".parse().unwrap();
    ActFacts::Decision(Decision { outcome, decided_on, persons, grounds: grounds.to_vec(), months })
}
