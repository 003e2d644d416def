//! The answers at hand, and who has them asked for.
//!
//! One task asks ([`Answers::run`]): so many responders at once, each for so long. Everybody else
//! looks at what is at hand, and has a certificate put on the list of those to be asked about. An
//! answer gives way to a newer one only, so that nobody brings an older one back that is still in
//! its time; and one that could not be renewed stays, and is overdue.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::answer::{Answer, Status};
use super::fetch::{self, AskFault};
use super::file;
use super::subject::{Key, Subject};
use super::url::ResponderUrl;
use crate::trust::crl::is_past;

/// How often it is looked which answers are to be renewed.
const TURN: Duration = Duration::from_secs(1);
/// The wait after a first failure; it doubles with each further one, up to the time of renewal.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Who is asked, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspOptions {
    /// The responders of authorities, by the issuer's name in DER, in the place of those that the
    /// certificates name.
    pub responders: Vec<(Vec<u8>, ResponderUrl)>,
    /// How long one call may take, connecting included.
    pub timeout: Duration,
    /// Calls at once.
    pub max_at_once: usize,
    /// Certificates of which answers are kept.
    pub max_answers: usize,
    /// After how long an answer is renewed at the latest; none where it is only renewed when it is
    /// asked for after its time.
    pub renew: Option<Duration>,
    /// Where the answers are kept over a restart.
    pub file: Option<PathBuf>,
}

impl OcspOptions {
    /// Who is asked about a certificate.
    fn asked_for<'s>(&'s self, subject: &'s Subject) -> impl Iterator<Item = &'s ResponderUrl> {
        let configured = self.responders.iter().filter(|(of, _)| *of == subject.issuer);
        let configured: Vec<_> = configured.map(|(_, url)| url).collect();
        let named = subject.urls.iter().filter(|_| configured.is_empty()).collect::<Vec<_>>();
        configured.into_iter().chain(named)
    }
}

/// What is told of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OcspState {
    /// Certificates that are good, in the time of their answers.
    pub good: u64,
    /// Certificates that are revoked.
    pub revoked: u64,
    /// Certificates whose answer is overdue.
    pub overdue: u64,
    /// Certificates of which nothing is known.
    pub unanswered: u64,
}

/// The answers at hand.
#[derive(Debug)]
pub struct Answers {
    options: OcspOptions,
    shelf: Mutex<Shelf>,
    /// Something is to be asked.
    wake: Notify,
    /// Rises with each call that ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: BTreeMap<Key, Entry>,
    waiting: VecDeque<Key>,
    /// Counts the looks, to tell which entry nobody has looked at for longest.
    looks: u64,
    /// What is in memory and not in the file.
    unsaved: bool,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    answer: Option<Arc<Answer>>,
    looked_at: u64,
    /// It waits to be asked about, or is.
    asked: bool,
    /// Not before this is it asked about again.
    next: Timestamp,
    failures: u32,
}

impl Answers {
    /// The answers that are kept in the file; none where it cannot be used.
    #[must_use]
    pub fn open(options: OcspOptions, now: Timestamp) -> Self {
        let kept = options.file.as_deref().map(|file| {
            file::read(file, now).unwrap_or_else(|error| {
                let file = file.display();
                tracing::warn!(%file, %error, "the OCSP answers of an earlier time are not used");
                Vec::new()
            })
        });
        let mut kept = kept.unwrap_or_default();
        kept.sort_by_key(|(_, answer)| !answer.is_revoked());
        let kept = kept.into_iter().take(options.max_answers);
        let entries = kept.map(|(subject, answer)| {
            let entry =
                Entry { answer: Some(Arc::new(answer)), ..Entry::new(subject.clone(), now) };
            (subject.key(), entry)
        });
        let shelf = Shelf { entries: entries.collect(), ..Shelf::default() };
        let (wake, ended) = (Notify::new(), watch::Sender::new(0));
        Self { options, shelf: Mutex::new(shelf), wake, ended }
    }

