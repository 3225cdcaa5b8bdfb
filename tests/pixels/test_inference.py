"""The shipped models: verified before use, opened once, silent, the same everywhere."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deid_platform.errors import DeidError
from deid_platform.pixels import inference
from deid_platform.pixels.inference import Precision, choose_detector, close_detectors, model_files, open_detector
from deid_platform.pixels.selftest import agree, example
from deid_platform.pixels.sessions import MODELS, Device, cuda_libraries, runtime_version

FP32, INT8 = Precision.FP32, Precision.INT8
PRECISIONS = pytest.mark.parametrize("precision", [FP32, INT8])


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_detectors()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped models."""
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def test_the_list_describes_the_files_that_are_shipped() -> None:
    files = model_files()
    assert set(files) == {FP32, INT8}
    for file in files.values():
        file.verify()
        assert file.thresholds.grow < file.thresholds.seed


@PRECISIONS
def test_the_text_detector_sees_writing_and_not_the_ground(precision: Precision) -> None:
    detector = open_detector(choose_detector(precision, "cpu"))
    (logits,) = detector.logits(example())
    assert (logits.shape, logits.dtype) == ((24, 64), np.float32)
    assert (logits[3:6, 4:29] > detector.thresholds.grow).mean() > 0.9
    assert (logits[14:17, 26:54] > detector.thresholds.grow).mean() > 0.9
    assert (logits[20:] < detector.thresholds.seed).all()


@PRECISIONS
def test_it_gives_the_same_each_time_and_alone_or_among_others(precision: Precision) -> None:
    detector = open_detector(choose_detector(precision, "cpu"))
    (alone,) = detector.logits(example())
    blank = np.full_like(example(), 0.5)
    among = detector.logits(np.concatenate([blank, example(), blank]))
    np.testing.assert_array_equal(detector.logits(example())[0], alone)
    np.testing.assert_allclose(among[1], alone, atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (16, 240), (256, 48)])
def test_pictures_of_any_multiple_of_sixteen_go_in(shape: tuple[int, int]) -> None:
    detector = open_detector(choose_detector("fp32", "cpu"))
    assert detector.logits(np.zeros((2, 2, *shape), np.float32)).shape == (2, shape[0] // 4, shape[1] // 4)


def test_a_process_opens_a_detector_once_until_it_is_closed() -> None:
    spec = choose_detector("fp32", "cpu")
    first = open_detector(spec)
    assert open_detector(copy.deepcopy(spec)) is first
    close_detectors()
    assert open_detector(spec) is not first


@PRECISIONS
def test_a_changed_or_missing_file_is_told_by_name(folder: Path, precision: Precision) -> None:
    spec = choose_detector(precision, "cpu", folder)
    file = model_files(folder)[precision].path
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    for ask in (lambda: choose_detector(precision, "cpu", folder), lambda: open_detector(spec, folder)):
        with pytest.raises(DeidError, match=rf"{file.name} .*SHA-256 differs.*install deid-platform again"):
            ask()
    file.unlink()
    with pytest.raises(DeidError, match=f"{file.name} is missing"):
        choose_detector(precision, "cpu", folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"text": {}}', '{"text": {"version": 1, "precisions": {"fp8": 1}}}'])
def test_a_list_that_cannot_be_used_is_an_error(folder: Path, text: str) -> None:
    (folder / "models.json").write_text(text)
    with pytest.raises(DeidError, match="does not describe the model text"):
        choose_detector("fp32", "cpu", folder)


def test_a_worker_with_another_version_of_the_model_refuses() -> None:
    spec = replace(choose_detector("fp32", "cpu"), sha256="0" * 64)
    with pytest.raises(DeidError, match="another version of the model"):
        open_detector(spec)


def test_a_file_that_is_no_model_is_an_error(folder: Path) -> None:
    listed = json.loads((folder / "models.json").read_text())
    (folder / "text-fp32.onnx").write_bytes(b"no model")
    listed["text"]["precisions"]["fp32"]["sha256"] = hashlib.sha256(b"no model").hexdigest()
    (folder / "models.json").write_text(json.dumps(listed))
    spec = choose_detector("fp32", "cpu", folder)
    with pytest.raises(DeidError, match=r"text-fp32\.onnx cannot be opened") as caught:
        open_detector(spec, folder)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("precision", "device"), [("fp16", "auto"), ("auto", "tpu"), ("", "cpu")])
def test_unknown_words_are_refused_with_those_that_are_known(precision: str, device: str) -> None:
    with pytest.raises(DeidError, match=r"must be one of auto, (fp32, int8|cpu, cuda)"):
        choose_detector(precision, device)


@pytest.mark.skipif(cuda_libraries(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_and_auto_does_without() -> None:
    with pytest.raises(DeidError, match="CUDA 13, cuDNN 9 or a GPU are missing"):
        choose_detector("auto", "cuda")
    assert choose_detector("auto", "auto").device is Device.CPU


def test_integers_are_chosen_on_processors() -> None:
    assert choose_detector("auto", "cpu") == choose_detector("int8", "cpu")


def test_integers_that_do_not_agree_with_floating_point_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = choose_detector("int8", "cpu")
    close_detectors()
    monkeypatch.setattr(inference, "agree", lambda *_: False)
    assert choose_detector("auto", "cpu").precision is FP32
    for ask in (lambda: choose_detector("int8", "cpu"), lambda: open_detector(spec)):
        with pytest.raises(DeidError, match="set the precision to fp32"):
            ask()


def test_two_models_agree_when_each_finds_likely_what_the_other_is_sure_of() -> None:
    none, some = np.zeros((4, 5), np.bool_), np.zeros((4, 5), np.bool_)
    some[1, :4] = True
    wider = some.copy()
    wider[2] = True
    assert agree((some, some), (some, wider))
    assert not agree((none, none), (none, none))
    assert not agree((some, some), (none, none))
    assert not agree((some, some), (wider, wider))


def test_what_decides_is_part_of_the_identity() -> None:
    spec = choose_detector("fp32", "cpu")
    others = [
        replace(spec, precision=INT8), replace(spec, device=Device.CUDA), replace(spec, version="x"),
        replace(spec, sha256="0" * 64), replace(spec, model="heads"),
    ]  # fmt: skip
    assert len({one.identity for one in (spec, *others)}) == 6
    assert runtime_version() in spec.identity


def test_opening_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for precision in ("fp32", "int8"):
        open_detector(choose_detector(precision, "auto")).logits(example())
    assert capfd.readouterr() == ("", "")


def test_the_runtime_reports_to_nobody_and_leaves_nothing_behind(tmp_path: Path) -> None:
    code = "from deid_platform.pixels.inference import *; open_detector(choose_detector('fp32', 'cpu'))"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], env=environment | {"TMPDIR": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
