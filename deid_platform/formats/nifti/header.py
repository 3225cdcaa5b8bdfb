"""The header of a NIfTI file: read, checked against the file, and written anew with nothing but geometry.

Sources: the NIfTI-1.1 and NIfTI-2 headers (nifti1.h, nifti2.h of the NIfTI Data Format Working Group).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.model import Reason

HEAD_BYTES = 540
"""Bytes that hold the header of either version."""
_MAGIC = {348: (344, b"n+1\0"), 540: (4, b"n+2\0\r\n\x1a\n")}
_PAIRS: dict[int, tuple[int, bytes]] = {348: (344, b"ni1\0"), 540: (4, b"ni2\0\r\n\x1a\n")}
# Fields by name, in order. Those that hold text, or that nothing defines, begin with an underscore: they become zeros.
_FIELDS = {
    348: "sizeof_hdr:i _data_type:10s _db_name:18s _extents:i _session_error:h _regular:c dim_info:B dim:8h "
    "intent_p:3f intent_code:h datatype:h bitpix:h slice_start:h pixdim:8f vox_offset:f scl_slope:f scl_inter:f "
    "slice_end:h slice_code:B xyzt_units:B cal_max:f cal_min:f slice_duration:f toffset:f _glmax:i _glmin:i "
    "_descrip:80s _aux_file:24s qform_code:h sform_code:h quatern:6f srow:12f _intent_name:16s magic:4s",
    540: "sizeof_hdr:i magic:8s datatype:h bitpix:h dim:8q intent_p:3d pixdim:8d vox_offset:q scl_slope:d scl_inter:d "
    "cal_max:d cal_min:d slice_duration:d toffset:d slice_start:q slice_end:q _descrip:80s _aux_file:24s qform_code:i "
    "sform_code:i quatern:6d srow:12d slice_code:i xyzt_units:i intent_code:i _intent_name:16s dim_info:B "
    "_unused_str:15s",
}  # fmt: skip
_TOLD_BY = {"intent_p": "intent_code", "quatern": "qform_code", "srow": "sform_code"}
"""Fields that mean something only where another one is above 0."""
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
    1792: "c16",
}  # fmt: skip
_RGB = 128
_LARGEST = 2**40
_ANALYZE = frozenset(
    "sizeof_hdr _data_type _db_name _extents _session_error _regular dim datatype bitpix pixdim vox_offset scl_slope "
    "cal_max cal_min _glmax _glmin _descrip _aux_file".split()
)
"""Fields that Analyze 7.5 has, too; elsewhere it has texts and numbers of its own. Its scale is the one SPM writes."""
_UNITS, _HISTORY = slice(56, 70), slice(252, 348)
"""Where Analyze 7.5 keeps names of units, and whose image it is."""
_MILLIMETRES = 2
_CIFTI = range(3000, 3100)
"""Intent codes of CIFTI-2, whose XML extension is a part of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A checked header.

    Attributes
    ----------
    affine
        Shape (4, 4): indices of voxels to RAS mm; None where the file does not tell.
    dims
        Sizes of all dimensions, at least three; voxels of the first follow each other.
    samples
        3 for colours, else 1.
    offset, length
        Where the image's bytes begin in their file (decompressed), and their number.
    paired
        Whether the image has a file of its own.
    """

    version: int
    little: bool
    dims: tuple[int, ...]
    dtype: np.dtype[Any]
    samples: int
    offset: int
    length: int
    slope: float
    intercept: float
    affine: NDArray[np.float64] | None
    fields: dict[str, Any]
    paired: bool = False

    @property
    def slices(self) -> int:
        """Slices of one volume."""
        return self.dims[2]

    @property
    def frames(self) -> int:
        """Slices of all volumes."""
        return prod(self.dims[2:])

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Of one slice: (rows, columns), and 3 for colours."""
        return (self.dims[1], self.dims[0], 3) if self.samples == 3 else (self.dims[1], self.dims[0])

    def told(self) -> list[str]:
        """Names of the fields that hold anything and are emptied."""
        return [name[1:] for name, value in self.fields.items() if name.startswith("_") and _tells(value)]

    @property
    def size(self) -> int:
        """Bytes of the header itself."""
        return 348 if self.version == 1 else 540

    @property
    def intent_name(self) -> bytes:
        """What the file is said to be for, without padding."""
        return bytes(self.fields["_intent_name"][0]).rstrip(b"\0")

    def clean(self, extension: bytes = b"") -> bytes:
        """The header with its geometry alone, four bytes that say whether an extension follows, and that extension.

        ``extension`` is one of NIfTI-MRS as it is stored, cleaned; the name of the intent stays with it.
        """
        size = self.size
        order = "<" if self.little else ">"
        flag = bytes([bool(extension), 0, 0, 0])
        values: list[Any] = []
        for name, form in _forms(size):
            kept = _used(name, self.fields)
            if name == "magic":
                kept = (_MAGIC[size][1],)
            elif name == "vox_offset":
                kept = (size + 4 + len(extension),)
            elif name == "_intent_name" and extension:
                kept = (self.intent_name,)
            elif name.startswith("_"):
                kept = (bytes(struct.calcsize(form)),) if form[-1] in "sc" else (0,)
            values += kept
        return struct.pack(order + "".join(form for _, form in _forms(size)), *values) + flag + extension


