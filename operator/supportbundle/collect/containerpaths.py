"""Names of files inside containers as paths of the bundle. Whoever owns the container chose the names, so we make ours.

Only plain ASCII passes; everything else is percent-escaped byte by byte, so that two names stay two names on every file
system. What is too long is cut and carries a digest of the whole.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

MAX_SEGMENT: Final = 200
MAX_PATH: Final = 512
"""Characters, all ASCII. What stands before it (folder, pod, container) is at most 400."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9._\-+@=,~ ]")
_DIGEST = 16
_LAST = re.compile(r"[. ]$")
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?$")


def archive_path(name: bytes) -> str:
    """A relative path that the archive accepts, whatever `name` is. Leading, double and `.` segments mean nothing."""
    segments = [_segment(part) for part in name.split(b"/") if part not in {b"", b"."}]
    if not segments:
        return "%2F"
    path = "/".join(segments)
    if len(path) <= MAX_PATH:
        return path
    return f"~{_digest(name)}/{segments[-1]}"


def _segment(raw: bytes) -> str:
    escaped = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")
    # Windows drops a dot or a space at the end; `..` falls to the same rule.
    escaped = _LAST.sub(lambda found: f"%{ord(found[0]):02X}", escaped)
    if len(escaped) <= MAX_SEGMENT:
        return escaped
    kept = _CUT_ESCAPE.sub("", escaped[: MAX_SEGMENT - _DIGEST - 1])
    return f"{kept}~{_digest(raw)}"


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_DIGEST]
