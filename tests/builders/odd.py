"""What the builders of odd files share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.builders.dicom import Person, encode, image, person
from tests.builders.elements import data_set_at, plain, tag_of

PERSON = person(0)
"""Whose objects odd files are, unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A file to be made, whom it names, and byte strings that must not come out, besides his identifiers."""

    make: Callable[[], bytes]
    who: Person = PERSON
    hidden: tuple[bytes, ...] = ()


@cache
def small_file() -> bytes:
    """A small MR image of :data:`PERSON` with all his identifiers, in Explicit VR Little Endian."""
    return encode(image(PERSON, rows=8, columns=8, modality="MR"))


@cache
def parts() -> dict[int, bytes]:
    """The elements of :func:`small_file`, encoded, by tag."""
    return {int(one.tag): plain(Dataset({one.tag: one})) for one in dcmread(BytesIO(small_file()))}


def preliminaries() -> bytes:
    """What stands before the data set in :func:`small_file`."""
    return small_file()[: data_set_at(small_file())]


def body(*elements: bytes, without: Collection[int] = ()) -> bytes:
    """The data set of :func:`small_file` with encoded elements instead of its own of these tags, some left out."""
    merged = {tag: one for tag, one in parts().items() if tag not in without} | {tag_of(one): one for one in elements}
    return b"".join(merged[tag] for tag in sorted(merged))


def holding(*elements: bytes) -> Callable[[], bytes]:
    """A maker of :func:`small_file` with encoded elements instead of its own of these tags."""
    return lambda: preliminaries() + body(*elements)
