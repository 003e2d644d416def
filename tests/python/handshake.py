"""Who gets through the bus's door, by an OpenSSL that knows the hybrid key exchange.

pyOpenSSL and the OpenSSL of its cryptography package are nobody's library in the bus. What is
asserted is printed too, as a transcript.
"""

import argparse
import pathlib
import socket

from OpenSSL import SSL

TIMEOUT_SECONDS = 30
BUS_IDENTITY = "urn:kopir:bus"


def context(certs, party):
    """A client with a party's certificate; none with no party."""
    made = SSL.Context(SSL.TLS_CLIENT_METHOD)
    made.load_verify_locations(str(certs / "ca.pem"))
    made.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, code, depth, ok: bool(ok))
    made.set_alpn_protos([b"h2"])
    if party:
        made.use_certificate_file(str(certs / f"{party}.pem"))
        made.use_privatekey_file(str(certs / f"{party}.key"))
    return made


def connect(address, made):
    """A connection whose handshake is done as far as this side can tell."""
    host, port = address.rsplit(":", 1)
    stream = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
    stream.setblocking(True)
    connection = SSL.Connection(made, stream)
    connection.set_tlsext_host_name(b"localhost")
    connection.set_connect_state()
    connection.do_handshake()
    return connection


def uris(certificate):
    """The URI names of a certificate."""
    from cryptography.x509 import SubjectAlternativeName, UniformResourceIdentifier

    names = certificate.to_cryptography().extensions.get_extension_for_class(SubjectAlternativeName)
    return names.value.get_values_for_type(UniformResourceIdentifier)


def accepted(address, certs, party):
    """With the certificate of a party: the hybrid group, and an answer."""
    connection = connect(address, context(certs, party))
    # The preface of HTTP/2 and empty settings: whoever is let in gets the settings of the bus.
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
    answer = connection.recv(9)
    certificate = connection.get_peer_certificate()
    facts = {
        "OpenSSL": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(),
        "protocol": connection.get_protocol_version_name(),
        "group": connection.get_group_name(),
        "cipher": connection.get_cipher_name(),
        "ALPN": connection.get_alpn_proto_negotiated().decode(),
        "the bus": ", ".join(uris(certificate)),
        "first frame": f"type {answer[3]}, of HTTP/2 SETTINGS",
    }
    for name, value in facts.items():
        print(f"handshake   {name}: {value}")
    assert facts["protocol"] == "TLSv1.3"
    assert facts["group"] == "X25519MLKEM768", "the hybrid key exchange is preferred"
    assert facts["ALPN"] == "h2"
    assert uris(certificate) == [BUS_IDENTITY]
    assert answer[3] == 4, "SETTINGS come first"
    connection.shutdown()


def refused(address, made, what, alert):
    """A client that must be refused, and hears this alert and nothing else."""
    try:
        connection = connect(address, made)
        # TLS 1.3 tells a client only after its own last message.
        data = connection.recv(1)
    except SSL.Error as error:
        reasons = [reason for *_, reason in error.args[0]]
        print(f"handshake   {what}: {', '.join(reasons)}")
        assert len(reasons) == 1 and reasons[0].endswith(f"alert {alert}"), reasons
    else:
        raise AssertionError(f"{what} was let in, and got {data}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--address", default="127.0.0.1:7443")
    arguments.add_argument("--certs", default="certs", type=pathlib.Path)
    arguments = arguments.parse_args()
    address, certs, party = arguments.address, arguments.certs, "mission-uz"
    accepted(address, certs, party)
    older = context(certs, party)
    older.set_max_proto_version(SSL.TLS1_2_VERSION)
    refused(address, older, "TLS 1.2", "protocol version")
    refused(address, context(certs, None), "no certificate", "certificate required")


if __name__ == "__main__":
    main()
