"""What a site says about its patients: whose numbers they are, and which pseudonyms it gave them itself.

Plain values. Nothing here holds a patient number: a table knows its patients by their keyed subject only, so that what
travels to worker processes tells nobody without the key who is in a project.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deid_platform.patterns import subject_in

_SUBJECT_BYTES = 10
_AROUND = re.compile(r"^[\s\0]+|[\s\0]+$")
KEYED = re.compile(r"[A-Z2-7]{16}", re.IGNORECASE)
"""The form of keyed pseudonyms. No mapping file may use it, so the two kinds never meet."""


class Issuers(StrEnum):
    """What Issuer of Patient ID (0010,0021) means at a site."""

    IGNORE = "ignore"
    """The site has one numbering; devices fill in the issuer or do not."""
    SEPARATE = "separate"
    """Equal numbers of different issuers are different patients."""


class Unknown(StrEnum):
    """What becomes of a subject a mapping file does not name."""

    DERIVE = "derive"
    """It gets a keyed pseudonym."""
    QUARANTINE = "quarantine"
    """Its objects are refused as ``unknown_subject``."""


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """What takes the place of Patient ID (0010,0020) and Patient's Name (0010,0010).

    ``shift_days`` is how far the dates of the subject move into the past, None for a number made with the key.
    """

    patient_id: str
    patient_name: str
    shift_days: int | None = None


def patient_number(text: str) -> str:
    """A Patient ID as it is compared; empty when there is none.

    Padding (white space and NUL around each value), empty values and the way an accented letter is composed (NFC) do
    not count. Everything else does: upper and lower case, zeros in front, characters within.
    """
    parts = (_AROUND.sub("", part) for part in unicodedata.normalize("NFC", text).split("\\"))
    return "\\".join(part for part in parts if part)


def issuer_name(text: str) -> str:
    """An issuer as it is compared: without padding, NUL within read as a space."""
    return _AROUND.sub("", unicodedata.normalize("NFC", text)).replace("\0", " ")


@dataclass(frozen=True, slots=True)
class SubjectTable:
    """Pseudonyms by subject, packed: about 40 bytes a patient and as quick to send to a worker as to copy.

    ``keys`` holds the subjects, 10 bytes each, in order; ``ends`` the end of each row in ``rows``, 4 bytes each.
    """

    keys: bytes = field(repr=False)
    ends: bytes = field(repr=False)
    rows: bytes = field(repr=False)

    @classmethod
    def of(cls, pseudonyms: Mapping[str, Pseudonym]) -> SubjectTable:
        """The table of ``pseudonyms``, by subject."""
        ordered = sorted((base64.b32decode(subject), pseudonym) for subject, pseudonym in pseudonyms.items())
        packed = [_pack(pseudonym) for _, pseudonym in ordered]
        ends, end = bytearray(), 0
        for row in packed:
            end += len(row)
            ends += end.to_bytes(4, "big")
        return cls(b"".join(key for key, _ in ordered), bytes(ends), b"".join(packed))

    def __len__(self) -> int:
        return len(self.keys) // _SUBJECT_BYTES

    def get(self, subject: str) -> Pseudonym | None:
        """The pseudonym of a subject, None when the table does not name it."""
        try:
            wanted = base64.b32decode(subject)
        except binascii.Error:
            return None
        place = bisect_left(range(len(self)), wanted, key=self._key)
        if place == len(self) or self._key(place) != wanted:
            return None
        return _unpack(self.rows[self._end(place - 1) : self._end(place)])

    @property
    def text(self) -> str:
        """Everything in the table as one text, for keyed digests."""
        return f"{self.keys.hex()}\n{self.ends.hex()}\n{self.rows.decode('ascii')}"

    def _key(self, place: int) -> bytes:
        return self.keys[place * _SUBJECT_BYTES : (place + 1) * _SUBJECT_BYTES]

    def _end(self, place: int) -> int:
        return int.from_bytes(self.ends[place * 4 : place * 4 + 4], "big") if place >= 0 else 0


def _pack(pseudonym: Pseudonym) -> bytes:
    days = "" if pseudonym.shift_days is None else pseudonym.shift_days
    return f"{pseudonym.patient_id}\n{pseudonym.patient_name}\n{days}".encode("ascii")


def _unpack(row: bytes) -> Pseudonym:
    patient_id, patient_name, days = row.decode("ascii").split("\n")
    return Pseudonym(patient_id, patient_name, int(days) if days else None)


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """How one site tells its patients apart and names them.

    ``default_issuer`` stands for an issuer that is not given, under :attr:`Issuers.SEPARATE`. Without a ``table``
    every subject gets a keyed pseudonym. ``patterns`` are regular expressions with a group ``subject`` for the patient
    number in the name of an object that tells it nowhere else, see :mod:`deid_platform.patterns`.
    """

    issuers: Issuers = Issuers.IGNORE
    default_issuer: str = ""
    unknown: Unknown = Unknown.DERIVE
    table: SubjectTable | None = None
    patterns: tuple[str, ...] = ()

    def number_in(self, name: str) -> str:
        """The patient number that the first of the patterns finds in the name of an object; empty where none does."""
        found = (subject_in(pattern, name) for pattern in self.patterns)
        return patient_number(next((number for number in found if number is not None), ""))
