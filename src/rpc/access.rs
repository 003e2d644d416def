//! Who may call what, and of whom and what: one table of methods, roles and relations. What it does
//! not name is refused.
//!
//! The role is judged before anything is looked up, the relation where the party or the case is. The
//! answer to a stranger is the same as for what does not exist.

mod table;

use std::fmt;

use crate::domain::ReadContent;
use crate::domain::party::Role;

pub use table::{
    EXPORT_CASE_WITH_PAPERS, GET_CASE, GET_CASE_STATUS, GET_ENDPOINT, GET_RECEIPT_PROOF,
    LIST_CASES, LIST_DATA_READS, LIST_HELD, LIST_INBOX, LIST_OBLIGATIONS, SIGHTS, TABLE,
};

/// How a caller stands to the party or the case that its call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// It is the party itself, or the delivery is to it.
    Own,
    /// The registry lets it act for the party.
    ActsFor,
    /// It, or a party for which it acts, has a place in the case or has acted in it.
    Part,
    /// The case is of its region, and it has no part in it.
    OwnRegion,
    /// None of these.
    Stranger,
}

/// What a method is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Neither a party nor a case: the law, the quotas, the bus.
    Nothing,
    /// A case that it opens.
    Opening,
    /// A case that is there.
    Case,
    /// A party's inbox, queue or endpoint.
    Party,
    /// A delivery.
    Delivery,
}

/// Roles that may call a method in some relations.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The roles.
    pub roles: &'static [Role],
    /// The relations in which they may.
    pub relations: &'static [Relation],
}

impl Grant {
    fn is_for(&self, role: Role, relation: Relation) -> bool {
        self.roles.contains(&role) && self.relations.contains(&relation)
    }
}

/// A method of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// For example `/kopir.inbox.v1.InboxService/OpenInbox`.
    pub path: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Who may call it, in which relation to that; nobody else may.
    pub grants: &'static [Grant],
}

/// Personal data that a method tells beside the papers of deliveries, and to whom. Whoever may call
/// the method and is not named here gets the rest of its answer.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// The method.
    pub path: &'static str,
    /// What of a case it tells.
    pub content: ReadContent,
    /// Who gets it as what it is, and needs to say nothing: whose own words they are.
    pub own: Grant,
    /// Who gets it for a purpose alone, which is recorded.
    pub for_purpose: Grant,
}

/// How a caller may see something personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// As its own.
    Own,
    /// For a purpose, which is recorded.
    ForPurpose,
    /// Not at all.
    Nothing,
}

impl Relation {
    /// Every relation, the closest first.
    pub const ALL: [Self; 5] =
        [Self::Own, Self::ActsFor, Self::Part, Self::OwnRegion, Self::Stranger];

    /// Its name in what is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::ActsFor => "acting-for",
            Self::Part => "part",
            Self::OwnRegion => "own-region",
            Self::Stranger => "stranger",
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Subject {
    /// Its name in what is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Opening => "opening",
            Self::Case => "case",
            Self::Party => "party",
            Self::Delivery => "delivery",
        }
    }

    /// The relations in which a caller can stand to it. To a new case everybody is as near.
    pub const fn relations(self) -> &'static [Relation] {
        match self {
            Self::Nothing | Self::Opening => &[Relation::Stranger],
            Self::Case => &[Relation::Part, Relation::OwnRegion, Relation::Stranger],
            Self::Party => &[Relation::Own, Relation::ActsFor, Relation::Stranger],
            Self::Delivery => {
                &[Relation::Own, Relation::ActsFor, Relation::Part, Relation::Stranger]
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Row {
    /// The row of a method.
    pub fn of(path: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.path == path)
    }

    /// Whether a role may call it in a relation to what it is about.
    pub fn allows(&self, role: Role, relation: Relation) -> bool {
        self.grants.iter().any(|grant| grant.is_for(role, relation))
    }

    /// The roles that may call it in some relation, in the order of [`Role::ALL`].
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        let granted = |role: &Role| self.grants.iter().any(|grant| grant.roles.contains(role));
        Role::ALL.into_iter().filter(granted)
    }
}

/// The roles in which a system may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// One bit for each role, at its place in [`Role::ALL`].
    roles: u32,
}

impl Access {
    /// A party's own role.
    pub fn of(role: Role) -> Self {
        Self { roles: bit(role) }
    }

