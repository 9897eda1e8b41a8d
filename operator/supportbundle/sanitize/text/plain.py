"""The commonest secret of a log, found fast: `key=value` inside a line, where the value is plainly a secret.

It only recognises what `places.Window` would replace in the same way, and says nothing where it is not sure: a log in
which every line holds a secret is dominated by these.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.core import Core
from supportbundle.sanitize.edits import Edit
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.rules.keys import SecretKey

_VALUE: Final = re.compile(
    # A letter and, later, a digit: no number, no mask, no word of prose, no reference.
    rb"(?=[0-9_\-.+@%^*!~]*[A-Za-z][\w\-.+@%^*!~/:]*?[0-9])[\w\-.+@%^*!~][\w\-./+@%^*!~:]{7,199}(?=[ \n])"
)
_BEFORE_NO_NAME: Final = frozenset(b" \t\r\n\0tvVGx-")
"""What stands two bytes before a name that may begin its line (`export X=`): then the value goes to the line's end."""
_ENDS_DOCUMENT: Final = frozenset(b"}] \t\r\0")


def plain(core: Core, buffer: bytes, hit: Hit, floor: int, end: int) -> Edit | None:
    """The edit for this hit if it is such a value, whole within buffer[floor:end]; None if a closer look is needed."""
    key = hit.rule
    if hit.kind is not Kind.KEY or not isinstance(key, SecretKey) or key.rule.value or hit.start < floor + 2:
        return None
    before = buffer[hit.start - 2 : hit.start]
    if buffer[hit.end - 1] != _EQUALS or before[1] != _BLANK or before[0] in _BEFORE_NO_NAME:
        return None
    match = _VALUE.match(buffer, hit.end, end)
    if match is None:
        return None
    stop = match.end()
    newline = buffer.find(b"\n", stop, end)
    if newline < 0 or buffer[newline - 1] in _ENDS_DOCUMENT:
        return None
    name = key.rule.name
    return Edit(hit.end, stop, core.replacement(name, match.group()), (name,))


_EQUALS: Final = ord("=")
_BLANK: Final = ord(" ")
