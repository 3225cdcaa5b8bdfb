"""What released objects say of faces, and which of them are pictures of surfaces: read by pydicom from their headers.

The maker has tables of its own; here stand other expressions for the same things, so that a word one side lacks is not
missed by both. Source: PS3.3 2026c C.7.6.1.1.2 (Image Type), C.8.15.3.2, C.8.16.1.1; PS3.15 2026c E.3.2 (claims).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.model import Entry, Finding, HeadRule, Reason
from deid_platform.pixels.layout import quiet

_SURFACE = re.compile(
    r".*(RENDER|SURFACE|VOLREN|RAYSUM|PROJECTION IMAGE).*|(CSA )?3D( EDITOR)?|3DVR|SSD|VRT?|MAXIMUM|MPR_THICK|"
    r"(MAX|MIN)_?IP|MIP"
)
_HEAD = re.compile(
    r"(?<![^\W\d_])(HEAD|BRAIN|SKULL|FACE|FACIAL|NECK|ORBIT|MAXILL|MANDIB|C.?SPINE|CERVIC|KOPF|HALS|"
    r"CR[AÂÁ]N|CEREB|ENC[EÉ](PH|F)AL|SCH(A|Ä|AE)DEL|T[EÊ]TE|CABE[CÇZ]A|WHOLE.?BODY)"
)
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_INSIDE = ("US", "IVUS")
"""Modalities that see no skin."""
_PARTS, _DOCUMENTS = ("CT", "MR", "PT", "NM"), ("", "OT", "SC")
_TAGS = ["SOPClassUID", "ImageType", "Modality", "BodyPartExamined", "StudyDescription", "SeriesDescription",
         "ProtocolName", "RecognizableVisualFeatures", "DeidentificationMethodCodeSequence", "Rows"]  # fmt: skip
_DESCRIPTIONS = _TAGS[3:7]
_CODE = "113102"
_SAYS, _CODES = "(0028,0302)", "(0012,0064)"


@dataclass(frozen=True, slots=True)
class Claims:
    """What one object says: that nobody can be recognised, that a face was removed, and what kind of picture it is.

    ``surface``: it may show a body from outside. ``capture``: it may be a document as well. ``head``: its header speaks
    of a head or neck; ``part``: it names another part of the body.
    """

    nobody: bool = False
    code: bool = False
    surface: bool = False
    capture: bool = False
    head: bool = False
    part: bool = False


def claims_of(path: Path) -> Claims:
    """Read the claims of an object; of what is no DICOM nothing is told. Raises whatever pydicom raises."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return Claims()
    with quiet():
        header = dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        kinds = [kind.strip() for kind in "\\".join(_values(header, "ImageType")).upper().split("\\")]
        modality, capture = str(header.get("Modality") or ""), str(header.get("SOPClassUID", "")).startswith(_CAPTURE)
        told = " ".join(str(header.get(name) or "") for name in _DESCRIPTIONS).upper()
        surface = any(map(_SURFACE.fullmatch, kinds)) or (capture and modality in _PARTS)
        head = _HEAD.search(told) is not None
        return Claims(
            header.get("RecognizableVisualFeatures") == "NO", _CODE in _codes(header),
            surface and "Rows" in header and modality not in _INSIDE, capture and modality in _DOCUMENTS,
            head, bool(header.get("BodyPartExamined")) and not head,
        )  # fmt: skip


def _values(header: Dataset, name: str) -> list[str]:
    value = header.get(name) or ()
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _codes(header: Dataset) -> set[str]:
    return {str(item.get("CodeValue")) for item in header.get("DeidentificationMethodCodeSequence") or ()}


def faults(entry: Entry, claims: Claims) -> Iterator[Finding]:
    """Claims that do not follow what became of the head: only what lost a face may say so, and has to."""
    removed = bool(entry.masking.head) and HeadRule(entry.masking.head).removed
    wrong = {_SAYS: claims.nobody != removed and (claims.nobody or entry.format == "dicom"),
             _CODES: claims.code and not removed}  # fmt: skip
    for where, is_wrong in wrong.items():
        if is_wrong:
            yield Finding(entry.item, where, "marker_wrong", str(Reason.FORBIDDEN_CONTENT))


def surfaces_left(entries: Sequence[Entry], claims: Mapping[str, Claims]) -> Iterator[Finding]:
    """Pictures of surfaces that may be ones of a head; ``entries`` are all of a batch, refused ones included.

    A study shows a head where a face was removed or a head without one was found, and may where pixels of it were
    refused. Where volumes were looked at that show none, a picture passes unless its header speaks of a head; where
    nothing was, its header has to name another part of the body.
    """
    heads = {entry.study for entry in entries if _shows_head(entry)}
    others = {entry.study for entry in entries if entry.passed and entry.masking.head == HeadRule.NO_HEAD}
    for entry in entries:
        own = claims.get(entry.item, Claims())
        alone = own.surface and not own.part and entry.study not in others
        if (own.surface or own.capture) and (entry.study in heads or own.head or alone):
            yield Finding(entry.item, "ImageType", "surface_of_a_head", str(Reason.FACE_IN_RENDERING))


def _shows_head(entry: Entry) -> bool:
    if not entry.passed:
        return entry.reason in (Reason.FACE_NOT_JUDGED, Reason.FACE_HELD_BACK)
    return entry.masking.head in (HeadRule.NO_FACE, HeadRule.FACE_REMOVED, HeadRule.BRAIN_KEPT)
