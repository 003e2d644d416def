//! Secrets that are one line of a file: the password of the mail server, the keys of webhooks.
//!
//! They are never keys of the configuration itself, which people copy and show to each other, and
//! they never appear in a log: a [`Secret`] does not show what it holds.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The longest secret, in bytes.
const MAX_SECRET_BYTES: u64 = 1024;
/// What the secret of a webhook begins with (Standard Webhooks).
const WEBHOOK_PREFIX: &str = "whsec_";
/// The shortest key of a webhook, in bytes (Standard Webhooks: 192 bits).
const MIN_KEY_BYTES: usize = 24;
/// The longest key of a webhook, in bytes (Standard Webhooks: 512 bits).
const MAX_KEY_BYTES: usize = 64;

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The key by which a party's web server knows that the bus has called it.
#[derive(Clone)]
pub struct WebhookKey {
    key: hmac::Key,
}

/// Why a secret cannot be used. All are faults of the installation.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{}: {why}; it should hold a secret in one line, with mode 600", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Others can read the file.
    #[error("{}: has mode {mode:03o}, so others may know the secret; run: chmod 600 {}", file.display(), file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not one line of text.
    #[error("{}: should hold a secret of 1 to {MAX_SECRET_BYTES} bytes in one line", file.display())]
    Form {
        /// The file.
        file: PathBuf,
    },
    /// The secret is none of a webhook.
    #[error("{}: the secret of a webhook is `{WEBHOOK_PREFIX}` and base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes; make one with: echo {WEBHOOK_PREFIX}$(openssl rand -base64 32)", file.display())]
    NotWebhook {
        /// The file.
        file: PathBuf,
    },
}

impl Secret {
    /// Reads a file that only its owner may use. A newline at its end is no part of the secret.
    ///
    /// # Errors
    /// [`SecretError`], which never shows what the file holds.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let unreadable = |why| SecretError::Read { file: file.to_owned(), why };
        let form = || SecretError::Form { file: file.to_owned() };
        // Asked of the open file, so the answer is about the bytes read.
        let open = File::open(file).map_err(unreadable)?;
        let mode = open.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { file: file.to_owned(), mode });
        }
        let mut bytes = Vec::new();
        open.take(MAX_SECRET_BYTES + 2).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|_| form())?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let sound = !line.is_empty() && line.len() as u64 <= MAX_SECRET_BYTES;
        if !sound || line.chars().any(char::is_control) {
            return Err(form());
        }
        Ok(Self(line.to_owned()))
    }

    /// The secret, for the one call that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl WebhookKey {
    /// Reads the file of a webhook's secret.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let secret = Secret::read(file)?;
        Self::parse(secret.reveal())
            .ok_or_else(|| SecretError::NotWebhook { file: file.to_owned() })
    }

    /// A key from its text, `whsec_` and base64; none if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix(WEBHOOK_PREFIX)?).ok()?;
        let fits = (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&bytes.len());
        fits.then(|| Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// The signature of a call, as its header has it: `v1,` and base64 of the HMAC-SHA256 over id,
    /// time in Unix seconds and body, joined by full stops (Standard Webhooks).
    #[must_use]
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{unix_seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64.encode(context.sign()))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(dir: &tempfile::TempDir, text: &[u8], mode: u32) -> PathBuf {
        let path = dir.path().join("secret");
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_is_one_line_that_only_its_owner_can_read() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["open sesame", "open sesame\n", "open sesame\r\n"] {
            let secret = Secret::read(&file(&dir, text.as_bytes(), 0o600)).unwrap();
            assert_eq!(secret.reveal(), "open sesame");
            assert_eq!(format!("{secret:?}"), "Secret(..)");
        }
        for text in [&b""[..], b"\n", b"one\ntwo\n", b"\xff", &[b'x'; 1025]] {
            let error = Secret::read(&file(&dir, text, 0o600)).unwrap_err();
            assert!(matches!(error, SecretError::Form { .. }), "{text:?}: {error}");
        }
        let error = Secret::read(&file(&dir, b"sesame", 0o640)).unwrap_err().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
        let error = Secret::read(&dir.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none: No such file"), "{error}");
    }

    #[test]
    fn a_key_of_a_webhook_is_neither_short_nor_shown() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["whsec_", "whsec_MfKQ9r8G", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"] {
            let error = WebhookKey::read(&file(&dir, text.as_bytes(), 0o600)).unwrap_err();
            assert!(matches!(error, SecretError::NotWebhook { .. }), "{text}");
            assert!(!error.to_string().contains("MfKQ"), "{error}");
        }
    }

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
