"""DICOM as a format of the platform: describing, scrubbing, auditing and crossing over one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deid_platform.audit.altered import altered_pixels
from deid_platform.audit.dicom import audit_file
from deid_platform.audit.legible import text_left
from deid_platform.audit.risk import TextRisk, text_risk
from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.dicom.answers import answers_of
from deid_platform.formats.dicom.elements import DataSet
from deid_platform.formats.dicom.files import write_file
from deid_platform.formats.dicom.identifiers import collect
from deid_platform.formats.dicom.markers import file_meta, mark
from deid_platform.formats.dicom.patient import PATIENT_ID, declared_charset, issuer_of, subject_of, text_in
from deid_platform.formats.dicom.pixels import PixelCleaner
from deid_platform.formats.dicom.planes import planes_of
from deid_platform.formats.dicom.protect import Protector, mover
from deid_platform.formats.dicom.scrub import Scrubber, walk
from deid_platform.formats.dicom.slides import shows_label
from deid_platform.formats.dicom.source import looks_like_dicom, open_source, read_head
from deid_platform.formats.dicom.stacks import open_stack
from deid_platform.formats.dicom.uids import is_registered, replacement, uid_in
from deid_platform.formats.dicom.years import birth_dates, oldest_year
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.freetext import TextCleaner
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.identity import Identity
from deid_platform.model import Finding, Masking, Outcome, PixelOutcome, Reason
from deid_platform.pixels.cleaning import PixelWork, clean_file
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.scales import Net
from deid_platform.pixels.text import project_series
from deid_platform.policy import Option, Policy

SOP_CLASS, SOP_INSTANCE, MODALITY = 0x00080016, 0x00080018, 0x00080060
STUDY, SERIES = 0x0020000D, 0x0020000E
DIRECTORY_RECORDS = 0x00041220
WAVEFORMS, SAMPLE_INTERPRETATION = 0x54000100, 0x54001006
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
# A voice identifies its speaker and what it says cannot be searched: Basic Voice and General Audio Waveform Storage.
_AUDIO = frozenset({"1.2.840.10008.5.1.4.1.1.9.4.1", "1.2.840.10008.5.1.4.1.1.9.4.2"})


@dataclass(frozen=True, slots=True)
class Dicom:
    """DICOM files, with or without preamble, of every standard SOP class but audio and DICOMDIR."""

    name: str = "dicom"
    suffix: str = ".dcm"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return looks_like_dicom(head)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        uid = uid_in(read_head(head, last=STUDY), STUDY)
        return identity.token("study", uid) if uid else None

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with open_source(source) as opened:
            data = opened.data
            _refuse_unsuitable(data, opened.meta, opened.transfer_syntax)
            return Description(
                subject=_subject(data, identity),
                study=replacement(identity, uid_in(data, STUDY)),
                series=replacement(identity, uid_in(data, SERIES)),
                instance=replacement(identity, uid_in(data, SOP_INSTANCE)),
                sop_class=uid_in(data, SOP_CLASS),
                modality=_known_modality(_text(data, MODALITY)),
                transfer_syntax=opened.transfer_syntax,
            )

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with open_source(source) as opened, output.open("wb") as sink:
            data = opened.data
            _refuse_unsuitable(data, opened.meta, opened.transfer_syntax)
            subject = _subject(data, identity)
            scrubber = _scrubber(data, policy, identity, subject)
            scrubber.little, scrubber.file = opened.encoding.little, opened.file
            scrubber.scrub(data)
            satisfied = mark(data, policy)
            pixels = PixelCleaner(opened.transfer_syntax, opened.encoding, opened.file)
            pixels.clean(data)
            write_file(sink, file_meta(data, opened.transfer_syntax), data, opened)
        return Outcome((*scrubber.recorded(), *pixels.recorded()), satisfied)

    def series_text(self, scrubbed: Sequence[Path], net: Net) -> Mask | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return project_series(scrubbed, net)

    def planes(self, scrubbed: Path, original: Path | None = None) -> ItemPlanes | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return planes_of(scrubbed, original)

    def open_stack(self, plan: StackPlan, paths: Mapping[str, Path]) -> AbstractContextManager[Stack]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return open_stack(plan, paths)

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return clean_file(scrubbed, output, work)

    def known(self, source: Path, policy: Policy, name: str = "") -> Known:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with open_source(source) as opened:
            own = collect(opened.data, policy)
            return Known(own.names | own.places, own.numbers, birth_dates(opened.data))

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return text_risk(output, masking)

    def text_left(self, output: Path, policy: Policy) -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return text_left(output, marks=policy.pixels.keeps_marks)

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return altered_pixels(source, output, masking)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, policy, identity)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with open_source(source) as opened:
            number = _text(opened.data, PATIENT_ID)
            if number:
                new = identity.pseudonym(_subject(opened.data, identity)).patient_id
                yield Crossing("patient", number, new, issuer_of(opened.data, identity))
            if Option.RETAIN_UIDS in policy.options:
                return
            for element in (*walk(opened.meta), *walk(opened.data)):
                if element.vr == "UI" and isinstance(element.value, bytes):
                    for old in element.value.decode("latin-1").strip(" \0").split("\\"):
                        new = replacement(identity, old)
                        if new != old.strip():
                            yield Crossing("uid", old.strip(), new)


def _scrubber(data: DataSet, policy: Policy, identity: Identity, subject: str) -> Scrubber:
    """What cleans ``data``: it knows all that the object says of its subject."""
    days, own = identity.shift_days(subject), collect(data, policy)
    oldest, births = oldest_year(data) if policy.dates == "year" else 0, birth_dates(data)
    uid = str if Option.RETAIN_UIDS in policy.options else partial(replacement, identity)
    protector = Protector(identity, policy, TextCleaner(own, mover(policy, days, oldest, births), uid), days, oldest)
    answers = answers_of(policy, identity, own, subject, (oldest, births))
    return Scrubber(policy, protector, identity.pseudonym(subject), uid_in(data, STUDY), answers)


def _refuse_unsuitable(data: DataSet, meta: DataSet, transfer_syntax: str) -> None:
    """What no rule of this format covers is refused as a whole."""
    sop_class = uid_in(data, SOP_CLASS)
    if DIRECTORY_RECORDS in data or _MEDIA_DIRECTORY in (sop_class, uid_in(meta, 0x00020002)):
        raise UnsupportedFormat("A DICOMDIR is an index, not an image.", Reason.DICOMDIR)
    for tag, name in ((SOP_CLASS, "SOP Class"), (SOP_INSTANCE, "SOP Instance"), (STUDY, "Study"), (SERIES, "Series")):
        if not uid_in(data, tag):
            raise MalformedFile(f"The {name} UID is missing.", Reason.MISSING_UID)
        if "\\" in uid_in(data, tag):
            raise MalformedFile(f"The {name} UID has several values.")
    if not is_registered(sop_class) or sop_class in _AUDIO or _holds_audio(data):
        raise UnsupportedFormat("Objects of this SOP Class cannot be cleaned.")
    if shows_label(data):
        raise UnsupportedFormat("The image shows the label of a slide, or may.", Reason.SLIDE_LABEL)
    if not is_registered(transfer_syntax):
        raise UnsupportedFormat("Objects in a private transfer syntax cannot be cleaned.")


def _holds_audio(data: DataSet) -> bool:
    """Whether a waveform is coded as only speech is (mu-law or A-law, PS3.3 C.10.9.1.5)."""
    waveforms = data.get(WAVEFORMS)
    items = waveforms.value if waveforms is not None and isinstance(waveforms.value, list) else ()
    return any(uid_in(item, SAMPLE_INTERPRETATION) in ("MB", "AB") for item in items)


def _subject(data: DataSet, identity: Identity) -> str:
    return subject_of(data, uid_in(data, STUDY), identity)


def _text(data: DataSet, tag: int) -> str:
    """A single value as text, empty where there is none."""
    return text_in(data, tag, declared_charset(data))



def _known_modality(value: str) -> str:
    """The modality if it has the form of a defined term (PS3.3 C.7.3.1.1.1); anything else could say anything."""
    return value if 2 <= len(value) <= 6 and value.isascii() and value.isalnum() and value.isupper() else ""
