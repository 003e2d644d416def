//! What goes wrong below the messages: certificates, roles, connections that are too many, too
//! fast, too slow or no gRPC at all. The bus answers or closes, other parties notice nothing, and
//! the journal stays as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it must be"
)]

mod bus;

use std::collections::BTreeSet;
use std::time::Duration;

use bus::act::new_id;
use bus::raw::{self, Raw, framed, framed_as, tls};
use bus::refusal::refused;
use bus::{Act, Bus, Inbox, Party, inbox, samples, within};
use bytes::Bytes;
use http::{Method, Request};
use kopir::rpc::proto::inbox::v1::open_inbox_response::Message as Said;
use kopir::rpc::proto::mission::v1::{SubmitApplicationRequest, SubmitApplicationsRequest};
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::Code;

const SUBMIT: &str = "/kopir.mission.v1.ForeignMissionService/SubmitApplication";
const SUBMIT_BULK: &str = "/kopir.mission.v1.ForeignMissionService/SubmitApplications";
const GET_CASE: &str = "/kopir.cases.v1.CaseService/GetCase";
const OPEN_INBOX: &str = "/kopir.inbox.v1.InboxService/OpenInbox";
/// How HTTP/2 begins (RFC 9113 §3.4): the words and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The bus serves on, for this party and for the others, and has recorded nothing meanwhile.
async fn assert_unharmed(bus: &Bus, sequence: u64) {
    assert_eq!(bus.sequence(), sequence);
    let mission = bus.party(bus::MISSION).await;
    mission.submit(samples::application(bus::MORNING)).await;
    assert!(bus.party(bus::AKIMAT).await.obligations().await.is_empty());
}

