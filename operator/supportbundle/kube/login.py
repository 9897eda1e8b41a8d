"""Who we are to the API server: its address, how to trust it, and the header that proves our identity.

`in_pod` reads the mounted service account itself. Importing the `kubernetes` package for these three files costs every
Job pod 1.0 s of CPU and 25 MB; `kubeconfig.configured` pays that once, in the operator and on a developer's machine.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from supportbundle.errors import Invalid, Unavailable

Headers = Callable[[], Awaitable[Mapping[str, str]]]
"""The identity headers of the next request; asked for each request, because tokens rotate."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REREAD_SECONDS = 60.0
"""The kubelet rotates a projected token at 80 % of its life of at least 600 s, so a minute is never too late."""


@dataclass(frozen=True, slots=True)
class Login:
    """Everything a session needs. `namespace` is that of our own pod, where we run in one."""

    base_url: str
    headers: Headers
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None
    namespace: str | None = None


class TokenFile:
    """A bearer token in a file that somebody else rotates."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._read_at = -REREAD_SECONDS
        self._token = ""

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header, at most a minute old.

        Raises:
            Unavailable: the file is gone or empty and no earlier token is known.
        """
        if not self._token or self._clock() - self._read_at >= REREAD_SECONDS:
            self._token = self._read() or self._token
            self._read_at = self._clock()
        return {"Authorization": f"Bearer {self._token}"}

    def _read(self) -> str:
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._token:
                return ""
            raise Unavailable(f"The token {self._path} cannot be read: {error}.") from error
        if not token and not self._token:
            raise Unavailable(f"The token {self._path} is empty.", "Wait for the kubelet to project it.")
        return token


def in_pod(directory: Path = SERVICE_ACCOUNT, environ: Mapping[str, str] = os.environ) -> Login:
    """The login of a pod with a mounted service account token.

    Args:
        directory: holds `token`, `ca.crt` and, if the mount has it, `namespace`.
        environ: holds KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.

    Raises:
        Invalid: this process does not run in a pod, or its token is not mounted.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise Invalid("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set.", "Run this in a pod.")
    authority = directory / "ca.crt"
    try:
        tls = trust(authority)
    except OSError as error:
        raise Invalid(f"{authority} cannot be read: {error}.", "Mount a service account token there.") from error
    namespace = directory / "namespace"
    return Login(
        base_url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        headers=TokenFile(directory / "token").headers,
        tls=tls,
        namespace=namespace.read_text(encoding="ascii").strip() if namespace.exists() else None,
    )


def trust(authority: Path | str | None) -> ssl.SSLContext:
    """Verification against this CA file alone, or the system's CAs.

    Python 3.13 turned on strict X.509 checks that the CAs of many clusters fail (no authority key identifier), so
    they are turned off; chain, validity and host name are verified as ever.
    """
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
