"""The commands as a shell calls them, in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from supportbundle.__main__ import main

Run = Callable[..., "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command said."""

    code: int
    out: bytes
    err: str


class _Pipe:
    """A standard stream of bytes that survives being closed."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = _Bytes(data)

    def close(self) -> None:
        """What a new process does with its standard input."""


class _Bytes(io.BytesIO):
    def close(self) -> None:
        """Stay readable."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `supportbundle ARGS…` with some standard input."""

    def call(*args: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", _Pipe(stdin))
        code = main([str(arg) for arg in args])
        sys.stdout.flush()
        said = capfd.readouterr()
        return Result(code, said.out.encode(), said.err)

    return call
