"""Structured logs: one JSON object a line, on standard error, from every library alike."""

from __future__ import annotations

import logging

from pythonjsonlogger.json import JsonFormatter


def configure(level: str) -> None:
    """Send all logging to one JSON handler; libraries below WARNING stay silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("supportbundle").setLevel(level)
