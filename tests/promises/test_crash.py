"""A run that is killed, or whose store fails, at any moment: running again gives what an undisturbed run gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deid_platform import run as run_module
from deid_platform.audit import checks
from deid_platform.errors import StoreError
from deid_platform.identity import Identity
from deid_platform.intake import sealed_batches
from deid_platform.layout import Zones
from deid_platform.policy import load_policy
from deid_platform.run import Order, run
from deid_platform.stages.pipeline import Pipeline
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from tests.builders.chain import KEY, Here, fill, land, pipeline, run_chain, seal, tree
from tests.builders.dicom import encode, person, report
from tests.builders.failing_store import FailingStore

ROOT = Path(__file__).parents[2]
FILES = {"a.dcm": encode(report(person(0))), "c.dcm": encode(report(person(1))), "empty.dcm": b""}


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to: where its drop landed, all it wrote, and by how many writes."""

    base: Path
    written: dict[str, str]
    writes: int


def platform(base: Path, store: Store) -> Pipeline:
    """A pipeline that takes its drop from ``base`` and keeps everything else in ``store``."""
    used = pipeline(base)
    return replace(used, zones=Zones(used.zones.landing, store, store.within("released")))


def go(used: Pipeline) -> None:
    """What sensor and job do together."""
    seal(used)
    for batch in sealed_batches(used.zones.trusted):
        run_chain(used, batch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    base = tmp_path_factory.mktemp("undisturbed")
    land(base, FILES)
    store = FailingStore(FolderStore(str(base / "store")), base / "counter", first=0, last=0)
    go(platform(base, store))
    return Undisturbed(base, tree(base / "store"), store.writes)


def test_every_kind_of_object_is_written(undisturbed: Undisturbed) -> None:
    kinds = {
        (key.split("/")[0], Path(key).name if not key.endswith(".dcm") else "object") for key in undisturbed.written
    }
    batches = {kind for kind in kinds if kind[0] == "ledger"} - {("ledger", "survey.parquet")}
    assert len(batches) == 1
    assert kinds - batches == {
        ("ledger", "survey.parquet"), ("raw", "sealed.parquet"), ("raw", "manifest.parquet"),
        ("scrubbed", "object"), ("scrubbed", "manifest.parquet"), ("pixel_cleaned", "manifest.parquet"),
        ("pixel_cleaned", "findings.parquet"), ("pixel_cleaned", "gate.json"), ("publication", "manifest.parquet"),
        ("quarantine", "manifest.parquet"), ("released", "object"), ("released", "manifest.parquet"),
        ("released", "report.html"), ("released", "release.json"),
    }  # fmt: skip
    assert undisturbed.writes == len(undisturbed.written)


@pytest.mark.parametrize("after", [False, True], ids=["before it took place", "after it took place"])
def test_a_store_that_fails_at_any_write_loses_nothing(
    undisturbed: Undisturbed, tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The column rules write nothing, and would take most of the time of so many runs.
    monkeypatch.setattr(checks, "unmet_expectations", lambda _: {})
    for number in range(1, undisturbed.writes + 1):
        folder = tmp_path / str(number)
        store = FolderStore(str(folder))
        failing = FailingStore(store, tmp_path / f"counter{number}", first=number, last=number, after=after)
        with pytest.raises(StoreError, match="told to fail"):
            go(platform(undisturbed.base, failing))
        assert failing.writes == number, "work went on although the store had failed"
        go(platform(undisturbed.base, store))
        assert tree(folder) == undisturbed.written


def test_a_store_that_fails_for_a_while_is_only_a_delay(undisturbed: Undisturbed, tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    failing = platform(undisturbed.base, FailingStore(store, tmp_path / "counter", first=4, last=12))
    attempts = 0
    while attempts < 20:
        attempts += 1
        try:
            go(failing)
            break
        except StoreError:
            continue
    assert attempts == 10
    assert tree(tmp_path / "store") == undisturbed.written


RESULTS = {"released", "reports", "quarantine.csv", "summary.json"}
MOMENTS = (".work/scrubbed/**/*.dcm", "released/**/*.dcm")
"""What a run is killed at the sight of, one run after the other. All writes of a run are failed at above."""


def command(base: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DEID_KEY": KEY.hex(), "PYTHONPATH": str(ROOT)}
    arguments = ["in", "out", "--site", "north", "--workers", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "deid_platform.cli", "run", *arguments],
        cwd=base,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_at(base: Path, moment: str) -> None:
    """Start a run and kill it as soon as something of the name is there."""
    process = command(base)
    try:
        while not next((base / "out").glob(moment), None):
            assert process.poll() is None, "the run came to its end before it could be killed"
            time.sleep(0.002)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def order(base: Path, name: str = "undisturbed") -> Order:
    return Order(base / "in", base / name, load_policy("tcia"), Identity(KEY, "north"), Here())


def counts(output: Path) -> dict[str, Any]:
    summary = json.loads((output / "summary.json").read_bytes())
    return {name: value for name, value in summary.items() if name != "seconds"}


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "in", FILES)
    for moment in MOMENTS:
        kill_at(tmp_path, moment)
        assert not (tmp_path / "out/summary.json").exists()
    assert command(tmp_path).wait() == 0
    run(order(tmp_path))
    assert tree(tmp_path / "out/released") == tree(tmp_path / "undisturbed/released")
    assert (tmp_path / "out/quarantine.csv").read_bytes() == (tmp_path / "undisturbed/quarantine.csv").read_bytes()
    assert counts(tmp_path / "out") == counts(tmp_path / "undisturbed")
    assert tree(tmp_path / "out/reports") == tree(tmp_path / "undisturbed/reports")
    assert {path.name for path in (tmp_path / "out").iterdir()} == RESULTS


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that ended while it deleted its intermediate results, of which the first is gone."""
    fill(tmp_path / "in", {name: FILES[name] for name in ("c.dcm", "empty.dcm")})

    def delete_one(folder: Path, **_: Any) -> None:
        if folder.exists():
            next(path for path in sorted(folder.rglob("*")) if path.is_file()).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "shutil", SimpleNamespace(rmtree=delete_one))
        with pytest.raises(KeyboardInterrupt):
            run(order(tmp_path))
    return tmp_path


def test_a_run_killed_while_it_cleans_up_is_no_trouble_for_the_next(interrupted: Path) -> None:
    before = tree(interrupted / "undisturbed/released")
    run(order(interrupted))
    assert tree(interrupted / "undisturbed/released") == before
    assert {path.name for path in (interrupted / "undisturbed").iterdir()} == RESULTS
