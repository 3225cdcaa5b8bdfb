"""Keyed pseudonyms: the only module that uses the project key.

Everything is an HMAC-SHA256 of a value under the key, with the kind of value mixed in, so that any worker on any
machine gives the same answer without a table, and nobody without the key can test a guess (PS3.15 2026c E.1.1 note
on unkeyed hashes).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from deid_platform.errors import UnsafeToRelease, VaultError
from deid_platform.model import Reason
from deid_platform.subjects import Issuers, Pseudonym, SubjectRules, Unknown, issuer_name, patient_number

KEY_BYTES = 32
_WELL_KNOWN_ROOT = "1.2.840.10008."


@dataclass(frozen=True, slots=True)
class Identity:
    """Pseudonyms of one project at one site.

    Parameters
    ----------
    key : bytes
        At least 32 bytes, secret, kept in the vault. Never shown by ``repr``.
    site : str
        Patient numbers are unique within a site only, so the site is part of every subject key.
    rules : SubjectRules
        How the site tells its patients apart, and the pseudonyms it gave them itself.
    """

    key: bytes = field(repr=False)
    site: str = "local"
    rules: SubjectRules = field(default=SubjectRules(), repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < KEY_BYTES:
            raise VaultError(f"The project key is too short: give at least {KEY_BYTES} random bytes.")

    def mac(self, kind: str, *parts: str) -> bytes:
        """32 bytes that stand for ``parts``; the kind keeps equal values of different meaning apart."""
        message = b"\0".join(part.encode("utf-8", "surrogatepass") for part in (kind, *parts))
        return hmac.digest(self.key, message, "sha256")

    def token(self, kind: str, *parts: str) -> str:
        """16 letters and digits (80 bits): an opaque key for items, subjects, studies, series."""
        return base64.b32encode(self.mac(kind, *parts)[:10]).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """Tells two keys or sites apart without telling anything about them; part of every digest."""
        rules = self.rules
        numbering = () if rules.issuers is Issuers.IGNORE else (str(rules.issuers), rules.default_issuer)
        patterns = ("patterns", *rules.patterns) if rules.patterns else ()
        return self.mac("fingerprint", self.site, *numbering, *patterns).hex()[:16]

    def subject(self, patient_id: str, study_uid: str, issuer: str = "") -> str:
        """Opaque key of a patient: 16 letters and digits, also the Patient ID unless the site gave another.

        The site stands for the issuer of its patient numbers: Issuer of Patient ID (0010,0021) is filled in by some
        devices of a hospital and left out by others, so going by it would tear patients apart. A site with several
        numberings asks for it (:attr:`~deid_platform.subjects.Issuers.SEPARATE`). Without a number, or then without
        an issuer, nobody can tell whether two studies show the same person, so each study becomes a subject of its own.
        """
        number = patient_number(patient_id)
        if number and self.rules.issuers is Issuers.IGNORE:
            return self.token("subject", self.site, number)
        issued_by = issuer_name(issuer) or self.rules.default_issuer
        if number and issued_by:
            return self.token("subject-of-issuer", self.site, issued_by, number)
        return self.token("subject-of-study", self.site, study_uid)

    def pseudonym(self, subject: str) -> Pseudonym:
        """What the files of a subject call it.

        Raises
        ------
        UnsafeToRelease
            The site named its patients, this one is not among them, and such subjects are to be refused.
        """
        known = self.rules.table.get(subject) if self.rules.table else None
        if known is None and self.rules.unknown is Unknown.QUARANTINE:
            raise UnsafeToRelease("The mapping file does not name this subject.", Reason.UNKNOWN_SUBJECT)
        return known or Pseudonym(subject, subject)

    def mentioned(self, subject: str) -> str:
        """The Patient ID that stands for a subject somewhere within an object, which may be of another one."""
        known = self.rules.table.get(subject) if self.rules.table else None
        return known.patient_id if known else subject

    def naming(self, subjects: Iterable[str] | None = None) -> str:
        """A keyed digest of how the given subjects are named, or all there are; empty where the key alone names them.

        Digests of stages take only their own subjects in, so that a longer mapping file leaves other batches alone.
        """
        rules = self.rules
        if rules.table is None:
            return ""
        if subjects is None:
            return self.mac("naming", rules.unknown, rules.table.text).hex()[:32]
        named = ((subject, rules.table.get(subject) or rules.unknown) for subject in sorted(set(subjects)))
        return self.mac("naming-of", *(f"{subject}\n{pseudonym!r}" for subject, pseudonym in named)).hex()[:32]

    def uid(self, value: str) -> str:
        """A UID under the 2.25 root with 128 keyed bits (PS3.5 B.2); well-known DICOM UIDs stay as they are."""
        value = value.strip(" \0")
        return value if not value or value.startswith(_WELL_KNOWN_ROOT) else self.keyed_uid(value)

    def keyed_uid(self, value: str) -> str:
        """As :meth:`uid` for any text, also one that only looks like a UID of the standard."""
        return f"2.25.{int.from_bytes(self.mac('uid', value)[:16], 'big')}"

    def shift_days(self, subject: str) -> int:
        """Days by which every date of the subject moves into the past (PS3.15 2026c E.3.6): 1 to 365, or as mapped."""
        known = self.rules.table.get(subject) if self.rules.table else None
        if known and known.shift_days is not None:
            return known.shift_days
        return 1 + int.from_bytes(self.mac("shift", subject)[:8], "big") % 365

    def seal(self, text: str) -> str:
        """Proof that a holder of the key wrote ``text``; see :meth:`fits`."""
        return self.mac("seal", text).hex()

    def fits(self, text: str, seal: str) -> bool:
        """Whether ``seal`` was made by :meth:`seal` for exactly this text."""
        return hmac.compare_digest(self.seal(text), seal)


def decode_key(text: str) -> bytes:
    """The project key from its written form: 64 or more hexadecimal digits, or base64 of 32 or more bytes.

    Raises
    ------
    VaultError
        The text is neither, or too short; the message never quotes it.
    """
    text = text.strip()
    for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            key = decode(text)
        except ValueError:
            continue
        if len(key) >= KEY_BYTES:
            return key
        break  # half a key in hexadecimal is no whole one in base64
    raise VaultError("DEID_KEY is not a usable key: give 64 hexadecimal digits, as `openssl rand -hex 32` prints.")
