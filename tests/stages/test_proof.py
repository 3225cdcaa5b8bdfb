"""Which results the gate has read, and what it says of those it has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import dcmread

from deid_platform.audit import checks
from deid_platform.formats.dicom import dicom
from deid_platform.stages.gate import GateResult, judge_batch
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from tests.builders.chain import land, pipeline, seal
from tests.builders.dicom import encode, image, person, report

SLICES = 4


@dataclass
class Eyes:
    """Instead of Tesseract: what it is shown, and in which of it text is found."""

    shown: list[str] = field(default_factory=list)
    finds: Callable[[str], bool] = lambda instance: False

    def text_left(self, path: Path, *, marks: bool) -> bool:
        assert not marks
        instance = str(dcmread(path).SOPInstanceUID)
        self.shown.append(instance)
        return self.finds(instance)


@pytest.fixture(autouse=True)
def without_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Column rules take seconds and are not what this is about."""
    monkeypatch.setattr(checks, "unmet_expectations", lambda manifest: {})


@pytest.fixture
def eyes(monkeypatch: pytest.MonkeyPatch) -> Eyes:
    eyes = Eyes()
    monkeypatch.setattr(dicom, "text_left", eyes.text_left)
    return eyes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Pipeline, str]]:
    """Slices of a scanner, an ultrasound image and a report, cleaned under a profile with these pixel options."""

    def made(options: str) -> tuple[Pipeline, str]:
        root = tmp_path_factory.mktemp("proof")
        profile = root / "own.toml"
        profile.write_text(f'name = "own"\nbase = "tcia"\nedition = "2026c"\n[pixels]\n{options}\n')
        files = {f"{n}.dcm": encode(image(person(0), modality="MR", instance=n + 1)) for n in range(SLICES)}
        files |= {
            "us.dcm": encode(image(person(1), modality="US", bits=8)),
            "report.dcm": encode(report(person(1), instance=9)),
        }
        land(root, files)
        used = pipeline(root, profile=str(profile))
        (batch,) = seal(used)
        for stage in (take_in, scrub, clean_pixels):
            stage(used, batch)
        return used, batch

    return made


@pytest.fixture(scope="module")
def sampled(made: Callable[[str], tuple[Pipeline, str]]) -> tuple[Pipeline, str]:
    return made("sample = 2")


def counts(gate: GateResult) -> dict[str, int]:
    return next(check.counts for check in gate.verdict.checks if check.name == "text_proven")


def test_what_is_at_risk_is_read_and_a_sample_of_the_rest(sampled: tuple[Pipeline, str], eyes: Eyes) -> None:
    gate = judge_batch(*sampled)
    assert len(set(eyes.shown)) == len(eyes.shown) == 3
    found = counts(gate)
    assert (found["images"], found["read"], found["routine"], found["sampled"]) == (SLICES + 1, 3, SLICES, 2)
    assert (found["unread"], found["sample_hits"], found["miss_bound_ppm"]) == (SLICES - 2, 0, 776_394)
    assert gate.verdict.passed
    assert not gate.verdict.refused
    assert judge_batch(*sampled).verdict == gate.verdict
    assert eyes.shown[:3] == eyes.shown[3:]


def test_text_in_the_sample_has_all_the_rest_read(sampled: tuple[Pipeline, str], eyes: Eyes) -> None:
    judge_batch(*sampled)
    drawn, eyes.shown = eyes.shown[-2:], []
    eyes.finds = lambda instance: instance == drawn[0]
    gate = judge_batch(*sampled)
    assert len(set(eyes.shown)) == SLICES + 1
    assert list(gate.verdict.refused.values()) == ["burned_in_text"]
    assert (counts(gate)["unread"], counts(gate)["sample_hits"], counts(gate)["miss_bound_ppm"]) == (0, 1, 0)
    assert gate.verdict.passed
    assert {(one.where, one.kind) for one in gate.findings} == {("pixels", "text_left")}


def test_all_are_read_where_the_profile_says_so(made: Callable[[str], tuple[Pipeline, str]], eyes: Eyes) -> None:
    gate = judge_batch(*made('proof = "all"\nsample = 0'))
    assert len(set(eyes.shown)) == SLICES + 1
    assert (counts(gate)["routine"], counts(gate)["unread"], counts(gate)["miss_bound_ppm"]) == (0, 0, 0)


def test_what_cannot_be_read_is_refused(sampled: tuple[Pipeline, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "text_left", lambda path, marks: 1 // 0)
    gate = judge_batch(*sampled)
    assert set(gate.verdict.refused.values()) == {"internal_error"}
    assert len(gate.verdict.refused) == SLICES + 1
