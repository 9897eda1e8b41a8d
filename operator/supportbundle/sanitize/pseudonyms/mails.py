"""E-mail addresses in text: both halves become pseudonyms, so that colleagues are still seen to share a domain."""

from __future__ import annotations

import re
from typing import Final

from . import edges
from .finding import Swap, Trigger
from .tokens import TOKEN, Made, Tokens

RULE: Final = "pseudonym-email"
SUFFIX: Final = b".invalid"
"""A top-level domain that never exists (RFC 2606)."""
_LOCAL: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._+'-"
_LOCAL_MAX: Final = 64
_DOMAIN: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_TOP: Final = re.compile(rb"\.[A-Za-z]{2,24}\Z")
_VERSION: Final = re.compile(rb"v?[0-9]{1,5}\.[0-9]")
_NO_TOP: Final = frozenset(
    b".service .socket .timer .mount .slice .scope .device .swap .automount .png .jpg .jpeg .gif .svg .webp .js .css"
    b" .json .yaml .yml".split()
)
"""Units of systemd and names of images (icon@2x.png): no top-level domain has these names."""
_DOMAIN_MAX: Final = 253
_USERINFO: Final = re.compile(rb"://[^\s/@\"'<>]*\Z")
_USERINFO_MAX: Final = 256
"""Bytes in which the beginning of an address (URL) is looked for."""
_CACHED: Final = 1 << 14


class Mails:
    """Finds and replaces them; shared by threads."""

    triggers: Final = (Trigger(rb"@[A-Za-z0-9]"), Trigger(rb"%40[A-Za-z0-9]"))

    def __init__(self, tokens: Tokens, made: Made) -> None:
        self._tokens = tokens
        self._made = made
        self._cache: dict[bytes, bytes] = {}

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        sign = at - (4 if number else 2)
        start = self._start(buffer, sign)
        end = self._end(buffer, at - 1)
        if start == sign or not end or self._in_url(buffer, start, escaped=bool(number)):
            return None
        local, domain = buffer[start:sign], buffer[at - 1 : end]
        if local in self._made:
            return None
        text = self._pseudonym(local) + buffer[sign : at - 1] + self._pseudonym(domain) + SUFFIX
        return Swap(start, end, text, RULE)

    @staticmethod
    def _in_url(buffer: bytes, start: int, *, escaped: bool) -> bool:
        """Whether the sign divides a login from a host: `scheme://user:password@host`."""
        if escaped:
            return buffer[max(0, start - 3) : start] == b"://"
        return _USERINFO.search(buffer[max(0, start - _USERINFO_MAX) : start]) is not None

    @staticmethod
    def _start(buffer: bytes, sign: int) -> int:
        """Where the local part begins; `sign` if there is none."""
        low = max(0, sign - _LOCAL_MAX)
        start = low + len(buffer[low:sign].rstrip(_LOCAL))
        start = edges.after_escape(buffer, start, sign)
        return sign - len(buffer[start:sign].lstrip(b"._+'-"))

    @staticmethod
    def _end(buffer: bytes, start: int) -> int:
        """Where the domain ends; 0 if it is none."""
        found = _DOMAIN.match(buffer, start)
        if found is None:
            return 0
        domain = found.group().rstrip(b"-.")
        if not edges.ends(buffer, start + len(domain)) or len(domain) > _DOMAIN_MAX or _VERSION.match(domain):
            return 0
        top = _TOP.search(domain)
        return start + len(domain) if top and top.group().lower() not in _NO_TOP else 0

    def _pseudonym(self, part: bytes) -> bytes:
        part = part.lower()
        if part not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[part] = self._tokens.of(part)
        return self._cache[part]


class RevealedMails:
    """Finds pseudonyms of e-mail addresses and puts the addresses back; of one half, only that half."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._form = re.compile(re.escape(tokens.prefix) + TOKEN)
        self.triggers = (Trigger(re.escape(tokens.prefix) + rb"[0-9b-df-hj-np-z]{16}"),)

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        del number
        found = self._form.match(buffer, at - 16 - len(self._tokens.prefix))
        name = self._tokens.name(found.group()) if found else None
        if found is None or name is None:
            return None
        end = found.end()
        is_domain = buffer[found.start() - 3 : found.start()].endswith((b"@", b"%40")) and buffer.startswith(
            SUFFIX, end
        )
        return Swap(found.start(), end + len(SUFFIX) if is_domain else end, name, RULE)
