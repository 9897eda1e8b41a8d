"""Fragments to zip through a real server: the layout, the copies and the directory fit together."""

from __future__ import annotations

import io
import os
import zipfile
from functools import partial

from support.fragments import MOMENT, write_fragment
from supportbundle.archive.footer import read_index
from supportbundle.archive.headers import verify_headers
from supportbundle.archive.layout import InlineMember, layout
from supportbundle.archive.select import Fragment, select
from supportbundle.model.pieces import MIN_PART
from supportbundle.storage.s3 import S3Store


def stored(store: S3Store, members: dict[str, bytes], shard: int) -> Fragment:
    """Write a fragment as a collector does, and read it as the operator does."""
    key = f"fragments/{shard}"
    store.put(key, write_fragment(members, shard=shard), write_once=True)
    info = store.head(key)
    assert info is not None
    read = partial(store.get, key, if_match=info.etag)
    index = read_index(read, info.size, shard=shard)
    verify_headers(read, index, modified=MOMENT)
    return Fragment(key, info.etag, info.size, index)


def test_fragments_become_one_zip(store: S3Store) -> None:
    shards = [
        {"small/0": b"x", "empty": b""},
        {"large": os.urandom(2 * MIN_PART), "beside": b"y" * 1000},
        {f"many/{i}": os.urandom(i) for i in range(300)},
        {"large": b"of a higher shard", "last": b"z"},
    ]
    selection = select([stored(store, members, shard) for shard, members in enumerate(shards)])
    assembly = layout(selection, [InlineMember("manifest.json", b"{}\n")], modified=MOMENT)
    info = store.write_parts("bundle.zip", assembly.parts)
    assert info.size == assembly.size
    with zipfile.ZipFile(io.BytesIO(store.get("bundle.zip"))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    expected = {path: data for members in reversed(shards) for path, data in members.items()}
    assert found == expected | {"manifest.json": b"{}\n"}
