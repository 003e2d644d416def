//! What the buses of this process tell of themselves.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::Level;

/// Their log, from the first time that it is asked for on.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    /// Listens. All tests of a process share one log.
    pub fn listen() -> Self {
        static TOLD: OnceLock<Told> = OnceLock::new();
        let listen = || {
            let told = Self::default();
            let writer = told.clone();
            let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::INFO);
            log.with_writer(move || writer.clone()).init();
            told
        };
        TOLD.get_or_init(listen).clone()
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The first line with all of these words, as soon as there is one.
    pub async fn line(&self, words: &[&str]) -> String {
        let told = || {
            let text = self.text();
            let mut lines = text.lines();
            lines.find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        let begun = tokio::time::Instant::now();
        loop {
            match told() {
                Some(line) => return line,
                None if begun.elapsed() < super::PATIENCE => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                None => panic!("no line with {words:?} in:\n{}", self.text()),
            }
        }
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
