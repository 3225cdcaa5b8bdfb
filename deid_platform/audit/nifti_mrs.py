"""The judge of the header extension of NIfTI-MRS: it has a grammar of its own, stricter in form than in words.

Keys are technical by a pattern, their values numbers or short terms; no word that the original says under any other
key may be met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from deid_platform.audit.needles import plain
from deid_platform.freetext import word_list
from deid_platform.policy import Option, Policy

_INTENT = re.compile(rb"mrs_v\d{1,2}_\d{1,2}")
_CODE = 44
_NUMERIC = re.compile(
    r"SpectrometerFrequency|SpectralWidth|(?:Echo|Repetition|Inversion|Mixing|AcquisitionStart)Time|ExcitationFlipAngle|"
    r"[TR]xOffset|SpecFreqChemShift|VOI|WaterSuppressed|SequenceTriggered|kSpace|PulseOffset|PulseDuration|"
    r"start|increment|PatientWeight"
)
_WORDED = re.compile(
    r"ResonantNucleus|WaterSuppressionType|Manufacturer|ManufacturersModelName|SoftwareVersions|SequenceName|"
    r"[TR]xCoil|PatientPosition|PatientSex|EditCondition|dim_[567]"
)
_NESTED = re.compile(r"EditPulse|dim_[567]_header|[A-H]|(?i:on|off)")
_BODY = {"PatientSex", "PatientWeight"}
_TERM = re.compile(r"[A-Za-z0-9 _*./-]{1,48}")
_LONG_NUMBER = re.compile(r"\d{5}")
_WORD = re.compile(r"[^\W_]+")
_LEAST, _LARGEST = 4, 1e7
_SAID_AGAIN = frozenset({"ProtocolName", "ConversionMethod", "OriginalFile", "ProcessingApplied"})
"""Keys that repeat technical words: the name of a sequence, of a coil, of a nucleus."""


def speaks_of_spectra(image: Any) -> bool:
    """Whether a file names the intent of NIfTI-MRS and holds its extension and no other."""
    name = np.asarray(image.header["intent_name"]).tobytes().rstrip(b"\0")
    return bool(_INTENT.fullmatch(name)) and [one.get_code() for one in image.header.extensions] == [_CODE]


def left_of_spectra(original: Any, cleaned: Any, policy: Policy) -> Iterator[str]:
    """What the extension of a cleaned file may not hold. Raises ValueError where it is no JSON."""
    text = _text(cleaned.header.extensions[0])
    told = json.loads(text)
    if json.dumps(told) != text:
        yield "hidden"  # a key twice, blanks, or other spellings
    yield from sorted(set(_strange(told)))
    if Option.RETAIN_PATIENT_CHARACTERISTICS not in policy.options and _BODY & told.keys():
        yield "characteristic"
    written = set(_WORD.findall(plain(" ".join(_texts(told)))))
    if written & (_needles(original) - word_list("clinical_words")):
        yield "value"


def _text(extension: Any) -> str:
    content = extension.get_content()
    return content if isinstance(content, str) else bytes(content).decode("utf-8")


def _strange(told: Any) -> Iterator[str]:
    if not isinstance(told, dict):
        yield "no_object"
        return
    for key, value in told.items():
        if isinstance(value, dict):
            yield from _strange(value) if _NESTED.fullmatch(key) or _NUMERIC.fullmatch(key) else ("key",)
        elif _NUMERIC.fullmatch(key):
            yield from () if all(map(_is_number, _leaves(value))) else ("number",)
        elif _WORDED.fullmatch(key):
            yield from () if all(map(_is_term, _leaves(value))) else ("text",)
        else:
            yield "key"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | float) and abs(value) <= _LARGEST)


def _is_term(value: Any) -> bool:
    return isinstance(value, str) and bool(_TERM.fullmatch(value)) and not _LONG_NUMBER.search(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    else:
        yield from (one for one in _leaves(value) if isinstance(one, str))


def _needles(original: Any) -> set[str]:
    """Words the original says under keys that are not technical."""
    found = set[str]()
    for extension in original.header.extensions:
        if extension.get_code() != _CODE:
            continue
        told = json.loads(_text(extension))
        for key, value in told.items():
            known = any(form.fullmatch(key) for form in (_NUMERIC, _WORDED, _NESTED))
            if not known and key not in _SAID_AGAIN:
                found.update(one for one in _WORD.findall(plain(" ".join(_texts(value)))) if len(one) >= _LEAST)
    return found

