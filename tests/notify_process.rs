//! The real binary tells parties outside their inboxes: rungs arrive as letters at a mail server and
//! as signed calls at a web server, and what a killed bus had under way is sent again, and only
//! that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod outside;
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use kopir::domain::Event;
use kopir::domain::ladder::{Channel, Sent};
use kopir::domain::party::PartyNumber;
use kopir::journal::{FileJournal, FileOptions, Journal as _, Seq};
use kopir::records::decode_event;
use kopir::rpc::proto::operations::v1::SetSandboxTimeRequest;
use kopir::rpc::proto::operations::v1::operations_service_client::OperationsServiceClient;

use outside::mail::{Letter, MailServer, Manners};
use outside::web::{Answer, WebServer};
use process::answers::status;
use process::ledger::Ledger;
use process::load::{send, submission};
use process::seed::Seed;
use process::{Bus, COMMITTEE, Ground, MISSIONS, OPERATOR, Settings};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rungs_arrive_as_letters_and_a_call_lost_over_a_restart_is_made_again() {
    let (ground, mut seed, ledger) = (Ground::new(), Seed::of_this_run("notify"), Ledger::new());
    let mail = MailServer::start(Manners::default()).await;
    let web = WebServer::start([], Answer::Nothing, None).await;
    contact(&ground, &web);
    let bus = Bus::start(&mut serve(&ground, &mail));

    // The authorised body leaves an application lying, until its term has run out and a day more.
    let mission = ground.client(&bus, MISSIONS[0]).await;
    send(&mission, &ledger, MISSIONS[0], &submission(&mut seed)).await.unwrap();
    // Its letters are those of the last working day, the due day, the breach and the day after it.
    let set = async |bus: &Bus, at: &str| {
        let at: jiff::Timestamp = at.parse().unwrap();
        let time = prost_types::Timestamp { seconds: at.as_second(), nanos: 0 };
        let operator = ground.client(bus, OPERATOR).await;
        let request = SetSandboxTimeRequest { time: Some(time) };
        OperationsServiceClient::new(operator).set_sandbox_time(request).await.unwrap();
    };
    set(&bus, "2023-02-01T12:00:00+06:00").await;
    let first = web.calls(1).await;
    let letters = mail.letters(4).await;
    let subjects: Vec<_> = letters.iter().map(|letter| letter.subject()).collect();
    assert!(subjects.iter().any(|subject| subject.contains("Срок истёк")), "{subjects:?}");
    assert!(letters.iter().all(|letter| letter.to == ["duty@committee.example"]));
    let breach = letters.iter().find(|letter| letter.subject().contains("Срок истёк")).unwrap();
    let text = breach.text();
    let told =
        ["Комитет по миграции", "Основание: приказ № 20 от 15.01.2016", "Время: у исполнителя"];
    assert!(told.iter().all(|told| text.contains(told)), "{text}");
    // The web server has the first call in hand and does not answer.
    assert_eq!(web.count(), 1);
    let status = status(ground.client(&bus, OPERATOR).await).await;
    assert!(status.waiting_notifications > 0);
    bus.kill();
    let Found { expected, sent } = read(&ground.journal());
    let of = |channel| expected.iter().filter(|way| way.2 == channel).count();
    let (by_mail, by_call) = (of(Channel::Email), of(Channel::Webhook));
    assert!(by_mail >= 4 && sent.keys().all(|way| way.2 == Channel::Email), "{sent:?}");

    web.answer(Answer::Status(204));
    let bus = Bus::start(&mut serve(&ground, &mail));
    let calls = web.calls(by_call + 1).await;
    assert_eq!(calls[1].id(), first[0].id(), "the lost call comes first, under its id");
    assert_eq!(calls[1].body, first[0].body);
    assert!(calls.iter().all(|call| call.is_signed_with(SECRET)));
    let ids: BTreeSet<_> = calls.iter().map(|call| call.id().to_owned()).collect();
    assert_eq!(ids.len(), by_call, "each notice is one call, but for the lost one");
    let names = |letters: &[Letter]| {
        let names = letters.iter().filter_map(|letter| letter.header("Message-ID"));
        names.collect::<BTreeSet<_>>().len()
    };
    let letters = mail.until(|letters| names(letters) == by_mail).await;
    // Only the one that was under way when the bus was killed may have come twice.
    assert!(letters.len() <= by_mail + 1, "{}", letters.len());
    assert!(bus.stop().success());

    let Found { expected, sent } = read(&ground.journal());
    assert_eq!(sent.keys().copied().collect::<BTreeSet<_>>(), expected);
    assert!(sent.values().all(|outcome| *outcome == Sent::Taken), "{sent:?}");
    assert_eq!((web.count(), mail.count()), (calls.len(), letters.len()), "nothing comes later");
}

/// Lets the authorised body be told by letter and by call.
fn contact(ground: &Ground, web: &WebServer) {
    let secret = ground.path("committee.secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let registry = ground.path("parties.toml");
    let mut text = fs::read_to_string(&registry).unwrap();
    write!(
        text,
        "\n[[contact]]\nparty = \"{COMMITTEE}\"\nemail = [\"duty@committee.example\"]\n\
         webhook = \"http://{}/kopir\"\nwebhook_secret_file = \"committee.secret\"\n\
         language = \"ru\"\n",
        web.address
    )
    .unwrap();
    fs::write(&registry, text).unwrap();
}

/// The command that serves with a mail server.
fn serve(ground: &Ground, mail: &MailServer) -> Command {
    let file = ground.configure(&Settings::default());
    let mut text = fs::read_to_string(&file).unwrap();
    write!(
        text,
        "[notify]\nbackoff_min_seconds = 1\nwebhook_timeout_seconds = 120\n\
         [notify.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"kopir@bus.example\"\n",
        mail.address.port()
    )
    .unwrap();
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
    command.arg("serve").arg("--config").arg(file);
    command
}

type Way = (u64, PartyNumber, Channel);

/// What a journal has of notices outside the inboxes.
struct Found {
    /// By which ways its notices are to go.
    expected: BTreeSet<Way>,
    /// How their sending ended, each once.
    sent: BTreeMap<Way, Sent>,
}

fn read(dir: &Path) -> Found {
    let opened = FileJournal::open(dir, FileOptions::default(), None, &mut |_| {});
    let (journal, _) = opened.unwrap();
    let (mut sent, mut expected) = (BTreeMap::new(), BTreeSet::new());
    let visited = journal.reader().scan(Seq::FIRST, &mut |record| {
        let sequence = record.seq.0;
        if let Ok(Event::Notice(notice)) = decode_event(&record.payload) {
            let ways = notice.channels.iter().map(|(party, way)| (sequence, *party, *way));
            expected.extend(ways);
        }
        if let Ok(Event::NoticeSent(end)) = decode_event(&record.payload) {
            let way = (end.notice.0, end.party, end.channel);
            assert_eq!(sent.insert(way, end.outcome), None, "{way:?} is recorded twice");
        }
        ControlFlow::Continue(())
    });
    visited.unwrap();
    Found { expected, sent }
}
