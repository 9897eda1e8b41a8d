"""An HTTPS server that takes zips by PUT, as whoever hands out links would run it."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.outside import ADDRESS, Certificate


@dataclass(frozen=True)
class Links:
    """A running server: a good link and what was PUT there, and one that is answered with 403.

    `arrived` is set by the first zip; none is answered while `answering` is cleared.
    """

    url: str
    refused: str
    bodies: list[bytes] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)


def self_signed(folder: Path) -> Certificate:
    """A new certificate of the address at which tests and pods meet."""
    command = (
        "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=receiver -days 2 "
        f"-addext subjectAltName=IP:{ADDRESS} -keyout key -out crt"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return Certificate((folder / "crt").read_text(), folder / "crt", folder / "key")


@contextmanager
def receiving(certificate: Certificate, signature: str = "topsecret") -> Iterator[Links]:
    """Serve links that are good with this signature only."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            links.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            good = self.path.startswith("/upload") and f"signature={signature}" in self.path
            if good:
                links.arrived.set()
                links.answering.wait(120)
            said = b"" if good else f"{self.path} is not for you".encode()
            self.send_response(200 if good else 403)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    root = f"https://{ADDRESS}:{server.server_address[1]}"
    links = Links(f"{root}/upload?signature={signature}", f"{root}/refused?signature={signature}")
    links.answering.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield links
    finally:
        links.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()
