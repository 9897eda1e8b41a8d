"""Kubernetes quantities and Go durations, as the API writes them, parsed once to int bytes and timedelta."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

QUANTITY_PATTERN = r"^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$"
DURATION_PATTERN = r"^([0-9]{1,6}(h|m|s))+$"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse_quantity(text: str | int) -> int:
    """Bytes of a quantity such as `100Mi`.

    Raises:
        ValueError: if the text is no positive quantity.
    """
    text = str(text)
    if not re.fullmatch(QUANTITY_PATTERN, text):
        raise ValueError(f"{text!r} is no quantity such as 512Ki, 100Mi or 1Gi")
    digits = text.rstrip("KMGTki")
    return int(digits) * _UNITS[text[len(digits) :]]


def parse_duration(text: str | timedelta) -> timedelta:
    """A Go duration of whole hours, minutes and seconds, such as `1h30m`.

    Raises:
        ValueError: if the text is no such duration.
    """
    if isinstance(text, timedelta):
        return text
    text = str(text)
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is no duration such as 30s, 10m or 24h")
    return timedelta(seconds=sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"([0-9]+)([hms])", text)))


def format_duration(value: timedelta) -> str:
    """The shortest Go duration of whole seconds: `168h`, `1h30m`, `0s`."""
    rest = int(value.total_seconds())
    parts = []
    for unit, size in _SECONDS.items():
        count, rest = divmod(rest, size)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0s"


def format_bytes(size: int) -> str:
    """A size for people: `512 bytes`, `1.2 GiB`."""
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:  # noqa: PLR2004 - the step between these units
            break
        value, unit = value / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


ByteQuantity = Annotated[int, BeforeValidator(parse_quantity), PlainSerializer(str, return_type=str)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
