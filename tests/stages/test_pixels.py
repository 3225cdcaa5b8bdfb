from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.model import Change
from deid_platform.stages.pipeline import Pipeline, StageResult, masking_totals
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from deid_platform.stages.task import sha256_of
from tests.builders.bad_files import undecodable
from tests.builders.chain import land, outcome_of, pipeline, seal, tree
from tests.builders.dicom import encode, image, person, report, secondary_capture

NAMED = person(0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageResult, StageResult]:
    """A plain image, a document, a screen with a name in it, and pixels nobody can decode; scrubbed, and cleaned."""
    root = tmp_path_factory.mktemp("pixels")
    files = {
        "plain.dcm": encode(image(person(2))),
        "document.dcm": encode(report(person(1))),
        "screen.dcm": encode(secondary_capture(NAMED, NAMED.family.upper())),
        "broken.dcm": undecodable().replace(person(0).uid_root.encode(), person(3).uid_root.encode()),
    }
    land(root, files)
    used = pipeline(root)
    (batch,) = seal(used)
    take_in(used, batch)
    return root, scrub(used, batch), clean_pixels(used, batch)


def test_pixels_that_nobody_can_look_at_are_refused_and_text_is_masked(
    made: tuple[Path, StageResult, StageResult],
) -> None:
    assert sorted(outcome_of(entry) for entry in made[2].manifest.entries) == [
        "released",
        "released",
        "released",
        "scrubbed: pixels_undecodable",
    ]


def test_what_passes_says_why(made: tuple[Path, StageResult, StageResult]) -> None:
    rules = {entry.modality: entry.rule for entry in made[2].manifest.passed}
    assert rules == {"CT": "no_text_found", "SR": "no_pixel_data", "OT": "text_masked"}


def test_only_what_changed_lies_in_the_stage(made: tuple[Path, StageResult, StageResult]) -> None:
    root, scrubbed, cleaned = made
    before = {entry.item: (entry.object, entry.sha256, entry.changes) for entry in scrubbed.manifest.entries}
    (entry,) = [one for one in cleaned.manifest.passed if (one.object, one.sha256, one.changes) != before[one.item]]
    path = root / entry.object
    assert (entry.size, entry.sha256) == (path.stat().st_size, sha256_of(path))
    assert entry.changes[: len(before[entry.item][2])] == before[entry.item][2]
    assert Change("(7FE0,0010)", "C", "text is masked", 1) in entry.changes
    assert {path.rpartition("/")[2] for path in tree(root / "pixel_cleaned")} == {"manifest.parquet", path.name}
    assert {entry.object for entry in cleaned.manifest.quarantined} == {""}


def test_the_manifest_says_where_and_how_much_and_that_it_named_the_subject(
    made: tuple[Path, StageResult, StageResult],
) -> None:
    root, scrubbed, cleaned = made
    (entry,) = [entry for entry in cleaned.manifest.passed if entry.rule == "text_masked"]
    (before,) = [one for one in scrubbed.manifest.passed if one.item == entry.item]
    masking = entry.masking
    assert (masking.frames, masking.masked, masking.marks) == (1, 1, 0)
    assert 0 < masking.share < 1
    assert masking.identifiers == 1
    after = dcmread(root / entry.object)
    differs = after.pixel_array != dcmread(root / before.object).pixel_array
    for region in masking.regions:
        differs[region.top : region.top + region.height, region.left : region.left + region.width] = False
    assert not differs.any()
    assert after.BurnedInAnnotation == "NO"
    assert masking_totals(cleaned.manifest.passed)["identifiers_found"] == 1


def test_an_image_without_text_is_released_as_it_was_scrubbed(made: tuple[Path, StageResult, StageResult]) -> None:
    (entry,) = [entry for entry in made[2].manifest.passed if entry.modality == "CT"]
    assert entry.object.startswith("scrubbed/")
    assert entry.masking.frames == 1
    assert not entry.masking.regions


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
