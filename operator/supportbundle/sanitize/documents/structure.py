"""Which values of a document are secret, whatever the format: by key, by a name beside them, by the kind of object.

A format's reader walks its document and reports keys, scalars and brackets with their positions; the walker answers
with the spans to replace. A new format needs a reader and nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.core import Core
from supportbundle.sanitize.markers import is_marker
from supportbundle.sanitize.rules.harmless import is_harmless
from supportbundle.sanitize.rules.keys import SecretKey

from .paths import NOWHERE, States

SECRET_OBJECT: Final = "secret-object"  # noqa: S105 - a rule's name
VALUES: Final = frozenset({b"value"})
"""Names under which the value of what is named beside it stands."""
_VALUES_KEPT: Final = 7
"""Of one object, which has one of each name unless somebody wants to keep us busy."""
_PAIR_NAMES: Final = frozenset({b"name", b"key"})
_OBJECT_DATA: Final = frozenset({b"data", b"stringData"})
_MERGE: Final = b"<<"
_FLAG: Final = re.compile(rb"--?([\w.\-]+)")
_CLIENT: Final = re.compile(rb"(?:.*/)?(?:mysql|mariadb|mongo|sshpass)\w{0,10}(?:-\w{1,20})?")
"""A program whose option -p takes a password in the same word."""
_OPTION: Final = re.compile(
    rb"-p(?!(?:ort|assword|ath|rotocol|rofile|roxy|lugin|rint|retty)\b)(?!\d+(?::|\Z))[^\s=]{2,}"
)
_NUMBER: Final = re.compile(rb"-?[\d.]+")
_REFERENCE_KEYS: Final = frozenset(
    b"""name namespace key optional secretname secretnamespace items defaultmode path mode expirationseconds audience
    readonly kind apiversion apigroup group uid resourceversion fieldpath enabled create annotations labels""".split()
)
_SCHEMA_TYPES: Final = frozenset({b"string", b"object", b"array", b"integer", b"number", b"boolean"})
_SCHEMA_KEYS: Final = frozenset({b"$ref", b"properties", b"x-kubernetes-preserve-unknown-fields"})


class Place(NamedTuple):
    """What to replace as a whole; `value` is there for a single value that may keep its shape."""

    start: int
    end: int
    rule: str
    value: bytes | None = None


class Level(NamedTuple):
    """An object or list that began before a fragment: what claims all of it, and how far path rules have come.

    `key` is the name under which the fragment begins, `done` how many elements of a list came before.
    """

    mapping: bool
    secret: SecretKey | None = None
    states: States = NOWHERE
    key: bytes | None = None
    done: int = 0

    def below(self, core: Core, *, mapping: bool) -> Level:
        """What begins here, under `key` or as the element `done`.

        Raises:
            Unsanitizable: if that is an object that is secret as a whole, which a fragment cannot show.
        """
        step = self.done if not self.mapping else self.key or b""
        states = core.paths.step(self.states, step)
        inherited = core.classify(self.key) if self.mapping and self.key is not None else self.secret
        secret = core.paths.claim(states) or inherited
        if secret is not None and secret.rule.value:
            secret = None
        if secret is not None and mapping:
            raise Unsanitizable(f"a value under a name like a {secret.rule.name} is larger than the window.")
        return Level(mapping, secret, states)

    def matters(self, core: Core) -> bool:
        """Whether something below is secret that no trigger of its own shows."""
        return self.secret is not None or core.paths.blind(self.states)


@dataclass(slots=True)
class _Frame:
    """An open object or list. `outer` is one that began before the walked fragment; `root` is around documents."""

    mapping: bool
    start: int
    secret: SecretKey | None = None
    outer: bool = False
    root: bool = False
    states: States = NOWHERE
    count: int = 0
    key: bytes | None = None
    keys: set[bytes] = field(default_factory=set)
    type_name: bytes = b""
    numbers_only: bool = True
    paired: SecretKey | None = None
    values: tuple[tuple[int, int, bytes], ...] = ()
    is_secret_object: bool = False
    leaves: list[tuple[int, int, bytes]] = field(default_factory=list)
    flag: SecretKey | None = None
    client: bool = False
    """Whether a list of arguments in it, or it as such a list, names a database's client."""
    options: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Arguments that are a password if it does."""
    holds_data: bool = False
    merges: bool = False
    """Below YAML's merge key, which is no step of a path."""