def _used(name: str, fields: dict[str, Any]) -> tuple[Any, ...]:
    """A field without numbers that nothing refers to: they could be anything."""
    value: tuple[Any, ...] = fields[name]
    last = fields["dim"][0]
    if name == "dim":
        return (*value[: last + 1], *(1 for _ in value[last + 1 :]))
    if name == "pixdim":
        factor = -1.0 if value[0] < 0 else 1.0  # Source: nifti1.h, method 2: nothing but its sign counts
        return (factor, *value[1 : last + 1], *(1.0 for _ in value[last + 1 :]))
    code = _TOLD_BY.get(name)
    return tuple(0 for _ in value) if code and fields[code][0] <= 0 else value


def accepts(head: bytes) -> bool:
    """Whether decompressed bytes begin like a NIfTI file, or like the header of a pair of files."""
    return any(head[at : at + len(magic)] == magic for at, magic in (*_MAGIC.values(), *_PAIRS.values()))


def may_be_analyze(head: bytes) -> bool:
    """Whether decompressed bytes have the size of a header of Analyze 7.5, which nothing else marks."""
    return any(int.from_bytes(head[:4], order) == 348 for order in ("little", "big"))


def read_header(head: bytes, *, paired: bool = False) -> Header:
    """Read and check a header of at least :data:`HEAD_BYTES` bytes, or the whole of a shorter file.

    ``paired`` tells that the image has a file of its own; the header may then be one of Analyze 7.5.

    Raises
    ------
    UnsupportedFormat
        CIFTI-2, or voxels of a kind nobody can look at.
    MalformedFile
        It contradicts itself, or came without its image.
    """
    size, order, analyze = _kind(head, paired=paired)
    fields: dict[str, Any] = {}
    at = 0
    for name, form in _forms(size):
        fields[name] = struct.unpack_from(order + form, head, at)
        at += struct.calcsize(order + form)
    if analyze:
        fields = {name: value if name in _ANALYZE else _empty(value) for name, value in fields.items()}
        fields |= {"xyzt_units": (_MILLIMETRES,), "_history": (head[_HISTORY],), "_units": (head[_UNITS],)}
    if fields["intent_code"][0] in _CIFTI:
        raise UnsupportedFormat("CIFTI-2 describes its contents in an extension that cannot be cleaned yet.")
    dtype, samples = _type_of(fields["datatype"][0], fields["bitpix"][0], order)
    dims = _dims(fields["dim"])
    length = prod(dims) * dtype.itemsize * samples
    offset = fields["vox_offset"][0]
    least = 0 if paired else size + 4
    if not (least <= offset < _LARGEST and float(offset).is_integer()) or length > _LARGEST:
        raise MalformedFile("The NIfTI header says that the image lies where it cannot.")
    slope, intercept = fields["scl_slope"][0], fields["scl_inter"][0]
    scaled = np.isfinite(slope) and np.isfinite(intercept) and slope != 0
    return Header(
        version=1 if size == 348 else 2, little=order == "<", dims=dims, dtype=dtype, samples=samples,
        offset=int(offset), length=length, slope=slope if scaled else 1.0, intercept=intercept if scaled else 0.0,
        affine=_affine(fields), fields=fields, paired=paired,
    )  # fmt: skip


