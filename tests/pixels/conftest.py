"""Reading frames of an object that stands in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.frames import frames
from deid_platform.pixels.layout import Limits
from tests.builders.dicom import encode, leaks, person

Read = Callable[..., list[NDArray[Any]]]
Refused = Callable[..., Reason]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(ds: FileDataset | bytes, limits: Limits | None = None) -> list[NDArray[Any]]:
        path = tmp_path / "object.dcm"
        path.write_bytes(ds if isinstance(ds, bytes) else encode(ds))
        return list(frames(path, limits))

    return read


@pytest.fixture
def refused(read: Read) -> Refused:
    """Why an object is refused, once it is seen that the refusal quotes nobody."""

    def refused(ds: FileDataset | bytes, limits: Limits | None = None) -> Reason:
        with pytest.raises(UnsafeToRelease) as caught:
            read(ds, limits)
        assert caught.value.__cause__ is None
        assert not [found for number in (0, 1) for found in leaks(person(number), str(caught.value).encode())]
        return caught.value.reason

    return refused
