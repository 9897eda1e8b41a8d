"""The end of a dry run: what the samples said, what is missing, and the Role that grants it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import yaml

from supportbundle.archive.footer import read_index
from supportbundle.archive.index import FragmentIndex
from supportbundle.collect.registry import demands_for
from supportbundle.config import OperatorConfig
from supportbundle.decide.estimate import Estimated, Samples, expected_bytes, expected_seconds
from supportbundle.errors import Conflict, Corrupt, NotFound
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.capability import CLUSTER_VERB, EXTRA_VERB, Capability, PolicyRule
from supportbundle.model.gap import Gap
from supportbundle.model.plan import DryRun, Plan
from supportbundle.model.sampling import MILLISECONDS, counter_of
from supportbundle.model.status import Collection as Collected
from supportbundle.model.status import Estimate
from supportbundle.reconcile.access import Right, allowed
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.stores import Place


async def estimate(bundle: Bundle, plan: Plan, place: Place, deps: Deps) -> Estimated:
    """What a run would take and need.

    Raises:
        SupportBundleError: the store or the API server failed; the next try starts over.
    """
    dry_run = plan.dry_run
    assert dry_run is not None, "decide asks for an estimate only of a dry run"  # noqa: S101 - states decide's contract
    prefix = names.staging_prefix(deps.cluster_id, bundle.metadata.namespace, bundle.metadata.uid)
    index, gaps = await deps.blocking(lambda: _sample(bundle.status.collection, prefix, place))
    samples = _samples(dry_run, index)
    size = expected_bytes(dry_run, samples)
    return Estimated(
        Estimate(
            pods=plan.targets,
            tasks=sum(forecast.tasks for forecast in dry_run.forecasts),
            bytes=size,
            seconds=expected_seconds(plan, dry_run, size, samples),
            sampled_tasks=sum(forecast.sampled for forecast in dry_run.forecasts),
            missing_capabilities=tuple(sorted(set(dry_run.required) - set(bundle.spec.capabilities))),
            missing_rights=await _missing(bundle, plan, dry_run, deps),
            role=role(bundle, _used(bundle, plan, dry_run.required, deps.config)),
        ),
        (*plan.gaps, *(index.gaps if index else ()), *gaps),
    )


def _of_capabilities(
    bundle: Bundle, capabilities: Collection[Capability], config: OperatorConfig
) -> Iterator[PolicyRule]:
    for capability in capabilities:
        yield from demands_for(capability)
    if Capability.RESOURCES in capabilities:
        if bundle.spec.wants_cluster_info:
            yield _virtual(CLUSTER_VERB)
        if config.extra_resources:
            yield _virtual(EXTRA_VERB)


def _used(
    bundle: Bundle, plan: Plan, capabilities: Collection[Capability], config: OperatorConfig
) -> tuple[PolicyRule, ...]:
    """What the bundle's collectors make use of: rights of the account that it names, or else of its requester."""
    rules = list(_of_capabilities(bundle, capabilities, config))
    if plan.targets or bundle.spec.template_ref:
        rules.append(PolicyRule(api_groups=("",), resources=("pods",), verbs=("list",)))
    if bundle.spec.uses_secrets:
        rules.append(PolicyRule(api_groups=("",), resources=("secrets",), verbs=("get",)))
    if bundle.spec.service_account_name:
        rules.append(_virtual("collect"))
    return tuple(dict.fromkeys(rules))


def _virtual(*verbs: str) -> PolicyRule:
    return PolicyRule(api_groups=(names.GROUP,), resources=(names.PLURAL,), verbs=verbs)


def role(bundle: Bundle, used: Iterable[PolicyRule]) -> str:
    """A Role of the bundle's namespace as YAML, for the requester and the account if one is named."""
    rules = [*used, _virtual("create", "get")]
    named = [(names.GROUP, names.DESTINATIONS, bundle.spec.destination.name, "use")]
    if bundle.spec.template_ref:
        named.append((names.GROUP, names.TEMPLATES, bundle.spec.template_ref.name, "use"))
    if account := bundle.spec.service_account_name:
        named.append(("", "serviceaccounts", account, "impersonate"))
    return yaml.safe_dump(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": f"supportbundle-{bundle.metadata.name}", "namespace": bundle.metadata.namespace},
            "rules": [
                *(rule.model_dump(mode="json", by_alias=True) for rule in rules),
                *(
                    {"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": [verb]}
                    for group, resource, name, verb in named
                ),
            ],
        },
        sort_keys=False,
    )


def _sample(collection: Collected | None, prefix: str, place: Place) -> tuple[FragmentIndex | None, tuple[Gap, ...]]:
    """The index of the samples; a sample that is lost leaves the collectors' own guesses, and a gap."""
    if collection is None:
        return None, ()
    if not collection.fragments:
        return None, tuple(Gap.say("SampleLost", item.message) for item in collection.lost)
    ref = collection.fragments[0]
    key = names.fragment_key(prefix, ref.shard)

    def read(start: int, end: int) -> bytes:
        return place.store.get(key, start, end, if_match=ref.etag)

    try:
        return read_index(read, ref.size, shard=ref.shard), ()
    except (Conflict, Corrupt, NotFound) as error:
        return None, (Gap.say("SampleLost", str(error)),)


def _samples(dry_run: DryRun, index: FragmentIndex | None) -> Samples:
    if index is None:
        return Samples({}, 0)
    stats = index.report.stats
    counters = {forecast.collector: counter_of(place) for place, forecast in enumerate(dry_run.forecasts)}
    sizes = {name: stats[counter] for name, counter in counters.items() if counter in stats}
    return Samples(sizes, stats.get(MILLISECONDS, 0))


async def _missing(bundle: Bundle, plan: Plan, dry_run: DryRun, deps: Deps) -> tuple[str, ...]:
    """What the named account lacks; without one, the rights of missing capabilities, which nobody has checked.

    All others of the requester were checked when the bundle was created.
    """
    account, spec = bundle.spec.service_account_name, bundle.spec
    if account is None:
        missing = [capability for capability in dry_run.required if capability not in spec.capabilities]
        return tuple(dict.fromkeys(map(_say, _rights(_of_capabilities(bundle, missing, deps.config)))))
    wanted = [
        *_rights(_used(bundle, plan, dry_run.required, deps.config)),
        ("use", names.GROUP, names.DESTINATIONS, spec.destination.name),
    ]
    if spec.template_ref:
        wanted.append(("use", names.GROUP, names.TEMPLATES, spec.template_ref.name))
    held = [await allowed(deps.client, bundle.metadata.namespace, account, right) for right in wanted]
    return tuple(dict.fromkeys(_say(right) for right, yes in zip(wanted, held, strict=True) if not yes))


def _rights(rules: Iterable[PolicyRule]) -> Iterator[Right]:
    return ((v, g, r, "") for rule in rules for g in rule.api_groups for r in rule.resources for v in rule.verbs)


def _say(right: Right) -> str:
    verb, group, resource, name = right
    return f"{verb} {resource}{'.' if group else ''}{group}{'/' if name else ''}{name}"
