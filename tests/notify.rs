//! Parties are told outside their inboxes: letters arrive at a mail server, signed calls at a web
//! server, each once where nothing breaks, again where something did, and nobody waits for another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod outside;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kopir::domain::contact::{Contact, Contacts, Language};
use kopir::domain::ladder::{Attribution, Channel, Fired, Impediment, Notice, Rung, Rungs, Sent};
use kopir::domain::party::{PartyId, PartyNumber};
use kopir::domain::term::Source;
use kopir::domain::{Act, CaseId, Roster, Sequence, WhenUnset};
use kopir::engine::{Clock, Law};
use kopir::index::Outgoing;
use kopir::notify::{
    Caller, Desk, DeskParts, Mailer, NotifyOptions, Outbox, OutboxError, Policy, SmtpOptions,
    SmtpTls, Told, Words, run,
};
use kopir::procedures::labels::Labels;
use kopir::trust::registry;
use kopir::trust::secret::{Secret, WebhookKey};
use kopir::trust::tls::Outgoing as OutgoingTls;
use kopir::{notify, procedures};
use tokio::sync::watch;

use outside::mail::{MailServer, Manners};
use outside::server_tls;
use outside::web::{Answer, WebServer};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AKIMAT: &str = "akimat-kz-55";
const COMMITTEE: &str = "migration-committee";
/// When the notices of these tests are recorded.
const AT: &str = "2026-01-12T09:00:00.5+05:00";
const OPTIONS: NotifyOptions = NotifyOptions {
    policy: Policy {
        backoff_min: Duration::from_millis(20),
        backoff_max: Duration::from_millis(40),
        give_up_after: Duration::from_secs(48 * 3600),
    },
    max_in_flight: 4,
    webhook_timeout: Duration::from_millis(500),
};

#[tokio::test]
async fn rungs_of_one_record_arrive_as_one_letter_at_every_address_of_the_party() {
    let server = MailServer::start(Manners::default()).await;
    let site = Site::new().email(AKIMAT, &["duty@akimat.example", "head@akimat.example"]);
    let outbox = site.outbox([(7, several(&site), vec![(AKIMAT, Channel::Email)])]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    assert_eq!(outbox.ended(1).await, [(site.item(7, AKIMAT, Channel::Email), Sent::Taken)]);

    let letters = server.letters(1).await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.from, "kopir@bus.example");
    assert_eq!(letter.to, ["duty@akimat.example", "head@akimat.example"]);
    let header = |name| letter.header(name).unwrap();
    assert_eq!(header("Message-ID"), "<notice-7.akimat-kz-55@bus.example>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("Content-Type"), "text/plain; charset=utf-8");
    assert!(header("Date").ends_with(" +0000"), "{}", header("Date"));
    assert_eq!(
        letter.subject(),
        "Köpir: 3 notices of terms, 2 of them past due",
        "{}",
        header("Subject")
    );
    let text = letter.text();
    assert!(text.contains("3. The term will not hold"), "{text}");
    assert!(letter.data.is_ascii(), "any server takes it, also one without 8BITMIME");
    running.stop().await;
}

#[tokio::test]
async fn a_letter_goes_over_starttls_or_tls_with_a_password_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let tls = server_tls(dir.path());
    let login = Some(("kopir".to_owned(), "open sesame".to_owned()));
    for (is_implicit, smtp) in [(false, SmtpTls::StartTls), (true, SmtpTls::Implicit)] {
        let tls = Some((Arc::clone(&tls), is_implicit));
        let server = MailServer::start(Manners { tls, login: login.clone(), ..Manners::default() });
        let server = server.await;
        let site = Site::new().email(AKIMAT, &["duty@akimat.example"]);
        let outbox = site.outbox([(7, one(&site, Rung::Due), vec![(AKIMAT, Channel::Email)])]);
        let ca = dir.path().join("ca.pem");
        let running = site.run(&outbox, Some(protected(&server, smtp, &ca, dir.path())), None);
        outbox.ended(1).await;
        let letter = &server.letters(1).await[0];
        assert_eq!((letter.login.as_deref(), letter.is_protected), (Some("kopir"), true));
        running.stop().await;
    }
    // A server that does not offer it, as one looks to which somebody on the way has cut it out,
    // and one that another authority vouches for: neither sees the password or a letter.
    let stripped = MailServer::start(Manners::default()).await;
    let other = tempfile::tempdir().unwrap();
    let impostor = Manners { tls: Some((server_tls(other.path()), false)), ..Manners::default() };
    let impostor = MailServer::start(impostor).await;
    for (server, told) in [(&stripped, "STARTTLS"), (&impostor, "certificate")] {
        let ca = dir.path().join("ca.pem");
        let mailer = protected(server, SmtpTls::StartTls, &ca, dir.path());
        let letter = notify::Letter { subject: "s".into(), text: "t\n".into() };
        let from = "kopir@bus.example".parse().unwrap();
        let id = notify::MessageId::of(Sequence(1), &AKIMAT.parse().unwrap(), &from);
        let at = AT.parse().unwrap();
        let to = ["duty@akimat.example".parse().unwrap()];
        let failure = mailer.send(&to, &[], &letter, &id, at).await.unwrap_err();
        assert!(failure.to_string().contains(told), "{failure}");
        assert!(!failure.is_final(), "the operator may mend it");
        assert_eq!(server.count(), 0);
    }
}

