"""Where a zip may be sent, by address and by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supportbundle.errors import Unavailable
from supportbundle.model.addresses import is_destination_address
from supportbundle.storage.addresses import ForbiddenAddress, Guard


def knowing(**names: list[str]) -> Guard:
    return Guard(environ={"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, lookup=lambda host, _: names.get(host, [host]))


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "192.168.1.1", "93.184.216.34", "fd12::1", "2606:2800::1", "64:ff9b::5db8:d822"]
)
def test_servers_inside_and_outside_the_cluster_are_fine(address: str) -> None:
    assert is_destination_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fe80::1%eth0", "168.63.129.16",
        "100.100.100.200", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "224.0.0.1", "not-an-address", "",
    ],
)  # fmt: skip
def test_addresses_with_rights_of_their_own_are_not(address: str) -> None:
    assert not is_destination_address(address)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "10.96.0.1", "kubernetes.default", "KUBERNETES.default.svc."],
)
def test_loopback_the_cloud_and_the_api_server_are_refused(host: str) -> None:
    with pytest.raises(ForbiddenAddress, match="API server"):
        knowing().check(host, 443)


BEHIND = (("192.168.1.10", 6443), ("2001:db8::10", 6443))


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1.10", "::ffff:192.168.1.10", "64:ff9b::c0a8:10a", "2002:c0a8:10a::1", "2001:db8:0::10",
        "64:ff9b::a60:1", "::ffff:10.96.0.1",
    ],
)  # fmt: skip
def test_where_the_api_server_really_answers_is_refused_in_every_spelling(address: str) -> None:
    with pytest.raises(ForbiddenAddress, match="API server"):
        replace(knowing(), servers=lambda: BEHIND).check(address, 6443)


def test_a_store_on_a_node_of_the_control_plane_is_fine() -> None:
    assert replace(knowing(), servers=lambda: BEHIND).check("192.168.1.10", 9000) == ["192.168.1.10"]


def test_the_service_of_the_api_server_is_known_by_its_address_however_that_is_written() -> None:
    guard = Guard(environ={"KUBERNETES_SERVICE_HOST": "FD00:0::1"}, lookup=lambda host, _: [host])
    with pytest.raises(ForbiddenAddress):
        guard.check("fd00::1", 443)


def test_one_forbidden_address_among_many_is_enough() -> None:
    with pytest.raises(ForbiddenAddress):
        knowing(rebinds=["93.184.216.34", "127.0.0.1"]).check("rebinds", 443)


def test_the_addresses_that_were_looked_at_are_those_to_connect_to() -> None:
    assert knowing(good=["93.184.216.34"]).addresses("good", 443) == ["93.184.216.34"]


def test_a_name_that_nobody_knows_is_a_proxys_to_resolve() -> None:
    guard = knowing(nowhere=[])
    assert guard.check("nowhere", 443) == []
    with pytest.raises(Unavailable, match="nowhere"):
        guard.addresses("nowhere", 443)
