"""Pictures as pixels, the way viewers show them, and back to a file that holds nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.picture.tiffs import refuse_unclear, starts_tiff
from deid_platform.model import Reason
from deid_platform.pixels.layout import Layout

STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_MOST_PIXELS = 1 << 28
_GREY, _DEEP = ("1", "L", "LA"), ("I;16", "I;16B", "I")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture: ``pixels`` has shape (rows, columns), 8 or 16 bits, or (rows, columns, 3), 8 bits."""

    pixels: NDArray[Any]

    @property
    def layout(self) -> Layout:
        """What finding and reading text are to know: that nobody knows what it shows."""
        rows, columns = self.pixels.shape[:2]
        samples, bits = (3, 8) if self.pixels.ndim == 3 else (1, 8 * self.pixels.dtype.itemsize)
        described = Dataset()
        described.Modality = "OT"
        return Layout(
            ExplicitVRLittleEndian, "PixelData", "OW", 0, self.pixels.nbytes, rows, columns, samples,
            "RGB" if samples == 3 else "MONOCHROME2", 0, bits, bits, bits - 1, False, 1, described,
        )  # fmt: skip

    def by_frame(self) -> Iterator[list[NDArray[Any]]]:
        """The one frame."""
        yield [self.pixels]

    def frames(self) -> Iterator[NDArray[Any]]:
        """The one frame."""
        yield self.pixels


def read_picture(path: Path) -> Picture:
    """Decode a picture; it is turned as its EXIF asks for, what is transparent is shown.

    Raises
    ------
    MalformedFile
        It cannot be decoded to its end, or is larger than any picture.
    UnsupportedFormat
        It is animated, or a TIFF of several pages or with samples that viewers show differently.
    """
    forms: tuple[str, ...] = ("PNG", "JPEG")
    if starts_tiff(path):
        refuse_unclear(path)
        forms = ("TIFF",)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Of a file that it opened itself the library maps the pixels, and gets those of turned TIFF wrong.
            with path.open("rb") as file, Image.open(file, formats=forms) as image:
                return _decoded(image)
    except (UnsupportedFormat, MalformedFile):
        raise
    except Exception:  # noqa: BLE001 - the library raises whatever it likes
        raise MalformedFile("The picture cannot be decoded.", Reason.PIXELS_UNDECODABLE) from None


def _decoded(image: Image.Image) -> Picture:
    if getattr(image, "n_frames", 1) != 1:
        raise UnsupportedFormat("The picture is animated.", Reason.VIDEO)
    if image.width * image.height > _MOST_PIXELS:
        raise MalformedFile("The picture has more pixels than any.", Reason.TOO_LARGE)
    image.load()  # TIFF is turned now, and says so then
    turned = ImageOps.exif_transpose(image)
    if turned.mode in _DEEP:
        return Picture(np.asarray(turned).astype(np.uint16))
    return Picture(np.array(turned.convert("L" if turned.mode in _GREY else "RGB")))


def write_picture(picture: Picture, path: Path) -> None:
    """Write a PNG with nothing but pixels."""
    Image.fromarray(picture.pixels).save(path, "PNG", compress_level=6)
