"""A net of the gate's own sees faces in surfaces, and none where they were removed."""

from __future__ import annotations

import numpy as np
import pytest

from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.likeness import looks_like_a_face
from deid_platform.audit.heads.picture import pictures
from deid_platform.audit.heads.surface import DEEPEST, View, uncleaned, views
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
