"""A store whose operations are timed and counted, whatever kind of store it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, Final, cast

from supportbundle.errors import SupportBundleError
from supportbundle.storage.base import Store

Observe = Callable[[str, str, float], None]
"""Takes the operation, its outcome and its seconds."""
OK: Final = "OK"


def measured(store: Store, observe: Observe) -> Store:
    """The same store; every operation that asks the server is told to `observe`, by the name of its method."""
    return cast("Store", _Measured(store, observe))


class _Measured:
    """By `__getattr__`, so that a store may learn new operations without a second place that lists them."""

    def __init__(self, store: Store, observe: Observe) -> None:
        self._store = store
        self._observe = observe

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any operation of any store
        found = getattr(self._store, name)
        if not callable(found) or name.startswith("presign"):  # signing asks nobody
            return found

        if isgeneratorfunction(found):  # it does its work, and fails, while it is read
            return lambda *args, **kwargs: self._read(name, found(*args, **kwargs))

        @wraps(found)
        def operation(*args: object, **kwargs: object) -> object:
            with _Timed(name, self._observe):
                return found(*args, **kwargs)

        return operation

    def _read(self, name: str, blocks: Iterator[object]) -> Iterator[object]:
        with _Timed(name, self._observe):
            yield from blocks


class _Timed:
    """Tells what happened inside; that a reader has had enough is no failure."""

    def __init__(self, name: str, observe: Observe) -> None:
        self._name, self._observe, self._begun = name, observe, 0.0

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        outcome = OK
        if error is not None and not isinstance(error, GeneratorExit):
            outcome = error.reason if isinstance(error, SupportBundleError) else "InternalError"
        self._observe(self._name, outcome, time.monotonic() - self._begun)
