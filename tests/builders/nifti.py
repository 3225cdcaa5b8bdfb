"""Small NIfTI files with planted identifiers, written field by field."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform import tar

NAME = b"DOE JANE 19700101"


def nifti_bytes(
    voxels: NDArray[Any], *, affine: NDArray[Any] | None = None, version: int = 1, order: str = "<", code: int = 4,
    extension: bytes = b"", tail: bytes = b"", planted: bytes = NAME,
) -> bytes:
    """A file of signed 16-bit ``voxels`` of shape (columns, rows, slices[, volumes]), or of another ``code``."""
    dims = [voxels.ndim, *voxels.shape] + [1] * (7 - voxels.ndim)
    affine = np.diag([2.0, 2.0, 2.0, 1.0]) if affine is None else affine
    rows, placed = affine[:3].ravel().tolist(), 1 if affine.any() else 0
    bits = voxels.dtype.itemsize * 8
    block = struct.pack(order + "ii", 8 + len(extension), 6) + extension if extension else b""
    if version == 1:
        offset = 352 + len(block)
        head = struct.pack(
            order + "i10s18sihcB8h3fhhhh8f3fhBB4fii80s24shh6f12f16s4s",
            348, b"text", planted, 0, 0, b"r", 0, *dims, 0, 0, 0, 0, code, bits, 0, 1, 2, 2, 2, 1, 1, 1, 1, offset, 1,
            0, 0, 0, 10, 0, 0, 0, 0, 0, 0, planted, planted, 0, placed, 0, 0, 0, 0, 0, 0, *rows, planted[:16], b"n+1\0",
        )  # fmt: skip
    else:
        offset = 544 + len(block)
        head = struct.pack(
            order + "i8shh8q3d8dq2d2d2dqq80s24sii6d12diii16sB15s",
            540, b"n+2\0\r\n\x1a\n", code, bits, *dims, 0, 0, 0, 1, 2, 2, 2, 1, 1, 1, 1, offset, 1, 0, 0, 0, 0, 0, 0, 0,
            planted, planted, 0, placed, 0, 0, 0, 0, 0, 0, *rows, 0, 10, 0, planted[:16], 0, planted[:15],
        )  # fmt: skip
    flag = b"\1\0\0\0" if block else bytes(4)
    return head + flag + block + voxels.astype(voxels.dtype.newbyteorder(order)).tobytes(order="F") + tail


def pair_bytes(data: bytes) -> tuple[bytes, bytes]:
    """Header and image of what :func:`nifti_bytes` made, each a file of its own."""
    order = "<" if data[:4] in (struct.pack("<i", 348), struct.pack("<i", 540)) else ">"
    version = 1 if struct.unpack_from(order + "i", data)[0] == 348 else 2
    form, at = ("f", 108) if version == 1 else ("q", 168)
    offset = int(struct.unpack_from(order + form, data, at)[0])
    head = bytearray(data[:offset])
    struct.pack_into(order + form, head, at, 0)
    return bytes(head).replace(b"n+1", b"ni1").replace(b"n+2", b"ni2"), data[offset:]


def analyze_bytes(
    voxels: NDArray[Any], *, order: str = "<", code: int = 4, scale: float = 0.0, planted: bytes = NAME
) -> tuple[bytes, bytes]:
    """Header and image of Analyze 7.5, with ``planted`` in every text it has. Source: dbh.h."""
    dims = [4, *voxels.shape, *[1] * (4 - voxels.ndim), 0, 0, 0]
    head = struct.pack(
        order + "i10s18sihcc8h4s8shhhh8f8fii80s24sc10s10s10s10s10s10s3s8i",
        348, planted, planted, 16384, 0, b"r", b"0", *dims, b"mm", planted, 0, code, voxels.dtype.itemsize * 8, 0,
        0, 2, 2, 2, 0, 0, 0, 0, 0, scale, 7, 7, 10, 0, 3, 5, 900, 0, planted, planted, b"\0", planted, planted, planted,
        planted, planted, planted, planted, 5, 6, 7, 8, 9, 10, 11, 12,
    )  # fmt: skip
    return head, voxels.astype(voxels.dtype.newbyteorder(order)).tobytes(order="F")


def archived(header: bytes, image: bytes) -> bytes:
    """A pair as the landing zone shows it."""
    parts = (("pair.hdr", header), ("pair.img", image))
    return b"".join(tar.header(name, len(data)) + data + tar.padding(len(data)) for name, data in parts) + tar.END


def write_nifti(path: Path, data: bytes, *, compressed: bool = False) -> Path:
    """Write it, compressed with a name and a time as most programs do."""
    if compressed:
        with path.open("wb") as file, gzip.GzipFile("sub_DOE_JANE.nii", "wb", fileobj=file, mtime=1e9) as sink:
            sink.write(data)
    else:
        path.write_bytes(data)
    return path


def ramp(*shape: int) -> NDArray[np.int16]:
    """Smooth voxels that show nothing."""
    return np.add.outer(np.arange(shape[0]), np.arange(int(np.prod(shape[1:]))) % 97).reshape(shape).astype(np.int16)
