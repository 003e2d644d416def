//! Real handshakes, over memory and over a socket, with real certificates.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::pki_types::ServerName;
use rustls::{NamedGroup, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::*;
use crate::domain::Roster;
use crate::domain::party::{Parties, PartyId};
use crate::trust::identity::{self, IdentityError};
use crate::trust::issue::{
    CertificateAuthority, CertificateDir, Validity, issue_ca, issue_party, issue_server,
};
use crate::trust::registry;

/// Certificates of one authority in a directory, with a bus and a mission.
struct Site {
    _temporary: tempfile::TempDir,
    layout: CertificateDir,
    ca: CertificateAuthority,
}

fn span(begin: &str, end: &str) -> Validity {
    Validity::new(begin.parse().unwrap(), end.parse().unwrap()).unwrap()
}

/// The library asks the machine's clock, so "valid" must hold whenever the
/// tests run.
fn always() -> Validity {
    span("2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
}

fn past() -> Validity {
    span("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")
}

fn id(text: &str) -> PartyId {
    text.parse().unwrap()
}

fn mission() -> PartyId {
    id("mission-uz")
}

fn site() -> Site {
    let temporary = tempfile::tempdir().unwrap();
    let layout = CertificateDir::new(temporary.path().join("certs"));
    layout.create().unwrap();
    let ca = issue_ca("Development", always()).unwrap();
    layout.save_ca(&ca).unwrap();
    let site = Site { _temporary: temporary, layout, ca };
    site.bus(always());
    site.party(&mission(), always());
    site
}

impl Site {
    fn bus(&self, validity: Validity) {
        let names = ["localhost", "127.0.0.1"].map(|name| name.try_into().unwrap());
        let issued = issue_server(&self.ca, &names, validity).unwrap();
        self.layout.save_bus(&issued).unwrap();
    }

    fn party(&self, party: &PartyId, validity: Validity) {
        let issued = issue_party(&self.ca, party, validity).unwrap();
        self.layout.save_party(party, &issued).unwrap();
    }

    fn server_files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.layout.bus_certificate(),
            key: self.layout.bus_key(),
            ca: self.layout.ca_certificate(),
        }
    }

    fn client_files(&self, party: &PartyId) -> TlsFiles {
        TlsFiles {
            certificate: self.layout.party_certificate(party),
            key: self.layout.party_key(party),
            ca: self.layout.ca_certificate(),
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let now = "2025-06-01T00:00:00Z".parse().unwrap();
        server_config(&self.server_files(), now).unwrap().config.into()
    }

    fn connector(&self) -> TlsConnector {
        client_config(&self.client_files(&mission())).unwrap().into()
    }
}

fn parties() -> Parties {
    let sample = include_str!("../../../deploy/parties.toml");
    registry::parse(Path::new("deploy/parties.toml"), sample).unwrap()
}

/// The sample's parties, of which one akimat acts for its commission.
fn acting() -> Parties {
    let sample = include_str!("../../../deploy/parties.toml");
    let at = sample.find("id = \"akimat-kz-55\"").unwrap();
    let acting = format!("{}acts_for = [\"commission-kz-55\"]\n{}", &sample[..at], &sample[at..]);
    registry::parse(Path::new("deploy/parties.toml"), &acting).unwrap()
}

type Accepted<S> = io::Result<server::TlsStream<S>>;
type Connected<S> = io::Result<client::TlsStream<S>>;

async fn meet<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: &TlsAcceptor,
    connector: &TlsConnector,
    (near, far): (S, S),
    name: &str,
) -> (Accepted<S>, Connected<S>) {
    let name = ServerName::try_from(name).unwrap().to_owned();
    let (accepted, connected) = tokio::join!(acceptor.accept(near), connector.connect(name, far));
    (accepted, connected)
}

