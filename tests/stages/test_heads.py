"""A small drop with a head through the whole chain, with the models as they are shipped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset

from deid_platform.audit import legible
from deid_platform.heads.plans import ItemPlanes
from deid_platform.layout import face_picture_key
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, Masking, PixelRule, Reason, Stage, Status
from deid_platform.pixels.cleaning import HeadWork
from deid_platform.policy import load_policy
from deid_platform.stages import heads as stage_heads
from deid_platform.stages import heads_proof, released
from deid_platform.stages.gate import judge_batch
from deid_platform.stages.heads import Group, Heads, heads_of
from deid_platform.stages.report import MOST_PICTURES, render_report
from deid_platform.workers import Lost
from tests.builders.chain import Chain, land, pipeline, run_drops, tree
from tests.builders.dicom import encode, image, person, report
from tests.builders.heads import Scan, body, head, slices


@pytest.fixture(scope="module", autouse=True)
def _unread() -> Iterator[None]:
    """Whether text is left in slices is another test's promise, and reading them takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legible, "read_words", lambda pages: [[] for _ in pages])
        yield


@pytest.fixture(scope="module")
def scan() -> Scan:
    return head(step=8.0)


def files(*objects: FileDataset) -> dict[str, bytes]:
    return {f"{n:03}.dcm": encode(ds) for n, ds in enumerate(objects)}


def chain(root: Path, landed: Mapping[str, bytes], profile: str = "research") -> Chain:
    root.mkdir(exist_ok=True)
    land(root, landed)
    (one,) = run_drops(pipeline(root, profile=profile)).values()
    return one


@pytest.fixture(scope="module")
def drop(scan: Scan) -> dict[str, bytes]:
    """A head, three of its slices in another series, and a report."""
    again = slices(scan, person(1), series=2)[12:15]
    return files(*slices(scan, person(1)), *again, report(person(1)))


@pytest.fixture(scope="module")
def done(drop: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Chain]:
    root = tmp_path_factory.mktemp("heads")
    return root, chain(root, drop)


def test_a_face_goes_from_all_series_and_its_removal_is_claimed(done: tuple[Path, Chain]) -> None:
    root, one = done
    assert Reason.FACE_NOT_PROVEN_GONE not in one.released.reasons, one.gate.findings
    passed = [entry for entry in one.cleaned.manifest.passed if entry.rule != PixelRule.NO_PIXEL_DATA]
    assert {entry.masking.head for entry in passed} == {"face_removed"}
    assert sum(entry.masking.heads for entry in passed) > len(passed) // 3
    for entry in passed:
        cleaned = dcmread(root / entry.object)
        codes = [item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence]
        assert cleaned.RecognizableVisualFeatures == "NO"
        assert "113102" in codes
        assert codes == sorted(codes)


def test_pictures_of_the_person_stay_in_the_trusted_zone_and_the_report_shows_the_head_without_a_face(
    done: tuple[Path, Chain],
) -> None:
    root, one = done
    both, after = sorted((path for path in tree(root) if path.endswith(".png")), key=lambda path: "/after/" in path)
    assert both.startswith("pixel_cleaned/")
    assert after.startswith("pixel_cleaned/")
    sizes = [np.asarray(Image.open(root / path)).shape for path in (both, after)]
    assert sizes[0] == (sizes[1][0], 2 * sizes[1][1])
    page = render_report(load_policy("research"), one.released.manifest, (), [(root / after).read_bytes()])
    assert f"base64,{b64encode((root / after).read_bytes()).decode()}" in page
    (written,) = (root / path for path in tree(root) if path.endswith("report.html"))
    passed = {entry.item for entry in one.released.manifest.passed if entry.masking.heads}
    assert ("data:image/png" in written.read_text("utf-8")) == (Path(after).stem in passed)
    assert b64encode((root / both).read_bytes()).decode() not in written.read_text("utf-8")


