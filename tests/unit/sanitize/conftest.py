"""Sanitizers and the one way in which these tests use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from supportbundle.sanitize import KnownSecret, Limits, Sanitizer

Clean = Callable[..., bytes]

TINY = Limits(block=256, ahead=128, feed=64, stretch=128, unit=64, whole=2048, cap=4096)
KNOWN = (
    KnownSecret("db/password", b"Tr0ub4dor&3/x\n"),
    KnownSecret("app/multi", b"first: value-one-9\nplain-second-line-7\n"),
    KnownSecret("app/key", b"0f9e8d7c6b5a49382716"),
)


def run(sanitizer: Sanitizer, chunks: Iterable[bytes], path: str = "x") -> bytes:
    """The sanitized content of one member."""
    stream = sanitizer.open(path)
    return b"".join([*[stream.feed(chunk) for chunk in chunks], stream.finish()])


@pytest.fixture(scope="session")
def sanitizer() -> Sanitizer:
    return Sanitizer.build(KNOWN)


@pytest.fixture(scope="session")
def tiny() -> Sanitizer:
    """The same with windows so small that every test crosses them."""
    return Sanitizer.build(KNOWN, limits=TINY)


@pytest.fixture(scope="session")
def clean(sanitizer: Sanitizer) -> Clean:
    def sanitize(content: bytes | str, *, path: str = "x", by: Sanitizer | None = None) -> bytes:
        data = content.encode() if isinstance(content, str) else content
        return run(by or sanitizer, [data], path)

    return sanitize


@pytest.fixture(scope="session")
def in_chunks() -> Callable[..., bytes]:
    def sanitize(by: Sanitizer, content: bytes, sizes: list[int]) -> bytes:
        chunks, position = [], 0
        for size in sizes:
            chunks.append(content[position : position + size])
            position += size
        return run(by, [*chunks, content[position:]])

    return sanitize
