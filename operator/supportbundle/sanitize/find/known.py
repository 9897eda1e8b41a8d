"""Known secrets: the values of the Secrets that the targets mount, found in every encoding likely to appear.

Each eligible value becomes *forms* (plain, base64 at three alignments, URL-encoded, JSON-escaped once and twice). Short
pieces of the forms, at regular distances, are searched for; a hit is then grown in both directions along its form. So
the search stays small for long values, and a form is found whole although only its pieces are looked for.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes

from supportbundle.errors import Invalid
from supportbundle.sanitize.markers import PREFIX
from supportbundle.sanitize.rules.records import LiteralRule

from .matcher import Matcher, literal

RULE: Final = "known-secret"
SHORTEST: Final = 6
MAX_TOTAL: Final = 4 << 20
"""Bytes of all values together: four of the largest Secrets that Kubernetes stores; bounds memory and build time."""
_PIECE: Final = 24
_HEAD: Final = 12
"""Bytes of a piece that are looked for; the rest is compared where they are found."""
MAX_HEADS: Final = 40_000
"""Different heads of all forms: compiling that many takes about a second and 150 MiB."""
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
_SOURCE: Final = re.compile(
    rb"((?:(?:(?:postgres(?:ql)?|cockroachdb|mysql|mariadb|sqlserver|clickhouse)(?:\+[a-z0-9]+)?"
    rb"|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s/?#@:]*|[^\s/?#@:]+(?=:[^\s@]+@tcp\()):([^\s/?#@]+)@)"
    rb"(?:[\w.\-\[\]:,]+|tcp\([\w.\-\[\]:]+\))(?:/[\w.\-]*)?(?:\?([\w.\-=&%,]*))?"
)
"""A data source: what logs in, the password, and parameters. Only of databases and brokers: there a path is a name,
elsewhere it may be the secret itself, as in the address of a webhook."""
HARMLESS: Final = frozenset(
    b"""sslmode ssl tls encrypt trustservercertificate secure compress compression protocol family
    connect_timeout connecttimeout connecttimeoutms timeout readtimeout writetimeout dial_timeout read_timeout
    write_timeout sockettimeoutms serverselectiontimeoutms statement_timeout lock_timeout max_execution_time
    connection_timeout heartbeat
    application_name fallback_application_name appname database dbname db search_path
    target_session_attrs binary_parameters prefer_simple_protocol default_query_exec_mode statement_cache_capacity
    charset collation client_encoding parsetime loc timezone time_zone multistatements interpolateparams
    maxallowedpacket clientfoundrows columnswithalias rejectreadonly checkconnliveness allownativepasswords
    pool_max_conns pool_min_conns pool_max_conn_lifetime pool_max_conn_idle_time pool_health_check_period
    pool_size pool_timeout pool_recycle max_overflow connection_limit max_open_conns max_idle_conns
    maxpoolsize minpoolsize maxidletimems
    replicaset readpreference readconcernlevel retrywrites retryreads w journal wtimeoutms directconnection
    authsource authmechanism""".split()
)
"""Parameters of a data source, in lower case, that hold no secret; with any other the whole value is secret."""


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
    """The whole values (without a trailing newline) and, of values of several lines, each line worth looking for.

    Of the data source of a database or broker it is what logs in: host and database stand in logs and configuration
    everywhere, and are needed.
    """
    for secret in known:
        whole = secret.value.rstrip(b"\r\n")
        lines = whole.splitlines()
        for value in dict.fromkeys((*_telling_parts(whole), *_telling_parts(whole.strip()))):
            if eligible(value):
                yield value
        if len(lines) > 1:
            for line in lines:
                for content in _telling_parts(_line_content(line.strip())):
                    if eligible(content):
                        yield content


def _telling_parts(value: bytes) -> tuple[bytes, ...]:
    source = _SOURCE.fullmatch(value)
    if source is None or not all(map(_harmless, (source[3] or b"").split(b"&"))):
        return (value,)
    return source[1], source[2], unquote_to_bytes(source[2])


def _harmless(parameter: bytes) -> bool:
    name, given, _ = parameter.partition(b"=")
    return not parameter or (bool(given) and name.lower() in HARMLESS)


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
    """All forms and the heads to look for; immutable, shared by all streams. Literal rules are looked for alike.

    Raises:
        Invalid: if the values are more than MAX_TOTAL bytes, or their forms begin in more than MAX_HEADS ways.
    """

    def __init__(self, known: Sequence[KnownSecret], literals: Sequence[LiteralRule] = ()) -> None:
        if sum(len(secret.value) for secret in known) > MAX_TOTAL:
            raise _too_much(f"more than {MAX_TOTAL >> 20} MiB")
        rules = {rule.value: rule.name for rule in literals if b"\n" not in rule.value}
        wanted = [(rule.value, rule.name) for rule in literals] + [(value, RULE) for value in values(known)]
        for value, rule in wanted:
            for form in _forms(value):
                if len(form) >= SHORTEST and b"\n" not in form:
                    rules.setdefault(form, rule)
        self._forms = sorted(rules, key=lambda form: (-len(form), form))
        self._rules = [rules[form] for form in self._forms]
        places: dict[bytes, list[tuple[int, int]]] = {}
        for number, form in enumerate(self._forms):
            for offset in _offsets(len(form)):
                places.setdefault(form[offset : offset + _HEAD], []).append((number, offset))
        if len(places) > MAX_HEADS:
            raise _too_much("too many different values")
        self._heads = tuple(places)
        self._places = tuple(places.values())
        self._matcher = Matcher([literal(head) for head in self._heads]) if self._heads else None

    def rule(self, form: int) -> str:
        """The rule under which form number `form` is replaced."""
        return self._rules[form]

    def find(self, buffer: bytes) -> list[Span]:
        """All hits, in order, grown to the whole form, overlapping ones joined."""
        return self.at(buffer, 0, self.seen(buffer))

    def seen(self, data: bytes) -> list[tuple[int, int]]:
        """Where heads end, and their numbers."""
        return self._matcher.find(data) if self._matcher else []

    def at(self, buffer: bytes, floor: int, ends: Iterable[tuple[int, int]]) -> list[Span]:
        """As find, for heads that end at the given places: (position behind `floor`, number of the head)."""
        spans: list[Span] = []
        for end, number in sorted(ends):
            high = end + floor
            if spans and high <= spans[-1].end:
                continue
            low = high - len(self._heads[number])
            for form, offset in self._places[number]:
                if buffer.startswith(self._forms[form][offset : offset + _PIECE], low):
                    _join(spans, self._grow(buffer, form, offset, low, high, floor))
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


def _too_much(what: str) -> Invalid:
    return Invalid(f"the mounted Secrets hold {what}.", "Collect fewer pods in one bundle.")


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
