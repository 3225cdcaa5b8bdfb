from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.identity import Identity
from deid_platform.layout import manifest_key
from deid_platform.manifest import Manifest, write_manifest
from deid_platform.model import Change, Entry, Stage, Status
from deid_platform.policy import load_policy
from deid_platform.stages.pipeline import Pipeline, StageResult, code_version, each, find, require, run_stage
from deid_platform.stages.task import Broken
from deid_platform.workers import ProcessCompute
from tests.builders.chain import KEY, pipeline
from tests.builders.sabotage import DIE, HANG, RAISE, work

BATCH = "north-aaaaaaaaaaaaaaaa"


def entry(item: str, object_key: str = "x") -> Entry:
    return Entry(item, Status.PASSED, object_key, 3, "0" * 64)


def told(entry: Entry) -> tuple[str, str, str]:
    return entry.stage, entry.reason, entry.error


def test_an_item_whose_worker_dies_hangs_or_raises_is_refused_alone(tmp_path: Path) -> None:
    harm = {"ITEM03": DIE, "ITEM07": HANG, "ITEM09": RAISE}
    entries = [entry(item, harm.get(item, "x")) for item in (f"ITEM{number:02d}" for number in range(20))]
    found = list(each(pipeline(tmp_path, compute=ProcessCompute(2, timeout_s=3.0)), Stage.SCRUBBED, entries, work))
    assert sorted(one.item for one in found) == [one.item for one in entries]
    assert {one.item: told(one) for one in found if not one.passed} == {
        "ITEM03": ("scrubbed", "worker_died", "SIGKILL"),
        "ITEM07": ("scrubbed", "timed_out", ""),
        "ITEM09": ("scrubbed", "internal_error", "ValueError"),
    }
    assert {one for one in found if one.passed} <= set(entries)


def broken_at_two(entry: Entry) -> Entry | Broken:
    return Broken("The store is full: make room.") if entry.item == "ITEM2" else entry


def test_a_store_that_cannot_be_used_stops_the_stage_and_refuses_nothing(tmp_path: Path) -> None:
    results = each(pipeline(tmp_path), Stage.SCRUBBED, [entry(f"ITEM{n}") for n in range(5)], broken_at_two)
    assert [next(results).item, next(results).item] == ["ITEM0", "ITEM1"]
    with pytest.raises(StoreError, match="full: make room"):
        next(results)


def test_progress_hears_of_every_item_once(tmp_path: Path) -> None:
    heard: list[tuple[Stage, int]] = []
    watched = replace(pipeline(tmp_path), progress=lambda stage, items: heard.append((stage, items)))
    list(each(watched, Stage.RAW, [entry("A"), entry("B"), entry("C")], work))
    assert heard == [(Stage.RAW, 1)] * 3


def must_not_run() -> NoReturn:
    raise AssertionError("a stage that was there already was made again")


def stored(tmp_path: Path, entries: list[Entry]) -> tuple[Pipeline, Manifest]:
    used = pipeline(tmp_path)
    return used, write_manifest(used.zones.trusted, "raw/source.parquet", Stage.RAW, BATCH, entries)


def test_a_stage_that_was_made_is_not_made_again(tmp_path: Path) -> None:
    used, source = stored(tmp_path, [entry("A")])
    first = run_stage(used, Stage.SCRUBBED, source, "d" * 32, lambda: source.passed)
    again = run_stage(used, Stage.SCRUBBED, source, "d" * 32, must_not_run)
    assert (first.seconds > 0, again.seconds) == (True, 0.0)
    assert again.manifest == first.manifest


def test_what_was_refused_before_is_carried_on_and_not_worked_on(tmp_path: Path) -> None:
    refused = Entry("B", Status.QUARANTINED, "", 0, "", stage="raw", reason="empty")
    used, source = stored(tmp_path, [entry("A"), refused])
    worked = [replace(one, rule="worked on") for one in source.passed]
    result = run_stage(used, Stage.SCRUBBED, source, "d" * 32, lambda: worked)
    assert {one.item: one.rule for one in result.manifest.entries} == {"A": "worked on", "B": ""}
    assert result.manifest.quarantined == (refused,)


def test_a_stage_exists_once_its_manifest_does(tmp_path: Path) -> None:
    used, _ = stored(tmp_path, [])
    assert find(used, Stage.SCRUBBED, BATCH, "d" * 32) is None
    with pytest.raises(UnsafeToRelease, match=f"scrubbed of {BATCH} .* materialise scrubbed first"):
        require(used, Stage.SCRUBBED, BATCH, "d" * 32)
    written = write_manifest(
        used.zones.trusted, manifest_key(Stage.SCRUBBED, BATCH, "d" * 32), Stage.SCRUBBED, BATCH, []
    )
    assert require(used, Stage.SCRUBBED, BATCH, "d" * 32) == written


def versions(tmp_path: Path) -> Iterator[tuple[str, Pipeline]]:
    yield "as it is", pipeline(tmp_path)
    yield "profile", pipeline(tmp_path, profile="basic")
    yield "site", pipeline(tmp_path, site="south")
    yield "key", replace(pipeline(tmp_path), identity=Identity(KEY[::-1], "north"))


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.RAW])
def test_profile_site_key_and_source_each_change_the_digest(tmp_path: Path, stage: Stage) -> None:
    digests = [used.digest(stage, "source") for _, used in versions(tmp_path)]
    digests.append(pipeline(tmp_path).digest(stage, "other source"))
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 32 for digest in digests)


def test_the_policy_does_not_touch_raw() -> None:
    tcia, basic = load_policy("tcia"), load_policy("basic")
    assert code_version(Stage.RAW, tcia) == code_version(Stage.RAW, basic)
    later = [stage for stage in Stage if stage is not Stage.RAW]
    assert not {code_version(stage, tcia) for stage in later} & {code_version(stage, basic) for stage in later}


def test_equal_pipelines_have_equal_digests(tmp_path: Path) -> None:
    assert pipeline(tmp_path / "a").digest(Stage.RELEASED, "x") == pipeline(tmp_path / "b").digest(Stage.RELEASED, "x")


def test_a_result_counts_reasons_bytes_and_actions() -> None:
    changes = (Change("(0010,0010)", "Z", "r", 1), Change("(0010,0010)", "Z", "s", 2), Change("(0008,0080)", "X", "r"))
    rows = (
        replace(entry("A"), changes=changes),
        replace(entry("B"), changes=(Change("(0008,0080)", "X", "r", 3),)),
        *(Entry(item, Status.QUARANTINED, "", 9, "", reason="empty") for item in "CD"),
        Entry("E", Status.QUARANTINED, "", 9, "", reason="dicomdir"),
    )
    result = StageResult(Manifest(Stage.SCRUBBED, BATCH, rows, ""), "", 1.0)
    assert result.reasons == {"dicomdir": 1, "empty": 2}
    assert result.bytes == 6
    assert result.actions == [("(0008,0080)", "X", 4), ("(0010,0010)", "Z", 3)]
