//! Decisions: one with every field that only a later act has, and the same with a signature.

use jiff::civil::date;

use super::{body, delivery, hop, march, region};
use crate::domain::act::{Act, BodyKind, Outcome};
use crate::domain::event::{ActRecorded, Decision, DeliveryKind, Event, HoldingChange};
use crate::domain::ids::{CaseId, RequestId};
use crate::domain::party::PartyNumber;
use crate::domain::quota::{Category, Holding, QuotaKey};
use crate::domain::signature::{
    DigestAlgorithm, Doubt, KeyRole, ProvenBy, RevocationEvidence, RevocationSource,
    SignatureScheme, SignatureVerdict,
};

/// The places of the sample case: held by its consent, or taken by its inclusion.
pub(super) fn holding(taken: bool) -> Holding {
    let key = QuotaKey { region: region(55), year: 2026, category: Category::InMigrant };
    let until = (!taken).then(|| date(2026, 9, 20));
    Holding { key, persons: 3, taken, until }
}

/// An inclusion, with every field that only a later act has.
pub fn inclusion_act() -> Event {
    Event::Act(Box::new(ActRecorded {
        case: CaseId([0xc2; 16]),
        author: PartyNumber(17),
        request: RequestId([0x51; 16]),
        fingerprint: [0xf4; 32],
        hop: hop("SAMPLE-7"),
        act: Act::RecordDecision,
        discharged_at: march(1_800_000_000),
        decision: Some(Decision {
            outcome: Outcome::Inclusion,
            decided_on: date(2026, 3, 21),
            persons: 3,
            grounds: Vec::new(),
            months: 6,
        }),
        arrived_persons: None,
        hearing_at: Some(march(1_900_000_000)),
        opening: None,
        service: None,
        opened: Vec::new(),
        also: vec![hop("SAMPLE-8"), hop("SAMPLE-9")],
        closed: vec![hop("SAMPLE-5"), hop("SAMPLE-6")],
        deliveries: vec![delivery("SAMPLE-8", 40, 1_800_000_001, DeliveryKind::Hop)],
        holding: Some(HoldingChange { before: Some(holding(false)), after: Some(holding(true)) }),
        signature: None,
        body: body(BodyKind::Form),
    }))
}

/// A decision with a signature, with every field that only such a one has.
pub fn signed_act() -> Event {
    let Event::Act(mut act) = inclusion_act() else { unreachable!() };
    act.signature = Some(Box::new(SignatureVerdict {
        doubt: Some(Doubt::RevocationStale),
        proven_by: ProvenBy::Bus,
        document: [0xd1; 32],
        certificate: [0xd2; 32],
        roles: vec![KeyRole::Head, KeyRole::Signatory],
        organisation: Some("990140000007".parse().unwrap()),
        signed_at: march(1_790_000_000),
        digest: DigestAlgorithm::Sha512,
        scheme: SignatureScheme::EcdsaP384,
        checked_at: march(1_799_999_000),
        chain: vec![[0xd3; 32], [0xd4; 32]],
        revocation: vec![
            RevocationEvidence {
                source: RevocationSource::Crl,
                sha256: [0xd5; 32],
                this_update: march(1_600_000_000),
                next_update: Some(march(1_799_000_000)),
            },
            RevocationEvidence {
                source: RevocationSource::Sidecar,
                sha256: [0xd6; 32],
                this_update: march(1_799_999_000),
                next_update: None,
            },
        ],
    }));
    Event::Act(act)
}

/// The same where a responder (OCSP) was asked.
pub fn act_signed_by_one_asked_about() -> Event {
    let Event::Act(mut act) = signed_act() else { unreachable!() };
    if let Some(verdict) = &mut act.signature {
        verdict.doubt = None;
        verdict.revocation.truncate(1);
        verdict.revocation.push(RevocationEvidence {
            source: RevocationSource::Ocsp,
            sha256: [0xd7; 32],
            this_update: march(1_799_998_000),
            next_update: Some(march(1_800_001_000)),
        });
    }
    Event::Act(act)
}
