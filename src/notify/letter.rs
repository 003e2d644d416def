//! The letter that tells a party of its terms: subject and text, in its language.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};

use super::citation::readable;
use super::digest::{Days, Digest, Entry};
use super::words::{Sentence, Words, of};
use crate::domain::contact::Language;
use crate::domain::ladder::Attribution;
use crate::domain::term::Source;
use crate::procedures::labels::{LabelKind, Labels};

/// The most entries that a letter shows; of the others it tells the number.
pub const MAX_ENTRIES: usize = 50;
/// What each line of an entry begins with.
const INDENT: &str = "   ";

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject, one line.
    pub subject: String,
    /// The text, lines that end with a newline.
    pub text: String,
}

/// Writes the letter of a digest.
#[must_use]
pub fn write(digest: &Digest, language: Language, words: &Words, labels: &Labels) -> Letter {
    Writer { digest, language, words, labels }.letter()
}

struct Writer<'a> {
    digest: &'a Digest,
    language: Language,
    words: &'a Words,
    labels: &'a Labels,
}

impl Writer<'_> {
    fn letter(&self) -> Letter {
        let Digest { entries, names, notice, at, .. } = self.digest;
        let mut lines = vec![self.say(Sentence::Intro, &[("party", of(names, self.language))])];
        for (entry, number) in entries.iter().take(MAX_ENTRIES).zip(1_usize..) {
            lines.push(String::new());
            lines.push(format!("{number}. {}", self.rung(entry)));
            let told = self.entry(entry).into_iter();
            lines.extend(told.map(|line| format!("{INDENT}{line}")));
        }
        let more = entries.len().saturating_sub(MAX_ENTRIES);
        lines.push(String::new());
        if more > 0 {
            lines.push(self.say(Sentence::More, &[("count", &more.to_string())]));
        }
        if self.digest.is_late {
            let planned = self.time(self.digest.planned_at);
            lines.push(self.say(Sentence::Late, &[("planned", &planned)]));
        }
        let (notice, at) = (notice.to_string(), self.time(*at));
        lines.push(self.say(Sentence::Footer, &[("notice", &notice), ("at", &at)]));
        let text = lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect();
        Letter { subject: self.subject(), text }
    }

    fn subject(&self) -> String {
        let entries = &self.digest.entries;
        if let [entry] = &entries[..] {
            let (rung, due) = (self.rung(entry), self.due(entry));
            let words = [("rung", &*rung), ("act", self.act(entry)), ("due", &*due)];
            return self.say(Sentence::SubjectOne, &words);
        }
        let late = entries.iter().filter(|entry| entry.is_past_due()).count().to_string();
        let count = entries.len().to_string();
        self.say(Sentence::SubjectMany, &[("count", &count), ("late", &late)])
    }

    fn entry(&self, entry: &Entry) -> Vec<String> {
        let say = |sentence, name, text: &str| self.say(sentence, &[(name, text)]);
        let hop = entry.hop.as_str();
        let duty = of(&entry.duty_names, self.language);
        let must = if entry.is_carried { Sentence::MustTake } else { Sentence::MustAct };
        let due = match entry.source {
            Source::Statutory => Sentence::Due,
            Source::Assumed => Sentence::DueAssumed,
        };
        let mut lines = vec![
            self.say(Sentence::Act, &[("act", self.act(entry)), ("hop", hop)]),
            say(must, "duty", duty),
            say(Sentence::Case, "case", &entry.case.to_string()),
        ];
        if !entry.citation.is_empty() {
            let citation = readable(&entry.citation, self.language, self.words);
            lines.push(say(Sentence::Citation, "citation", &citation));
        }
        lines.push(say(due, "due", &self.here(&self.due(entry))));
        match entry.days {
            Days::Left(days) => lines.push(say(Sentence::Left, "days", &days.to_string())),
            Days::Late(days) => lines.push(say(Sentence::Overdue, "days", &days.to_string())),
            Days::Untold => {}
        }
        if let Some(impediment) = entry.impediment {
            let why = self.words.impediment(self.language, impediment);
            lines.push(say(Sentence::Why, "why", why));
        }
        if let Some(Attribution { with_party_ms, in_bus_ms, awaiting_ms }) = entry.attribution {
            let spans = [with_party_ms, in_bus_ms, awaiting_ms].map(|ms| self.span(ms));
            let words = [("party", &*spans[0]), ("bus", &*spans[1]), ("awaiting", &*spans[2])];
            lines.push(self.say(Sentence::Attribution, &words));
        }
        lines
    }

    /// What is said; of a target that no act sets, never as if it were the law's.
    fn rung(&self, entry: &Entry) -> String {
        let rung = self.words.rung(self.language, entry.rung);
        match entry.source {
            Source::Statutory => rung.to_owned(),
            Source::Assumed => self.say(Sentence::Assumed, &[("rung", rung)]),
        }
    }

    fn act(&self, entry: &Entry) -> &str {
        let label = self.labels.get(LabelKind::Act, entry.act.name());
        label.map_or(entry.act.name(), |names| of(names, self.language))
    }

    /// The due instant where the reader sits. A day ends at 24:00 in the acts, not at 0:00 of the
    /// day after.
    fn due(&self, entry: &Entry) -> String {
        let local = self.digest.zone.to_datetime(entry.due_at);
        let midnight = local.time() == Time::midnight();
        let day = local.date().yesterday().ok().filter(|_| midnight);
        day.map_or_else(|| shown(local), |day| format!("{} 24:00", day.strftime("%d.%m.%Y")))
    }

    /// An instant where the reader sits, with the name of that zone.
    fn time(&self, at: Timestamp) -> String {
        self.here(&shown(self.digest.zone.to_datetime(at)))
    }

    fn here(&self, local: &str) -> String {
        format!("{local} ({})", self.digest.zone.iana_name().unwrap_or("UTC"))
    }

    fn span(&self, ms: u64) -> String {
        let minutes = ms / 60_000;
        let (days, hours) = ((minutes / 1_440).to_string(), (minutes / 60 % 24).to_string());
        let minutes = (minutes % 60).to_string();
        let words = [("days", &*days), ("hours", &*hours), ("minutes", &*minutes)];
        self.say(Sentence::Span, &words)
    }

    fn say(&self, sentence: Sentence, words: &[(&str, &str)]) -> String {
        self.words.say(self.language, sentence, words)
    }
}

fn shown(local: DateTime) -> String {
    local.strftime("%d.%m.%Y %H:%M").to_string()
}
