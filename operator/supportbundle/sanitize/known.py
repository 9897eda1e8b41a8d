"""Known secrets: the values of the Secrets that the targets mount, found in every encoding likely to appear.

Each eligible value becomes *forms* (plain, base64 at three alignments, URL-encoded, JSON-escaped once and twice). Short
pieces of the forms go into one Aho-Corasick automaton; a hit is then grown in both directions along its form. So the
automaton stays small for long values, and a form is found whole although only its pieces are searched for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from supportbundle.errors import Invalid

from .markers import PREFIX

RULE: Final = "known-secret"
SHORTEST: Final = 6
MAX_TOTAL: Final = 4 << 20
"""Bytes of all values together: four of the largest Secrets that Kubernetes stores; bounds memory and build time."""
_PIECE: Final = 24
_HEAD: Final = 12
"""Bytes of a piece that a first, fast automaton looks for; only where it finds one do all pieces matter."""
_DFA_HEADS: Final = 4000
"""Up to here the fast automaton is a DFA, two times faster; beyond, its memory would matter."""
_DENSE: Final = 2048
"""Forms up to this length are searched for at every piece, longer ones at every `_STRIDE` bytes."""
_STRIDE: Final = 512
_LONG: Final = 16 << 10
"""Values above this are binary stores and chains of certificates: looked for plain and in base64 only."""
_PERCENT: Final = re.compile(rb"%[0-9A-F]{2}")
_STOP: Final = frozenset(
    b"""true false none null undefined enabled disabled default admin administrator root user username password passwd
    secret secrets changeme change-me example localhost postgres
    postgresql mysql mariadb mongodb redis rabbitmq
    mattermost coder opaque kubernetes cluster.local production staging development testing
    require prefer verify-full verify-ca
    public private latest namespace kube-system http https string number token redacted""".split()
)
_PLAIN_NUMBER: Final = re.compile(rb"[\d.,:+\-_ /]*")
_ARMOUR: Final = re.compile(rb"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_PAIR: Final = re.compile(rb"""\s*(?:export\s+)?-?\s*["']?[\w.\-/]+["']?\s*[:=]\s*(.*)""")
_REPEATED: Final = re.compile(rb"(.)\1*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """One value of a mounted Secret; `name` is `secret-name/key` and never shown together with the value."""

    name: str
    value: bytes

    def __repr__(self) -> str:
        return f"KnownSecret(name={self.name!r})"


class Span(NamedTuple):
    """A hit in a buffer, and where it would go on if the buffer ended inside it."""

    start: int
    end: int
    form: int
    offset: int


def eligible(value: bytes) -> bool:
    """Whether a value is long and particular enough to be looked for."""
    return (
        len(value) >= SHORTEST
        and value.strip().lower() not in _STOP
        and not _PLAIN_NUMBER.fullmatch(value)
        and not _REPEATED.fullmatch(value)
        and not _ARMOUR.fullmatch(value.strip())
        and value not in PREFIX
    )


def values(known: Iterable[KnownSecret]) -> Iterator[bytes]:
    """The whole values (without a trailing newline) and, of values of several lines, each line worth looking for."""
    for secret in known:
        whole = secret.value.rstrip(b"\r\n")
        lines = whole.splitlines()
        for value in {whole, whole.strip()}:
            if eligible(value):
                yield value
        if len(lines) > 1:
            for line in lines:
                content = _line_content(line.strip())
                if eligible(content):
                    yield content


def _line_content(line: bytes) -> bytes:
    """A line of a mounted file as it would appear elsewhere: of `key: value` only the value."""
    pair = _PAIR.fullmatch(line)
    return pair.group(1).strip().strip(b"\"'") if pair else line


def base64_cores(value: bytes) -> Iterator[bytes]:
    """The characters that `value` fixes in any base64 text around it, for the three alignments."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + value).rstrip(b"=")
        core = encoded[(0, 2, 3)[lead] :]
        yield core if (lead + len(value)) % 3 == 0 else core[:-1]


def _forms(value: bytes) -> Iterator[bytes]:
    if b"\n" not in value:
        yield value
    for core in base64_cores(value):
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")
    if len(value) > _LONG:
        return
    text = value.decode("utf-8", "surrogateescape")
    for ascii_only in (False, True):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield once.encode("utf-8", "surrogateescape")
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogateescape")
    for encode in (quote, quote_plus):
        encoded = encode(value, safe="").encode()
        yield encoded
        yield _PERCENT.sub(lambda match: match.group().lower(), encoded)


class KnownSecrets:
    """The automaton over all forms; immutable, shared by all streams.

    Raises:
        Invalid: if the values are more than MAX_TOTAL bytes.
    """

    def __init__(self, known: Sequence[KnownSecret]) -> None:
        if sum(len(secret.value) for secret in known) > MAX_TOTAL:
            raise Invalid(
                f"the mounted Secrets hold more than {MAX_TOTAL >> 20} MiB.", "Collect fewer pods in one bundle."
            )
        forms = {
            form for value in values(known) for form in _forms(value) if len(form) >= SHORTEST and b"\n" not in form
        }
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        pieces: dict[bytes, list[tuple[int, int]]] = {}
        for number, form in enumerate(self._forms):
            for offset in _offsets(len(form)):
                pieces.setdefault(form[offset : offset + _PIECE], []).append((number, offset))
        self._places = list(pieces.values())
        heads = list({piece[:_HEAD] for piece in pieces})
        kind = Implementation.DFA if len(heads) <= _DFA_HEADS else Implementation.ContiguousNFA
        self._any = BytesAhoCorasick(heads, MatchKind.LeftmostFirst, kind) if heads else None
        self._all = BytesAhoCorasick(list(pieces), MatchKind.Standard) if pieces else None

    def find(self, buffer: bytes, start: int = 0) -> list[Span]:
        """All hits from `start` on, in order, grown to the whole form, overlapping ones joined."""
        if self._any is None or self._all is None:
            return []
        spans: list[Span] = []
        view = memoryview(buffer)[start:] if start else buffer
        if not self._any.find_matches_as_indexes(view):
            return spans
        for number, low, high in self._all.find_matches_as_indexes(view, overlapping=True):
            if spans and high + start <= spans[-1].end:
                continue
            for form, offset in self._places[number]:
                _join(spans, self._grow(buffer, form, offset, low + start, high + start, start))
        return spans

    def _grow(self, buffer: bytes, number: int, offset: int, start: int, end: int, floor: int) -> Span:
        form = self._forms[number]
        end, position = self.follow(buffer, end, number, offset + end - start)
        while start > floor and offset > 0 and buffer[start - 1] == form[offset - 1]:
            start -= 1
            offset -= 1
        return Span(start, end, number, position)

    def follow(self, buffer: bytes, start: int, number: int, offset: int) -> tuple[int, int]:
        """How far from `start` the buffer goes on with form `number` from `offset`: the end, and the offset there."""
        form = self._forms[number]
        step = 256
        while step:
            if form[offset : offset + step] and buffer[start : start + step] == form[offset : offset + step]:
                advance = len(form[offset : offset + step])
                start += advance
                offset += advance
            else:
                step //= 2
        return start, offset


def _offsets(length: int) -> Iterator[int]:
    stride = _PIECE if length <= _DENSE else _STRIDE
    yield from range(0, max(1, length - _PIECE + 1), stride)
    if length > _PIECE:
        yield length - _PIECE


def _join(spans: list[Span], new: Span) -> None:
    """Add `new`, swallowing the spans that it touches from behind."""
    while spans and new.start <= spans[-1].end:
        last = spans.pop()
        ahead = new if new.end >= last.end else last
        new = Span(min(last.start, new.start), ahead.end, ahead.form, ahead.offset)
    spans.append(new)