class Walker:
    """Follows one document or fragment; `found` is called for each value to replace.

    With `objects` it also keeps what `kind: Secret` may claim later; callers set it when the text holds such a kind.
    `levels` are around a fragment, the outermost first.
    """

    def __init__(
        self,
        core: Core,
        found: Callable[[Place], None],
        *,
        objects: bool,
        levels: Sequence[Level] = (),
        values: frozenset[bytes] = VALUES,
    ) -> None:
        self._core = core
        self._found = found
        self._objects = objects
        self._values = values
        self._follows = bool(core.paths.root)
        self._frames = [_Frame(mapping=True, start=0, outer=True, root=True)]
        for level in levels:
            frame = _Frame(level.mapping, 0, level.secret, outer=True, states=level.states, count=level.done)
            frame.key = level.key
            self._frames.append(frame)
        self.foreign_secret_object = False
        """Whether a `kind: Secret` stood in an object that began before the fragment."""

    @property
    def claim(self) -> SecretKey | None:
        """The rule that claims all of the innermost object or list."""
        return self._frames[-1].secret

    def paired(self, name: bytes) -> SecretKey | None:
        """The rule that claims what stands under `name` beside a secret's name in the innermost object."""
        return self._frames[-1].paired if name.lower() in self._values else None

    @property
    def still_open(self) -> tuple[int, ...]:
        """Where the open objects and lists begin; those that began before the fragment count as -1."""
        return tuple(-1 if frame.outer else frame.start for frame in self._frames[1:])

    @property
    def open_secret_object(self) -> bool:
        """Whether a Secret goes on beyond the fragment."""
        return any(frame.is_secret_object for frame in self._frames)

    def open(self, start: int, *, mapping: bool, count: int = 0) -> None:
        """An object (`mapping`) or list begins; `count` elements of the list came before."""
        parent = self._frames[-1]
        states = self._advance(parent)
        secret = self._secret_here(parent, states)
        if secret is not None and secret.rule.value:
            secret = None
        holds = self._objects and parent.mapping and parent.key in _OBJECT_DATA
        self._frames.append(
            _Frame(
                mapping,
                start,
                secret,
                states=states,
                count=count,
                holds_data=holds,
                merges=parent.key == _MERGE and not mapping,
            )
        )

    def close(self, end: int) -> None:
        """The innermost object or list ends; one that began before the fragment is forgotten."""
        frame = self._frames.pop()
        if not self._frames:
            self._frames.append(_Frame(mapping=True, start=end, outer=True, root=True))
            return
        parent = self._frames[-1]
        self._options(frame, parent)
        if frame.paired is not None:
            for value in frame.values:
                self._replace(value, frame.paired)
        if frame.is_secret_object:
            for leaf in frame.leaves:
                self._found(Place(leaf[0], leaf[1], SECRET_OBJECT))
        if frame.secret is not None and frame.mapping and not self._exempt(frame):
            self._found(Place(frame.start, end, frame.secret.rule.name))
        parent.keys |= frame.keys if not parent.mapping else set()
        parent.key = None

    def _options(self, frame: _Frame, parent: _Frame) -> None:
        """A program and its arguments may stand in one list, or side by side (`command` and `args`)."""
        secret = self._core.classify(b"password")
        if frame.client and secret is not None:
            for option in frame.options:
                self._replace(option, secret)
            frame.options = []
        if not frame.mapping and parent.mapping:
            parent.client = parent.client or frame.client
            parent.options += frame.options

    def key(self, name: bytes) -> None:
        """The name of the next value in the innermost object."""
        frame = self._frames[-1]
        frame.mapping = True
        frame.key = name
        frame.keys.add(name)

    def scalar(self, start: int, end: int, value: bytes, *, string: bool) -> bool:
        """A value; whether it is replaced as a whole."""
        frame = self._frames[-1]
        key = frame.key if frame.mapping else None
        secret = self._secret_here(frame, self._advance(frame))
        frame.numbers_only = frame.numbers_only and not string and _NUMBER.fullmatch(value) is not None
        if frame.mapping:
            self._remember(frame, key, start, end, value)
        elif string:
            match = _FLAG.fullmatch(value)
            frame.flag = self._core.classify(match.group(1)) if match else None
            frame.client = frame.client or _CLIENT.fullmatch(value) is not None
            if _OPTION.fullmatch(value):
                frame.options.append((start, end, value))
        frame.key = None
        if frame.holds_data and len(self._frames) > 1 and value and not is_marker(value):
            self._frames[-2].leaves.append((start, end, value))
        return secret is not None and self._replace((start, end, value), secret)

    def alias(self, start: int, end: int, *, single: bool) -> None:
        """A value that stands elsewhere; `single` says that it is a scalar.

        Raises:
            Unsanitizable: if a path rule leads through it: what it means is not below that path where it stands.
        """
        if not single and self._core.paths.leads_on(self._states(self._frames[-1])):
            raise Unsanitizable("the path of a rule leads through an alias.")
        self.scalar(start, end, b"alias", string=True)

    def _advance(self, frame: _Frame) -> States:
        """How far path rules come with the next value of `frame`."""
        if not self._follows:
            return NOWHERE
        states = self._states(frame)
        frame.count += 1
        return states

    def _states(self, frame: _Frame) -> States:
        if frame.root:
            return self._core.paths.root
        if frame.merges or frame.key == _MERGE:
            return frame.states
        return self._core.paths.step(frame.states, (frame.key or b"") if frame.mapping else frame.count)

    def _secret_here(self, frame: _Frame, states: States) -> SecretKey | None:
        """The rule that claims the next value of `frame`."""
        if states and (claim := self._core.paths.claim(states)) is not None:
            return claim
        if not frame.mapping:
            flag, frame.flag = frame.flag, None
            return frame.secret or flag
        if frame.key is None:
            return None
        if frame.paired is not None and (claim := self.paired(frame.key)) is not None:
            return claim
        return self._core.classify(frame.key)

    def _remember(self, frame: _Frame, key: bytes | None, start: int, end: int, value: bytes) -> None:
        name = key.lower() if key is not None else b""
        if name in _PAIR_NAMES:
            frame.paired = self._core.scanner.paired(value) or frame.paired
        elif name in self._values:
            frame.values = (*frame.values[:_VALUES_KEPT], (start, end, value))
        elif name == b"type":
            frame.type_name = value
        elif key == b"kind" and value == b"Secret":
            frame.is_secret_object = True
            self.foreign_secret_object |= frame.outer

    def _replace(self, span: tuple[int, int, bytes], secret: SecretKey) -> bool:
        start, end, value = span
        if is_harmless(value, secret, document=True) or not self._core.accepts(secret, value):
            return False
        self._found(Place(start, end, secret.rule.name, value))
        return True

    def _exempt(self, frame: _Frame) -> bool:
        """References to Secrets, schemas that describe one, and counters are not secrets themselves."""
        if frame.secret is not None and frame.secret.rule.asked:
            return not frame.keys
        if frame.numbers_only and frame.keys and frame.secret is not None and frame.secret.plural:
            return True
        if (frame.type_name in _SCHEMA_TYPES and b"value" not in frame.keys) or not _SCHEMA_KEYS.isdisjoint(frame.keys):
            return True
        return are_references(self._core, frame.keys)


def are_references(core: Core, names: Iterable[bytes]) -> bool:
    """Whether an object with these keys refers to a secret, or holds secrets under keys of their own."""
    return all(name.lower() in _REFERENCE_KEYS or core.classify(name) is not None for name in names)
