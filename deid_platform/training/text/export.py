"""From trained weights to the ONNX files that are shipped, and the entry in their register.

    python -m deid_platform.training.text.export --weights text.pt --backgrounds DIR --fonts DIR --out MODELS
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from deid_platform.training.text.backgrounds import load
from deid_platform.training.text.net import TextNet
from deid_platform.training.text.scene import Scenes
from deid_platform.training.text.typefaces import by_script, typefaces

OPSET = 17
_CALIBRATION_SCENES = 64
_AXES = {"x": {0: "n", 2: "rows", 3: "columns"}, "y": {0: "n", 2: "rows_4", 3: "columns_4"}}


class _Calibration(CalibrationDataReader):
    """Scenes from which the ranges of activations are taken."""

    def __init__(self, scenes: Scenes) -> None:
        self._left = [scenes.next().views for _ in range(_CALIBRATION_SCENES)]

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """One input, or None at the end."""
        return {"x": np.asarray(self._left.pop()[None] / np.float32(255), np.float32)} if self._left else None


def export(net: TextNet, scenes: Scenes, folder: Path) -> dict[str, str]:
    """Write ``text-fp32.onnx`` and ``text-int8.onnx``; return their sha-256 by precision."""
    files = {precision: folder / f"text-{precision}.onnx" for precision in ("fp32", "int8")}
    sample = torch.rand(1, 2, 256, 256)
    torch.onnx.export(
        net.eval(), (sample,), str(files["fp32"]), input_names=["x"], output_names=["y"], opset_version=OPSET,
        dynamic_axes=_AXES, dynamo=False,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        prepared = str(Path(scratch, "prepared.onnx"))
        quant_pre_process(str(files["fp32"]), prepared, skip_symbolic_shape=True)
        # Seven bits for weights: without VNNI, products of eight bits overflow the sums of two in 16 bits.
        quantize_static(
            prepared, str(files["int8"]), _Calibration(scenes), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, reduce_range=True,
        )  # fmt: skip
    return {precision: hashlib.sha256(path.read_bytes()).hexdigest() for precision, path in files.items()}


def register(folder: Path, digests: dict[str, str]) -> None:
    """Put the sha-256 of new files into ``models.json``, which must be there."""
    place = folder / "models.json"
    entries: dict[str, Any] = json.loads(place.read_text("utf-8"))
    for precision, digest in digests.items():
        entries["text"]["precisions"][precision]["sha256"] = digest
    place.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export the text detector.")
    for name in ("weights", "backgrounds", "fonts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    net = TextNet()
    net.load_state_dict(torch.load(given.weights, weights_only=True))
    faces = by_script([face for face in typefaces(given.fonts) if not face.held_out])
    scenes = Scenes(load(given.backgrounds), faces, random.Random(0))
    register(given.out, export(net, scenes, given.out))


if __name__ == "__main__":
    main()
