"""What must stand before the first bundle: the default destination, its bucket where the chart asks for one, templates.

A chart cannot install a custom resource beside its own CRD, so the operator applies it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from supportbundle.errors import Invalid, NotFound, SupportBundleError
from supportbundle.model import names
from supportbundle.model.plan import dump
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.stores import DEFAULT

log = logging.getLogger(__name__)
BUCKET_SECONDS = 3.0
"""Between two tries to make the bucket: a server that the chart installs beside the operator starts within seconds."""


async def ensure_default_destination(deps: Deps) -> None:
    """Apply the destination of the settings.

    Raises:
        SupportBundleError: it could not be applied.
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


async def ensure_templates(deps: Deps) -> None:
    """Apply the templates of the settings; what somebody has changed in them is changed back.

    Raises:
        SupportBundleError: one could not be applied.
    """
    for name, spec in deps.config.templates.items():
        template = {
            "apiVersion": names.API_VERSION,
            "kind": "SupportBundleTemplate",
            "metadata": {"name": name, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
            "spec": spec,
        }
        try:
            await deps.client.apply(paths.template(name), template, manager=names.MANAGED_BY)
        except (Invalid, NotFound) as error:  # not found: the CRD is not installed
            log.error("the template %s is not applied: %s", name, error)  # noqa: TRY400 - the admin's to mend, no bug


async def ensure_bucket(deps: Deps, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Make the bucket of the default destination if the admin wants that, trying until it is there.

    Bundles wait meanwhile and say why (`refusals.of_store`), so the log has one line and not one a try.
    """
    if not deps.config.create_bucket or deps.config.default_destination is None:
        return
    waiting = False
    while True:
        try:
            place = await deps.stores.place(DEFAULT)
            await deps.blocking(place.store.ensure_bucket)
        except SupportBundleError as error:
            if not waiting:
                log.warning("the bucket of the default destination is not there yet; trying on: %s", error)
            waiting = True
        else:
            log.info("the bucket of the default destination is there")
            return
        await pause(BUCKET_SECONDS)
