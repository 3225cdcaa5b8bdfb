"""The model that finds text: which of its files to run, and the one session of a process.

``models/models.json`` lists what is shipped: per model its version, input and, per precision, the file, its SHA-256,
the ONNX opset and the thresholds (logits) its output is read with. Nothing is ever downloaded.

The same input must give the same bytes, so nothing is chosen by a stopwatch. Precision and device are settings;
``auto`` is settled where the work is planned, and what was settled is part of the stage's code version and goes to
every worker. On processors ``auto`` means integers: they are faster, several times so where there are instructions for
them (VNNI), and their sums are the same on every machine. A test at the start compares them with floating point, since
old instructions could overflow; where they do not agree, floating point is settled on. GPUs compute floating point.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import DeidError
from deid_platform.pixels.selftest import agree, example
from deid_platform.pixels.sessions import (
    MODELS,
    Device,
    ModelFile,
    cuda_libraries,
    described,
    open_session,
    runtime_version,
    undescribed,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

W = TypeVar("W", bound=StrEnum)

TEXT = "text"
"""Name of the model that finds text."""

# Frames of one size that share a run. A processor gains nothing by it.
_BATCH = {"cpu": 1, "cuda": 16}


class Precision(StrEnum):
    """What a model computes with."""

    FP32 = "fp32"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Logits: from ``seed`` on a cell is text, from ``grow`` on it is text when it touches some.

    ``plain_seed`` takes the place of ``seed`` where writing is unusual (:mod:`deid_platform.pixels.prior`).
    """

    seed: float
    grow: float
    plain_seed: float

    def of(self, usually_written: bool) -> Thresholds:
        """The thresholds for an object in which writing is usual, or not."""
        return self if usually_written else replace(self, seed=self.plain_seed)


@dataclass(frozen=True, slots=True)
class TextFile(ModelFile):
    """A file of the model that finds text."""

    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Which detector to open: settled once, small enough to be sent to every worker."""

    precision: Precision
    device: Device
    version: str
    sha256: str
    model: str = TEXT

    @property
    def identity(self) -> str:
        """All that decides what the detector finds: model, its bytes, precision, device and runtime."""
        return " ".join((self.model, self.version, self.precision, self.device, self.sha256, runtime_version()))


@dataclass(frozen=True, slots=True)
class Detector:
    """An open model. ``batch`` is how many frames of one size make a good run."""

    spec: DetectorSpec
    thresholds: Thresholds
    batch: int
    _session: InferenceSession

    def logits(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the model.

        Parameters
        ----------
        views
            Shape (frames, 2, rows, columns), values 0 to 1; rows and columns are multiples of 16.

        Returns
        -------
        Shape (frames, rows / 4, columns / 4), positive where there is text.
        """
        return _logits(self._session, views)


def model_files(folder: Path = MODELS, model: str = TEXT) -> Mapping[Precision, TextFile]:
    """The files of a model by precision. Raises DeidError when the list of models cannot be used."""
    found = described(folder, model)
    try:
        return {
            Precision(precision): TextFile(
                str(found["version"]), folder / file["file"], file["sha256"], int(file["opset"]),
                Thresholds(**file["thresholds"]),
            )
            for precision, file in found["precisions"].items()
        }  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        raise undescribed(model) from None


def choose_detector(precision: str = "auto", device: str = "auto", folder: Path = MODELS) -> DetectorSpec:
    """Settle precision and device, each ``auto`` or one of :class:`Precision` and :class:`Device`, and verify the file.

    ``auto`` takes a GPU where its libraries load, else the processor, and there integers where these agree with
    floating point on a small picture.

    Raises
    ------
    DeidError
        An unknown word, a model file that is missing or changed, or a device that is not there.
    """
    where = _settled(Device, device) or (Device.CUDA if cuda_libraries() else Device.CPU)
    if where is Device.CUDA and not cuda_libraries():
        raise DeidError("The device cuda was asked for, but CUDA 13, cuDNN 9 or a GPU are missing here: "
                        "install them or choose the device auto.")
    asked = _settled(Precision, precision)
    if asked is None and where is Device.CPU:
        with suppress(DeidError):
            return _verified(Precision.INT8, where, folder)
    return _verified(asked or Precision.FP32, where, folder)


def detector_from_environment() -> DetectorSpec:
    """The detector that ``DEID_PRECISION`` and ``DEID_DEVICE`` ask for; see :func:`choose_detector`."""
    return choose_detector(os.environ.get("DEID_PRECISION") or "auto", os.environ.get("DEID_DEVICE") or "auto")


def _verified(precision: Precision, device: Device, folder: Path) -> DetectorSpec:
    files = model_files(folder)
    if precision not in files:
        raise DeidError(f"The model {TEXT} has no {precision} version: choose another precision.")
    files[precision].verify()
    spec = DetectorSpec(precision, device, files[precision].version, files[precision].sha256)
    if precision is Precision.INT8:
        _check_integers(files)
    return spec


def _settled(words: type[W], word: str) -> W | None:
    if word == "auto":
        return None
    if word not in list(words):
        raise DeidError(f"The {words.__name__.lower()} of the text detector must be one of auto, {', '.join(words)}.")
    return words(word)


@cache
def open_detector(spec: DetectorSpec, folder: Path = MODELS) -> Detector:
    """Open the detector in this process, once; :func:`close_detectors` closes it.

    Raises
    ------
    DeidError
        The model file here is not the one the work was planned with, the device cannot be used, or integers are not
        computed exactly by this processor.
    """
    files = model_files(folder, spec.model)
    if spec.precision not in files or files[spec.precision].sha256 != spec.sha256:
        raise DeidError("This worker has another version of the model than the one the work was planned with: "
                        "install the same version of deid-platform everywhere.")
    file = files[spec.precision]
    if spec.precision is Precision.INT8:
        _check_integers(files)
    return Detector(spec, file.thresholds, _BATCH[spec.device], open_session(file, spec.device))


def close_detectors() -> None:
    """Let go of the sessions of this process and their memory."""
    open_detector.cache_clear()
    _agreeing.cache_clear()


def _check_integers(files: Mapping[Precision, TextFile]) -> None:
    """See that this processor computes the integer model right."""
    if not _agreeing(files[Precision.FP32], files[Precision.INT8]):
        raise DeidError("This processor does not compute the int8 text detector as it should: "
                        "set the precision to fp32.")


@cache
def _agreeing(*files: TextFile) -> bool:
    """Whether models see the same in a small picture; asked once in a process."""
    cells = []
    for file in files:
        found = _logits(open_session(file, Device.CPU), example())[0]
        cells.append((found > file.thresholds.seed, found > file.thresholds.grow))
    return agree(*cells)


def _logits(session: InferenceSession, views: NDArray[np.float32]) -> NDArray[np.float32]:
    (logits,) = session.run(None, {session.get_inputs()[0].name: views})
    return np.asarray(logits)[:, 0]
