//! Lists: many acts under one request id, all of them taken or none.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

use super::{fingerprint, form_bytes, named_case, required};
use crate::domain::{
    Act, ActFacts, Body, BodyKind, CaseAct, CaseId, Command, RequestId, Signature,
};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::{Asked, dispatch, rule};
use crate::rpc::proto::forms::v1::form;
use crate::rpc::proto::types::v1::Dispatch;
use crate::rpc::reason::Reason;
use crate::rpc::status::Refusal;

/// The most cases of one list.
const MAX_ENTRIES: usize = 500;

/// The request of a list.
pub trait ListRequest {
    /// The commands it asks for.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault found, and [`Refusal::Item`] for an entry whose text
    /// names no case.
    fn list(&self, asked: Asked<'_>) -> Result<List, Refusal>;
}

/// A list, read.
#[derive(Debug)]
pub struct List {
    /// The sender's id of the list.
    pub request: RequestId,
    /// The act of each entry.
    pub act: Act,
    /// One command for each entry, in their order.
    pub commands: Vec<Command>,
}

/// The parts of a list's request.
pub(super) struct Entries<'a, M> {
    pub(super) act: Act,
    pub(super) request_id: &'a str,
    /// The cover of them all, where there is one.
    pub(super) cover: Option<&'a Dispatch>,
    /// Each case with its form.
    pub(super) entries: Vec<(&'a str, Option<&'a M>)>,
    /// The field in which the form stands.
    pub(super) name: &'static str,
    /// The whole request, encoded.
    pub(super) whole: Vec<u8>,
    pub(super) asked: Asked<'a>,
}

impl<M: Clone + Into<form::Form>> Entries<'_, M> {
    /// The commands of the list.
    pub(super) fn list(
        self,
        check: impl Fn(&mut Faults, &Path<'_>, &M, Asked<'_>) -> Option<ActFacts>,
    ) -> Result<List, Refusal> {
        let Self { act, request_id, cover, entries, name, whole, asked } = self;
        let mut faults = Faults::new();
        let root = Path::Root;
        let request = rule::request_id(&mut faults, &root.field("request_id"), request_id);
        if let Some(cover) = cover {
            dispatch::dispatch(&mut faults, &root.field("dispatch"), cover, asked);
        }
        let at = root.field("entries");
        if !(1..=MAX_ENTRIES).contains(&entries.len()) {
            faults.field(&at, format_args!("must have 1 to {MAX_ENTRIES} entries"));
            return Err(faults.into());
        }
        let cases = cases(&mut faults, &at, &entries)?;
        let mut facts = Vec::with_capacity(entries.len());
        for (place, (_, content)) in entries.iter().enumerate() {
            let at = at.item(place);
            facts.extend(required(&mut faults, &at.field(name), *content, asked, &check));
        }
        let request = faults.judge(request.filter(|_| facts.len() == entries.len()))?;
        // Each item rests on the whole, so that a repeat is told from another list item by item.
        let whole = digest::digest(&digest::SHA256, &whole);
        let contents = entries.iter().map(|(_, content)| *content);
        let items = cases.into_iter().zip(facts).zip(contents).enumerate();
        let commands = items.map(|(place, ((case, facts), content))| {
            let bytes = content.map(|content| form_bytes(content.clone(), cover.cloned()));
            Command {
                author: asked.caller.party,
                request: if place == 0 { request } else { item_request(request, case) },
                fingerprint: fingerprint(act, case, &[whole.as_ref()]),
                case,
                act: CaseAct::Continue(act, facts),
                body: Body::new(BodyKind::Form, bytes.unwrap_or_default()),
                signature: Signature::Absent,
            }
        });
        Ok(List { request, act, commands: commands.collect() })
    }
}

/// The cases of a list, none of them twice.
fn cases<M>(
    faults: &mut Faults,
    at: &Path<'_>,
    entries: &[(&str, Option<&M>)],
) -> Result<Vec<CaseId>, Refusal> {
    let mut cases = Vec::with_capacity(entries.len());
    let mut named = BTreeMap::new();
    for (place, (case_id, _)) in entries.iter().enumerate() {
        let unknown = |refusal| Refusal::Item { item: place, refusal: Box::new(refusal) };
        let case = named_case(case_id).map_err(unknown)?;
        if let Some(first) = named.get(&case) {
            let rule = format_args!(
                "names the case of entries[{first}] again; a list has a case once (002-EN A2 ¶6; \
                 002-KK ¶¶10, 15, 19)"
            );
            faults.add(&at.item(place).field("case_id"), Reason::ListRepeatsCase, rule);
        } else {
            named.insert(case, place);
        }
        cases.push(case);
    }
    Ok(cases)
}

/// The request id of an item: UUID version 8 (RFC 9562) over the list's and the case. The first
/// item has the list's own, by which a list under the id of another act is found out.
fn item_request(list: RequestId, case: CaseId) -> RequestId {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(b"kopir list item v1\0");
    hashed.update(&list.0);
    hashed.update(&case.0);
    let mut id = [0; 16];
    id.copy_from_slice(&hashed.finish().as_ref()[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    RequestId(id)
}