def test_a_report_shows_so_many_heads_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "pixel_digest", lambda *_: "digest")
    line = pipeline(tmp_path, profile="research")
    rows = [replace(row(str(number), "1"), masking=Masking(heads=1)) for number in range(MOST_PICTURES + 2)]
    for one in rows:
        line.zones.trusted.write(face_picture_key("batch", "digest", one.item), one.item.encode())
    manifest = Manifest(Stage.RELEASED, "batch", tuple(rows), "")
    assert released._pictures(line, manifest) == [one.item.encode() for one in rows[:MOST_PICTURES]]


def test_a_head_that_was_refused_is_shown_in_no_report(done: tuple[Path, Chain]) -> None:
    root, one = done
    line, manifest = pipeline(root, profile="research"), one.released.manifest
    assert b"data:image" in released.report_of(line, manifest, one.gate.verdict)
    stopped = {"status": Status.QUARANTINED, "reason": str(Reason.FACE_NOT_PROVEN_GONE)}
    refused = replace(manifest, entries=tuple(replace(entry, **stopped) for entry in manifest.entries))
    assert b"data:image" not in released.report_of(line, refused, one.gate.verdict)


def test_what_is_found_is_the_same_each_time_and_what_is_not_proven_is_refused_whole(
    done: tuple[Path, Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unproven:
        def failures(self, *, face: bool) -> list[str]:
            return ["skin_not_moved"] if face else []

    root, one = done
    line = pipeline(root, profile="research")
    entries = one.scrubbed.manifest.passed
    assert heads_of(line, entries).work == heads_of(line, entries).work
    monkeypatch.setattr(heads_proof, "measured", lambda *_: Unproven())
    judged = judge_batch(line, one.cleaned.manifest.batch)
    refused = [item for item, reason in judged.verdict.refused.items() if reason == Reason.FACE_NOT_PROVEN_GONE]
    images = [entry.item for entry in one.cleaned.manifest.passed if entry.rule != PixelRule.NO_PIXEL_DATA]
    assert len(refused) >= len(images) - 2  # those with another fault as well may be refused for that
    assert set(judged.verdict.refused) == set(images)


def test_what_still_looks_like_a_face_is_refused(
    done: tuple[Path, Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, one = done
    monkeypatch.setattr(heads_proof, "looks_like_a_face", lambda _views: True)
    judged = judge_batch(pipeline(root, profile="research"), one.cleaned.manifest.batch)
    assert Reason.FACE_NOT_PROVEN_GONE in judged.verdict.refused.values()


def test_a_belly_stays_as_it_is(tmp_path: Path) -> None:
    one = chain(tmp_path / "root", files(*slices(body((12, 48, 48), 8.0), person(2))))
    assert {entry.masking.head for entry in one.cleaned.manifest.passed} == {"no_head"}
    assert Reason.FACE_NOT_PROVEN_GONE not in one.released.reasons
    before = {entry.item: entry.object for entry in one.scrubbed.manifest.passed}
    assert {entry.item: entry.object for entry in one.cleaned.manifest.passed} == before


def test_a_profile_that_keeps_faces_looks_at_none(scan: Scan, tmp_path: Path) -> None:
    one = chain(tmp_path / "root", files(*slices(scan, person(1))[14:19]), "tcia")
    assert {entry.masking.head for entry in one.cleaned.manifest.passed} == {""}
    samples = [dcmread(tmp_path / "root" / entry.object) for entry in one.cleaned.manifest.passed]
    assert all("RecognizableVisualFeatures" not in ds or ds.RecognizableVisualFeatures == "YES" for ds in samples)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("face_removed", None),
        ("no_face", None),
        ("", Reason.FACE_NOT_JUDGED),
        ("", Reason.INTERNAL_ERROR),
        ("", Reason.WORKER_DIED),
        ("", Reason.TIMED_OUT),
    ],
)
def test_a_rendering_stops_with_whatever_its_study_shows_or_hides(rule: str, reason: Reason | None) -> None:
    slice_, rendering, other, belly = (row(name, study) for name, study in zip("srob", "1122", strict=True))
    work = {name: HeadWork("no_image_in_space") for name in "ro"} | {"b": HeadWork("no_head")}
    work |= {"s": HeadWork(rule)} if rule else {}
    found = Heads(work, {"s": reason} if reason else {})
    surface = planes(rendered=True)
    # The slice may be missing from what could be located at all.
    stage_heads._refuse_renderings([slice_, rendering, other, belly], [(rendering, surface), (other, surface)], found)
    assert found.refused["r"] is Reason.FACE_IN_RENDERING
    assert "r" not in found.work
    assert found.work["o"].rule == "no_image_in_space"


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"rendered": True}, True),
        ({"projected": True}, True),
        ({"captured": True}, True),
        ({"captured": True, "elsewhere": True}, False),
        ({"rendered": True, "modality": "US"}, False),
        ({"loose": True}, False),
        ({"loose": True, "headed": True}, True),
        ({"headed": True}, False),
        ({}, False),
    ],
)
def test_a_picture_alone_has_to_say_that_it_shows_no_head(settings: dict[str, Any], refused: bool) -> None:
    alone, few = row("p", "1"), row("f", "1")
    found = Heads({"p": HeadWork("no_image_in_space"), "f": HeadWork("too_few_slices")})
    stage_heads._refuse_renderings([alone, few], [(alone, planes(**settings))], found)
    assert found.refused == ({"p": Reason.FACE_IN_RENDERING} if refused else {})
    assert ("p" in found.work) is not refused


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"rendered": True}, False),
        ({"rendered": True, "headed": True}, True),
        ({"captured": True, "headed": True}, True),
    ],
)
def test_a_header_that_speaks_of_a_head_counts_more_than_other_volumes(
    settings: dict[str, Any], refused: bool
) -> None:
    picture, belly = row("p", "1"), row("b", "1")
    found = Heads({"p": HeadWork("no_image_in_space"), "b": HeadWork("no_head")})
    stage_heads._refuse_renderings([picture, belly], [(picture, planes(**settings))], found)
    assert ("p" in found.refused) is refused


