//! Who may call what, of whom: every role, every method of the contracts and every relation, over
//! mutual TLS against a whole bus, held against what is written down of it apart from the access table
//! that the bus enforces and `kopir access show` prints.
//!
//! The messages are built from the same descriptors that the services are, with a sample of each
//! form, so that what is refused is refused for who asks and not for how.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use futures_util::stream;
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use tempfile::TempDir;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use super::forms::samples as forms;
use super::pinned::Pinned;
use super::samples;
use crate::app::App;
use crate::config::Config;
use crate::domain::party::{Parties, PartyId, Role};
use crate::engine::Clock;
use crate::rpc::access::{GET_RECEIPT_PROOF, Relation, Row, Subject, TABLE};
use crate::rpc::client::connect;
use crate::rpc::proto::FILE_DESCRIPTOR_SET;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::evidence::v1 as evidence;
use crate::rpc::proto::forms::v1::{QuotaDecision, quota_decision};
use crate::rpc::proto::inbox::v1 as inbox;
use crate::rpc::proto::operations::v1 as operations;
use crate::rpc::proto::types::v1 as types;
use crate::trust::issue::{
    CertificateDir, ServerName, Validity, issue_ca, issue_party, issue_server,
};
use crate::trust::registry;
use crate::trust::tls::{TlsFiles, client_config};

/// Reasons by which a call is refused for who asks. No law gives them to whom the table lets in.
const OF_ACCESS: [&str; 6] = [
    "CERTIFICATE_UNKNOWN_PARTY",
    "IDENTITY_WITHDRAWN",
    "ROLE_NOT_ALLOWED",
    "PARTY_NOT_ALLOWED",
    "CASE_NOT_VISIBLE",
    "DELIVERY_UNKNOWN",
];

/// How long a stream that is let in may say nothing until that is taken for it.
const SILENCE: Duration = Duration::from_millis(40);

/// Id, role and region; the akimat of KZ-11 acts for its commission.
const REGIONAL: [&str; 9] = [
    "akimat",
    "commission",
    "employment-commission",
    "employment-centre",
    "career-centre",
    "labour-mobility-centre",
    "rural-akimat",
    "adaptation-centre",
    "front-office",
];

fn parties_file() -> String {
    let mut text = "version = 1\n".to_owned();
    let mut entry = |id: &str, role: &str, more: &str| {
        text += &format!(
            "\n[[party]]\nid = \"{id}\"\nrole = \"{role}\"\nzone = \"Asia/Almaty\"\n{more}\n\
             names = {{ kk = \"Үлгі\", ru = \"Пример\", en = \"Sample\" }}\n"
        );
    };
    for role in Role::ALL {
        let name = role.as_str();
        if !role.is_regional() {
            entry(&format!("the-{name}"), name, "");
            continue;
        }
        assert!(REGIONAL.contains(&name), "{name}");
        for region in ["KZ-55", "KZ-11", "KZ-71"] {
            let acts = if (name, region) == ("akimat", "KZ-11") {
                "acts_for = [\"commission-kz-11\"]\n"
            } else {
                ""
            };
            let more = format!("{acts}region = \"{region}\"");
            entry(&format!("{name}-{}", region.to_lowercase()), name, &more);
        }
    }
    entry("another-mission", "foreign-mission", "");
    text
}

/// A bus with a party of every role, each connected.
struct Stage {
    app: App,
    parties: Parties,
    channels: BTreeMap<PartyId, Channel>,
    _dir: TempDir,
}

