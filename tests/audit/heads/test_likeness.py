"""A net of the gate's own sees faces in surfaces, and none where they were removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from deid_platform.audit.heads import likeness
from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.likeness import looks_like_a_face, verify_likeness
from deid_platform.audit.heads.picture import pictures
from deid_platform.audit.heads.surface import DEEPEST, View, uncleaned, views
from deid_platform.errors import DeidError
from deid_platform.pixels.sessions import MODELS
from tests.audit.heads.test_face_proof import face, nothing, straight, volume

POSE = Registered(0.9 * np.eye(3), np.zeros(3), 1.0)


@pytest.fixture(scope="module")
def defaced() -> list[View]:
    before, frame = straight()
    return views(volume(before, face(frame)), POSE)


def test_a_whole_head_looks_like_a_face_and_a_defaced_one_does_not(defaced: list[View]) -> None:
    assert looks_like_a_face(uncleaned(defaced))
    assert not looks_like_a_face(defaced)


def test_a_face_that_was_not_removed_is_seen() -> None:
    before, frame = straight()
    assert looks_like_a_face(views(volume(before, nothing(frame)), POSE))


def test_where_nothing_is_there_is_no_face(defaced: list[View]) -> None:
    empty = [View(one.angle, one.before, np.full_like(one.after, np.nan)) for one in defaced]
    assert not looks_like_a_face(empty)


def test_what_is_no_number_is_no_proof(defaced: list[View], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "face_logit", lambda _views: float("nan"))
    assert likeness.looks_like_a_face(defaced)


def test_a_model_that_is_missing_or_changed_is_told_before_any_head_is_judged(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODELS, tmp_path / "models"))
    verify_likeness(folder)
    model = folder / "portrait.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(DeidError, match="not the one that was released"):
        verify_likeness(folder)
    model.unlink()
    with pytest.raises(DeidError, match="missing"):
        verify_likeness(folder)


def test_surfaces_lie_deeper_where_something_was_removed(defaced: list[View]) -> None:
    for view in defaced:
        both = np.isfinite(view.before) & np.isfinite(view.after)
        assert both.any()
        assert (view.after[both] > view.before[both] - 0.01).all()
        assert (view.after[both] > view.before[both] + 10).any()
        assert np.nanmax(view.before) <= DEEPEST


def test_pictures_show_both_sides_and_the_output_alone(defaced: list[View]) -> None:
    shown, same = pictures(defaced), pictures(uncleaned(defaced))
    assert shown.after.startswith(b"\x89PNG")
    assert shown.after != same.after
    assert len(shown.both) > len(shown.after)
