from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deid_platform.errors import DeidError, UnsupportedFormat
from deid_platform.formats.picture.picture import Snapshot
from deid_platform.formats.registry import format_of_file
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.policy import load_policy
from tests.builders.makers import leica, philips, ventana
from tests.builders.pictures import grey, saved, tiff_picture
from tests.builders.slides import aperio, tiff_bytes

PICTURE, IDENTITY, POLICY = Snapshot(), Identity(bytes(range(32))), load_policy("tcia")
NAME = "north/drop/Jane Doe/snapshot.tif"
KINDS = [
    *((mode, form) for mode in ("1", "L", "P", "RGB", "RGBA", "I;16")
      for form in ("raw", "tiff_lzw", "tiff_deflate", "packbits")),
    ("1", "group4"), ("1", "group3"), ("L", "jpeg"), ("RGB", "jpeg"),
]  # fmt: skip


def known(path: Path) -> str:
    found = format_of_file(path, NAME)
    return found.name if found else ""


def scrubbed(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source", tmp_path / "output"
    source.write_bytes(data)
    assert known(source) == "picture"
    PICTURE.describe(source, IDENTITY, NAME)
    PICTURE.scrub(source, output, POLICY, IDENTITY, NAME)
    return source, output


def shown(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def read_elsewhere(path: Path) -> NDArray[Any]:
    """What another reader of TIFF makes of it."""
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        values = page.asarray()
        if page.photometric.name == "PALETTE":
            return np.asarray((page.colormap[:, values] >> 8).transpose(1, 2, 0), np.uint8)
        values = values * np.uint8(255) if values.dtype == bool else values
        dark = page.photometric.name == "MINISWHITE" and page.compression.value not in (3, 4)
        return np.asarray(255 - values if dark else values)[..., :3] if values.ndim == 3 else values


@pytest.mark.parametrize(("mode", "form"), KINDS)
def test_pixels_stay_and_nothing_else_does(mode: str, form: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_picture(grey(mode), form))
    assert source.read_bytes().count(b"DOE^JANE") == 5
    assert b"DOE" not in output.read_bytes()
    assert not list(PICTURE.audit("item", source, output, POLICY, IDENTITY))
    assert not list(PICTURE.altered_pixels(source, output, Masking()))


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("form", ["raw", "tiff_deflate"])
def test_another_reader_sees_the_same(mode: str, form: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_picture(grey(mode), form))
    assert np.array_equal(shown(output), read_elsewhere(source))


def test_a_picture_in_which_zero_is_white_is_shown_so(tmp_path: Path) -> None:
    values = np.asarray(grey())
    data = tiff_picture(Image.fromarray(values))
    entry = struct.pack("<HHI", 262, 3, 1)
    _, output = scrubbed(tmp_path, data.replace(entry + struct.pack("<I", 1), entry + struct.pack("<I", 0)))
    assert np.array_equal(shown(output), 255 - values)


def test_it_is_turned_as_viewers_turn_it(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, tiff_picture(grey(), turned=6))
    assert np.array_equal(shown(output), np.rot90(np.asarray(grey()), -1))


def test_several_pages_are_refused(tmp_path: Path) -> None:
    data = tiff_picture(grey(), save_all=True, append_images=[grey()])
    with pytest.raises(UnsupportedFormat, match="several pages"):
        scrubbed(tmp_path, data)


@pytest.mark.parametrize(("tag", "value"), [(262, 5), (262, 0), (339, 2), (339, 3), (258, 32)])
def test_samples_that_viewers_show_differently_are_refused(tag: int, value: int, tmp_path: Path) -> None:
    data = tiff_picture(grey("I;16"))
    at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8 if struct.pack("<HHI", tag, 3, 1) in data else None
    if at is None:  # the library writes no format of samples: the entry of the artist becomes one
        at = data.index(struct.pack("<HH", 315, 2)) + 8
        data = data[: at - 8] + struct.pack("<HHI", tag, 3, 1) + data[at:]
    with pytest.raises(UnsupportedFormat, match="viewers show differently"):
        scrubbed(tmp_path, data[:at] + struct.pack("<I", value) + data[at + 4 :])


@pytest.mark.parametrize("slide", [
    tiff_bytes(aperio()), tiff_bytes(philips(), big=True),
    tiff_bytes(leica(), big=True), tiff_bytes(ventana(), big=True),
])  # fmt: skip
def test_slides_stay_slides(slide: bytes, tmp_path: Path) -> None:
    (tmp_path / "slide").write_bytes(slide)
    assert known(tmp_path / "slide") == "wsi"


@pytest.mark.parametrize("text", ["Aperio Image Library v1", '<OME xmlns="x"><Image Name="Doe"/></OME>',
                                  "label of slide 7",
                                  '<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"/>'])  # fmt: skip
def test_what_names_a_maker_or_a_label_is_no_picture(text: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    grey().save(stream, "TIFF", tiffinfo={270: text})
    (tmp_path / "one").write_bytes(stream.getvalue())
    assert known(tmp_path / "one") == "wsi"


@pytest.mark.parametrize("length", [4, 9, 200, 6300])
def test_a_cut_off_file_is_refused(length: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(tiff_picture(grey())[:length])
    found = format_of_file(source, NAME)
    assert found is not None
    with pytest.raises(DeidError):
        found.describe(source, IDENTITY, NAME)


def test_other_files_have_the_format_their_first_bytes_tell(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(saved(grey()))
    (tmp_path / "two").write_bytes(b"nothing known")
    assert (known(tmp_path / "one"), known(tmp_path / "two")) == ("picture", "")
