"""What stands outside a bundle and forbids it: missing policies, a missing destination, a store that says no."""

from __future__ import annotations

from datetime import timedelta

from supportbundle.decide.world import Refusal
from supportbundle.errors import Invalid, StagingMissing, SupportBundleError
from supportbundle.model.bundle import Bundle, Metadata
from supportbundle.model.destination import Destination
from supportbundle.model.recipients import recipients_of
from supportbundle.model.spec import Encryption

DESTINATION_PATIENCE = timedelta(minutes=2)
"""GitOps may apply a bundle and its destination in any order."""
TEMPLATE_PATIENCE = DESTINATION_PATIENCE
"""For the same reason."""
STORE_PATIENCE = timedelta(minutes=30)
"""Once a bundle runs, refused credentials may be in the middle of a rotation."""
BUCKET_PATIENCE = timedelta(minutes=2)
"""Where the operator itself makes the bucket, the store may be younger than the bundle."""


def of_spec(bundle: Bundle) -> Refusal | None:
    """What only the operator can see to be wrong."""
    return _of_recipients(bundle.spec.encryption, "InvalidSpec", "spec.encryption")


def _of_recipients(encryption: Encryption | None, reason: str, where: str) -> Refusal | None:
    """Keys that look like keys and are none: found now, not when everything is collected."""
    try:
        recipients_of(encryption.recipients if encryption else ())
    except Invalid as error:
        return Refusal(reason, f"{where}: {error}")
    return None


def of_policies(missing: tuple[str, ...]) -> Refusal:
    """Nobody has checked the requester, and no ServiceAccount vouches for the bundle."""
    message = (
        f"The ValidatingAdmissionPolicies {', '.join(missing)} are not in force, so nobody has checked what the "
        "requester may read. Reinstall the chart with policies.enabled=true, or create a bundle that names a "
        "serviceAccountName which holds the verb collect on supportbundles and use on the destination."
    )
    return Refusal("PoliciesMissing", message)


def of_destination(bundle: Bundle, destination: Destination) -> Refusal | None:
    """The destination's own list of namespaces, and the keys that it encrypts for."""
    if destination.allows(bundle.metadata.namespace):
        where = f"SupportBundleDestination {destination.name}, spec.encryption"
        return _of_recipients(destination.spec.encryption, "DestinationUnavailable", where)
    message = (
        f"SupportBundleDestination {destination.name} does not accept bundles of namespace "
        f"{bundle.metadata.namespace}. Ask an admin, or name another destination."
    )
    return Refusal("DestinationNotAllowed", message)


def unchecked_schedule(meta: Metadata) -> Refusal:
    """As `unchecked`, for a schedule: its author was to hold impersonate on the account that it names."""
    patch = f"kubectl -n {meta.namespace} patch sbschedule {meta.name} --type=merge -p"
    message = (
        f"SupportBundleSchedule {meta.name} was written while the admission policy on schedules was not in force, so "
        "nobody has checked its author. Change its spec once; whoever does must hold impersonate on its account: "
        f'{patch} \'{{"spec":{{"suspend":true}}}}\' and then {patch} \'{{"spec":{{"suspend":false}}}}\'.'
    )
    return Refusal("CreatedUnchecked", message)


def unchecked(bundle: Bundle) -> Refusal:
    """It was created before the policies were, so they never saw it."""
    message = (
        f"SupportBundle {bundle.metadata.name} was created before the admission policies took effect, so nobody has "
        "checked its requester. Create it again."
    )
    return Refusal("CreatedUnchecked", message)


def of_missing_destination(bundle: Bundle, error: SupportBundleError, *, started: bool) -> Refusal:
    """It may still come, or come back."""
    patience = STORE_PATIENCE if started else DESTINATION_PATIENCE
    if isinstance(error, StagingMissing):
        return Refusal(error.reason, str(error), patience)
    name = bundle.spec.destination.name
    message = f"SupportBundleDestination {name} cannot be used: {error}"
    return Refusal("DestinationUnavailable", message, patience)


def of_missing_template(name: str) -> Refusal:
    """It may still come."""
    message = (
        f"There is no SupportBundleTemplate {name}. See kubectl get sbtemplate and create a bundle that names one of "
        "these, or ask an admin for it."
    )
    return Refusal("TemplateNotFound", message, TEMPLATE_PATIENCE)


def of_template(error: SupportBundleError) -> Refusal:
    """The template, or what the bundle gives to it, cannot be used."""
    return Refusal(error.reason, str(error))


def of_store(error: SupportBundleError, *, started: bool, being_made: bool) -> Refusal:
    """The store refused the operator; `being_made` says that the operator makes the bucket, and so perhaps just now."""
    patience = STORE_PATIENCE if started else BUCKET_PATIENCE if being_made else timedelta(0)
    return Refusal(error.reason, str(error), patience)
