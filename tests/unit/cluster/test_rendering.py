"""The configuration of the components, and the settings from which it is made."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from cluster.testcluster import render
from cluster.testcluster.components import all_components
from cluster.testcluster.errors import ClusterError
from cluster.testcluster.settings import Settings

SETTINGS = Settings(state=Path("/srv/my-cluster"), cache=Path("/srv/cache"))


def test_defaults_follow_the_environment() -> None:
    settings = Settings.read({"HOME": "/home/ann"})
    assert settings.cache == Path("/home/ann/.cache/supportbundle-operator")
    assert settings.name == "supportbundle-testcluster"
    assert Settings.read({"HOME": "/h", "XDG_CACHE_HOME": "/x"}).cache == Path("/x/supportbundle-operator")
    assert Settings.read({"SUPPORTBUNDLE_CACHE": "/y"}).cache == Path("/y")
    assert Settings.read({"CLUSTER": "current"}).current


def test_one_name_for_everything_that_the_machine_sees() -> None:
    settings = Settings.read({"SUPPORTBUNDLE_STATE": "/srv/my-cluster"})
    assert (settings.netns, settings.lock) == (Path("/run/netns/my-cluster"), Path("/run/my-cluster.lock"))
    assert json.loads(render.kubelet(settings))["cgroupRoot"] == "/my-cluster"


@pytest.mark.parametrize("state", ["relative", "/", "/srv/..", "/srv/With Blanks", "/srv/x"])
def test_a_state_folder_that_names_no_cluster_is_refused(state: str) -> None:
    with pytest.raises(ClusterError, match="SUPPORTBUNDLE_STATE"):
        Settings.read({"SUPPORTBUNDLE_STATE": state})


def test_containerd_keeps_all_it_makes_below_the_state_folder() -> None:
    config = tomllib.loads(render.containerd(SETTINGS))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["netns_mounts_under_state_dir"]
    assert cri["restrict_oom_score_adj"]
    runc = cri["containerd"]["runtimes"]["runc"]["options"]
    for place in (config["root"], config["state"], config["grpc"]["address"], cri["cni"]["conf_dir"], runc["Root"]):
        assert place.startswith("/srv/my-cluster/")


def test_the_pod_network_is_named_as_the_cluster() -> None:
    conflist = json.loads(render.cni(SETTINGS))
    assert conflist["name"] == "my-cluster"
    assert conflist["plugins"][0]["ipam"]["dataDir"] == "/srv/my-cluster/ipam"


def test_every_component_has_a_way_to_tell_that_it_serves() -> None:
    components = all_components(SETTINGS)
    assert len({component.name for component in components}) == len(components) == 9
    assert all(component.ready.split("://")[0] in {"http", "https", "tcp", "unix"} for component in components)


def test_no_rendered_file_leaves_the_state_folder() -> None:
    assert all(Path("/srv/my-cluster") in path.parents for path in render.files(SETTINGS))