impl Stage {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("parties.toml");
        fs::write(&file, parties_file()).unwrap();
        let parties = registry::read(&file).unwrap();
        let certificates = CertificateDir::new(dir.path().join("certs"));
        certificates.create().unwrap();
        let at = |text: &str| text.parse().unwrap();
        let span = Validity::new(at("2000-01-01T00:00:00Z"), at("2200-01-01T00:00:00Z")).unwrap();
        let ca = issue_ca("Sample Authority", span).unwrap();
        certificates.save_ca(&ca).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        certificates.save_bus(&issue_server(&ca, &names, span).unwrap()).unwrap();
        let config = "version = 1\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n\
                      registry_file = \"parties.toml\"\n\
                      tls = { ca_file = \"certs/ca.pem\", certificate_file = \"certs/bus.pem\", \
                      key_file = \"certs/bus.key\" }\n\
                      limits = { acts_per_second_per_party = 100000 }\n\
                      journal = { segment_mib = 8, reserve_disk_mib = 1 }\n\
                      engine = { reserve_disk_mib = 10 }\n\
                      quota = { when_unset = \"admit\" }\n";
        let config = Config::parse(&dir.path().join("kopir.toml"), config).unwrap();
        let app = App::start(config, Clock::sandbox(samples::now())).await.unwrap();
        let mut channels = BTreeMap::new();
        for party in parties.iter() {
            let id = &party.id;
            certificates.save_party(id, &issue_party(&ca, id, span).unwrap()).unwrap();
            let files = TlsFiles {
                certificate: certificates.party_certificate(id),
                key: certificates.party_key(id),
                ca: certificates.ca_certificate(),
            };
            let tls = client_config(&files).unwrap();
            let channel = connect(app.address(), "localhost", tls).await.unwrap();
            channels.insert(id.clone(), channel);
        }
        Self { app, parties, channels, _dir: dir }
    }

    /// The answer to a call, or the reason why there is none.
    async fn call(&self, party: &str, path: &str, message: Vec<u8>) -> Result<Bytes, String> {
        let channel = self.channels[&party.parse::<PartyId>().unwrap()].clone();
        let mut client = Grpc::new(channel);
        client.ready().await.unwrap();
        let path = path.parse().unwrap();
        let request = Request::new(Bytes::from(message));
        let answer = client.unary(request, path, Raw).await;
        answer.map(tonic::Response::into_inner).map_err(|status| reason(&status))
    }

    /// The same of a method that streams: its first word, if it says any.
    async fn stream(&self, party: &str, path: &str, message: Vec<u8>) -> Result<Bytes, String> {
        let channel = self.channels[&party.parse::<PartyId>().unwrap()].clone();
        let mut client = Grpc::new(channel);
        client.ready().await.unwrap();
        let said = stream::iter([Bytes::from(message)]);
        let answer = client.streaming(Request::new(said), path.parse().unwrap(), Raw).await;
        let mut answers = answer.map_err(|status| reason(&status))?.into_inner();
        match tokio::time::timeout(SILENCE, answers.message()).await {
            Ok(Err(status)) => Err(reason(&status)),
            Ok(Ok(message)) => Ok(message.unwrap_or_default()),
            Err(_) => Ok(Bytes::new()),
        }
    }

    async fn ask<M: Message + Default>(&self, party: &str, path: &str, asked: &impl Message) -> M {
        let answer = self.call(party, path, asked.encode_to_vec()).await;
        M::decode(answer.unwrap_or_else(|why| panic!("{party} {path}: {why}"))).unwrap()
    }

    fn role(&self, party: &str) -> Role {
        self.parties.get(&party.parse().unwrap()).unwrap().role
    }

    fn ids(&self) -> Vec<String> {
        self.parties.iter().map(|party| party.id.to_string()).collect()
    }
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| format!("{:?}: {}", status.code(), status.message()), |info| info.reason)
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// The contracts, and a sample of every form in them.
struct Contract {
    set: FileDescriptorSet,
    asked: std::cell::Cell<u32>,
}

impl Contract {
    fn new() -> Self {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        Self { set, asked: std::cell::Cell::new(0) }
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        let found = self.set.file.iter().find_map(|file| {
            let inner = name.strip_prefix(&format!(".{}.", file.package()))?;
            file.message_type.iter().find(|message| message.name() == inner)
        });
        found.unwrap_or_else(|| panic!("no message {name}"))
    }

