"""The one error that people see: every failure of the test cluster names its cause and the next step."""

from __future__ import annotations


class ClusterError(Exception):
    """A failure with its cause and what to do about it."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(f"{cause}\n  next: {next_step}")
        self.cause = cause
        self.next_step = next_step
