"""The formats this platform cleans."""

from __future__ import annotations

from pathlib import Path

from deid_platform.formats.bids.bids import Bids
from deid_platform.formats.dicom.dicom import Dicom
from deid_platform.formats.mrxs.mrxs import Mrxs
from deid_platform.formats.nifti.nifti import Nifti
from deid_platform.formats.picture.picture import Snapshot
from deid_platform.formats.picture.tiffs import is_snapshot
from deid_platform.formats.protocol import Format
from deid_platform.formats.rda.rda import Rda
from deid_platform.formats.twix.twix import Twix
from deid_platform.formats.wsi.wsi import Slide

_PICTURE = Snapshot()
FORMATS: tuple[Format, ...] = (Dicom(), Nifti(), Slide(), Mrxs(), Twix(), Rda(), _PICTURE, Bids())
HEAD_BYTES = 4096
"""What :meth:`Format.accepts` gets to see."""


def format_of(head: bytes, name: str = "") -> Format | None:
    """The first format that accepts a file beginning with ``head`` and called ``name``; None for one nobody knows."""
    return next((candidate for candidate in FORMATS if candidate.accepts(head, name)), None)


def format_of_file(path: Path, name: str = "") -> Format | None:
    """The format of a whole file: whether a TIFF is a slide or a picture is told by directories that may end it."""
    with path.open("rb") as file:
        found = format_of(file.read(HEAD_BYTES), name)
    return _PICTURE if isinstance(found, Slide) and is_snapshot(path) else found


def format_named(name: str) -> Format:
    """The format of that name, as noted in a manifest."""
    return next(candidate for candidate in FORMATS if candidate.name == name)
