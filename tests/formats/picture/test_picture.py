from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.formats.picture.picture import Snapshot
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.model import Masking, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.policy import load_policy
from tests.builders.nets import WhiteNet
from tests.builders.pictures import grey, saved

PICTURE, IDENTITY, POLICY = Snapshot(), Identity(bytes(range(32))), load_policy("tcia")
NAME = "north/drop/Jane Doe/snapshot.png"


def scrubbed(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source", tmp_path / "output"
    source.write_bytes(data)
    PICTURE.describe(source, IDENTITY, NAME)
    PICTURE.scrub(source, output, POLICY, IDENTITY, NAME)
    return source, output


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA", "1", "I;16", "CMYK"])
def test_pixels_stay_and_nothing_else_does(form: str, mode: str, tmp_path: Path) -> None:
    if mode in {"PNG": ("CMYK",), "JPEG": ("P", "LA", "RGBA", "1", "I;16")}[form]:
        return
    source, output = scrubbed(tmp_path, saved(grey(mode), form))
    assert b"DOE^JANE" in source.read_bytes()
    assert b"DOE" not in output.read_bytes()
    assert not list(PICTURE.audit("item", source, output, POLICY, IDENTITY))
    assert not list(PICTURE.altered_pixels(source, output, Masking()))


def test_a_picture_is_turned_as_viewers_turn_it(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, saved(grey(), "JPEG", turned=6))
    with Image.open(output) as image:
        assert image.size == (64, 96)


def test_text_is_masked_and_nothing_beside_it_changes(tmp_path: Path) -> None:
    image = grey().point(lambda value: value // 2)
    ImageDraw.Draw(image).rectangle((20, 20, 43, 35), fill=255)
    source, output = scrubbed(tmp_path, saved(image))
    outcome = PICTURE.clean_pixels(output, tmp_path / "cleaned", PixelWork(WhiteNet()))
    assert outcome.rule is PixelRule.TEXT_MASKED
    with Image.open(tmp_path / "cleaned") as cleaned:
        assert np.asarray(cleaned)[20:36, 20:44].max() < 255
    assert not list(PICTURE.altered_pixels(source, tmp_path / "cleaned", outcome.masking))
    assert list(PICTURE.altered_pixels(source, tmp_path / "cleaned", Masking())) == [("pixels", "altered")]


def test_the_judge_sees_what_was_left(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, saved(grey()))
    assert list(PICTURE.audit("item", source, source, POLICY, IDENTITY))
    output.write_bytes(output.read_bytes() + b"DOE")
    assert [one.kind for one in PICTURE.audit("item", source, output, POLICY, IDENTITY)] == ["bytes_behind_the_picture"]


def test_text_is_read(tmp_path: Path) -> None:
    image = Image.new("L", (300, 80), 20)
    ImageDraw.Draw(image).text((20, 20), "SMITH 1962", fill=255, font_size=32)
    _, output = scrubbed(tmp_path, saved(image))
    assert PICTURE.text_left(output, POLICY)


def test_a_picture_may_show_a_face_so_nobody_judges_it(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, saved(grey()))
    planes = PICTURE.planes(output)
    assert planes is not None
    assert planes.tiled
    assert not planes.placed


@pytest.mark.parametrize("length", [9, 40, 110])
def test_a_cut_off_picture_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, saved(grey())[:length])


def test_an_animation_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    grey().save(stream, "PNG", save_all=True, append_images=[grey().rotate(90)])
    with pytest.raises(UnsupportedFormat):
        scrubbed(tmp_path, stream.getvalue())


@pytest.mark.parametrize("place", range(8, 120, 5))
def test_a_broken_picture_is_refused_or_clean(place: int, tmp_path: Path) -> None:
    data = bytearray(saved(grey()))
    data[place] ^= 0xFF
    try:
        _, output = scrubbed(tmp_path, bytes(data))
    except DeidError:
        return
    assert b"DOE" not in output.read_bytes()


def test_it_is_told_by_its_content() -> None:
    assert isinstance(format_of(saved(grey())[:4096]), Snapshot)
    assert isinstance(format_of(saved(grey(), "JPEG")[:4096]), Snapshot)
