"""Text found in very few slices of a volume is taken back where it was anatomy misread, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom import dcmread

from deid_platform.audit import checks, neighbours
from deid_platform.audit.ocr import Word
from deid_platform.formats.dicom import dicom
from deid_platform.stages.gate import judge_batch
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from tests.builders.chain import land, pipeline, seal
from tests.builders.dicom import encode, person
from tests.builders.heads import Scan, head, slices

COUNT = 22
PLACE = Word("Leo", 92, 20, 30, 48, 42)
Hit = Callable[[int], bool]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Pipeline, str]]:
    """A volume of many slices, cleaned under a profile that has all of them read."""

    def made(**header: object) -> tuple[Pipeline, str]:
        root = tmp_path_factory.mktemp("doubts")
        profile = root / "own.toml"
        profile.write_text('name = "own"\nbase = "tcia"\nedition = "2026c"\n[pixels]\nproof = "all"\n')
        scan = head(step=2.0)
        some = Scan(scan.samples[60 : 60 + COUNT], scan.origin, scan.step)
        kind = {"ImageType": ["ORIGINAL", "PRIMARY", "M"]} | header
        land(root, {f"{n:02}.dcm": encode(ds) for n, ds in enumerate(slices(some, person(1), **kind))})
        used = pipeline(root, profile=str(profile))
        (batch,) = seal(used)
        for stage in (take_in, scrub, clean_pixels):
            stage(used, batch)
        return used, batch

    return made


@pytest.fixture(scope="module")
def volume(made: Callable[..., tuple[Pipeline, str]]) -> tuple[Pipeline, str]:
    return made()


def refused(made: tuple[Pipeline, str], monkeypatch: pytest.MonkeyPatch, hit: Hit, *, sure: bool = False) -> int:
    """How many items the gate refuses for text where it is read in slices by their number; ``sure``: not in doubt."""
    monkeypatch.setattr(checks, "unmet_expectations", lambda manifest: {})
    monkeypatch.setattr(dicom, "text_left", lambda path, marks: hit(int(dcmread(path).InstanceNumber) - 1))
    monkeypatch.setattr(neighbours, "doubted_words", lambda *_, **__: [] if sure else [PLACE])
    verdict = judge_batch(*made).verdict
    assert set(verdict.refused.values()) <= {"burned_in_text"}
    return len(verdict.refused)


@pytest.mark.parametrize(
    ("hit", "count"),
    [
        (lambda number: number == 5, 0),
        (lambda number: number in (5, 15), 2),  # more than one in twenty
        (lambda number: number == 0, 1),  # nothing lies below
        (lambda number: True, COUNT),
    ],
)
def test_one_doubtful_slice_of_many_is_weighed(
    volume: tuple[Pipeline, str], monkeypatch: pytest.MonkeyPatch, hit: Hit, count: int
) -> None:
    assert refused(volume, monkeypatch, hit) == count


def test_what_was_read_surely_stays_refused(volume: tuple[Pipeline, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(volume, monkeypatch, lambda number: number == 5, sure=True) == 1


def test_what_cannot_be_weighed_stays_refused(volume: tuple[Pipeline, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> np.ndarray:  # type: ignore[type-arg]
        raise ValueError

    monkeypatch.setattr(neighbours, "_pixels", broken)
    assert refused(volume, monkeypatch, lambda number: number == 5) == 1


@pytest.mark.parametrize(
    "header", [{"BurnedInAnnotation": "YES"}, {"ImageType": ["DERIVED", "PRIMARY", "M"]}, {"Modality": "OT"}]
)
def test_what_may_bear_text_stays_refused(
    made: Callable[..., tuple[Pipeline, str]], monkeypatch: pytest.MonkeyPatch, header: dict[str, object]
) -> None:
    assert refused(made(**header), monkeypatch, lambda number: number == 5) == 1
