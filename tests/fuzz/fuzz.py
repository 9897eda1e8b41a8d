"""Mutates the corpus for some minutes and feeds it to every reader: `python fuzz.py [MINUTES] [SEED]`.

Whatever the bytes: nothing but a refusal may be raised, a planted known secret never comes out, the chunks make no
difference, and nothing takes longer than its length explains. A failure prints the seed of its case.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "operator"), str(ROOT / "tests")]

from corpus.cases import lookalikes, secrets
from supportbundle.errors import SupportBundleError
from supportbundle.sanitize import KnownSecret, Limits, Sanitizer

PLANTED = b"Zq7-planted-Known-9w"
SMALL = Limits(block=256, ahead=128, feed=64, stretch=128, unit=64, whole=2048, cap=4096)
SLOWEST = 5.0
"""Seconds that a case of at most 200 KB may take on a busy machine."""
PIECES = (
    *(
        b'"',
        b"'",
        b"\\",
        b"\n",
        b"\r\n",
        b"\0",
        b": ",
        b"=",
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b">",
        b"---\n",
        b"- ",
        b"|\n  ",
    ),
    *(b"password=", b'"token":', b"kind: Secret\n", b"data:\n", b"-----BEGIN RSA PRIVATE KEY-----\n", b"://u:", b"@h/"),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
        b"&a ",
        b"*a",
        b"\xe2\x80\xa8",
        b"\xe9",
        b"<<EOF\n",
    ),
    *(PLANTED, b"<redacted:password>"),
)


def mutated(random_: random.Random, seeds: list[bytes]) -> bytes:
    """A document made of pieces of others."""
    data = bytearray(random_.choice(seeds))
    for _ in range(random_.randrange(1, 12)):
        at = random_.randrange(len(data) + 1)
        match random_.randrange(6):
            case 0:
                data[at:at] = random_.choice(PIECES)
            case 1:
                del data[at : at + random_.randrange(1, 40)]
            case 2:
                data[at:at] = data[at : at + random_.randrange(1, 200)] * random_.randrange(1, 6)
            case 3:
                data[at:at] = random_.choice(seeds)
            case 4 if data:
                data[at % len(data)] = random_.randrange(256)
            case _:
                data[at:at] = PLANTED
    return bytes(data[: 200 << 10])


def chunks(random_: random.Random, data: bytes) -> Iterator[bytes]:
    """`data`, cut anywhere."""
    position = 0
    while position < len(data):
        size = random_.choice((1, 7, 64, 1000, 100_000))
        yield data[position : position + size]
        position += size


def outcome(by: Sanitizer, pieces: Iterator[bytes], path: str) -> bytes | None:
    """What comes out; None for a refusal."""
    stream = by.open(path)
    try:
        return b"".join([*(stream.feed(piece) for piece in pieces), stream.finish()])
    except SupportBundleError:
        return None


def check(random_: random.Random, seeds: list[bytes], sanitizers: list[Sanitizer]) -> None:
    """One case."""
    data = mutated(random_, seeds)
    path = random_.choice(("x", "x.yaml", "x.json", "x.toml", "x.ini", "x.xml", "x.tf", "x.properties", "x.env"))
    by = random_.choice(sanitizers)
    start = time.monotonic()
    whole = outcome(by, iter([data]), path)
    assert time.monotonic() - start < SLOWEST, f"{len(data)} bytes took {time.monotonic() - start:.1f} s"
    assert whole == outcome(by, chunks(random_, data), path), "the chunks made a difference"
    assert whole is None or PLANTED not in whole, "a known secret came out"


def main(minutes: float, seed: int) -> int:
    """The number of failures."""
    seeds = [case.text.encode() for case in (*secrets(), *lookalikes())]
    known = [KnownSecret("planted/key", PLANTED)]
    sanitizers = [Sanitizer.build(known), Sanitizer.build(known, limits=SMALL), Sanitizer.build(known, keep_shape=True)]
    end = time.monotonic() + minutes * 60
    number = failures = 0
    while time.monotonic() < end:
        number += 1
        try:
            check(random.Random(seed + number), seeds, sanitizers)  # noqa: S311 - repeatable, not secret
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            failures += 1
            print(f"case {seed + number}:")
            traceback.print_exc(limit=3, file=sys.stdout)
    print(f"{number} cases, {failures} failures")
    return failures


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("10", "1")[len(sys.argv) - 1 :]]
    sys.exit(min(main(float(arguments[0]), int(arguments[1])), 1))
