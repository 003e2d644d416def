//! The papers of a case, opened for one who was given them: the one place where a bundle's papers
//! are opened.

use std::collections::{BTreeMap, BTreeSet};

use super::Bus;
use crate::domain::event::{ActRecorded, DeliveryAcknowledged, Event};
use crate::domain::party::PartyNumber;
use crate::domain::{Case, Sequence};
use crate::evidence::bundle::{Opened, Papers, SignedPaper};
use crate::rpc::proto::types::v1::SignedDocument;
use crate::rpc::show::delivery::papers;
use crate::rpc::show::paper::{Reading, reading};
use crate::rpc::status::Refusal;
use crate::trust::signature::evidence::Kind;
use crate::trust::signature::sha256;

impl Bus {
    /// Opens what of the records of a case a party has sent or was given.
    pub(super) fn open_papers(
        &self,
        case: &Case,
        party: PartyNumber,
        records: impl Iterator<Item = Sequence>,
    ) -> Result<Papers, Refusal> {
        let events: Result<Vec<_>, Refusal> = records
            .map(|sequence| Ok((sequence, self.engine.as_recorded(sequence)?.event)))
            .collect();
        let events = events?;
        let given = self.given(case, party, &events);
        let party = self.roster().id(party).map(ToString::to_string).unwrap_or_default();
        let (opened, evidence) = (BTreeMap::new(), BTreeMap::new());
        let mut papers = Papers { party, opened, evidence };
        for (sequence, mut event) in events.into_iter().filter(|(each, _)| given.contains(each)) {
            let Some(disclosed) = self.engine.disclose(sequence, &mut event)? else { continue };
            let (reading, signed) = self.read(&event, &disclosed.content, &mut papers);
            papers.opened.insert(sequence.0, Opened { disclosed, reading, signed });
        }
        Ok(papers)
    }

    /// The records whose papers a party has sent, or that came with what it has acknowledged.
    fn given(
        &self,
        case: &Case,
        party: PartyNumber,
        events: &[(Sequence, Event)],
    ) -> BTreeSet<Sequence> {
        let is_its = |of: PartyNumber| self.roster().may_act_for(party, of);
        let mut given = BTreeSet::new();
        for (sequence, event) in events {
            let own = match event {
                Event::Act(act) => is_its(act.author),
                Event::DeliveryHeld(held) => is_its(held.party) || held.by.is_some_and(is_its),
                Event::HeldResolved(resolved) => is_its(resolved.author),
                Event::Acknowledged(taken) => {
                    if is_its(taken.by) {
                        given.extend(taken_with(case, taken));
                    }
                    false
                }
                Event::PartyEnrolled(_)
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
                | Event::RegistryChanged(_) => false,
            };
            given.extend(own.then_some(*sequence));
        }
        given
    }

    /// What an opened paper says, and the signed document on which its record has a verdict. What
    /// the verdict rests on is put with the papers.
    fn read(
        &self,
        event: &Event,
        content: &[u8],
        papers: &mut Papers,
    ) -> (Vec<(String, String)>, Option<SignedPaper>) {
        let Event::Act(act) = event else {
            let words = String::from_utf8_lossy(content).into_owned();
            return (vec![("words".to_owned(), words)], None);
        };
        let ActRecorded { body, signature, .. } = &**act;
        let Reading { fields, documents } = reading(body.kind, content);
        let Some(verdict) = signature else { return (fields, None) };
        let is_it = |of: &SignedDocument| sha256(&of.content) == verdict.document;
        let signed = documents.into_iter().find(is_it).map(|of| {
            let SignedDocument { content, media_type, signature } = of;
            SignedPaper { document: content.into(), signature: signature.into(), media_type }
        });
        let certificates = verdict.chain.iter().map(|hash| (Kind::Certificate, hash));
        let asked = verdict.revocation.iter();
        let lists = asked.filter_map(|of| Some((Kind::of(of.source)?, &of.sha256)));
        for (kind, hash) in certificates.chain(lists) {
            if let Some(bytes) = self.signatures.evidence(kind, hash) {
                papers.evidence.insert(kind.file_name(hash), bytes);
            }
        }
        (fields, signed)
    }
}

/// The records whose papers came with a delivery that was acknowledged.
fn taken_with(case: &Case, taken: &DeliveryAcknowledged) -> Vec<Sequence> {
    let DeliveryAcknowledged { delivery, by, .. } = taken;
    let is_stage =
        case.copies.iter().any(|copy| copy.delivery == *delivery && copy.to == *by && copy.stage);
    if is_stage {
        return Vec::new();
    }
    let acted =
        case.hops.iter().filter(|run| run.acted().is_some_and(|acted| acted.sequence == *delivery));
    // A copy is of the same act as the hop that it goes beside.
    let mut runs: Vec<_> = acted.collect();
    runs.sort_by_key(|run| run.received().is_none_or(|received| received.by != *by));
    let with = runs.first().map(|run| papers(case, run)).unwrap_or_default();
    // What the case got later did not come with it.
    with.into_iter().filter(|with| with < delivery).chain([*delivery]).collect()
}
