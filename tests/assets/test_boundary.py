from __future__ import annotations

import traceback
from pathlib import Path

import dagster as dg
import pytest

from assets.boundary import boundary
from deid_platform.errors import DeidError, StoreError, UnsafeToRelease, VaultError

NAME = "Quintrelle^Rosamunde"


def failure_of(error: BaseException) -> dg.Failure:
    error.__cause__ = KeyError(NAME)
    with pytest.raises(dg.Failure) as caught, boundary("scrubbed"):
        raise error
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
def test_neither_cause_nor_context_comes_along(error: Exception) -> None:
    failure = failure_of(error)
    assert (failure.__cause__, failure.__suppress_context__) == (None, True)
    assert NAME not in "".join(traceback.format_exception(failure))


@dg.asset
def careless() -> None:
    with boundary("careless"):
        try:
            raise KeyError(NAME)
        except KeyError as cause:
            raise ValueError(NAME) from cause


def test_what_an_error_said_is_nowhere_in_what_dagster_stores(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.materialize([careless], instance=instance, raise_on_error=False)
        assert "ValueError in careless" in "".join(map(repr, instance.all_logs(result.run_id)))
    stored = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [data for data in stored if b"Quintrelle" in data]


def test_failures_are_not_tried_again_at_once() -> None:
    assert failure_of(StoreError("")).allow_retries is False


def test_what_goes_well_passes_through() -> None:
    with boundary("scrubbed"):
        done = True
    assert done


def test_an_end_asked_for_by_a_person_is_no_failure() -> None:
    with pytest.raises(KeyboardInterrupt), boundary("scrubbed"):
        raise KeyboardInterrupt
