"""What is in an archive: names made into keys, places checked against each other, all of it bounded."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason
from deid_platform.store import keys

MOST_MEMBERS = 200_000
LONGEST_NAME = 4096
"""Bytes; no file system takes longer paths."""
NO_PLAIN_FILE = -1
"""In place of a method: a link, a device, a sparse file."""
_HARMLESS = 1 << 30
_EXPANSION = 250
"""What expands to more than 1 GiB and 250 times its size is taken for a bomb; deflate reaches 1032 times."""
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    ``at`` and ``end`` are the first byte that is its own and the first that is not; ``packed`` and ``size`` its bytes
    in the archive and unpacked; ``crc`` and ``method`` as ZIP has them.
    """

    at: int
    end: int
    packed: int
    size: int
    crc: int = 0
    method: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of an archive. ``names`` are in order; ``rows`` has the fields of their members, shape (n, 6), int64.

    About 150 bytes a file, as the contents of many archives are kept at once.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, found: Iterable[tuple[str, Member]], length: int, end: int) -> Contents:
        """The contents of an archive of ``length`` bytes, whose members end at ``end`` at the latest.

        Raises
        ------
        MalformedFile
            No member or more than 200,000, names or bytes that belong to two of them, or a bomb.
        """
        names: list[str] = []
        numbers = array("q")
        for name, member in found:
            if len(names) >= MOST_MEMBERS:
                raise MalformedFile(f"The archive has more than {MOST_MEMBERS} members.", Reason.TOO_LARGE)
            names.append(name)
            numbers.extend(astuple(member))
        if not names:
            raise MalformedFile("There is no file in the archive.", Reason.EMPTY)
        _check_names(names)
        rows = np.array(numbers, np.int64).reshape(len(names), -1)
        if expands_beyond_reason(int(rows[:, 3].sum()), length):
            raise MalformedFile("The archive expands beyond reason.", Reason.TOO_LARGE)
        _set_ends(rows, end)
        order = sorted(range(len(names)), key=names.__getitem__)
        return cls(tuple(names[place] for place in order), rows[order])

    def __len__(self) -> int:
        return len(self.names)

    def find(self, name: str) -> Member | None:
        """The member of that name."""
        place = bisect_left(self.names, name)
        return self._member(place) if self.names[place : place + 1] == (name,) else None

    def under(self, prefix: str) -> Iterator[tuple[str, Member]]:
        """The members whose names begin with ``prefix``, in order."""
        for place in range(bisect_left(self.names, prefix), len(self.names)):
            if not self.names[place].startswith(prefix):
                return
            yield self.names[place], self._member(place)

    def _member(self, place: int) -> Member:
        return Member(*self.rows[place].tolist())


def expands_beyond_reason(size: int, packed: int) -> bool:
    """Whether so many bytes out of so few are a bomb."""
    return size > max(_HARMLESS, _EXPANSION * packed)


def key_of(name: bytes) -> str:
    """A member's name as a key, spelt as if it had been unpacked into a folder; '.' and doubled slashes are left out.

    Raises
    ------
    MalformedFile
        The name leads out of the archive, or would on some system: absolute, '..', a backslash, a drive, NUL; or it
        is empty or too long.
    """
    text = keys.from_bytes(name)
    segments = [segment for segment in text.split("/") if segment not in ("", ".")]
    odd = text.startswith("/") or _DRIVE.match(text) or "\\" in text or "\0" in text or ".." in segments
    if odd or not segments or len(name) > LONGEST_NAME:
        raise MalformedFile("A name in the archive leads out of it, or is none: absolute, '..', '\\', a drive, NUL.")
    return "/".join(segments)


def _check_names(names: list[str]) -> None:
    taken = set(names)
    if len(taken) < len(names):
        raise MalformedFile("Two members of the archive have one name.")
    for name in names:
        at = name.find("/")
        while at >= 0:
            if name[:at] in taken:
                raise MalformedFile("A member of the archive has the name of a folder in it.")
            at = name.find("/", at + 1)


def _set_ends(rows: NDArray[np.int64], end: int) -> None:
    """Let every member end where the next begins, once none is seen to end behind that."""
    order = np.argsort(rows[:, 0], kind="stable")
    limits = np.append(rows[order[1:], 0], end)
    if (rows[order, 1] > limits).any() or (rows < NO_PLAIN_FILE).any():
        raise MalformedFile("Members of the archive overlap.")
    rows[order, 1] = limits