/// Whether a call gets through with these TLS settings. In TLS 1.3 a client learns of the refusal
/// of its certificate only after its own side of the handshake.
async fn gets_through(bus: &Bus, config: std::sync::Arc<rustls::ClientConfig>) -> bool {
    match Party::connect("stranger", bus.address(), config).await {
        Ok(stranger) => match stranger.case("any").await {
            Ok(case) => panic!("{case:?}"),
            Err(status) => !status.details().is_empty(),
        },
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_of_the_known_authority_there_is_no_connection() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let valid = ("2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z");
    let settings = [
        ("none", bus.tls_without_certificate()),
        ("other authority", bus.tls_of_other_authority(bus::MISSION)),
        ("expired", bus.tls_issued(bus::MISSION, valid.0, "2020-01-01T00:00:00Z")),
        ("not yet valid", bus.tls_issued(bus::MISSION, "2150-01-01T00:00:00Z", valid.1)),
    ];
    for (what, config) in settings {
        assert!(!gets_through(&bus, config).await, "{what}");
    }
    // The same with a certificate in order, so that the difference is the certificate.
    assert!(gets_through(&bus, bus.tls_issued(bus::MISSION, valid.0, valid.1)).await);
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_names_no_registered_party_is_told_so() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    // The last is in the registry, without a system of its own.
    for id in ["mission-zz", "akimat-kz-99", "kopir", bus::SILENT_COMMISSION] {
        let config = bus.tls_issued(id, "2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z");
        let stranger = Party::connect("stranger", bus.address(), config).await.unwrap();
        let unknown = stranger.case("any").await.unwrap_err();
        refused(&unknown).is(Code::Unauthenticated, "CERTIFICATE_UNKNOWN_PARTY");
        for act in Act::one_of_each("any", bus::MORNING) {
            let unknown = stranger.send(&act).await.unwrap_err();
            refused(&unknown).is(Code::Unauthenticated, "CERTIFICATE_UNKNOWN_PARTY");
        }
        let unknown = match Inbox::open(&stranger, 1, "").await {
            Ok(mut inbox) => inbox.next().await.unwrap_err(),
            Err(status) => status,
        };
        refused(&unknown).is(Code::Unauthenticated, "CERTIFICATE_UNKNOWN_PARTY");
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

/// One system for each role, and the akimat that acts for its commission.
const BY_ROLE: [(&str, &str); 6] = [
    ("M", bus::MISSION),
    ("B", bus::COMMITTEE),
    ("A", bus::AKIMAT),
    ("C", bus::COMMISSION),
    ("O", bus::OPERATOR),
    ("J", bus::JOINT_AKIMAT),
];

/// What the contracts allow to whom: each method of a service with the letters of [`BY_ROLE`]; none
/// for the services of parties that the registry of these tests does not have.
const ALLOWED: &[(&str, &str, &[&str])] = &[
    (
        "kopir.mission.v1.ForeignMissionService",
        "M",
        &[
            "SubmitApplication",
            "SubmitApplications",
            "HandOverDecision",
            "SubmitStatusApplication",
            "ForwardApplication",
        ],
    ),
    (
        "kopir.migration.v1.MigrationBodyService",
        "B",
        &[
            "ForwardApplication",
            "ForwardDecision",
            "RegisterComplaint",
            "AnswerComplaint",
            "ExtendComplaint",
            "NotifyExtension",
            "RecordCourtAppeal",
            "RegisterChange",
            "NotifyChange",
        ],
    ),
    (
        "kopir.akimat.v1.AkimatService",
        "AJ",
        &[
            "ReferToCommission",
            "SendConsentDecision",
            "RegisterArrival",
            "HandOverInclusionDecision",
            "SubmitKandasApplication",
            "SubmitOneApplication",
            "SubmitInMigrantApplication",
            "SubmitExtensionApplication",
            "RegisterApplication",
            "ConfirmAcceptance",
            "RefuseToAccept",
            "QueryStateSystems",
            "QueryDigitalDocuments",
            "ReferListToCommission",
            "SendList",
            "GivePreliminaryNotice",
            "RecordObjection",
            "RecordHearing",
            "PostponeHearing",
            "RecordHearingOutcome",
            "RecordQuotaDecision",
            "RecordStatusDecision",
            "RecordExtensionDecision",
            "SendDecision",
            "ForwardDecision",
            "PublishResult",
            "IssueCertificate",
            "RecordArrival",
            "NotifyApplicant",
            "RecordServiceResult",
            "RegisterComplaint",
            "AnswerComplaint",
            "ExtendComplaint",
            "NotifyExtension",
            "RecordCourtAppeal",
            "SendProposal",
            "PublishSettlementList",
        ],
    ),
    (
        "kopir.commission.v1.CommissionService",
        "CJ",
        &[
            "RecordConsentDecision",
            "RecordInclusionDecision",
            "RecordQuotaDecision",
            "RecordRecommendation",
            "RecordRecommendations",
        ],
    ),
    (
        "kopir.employment_commission.v1.EmploymentCommissionService",
        "",
        &["RecordRecommendation", "RecordRecommendations"],
    ),
    (
        "kopir.statecorp.v1.StateCorporationService",
        "",
        &[
            "SubmitKandasApplication",
            "SubmitOneApplication",
            "SubmitInMigrantApplication",
            "SubmitStatusApplication",
            "SubmitExtensionApplication",
            "RegisterArrival",
            "QueryStateSystems",
            "QueryDigitalDocuments",
            "CertifyCopies",
            "ConfirmAcceptance",
            "RefuseToAccept",
            "ForwardApplication",
            "HandOverDecision",
            "NotifyApplicant",
            "ReissueCertificate",
            "RecordServiceResult",
        ],
    ),
    (
        "kopir.employment_centre.v1.EmploymentCentreService",
        "",
        &[
            "SubmitInMigrantApplication",
            "SubmitKandasApplication",
            "QueryStateSystems",
            "RefuseToAccept",
            "ForwardApplication",
            "NotifyApplicant",
            "HandOverDecision",
        ],
    ),
    (
        "kopir.career_centre.v1.CareerCentreService",
        "",
        &[
            "SubmitInMigrantApplication",
            "QueryStateSystems",
            "QueryDigitalDocuments",
            "ConfirmAcceptance",
            "RefuseToAccept",
            "SendList",
            "HandOverDecision",
        ],
    ),
    (
        "kopir.portal.v1.PortalService",
        "",
        &[
            "SubmitKandasApplication",
            "SubmitInMigrantApplication",
            "SubmitStatusApplication",
            "ForwardApplication",
            "ConfirmAcceptance",
            "PublishResult",
        ],
    ),
    ("kopir.gateway.v1.DigitalDocumentsService", "", &["AnswerDigitalDocuments"]),
    ("kopir.gateway.v1.EgovGatewayService", "", &["AnswerStateQuery"]),
    (
        "kopir.quality.v1.QualityBodyService",
        "",
        &[
            "RegisterComplaint",
            "AnswerComplaint",
            "ExtendComplaint",
            "NotifyExtension",
            "RecordCourtAppeal",
        ],
    ),
    ("kopir.quotas.v1.QuotaService", "B", &["SetQuota"]),
    ("kopir.quotas.v1.QuotaService", "MBACOJ", &["GetQuota", "ListQuotas"]),
    (
        "kopir.inbox.v1.InboxService",
        "MBACJ",
        &[
            "OpenInbox",
            "FetchDeliveries",
            "AcknowledgeDelivery",
            "RejectDelivery",
            "RegisterEndpoint",
            "UnregisterEndpoint",
        ],
    ),
    ("kopir.inbox.v1.InboxService", "MBACOJ", &["GetEndpoint"]),
    ("kopir.inbox.v1.HeldService", "MBACOJ", &["ListHeld"]),
    ("kopir.inbox.v1.HeldService", "MBACJ", &["ReleaseDelivery", "WithdrawDelivery"]),
    ("kopir.inbox.v1.HeldService", "B", &["RedirectDelivery"]),
    ("kopir.inbox.v1.InboxService", "MBACOJ", &["ListObligations"]),
    ("kopir.cases.v1.CaseService", "MBACOJ", &["GetCase", "ListCases", "GetCaseStatus"]),
    ("kopir.cases.v1.CaseService", "BO", &["ListDataReads"]),
    (
        "kopir.procedures.v1.ProcedureService",
        "MBACOJ",
        &["ListProcedures", "GetProcedure", "ComputeDueTime"],
    ),
    (
        "kopir.operations.v1.OperationsService",
        "BO",
        &["GetStatus", "GetCalendar", "ListRegistryChanges"],
    ),
    ("kopir.operations.v1.OperationsService", "MBACOJ", &["ListInbox"]),
    (
        "kopir.operations.v1.OperationsService",
        "O",
        &["SetSandboxTime", "AmendCalendar", "EraseCase"],
    ),
    (
        "kopir.evidence.v1.EvidenceService",
        "MBACOJ",
        &["GetCheckpoint", "GetConsistencyProof", "GetReceiptProof"],
    ),
    ("kopir.evidence.v1.EvidenceService", "BO", &["AddCosignature", "ExportCase"]),
    ("kopir.evidence.v1.EvidenceService", "BAJ", &["ExportCaseWithPapers"]),
    ("grpc.health.v1.Health", "MBACOJ", &["Check"]),
    ("grpc.reflection.v1.ServerReflection", "MBACOJ", &["ServerReflectionInfo"]),
];

/// Every method with the letters to which it is open.
fn allowed() -> impl Iterator<Item = (String, &'static str)> {
    ALLOWED.iter().flat_map(|(service, letters, methods)| {
        methods.iter().map(move |method| (format!("/{service}/{method}"), *letters))
    })
}

#[test]
fn the_table_of_this_test_has_every_method_of_the_contracts() {
    let set = FileDescriptorSet::decode(kopir::rpc::proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut methods = BTreeSet::new();
    // What a party offers to the bus is no service of the bus.
    for file in set.file.iter().filter(|file| file.package() != "kopir.agency.v1") {
        for service in &file.service {
            for method in &service.method {
                let (package, service) = (file.package(), service.name());
                methods.insert(format!("/{package}.{service}/{}", method.name()));
            }
        }
    }
    let ours = allowed().map(|(path, _)| path).filter(|path| path.starts_with("/kopir."));
    assert_eq!(ours.collect::<BTreeSet<_>>(), methods);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_open_to_its_roles_and_to_no_other() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    for (letter, id) in BY_ROLE {
        let mut raw = Raw::connect(&bus, id).await;
        for (path, letters) in allowed() {
            // An empty message is refused by every act, so nothing is recorded by the permitted.
            let status = raw.ask(&path, framed(&[])).await;
            let denied = !status.details().is_empty()
                && bus::refusal::refused(&status).reason() == "ROLE_NOT_ALLOWED";
            assert_eq!(!denied, letters.contains(letter), "{path} for {id}: {status:?}");
            if denied {
                refused(&status).is(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
            }
        }
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_does_not_exist_is_refused_to_everybody() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    for (_, id) in BY_ROLE {
        let mut raw = Raw::connect(&bus, id).await;
        for path in [
            "/",
            "/kopir.mission.v1.ForeignMissionService/",
            "/kopir.mission.v1.ForeignMissionService/submitapplication",
            "/kopir.mission.v1.ForeignMissionService/SubmitApplication/",
            "/kopir.mission.v1.ForeignMissionService/SubmitApplication%2F",
            "/kopir.mission.v2.ForeignMissionService/SubmitApplication",
            "/kopir.cases.v1.CaseService/DeleteCase",
            "/grpc.channelz.v1.Channelz/GetServers",
        ] {
            let status = raw.ask(path, framed(&[])).await;
            refused(&status).is(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
        }
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_refused() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let application = samples::application(bus::MORNING);
    let request = SubmitApplicationRequest { request_id: new_id(), application: Some(application) };
    let sound = request.encode_to_vec();
    let mut no_utf8 = sound.clone();
    let surname = samples::SURNAME.as_bytes();
    let at = no_utf8.windows(surname.len()).position(|found| found == surname).unwrap();
    no_utf8[at] = 0xff;
    let bodies = [
        // A field number of zero, a group never ended, a varint without end, a length beyond all.
        vec![0x00, 0x00],
        vec![0x0b],
        vec![0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        sound[..sound.len() - 1].to_vec(),
        no_utf8,
        // Messages within messages, deeper than any of ours.
        [0x12, 0x02].repeat(200),
    ];
    for body in bodies {
        for path in [SUBMIT, SUBMIT_BULK] {
            let status = raw.ask(path, framed(&body)).await;
            refused(&status).is(Code::InvalidArgument, "FIELD_INVALID");
        }
    }
    // Fields that nobody knows are no fault: a later contract may bring them.
    let unknown = [sound, vec![0xfa, 0x3f, 0x03, 1, 2, 3]].concat();
    assert_eq!(raw.ask(SUBMIT, framed(&unknown)).await.code(), Code::Ok);
    assert_unharmed(&bus, sequence + 1).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_lies_about_itself_fails_its_call_only() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let bodies = [
        Vec::new(),
        vec![0, 0, 0],
        framed_as(0, 100, &[0; 10]),
        framed_as(0, 0x7fff_ffff, &[0; 10]),
        framed_as(1, 10, &[0; 10]),
        framed_as(7, 10, &[0; 10]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for body in bodies {
        let told = format!("{body:?}");
        let status = raw.ask(SUBMIT, body).await;
        assert_ne!(status.code(), Code::Ok, "{told}");
        refused(&status);
    }
    // The same connection carries a sound call.
    let status = raw.ask("/grpc.health.v1.Health/Check", framed(&[])).await;
    assert_eq!(status.code(), Code::Ok);
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_grpc_gets_no_answer_of_a_service() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::OPERATOR).await;
    let uri = format!("https://{}{GET_CASE}", bus::SERVER_NAME);
    for (method, content_type) in [
        (Method::GET, "application/grpc"),
        (Method::PUT, "application/grpc"),
        (Method::POST, "application/json"),
        (Method::POST, "text/html"),
    ] {
        let request =
            Request::builder().method(&method).uri(&uri).header("content-type", content_type);
        let mut open = raw.request(request.body(()).unwrap()).await;
        open.body.send_data(Bytes::from(framed(&[])), true).unwrap();
        let answer = open.head().await.unwrap();
        let grpc = tonic::Status::from_header_map(answer.headers());
        let refused = answer.status().is_client_error()
            || grpc.is_some_and(|status| status.code() != Code::Ok);
        assert!(refused, "{method} {content_type}");
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_within_tls_closes_that_connection_only() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: bus\r\n\r\n",
        &[0xff; 100_000],
        // The preface of HTTP/2 and then a frame that promises 16 MiB.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x00",
        // The preface and then a frame for a stream that was never opened.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x07x",
    ];
    for bytes in garbage {
        let mut stream = tls(&bus, bus.tls(bus::MISSION)).await;
        // The bus may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
    // Garbage in place of TLS, and a client that goes at once.
    let mut plain = TcpStream::connect(bus.address()).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = within(plain.read_to_end(&mut rest)).await;
    drop(TcpStream::connect(bus.address()).await.unwrap());
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_never_finished_is_closed() {
    let bus = Bus::with(&[("limits.handshake_timeout_seconds", "1")]).await;
    let sequence = bus.sequence();
    let mut silent = TcpStream::connect(bus.address()).await.unwrap();
    let mut hello = TcpStream::connect(bus.address()).await.unwrap();
    // The head of a TLS record whose body never comes.
    hello.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    // Handshakes run beside each other: nobody waits for these two.
    assert_unharmed(&bus, sequence).await;
    let mut rest = Vec::new();
    for stalled in [&mut silent, &mut hello] {
        let _ = within(stalled.read_to_end(&mut rest)).await;
    }
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_closed() {
    let settings = [
        ("limits.handshake_timeout_seconds", "1"),
        ("http2.keepalive_interval_seconds", "1"),
        ("http2.keepalive_timeout_seconds", "1"),
    ];
    let bus = Bus::with(&settings).await;
    let sequence = bus.sequence();
    // One says nothing within TLS; one begins well, leaves a frame unfinished, and does not answer
    // when it is asked whether it lives.
    let mut mute = tls(&bus, bus.tls(bus::MISSION)).await;
    let mut half = tls(&bus, bus.tls(bus::MISSION)).await;
    let settings_and_half_a_frame = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x06";
    half.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    half.write_all(settings_and_half_a_frame).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(half.read_to_end(&mut rest)).await;
    let _ = within(mute.read_to_end(&mut rest)).await;
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_stream_that_stands_still_is_ended() {
    let bus = Bus::with(&[("limits.stream_idle_seconds", "1")]).await;
    let mission = bus.party(bus::MISSION).await;
    let sequence = bus.sequence();
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    let item = SubmitApplicationsRequest {
        request_id: new_id(),
        application: Some(samples::application(bus::MORNING)),
    };
    sender.send(item).await.unwrap();
    let items = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let answers = within(mission.mission().submit_applications(items)).await.unwrap();
    let mut answers = answers.into_inner();
    let began = Instant::now();
    assert!(within(answers.message()).await.unwrap().is_some());
    let ended = within(answers.message()).await.unwrap_err();
    refused(&ended).is(Code::Aborted, "STREAM_IDLE");
    assert!(began.elapsed() >= Duration::from_millis(900), "ended too early");

    // One that sends half a message and then nothing.
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let mut open = raw.call(SUBMIT_BULK, &[]).await;
    open.body.send_data(framed_as(0, 1000, &[0x0a; 10]).into(), false).unwrap();
    refused(&open.status().await).is(Code::Aborted, "STREAM_IDLE");
    assert_unharmed(&bus, sequence + 1).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_stands_still_is_ended_and_an_empty_one_is_not() {
    let bus = Bus::with(&[("limits.stream_idle_seconds", "1")]).await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    // Empty for as long as the two others take to be ended.
    let akimat = bus.party(bus::AKIMAT).await;
    let mut empty = akimat.open_inbox(1).await;

    // One that never says what it wants.
    let mut raw = Raw::connect(&bus, bus::COMMITTEE).await;
    let unopened = raw.call(OPEN_INBOX, &[]).await;
    let case_id = mission.submit(samples::application(bus::MORNING)).await.case_id;
    mission.submit(samples::application(bus::MORNING)).await;
    // And one whose window stays full without an acknowledgement.
    let mut full = committee.open_inbox(1).await;
    let held = full.delivery().await;
    let sequence = bus.sequence();
    refused(&unopened.status().await).is(Code::Aborted, "STREAM_IDLE");
    refused(&full.next().await.unwrap_err()).is(Code::Aborted, "STREAM_IDLE");
    assert_eq!(bus.sequence(), sequence);

    let again = committee.receive().await.0;
    assert_eq!((again.delivery_id, again.attempt), (held.delivery_id, 2));
    committee.act(Act::forward(&case_id)).await;
    let Some(Said::Delivery(delivery)) = empty.next().await.unwrap() else {
        panic!("the empty inbox was ended")
    };
    assert_eq!(delivery.case_id, case_id);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_body_never_ends_meets_its_deadline() {
    let bus = Bus::with(&[("limits.request_timeout_seconds", "1")]).await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let request = SubmitApplicationRequest {
        request_id: new_id(),
        application: Some(samples::application(bus::MORNING)),
    };
    let whole = framed(&request.encode_to_vec());
    let began = Instant::now();
    let silent = raw.call(SUBMIT, &[]).await;
    let mut half = raw.call(SUBMIT, &[]).await;
    half.body.send_data(whole[..whole.len() / 2].to_vec().into(), false).unwrap();
    for stalled in [silent, half] {
        let status = stalled.status().await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "given up too early");
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_a_caller_is_kept_when_it_is_shorter() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let began = Instant::now();
    let stalled = raw.call(SUBMIT, &[("grpc-timeout", "100m")]).await;
    let status = stalled.status().await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    // Without it the bus would have waited 30 seconds.
    assert!(began.elapsed() < Duration::from_secs(10));
    // One that is no time is no reason to fall over.
    for timeout in ["", "x", "99999999999S", "-1S"] {
        let mut open = raw.call("/grpc.health.v1.Health/Check", &[("grpc-timeout", timeout)]).await;
        open.body.send_data(framed(&[]).into(), true).unwrap();
        open.status().await;
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_over_its_connections_is_closed_and_no_other() {
    let bus = Bus::with(&[("limits.max_connections_per_party", "2")]).await;
    let sequence = bus.sequence();
    let (one, two) = (Raw::connect(&bus, bus::AKIMAT).await, Raw::connect(&bus, bus::AKIMAT).await);
    let third = tls(&bus, bus.tls(bus::AKIMAT)).await;
    let mut third = third;
    let mut rest = Vec::new();
    let _ = within(third.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "the third connection was served: {rest:?}");
    // The first two are as they were, and so are other parties.
    for mut raw in [one, two] {
        let status = raw.ask("/grpc.health.v1.Health/Check", framed(&[])).await;
        assert_eq!(status.code(), Code::Ok);
    }
    // Both are closed now; as soon as the bus has seen it there is room again.
    let freed = async {
        loop {
            let config = bus.tls(bus::AKIMAT);
            if let Ok(akimat) = Party::connect(bus::AKIMAT, bus.address(), config).await
                && akimat.list(Default::default()).await.is_ok()
            {
                return;
            }
        }
    };
    within(freed).await;
    let mission = bus.party(bus::MISSION).await;
    assert_eq!(bus.sequence(), sequence);
    mission.submit(samples::application(bus::MORNING)).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_name_no_party_share_one_partys_connections() {
    let bus = Bus::with(&[("limits.max_connections_per_party", "2")]).await;
    let issued = |id| bus.tls_issued(id, "2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z");
    let mut strangers = Vec::new();
    for id in ["mission-zz", "akimat-kz-99"] {
        let stranger = Party::connect("stranger", bus.address(), issued(id)).await.unwrap();
        let unknown = stranger.case("any").await.unwrap_err();
        refused(&unknown).is(Code::Unauthenticated, "CERTIFICATE_UNKNOWN_PARTY");
        strangers.push(stranger);
    }
    let mut third = tls(&bus, issued("commission-kz-99")).await;
    let mut rest = Vec::new();
    let _ = within(third.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "the third stranger was served: {rest:?}");
    // However many strangers come, a party finds its own places free.
    let mission = bus.party(bus::MISSION).await;
    mission.submit(samples::application(bus::MORNING)).await;
    drop(strangers);
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_over_its_rate_is_told_how_long_to_wait_and_others_are_served() {
    let bus = Bus::with(&[("limits.acts_per_second_per_party", "5")]).await;
    let (mission, other) = (bus.party(bus::MISSION).await, bus.party(bus::OTHER_MISSION).await);
    let before = bus.sequence();
    let acts: Vec<_> = (0..60).map(|_| Act::submit(samples::application(bus::MORNING))).collect();
    let sending = acts.iter().map(|act| mission.send(act));
    let answers = futures_util::future::join_all(sending).await;
    let mut taken = 0;
    for answer in &answers {
        match answer {
            Ok(_) => taken += 1,
            Err(status) => {
                refused(status).is(Code::ResourceExhausted, "RATE_LIMITED").wait();
            }
        }
    }
    assert!((5..60).contains(&taken), "{taken} of 60 were taken");
    assert_eq!(bus.sequence(), before + taken);
    other.submit(samples::application(bus::MORNING)).await;

    // What was refused is taken when it is repeated later, under the same id.
    let refused_act = acts.iter().zip(&answers).find(|(_, answer)| answer.is_err()).unwrap().0;
    let repeat = async {
        loop {
            if let Ok(receipt) = mission.send(refused_act).await {
                return receipt;
            }
        }
    };
    assert_eq!(within(repeat).await.request_id, refused_act.request_id());
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_over_its_calls_at_once_is_told_to_wait_and_others_are_served() {
    let bus = Bus::with(&[("limits.max_concurrent_calls_per_party", "2")]).await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    // Calls of one connection are begun beside each other, in no certain order; so calls without
    // an end are added until there is no place for a further one.
    let mut held = Vec::new();
    let limited = async {
        loop {
            held.push(raw.call(SUBMIT, &[]).await);
            let further = refused(&raw.ask(SUBMIT, framed(&[])).await);
            if further.reason() == "RATE_LIMITED" {
                return further;
            }
        }
    };
    within(limited).await.is(Code::ResourceExhausted, "RATE_LIMITED").wait();
    let other = bus.party(bus::OTHER_MISSION).await;
    other.submit(samples::application(bus::MORNING)).await;
    assert_eq!(bus.sequence(), sequence + 1);
    // A call that is given up leaves its place.
    drop(held);
    let freed = async {
        loop {
            let status = raw.ask(SUBMIT, framed(&[])).await;
            if refused(&status).reason() == "REQUEST_ID_INVALID" {
                return;
            }
        }
    };
    within(freed).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_their_limit_fail_their_call_only() {
    let bus = Bus::with(&[("http2.max_header_list_kib", "4")]).await;
    let sequence = bus.sequence();
    let mut raw = Raw::connect(&bus, bus::MISSION).await;
    let long = "x".repeat(6000);
    let mut open = raw.call(GET_CASE, &[("x-sample", &long)]).await;
    // The bus may have closed the stream by then.
    let _ = open.body.send_data(Bytes::from(framed(&[])), true);
    match open.head().await {
        Ok(answer) => assert!(answer.status().is_client_error(), "{answer:?}"),
        Err(error) => assert!(!error.is_io(), "{error}"),
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_drops_its_calls_at_once_is_closed() {
    let bus = Bus::with(&[("http2.max_pending_reset_streams", "10")]).await;
    let sequence = bus.sequence();
    let mut stream = tls(&bus, bus.tls(bus::MISSION)).await;
    // In one go, so that the bus finds each call dropped before it has looked at it.
    let mut flood = PREFACE.to_vec();
    for call in (1..4000).step_by(2) {
        flood.extend(raw::headers(call, GET_CASE));
        flood.extend(raw::reset(call));
    }
    // The bus may close before it has read all.
    let _ = stream.write_all(&flood).await;
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

/// More than the buffers of both ends hold together.
const FLOOD_BYTES: usize = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_whose_answers_are_never_read_is_not_taken_in() {
    let bus = Bus::start().await;
    let sequence = bus.sequence();
    let ping = raw::frame(0x06, 0, 0, b"SAMPLE-1");
    let settings = raw::frame(0x04, 0, 0, &[]);
    // Headers of a call that go on and on.
    let continuation = raw::frame(0x09, 0, 1, &[0; 4096]);
    let unended = raw::frame(0x01, 0, 1, &[]);
    for (what, before, frame) in [
        ("PING", Vec::new(), ping),
        ("SETTINGS", Vec::new(), settings),
        ("CONTINUATION", unended, continuation),
    ] {
        let mut stream = tls(&bus, bus.tls(bus::MISSION)).await;
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&before).await.unwrap();
        let flood = frame.repeat((1 << 20) / frame.len());
        let mut taken = 0;
        while taken < FLOOD_BYTES
            && let Ok(Ok(())) =
                tokio::time::timeout(Duration::from_secs(2), stream.write_all(&flood)).await
        {
            taken += flood.len();
        }
        assert!(taken < FLOOD_BYTES, "{what}");
    }
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_opening_of_an_inbox_changes_nothing() {
    let bus = Bus::start().await;
    let (mission, committee) = (bus.party(bus::MISSION).await, bus.party(bus::COMMITTEE).await);
    mission.submit(samples::application(bus::MORNING)).await;
    let delivery = committee.fetch(1).await.pop().unwrap();
    let sequence = bus.sequence();
    let first = vec![inbox::acknowledgement(&delivery.delivery_id), inbox::opening(1, "")];
    let ended = match Inbox::saying(&committee, first, 1).await {
        Ok(mut inbox) => inbox.next().await.unwrap_err(),
        Err(status) => status,
    };
    refused(&ended).is(Code::InvalidArgument, "FIELD_INVALID");
    assert_unharmed(&bus, sequence).await;
    bus.stop().await;
}