async fn refused(site: &Site, connector: &TlsConnector) -> (HandshakeFailure, HandshakeFailure) {
    let (accepted, connected) = meet(&site.acceptor(), connector, duplex(65536), "localhost").await;
    let at_bus = HandshakeFailure::of(&accepted.err().unwrap());
    // A TLS 1.3 client is done before the bus has judged its certificate, and
    // hears the judgement on its first read.
    let at_client = match connected {
        Err(error) => error,
        Ok(mut stream) => stream.read_u8().await.unwrap_err(),
    };
    (at_bus, HandshakeFailure::of(&at_client))
}

fn failure(fault: HandshakeFault, found_by: Side) -> HandshakeFailure {
    HandshakeFailure { fault, found_by }
}

/// What both ends of a connection say when the bus refuses the client.
fn bus_refuses(fault: HandshakeFault) -> (HandshakeFailure, HandshakeFailure) {
    (failure(fault, Side::Us), failure(fault, Side::Peer))
}

#[tokio::test]
async fn a_good_client_is_its_party_over_a_socket() {
    let site = site();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(listener.accept(), TcpStream::connect(address));
    let pair = (near.unwrap().0, far.unwrap());
    let (accepted, connected) = meet(&site.acceptor(), &site.connector(), pair, "127.0.0.1").await;
    let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());

    let (_, connection) = accepted.get_ref();
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(connection.alpn_protocol(), Some(b"h2".as_slice()));
    let group = connection.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    let parties = parties();
    let certificate = &connection.peer_certificates().unwrap()[0];
    let party = identity::party_of(certificate, &parties).unwrap();
    assert_eq!(party.id, mission());

    connected.write_all(b"act").await.unwrap();
    let mut arrived = [0; 3];
    accepted.read_exact(&mut arrived).await.unwrap();
    assert_eq!(&arrived, b"act");
}

#[tokio::test]
async fn a_trusted_certificate_of_no_party_stands_for_nobody() {
    let site = site();
    let stranger = id("mission-atlantis");
    site.party(&stranger, always());
    let connector = client_config(&site.client_files(&stranger)).unwrap().into();
    let (accepted, _) = meet(&site.acceptor(), &connector, duplex(65536), "localhost").await;
    let accepted = accepted.unwrap();
    let certificate = &accepted.get_ref().1.peer_certificates().unwrap()[0];
    assert!(matches!(
        identity::party_of(certificate, &parties()),
        Err(IdentityError::Unknown { .. })
    ));
}

#[tokio::test]
async fn peers_without_the_hybrid_group_agree_on_x25519_or_p256() {
    let site = site();
    for (group, name) in
        [(kx_group::X25519, NamedGroup::X25519), (kx_group::SECP256R1, NamedGroup::secp256r1)]
    {
        let connector = client_of(&site, vec![group], |config| config);
        let (accepted, _) = meet(&site.acceptor(), &connector, duplex(65536), "localhost").await;
        let accepted = accepted.unwrap();
        let negotiated = accepted.get_ref().1.negotiated_key_exchange_group();
        assert_eq!(negotiated.unwrap().name(), name);
    }
    let connector = client_of(&site, vec![kx_group::SECP384R1], |config| config);
    let refusal = bus_refuses(HandshakeFault::NoCommonParameters);
    assert_eq!(refused(&site, &connector).await, refusal);
}

