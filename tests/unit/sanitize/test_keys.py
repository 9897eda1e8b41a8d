"""Names of keys: which say secret, in any spelling, and which only look like it."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.sanitize.rules.builtin import BUILTIN
from supportbundle.sanitize.rules.keys import KeyClassifier, key_trigger

CLASSIFY = KeyClassifier(BUILTIN)
WORDS = ["password", "api-key", "private-key", "client-secret", "access-token", "credential", "connection-string"]


@pytest.mark.parametrize("word", WORDS)
def test_case_and_separators_do_not_matter(word: str) -> None:
    parts = word.split("-")
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    spellings = [
        "_".join(parts),
        ".".join(parts),
        "-".join(parts),
        "_".join(parts).upper(),
        camel,
        camel[0].upper() + camel[1:],
    ]
    for spelling in spellings:
        for prefix in ("", "db_", "spring.datasource.", "x-"):
            assert CLASSIFY((prefix + spelling).encode()) is not None, prefix + spelling


@pytest.mark.parametrize(
    "name",
    ["tokenExpiry", "passwordPolicy", "secretName", "secretKeyRef", "keyId", "imagePullSecrets",
     "PASSWORD_FILE", "token_url",
     "hasPassword", "secret.path", "publicKey", "serviceAccountToken", "tokenizer",
     "access_key_id", "passwordLastChangedAt",
     "secretProviderClass", "user", "", "...", "password_min_length", "compass", "author", "primaryKey", "monkey"],
)  # fmt: skip
def test_names_that_only_look_secret(name: str) -> None:
    assert CLASSIFY(name.encode()) is None


@given(name=st.from_regex(r"[A-Za-z0-9_.\-]{0,12}", fullmatch=True), word=st.sampled_from(WORDS), upper=st.booleans())
def test_every_secret_name_is_triggered(name: str, word: str, upper: bool) -> None:  # noqa: FBT001 - hypothesis
    key = f"{name}{word.upper() if upper else word}"
    trigger = re2.compile(f"(?i:{key_trigger(BUILTIN)})".encode())
    if CLASSIFY(key.encode()) is not None:
        assert trigger.search(key.encode())


@given(name=st.binary(max_size=400))
def test_any_bytes_are_classified(name: bytes) -> None:
    first = CLASSIFY(name)
    assert CLASSIFY(name) == first
