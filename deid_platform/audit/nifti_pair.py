"""Pairs of NIfTI and Analyze 7.5 as the landing zone shows them, read by tarfile and nibabel."""

from __future__ import annotations

import gzip
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

_MEMBERS = ["pair.hdr", "pair.img"]
_MARK = slice(257, 262)
_GZIP = b"\x1f\x8b"


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is an archive; images in single files have nothing of the kind there."""
    return head[_MARK] == b"ustar"


@dataclass(frozen=True, slots=True, eq=False)
class _Analyze:
    """What is asked of an image here; nibabel's own class wants the file of SPM beside it."""

    header: Any
    dataobj: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dataobj.shape)


def image_of_pair(stack: ExitStack, path: Path) -> Any:
    """The image of a header and a file of voxels: NIfTI where it says so, else Analyze 7.5 as SPM scales it.

    Raises ValueError for an archive of anything else, and whatever nibabel raises.
    """
    # Slow to load, and of use for NIfTI only.
    from nibabel.arrayproxy import ArrayProxy
    from nibabel.fileholders import FileHolder
    from nibabel.nifti1 import Nifti1Pair
    from nibabel.nifti2 import Nifti2Pair
    from nibabel.spm99analyze import Spm99AnalyzeHeader

    archive = stack.enter_context(tarfile.open(path, "r:"))  # noqa: SIM115 - closed by the stack
    if archive.getnames() != _MEMBERS:
        raise ValueError("no pair")
    files: list[Any] = []
    for member in archive:
        inside: Any = stack.enter_context(cast("IO[bytes]", archive.extractfile(member)))
        packed = inside.read(2) == _GZIP
        inside.seek(0)
        files.append(stack.enter_context(gzip.GzipFile(fileobj=inside)) if packed else inside)
    start = files[0].read(352)
    files[0].seek(0)
    holders = dict(zip(("header", "image"), (FileHolder(fileobj=one) for one in files), strict=True))
    if start[4:7] == b"ni2":
        return Nifti2Pair.from_file_map(holders)
    if start[344:347] == b"ni1":
        return Nifti1Pair.from_file_map(holders)
    header = Spm99AnalyzeHeader.from_fileobj(files[0], check=False)
    return _Analyze(header, ArrayProxy(files[1], header))
