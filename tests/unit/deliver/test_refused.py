"""A delivery's pod cannot ask where the API server is; it is told, and sends nothing there."""

from __future__ import annotations

from pathlib import Path

import pytest

from supportbundle.deliver.inputs import Mounts
from supportbundle.deliver.main import deliver
from supportbundle.model.delivery import DELIVERY_FILE, Delivery
from supportbundle.model.destination import DestinationSpec, DestinationType, S3Options
from supportbundle.storage.addresses import ForbiddenAddress


def test_nothing_is_asked_of_an_address_that_the_operator_names(tmp_path: Path) -> None:
    described = {"bucket": "bucket", "endpoint": "http://192.0.2.1:6443", "credentialsSecretRef": {"name": "keys"}}
    options = S3Options.model_validate(described)
    spec = DestinationSpec(type=DestinationType.S3, s3=options)
    servers = (("192.0.2.1", 6443),)
    work = Delivery(staging=options, prefix="p/", size=1, etag="e", destination=spec, key="k", api_servers=servers)
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("accessKey", "secretKey"):
        (keys / name).write_text("x")
    (tmp_path / DELIVERY_FILE).write_text(work.model_dump_json(by_alias=True))
    with pytest.raises(ForbiddenAddress, match="API server"):
        deliver(Mounts(tmp_path, keys, keys))
