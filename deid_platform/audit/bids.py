"""The judge of the files beside BIDS images: what the original says of a person must not be met in the output.

It knows the identifying keys by patterns of its own, not by the list of keys that may stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deid_platform.audit.needles import plain
from deid_platform.freetext import word_list
from deid_platform.model import Finding, Reason

_TELLING = re.compile(
    r"patient|name$|physician|operator|institution|address|birth|accession|serial|station|studyid|uid$|comment|author|"
    r"contact|e-?mail|phone|acqui.*(date|time)$|(study|series|content).*(date|time)$|date$|subject_?id|mrn",
    re.IGNORECASE,
)
_TECHNICAL = re.compile(r"manufacturer|sequence|coil|task|protocol|method|position|size|weight|duration|^name$",
                        re.IGNORECASE)  # fmt: skip
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LEAST = 4


def audit_file(item: str, source: Path, output: Path, name: str, *, dates_kept: bool) -> Iterator[Finding]:
    """What of an original, or of its name, is left in the output."""
    try:
        hits = sorted(set(_hits(source.read_bytes(), output.read_bytes(), name, dates_kept)))
    except Exception:  # noqa: BLE001 - what cannot be read is not fit for release
        hits = ["unreadable"]
    for kind in hits:
        yield Finding(item, "text", kind, str(Reason.RESIDUAL_IDENTIFIER))


def _hits(source: bytes, output: bytes, name: str, dates_kept: bool) -> Iterator[str]:
    cleaned, original = plain(output.decode("utf-8")), source.decode("utf-8-sig")
    for label in re.findall(r"sub-([A-Za-z0-9]+)", name + " " + original):
        if len(label) >= _LEAST and re.search(rf"(?<![a-z0-9]){re.escape(label.lower())}(?![a-z0-9])", cleaned):
            yield "label"
    if name.endswith(".json"):
        json.loads(output)
        common = word_list("clinical_words") | word_list("place_words")
        for word in set(_words(json.loads(source))):
            if word not in common and re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", cleaned):
                yield "value"
    # Line by line: what one date was moved to may be another one of the original.
    whole = not name.endswith(".tsv")
    lines = [(original, cleaned)] if whole else zip(original.splitlines(), cleaned.splitlines(), strict=False)
    if not dates_kept and any(date in after for before, after in lines for date in _DATE.findall(before)):
        yield "date"


def _words(value: Any, key: str = "") -> Iterator[str]:
    """Words and numbers of values whose key tells that they may identify."""
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _words(one, str(inner))
    elif isinstance(value, list):
        for one in value:
            yield from _words(one, key)
    elif isinstance(value, str) and _TELLING.search(key) and not _TECHNICAL.search(key):
        yield from (word for word in re.findall(r"[^\W_]+", plain(value)) if len(word) >= _LEAST)
