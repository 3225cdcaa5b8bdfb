"""How well and how fast faces go: heads held out of training, simulated tilt, size, contrast, slices; other bodies.

    python -m benchmarks.heads --data DATA [--json FILE] [--sheet FILE]

DATA holds ``heads/`` as the card of the model names them: a T1 head with its whole face (neurolabusc/dcm_qa_uih), a CT
of 28 slices (neurolabusc/dcm_qa_ct), and T2, FLAIR and CT from neurolabusc/Clinical, cut at the nose. None of these
people or scanners was trained on. What is measured is the gate's proof, by other code than the removal; ``held_back``
says what the gate would have refused. Beside it: the registration of an average head alone (SimpleITK, the way of
pydeface), on the same volumes and the same thread. Reading NIfTI needs nibabel.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.measure import measure
from deid_platform.audit.heads.average import register
from deid_platform.audit.heads.likeness import face_logit, looks_like_a_face
from deid_platform.audit.heads.picture import pictures
from deid_platform.audit.heads.proof import measured
from deid_platform.audit.heads.surface import uncleaned, views
from deid_platform.audit.heads.volumes import Volume
from deid_platform.heads.finding import find_head
from deid_platform.heads.grid import reduce_stack
from deid_platform.heads.net import HeadNet, choose_head_net, open_head_net
from deid_platform.heads.removal import Removal, face_of
from deid_platform.heads.stack import Plane, Stack
from deid_platform.heads.strip import brain_only
from tests.builders.heads import body

HELD_OUT = {
    "t1": ("heads/neurolabusc+dcm_qa_uih", "MR"),
    "ct": ("heads/neurolabusc+dcm_qa_ct", "CT"),
    "t2": ("heads/neurolabusc+Clinical/Tutorial/tutorial/T2.nii", "MR"),
    "ct_average": ("heads/neurolabusc+Clinical/scct.nii", "CT"),
    "flair_average": ("heads/neurolabusc+Clinical/gg-flair-181-asym-8mmFWHM.nii", "MR"),
}
STRIPPED = "heads/neurolabusc+Clinical/scct_stripped.nii"
_BONE = 120.0  # Hounsfield units
_SPEED = (256, 256, 256)
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Samples of shape (x, y, z) along the axes of the patient, and the way to RAS mm."""

    samples: Array
    affine: Array
    modality: str

    def stack(self) -> Stack:
        """Axial slices from below; rows run to the back and columns to the left."""
        x, y, z = self.affine[:3, :3].T
        count = self.samples.shape
        first = self.affine[:3, 3] + (count[0] - 1) * x + (count[1] - 1) * y
        origins = first + np.outer(np.arange(count[2]), z)
        plane = Plane(count[1], count[0], first, -y, -x)
        return Stack(plane, origins, lambda n: np.asarray(self.samples[::-1, ::-1, n].T, np.float32), self.modality)


def load(path: Path, modality: str) -> Scan:
    """Read a NIfTI file, or a folder of single slices."""
    import nibabel

    if path.is_dir():
        return _folder(path, modality)
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return Scan(np.asarray(image.get_fdata(dtype=np.float32)), image.affine, modality)


def _folder(path: Path, modality: str) -> Scan:
    import nibabel
    from pydicom import dcmread

    slices = [dcmread(file) for file in sorted(path.rglob("*.dcm"))]
    across, down = np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(across, down)
    slices.sort(key=lambda one: float(normal @ np.array(one.ImagePositionPatient, float)))
    first, last = (np.array(one.ImagePositionPatient, float) for one in (slices[0], slices[-1]))
    affine = np.eye(4)
    spacing = [float(value) for value in slices[0].PixelSpacing]
    affine[:3, :3] = np.column_stack([across * spacing[1], down * spacing[0], (last - first) / (len(slices) - 1)])
    affine[:3, 3] = first
    samples = np.stack([_rescaled(one) for one in slices]).transpose(2, 1, 0)
    image = nibabel.Nifti1Image(samples, np.diag([-1, -1, 1, 1]) @ affine)
    image = nibabel.as_closest_canonical(image)
    return Scan(np.asarray(image.dataobj), image.affine, modality)


def _rescaled(one: Any) -> Array:
    slope, intercept = float(one.get("RescaleSlope", 1)), float(one.get("RescaleIntercept", 0))
    return np.asarray(one.pixel_array * slope + intercept, np.float32)


def tilted(scan: Scan, degrees: float, axes: tuple[int, int]) -> Scan:
    """The head turned, on voxels of 1.5 mm."""
    fine = _resampled(scan, 1.5)
    air = float(fine.samples.min())
    return Scan(ndimage.rotate(fine.samples, degrees, axes=axes, reshape=True, order=1, cval=air), fine.affine,
                scan.modality)  # fmt: skip


