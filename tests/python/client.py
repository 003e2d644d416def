"""An application crosses the bus: mission, committee, and what an error says.

A model for integrators. It needs the stubs generated from proto/ (see `run`), certificates of the
two parties, and a bus that runs as a sandbox. It uses nothing of the bus but its contract.
"""

import argparse
import hashlib
import pathlib
import queue
import socket
import ssl
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from google.type.date_pb2 import Date
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status
from kopir.cases.v1 import case_service_pb2 as cases
from kopir.cases.v1 import case_service_pb2_grpc as cases_grpc
from kopir.inbox.v1 import inbox_service_pb2 as inbox
from kopir.inbox.v1 import inbox_service_pb2_grpc as inbox_grpc
from kopir.migration.v1 import migration_body_service_pb2 as migration
from kopir.migration.v1 import migration_body_service_pb2_grpc as migration_grpc
from kopir.mission.v1 import foreign_mission_service_pb2 as mission
from kopir.mission.v1 import foreign_mission_service_pb2_grpc as mission_grpc
from kopir.types.v1 import application_pb2, person_pb2

TIMEOUT_SECONDS = 10

# The name of the bus in its certificate. Any party can have a certificate of the same authority, and
# perhaps one for the host name of the bus, but none with this name.
BUS_IDENTITY = "urn:kopir:bus"


def check_bus(address, certs, party):
    """Refuses whoever answers at the address without the name of the bus in its certificate.

    gRPC for Python shows nobody the certificate of a server, so this asks by a connection of its own,
    before the channel. Where the library shows it, look at it there."""
    made = ssl.create_default_context(cafile=certs / "ca.pem")
    made.load_cert_chain(certs / f"{party}.pem", certs / f"{party}.key")
    made.set_alpn_protocols(["h2"])
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as stream:
        with made.wrap_socket(stream, server_hostname="localhost") as connection:
            names = connection.getpeercert()["subjectAltName"]
    if ("URI", BUS_IDENTITY) not in names:
        raise ssl.SSLCertVerificationError(f"{address} is not the bus, but {names}")


def connect(address, certs, party):
    """A channel as a party: its certificate is its identity, there is no other login."""
    certs = pathlib.Path(certs)
    check_bus(address, certs, party)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=(certs / "ca.pem").read_bytes(),
        private_key=(certs / f"{party}.key").read_bytes(),
        certificate_chain=(certs / f"{party}.pem").read_bytes(),
    )
    # The bus's certificate is made out to this name, whatever address it is reached by.
    options = [("grpc.ssl_target_name_override", "localhost")]
    return grpc.secure_channel(address, credentials, options)


def application():
    """A complete application of a synthetic family of two."""
    filed = Timestamp()
    filed.FromJsonString("2023-01-06T10:00:00+05:00")

    def name(given):
        return person_pb2.PersonName(surname="Үлгіев", given_name=given)

    return application_pb2.Application(
        region="KZ-55",  # Pavlodar: decides which akimat and commission take the case
        scope=application_pb2.APPLICATION_SCOPE_APPLICANT_AND_FAMILY,
        applicant=person_pb2.Person(
            name=name("Сынақ"),
            birth_date=Date(year=1975, month=3, day=22),
            citizenship_country="UZ",
        ),
        residence=person_pb2.Address(country="UZ", text="Synthetic street 1, Example"),
        family_members=[
            person_pb2.FamilyMember(
                name=name("Бала"),
                birth_date=Date(year=2005, month=5, day=17),
                kinship=person_pb2.KINSHIP_CHILD,
            )
        ],
        documents=[
            # Only the fingerprint of a document travels; its content goes another way.
            application_pb2.Document(
                kind=application_pb2.DOCUMENT_KIND_IDENTITY,
                title="Identity document (synthetic)",
                content_sha256=hashlib.sha256(b"synthetic").digest(),
                size_bytes=9,
                media_type="application/pdf",
            )
        ],
        personal_data_consent=True,
        signed_date=Date(year=2023, month=1, day=5),
        filed_time=filed,
        accepted_by=person_pb2.Official(name=name("Лауазым"), position="Consul (synthetic)"),
    )


def submit(channel, request):
    """Sends the act. After a timeout or a lost connection, send the very same request again: the
    request id makes sure that it counts once, and brings the original receipt."""
    stub = mission_grpc.ForeignMissionServiceStub(channel)
    return stub.SubmitApplication(request, timeout=TIMEOUT_SECONDS).receipt


def receive_one(channel):
    """Takes one delivery from the inbox stream and acknowledges it on the same stream."""
    say = queue.SimpleQueue()
    # The opening comes first. The window says how much may be unacknowledged at once.
    say.put(inbox.OpenInboxRequest(opening=inbox.InboxOpening(window=16)))
    heard = inbox_grpc.InboxServiceStub(channel).OpenInbox(iter(say.get, None))
    delivery = next(heard).delivery
    # Store the delivery safely before this: acknowledging starts the term of the next step.
    acknowledgement = inbox.DeliveryAcknowledgement(delivery_id=delivery.delivery_id)
    say.put(inbox.OpenInboxRequest(acknowledgement=acknowledgement))
    confirmation = next(heard).confirmation
    say.put(None)  # Closes our side; the bus ends the stream.
    assert list(heard) == [], "nothing else is in the inbox"
    return delivery, confirmation


