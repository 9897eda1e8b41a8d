"""Rules of the tree that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "operator/supportbundle"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_the_source_root_is_no_package() -> None:
    """With an `__init__.py`, `operator/` would shadow the standard library's module of that name."""
    assert not (ROOT / "operator/__init__.py").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import operator; operator.itemgetter"], cwd=ROOT, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def test_every_module_says_why_it_exists_and_stays_small() -> None:
    for module in MODULES:
        source = module.read_text(encoding="utf-8")
        assert source.count("\n") <= 400, module
        assert ast.get_docstring(ast.parse(source)), module


def test_no_function_is_longer_than_sixty_lines() -> None:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{module}: {node.name}"


def test_a_collector_pod_pays_for_neither_kopf_nor_the_kubernetes_package() -> None:
    forbidden = ("kopf", "kubernetes", "boto3")
    code = f"import sys, supportbundle.collector.main; print([m for m in {forbidden} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "operator")}, check=True, capture_output=True
    )
    assert done.stdout.decode().strip() == "[]"
