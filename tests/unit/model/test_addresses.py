"""A pod's address is called, no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.model.addresses import is_pod_address


@pytest.mark.parametrize(
    "host", ["10.42.0.7", "192.168.3.4", "172.20.1.1", "100.64.0.9", "fd12:3456::7", "2001:4860::1"]
)
def test_pods_are_called(host: str) -> None:
    assert is_pod_address(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "localhost",
        "kubernetes.default.svc",
        "2130706433",
        "0x7f.1",
        "",
    ],
)
def test_everything_else_is_refused(host: str) -> None:
    assert not is_pod_address(host)


@given(st.ip_addresses(v=4, network="127.0.0.0/8") | st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_wrapping_in_ipv6_does_not_help(address: object) -> None:
    assert not is_pod_address(f"::ffff:{address}")
