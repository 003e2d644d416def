//! The words of the letters, in three languages: `words.toml`, checked when it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::contact::Language;
use crate::domain::ladder::{Impediment, Rung};
use crate::domain::party::Names;

const TEXT: &str = include_str!("words.toml");

/// A sentence of a letter, with the words that are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sentence {
    Assumed,
    SubjectOne,
    SubjectMany,
    Intro,
    Act,
    MustAct,
    MustTake,
    Citation,
    Annex,
    Appendix,
    Paragraph,
    Paragraphs,
    Case,
    Due,
    DueAssumed,
    Left,
    Overdue,
    Why,
    Attribution,
    Span,
    Late,
    More,
    Footer,
}

impl Sentence {
    const ALL: [(Self, &'static str, &'static [&'static str]); 23] = [
        (Self::Assumed, "assumed", &["rung"]),
        (Self::SubjectOne, "subject-one", &["rung", "act", "due"]),
        (Self::SubjectMany, "subject-many", &["count", "late"]),
        (Self::Intro, "intro", &["party"]),
        (Self::Act, "act", &["act", "hop"]),
        (Self::MustAct, "must-act", &["duty"]),
        (Self::MustTake, "must-take", &["duty"]),
        (Self::Citation, "citation", &["citation"]),
        (Self::Annex, "annex", &["number"]),
        (Self::Appendix, "appendix", &["number"]),
        (Self::Paragraph, "paragraph", &["numbers"]),
        (Self::Paragraphs, "paragraphs", &["numbers"]),
        (Self::Case, "case", &["case"]),
        (Self::Due, "due", &["due"]),
        (Self::DueAssumed, "due-assumed", &["due"]),
        (Self::Left, "left", &["days"]),
        (Self::Overdue, "overdue", &["days"]),
        (Self::Why, "why", &["why"]),
        (Self::Attribution, "attribution", &["party", "bus", "awaiting"]),
        (Self::Span, "span", &["days", "hours", "minutes"]),
        (Self::Late, "late", &["planned"]),
        (Self::More, "more", &["count"]),
        (Self::Footer, "footer", &["notice", "at"]),
    ];
}

/// The words of every language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    rungs: BTreeMap<Rung, Names>,
    impediments: BTreeMap<Impediment, Names>,
    laws: BTreeMap<&'static str, Names>,
    sentences: BTreeMap<Sentence, Names>,
}

/// The words cannot be read. They are part of the binary and a test reads them, so an error means a
/// damaged build.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// Not TOML, an unknown section, or another shape.
    #[error("words.toml: {0}")]
    Syntax(Box<toml::de::Error>),
    /// A version of another build.
    #[error("words.toml: format version {0} is not supported; this build reads version 1")]
    Version(u32),
    /// An entry is missing, empty, of no name that there is, or fills in other words.
    #[error("words.toml, {section}.{name}: {rule}")]
    Entry {
        /// The section.
        section: &'static str,
        /// The entry.
        name: String,
        /// What is wrong.
        rule: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWords {
    version: u32,
    rung: BTreeMap<String, RawNames>,
    impediment: BTreeMap<String, RawNames>,
    law: BTreeMap<String, RawNames>,
    letter: BTreeMap<String, RawNames>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNames {
    kk: String,
    ru: String,
    en: String,
}

impl Words {
    /// The words that ship with the bus.
    ///
    /// # Errors
    /// [`WordsError`] if the carried file is damaged.
    pub fn load() -> Result<Self, WordsError> {
        parse(TEXT)
    }

    /// What is said by a rung.
    pub(super) fn rung(&self, language: Language, rung: Rung) -> &str {
        self.rungs.get(&rung).map_or(rung.name(), |names| of(names, language))
    }

    /// Why a term will not hold.
    pub(super) fn impediment(&self, language: Language, impediment: Impediment) -> &str {
        let names = self.impediments.get(&impediment);
        names.map_or(impediment.name(), |names| of(names, language))
    }

    /// An act by its number and date; none for a key that is no act's.
    pub(super) fn law(&self, language: Language, key: &str) -> Option<&str> {
        self.laws.get(key).map(|names| of(names, language))
    }

    /// A sentence with its words filled in, each once; what is filled in is not looked at again.
    pub(super) fn say(
        &self,
        language: Language,
        sentence: Sentence,
        words: &[(&str, &str)],
    ) -> String {
        let mut rest = self.sentences.get(&sentence).map_or("", |names| of(names, language));
        let mut said = String::with_capacity(rest.len() + 64);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            said.push_str(before);
            said.push_str(
                words.iter().find(|(word, _)| *word == name).map_or("", |(_, text)| text),
            );
            rest = tail;
        }
        said.push_str(rest);
        said
    }
}

/// A name in a language.
pub(super) fn of(names: &Names, language: Language) -> &str {
    match language {
        Language::Kazakh => &names.kk,
        Language::Russian => &names.ru,
        Language::English => &names.en,
    }
}

fn parse(text: &str) -> Result<Words, WordsError> {
    let RawWords { version, rung, impediment, law, letter } =
        toml::from_str(text).map_err(|why| WordsError::Syntax(Box::new(why)))?;
    if version != 1 {
        return Err(WordsError::Version(version));
    }
    let rungs = Rung::ALL.iter().map(|rung| (*rung, rung.name(), NONE));
    let impediments = Impediment::ALL.iter().map(|each| (*each, each.name(), NONE));
    Ok(Words {
        rungs: section("rung", rung, rungs)?,
        impediments: section("impediment", impediment, impediments)?,
        laws: section("law", law, LAWS.iter().map(|key| (*key, *key, NONE)))?,
        sentences: section("letter", letter, Sentence::ALL)?,
    })
}

const NONE: &[&str] = &[];

/// The keys by which the procedure files cite the acts.
const LAWS: [&str; 4] = ["002-EN", "002-KK", "003", "004"];

/// The entries of a section: one for each name, and nothing else.
fn section<K: Ord>(
    section: &'static str,
    mut raw: BTreeMap<String, RawNames>,
    names: impl IntoIterator<Item = (K, &'static str, &'static [&'static str])>,
) -> Result<BTreeMap<K, Names>, WordsError> {
    let wrong = |name: &str, rule| WordsError::Entry { section, name: name.to_owned(), rule };
    let mut found = BTreeMap::new();
    for (key, name, fills) in names {
        let RawNames { kk, ru, en } =
            raw.remove(name).ok_or_else(|| wrong(name, "the entry is missing"))?;
        for text in [&kk, &ru, &en] {
            if text.trim().is_empty() {
                return Err(wrong(name, "each language must have a text"));
            }
            let mut expected = fills.to_vec();
            expected.sort_unstable();
            if fillings(text) != expected {
                return Err(wrong(name, "each language fills in the same words, each once"));
            }
        }
        found.insert(key, Names { kk, ru, en });
    }
    match raw.keys().next() {
        None => Ok(found),
        Some(name) => Err(wrong(name, "there is no such name")),
    }
}

/// The words in braces, sorted.
fn fillings(text: &str) -> Vec<&str> {
    let ends = text.split('{').skip(1).map(|tail| tail.split('}').next().unwrap_or_default());
    let mut fillings: Vec<_> = ends.collect();
    fillings.sort_unstable();
    fillings
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "329-Ө-М";

    #[test]
    fn the_words_are_complete_and_in_their_letters() {
        let words = Words::load().unwrap();
        let all = words.rungs.values().chain(words.impediments.values());
        let all = all.chain(words.laws.values());
        for names in all.chain(words.sentences.values()) {
            // The name of the bus is Kazakh in either, and so is the number of an order.
            let russian = names.ru.replace("Көпір", "").replace(ORDER, "");
            assert!(!russian.chars().any(|c| "ӘәҒғҚқҢңӨөҰұҮүҺһІі".contains(c)), "{names:?}");
            let english = names.en.replace(ORDER, "");
            let cyrillic = english.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
            assert!(!cyrillic, "{names:?}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let words = Words::load().unwrap();
        let said = words.say(Language::English, Sentence::Act, &[("act", "{hop}"), ("hop", "X")]);
        assert_eq!(said, "Act: {hop} (hop X)");
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_entry() {
        for (from, to, told) in [
            ("version = 1", "version = 2", "format version 2"),
            ("half = {", "quarter = {", "rung.half: the entry is missing"),
            ("en = \"Overdue\"", "en = \" \"", "rung.overdue: each language must have a text"),
            ("ru = \"Дело: {case}\"", "ru = \"Дело: {hop}\"", "letter.case: each language fills"),
            (
                "[letter]\n",
                "[letter]\nother = { kk = \"a\", ru = \"a\", en = \"a\" }\n",
                "letter.other",
            ),
            ("en = \"Done late\" }", "en = \"Done late\", de = \"x\" }", "unknown field `de`"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
