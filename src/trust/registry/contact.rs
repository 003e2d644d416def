//! Whom of a party to tell outside its inbox: addresses of e-mail and a webhook with its secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{RegistryError, RegistryFile, read_text, syntax_error};
use crate::domain::contact::{Contact, Contacts, EmailAddress, Language, WebhookUrl};
use crate::domain::ladder::{Rung, Rungs, is_ever_told};
use crate::domain::party::{Parties, PartyId};
use crate::trust::secret::WebhookKey;

/// The most addresses of one party: a mailing list is the mail server's business.
const MAX_ADDRESSES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactEntry {
    party: String,
    #[serde(default)]
    email: Vec<String>,
    webhook: Option<String>,
    webhook_secret_file: Option<PathBuf>,
    language: Option<String>,
    rungs: Option<Vec<String>>,
}

/// The contacts of a registry file, with the keys of the webhooks.
#[derive(Debug, Default)]
pub struct ContactBook {
    /// Whom to tell.
    pub contacts: Contacts,
    /// What the calls of each party's webhook are signed with.
    pub keys: BTreeMap<PartyId, WebhookKey>,
}

/// The contacts that a registry file lists, and the secrets in the files that it names; relative
/// paths begin in the registry's directory. The file is read and checked as for the parties.
///
/// # Errors
/// [`RegistryError`], with the first fault found.
pub fn contacts(file: &Path, parties: &Parties) -> Result<ContactBook, RegistryError> {
    let Listed { contacts, secrets } = parse(file, &read_text(file)?, parties)?;
    let keys = secrets.into_iter().map(|(party, secret)| {
        let key = WebhookKey::read(&secret).map_err(|why| RegistryError::Contact {
            file: file.to_owned(),
            party: party.to_string(),
            key: "webhook_secret_file",
            why: why.to_string(),
        })?;
        Ok((party, key))
    });
    Ok(ContactBook { contacts, keys: keys.collect::<Result<_, RegistryError>>()? })
}

/// The contacts as the file has them, the secrets unread.
#[derive(Debug)]
pub(super) struct Listed {
    contacts: Contacts,
    secrets: BTreeMap<PartyId, PathBuf>,
}

pub(super) fn parse(file: &Path, text: &str, parties: &Parties) -> Result<Listed, RegistryError> {
    let syntax = |why: toml::de::Error| syntax_error(file, text, &why);
    let RegistryFile { contact, .. } = toml::from_str(text).map_err(syntax)?;
    let mut found: BTreeMap<PartyId, Contact> = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for entry in contact {
        let party = entry.party.clone();
        let refused = |(key, why): Fault| RegistryError::Contact {
            file: file.to_owned(),
            party: party.clone(),
            key,
            why,
        };
        let id: Option<PartyId> = party.parse().ok();
        let known = id.filter(|id| parties.get(id).is_some());
        let nobody = || refused(("party", "names no party of this registry".to_owned()));
        let id = known.ok_or_else(nobody)?;
        if parties.get(&id).is_some_and(|party| !is_ever_told(party, parties)) {
            let why = "is never told of a term: it has none and stands above none that has, or no \
                       system reads for it; take the contact out, or give it to the party above";
            return Err(refused(("party", why.to_owned())));
        }
        let (contact, secret) = entry.read().map_err(refused)?;
        if found.insert(id.clone(), contact).is_some() {
            return Err(refused(("party", "has two contacts; put both into one".to_owned())));
        }
        if let Some(secret) = secret {
            secrets.insert(id, file.parent().unwrap_or(Path::new("")).join(secret));
        }
    }
    Ok(Listed { contacts: Contacts::new(found), secrets })
}

