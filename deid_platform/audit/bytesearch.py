"""Search of many byte strings at once in large data, at the cost of a few passes whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

PREFIX = 4
"""Bytes a needle has at least: its first four tell where it is worth looking."""


class Needlestack:
    """Byte strings of at least :data:`PREFIX` bytes, ready to be searched for."""

    __slots__ = ("_by_prefix", "_first", "_second")

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._by_prefix: dict[bytes, list[bytes]] = defaultdict(list)
        self._first, self._second = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
        for needle in sorted(set(needles)):
            if len(needle) < PREFIX:
                raise ValueError(f"A needle has at least {PREFIX} bytes.")
            self._by_prefix[needle[:PREFIX]].append(needle)
            first, second = np.frombuffer(needle[:PREFIX], "<u2")
            self._first[first] = self._second[second] = True

    def found_in(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Every needle in ``data`` with its offset."""
        if not self._by_prefix or len(data) < PREFIX:
            return
        for phase in (0, 1):
            for at in self._candidates(data, phase):
                for needle in self._by_prefix.get(data[at : at + PREFIX], ()):
                    if data.startswith(needle, at):
                        yield needle, at

    def _candidates(self, data: bytes, phase: int) -> list[int]:
        """Offsets, even or odd, at which both halves of some prefix stand, shape (candidates,)."""
        words: NDArray[np.uint16] = np.frombuffer(data, "<u2", count=(len(data) - phase) // 2, offset=phase)
        begins = np.flatnonzero(self._first[words[:-1]])
        return [int(at) * 2 + phase for at in begins[self._second[words[begins + 1]]]]
