"""Names of the Brain Imaging Data Structure: whose image it is, and how the image is called once released.

A name is made anew from entities and suffixes BIDS knows. What stands behind an entity is kept where it can only be a
number or a term; anything else, which a person chose, becomes a keyed label, the same wherever it is met.

Source: BIDS 1.10, Appendix "Entity table" and "File naming conventions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deid_platform.identity import Identity
from deid_platform.names import clinical_words

EXTENSIONS = (".nii.gz", ".nii", ".json", ".tsv", ".bval", ".bvec")
_SUBJECT = re.compile(r"(?:^|[/_])sub-([A-Za-z0-9]+)(?=[/_.]|$)")
_SESSION = re.compile(r"(?:^|[/_])ses-([A-Za-z0-9]+)(?=[/_.]|$)")
_PAIR = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
_ENTITIES = frozenset(
    "task tracksys acq nuc voi ce trc stain rec dir run mod echo flip inv mt part proc hemi space split recording "
    "chunk seg res den label desc".split()
)
_NUMBERS = frozenset("run echo flip inv split chunk".split())
_SUFFIXES = frozenset(
    "T1w T2w PDw T2starw FLAIR inplaneT1 inplaneT2 PDT2 angio T1map T2map T2starmap R1map R2map R2starmap PDmap MTRmap "
    "MTsat UNIT1 Chimap S0map M0map MP2RAGE MPM MTS MTR IRT1 VFA MESE MEGRE defacemask bold cbv sbref dwi phasediff "
    "phase phase1 phase2 magnitude magnitude1 magnitude2 fieldmap epi asl m0scan pet ct TB1map TB1AFI RB1map events "
    "scans sessions participants physio aslcontext blood".split()
)
_DATATYPES = frozenset("anat func dwi fmap perf pet ct beh mrs".split())
_SHARED = (".json", ".bval", ".bvec")
_DATASET = frozenset(("participants", "dataset_description"))
_TERMS = frozenset(
    "AP PA LR RL IS SI on off mag phase real imag rest task bold acq multiband mb mprage mp2rage space flair gre se "
    "epi dwi dti asl mni mni152 t1 t2 t1w t2w pd fast slow high low res hires lowres iso axial sagittal coronal ax sag "
    "cor native orig brain mask restingstate nback gonogo faces motor language memory stroop flanker".split()
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_NUMBER = 4
"""Digits from which on a number in a label may be a date or somebody's."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of an object tells: PHI, but for :attr:`extension`.

    ``folder`` is all before the last slash, ``number`` what the site takes for a patient number in the name, and
    ``subject`` the label BIDS has it in.
    """

    folder: str
    number: str
    subject: str
    session: str
    entities: tuple[tuple[str, str], ...]
    suffix: str
    datatype: str
    extension: str

    @classmethod
    def of(cls, name: str, number: str = "") -> Named:
        """Take a name apart; what it does not tell is empty. Files of a whole dataset are of no ``number``."""
        folder, _, last = name.rpartition("/")
        extension = next((one for one in EXTENSIONS if last.endswith(one)), "")
        stem = last.removesuffix(extension) if extension else ""
        *pairs, suffix = [stem] if stem in _DATASET else stem.split("_")
        found = [match.groups() for match in map(_PAIR.fullmatch, pairs) if match]
        strange = len(found) != len(pairs)
        subjects, sessions = _SUBJECT.findall(name), _SESSION.findall(name)
        parent = folder.rpartition("/")[2]
        return cls(
            folder, "" if stem in _DATASET else number,
            subjects[-1] if subjects else "", sessions[-1] if sessions else "",
            tuple((key, value) for key, value in found if key not in ("sub", "ses")),
            "" if strange else suffix, parent if parent in _DATATYPES else "", extension,
        )  # fmt: skip

    def study_key(self) -> tuple[str, ...]:
        """What all files of one session, or of one folder without subjects, have in common."""
        number = (self.number,) if self.number else ()
        return ("bids", self.subject, self.session, *number) if self.subject else ("folder", self.folder, *number)

    def released(self, identity: Identity, subject: str) -> str:
        """The path of the released file under the pseudonym of ``subject``; empty where BIDS knows no such name."""
        if not self.subject:
            return "" if self.number else self._shared(identity)
        if self.suffix not in _SUFFIXES or any(key not in _ENTITIES for key, _ in self.entities):
            return ""
        label = "sub-" + label_of(identity, subject)
        session = "ses-" + kept_label(identity, "ses", self.session) if self.session else ""
        entities = [f"{key}-{kept_label(identity, key, value)}" for key, value in self.entities]
        file = "_".join(part for part in (label, session, *entities, self.suffix) if part) + self.extension
        return "/".join(part for part in (label, session, self.datatype, file) if part)

    def _shared(self, identity: Identity) -> str:
        """The path of a file that speaks of several subjects: of the dataset, or of all images of a kind.

        Source: BIDS 1.10, "The Inheritance Principle".
        """
        if self.suffix in _DATASET:
            return "" if self.entities else self.suffix + self.extension
        known = self.suffix in _SUFFIXES and all(key in _ENTITIES for key, _ in self.entities)
        if not known or self.session or self.extension not in _SHARED:
            return ""
        entities = [f"{key}-{kept_label(identity, key, value)}" for key, value in self.entities]
        return "_".join((*entities, self.suffix)) + self.extension


def label_of(identity: Identity, subject: str) -> str:
    """The pseudonym of a subject as a label, which has letters and digits only."""
    pseudonym = identity.pseudonym(subject).patient_id
    return pseudonym if pseudonym.isascii() and pseudonym.isalnum() else subject


def kept_label(identity: Identity, key: str, value: str) -> str:
    """A label as it is where it is made of numbers and terms, else a keyed one."""
    words = _WORDS.findall(value)
    known = all(_harmless(word, number_only=key in _NUMBERS) for word in words)
    if words and known and sum(map(str.isdigit, value)) < _LONGEST_NUMBER:
        return value
    return identity.token("bids-label", key, value)[:10].lower()


def _harmless(word: str, *, number_only: bool) -> bool:
    if word.isdigit():
        return True
    return not number_only and (len(word) == 1 or word in _TERMS or word.lower() in _TERMS | clinical_words())
