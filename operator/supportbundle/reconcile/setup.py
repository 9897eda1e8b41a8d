"""What must stand before the first bundle: the default destination, and its bucket where the chart asks for one.

A chart cannot install a custom resource beside its own CRD, so the operator applies it.
"""

from __future__ import annotations

import logging

from supportbundle.errors import Invalid, SupportBundleError
from supportbundle.model import names
from supportbundle.model.plan import dump
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps

log = logging.getLogger(__name__)
DEFAULT = "default"


async def ensure_default_destination(deps: Deps) -> None:
    """Apply the destination of the settings, and make its bucket.

    Raises:
        SupportBundleError: the destination could not be applied. A store that does not answer yet is only logged:
            bundles wait for it and say so.
    """
    spec = deps.config.default_destination
    if spec is None:
        return
    destination = {
        "apiVersion": names.API_VERSION,
        "kind": "SupportBundleDestination",
        "metadata": {"name": DEFAULT, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
        "spec": dump(spec),
    }
    try:
        await deps.client.apply(paths.destination(DEFAULT), destination, manager=names.MANAGED_BY)
    except Invalid as error:
        log.error("the default destination stays as it is: %s", error)  # noqa: TRY400 - the admin's to mend, no bug
    if deps.config.create_bucket:
        await ensure_bucket(deps)


async def ensure_bucket(deps: Deps) -> None:
    """Make the bucket of the default destination if it is missing."""
    try:
        place = await deps.stores.place(DEFAULT)
        await deps.blocking(place.store.ensure_bucket)
    except SupportBundleError as error:
        log.warning("the bucket of the default destination is not there yet: %s", error)
