"""What a sample says of the images that nobody read."""

from __future__ import annotations

import pytest

from deid_platform.audit.checks import text_proven
from deid_platform.audit.proof import Proof, miss_bound


@pytest.mark.parametrize(
    ("read", "found", "bound"),
    # Without hits the bound is 1 - 0.05 ** (1 / n); the others are of tables of Clopper and Pearson's limits.
    [(60, 0, 1 - 0.05 ** (1 / 60)), (299, 0, 0.009969), (10, 1, 0.394163), (100, 3, 0.075712), (0, 0, 1.0), (5, 5, 1)],
)
def test_the_bound_is_exact(read: int, found: int, bound: float) -> None:
    assert miss_bound(read, found) == pytest.approx(bound, abs=1e-5)


def test_a_sample_speaks_for_what_was_not_read() -> None:
    proof = Proof(likely=7, routine=1000, sampled=60)
    assert (proof.unread, proof.bound) == (940, miss_bound(60, 0))
    counts = proof.counts()
    assert (counts["images"], counts["read"], counts["unread"], counts["miss_bound_ppm"]) == (1007, 67, 940, 48_703)
    assert text_proven(proof).passed


@pytest.mark.parametrize("proof", [Proof(7), Proof(1, 60, 60), Proof(1, 100, 60, 1, escalated=True)])
def test_where_all_was_read_nothing_is_estimated(proof: Proof) -> None:
    assert (proof.unread, proof.bound) == (0, 0.0)
    assert text_proven(proof).passed


def test_a_sample_with_text_does_not_speak_for_the_others() -> None:
    assert not text_proven(Proof(0, 100, 60, 1)).passed
