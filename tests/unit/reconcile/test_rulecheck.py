"""Sanitizing rules are checked by a process of its own: its word is the condition's, and nothing hangs on it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.universe import KEY, SPEC, STAGING, Universe
from supportbundle.errors import InvalidRule
from supportbundle.model import names
from supportbundle.model.destination import DestinationSanitization
from supportbundle.model.spec import PseudonymKind, SanitizationRule
from supportbundle.reconcile import paths
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck

BUNDLE = paths.bundle("team", "incident")


def rule(pattern: str, kind: str = "Regex", name: str = "acme") -> SanitizationRule:
    return SanitizationRule.model_validate({"name": name, "type": kind, "pattern": pattern})


def script(text: str) -> RuleCheck:
    return RuleCheck((sys.executable, "-c", text))


async def test_rules_that_hold_pass_and_one_that_does_not_is_named() -> None:
    check = RuleCheck()
    await check([rule(r"TCK-\d+"), rule("$.a.b", "Path", "path")])
    with pytest.raises(InvalidRule, match=r"Sanitizing rule acme \(Regex\) cannot be used: RE2 refuses it"):
        await check([rule("$.a.b", "Path", "path"), rule("(")])


async def test_without_rules_nothing_runs() -> None:
    await script("raise SystemExit(7)")([])


async def test_rules_that_hold_are_tried_once_and_others_each_time(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    check = script(f"import sys; open({str(tries)!r}, 'a').write('.'); raise SystemExit('bad' in sys.stdin.read())")
    for _ in range(2):
        await check([rule("good")])
        with pytest.raises(InvalidRule):
            await check([rule("bad")])
    assert tries.read_text(encoding="utf-8") == "..."


async def test_so_many_sets_are_remembered(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    check = RuleCheck((sys.executable, "-S", "-c", f"open({str(tries)!r}, 'a').write('.')"), remembered=1)
    for pattern in ("one", "two", "two", "one"):
        await check([rule(pattern)])
    assert tries.read_text(encoding="utf-8") == "..."


async def test_a_check_that_dies_or_hangs_ends_in_an_error() -> None:
    with pytest.raises(InvalidRule, match="exit code 7"):
        await script("raise SystemExit(7)")([rule("abc")])
    with pytest.raises(InvalidRule, match="took more than 0 s"):
        await script("import time; time.sleep(60)")([rule("abc")], seconds=0.2)


async def test_the_process_has_none_of_the_operators_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    await script("import os; raise SystemExit('AWS_SECRET_ACCESS_KEY' in os.environ)")([rule("abc")])


async def test_a_bundle_with_a_rule_that_cannot_work_fails_at_once_and_says_which(universe: Universe) -> None:
    rules = [{"name": "a", "type": "Key", "pattern": "tenantId"}, {"name": "b", "type": "Regex", "pattern": "*"}]
    universe.api.objects[BUNDLE]["spec"]["sanitization"] = {"rules": rules}
    reconciler = Reconciler(universe.process())
    for _ in range(3):
        await reconciler.run(KEY)
    status = universe.api.objects[BUNDLE]["status"]
    ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
    assert (status["phase"], ready["reason"]) == ("Failed", "InvalidRule")
    assert ready["message"].startswith("Sanitizing rule b (Regex) cannot be used: RE2 refuses it")
    assert universe.api.of("jobs") == []


def strict(universe: Universe, *rules: SanitizationRule) -> Universe:
    """The destination has rules of its own, and wants addresses to become pseudonyms."""
    floor = DestinationSanitization(rules=rules, pseudonymize=(PseudonymKind.IP,))
    return replace(universe, spec=SPEC.model_copy(update={"sanitization": floor}))


async def test_a_rule_of_a_destination_that_cannot_work_is_blamed_on_the_destination(universe: Universe) -> None:
    world = strict(universe, rule("*"))
    reconciler = Reconciler(world.process())
    for _ in range(3):
        await reconciler.run(KEY)
    status = world.api.objects[BUNDLE]["status"]
    ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
    assert (status["phase"], ready["reason"]) == ("Failed", "InvalidRule")
    assert ready["message"].startswith("SupportBundleDestination default: Sanitizing rule acme (Regex) cannot be used")
    assert "An admin must correct its sanitization.rules." in ready["message"]


async def test_what_a_destination_takes_out_is_planned_for_every_bundle_and_later_changes_are_not(
    universe: Universe,
) -> None:
    own = {"rules": [{"name": "own", "type": "Key", "pattern": "tenantId"}], "pseudonymize": ["Email"]}
    universe.api.objects[BUNDLE]["spec"]["sanitization"] = own
    world = strict(universe, rule(r"TCK-\d+"))
    reconciler = Reconciler(world.process())
    for _ in range(3):
        await reconciler.run(KEY)
    await Reconciler(strict(universe, rule("other")).process()).run(KEY)
    planned = read_plan(universe.store.data[names.plan_key(STAGING)]).sanitization
    assert [one.name for one in planned.rules] == ["acme", "own"]
    assert planned.rules[0].pattern == r"TCK-\d+"
    assert planned.pseudonyms is not None
    assert set(planned.pseudonyms.kinds) == {PseudonymKind.IP, PseudonymKind.EMAIL}
