"""The header extension of NIfTI-MRS: read as JSON, and written anew with nothing but keys that a list knows.

Source: NIfTI-MRS standard 0.11 (Clarke et al., Magn Reson Med 2022, 10.1002/mrm.29418). Its header extension has the
code 44 and holds JSON; the field ``intent_name`` holds ``mrs_v<major>_<minor>``.
"""

from __future__ import annotations

import json
import re
import struct
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, BinaryIO

from deid_platform.formats.nifti.header import Header
from deid_platform.model import Change
from deid_platform.policy import Option, Policy

CODE = 44
LONGEST = 1 << 20
"""Bytes of an extension: real ones have a few thousand."""
_INTENT = re.compile(rb"mrs_v\d{1,2}_\d{1,2}")
_NUCLEUS = re.compile(r"\d{1,3}[A-Z]{1,2}")
_CONDITION = re.compile(r"(?i:ON|OFF)|[A-H]")
_PULSE = {"PulseOffset": (-1000.0, 1000.0), "PulseDuration": (0.0, 10.0)}
_FREQUENCY = (0.0, 3000.0)
_MOST_AXES = 4
_DIMENSIONS = (5, 6, 7)
_Check = Callable[[Any], bool]


def extension_of(file: BinaryIO, header: Header) -> bytes | None:
    """The text of the one extension of NIfTI-MRS; None where there is none, several, or one longer than any."""
    if not _INTENT.fullmatch(header.intent_name):
        return None
    at, found = header.size, list[bytes]()
    file.seek(at)
    flag, at = file.read(4)[:1], at + 4
    while flag not in (b"", b"\0") and at + 8 <= header.offset:
        file.seek(at)
        start = file.read(8)
        size, code = struct.unpack(_order(header), start)
        if size < 8 or at + size > header.offset:
            return None
        if code == CODE:
            if size > LONGEST or found:
                return None
            found.append(file.read(size - 8))
        at += size
    return found[0] if found else None


def cleaned(text: bytes, header: Header, policy: Policy) -> tuple[bytes, list[Change]] | None:
    """The extension as it is stored, a multiple of 16 bytes, and what was changed; None where nothing can stay.

    Nothing stays where the text is no JSON, or lacks what the standard requires of a file of these dimensions.
    """
    told = _parsed(text)
    if told is None:
        return None
    checks = _checks(header.dims, Option.RETAIN_PATIENT_CHARACTERISTICS in policy.options)
    kept = {key: _kept(key, value, header.dims) for key, value in told.items() if key in checks and checks[key](value)}
    more = _DIMENSIONS[: max(len(header.dims) - 4, 0)]
    required = {"SpectrometerFrequency", "ResonantNucleus", *(f"dim_{at}" for at in more)}
    if len(header.dims) < 4 or not required <= kept.keys():
        return None
    body = json.dumps(kept, sort_keys=True).encode("ascii")
    size = -(-(8 + len(body)) // 16) * 16
    head = struct.pack(_order(header), size, CODE)
    gone = [key for key, value in told.items() if kept.get(key) != value]
    changes = [Change("mrs", "X", "keys of NIfTI-MRS that no list knows are removed", len(gone))] if gone else []
    return (head + body).ljust(size, b"\0"), changes


def _order(header: Header) -> str:
    return "<ii" if header.little else ">ii"


def _parsed(text: bytes) -> dict[str, Any] | None:
    """The object the text holds; None where it is no JSON, or names a key twice."""
    try:
        told = json.loads(text.rstrip(b"\0 \r\n\t").decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


@cache
def _known() -> dict[str, Any]:
    text = resources.files("deid_platform.formats.nifti").joinpath("data/mrs_keys.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _values() -> dict[str, _Check]:
    """Checks of single values, of the keys that a dimension may change too."""
    known = _known()
    numbers = {key: _number(*limits) for key, limits in known["numbers"].items()}
    terms = {key: _term(re.compile(pattern)) for key, pattern in known["terms"].items()}
    flags = {key: _list(_flag, count, count) if count else _flag for key, count in known["flags"].items()}
    return numbers | terms | flags | {"EditCondition": _list(_term(_CONDITION), 1, 8)}


def _checks(dims: tuple[int, ...], characteristics: bool) -> dict[str, _Check]:
    """What the value of each key that may stay must be."""
    known = _known()
    body = {key: _term(re.compile(rule)) if isinstance(rule, str) else _number(*rule)
            for key, rule in known["characteristics"].items()}  # fmt: skip
    tags = _term(re.compile("|".join(known["dimension_tags"])))
    return {
        **_values(), **(body if characteristics else {}),
        "SpectrometerFrequency": _list(_number(*_FREQUENCY), 1, _MOST_AXES),
        "ResonantNucleus": _list(_term(_NUCLEUS), 1, _MOST_AXES),
        "VOI": _list(_list(_number(-1e5, 1e5), 4, 4), 4, 4),
        "EditPulse": _is_pulses,
        **{f"dim_{at}": tags for at in _DIMENSIONS},
        **{f"dim_{at}_header": lambda value: isinstance(value, dict) for at in _DIMENSIONS[: max(len(dims) - 4, 0)]},
    }  # fmt: skip


def _kept(key: str, value: Any, dims: tuple[int, ...]) -> Any:
    """A checked value; of what holds keys of its own, those that a list knows."""
    if key.endswith("_header"):
        size = dims[int(key[4]) - 1]
        return {inner: one for inner, one in value.items() if inner in _values() and _is_dynamic(inner, one, size)}
    if key == "EditPulse":
        return {name: {inner: one for inner, one in pulse.items() if inner in _PULSE and _is_pulse(inner, one)}
                for name, pulse in value.items()}  # fmt: skip
    return value


def _is_dynamic(key: str, value: Any, size: int) -> bool:
    """Whether a header of a dimension tells a value for each of its places, or where numbers start and how they go."""
    check = _values()[key]
    if isinstance(value, dict):
        return key in _known()["numbers"] and value.keys() == {"start", "increment"} and all(map(check, value.values()))
    if key == "EditCondition":
        single = _term(_CONDITION)
        return _list(lambda one: single(one) or check(one), size, size)(value)
    return _list(check, size, size)(value)


def _is_pulses(value: Any) -> bool:
    """Whether each condition of editing has a known name and an object behind it."""
    return isinstance(value, dict) and all(
        _CONDITION.fullmatch(name) and isinstance(pulse, dict) for name, pulse in value.items()
    )


def _is_pulse(key: str, value: Any) -> bool:
    number = _number(*_PULSE[key])
    return value is None or number(value) or _list(number, 1, 8)(value)


def _number(least: float, most: float) -> _Check:
    def check(value: Any) -> bool:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return plain and least <= value <= most

    return check


def _term(pattern: re.Pattern[str]) -> _Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list(check: _Check, least: int, most: int) -> _Check:
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(check, value))
