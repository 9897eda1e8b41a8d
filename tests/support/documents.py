"""What every reader of a document must keep to, whatever the format; used by the tests of each."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from supportbundle.sanitize import Sanitizer

SECRET_KEYS = ("password", "db_password", "apiKey", "CLIENT_SECRET", "access-token", "private-key", "passphrase", "pwd")
PLAIN_KEYS = ("user", "host", "tokenExpiry", "passwordPolicy", "log-level", "path_1", "enabled", "note")
PLANTED = "Hunter2"
"""Every planted secret holds this, nothing else does."""

secret_keys = st.sampled_from(SECRET_KEYS)
plain_keys = st.sampled_from(PLAIN_KEYS)
plain_texts = st.text("abc XYZ.-/é\"'\\#;<&>{}[]=:$%,\t", max_size=20).map(str.strip)
# Cut to what they may be, not drawn again until they are: drawing costs far more than the sanitizer.
lines = st.text("abc XYZ.-/é\"'\\;<&>=:,", max_size=20).map(lambda text: text.strip(" ").lstrip("; "))
secret_texts = st.tuples(lines, lines).map(lambda ends: f"{ends[0]}{PLANTED}{ends[1]}")
sizes = st.lists(st.integers(0, 400), max_size=20)

InChunks = Callable[[Sanitizer, bytes, list[int]], bytes]


def sanitized(by: Sanitizer, in_chunks: InChunks, content: bytes, cuts: list[int]) -> bytes:
    """The output, after looking that no planted secret is in it, no split changes it and a second pass neither."""
    out = in_chunks(by, content, [])
    assert PLANTED.encode() not in out, out
    assert in_chunks(by, content, cuts) == out
    assert in_chunks(by, out, []) == out
    return out


def assert_any_split_is_safe(by: Sanitizer, in_chunks: InChunks, content: bytes, cuts: list[int]) -> None:
    """No planted secret comes out, and no split of the input changes that; for a sanitizer of small windows."""
    whole = in_chunks(by, content, [])
    assert PLANTED.encode() not in whole
    assert in_chunks(by, content, cuts) == whole


def assert_only_secrets_differ(before: object, after: object) -> None:
    """The same structure and the same values but for those that held a planted secret."""
    if isinstance(before, dict) and isinstance(after, dict):
        assert list(before) == list(after)
        for key, value in before.items():
            assert_only_secrets_differ(value, after[key])
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert_only_secrets_differ(old, new)
    elif PLANTED in str(before):
        assert "<redacted:" in str(after)
    else:
        assert before == after
