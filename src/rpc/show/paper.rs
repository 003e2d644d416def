//! A paper for people who have no program of the contracts: each field with its value, as the
//! descriptors name it, and the signed documents in it.

use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::domain::BodyKind;
use crate::rpc::proto::FILE_DESCRIPTOR_SET;
use crate::rpc::proto::google::r#type::Date;
use crate::rpc::proto::types::v1::SignedDocument;

/// Messages within messages; the deepest form has six.
const MAX_DEPTH: usize = 16;

/// What a paper says.
#[derive(Default)]
pub struct Reading {
    /// Each field by its path with its value, in the order in which they were sent.
    pub fields: Vec<(String, String)>,
    /// The signed documents.
    pub documents: Vec<SignedDocument>,
}

/// Reads the document of an act. What cannot be read is told as such: it is for people, and proves
/// nothing.
pub fn reading(kind: BodyKind, bytes: &[u8]) -> Reading {
    let message = match kind {
        BodyKind::Application => ".kopir.types.v1.Application",
        BodyKind::Dispatch => ".kopir.types.v1.Dispatch",
        BodyKind::ConsentDecision => ".kopir.types.v1.ConsentDecision",
        BodyKind::HandOver => ".kopir.types.v1.HandOver",
        BodyKind::ArrivalApplication => ".kopir.types.v1.ArrivalApplication",
        BodyKind::InclusionDecision => ".kopir.types.v1.InclusionDecision",
        BodyKind::Form => ".kopir.forms.v1.Form",
    };
    let mut reading = Reading::default();
    if reading.message(message, "", bytes, MAX_DEPTH).is_none() {
        reading.fields.push(("…".to_owned(), "cannot be read on".to_owned()));
    }
    reading
}

/// What is known of the contracts, by full names.
#[derive(Default)]
struct Contracts {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
}

fn contracts() -> &'static Contracts {
    static CONTRACTS: OnceLock<Contracts> = OnceLock::new();
    CONTRACTS.get_or_init(|| {
        let mut contracts = Contracts::default();
        // What was compiled in decodes.
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
        for file in set.file {
            let package = format!(".{}", file.package());
            for message in file.message_type {
                contracts.messages.insert(format!("{package}.{}", message.name()), message);
            }
            for each in file.enum_type {
                contracts.enums.insert(format!("{package}.{}", each.name()), each);
            }
        }
        contracts
    })
}

impl Reading {
    /// Reads a message; none where it ends before its end.
    fn message(&mut self, name: &str, at: &str, bytes: &[u8], depth: usize) -> Option<()> {
        let fields = &contracts().messages.get(name).filter(|_| 0 < depth)?.field;
        let mut rest = bytes;
        let mut counts: HashMap<u32, usize> = HashMap::new();
        while !rest.is_empty() {
            let (number, wire) = decode_key(&mut rest).ok()?;
            let value = Value::read(wire, &mut rest)?;
            let known = fields.iter().find(|field| u32::try_from(field.number()) == Ok(number));
            let Some(field) = known else {
                self.fields.push((format!("{at}{number}"), "a field that is not known".to_owned()));
                continue;
            };
            let count = counts.entry(number).or_default();
            *count += 1;
            let path = match field.label() {
                Label::Repeated => format!("{at}{}[{count}]", field.name()),
                Label::Optional | Label::Required => format!("{at}{}", field.name()),
            };
            self.field(field, path, value, depth)?;
        }
        Some(())
    }

    fn field(
        &mut self,
        field: &FieldDescriptorProto,
        path: String,
        value: Value<'_>,
        depth: usize,
    ) -> Option<()> {
        let told = match (field.r#type(), value) {
            (Type::Message, Value::Bytes(bytes)) => match field.type_name() {
                ".google.type.Date" => date(bytes)?,
                ".google.protobuf.Timestamp" => timestamp(bytes)?,
                ".kopir.types.v1.SignedDocument" => self.document(bytes)?,
                name => {
                    if bytes.is_empty() {
                        self.fields.push((path, "there".to_owned()));
                        return Some(());
                    }
                    return self.message(name, &format!("{path}."), bytes, depth - 1);
                }
            },
            (Type::String, Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            (Type::Bytes, Value::Bytes(bytes)) => octets(bytes),
            // Numbers that are repeated stand together.
            (_, Value::Bytes(mut bytes)) => {
                let mut all = Vec::new();
                while !bytes.is_empty() {
                    all.push(number(field, decode_varint(&mut bytes).ok()?));
                }
                all.join(", ")
            }
            (_, Value::Number(value)) => number(field, value),
        };
        self.fields.push((path, told));
        Some(())
    }

    fn document(&mut self, bytes: &[u8]) -> Option<String> {
        let document = SignedDocument::decode(bytes).ok()?;
        let SignedDocument { content, media_type, signature } = &document;
        let (bytes, signed) = (content.len(), signature.len());
        let told = format!("{media_type}, {bytes} bytes, with a signature of {signed} bytes");
        self.documents.push(document);
        Some(told)
    }
}

/// A field's value as it stands in a message.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn read(wire: WireType, rest: &mut &'a [u8]) -> Option<Self> {
        let length = match wire {
            WireType::Varint => return decode_varint(rest).ok().map(Value::Number),
            WireType::LengthDelimited => usize::try_from(decode_varint(rest).ok()?).ok()?,
            // The contracts have none of these.
            WireType::SixtyFourBit
            | WireType::ThirtyTwoBit
            | WireType::StartGroup
            | WireType::EndGroup => return None,
        };
        let (value, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(Value::Bytes(value))
    }
}

