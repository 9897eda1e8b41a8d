"""The programs that write files of a container as a tar stream, and what they say about it on standard error.

One is a script for the container's own shell, the other is ours, in a debugging container (`supportbundle.inside`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from supportbundle.collect.commands import TAIL, Tail

NO_TAR: Final = 43
"""The script's exit code where there is a shell but no `tar`."""

_NOTHING = re.compile(rb"^supportbundle: nothing matches pattern ([0-9]{1,3})\r?$", re.MULTILINE)
_OWNER = re.compile(
    rb"^supportbundle: the files are of a process of user ([0-9]{1,10}) and group ([0-9]{1,10})\r?$", re.MULTILINE
)
_HARMLESS = (
    b"emoving leading",
    b"file changed as we read it",
    b"supportbundle: nothing matches",
    b"supportbundle: the files are",
)
"""What `tar` says about archives that are whole, and what we have understood already."""

_SCRIPT = r"""
mode=$1
shift
IFS=
count=$#
index=0
for pattern do
  some=
  for path in $pattern; do
    if [ -e "$path" ]; then
      set -- "$@" "$path"
      some=1
    fi
  done
  [ "$some" ] || echo "supportbundle: nothing matches pattern $index" >&2
  index=$((index + 1))
done
shift "$count"
[ $# -gt 0 ] || exit 0
if [ "$mode" = list ]; then
  for path do
    if [ -f "$path" ]; then printf '%s\0' "$path"; else echo "$path: only tar could read it" >&2; fi
  done
  exit 0
fi
command -v tar > /dev/null 2>&1 || exit 43
case $(tar --version 2>&1) in
  *"GNU tar"*) exec tar --hard-dereference -chf - -- "$@" ;;
esac
exec tar -chf - -- "$@"
"""
"""Globs are expanded where the files are. Patterns are arguments, so no text of theirs is ever read as a command.

An empty IFS keeps a pattern with spaces one word. Links are followed: the files of a mounted ConfigMap are links. GNU
tar would write a second link to the same file as a hard link.
"""


def script(mode: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """For a shell: write what the paths match as `tar`, or `list` its names, each ended by a zero byte."""
    return ("sh", "-c", _SCRIPT, "sh", mode, *paths)


def program(paths: tuple[str, ...], *, max_bytes: int, max_files: int) -> tuple[str, ...]:
    """For a debugging container beside the target, whose first process is the target's."""
    limits = ("--max-bytes", str(max_bytes), "--max-files", str(max_files))
    return ("supportbundle", "files", "--root", "/proc/1/root", *limits, "--", *paths)


@dataclass(slots=True)
class ProgramSaid:
    """What a program wrote to standard error: which patterns matched nothing comes first, its troubles last."""

    _head: bytes = b""
    _tail: Tail = field(default_factory=Tail)

    def add(self, piece: bytes) -> None:
        """Take more."""
        self._head += piece[: max(0, 2 * TAIL - len(self._head))]
        self._tail.add(piece)

    @property
    def missing(self) -> frozenset[int]:
        """Indexes of patterns."""
        return frozenset(int(found) for found in _NOTHING.findall(self._head))

    @property
    def owner(self) -> tuple[int, int] | None:
        """User and group of a process that could not be looked into."""
        found = _OWNER.search(self._head)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def trouble(self) -> bytes:
        """What is not understood yet."""
        lines = self._tail.data.splitlines()
        return b"\n".join(line for line in lines if not any(harmless in line for harmless in _HARMLESS))
