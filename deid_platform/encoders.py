"""Programs that compress images and sign what they made: comments that need not go."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

MAX_COMMENT = 64
"""No comment that names a program only is longer."""


def names_encoder(comment: bytes) -> bool:
    """Whether a comment of a codestream is the name and version of a known encoder, and nothing else."""
    text = comment.rstrip(b"\0 ")
    return len(text) <= MAX_COMMENT and text.isascii() and _known().fullmatch(text.decode("ascii")) is not None


@cache
def _known() -> re.Pattern[str]:
    text = resources.files("deid_platform").joinpath("data/encoder_comments.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return re.compile("|".join(f"(?:{line})" for line in lines), re.ASCII)
