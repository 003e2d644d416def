//! The registers of the law against the contracts: every message that a form names is there, with a
//! field for each line of the form, and every name of the contracts has its labels.

use std::collections::BTreeMap;
use std::error::Error;

use kopir::procedures::forms;
use kopir::procedures::labels::{LabelKind, Labels};
use kopir::procedures::people::People;
use kopir::rpc::proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Every message of the contracts by its name with the package, as field types name it.
struct Contracts {
    messages: BTreeMap<String, DescriptorProto>,
    /// The names of the values of each enum.
    enums: BTreeMap<String, Vec<String>>,
}

impl Contracts {
    fn read() -> Outcome<Self> {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)?;
        let mut contracts = Self { messages: BTreeMap::new(), enums: BTreeMap::new() };
        for file in set.file {
            let package = format!(".{}", file.package());
            for message in file.message_type {
                contracts.messages.insert(format!("{package}.{}", message.name()), message);
            }
            for found in file.enum_type {
                let values = found.value.iter().map(|value| value.name().to_owned()).collect();
                contracts.enums.insert(format!("{package}.{}", found.name()), values);
            }
        }
        Ok(contracts)
    }

    /// What is wrong with a path of fields that begins in this message, if anything.
    fn fault(&self, message: &str, path: &str) -> Option<String> {
        let mut at = format!(".{message}");
        for name in path.split('.') {
            let Some(known) = self.messages.get(&at) else {
                return Some(format!("{path}: {at} is not a message"));
            };
            match known.field.iter().find(|field| field.name() == name) {
                Some(field) => at = field.type_name().to_owned(),
                None => return Some(format!("{path}: {at} has no field {name}")),
            }
        }
        None
    }
}

#[test]
fn every_form_has_its_message_with_a_field_for_each_line() -> Outcome {
    let contracts = Contracts::read()?;
    let mut faults = Vec::new();
    let mut lines = 0;
    for form in forms::load()? {
        for message in form.message.iter() {
            lines += message.fields.len();
            let found =
                message.fields.iter().filter_map(|path| contracts.fault(&message.name, path));
            faults.extend(found.map(|fault| format!("{}: {}, {fault}", form.id, message.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(lines > 250, "{lines} lines of forms were compared");
    Ok(())
}

#[test]
fn the_employment_categories_of_the_contract_are_those_of_the_form() -> Outcome {
    let contracts = Contracts::read()?;
    let values = &contracts.enums[".kopir.forms.v1.EmploymentCategory"];
    let named = People::load()?.employment_categories.into_iter().map(|category| {
        let id = category.id.to_uppercase().replace('-', "_");
        format!("EMPLOYMENT_CATEGORY_{id}")
    });
    let expected: Vec<_> =
        ["EMPLOYMENT_CATEGORY_UNSPECIFIED".to_owned()].into_iter().chain(named).collect();
    assert_eq!(*values, expected);
    Ok(())
}

#[test]
fn every_name_of_the_contracts_has_its_labels() -> Outcome {
    let (contracts, labels) = (Contracts::read()?, Labels::load()?);
    let mut missing = Vec::new();
    for (name, prefix, kinds) in [
        ("types.v1.Act", "ACT_", [LabelKind::Act].as_slice()),
        ("types.v1.Outcome", "OUTCOME_", &[LabelKind::Outcome]),
        ("types.v1.RefusalGround", "REFUSAL_GROUND_", &[LabelKind::Ground]),
        ("types.v1.PartyRole", "PARTY_ROLE_", &[LabelKind::Role, LabelKind::Actor]),
        ("types.v1.QuotaCategory", "QUOTA_CATEGORY_", &[LabelKind::Category]),
        ("types.v1.Kinship", "KINSHIP_", &[LabelKind::Kinship]),
        ("forms.v1.InMigrantBasis", "IN_MIGRANT_BASIS_", &[LabelKind::Basis]),
        ("forms.v1.ComplaintBasis", "COMPLAINT_BASIS_", &[LabelKind::Basis]),
        ("cases.v1.CaseState", "CASE_STATE_", &[LabelKind::Status]),
    ] {
        let values = contracts.enums.get(&format!(".kopir.{name}"));
        for value in values.ok_or_else(|| format!("there is no enum {name}"))? {
            let plain =
                value.strip_prefix(prefix).ok_or_else(|| format!("{value}, not {prefix}"))?;
            let plain = plain.to_lowercase().replace('_', "-");
            let labelled = kinds.iter().any(|kind| labels.get(*kind, &plain).is_some());
            if !labelled && plain != "unspecified" {
                missing.push(format!("{name} {plain}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    Ok(())
}
