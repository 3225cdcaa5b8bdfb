from __future__ import annotations

import pickle

import pytest

from deid_platform import errors
from deid_platform.errors import DeidError
from deid_platform.model import Reason

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeidError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_a_deid_error_that_crosses_processes_with_message_and_reason(kind: type[DeidError]) -> None:
    for error in (kind("Give more."), kind("Give more.", Reason.TOO_LARGE)):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(copy), str(copy), copy.reason) == (kind, "Give more.", error.reason)


def test_there_are_the_documented_errors_and_no_others() -> None:
    names = {kind.__name__ for kind in CLASSES}
    assert names == {
        "DeidError", "MalformedFile", "PolicyError", "StoreError", "UnsafeToRelease", "UnsupportedFormat", "VaultError",
    }  # fmt: skip
    assert all(name in (errors.__doc__ or "") for name in names)


def test_a_reason_given_replaces_the_one_of_the_class_for_this_error_only() -> None:
    assert errors.MalformedFile("Ends early.", Reason.TRUNCATED).reason is Reason.TRUNCATED
    assert errors.MalformedFile("Breaks the standard.").reason is Reason.MALFORMED
    assert DeidError("Anything.").reason is Reason.INTERNAL_ERROR
