"""Which names a member may have. Checked where a fragment is written, and again where it is read.

The second check is the one that matters: the index comes from a tenant's namespace, and whoever unpacks the bundle
trusts its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from supportbundle.model.archive import RESERVED

MAX_PATH: Final = 1024
"""Bytes of UTF-8."""

_DRIVE = re.compile(r"[A-Za-z]:")


def path_problem(path: str) -> str | None:
    """Why `path` may not name a member, as the end of a sentence; None if it may."""
    length = len(path.encode(errors="surrogatepass"))
    problems = (
        (not 0 < length <= MAX_PATH, f"has {length} bytes; 1 to {MAX_PATH} are allowed"),
        (not path.isprintable(), "holds characters that cannot be printed"),
        ("\\" in path, "holds a backslash"),
        (_DRIVE.match(path), "starts with a drive letter"),
        (not {"", ".", ".."}.isdisjoint(path.split("/")), "is absolute, or has an empty, '.' or '..' segment"),
        (path.casefold() in RESERVED, "is reserved for the assembly"),
    )
    return next((text for wrong, text in problems if wrong), None)


def parents(path: str) -> Iterator[str]:
    """The directories that unpacking `path` makes, innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
