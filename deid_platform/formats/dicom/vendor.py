"""Vendor headers a profile asks for, cleaned from the inside (see :mod:`deid_platform.policy.headers`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from deid_platform.formats.dicom.ascconv import Plausible, clean_protocol
from deid_platform.formats.dicom.csa import clean_csa
from deid_platform.formats.dicom.elements import Extent
from deid_platform.formats.dicom.ge_flags import clean_ge_flags
from deid_platform.formats.dicom.ge_protocol import clean_ge_protocol

MAX_HEADER = 1 << 22
"""Larger values are no header: 4 MiB."""


def clean_header(
    form: str, value: bytes | Extent, file: BinaryIO | None, plausible: Plausible
) -> bytes | None:
    """A header of that form cleaned; None where it cannot be, so that it has to go."""
    data = read_value(value, file)
    return _CLEANERS[form](data, plausible) if data else None


def read_value(value: bytes | Extent, file: BinaryIO | None) -> bytes:
    """A value, wherever it lies; nothing where it is too large for a header."""
    if isinstance(value, bytes):
        return value
    if value.fragments or value.length > MAX_HEADER or file is None:
        return b""
    file.seek(value.offset)
    return file.read(value.length)


def _clean_ascconv(value: bytes, plausible: Plausible) -> bytes | None:
    protocol = clean_protocol(value.decode("latin-1"), plausible)
    # Some converters look for the first mark behind the first byte only.
    return b"\n" + protocol.encode("ascii") if protocol else None


_CLEANERS: Mapping[str, Callable[[bytes, Plausible], bytes | None]] = {
    "csa": clean_csa,
    "ascconv": _clean_ascconv,
    "ge_protocol": clean_ge_protocol,
    "ge_flags": lambda value, _plausible: clean_ge_flags(value),
}
