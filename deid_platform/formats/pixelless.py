"""What the pixel stage and its judges hear of a format whose files hold no pictures that anybody could read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from deid_platform.audit.risk import TextRisk
from deid_platform.errors import MalformedFile
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.model import Masking, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.scales import Net
from deid_platform.policy import Policy


class Pixelless:
    """Answers of :class:`~deid_platform.formats.protocol.Format` for files without pictures."""

    __slots__ = ()

    def series_text(self, scrubbed: Sequence[Path], net: Net) -> Mask | None:
        """Nothing is written anywhere."""
        return None

    def planes(self, scrubbed: Path, original: Path | None = None) -> ItemPlanes | None:
        """Nothing lies anywhere."""
        return None

    def open_stack(self, plan: StackPlan, paths: Mapping[str, Path]) -> AbstractContextManager[Stack]:
        """Raises MalformedFile: there are no slices."""
        raise MalformedFile("The format has no slices.")

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """Nothing is masked."""
        return PixelOutcome(PixelRule.NO_PIXEL_DATA)

    def known(self, source: Path, policy: Policy, name: str = "") -> Known:
        """Nothing that could be met in pixels."""
        return Known()

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """None."""
        return TextRisk.NO_PIXELS

    def text_left(self, output: Path, policy: Policy) -> bool:
        """No."""
        return False

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """None."""
        return iter(())
