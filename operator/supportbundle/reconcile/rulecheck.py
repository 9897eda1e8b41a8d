"""Sanitizing rules that somebody wrote are checked, with their examples, before anything is planned.

That takes the sanitizer, and runs expressions that a tenant wrote: so a process of its own does it and ends. The
operator pays for it neither in memory nor, whatever the expressions are, with its life.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from supportbundle.errors import InvalidRule
from supportbundle.model.spec import SanitizationRule

SECONDS = 60.0
"""It takes one; a busy node may be slower."""
REMEMBERED = 256
"""So many sets of rules are not tried again: those of templates and destinations come with each of their bundles."""
_RULES = TypeAdapter(tuple[SanitizationRule, ...])
_SAYS = "supportbundle: "


class RuleCheck:
    """Runs `supportbundle rules`, one process at a time, and only once for rules that hold."""

    def __init__(
        self,
        command: Sequence[str] = (sys.executable, "-m", "supportbundle", "rules", "-"),
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        self._command = tuple(command)
        self._remembered = remembered
        self._turn = asyncio.Lock()
        self._fine: dict[bytes, None] = {}

    async def __call__(self, rules: Sequence[SanitizationRule], seconds: float = SECONDS) -> None:
        """Whether all `rules` hold together.

        Raises:
            InvalidRule: naming the rule and what to change.
        """
        if not rules:
            return
        text = _RULES.dump_json(tuple(rules), by_alias=True)
        digest = hashlib.sha256(text).digest()
        if digest in self._fine:
            return
        async with self._turn:
            code, said = await self._run(text, seconds)
        if code == 0:
            self._remember(digest)
            return
        *_, last = said.strip().splitlines() or [""]
        if not last.startswith(_SAYS):
            raise InvalidRule(f"The sanitizing rules could not be checked (exit code {code}).", "Simplify them.")
        raise InvalidRule(last.removeprefix(_SAYS))

    def _remember(self, digest: bytes) -> None:
        self._fine[digest] = None
        if len(self._fine) > self._remembered:
            del self._fine[next(iter(self._fine))]

    async def _run(self, text: bytes, seconds: float) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(os.environ),
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(text), seconds)
        except TimeoutError as error:
            raise InvalidRule(
                f"Checking the sanitizing rules took more than {seconds:.0f} s.", "Simplify them."
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, said.decode("utf-8", "replace")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What finds Python and this package, and no credentials."""
    kept = {name: environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