    /// The type of the request of a method, and whether it is one of a stream.
    fn request_of(&self, path: &str) -> (String, bool) {
        let (service, name) = path.trim_start_matches('/').split_once('/').unwrap();
        for file in &self.set.file {
            for one in &file.service {
                if format!("{}.{}", file.package(), one.name()) == service {
                    let method = one.method.iter().find(|method| method.name() == name).unwrap();
                    let streams = method.client_streaming() || method.server_streaming();
                    return (method.input_type().to_owned(), streams);
                }
            }
        }
        panic!("no method {path}")
    }

    /// A request without fault under a new id, about a case where it names one.
    fn request(&self, name: &str, case: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for field in &self.message(name).field {
            let number = u32::try_from(field.number()).unwrap();
            let bytes = match (field.name(), field.r#type()) {
                ("request_id", Type::String) => {
                    self.asked.set(self.asked.get() + 1);
                    samples::request_id(1000 + self.asked.get()).into_bytes()
                }
                ("case_id", Type::String) => case.as_bytes().to_vec(),
                // A commission only refuses; that the akimat grants.
                (_, Type::Message)
                    if name.starts_with(".kopir.commission.")
                        && field.type_name().ends_with(".QuotaDecision") =>
                {
                    let outcome = quota_decision::Outcome::Refusal(forms::service_refusal());
                    let decision = forms::quota_decision();
                    QuotaDecision { outcome: Some(outcome), head_signature: None, ..decision }
                        .encode_to_vec()
                }
                (_, Type::Message) => sample(field.type_name())
                    .unwrap_or_else(|| self.request(field.type_name(), case)),
                _ => continue,
            };
            prost::encoding::bytes::encode(number, &bytes, &mut out);
        }
        out
    }
}

