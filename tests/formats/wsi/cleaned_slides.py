"""Slides that were cleaned, as a maker's tests look at them: by OpenSlide, and by the judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import openslide

from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.model import Finding
from deid_platform.policy import load_policy

SLIDE, IDENTITY, POLICY = Slide(), Identity(bytes(range(32))), load_policy("research")


def judged(source: Path, output: Path, item: str) -> list[Finding]:
    return list(SLIDE.audit("item", source, output, POLICY, IDENTITY, item))


@contextmanager
def same_levels(
    source: Path, output: Path, vendor: str, properties: Sequence[str]
) -> Iterator[tuple[openslide.OpenSlide, openslide.OpenSlide]]:
    """Both sides, open: every pixel of every level is the same, none is black all over, and so are ``properties``."""
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        assert after.properties["openslide.vendor"] == before.properties["openslide.vendor"] == vendor
        assert after.level_dimensions == before.level_dimensions
        for number, size in enumerate(before.level_dimensions):
            one, other = (slide.read_region((0, 0), number, size) for slide in (before, after))
            assert one.tobytes() == other.tobytes()
            assert one.convert("RGB").getextrema() != ((0, 0),) * 3
        for key in properties:
            assert after.properties[f"openslide.{key}"] == before.properties[f"openslide.{key}"]
        yield before, after
