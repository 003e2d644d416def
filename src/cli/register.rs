//! `kopir procedure ambiguities` and `kopir procedure forms`: what stands beside the hops of the law.

use clap::Args;
use comfy_table::{ColumnConstraint, Table, Width};
use serde::Serialize;

use super::output::{Failure, print, print_json, table};
use crate::procedures::ambiguities::{self, Ambiguity, AmbiguityId, Switch};
use crate::procedures::forms::{self, Form, FormMessage};

/// Columns of prose are this wide, so that a table can be read in a pipe as well.
const PROSE_CHARS: u16 = 52;
/// The texts of a single ambiguity are as wide as a page.
const PAGE_CHARS: usize = 84;

#[derive(Debug, Args)]
pub(super) struct AmbiguitiesArgs {
    /// Only this one, with all that is known of it
    ambiguity: Option<AmbiguityId>,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct FormsArgs {
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn ambiguities(args: &AmbiguitiesArgs) -> Result<(), Failure> {
    let register = ambiguities::load().map_err(Failure::failed)?;
    let found = |entry: &&Ambiguity| args.ambiguity.is_none_or(|id| entry.id == id);
    let views: Vec<_> = register.iter().filter(found).map(AmbiguityView::new).collect();
    match (args.json, args.ambiguity.and(views.first())) {
        (true, Some(one)) => print_json(one),
        (true, None) => print_json(&views),
        (false, Some(one)) => print(page(one)),
        (false, None) => print(overview(&views)),
    }
}

pub(super) fn forms(args: &FormsArgs) -> Result<(), Failure> {
    let register = forms::load().map_err(Failure::failed)?;
    let views: Vec<_> = register.iter().map(FormView::new).collect();
    if args.json { print_json(&views) } else { print(form_table(&views)) }
}

#[derive(Serialize)]
struct AmbiguityView<'r> {
    id: String,
    title: &'r str,
    finding: &'r str,
    texts: &'r [String],
    reading: &'r str,
    /// What takes another reading; empty where there is nothing to choose.
    switches: Vec<SwitchView<'r>>,
    procedures: Vec<String>,
    hops: Vec<&'r str>,
}

#[derive(Serialize)]
struct SwitchView<'r> {
    file: &'static str,
    key: &'r str,
}

impl<'r> AmbiguityView<'r> {
    fn new(entry: &'r Ambiguity) -> Self {
        let Ambiguity { id, title, finding, texts, reading, switches, procedures, hops } = entry;
        Self {
            id: id.to_string(),
            title,
            finding,
            texts,
            reading,
            switches: switches.iter().map(SwitchView::new).collect(),
            procedures: procedures.iter().map(ToString::to_string).collect(),
            hops: hops.iter().map(|hop| hop.as_str()).collect(),
        }
    }

    /// The switches in words, each on a line of its own.
    fn switches(&self) -> String {
        let words = |SwitchView { file, key }: &SwitchView<'_>| format!("{key} ({file})");
        let all: Vec<_> = self.switches.iter().map(words).collect();
        if all.is_empty() { "none".into() } else { all.join("\n") }
    }
}

impl<'r> SwitchView<'r> {
    fn new(Switch { home, key }: &'r Switch) -> Self {
        Self { file: home.name(), key }
    }
}

fn overview(entries: &[AmbiguityView<'_>]) -> String {
    let mut table = table(&["id", "finding", "reading", "switch"]);
    for entry in entries {
        let switches = entry.switches();
        table.add_row([entry.id.as_str(), entry.finding, entry.reading, &switches]);
    }
    narrow(&mut table, [1, 2]);
    table.trim_fmt() + "\n"
}

/// Keeps columns of prose from growing as long as their longest sentence.
fn narrow(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for at in columns {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(PROSE_CHARS)));
        }
    }
}

fn page(entry: &AmbiguityView<'_>) -> String {
    let mut page = format!("{}: {}\n", entry.id, entry.title);
    let listed = |items: &[String]| match items {
        [] => "none".to_owned(),
        _ => items.join(", "),
    };
    let hops: Vec<_> = entry.hops.iter().map(|hop| (*hop).to_owned()).collect();
    for (name, text) in [
        ("finding", entry.finding.to_owned()),
        ("texts", entry.texts.join("; ")),
        ("reading", entry.reading.to_owned()),
        ("switch", entry.switches().replace('\n', ", ")),
        ("procedures", listed(&entry.procedures)),
        ("hops", if entry.hops.is_empty() { "none in particular".into() } else { listed(&hops) }),
    ] {
        if name == "hops" && entry.procedures.is_empty() {
            continue;
        }
        for (at, line) in wrapped(&text).iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            page += &format!("  {name:<10} {line}\n");
        }
    }
    page
}

/// A text in lines of at most [`PAGE_CHARS`], broken at spaces.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let chars = |line: &String| line.chars().count() + 1 + word.chars().count();
        match lines.last_mut().filter(|line| line.is_empty() || chars(line) <= PAGE_CHARS) {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[derive(Serialize)]
struct FormView<'r> {
    form: &'r str,
    title: &'r str,
    kind: &'static str,
    edition: &'r str,
    /// None where the act gives the paper no form.
    appendix: Option<&'r str>,
    procedures: Vec<String>,
    standing: &'static str,
    /// None for a standard, whose content is data of the procedures.
    message: Option<&'r str>,
    fields: &'r [String],
    citation: &'r str,
    note: &'r str,
}

impl<'r> FormView<'r> {
    fn new(form: &'r Form) -> Self {
        let Form {
            id,
            title,
            kind,
            edition,
            appendix,
            procedures,
            standing,
            message,
            citation,
            note,
        } = form;
        let (message, fields) = match message {
            Some(FormMessage { name, fields }) => (Some(name.as_str()), fields.as_slice()),
            None => (None, [].as_slice()),
        };
        Self {
            form: id,
            title,
            kind: kind.name(),
            edition: edition.as_str(),
            appendix: appendix.as_deref(),
            procedures: procedures.iter().map(ToString::to_string).collect(),
            standing: standing.name(),
            message,
            fields,
            citation,
            note,
        }
    }
}

fn form_table(forms: &[FormView<'_>]) -> String {
    let head = ["edition", "appendix", "form", "title", "standing", "message", "citation"];
    let mut table = table(&head);
    for form in forms {
        let appendix = form.appendix.unwrap_or("none");
        // A standard is there; what carries it is the procedure files.
        let message = form.message.unwrap_or("data of the procedures");
        let FormView { edition, form: id, title, standing, citation, .. } = form;
        table.add_row([edition, appendix, id, title, standing, message, citation]);
    }
    narrow(&mut table, [3]);
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_all_fits_a_wide_terminal_in_a_pipe_too() {
        let register = ambiguities::load().unwrap();
        let views: Vec<_> = register.iter().map(AmbiguityView::new).collect();
        let shown = overview(&views);
        assert!(shown.lines().all(|line| line.chars().count() <= 170), "{shown}");
        assert!(AmbiguityId::all().all(|id| shown.contains(&format!("\n {id} "))), "{shown}");
    }

    #[test]
    fn a_page_is_never_wider_than_it_should_be() {
        for entry in ambiguities::load().unwrap() {
            let shown = page(&AmbiguityView::new(&entry));
            for line in shown.lines().skip(1) {
                assert!(line.chars().count() <= PAGE_CHARS + 13, "{line}");
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let (shown, reading) = (words(&shown).join(" "), words(&entry.reading).join(" "));
            assert!(shown.contains(&reading), "{}", entry.id);
        }
    }
}
