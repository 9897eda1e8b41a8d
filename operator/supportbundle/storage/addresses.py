"""Where a zip may be sent: every address is looked at after its name was resolved, and before it is connected to.

A destination is written by an admin, but its name is answered by somebody's DNS, and the pod that sends lives inside
the cluster. What has special rights there is refused: loopback, link-local, metadata services, the API server. Other
addresses of nodes are not: a store may well be served there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from supportbundle.errors import Invalid, Unavailable
from supportbundle.model.addresses import every_form, is_destination_address

API_SERVER_NAMES = ("kubernetes.default.svc", "kubernetes.default", "kubernetes")


class ForbiddenAddress(Invalid):
    """The destination leads to an address that nothing is ever sent to."""

    reason = "ForbiddenAddress"


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, or the address itself; none if nobody knows the name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Guard:
    """Refuses addresses. `allowed` is the rule for an address.

    `environ` tells the address of the API server's Service, and `servers` the addresses and ports behind it.
    """

    allowed: Callable[[str], bool] = is_destination_address
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    servers: Callable[[], Iterable[tuple[str, int]]] = tuple
    lookup: Callable[[str, int], list[str]] = resolve

    def check(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them fit to be connected to. None for a name that only a proxy knows.

        Raises:
            ForbiddenAddress: one of them, or the name itself, is refused.
        """
        found = self.lookup(host, port)
        named = host.rstrip(".").lower() in API_SERVER_NAMES or host.lower().startswith("kubernetes.default.svc.")
        if named or any(not self.allowed(address) or self._is_server(address, port) for address in found):
            raise ForbiddenAddress(
                f"The destination's host {host} leads to a loopback or link-local address, a metadata service or the "
                "API server.",
                "Name a server that is meant to receive files.",
            )
        return found

    def _is_server(self, address: str, port: int) -> bool:
        """Whether the API server answers there; its Service's address is its alone, of a node's only the port is."""
        forms = {str(form) for form in every_form(ip_address(address.partition("%")[0]))}
        served = {_plain(host) for host, its_port in self.servers() if its_port == port}
        return bool(forms & {_plain(self.environ.get("KUBERNETES_SERVICE_HOST", "")), *served})

    def addresses(self, host: str, port: int) -> list[str]:
        """As `check`, for those who connect by themselves.

        Raises:
            ForbiddenAddress: as `check`.
            Unavailable: nobody knows the name.
        """
        if found := self.check(host, port):
            return found
        raise Unavailable(
            f"The destination's host {host} cannot be resolved.", "Check its name, and the cluster's DNS."
        )


def _plain(text: str) -> str:
    """An address in its usual spelling; anything else as it is."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text
