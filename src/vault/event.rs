//! Which parts of which events are personal: the document of an act, and what somebody says in words
//! of their own about a held delivery. All others hold ids, numbers, dates, and names of parties,
//! rules and orders.

use super::seal::{Context, Disclosed, open, seal};
use super::{Kept, Vault, VaultError};
use crate::domain::confidential::{Confidential, SlotNumber};
use crate::domain::event::{ActRecorded, Event};
use crate::domain::held::{DeliveryHeld, HeldResolved};

/// What an event said before it was sealed, to be put back once it is recorded.
#[derive(Debug)]
pub struct Unsealed {
    content: Confidential,
    fingerprint: Option<[u8; 32]>,
}

/// The personal part of an event.
struct Part<'a> {
    context: Context,
    content: &'a mut Confidential,
    /// The fingerprint, which is over the content too.
    fingerprint: Option<&'a mut [u8; 32]>,
}

/// Whether something personal in an event is to be sealed, so that its case needs a key.
pub fn is_unsealed(event: &mut Event) -> bool {
    part(event).is_some_and(|part| part.content.bytes().is_some())
}

/// The slot of the key with which something in an event is sealed.
pub fn slot_of(event: &mut Event) -> Option<SlotNumber> {
    part(event).and_then(|part| part.content.sealed().map(|sealed| sealed.slot))
}

/// What is personal in an event, with the context in which it was sealed, or would be.
pub fn personal(event: &mut Event) -> Option<(Context, &Confidential)> {
    part(event).map(|Part { context, content, .. }| (context, &*content))
}

/// Seals what is personal in an event with the key of a slot, and puts the keyed fingerprint in the
/// place of the plain one. None where nothing was to be sealed.
///
/// # Errors
/// [`VaultError`]; the event is then as it was.
pub fn seal_event(
    vault: &dyn Vault,
    event: &mut Event,
    slot: SlotNumber,
) -> Result<Option<Unsealed>, VaultError> {
    let Some(Part { context, content, fingerprint }) = part(event) else { return Ok(None) };
    let Some(bytes) = content.bytes() else { return Ok(None) };
    let key = match vault.key(slot)? {
        Kept::Live(key) => key,
        // Nothing is accepted in a case that was erased.
        Kept::Erased { .. } => return Err(VaultError::NoSlot(slot)),
    };
    let sealed = seal(&key, slot, vault.nonce(&context)?, &context, bytes)?;
    let before = std::mem::replace(content, Confidential::Sealed(sealed));
    let plain = fingerprint.map(|fingerprint| {
        let keyed = vault.fingerprints().keyed(fingerprint);
        std::mem::replace(fingerprint, keyed)
    });
    Ok(Some(Unsealed { content: before, fingerprint: plain }))
}

impl Unsealed {
    /// Puts back what was sealed.
    pub fn restore(self, event: &mut Event) {
        let Some(Part { content, fingerprint, .. }) = part(event) else { return };
        *content = self.content;
        if let (Some(place), Some(plain)) = (fingerprint, self.fingerprint) {
            *place = plain;
        }
    }
}

/// Opens what is sealed in an event; what was erased says so. The fingerprint stays as it is
/// recorded.
///
/// # Errors
/// [`VaultError`].
pub fn open_event(vault: &dyn Vault, event: &mut Event) -> Result<(), VaultError> {
    let Some(Part { context, content, .. }) = part(event) else { return Ok(()) };
    let Some(sealed) = content.sealed() else { return Ok(()) };
    *content = match vault.key(sealed.slot)? {
        Kept::Live(key) => Confidential::plain(open(&key, sealed, &context)?.content),
        Kept::Erased { at } => Confidential::Erased { at },
    };
    Ok(())
}

/// What is sealed in an event, with the salt by which whoever is given both can hold it against the
/// record. None where nothing is sealed, and where the key of the case was destroyed.
///
/// # Errors
/// [`VaultError`].
pub fn disclose(vault: &dyn Vault, event: &mut Event) -> Result<Option<Disclosed>, VaultError> {
    let Some((context, content)) = personal(event) else { return Ok(None) };
    let Some(sealed) = content.sealed() else { return Ok(None) };
    match vault.key(sealed.slot)? {
        Kept::Live(key) => open(&key, sealed, &context).map(Some),
        Kept::Erased { .. } => Ok(None),
    }
}

fn part(event: &mut Event) -> Option<Part<'_>> {
    match event {
        Event::Act(act) => {
            let ActRecorded { case, author, request, body, fingerprint, .. } = &mut **act;
            let context = Context::body(*case, *author, *request, body.kind);
            Some(Part { context, content: &mut body.content, fingerprint: Some(fingerprint) })
        }
        Event::DeliveryHeld(DeliveryHeld { case, delivery, party, detail, .. }) => {
            let context = Context::held_detail(*case, *delivery, *party);
            Some(Part { context, content: detail.as_mut()?, fingerprint: None })
        }
        Event::HeldResolved(HeldResolved { case, author, request, note, fingerprint, .. }) => {
            let context = Context::held_note(*case, *author, *request);
            Some(Part { context, content: note.as_mut()?, fingerprint: Some(fingerprint) })
        }
        Event::PartyEnrolled(_)
        | Event::Acknowledged(_)
        | Event::QuotaSet(_)
        | Event::HoldingExpired(_)
        | Event::CalendarAmended(_)
        | Event::ClocksMoved(_)
        | Event::CalendarSettled(_)
        | Event::Notice(_)
        | Event::NoticeAcknowledged(_)
        | Event::NoticeSent(_)
        | Event::BusOutage(_)
        | Event::EndpointSet(_)
        | Event::CaseErased(_)
        | Event::DataRead(_)
        | Event::RegistryChanged(_) => None,
    }
}
