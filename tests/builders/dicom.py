"""Small DICOM objects of people who do not exist, with identifiers planted wherever a sender might leave one.

ds = image(person(1), modality="MR", frames=3, transfer_syntax=JPEG2000Lossless)
path = write(ds, tmp_path / "a.dcm")
assert leaks(person(1), path.read_bytes())
"""

from __future__ import annotations

from tests.builders.documents import encapsulated_pdf, report, waveform
from tests.builders.images import CLASSES, image, secondary_capture
from tests.builders.objects import encode, uid, write
from tests.builders.people import SCRIPTS, Person, leaks, person, planted, study_date
from tests.builders.pixels import text_box

__all__ = [
    "CLASSES",
    "SCRIPTS",
    "Person",
    "encapsulated_pdf",
    "encode",
    "image",
    "leaks",
    "person",
    "planted",
    "report",
    "secondary_capture",
    "study_date",
    "text_box",
    "uid",
    "waveform",
    "write",
]
