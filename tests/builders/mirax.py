"""Small slides of 3DHISTECH, which OpenSlide opens, with planted identifiers in every place they can have."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from tests.builders.slides import jpeg

NAME = "DOE JANE S20-4711"
IDENTIFIER = "0123456789ABCDEF0123456789ABCDEF"
NEEDLES = (b"DOE", b"JANE", b"4711", b"Roe", b"SN7347", b"2011", b"Elsewhere", IDENTIFIER.encode())
TILE = 64


@dataclass
class Mirax:
    """A slide of 4 x 4 camera images in two levels. Fields that tests change have the meaning of the format."""

    form: str = "JPEG"
    positions: str = "VIMSLIDE_POSITION_BUFFER"
    comment: bytes = NAME.encode()
    gap: bytes = NAME.encode()
    records: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    """By level and number of the image: offset, size and Data file, where they are not what they should be."""
    settings: dict[str, str] = field(default_factory=dict)
    """Values of keys of Slidedat.ini, where they are not what they should be."""
    circle: bool = False

    def members(self) -> dict[str, bytes]:
        """The files of the folder by name, and the one beside it as ''."""
        data = [bytearray(b"01.02" + IDENTIFIER.encode() + self.gap) for _ in range(2)]
        levels = [[self._put(data, level, x + 4 * y, file=level % 2) for y in range(0, 4, 1 << level)
                   for x in range(0, 4, 1 << level)] for level in range(2)]  # fmt: skip
        cells = b"".join(struct.pack("<Bii", 1, TILE * (n % 4), TILE * (n // 4)) for n in range(16))
        others = [self._add(data[0], jpeg(9, comment=NAME.encode(), size=64)) for _ in range(3)]
        others.append(self._add(data[1], b"ProfileName=Dr Roe\0"))
        if self.positions:
            packed = self.positions.startswith("Stitching")
            others.insert(0, self._add(data[1], zlib.compress(cells) if packed else cells, 1))
        files = {f"Data{number:04d}.dat": bytes(content) for number, content in enumerate(data)}
        overview = jpeg(9, comment=NAME.encode(), size=64)
        return {"": overview, "Slidedat.ini": self._slidedat(), "Index.dat": self._index(levels, others), **files}

    def archive(self) -> bytes:
        """The slide as the landing zone shows it, by another writer of archives."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for member, content in self.members().items():
                info = tarfile.TarInfo(f"slide/{member}" if member else "slide.mrxs")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return stream.getvalue()

    def save(self, folder: Path, name: str = "Doe Jane") -> Path:
        """Write file and folder."""
        folder.joinpath(name).mkdir(parents=True)
        for member, content in self.members().items():
            (folder / name / member if member else folder / f"{name}.mrxs").write_bytes(content)
        return folder / f"{name}.mrxs"

    def _put(self, data: list[bytearray], level: int, number: int, file: int) -> tuple[int, int, int, int]:
        at, size, _ = self._add(data[file], tile(self.form, number + 16 * level, self.comment))
        return (number, *self.records.get((level, number), (at, size, file)))

    def _add(self, data: bytearray, content: bytes, file: int = 0) -> tuple[int, int, int]:
        at = len(data)
        data += content + self.gap
        return at, len(content), file

    def _index(self, levels: list[list[tuple[int, int, int, int]]], others: list[tuple[int, int, int]]) -> bytes:
        body = bytearray(b"01.02" + IDENTIFIER.encode())
        roots = len(body)
        body += struct.pack("<2i", roots + 8, roots + 8 + 8) + bytes(8 + 4 * len(others))
        for number, images in enumerate(levels):
            struct.pack_into("<i", body, roots + 8 + 4 * number, len(body))
            body += struct.pack("<2i", 0, len(body) + 8)
            first = len(body)
            half = len(images) // 2
            body += struct.pack("<2i", half, first if self.circle else first + 8 + 16 * half)
            body += b"".join(struct.pack("<4i", *image) for image in images[:half])
            body += struct.pack("<2i", len(images) - half, 0)
            body += b"".join(struct.pack("<4i", *image) for image in images[half:])
        for number, record in enumerate(others):
            struct.pack_into("<i", body, roots + 16 + 4 * number, len(body))
            body += struct.pack("<9i", 0, len(body) + 8, 1, 0, 0, 0, *record)
        return bytes(body + NAME.encode())

    def _slidedat(self) -> bytes:
        names = [self.positions] if self.positions else []
        general = {"SLIDE_VERSION": "01.02", "SLIDE_ID": IDENTIFIER, "SLIDE_NAME": NAME, "PROJECT_NAME": "Elsewhere",
                   "SLIDE_CREATIONDATETIME": "20/05/2011 10:20:30", "SCANNER_HARDWARE_ID": "SN7347",
                   "SLIDE_TYPE": "SLIDE_TYPE_BRIGHTFIELD", "USER": "Dr Roe", "IMAGENUMBER_X": "4", "IMAGENUMBER_Y": "4",
                   "OBJECTIVE_MAGNIFICATION": "20", "OBJECTIVE_NAME": "Plan of Dr Roe",
                   "CameraImageDivisionsPerSide": "1"}  # fmt: skip
        tree = {"HIER_COUNT": "2", "INDEXFILE": "Index.dat", "HIER_0_NAME": "Slide zoom level", "HIER_0_COUNT": "2",
                "HIER_0_VAL_0_SECTION": "LAYER_0_LEVEL_0_SECTION", "HIER_0_VAL_1_SECTION": "LAYER_0_LEVEL_1_SECTION",
                "HIER_0_VAL_0": "ZoomLevel_0", "HIER_0_VAL_1": "ZoomLevel_1",
                "HIER_1_NAME": "Slide filter level", "HIER_1_COUNT": "1", "HIER_1_VAL_0": "FilterLevel_0"}  # fmt: skip
        for number, name in enumerate(names):
            tree |= {f"NONHIER_{number}_NAME": name, f"NONHIER_{number}_COUNT": "1"}
        scan, other = len(names), len(names) + 1
        tree |= {"NONHIER_COUNT": str(other + 1), f"NONHIER_{scan}_NAME": "Scan data layer",
                 f"NONHIER_{scan}_COUNT": "3", f"NONHIER_{other}_NAME": "ProfileName",
                 f"NONHIER_{other}_COUNT": "1", f"NONHIER_{other}_VAL_0": "Dr Roe"}  # fmt: skip
        sections = {"GENERAL": general, "HIERARCHICAL": tree}
        for number, kind in enumerate(("Thumbnail", "Barcode", "Preview")):
            tree[f"NONHIER_{scan}_VAL_{number}"] = f"ScanDataLayer_Slide{kind}"
            tree[f"NONHIER_{scan}_VAL_{number}_SECTION"] = f"SCAN_{number}"
            sections[f"SCAN_{number}"] = {f"{kind.upper()}_IMAGE_TYPE": "JPEG", "BARCODE": NAME}
        for number in range(2):
            sections[f"LAYER_0_LEVEL_{number}_SECTION"] = {
                "OVERLAP_X": "0", "OVERLAP_Y": "0", "MICROMETER_PER_PIXEL_X": f"{0.25 * 2**number}",
                "MICROMETER_PER_PIXEL_Y": f"{0.25 * 2**number}", "IMAGE_FORMAT": self.form,
                "IMAGE_FILL_COLOR_BGR": "16777215", "DIGITIZER_WIDTH": str(TILE), "DIGITIZER_HEIGHT": str(TILE),
                "IMAGE_CONCAT_FACTOR": str(number), "LEVEL_NOTE": NAME,
            }  # fmt: skip
        sections["DATAFILE"] = {"FILE_COUNT": "2", "FILE_0": "Data0000.dat", "FILE_1": "Data0001.dat"}
        lines = [line for name, keys in sections.items()
                 for line in (f"[{name}]", *(f"{k} = {self.settings.get(k, v)}" for k, v in keys.items()))]  # fmt: skip
        return ("\ufeff" + "\r\n".join([*lines, f"# {NAME}", ""])).encode()


def tile(form: str, number: int, comment: bytes) -> bytes:
    """An encoded image with a note in it and bytes behind its end."""
    if form == "JPEG":
        return jpeg(number, comment=comment, size=TILE) + comment
    noise = np.random.default_rng(number).integers(0, 255, (TILE, TILE, 3), np.uint8)
    stream = io.BytesIO()
    if form == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", comment.decode("latin-1"))
        Image.fromarray(noise).save(stream, "PNG", pnginfo=notes)
    else:
        Image.fromarray(noise).save(stream, "BMP")
    return stream.getvalue() + comment