/// A form without fault, encoded.
fn sample(name: &str) -> Option<Vec<u8>> {
    Some(match name {
        ".kopir.types.v1.Dispatch" => samples::cover().encode_to_vec(),
        ".kopir.types.v1.Application" => samples::application().encode_to_vec(),
        ".kopir.types.v1.ArrivalApplication" => samples::arrival().encode_to_vec(),
        ".kopir.types.v1.HandOver" => samples::hand_over().encode_to_vec(),
        ".kopir.types.v1.ConsentDecision" => samples::consent(1).encode_to_vec(),
        ".kopir.types.v1.InclusionDecision" => samples::inclusion(1).encode_to_vec(),
        ".kopir.types.v1.ElectronicSignature" => forms::signature().encode_to_vec(),
        ".kopir.types.v1.SignedDocument" => types::SignedDocument {
            content: "SAMPLE".into(),
            media_type: "text/plain".to_owned(),
            signature: "SAMPLE".into(),
        }
        .encode_to_vec(),
        ".kopir.forms.v1.KandasApplication" => forms::kandas_application().encode_to_vec(),
        ".kopir.forms.v1.InMigrantApplication" => forms::in_migrant_application().encode_to_vec(),
        ".kopir.forms.v1.StatusApplication" => forms::status_application().encode_to_vec(),
        ".kopir.forms.v1.ExtensionApplication" => forms::extension_application().encode_to_vec(),
        ".kopir.forms.v1.Complaint" => forms::complaint().encode_to_vec(),
        ".kopir.forms.v1.ChangeNotice" => forms::change_notice().encode_to_vec(),
        ".kopir.forms.v1.Proposal" => forms::proposal().encode_to_vec(),
        ".kopir.forms.v1.SettlementList" => forms::settlement_list().encode_to_vec(),
        ".kopir.forms.v1.RegistrationEntry" => forms::registration_entry().encode_to_vec(),
        ".kopir.forms.v1.AcceptanceReceipt" => forms::acceptance_receipt().encode_to_vec(),
        ".kopir.forms.v1.AcceptanceNotice" => forms::acceptance_notice().encode_to_vec(),
        ".kopir.forms.v1.AcceptanceStatus" => forms::acceptance_status().encode_to_vec(),
        ".kopir.forms.v1.RefusalReceipt" => forms::refusal_receipt().encode_to_vec(),
        ".kopir.forms.v1.CertifiedCopies" => forms::certified_copies().encode_to_vec(),
        ".kopir.forms.v1.StateQuery" => forms::state_query().encode_to_vec(),
        ".kopir.forms.v1.StateAnswer" => forms::state_answer().encode_to_vec(),
        ".kopir.forms.v1.DigitalDocumentsQuery" => forms::digital_documents_query().encode_to_vec(),
        ".kopir.forms.v1.DigitalDocumentsAnswer" => {
            forms::digital_documents_answer().encode_to_vec()
        }
        ".kopir.forms.v1.ListEntry" => forms::list_entry().encode_to_vec(),
        ".kopir.forms.v1.Recommendation" => forms::recommendation().encode_to_vec(),
        ".kopir.forms.v1.QuotaDecision" => forms::quota_decision().encode_to_vec(),
        ".kopir.forms.v1.StatusDecision" => forms::status_decision().encode_to_vec(),
        ".kopir.forms.v1.ExtensionDecision" => forms::extension_decision().encode_to_vec(),
        ".kopir.forms.v1.PreliminaryNotice" => forms::preliminary_notice().encode_to_vec(),
        ".kopir.forms.v1.Objection" => forms::objection().encode_to_vec(),
        ".kopir.forms.v1.HearingRecord" => forms::hearing_record().encode_to_vec(),
        ".kopir.forms.v1.HearingPostponement" => forms::hearing_postponement().encode_to_vec(),
        ".kopir.forms.v1.HearingOutcome" => forms::hearing_outcome().encode_to_vec(),
        ".kopir.forms.v1.Notification" => forms::notification().encode_to_vec(),
        ".kopir.forms.v1.ResultPublication" => forms::result_publication().encode_to_vec(),
        ".kopir.forms.v1.KandasCertificate" => forms::kandas_certificate().encode_to_vec(),
        ".kopir.forms.v1.CertificateReissue" => forms::certificate_reissue().encode_to_vec(),
        ".kopir.forms.v1.ArrivalRecord" => forms::arrival_record().encode_to_vec(),
        ".kopir.forms.v1.ServiceResult" => forms::service_result().encode_to_vec(),
        ".kopir.forms.v1.ComplaintAnswer" => forms::complaint_answer().encode_to_vec(),
        ".kopir.forms.v1.ComplaintExtension" => forms::complaint_extension().encode_to_vec(),
        ".kopir.forms.v1.ExtensionNotice" => forms::extension_notice().encode_to_vec(),
        ".kopir.forms.v1.CourtAppeal" => forms::court_appeal().encode_to_vec(),
        _ => return None,
    })
}

/// What the bus was held to, and what came of it.
struct Verdicts {
    meant: Pinned,
    wrong: Vec<String>,
    allowed: u32,
    refused: u32,
    triples: BTreeSet<(Role, Relation, &'static str)>,
}

impl Verdicts {
    fn new() -> Self {
        let (wrong, triples) = (Vec::new(), BTreeSet::new());
        Self { meant: Pinned::read(), wrong, allowed: 0, refused: 0, triples }
    }

