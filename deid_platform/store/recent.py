"""What was read last, kept within a bound: the contents of archives, which every look at one of their members needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, the oldest given up once all of them together weigh more than ``most``; one is always kept."""

    def __init__(self, most: int, weigh: Callable[[T], int]) -> None:
        self._most, self._weigh = most, weigh
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made where it is not at hand; threads that want one at the same time wait for it."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made = make()
                self._weight += self._weigh(made)
            self._kept.move_to_end(key)
            while self._weight > self._most and len(self._kept) > 1:
                self._weight -= self._weigh(self._kept.popitem(last=False)[1])
            return self._kept[key]
