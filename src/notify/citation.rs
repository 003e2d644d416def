//! Where a term stands, as people read it: the procedure files cite by keys of their own.

use super::words::{Sentence, Words};
use crate::domain::contact::Language;

/// A place in an act.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place<'a> {
    /// An annex of the order, which holds rules.
    Annex(&'a str),
    /// An appendix to the rules.
    Appendix(&'a str),
    /// Paragraphs of the rules, or one.
    Paragraphs(Vec<&'a str>),
}

/// A citation such as `002-EN A1 ¶12` with the act by its number and date, to the paragraph. One that
/// names no act that is known, or no place in it, is left as it is.
pub(super) fn readable(citation: &str, language: Language, words: &Words) -> String {
    let (key, rest) = citation.split_once(' ').unwrap_or((citation, ""));
    let (Some(act), places) = (words.law(language, key), places(rest)) else {
        return citation.to_owned();
    };
    if places.is_empty() {
        return citation.to_owned();
    }
    let mut said = act.to_owned();
    for (at, place) in places.iter().enumerate() {
        // A second annex begins a second place.
        let joint = if at > 0 && matches!(place, Place::Annex(_)) { "; " } else { ", " };
        said.push_str(joint);
        said.push_str(&match place {
            Place::Annex(number) => words.say(language, Sentence::Annex, &[("number", number)]),
            Place::Appendix(number) => {
                words.say(language, Sentence::Appendix, &[("number", number)])
            }
            Place::Paragraphs(numbers) => {
                let is_one = numbers.len() == 1 && !is_range(numbers[0]);
                let sentence = if is_one { Sentence::Paragraph } else { Sentence::Paragraphs };
                words.say(language, sentence, &[("numbers", &numbers.join(", "))])
            }
        });
    }
    said
}

/// The places that a citation names. What is finer than a paragraph, or a row, is left out: the texts
/// count it in several ways.
fn places(rest: &str) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    let mut tokens = rest.split_whitespace().map(|token| token.trim_end_matches(','));
    while let Some(token) = tokens.next() {
        if let Some(number) = token.strip_prefix('A').filter(|rest| is_number(rest)) {
            found.push(Place::Annex(number));
        } else if token == "App." {
            found.extend(tokens.next().filter(|number| is_number(number)).map(Place::Appendix));
        } else if let Some(numbers) = token.strip_prefix('¶') {
            let numbers = numbers.trim_start_matches('¶');
            match found.last_mut() {
                Some(Place::Paragraphs(before)) => before.push(numbers),
                Some(Place::Annex(_) | Place::Appendix(_)) | None => {
                    found.push(Place::Paragraphs(vec![numbers]));
                }
            }
        }
    }
    found
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is several paragraphs, not an inserted one such as 9-1.
fn is_range(numbers: &str) -> bool {
    let ends = numbers
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?)));
    ends.is_some_and(|(first, last)| first < last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedures;

    #[test]
    fn a_citation_names_the_act_by_number_and_date_in_each_language() {
        let words = Words::load().unwrap();
        let of = |citation, language| readable(citation, language, &words);
        for (citation, en) in [
            (
                "002-EN A1 ¶13",
                "Order No. 20 of 15.01.2016 as amended by Order No. 284 of 11.08.2021, Annex 1, \
                 paragraph 13",
            ),
            (
                "002-EN A1 ¶24, A2 ¶16",
                "Order No. 20 of 15.01.2016 as amended by Order No. 284 of 11.08.2021, Annex 1, \
                 paragraph 24; Annex 2, paragraph 16",
            ),
            (
                "002-EN A2 ¶15 → ¶10",
                "Order No. 20 of 15.01.2016 as amended by Order No. 284 of 11.08.2021, Annex 2, \
                 paragraphs 15, 10",
            ),
            (
                "002-EN A2 ¶¶14-15",
                "Order No. 20 of 15.01.2016 as amended by Order No. 284 of 11.08.2021, Annex 2, \
                 paragraphs 14-15",
            ),
            (
                "002-KK ¶13 sub-para 2",
                "Order No. 20 of 15.01.2016 as amended by Order No. 173 of 31.05.2024, paragraph 13",
            ),
            (
                "004 ¶9-1",
                "Order No. 329-Ө-М of 22.07.2013 as amended by Order No. 317 of 10.10.2025, \
                 paragraph 9-1",
            ),
            (
                "004 App. 2 (rows 8-9 text)",
                "Order No. 329-Ө-М of 22.07.2013 as amended by Order No. 317 of 10.10.2025, \
                 Appendix 2 to the rules",
            ),
            ("005 ¶1", "005 ¶1"),
            ("002-KK", "002-KK"),
        ] {
            assert_eq!(of(citation, Language::English), en);
        }
        assert_eq!(
            of("002-EN A1 ¶13", Language::Russian),
            "приказ № 20 от 15.01.2016 в редакции приказа № 284 от 11.08.2021, приложение 1, пункт 13"
        );
        assert_eq!(
            of("002-EN A1 ¶13", Language::Kazakh),
            "15.01.2016 № 20 бұйрық (11.08.2021 № 284 бұйрықтың редакциясында), 1-қосымша, 13-тармақ"
        );
    }

    #[test]
    fn every_term_of_which_a_letter_can_speak_has_a_readable_citation() {
        let (words, procedures) = (Words::load().unwrap(), procedures::load().unwrap());
        let hops = procedures.values().flat_map(|procedure| procedure.hops());
        let mut read = 0;
        for hop in hops.filter(|hop| hop.no_ladder().is_none()) {
            for language in Language::ALL {
                let said = readable(&hop.citation, *language, &words);
                assert_ne!(said, hop.citation, "{}", hop.id);
                assert!(!said.contains(['¶', '→']), "{said}");
            }
            read += 1;
        }
        assert!(read > 50, "{read}");
    }
}
