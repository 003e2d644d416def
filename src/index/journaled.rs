//! Records that are of no case's acts, by their kind.

use super::store::storage;
use super::{Index, IndexError, NoteKind, keys, unreadable, values};
use crate::domain::ids::Sequence;

impl Index {
    /// The last record of a kind that is of no case's acts.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn last_note(&self, kind: NoteKind) -> Result<Option<Sequence>, IndexError> {
        self.with(|db| {
            for entry in db.range(keys::all_of(keys::NOTE, None)).rev() {
                let (key, value) = entry.map_err(storage("read a note"))?;
                let sequence = keys::parse_note(&key).ok_or(unreadable("a note"))?;
                let (found, _) = values::read_note(&value).ok_or(unreadable("a note"))?;
                if found == kind {
                    return Ok(Some(sequence));
                }
            }
            Ok(None)
        })
    }

    /// The records of a kind that is of no case's acts, the newest first, from the first before
    /// `before`.
    ///
    /// # Errors
    /// As [`Self::case`].
    pub fn notes(
        &self,
        kind: NoteKind,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<Sequence>, IndexError> {
        let mut found = Vec::new();
        self.with(|db| {
            for entry in db.range(keys::all_of(keys::NOTE, None)).rev() {
                if found.len() == limit {
                    break;
                }
                let (key, value) = entry.map_err(storage("read a note"))?;
                let sequence = keys::parse_note(&key).ok_or(unreadable("a note"))?;
                let (of, _) = values::read_note(&value).ok_or(unreadable("a note"))?;
                if of == kind && before.is_none_or(|before| sequence < before) {
                    found.push(sequence);
                }
            }
            Ok(())
        })?;
        Ok(found)
    }
}
