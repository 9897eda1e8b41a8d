"""What a sanitizer did with the corpus: which secrets survived, which look-alikes were touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from corpus.cases import Case
from corpus.invent import KNOWN
from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import KnownSecret, Limits, Sanitizer


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case after sanitizing; `wrong` says what is not as it should be."""

    case: Case
    output: str
    wrong: tuple[str, ...]


def build(limits: Limits | None = None, *, keep_shape: bool = False) -> Sanitizer:
    """A sanitizer that knows the corpus's known secrets and has the built-in rules."""
    known = [KnownSecret(f"corpus/{number}", value.encode()) for number, value in enumerate(KNOWN)]
    return Sanitizer.build(known, limits=limits, keep_shape=keep_shape)


def run(sanitizer: Sanitizer, chunks: Iterable[bytes], path: str = "x") -> bytes:
    """The sanitized content of one member."""
    stream = sanitizer.open(path)
    return b"".join([*[stream.feed(chunk) for chunk in chunks], stream.finish()])


def judge(sanitizer: Sanitizer, case: Case) -> Verdict:
    """Sanitize one case alone."""
    try:
        output = run(sanitizer, [case.text.encode()], case.path).decode()
    except Unsanitizable as error:
        return Verdict(case, "", (f"refused: {error}",))
    survived = tuple(f"survived: {secret}" for secret in case.secrets if secret in output)
    lost = tuple(f"lost: {kept}" for kept in case.kept if kept not in output)
    touched = ("touched",) if not case.secrets and output != case.text else ()
    return Verdict(case, output, survived + lost + touched)