def test_a_capture_of_no_certain_origin_stops_with_a_head_of_its_study() -> None:
    capture, slice_ = row("c", "1"), row("s", "1")
    found = Heads({"c": HeadWork("no_image_in_space"), "s": HeadWork("no_face")})
    stage_heads._refuse_renderings([capture, slice_], [(capture, planes(loose=True))], found)
    assert found.refused == {"c": Reason.FACE_IN_RENDERING}


def row(item: str, study: str) -> Entry:
    return Entry(item, Status.PASSED, item, 1, "", study=study)


def planes(modality: str = "OT", **settings: bool) -> ItemPlanes:
    empty = np.empty((0, 3))
    return ItemPlanes("1", "", modality, 8, 8, 1, 0.0, empty, empty, empty, np.ones(1), np.zeros(1), **settings)


class Dying:
    """A compute whose workers live until heads are looked for."""

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Generator[tuple[Any, Any], None, None]:
        for task in tasks:
            yield task, Lost(Reason.WORKER_DIED, "WorkerDied") if isinstance(task, Group) else function(task)


def test_a_lost_worker_refuses_its_whole_group(done: tuple[Path, Chain]) -> None:
    root, one = done
    entries = one.scrubbed.manifest.passed
    found = heads_of(pipeline(root, profile="research", compute=Dying()), entries)
    images = {entry.item for entry in one.cleaned.manifest.passed if entry.rule != PixelRule.NO_PIXEL_DATA}
    assert found.refused == dict.fromkeys(images, Reason.WORKER_DIED)
    assert not images & set(found.work)


def test_the_gate_refuses_a_rendering_of_a_head_that_the_cleaning_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_heads, "_refuse_renderings", lambda *_: None)
    surface = {"ImageType": ["DERIVED", "SECONDARY", "VOLUME_RENDERING"], "BodyPartExamined": "HEAD"}
    one = chain(tmp_path / "root", files(image(person(2), modality="CT", **surface)))
    assert set(one.gate.verdict.refused.values()) == {Reason.FACE_IN_RENDERING}
