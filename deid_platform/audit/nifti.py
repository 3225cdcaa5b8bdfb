"""The judge of cleaned NIfTI files: they are read by nibabel, beside their originals."""

from __future__ import annotations

import gzip
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid_platform.audit.bytesearch import Needlestack
from deid_platform.audit.legible import shows_text_in
from deid_platform.audit.nifti_mrs import left_of_spectra, speaks_of_spectra
from deid_platform.audit.nifti_pair import image_of_pair, is_archive
from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Finding, Masking, Reason
from deid_platform.pixels.layout import Layout
from deid_platform.policy import Policy

Hit = tuple[str, str]
_RUN = re.compile(rb"[ -~]{8,80}")
_QUATERN = (("quatern", "bcd"), ("qoffset", "xyz"))
_TOLD_BY = {
    **{f"{kind}_{axis}": "qform_code" for kind, axes in _QUATERN for axis in axes},
    **{f"srow_{axis}": "sform_code" for axis in "xyz"},
}
_GZIP = b"\x1f\x8b"
_TEXTS = (
    "data_type", "db_name", "descrip", "aux_file", "intent_name", "unused_str", "session_error", "extents", "vox_units",
    "cal_units", "originator", "generated", "scannum", "patient_id", "exp_date", "exp_time", "hist_un0",
)  # fmt: skip
_MILLIMETRES = 2
_GEOMETRY = (
    "dim", "pixdim", "datatype", "bitpix", "qform_code", "sform_code", "quatern_b",
    "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units",
    "dim_info", "intent_code", "slice_code", "slice_start", "slice_end", "slice_duration", "toffset",
    "scale",
)  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An image of nibabel, its voxels not read yet; a pair lies in an archive. Raises whatever nibabel raises."""
    # Slow to load, and of use for NIfTI only.
    from nibabel.nifti1 import Nifti1Image
    from nibabel.nifti2 import Nifti2Image

    with ExitStack() as stack, _quiet():
        stored = stack.enter_context(path.open("rb"))
        head = stored.read(512)
        stored.seek(0)
        if is_archive(head):
            yield image_of_pair(stack, path)
            return
        compressed = head.startswith(_GZIP)
        file: Any = stack.enter_context(gzip.open(stored, "rb")) if compressed else stored
        kind = Nifti1Image if int.from_bytes(file.read(4), "little") in (348, 0x5C010000) else Nifti2Image
        file.seek(0)
        yield kind.from_stream(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep nibabel from logging and warning of what it makes of a header, for the block only."""
    logger = logging.getLogger("nibabel.global")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled


def is_nifti(path: Path) -> bool:
    """Whether a file is one of NIfTI, as far as its first bytes tell."""
    with path.open("rb") as stored:
        head = stored.read(352)
    if head.startswith(_GZIP):
        with gzip.open(path, "rb") as file:
            head = file.read(352)
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def audit_file(item: str, source: Path, output: Path, policy: Policy) -> Iterator[Finding]:
    """What a cleaned file tells beside its geometry and its voxels, and texts of the original among its voxels."""
    try:
        hits = [*_hits(source, output, policy), *_texts_among_voxels(source, output)]
    except Exception:  # noqa: BLE001 - whatever nibabel trips over, the object is not fit for release
        hits = [("object", "unreadable")]
    for where, kind in hits:
        yield Finding(item, where, kind, str(Reason.FORBIDDEN_CONTENT))


def _texts_among_voxels(source: Path, output: Path) -> Iterator[Hit]:
    """Where a header lies about where its image begins, what is taken for voxels may be text."""
    with opened(source) as image:
        known = set(image.header.keys())
        texts = [np.asarray(image.header[name]).tobytes() for name in _TEXTS if name in known]
        needles = {run for text in texts for run in _RUN.findall(text)}
    if needles:
        stack = Needlestack(needles)
        with opened(output) as image:
            if any(any(stack.found_in(cells.tobytes())) for cells in _slices(image)):
                yield "pixels", "text_of_the_header"


def _hits(source: Path, output: Path, policy: Policy) -> Iterator[Hit]:
    with output.open("rb") as file:
        head = file.read(10)
    if head.startswith(_GZIP) and (head[3] or any(head[4:8])):
        yield "gzip", "name_or_time"
    with opened(output) as image:
        spectra = speaks_of_spectra(image)
        known = set(image.header.keys())
        for name in _TEXTS:
            if spectra and name == "intent_name":
                continue
            if name in known and np.asarray(image.header[name]).tobytes().strip(b"\0"):
                yield name, "text"
        if spectra:
            with opened(source) as original:
                yield from (("extensions", kind) for kind in left_of_spectra(original, image, policy))
        elif image.header.extensions:
            yield "extensions", "not_removed"
        yield from ((name, "unused") for name in _unused(image.header))
        end = int(image.dataobj.offset) + _length(image)
    with gzip.open(output, "rb") if head.startswith(_GZIP) else output.open("rb") as file:
        file.seek(end)
        if file.read(1):
            yield "object", "bytes_behind_the_image"