#[tokio::test]
async fn an_address_that_is_refused_does_not_keep_the_letter_from_the_others() {
    let refused = |code| BTreeMap::from([("gone@akimat.example".to_owned(), code)]);
    let server = MailServer::start(Manners { refused: refused(550), ..Manners::default() }).await;
    let site = Site::new()
        .email(AKIMAT, &["gone@akimat.example", "duty@akimat.example"])
        .email(COMMITTEE, &["gone@akimat.example"]);
    let ways = vec![(AKIMAT, Channel::Email), (COMMITTEE, Channel::Email)];
    let outbox = site.outbox([(7, one(&site, Rung::Due), ways)]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    let ended: BTreeMap<_, _> = outbox.ended(2).await.into_iter().collect();
    assert_eq!(ended[&site.item(7, AKIMAT, Channel::Email)], Sent::Taken);
    // The only address is refused for good, so another attempt helps nobody.
    assert_eq!(ended[&site.item(7, COMMITTEE, Channel::Email)], Sent::GivenUp);
    assert_eq!(server.letters(1).await[0].to, ["duty@akimat.example"]);
    running.stop().await;

    // Refused temporarily: it is brought later, under the same name.
    let server = MailServer::start(Manners { refused: refused(450), ..Manners::default() }).await;
    let outbox = site.outbox([(7, one(&site, Rung::Due), vec![(COMMITTEE, Channel::Email)])]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    outbox.looked(3).await;
    assert_eq!(server.count(), 0);
    server.behave(Manners::default());
    assert_eq!(outbox.ended(1).await[0].1, Sent::Taken);
    running.stop().await;
}

#[tokio::test]
async fn an_address_refused_for_now_gets_the_letter_later_and_the_others_get_it_once() {
    let refused = |code| BTreeMap::from([("busy@akimat.example".to_owned(), code)]);
    let server = MailServer::start(Manners { refused: refused(450), ..Manners::default() }).await;
    let site = Site::new().email(AKIMAT, &["busy@akimat.example", "duty@akimat.example"]);
    let ways = || vec![(AKIMAT, Channel::Email)];
    let outbox = site.outbox([(7, one(&site, Rung::Due), ways())]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    assert_eq!(server.letters(1).await[0].to, ["duty@akimat.example"]);
    outbox.looked(3).await;
    assert!(outbox.state.lock().unwrap().ended.is_empty());
    server.behave(Manners::default());
    assert_eq!(outbox.ended(1).await[0].1, Sent::Taken);
    let letters = server.letters(2).await;
    assert_eq!(letters[1].to, ["busy@akimat.example"]);
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
    running.stop().await;
    assert_eq!(server.count(), 2);

    // One that is never taken does not keep the next letter from the others.
    let server = MailServer::start(Manners { refused: refused(452), ..Manners::default() }).await;
    let outbox = site.outbox([
        (7, one(&site, Rung::Half), ways()),
        (8, one(&site, Rung::Due), ways()),
        (9, one(&site, Rung::Overdue), ways()),
    ]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    assert_eq!(outbox.ended(2).await.iter().filter(|(_, sent)| *sent == Sent::Taken).count(), 2);
    let letters = server.letters(3).await;
    assert!(letters.iter().all(|letter| letter.to == ["duty@akimat.example"]));
    // Later it is refused for good: the letter was brought all the same.
    server.behave(Manners { refused: refused(550), ..Manners::default() });
    assert_eq!(outbox.ended(3).await[2].1, Sent::Taken);
    running.stop().await;
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn what_a_mail_server_says_is_not_told_on_since_it_names_addresses() {
    let refused = BTreeMap::from([("gone@akimat.example".to_owned(), 550)]);
    let server = MailServer::start(Manners { refused, ..Manners::default() }).await;
    let site = Site::new().email(AKIMAT, &["gone@akimat.example"]);
    let letter = notify::Letter { subject: "s".to_owned(), text: "t\n".to_owned() };
    let id = notify::MessageId::of(
        Sequence(7),
        &AKIMAT.parse().unwrap(),
        &"kopir@bus.example".parse().unwrap(),
    );
    let to = &site.contacts.get(&AKIMAT.parse().unwrap()).unwrap().emails;
    let sent = plain(&server).send(to, &[], &letter, &id, AT.parse().unwrap()).await;
    let told = sent.unwrap_err();
    assert_eq!(told.to_string(), "the mail server refuses the addresses with 550 5.1.1");
    assert!(!format!("{told:?}").contains('@'), "{told:?}");
}

#[tokio::test]
async fn a_letter_whose_answer_was_lost_comes_again_under_the_same_name() {
    let server = MailServer::start(Manners { breaks_off: true, ..Manners::default() }).await;
    let site = Site::new().email(AKIMAT, &["duty@akimat.example"]);
    let outbox = site.outbox([(7, one(&site, Rung::Half), vec![(AKIMAT, Channel::Email)])]);
    let running = site.run(&outbox, Some(plain(&server)), None);
    server.letters(1).await;
    server.behave(Manners::default());
    outbox.ended(1).await;
    let letters = server.letters(2).await;
    let names: BTreeSet<_> = letters.iter().map(|letter| letter.header("Message-ID")).collect();
    assert_eq!(names.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_call_is_signed_and_says_what_the_notice_says() {
    let dir = tempfile::tempdir().unwrap();
    let tls = server_tls(dir.path());
    let server = WebServer::start([], Answer::Status(204), Some(tls)).await;
    let url = format!("https://localhost:{}/kopir?for=akimat", server.address.port());
    let site = Site::new().webhook(AKIMAT, &url);
    let outbox = site.outbox([(7, several(&site), vec![(AKIMAT, Channel::Webhook)])]);
    let authorities = OutgoingTls::new(Some(&dir.path().join("ca.pem"))).unwrap();
    let running = site.run(&outbox, None, Some(authorities));
    assert_eq!(outbox.ended(1).await[0].1, Sent::Taken);
    let call = &server.calls(1).await[0];
    assert_eq!(call.path, "/kopir?for=akimat");
    assert_eq!(call.id(), "notice_7_akimat-kz-55");
    assert_eq!(call.headers["content-type"], "application/json");
    assert!(call.is_signed_with(SECRET));
    assert!(!call.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/notify/call.json");
    let pretty = serde_json::to_string_pretty(&call.json()).unwrap();
    assert_eq!(format!("{pretty}\n"), fs::read_to_string(golden).unwrap(), "\n{pretty}");
    running.stop().await;
}

#[tokio::test]
async fn whatever_a_web_server_answers_the_call_comes_again_under_the_same_id() {
    let elsewhere = WebServer::start([], Answer::Status(200), None).await;
    let script = [
        Answer::Status(500),
        Answer::Redirect(format!("http://{}/", elsewhere.address)),
        Answer::Nothing,
        Answer::Garbage,
        Answer::HugeHead,
        Answer::Close,
        Answer::Status(404),
        Answer::EndlessBody,
    ];
    let failures = script.len() - 1;
    let server = WebServer::start(script, Answer::Status(200), None).await;
    let site = Site::new().webhook(AKIMAT, &format!("http://{}/", server.address));
    let ways = || vec![(AKIMAT, Channel::Webhook)];
    let outbox =
        site.outbox([(7, one(&site, Rung::Due), ways()), (8, one(&site, Rung::Overdue), ways())]);
    let running = site.run(&outbox, None, None);
    let ended = outbox.ended(2).await;
    assert!(ended.iter().all(|(_, sent)| *sent == Sent::Taken));
    let ids: Vec<_> = server.calls(failures + 2).await.iter().map(|c| c.id().to_owned()).collect();
    // The second waits for the first, so that a party hears of its terms in order.
    let mut expected = vec!["notice_7_akimat-kz-55"; failures + 1];
    expected.push("notice_8_akimat-kz-55");
    assert_eq!(ids, expected);
    assert_eq!(elsewhere.count(), 0, "a redirection is not followed");
    running.stop().await;
}

#[tokio::test]
async fn who_cannot_be_reached_holds_up_nobody_else() {
    let mute = MailServer::start(Manners { is_mute: true, ..Manners::default() }).await;
    let (dead, alive) = tokio::join!(
        WebServer::start([], Answer::Nothing, None),
        WebServer::start([], Answer::Status(200), None)
    );
    let mut site = Site::new().webhook(AKIMAT, &format!("http://{}/", alive.address));
    let parties: Vec<PartyId> =
        site.parties().into_iter().filter(|id| id.as_str() != AKIMAT).collect();
    // More dead servers than there is room, for calls and for letters.
    for party in &parties {
        site = site
            .email(party.as_str(), &["duty@mute.example"])
            .webhook(party.as_str(), &format!("http://{}/", dead.address));
    }
    let mut notices = Vec::new();
    for sequence in 1..=20 {
        let mut ways = vec![(AKIMAT, Channel::Webhook)];
        for party in &parties {
            ways.extend([(party.as_str(), Channel::Email), (party.as_str(), Channel::Webhook)]);
        }
        notices.push((sequence, to_all(&site), ways));
    }
    let outbox = site.outbox(notices);
    let running = site.run(&outbox, Some(plain(&mute)), None);
    let ended = outbox.ended(20).await;
    let expected: Vec<_> =
        (1..=20).map(|at| (site.item(at, AKIMAT, Channel::Webhook), Sent::Taken)).collect();
    assert_eq!(ended, expected, "all of the reachable one, in order, and nothing of the others");
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_recorded_before_a_stop_is_brought_again_by_the_next_start() {
    let server = WebServer::start([], Answer::Nothing, None).await;
    let site = Site::new().webhook(AKIMAT, &format!("http://{}/", server.address));
    let outbox = site.outbox([(7, one(&site, Rung::Due), vec![(AKIMAT, Channel::Webhook)])]);
    let running = site.run(&outbox, None, None);
    server.calls(1).await;
    running.stop().await;
    assert_eq!(outbox.ended(0).await, []);
    server.answer(Answer::Status(200));
    let running = site.run(&outbox, None, None);
    assert_eq!(outbox.ended(1).await[0].1, Sent::Taken);
    let calls = server.calls(2).await;
    assert!(calls.iter().all(|call| call.id() == "notice_7_akimat-kz-55"), "{calls:?}");
    running.stop().await;
}

#[tokio::test]
async fn an_outcome_that_the_engine_does_not_take_is_offered_again_and_nothing_is_sent_twice() {
    let server = WebServer::start([], Answer::Status(200), None).await;
    let site = Site::new().webhook(AKIMAT, &format!("http://{}/", server.address));
    let outbox = site.outbox([(7, one(&site, Rung::Due), vec![(AKIMAT, Channel::Webhook)])]);
    outbox.refuse(2);
    let running = site.run(&outbox, None, None);
    assert_eq!(outbox.ended(1).await[0].1, Sent::Taken);
    assert_eq!(server.count(), 1);
    running.stop().await;
}

#[tokio::test]
async fn what_is_too_old_is_given_up_and_what_comes_after_it_is_not() {
    let server = WebServer::start([], Answer::Status(503), None).await;
    let site = Site::new().webhook(AKIMAT, &format!("http://{}/", server.address)).at_hour(49);
    let ways = || vec![(AKIMAT, Channel::Webhook)];
    let outbox = site.outbox([(7, one(&site, Rung::Due), ways())]);
    // Recorded a day later, so that it is not too old yet.
    let day_after = Timestamp::from_second(1_768_190_400 + 24 * 3600).unwrap();
    outbox.add(&site, 8, one(&site, Rung::Overdue), day_after, ways());
    let running = site.run(&outbox, None, None);
    assert_eq!(outbox.ended(1).await, [(site.item(7, AKIMAT, Channel::Webhook), Sent::GivenUp)]);
    server.calls(6).await;
    server.answer(Answer::Status(200));
    assert_eq!(outbox.ended(2).await[1], (site.item(8, AKIMAT, Channel::Webhook), Sent::Taken));
    running.stop().await;
}

#[tokio::test]
async fn a_contact_that_is_gone_or_wants_other_rungs_now_is_not_sent_to() {
    let server = WebServer::start([], Answer::Status(200), None).await;
    let url = format!("http://{}/", server.address);
    let site = Site::new().webhook(AKIMAT, &url).wanting(AKIMAT, &[Rung::Overdue]);
    let ways = vec![(AKIMAT, Channel::Webhook), (COMMITTEE, Channel::Webhook)];
    let outbox = site.outbox([(7, one(&site, Rung::Due), ways)]);
    let running = site.run(&outbox, None, None);
    let ended = outbox.ended(2).await;
    assert!(ended.iter().all(|(_, sent)| *sent == Sent::GivenUp), "{ended:?}");
    assert_eq!(server.count(), 0);
    running.stop().await;
}

#[test]
fn letters_read_as_they_should_in_each_language() {
    let site = Site::new().email(AKIMAT, &["duty@akimat.example"]);
    let (words, labels) = (Words::load().unwrap(), Labels::load().unwrap());
    let law = site.law();
    let sources = notify::Sources {
        roster: &site.roster,
        procedures: &law.procedures,
        calendar: &law.calendar(),
        contacts: &site.contacts,
    };
    let party = site.number(AKIMAT);
    let mut wrong = Vec::new();
    for language in Language::ALL {
        let mut shown = String::new();
        let mut eve = one(&site, Rung::DayBefore);
        eve.fired[0].due_at = "2026-01-14T00:00:00+05:00".parse().unwrap();
        for notice in [several(&site), eve] {
            let at = AT.parse().unwrap();
            let digest = notify::Digest::of(Sequence(7), at, &notice, party, sources).unwrap();
            let letter = notify::letter(&digest, *language, &words, &labels);
            shown.push_str(&format!("Subject: {}\n\n{}\n", letter.subject, letter.text));
        }
        let name = format!("tests/data/notify/letters.{language}.txt");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        if fs::read_to_string(file).unwrap_or_default() != shown {
            wrong.push(format!("{name} should be:\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_long_notice_is_a_bounded_letter_and_tells_how_much_is_left_out() {
    let site = Site::new().email(AKIMAT, &["duty@akimat.example"]);
    let (words, labels) = (Words::load().unwrap(), Labels::load().unwrap());
    let law = site.law();
    let sources = notify::Sources {
        roster: &site.roster,
        procedures: &law.procedures,
        calendar: &law.calendar(),
        contacts: &site.contacts,
    };
    let mut notice = one(&site, Rung::Due);
    notice.fired = vec![notice.fired[0].clone(); 256];
    let (at, party) = (AT.parse().unwrap(), site.number(AKIMAT));
    let digest = notify::Digest::of(Sequence(7), at, &notice, party, sources).unwrap();
    let letter = notify::letter(&digest, Language::English, &words, &labels);
    assert!(letter.text.contains("\n50. The term has run out\n"), "{}", letter.text);
    assert!(!letter.text.contains("\n51. "), "{}", letter.text);
    assert!(letter.text.contains("And 206 more."), "{}", letter.text);
    assert!(letter.text.len() < 32 * 1024, "{}", letter.text.len());
}

/// One rung of one case, told to the akimat and the authorised body.
fn one(site: &Site, rung: Rung) -> Notice {
    let fired = fired(site, rung, 1);
    let planned_at = "2026-01-12T09:00:00+05:00".parse().unwrap();
    Notice { planned_at, outage: None, fired: vec![fired], channels: Vec::new() }
}

/// Three rungs of three cases, late because the bus was away.
fn several(site: &Site) -> Notice {
    let mut notice = one(site, Rung::Due);
    notice.fired[0].attribution = Some(Attribution {
        with_party_ms: 3 * 86_400_000 + 4 * 3_600_000,
        in_bus_ms: 90 * 60_000,
        awaiting_ms: 0,
    });
    let late = Fired { days: 2, source: Source::Assumed, ..fired(site, Rung::Overdue, 2) };
    let closed = Fired {
        carried: true,
        impediment: Some(Impediment::OfficeClosed),
        due_at: "2026-01-20T00:00:00+03:00".parse().unwrap(),
        duty: site.number("mission-ru"),
        ..fired(site, Rung::Infeasible, 3)
    };
    notice.fired.extend([late, closed]);
    notice.planned_at = "2026-01-10T00:00:00+05:00".parse().unwrap();
    notice.outage = Some(Sequence(6));
    notice
}

/// One rung, told to everybody.
fn to_all(site: &Site) -> Notice {
    let mut notice = one(site, Rung::Due);
    notice.fired[0].to = site.parties().iter().map(|id| site.number(id.as_str())).collect();
    notice
}

fn fired(site: &Site, rung: Rung, case: u8) -> Fired {
    Fired {
        case: CaseId([case; 16]),
        place: 2,
        hop: "K21B-04".parse().unwrap(),
        act: Act::ReferToCommission,
        rung,
        days: 0,
        impediment: None,
        opened_at: "2026-01-08T10:00:00+05:00".parse().unwrap(),
        due_at: "2026-01-13T00:00:00+05:00".parse().unwrap(),
        source: Source::Statutory,
        carried: false,
        duty: site.number(AKIMAT),
        attribution: None,
        clause: None,
        to: vec![site.number(AKIMAT), site.number(COMMITTEE)],
    }
}

/// A registry with contacts, and what else a desk needs.
struct Site {
    roster: Arc<Roster>,
    contacts: Contacts,
    hour: i64,
}

impl Site {
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/parties.toml");
        let roster = Roster::new(registry::read(&file).unwrap(), []);
        let enrolled = roster.missing();
        let roster = Arc::new(Roster::new(roster.parties().clone(), enrolled));
        Self { roster, contacts: Contacts::default(), hour: 0 }
    }

    fn change(mut self, party: &str, change: impl FnOnce(&mut Contact)) -> Self {
        let mut of: BTreeMap<PartyId, Contact> =
            self.contacts.iter().map(|(id, contact)| (id.clone(), contact.clone())).collect();
        let contact = of.entry(party.parse().unwrap()).or_insert_with(|| Contact {
            emails: Vec::new(),
            webhook: None,
            language: Language::English,
            rungs: Rungs::ALL,
        });
        change(contact);
        self.contacts = Contacts::new(of);
        self
    }

    fn email(self, party: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.change(party, |contact| contact.emails = addresses)
    }

    fn webhook(self, party: &str, url: &str) -> Self {
        let url = url.parse().unwrap();
        self.change(party, |contact| contact.webhook = Some(url))
    }

    fn wanting(self, party: &str, rungs: &[Rung]) -> Self {
        self.change(party, |contact| contact.rungs = Rungs::of(rungs))
    }

    /// The bus's clock shows so many hours after the notices.
    fn at_hour(self, hour: i64) -> Self {
        Self { hour, ..self }
    }

    fn parties(&self) -> Vec<PartyId> {
        self.roster.parties().iter().map(|party| party.id.clone()).collect()
    }

    fn number(&self, party: &str) -> PartyNumber {
        self.roster.number(&party.parse().unwrap()).unwrap()
    }

    fn item(&self, notice: u64, party: &str, channel: Channel) -> Outgoing {
        Outgoing { notice: Sequence(notice), party: self.number(party), channel }
    }

    fn law(&self) -> Law {
        let calendar = procedures::calendar::kazakhstan().unwrap();
        Law::new(Arc::new(procedures::load().unwrap()), calendar, WhenUnset::Refuse)
    }

    fn outbox<'a>(
        &self,
        notices: impl IntoIterator<Item = (u64, Notice, Vec<(&'a str, Channel)>)>,
    ) -> Arc<MemoryOutbox> {
        let outbox = Arc::new(MemoryOutbox::default());
        for (sequence, notice, ways) in notices {
            outbox.add(self, sequence, notice, AT.parse().unwrap(), ways);
        }
        outbox
    }

    fn run(
        &self,
        outbox: &Arc<MemoryOutbox>,
        mailer: Option<Mailer>,
        authorities: Option<OutgoingTls>,
    ) -> Running {
        let key = || WebhookKey::parse(SECRET).unwrap();
        let desk = Desk::new(DeskParts {
            contacts: self.contacts.clone(),
            keys: self.contacts.iter().map(|(party, _)| (party.clone(), key())).collect(),
            words: Words::load().unwrap(),
            labels: Labels::load().unwrap(),
            law: self.law(),
            rosters: Arc::new(kopir::engine::Chain::new(Arc::clone(&self.roster))),
            mailer,
            caller: Caller { authorities, timeout: OPTIONS.webhook_timeout },
        });
        let at: Timestamp = AT.parse().unwrap();
        let clock = Clock::sandbox(at + jiff::SignedDuration::from_hours(self.hour));
        let (stop, stopping) = watch::channel(false);
        let desk = Arc::new(desk.unwrap());
        let task = tokio::spawn(run(Arc::clone(outbox), desk, OPTIONS, clock, stopping));
        Running { stop, task }
    }
}

struct Running {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

fn plain(server: &MailServer) -> Mailer {
    Mailer::new(smtp(server, "127.0.0.1", SmtpTls::None), None, None).unwrap()
}

fn protected(server: &MailServer, tls: SmtpTls, ca: &Path, dir: &Path) -> Mailer {
    use std::os::unix::fs::PermissionsExt as _;
    let file = dir.join("smtp.password");
    fs::write(&file, "open sesame\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let authorities = OutgoingTls::new(Some(ca)).unwrap();
    let options = SmtpOptions { username: Some("kopir".into()), ..smtp(server, "localhost", tls) };
    let password = Secret::read(&file).unwrap();
    let mailer = Mailer::new(options, Some(&password), Some(&authorities)).unwrap();
    assert!(!format!("{mailer:?}").contains("sesame"));
    mailer
}

fn smtp(server: &MailServer, host: &str, tls: SmtpTls) -> SmtpOptions {
    SmtpOptions {
        host: host.to_owned(),
        port: server.address.port(),
        tls,
        from: "kopir@bus.example".parse().unwrap(),
        username: None,
        timeout: Duration::from_secs(5),
    }
}

/// An outbox in memory, in the place of the engine's.
#[derive(Default)]
struct MemoryOutbox {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    notices: BTreeMap<Sequence, Told>,
    pending: BTreeSet<Outgoing>,
    ended: Vec<(Outgoing, Sent)>,
    read: usize,
    refusing: usize,
}

impl MemoryOutbox {
    fn add(
        &self,
        site: &Site,
        sequence: u64,
        notice: Notice,
        at: Timestamp,
        ways: Vec<(&str, Channel)>,
    ) {
        let mut state = self.state.lock().unwrap();
        let items = ways.into_iter().map(|(party, way)| site.item(sequence, party, way));
        state.pending.extend(items);
        state.notices.insert(Sequence(sequence), Told { at, notice });
    }

    /// Takes so many outcomes not at once.
    fn refuse(&self, times: usize) {
        self.state.lock().unwrap().refusing = times;
    }

    /// What has ended, once it is so much.
    async fn ended(&self, count: usize) -> Vec<(Outgoing, Sent)> {
        self.until(|state| state.ended.len() >= count).await;
        self.state.lock().unwrap().ended.clone()
    }

    /// Waits until notices have been read so often.
    async fn looked(&self, count: usize) {
        self.until(|state| state.read >= count).await;
    }

    async fn until(&self, is_met: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = changed.wait_for(|()| is_met(&self.state.lock().unwrap()));
        let wait = tokio::time::timeout(Duration::from_secs(30), wait).await;
        let state = self.state.lock().unwrap();
        assert!(wait.is_ok(), "ended: {:?}, read: {}", state.ended, state.read);
    }
}

impl Outbox for MemoryOutbox {
    fn pending(&self, after: Option<Outgoing>, limit: usize) -> Result<Vec<Outgoing>, OutboxError> {
        let state = self.state.lock().unwrap();
        let behind = state.pending.iter().filter(|item| Some(**item) > after);
        Ok(behind.take(limit).copied().collect())
    }

    fn notice(&self, sequence: Sequence) -> Result<Told, OutboxError> {
        let mut state = self.state.lock().unwrap();
        state.read += 1;
        let told = state.notices.get(&sequence).cloned();
        drop(state);
        self.changed.send_replace(());
        told.ok_or(OutboxError::NoNotice(sequence))
    }

    async fn done(&self, item: Outgoing, outcome: Sent) -> Result<(), OutboxError> {
        {
            let mut state = self.state.lock().unwrap();
            if state.refusing > 0 {
                state.refusing -= 1;
                return Err(kopir::engine::EngineError::Overloaded.into());
            }
            assert!(state.pending.remove(&item), "{item:?} is recorded once");
            state.ended.push((item, outcome));
        }
        self.changed.send_replace(());
        Ok(())
    }
}
