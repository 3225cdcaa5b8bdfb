from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.stages.pipeline import Pipeline, StageResult
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from tests.builders.bad_files import undecodable
from tests.builders.chain import land, outcome_of, pipeline, seal, tree
from tests.builders.dicom import encode, image, person, report, secondary_capture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageResult, StageResult]:
    """A plain image, a document, a screenshot with a name in it, and pixels nobody can decode; scrubbed, and judged."""
    root = tmp_path_factory.mktemp("pixels")
    files = {
        "plain.dcm": encode(image(person(0))),
        "document.dcm": encode(report(person(1))),
        "screen.dcm": encode(secondary_capture(person(2), f"{person(0).family}, {person(0).given}")),
        "broken.dcm": undecodable().replace(person(0).uid_root.encode(), person(3).uid_root.encode()),
    }
    land(root, files)
    used = pipeline(root)
    (batch,) = seal(used)
    take_in(used, batch)
    return root, scrub(used, batch), clean_pixels(used, batch)


def test_text_and_pixels_that_nobody_can_look_at_are_refused(made: tuple[Path, StageResult, StageResult]) -> None:
    assert sorted(outcome_of(entry) for entry in made[2].manifest.entries) == [
        "pixel_cleaned: burned_in_text",
        "released",
        "released",
        "scrubbed: pixels_undecodable",
    ]


def test_what_passes_says_why(made: tuple[Path, StageResult, StageResult]) -> None:
    rules = {entry.modality: entry.rule for entry in made[2].manifest.passed}
    assert rules == {"CT": "no_text_found", "SR": "no_pixel_data"}


def test_objects_stay_where_scrubbing_put_them(made: tuple[Path, StageResult, StageResult]) -> None:
    root, scrubbed, cleaned = made
    before = {entry.item: (entry.object, entry.sha256, entry.changes) for entry in scrubbed.manifest.entries}
    for entry in cleaned.manifest.passed:
        assert (entry.object, entry.sha256, entry.changes) == before[entry.item]
    assert {entry.object for entry in cleaned.manifest.quarantined} == {""}
    (manifest,) = tree(root / "pixel_cleaned")
    assert manifest.endswith("/manifest.parquet")


def test_scrubbing_comes_first(tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": encode(image(person(0)))})
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    with pytest.raises(UnsafeToRelease, match="materialise scrubbed first"):
        clean_pixels(used, batch)


def test_an_object_of_ours_that_is_gone_stops_the_stage(tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": encode(image(person(0)))})
    used: Pipeline = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    (entry,) = scrub(used, batch).manifest.passed
    (tmp_path / entry.object).unlink()
    with pytest.raises(StoreError):
        clean_pixels(used, batch)
    assert not (tmp_path / "pixel_cleaned").exists()