fn number(field: &FieldDescriptorProto, value: u64) -> String {
    if field.r#type() == Type::Bool {
        return if value == 0 { "no" } else { "yes" }.to_owned();
    }
    // A negative number has the width of 64 bits.
    let signed = i64::from_ne_bytes(value.to_ne_bytes());
    let of = contracts().enums.get(field.type_name());
    let named = of.and_then(|of| of.value.iter().find(|each| i64::from(each.number()) == signed));
    named.map_or_else(|| signed.to_string(), |named| named.name().to_owned())
}

fn date(bytes: &[u8]) -> Option<String> {
    let Date { year, month, day } = Date::decode(bytes).ok()?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

fn timestamp(bytes: &[u8]) -> Option<String> {
    let prost_types::Timestamp { seconds, nanos } = prost_types::Timestamp::decode(bytes).ok()?;
    Timestamp::new(seconds, nanos).ok().map(|at| at.to_string())
}

/// A hash in digits; of what is longer, its length.
fn octets(bytes: &[u8]) -> String {
    if bytes.len() > 64 {
        return format!("{} bytes", bytes.len());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::proto::types::v1::{
        Application, ApplicationScope, ConsentDecision, FamilyMember, Person, PersonName,
    };

    #[test]
    fn every_field_is_told_by_its_path() {
        let name = PersonName { surname: "SAMPLE".into(), ..PersonName::default() };
        let birth_date = Some(Date { year: 1984, month: 6, day: 15 });
        let member = FamilyMember { name: Some(name.clone()), ..FamilyMember::default() };
        let application = Application {
            region: "KZ-55".into(),
            scope: ApplicationScope::ApplicantAndFamily.into(),
            applicant: Some(Person { name: Some(name), birth_date, ..Person::default() }),
            family_members: vec![member.clone(), member],
            personal_data_consent: true,
            filed_time: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..Application::default()
        };
        let reading = reading(BodyKind::Application, &application.encode_to_vec());
        for (field, value) in [
            ("region", "KZ-55"),
            ("scope", "APPLICATION_SCOPE_APPLICANT_AND_FAMILY"),
            ("applicant.name.surname", "SAMPLE"),
            ("applicant.birth_date", "1984-06-15"),
            ("family_members[1].name.surname", "SAMPLE"),
            ("family_members[2].name.surname", "SAMPLE"),
            ("personal_data_consent", "yes"),
            ("filed_time", "1970-01-01T00:00:00Z"),
        ] {
            let line = (field.to_owned(), value.to_owned());
            assert!(reading.fields.contains(&line), "{line:?} {:?}", reading.fields);
        }
        assert_eq!(reading.fields.len(), 8);
    }

    #[test]
    fn signed_documents_are_found_and_other_bytes_are_told() {
        let document = SignedDocument {
            content: b"SAMPLE".to_vec().into(),
            media_type: "text/plain".into(),
            signature: b"none".to_vec().into(),
        };
        let decision =
            ConsentDecision { signed_document: Some(document.clone()), ..Default::default() };
        let bytes = decision.encode_to_vec();
        assert_eq!(reading(BodyKind::ConsentDecision, &bytes).documents, [document]);
        for length in 0..bytes.len() {
            // Not one of them panics; most of them are told to be cut.
            reading(BodyKind::ConsentDecision, &bytes[..length]);
        }
        let cut = reading(BodyKind::ConsentDecision, &bytes[..bytes.len() - 1]);
        assert_eq!(cut.fields.last().unwrap().1, "cannot be read on");
        let unknown = reading(BodyKind::Dispatch, &[0xf8, 0x7f, 1]);
        assert_eq!(unknown.fields[0].1, "a field that is not known");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for kind in BodyKind::ALL {
                let Reading { fields, .. } = reading(*kind, &bytes);
                prop_assert!(fields.len() <= bytes.len() + 1);
            }
        }
    }
}
