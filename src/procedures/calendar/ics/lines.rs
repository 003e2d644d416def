//! The content lines of an iCalendar file (RFC 5545 §3.1): unfolded, taken
//! apart, and still knowing where they stood.

use super::IcsError;

/// One unfolded line, `NAME;PARAMETER=VALUE:VALUE`.
#[derive(Debug)]
pub(super) struct ContentLine {
    /// The line of the file on which it begins, counted from one.
    pub line: usize,
    /// In capitals, since names are alike in any case.
    pub name: String,
    /// Names in capitals, values without their quotes.
    pub parameters: Vec<(String, String)>,
    /// As written, escapes and all.
    pub value: String,
}

impl ContentLine {
    /// The value of the first parameter of this name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value as a text of RFC 5545 §3.3.11, without its escapes.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut rest = self.value.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some('n' | 'N') => text.push(' '),
                    Some(other) => text.push(other),
                    None => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        text
    }
}

/// The content lines in order; blank ones are passed over.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Result<ContentLine, IcsError>> {
    unfold(bytes).into_iter().map(|(line, bytes)| {
        let text = String::from_utf8(bytes).map_err(|_| IcsError::NotUtf8 { line })?;
        take_apart(line, &text).ok_or_else(|| IcsError::Syntax { line, found: super::shown(&text) })
    })
}

/// Joins folded lines. A fold may cut a character in two, so this is done on
/// bytes, before they are text.
fn unfold(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut unfolded: Vec<(usize, Vec<u8>)> = Vec::new();
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match (bytes, unfolded.last_mut()) {
            ([b' ' | b'\t', rest @ ..], Some((_, begun))) => begun.extend_from_slice(rest),
            ([], _) => {}
            (bytes, _) => unfolded.push((line, bytes.to_vec())),
        }
    }
    unfolded
}

fn take_apart(line: usize, text: &str) -> Option<ContentLine> {
    let (name, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, after) = token(parameter)?;
        let (value, after) = parameter_value(after.strip_prefix('=')?)?;
        parameters.push((name, value));
        rest = after;
    }
    let value = rest.strip_prefix(':')?.to_owned();
    Some(ContentLine { line, name, parameters, value })
}

fn token(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty()).then(|| (name.to_ascii_uppercase(), rest))
}

/// One value or a list of them, of which any may be quoted.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        !quoted && matches!(c, ';' | ':')
    })?;
    Some((text[..end].replace('"', ""), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ContentLine {
        read(text.as_bytes()).next().unwrap().unwrap()
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = one("dtstart;VALUE=date;x-a=\"b;c:d\",e:20260101");
        assert_eq!((line.name.as_str(), line.value.as_str()), ("DTSTART", "20260101"));
        assert_eq!(line.parameter("VALUE"), Some("date"));
        assert_eq!(line.parameter("X-A"), Some("b;c:d,e"));
        assert_eq!(line.parameter("TZID"), None);
        assert_eq!(one("SUMMARY:a\\, b\\;\\nc\\\\ d").text(), "a, b; c\\ d");
    }

    #[test]
    fn folds_are_undone_even_within_a_character() {
        let text = "\u{feff}SUMMARY:Наурыз\r\n\r\nX:1\r\n".as_bytes();
        let cut = 3 + 9; // after the first byte of the Н
        let folded = [&text[..cut], b"\r\n ", &text[cut..]].concat();
        let lines: Vec<_> = read(&folded).map(Result::unwrap).collect();
        assert_eq!(lines[0].value, "Наурыз");
        assert_eq!((lines[1].line, lines[1].name.as_str()), (4, "X"));
    }

    #[test]
    fn what_is_no_content_line_is_refused_with_its_line() {
        for text in ["no colon", ":v", ";A=B:v", "A;B:v", "A;B=\"v:w"] {
            let error = read(format!("X:1\n\n{text}").as_bytes()).nth(1).unwrap();
            let said = error.unwrap_err().to_string();
            assert!(said.starts_with("line 3: "), "{said}");
        }
        let error = read(b"X:1\nY:\xff").nth(1).unwrap().unwrap_err();
        assert_eq!(error, IcsError::NotUtf8 { line: 2 });
    }
}