/// A client that is ours but for what the test changes.
fn client_of(
    site: &Site,
    kx_groups: Vec<&'static dyn rustls::crypto::SupportedKxGroup>,
    change: impl FnOnce(ClientConfig) -> ClientConfig,
) -> TlsConnector {
    let files = site.client_files(&mission());
    let own = Own::read(&files).unwrap();
    let provider = CryptoProvider { kx_groups, ..provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(authorities(&files).unwrap())
        .with_client_auth_cert(own.chain, own.key)
        .unwrap();
    Arc::new(change(config)).into()
}

#[tokio::test]
async fn a_client_that_speaks_no_http2_is_refused() {
    let site = site();
    let connector = client_of(&site, provider().kx_groups, |mut config| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    });
    let refusal = bus_refuses(HandshakeFault::NoCommonProtocol);
    assert_eq!(refused(&site, &connector).await, refusal);
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() {
    let site = site();
    let files = site.client_files(&mission());
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(authorities(&files).unwrap())
        .with_no_client_auth();
    let connector = Arc::new(config).into();
    let refusal = bus_refuses(HandshakeFault::NoCertificate);
    assert_eq!(refused(&site, &connector).await, refusal);
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_refused() {
    let (site, foreign) = (site(), site());
    // It trusts our bus and shows a certificate of its own authority, which
    // even has the same name as ours.
    let files = TlsFiles { ca: site.layout.ca_certificate(), ..foreign.client_files(&mission()) };
    let connector = client_config(&files).unwrap().into();
    let (at_bus, at_client) = refused(&site, &connector).await;
    assert_eq!(at_bus, failure(HandshakeFault::UnknownAuthority, Side::Us));
    assert_eq!(at_client.found_by, Side::Peer);
    assert_eq!(
        at_bus.to_string(),
        "peer refused: the certificate is signed by no trusted authority"
    );
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let site = site();
    let future = span("2119-01-01T00:00:00Z", "2120-01-01T00:00:00Z");
    for (party, validity, fault) in [
        ("mission-tm", past(), HandshakeFault::Expired),
        ("mission-mn", future, HandshakeFault::NotYetValid),
    ] {
        site.party(&id(party), validity);
        let connector = client_config(&site.client_files(&id(party))).unwrap().into();
        let (at_bus, at_client) = refused(&site, &connector).await;
        assert_eq!(at_bus, failure(fault, Side::Us));
        assert_eq!(at_client.found_by, Side::Peer);
    }
}

/// Files of an authority of its own with one certificate for mission-uz, for one purpose only.
fn of_one_purpose(dir: &Path, purpose: ExtendedKeyUsagePurpose) -> TlsFiles {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![purpose];
    let identity = "urn:kopir:party:mission-uz".try_into().unwrap();
    params.subject_alt_names = vec![SanType::URI(identity)];
    let key = KeyPair::generate().unwrap();
    let issued = params.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let file = dir.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    };
    TlsFiles {
        certificate: write("one.pem", issued.pem()),
        key: write("one.key", key.serialize_pem()),
        ca: write("one-ca.pem", ca.pem()),
    }
}

#[tokio::test]
async fn a_server_certificate_does_not_make_a_client() {
    let site = site();
    let dir = tempfile::tempdir().unwrap();
    let files = of_one_purpose(dir.path(), ExtendedKeyUsagePurpose::ServerAuth);
    let own = TlsFiles { ca: files.ca, ..site.server_files() };
    let acceptor = server_config(&own, Timestamp::UNIX_EPOCH).unwrap().config.into();
    let files = TlsFiles { ca: site.layout.ca_certificate(), ..files };
    let connector = client_config(&files).unwrap().into();
    let (accepted, _) = meet(&acceptor, &connector, duplex(65536), "localhost").await;
    let at_bus = HandshakeFailure::of(&accepted.err().unwrap());
    assert_eq!(at_bus, failure(HandshakeFault::WrongPurpose, Side::Us));
}

type Called = Result<(), (HandshakeFault, Option<EndpointCertificateError>)>;

/// What the bus makes of the endpoint of `party` with these files: the party's own identity error,
/// or the fault of the handshake.
async fn call(site: &Site, party: &str, files: &TlsFiles) -> Called {
    call_trusting(site, party, files, site.layout.ca_certificate()).await
}

/// The same of a bus that trusts another authority.
async fn call_trusting(site: &Site, party: &str, files: &TlsFiles, ca: PathBuf) -> Called {
    let mut roster = Roster::new(acting(), []);
    roster.missing().into_iter().for_each(|enrolment| roster.enrol(enrolment));
    let roster = Arc::new(roster);
    let number = roster.number(&id(party)).unwrap();
    let tls = EndpointTls::read(&TlsFiles { ca, ..site.server_files() }).unwrap();
    let connector = tls.config(&roster, number).unwrap().into();
    let trusting = TlsFiles { ca: site.layout.ca_certificate(), ..files.clone() };
    let acceptor = server_config(&trusting, Timestamp::UNIX_EPOCH).unwrap().config.into();
    // The name is not looked at.
    let (accepted, connected) =
        meet(&acceptor, &connector, duplex(65536), "elsewhere.example").await;
    let Err(error) = connected else {
        accepted.unwrap();
        return Ok(());
    };
    let identity = EndpointCertificateError::of(&error);
    Err((HandshakeFailure::of(&error).fault, identity))
}

#[tokio::test]
async fn an_endpoint_is_known_by_the_identity_in_its_certificate() {
    let (site, foreign) = (site(), site());
    let own = site.client_files(&mission());
    assert_eq!(call(&site, "mission-uz", &own).await, Ok(()));
    let other = |found: &str, wanted: &str| EndpointCertificateError::OtherParty {
        found: id(found),
        wanted: id(wanted),
    };
    let refused = Err((HandshakeFault::BadCertificate, Some(other("mission-uz", "akimat-kz-55"))));
    assert_eq!(call(&site, "akimat-kz-55", &own).await, refused);
    // The bus's own certificate names a host and no party.
    let absent = EndpointCertificateError::Identity(IdentityError::Absent);
    let refused = Err((HandshakeFault::BadCertificate, Some(absent)));
    assert_eq!(call(&site, "mission-uz", &site.server_files()).await, refused);
    // Another authority may sign what it likes.
    let of_foreign = foreign.client_files(&mission());
    let refused = Err((HandshakeFault::UnknownAuthority, None));
    assert_eq!(call(&site, "mission-uz", &of_foreign).await, refused);
}

#[tokio::test]
async fn an_endpoint_may_be_that_of_a_party_that_acts_for_the_receiver_and_not_the_other_way() {
    let site = site();
    for party in ["akimat-kz-55", "commission-kz-55"] {
        site.party(&id(party), always());
    }
    let of = |party| site.client_files(&id(party));
    assert_eq!(call(&site, "commission-kz-55", &of("akimat-kz-55")).await, Ok(()));
    assert!(call(&site, "akimat-kz-55", &of("commission-kz-55")).await.is_err());
}

#[tokio::test]
async fn an_endpoint_with_a_certificate_out_of_its_time_or_for_clients_only_is_refused() {
    let site = site();
    site.party(&id("mission-mn"), past());
    let expired = call(&site, "mission-mn", &site.client_files(&id("mission-mn"))).await;
    assert_eq!(expired, Err((HandshakeFault::Expired, None)));
    let dir = tempfile::tempdir().unwrap();
    let files = of_one_purpose(dir.path(), ExtendedKeyUsagePurpose::ClientAuth);
    let refused = call_trusting(&site, "mission-uz", &files, files.ca.clone()).await;
    assert_eq!(refused, Err((HandshakeFault::WrongPurpose, None)));
}

#[tokio::test]
async fn our_client_refuses_a_bus_that_is_not_the_one_it_called() {
    let (site, foreign) = (site(), site());
    let judged = async |acceptor: &TlsAcceptor, connector: &TlsConnector, name: &str| {
        let (accepted, connected) = meet(acceptor, connector, duplex(65536), name).await;
        let at_bus = HandshakeFailure::of(&accepted.err().unwrap());
        assert_eq!(at_bus.found_by, Side::Peer);
        HandshakeFailure::of(&connected.err().unwrap())
    };
    let wrong_name = judged(&site.acceptor(), &site.connector(), "elsewhere.example").await;
    assert_eq!(wrong_name, failure(HandshakeFault::WrongName, Side::Us));
    let wrong_authority = judged(&foreign.acceptor(), &site.connector(), "localhost").await;
    assert_eq!(wrong_authority, failure(HandshakeFault::UnknownAuthority, Side::Us));
    // A party's certificate does not make a bus.
    let files = site.client_files(&mission());
    let posing = server_config(&files, Timestamp::UNIX_EPOCH).unwrap().config.into();
    let connected = meet(&posing, &site.connector(), duplex(65536), "localhost").await.1;
    assert!(connected.is_err());
}

/// Neither side's library can speak TLS 1.2, so its hello is written by hand:
/// an ordinary one, with a suite and a group of that time.
fn hello_of_tls_1_2() -> Vec<u8> {
    let extensions = [
        [0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d].as_slice(), // groups: x25519
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],                       // points: uncompressed
        &[0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03],           // ecdsa_secp256r1_sha256
    ]
    .concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body = [
        [0x03, 0x03].as_slice(),
        &[7; 32],                  // random
        &[0x00],                   // no session
        &[0x00, 0x02, 0xc0, 0x2b], // ECDHE-ECDSA-AES128-GCM-SHA256
        &[0x01, 0x00],             // no compression
        &length,
        &extensions,
    ]
    .concat();
    let length = u8::try_from(body.len()).unwrap();
    let handshake = [&[0x01, 0x00, 0x00, length], body.as_slice()].concat();
    let length = u8::try_from(handshake.len()).unwrap();
    [&[0x16, 0x03, 0x01, 0x00, length], handshake.as_slice()].concat()
}

