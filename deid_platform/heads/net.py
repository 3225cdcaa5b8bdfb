"""The nets that find heads and cut out brains, opened once in a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import DeidError
from deid_platform.pixels.sessions import (
    MODELS,
    Device,
    ModelFile,
    described,
    model_file,
    open_session,
    runtime_version,
    undescribed,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

HEAD, PRESENCE, BRAIN_MODEL = "head", "presence", "brain"
"""Names of the models in the list of models."""
BRAIN, FACE, ORBITS, EARS, WHOLE = range(5)
"""Places of the structures among the net's outputs; the whole head holds all of the others."""


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """Which net to open: settled once, small enough to be sent to every worker."""

    device: Device
    version: str
    sha256: str

    @property
    def identity(self) -> str:
        """All that decides what the net finds: model, its bytes, device and runtime."""
        return " ".join((HEAD, self.version, self.device, self.sha256, runtime_version()))


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """What the net sees in a volume of shape (x, y, z).

    ``logits`` has shape (5, x, y, z); ``where`` holds coordinates in the head frame in mm, shape
    (3, x / 2, y / 2, z / 2), which mean something inside of a head only.
    """

    logits: NDArray[np.float32]
    where: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a volume holds a head, and whether that has a face."""

    head: bool
    face: bool


class Net(Protocol):
    """Anything that sees heads."""

    def presence(self, volume: NDArray[np.float32]) -> Presence:
        """Judge a volume of the first look as a whole, see :meth:`fields` for its values."""
        ...

    def fields(self, volume: NDArray[np.float32]) -> Fields:
        """See a volume of shape (x, y, z), multiples of 16, with values from 0 to 1.5."""
        ...

    def brain(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of the brain in a volume of the second look, of its shape; see :meth:`fields` for its values."""
        ...


@dataclass(frozen=True, slots=True)
class HeadNet:
    """The net as it is shipped."""

    spec: HeadSpec
    thresholds: tuple[float, float]
    _session: InferenceSession = field(repr=False)
    _teller: InferenceSession = field(repr=False)
    _cutter: InferenceSession = field(repr=False)

    def presence(self, volume: NDArray[np.float32]) -> Presence:
        """See :class:`Net`."""
        (logits,) = self._teller.run(None, {"x": np.ascontiguousarray(volume[None, None], np.float32)})
        head, face = (float(value) > least for value, least in zip(logits[0], self.thresholds, strict=True))
        return Presence(head, face)

    def fields(self, volume: NDArray[np.float32]) -> Fields:
        """See :class:`Net`."""
        logits, where = self._session.run(None, {"x": np.ascontiguousarray(volume[None, None], np.float32)})
        return Fields(np.asarray(logits)[0], np.asarray(where)[0] * np.float32(100))

    def brain(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`Net`."""
        (logits,) = self._cutter.run(None, {"x": np.ascontiguousarray(volume[None, None], np.float32)})
        return np.asarray(logits[0, 0], np.float32)


def choose_head_net(folder: Path = MODELS) -> HeadSpec:
    """Verify the model and say how to open it.

    It runs on the processor, which needs less than a second for a head: reading the slices takes longer.

    Raises
    ------
    DeidError
        The model file is missing or changed.
    """
    files, _ = _files(folder)
    for file in files:
        file.verify()
    return HeadSpec(Device.CPU, files[0].version, "+".join(file.sha256 for file in files))


@cache
def open_head_net(spec: HeadSpec, folder: Path = MODELS) -> HeadNet:
    """Open the net in this process, once; :func:`close_head_nets` closes it.

    Raises
    ------
    DeidError
        The model file here is not the one the work was planned with.
    """
    files, thresholds = _files(folder)
    if "+".join(file.sha256 for file in files) != spec.sha256:
        raise DeidError("This worker has another version of the head model than the one the work was planned with: "
                        "install the same version of deid-platform everywhere.")
    return HeadNet(spec, thresholds, *(open_session(file, spec.device) for file in files))


def close_head_nets() -> None:
    """Let go of the session of this process and its memory."""
    open_head_net.cache_clear()


def _files(folder: Path) -> tuple[list[ModelFile], tuple[float, float]]:
    """The nets: of heads, of whether there is one, and of brains; and the logits from which on there is one."""
    found, teller, cutter = (described(folder, model) for model in (HEAD, PRESENCE, BRAIN_MODEL))
    try:
        files = [model_file(folder, one) for one in (found, teller, cutter)]
        least = teller["precisions"]["fp32"]["thresholds"]
        return files, (float(least["head"]), float(least["face"]))
    except (ValueError, KeyError, TypeError):
        raise undescribed(HEAD) from None
