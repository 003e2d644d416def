"""A mail server and a web server that a party would have, and what the bus tells them.

The mail server is aiosmtpd with STARTTLS and a password; the web server checks each call by the
standardwebhooks package, as docs/webhooks.md tells a receiver to. Prints the two ports, waits for
the address of the bus on its input, sets the bus's clock past the due dates of what client.py left
lying, and holds what arrives against what must.
"""

import argparse
import email
import email.policy
import http.server
import json
import pathlib
import queue
import socket
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from client import connect
from google.protobuf.timestamp_pb2 import Timestamp
from kopir.operations.v1 import operations_service_pb2 as operations
from kopir.operations.v1 import operations_service_pb2_grpc as operations_grpc
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

TIMEOUT_SECONDS = 30
PARTY = "akimat-kz-55"


def tls(certs):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "bus.pem", certs / "bus.key")
    return context


def mail_server(certs, letters):
    """Takes letters from whoever knows the password, over TLS only."""

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            letters.put((envelope.rcpt_tos, envelope.content))
            return "250 OK"

    def authenticate(server, session, envelope, mechanism, auth):
        known = (auth.login, auth.password) == (b"kopir", b"open sesame")
        return AuthResult(success=known, handled=known)

    controller = Controller(
        Handler(), hostname="127.0.0.1", port=0, tls_context=tls(certs), require_starttls=True,
        auth_required=True, auth_require_tls=True, authenticator=authenticate,
    )
    # The controller tries its own port by connecting to it, and so needs a number first.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        controller.port = free.getsockname()[1]
    controller.start()
    return controller


def web_server(certs, secret, calls):
    """Answers 204 to calls that are signed and 401 to others; the first one it only tells later."""
    webhook = Webhook(secret)
    refused_once = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                webhook.verify(body.decode(), dict(self.headers.items()))
                status = 204 if refused_once.is_set() else 503
                refused_once.set()
            except WebhookVerificationError:
                status = 401
            calls.put((status, self.headers["webhook-id"], json.loads(body)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls(certs).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def set_clock(address, certs, to):
    time = Timestamp()
    time.FromJsonString(to)
    stub = operations_grpc.OperationsServiceStub(connect(address, certs, "operator"))
    stub.SetSandboxTime(operations.SetSandboxTimeRequest(time=time), timeout=TIMEOUT_SECONDS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certs", required=True, type=pathlib.Path)
    parser.add_argument("--secret", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    letters, calls = queue.Queue(), queue.Queue()
    mail = mail_server(arguments.certs, letters)
    web = web_server(arguments.certs, arguments.secret.read_text().strip(), calls)
    print(mail.port, web.server_address[1], flush=True)

    address = sys.stdin.readline().strip()
    set_clock(address, arguments.certs, "2023-01-27T12:00:00+06:00")

    names = set()
    subjects = []
    while not any("Мерзім өтті" in subject for subject in subjects):
        recipients, content = letters.get(timeout=TIMEOUT_SECONDS)
        letter = email.message_from_bytes(content, policy=email.policy.default)
        text = letter.get_content()
        assert recipients == ["duty@akimat.example", "head@akimat.example"], recipients
        assert letter["Auto-Submitted"] == "auto-generated"
        assert letter["Message-ID"] not in names, "one letter for each notice"
        assert "Павлодар облысының әкімдігі" in text and "Үлгіев" not in text, text
        names.add(letter["Message-ID"])
        subjects.append(letter["Subject"])
    print(f"letters     {len(names)}, at last: {subjects[-1]}", file=sys.stderr)

    first = calls.get(timeout=TIMEOUT_SECONDS)
    second = calls.get(timeout=TIMEOUT_SECONDS)
    assert (first[0], second[0]) == (503, 204), (first, second)
    assert first[1:] == second[1:], "a call that was not taken comes again, under the same id"
    ids, call = {second[1]}, second[2]
    while "due" not in [rung["rung"] for rung in call["data"]["rungs"]]:
        status, name, call = calls.get(timeout=TIMEOUT_SECONDS)
        assert status == 204 and name not in ids, (status, name)
        ids.add(name)
        assert call["type"] == "kopir.notice" and call["data"]["party"] == PARTY
    print(f"calls       {len(ids)}, each signed, the first one twice", file=sys.stderr)
    mail.stop()
    web.shutdown()


if __name__ == "__main__":
    main()
