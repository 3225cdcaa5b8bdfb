from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.batches import Batch, Bounds, Landed, batch_id, plan
from deid_platform.identity import Identity
from tests.builders.properties import always

HERE, SOUTH = Identity(bytes(range(32)), "north"), Identity(bytes(range(32)), "south")
objects = st.tuples(st.integers(0, 40), st.sampled_from(["", "A", "B", "C", "D"]))
drops = st.lists(objects, max_size=25).map(
    lambda found: [Landed(f"k{number:02d}", size, f"e{size}", study) for number, (size, study) in enumerate(found)]
)
bounds = st.builds(Bounds, st.integers(1, 100), st.integers(1, 8))


def studies(batch: Batch) -> set[str]:
    return {member.study or member.key for member in batch.members}


def too_large(study: list[Landed], limits: Bounds) -> bool:
    return sum(member.size for member in study) > limits.max_bytes or len(study) > limits.max_objects


@given(drops, bounds)
@always
def test_each_object_is_in_exactly_one_batch(landed: list[Landed], limits: Bounds) -> None:
    members = [member for batch in plan(landed, limits, HERE) for member in batch.members]
    assert Counter(members) == Counter(landed)


@given(drops, bounds)
@always
def test_no_study_is_split_unless_it_is_too_large_alone(landed: list[Landed], limits: Bounds) -> None:
    batches = plan(landed, limits, HERE)
    for name in {member.study for member in landed if member.study}:
        study = [member for member in landed if member.study == name]
        holding = [batch for batch in batches if name in studies(batch)]
        assert len(holding) == 1 or too_large(study, limits)
        assert len(holding) == 1 or all(studies(batch) == {name} for batch in holding)


@given(drops, bounds)
@always
def test_no_batch_is_larger_than_its_bounds_unless_one_object_alone_is(landed: list[Landed], limits: Bounds) -> None:
    for batch in plan(landed, limits, HERE):
        assert batch.members
        assert not too_large(list(batch.members), limits) or len(batch.members) == 1


@given(drops, bounds, st.randoms(use_true_random=False))
@always
def test_the_plan_does_not_depend_on_the_order_in_which_objects_are_listed(
    landed: list[Landed], limits: Bounds, chance: random.Random
) -> None:
    shuffled = chance.sample(landed, len(landed))
    assert plan(shuffled, limits, HERE) == plan(landed, limits, HERE)


@given(drops, bounds)
@always
def test_batches_come_in_the_order_of_their_studies_and_have_ids_of_their_own(
    landed: list[Landed], limits: Bounds
) -> None:
    batches = plan(landed, limits, HERE)
    first = {member.study or member.key: member.key for member in sorted(landed, key=lambda one: one.key, reverse=True)}
    order = [min(first[study] for study in studies(batch)) for batch in batches]
    assert order == sorted(order)
    assert len({batch.id for batch in batches}) == len(batches)


def test_small_studies_share_a_batch_until_it_is_full() -> None:
    landed = [Landed(f"k{number}", 10, "e", f"study {number // 2}") for number in range(8)]
    assert [len(batch.members) for batch in plan(landed, Bounds(50, 100), HERE)] == [4, 4]
    assert [len(batch.members) for batch in plan(landed, Bounds(1000, 7), HERE)] == [6, 2]


def test_a_study_that_is_too_large_fills_batches_of_its_own() -> None:
    large = [Landed(f"b{number}", 10, "e", "large") for number in range(5)]
    landed = [Landed("a", 1, "e", "one"), *large, Landed("c", 1, "e", "two")]
    found = [[member.key for member in batch.members] for batch in plan(landed, Bounds(20, 100), HERE)]
    assert found == [["a"], ["b0", "b1"], ["b2", "b3"], ["b4"], ["c"]]


def test_objects_that_tell_no_study_are_not_kept_together() -> None:
    landed = [Landed(f"k{number}", 10, "e") for number in range(4)]
    assert [len(batch.members) for batch in plan(landed, Bounds(30, 100), HERE)] == [3, 1]


def test_nothing_landed_makes_no_batch() -> None:
    assert plan([], Bounds(), HERE) == []


MEMBERS = (Landed("a", 1, "x", "S"), Landed("b", 2, "y", "S"))


def test_the_id_of_a_batch_is_its_site_and_an_opaque_token() -> None:
    found = batch_id(MEMBERS, HERE)
    assert found == batch_id(reversed(MEMBERS), HERE)
    assert found.startswith("north-")
    assert len(found) == len("north-") + 16
    assert found == found.lower()


@pytest.mark.parametrize(
    "other", [MEMBERS[:1], (*MEMBERS, MEMBERS[0]), (Landed("a", 1, "z"), MEMBERS[1]), (Landed("a", 3, "x"), MEMBERS[1])]
)
def test_another_key_size_or_etag_makes_another_batch(other: tuple[Landed, ...]) -> None:
    assert batch_id(other, HERE) != batch_id(MEMBERS, HERE)
    assert batch_id(MEMBERS, SOUTH) != batch_id(MEMBERS, HERE)
