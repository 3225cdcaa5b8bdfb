"""Where the slices of a NIfTI file lie in the patient, and their samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from deid_platform.formats.nifti.volume import Volume, unpacked
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Samples, Stack


def planes_of(path: Path) -> ItemPlanes:
    """The slices of the first volume; the others lie at the same places.

    An image that does not tell its place is not placed, and to be judged by nobody (``tiled``): NIfTI holds volumes,
    and a volume may show a face. Nothing tells that two files share a Frame of Reference, so each stands alone.
    """
    with path.open("rb") as file:
        own = hashlib.file_digest(file, "sha256").hexdigest()
    with unpacked(path) as volume:
        header, affine = volume.header, volume.header.affine
        count = header.slices
        placed = np.arange(count)[:, None] if affine is not None else np.empty((0, 1))
        matrix = np.eye(4) if affine is None else affine
        return ItemPlanes(
            series=own, frame_of_reference="", modality=volume.modality,
            rows=header.dims[1], columns=header.dims[0], frames=header.frames,
            thickness=float(np.linalg.norm(matrix[:3, 2])),
            origins=matrix[:3, 3] + placed * matrix[:3, 2],
            row_steps=np.repeat(matrix[None, :3, 1], len(placed), axis=0),
            column_steps=np.repeat(matrix[None, :3, 0], len(placed), axis=0),
            slopes=np.full(len(placed), header.slope), intercepts=np.full(len(placed), header.intercept),
            tiled=affine is None,
        )  # fmt: skip


@contextmanager
def open_stack(plan: StackPlan, paths: Mapping[str, Path]) -> Iterator[Stack]:
    """Open a stack for reading.

    Raises
    ------
    MalformedFile
        A file cannot be read to its end.
    """
    with ExitStack() as stack:
        volumes: dict[str, Volume] = {item: stack.enter_context(unpacked(paths[item])) for item in plan.items}

        def read(number: int) -> Samples:
            one = plan.frames[number]
            return volumes[one.item].scaled(one.frame)

        first = plan.first.plane(plan.frames[0].frame)
        yield Stack(first, plan.origins(), read, plan.first.modality, plan.first.thickness)
