"""Where an unexpected failure happened, without its message: it may quote a target, and no log is sanitized."""

from __future__ import annotations

import traceback
from pathlib import PurePath

FRAMES = 8


def place_of(error: BaseException) -> str:
    """The error's type and the innermost calls: `KeyError at config.py:41 in run, lists.py:70 in each`."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    calls = ", ".join(f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {calls or 'an unknown place'}"
