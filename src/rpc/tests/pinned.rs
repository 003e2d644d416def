//! Who may call what, as it is meant: read from a file that is written apart from the table, so that
//! a slip in the one is seen by the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ReadContent;
use crate::domain::party::Role;
use crate::rpc::access::{Access, Relation, SIGHTS, Sees, Subject, TABLE};

const FILE: &str = include_str!("../../../tests/data/access.txt");

/// What the file says.
#[derive(Debug, Default)]
pub struct Pinned {
    /// The methods, each with what it is about.
    pub methods: BTreeMap<String, &'static str>,
    /// Who may call them, in which relation.
    allowed: BTreeSet<(String, Role, Relation)>,
    /// Who sees what, and how.
    sights: BTreeMap<(String, ReadContent, Role, Relation), &'static str>,
}

impl Pinned {
    pub fn read() -> Self {
        let (mut pinned, mut groups) = (Self::default(), BTreeMap::new());
        let (mut section, mut group) = ("", None);
        for line in FILE.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                (section, group) = (name, None);
            } else if let Some((name, roles)) = line.split_once('=') {
                let roles: Vec<Role> = names(roles);
                assert!(groups.insert(name.trim(), roles).is_none(), "{line}");
                group = Some(name.trim());
            } else if line.starts_with(' ')
                && let Some(of) = group
            {
                groups.get_mut(of).unwrap().extend(names(line));
            } else if section == "sights" && !line.is_empty() {
                pinned.sight(line, &groups);
            } else if !line.is_empty() {
                pinned.method(section, line, &groups);
            }
        }
        pinned
    }

    fn method(&mut self, section: &str, line: &'static str, groups: &Groups) {
        let (name, rest) = line.split_once(' ').unwrap();
        let (about, grants) = rest.trim_start().split_once(' ').unwrap();
        let path = format!("/{section}/{name}");
        assert!(self.methods.insert(path.clone(), about).is_none(), "{path} stands there twice");
        for grant in grants.split(';') {
            for (relation, role) in granted(grant, relations(about), groups) {
                self.allowed.insert((path.clone(), role, relation));
            }
        }
    }

    fn sight(&mut self, line: &'static str, groups: &Groups) {
        let (path, rest) = line.split_once(' ').unwrap();
        let (content, rest) = rest.split_once(' ').unwrap();
        let (how, grant) = rest.split_once(": ").unwrap();
        let (path, content) = (format!("/{path}"), content.parse().unwrap());
        for (relation, role) in granted(grant, relations(self.methods[&path]), groups) {
            self.sights.entry((path.clone(), content, role, relation)).or_insert(how);
        }
    }

    pub fn allows(&self, path: &str, role: Role, relation: Relation) -> bool {
        self.allowed.contains(&(path.to_owned(), role, relation))
    }

    /// Whether a role may call a method in some relation.
    pub fn may_call(&self, path: &str, role: Role) -> bool {
        self.allowed.iter().any(|(of, one, _)| of == path && *one == role)
    }
}

type Groups = BTreeMap<&'static str, Vec<Role>>;

fn names(roles: &str) -> Vec<Role> {
    roles.split_whitespace().map(|role| role.parse().unwrap()).collect()
}

/// The relations of a subject, by its name.
fn relations(about: &str) -> &'static [Relation] {
    let all =
        [Subject::Nothing, Subject::Opening, Subject::Case, Subject::Party, Subject::Delivery];
    let found = all.into_iter().find(|subject| subject.as_str() == about);
    found.unwrap_or_else(|| panic!("nothing is about {about}")).relations()
}

/// `own acting-for: akimat @watchers`, taken apart.
fn granted(grant: &str, possible: &[Relation], groups: &Groups) -> Vec<(Relation, Role)> {
    let (stated, roles) = grant.split_once(':').unwrap_or_else(|| panic!("{grant}"));
    let stated: Vec<_> = stated.split_whitespace().collect();
    let is_stated = |relation: &&Relation| stated.contains(&relation.as_str());
    let relations: Vec<_> = match stated[..] {
        ["any"] => possible.to_vec(),
        _ => possible.iter().filter(is_stated).copied().collect(),
    };
    assert!(stated == ["any"] || relations.len() == stated.len(), "{grant}");
    let roles = roles.split_whitespace().flat_map(|role| match groups.get(role) {
        Some(group) => group.clone(),
        None => vec![role.parse().unwrap_or_else(|_| panic!("{role}"))],
    });
    roles.flat_map(|role| relations.iter().map(move |relation| (*relation, role))).collect()
}

#[test]
fn the_access_table_is_the_one_that_was_meant() {
    let pinned = Pinned::read();
    let table: BTreeMap<_, _> =
        TABLE.iter().map(|row| (row.path.to_owned(), row.subject.as_str())).collect();
    assert_eq!(table, pinned.methods);
    let mut allowed = BTreeSet::new();
    for row in TABLE {
        for role in Role::ALL {
            for relation in row.subject.relations() {
                if row.allows(role, *relation) {
                    allowed.insert((row.path.to_owned(), role, *relation));
                }
            }
        }
    }
    let told = |set: &BTreeSet<(String, Role, Relation)>, other: &BTreeSet<_>| -> Vec<String> {
        let missing = set.difference(other);
        missing.map(|(path, role, relation)| format!("{role} as {relation} {path}")).collect()
    };
    let nothing = Vec::<String>::new();
    assert_eq!(told(&allowed, &pinned.allowed), nothing, "the table allows what is not meant");
    assert_eq!(told(&pinned.allowed, &allowed), nothing, "the table refuses what is meant");
    assert!(allowed.len() > 600, "{}", allowed.len());
}

#[test]
fn what_is_personal_is_told_to_those_alone_who_are_meant() {
    let pinned = Pinned::read();
    let mut seen = 0;
    for sight in SIGHTS {
        for role in Role::ALL {
            for relation in relations(pinned.methods[sight.path]) {
                let key = (sight.path.to_owned(), sight.content, role, *relation);
                let meant = pinned.sights.get(&key).copied().unwrap_or("nothing");
                let told = match Access::of(role).sees(sight.path, sight.content, *relation) {
                    Sees::Own => "own",
                    Sees::ForPurpose => "for-purpose",
                    Sees::Nothing => "nothing",
                };
                assert_eq!(told, meant, "{role} as {relation} {}", sight.path);
                // Whoever sees something may call the method to begin with.
                assert!(told == "nothing" || pinned.allows(sight.path, role, *relation));
                seen += u32::from(told != "nothing");
            }
        }
    }
    assert_eq!(seen as usize, pinned.sights.len(), "something is meant that the table lacks");
}