/// The key that is wrong, with what would be right.
type Fault = (&'static str, String);

impl ContactEntry {
    fn read(self) -> Result<(Contact, Option<PathBuf>), Fault> {
        let Self { party: _, email, webhook, webhook_secret_file, language, rungs } = self;
        if email.is_empty() && webhook.is_none() {
            return Err(("email", "give an address here, or a webhook, or neither".to_owned()));
        }
        if email.len() > MAX_ADDRESSES {
            let why = format!("lists more than {MAX_ADDRESSES} addresses; name a mailing list");
            return Err(("email", why));
        }
        let address = |text: &String| {
            let shown: String = text.chars().take(100).collect();
            text.parse().map_err(|why| ("email", format!("{shown:?}: {why}")))
        };
        let emails = email.iter().map(address).collect::<Result<Vec<EmailAddress>, Fault>>()?;
        if emails.iter().collect::<BTreeSet<_>>().len() < emails.len() {
            return Err(("email", "lists an address twice; keep one".to_owned()));
        }
        let webhook: Option<WebhookUrl> = webhook
            .map(|text| text.parse().map_err(|why| ("webhook", format!("{why}"))))
            .transpose()?;
        match (&webhook, &webhook_secret_file) {
            (Some(_), None) => {
                let why = "is missing; its calls are signed with the secret of that file";
                return Err(("webhook_secret_file", why.to_owned()));
            }
            (None, Some(_)) => {
                return Err(("webhook", "is missing, yet its secret is there".to_owned()));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        let language = language.as_deref().unwrap_or("kk").parse::<Language>();
        let language = language.map_err(|_| ("language", "is kk, ru or en".to_owned()))?;
        Ok((Contact { emails, webhook, language, rungs: wanted(rungs)? }, webhook_secret_file))
    }
}

/// The rungs that a party wants to be told of; without a list all of them.
fn wanted(listed: Option<Vec<String>>) -> Result<Rungs, Fault> {
    let Some(listed) = listed else { return Ok(Rungs::ALL) };
    let names = || Rung::ALL.iter().map(|rung| rung.name()).collect::<Vec<_>>().join(", ");
    if listed.is_empty() {
        return Err(("rungs", format!("is empty; leave it out for all, or list of {}", names())));
    }
    let rung =
        |text: String| text.parse::<Rung>().map_err(|_| ("rungs", format!("is of {}", names())));
    listed.into_iter().map(rung).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::ladder::Channel;

    const REGISTRY: &str = include_str!("../../../deploy/parties.toml");

    /// The contact that the sample shows as a comment.
    fn sample() -> String {
        let after = REGISTRY.lines().skip_while(|line| *line != "#   [[contact]]");
        let shown = after.map_while(|line| line.strip_prefix("#   "));
        shown.collect::<Vec<_>>().join("\n")
    }

    fn read(extra: &str) -> Result<Listed, RegistryError> {
        let text = format!("{REGISTRY}\n{extra}");
        let file = Path::new("etc/parties.toml");
        let parties = super::super::parse(file, &text)?;
        parse(file, &text, &parties)
    }

    #[test]
    fn a_contact_has_addresses_a_webhook_and_its_rungs() {
        let listed = read(
            "[[contact]]\nparty = \"mission-uz\"\nemail = [\"duty@example.kz\", \"a@example.kz\"]\n\
             webhook = \"https://example.kz/kopir\"\nwebhook_secret_file = \"uz.secret\"\n\
             language = \"ru\"\nrungs = [\"day-before\", \"due\"]\n\
             [[contact]]\nparty = \"akimat-kz-55\"\nemail = [\"duty@akimat.kz\"]",
        )
        .unwrap();
        let uz: PartyId = "mission-uz".parse().unwrap();
        let akimat: PartyId = "akimat-kz-55".parse().unwrap();
        let contact = listed.contacts.get(&uz).unwrap();
        assert_eq!(contact.emails[0].to_string(), "duty@example.kz");
        assert_eq!(contact.language, Language::Russian);
        assert_eq!(listed.secrets[&uz], Path::new("etc/uz.secret"));
        let channels = listed.contacts.channels();
        let some = Rungs::of(&[Rung::DayBefore, Rung::Due]);
        assert_eq!(channels[&uz], [(Channel::Email, some), (Channel::Webhook, some)]);
        assert_eq!(channels[&akimat], [(Channel::Email, Rungs::ALL)]);
        assert_eq!(channels.len(), 2);
        assert_eq!(listed.contacts.get(&akimat).unwrap().language, Language::Kazakh);
    }

    #[test]
    fn the_sample_shows_a_contact_that_is_sound() {
        let listed = read(&sample()).unwrap();
        assert_eq!(listed.contacts.iter().count(), 1);
        let none = read("").unwrap();
        assert_eq!(none.contacts, Contacts::default());
    }

    #[test]
    fn a_contact_that_cannot_be_is_refused_with_party_key_and_remedy() {
        let hook = "webhook = \"https://example.kz\"";
        for (extra, told) in [
            ("party = \"nobody\"", "contact of nobody, key party: names no party"),
            (
                "party = \"operator\"\nemail = [\"a@b\"]",
                "contact of operator, key party: is never told of a term",
            ),
            ("party = \"mission-uz\"", "contact of mission-uz, key email: give an address"),
            ("party = \"mission-uz\"\nemail = [\"duty\"]", "key email: \"duty\": write an address"),
            ("party = \"mission-uz\"\nemail = [\"a@b\", \"a@b\"]", "key email: lists an address"),
            ("party = \"mission-uz\"\nwebhook = \"http://example.kz\"", "key webhook: write https"),
            (&format!("party = \"mission-uz\"\n{hook}"), "key webhook_secret_file: is missing"),
            (
                "party = \"mission-uz\"\nemail = [\"a@b\"]\nwebhook_secret_file = \"x\"",
                "key webhook: is missing",
            ),
            (
                "party = \"mission-uz\"\nemail = [\"a@b\"]\nlanguage = \"de\"",
                "key language: is kk, ru or en",
            ),
            (
                "party = \"mission-uz\"\nemail = [\"a@b\"]\nrungs = [\"soon\"]",
                "key rungs: is of opening, half",
            ),
            ("party = \"mission-uz\"\nemail = [\"a@b\"]\nrungs = []", "key rungs: is empty"),
            (
                "party = \"mission-uz\"\nemail = [\"a@b\"]\n[[contact]]\nparty = \"mission-uz\"\n\
                 email = [\"a@b\"]",
                "key party: has two contacts",
            ),
            ("party = \"mission-uz\"\nmail = [\"a@b\"]", "unknown field `mail`"),
        ] {
            let error = read(&format!("[[contact]]\n{extra}")).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
            assert!(error.starts_with("etc/parties.toml"), "{error}");
        }
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused_with_the_party_and_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let (file, secret) = (dir.path().join("parties.toml"), dir.path().join("uz.secret"));
        let contact = "[[contact]]\nparty = \"mission-uz\"\nwebhook = \"https://example.kz\"\n\
                       webhook_secret_file = \"uz.secret\"";
        fs::write(&file, format!("{REGISTRY}\n{contact}")).unwrap();
        fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let parties = super::super::read(&file).unwrap();
        let mode = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let error = contacts(&file, &parties).unwrap_err().to_string();
        assert!(error.contains("contact of mission-uz, key webhook_secret_file:"), "{error}");
        assert!(error.contains("chmod 600"), "{error}");
        mode(0o600);
        assert_eq!(contacts(&file, &parties).unwrap().keys.len(), 1);
    }
}
