from pathlib import Path

import numpy as np
from scipy import ndimage

from deid_platform.training.heads.labels import (
    BONE,
    FACE_OFFSET,
    FACE_PITCH,
    SPACING,
    STRUCTURES,
    LabelledHead,
    label,
)


def of(head: LabelledHead, name: str) -> np.ndarray:
    return (head.labels >> STRUCTURES.index(name)) & 1 > 0


def test_the_face_lies_in_front_of_its_plane_and_off_the_brain(head: LabelledHead) -> None:
    face, brain = of(head, "face"), of(head, "brain")
    where = np.argwhere(face) @ head.frame[:3, :3].T + head.frame[:3, 3]
    angle = np.deg2rad(FACE_PITCH)
    assert face.any()
    assert (np.cos(angle) * where[:, 1] - np.sin(angle) * where[:, 2] > FACE_OFFSET).all()
    assert (ndimage.distance_transform_edt(~brain)[face] * SPACING > 4).all()


def test_orbits_and_ears_are_there_on_both_sides_and_the_brain_is_inside_the_head(head: LabelledHead) -> None:
    middle = head.image.shape[0] // 2
    for name in ("orbits", "ears"):
        assert of(head, name)[:middle].any()
        assert of(head, name)[middle:].any()
    assert of(head, "head")[of(head, "brain")].all()


def test_dark_places_around_the_brain_are_bone(head: LabelledHead) -> None:
    ring = ndimage.binary_dilation(of(head, "brain"), iterations=2) & ~of(head, "brain")
    assert (head.tissues[ring] == BONE).mean() > 0.9


def test_a_larger_head_keeps_its_labels_in_the_head_frame(head: LabelledHead) -> None:
    frame = head.frame.copy()
    frame[:3] *= 0.8  # of a head a quarter larger than the average
    larger = label(head.image.astype(float), of(head, "brain"), frame)
    assert of(larger, "face").sum() < of(head, "face").sum()


def test_what_is_saved_is_what_is_loaded(head: LabelledHead, tmp_path: Path) -> None:
    head.save(tmp_path / "head.npz")
    again = LabelledHead.load(tmp_path / "head.npz")
    assert np.array_equal(again.labels, head.labels)
    assert np.array_equal(again.frame, head.frame)