    /// The answer about a certificate, in its time or not.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Arc<Answer>> {
        let mut shelf = self.lock();
        shelf.looks += 1;
        let looks = shelf.looks;
        let entry = shelf.entries.get_mut(&key)?;
        entry.looked_at = looks;
        entry.answer.clone()
    }

    /// Has certificates asked about of which no current answer is at hand, and waits for that: for
    /// the time of one call at most, and not at all after a call that has just failed.
    pub async fn want(&self, subjects: &[Subject], now: Timestamp) {
        let mut ended = self.ended.subscribe();
        self.list(subjects, now);
        let settled = async {
            while self.is_asked(subjects) {
                // The sender lives as long as this value.
                let _ = ended.changed().await;
            }
        };
        let _late = timeout(self.options.timeout, settled).await;
    }

    /// Has certificates asked about of which no current answer is at hand. One that nobody can be
    /// asked about is left out.
    pub fn list(&self, subjects: &[Subject], now: Timestamp) {
        let mut shelf = self.lock();
        for subject in subjects {
            if self.options.asked_for(subject).next().is_some() {
                shelf.want(subject, now, self.options.max_answers);
            }
        }
        self.wake.notify_one();
    }

    fn is_asked(&self, subjects: &[Subject]) -> bool {
        let shelf = self.lock();
        let mut entries = subjects.iter().filter_map(|subject| shelf.entries.get(&subject.key()));
        entries.any(|entry| entry.asked)
    }

    /// What is told of the answers.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> OcspState {
        let mut state = OcspState::default();
        for entry in self.lock().entries.values() {
            match &entry.answer {
                None => state.unanswered += 1,
                Some(answer) => match answer.status {
                    Status::Revoked { .. } => state.revoked += 1,
                    Status::Unknown => state.unanswered += 1,
                    Status::Good if answer.is_current(now) => state.good += 1,
                    Status::Good => state.overdue += 1,
                },
            }
        }
        state
    }

    /// The certificates whose answer keeps them out now: revoked, or overdue for longer than a
    /// grace. When these are others, connections are to be judged again.
    #[must_use]
    pub fn kept_out(&self, grace: Option<Duration>, now: Timestamp) -> Vec<Key> {
        let is_out = |entry: &Entry| match &entry.answer {
            None => false,
            Some(answer) => match answer.status {
                Status::Revoked { .. } => true,
                Status::Unknown => grace.is_some(),
                Status::Good => grace.is_some_and(|grace| is_past(answer.until(), grace, now)),
            },
        };
        let shelf = self.lock();
        shelf.entries.iter().filter(|(_, entry)| is_out(entry)).map(|(key, _)| *key).collect()
    }

    /// Asks, for as long as it runs, by this clock.
    pub async fn run(&self, clock: impl Fn() -> Timestamp) {
        let mut turn = interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = turn.tick() => {
                    self.lock().renew(&self.options, clock());
                    self.save().await;
                }
                () = self.wake.notified() => {}
                Some((subject, found)) = under_way.next(), if !under_way.is_empty() => {
                    self.settle(&subject, found, clock());
                }
            }
            while under_way.len() < self.options.max_at_once {
                let Some(subject) = self.lock().next() else { break };
                under_way.push(self.ask(subject, clock()));
            }
        }
    }

    /// Asks whoever is to be asked about a certificate, one after the other.
    async fn ask(&self, subject: Subject, now: Timestamp) -> (Subject, Result<Answer, AskFault>) {
        let mut found = Err(AskFault::Nobody);
        for url in self.options.asked_for(&subject) {
            let answered = fetch::ask(url, subject.request(), self.options.timeout).await;
            match answered.and_then(|der| Ok(Answer::read(&der, &subject, now)?)) {
                Ok(answer) if answer.status == Status::Unknown => {
                    tracing::warn!(%url, "a responder (OCSP) does not know a certificate");
                    found = Ok(answer);
                }
                Ok(answer) => {
                    found = Ok(answer);
                    break;
                }
                Err(why) => {
                    tracing::warn!(%url, %why, "a responder (OCSP) gave no answer");
                    found = found.or(Err(why));
                }
            }
        }
        (subject, found)
    }

    fn settle(&self, subject: &Subject, found: Result<Answer, AskFault>, now: Timestamp) {
        let renew = self.options.renew.unwrap_or(Duration::MAX);
        self.lock().settle(subject, found, renew, now);
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Writes what has changed to the file, beside the tasks.
    async fn save(&self) {
        let Some(file) = self.options.file.clone() else { return };
        let kept: Vec<_> = {
            let mut shelf = self.lock();
            if !std::mem::take(&mut shelf.unsaved) {
                return;
            }
            let entries = shelf.entries.values();
            entries.filter_map(|one| Some((one.subject.clone(), one.answer.clone()?))).collect()
        };
        let written = tokio::task::spawn_blocking(move || file::write(&file, &kept)).await;
        match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::warn!(%error, "OCSP answers are not kept over a restart"),
            Err(error) => tracing::error!(%error, "OCSP answers are not kept over a restart"),
        }
        // It is tried again at the next turn.
        self.lock().unsaved = true;
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Puts a certificate on the list of those to be asked about, unless its answer is current.
    fn want(&mut self, subject: &Subject, now: Timestamp, most: usize) {
        let key = subject.key();
        self.looks += 1;
        if !self.entries.contains_key(&key) {
            if self.entries.len() >= most && !self.make_room() {
                return;
            }
            self.entries.insert(key, Entry::new(subject.clone(), now));
        }
        let looks = self.looks;
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.looked_at = looks;
        // One that came from the file does not say whom to ask.
        entry.subject.clone_from(subject);
        if entry.answer.as_ref().is_none_or(|answer| !answer.tells(now)) {
            self.queue(key, now);
        }
    }

    fn queue(&mut self, key: Key, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if !entry.asked && entry.next <= now {
            entry.asked = true;
            self.waiting.push_back(key);
        }
    }

    /// Forgets the entry that nobody has looked at for longest; none that is being asked about, and
    /// no revocation while there is anything else.
    fn make_room(&mut self) -> bool {
        let only_revoked = self.entries.values().all(Entry::is_revoked);
        let may_go = |entry: &Entry| !entry.asked && (only_revoked || !entry.is_revoked());
        let idle = self.entries.iter().filter(|(_, entry)| may_go(entry));
        let oldest = idle.min_by_key(|(_, entry)| entry.looked_at).map(|(key, _)| *key);
        oldest.is_some_and(|key| self.entries.remove(&key).is_some())
    }

    /// The next certificate to be asked about.
    fn next(&mut self) -> Option<Subject> {
        while let Some(key) = self.waiting.pop_front() {
            if let Some(entry) = self.entries.get(&key) {
                return Some(entry.subject.clone());
            }
        }
        None
    }

    /// Has everything renewed that is due, and forgets the certificates that have ended.
    fn renew(&mut self, options: &OcspOptions, now: Timestamp) {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.asked || now <= entry.subject.until);
        self.unsaved |= self.entries.len() != before;
        if options.renew.is_none() {
            return;
        }
        let due = self.entries.iter().filter(|(_, entry)| {
            entry.next <= now && options.asked_for(&entry.subject).next().is_some()
        });
        for key in due.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.queue(key, now);
        }
    }

    fn settle(
        &mut self,
        subject: &Subject,
        found: Result<Answer, AskFault>,
        renew: Duration,
        now: Timestamp,
    ) {
        let Some(entry) = self.entries.get_mut(&subject.key()) else { return };
        entry.asked = false;
        // An old answer is kept, and is as good as it was; but it is no reason to stop asking.
        let current = found.as_ref().is_ok_and(|answer| answer.tells(now));
        let newer =
            |answer: &Answer| entry.answer.as_ref().is_none_or(|known| answer.replaces(known, now));
        if let Ok(answer) = found.as_ref()
            && newer(answer)
        {
            self.unsaved |= entry.answer.as_deref() != Some(answer);
            entry.answer = found.ok().map(Arc::new);
        }
        entry.failures = if current { 0 } else { entry.failures.saturating_add(1) };
        entry.next = match &entry.answer {
            Some(answer) if current => answer.renewed_at(now, renew),
            _ => {
                let doubled = FIRST_WAIT.saturating_mul(1 << entry.failures.clamp(1, 16) >> 1);
                let wait = jiff::SignedDuration::try_from(doubled.min(renew));
                now.checked_add(wait.unwrap_or(jiff::SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
            }
        };
    }
}

impl Entry {
    fn is_revoked(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.is_revoked())
    }

    fn new(subject: Subject, now: Timestamp) -> Self {
        Self { subject, answer: None, looked_at: 0, asked: false, next: now, failures: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(serial: u8) -> Subject {
        let (issuer, issuer_key, until) = (vec![1], vec![2], Timestamp::MAX);
        Subject { issuer, issuer_key, serial: vec![serial], until, urls: Vec::new() }
    }

    fn answer(status: Status) -> Answer {
        Answer {
            der: [0x30, 0][..].into(),
            status,
            this_update: Timestamp::UNIX_EPOCH,
            produced: Timestamp::UNIX_EPOCH,
            next_update: Some(Timestamp::MAX),
            responder: None,
        }
    }

    fn shelf(of: &[(u8, Status)]) -> Shelf {
        let mut shelf = Shelf::default();
        for (serial, status) in of {
            shelf.want(&subject(*serial), Timestamp::UNIX_EPOCH, 16);
            let found = Ok(answer(*status));
            shelf.settle(&subject(*serial), found, Duration::MAX, Timestamp::UNIX_EPOCH);
        }
        shelf
    }

    const REVOKED: Status = Status::Revoked { at: Timestamp::UNIX_EPOCH };

    #[test]
    fn a_revocation_makes_room_for_nothing_while_there_is_anything_else() {
        let mut shelf = shelf(&[(1, REVOKED), (2, Status::Good), (3, REVOKED)]);
        assert!(shelf.make_room());
        assert!(!shelf.entries.contains_key(&subject(2).key()));
        assert!(shelf.make_room());
        assert!(!shelf.entries.contains_key(&subject(1).key()));
        // Nor while what else there is cannot go.
        shelf.want(&subject(4), Timestamp::UNIX_EPOCH, 16);
        assert!(!shelf.make_room());
    }

    #[test]
    fn an_answer_that_says_nothing_is_a_failure() {
        let now = Timestamp::UNIX_EPOCH;
        for known in [REVOKED, Status::Good] {
            let mut shelf = shelf(&[(1, known)]);
            shelf.settle(&subject(1), Ok(answer(Status::Unknown)), Duration::MAX, now);
            let entry = &shelf.entries[&subject(1).key()];
            assert_eq!(entry.answer.as_ref().map(|answer| answer.status), Some(known));
            assert_eq!((entry.failures, entry.next.as_second()), (1, 5));
        }
    }

    #[tokio::test]
    async fn a_file_that_could_not_be_written_is_written_later() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("not-there/answers");
        let options = OcspOptions {
            responders: Vec::new(),
            timeout: Duration::from_secs(1),
            max_at_once: 1,
            max_answers: 16,
            renew: None,
            file: Some(file.clone()),
        };
        let answers = Answers::open(options, Timestamp::UNIX_EPOCH);
        *answers.lock() = shelf(&[(1, REVOKED)]);
        answers.save().await;
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        answers.save().await;
        assert!(file.exists() && !answers.lock().unsaved);
    }
}