def _resampled(scan: Scan, step: float) -> Scan:
    sizes = np.linalg.norm(scan.affine[:3, :3], axis=0)
    affine = scan.affine.copy()
    affine[:3, :3] = scan.affine[:3, :3] / sizes * step
    return Scan(ndimage.zoom(scan.samples, sizes / step, order=1), affine, scan.modality)


def smaller(scan: Scan, share: float) -> Scan:
    """A child: the same head, smaller."""
    return Scan(scan.samples, scan.affine @ np.diag([share, share, share, 1.0]), scan.modality)


def inverted(scan: Scan) -> Scan:
    """Bright becomes dark, but for the air."""
    low, high = np.percentile(scan.samples, [1, 99.5])
    tissue = scan.samples > low + 0.1 * (high - low)
    return Scan(np.where(tissue, high + low - np.minimum(scan.samples, high) + 0.1 * (high - low), scan.samples),
                scan.affine, scan.modality)  # fmt: skip


def thick(scan: Scan, count: int) -> Scan:
    """Axial slices ``count`` times as thick."""
    length = scan.samples.shape[2] // count * count
    samples = scan.samples[:, :, :length].reshape(*scan.samples.shape[:2], -1, count).mean(axis=3)
    affine = scan.affine.copy()
    affine[:3, 2] *= count
    return Scan(samples, affine, scan.modality)


def variants(data: Path) -> Iterator[tuple[str, Scan]]:
    """The held-out heads, and what is made of the one with a whole face."""
    for name, (place, modality) in HELD_OUT.items():
        yield name, load(data / place, modality)
    whole = load(data / HELD_OUT["t1"][0], "MR")
    for degrees in (-25, 25):
        yield f"t1_pitch_{degrees}", tilted(whole, degrees, (1, 2))
        yield f"t1_roll_{degrees}", tilted(whole, degrees, (0, 2))
    yield "t1_child_0.8", smaller(whole, 0.8)
    yield "t1_inverted", inverted(whole)
    fine = _resampled(whole, 1.0)
    yield "t1_slices_of_5_mm", thick(fine, 5)


def removed(scan: Scan, removal: Removal) -> Array:
    """What goes, shape of the samples."""
    stack = scan.stack()
    gone = np.zeros(scan.samples.shape, np.bool_)
    for number in range(len(stack)):
        mask = removal.on(stack.plane_of(number), stack.thickness)
        if mask is not None:
            gone[:, :, number] = mask.T[::-1, ::-1]
    return gone


def judged(scan: Scan, gone: Array) -> tuple[dict[str, Any], bytes]:
    """The gate's figures, and its picture."""
    low = float(np.percentile(scan.samples, 1))
    samples = np.asarray(scan.samples, np.float32)
    after = np.where(gone, np.float32(low), samples)
    axes = [np.linalg.norm(scan.affine[:3, axis]) for axis in range(3)]
    every = [max(int(2.0 / size), 1) for size in axes]
    part = tuple(slice(None, None, step) for step in every)
    sides = [np.ascontiguousarray(side[part].transpose(2, 1, 0), np.float32) for side in (samples, after, gone)]
    x, y, z = (scan.affine[:3, axis] * every[axis] for axis in range(3))
    origins = scan.affine[:3, 3] + np.outer(np.arange(sides[0].shape[0]), z)
    volume = Volume(sides[0], sides[1], sides[2], origins, np.array([y, x]))
    found = register(volume)
    proof, seen = measured(volume, found), views(volume, found)
    told = {"face_before": round(face_logit(uncleaned(seen)), 1), "face_after": round(face_logit(seen), 1)}
    failed = proof.failures(face=True) or (["face_seen"] if looks_like_a_face(seen) else [])
    return {**proof.figures(), **told, "held_back": failed}, pictures(seen).both


def face_removed(scan: Scan, net: HeadNet) -> tuple[Array | None, dict[str, Any]]:
    """What goes of a scan, and CPU seconds: reading, finding, and making all masks."""
    clock = [time.process_time()]
    reduced = reduce_stack(scan.stack())
    clock.append(time.process_time())
    look = find_head(reduced, net)
    clock.append(time.process_time())
    if look.head is None or not look.head.has_face:
        return None, {"content": str(look.content), "has_face": False}
    gone = removed(scan, face_of(look.head, ears=True))
    clock.append(time.process_time())
    spent = dict(zip(("read_s", "find_s", "mask_s"), np.round(np.diff(clock), 3).tolist(), strict=True))
    return gone, {"content": str(look.content), "has_face": True, **spent}


def hounsfield(samples: Array) -> Array:
    """The averaged CT in Hounsfield units: its makers stretched -124 to 76 elevenfold (Clinical, clinical_c2h.m)."""
    return np.where(samples < 900, samples, np.where(samples < 3100, 900 + (samples - 900) / 11, samples - 2000)) - 1024