/// What the bus makes of raw bytes, and what it answers.
async fn bus_reads(bytes: &[u8]) -> (HandshakeFailure, Vec<u8>) {
    let (near, mut far) = duplex(65536);
    far.write_all(bytes).await.unwrap();
    far.shutdown().await.unwrap();
    let error = site().acceptor().accept(near).await.err().unwrap();
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.unwrap();
    (HandshakeFailure::of(&error), answer)
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused_with_its_alert() {
    let (found, answer) = bus_reads(&hello_of_tls_1_2()).await;
    assert_eq!(found, failure(HandshakeFault::NoCommonVersion, Side::Us));
    // A fatal alert, 70: protocol_version.
    assert!(answer.ends_with(&[2, 70]), "{answer:?}");
}

#[tokio::test]
async fn strangers_to_tls_are_told_apart_from_those_who_left() {
    let (found, _) = bus_reads(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(found, failure(HandshakeFault::NotTls, Side::Us));
    let hello = hello_of_tls_1_2();
    let (found, _) = bus_reads(&hello[..hello.len() / 2]).await;
    assert_eq!(found, failure(HandshakeFault::Closed, Side::Us));
    let (found, _) = bus_reads(b"").await;
    assert_eq!(found, failure(HandshakeFault::Closed, Side::Us));
}

#[tokio::test]
async fn no_session_is_resumed() {
    let site = site();
    let acceptor = site.acceptor();
    // This client would gladly resume.
    let connector = client_of(&site, provider().kx_groups, |config| config);
    for _ in 0..3 {
        let (accepted, connected) = meet(&acceptor, &connector, duplex(65536), "localhost").await;
        let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
        // Tickets would come with the first bytes.
        accepted.write_all(b"x").await.unwrap();
        assert_eq!(connected.read_u8().await.unwrap(), b'x');
        let kind = connected.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
        assert!(accepted.get_ref().1.peer_certificates().is_some());
    }
}

#[test]
fn a_key_others_can_read_stops_the_start() {
    let site = site();
    let files = site.server_files();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let message = server_config(&files, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
    assert!(message.contains("bus.key"), "{message}");
    assert!(message.contains("mode 644"), "{message}");
    assert!(message.contains("chmod 600"), "{message}");
}

/// Each way the files can be wrong, on both sides, and what the refusal says.
#[test]
fn unfit_files_are_refused_by_name() {
    let other = site();
    let junk = |label| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    type Spoil = Box<dyn Fn(&TlsFiles)>;
    let write = |which: fn(&TlsFiles) -> &PathBuf, text: String| -> Spoil {
        Box::new(move |files| fs::write(which(files), &text).unwrap())
    };
    let other_key = fs::read_to_string(other.layout.bus_key()).unwrap();
    let table: Vec<(Spoil, &str, &str)> = vec![
        (Box::new(|f| fs::remove_file(&f.ca).unwrap()), "ca.pem", "cannot be read"),
        (Box::new(|f| fs::remove_file(&f.key).unwrap()), ".key", "cannot be read"),
        (write(|f| &f.certificate, String::new()), ".pem", "is empty"),
        (write(|f| &f.ca, "words".into()), "ca.pem", "not a sound PEM"),
        (write(|f| &f.ca, junk("CERTIFICATE")), "ca.pem", "certificate 1 of the file"),
        (write(|f| &f.certificate, junk("CERTIFICATE")), ".pem", "certificate 1 of the file"),
        (write(|f| &f.key, junk("PRIVATE KEY")), ".key", "not a private key TLS can sign with"),
        (write(|f| &f.key, junk("CERTIFICATE")), ".key", "does not hold a private key"),
        (write(|f| &f.key, other_key), ".key", "is not the key of"),
    ];
    for (spoil, file, expected) in table {
        let site = site();
        let check = |error: TlsError| {
            let message = error.to_string();
            assert!(message.contains(file) && message.contains(expected), "{message}");
        };
        let files = site.server_files();
        spoil(&files);
        check(server_config(&files, Timestamp::UNIX_EPOCH).unwrap_err());

        let site = self::site();
        let files = site.client_files(&mission());
        spoil(&files);
        check(client_config(&files).unwrap_err());
    }
}

#[test]
fn a_bus_certificate_out_of_its_time_is_a_warning() {
    let site = site();
    fs::remove_file(site.layout.bus_certificate()).unwrap();
    fs::remove_file(site.layout.bus_key()).unwrap();
    site.bus(span("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"));
    let files = site.server_files();
    let warned = |now: &str| server_config(&files, now.parse().unwrap()).unwrap().warnings;
    let file = files.certificate.clone();
    let (from, at) = ("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    let (from, at) = (from.parse().unwrap(), at.parse().unwrap());
    assert_eq!(
        warned("2023-12-31T23:59:59Z"),
        [CertificateWarning::NotYetValid { file: file.clone(), from }]
    );
    assert_eq!(warned("2024-06-01T00:00:00Z"), []);
    assert_eq!(warned("2024-12-01T23:59:59Z"), []);
    assert_eq!(
        warned("2024-12-02T00:00:00Z"),
        [CertificateWarning::ExpiresSoon { file: file.clone(), at }]
    );
    assert_eq!(
        warned("2025-01-01T00:00:01Z"),
        [CertificateWarning::Expired { file: file.clone(), at }]
    );
    let words = warned("2026-01-01T00:00:00Z")[0].to_string();
    assert!(words.contains("bus.pem") && words.contains("expired at 2025-01-01"), "{words}");
}

#[test]
fn fault_labels_are_distinct() {
    let faults = [
        HandshakeFault::NoCertificate,
        HandshakeFault::UnknownAuthority,
        HandshakeFault::Expired,
        HandshakeFault::NotYetValid,
        HandshakeFault::Revoked,
        HandshakeFault::WrongPurpose,
        HandshakeFault::WrongName,
        HandshakeFault::BadCertificate,
        HandshakeFault::NoCommonVersion,
        HandshakeFault::NoCommonParameters,
        HandshakeFault::NoCommonProtocol,
        HandshakeFault::NotTls,
        HandshakeFault::Closed,
        HandshakeFault::TimedOut,
        HandshakeFault::Other,
    ];
    let mut labels: Vec<_> = faults.map(HandshakeFault::as_str).into();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), faults.len());
}

/// Certificates for mission-uz with any key, usages and list of an authority, and files for both.
struct Forge {
    dir: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    ca: PathBuf,
}

impl Forge {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        fs::write(&file, ca.pem()).unwrap();
        Self { dir, issuer: Issuer::new(params, key), ca: file }
    }

    /// A client with a key made by the openssl command, which makes those that no library here does.
    fn client(&self, key: &[&str], purposes: &[ExtendedKeyUsagePurpose]) -> Option<TlsFiles> {
        let openssl = || std::process::Command::new("openssl");
        let file = |name: &str| self.dir.path().join(name);
        let made = openssl().arg("genpkey").args(key).arg("-out").arg(file("one.key")).output();
        if !made.is_ok_and(|made| made.status.success()) {
            return None;
        }
        let public = ["pkey", "-pubout", "-in"];
        openssl()
            .args(public)
            .arg(file("one.key"))
            .arg("-out")
            .arg(file("one.pub"))
            .output()
            .ok()?;
        fs::set_permissions(file("one.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut params = CertificateParams::default();
        params.extended_key_usages = purposes.to_vec();
        let identity = "urn:kopir:party:mission-uz".try_into().unwrap();
        params.subject_alt_names = vec![SanType::URI(identity)];
        let public = fs::read_to_string(file("one.pub")).unwrap();
        let public = rcgen::SubjectPublicKeyInfo::from_pem(&public).unwrap();
        let issued = params.signed_by(&public, &self.issuer).unwrap();
        fs::write(file("one.pem"), issued.pem()).unwrap();
        Some(TlsFiles { certificate: file("one.pem"), key: file("one.key"), ca: self.ca.clone() })
    }
}

/// What the bus says of a chain whose handshake has proven the key.
fn judged(files: &TlsFiles, bus: &TlsFiles, rules: TrustRules) -> Result<(), HandshakeFailure> {
    let bus = TlsFiles { ca: files.ca.clone(), ..bus.clone() };
    let loader =
        Loader::open(TrustFiles { tls: bus, crls: Vec::new(), last_lists: None }, rules).unwrap();
    let now = "2025-06-01T00:00:00Z".parse().unwrap();
    let chain = pem::certificates(&files.certificate).unwrap();
    loader.trust(now).unwrap().judge(&chain, now).map(drop)
}

#[test]
fn an_rsa_key_below_2048_bits_is_refused_by_that_name() {
    let (site, forge) = (site(), Forge::new());
    let purpose = [ExtendedKeyUsagePurpose::ClientAuth];
    for (bits, expected) in [
        ("1024", Err(HandshakeFault::WeakKey)),
        ("2047", Err(HandshakeFault::WeakKey)),
        ("2048", Ok(())),
        ("3072", Ok(())),
    ] {
        let option = format!("rsa_keygen_bits:{bits}");
        let key = ["-algorithm", "RSA", "-pkeyopt", &option];
        let Some(files) = forge.client(&key, &purpose) else {
            println!("SKIPPED, it shows nothing here: no openssl");
            return;
        };
        let found = judged(&files, &site.server_files(), TrustRules::default());
        assert_eq!(found.map_err(|failure| failure.fault), expected, "{bits}");
    }
    let weak = failure(HandshakeFault::WeakKey, Side::Us);
    assert_eq!(weak.to_string(), "peer refused: the certificate's key is too short");
}

#[test]
fn usages_that_the_configuration_asks_for_must_be_there() {
    let (site, forge) = (site(), Forge::new());
    let rules = TrustRules {
        client_usages: vec![identity::Usage::parse(identity::Usage::CLIENT).unwrap()],
        ..TrustRules::default()
    };
    let key = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    for (purposes, expected) in [
        (vec![ExtendedKeyUsagePurpose::ClientAuth], Ok(())),
        // Without the extension TLS itself would let it in.
        (vec![], Err(HandshakeFault::WrongPurpose)),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], Err(HandshakeFault::WrongPurpose)),
    ] {
        let Some(files) = forge.client(&key, &purposes) else { return };
        let found = judged(&files, &site.server_files(), rules.clone());
        assert_eq!(found.map_err(|failure| failure.fault), expected, "{purposes:?}");
    }
}

#[tokio::test]
async fn a_party_s_certificate_does_not_make_a_bus() {
    let site = site();
    // A party that has itself a certificate for a name issued, and stands where the bus should.
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into().unwrap()),
        SanType::URI("urn:kopir:party:mission-tm".try_into().unwrap()),
    ];
    for (uri, is_taken) in [(true, false), (false, true)] {
        let mut params = params.clone();
        if !uri {
            // As the bus's certificates were before it had a name; taken with a warning.
            params.subject_alt_names.truncate(1);
        }
        let forge = Forge::new();
        let key = KeyPair::generate().unwrap();
        let issued = params.signed_by(&key, &forge.issuer).unwrap();
        let write = |name: &str, text: String| {
            let file = forge.dir.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            file
        };
        let posing = TlsFiles {
            certificate: write("posing.pem", issued.pem()),
            key: write("posing.key", key.serialize_pem()),
            ca: site.layout.ca_certificate(),
        };
        let posing = server_config(&posing, Timestamp::UNIX_EPOCH).unwrap();
        let unnamed =
            |found: &CertificateWarning| matches!(found, CertificateWarning::Unnamed { .. });
        assert!(posing.warnings.iter().any(unnamed));
        let files = TlsFiles { ca: forge.ca.clone(), ..site.client_files(&mission()) };
        let connector = client_config(&files).unwrap().into();
        let acceptor = posing.config.into();
        let (_, connected) = meet(&acceptor, &connector, duplex(65536), "localhost").await;
        assert_eq!(connected.is_ok(), is_taken);
    }
}

