from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.audit.heads.average import average_head
from deid_platform.errors import MalformedFile
from deid_platform.heads import deciding
from deid_platform.heads.deciding import Decided, decide
from deid_platform.heads.finding import Content, find_head
from deid_platform.heads.grid import reduce_stack
from deid_platform.heads.net import HeadNet, choose_head_net, open_head_net
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.model import Reason
from deid_platform.policy import HeadOptions
from tests.builders.heads import Scan, body, head

REMOVE = HeadOptions(faces="remove")


def net() -> HeadNet:
    return open_head_net(choose_head_net())


def planes(scan: Scan, series: str = "1", thickness: float = 3.0, **settings: object) -> ItemPlanes:
    """The scan as one item of many frames."""
    count, rows, columns = scan.samples.shape
    stack = scan.stack()
    made = ItemPlanes(
        series, "1.2.3", "MR", rows, columns, count, thickness, stack.origins,
        np.tile(stack.plane.row_step, (count, 1)), np.tile(stack.plane.column_step, (count, 1)),
        np.ones(count), np.zeros(count),
    )  # fmt: skip
    return replace(made, **settings)  # type: ignore[arg-type]


def decided(scans: Mapping[str, Scan], options: HeadOptions = REMOVE, **settings: object) -> Decided:
    """What is decided of items of one Frame of Reference, one series each."""

    @contextmanager
    def opened(plan: StackPlan) -> Iterator[Stack]:
        scan = scans[plan.items[0]]
        whole = scan.stack()
        yield replace(whole, origins=plan.origins(), read=lambda n: whole.read(plan.frames[n].frame))

    return decide({name: planes(scan, name, **settings) for name, scan in scans.items()}, opened, net(), options)


@cache
def whole() -> Scan:
    return head()


@cache
def usual() -> Decided:
    """What is decided of the head alone."""
    return decided({"a": whole()})


def removed(result: Decided, item: str, scan: Scan) -> NDArray[np.bool_]:
    """What goes, shape (slices, rows, columns)."""
    work = result.work[item]
    assert len(work.removed) == len(scan.samples)
    empty = np.zeros(scan.samples.shape[1:], np.bool_)
    return np.stack([empty if one is None else one.pixels() for one in work.removed])


def points(scan: Scan) -> NDArray[np.float64]:
    """RAS mm of every voxel, shape (3, slices, rows, columns)."""
    k, row, column = np.indices(scan.samples.shape)
    x, y, z = scan.origin
    return np.stack([x - column * scan.step, y - row * scan.step, z + k * scan.step])


def eyes_and_nose(scan: Scan, scale: float = 0.88) -> NDArray[np.bool_]:
    """Voxels of tissue in front of eyes, nose and mouth, for a head that is not tilted."""
    x, y, z = points(scan) / scale
    return (abs(x) < 50) & (y > 60) & (z > -95) & (z < -20) & (scan.samples > 150)


def brain(scan: Scan, scale: float = 0.88) -> NDArray[np.bool_]:
    average = average_head()
    return average.at(average.brain, points(scan) / scale) > 0.9


def test_the_face_goes_and_the_brain_stays() -> None:
    gone = removed(usual(), "a", whole())
    assert gone[eyes_and_nose(whole())].mean() > 0.95
    assert gone[brain(whole())].mean() < 0.002
    assert not (gone & (whole().samples > 150))[-10:].any()  # the crown


def test_two_heads_beside_each_other_are_for_nobody_to_judge() -> None:
    one = whole()
    both = np.concatenate([one.samples, np.flip(one.samples, 2)], 2)
    found = decided({"a": replace(one, samples=both)})
    assert not found.work
    assert found.refused == {"a": Reason.FACE_NOT_JUDGED}


@pytest.mark.parametrize("step", [3.0, 4.0])
def test_a_small_belly_stays_as_it_is(step: float) -> None:
    assert find_head(reduce_stack(replace(body(), step=step).stack()), net()).content is Content.NO_HEAD


@pytest.mark.parametrize("thick", [60.0, 75.0, 90.0])
def test_a_pair_of_thighs_stays_as_it_is(thick: float) -> None:
    up, row, column = np.ogrid[:80, :70, :110]
    samples = np.random.default_rng(1).integers(0, 12, (80, 70, 110))
    for middle in (27, 82):
        away = 4.0 * np.hypot(row - 35, column - middle) + 0 * up
        skin = (away > thick - 9) & (away < thick)
        samples = samples + (away < thick) * 500 - (away < 14) * 350 + (away < 8) * 250 + skin * 300
    scan = Scan(samples.astype(np.uint16), np.array([200.0, 140.0, -160.0]), 4.0)
    assert find_head(reduce_stack(scan.stack()), net()).content is Content.NO_HEAD


def test_a_head_at_the_side_of_a_wide_field_of_view_loses_its_face() -> None:
    count, rows, columns = whole().samples.shape
    wide = np.concatenate([np.zeros((count, rows, columns), whole().samples.dtype), whole().samples], 2)
    gone = removed(decided({"a": replace(whole(), samples=wide)}), "a", replace(whole(), samples=wide))
    assert gone[:, :, columns:][eyes_and_nose(whole())].mean() > 0.95


