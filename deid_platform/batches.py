"""Planning: landed objects become sealed batches, bounded in bytes and objects, that keep studies together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deid_platform.identity import Identity


@dataclass(frozen=True, slots=True)
class Landed:
    """An object as it was when its batch was sealed: landing key, bytes, etag, opaque study key ('' when unknown)."""

    key: str
    size: int
    etag: str
    study: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a batch may grow; a study that alone is larger is split, no other ever is."""

    max_bytes: int = 20 * 1024**3
    max_objects: int = 5000


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed set of objects. ``id`` is derived from its members, so planning again gives the same batches."""

    id: str
    site: str
    members: tuple[Landed, ...]


def plan(landed: Iterable[Landed], bounds: Bounds, identity: Identity) -> list[Batch]:
    """Batches in the order of the first keys of their studies; each object is in exactly one."""
    batches: list[list[Landed]] = []
    room = _Room(bounds, 0, 0)
    for study in _studies(landed):
        pieces = [study] if _Room.of(bounds).takes(study) else [[member] for member in study]
        # Pieces of a study that is too large fill batches of their own, so that other studies stay whole.
        fresh = len(pieces) > 1
        for piece in pieces:
            if fresh or not batches or not room.takes(piece):
                batches.append([])
                room = _Room.of(bounds)
            batches[-1] += piece
            room = room.less(piece)
            fresh = False
        if len(pieces) > 1:
            room = _Room(bounds, 0, 0)
    return [Batch(batch_id(members, identity), identity.site, tuple(members)) for members in batches]


def batch_id(members: Iterable[Landed], identity: Identity) -> str:
    """The site and a keyed digest of all keys, sizes and etags."""
    lines = sorted(f"{member.key}\n{member.size}\n{member.etag}" for member in members)
    return f"{identity.site}-{identity.token('batch', *lines).lower()}"


def _studies(landed: Iterable[Landed]) -> Iterator[list[Landed]]:
    """Objects by study, studies by first key. An object that tells no study stands alone."""
    studies: dict[str, list[Landed]] = {}
    for member in sorted(landed, key=lambda member: member.key):
        studies.setdefault(member.study or f"\0{member.key}", []).append(member)
    yield from studies.values()


@dataclass(frozen=True, slots=True)
class _Room:
    """What still fits into a batch."""

    bounds: Bounds
    bytes: int
    objects: int

    @classmethod
    def of(cls, bounds: Bounds) -> _Room:
        return cls(bounds, bounds.max_bytes, bounds.max_objects)

    def takes(self, members: list[Landed]) -> bool:
        return len(members) <= self.objects and sum(member.size for member in members) <= self.bytes

    def less(self, members: list[Landed]) -> _Room:
        return _Room(self.bounds, self.bytes - sum(m.size for m in members), self.objects - len(members))
