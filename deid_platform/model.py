"""The few central values, shared by every layer: plain, frozen, free of behaviour.

Nothing here may hold an identifier of a patient, with two named exceptions that never leave the raw zone:
``StoredObject.key`` of a landed object and ``Entry.object`` of a raw manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ENGINE_VERSION = "9"
"""Raised by hand whenever the same input may give other bytes; part of every digest."""


class Stage(StrEnum):
    """The four datasets, in order."""

    RAW = "raw"
    SCRUBBED = "scrubbed"
    PIXEL_CLEANED = "pixel_cleaned"
    RELEASED = "released"


class Status(StrEnum):
    """Where an item stands in a manifest."""

    PASSED = "passed"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why an item was refused. The closed list of codes; :data:`REMEDIES` says what each asks of a person."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    SOURCE_CHANGED = "source_changed"
    UNSUPPORTED_FORMAT = "unsupported_format"
    DICOMDIR = "dicomdir"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    NESTED_TOO_DEEP = "nested_too_deep"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    MISSING_UID = "missing_uid"
    PATIENT_CONFLICT = "patient_conflict"
    SERIES_CONFLICT = "series_conflict"
    UNKNOWN_SUBJECT = "unknown_subject"
    DUPLICATE = "duplicate"
    DUPLICATE_UID = "duplicate_uid"
    BURNED_IN_TEXT = "burned_in_text"
    PIXELS_UNDECODABLE = "pixels_undecodable"
    VIDEO = "video"
    SLIDE_LABEL = "slide_label"
    PIXELS_ALTERED = "pixels_altered"
    FACE_NOT_JUDGED = "face_not_judged"
    FACE_IN_RENDERING = "face_in_rendering"
    FACE_HELD_BACK = "face_held_back"
    FACE_NOT_PROVEN_GONE = "face_not_proven_gone"
    RESIDUAL_IDENTIFIER = "residual_identifier"
    FORBIDDEN_CONTENT = "forbidden_content"
    WORKER_DIED = "worker_died"
    TIMED_OUT = "timed_out"
    INTERNAL_ERROR = "internal_error"


REMEDIES: dict[Reason, str] = {
    Reason.EMPTY: "The object has no bytes: send it again.",
    Reason.UNREADABLE: "The object could not be read: check its permissions, then drop it again.",
    Reason.SOURCE_CHANGED: "The object changed or vanished after its batch was sealed: drop the new version again.",
    Reason.UNSUPPORTED_FORMAT: "Not a format this platform cleans: convert it or leave it out.",
    Reason.DICOMDIR: "A DICOMDIR indexes files by patient; `deid media` makes a new one of released files.",
    Reason.MALFORMED: "The data set breaks the standard beyond safe reading: have the sender export it again.",
    Reason.TRUNCATED: "The object ends too early: send it again.",
    Reason.NESTED_TOO_DEEP: "Sequences are nested deeper than any real object: have the sender look at it.",
    Reason.TOO_LARGE: "The object, or what it expands to, exceeds the configured bounds.",
    Reason.ENCRYPTED: "The archive asks for a password: send it without one.",
    Reason.MISSING_UID: "A SOP Class, SOP Instance, Study or Series Instance UID is missing: have it assigned.",
    Reason.PATIENT_CONFLICT: "One study names more than one patient: have the study corrected.",
    Reason.SERIES_CONFLICT: "One series lies in more than one study: have the series corrected.",
    Reason.UNKNOWN_SUBJECT: "The mapping file does not name the patient, or nothing tells one: add a line or pattern.",
    Reason.DUPLICATE: "The same bytes stand in the batch under another name, which was processed.",
    Reason.DUPLICATE_UID: "Another object with the same SOP Instance UID and other bytes was processed.",
    Reason.BURNED_IN_TEXT: "Text is left in the cleaned pixels: have the object looked at, and report it.",
    Reason.PIXELS_UNDECODABLE: "The pixels cannot be decoded, so nobody can say what they show.",
    Reason.VIDEO: "Video cannot be searched for text yet.",
    Reason.SLIDE_LABEL: "The image shows the label of a slide, or may: its levels are released without it.",
    Reason.PIXELS_ALTERED: "A pixel outside of what was masked differs from the original: report it as a fault.",
    Reason.FACE_NOT_JUDGED: "Whether these images show a face cannot be told: look at them, or keep faces by policy.",
    Reason.FACE_IN_RENDERING: "A projection or rendering of a head shows its face: leave it out, or mask it by hand.",
    Reason.FACE_HELD_BACK: "The policy holds back what shows a face: nothing is wrong with the object.",
    Reason.FACE_NOT_PROVEN_GONE: "After defacing nobody could prove that the face is gone and the brain whole: look.",
    Reason.RESIDUAL_IDENTIFIER: "An identifier of the subject survived cleaning: report it, the policy needs a rule.",
    Reason.FORBIDDEN_CONTENT: "The cleaned object holds what the policy forbids: report it as a fault.",
    Reason.WORKER_DIED: "The process that worked on the object died: run again, then have the object looked at.",
    Reason.TIMED_OUT: "Work on the object exceeded its time limit: raise the limit or have the object looked at.",
    Reason.INTERNAL_ERROR: "A fault of this software: report the item id and the error class.",
}


class Severity(StrEnum):
    """What a finding asks for: refuse the item, or block the whole batch."""

    ITEM = "item"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a store: ``size`` in bytes, ``modified`` in seconds since the epoch, ``etag`` opaque."""

    key: str
    size: int
    etag: str
    modified: float


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What was done to an item, never a value: ``target`` (tag or region), action code, rule, number of places."""

    target: str
    action: str
    rule: str
    count: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What a check saw, never a value: item id, place inside the output, kind of trouble, rule, severity."""

    item: str
    where: str
    kind: str
    rule: str
    severity: Severity = Severity.ITEM


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of cleaning one item: what was changed and which options may be claimed in (0012,0064)."""

    changes: tuple[Change, ...] = ()
    satisfied: tuple[str, ...] = ()


class HeadRule(StrEnum):
    """What became of heads in an item, where a policy takes faces out: the closed list a manifest may name."""

    NO_IMAGE_IN_SPACE = "no_image_in_space"
    TOO_FEW_SLICES = "too_few_slices"
    NO_HEAD = "no_head"
    NO_FACE = "no_face"
    FACE_REMOVED = "face_removed"
    BRAIN_KEPT = "brain_kept"

    @property
    def removed(self) -> bool:
        """Whether something was taken out."""
        return self in (HeadRule.FACE_REMOVED, HeadRule.BRAIN_KEPT)


class PixelRule(StrEnum):
    """Why the pixels of an item may go on to the gate: the closed list a manifest may name."""

    NO_PIXEL_DATA = "no_pixel_data"
    NO_TEXT_FOUND = "no_text_found"
    TEXT_MASKED = "text_masked"
    MARKS_KEPT = "marks_kept"
    SLIDE_LEVELS = "slide_levels"


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A rectangle of a frame, in pixels; ``left`` and ``top`` count from 0."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Masking:
    """What was done to the pixels of an item: counts and geometry, never what stood there.

    ``masked`` of ``frames`` frames have masked pixels, all of them inside ``regions``, which hold for every frame;
    ``share`` is masked pixels of all pixels, 0 to 1. ``overlays`` counts overlays that lost text, ``marks`` what was
    kept as harmless, ``read`` the masked places that were compared with the identifiers of the subject, and
    ``identifiers`` those among them that say one of these: certain PHI. ``head`` is a :class:`HeadRule`, empty where
    the policy lets faces be; ``heads`` counts frames that lost a part of a head, all of it inside ``head_regions``.
    """

    frames: int = 0
    masked: int = 0
    share: float = 0.0
    overlays: int = 0
    marks: int = 0
    read: int = 0
    identifiers: int = 0
    regions: tuple[Region, ...] = ()
    head: str = ""
    heads: int = 0
    head_regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class PixelOutcome:
    """Result of cleaning the pixels of one item. Without a ``transfer_syntax`` nothing was written: its bytes stay."""

    rule: PixelRule
    masking: Masking = Masking()
    changes: tuple[Change, ...] = ()
    transfer_syntax: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a manifest: where an item stands after a stage.

    ``object`` is the key of its bytes (in a raw manifest the landing key, elsewhere an opaque key of the
    trusted zone); ``subject``, ``study``, ``series`` and ``instance`` are pseudonymous; ``stage`` and
    ``reason`` say where and why a quarantined item stopped; ``path`` is where its format wants it released;
    ``rule`` (:class:`PixelRule`) says why the pixels may pass, ``masking`` what was done to them.
    """

    item: str
    status: Status
    object: str
    size: int
    sha256: str
    etag: str = ""
    stage: str = ""
    reason: str = ""
    error: str = ""
    format: str = ""
    subject: str = ""
    study: str = ""
    series: str = ""
    instance: str = ""
    sop_class: str = ""
    modality: str = ""
    transfer_syntax: str = ""
    path: str = ""
    rule: str = ""
    masking: Masking = Masking()
    changes: tuple[Change, ...] = field(default=())
    satisfied: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """True while nothing refused the item."""
        return self.status is Status.PASSED
