"""Property tests run on noisy machines: no example is failed for being slow. CI repeats the same examples each time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("patient")
