//! What is wrong with a message: every fault of it at once, so that an integrator mends it in one
//! round.

use std::fmt;

use crate::rpc::reason::Reason;

/// How many faults of one message are told; the rest is counted.
pub const MAX_VIOLATIONS: usize = 20;

/// Where in a message a value stands. Lives on the stack while the message is read, and becomes
/// text only for a fault.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The message itself.
    Root,
    /// A field of what stands before.
    Field(&'a Path<'a>, &'static str),
    /// An item of the repeated field that stands before, counted from 0.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A field of this message.
    pub fn field(&self, name: &'static str) -> Path<'_> {
        Path::Field(self, name)
    }

    /// An item of this repeated field.
    pub fn item(&self, at: usize) -> Path<'_> {
        Path::Item(self, at)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, for example `application.documents[2].title`.
    pub field: String,
    /// The rule that it breaks, with the remedy. Never the value: it may be personal data.
    pub rule: String,
    /// What the fault is in the catalogue.
    pub reason: Reason,
}

/// The faults of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    violations: Vec<Violation>,
    omitted: usize,
}

impl Faults {
    /// No faults so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A message with this single fault.
    pub fn one(field: &str, reason: Reason, rule: &str) -> Self {
        let violation = Violation { field: field.to_owned(), rule: rule.to_owned(), reason };
        Self { violations: vec![violation], omitted: 0 }
    }

    /// A field that breaks a rule of its own.
    pub fn field(&mut self, at: &Path<'_>, rule: fmt::Arguments<'_>) {
        self.add(at, Reason::FieldInvalid, rule);
    }

    /// A fault with a reason of its own in the catalogue.
    pub fn add(&mut self, at: &Path<'_>, reason: Reason, rule: fmt::Arguments<'_>) {
        if self.violations.len() == MAX_VIOLATIONS {
            self.omitted += 1;
            return;
        }
        let (field, rule) = (at.to_string(), rule.to_string());
        self.violations.push(Violation { field, rule, reason });
    }

    /// The faults told, in the order of the fields.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many more there are.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// What the call is refused with: the first reason that says more than that a field is wrong.
    pub fn reason(&self) -> Reason {
        let reasons = self.violations.iter().map(|violation| violation.reason);
        let mut special = reasons.filter(|reason| *reason != Reason::FieldInvalid);
        special.next().unwrap_or(Reason::FieldInvalid)
    }

    /// The value, if the message is without fault. A value that is missing has a fault that says
    /// so.
    ///
    /// # Errors
    /// The faults.
    pub fn judge<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            Some(_) | None => Err(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_the_contract_writes_it() {
        let documents = Path::Root.field("application");
        let documents = documents.field("documents");
        assert_eq!(documents.item(2).field("title").to_string(), "application.documents[2].title");
        assert_eq!(Path::Root.field("page_size").to_string(), "page_size");
    }

    #[test]
    fn faults_over_the_limit_are_counted_and_not_told() {
        let mut faults = Faults::new();
        for at in 0..MAX_VIOLATIONS + 3 {
            let members = Path::Root.field("family_members");
            faults.field(&members.item(at), format_args!("is required"));
        }
        assert_eq!(faults.violations().len(), MAX_VIOLATIONS);
        assert_eq!(faults.omitted(), 3);
        assert_eq!(faults.violations()[19].field, "family_members[19]");
    }

    #[test]
    fn the_first_special_reason_is_that_of_the_call() {
        let mut faults = Faults::new();
        faults.field(&Path::Root.field("scope"), format_args!("is required"));
        assert_eq!(faults.reason(), Reason::FieldInvalid);
        faults.add(&Path::Root.field("region"), Reason::RegionUnknown, format_args!("no region"));
        faults.add(&Path::Root.field("x"), Reason::FamilyTooLarge, format_args!("too many"));
        assert_eq!(faults.reason(), Reason::RegionUnknown);
        assert_eq!(faults.clone().judge(Some(1)), Err(faults));
        assert_eq!(Faults::new().judge(Some(1)), Ok(1));
    }
}
