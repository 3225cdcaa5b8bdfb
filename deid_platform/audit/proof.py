"""What is known of a batch as a whole: of its text, also in images that were not read, and of its heads."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincinv

CONFIDENCE = 0.95
_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Proof:
    """Images of a batch by how the gate proved that they show no text.

    ``likely`` were read because something speaks for text in them, ``sampled`` of the ``routine`` others by lot, and
    ``sample_hits`` of these showed text. Where any did, the rest was read as well (``escalated``).
    """

    likely: int = 0
    routine: int = 0
    sampled: int = 0
    sample_hits: int = 0
    escalated: bool = False

    @property
    def unread(self) -> int:
        """Images nobody read."""
        return 0 if self.escalated else self.routine - self.sampled

    @property
    def bound(self) -> float:
        """With 95 % confidence at most this share of the unread images shows text that reading would have found."""
        return miss_bound(self.sampled, self.sample_hits) if self.unread else 0.0

    def counts(self) -> dict[str, int]:
        """Whole numbers for a verdict; the bound in parts per million, rounded up."""
        return {
            "images": self.likely + self.routine,
            "read": self.likely + self.routine - self.unread,
            "routine": self.routine,
            "sampled": self.sampled,
            "sample_hits": self.sample_hits,
            "unread": self.unread,
            "miss_bound_ppm": -int(-self.bound * _PPM // 1),
        }


@dataclass(frozen=True, slots=True)
class HeadsProof:
    """Counts over a batch: ``looked`` says whether the policy has heads looked for at all."""

    looked: bool = False
    removed: int = 0
    proven: int = 0
    untouched: int = 0
    unjudged: int = 0

    def counts(self) -> dict[str, int]:
        """Volumes with a face removed and proven gone, volumes nothing was removed from, items nobody judged."""
        return {
            "volumes_removed": self.removed, "volumes_proven": self.proven,
            "volumes_untouched": self.untouched, "unjudged": self.unjudged,
        }  # fmt: skip


def miss_bound(read: int, found: int) -> float:
    """One-sided upper bound of a share, of which ``found`` in ``read`` were seen, with 95 % confidence.

    Exact, after Clopper and Pearson, Biometrika 26 (1934) 404. It does not use that a batch is finite, which would make
    it smaller.
    """
    return 1.0 if found >= read else float(betaincinv(found + 1, read - found, CONFIDENCE))
