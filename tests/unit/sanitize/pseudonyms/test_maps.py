"""The maps beneath: bijections that the key inverts, prefixes kept, special ranges left where they are."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.errors import Invalid
from supportbundle.sanitize.pseudonyms.addresses import Addresses, in_network
from supportbundle.sanitize.pseudonyms.permute import Prf, WideBlock
from supportbundle.sanitize.pseudonyms.tokens import MAX_NAME, Tokens

KEY, OTHER = bytes(range(32)), bytes(32)
THERE, BACK = Addresses(KEY), Addresses(KEY, back=True)
HOSTS = Tokens(KEY, "host")
ALL4, ALL6 = 1 << 32, 1 << 128
known_addresses = st.sampled_from([int(ipaddress.ip_address(text)) for text in (
    "10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "8.8.8.8", "11.0.0.1",
    "169.254.169.254", "127.0.0.1", "0.0.0.0", "255.255.255.255", "255.255.255.0", "224.0.0.1", "192.169.0.1",
)])  # fmt: skip
ipv4 = st.integers(0, ALL4 - 1) | known_addresses
ipv6 = st.integers(0, ALL6 - 1) | st.builds(lambda low, first: first << 112 | low, st.integers(0, (1 << 112) - 1),
    st.sampled_from([0x2001, 0xFD00, 0xFE80, 0xFF02, 0]))  # fmt: skip


def common(one: int, other: int, bits: int) -> int:
    """How many leading bits agree."""
    return bits - (one ^ other).bit_length()


@given(ipv4, ipv4, st.integers(0, 31))
def test_ipv4_keeps_the_length_of_common_prefixes(one: int, other: int, shared: int) -> None:
    near = one ^ (1 << (31 - shared))
    for second in (other, near):
        assert common(one, second, 32) == common(THERE.ipv4(one), THERE.ipv4(second), 32)


@given(ipv6, ipv6, st.integers(0, 127))
def test_ipv6_keeps_the_length_of_common_prefixes(one: int, other: int, shared: int) -> None:
    near = one ^ (1 << (127 - shared))
    for second in (other, near):
        assert common(one, second, 128) == common(THERE.ipv6(one), THERE.ipv6(second), 128)


@given(ipv4, ipv6, st.integers(0, (1 << 48) - 1))
def test_the_key_inverts_every_map(four: int, six: int, mac: int) -> None:
    assert BACK.ipv4(THERE.ipv4(four)) == four
    assert BACK.ipv6(THERE.ipv6(six)) == six
    assert BACK.mac(THERE.mac(mac)) == mac


@given(ipv4, st.integers(0, 32))
def test_addresses_with_a_prefix_length_are_mapped_one_to_one(address: int, length: int) -> None:
    image = in_network(THERE.ipv4, address, length, 32)
    assert in_network(BACK.ipv4, image, length, 32) == address
    host = (1 << (32 - length)) - 1
    assert (image & host == 0) == (address & host == 0)
    assert image & ~host == THERE.ipv4(address) & ~host


def test_the_small_networks_are_mapped_one_to_one_as_a_whole() -> None:
    base = int(ipaddress.ip_address("10.1.2.0"))
    for length in (24, 28, 31, 32):
        images = {in_network(THERE.ipv4, base + host, length, 32) for host in range(1 << (32 - length))}
        assert len(images) == 1 << (32 - length)


@pytest.mark.parametrize("network", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"])
def test_private_ranges_stay_private(network: str) -> None:
    whole = ipaddress.ip_network(network)
    for step in range(200):
        address = int(whole.network_address) + step * 7919 % whole.num_addresses
        assert ipaddress.ip_address(THERE.ipv4(address)) in whole


@pytest.mark.parametrize(("network", "inside"), [("fd00::/8", "fc00::/7"), ("fe80::/64", "fe80::/64")])
@given(st.data())
def test_local_ipv6_ranges_stay_local(network: str, inside: str, data: st.DataObject) -> None:
    whole = ipaddress.IPv6Network(network)
    address = int(whole.network_address) + data.draw(st.integers(0, whole.num_addresses - 1))
    assert ipaddress.IPv6Address(THERE.ipv6(address)) in ipaddress.IPv6Network(inside)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "0.0.0.0", "255.255.255.255", "255.255.240.0", "224.0.0.251", "169.254.169.254"]
)
def test_what_tells_of_no_machine_stays(text: str) -> None:
    address = int(ipaddress.ip_address(text))
    assert THERE.ipv4(address) == address


@given(ipv4)
def test_an_embedded_address_goes_with_its_plain_form(address: int) -> None:
    for upper in (0xFFFF, 0x64FF9B << 64):
        assert THERE.ipv6(upper << 32 | address) == upper << 32 | THERE.ipv4(address)


@given(st.integers(0, (1 << 48) - 1))
def test_a_mac_keeps_its_flags(mac: int) -> None:
    assert (THERE.mac(mac) ^ mac) >> 40 & 3 == 0


def test_broadcast_and_no_mac_stay() -> None:
    assert THERE.mac(0) == 0
    assert THERE.mac((1 << 48) - 1) == (1 << 48) - 1


def test_other_keys_give_other_pseudonyms() -> None:
    other = Addresses(OTHER)
    assert other.ipv4(0x0A000001) != THERE.ipv4(0x0A000001)
    assert other.mac(0x525400123456) != THERE.mac(0x525400123456)
    assert Tokens(OTHER, "host").of(b"db") != HOSTS.of(b"db")
    assert Tokens(OTHER, "host").name(HOSTS.of(b"db")) is None


@given(st.integers(1, 60).flatmap(lambda half: st.binary(min_size=2 * half, max_size=2 * half)))
def test_blocks_are_permuted_and_put_back(block: bytes) -> None:
    cipher = WideBlock(Prf(KEY, "test"))
    assert len(cipher.forward(block)) == len(block)
    assert cipher.backward(cipher.forward(block)) == block


names = st.text(alphabet="abcxyz0189-_.+'", min_size=1, max_size=250).map(str.encode) | st.text(
    alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).map(lambda text: text.encode().lower()[:MAX_NAME])


@given(names)
def test_the_key_turns_every_name_back(name: bytes) -> None:
    token = HOSTS.of(name)
    assert HOSTS.name(token) == name
    assert token in HOSTS


def test_short_names_have_tokens_of_one_length() -> None:
    assert {len(HOSTS.of(name)) for name in (b"a", b"db", b"web-1", b"0123456789")} == {len(b"host-") + 16}


@given(st.text(alphabet="0123456789bcdfghjklmnpqrstuvwxyz", min_size=16, max_size=16))
def test_a_word_that_looks_like_a_token_is_none(word: str) -> None:
    name = HOSTS.name(f"host-{word}".encode())
    assert name is None or HOSTS.of(name) == f"host-{word}".encode()


def test_a_token_of_another_length_is_none() -> None:
    assert HOSTS.name(HOSTS.of(b"db")[:-1]) is None
    assert HOSTS.name(HOSTS.of(b"db") + b"0") is None
    assert HOSTS.name(b"db") is None


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Invalid, match="32"):
        Addresses(bytes(length))
