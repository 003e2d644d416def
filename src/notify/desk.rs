//! One attempt: the notice is read as what concerns the party, written down, and sent.

use std::collections::BTreeMap;

use super::call::{Caller, call_id};
use super::digest::{Digest, Sources};
use super::failure::{Failure, SetupError};
use super::mail::{Mailer, MessageId};
use super::outbox::Told;
use super::words::Words;
use super::{letter, payload};
use crate::domain::contact::{Contacts, EmailAddress};
use crate::domain::ladder::Channel;
use crate::domain::party::PartyId;
use crate::engine::{Clock, Law, Rosters};
use crate::index::Outgoing;
use crate::procedures::labels::Labels;
use crate::trust::secret::WebhookKey;

/// What a desk is made of.
#[derive(Debug)]
pub struct DeskParts {
    /// Whom to tell.
    pub contacts: Contacts,
    /// What the calls of each party's webhook are signed with.
    pub keys: BTreeMap<PartyId, WebhookKey>,
    /// What the letters say.
    pub words: Words,
    /// What people read for the names of acts.
    pub labels: Labels,
    /// The procedures and the working days.
    pub law: Law,
    /// The parties by number.
    pub rosters: Rosters,
    /// Sends letters; none where no party has an address.
    pub mailer: Option<Mailer>,
    /// Calls web servers.
    pub caller: Caller,
}

/// Makes attempts.
#[derive(Debug)]
pub struct Desk {
    parts: DeskParts,
}

impl Desk {
    /// A desk that can serve every contact.
    ///
    /// # Errors
    /// [`SetupError`] with the contact that it could not.
    pub fn new(parts: DeskParts) -> Result<Self, SetupError> {
        for (party, contact) in parts.contacts.iter() {
            let webhook = contact.webhook.as_ref();
            if !contact.emails.is_empty() && parts.mailer.is_none() {
                return Err(SetupError::NoMailServer(party.clone()));
            }
            if webhook.is_some() && !parts.keys.contains_key(party) {
                return Err(SetupError::NoKey(party.clone()));
            }
            if webhook.is_some_and(|url| url.secure) && parts.caller.authorities.is_none() {
                return Err(SetupError::NoAuthorities);
            }
        }
        Ok(Self { parts })
    }

    /// The name of a party in the log.
    #[must_use]
    pub fn name(&self, item: Outgoing) -> String {
        let id = self.parts.rosters.last().id(item.party);
        id.map_or_else(|| item.party.to_string(), ToString::to_string)
    }

    /// Brings a notice to a party by one way: a letter to the addresses of `rest`, where an attempt
    /// left some, else to all.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn bring(
        &self,
        item: Outgoing,
        told: &Told,
        rest: &[EmailAddress],
    ) -> Result<(), Failure> {
        let DeskParts { contacts, keys, words, labels, law, rosters, mailer, caller } = &self.parts;
        let calendar = law.calendar();
        let sources = Sources {
            roster: rosters.last(),
            procedures: &law.procedures,
            calendar: &calendar,
            contacts,
        };
        let digest = Digest::of(item.notice, told.at, &told.notice, item.party, sources);
        let digest = digest.ok_or(Failure::NoContact)?;
        let contact = contacts.get(&digest.party).ok_or(Failure::NoContact)?;
        // Servers on the way judge a message by the clock of their machine, not by that of a
        // sandbox.
        let sent_at = Clock::System.now();
        match item.channel {
            Channel::Email => {
                let mailer = mailer.as_ref().filter(|_| !contact.emails.is_empty());
                let mailer = mailer.ok_or(Failure::NoContact)?;
                let letter = letter::write(&digest, contact.language, words, labels);
                let id = MessageId::of(item.notice, &digest.party, mailer.from());
                mailer.send(&contact.emails, rest, &letter, &id, sent_at).await
            }
            Channel::Webhook => {
                let url = contact.webhook.as_ref().ok_or(Failure::NoContact)?;
                let key = keys.get(&digest.party).ok_or(Failure::NoContact)?;
                let id = call_id(item.notice, &digest.party);
                caller.call(url, key, &id, payload::write(&digest), sent_at).await
            }
        }
    }
}
