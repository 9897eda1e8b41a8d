"""Content hashes: what was built or imported once is recognised by what went into it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def content_hash(paths: Iterable[Path], *, root: Path, extra: Iterable[str] = ()) -> str:
    """Hash names, modes and contents of files, and of all files below folders; 16 hex digits.

    A path that does not exist counts by its absence, so that its later arrival changes the hash.
    """
    digest = hashlib.sha256()
    for part in extra:
        digest.update(f"extra {len(part)} {part}\n".encode())
    for file in _files(paths):
        name = file.relative_to(root).as_posix()
        data = file.read_bytes() if file.is_file() else b""
        mode = "x" if file.exists() and file.stat().st_mode & 0o100 else "-"
        digest.update(f"file {name} {mode} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.is_file())
            found.update(f for f in inside if not SKIPPED & set(f.relative_to(path).parts))
        else:
            found.add(path)
    return iter(sorted(found))


def keep_newest(folder: Path, pattern: str, number: int) -> None:
    """Remove all but the newest matches, so that the cache does not grow with every change."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    for path in found[:-number]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
