"""What all slices of a series show is added to the mask of each, and its loss costs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.formats.dicom import dicom
from deid_platform.model import Reason
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.projections import FEWEST
from deid_platform.pixels.scales import Net
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from deid_platform.stages.series import additions
from deid_platform.workers import Lost
from tests.builders.chain import detector, land, pipeline, seal
from tests.builders.dicom import encode, image, person

CELLS = np.zeros((16, 16), np.bool_)
CELLS[1, 2:5] = True
ADDED = Mask.of(CELLS, 64, 64)


class Losing:
    """A compute that loses every task."""

    def run(
        self, function: Callable[[Any], Any], tasks: Iterable[Any]
    ) -> Generator[tuple[Any, Any | Lost], None, None]:
        for task in tasks:
            yield task, Lost(Reason.WORKER_DIED, "SIGKILL")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slices each projection was made of; every series shows the same."""
    numbers: list[int] = []

    def project(paths: Sequence[Path], net: Net) -> Mask | None:
        numbers.append(len(paths))
        return ADDED

    monkeypatch.setattr(dicom, "project_series", project)
    return numbers


def test_slices_get_what_their_series_shows_and_single_images_do_not(tmp_path: Path, shown: list[int]) -> None:
    files = {f"{n}.dcm": encode(image(person(0), modality="MR", instance=n + 1)) for n in range(FEWEST)}
    files["alone.dcm"] = encode(image(person(1), modality="MR"))
    land(tmp_path, files)
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    scrubbed = scrub(used, batch).manifest
    cleaned = clean_pixels(used, batch).manifest
    assert shown == [FEWEST]
    rules = sorted(entry.rule for entry in cleaned.passed)
    assert rules == ["no_text_found", *["text_masked"] * FEWEST]
    masked = [entry.masking for entry in cleaned.passed if entry.masking.masked]
    assert {(r.left, r.top, r.width, r.height) for masking in masked for r in masking.regions} == {(8, 4, 12, 4)}
    losing = pipeline(tmp_path, compute=Losing())
    assert additions(losing, scrubbed.passed, detector()) == {}


def test_a_series_that_cannot_be_projected_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise UnsafeToRelease("no", Reason.VIDEO)

    monkeypatch.setattr(dicom, "project_series", refuse)
    land(tmp_path, {f"{n}.dcm": encode(image(person(0), modality="MR", instance=n + 1)) for n in range(FEWEST)})
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    entries = scrub(used, batch).manifest.passed
    assert additions(used, entries, detector()) == {}
    (tmp_path / entries[0].object).unlink()
    with pytest.raises(StoreError):
        additions(used, entries, detector())