def stripped(data: Path, net: HeadNet) -> dict[str, float]:
    """How well the brain of the averaged CT is cut out, beside the one its makers cut out, but for bone in that."""
    scan, truth = load(data / HELD_OUT["ct_average"][0], "CT"), load(data / STRIPPED, "CT").samples
    scan = Scan(np.asarray(hounsfield(scan.samples), np.float32), scan.affine, "CT")
    reduced = reduce_stack(scan.stack())
    look = find_head(reduced, net)
    if look.head is None:
        return {"dice": 0.0, "brain_lost": 1.0}
    kept = ~removed(scan, brain_only(reduced, look.head, net))
    brain = (truth > np.median(truth) + 1) & (scan.samples < _BONE)
    both = float((kept & brain).sum())
    return {"dice": 2 * both / float(kept.sum() + brain.sum()), "brain_lost": 1 - both / float(brain.sum())}


def untouched(net: HeadNet) -> dict[str, str]:
    """What is seen in bodies that are no head."""
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[-1:1:70j, -1:1:64j, -1:1:64j]
    bottle, ball = (x**2 + y**2 < 0.5) * 800.0, (x**2 + y**2 + z**2 < 0.6) * 800.0
    scans = {"belly": np.asarray(body().samples, float), "bottle": bottle, "ball": ball, "nothing": np.zeros_like(x)}
    seen = {}
    for name, samples in scans.items():
        noisy = (samples + rng.integers(0, 12, samples.shape)).transpose(2, 1, 0)
        scan = Scan(noisy, np.diag([3.0, 3.0, 3.0, 1.0]), "MR")
        seen[name] = str(find_head(reduce_stack(scan.stack()), net).content)
    return seen


def _net() -> HeadNet:
    return open_head_net(choose_head_net())


def _large(data: Path) -> Scan:
    whole = load(data / HELD_OUT["t1"][0], "MR")
    samples = ndimage.zoom(whole.samples, np.array(_SPEED) / whole.samples.shape, order=1)
    affine = whole.affine.copy()
    affine[:3, :3] *= np.array(whole.samples.shape) / _SPEED
    return Scan(samples.astype(np.int16), affine, "MR")


class Speed:
    """One contender on one large volume, in a process of its own."""

    def __init__(self, data: Path, work: Callable[[Scan], object]) -> None:
        self.data, self.work = data, work

    def __call__(self) -> None:
        """Do it."""
        self.work(_large(self.data))


def ours(scan: Scan) -> object:
    """Find the head and make all masks."""
    return face_removed(scan, _net())


def registered(scan: Scan) -> object:
    """Lay the average head over the volume: what a defacer by registration has to do first."""
    samples = np.ascontiguousarray(np.asarray(scan.samples, np.float32)[::2, ::2, ::2].transpose(2, 1, 0))
    x, y, z = (scan.affine[:3, axis] * 2 for axis in range(3))
    origins = scan.affine[:3, 3] + np.outer(np.arange(len(samples)), z)
    return register(Volume(samples, samples, samples, origins, np.array([y, x])))


def nothing(_scan: Scan) -> object:
    """The floor: making the volume."""
    return None


def speeds(data: Path) -> dict[str, Any]:
    """User CPU seconds and peak memory for 256 x 256 x 256 voxels, each in a process of its own on one thread."""
    costs = {work.__name__: measure(Speed(data, work)) for work in (nothing, ours, registered)}
    floor = costs["nothing"].user_s
    return {name: {"user_s": round(cost.user_s - floor, 2), "peak_mib": round(cost.peak_mib)}
            for name, cost in costs.items()}  # fmt: skip


def run(data: Path, sheet: Path | None) -> dict[str, Any]:
    """All measurements."""
    net, rows, shown_all = _net(), {}, []
    for name, scan in variants(data):
        gone, told = face_removed(scan, net)
        if gone is None:
            rows[name] = told
            continue
        figures, shown = judged(scan, gone)
        rows[name] = {**told, **figures}
        shown_all.append(np.asarray(Image.open(io.BytesIO(shown))))
    if sheet and shown_all:
        Image.fromarray(np.concatenate(shown_all)).save(sheet)
    return {"held_out": rows, "skull_stripping": stripped(data, net), "no_heads": untouched(net), "speed": speeds(data)}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure how faces are removed.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path, help="where a sheet of pictures goes; it shows people")
    given, _ = parser.parse_known_args(arguments)
    if not (given.data / HELD_OUT["t1"][0]).is_dir():
        print("benchmarks.heads needs heads that are not in this repository: give their folder with --data.")  # noqa: T201
        return
    text = json.dumps(run(given.data, given.sheet), indent=2)
    if given.json:
        given.json.write_text(text + "\n", "utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
