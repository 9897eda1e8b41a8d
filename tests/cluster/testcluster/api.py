"""The little of the Kubernetes API that starting a cluster takes, without starting kubectl each time."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from .settings import API_PORT, NODE_ADDRESS, Settings

ADDRESS = f"https://{NODE_ADDRESS}:{API_PORT}"


class Api:
    """A client with the administrator's certificate; use it inside the network namespace only."""

    def __init__(self, settings: Settings) -> None:
        context = ssl.create_default_context(cafile=str(settings.pki / "ca.crt"))
        context.load_cert_chain(settings.pki / "admin.crt", settings.pki / "admin.key")
        # No proxy of the environment can reach into the namespace.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> dict[str, Any]:
        """Read a resource or a list."""
        return self._call("GET", path, None)

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        """Create a resource; that it exists already is success."""
        try:
            self._call("POST", path, manifest)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise

    def delete(self, path: str) -> None:
        """Delete a resource; that it is gone already is success."""
        try:
            self._call("DELETE", path, None)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise

    def _call(self, verb: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(ADDRESS + path, data, headers, method=verb)  # noqa: S310
        with self._opener.open(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
