"""ICC profiles of slides: the colours stay, what tells of a scanner goes."""

from __future__ import annotations

from pathlib import Path

import openslide
import pytest
from PIL import ImageCms

from deid_platform.formats.icc import cleaned_profile
from tests.builders.frames import SECRET
from tests.builders.slides import APERIO, level, tiff_bytes
from tests.formats.dicom.test_icc import HIDDEN, colours
from tests.formats.wsi.test_wsi import REAL, judged, scrubbed


def with_profile(profile: bytes) -> bytes:
    page = level(512, 20, APERIO)
    page.tags.append((34675, 7, profile))
    return tiff_bytes([page])


def profile_of(path: Path) -> bytes | None:
    with openslide.OpenSlide(path) as slide:
        profile = slide.color_profile
        return profile.tobytes() if isinstance(profile, ImageCms.ImageCmsProfile) else None


def test_colours_stay_and_texts_go(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, with_profile(HIDDEN))
    kept = profile_of(output)
    assert kept is not None
    assert (colours(kept) == colours(HIDDEN)).all()
    assert SECRET not in output.read_bytes()
    assert b"ACME" not in output.read_bytes()
    assert not judged(source, output)


@pytest.mark.parametrize("profile", [HIDDEN[:200], SECRET.ljust(300, b"x")])
def test_what_is_no_profile_goes(profile: bytes, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, with_profile(profile))
    assert profile_of(output) is None
    assert SECRET not in output.read_bytes()
    assert not judged(source, output)


def test_the_judge_sees_a_profile_that_tells(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, with_profile(HIDDEN))
    kept = cleaned_profile(HIDDEN)
    assert kept is not None
    assert kept in output.read_bytes()
    output.write_bytes(output.read_bytes().replace(kept, HIDDEN))
    assert "tag 34675" in {getattr(one, "where", "") for one in judged(source, output)}


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
def test_a_real_profile_stays(tmp_path: Path) -> None:
    (real,) = REAL.rglob("boxes.tiff")
    source, output = scrubbed(tmp_path, real.read_bytes())
    before, after = profile_of(source), profile_of(output)
    assert before is not None
    assert after is not None
    assert (colours(before) == colours(after)).all()
    assert not judged(source, output)
