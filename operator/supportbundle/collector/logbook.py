"""collector.log: the collector's own story, kept in memory, bounded, sanitized before it leaves."""

from __future__ import annotations

import logging

from supportbundle.archive.index import LOG_LIMIT


class Logbook(logging.Handler):
    """Keeps the first `LOG_LIMIT` characters of the shard's log and says so when more came."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._lines: list[str] = []
        self._size = 0
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        line = self.format(record)
        if self._size + len(line) > LOG_LIMIT:
            self._dropped += 1
            return
        self._lines.append(line)
        self._size += len(line) + 1

    def text(self) -> str:
        """Everything kept, in order."""
        tail = [f"({self._dropped} more lines were dropped)"] if self._dropped else []
        return "".join(f"{line}\n" for line in (*self._lines, *tail))
