"""Texts that quote targets: messages, notes, names; short, cut by others and escaped, so that a stream's rules miss.

A cut may leave the beginning or the end of a known secret, and an escaped one is no longer the text that is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import KnownSecret, Sanitizer

PIECE = 8
"""Characters of a secret's beginning or end that are recognised; fewer say too little, and would hit too much."""

PSEUDONYM = "pseudonym-"
"""Rules that begin so replace by what is safe to show, and to be a file's name."""
HIDDEN = "<redacted:part-of-a-secret>"
_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[abfnrtv\\])")


class Quoting:
    """Cleans short texts; not for whole members."""

    def __init__(self, sanitizer: Sanitizer, known: Iterable[KnownSecret]) -> None:
        self.sanitizer = sanitizer
        self._secrets = [text for text in (s.value.decode("utf-8", "replace") for s in known) if len(text) >= PIECE]
        pieces = {re.escape(piece) for text in self._secrets for piece in (text[:PIECE], text[-PIECE:])}
        self._pieces = re.compile("|".join(sorted(pieces))) if pieces else None

    def clean(self, text: str) -> str:
        """`text` without what must not leave; a fixed phrase if that is not possible."""
        return self._cleaned(text)[0]

    def _cleaned(self, text: str) -> tuple[str, bool]:
        """See `clean`; and whether nothing but pseudonyms changed it."""
        stream = self.sanitizer.open("message.txt")
        plain = _unescaped(text)
        try:
            cleaned = (stream.feed(plain.encode("utf-8", "replace")) + stream.finish()).decode(errors="replace")
        except Unsanitizable:
            return "(the message could not be sanitized)", False
        whole = self._without_pieces(cleaned)
        renamed = all(rule.startswith(PSEUDONYM) for rule in stream.report.counts)
        return whole, renamed and whole == cleaned and plain == text

    def path(self, path: str, number: int) -> str:
        """`path` with every name in it replaced that is not clean as it stands; pseudonyms are as good as a name."""
        return "/".join(self._name(name, number) for name in path.split("/"))

    def _name(self, name: str, number: int) -> str:
        cleaned, usable = self._cleaned(name)
        meant = unquote(name)  # names that others chose are escaped, which hides what is known
        clean = (usable or cleaned == name) and (meant == name or self.clean(meant) == meant)
        return cleaned if clean else f"redacted-name-{number}"

    def _without_pieces(self, text: str) -> str:
        if self._pieces is None or not self._pieces.search(text):
            return text
        for secret in self._secrets:
            text = _without_beginning(text, secret)
            text = _without_beginning(text[::-1], secret[::-1], hidden=HIDDEN[::-1])[::-1]
        return text


def _without_beginning(text: str, secret: str, hidden: str = HIDDEN) -> str:
    """`text` without the longest beginnings of the secret that stand in it."""
    start = 0
    while (at := text.find(secret[:PIECE], start)) >= 0:
        end = at + PIECE
        while end < len(text) and end - at < len(secret) and text[end] == secret[end - at]:
            end += 1
        text = text[:at] + hidden + text[end:]
        start = at + len(hidden)
    return text


def _unescaped(text: str) -> str:
    """What `printable` was given, as far as that can be told."""
    return _ESCAPED.sub(lambda found: found[0].encode().decode("unicode_escape"), text)
