"""Real files through Dagster and through `deid run`: the same released bytes, whatever the number of workers."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from pydicom.data import get_testdata_file

from deid_platform import cli
from deid_platform.identity import Identity
from deid_platform.layout import Zones
from deid_platform.policy import load_policy
from deid_platform.run import Order, run
from deid_platform.stages.pipeline import StageResult
from deid_platform.stages.raw import take_in
from deid_platform.stages.released import release
from deid_platform.store.folder import FolderStore
from deid_platform.workers import ProcessCompute
from resources.compute import ComputeResource
from tests.builders.chain import DROP, KEY, SITE, Here, fill, land, pipeline, run_drops, tree
from tests.builders.deployment import deployed

# pydicom's packaged files: modalities, transfer syntaxes, and files that are odd in one way or another.
FILES = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_truncated.dcm", "JPEG-lossy.dcm", "JPEG2000.dcm",
    "image_dfl.dcm", "reportsi.dcm", "rtdose.dcm", "rtplan.dcm", "rtplan_truncated.dcm", "rtstruct.dcm", "test-SR.dcm",
    "SC_rgb_small_odd.dcm", "no_meta.dcm", "badVR.dcm", "UN_sequence.dcm", "priv_SQ.dcm",
    "dicomdirtests/DICOMDIR", "dicomdirtests/98892003/MR1/5641", "README.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Both:
    """The same drop by both ways: the platform's folder, its one batch, first and last stage, and what the command line
    wrote."""

    root: Path
    batch: str
    raw: StageResult
    released: StageResult
    output: Path


def packaged(name: str, number: int) -> bytes:
    """A packaged file, as an instance of its own where its bytes can be changed: many are copies of one another."""
    data = Path(str(get_testdata_file(name, download=False))).read_bytes()
    match = re.search(rb"\x08\x00\x18\x00(?:UI)?..(?:\0\0)?([0-9.]{20,64})", data, re.DOTALL)
    return data.replace(match[1], match[1][:-3] + b"9%02d" % number) if match else data


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    base = tmp_path_factory.mktemp("same_bytes")
    drop = land(base / "store", {name: packaged(name, number) for number, name in enumerate(FILES)})
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("DEID_KEY", KEY.hex())
        deployment = deployed(base / "store", instance, compute=ComputeResource(workers=1))
        (batch,) = deployment.batches()
        assert deployment.run(batch).success
        arguments = ["run", str(drop), str(base / "out"), "--site", SITE, "--workers", "2"]
        assert CliRunner().invoke(cli.main, arguments).exit_code == 0
    made = pipeline(base / "store")
    return Both(base / "store", batch, take_in(made, batch), release(made, batch), base / "out")


def test_both_ways_release_the_same_bytes_under_the_same_names(both: Both) -> None:
    folder = both.root / "released" / both.batch / both.released.digest
    by_dagster = {key: digest for key, digest in tree(folder).items() if key.endswith(".dcm")}
    assert by_dagster == tree(both.output / "released")
    assert len(by_dagster) >= 16


def test_both_ways_refuse_the_same_files_for_the_same_reasons(both: Both) -> None:
    with (both.output / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        by_command = {(row["path"], row["stage"], row["reason"]) for row in csv.DictReader(file)}
    paths = {entry.item: entry.object.removeprefix(f"{SITE}/{DROP}/") for entry in both.raw.manifest.entries}
    refused = both.released.manifest.quarantined
    assert by_command == {(paths[entry.item], entry.stage, entry.reason) for entry in refused}
    assert by_command


def test_every_file_ended_somewhere(both: Both) -> None:
    assert len(both.released.manifest.entries) == len(FILES)


def test_two_workers_write_every_byte_as_one_does(both: Both, tmp_path: Path) -> None:
    used = pipeline(both.root, compute=ProcessCompute(2))
    elsewhere = FolderStore(str(tmp_path))
    zones = Zones(used.zones.landing, elsewhere, elsewhere.within("released"))
    assert run_drops(replace(used, zones=zones)).keys() == {both.batch}
    by_one = {key: digest for key, digest in tree(both.root).items() if not key.startswith("landing/")}
    assert tree(tmp_path) == by_one
    assert {key.partition("/")[0] for key in by_one} == {
        "ledger", "raw", "scrubbed", "pixel_cleaned", "publication", "quarantine", "released",
    }  # fmt: skip


def test_a_file_gives_the_same_bytes_alone_as_in_company(both: Both, tmp_path: Path) -> None:
    name = "reportsi.dcm"
    fill(tmp_path, {name: packaged(name, FILES.index(name))})
    run(Order(tmp_path / name, tmp_path / "out", load_policy("tcia"), Identity(KEY, SITE), Here()))
    assert tree(tmp_path / "out/released").items() <= tree(both.output / "released").items()
