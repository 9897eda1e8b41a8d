"""Which addresses a plain request may go to: a pod's, never one that belongs to the node or the cloud.

`status.podIP` is written by a kubelet, but the address ends up in a request that we send from inside the cluster, so
an address with special rights (metadata services, loopback) is refused whoever wrote it: when a task is planned, and
again by the client that sends the request.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "168.63.129.16",  # Azure's wire server
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
_NAT64 = ip_network("64:ff9b::/96")
Address = IPv4Address | IPv6Address


def is_pod_address(text: str) -> bool:
    """Whether a pod may be asked at this address.

    False for names, and for loopback, link-local (which holds most metadata services), multicast, unspecified and
    reserved addresses and the metadata services of clouds; also where one is wrapped in IPv6.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not any(
        form.is_loopback
        or form.is_link_local
        or form.is_multicast
        or form.is_unspecified
        or form.is_reserved
        or form in _METADATA
        for form in every_form(address)
    )


def every_form(address: Address) -> frozenset[Address]:
    """The address itself, and the IPv4 addresses that one of IPv6 leads to."""
    return frozenset((address, *_inner(address)))


def is_destination_address(text: str) -> bool:
    """Whether a zip may be sent to this address: as for a pod's, but by way of NAT64 too, as IPv6-only clusters need.

    Private addresses are fine: a server of object storage inside the cluster is as good as one outside.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if address in _NAT64:
        return is_pod_address(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    return is_pod_address(str(address))


def _inner(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return ()
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return tuple(form for form in (address.ipv4_mapped, address.sixtofour, nat64) if form is not None)
