//! The events of an iCalendar file and the order of its components (RFC 5545 §3.4).

use super::lines::{self, ContentLine};
use super::{EVENTS_MAX, IcsError, shown};

/// A `VEVENT` with its properties.
pub(super) struct Event {
    /// Where it begins.
    pub line: usize,
    properties: Vec<ContentLine>,
}

impl Event {
    /// The properties of this name, in capitals.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &ContentLine> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// The property of this name, of which an event has one at most.
    pub(super) fn one(&self, property: &'static str) -> Result<Option<&ContentLine>, IcsError> {
        let mut found = self.all(property);
        match (found.next(), found.next()) {
            (one, None) => Ok(one),
            (_, Some(second)) => Err(IcsError::Twice { line: second.line, property }),
        }
    }
}

/// Reads the events of the one calendar in the file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Event>, IcsError> {
    let mut open: Vec<String> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let (mut begun, mut last) = (false, 0);
    for content in lines::read(bytes) {
        let content = content?;
        let line = content.line;
        last = line;
        let structure = |wanted: String| IcsError::Structure {
            line,
            found: shown(&format!("{}:{}", content.name, content.value)),
            wanted,
        };
        let component = content.value.trim().to_ascii_uppercase();
        let path: Vec<&str> = open.iter().map(String::as_str).collect();
        match (content.name.as_str(), path.as_slice()) {
            ("BEGIN", []) if component == "VCALENDAR" && !begun => {
                begun = true;
                open.push(component);
            }
            (_, []) if begun => return Err(structure("the end of the file".into())),
            (_, []) => return Err(structure("BEGIN:VCALENDAR".into())),
            ("BEGIN", path) => {
                if *path == ["VCALENDAR"] && component == "VEVENT" {
                    if events.len() == EVENTS_MAX {
                        return Err(IcsError::TooManyEvents { line });
                    }
                    events.push(Event { line, properties: Vec::new() });
                }
                open.push(component);
            }
            ("END", [.., innermost]) if component == *innermost => {
                open.pop();
            }
            ("END", [.., innermost]) => return Err(structure(format!("END:{innermost}"))),
            ("VERSION", ["VCALENDAR"]) if content.value != "2.0" => {
                let (property, found) = ("VERSION", shown(&content.value));
                return Err(IcsError::Value { line, property, found, allowed: "2.0" });
            }
            (_, ["VCALENDAR", "VEVENT"]) => {
                if let Some(event) = events.last_mut() {
                    event.properties.push(content);
                }
            }
            (_, [_, ..]) => {}
        }
    }
    match open.last() {
        Some(innermost) => Err(IcsError::Structure {
            line: last + 1,
            found: "the end of the file".into(),
            wanted: format!("END:{innermost}"),
        }),
        None => Ok(events),
    }
}
