//! The answers at hand as a file, so that a restart need not fetch them anew.
//!
//! ```text
//! kopir ocsp-answers 1
//! answer ISSUER KEY SERIAL 2026-01-01T00:00:00Z ANSWER
//! check 1c291ca3
//! ```
//!
//! Everything but the certificate's end is DER in base64. The file is believed in nothing: each
//! answer is proven again when it is read, by a key that is part of what it is found by. Whoever
//! removes it has the responders asked.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use thiserror::Error;

use super::answer::Answer;
use super::subject::Subject;

/// The last line with its end.
const CHECK_BYTES: usize = "check 00000000\n".len();
const FIRST_LINE: &str = "kopir ocsp-answers 1";
/// The largest file; what does not fit is left out, revocations last.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Why a file is not used.
#[derive(Debug, Error)]
pub enum FileFault {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is damaged, or of a later version.
    #[error("it is damaged, or of a later version")]
    Damaged,
}

/// The answers of a file, proven again; none where there is no file. One that cannot be proven is
/// left out.
///
/// # Errors
/// [`FileFault`].
pub fn read(file: &Path, now: Timestamp) -> Result<Vec<(Subject, Answer)>, FileFault> {
    match fs::metadata(file) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why.into()),
        Ok(found) if found.len() > MAX_FILE_BYTES => return Err(FileFault::Damaged),
        Ok(_) => {}
    }
    let text = fs::read_to_string(file)?;
    let kept = parse(&text).ok_or(FileFault::Damaged)?;
    let proven = kept.into_iter().filter_map(|(subject, der)| {
        let answer = Answer::read(&der, &subject, now).ok()?;
        Some((subject, answer))
    });
    Ok(proven.collect())
}

/// Replaces the file.
///
/// # Errors
/// Whatever the system says; the file before stands then.
pub fn write(file: &Path, answers: &[(Subject, Arc<Answer>)]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut open = File::create(&new)?;
    let mut answers: Vec<_> = answers.iter().collect();
    answers.sort_by_key(|(_, answer)| !answer.is_revoked());
    let answers = answers.into_iter().map(|(of, answer)| (of, &*answer.der));
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    open.write_all(print(answers, most).as_bytes())?;
    open.sync_all()?;
    fs::rename(&new, file)
}

/// As many of the first answers as fit into so many bytes.
fn print<'a>(answers: impl Iterator<Item = (&'a Subject, &'a [u8])>, most: usize) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (Subject { issuer, issuer_key, serial, until, urls: _ }, der) in answers {
        let [issuer, key, serial] = [issuer, issuer_key, serial].map(|part| STANDARD.encode(part));
        let line = format!("answer {issuer} {key} {serial} {until} {}\n", STANDARD.encode(der));
        if text.len() + line.len() + CHECK_BYTES > most {
            break;
        }
        text += &line;
    }
    let check = crc32fast::hash(text.as_bytes());
    format!("{text}check {check:08x}\n")
}

fn parse(text: &str) -> Option<Vec<(Subject, Vec<u8>)>> {
    let (content, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let check = u32::from_str_radix(check.strip_prefix("check ")?, 16).ok()?;
    if crc32fast::hash(format!("{content}\n").as_bytes()) != check {
        return None;
    }
    let mut lines = content.lines();
    (lines.next()? == FIRST_LINE).then_some(())?;
    let answers = lines.map(|line| {
        let mut parts = line.strip_prefix("answer ")?.split(' ');
        let mut part = || STANDARD.decode(parts.next()?).ok();
        let (issuer, issuer_key, serial) = (part()?, part()?, part()?);
        let until = parts.next()?.parse().ok()?;
        let der = STANDARD.decode(parts.next()?).ok()?;
        // Whom the certificate names to be asked is learnt with the certificate.
        let subject = Subject { issuer, issuer_key, serial, until, urls: Vec::new() };
        parts.next().is_none().then_some((subject, der))
    });
    answers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_the_rest_is_read_back() {
        let subject = |serial| {
            let (issuer, issuer_key) = (vec![1; 40], vec![2; 90]);
            let until = Timestamp::UNIX_EPOCH;
            Subject { issuer, issuer_key, serial: vec![serial], until, urls: Vec::new() }
        };
        let subjects: Vec<_> = (1..=5).map(subject).collect();
        let all = |most| print(subjects.iter().map(|of| (of, &[7_u8; 30][..])), most);
        let whole = all(usize::MAX);
        for most in FIRST_LINE.len() + 1 + CHECK_BYTES..=whole.len() {
            let text = all(most);
            let kept = parse(&text).unwrap();
            assert!(text.len() <= most);
            assert!(kept.iter().map(|(of, _)| of).eq(&subjects[..kept.len()]));
        }
        assert_eq!(parse(&all(whole.len() - 1)).unwrap().len(), 4);
        assert_eq!(parse(&all(whole.len())).unwrap().len(), 5);
    }
}
