"""The Secrets of the targets as shapes: which keys, how long, of what form, equal to which others. Never a value.

Most failures that hide in Secrets show in their shape: a key that is not there, an empty one, a line break at the end,
a certificate where a key should be, the same password twice. No digest is kept, for short values could be guessed
from one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import orjson

from supportbundle.collect.base import RunContext
from supportbundle.errors import SecretNotFound, TooLarge
from supportbundle.model.base import Value
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task

FILE = "secrets/shapes.json"
LIMIT = 8 << 20

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_KNOWN_PEM = frozenset(
    {
        b"CERTIFICATE",
        b"CERTIFICATE REQUEST",
        b"DH PARAMETERS",
        b"EC PARAMETERS",
        b"EC PRIVATE KEY",
        b"ENCRYPTED PRIVATE KEY",
        b"OPENSSH PRIVATE KEY",
        b"PGP PRIVATE KEY BLOCK",
        b"PGP PUBLIC KEY BLOCK",
        b"PRIVATE KEY",
        b"PUBLIC KEY",
        b"RSA PRIVATE KEY",
        b"RSA PUBLIC KEY",
        b"X509 CRL",
    }
)
"""Only words of ours may be quoted: what stands between the dashes is a part of the value."""


class ShapeParams(Value):
    """Secrets of the namespace by name; the Job mounts them."""

    secrets: tuple[str, ...]


async def collect_shapes(task: Task, context: RunContext) -> None:
    """One file for all Secrets; one that does not exist is a gap."""
    values: dict[tuple[str, str], bytes] = {}
    names = []
    for name in ShapeParams.model_validate(task.params).secrets:
        try:
            keys = context.secrets.keys(name)
        except SecretNotFound as error:
            context.sink.gap(Gap.of(error, target=f"Secret/{name}", collector=task.collector))
            continue
        names.append(name)
        values |= {(name, key): value for key, value in keys.items()}
    document = {"namespace": context.namespace, "shapes": shapes(names, values)}
    async with context.sink.member(FILE, task=task, limit=LIMIT) as member:
        if not await member.write(orjson.dumps(document, option=orjson.OPT_INDENT_2)):
            raise TooLarge(f"The shapes take more than {LIMIT >> 20} MiB.", "Narrow the target.")


def shapes(names: list[str], values: dict[tuple[str, str], bytes]) -> list[dict[str, Any]]:
    """One entry for each name; `values` by name and key."""
    same: defaultdict[bytes, list[tuple[str, str]]] = defaultdict(list)
    for place, value in values.items():
        same[value].append(place)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for (name, key), value in sorted(values.items()):
        others = [f"{n}/{k}" for n, k in sorted(same[value]) if (n, k) != (name, key)] if value else []
        found[name].append({"key": key, **shape(value), **({"equalTo": others} if others else {})})
    return [{"name": name, "keys": found[name]} for name in names]


def shape(value: bytes) -> dict[str, Any]:
    """Length in bytes, form, and what often goes wrong."""
    return {
        "bytes": len(value),
        "empty": not value,
        "form": form(value),
        "trailingNewline": value.endswith((b"\n", b"\r")),
    }


def form(value: bytes) -> str:
    """`empty`, `PEM (kinds)`, `JSON object`, `JSON array`, `text` or `binary`; a guess."""
    if not value:
        return "empty"
    kinds = {kind.decode() if kind in _KNOWN_PEM else "other" for kind in _BEGIN.findall(value)}
    if kinds:
        return f"PEM ({', '.join(sorted(kinds))})"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "binary"
    if not all(char.isprintable() or char.isspace() for char in text):
        return "binary"
    return _json(value) or "text"


def _json(value: bytes) -> str:
    if value.lstrip()[:1] not in {b"{", b"["}:
        return ""
    try:
        return "JSON object" if isinstance(orjson.loads(value), dict) else "JSON array"
    except orjson.JSONDecodeError:
        return ""
