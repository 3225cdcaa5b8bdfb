from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image
from tiffslide import TiffSlide

from deid_platform.formats.slides import pseudonym_by_name
from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.policy import Policy, load_policy
from tests.builders.slides import APERIO, NAME, Page, aperio, level, picture, tiff_bytes

SLIDE, IDENTITY = Slide(), Identity(bytes(range(32)))
ITEM = "north/drop/S20-4711.svs"


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    path = tmp_path / "labelled.toml"
    path.write_text('name = "labelled"\nbase = "tcia"\n\n[slides]\nlabel = "pseudonym"\n')
    return load_policy(str(path))


def with_room() -> list[Page]:
    """A slide whose label has as many bytes as a new one takes."""
    pages = aperio()
    for page in pages[1:]:
        if not page.tiled:
            page.pieces = [page.pieces[0].ljust(1 << 15, b"x")]
    return pages


def cleaned(tmp_path: Path, pages: list[Page], policy: Policy, *, big: bool = False) -> tuple[Path, Path]:
    source, output = tmp_path / "source.svs", tmp_path / "output.svs"
    source.write_bytes(tiff_bytes(pages, big=big))
    SLIDE.describe(source, IDENTITY, ITEM)
    SLIDE.scrub(source, output, policy, IDENTITY, ITEM)
    return source, output


@pytest.mark.parametrize("big", [False, True])
def test_a_new_label_shows_the_pseudonym_alone(big: bool, policy: Policy, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, with_room(), policy, big=big)
    assert NAME not in output.read_bytes()
    with openslide.OpenSlide(output) as slide:
        label = np.asarray(slide.associated_images["label"].convert("L"))
        assert set(slide.associated_images) == {"label", "thumbnail"}
        assert slide.level_dimensions == ((512, 512), (256, 256))
    assert label.shape == (64, 256)
    assert 100 < (label < 128).sum() < 3000
    assert not list(SLIDE.audit("item", source, output, policy, IDENTITY, ITEM))
    assert not list(SLIDE.altered_pixels(source, output, Masking()))
    refused = [
        SLIDE.audit("item", source, output, load_policy("tcia"), IDENTITY, ITEM),
        SLIDE.audit("item", source, output, policy, IDENTITY, "north/drop/other.svs"),
    ]
    assert [[one.where for one in found] for found in refused] == [["image label"]] * 2


def test_a_stroke_more_on_the_label_is_seen(policy: Policy, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, with_room(), policy)
    data = output.read_bytes()
    at = data.index(b"\xff" * 256 * 6)
    output.write_bytes(data[: at + 40] + b"\0" + data[at + 41 :])
    assert [one.where for one in SLIDE.audit("item", source, output, policy, IDENTITY, ITEM)] == ["image label"]


@pytest.mark.parametrize("pages", [aperio(), [level(512, 20, APERIO)], [level(512, 20, APERIO), picture(b"Aperio x")]])
def test_without_room_or_an_old_label_there_is_none(pages: list[Page], policy: Policy, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, pages, policy)
    with openslide.OpenSlide(output) as slide:
        assert "label" not in slide.associated_images
    assert not list(SLIDE.audit("item", source, output, policy, IDENTITY, ITEM))


def test_it_is_the_same_every_time_and_says_what_profiles_say(policy: Policy, tmp_path: Path) -> None:
    _, first = cleaned(tmp_path, with_room(), policy)
    data = first.read_bytes()
    _, again = cleaned(tmp_path, with_room(), policy)
    assert again.read_bytes() == data
    assert pseudonym_by_name(ITEM, IDENTITY) != pseudonym_by_name("north/drop/other.svs", IDENTITY)
    assert policy.digest != load_policy("tcia").digest


def test_a_black_thumbnail_keeps_the_second_level_for_all_readers(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, aperio(), load_policy("research"))
    with closing(TiffSlide(source)) as before, closing(TiffSlide(output)) as after:
        assert after.level_dimensions == before.level_dimensions == ((512, 512), (256, 256))
    with openslide.OpenSlide(output) as slide:
        assert not np.asarray(slide.associated_images["thumbnail"].convert("RGB")).any()


def test_the_judge_sees_a_thumbnail_that_is_not_black(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, aperio(), load_policy("research"))
    data = bytearray(output.read_bytes())
    entry = data.index(b"\x11\x01\x04\0\x01\0\0\0", data.index(b"\x16\x01\x04\0\x01\0\0\0\x20") - 60)
    at = int.from_bytes(data[entry + 8 : entry + 12], "little")
    data[at : at + 1024] = Image.linear_gradient("L").resize((32, 32)).tobytes()
    output.write_bytes(bytes(data))
    found = SLIDE.audit("item", source, output, load_policy("research"), IDENTITY, ITEM)
    assert "image thumbnail" in {one.where for one in found}
