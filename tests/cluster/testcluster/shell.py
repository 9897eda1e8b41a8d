"""Running other programs, with their last words kept for the error message."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ClusterError

KEPT_LINES = 15


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    next_step: str = "read the lines above, repair the cause and call the command again",
) -> str:
    """Run a program to its end and return what it wrote to standard output."""
    words = [str(word) for word in argv]
    merged = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(words, env=merged, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]} is not installed", next_step) from error
    if done.returncode:
        raise ClusterError(
            f"`{' '.join(words)}` ended with {done.returncode}:\n{tail(done.stdout + done.stderr)}",
            next_step,
        )
    return done.stdout


def tail(text: str, lines: int = KEPT_LINES) -> str:
    """Return the last lines of a text, indented: the cause of a failure is nearly always there."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def tail_of(path: Path, lines: int = KEPT_LINES) -> str:
    """Return the last lines of a file, or say that it does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            return tail(file.read().decode(errors="replace"), lines)
    except FileNotFoundError:
        return f"    ({path} does not exist)"