def _kind(head: bytes, *, paired: bool) -> tuple[int, str, bool]:
    """Size of a header, its byte order, and whether it is one of Analyze 7.5."""
    for size in _MAGIC:
        for order in "<>":
            if len(head) < size or struct.unpack_from(order + "i", head)[0] != size:
                continue
            whole, half = (head[at:].startswith(magic) for at, magic in (_MAGIC[size], _PAIRS[size]))
            if paired and not whole and (half or size == 348):
                return size, order, not half
            if whole and not paired:
                return size, order, False
            if not whole:
                raise MalformedFile("The header came without its image, a file .img beside it.", Reason.TRUNCATED)
    raise MalformedFile("The NIfTI header is cut off or has a wrong size.")


def _empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(len(part)) if isinstance(part, bytes) else 0 for part in value)


def _forms(size: int) -> list[tuple[str, str]]:
    pairs = (field.split(":") for field in _FIELDS[size].split())
    return [(name, form) for name, form in pairs]


def _tells(value: tuple[Any, ...]) -> bool:
    return any(part.strip(b"\0 ") if isinstance(part, bytes) else part for part in value)


def _type_of(code: int, bits: int, order: str) -> tuple[np.dtype[Any], int]:
    if code == _RGB and bits == 24:
        return np.dtype("u1"), 3
    if code not in _TYPES:
        raise UnsupportedFormat("The voxels are of a kind that nobody can look at.", Reason.PIXELS_UNDECODABLE)
    dtype = np.dtype(order + _TYPES[code])
    if bits != dtype.itemsize * 8:
        raise MalformedFile("The NIfTI header says two things of the size of a voxel.")
    return dtype, 1


def _dims(dim: tuple[int, ...]) -> tuple[int, ...]:
    if not 1 <= dim[0] <= 7 or any(size < 1 for size in dim[1 : dim[0] + 1]):
        raise MalformedFile("The NIfTI header names impossible dimensions.")
    dims = (*dim[1 : dim[0] + 1], 1, 1)[: max(dim[0], 3)]
    if max(dims[:2]) > 2**16 or prod(dims) > _LARGEST:
        raise MalformedFile("The NIfTI header names more voxels than any image has.", Reason.TOO_LARGE)
    return dims


def _affine(fields: dict[str, Any]) -> NDArray[np.float64] | None:
    """The place of the voxels: sform before qform, as readers do; None where neither is told or possible."""
    affine = np.eye(4)
    if fields["sform_code"][0] > 0:
        affine[:3] = np.array(fields["srow"], float).reshape(3, 4)
    elif fields["qform_code"][0] > 0:
        affine[:3] = _from_quaternion(fields)
    else:
        return None
    steps = affine[:3, :3]
    usable = bool(np.isfinite(affine).all()) and abs(np.linalg.det(steps)) > 1e-6
    return affine if usable else None


def _from_quaternion(fields: dict[str, Any]) -> NDArray[np.float64]:
    """Shape (3, 4). Source: nifti1.h, method 2."""
    b, c, d, *origin = fields["quatern"]
    a = np.sqrt(max(1.0 - (b * b + c * c + d * d), 0.0))
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * b * c - 2 * a * d, 2 * b * d + 2 * a * c],
        [2 * b * c + 2 * a * d, a * a + c * c - b * b - d * d, 2 * c * d - 2 * a * b],
        [2 * b * d - 2 * a * c, 2 * c * d + 2 * a * b, a * a + d * d - c * c - b * b],
    ])
    sizes = np.array(fields["pixdim"][1:4], float)
    sizes[2] *= -1 if fields["pixdim"][0] < 0 else 1
    return np.column_stack([rotation * sizes, origin])
