"""Models and the sessions that run them: files verified by SHA-256, one session per process, one thread, no noise.

``models/models.json`` lists what is shipped: per model its version, input and, per precision, the file, its SHA-256,
the ONNX opset and the thresholds (logits) its output is read with. Nothing is ever downloaded.

The same input must give the same bytes, so nothing is chosen by a stopwatch. Precision and device are settings;
``auto`` is settled where the work is planned, and what was settled is part of the stage's code version and goes to
every worker. On processors ``auto`` means integers: they are faster, several times so where there are instructions for
them (VNNI), and their sums are the same on every machine. A test at the start compares them with floating point, since
old instructions could overflow; where they do not agree, floating point is settled on. GPUs compute floating point.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import DeidError
from deid_platform.pixels.selftest import agree, example

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

W = TypeVar("W", bound=StrEnum)

MODELS = Path(__file__).parent / "models"
"""The folder of the shipped models."""
TEXT = "text"
"""Name of the model that finds text."""

# CUDA 13 and cuDNN 9, which ONNX Runtime is built for, in the order in which they need each other.
_CUDA_LIBRARIES = ("libcuda.so.1", "libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10",
                   "libcufft.so.12", "libcudnn.so.9")  # fmt: skip
_CUDA_PACKAGES = ("cu13/lib", "cudnn/lib")
# Frames of one size that share a run. A processor gains nothing by it.
_BATCH = {"cpu": 1, "cuda": 16}
_ERROR = 3  # of ONNX Runtime's levels of severity: warnings are not shown
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


class Precision(StrEnum):
    """What a model computes with."""

    FP32 = "fp32"
    INT8 = "int8"


class Device(StrEnum):
    """Where a model is computed."""

    CPU = "cpu"
    CUDA = "cuda"


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
class ModelFile:
    """One file of a model, as ``models.json`` describes it; ``path`` is where it lies."""

    version: str
    path: Path
    sha256: str
    opset: int
    thresholds: Thresholds

    def verify(self) -> None:
        """Raise DeidError unless the file is the one described."""
        try:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise DeidError(f"The model file {self.path.name} is missing: install deid-platform again.") from None
        if found != self.sha256:
            raise DeidError(f"The model file {self.path.name} is not the one that was released (its SHA-256 differs): "
                            "install deid-platform again.")


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


def model_files(folder: Path = MODELS, model: str = TEXT) -> Mapping[Precision, ModelFile]:
    """The files of a model by precision. Raises DeidError when the list of models cannot be used."""
    try:
        described = json.loads((folder / "models.json").read_text("utf-8"))[model]
        version = str(described["version"])
        return {
            Precision(precision): ModelFile(
                version, folder / file["file"], file["sha256"], int(file["opset"]), Thresholds(**file["thresholds"])
            )
            for precision, file in described["precisions"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise DeidError(f"The list of models does not describe the model {model}: install deid-platform again."
                        ) from None


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
    return Detector(spec, file.thresholds, _BATCH[spec.device], _session(file, spec.device))


def close_detectors() -> None:
    """Let go of the sessions of this process and their memory."""
    open_detector.cache_clear()
    _agreeing.cache_clear()


def _check_integers(files: Mapping[Precision, ModelFile]) -> None:
    """See that this processor computes the integer model right."""
    if not _agreeing(files[Precision.FP32], files[Precision.INT8]):
        raise DeidError("This processor does not compute the int8 text detector as it should: "
                        "set the precision to fp32.")


@cache
def _agreeing(*files: ModelFile) -> bool:
    """Whether models see the same in a small picture; asked once in a process."""
    cells = []
    for file in files:
        found = _logits(_session(file, Device.CPU), example())[0]
        cells.append((found > file.thresholds.seed, found > file.thresholds.grow))
    return agree(*cells)


def _session(file: ModelFile, device: Device) -> InferenceSession:
    """A session of one thread that says nothing and computes the same way each time."""
    # Asked when the library is loaded; else it leaves a number of its session among the temporary files and reports to
    # its makers.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    file.verify()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR
    options.use_deterministic_compute = True
    onnxruntime.disable_telemetry_events()
    providers: list[Any] = ["CPUExecutionProvider"]
    if device is Device.CUDA and cuda_libraries():
        # Without these, convolutions are chosen by a stopwatch and rounded to 10 bits.
        exact = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
        providers.insert(0, ("CUDAExecutionProvider", exact))
    try:
        session = onnxruntime.InferenceSession(file.path.read_bytes(), options, providers=providers)
    except Exception:  # noqa: BLE001 - the runtime raises whatever it likes
        raise DeidError(f"The model file {file.path.name} cannot be opened by this ONNX Runtime: "
                        "install the version that constraints.txt names.") from None
    if device is Device.CUDA and session.get_providers()[0] != "CUDAExecutionProvider":
        raise DeidError("The GPU cannot be used by ONNX Runtime here: choose the device cpu or mend its driver.")
    return session


def _logits(session: InferenceSession, views: NDArray[np.float32]) -> NDArray[np.float32]:
    (logits,) = session.run(None, {session.get_inputs()[0].name: views})
    return np.asarray(logits)[:, 0]


@cache
def cuda_libraries() -> bool:
    """Whether a GPU is there with all the libraries ONNX Runtime needs; they are loaded then, and nothing is printed.

    Naming the CUDA provider where a library is missing makes ONNX Runtime print errors, so each is tried first: where
    the system finds it, then in the packages ``nvidia-*`` of this Python.
    """
    try:
        driver, *_ = [_library(name) for name in _CUDA_LIBRARIES]
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def _library(name: str) -> ctypes.CDLL:
    for place in (name, *_packaged(name)):
        with suppress(OSError):
            return ctypes.CDLL(place)
    raise OSError


def _packaged(name: str) -> Iterator[str]:
    found = find_spec("nvidia")
    for root in (found.submodule_search_locations or ()) if found else ():
        yield from (str(Path(root, folder, name)) for folder in _CUDA_PACKAGES)


@cache
def runtime_version() -> str:
    """Version of ONNX Runtime, without loading it. Raises DeidError when it is not installed."""
    for name in _RUNTIMES:
        with suppress(importlib.metadata.PackageNotFoundError):
            return f"onnxruntime {importlib.metadata.version(name)}"
    raise DeidError("ONNX Runtime is not installed: install deid-platform with its dependencies.")