    /// Holds an answer to what is meant. `hidden` is what a stranger is told.
    fn judge(
        &mut self,
        row: &Row,
        (party, role, relation): (&str, Role, Relation),
        answer: &Result<Bytes, String>,
        hidden: &str,
    ) {
        self.triples.insert((role, relation, row.path));
        let told = answer.as_ref().err().map(String::as_str).unwrap_or_default();
        let (method, may_call) = (row.path, self.meant.may_call(row.path, role));
        // The akimat that acts for its commission has the commission's rights too.
        let acting = party == "akimat-kz-11";
        let may = |role| self.meant.allows(row.path, role, relation);
        let expected = if may(role) || acting && may(Role::Commission) {
            None
        } else if may_call || acting && self.meant.may_call(row.path, Role::Commission) {
            Some(hidden)
        } else {
            Some("ROLE_NOT_ALLOWED")
        };
        let is_right = match expected {
            Some(reason) => told == reason,
            None => !OF_ACCESS.contains(&told) && !told.contains(':'),
        };
        *(if expected.is_some() { &mut self.refused } else { &mut self.allowed }) += 1;
        if !is_right {
            let wanted = expected.unwrap_or("to be let in");
            self.wrong.push(format!("{party} as {relation} {method}: {told:?}, not {wanted}"));
        }
    }
}

/// The cases of the bus, as the operator sees them.
async fn all_cases(stage: &Stage) -> Vec<cases::Case> {
    let list = cases::ListCasesRequest { page_size: 1000, ..Default::default() };
    let listed: cases::ListCasesResponse =
        stage.ask("the-operator", "/kopir.cases.v1.CaseService/ListCases", &list).await;
    let mut found = Vec::new();
    for case in listed.cases {
        let asked = cases::GetCaseRequest { case_id: case.case_id };
        let answer: cases::GetCaseResponse =
            stage.ask("the-operator", "/kopir.cases.v1.CaseService/GetCase", &asked).await;
        found.push(answer.case.unwrap());
    }
    found
}

fn summary(case: &cases::Case) -> &cases::CaseSummary {
    case.summary.as_ref().unwrap()
}

/// How a party stands to a case, worked out from what the case says of its parties.
fn relation_to(stage: &Stage, party: &str, case: &cases::Case) -> Relation {
    let known = stage.parties.get(&party.parse().unwrap()).unwrap();
    let is = |id: &str| id == party || known.acts_for.iter().any(|other| other.as_str() == id);
    let region = known.region.map(|region| region.code().to_owned());
    if case.parties.iter().any(|part| is(&part.party_id)) {
        Relation::Part
    } else if region.as_deref() == Some(summary(case).region.as_str()) {
        Relation::OwnRegion
    } else {
        Relation::Stranger
    }
}

/// Every opening act by every party; whoever may opens a case, or is refused by the law.
async fn openings(stage: &Stage, contract: &Contract, verdicts: &mut Verdicts) {
    for row in TABLE.iter().filter(|row| row.subject == Subject::Opening) {
        let (request, streams) = contract.request_of(row.path);
        for party in stage.ids() {
            let message = contract.request(&request, "");
            let answer = if streams {
                stage.stream(&party, row.path, message).await
            } else {
                stage.call(&party, row.path, message).await
            };
            let who = (party.as_str(), stage.role(&party), Relation::Stranger);
            verdicts.judge(row, who, &answer, "ROLE_NOT_ALLOWED");
        }
    }
}

/// Every method about neither party nor case, by every party.
async fn of_nothing(stage: &Stage, verdicts: &mut Verdicts) {
    for row in TABLE.iter().filter(|row| row.subject == Subject::Nothing) {
        for party in stage.ids() {
            let streams = row.path.ends_with("/Watch") || row.path.ends_with("Info");
            // A list of all services, to those that reflect.
            let reflects = row.path.contains("ServerReflection");
            let message = if reflects { vec![0x3a, 1, b'*'] } else { Vec::new() };
            let answer = if streams {
                stage.stream(&party, row.path, message).await
            } else {
                stage.call(&party, row.path, message).await
            };
            let who = (party.as_str(), stage.role(&party), Relation::Stranger);
            verdicts.judge(row, who, &answer, "ROLE_NOT_ALLOWED");
        }
    }
}

/// Every method about a case, by every party, in each relation in which the cases put it, and
/// about a case that does not exist.
async fn of_cases(stage: &Stage, contract: &Contract, verdicts: &mut Verdicts) {
    let list = "/kopir.cases.v1.CaseService/ListCases";
    let known = all_cases(stage).await;
    let of_case = TABLE.iter().filter(|row| row.subject == Subject::Case && row.path != list);
    for party in stage.ids() {
        let role = stage.role(&party);
        let mut seen = BTreeMap::new();
        for case in &known {
            // A record of the case, for the method that asks by its place in the journal.
            let record = case.hops.iter().map(|hop| hop.sequence).find(|at| *at > 0).unwrap();
            let known = (summary(case).case_id.clone(), record);
            seen.entry(relation_to(stage, &party, case)).or_insert(known);
        }
        let none = ("00000000-0000-8000-8000-000000000001".to_owned(), u64::MAX);
        let cases = seen.into_iter().map(|(relation, case)| (relation, case, true));
        let cases: Vec<_> = cases.chain([(Relation::Stranger, none, false)]).collect();
        for row in of_case.clone() {
            let (request, _) = contract.request_of(row.path);
            for (relation, (case, record), exists) in &cases {
                // Whoever sees every case is told of one that is none as a stranger is.
                if !exists && verdicts.meant.allows(row.path, role, Relation::Stranger) {
                    continue;
                }
                let message = match row.path {
                    GET_RECEIPT_PROOF => {
                        evidence::GetReceiptProofRequest { sequence: *record }.encode_to_vec()
                    }
                    _ => contract.request(&request, case),
                };
                let answer = stage.call(&party, row.path, message).await;
                let who = (party.as_str(), role, *relation);
                verdicts.judge(row, who, &answer, "CASE_NOT_VISIBLE");
            }
        }
    }
    for party in stage.ids() {
        let row = Row::of(list).unwrap();
        let asked = cases::ListCasesRequest { page_size: 1000, ..Default::default() };
        let answer = stage.call(&party, list, asked.encode_to_vec()).await;
        let (role, relation) = (stage.role(&party), Relation::Part);
        verdicts.judge(row, (&party, role, relation), &answer, "ROLE_NOT_ALLOWED");
        let Ok(answer) = answer else { continue };
        let listed = cases::ListCasesResponse::decode(answer).unwrap().cases;
        let listed: BTreeSet<_> = listed.into_iter().map(|case| case.case_id).collect();
        let expected = all_cases(stage).await;
        let meant = &verdicts.meant;
        let sees = |case: &&cases::Case| meant.allows(list, role, relation_to(stage, &party, case));
        let expected: BTreeSet<_> =
            expected.iter().filter(sees).map(|case| summary(case).case_id.clone()).collect();
        if listed != expected {
            verdicts.wrong.push(format!(
                "{party} lists {} cases, not {}",
                listed.len(),
                expected.len()
            ));
        }
    }
}

/// Every method about a party, by every party: of itself, of one that it acts for, of another, and
/// of one that does not exist.
async fn of_parties(stage: &Stage, verdicts: &mut Verdicts) {
    for row in TABLE.iter().filter(|row| row.subject == Subject::Party) {
        for party in stage.ids() {
            let own = party.clone();
            let mut asked = vec![
                (Relation::Own, own.as_str()),
                (Relation::Stranger, "akimat-kz-71"),
                (Relation::Stranger, "commission-kz-11"),
                (Relation::Stranger, "the-ais-kandas"),
            ];
            asked.retain(|(relation, id)| *relation == Relation::Own || *id != own);
            for (relation, id) in &mut asked {
                if (own.as_str(), *id) == ("akimat-kz-11", "commission-kz-11") {
                    *relation = Relation::ActsFor;
                }
            }
            for (relation, id) in asked {
                let message = of_party(row.path, id);
                let answer = if row.path.ends_with("/OpenInbox") {
                    stage.stream(&party, row.path, message).await
                } else {
                    stage.call(&party, row.path, message).await
                };
                let who = (party.as_str(), stage.role(&party), relation);
                verdicts.judge(row, who, &answer, "PARTY_NOT_ALLOWED");
            }
        }
    }
}

/// A request about a party. A url that is none keeps the endpoints as they are: whose they are is
/// judged before.
fn of_party(path: &str, id: &str) -> Vec<u8> {
    let party_id = id.to_owned();
    match path.rsplit('/').next().unwrap() {
        "OpenInbox" => {
            let opening = inbox::InboxOpening { window: 1, party_id };
            let message = Some(inbox::open_inbox_request::Message::Opening(opening));
            inbox::OpenInboxRequest { message }.encode_to_vec()
        }
        "FetchDeliveries" => {
            // Nothing is leased: a number out of range is told to whom it may concern.
            inbox::FetchDeliveriesRequest { max_deliveries: -1, lease_seconds: 1, party_id }
                .encode_to_vec()
        }
        "ListObligations" => {
            inbox::ListObligationsRequest { party_id, ..Default::default() }.encode_to_vec()
        }
        "ListHeld" => inbox::ListHeldRequest { party_id, ..Default::default() }.encode_to_vec(),
        "RegisterEndpoint" => {
            inbox::RegisterEndpointRequest { party_id, ..Default::default() }.encode_to_vec()
        }
        "UnregisterEndpoint" => {
            inbox::UnregisterEndpointRequest { party_id, ..Default::default() }.encode_to_vec()
        }
        "GetEndpoint" => inbox::GetEndpointRequest { party_id }.encode_to_vec(),
        "ListInbox" => {
            operations::ListInboxRequest { party_id, ..Default::default() }.encode_to_vec()
        }
        other => panic!("a method about a party that this test does not know: {other}"),
    }
}

/// An application to a region whose act is on its way to the authorised body.
async fn submitted(stage: &Stage, n: u32, region: &str) -> types::Receipt {
    use crate::rpc::proto::mission::v1 as mission;
    let application = types::Application { region: region.to_owned(), ..samples::application() };
    let request = mission::SubmitApplicationRequest {
        request_id: samples::request_id(n),
        application: Some(application),
    };
    let path = "/kopir.mission.v1.ForeignMissionService/SubmitApplication";
    let answer: mission::SubmitApplicationResponse =
        stage.ask("the-foreign-mission", path, &request).await;
    answer.receipt.unwrap()
}

fn delivery(of: &types::Receipt) -> String {
    format!("{}-{}", of.sequence, of.case_id)
}

async fn acknowledge(stage: &Stage, party: &str, delivery_id: String) {
    let asked = inbox::AcknowledgeDeliveryRequest { delivery_id };
    let path = "/kopir.inbox.v1.InboxService/AcknowledgeDelivery";
    let _: inbox::AcknowledgeDeliveryResponse = stage.ask(party, path, &asked).await;
}

/// The delivery of a referral to a commission for which its akimat acts.
async fn referred(stage: &Stage) -> types::Receipt {
    use crate::rpc::proto::{akimat::v1 as akimat, migration::v1 as migration};
    let submitted = submitted(stage, 9_001, "KZ-11").await;
    acknowledge(stage, "the-migration-body", delivery(&submitted)).await;
    let forward = migration::ForwardApplicationRequest {
        request_id: samples::request_id(9_002),
        case_id: submitted.case_id.clone(),
        dispatch: Some(samples::cover()),
    };
    let path = "/kopir.migration.v1.MigrationBodyService/ForwardApplication";
    let forwarded: migration::ForwardApplicationResponse =
        stage.ask("the-migration-body", path, &forward).await;
    acknowledge(stage, "akimat-kz-11", delivery(&forwarded.receipt.unwrap())).await;
    let refer = akimat::ReferToCommissionRequest {
        request_id: samples::request_id(9_003),
        case_id: submitted.case_id,
        dispatch: None,
    };
    let path = "/kopir.akimat.v1.AkimatService/ReferToCommission";
    let referred: akimat::ReferToCommissionResponse = stage.ask("akimat-kz-11", path, &refer).await;
    referred.receipt.unwrap()
}

/// Every method about a delivery, by every party: strangers first, then whoever has a part in the
/// case, then its receivers, since what they do changes it.
async fn of_deliveries(stage: &Stage, contract: &Contract, verdicts: &mut Verdicts) {
    let known = all_cases(stage).await;
    assert!(!known.is_empty());
    for row in TABLE.iter().filter(|row| row.subject == Subject::Delivery) {
        let n = 8_000 + u32::try_from(verdicts.triples.len()).unwrap();
        let to_body = submitted(stage, n, "KZ-55").await;
        let to_commission = if row.path.ends_with("/AcknowledgeDelivery") {
            Some(referred(stage).await)
        } else {
            None
        };
        let deliveries = [
            Some((to_body, "the-migration-body")),
            to_commission.map(|of| (of, "commission-kz-11")),
        ];
        for (of, receiver) in deliveries.into_iter().flatten() {
            let case = all_cases(stage).await;
            let case = case.iter().find(|case| summary(case).case_id == of.case_id).unwrap();
            let relation = |party: &str| {
                let known = stage.parties.get(&party.parse().unwrap()).unwrap();
                if party == receiver {
                    Relation::Own
                } else if known.acts_for.iter().any(|other| other.as_str() == receiver) {
                    Relation::ActsFor
                } else {
                    match relation_to(stage, party, case) {
                        Relation::Part => Relation::Part,
                        Relation::Own
                        | Relation::ActsFor
                        | Relation::OwnRegion
                        | Relation::Stranger => Relation::Stranger,
                    }
                }
            };
            let mut parties = stage.ids();
            parties.sort_by_key(|party| std::cmp::Reverse(relation(party)));
            for party in parties {
                let message = of_delivery(contract, row.path, &delivery(&of));
                let answer = stage.call(&party, row.path, message).await;
                let who = (party.as_str(), stage.role(&party), relation(&party));
                verdicts.judge(row, who, &answer, "DELIVERY_UNKNOWN");
            }
        }
    }
}

fn of_delivery(contract: &Contract, path: &str, delivery_id: &str) -> Vec<u8> {
    let delivery_id = delivery_id.to_owned();
    let request_id = || {
        contract.asked.set(contract.asked.get() + 1);
        samples::request_id(1000 + contract.asked.get())
    };
    let note = || "SAMPLE: why".to_owned();
    match path.rsplit('/').next().unwrap() {
        "AcknowledgeDelivery" => inbox::AcknowledgeDeliveryRequest { delivery_id }.encode_to_vec(),
        "RejectDelivery" => {
            let reason = types::HeldReason::CannotParse.into();
            let detail = String::new();
            let rejection = Some(inbox::DeliveryRejection { delivery_id, reason, detail });
            inbox::RejectDeliveryRequest { rejection }.encode_to_vec()
        }
        "ReleaseDelivery" => inbox::ReleaseDeliveryRequest {
            request_id: request_id(),
            delivery_id,
            note: note(),
            ..Default::default()
        }
        .encode_to_vec(),
        "RedirectDelivery" => inbox::RedirectDeliveryRequest {
            request_id: request_id(),
            delivery_id,
            to_party_id: "akimat-kz-71".to_owned(),
            note: note(),
            ..Default::default()
        }
        .encode_to_vec(),
        "WithdrawDelivery" => inbox::WithdrawDeliveryRequest {
            request_id: request_id(),
            delivery_id,
            note: note(),
            ..Default::default()
        }
        .encode_to_vec(),
        other => panic!("a method about a delivery that this test does not know: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_relation_and_method_is_as_the_table_has_it() {
    let began = Instant::now();
    let (stage, contract) = (Stage::open().await, Contract::new());
    let mut verdicts = Verdicts::new();
    openings(&stage, &contract, &mut verdicts).await;
    of_nothing(&stage, &mut verdicts).await;
    of_parties(&stage, &mut verdicts).await;
    of_deliveries(&stage, &contract, &mut verdicts).await;
    of_cases(&stage, &contract, &mut verdicts).await;
    let Verdicts { meant: _, wrong, allowed, refused, triples } = verdicts;
    println!(
        "{} calls: {allowed} let in, {refused} refused; {} of role, relation and method; {:?}",
        allowed + refused,
        triples.len(),
        began.elapsed()
    );
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of them:\n{shown}", wrong.len());
    assert!(allowed > 1_000 && refused > 3_000, "{allowed} {refused}");
    // Every method was called by every role, in each relation that its subject knows at least once.
    for row in TABLE {
        for role in Role::ALL {
            let called = triples.iter().any(|(of, _, path)| *of == role && *path == row.path);
            assert!(called, "{role} never called {}", row.path);
        }
    }
    let Stage { app, channels, .. } = stage;
    drop(channels);
    app.stop().await.unwrap();
}