/// The openssl command as a client, which is nobody's library here.
mod s_client {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What the bus and the client each say of a connection with these options.
    async fn met(site: &Site, options: &[&str]) -> Option<(io::Result<NamedGroup>, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ca = site.layout.ca_certificate();
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-alpn", "h2", "-CAfile"]).arg(ca);
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().ok()?;
        let mut input = client.stdin.take().unwrap();
        let said = tokio::task::spawn_blocking(move || client.wait_with_output());
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = site.acceptor().accept(stream).await;
        let group = accepted
            .map(|accepted| accepted.get_ref().1.negotiated_key_exchange_group().unwrap().name());
        // Ends the client; one that was refused may be gone.
        let _ = input.write_all(b"Q\n");
        drop(input);
        let said = said.await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        Some((group, text.into_owned()))
    }

    #[tokio::test]
    async fn openssl_is_let_in_with_a_certificate_and_tls_1_3_and_not_otherwise() {
        let site = site();
        let files = site.client_files(&mission());
        let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
        let own = ["-cert", &*certificate, "-key", &*key];
        let Some((group, _)) = met(&site, &own).await else {
            println!("SKIPPED, it shows nothing here: no openssl");
            return;
        };
        // Which group depends on its release; older ones have no hybrid one.
        let group = group.unwrap();
        assert!([NamedGroup::X25519MLKEM768, NamedGroup::X25519].contains(&group), "{group:?}");

        let refusals = [
            (["-tls1_2"].to_vec(), HandshakeFault::NoCommonVersion),
            ([].to_vec(), HandshakeFault::NoCertificate),
            (["-groups", "P-384"].to_vec(), HandshakeFault::NoCommonParameters),
        ];
        for (options, fault) in refusals {
            let with_own = [&own[..], &options].concat();
            let options = if fault == HandshakeFault::NoCertificate { options } else { with_own };
            let (refused, said) = met(&site, &options).await.unwrap();
            let found = HandshakeFailure::of(&refused.unwrap_err());
            assert_eq!(found.fault, fault, "{options:?}: {said}");
            // It hears of an alert by its number, and none of the words of the log.
            assert!(said.contains("alert"), "{options:?}: {said}");
            let words = found.to_string();
            let words = words.split_once(": ").unwrap().1;
            assert!(!said.contains(words) && !said.contains("urn:kopir:party"), "{said}");
        }
    }
}
