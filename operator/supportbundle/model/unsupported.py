"""What the resource can say and this version cannot do yet. Admission refuses it; where admission is missing, we do.

Deleting a line here, and its twin in the CRD, is how a feature is switched on.
"""

from __future__ import annotations

from supportbundle.model.spec import DeletionPolicy, SupportBundleSpec


def unsupported(spec: SupportBundleSpec) -> tuple[str, ...]:
    """The fields and values of this spec that are not built yet, by path."""
    wanted = {
        "spec.templateRef": spec.template_ref is not None,
        "spec.deletionPolicy: Delete": spec.deletion_policy == DeletionPolicy.DELETE,
    }
    return tuple(path for path, is_wanted in wanted.items() if is_wanted)
