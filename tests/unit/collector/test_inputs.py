"""What a collector is given of pseudonyms: the key in its Secret, or nothing leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from supportbundle.collector.inputs import Mounts
from supportbundle.errors import Corrupt
from supportbundle.model.plan import PlannedPseudonyms
from supportbundle.model.spec import PseudonymKind

WANTED = PlannedPseudonyms(kinds=(PseudonymKind.IP, PseudonymKind.HOSTNAME), hosts=("db1",))


def test_pseudonyms_come_from_the_mounted_key(tmp_path: Path) -> None:
    mounts = Mounts(run=tmp_path)
    outputs = set()
    for key in (bytes(32), bytes(32), b"k" * 32):
        (tmp_path / "pseudonyms.key").write_bytes(key)
        found = mounts.pseudonyms(WANTED)
        assert found is not None
        outputs.add(found.text(b"from 10.0.1.2 to db1")[0])
    assert len(outputs) == 2
    assert not any(b"10.0.1.2" in out or b"db1" in out for out in outputs)


def test_without_the_key_nothing_leaves(tmp_path: Path) -> None:
    mounts = Mounts(run=tmp_path)
    with pytest.raises(Corrupt, match="key of pseudonyms"):
        mounts.pseudonyms(WANTED)
    (tmp_path / "pseudonyms.key").write_bytes(b"short")
    with pytest.raises(Corrupt, match="key of pseudonyms"):
        mounts.pseudonyms(WANTED)


def test_a_plan_without_pseudonyms_needs_no_key(tmp_path: Path) -> None:
    assert Mounts(run=tmp_path).pseudonyms(None) is None
