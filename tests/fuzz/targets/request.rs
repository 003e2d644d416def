//! What a party sends: the request of an act as bytes of Protobuf, checked field by field into a
//! command.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use kopir::domain::event::PartyEnrolled;
use kopir::domain::party::{CertificateHash, PartyNumber};
use kopir::domain::{Procedures, Roster};
use kopir::procedures;
use kopir::rpc::Caller;
use kopir::rpc::parse::Asked;
use kopir::rpc::parse::act::ActRequest;
use kopir::rpc::proto::{akimat, commission, migration, mission, statecorp};
use kopir::trust::applicants::ApplicantKey;
use kopir::trust::registry;
use libfuzzer_sys::fuzz_target;
use prost::Message;

struct World {
    roster: Roster,
    procedures: Procedures,
    applicants: ApplicantKey,
}

fuzz_target!(|bytes: &[u8]| {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(make);
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let read = match kind % 8 {
        0 => read::<mission::v1::SubmitApplicationRequest>,
        1 => read::<mission::v1::SubmitStatusApplicationRequest>,
        2 => read::<commission::v1::RecordConsentDecisionRequest>,
        3 => read::<akimat::v1::RegisterArrivalRequest>,
        4 => read::<akimat::v1::SubmitOneApplicationRequest>,
        5 => read::<akimat::v1::RefuseToAcceptRequest>,
        6 => read::<migration::v1::RegisterComplaintRequest>,
        _ => read::<statecorp::v1::RegisterArrivalRequest>,
    };
    read(world, bytes);
});

fn read<R: ActRequest + Message + Default>(world: &World, bytes: &[u8]) {
    let Ok(request) = R::decode(bytes) else { return };
    let World { roster, procedures, applicants } = world;
    let party = roster.parties().iter().next().expect("a registry has parties");
    let number = roster.number(&party.id).expect("each is enrolled");
    let caller = Caller::new(party, number, roster.parties(), CertificateHash([0; 32]));
    let zone = roster.zone(number);
    let now = "2021-09-06T06:00:00Z".parse().expect("a sound time");
    let asked = Asked { caller: &caller, zone, law_zone: zone, now, procedures, applicants };
    if let Ok(command) = request.command(asked) {
        assert_eq!(command.author, number);
        let document = command.body.content.bytes();
        assert!(document.is_some_and(|bytes| !bytes.is_empty()), "an act without its document");
    }
}

fn make() -> World {
    let text = include_str!("../../../deploy/parties.toml");
    let parties =
        registry::parse(Path::new("parties.toml"), text).expect("the sample registry is sound");
    let enrolled: Vec<_> = parties
        .iter()
        .zip(1..)
        .map(|(party, number)| PartyEnrolled {
            number: PartyNumber(number),
            party: party.id.clone(),
        })
        .collect();
    World {
        roster: Roster::new(parties, enrolled),
        procedures: procedures::load().expect("the law carried along is sound"),
        applicants: ApplicantKey::of(&[7; 32]),
    }
}
