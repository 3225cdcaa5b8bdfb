"""Proving that no text is left: which results are read by Tesseract, and reading those that were drawn by lot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deid_platform.audit.proof import Proof
from deid_platform.audit.risk import TextRisk
from deid_platform.errors import DeidError, StoreError
from deid_platform.formats.registry import format_named
from deid_platform.identity import Identity
from deid_platform.model import Entry, Finding, Reason
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.task import Broken, StoreBroken, own_object
from deid_platform.store.protocol import Store
from deid_platform.workers import Lost

_LOT = "proof of text"


class Look(StrEnum):
    """Whether the pixels of an item were read: there are none, something spoke for text, or it may be left to a lot."""

    NO_PIXELS = "no_pixels"
    READ = "read"
    LEFT = "left"


def read_where_likely(entry: Entry, output: Path, policy: Policy) -> tuple[Look, tuple[Finding, ...]]:
    """Read a result unless its header says that it may be left to a lot.

    Raises
    ------
    DeidError
        Nobody can say what the pixels show.
    """
    risk = format_named(entry.format).text_risk(output, entry.masking)
    if risk is TextRisk.NO_PIXELS:
        return Look.NO_PIXELS, ()
    if risk is TextRisk.ROUTINE and policy.pixels.proof == "risk":
        return Look.LEFT, ()
    return Look.READ, read_result(entry, output, policy)


def read_result(entry: Entry, output: Path, policy: Policy) -> tuple[Finding, ...]:
    """The finding that a result shows text, or none."""
    left = format_named(entry.format).text_left(output, policy)
    return (Finding(entry.item, "pixels", "text_left", str(Reason.BURNED_IN_TEXT)),) if left else ()


def not_inspected(entry: Entry, where: str, reason: str) -> Finding:
    """A finding that no inspection was possible; the rule is the reason the item is refused for."""
    return Finding(entry.item, where, "not_inspected", reason)


@dataclass(frozen=True, slots=True)
class Read:
    """The task of reading one result."""

    trusted: Store
    policy: Policy

    def __call__(self, entry: Entry) -> tuple[Finding, ...] | Broken:
        """See :func:`read_result`; a result that cannot be read is a finding, too."""
        try:
            with own_object(self.trusted, entry.object) as output:
                return read_result(entry, output, self.policy)
        except StoreBroken as error:
            return Broken(str(error))
        except DeidError as error:
            return (not_inspected(entry, "pixels", str(error.reason)),)
        except Exception as error:  # noqa: BLE001 - what cannot be inspected is not released
            return (not_inspected(entry, type(error).__name__, str(Reason.INTERNAL_ERROR)),)


def prove(pipeline: Pipeline, likely: int, left: Sequence[Entry]) -> tuple[Proof, tuple[Finding, ...]]:
    """Read a keyed sample of the results ``left``; where any shows text, all of them.

    ``likely`` is the number of images that were read already. The same batch under the same key gives the same sample,
    which nobody without the key can foresee.
    """
    drawn = sorted(left, key=lambda entry: _lot(pipeline.identity, entry))
    size = min(pipeline.policy.pixels.sample, len(drawn))
    found = tuple(_read(pipeline, drawn[:size]))
    hits = len({finding.item for finding in found})
    escalated = bool(hits) and size < len(drawn)
    if escalated:
        found += tuple(_read(pipeline, drawn[size:]))
    return Proof(likely, len(drawn), size, hits, escalated), found


def _lot(identity: Identity, entry: Entry) -> str:
    return identity.token(_LOT, entry.item)


def _read(pipeline: Pipeline, entries: Iterable[Entry]) -> Iterator[Finding]:
    task = Read(pipeline.zones.trusted, pipeline.policy)
    with closing(pipeline.compute.run(task, entries)) as results:
        for entry, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if isinstance(result, Lost):
                yield not_inspected(entry, result.error, str(result.reason))
            else:
                yield from result
