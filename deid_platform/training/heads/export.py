"""From trained weights to the ONNX file that is shipped, and its entry in the list of models.

    python -m deid_platform.training.heads.export --weights head.pt --out MODELS
    python -m deid_platform.training.heads.export --weights brain.pt --out MODELS --brain
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deid_platform.training.heads.net import BrainNet, HeadNet
from deid_platform.training.heads.scene import COARSE, FINE

OPSET = 17
_AXES = {
    "x": {2: "x", 3: "y", 4: "z"},
    "y": {2: "x", 3: "y", 4: "z"},
    "c": {2: "x_2", 3: "y_2", 4: "z_2"},
}


def export(net: HeadNet | BrainNet, folder: Path) -> str:
    """Write ``head.onnx`` or ``brain.onnx``, which take volumes of any size; return its sha-256."""
    brain = isinstance(net, BrainNet)
    outputs = ["y"] if brain else ["y", "c"]
    return written(net, folder / ("brain.onnx" if brain else "head.onnx"), FINE if brain else COARSE, outputs,
                   {name: _AXES[name] for name in ("x", *outputs)})  # fmt: skip


def written(
    net: nn.Module, path: Path, size: Sequence[int], outputs: Sequence[str], free: dict[str, dict[int, str]]
) -> str:
    """Write a net of one input ``x``, shape (1, 1, *size) but for what is ``free`` (names by axis); its sha-256."""
    torch.onnx.export(
        net.eval(), (torch.rand(1, 1, *size),), str(path), input_names=["x"], output_names=list(outputs),
        opset_version=OPSET, dynamic_axes=free, dynamo=False,
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def register(folder: Path, digest: str, model: str) -> None:
    """Put the sha-256 of a new file into ``models.json``, which must be there."""
    place = folder / "models.json"
    entries: dict[str, Any] = json.loads(place.read_text("utf-8"))
    entries[model]["precisions"]["fp32"]["sha256"] = digest
    place.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export a net of heads.")
    for name in ("weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--brain", action="store_true", help="the weights are those of the net that cuts out brains")
    given = parser.parse_args(arguments)
    net = BrainNet() if given.brain else HeadNet()
    net.load_state_dict(torch.load(given.weights, map_location="cpu", weights_only=True))
    register(given.out, export(net, given.out), "brain" if given.brain else "head")


if __name__ == "__main__":
    main()
