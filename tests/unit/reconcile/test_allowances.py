"""What one shard writes about itself costs no other shard its place."""

from __future__ import annotations

from datetime import timedelta

from support.build import NOW, bundle, plan, seen_status
from support.fragments import write_fragment
from support.memory import Fuse, MemoryStore
from supportbundle.archive.index import IndexLimits
from supportbundle.model import names
from supportbundle.model.destination import Destination, DestinationSpec, DestinationType, S3Options
from supportbundle.model.gap import Gap
from supportbundle.model.status import Collection, FragmentRef
from supportbundle.reconcile.assemble import Assembler
from supportbundle.reconcile.stores import Place

SHARDS = 60


def test_shards_that_all_use_their_whole_allowance_are_all_read() -> None:
    limits = IndexLimits.for_shards(SHARDS)
    store = MemoryStore(Fuse())
    gaps = [Gap.say("Timeout", "slow", target=f"{n}") for n in range(limits.gaps)]
    refs = []
    for shard in range(SHARDS):
        data = write_fragment({}, shard=shard, gaps=gaps, limits=limits)
        store.data[names.fragment_key("p/", shard)] = data
        info = store.head(names.fragment_key("p/", shard))
        assert info
        refs.append(FragmentRef(shard=shard, etag=info.etag, size=info.size))
    spec = DestinationSpec(type=DestinationType.S3, s3=S3Options(bucket="bucket"))
    place = Place(Destination(name="default", spec=spec), store)
    collection = Collection(ended_at=NOW + timedelta(minutes=1), fragments=tuple(refs))
    asked = bundle(seen_status(collection=collection))
    outcome = Assembler(place, plan(SHARDS), collection, "p/", "zip").run(asked)
    assert {gap.reason for gap in outcome.gaps} == {"Timeout"}
    assert len(outcome.gaps) == SHARDS * limits.gaps > IndexLimits().gaps
