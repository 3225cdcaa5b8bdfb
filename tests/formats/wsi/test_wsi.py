from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import openslide
import pytest

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.formats.registry import format_of
from deid_platform.formats.wsi.slide import aperio_description
from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.policy import load_policy
from tests.builders.slides import APERIO, NAME, Page, aperio, jpeg, level, picture, tiff_bytes

SLIDE, IDENTITY, POLICY = Slide(), Identity(bytes(range(32))), load_policy("research")
REAL = Path(__file__).parents[4] / "shared" / "data" / "wsi"
NEEDLES = (NAME, b"DOE", b"JANE", b"Jane", b"Roe", b"4711", b"SS7347", b"12/29/09", b"2009:12:29", b"xmp")


def scrubbed(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source.svs", tmp_path / "output.svs"
    source.write_bytes(data)
    SLIDE.describe(source, IDENTITY, "north/drop/Doe.svs")
    SLIDE.scrub(source, output, POLICY, IDENTITY, "north/drop/Doe.svs")
    return source, output


def judged(source: Path, output: Path) -> list[object]:
    return [*SLIDE.audit("item", source, output, POLICY, IDENTITY), *SLIDE.altered_pixels(source, output, Masking())]


@pytest.mark.parametrize(("big", "order"), [(False, "<"), (False, ">"), (True, "<"), (True, ">")])
def test_levels_stay_byte_for_byte_and_nothing_else_does(big: bool, order: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes(aperio(), big=big, order=order))
    cleaned = output.read_bytes()
    assert len(cleaned) == source.stat().st_size
    assert not [needle for needle in NEEDLES if needle in cleaned]
    for grey in (20, 23, 50):
        at = cleaned.find(jpeg(grey))
        assert at > 0
        assert source.read_bytes()[at : at + 4] == cleaned[at : at + 4]
    if (big, order) != (False, ">"):  # OpenSlide opens no such file of Aperio
        assert not judged(source, output)


def black_thumbnail_alone(slide: openslide.OpenSlide) -> bool:
    (name, image), *others = slide.associated_images.items()
    return name == "thumbnail" and not others and image.size == (32, 32) and not np.asarray(image.convert("RGB")).any()


def test_label_macro_and_thumbnail_are_gone(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes(aperio()))
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        assert "thumbnail" in before.associated_images
        assert black_thumbnail_alone(after)
        assert after.level_dimensions == before.level_dimensions == ((512, 512), (256, 256))
        assert after.properties["openslide.mpp-x"] == "0.499"
        assert after.properties["openslide.objective-power"] == "20"


def test_comments_inside_of_tiles_are_blanked_and_tiles_still_decode(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes([level(512, 20, comment=NAME)]))
    assert NAME not in output.read_bytes()
    assert not judged(source, output)


def test_images_below_others_are_cleaned_too(tmp_path: Path) -> None:
    page = level(512, 20)
    page.below = [level(256, 90, reduced=True)]
    _, output = scrubbed(tmp_path, tiff_bytes([page]))
    assert not [needle for needle in NEEDLES if needle in output.read_bytes()]
    assert jpeg(90) in output.read_bytes()


def test_the_judge_sees_what_was_left_and_what_was_changed(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes(aperio()))
    left = {one.where for one in SLIDE.audit("item", source, source, POLICY, IDENTITY)}
    assert left >= {"image thumbnail", "property"}
    shutil.copyfile(source, output)
    changed = bytearray(output.read_bytes())
    at = changed.find(jpeg(50))
    changed[at : at + len(jpeg(50))] = jpeg(51)[: len(jpeg(50))].ljust(len(jpeg(50)), b"\0")
    output.write_bytes(changed)
    assert list(SLIDE.altered_pixels(source, output, Masking()))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    data = tiff_bytes(aperio())
    assert scrubbed(tmp_path, data)[1].read_bytes() == scrubbed(tmp_path, data)[1].read_bytes()


def test_of_a_description_only_known_keys_with_numbers_stay() -> None:
    kept = aperio_description(APERIO.decode()).decode()
    assert kept.endswith("Q=70|AppMag = 20|MPP = 0.4990")
    assert b"Jane" not in aperio_description("Aperio Image Library v1|AppMag = Jane")
    assert b"Doe" not in aperio_description("Aperio Doe v1\n[Doe]|MPP = 1")
    assert aperio_description("Jane Doe") == b""


@pytest.mark.parametrize("mark", [b"<?xml?><scn xmlns='x'>", b"<iScan />"])
def test_slides_of_makers_that_are_not_known_well_enough_are_refused(mark: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        scrubbed(tmp_path, tiff_bytes([level(256, 20, mark)]))


def test_a_picture_is_no_slide(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        scrubbed(tmp_path, tiff_bytes([picture(NAME)]))


def test_directories_in_a_circle_are_refused(tmp_path: Path) -> None:
    data = bytearray(tiff_bytes([level(256, 20)], gap=b""))
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    data[at + 2 + 12 * count : at + 6 + 12 * count] = at.to_bytes(4, "little")
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, bytes(data))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_off_file_is_refused_without_a_value(share: float, tmp_path: Path) -> None:
    data = tiff_bytes(aperio(), gap=b"")
    with pytest.raises(MalformedFile) as error:
        scrubbed(tmp_path, data[: int(16 + share * (len(data) - 16) * 0.98)])
    assert "DOE" not in str(error.value)


def test_whatever_a_directory_says_it_is_refused_or_cleaned(tmp_path: Path) -> None:
    whole = tiff_bytes([level(256, 20)])
    at = int.from_bytes(whole[4:8], "little")
    for place in range(at, len(whole) - len(NAME)):
        data = bytearray(whole)
        data[place] ^= 0xFF
        try:
            _, output = scrubbed(tmp_path, bytes(data))
        except DeidError:
            continue
        assert NAME not in output.read_bytes()


def test_it_is_told_by_its_content() -> None:
    assert isinstance(format_of(tiff_bytes([Page([], [b""])])[:4096]), Slide)


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "test3-DAPI-2-(387).ndpi", "test3-TRITC 2 (560).ndpi"])
def test_real_slides_lose_label_macro_and_what_tells_of_the_scan(name: str, tmp_path: Path) -> None:
    (real,) = REAL.rglob(name)
    source, output = scrubbed(tmp_path, real.read_bytes())
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        assert "macro" in before.associated_images
        assert black_thumbnail_alone(after) if name.endswith("svs") else not dict(after.associated_images)
    assert not judged(source, output)
    needles = (b"b414003d", b"CPAPERIOCS", b"12/29/09", b"1004486", b"950291", b"2011/05/23", b"2017:02:07")
    assert any(needle in source.read_bytes() for needle in needles)
    assert not [needle for needle in needles if needle in output.read_bytes()]
