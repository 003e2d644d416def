//! `kopir access`: who may call what, from the table that the bus enforces.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::output::{Failure, print, print_json, table};
use crate::domain::party::Role;
use crate::rpc::access::{Grant, Relation, Row, SIGHTS, Sight, TABLE};

/// Who may call what.
#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Show which role may call which method, in which relation to what it asks about
    ///
    /// The relations: own, its own inbox, queue or delivery; acting-for, that of a party for which
    /// the registry lets it act; part, a case in which it, or a party for which it acts, has a place
    /// or has acted; own-region, a case of its region in which it has no part; stranger, anything
    /// else. What is not listed is refused. Of a method that is about neither a party nor a case that
    /// is there, only stranger is listed. Below it, in the table for people, stands who gets what is
    /// personal in an answer, and whether a purpose has to be stated for it.
    ///
    /// Examples:
    ///
    ///   kopir access show --role contact-centre
    ///   kopir access show --format csv > access.csv
    ///   kopir access show --format json | jq '.[] | select(.method == "GetCase")'
    #[command(verbatim_doc_comment)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Only what a role may call
    #[arg(long)]
    role: Option<Role>,
    /// A table for people, or data
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// A line for each role, method and relation that is allowed
    Csv,
    /// The same as one document
    Json,
}

/// What is allowed.
#[derive(Debug, Serialize)]
struct Allowed {
    service: &'static str,
    method: &'static str,
    about: &'static str,
    role: &'static str,
    relations: Vec<&'static str>,
}

pub(super) fn run(command: &AccessCommand) -> Result<(), Failure> {
    let AccessCommand::Show(ShowArgs { role, format }) = command;
    let allowed = allowed(*role);
    match format {
        Format::Table => print(format_args!("{}\n{}", people(&allowed), sights(*role))),
        Format::Csv => print(csv(&allowed)),
        Format::Json => print_json(&allowed),
    }
}

fn allowed(only: Option<Role>) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    for row in TABLE {
        let (service, method) =
            row.path.trim_start_matches('/').split_once('/').unwrap_or_default();
        for role in row.roles().filter(|role| only.is_none_or(|only| only == *role)) {
            allowed.push(Allowed {
                service,
                method,
                about: row.subject.as_str(),
                role: role.as_str(),
                relations: relations(row, role),
            });
        }
    }
    allowed
}

fn relations(row: &Row, role: Role) -> Vec<&'static str> {
    let possible = row.subject.relations().iter();
    possible
        .filter(|relation| row.allows(role, **relation))
        .map(|one| Relation::as_str(*one))
        .collect()
}

/// One row for the roles of a method that may the same.
fn people(allowed: &[Allowed]) -> String {
    let mut shown = table(&["service", "method", "about", "roles", "relations"]);
    let mut service = "";
    for of_method in allowed.chunk_by(|a, b| (a.service, a.method) == (b.service, b.method)) {
        let Some(first) = of_method.first() else { continue };
        let mut told: Vec<&[&str]> = Vec::new();
        for one in of_method {
            if told.contains(&&one.relations[..]) {
                continue;
            }
            told.push(&one.relations);
            let same = of_method.iter().filter(|other| other.relations == one.relations);
            let roles: Vec<_> = same.map(|other| other.role).collect();
            let roles =
                if roles.len() == Role::ALL.len() { "all".to_owned() } else { roles.join(", ") };
            let shown_service = if service == first.service { "" } else { first.service };
            service = first.service;
            let method = if told.len() == 1 { first.method } else { "" };
            let about = if told.len() == 1 { first.about } else { "" };
            let any = one.relations.len() == relations_of(first.about);
            let relations = if any { "any".to_owned() } else { one.relations.join(", ") };
            shown.add_row([shown_service, method, about, &roles, &relations]);
        }
    }
    shown.to_string()
}

/// What is personal in an answer, and who gets it.
fn sights(only: Option<Role>) -> String {
    let mut shown = table(&["service", "method", "personal", "how", "roles", "relations"]);
    for Sight { path, content, own, for_purpose } in SIGHTS {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        for (how, Grant { roles, relations }) in
            [("as its own", own), ("for a purpose, recorded", for_purpose)]
        {
            let roles = roles.iter().filter(|role| only.is_none_or(|only| only == **role));
            let roles: Vec<_> = roles.map(|role| role.as_str()).collect();
            if roles.is_empty() {
                continue;
            }
            let possible = Row::of(path).map_or(&[][..], |row| row.subject.relations());
            let in_which = possible.iter().filter(|relation| relations.contains(relation));
            let in_which: Vec<_> = in_which.map(|relation| relation.as_str()).collect();
            let any = in_which.len() == possible.len();
            let in_which = if any { "any".to_owned() } else { in_which.join(", ") };
            shown.add_row([service, method, content.name(), how, &roles.join(", "), &in_which]);
        }
    }
    if shown.is_empty() {
        return String::new();
    }
    format!("\npersonal data beside the papers of deliveries; nobody else gets them:\n{shown}\n")
}

fn relations_of(about: &str) -> usize {
    let row = TABLE.iter().find(|row| row.subject.as_str() == about);
    row.map_or(0, |row| row.subject.relations().len())
}

fn csv(allowed: &[Allowed]) -> String {
    let mut text = String::from("service,method,about,role,relation\n");
    for Allowed { service, method, about, role, relations } in allowed {
        for relation in relations {
            text += &format!("{service},{method},{about},{role},{relation}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_call_that_the_table_allows() {
        let text = csv(&allowed(None));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("service,method,about,role,relation"));
        let mut count = 0;
        for line in lines {
            let [service, method, _, role, relation] = line.split(',').collect::<Vec<_>>()[..]
            else {
                panic!("{line}")
            };
            let row = Row::of(&format!("/{service}/{method}")).unwrap();
            let relation = Relation::ALL.into_iter().find(|one| one.as_str() == relation).unwrap();
            assert!(row.allows(role.parse().unwrap(), relation), "{line}");
            count += 1;
        }
        let all = TABLE.iter().flat_map(|row| {
            let pairs = Role::ALL.into_iter().flat_map(|role| {
                row.subject.relations().iter().map(move |relation| (role, *relation))
            });
            pairs.filter(|(role, relation)| row.allows(*role, *relation))
        });
        assert_eq!(count, all.count());
    }

    #[test]
    fn a_role_sees_its_own_lines_alone() {
        let of_centre = allowed(Some(Role::ContactCentre));
        assert!(of_centre.iter().all(|one| one.role == "contact-centre"));
        let status = of_centre.iter().find(|one| one.method == "GetCaseStatus").unwrap();
        assert_eq!(status.relations, ["part", "own-region", "stranger"]);
        assert!(people(&of_centre).contains("GetCaseStatus"));
        assert_eq!(sights(Some(Role::Operator)), "");
        let of_body = sights(Some(Role::MigrationBody));
        assert!(of_body.contains("held-words") && of_body.contains("for a purpose"), "{of_body}");
    }
}
