"""Every rule's own examples: what it must take out and what it must leave."""

from __future__ import annotations

import re
from collections.abc import Callable

import hyperscan
import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from support import timing
from supportbundle.sanitize import Sanitizer
from supportbundle.sanitize.find.triggers import latin1
from supportbundle.sanitize.rules.builtin import BUILTIN
from supportbundle.sanitize.rules.records import BlockRule, Hit, KeyRule, PatternRule

Clean = Callable[..., bytes]
RULES: tuple[PatternRule | BlockRule | KeyRule, ...] = (*BUILTIN.patterns, *BUILTIN.blocks, *BUILTIN.keys)
HITS = [pytest.param(hit, id=f"{rule.name}-{number}") for rule in RULES for number, hit in enumerate(rule.hits)]
LOOKALIKES = [
    pytest.param(text, id=f"{rule.name}-{number}") for rule in RULES for number, text in enumerate(rule.lookalikes)
]


@pytest.mark.parametrize("hit", HITS)
def test_takes_the_secret_out(hit: Hit, clean: Clean, sanitizer: Sanitizer) -> None:
    out = clean(hit.text)
    assert hit.secret.encode() not in out
    assert b"<redacted:" in out.replace(b"&lt;", b"<")
    assert clean(out) == out
    check = sanitizer.leak_check()
    check.feed(out)
    check.finish()


@pytest.mark.parametrize("hit", HITS)
def test_takes_it_out_of_json_yaml_and_the_middle_of_a_log(hit: Hit, clean: Clean) -> None:
    import json  # noqa: PLC0415 - two formats of one text

    for text in (
        json.dumps({"message": hit.text, "n": 1}),
        json.dumps([{"a": hit.text}], indent=1),
        "a: 1\nmessage: |\n" + "".join(f"  {line}\n" for line in hit.text.splitlines()) + "b: 2\n",
        f"2026-11-21T10:00:00Z INFO start\n{hit.text}\n2026-11-21T10:00:01Z INFO end\n",
    ):
        assert hit.secret.encode() not in clean(text).replace(b"\\\\", b"\\"), text


@pytest.mark.parametrize("text", LOOKALIKES)
def test_leaves_lookalikes(text: str, clean: Clean) -> None:
    assert clean(text).decode() == text


def test_every_rule_has_a_reason_an_example_and_a_name_fit_for_a_marker() -> None:
    for rule in RULES:
        assert rule.reason.endswith(".")
        assert rule.hits
        assert re.fullmatch(r"[a-z0-9-]+", rule.name)


@settings(max_examples=600)
@given(data=st.data(), rule=st.sampled_from(BUILTIN.patterns))
def test_a_trigger_covers_whatever_its_pattern_matches(data: st.DataObject, rule: PatternRule) -> None:
    text = data.draw(st.from_regex(re.compile(rule.pattern.encode()), fullmatch=True))
    if re2.compile(rule.pattern.encode(), latin1()).fullmatch(text):
        found = re2.compile(rule.trigger.encode(), latin1()).search(text)
        assert found is not None, (rule.name, text)
        assert found.start() == 0, (rule.name, text)


@pytest.mark.parametrize("rule", BUILTIN.patterns, ids=lambda rule: rule.name)
def test_a_trigger_finds_the_examples_in_every_engine(rule: PatternRule) -> None:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[(rule.seen or rule.trigger).encode()], ids=[0], elements=1, flags=[0])
    for hit in rule.hits:
        text = hit.text.encode()
        seen: list[int] = []
        database.scan(text, match_event_handler=lambda *match, seen=seen: seen.append(match[2]))
        assert seen
        assert re2.compile(rule.trigger.encode(), latin1()).search(text)
        assert re.search(rule.trigger.encode(), text)


@pytest.mark.parametrize(
    "piece", ["x://aa:b", "a:a@tcp(", "curl -u ", "AUTH x", "<token>", "password' ", "mysql -p ",
     "card 4", "key=a1B2",
              "eyJaaaaaa.", "bearer a", "://a:1;", "jdbc:oracle:thin:a/b", "-U a%b", "xoxb-",
     "pat.aaaa", "Authorization: "],
)  # fmt: skip
def test_no_rule_takes_more_than_linear_time(piece: str, sanitizer: Sanitizer) -> None:
    timing.assert_linear(sanitizer, piece.encode())


def test_no_marker_is_itself_a_hit(clean: Clean) -> None:
    markers = [f"<redacted:{name}>" for name in sorted(BUILTIN.names() | {"known-secret", "secret-object"})]
    for text in (" ".join(markers), "\n".join(markers), ",".join(f'"{marker}"' for marker in markers)):
        assert clean(text).decode() == text


ORDINARY = (
    '2026-11-21T10:00:00.000Z level=info msg="request completed" status=200 duration=12ms user=alice',
    "pod uid 6f9619ff-8b86-d011-b42d-00cf4fc964ff scheduled on node-1",
    "image registry.example/app@sha256:9b2a28eb47540823042a2ba401386845089bb7b62a9637d55816132c4c3c36eb pulled",
    "commit 5d41402abc4b2a76b9719d911017c592 by Jane",
    'I1121 10:00:00.000000       1 controller.go:12] "Secret synced" namespace="shop" name="db"',
    'http_requests_total{code="200",handler="/token"} 1027',
    "# HELP process_tokens_total Number of tokens.",
    "GET /api/v1/namespaces/default/secrets?limit=500 HTTP/2.0 200",
    'MountVolume.SetUp failed for volume "token" : secret "db-token" not found',
    "user admin logged in from 10.0.0.1:53321",
    "WARN  password will expire in 3 days",
    'Normal  Pulled  3m  kubelet  Container image "busybox:1.36" already present',
    "tcp 0 0 0.0.0.0:8080 0.0.0.0:* LISTEN 1/app",
    "ssh-copy-id git@github.com",
    "  Type:        kubernetes.io/service-account-token",
    "NAME TYPE DATA AGE\ndb-secret Opaque 3 4d",
    "PATH=/usr/bin:/bin HOME=/root",
    "at com.example.PasswordEncoder.encode(PasswordEncoder.java:42)",
    "goroutine 1 [running]:\nmain.(*TokenSource).Token(0xc000010000)",
    "authentication: succeeded; authorization: allowed",
    "key=value keys=3 keyspace=ks primary_key=id",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_leaves_ordinary_output(text: str, clean: Clean) -> None:
    assert clean(text).decode() == text
