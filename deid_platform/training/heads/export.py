"""From trained weights to the ONNX file that is shipped, and its entry in the list of models.

    python -m deid_platform.training.heads.export --weights head.pt --out MODELS
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from deid_platform.training.heads.net import HeadNet
from deid_platform.training.heads.scene import COARSE

OPSET = 17
FILE = "head.onnx"
_AXES = {
    "x": {2: "x", 3: "y", 4: "z"},
    "y": {2: "x", 3: "y", 4: "z"},
    "c": {2: "x_2", 3: "y_2", 4: "z_2"},
}


def export(net: HeadNet, folder: Path) -> str:
    """Write ``head.onnx``, which takes volumes of any size; return its sha-256."""
    path = folder / FILE
    torch.onnx.export(
        net.eval(), (torch.rand(1, 1, *COARSE),), str(path), input_names=["x"], output_names=["y", "c"],
        opset_version=OPSET, dynamic_axes=_AXES, dynamo=False,
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def register(folder: Path, digest: str, model: str = "head") -> None:
    """Put the sha-256 of a new file into ``models.json``, which must be there."""
    place = folder / "models.json"
    entries: dict[str, Any] = json.loads(place.read_text("utf-8"))
    entries[model]["precisions"]["fp32"]["sha256"] = digest
    place.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export the net that finds heads.")
    for name in ("weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    net = HeadNet()
    net.load_state_dict(torch.load(given.weights, map_location="cpu", weights_only=True))
    register(given.out, export(net, given.out))


if __name__ == "__main__":
    main()
