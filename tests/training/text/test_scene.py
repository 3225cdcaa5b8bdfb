import random
from pathlib import Path

import numpy as np
import pytest

from deid_platform.training.text.backgrounds import load
from deid_platform.training.text.ink import Style, line, matrix, scribble
from deid_platform.training.text.phrases import phrase
from deid_platform.training.text.scene import Scenes
from deid_platform.training.text.typefaces import Script, by_script, typefaces


@pytest.fixture
def scenes(backgrounds: Path, fonts: Path) -> Scenes:
    return Scenes(load(backgrounds), by_script(typefaces(fonts)), random.Random(1), side=128)


def test_scenes_show_text_where_they_say(scenes: Scenes) -> None:
    drawn = [scenes.next() for _ in range(30)]
    assert all(scene.views.shape == (2, 128, 128) and scene.views.dtype == np.uint8 for scene in drawn)
    assert any(scene.text.any() for scene in drawn)
    assert any(not scene.text.any() for scene in drawn)
    lively = [scene.views[0][scene.text].std() for scene in drawn if scene.text.any()]
    assert np.median(lively) > 10


def test_the_same_seed_draws_the_same_scenes(backgrounds: Path, fonts: Path) -> None:
    faces, frames = by_script(typefaces(fonts)), load(backgrounds)
    first, second = (Scenes(frames, faces, random.Random(5), side=64) for _ in range(2))
    for _ in range(10):
        assert np.array_equal(first.next().views, second.next().views)


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 30.0])
def test_a_line_fills_its_box_and_numbers_its_letters(fonts: Path, angle: float) -> None:
    face = typefaces(fonts)[0]
    ink = line("A bc", face, Style(24, angle), glyphs=True)
    assert ink is not None
    assert ink.glyphs is not None
    assert set(np.unique(ink.glyphs)) == {0, 1, 3, 4}
    assert ink.box[ink.coverage > 0.5].all()
    assert (ink.box.shape[0] > ink.box.shape[1]) == (angle == 90.0)


def test_a_bitmap_line_has_no_shades(fonts: Path) -> None:
    ink = line("Hj", typefaces(fonts)[0], Style(12, smooth=False))
    assert ink is not None
    assert set(np.unique(ink.coverage)) == {0.0, 1.0}


def test_codes_and_scribbles_leave_ink() -> None:
    rng = random.Random(2)
    written = scribble(rng, 20)
    assert written is not None
    assert written.coverage.max() > 0.5
    assert 0.2 < matrix(rng).coverage.mean() < 0.8


@pytest.mark.parametrize("script", list(Script))
def test_phrases_are_never_empty_and_follow_the_seed(script: Script) -> None:
    phrases = [phrase(random.Random(seed), script) for seed in range(40)]
    assert all(text.strip() for text in phrases)
    assert phrases == [phrase(random.Random(seed), script) for seed in range(40)]


def test_folders_without_backgrounds_or_fonts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="backgrounds"):
        load(tmp_path)
    with pytest.raises(ValueError, match="fonts"):
        typefaces(tmp_path)
