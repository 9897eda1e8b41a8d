"""Short texts from targets: cut and escaped secrets are recognised, harmless names stay as they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.build import task
from support.sink import SECRET, Bench
from supportbundle.collect.containerpaths import archive_path
from supportbundle.collector.quoting import PIECE, Quoting
from supportbundle.model.gap import Gap, printable
from supportbundle.model.spec import PseudonymKind
from supportbundle.sanitize import KnownSecret, Sanitizer
from supportbundle.sanitize.pseudonyms import Pseudonymizer

SECRETS = ("correct-horse-battery-17", 'quote"back\\slash\x1bval', "zweitgeheim-9f8e7d")
KNOWN = [KnownSecret(f"s/{i}", text.encode()) for i, text in enumerate(SECRETS)]
QUOTING = Quoting(Sanitizer.build(KNOWN), KNOWN)


@pytest.mark.parametrize("secret", SECRETS)
@given(st.text(alphabet=" abc:/.", max_size=20), st.integers(PIECE, 40))
def test_no_part_of_a_known_secret_is_quoted(secret: str, around: str, length: int) -> None:
    for part in (secret[:length], secret[-length:]):
        for text in (around + part, part + around, around + part + around):
            cleaned = QUOTING.clean(printable(text, 900))
            assert part not in cleaned
            assert secret[:PIECE] not in cleaned
            assert secret[-PIECE:] not in cleaned


@pytest.mark.parametrize(
    "path",
    [
        "pods/web-7f9c4d/app/current.log",
        "cluster-resources/network-policy/team.json",
        "pods/db-0/files/app/etc/postgresql/pg_hba.conf",
        "secrets/shapes.json",
        "pods/web-0/http/status-503",
        "helm/team/my-release.json",
        "collectors/second/pods/p/c/previous.log",
    ],
)
def test_ordinary_paths_stay_as_they_are(path: str) -> None:
    assert QUOTING.path(path, 1) == path


def test_a_file_named_after_a_secret_is_renamed() -> None:
    assert QUOTING.path(f"pods/p/files/app/{SECRETS[0]}/a.txt", 7) == "pods/p/files/app/redacted-name-7/a.txt"


ESCAPED = ("p@ss:w0rd!xyz", "kettle&bridge(77)", "Zmarł-żółw-hasło", "tok:en/9f8e7d6c5b")


@pytest.mark.parametrize("secret", ESCAPED)
@pytest.mark.parametrize("around", ["{}", "dump-{}.txt", "dump (1) {}.txt"])
def test_a_secret_that_was_escaped_into_a_name_is_known(secret: str, around: str) -> None:
    known = [KnownSecret("s/k", secret.encode())]
    name = archive_path(around.format(secret.replace("/", "")).encode())
    assert "%" in name
    assert Quoting(Sanitizer.build(known), known).path(f"pods/p/http/packet/{name}", 7) == (
        "pods/p/http/packet/redacted-name-7"
    )


@pytest.mark.parametrize("name", ["Größe (1).log", "a&b", "100%.txt", "%zz", "bell\x07"])
def test_other_escaped_names_stay_as_they_are(name: str) -> None:
    path = archive_path(name.encode())
    assert QUOTING.path(path, 1) == path


def test_a_file_named_after_an_address_bears_its_pseudonym() -> None:
    names = Pseudonymizer.build((PseudonymKind.IP, PseudonymKind.EMAIL), bytes(32))
    quoting = Quoting(Sanitizer.build(KNOWN, pseudonyms=names), KNOWN)
    path = quoting.path("pods/p/files/app/10.0.1.2/ann@example.com.txt", 7)
    assert re.fullmatch(r"pods/p/files/app/10\.\d+\.\d+\.\d+/mail-\w+@mail-\w+\.invalid", path), path
    assert "10.0.1.2" not in quoting.clean("dial tcp 10.0.1.2:80: refused")
    assert quoting.path(f"a/{SECRETS[0]}-10.0.1.2", 7) == "a/redacted-name-7"


async def test_notes_names_and_gaps_pass_the_same_way(bench: Bench) -> None:
    secret = SECRET.decode()
    async with bench.sink.member(f"files/{secret}.txt", task=task(), limit=100) as member:
        await member.write(b"x")
        member.note("contentType", f"text/plain; token={secret}")
        member.note("status", 200)
    bench.sink.gap(Gap.say("HTTP500", f"it said: {secret[:15]}", target=secret[-12:], collector="c"))
    index = bench.index()
    assert secret.encode() not in bench.file.read_bytes()
    (entry,) = index.members
    assert entry.path == "files/redacted-name-1"
    assert entry.meta.notes["status"] == 200
    assert secret not in str(entry.meta.notes)
    assert "correct" not in index.gaps[0].message
    assert "17" not in index.gaps[0].target
