//! Every method of the contracts is served to its role.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

use super::*;
use crate::rpc::access::Row;
use crate::rpc::proto::FILE_DESCRIPTOR_SET;

/// The path of every method of the contracts, with the services that are no acts left out or not.
fn methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.iter().filter(|file| file.package().starts_with("kopir."));
    // The parties serve it, and the bus calls.
    let files = files.filter(|file| file.package() != "kopir.agency.v1");
    let mut paths = Vec::new();
    for file in files {
        for service in &file.service {
            let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    paths
}

/// The status of a call with an empty message.
async fn call(routes: Routes, caller: Caller, path: &str) -> Code {
    let mut request = Request::new(());
    request.extensions_mut().insert(caller);
    let mut client = Grpc::new(routes);
    client.ready().await.unwrap();
    let codec = ProstCodec::<(), ()>::default();
    let answer = client.unary(request, path.parse().unwrap(), codec).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn every_method_is_served_and_no_empty_message_is_an_act() {
    let house = House::open_with(all_parties(), Duration::from_secs(3600));
    let bus = Arc::clone(&house.service.0);
    let roles: BTreeMap<_, _> =
        bus.roster().parties().iter().map(|party| (party.role, party.id.to_string())).collect();
    let reading = ["inbox", "cases", "procedures", "operations", "quotas", "evidence"];
    let is_reading =
        |path: &str| reading.iter().any(|area| path.starts_with(&format!("/kopir.{area}.")));
    let mut served = 0;
    for path in methods() {
        for role in &Row::of(&path).unwrap().roles().collect::<Vec<_>>() {
            let caller = house.caller(&roles[role]);
            let code = call(routes(Arc::clone(&bus), 1 << 18), caller, &path).await;
            let refused = [Code::InvalidArgument, Code::PermissionDenied].contains(&code);
            // The bulk stream answers its items by themselves.
            let streams = path.ends_with("/SubmitApplications");
            assert_ne!(code, Code::Unimplemented, "{path}");
            assert!(refused || streams || is_reading(&path), "{path} {role}: {code}");
            served += 1;
        }
    }
    assert!(served > 200, "{served}");
    assert_eq!(bus.engine.progress().sequence.0, roles.len() as u64 + 3, "nothing but enrolments");
}
