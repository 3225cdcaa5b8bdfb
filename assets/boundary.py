"""What may leave an asset, a check or a sensor: numbers, digests and safe sentences, never the text of a stray error.

Dagster stores exceptions with their text and stack in its event log. Errors of the engine are written for people and
hold no values; of any other only the class is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from deid_platform.errors import DeidError


@contextmanager
def boundary(step: str) -> Iterator[None]:
    """Turn whatever is raised inside into a :class:`dagster.Failure` that is fit for the event log."""
    try:
        yield
    except DeidError as error:
        failure = dg.Failure(str(error), metadata={"error": type(error).__name__}, allow_retries=False)
    except Exception as error:  # noqa: BLE001 - the text of an unknown error may hold anything
        failure = dg.Failure(f"{type(error).__name__} in {step}", metadata={"error": type(error).__name__})
    else:
        return
    # Python notes the first error as the context even here; without `from None` Dagster would store its text.
    raise failure from None
