"""Model files, verified by SHA-256, and sessions of ONNX Runtime to run them: one thread, no noise, no network."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid_platform.errors import DeidError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODELS = Path(__file__).parent / "models"
"""The folder of the shipped models."""

# CUDA 13 and cuDNN 9, which ONNX Runtime is built for, in the order in which they need each other.
_CUDA_LIBRARIES = ("libcuda.so.1", "libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10",
                   "libcufft.so.12", "libcudnn.so.9")  # fmt: skip
_CUDA_PACKAGES = ("cu13/lib", "cudnn/lib")
_ERROR = 3  # of ONNX Runtime's levels of severity: warnings are not shown
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


class Device(StrEnum):
    """Where a model is computed."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, as ``models.json`` describes it; ``path`` is where it lies."""

    version: str
    path: Path
    sha256: str
    opset: int

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


def described(folder: Path, model: str) -> dict[str, Any]:
    """What ``models.json`` says of a model. Raises DeidError when it says nothing."""
    try:
        return dict(json.loads((folder / "models.json").read_text("utf-8"))[model])
    except (OSError, ValueError, KeyError, TypeError):
        raise undescribed(model) from None


def model_file(folder: Path, model: Mapping[str, Any]) -> ModelFile:
    """The fp32 file of what :func:`described` gives. Raises KeyError, TypeError or ValueError where it names none."""
    file = model["precisions"]["fp32"]
    return ModelFile(str(model["version"]), folder / file["file"], file["sha256"], int(file["opset"]))


def undescribed(model: str) -> DeidError:
    """The error that the list of models cannot be used."""
    return DeidError(f"The list of models does not describe the model {model}: install deid-platform again.")


def open_session(file: ModelFile, device: Device) -> InferenceSession:
    """A session of one thread that says nothing and computes the same way each time.

    Raises
    ------
    DeidError
        The file is not the one that was released, this runtime cannot open it, or the device cannot be used.
    """
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