def forward(channel, case_id):
    """The committee sends the application on to the akimat of the region."""
    stub = migration_grpc.MigrationBodyServiceStub(channel)
    request = migration.ForwardApplicationRequest(request_id=str(uuid.uuid4()), case_id=case_id)
    return stub.ForwardApplication(request, timeout=TIMEOUT_SECONDS).receipt


def read_case(channel, case_id):
    """Where the case stands, hop by hop."""
    stub = cases_grpc.CaseServiceStub(channel)
    return stub.GetCase(cases.GetCaseRequest(case_id=case_id), timeout=TIMEOUT_SECONDS).case


def explain(error):
    """The machine-readable part of an error: its reason, and the fields at fault. Decide by the
    reason; the message is for people and may change."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(error).details:
        detail.Unpack(info) or detail.Unpack(bad_request)
    return info, bad_request.field_violations


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--address", default="127.0.0.1:7443")
    arguments.add_argument("--certs", default="certs")
    arguments = arguments.parse_args()
    as_mission = connect(arguments.address, arguments.certs, "mission-uz")
    as_committee = connect(arguments.address, arguments.certs, "migration-committee")

    # The mission submits. The id is minted once and kept with the act until the receipt is here.
    request = mission.SubmitApplicationRequest(
        request_id=str(uuid.uuid4()), application=application()
    )
    receipt = submit(as_mission, request)
    print(f"submitted   case {receipt.case_id}, {receipt.hop}, record {receipt.sequence}")
    assert receipt.hop == "K21B-02" and receipt.request_id == request.request_id
    assert len(receipt.record_hash) == 32
    assert submit(as_mission, request) == receipt, "a repeat brings the original receipt"

    # The committee receives it, acknowledges, and is told its term.
    delivery, confirmation = receive_one(as_committee)
    clock = confirmation.clocks[0].clock
    due = clock.due_date
    print(f"received    from {delivery.sender_party_id}, {clock.hop} is due on "
          f"{due.year}-{due.month:02}-{due.day:02} ({clock.citation})")
    assert delivery.case_id == receipt.case_id and delivery.record_hash == receipt.record_hash
    assert delivery.application == request.application, "it travels unchanged"
    assert clock.hop == "K21B-03" and clock.holder_party_id == "migration-committee"

    # The committee forwards it to the akimat.
    forwarded = forward(as_committee, delivery.case_id)
    print(f"forwarded   {forwarded.hop}, record {forwarded.sequence}")
    assert forwarded.hop == "K21B-03" and forwarded.sequence > confirmation.sequence

    # The mission looks where its case stands.
    case = read_case(as_mission, receipt.case_id)
    state = cases.CaseState.Name(case.summary.state)
    print(f"case        {state}, {case.summary.person_count} persons, at {case.akimat_party_id}")
    assert state == "CASE_STATE_AT_AKIMAT" and case.summary.person_count == 2
    assert [hop.clock.hop for hop in case.hops][:3] == ["K21B-01", "K21B-02", "K21B-03"]

    # What an error says: here a family member was born after the form was signed.
    wrong = mission.SubmitApplicationRequest()
    wrong.CopyFrom(request)
    wrong.request_id = str(uuid.uuid4())
    wrong.application.family_members[0].birth_date.year = 2024
    try:
        submit(as_mission, wrong)
        raise AssertionError("a birth after the signature was accepted")
    except grpc.RpcError as error:
        info, violations = explain(error)
        print(f"refused     {error.code().name}, {info.domain}/{info.reason}")
        for violation in violations:
            print(f"            {violation.field}: {violation.description}")
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert (info.domain, info.reason) == ("kopir", "FIELD_INVALID")
        assert [violation.field for violation in violations] == [
            "application.family_members[0].birth_date"
        ]

    # A mission may not do the committee's acts.
    try:
        forward(as_mission, receipt.case_id)
        raise AssertionError("a mission forwarded an application")
    except grpc.RpcError as error:
        info, _ = explain(error)
        print(f"refused     {error.code().name}, {info.domain}/{info.reason}")
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED
        assert info.reason == "ROLE_NOT_ALLOWED"

    # Tools that know nothing of the contract ask the bus for it.
    services = ProtoReflectionDescriptorDatabase(as_mission).get_services()
    ours = sorted(service for service in services if service.startswith("kopir."))
    print(f"reflection  {len(ours)} services: {', '.join(ours)}")
    assert "kopir.mission.v1.ForeignMissionService" in ours
    assert "kopir.inbox.v1.InboxService" in ours


if __name__ == "__main__":
    main()
