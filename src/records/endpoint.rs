//! Endpoints, registered and taken back.

use crate::domain::EndpointSet;
use crate::domain::ids::RequestId;

use super::RecordError;
use super::fields::{read_party, write_party};
use super::wire::{Reader, Writer};

pub(super) fn write_set(out: &mut Writer<'_>, set: &EndpointSet) -> Result<(), RecordError> {
    let EndpointSet { party, url, author, request: RequestId(request), fingerprint } = set;
    write_party(out, *party);
    out.flag(url.is_some());
    if let Some(url) = url {
        out.text("url", url.as_str())?;
    }
    write_party(out, *author);
    out.bytes(request);
    out.bytes(fingerprint);
    Ok(())
}

pub(super) fn read_set(from: &mut Reader<'_>) -> Result<EndpointSet, RecordError> {
    Ok(EndpointSet {
        party: read_party(from, "party")?,
        url: from.option("url", |from| from.text("url"))?,
        author: read_party(from, "author")?,
        request: RequestId(from.array("request")?),
        fingerprint: from.array("fingerprint")?,
    })
}
