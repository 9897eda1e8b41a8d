"""The leak check: finds what the sanitizer would have missed, whatever the chunks, and never shows it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import KnownSecret, Sanitizer

LEAKS = {
    "known-secret": b"x Tr0ub4dor&3/x y",
    "pem": b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEowIBAAKCAQEA" * 4,
    "jwt": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF-123_abcDEF-123",
    "aws-access-key": b"AKIAIOSFODNN7EXAMPLE ",
    "github-token": b"ghp_" + b"a1B2" * 9,
    "url-userinfo": b"postgres://app:hunter2@db:5432/shop",
}


@pytest.mark.parametrize(("rule", "content"), LEAKS.items(), ids=LEAKS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_finds_a_secret_across_any_chunks(rule: str, content: bytes, size: int, sanitizer: Sanitizer) -> None:
    data = b"ordinary text\n" * 50 + content + b"\n" + b"more text\n" * 50
    check = sanitizer.leak_check()

    def feed_all() -> None:
        for at in range(0, len(data), size):
            check.feed(data[at : at + size])
        check.finish()

    with pytest.raises(Unsanitizable, match=rule) as refusal:
        feed_all()
    assert content.decode()[4:12] not in str(refusal.value)


@pytest.mark.parametrize("lead", [b"", b"a", b"ab"])
def test_finds_a_known_secret_in_base64(lead: bytes, sanitizer: Sanitizer) -> None:
    check = sanitizer.leak_check()
    with pytest.raises(Unsanitizable, match="known-secret"):
        check.feed(base64.b64encode(lead + b"Tr0ub4dor&3/x" + b"tail"))


def test_looks_into_binaries_too(sanitizer: Sanitizer) -> None:
    check = sanitizer.leak_check()
    with pytest.raises(Unsanitizable):
        check.feed(b"\x7fELF" + bytes(5000) + b"\x00AKIAIOSFODNN7EXAMPLE\x00")


def test_passes_ordinary_output_and_markers(sanitizer: Sanitizer) -> None:
    check = sanitizer.leak_check()
    check.feed(b"password=<redacted:password> postgres://app:<redacted:url-userinfo>@db/shop\n" * 1000)
    check.feed(b"")
    check.finish()


@given(content=st.binary(max_size=500))
def test_many_checks_live_side_by_side(content: bytes, sanitizer: Sanitizer) -> None:
    checks = [sanitizer.leak_check() for _ in range(5)]
    for check in checks:
        check.feed(content)
    for check in checks[:3]:
        check.finish()


def test_a_sanitizer_without_known_secrets_has_a_leak_check() -> None:
    check = Sanitizer.build([KnownSecret("a/b", b"true")]).leak_check()
    check.feed(b"true")
    check.finish()