def _unused(header: Any) -> Iterator[str]:
    """Fields with numbers that no reader asks for."""
    last = int(header["dim"][0])
    for name in ("dim", "pixdim"):
        if any(value != 1 for value in header[name][last + 1 :]):
            yield name
    if header["intent_code"] <= 0 and any(header[f"intent_p{number}"] for number in (1, 2, 3)):
        yield "intent_p"
    if header["qform_code"] <= 0 and any(header[f"{kind}_{axis}"] for kind, axes in _QUATERN for axis in axes):
        yield "quatern"
    if header["sform_code"] <= 0 and any(any(header[f"srow_{axis}"]) for axis in "xyz"):
        yield "srow"


def _length(image: Any) -> int:
    shape = [int(size) for size in image.header["dim"][1 : 1 + int(image.header["dim"][0])]]
    return int(np.prod(shape, dtype=np.int64)) * int(image.header["bitpix"]) // 8


def altered_voxels(source: Path, output: Path, masking: Masking) -> Iterator[Hit]:
    """What differs in geometry, or in voxels outside of what ``masking`` names; what cannot be compared does, too."""
    try:
        with opened(source) as original, opened(output) as cleaned:
            found = [("header", name) for name in _GEOMETRY if not _equal(original, cleaned, name)]
            if not found and _differ(original, cleaned, masking):
                found = [("pixels", "altered")]
    except Exception:  # noqa: BLE001 - whatever nibabel trips over, nobody can say that the voxels are the same
        found = [("pixels", "not_compared")]
    yield from found


def _equal(original: Any, cleaned: Any, name: str) -> bool:
    if name == "scale":
        return repr(_scale(original)) == repr(_scale(cleaned))
    if name not in original.header:  # Analyze has no such field: nothing is told, but that it measures in millimetres
        return bool(np.asarray(cleaned.header[name]).sum() == (_MILLIMETRES if name == "xyzt_units" else 0))
    if name in _TOLD_BY and original.header[_TOLD_BY[name]] <= 0:
        return True  # nothing refers to it, so it is blank
    before, after = (np.asarray(image.header[name]) for image in (original, cleaned))
    if name in ("dim", "pixdim"):
        if (before[0] < 0) != (after[0] < 0):
            return False
        used = slice(name == "pixdim", int(original.header["dim"][0]) + 1)  # of its first only the sign counts
        before, after = before[used], after[used]
    return before.tobytes() == after.tobytes()


def _scale(image: Any) -> tuple[float, float]:
    return float(image.dataobj.slope), float(image.dataobj.inter)


def _differ(original: Any, cleaned: Any, masking: Masking) -> bool:
    """Whether slices differ outside of the regions, which hold for every slice."""
    for before, after in zip(_slices(original), _slices(cleaned), strict=True):
        unequal = (before != after) & ~((before != before) & (after != after))
        for region in (*masking.regions, *masking.head_regions):
            unequal[region.top : region.top + region.height, region.left : region.left + region.width] = False
        if unequal.any():
            return True
    return False


def _slices(image: Any) -> Iterator[NDArray[Any]]:
    """Stored values slice by slice, in the order of the file: shape (rows, columns), of colours one record each."""
    dtype = image.header.get_data_dtype()
    columns, rows = (int(size) for size in (*image.header["dim"][1:3],))
    file = image.dataobj.file_like
    file.seek(int(image.dataobj.offset))
    size = columns * rows * dtype.itemsize
    for _ in range(_length(image) // size):
        yield np.frombuffer(file.read(size), dtype).reshape(rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Slices:
    """Slices as a reader of text wants them: as they are stored, and upside down.

    Converters turn the rows of DICOM images around (dcm2niix does by default), so that letters stand on their heads as
    if seen in a mirror; nobody reads these.
    """

    layout: Layout
    image: Any

    def frames(self) -> Iterator[NDArray[Any]]:
        """Of shape (rows, columns), or with 3 behind."""
        for cells in _slices(self.image):
            shown = _shown(cells)
            yield shown
            yield np.ascontiguousarray(shown[::-1])


def _shown(cells: NDArray[Any]) -> NDArray[Any]:
    if cells.dtype.names:
        return np.stack([cells[name] for name in cells.dtype.names], axis=-1)
    native = cells.astype(cells.dtype.newbyteorder("="))
    return np.abs(native) if native.dtype.kind == "c" else native


def text_left(output: Path) -> bool:
    """Whether a reader that cleaned nothing finds text in any slice.

    Raises
    ------
    UnsafeToRelease
        Nobody can say.
    """
    try:
        with opened(output) as image:
            return shows_text_in(_Slices(_layout(image), image), among_many=True)
    except (OSError, EOFError, ValueError):
        raise UnsafeToRelease("The voxels cannot be read.", Reason.PIXELS_UNDECODABLE) from None


def _layout(image: Any) -> Layout:
    """What display asks for: no window, bright is bright."""
    columns, rows = (int(size) for size in image.header["dim"][1:3])
    bits = int(image.header["bitpix"])
    frames = 2 * (_length(image) * 8 // (bits * columns * rows))  # each is read twice
    return Layout(
        ExplicitVRLittleEndian, "PixelData", "OW", 0, _length(image), rows, columns, 1, "MONOCHROME2", 0, bits, bits,
        bits - 1, False, frames, Dataset(),
    )  # fmt: skip
