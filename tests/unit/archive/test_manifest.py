"""What a bundle says about itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson

from support.fragments import META, MOMENT, REPORT, FakeStore, write_fragment
from supportbundle.archive.layout import InlineMember
from supportbundle.archive.manifest import BundleFacts, build_tail, totals, warning_line
from supportbundle.archive.select import Selection, all_gaps, select
from supportbundle.model.archive import PlannedArchive
from supportbundle.model.cause import Cause, CauseType
from supportbundle.model.gap import Covered, Gap
from supportbundle.model.placing import Missing, MissingFile
from supportbundle.model.plan import BundleRef

FACTS = BundleFacts(BundleRef(namespace="chat", name="incident", uid="u-1"), MOMENT)
REDACTED = replace(META, source_bytes=9, redactions={"jwt": 2, "none": 0}, lines={"jwt": (1, 4), "none": ()})


def selection() -> Selection:
    store = FakeStore()
    lost = [Gap.say("Timeout", "too slow", target="web-1/app", collector="app-logs")]
    zero = write_fragment({"a.log": b"aaa"}, meta=REDACTED, report=replace(REPORT, log="one\ntwo\n"))
    one = write_fragment({"b.log": b"bb", "a.log": b"late"}, shard=1, gaps=lost)
    return select([store.add(one, shard=1), store.add(zero, shard=0)])


def by_path(tail: tuple[InlineMember, ...]) -> dict[str, bytes]:
    return {member.path: member.data for member in tail}


def test_the_manifest_lists_every_member_and_gap() -> None:
    chosen = selection()
    gaps = all_gaps([Gap.say("NotAllowed", "add Exec")], chosen)
    manifest = orjson.loads(by_path(build_tail(FACTS, chosen, gaps))["manifest.json"])
    assert manifest["bundle"] == {"namespace": "chat", "name": "incident", "uid": "u-1"}
    assert manifest["createdAt"] == "2026-11-21T04:05:06.000Z"
    paths = [member["path"] for member in manifest["members"]]
    assert paths == ["a.log", "b.log", "redactions.json", "warning.txt", "collector.log"]
    first = manifest["members"][0]
    assert first["sha256"] == hashlib.sha256(b"aaa").hexdigest()
    assert (first["size"], first["redactions"], first["truncated"]) == (3, 2, False)
    assert (first["source"]["collector"], first["source"]["target"]) == ("app-logs", "web-0/app")
    assert [gap["reason"] for gap in manifest["gaps"]] == ["NotAllowed", "Timeout", "PathConflict"]
    assert (manifest["totals"]["files"], manifest["totals"]["size"], manifest["totals"]["gaps"]) == (2, 5, 3)


def test_a_bundle_that_a_schedule_made_says_what_triggered_it() -> None:
    cause = Cause(type=CauseType.OOM_KILLED, schedule="crashes", at=MOMENT, trigger="memory", owner="Deployment/web")
    manifest = orjson.loads(by_path(build_tail(replace(FACTS, cause=cause), selection(), ()))["manifest.json"])
    assert Cause.model_validate(manifest["trigger"]) == cause
    assert "trigger" not in orjson.loads(by_path(build_tail(FACTS, selection(), ()))["manifest.json"])


def test_redactions_count_by_file_and_rule() -> None:
    report = orjson.loads(by_path(build_tail(FACTS, selection(), ()))["redactions.json"])
    assert report["files"] == {"a.log": {"rules": {"jwt": 2}, "lines": {"jwt": [1, 4]}}}
    assert report["totals"] == {"redactions": 2, "files": 1, "rules": {"jwt": 2}}


def test_redactions_say_why_somebodys_own_rules_are_there() -> None:
    facts = BundleFacts(FACTS.bundle, FACTS.created_at, {"jwt": "tokens\nof ours", "unused": "never", "bare": ""})
    report = orjson.loads(by_path(build_tail(facts, selection(), ()))["redactions.json"])
    assert report["reasons"] == {"jwt": r"tokens\nof ours"}


def test_totals_add_up() -> None:
    sums = totals(selection().entries)
    assert (sums.files, sums.size, sums.source_bytes, sums.redactions, sums.redacted_files) == (2, 5, 9, 2, 1)


def test_warnings_are_one_plain_line_each() -> None:
    gaps = [Gap.say("Timeout", "too\nslow", target="web-0/app", collector="logs"), Gap.say("Lost", "shard 3")]
    text = by_path(build_tail(FACTS, selection(), gaps))["warning.txt"].decode()
    assert text.splitlines() == [r"web-0/app: logs: Timeout: too\nslow", "bundle: Lost: shard 3"]
    assert warning_line(Gap.say("Lost", "")) == "bundle: Lost"


def test_without_gaps_there_is_no_warning() -> None:
    assert "warning.txt" not in by_path(build_tail(FACTS, selection(), ()))


def test_the_log_is_that_of_all_shards_and_printable() -> None:
    assert by_path(build_tail(FACTS, selection(), ()))["collector.log"] == b"== shard 0\none\ntwo\n"
    hostile = write_fragment({}, report=replace(REPORT, log="\x1b[2Jpwned\u2028x"))
    log = by_path(build_tail(FACTS, select([FakeStore().add(hostile, shard=0)]), ()))["collector.log"].decode()
    assert log == "== shard 0\n\\x1b[2Jpwned\nx\n"


def test_the_same_facts_make_the_same_bytes() -> None:
    assert build_tail(FACTS, selection(), ()) == build_tail(FACTS, selection(), ())


def test_the_documents_are_sorted_and_indented_throughout() -> None:
    tail = by_path(build_tail(FACTS, selection(), [Gap.say("Odd", '\n  "members": []')]))
    empty = by_path(build_tail(FACTS, select([]), ()))
    for data in (tail["manifest.json"], tail["redactions.json"], empty["redactions.json"]):
        plain = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        assert data == plain + b"\n"


class TestNames:
    """Our own files under the names that a product gives them."""

    archive = PlannedArchive(warnings="errors.txt", collector_log="cli_logs.txt", request_log="logs.txt")
    facts = replace(FACTS, archive=archive)

    def test_each_file_bears_its_name(self) -> None:
        tail = by_path(build_tail(self.facts, selection(), [Gap.say("Lost", "shard 3")]))
        assert sorted(tail) == ["cli_logs.txt", "errors.txt", "logs.txt", "manifest.json", "redactions.json"]
        assert tail["errors.txt"] == b"bundle: Lost: shard 3\n"
        listed = [member["path"] for member in orjson.loads(tail["manifest.json"])["members"]]
        assert listed[-3:] == ["errors.txt", "cli_logs.txt", "logs.txt"]

    def test_the_request_log_is_that_of_all_shards_and_there_even_if_nothing_was_asked(self) -> None:
        store = FakeStore()
        shards = [write_fragment({}, shard=n, requests=[f"GET /{n}"]) for n in (1, 0)]
        chosen = select(store.add(data, shard=n) for data, n in zip(shards, (1, 0), strict=True))
        assert by_path(build_tail(self.facts, chosen, ()))["logs.txt"] == b"GET /0\nGET /1\n"
        assert by_path(build_tail(self.facts, selection(), ()))["logs.txt"] == b""
        assert "logs.txt" not in by_path(build_tail(FACTS, selection(), ()))

    def test_a_file_of_a_collector_cannot_take_such_a_name(self) -> None:
        fragment = write_fragment({"Logs.txt": b"x", "cli_logs.txt/a": b"y", "b": b"z"})
        chosen = select([FakeStore().add(fragment, shard=0)], self.archive)
        assert [entry.path for entry in chosen.entries] == ["b"]
        assert [gap.reason for gap in chosen.gaps] == ["PathConflict"] * 2


class TestFallbacks:
    """What another collector has made good."""

    covered = (Covered(gap=Gap.say("HTTP403", "no licence", target="web-0", collector="native"), by="api"),)

    def test_it_is_told_in_the_warnings_and_is_no_gap_in_the_manifest(self) -> None:
        tail = by_path(build_tail(FACTS, selection(), (), self.covered))
        assert tail["warning.txt"] == b"web-0: native: HTTP403: no licence (collector api stands in for it)\n"
        manifest = orjson.loads(tail["manifest.json"])
        assert (manifest["gaps"], manifest["totals"]["gaps"]) == ([], 0)
        assert manifest["fallbacks"] == [
            {"target": "web-0", "collector": "native", "reason": "HTTP403", "message": "no licence", "by": "api"}
        ]
        assert "fallbacks" not in orjson.loads(by_path(build_tail(FACTS, selection(), ()))["manifest.json"])


def test_what_must_be_there_is_there() -> None:
    wanted = ["a.log", "a.log/x", "new/x.json", "new", "empty.txt"]
    missing = [MissingFile(path=path, content=Missing.NULL, collector="c") for path in wanted[:-1]]
    missing.append(MissingFile(path="empty.txt", content=Missing.EMPTY, collector="c"))
    tail = by_path(build_tail(replace(FACTS, missing=missing), selection(), ()))
    assert {path: data for path, data in tail.items() if path in wanted} == {"new/x.json": b"null\n", "empty.txt": b""}
