"""Streaming a layout through bounded memory moves every byte once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supportbundle.model.pieces import MAX_PARTS, MIN_PART, CopyRange, Inline, Part
from supportbundle.storage.multipart import RELAY_PART, relayed

GIB = 1 << 30
inline = st.builds(Inline, st.binary(max_size=50))


@st.composite
def ranges(draw: st.DrawFn) -> CopyRange:
    start = draw(st.integers(0, GIB))
    return CopyRange(draw(st.sampled_from("abc")), "etag", start, start + draw(st.integers(1, 3 * GIB)))


layouts = st.lists(st.lists(inline | ranges(), min_size=1, max_size=4).map(lambda p: Part(tuple(p))), max_size=5)


def joined(parts: list[Part]) -> list[CopyRange | bytes]:
    """The pieces with neighbours put together again."""
    result: list[CopyRange | bytes] = []
    for piece in (piece for part in parts for piece in part.pieces):
        last = result[-1] if result else None
        if isinstance(piece, Inline):
            if isinstance(last, bytes):
                result[-1] = last + piece.data
            elif piece.data:
                result.append(piece.data)
        elif isinstance(last, CopyRange) and (last.key, last.end) == (piece.key, piece.start):
            result[-1] = CopyRange(last.key, last.etag, last.start, piece.end)
        else:
            result.append(piece)
    return result


@given(parts=layouts)
def test_the_bytes_are_the_same_in_equal_parts(parts: list[Part]) -> None:
    streamed = relayed(parts)
    assert joined(streamed) == joined(parts)
    assert all(part.size == RELAY_PART for part in streamed[:-1])
    assert all(0 < part.size <= RELAY_PART for part in streamed[-1:])


def test_parts_grow_only_where_there_would_be_too_many() -> None:
    huge = relayed([Part((CopyRange("a", "etag", 0, 100 * GIB),))])
    assert len(huge) <= MAX_PARTS
    assert MIN_PART < RELAY_PART < huge[0].size < 2 * RELAY_PART
