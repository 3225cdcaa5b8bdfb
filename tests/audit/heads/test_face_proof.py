"""The judge refuses what a careless or broken defacer leaves, and lets pass what is right."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.audit.heads.average import Registered, average_head, register
from deid_platform.audit.heads.proof import HeadProof, measured, prove, shows_face
from deid_platform.audit.heads.volumes import Volume

STEP = 3.0
LOW, HIGH = (-95.0, -125.0, -125.0), (95.0, 115.0, 100.0)

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]


def head(pitch: float = 0.0, scale: float = 0.9, *, inverted: bool = False) -> tuple[NDArray[np.float32], Points]:
    """The average head, chin up by ``pitch`` degrees: brightness, and the head frame's mm, per slice, row, column."""
    axes = [np.arange(low, high, STEP) for low, high in zip(LOW, HIGH, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).transpose(0, 3, 2, 1)
    frame = np.tensordot(turned(pitch) / scale, points, 1)
    values = average_head().at(average_head().image, frame)
    if inverted:
        values = np.where(values > 0.12, 1.1 - values, values)
    noise = np.random.default_rng(3).rayleigh(0.012, values.shape)
    return (1000 * (values + noise)).astype(np.float32), frame


def volume(before: NDArray[np.float32], removed: Mask | None = None) -> Volume:
    after = before if removed is None else np.where(removed, np.float32(12), before)
    origins = np.array([[*LOW[:2], LOW[2] + number * STEP] for number in range(len(before))])
    steps = np.array([[0.0, STEP, 0.0], [STEP, 0.0, 0.0]])
    return Volume(before, after, (before != after).astype(np.float32), origins, steps)


def face(frame: Points) -> Mask:
    """What a good defacer removes: all before an oblique plane and the lower face, and nothing of the brain."""
    x, y, z = frame
    before_the_plane = 0.788 * y - 0.616 * z > 70
    orbits = (abs(x) < 56) & (y > 45) & (z < -22)
    return np.asarray(before_the_plane | orbits | ((y > 22) & (z < -45) & (abs(x) < 80)))


def turned(pitch: float) -> NDArray[np.float64]:
    angle = np.deg2rad(-pitch)
    return np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])


@cache
def straight() -> tuple[NDArray[np.float32], Points]:
    return head()


@pytest.fixture
def known_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured does not wait for a registration: where the straight head lies is known."""
    pose = Registered(0.9 * np.eye(3), np.zeros(3), 1.0)
    monkeypatch.setattr("deid_platform.audit.heads.proof.register", lambda _volume: pose)


def test_a_removed_face_is_proven_gone_from_a_tilted_small_head_of_another_contrast() -> None:
    before, frame = head(-20, 0.75, inverted=True)
    proof = prove(volume(before, face(frame)))
    assert proof.located
    assert proof.failures(face=True) == []


def eyes_left(frame: Points) -> Mask:
    return np.asarray(face(frame) & ~((frame[2] > -58) & (frame[2] < -20)))


def half_left(frame: Points) -> Mask:
    return np.asarray(face(frame) & (frame[0] < 0))


def nose_left(frame: Points) -> Mask:
    return np.asarray(face(frame) & ~((abs(frame[0]) < 20) & (frame[2] > -95)))


def nothing(frame: Points) -> Mask:
    return np.zeros(frame.shape[1:], np.bool_)


@pytest.mark.usefixtures("known_pose")
@pytest.mark.parametrize("careless", [nothing, eyes_left, half_left, nose_left])
def test_skin_that_stays_is_refused(careless: Callable[[Points], Mask]) -> None:
    before, frame = straight()
    failures = prove(volume(before, careless(frame))).failures(face=True)
    assert {"skin_not_moved", "patch_of_skin_left", "tissue_before_the_face"} <= set(failures)


def from_height(whole: Volume, height: float) -> Volume:
    kept = whole.origins[:, 2] >= height
    return Volume(whole.before[kept], whole.after[kept], whole.changed[kept], whole.origins[kept], whole.steps)


def measure_slanting(height: float, careless: Callable[[Points], Mask]) -> HeadProof:
    """Chin down by 25 degrees and scanned from ``height`` up: the lowest slice cuts the head from brow to neck."""
    before, frame = head(-25)
    pose = Registered(0.9 * turned(-25).T, np.zeros(3), 1.0)
    return measured(from_height(volume(before, careless(frame)), height), pose)


@pytest.mark.parametrize("height", [-80.0, -60.0, -40.0])
def test_the_section_of_a_slanting_slice_is_no_skin(height: float) -> None:
    assert measure_slanting(height, face).failures(face=True) == []


@pytest.mark.parametrize("height", [-80.0, -60.0])
@pytest.mark.parametrize("careless", [nothing, eyes_left, half_left])
def test_skin_above_a_slanting_slice_is_refused(height: float, careless: Callable[[Points], Mask]) -> None:
    assert "skin_not_moved" in measure_slanting(height, careless).failures(face=True)


@pytest.mark.parametrize("front", [60.0, 75.0, 90.0])
def test_skin_at_which_the_field_of_view_ends_is_refused(front: float) -> None:
    before, _ = straight()
    whole = volume(before)
    rows = int((front - LOW[1]) / STEP)
    cut = Volume(*(side[:, :rows] for side in (whole.before, whole.after, whole.changed)), whole.origins, whole.steps)
    assert "skin_not_moved" in measured(cut, Registered(0.9 * np.eye(3), np.zeros(3), 1.0)).failures(face=True)


@pytest.mark.usefixtures("known_pose")
def test_a_bitten_brain_is_refused_even_where_no_face_was_to_go() -> None:
    before, frame = straight()
    x, y, z = frame
    proof = prove(volume(before, face(frame) | ((abs(x) < 35) & (y > 5) & (z > 0) & (z < 45))))
    assert proof.failures(face=True) == ["brain_changed"]
    assert proof.failures(face=False) == ["brain_changed"]


def test_what_no_head_can_be_found_in_proves_nothing() -> None:
    noise = np.random.default_rng(1).random((40, 40, 40), np.float32)
    assert prove(volume(noise)).failures(face=True) == ["not_located"]


@pytest.mark.usefixtures("known_pose")
def test_a_face_the_maker_missed_is_seen_and_a_removed_one_is_not() -> None:
    before, frame = straight()
    assert shows_face(volume(before))
    assert not shows_face(volume(np.where(face(frame), np.float32(12), before)))


def test_the_same_volume_gives_the_same_numbers() -> None:
    before, _ = straight()
    one, other = (register(volume(before)) for _ in range(2))
    assert np.allclose(one.matrix, other.matrix, atol=1e-6)
    assert np.allclose(one.offset, other.offset, atol=1e-4)


def test_a_limb_shows_no_face() -> None:
    _, row, column = np.ogrid[-1:1:75j, -1:1:80j, -1:1:64j]
    limb = np.where(row**2 + column**2 < 0.2, 500, 0) + np.where((row - 0.1) ** 2 + column**2 < 0.02, -300, 0)
    noise = np.random.default_rng(2).rayleigh(12, (75, 80, 64))
    assert not shows_face(volume((np.broadcast_to(limb, noise.shape) + noise).astype(np.float32)))
