"""One PUT to a link: against a real HTTPS server."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.parcels import ANYWHERE, Memo, package
from supportbundle.errors import Invalid, StoreDenied, SupportBundleError, Unavailable
from supportbundle.storage.addresses import ForbiddenAddress, Guard
from supportbundle.storage.httpput import BLOCK, HTTPPutReceiver

DATA = b"x" * (BLOCK + 17)
LINK = "/upload?X-Amz-Signature=topsecret"


@dataclass
class Seen:
    """What the server was sent, and what it answers."""

    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    command = (
        "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=receiver -days 2 "
        "-addext subjectAltName=DNS:localhost -keyout key -out crt"
    )
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    return directory


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def port(seen: Seen, certificate: Path) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            seen.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            seen.headers.append(dict(self.headers))
            seen.paths.append(self.path)
            self.send_response(seen.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("ETag", '"abc"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "crt", certificate / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver(port: int, certificate: Path) -> HTTPPutReceiver:
    pem = (certificate / "crt").read_text()
    return HTTPPutReceiver(
        f"https://localhost:{port}{LINK}", headers={"x-amz-acl": "private"}, ca_pem=pem, guard=ANYWHERE
    )


def test_the_whole_zip_is_put_with_its_length(receiver: HTTPPutReceiver, seen: Seen) -> None:
    receipt = receiver.send(package(DATA), Memo())
    assert seen.bodies == [DATA]
    assert seen.paths == [LINK]
    assert seen.headers[0]["x-amz-acl"] == "private"
    assert "Content-Type" not in seen.headers[0]
    assert "Transfer-Encoding" not in seen.headers[0]
    assert receipt.sha256 == hashlib.sha256(DATA).hexdigest()
    assert receipt.etag == "abc"
    assert receipt.location == "https://localhost/"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, StoreDenied), (404, StoreDenied), (307, StoreDenied), (500, Unavailable), (429, Unavailable)],
)
def test_what_the_receiver_answers_is_said_without_the_link(
    receiver: HTTPPutReceiver, seen: Seen, status: int, kind: type[SupportBundleError]
) -> None:
    seen.status = status
    with pytest.raises(kind, match=str(status)) as failure:
        receiver.send(package(b"zip"), Memo())
    assert "topsecret" not in f"{failure.value!s} {failure.value!r} {receiver!r}"
    assert len(seen.bodies) == 1


def test_a_link_that_another_bundle_has_used_is_not_used_again(receiver: HTTPPutReceiver, seen: Seen) -> None:
    first = Memo()
    receiver.send(package(b"zip"), first)
    receiver.send(package(b"zip"), first)  # the same bundle, whose proof got lost
    with pytest.raises(StoreDenied, match="Ask for a new one") as failure:
        receiver.send(package(b"another"), Memo(claims=first.claims))
    assert "topsecret" not in str(failure.value) + str(first.claims)
    assert seen.bodies == [b"zip", b"zip"]


def test_a_link_that_was_refused_is_not_used_up(receiver: HTTPPutReceiver, seen: Seen) -> None:
    seen.status, first = 403, Memo()
    with pytest.raises(StoreDenied):
        receiver.send(package(b"zip"), first)
    assert first.claims == {}


def test_a_server_that_nobody_vouches_for_is_sent_nothing(port: int, seen: Seen) -> None:
    with pytest.raises(Unavailable, match="certificate") as failure:
        HTTPPutReceiver(f"https://localhost:{port}{LINK}", guard=ANYWHERE).send(package(b"zip"), Memo())
    assert "topsecret" not in str(failure.value)
    assert seen.bodies == []


@pytest.mark.parametrize("url", ["http://vendor.example/x", "vendor.example", ""])
def test_only_https_links_are_followed(url: str) -> None:
    with pytest.raises(Invalid, match="https://"):
        HTTPPutReceiver(url, guard=ANYWHERE).send(package(b"zip"), Memo())


def test_a_link_to_the_node_is_refused(port: int, certificate: Path, seen: Seen) -> None:
    pem = (certificate / "crt").read_text()
    for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]"):
        with pytest.raises(ForbiddenAddress):
            HTTPPutReceiver(f"https://{host}:{port}/", ca_pem=pem, guard=Guard(environ={})).send(package(b"x"), Memo())
    assert seen.bodies == []


def test_a_name_that_changes_its_mind_is_not_followed(port: int, certificate: Path, seen: Seen) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    guard = Guard(environ={}, lookup=lambda *_: next(answers))
    with pytest.raises(ForbiddenAddress):
        HTTPPutReceiver(f"https://localhost:{port}/", ca_pem=(certificate / "crt").read_text(), guard=guard).send(
            package(b"zip"), Memo()
        )
    assert seen.bodies == []


def test_nobody_listening_is_said() -> None:
    with pytest.raises(Unavailable, match="did not take"):
        HTTPPutReceiver("https://localhost:9/", guard=ANYWHERE).send(package(b"zip"), Memo())
