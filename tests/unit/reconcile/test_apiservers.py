"""Where the API server really answers: looked up, remembered, and told to the pods that deliver."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from support.memory import Fuse, MemoryApi
from supportbundle.errors import Forbidden
from supportbundle.kube.client import Client
from supportbundle.model.delivery import Delivery
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import paths
from supportbundle.reconcile.apiservers import ApiServers
from supportbundle.reconcile.deliveryjob import digest_of

SLICE: dict[str, Any] = {
    "metadata": {"name": "kubernetes"},
    "endpoints": [{"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.1"], "conditions": {"ready": False}}],
    "ports": [{"name": "https", "port": 6443}],
}


class Refusing(MemoryApi):
    """An API server that may refuse."""

    refuses = False

    async def get(self, path: str, *_: object) -> dict[str, Any]:
        if self.refuses:
            raise Forbidden("cannot get")
        return await super().get(path)


async def test_each_address_is_known_with_its_port() -> None:
    api = MemoryApi(Fuse())
    api.put(paths.API_SERVERS, dict(SLICE))
    servers = ApiServers(cast("Client", api))
    assert servers.known() == ()
    await servers.refresh()
    assert servers.known() == (("10.0.0.1", 6443), ("10.0.0.2", 6443))


@pytest.mark.parametrize("odd", [{}, {"endpoints": None, "ports": None}, {"endpoints": [{}], "ports": [{}]}])
async def test_a_slice_without_addresses_tells_of_none(odd: dict[str, Any]) -> None:
    api = MemoryApi(Fuse())
    api.put(paths.API_SERVERS, {"metadata": {}, **odd})
    servers = ApiServers(cast("Client", api))
    await servers.refresh()
    assert servers.known() == ()


async def test_while_they_cannot_be_read_those_known_last_count_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = Refusing(Fuse())
    api.put(paths.API_SERVERS, dict(SLICE))
    servers = ApiServers(cast("Client", api))
    await servers.refresh()
    api.refuses = True
    with caplog.at_level(logging.WARNING):
        await servers.refresh()
        await servers.refresh()
    assert len(servers.known()) == 2
    assert len(caplog.records) == 1


def test_a_control_plane_that_grows_does_not_replace_a_delivery_that_runs() -> None:
    options = S3Options(bucket="bucket")
    spec = DestinationSpec(type=DestinationType.S3, s3=options)
    work = Delivery(staging=options, prefix="p/", size=1, etag="e", destination=spec, key="k")
    told = work.model_copy(update={"api_servers": (("10.0.0.1", 6443),)})
    assert digest_of(work) == digest_of(told)
    assert Delivery.model_validate_json(told.model_dump_json(by_alias=True)) == told
