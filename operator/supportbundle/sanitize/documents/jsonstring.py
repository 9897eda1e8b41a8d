"""JSON's string tokens: their content, and how a sanitized content is written back."""

from __future__ import annotations

import json

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit


def decoded(token: bytes) -> bytes:
    """The string's content as UTF-8, or as it is written where its escapes are not JSON's."""
    if b"\\" not in token:
        return token[1:-1]
    text = _text(token)
    return token[1:-1] if text is None else text.encode("utf-8", "surrogatepass")


def written(token: bytes, clean: bytes) -> bytes:
    """The token that stands for `clean` where `token` stood, with the escapes that JSON needs."""
    if b"\\" not in token or _text(token) is None:
        # Nothing was unescaped; a replacement holds nothing to escape.
        return b'"' + clean.replace(b'"', b"") + b'"' if b'"' in clean else b'"' + clean + b'"'
    text = clean.decode("utf-8", "surrogatepass")
    if not token.isascii():
        try:
            return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            pass  # half a surrogate pair: only an escape can express it
    return json.dumps(text).encode()


def inside(context: Context, token: bytes, value: bytes, start: int) -> list[Edit]:
    """The edit of a token at `start` whose content `value` holds something to take out."""
    clean, rules = context.inside(value)
    return [] if clean == value else [Edit(start, start + len(token), written(token, clean), rules)]


def _text(token: bytes) -> str | None:
    try:
        text: str = json.loads(token.decode("utf-8", "surrogateescape"), strict=False)
    except ValueError:
        return None
    return text
