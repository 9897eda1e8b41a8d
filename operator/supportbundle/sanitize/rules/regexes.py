"""Somebody's own regular expressions: RE2, so that no expression makes hostile text slow, and bounded in size.

They are about bytes, and `^` and `$` are the ends of a line: content need not be UTF-8, and is looked at in windows
that have no other ends.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from supportbundle.errors import Invalid
from supportbundle.sanitize.find.triggers import latin1
from supportbundle.sanitize.markers import marker

MAX_PROGRAM: Final = 4000
"""Instructions of one compiled expression; `[a-z]{1,1000}` takes about 2000."""
_MAX_MEMORY: Final = 2 << 20
_NO_SUCH_END: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[AzZ]")
_UNICODE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[pPX]")
_SAMPLES: Final = (b"", b"a", b" ", b"a b\n", b"\n")


def compiled(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    """The RE2 object for `pattern`.

    Raises:
        Invalid: with RE2's own words, if it is no RE2 or too large.
    """
    options = latin1()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    try:
        re2.compile(pattern.encode(), options)  # alone, so that the words of a refusal are about what was written
        program = re2.compile(b"(?m)" + pattern.encode(), options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if error.args else "unknown"
        raise Invalid(f"RE2 refuses it ({said}).", "See github.com/google/re2/wiki/Syntax.") from error
    if max(program.programsize, program.reverseprogramsize) > MAX_PROGRAM:
        raise Invalid("it is too large once compiled.", "Repeat less.")
    return program


def check(pattern: str, name: str) -> None:
    """Whether `pattern` may be a rule called `name`.

    Raises:
        Invalid: saying what to change.
    """
    if not pattern.isascii() or _UNICODE.search(pattern):
        raise Invalid("it is about bytes, so it can hold ASCII only and no \\p.", r"Write [^\x00-\x7f] for the rest.")
    program = compiled(pattern)
    if _NO_SUCH_END.search(pattern):
        raise Invalid(r"\A and \z mean nothing in a stream.", "Use ^ and $ for the ends of a line.")
    if any(match.end() == match.start() for text in _SAMPLES for match in program.finditer(text)):
        raise Invalid("it matches the empty string.", "Let it match at least one character.")
    for text in (marker(name), marker("password")):
        if program.search(text):
            raise Invalid(f"it matches {text.decode()}, which stands for a secret.", "Make it more particular.")
