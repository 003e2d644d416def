//! Names for people who do not exist: words for "sample", "model" and "pattern" as surnames, with
//! a number in words, and ordinals as given names. Whoever meets one sees that it is made up.

/// The scripts in which papers arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    /// Kazakh in Cyrillic letters, with those that Russian lacks.
    Kazakh,
    /// Russian.
    Russian,
    /// Latin letters.
    Latin,
}

struct Words {
    surnames: &'static [&'static str],
    ordinals: &'static [&'static str],
    patronymic: &'static str,
    hundreds: &'static [&'static str],
    tens: &'static [&'static str],
    /// From one; as many as have a word of their own before the tens begin.
    units: &'static [&'static str],
    place: &'static str,
}

/// Ә Ғ Қ Ң Ө Ұ Ү Һ І all occur, since they are the letters that software loses first.
const KAZAKH: Words = Words {
    surnames: &[
        "Үлгібай",
        "Өрнекбек",
        "Ұқсасбай",
        "Қалыпбек",
        "Әліпбибай",
        "Таңбабек",
        "Айдаһарбай",
    ],
    ordinals: &[
        "Бірінші",
        "Екінші",
        "Үшінші",
        "Төртінші",
        "Бесінші",
        "Алтыншы",
        "Жетінші",
        "Сегізінші",
        "Тоғызыншы",
    ],
    patronymic: "Үлгіұлы",
    hundreds: &[
        "Жүз",
        "Екіжүз",
        "Үшжүз",
        "Төртжүз",
        "Бесжүз",
        "Алтыжүз",
        "Жетіжүз",
        "Сегізжүз",
        "Тоғызжүз",
    ],
    tens: &["Он", "Жиырма", "Отыз", "Қырық", "Елу", "Алпыс", "Жетпіс", "Сексен", "Тоқсан"],
    units: &["Бір", "Екі", "Үш", "Төрт", "Бес", "Алты", "Жеті", "Сегіз", "Тоғыз"],
    place: "Үлгі ауылы, Мысал көшесі",
};

const RUSSIAN: Words = Words {
    surnames: &["Образцов", "Примеров", "Макетов", "Шаблонов", "Условнов"],
    ordinals: &[
        "Первый",
        "Второй",
        "Третий",
        "Четвёртый",
        "Пятый",
        "Шестой",
        "Седьмой",
        "Восьмой",
        "Девятый",
    ],
    patronymic: "Образцович",
    hundreds: &[
        "Сто",
        "Двести",
        "Триста",
        "Четыреста",
        "Пятьсот",
        "Шестьсот",
        "Семьсот",
        "Восемьсот",
        "Девятьсот",
    ],
    tens: &[
        "Десять",
        "Двадцать",
        "Тридцать",
        "Сорок",
        "Пятьдесят",
        "Шестьдесят",
        "Семьдесят",
        "Восемьдесят",
        "Девяносто",
    ],
    units: &[
        "Один",
        "Два",
        "Три",
        "Четыре",
        "Пять",
        "Шесть",
        "Семь",
        "Восемь",
        "Девять",
        "Десять",
        "Одиннадцать",
        "Двенадцать",
        "Тринадцать",
        "Четырнадцать",
        "Пятнадцать",
        "Шестнадцать",
        "Семнадцать",
        "Восемнадцать",
        "Девятнадцать",
    ],
    place: "посёлок Образцовый, улица Примерная",
};

const LATIN: Words = Words {
    surnames: &["Sample", "Specimen", "Template", "Namunabek", "Ülgibay"],
    ordinals: &[
        "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth",
    ],
    // Many papers in Latin script have none, and the form asks for it only "if any".
    patronymic: "",
    hundreds: &[
        "Onehundred",
        "Twohundred",
        "Threehundred",
        "Fourhundred",
        "Fivehundred",
        "Sixhundred",
        "Sevenhundred",
        "Eighthundred",
        "Ninehundred",
    ],
    tens: &["Ten", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"],
    units: &[
        "One",
        "Two",
        "Three",
        "Four",
        "Five",
        "Six",
        "Seven",
        "Eight",
        "Nine",
        "Ten",
        "Eleven",
        "Twelve",
        "Thirteen",
        "Fourteen",
        "Fifteen",
        "Sixteen",
        "Seventeen",
        "Eighteen",
        "Nineteen",
    ],
    place: "Sample village, Pattern street",
};

impl Script {
    /// Every script.
    pub(super) const ALL: [Self; 3] = [Self::Kazakh, Self::Russian, Self::Latin];

    fn words(self) -> &'static Words {
        match self {
            Self::Kazakh => &KAZAKH,
            Self::Russian => &RUSSIAN,
            Self::Latin => &LATIN,
        }
    }

    /// How the script is called in English.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kazakh => "Kazakh",
            Self::Russian => "Russian",
            Self::Latin => "Latin",
        }
    }

    /// The surname of the family `number`, 1 to 999; `draw` picks among the words for "sample".
    pub(super) fn surname(self, draw: usize, number: usize) -> String {
        let surnames = self.words().surnames;
        format!("{}-{}", word(surnames, draw % surnames.len() + 1), self.number(number))
    }

    /// The given name of the family's member `place`, counted from 1.
    pub(super) fn given_name(self, place: usize) -> String {
        let ordinals = self.words().ordinals;
        word(ordinals, (place.max(1) - 1) % ordinals.len() + 1).to_owned()
    }

    /// A patronymic, or nothing where papers of the script have none.
    pub(super) fn patronymic(self) -> String {
        self.words().patronymic.to_owned()
    }

    /// An address that does not exist.
    pub(super) fn address(self, house: usize) -> String {
        format!("{} {house}", self.words().place)
    }

    /// A number from 1 to 999 in words, joined by hyphens.
    fn number(self, number: usize) -> String {
        let Words { hundreds, tens, units, .. } = self.words();
        let (hundred, mut rest) = (number / 100 % 10, number % 100);
        let mut said = vec![word(hundreds, hundred)];
        if rest > units.len() {
            said.push(word(tens, rest / 10));
            rest %= 10;
        }
        said.push(word(units, rest));
        said.retain(|part| !part.is_empty());
        said.join("-")
    }
}

/// The word of `number`, counted from 1; nothing for 0.
fn word(words: &'static [&'static str], number: usize) -> &'static str {
    number.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_read_as_people_say_them() {
        assert_eq!(Script::Kazakh.number(731), "Жетіжүз-Отыз-Бір");
        assert_eq!(Script::Kazakh.number(10), "Он");
        assert_eq!(Script::Russian.number(914), "Девятьсот-Четырнадцать");
        assert_eq!(Script::Russian.number(100), "Сто");
        assert_eq!(Script::Latin.number(20), "Twenty");
        assert_eq!(Script::Latin.number(119), "Onehundred-Nineteen");
    }

    #[test]
    fn every_number_has_words_of_its_own() {
        for script in Script::ALL {
            let said: BTreeSet<_> = (1..=999).map(|number| script.number(number)).collect();
            assert_eq!(said.len(), 999, "{}", script.name());
            assert!(said.iter().all(|words| !words.is_empty()));
        }
    }

    #[test]
    fn kazakh_words_have_every_letter_that_russian_lacks() {
        let Words { surnames, ordinals, hundreds, tens, units, .. } = KAZAKH;
        let all = [surnames, ordinals, hundreds, tens, units].concat().concat();
        for letter in ["ә", "ғ", "қ", "ң", "ө", "ұ", "ү", "һ", "і"] {
            assert!(all.to_lowercase().contains(letter), "{letter} is missing");
        }
    }
}