    /// With another role besides, that of a party acted for.
    #[must_use]
    pub fn and(self, role: Role) -> Self {
        Self { roles: self.roles | bit(role) }
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.roles & bit(*role) != 0)
    }

    /// Whether one of the roles may call the method at all.
    pub fn allows(self, method_path: &str) -> bool {
        self.roles().any(|role| allowed(role, method_path))
    }

    /// Whether one of the roles may call the method in a relation to what it is about.
    pub fn reaches(self, method_path: &str, relation: Relation) -> bool {
        let row = Row::of(method_path);
        row.is_some_and(|row| self.roles().any(|role| row.allows(role, relation)))
    }

    /// How one of the roles may see what a method tells of a case, in a relation to what it is about.
    pub fn sees(self, method_path: &str, content: ReadContent, relation: Relation) -> Sees {
        let is_it = |sight: &&Sight| (sight.path, sight.content) == (method_path, content);
        let Some(sight) = SIGHTS.iter().find(is_it) else { return Sees::Nothing };
        let has = |grant: Grant| self.roles().any(|role| grant.is_for(role, relation));
        match (has(sight.own), has(sight.for_purpose)) {
            (true, _) => Sees::Own,
            (false, true) => Sees::ForPurpose,
            (false, false) => Sees::Nothing,
        }
    }
}

fn bit(role: Role) -> u32 {
    1 << role as u8
}

