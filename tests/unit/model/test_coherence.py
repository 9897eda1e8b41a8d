"""Options that mean nothing together, for those whom admission does not see."""

from __future__ import annotations

from typing import Any

import pytest

from supportbundle.model.coherence import incoherent
from supportbundle.model.spec import CollectorSpec

HEADER = {"name": "A", "secret": "s", "key": "k"}
STEP = {"name": "a", "path": "/", "output": "a"}
FIELD = {"key": "k", "value": "x"}


def api(*steps: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"api": {"port": 1, "steps": list(steps), **options}}


def said(kind: str, **options: Any) -> list[str]:
    return list(incoherent(CollectorSpec.model_validate({"name": "c", "type": kind, **options})))


@pytest.mark.parametrize(
    ("kind", "options", "word"),
    [
        ("Events", {"logs": {}}, "logs may be set only where type is Logs"),
        ("Config", {}, "type Config needs config"),
        ("Profile", {}, "type Profile needs profile"),
        ("HTTP", {}, "type HTTP needs http"),
        ("Exec", {}, "type Exec needs exec"),
        ("Files", {}, "type Files needs files"),
        ("Logs", {"target": {}}, "an empty target names no pod"),
        (
            "Logs",
            {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
            "In and NotIn need values",
        ),
        (
            "Logs",
            {"target": {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}},
            "In and NotIn need values",
        ),
        ("Logs", {"target": {"selector": {}, "anyOf": [{}]}}, "selector and anyOf exclude each other"),
        (
            "Logs",
            {"target": {"anyOf": [{}, {"matchExpressions": [{"key": "a", "operator": "In"}]}]}},
            "In and NotIn need values",
        ),
        ("Logs", {"logs": {"since": "1h", "sinceTime": "2026-01-01T00:00:00Z"}}, "exclude each other"),
        ("Logs", {"logs": {"since": "0s"}}, "since must lie between"),
        ("Logs", {"logs": {"since": "9000h"}}, "since must lie between"),
        ("Config", {"config": {}}, "config asks for nothing"),
        ("HTTP", {"http": {"port": 1, "service": "web", "via": "PodIP"}}, "service excludes via PodIP"),
        ("HTTP", {"http": {"port": 1, "body": "x"}}, "only a POST has a body"),
        (
            "HTTP",
            {"http": {"port": 1, "headers": [{"name": "A", "value": "v"}], "headersFrom": [HEADER]}},
            "a header stands in headers and in headersFrom",
        ),
        ("HTTP", {"http": {"port": 1, "tls": {"caBundle": "PEM", "insecureSkipVerify": True}}}, "keep one"),
        ("Exec", {"exec": {}}, "set either command or tool"),
        ("Exec", {"exec": {"command": ["id"], "tool": "NodeReport"}}, "set either command or tool"),
        ("Exec", {"exec": {"command": [""]}}, "the first word of command"),
        ("Exec", {"exec": {"command": ["id"], "seconds": 5}}, "process and seconds are for tool only"),
        ("Logs", {"path": "Manifest.json"}, "path is the name of a file that the operator writes"),
        ("Logs", {"path": "{pod/}{file}", "missing": "Null"}, "missing needs a path without {file}"),
        ("Logs", {"missing": "Empty"}, "missing needs a path without {file}"),
        ("Logs", {"fallbackFor": "c"}, "cannot be its own fallback"),
        ("Logs", {"fallbackFor": "c/step"}, "cannot be its own fallback"),
        ("Logs", {"fallbackWhen": "FileMissing"}, "set fallbackFor too"),
        *(
            (kind, {"path": "{pod/}x", **options}, "a path without {file} is the place of one file")
            for kind, options in (
                ("HTTP", {"http": {"port": 1, "unwrap": True}}),
                ("Exec", {"exec": {"command": ["id"], "unwrap": True}}),
                ("Profile", {"profile": {"port": 1}}),
                ("Profile", {"profile": {"probe": True, "kinds": [{"type": "Heap"}]}}),
                ("Profile", {"profile": {"port": 1, "kinds": [{"type": "Goroutine"}]}}),
                (
                    "Profile",
                    {
                        "profile": {
                            "port": 1,
                            "kinds": [{"type": "Heap", "output": "h"}, {"type": "CPU", "output": "c"}],
                        }
                    },
                ),
                ("API", api({"name": "a", "path": "/", "unwrap": True})),
                ("API", api(STEP, {"name": "b", "path": "/", "output": "b"})),
            )
        ),
        ("API", api(STEP, service="web", pods="All"), "a Service is asked once"),
        ("Exec", {"exec": {"tool": "NodeReport", "unwrap": True}}, "a tool writes no zip"),
        (
            "Profile",
            {"profile": {"port": 1, "kinds": [{"type": "Heap", "form": "Text"}]}},
            "form is for type Goroutine",
        ),
        ("Profile", {"profile": {"port": 1, "kinds": [{"type": "Goroutine", "output": "g"}]}}, "output names one file"),
        ("Metrics", {"metrics": {"path": "/m"}}, "path and via are for port only"),
        (
            "Profile",
            {"profile": {"port": 1, "kinds": [{"type": "CPU"}, {"type": "CPU", "seconds": 9}]}},
            "kinds has CPU twice",
        ),
        ("HTTP", {"http": {"port": 1, "headersFrom": [HEADER, HEADER]}}, "headersFrom has A twice; keep one"),
        ("Files", {"files": {"paths": ["/a", "/b", "/a"]}}, "paths has /a twice"),
        ("API", {}, "type API needs api"),
        ("API", api(STEP, service="web", via="PodIP"), "service excludes via PodIP"),
        ("API", api(STEP, headers=[{"name": "A", "value": "v"}], headersFrom=[HEADER]), "a header stands in headers"),
        (
            "API",
            api(STEP, headers=[{"name": "X-Key", "value": "v"}], headersFrom=[HEADER | {"name": "x-key"}]),
            "a header stands in headers",
        ),
        ("API", api(STEP, tls={"caBundle": "PEM", "insecureSkipVerify": True}), "keep one"),
        ("API", api({"name": "a", "output": "a"}), "a step needs a path, a value or fields"),
        ("API", api(STEP | {"value": "x", "fields": [FIELD]}), "value and fields of a step exclude each other"),
        ("API", api({"name": "a", "value": "x", "output": "a", "accept": [404]}), "accept is for a step with path"),
        ("API", api({"name": "a", "path": "/", "indent": 2}), "are for a step with output"),
        ("API", api({"name": "a", "path": "/", "missing": "Null"}), "are for a step with output"),
        ("API", api(STEP | {"keepNull": True}), "keepNull and reportMissing are for fields"),
        ("API", api(STEP | {"format": "Text", "indent": 2}), "format Text is for texts"),
        *(
            ("API", api(STEP | {"unwrap": True} | more), "unwrap needs path, and excludes")
            for more in (
                {"value": "x"},
                {"fields": [FIELD]},
                {"format": "YAML"},
                {"indent": 2},
                {"missing": "Null"},
                {"accept": [403]},
                {"path": None, "value": "x"},
            )
        ),
        ("API", api(STEP, STEP), "steps has a twice"),
        ("API", api(STEP | {"fields": [FIELD, FIELD]}), "fields has k twice"),
        ("Logs", {"target": {"podNames": ["a", "a"]}}, "podNames has a twice"),
    ],
)
def test_what_means_nothing_is_told_in_the_words_of_admission(kind: str, options: dict[str, Any], word: str) -> None:
    found = said(kind, **options)
    assert [message for message in found if word in message] == found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Logs", {}),
        ("Logs", {"target": {"selector": {}}, "logs": {"since": "24h"}}),
        ("Logs", {"target": {"anyOf": [{"matchLabels": {"app": "a"}}, {}], "podNames": ["b"]}}),
        ("Config", {"config": {"configMaps": {}}}),
        ("HTTP", {"http": {"port": 1, "method": "POST", "body": "x", "headersFrom": [HEADER], "tls": {}}}),
        ("Exec", {"exec": {"tool": "NodeReport", "seconds": 5}}),
        ("Exec", {"exec": {"command": ["id", "", ""]}}),
        ("Metrics", {"metrics": {"port": 1, "path": "/m"}}),
        ("Logs", {"path": "{pod/}server.log", "missing": "Null", "fallbackFor": "other/step"}),
        ("Profile", {"profile": {"port": 1, "kinds": [{"type": "Goroutine", "form": "Text", "output": "goroutines"}]}}),
        ("Metrics", {}),
        ("Profile", {"path": "x", "profile": {"port": 1, "kinds": [{"type": "Goroutine", "form": "Text"}]}}),
        ("Profile", {"path": "{file}", "profile": {"port": 1}}),
        ("HTTP", {"path": "{pod/}{file}", "http": {"port": 1, "unwrap": True}}),
        ("API", {"path": "x", **api(STEP, STEP | {"name": "b", "fallbackFor": "a"}, {"name": "c", "value": "a"})}),
        ("API", api(STEP, service="web", pods="One")),
        (
            "API",
            api({"name": "a", "path": "/", "unwrap": True}, STEP | {"name": "b", "unwrap": True, "when": "bundle"}),
        ),
        ("API", api(STEP, {"name": "b", "value": "a.x"}, headersFrom=[HEADER], tls={})),
        ("API", api({"name": "b", "fields": [FIELD], "output": "b", "keepNull": True, "format": "YAML", "indent": 4})),
    ],
)
def test_what_means_something_is_left_alone(kind: str, options: dict[str, Any]) -> None:
    assert said(kind, **options) == []
