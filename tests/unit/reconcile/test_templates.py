"""Bundles that name a template, and what the operator tells the template's author."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from support.build import NOW
from support.templates import LOGS, PING, UID, manifest
from support.universe import ARTIFACT, KEY, STAGING, Universe
from supportbundle.errors import InvalidRule
from supportbundle.model import names
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.gather import read_plan
from supportbundle.reconcile.loop import Reconciler
from supportbundle.reconcile.rulecheck import RuleCheck
from supportbundle.reconcile.setup import ensure_templates
from supportbundle.reconcile.templates import TemplateKeeper

BUNDLE, PRESET = paths.bundle("team", "incident"), paths.template("preset")
SINCE = {"name": "since", "type": "Duration", "default": "1h"}
PRESET_LOGS = LOGS | {"logs": {"since": "$(since)"}}
TARGET = {"selector": {"matchLabels": {"app": "web"}}}


class NoRules(RuleCheck):
    """Rules are checked by a process of its own, which has tests of its own."""

    async def __call__(self, rules: object, seconds: float = 0) -> None:
        del seconds
        if rules:
            raise InvalidRule("Sanitizing rule x (Regex) cannot be used.")


def naming(universe: Universe, **ref: Any) -> None:
    """The bundle names the template and asks for nothing itself."""
    universe.api.objects[BUNDLE]["spec"] = {"templateRef": {"name": "preset", **ref}, "collectors": []}


def preset(universe: Universe, *collectors: dict[str, Any], **spec: Any) -> None:
    made = manifest(*(collectors or (PRESET_LOGS,)), **{"parameters": [SINCE], "target": TARGET, **spec})
    universe.api.put(PRESET, made)


def status(universe: Universe) -> dict[str, Any]:
    found: dict[str, Any] = universe.api.objects[BUNDLE].get("status", {})
    return found


def ready(universe: Universe) -> dict[str, Any]:
    return next(c for c in status(universe)["conditions"] if c["type"] == "Ready")


def deps_of(universe: Universe, after: timedelta = timedelta()) -> Deps:
    return replace(universe.process(), clock=lambda: NOW + after, check_rules=NoRules())


async def run(universe: Universe, deps: Deps, steps: int = 10) -> None:
    reconciler = Reconciler(deps)
    for _ in range(steps):
        await reconciler.run(KEY)
        universe.run_collectors()


async def test_plan_status_and_manifest_tell_what_was_used(universe: Universe) -> None:
    preset(universe)
    naming(universe, parameters={"since": "2h"})
    deps = deps_of(universe)
    await run(universe, deps, 3)
    plan = read_plan(universe.store.data[names.plan_key(STAGING)])
    assert {t.target for shard in plan.shards for t in shard.tasks} == {"web-1/app", "web-2/app"}
    await run(universe, deps)
    used = {"name": "preset", "uid": UID, "generation": 3}
    assert (status(universe)["phase"], status(universe)["template"]) == ("Ready", used)
    with zipfile.ZipFile(io.BytesIO(universe.store.data[ARTIFACT])) as archive:
        told = json.loads(archive.read("manifest.json"))["template"]
    assert told == used | {"parameters": {"since": "2h"}, "secrets": []}


async def test_a_change_of_the_template_does_not_reach_a_run_that_is_planned(universe: Universe) -> None:
    preset(universe)
    naming(universe)
    deps = deps_of(universe)
    await run(universe, deps, 3)
    before = universe.store.data[names.plan_key(STAGING)]
    del universe.api.objects[PRESET]
    await run(universe, deps_of(universe))
    assert status(universe)["phase"] == "Ready"
    assert status(universe)["template"]["generation"] == 3
    assert universe.store.writes.count(names.plan_key(STAGING)) == 1
    assert read_plan(before).template is not None


async def test_a_template_may_come_after_its_bundle_but_not_for_ever(universe: Universe) -> None:
    naming(universe)
    deps = deps_of(universe)
    await run(universe, deps, 3)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Pending", "TemplateNotFound")
    assert ready(universe)["status"] == "Unknown"
    preset(universe)
    await run(universe, deps)
    assert status(universe)["phase"] == "Ready"


async def test_a_template_that_never_comes_ends_the_bundle_with_a_plain_reason(universe: Universe) -> None:
    naming(universe)
    deps = deps_of(universe)
    await run(universe, deps, 3)
    await run(universe, replace(deps, clock=lambda: NOW + timedelta(minutes=3)), 1)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Failed", "TemplateNotFound")
    assert "There is no SupportBundleTemplate preset." in ready(universe)["message"]
    assert "kubectl get sbtemplate" in ready(universe)["message"]


@pytest.mark.parametrize(
    ("collector", "parameters", "reason", "word"),
    [
        (PING, {}, "InvalidTemplate", "there is no parameter path"),
        (PRESET_LOGS, {"since": "soon"}, "InvalidParameters", "Parameter since of template preset: 'soon' is not"),
        (PRESET_LOGS, {"other": "x"}, "InvalidParameters", "Template preset has no parameter other"),
        (PRESET_LOGS | {"unknown": 1}, {}, "InvalidTemplate", "This operator cannot read the template preset"),
    ],
)
async def test_what_cannot_be_filled_in_ends_the_bundle_at_once(
    universe: Universe, collector: dict[str, Any], parameters: dict[str, str], reason: str, word: str
) -> None:
    preset(universe, collector)
    naming(universe, parameters=parameters)
    await run(universe, deps_of(universe), 3)
    assert (status(universe)["phase"], ready(universe)["reason"]) == ("Failed", reason)
    assert word in ready(universe)["message"]
    assert universe.store.data == {}


async def test_what_only_the_bundle_could_have_is_told_with_its_end(universe: Universe) -> None:
    preset(universe, PRESET_LOGS, {"name": "all", "type": "Resources", "resources": {"clusterInfo": True}})
    naming(universe)
    await run(universe, deps_of(universe))
    told = {(w["reason"], w["collector"], w.get("target", "")) for w in status(universe)["warnings"]}
    assert told == {("NotAllowed", "all", "clusterInfo"), ("NotAllowed", "all", "")}
    assert ready(universe)["reason"] == "PartiallyCollected"


async def test_a_dry_run_tells_of_the_template_and_of_its_right(universe: Universe) -> None:
    preset(universe, PRESET_LOGS, {"name": "events", "type": "Events"})
    naming(universe)
    universe.api.objects[BUNDLE]["spec"] |= {"dryRun": True, "capabilities": ["Logs"]}
    await run(universe, deps_of(universe))
    estimate = status(universe)["estimate"]
    assert (estimate["pods"], estimate["missingCapabilities"]) == (2, ["Events"])
    assert status(universe)["template"]["name"] == "preset"
    rules = yaml.safe_load(estimate["role"])["rules"]
    use = {"apiGroups": ["supportbundle.dev"], "resources": ["supportbundletemplates"], "resourceNames": ["preset"]}
    assert use | {"verbs": ["use"]} in rules
    assert {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]} in rules


def condition(universe: Universe) -> dict[str, Any]:
    [found] = universe.api.objects[PRESET]["status"]["conditions"]
    assert universe.api.objects[PRESET]["status"]["observedGeneration"] == found["observedGeneration"] == 3
    return dict(found)


async def test_an_author_learns_at_once_that_a_template_is_good(universe: Universe) -> None:
    preset(universe, PRESET_LOGS, secrets=[{"name": "token", "required": True}], capabilities=["Logs"])
    await TemplateKeeper(deps_of(universe)).run("preset")
    found = condition(universe)
    assert (found["status"], found["reason"]) == ("True", "Valid")
    assert "lists the capabilities Logs. It must give token (a Secret)." in found["message"]
    version = universe.api.version
    await TemplateKeeper(deps_of(universe, timedelta(hours=1))).run("preset")
    assert universe.api.version == version, "nothing new is not written again"


@pytest.mark.parametrize(
    ("collector", "spec", "reason", "word"),
    [
        (PING, {}, "InvalidTemplate", "there is no parameter path; declare it in spec.parameters"),
        (PRESET_LOGS, {"capabilities": ["Events"]}, "InvalidTemplate", "it needs Logs, which spec.capabilities"),
        (PRESET_LOGS | {"unknown": 1}, {}, "InvalidTemplate", "spec.collectors.0.unknown"),
        (
            PRESET_LOGS,
            {"sanitization": {"rules": [{"name": "x", "type": "Regex", "pattern": "["}]}},
            "InvalidRule",
            "Sanitizing rule x (Regex)",
        ),
    ],
)
async def test_an_author_learns_at_once_what_to_correct(
    universe: Universe, collector: dict[str, Any], spec: dict[str, Any], reason: str, word: str
) -> None:
    preset(universe, collector, **spec)
    await TemplateKeeper(deps_of(universe)).run("preset")
    found = condition(universe)
    assert (found["status"], found["reason"]) == ("False", reason)
    assert word in found["message"]


@pytest.mark.parametrize(("changed", "status"), [({}, "True"), ({"description": "Changed."}, "False")])
async def test_rules_of_what_is_shipped_are_not_tried_at_each_start(
    universe: Universe, changed: dict[str, str], status: str
) -> None:
    preset(universe, sanitization={"rules": [{"name": "x", "type": "Regex", "pattern": "["}]})
    shipped = {"preset": {**universe.api.objects[PRESET]["spec"], **changed}}
    config = universe.config.model_copy(update={"templates": shipped})
    await TemplateKeeper(replace(deps_of(universe), config=config)).run("preset")
    assert condition(universe)["status"] == status


async def test_the_time_of_a_condition_moves_only_with_its_status(universe: Universe) -> None:
    preset(universe)
    await TemplateKeeper(deps_of(universe)).run("preset")
    universe.api.objects[PRESET]["spec"]["parameters"][0]["required"] = False
    universe.api.objects[PRESET]["spec"]["capabilities"] = ["Logs"]
    await TemplateKeeper(deps_of(universe, timedelta(hours=1))).run("preset")
    assert condition(universe)["lastTransitionTime"].startswith("2026-11-21T12:00")
    universe.api.objects[PRESET]["spec"]["capabilities"] = ["Events"]
    await TemplateKeeper(deps_of(universe, timedelta(hours=2))).run("preset")
    assert condition(universe)["lastTransitionTime"].startswith("2026-11-21T14:00")


async def test_a_template_that_is_gone_needs_no_word(universe: Universe) -> None:
    assert await TemplateKeeper(deps_of(universe)).run("preset") is None


class Applying:
    """An API server that takes what is applied."""

    def __init__(self) -> None:
        self.applied: dict[str, Any] = {}

    async def apply(self, path: str, obj: dict[str, Any], *, manager: str) -> None:
        self.applied[path] = (obj, manager)


async def test_what_is_shipped_is_applied_by_name(universe: Universe) -> None:
    api = Applying()
    spec = manifest()["spec"]
    config = universe.config.model_copy(update={"templates": {"kubernetes": spec}})
    await ensure_templates(replace(universe.process(), client=api, config=config))  # type: ignore[arg-type]
    [(path, (obj, manager))] = api.applied.items()
    assert path == paths.template("kubernetes")
    assert (obj["kind"], obj["spec"], manager) == ("SupportBundleTemplate", spec, names.MANAGED_BY)
