from __future__ import annotations

import traceback

import dagster as dg
import pytest

from assets.boundary import boundary
from deid_platform.errors import DeidError, StoreError, UnsafeToRelease, VaultError

NAME = "Quintrelle^Rosamunde"


def failure_of(error: BaseException) -> dg.Failure:
    with pytest.raises(dg.Failure) as caught, boundary("scrubbed"):
        try:
            raise KeyError(NAME)
        except KeyError as cause:
            raise error from cause
    return caught.value


@pytest.mark.parametrize("kind", [DeidError, StoreError, UnsafeToRelease, VaultError])
def test_an_error_of_the_engine_is_told_in_its_own_words(kind: type[DeidError]) -> None:
    failure = failure_of(kind("The bucket does not exist: create it."))
    assert failure.description == "The bucket does not exist: create it."
    assert failure.metadata == {"error": dg.MetadataValue.text(kind.__name__)}


@pytest.mark.parametrize("error", [ValueError(NAME), KeyError(NAME), RecursionError(NAME), OSError(2, NAME)])
def test_of_any_other_error_only_class_and_step_are_told(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.description == f"{type(error).__name__} in scrubbed"


@pytest.mark.parametrize("error", [ValueError(NAME), StoreError("The bucket is gone.")])
def test_neither_cause_nor_context_nor_stack_comes_along(error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.__cause__, failure.__context__) == (None, None)
    assert NAME not in "".join(traceback.format_exception(failure))


def test_failures_are_not_tried_again_at_once() -> None:
    assert failure_of(StoreError("")).allow_retries is False


def test_what_goes_well_passes_through() -> None:
    with boundary("scrubbed"):
        done = True
    assert done


def test_an_end_asked_for_by_a_person_is_no_failure() -> None:
    with pytest.raises(KeyboardInterrupt), boundary("scrubbed"):
        raise KeyboardInterrupt
