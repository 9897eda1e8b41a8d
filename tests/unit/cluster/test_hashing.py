"""A content hash changes with everything that changes what is built, and with nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.testcluster.hashing import content_hash, keep_newest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "one"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.go").write_text("package a")
    (root / "go.mod").write_text("module x")
    return root


def hash_of(root: Path, *extra: str) -> str:
    return content_hash([root / "pkg", root / "go.mod"], root=root, extra=extra)


def test_the_same_content_elsewhere_has_the_same_hash(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "two"
    tree_hash = hash_of(tree)
    tree.rename(other)
    assert hash_of(other) == tree_hash


def test_caches_of_tools_do_not_count(tree: Path) -> None:
    before = hash_of(tree)
    (tree / "pkg" / "__pycache__").mkdir()
    (tree / "pkg" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert hash_of(tree) == before


def test_content_name_mode_compiler_and_absence_count(tree: Path) -> None:
    seen = {hash_of(tree), hash_of(tree, "go1.26"), hash_of(tree, "go1.27")}
    (tree / "pkg" / "a.go").write_text("package b")
    seen.add(hash_of(tree))
    (tree / "pkg" / "a.go").rename(tree / "pkg" / "b.go")
    seen.add(hash_of(tree))
    (tree / "pkg" / "b.go").chmod(0o755)
    seen.add(hash_of(tree))
    (tree / "go.mod").unlink()
    seen.add(hash_of(tree))
    assert len(seen) == 7


def test_only_the_newest_entries_of_the_cache_stay(tmp_path: Path) -> None:
    for age in range(5):
        path = tmp_path / f"image-{age}.tar"
        path.write_text("x")
        os.utime(path, (1000 - age, 1000 - age))
    (tmp_path / "other.tar").write_text("x")
    keep_newest(tmp_path, "image-*.tar", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image-0.tar", "image-1.tar", "other.tar"]
