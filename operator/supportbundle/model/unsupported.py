"""What the resource can say and this version cannot do yet. Admission refuses it; where admission is missing, we do.

Deleting a line here, and its twin in the CRD, is how a feature is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator

from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec, CollectorType, DeletionPolicy, SupportBundleSpec

COLLECTORS = frozenset({CollectorType.HTTP, CollectorType.EXEC, CollectorType.RESOURCES, CollectorType.METRICS})
CAPABILITIES = frozenset({Capability.HTTP, Capability.EXEC, Capability.RESOURCES})


def unsupported(spec: SupportBundleSpec) -> tuple[str, ...]:
    """The fields and values of this spec that are not built yet, by path."""
    return (*_of_spec(spec), *(path for collector in spec.collectors for path in _of_collector(collector)))


def _of_spec(spec: SupportBundleSpec) -> Iterator[str]:
    wanted = {
        "spec.templateRef": spec.template_ref is not None,
        "spec.sanitization.pseudonymize": bool(spec.sanitization.pseudonymize),
        "spec.sanitization.keepShape": spec.sanitization.keep_shape,
        "spec.sanitization.rules": bool(spec.sanitization.rules),
        "spec.encryption": spec.encryption is not None,
        "spec.deletionPolicy: Delete": spec.deletion_policy == DeletionPolicy.DELETE,
        "spec.dryRun": spec.dry_run,
    }
    yield from (path for path, is_wanted in wanted.items() if is_wanted)
    yield from (f"capability {name}" for name in spec.capabilities if name in CAPABILITIES)


def _of_collector(collector: CollectorSpec) -> Iterator[str]:
    where = f"spec.collectors[{collector.name}]"
    if collector.type in COLLECTORS:
        yield f"{where}.type: {collector.type}"
    if collector.profile and collector.profile.headers_from:
        yield f"{where}.profile.headersFrom"
    if config := collector.config:
        names = ("files", "environment", "related", "helmReleases", "secretShapes")
        values = (config.files, config.environment, config.related, config.helm_releases, config.secret_shapes)
        yield from (f"{where}.config.{name}" for name, value in zip(names, values, strict=True) if value)
