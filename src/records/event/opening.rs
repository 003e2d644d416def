//! What the first act of a case says of it.

use super::FIRST;
use crate::domain::act::{Actor, Basis};
use crate::domain::event::Opening;
use crate::domain::party::Role;
use crate::records::RecordError;
use crate::records::fields::{
    read_applicant, read_concerns, read_participants, read_procedure, read_region, role_of_tag,
    role_tag, write_applicant, write_concerns, write_participants, write_procedure,
};
use crate::records::pieces::{read_hop_opened, write_hop_opened};
use crate::records::wire::{Reader, Writer};

pub(super) fn write_opening(out: &mut Writer<'_>, opening: &Opening) -> Result<(), RecordError> {
    let Opening {
        procedure,
        region,
        departure,
        channel,
        basis,
        persons,
        applicant,
        concerns,
        filed_at,
        recorded_with,
        clock,
        participants,
    } = opening;
    write_procedure(out, procedure)?;
    out.byte(region.number());
    out.flag(departure.is_some());
    if let Some(departure) = departure {
        out.byte(departure.number());
    }
    out.byte(role_tag(*channel));
    out.byte(basis.tag());
    out.number(u64::from(*persons));
    write_applicant(out, *applicant);
    write_concerns(out, *concerns);
    out.time("filed_at", *filed_at)?;
    out.flag(recorded_with.is_some());
    if let Some(hop) = recorded_with {
        out.text("recorded_with", hop.as_str())?;
    }
    write_hop_opened(out, clock)?;
    write_participants(out, participants)
}

pub(super) fn read_opening(from: &mut Reader<'_>, version: u8) -> Result<Opening, RecordError> {
    if version == FIRST {
        return read_first_opening(from);
    }
    Ok(Opening {
        procedure: read_procedure(from)?,
        region: read_region(from)?,
        departure: from.option("departure", read_region)?,
        channel: from.tag("channel", role_of_tag)?,
        basis: from.tag("basis", Basis::from_tag)?,
        persons: from.small("persons")?,
        applicant: read_applicant(from)?,
        concerns: read_concerns(from)?,
        filed_at: from.time("filed_at")?,
        recorded_with: from.option("recorded_with", |from| from.text("recorded_with"))?,
        clock: read_hop_opened(from, version)?,
        participants: read_participants(from)?,
    })
}

/// The opening of a case by the first release, in which every case came through a mission.
fn read_first_opening(from: &mut Reader<'_>) -> Result<Opening, RecordError> {
    let mut opening = Opening {
        procedure: read_procedure(from)?,
        region: read_region(from)?,
        departure: None,
        channel: Role::ForeignMission,
        basis: Basis::Ordinary,
        persons: from.small("persons")?,
        applicant: None,
        concerns: None,
        filed_at: from.time("filed_at")?,
        recorded_with: from.option("recorded_with", |from| from.text("recorded_with"))?,
        clock: read_hop_opened(from, FIRST)?,
        participants: read_participants(from)?,
    };
    let mission = Actor::Role(Role::ForeignMission);
    let channel = opening.participants.iter().find(|(actor, _)| *actor == mission);
    if let Some((_, party)) = channel.copied() {
        opening.participants.push((Actor::Channel, party));
    }
    Ok(opening)
}