def test_skull_stripping_leaves_the_brain_alone() -> None:
    gone = removed(decided({"a": whole()}, HeadOptions(faces="remove", skull="strip")), "a", whole())
    assert gone[eyes_and_nose(whole())].mean() > 0.97
    assert gone[brain(whole())].mean() < 0.03
    assert (~gone).mean() < 0.25


def test_what_is_removed_is_filled_with_air_or_its_noise() -> None:
    flat = usual().work["a"]
    noisy = decided({"a": whole()}, HeadOptions(faces="remove", fill="noise")).work["a"]
    values = {one.values for one in flat.removed if one}
    assert len(values) == 1
    assert 0 <= next(iter(values))[0] < 60
    spread = next(one for one in noisy.removed if one)
    assert len(spread.values) > 1
    assert max(spread.values) < 100
    assert np.array_equal(spread.fillers(50), spread.fillers(50))


def test_the_same_goes_from_every_series_of_a_frame_of_reference() -> None:
    few = Scan(whole().samples[28:31], whole().origin + np.array([0, 0, 28 * whole().step]), whole().step)
    result = decided({"a": whole(), "b": few})
    assert set(result.work) == {"a", "b"}
    assert np.array_equal(removed(result, "b", few), removed(result, "a", whole())[28:31])


@pytest.mark.parametrize(
    ("scan", "rule"),
    [
        (body, "no_head"),
        (lambda: Scan(whole().samples[20:25], whole().origin, whole().step), "too_few_slices"),
        (lambda: brain_alone(whole()), "no_face"),
    ],
)
def test_what_holds_no_face_stays_as_it_is(scan: Callable[[], Scan], rule: str) -> None:
    result = decided({"a": scan()})
    assert {item: work.rule for item, work in result.work.items()} == {"a": rule}
    assert not result.work["a"].removed
    assert not result.refused


def brain_alone(scan: Scan) -> Scan:
    """The scan after all but the brain was removed."""
    return replace(scan, samples=np.where(brain(scan), scan.samples, 12).astype(np.uint16))


def test_a_face_may_be_held_back() -> None:
    result = decided({"a": whole()}, HeadOptions(faces="quarantine"))
    assert result.refused == {"a": Reason.FACE_HELD_BACK}
    assert not result.work


def test_pictures_of_a_head_that_no_slice_mask_fits_are_refused() -> None:
    @contextmanager
    def opened(_plan: StackPlan) -> Iterator[Stack]:
        yield whole().stack()

    items = {"a": planes(whole()), "b": planes(whole(), "2", projected=True), "c": planes(whole(), "3", tiled=True)}
    result = decide(items, opened, net(), REMOVE)
    assert result.refused == {"b": Reason.FACE_IN_RENDERING, "c": Reason.FACE_NOT_JUDGED}
    assert set(result.work) == {"a"}


def test_a_stack_nobody_could_read_is_not_cleared_by_a_head_without_a_face() -> None:
    scans = {"a": brain_alone(whole())}
    own = scans["a"].stack()

    @contextmanager
    def opened(plan: StackPlan) -> Iterator[Stack]:
        if plan.items == ["b"]:
            raise MalformedFile("cut off")
        yield own

    items = {"a": planes(scans["a"], "1"), "b": planes(scans["a"], "2")}
    result = decide(items, opened, net(), REMOVE)
    assert result.refused == {"b": Reason.FACE_NOT_JUDGED}
    assert {item: work.rule for item, work in result.work.items()} == {"a": "no_face"}


def test_a_face_in_the_last_of_many_stacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_MOST_STACKS", 1)
    belly = body((len(whole().samples) + 10, 64, 64))  # more slices, so that it comes first
    result = decided({"a": belly, "b": whole()})
    assert {work.rule for work in result.work.values()} == {"face_removed"}


def test_a_mosaic_without_its_volume_is_not_judged() -> None:
    result = decided({"a": whole()}, tiled=True)
    assert result.refused == {"a": Reason.FACE_NOT_JUDGED}
    assert not result.work


def test_a_mosaic_is_not_judged_by_what_another_series_shows() -> None:
    scan = body()

    @contextmanager
    def opened(_plan: StackPlan) -> Iterator[Stack]:
        yield scan.stack()

    result = decide({"a": planes(scan), "b": planes(scan, "2", tiled=True)}, opened, net(), REMOVE)
    assert result.refused == {"b": Reason.FACE_NOT_JUDGED}
    assert {item: work.rule for item, work in result.work.items()} == {"a": "no_head"}


def test_a_stack_that_cannot_be_read_is_not_judged() -> None:
    @contextmanager
    def broken(_plan: StackPlan) -> Iterator[Stack]:
        raise MalformedFile("cut off")
        yield

    assert decide({"a": planes(whole())}, broken, net(), REMOVE).refused == {"a": Reason.FACE_NOT_JUDGED}


@pytest.mark.parametrize("pitch", [-20.0, 20.0])
def test_a_tilted_head_is_found(pitch: float) -> None:
    look = find_head(reduce_stack(head(pitch=pitch).stack()), net())
    assert look.content is Content.HEAD
    assert look.head is not None
    assert look.head.face_ml > 100