/// Whether `role` may call the method of this path in some relation, for example
/// `/kopir.inbox.v1.InboxService/OpenInbox`. A path that the table does not name is nobody's.
pub fn allowed(role: Role, method_path: &str) -> bool {
    Row::of(method_path).is_some_and(|row| row.roles().any(|granted| granted == role))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::rpc::proto::FILE_DESCRIPTOR_SET;

    fn methods(descriptors: &[u8]) -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let mut methods = BTreeSet::new();
        for file in set.file {
            for service in &file.service {
                for method in &service.method {
                    methods.insert(format!(
                        "/{}.{}/{}",
                        file.package(),
                        service.name(),
                        method.name()
                    ));
                }
            }
        }
        methods
    }

    #[test]
    fn every_method_that_is_served_has_a_row_and_no_row_is_for_nothing() {
        let served: BTreeSet<String> = [
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]
        .into_iter()
        .flat_map(methods)
        // The parties serve it, and the bus calls.
        .filter(|path| !path.starts_with("/kopir.agency."))
        .collect();
        let rows: BTreeSet<String> = TABLE.iter().map(|row| row.path.to_owned()).collect();
        assert_eq!(rows, served);
        assert_eq!(rows.len(), TABLE.len(), "a method has two rows");
    }

    #[test]
    fn each_legal_act_is_open_to_one_role_only_or_to_the_portals() {
        let open = ["inbox", "cases", "procedures", "operations", "quotas", "evidence"];
        let is_act = |path: &str| {
            path.starts_with("/kopir.")
                && !open.iter().any(|area| path.starts_with(&format!("/kopir.{area}.")))
        };
        for row in TABLE.iter().filter(|row| is_act(row.path)) {
            let path = row.path;
            let roles: Vec<_> = row.roles().collect();
            let portals = path.starts_with("/kopir.portal.");
            assert_eq!(roles.len(), if portals { 3 } else { 1 }, "{path}");
            assert_ne!(roles, [Role::Operator], "{path}");
            // Whoever acts in a case has a place in it; whoever opens one has none yet.
            let strangers = row.allows(roles[0], Relation::Stranger);
            assert_eq!(strangers, row.subject == Subject::Opening, "{path}");
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_refused_to_everybody() {
        for path in [
            "",
            "/",
            "/kopir.inbox.v1.InboxService/",
            "/kopir.inbox.v1.InboxService/openinbox",
            "/kopir.inbox.v1.InboxService/OpenInbox/",
            "kopir.inbox.v1.InboxService/OpenInbox",
            "/grpc.channelz.v1.Channelz/GetServers",
        ] {
            assert!(Role::ALL.into_iter().all(|role| !allowed(role, path)), "{path:?}");
        }
    }

    #[test]
    fn an_akimat_that_acts_for_its_commission_may_decide_and_no_other() {
        let decide = "/kopir.commission.v1.CommissionService/RecordConsentDecision";
        let akimat = Access::of(Role::Akimat);
        assert!(!akimat.allows(decide));
        assert!(akimat.and(Role::Commission).allows(decide));
        assert!(
            !akimat
                .and(Role::Commission)
                .allows("/kopir.operations.v1.OperationsService/GetStatus")
        );
    }

    #[test]
    fn the_parties_are_watched_by_operator_and_migration_body_alone() {
        for role in Role::ALL {
            let watches = matches!(role, Role::Operator | Role::MigrationBody);
            let of_all = [LIST_INBOX, LIST_HELD, LIST_OBLIGATIONS, GET_ENDPOINT];
            for path in of_all {
                let reaches = Access::of(role).reaches(path, Relation::Stranger);
                assert_eq!(reaches, watches, "{role:?} {path}");
            }
            let get_status = "/kopir.operations.v1.OperationsService/GetStatus";
            assert_eq!(allowed(role, get_status), watches, "{role:?}");
            // Whoever has an inbox sees its own.
            let list_inbox = "/kopir.operations.v1.OperationsService/ListInbox";
            let open_inbox = "/kopir.inbox.v1.InboxService/OpenInbox";
            assert_eq!(allowed(role, list_inbox), watches || allowed(role, open_inbox), "{role:?}");
        }
    }

    #[test]
    fn the_operator_reads_and_takes_no_part() {
        let operator = Access::of(Role::Operator);
        assert!(operator.allows("/kopir.cases.v1.CaseService/ListCases"));
        assert!(operator.allows("/kopir.operations.v1.OperationsService/SetSandboxTime"));
        assert!(operator.allows("/kopir.operations.v1.OperationsService/ListInbox"));
        assert!(!operator.allows("/kopir.inbox.v1.InboxService/OpenInbox"));
        assert!(!operator.allows("/kopir.inbox.v1.InboxService/FetchDeliveries"));
        assert!(
            !Access::of(Role::MigrationBody)
                .allows("/kopir.operations.v1.OperationsService/SetSandboxTime")
        );
    }

    #[test]
    fn papers_go_into_a_bundle_for_those_alone_who_take_part_in_the_case() {
        let row = Row::of(EXPORT_CASE_WITH_PAPERS).unwrap();
        for role in Role::ALL {
            let may = matches!(role, Role::MigrationBody | Role::Akimat);
            for relation in row.subject.relations() {
                let expected = may && *relation == Relation::Part;
                assert_eq!(row.allows(role, *relation), expected, "{role:?} {relation}");
            }
        }
    }

    /// The messages that a message can hold, itself among them.
    fn reachable(set: &FileDescriptorSet, name: &str, found: &mut BTreeSet<String>) {
        if !found.insert(name.to_owned()) {
            return;
        }
        for file in &set.file {
            let inner = name.strip_prefix(&format!(".{}.", file.package()));
            let message = inner
                .and_then(|inner| file.message_type.iter().find(|message| message.name() == inner));
            for field in message.iter().flat_map(|message| &message.field) {
                if field.type_name().starts_with('.') {
                    reachable(set, field.type_name(), found);
                }
            }
        }
    }

    /// Personal data leave the bus as papers of deliveries, which go to their receivers, and within
    /// bundles, as bytes that no descriptor tells of.
    #[test]
    fn no_answer_but_a_party_s_own_deliveries_can_hold_a_person() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let is_person = |name: &str| {
            // A person's name or home, or any form of the acts, all of which have one or the other.
            ["PersonName", "Address", "Person", "FamilyMember", "Recipient", "Relative"]
                .iter()
                .any(|person| name.rsplit('.').next() == Some(person))
                || name.starts_with(".kopir.forms.v1.")
        };
        let (mut holding, mut methods) = (BTreeSet::new(), 0);
        for file in set.file.iter().filter(|file| file.package().starts_with("kopir.")) {
            // There the parties answer, and the bus asks.
            if file.package() == "kopir.agency.v1" {
                continue;
            }
            for service in &file.service {
                for method in &service.method {
                    let mut found = BTreeSet::new();
                    reachable(&set, method.output_type(), &mut found);
                    methods += 1;
                    if found.iter().any(|name| is_person(name)) {
                        holding.insert(format!(
                            "/{}.{}/{}",
                            file.package(),
                            service.name(),
                            method.name()
                        ));
                    }
                }
            }
        }
        assert!(methods > 120, "{methods}");
        let inbox = "/kopir.inbox.v1.InboxService";
        let own = [format!("{inbox}/FetchDeliveries"), format!("{inbox}/OpenInbox")];
        assert_eq!(holding, BTreeSet::from(own.clone()));
        // These reach the party itself and whoever the registry lets act for it, and no watcher.
        for path in &own {
            let row = Row::of(path).unwrap();
            for role in Role::ALL {
                let reached = [Relation::Part, Relation::OwnRegion, Relation::Stranger];
                assert!(reached.iter().all(|relation| !row.allows(role, *relation)), "{path}");
            }
        }
    }
}
