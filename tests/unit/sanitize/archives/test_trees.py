"""Whole trees: whatever is packed in whatever, no planted secret is left, and clean archives come back as they were."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.packing import EXPAND, SQUEEZE, tar, untar, unzipped, zipped
from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer

PLANTED = b"Tr0ub4dor&3/x"
TEXTS = [
    b"2026-11-21T10:00:00Z level=info msg=ok\n" * 3,
    b"password=" + PLANTED + b" user=bob\n",
    b"seen " + PLANTED + b" here\n",
    b'{"items": [{"token": "' + PLANTED + b'"}]}\n',
    b"apiVersion: v1\nkind: Secret\nstringData:\n  a: " + PLANTED + b"\n",
    b"\x7fELF\x02\0\0\0 a program \0\0" * 9,
    b"",
]
NAMES = st.sampled_from(["a.log", "dir/b.yaml", "c/", "n" * 120 + ".txt", "key=Tr0ub4dor&3/x.log", "é/ü.json", "-"])
LEAVES = st.sampled_from(TEXTS)


def _packed(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    trees = st.dictionaries(NAMES.filter(lambda name: not name.endswith("/")), inner, min_size=1, max_size=4)
    return st.one_of(
        st.builds(zipped, trees, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])),
        st.builds(tar, trees, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])),
        st.builds(lambda how, content: SQUEEZE[how](content), st.sampled_from(sorted(SQUEEZE)), inner),
    )


ARCHIVES = _packed(st.recursive(LEAVES, _packed, max_leaves=4))


def everything(content: bytes) -> Iterator[bytes]:
    """All names and all contents, however deep."""
    yield content
    for magic, how in ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7z", "xz"), (b"\x28\xb5", "zst")):
        if content.startswith(magic):
            yield from everything(EXPAND[how](content))
    members = unzipped(content) if content[:2] == b"PK" else untar(content) if content[257:262] == b"ustar" else {}
    for name, inner in members.items():
        yield name.encode()
        yield from everything(inner)


def _outcome(by: Sanitizer, content: bytes) -> tuple[bytes | None, int]:
    stream = by.open("x")
    try:
        return stream.feed(content) + stream.finish(), stream.report.total
    except Unsanitizable:
        return None, 0


@settings(max_examples=100)
@given(content=ARCHIVES)
def test_no_planted_secret_survives_and_doing_it_twice_changes_nothing(sanitizer: Sanitizer, content: bytes) -> None:
    out, _ = _outcome(sanitizer, content)
    if out is None:
        return
    found = list(everything(out))
    assert not [piece for piece in found if PLANTED in piece]
    assert len(found) <= len(list(everything(content)))
    assert _outcome(sanitizer, out)[0] == out


@settings(max_examples=100)
@given(content=ARCHIVES)
def test_what_holds_no_secret_comes_back_byte_for_byte(sanitizer: Sanitizer, content: bytes) -> None:
    if any(PLANTED in piece for piece in everything(content)):
        return
    assert _outcome(sanitizer, content) == (content, 0)


@settings(max_examples=60)
@given(content=ARCHIVES, sizes=st.lists(st.integers(0, 3000), max_size=20))
def test_no_split_changes_the_archive(
    sanitizer: Sanitizer, in_chunks: Callable[..., bytes], content: bytes, sizes: list[int]
) -> None:
    whole = _outcome(sanitizer, content)[0]
    if whole is None:
        with pytest.raises(Unsanitizable):
            in_chunks(sanitizer, content, sizes)
    else:
        assert in_chunks(sanitizer, content, sizes) == whole


@settings(max_examples=200)
@given(content=ARCHIVES, data=st.data())
def test_damage_is_refused_or_harmless_and_never_crashes(
    sanitizer: Sanitizer, content: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    damaged = data.draw(
        st.sampled_from([
            content[:place],
            content[:place] + bytes([content[place] ^ 1 << data.draw(st.integers(0, 7))]) + content[place + 1 :],
            content + PLANTED,
            content + content[place:],
        ])
    )  # fmt: skip
    out, _ = _outcome(sanitizer, damaged)
    assert out is None or PLANTED not in out


def test_the_same_name_becomes_the_same_so_that_links_still_point_where_they_did(sanitizer: Sanitizer) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, target in (
            ("token=abcdef123/x", tarfile.REGTYPE, ""),
            ("l", tarfile.LNKTYPE, "token=abcdef123/x"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    clean = _outcome(sanitizer, out.getvalue())[0]
    assert clean is not None
    with tarfile.open(fileobj=io.BytesIO(clean)) as archive:
        assert [(info.name, info.linkname) for info in archive] == [
            ("redacted-name-1/x", ""),
            ("l", "redacted-name-1/x"),
        ]
