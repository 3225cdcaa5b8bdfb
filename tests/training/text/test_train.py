"""Training needs PyTorch, which only the extra `train` installs: `make train-smoke` runs these."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-smoke installs it and runs this.")
pytest.importorskip("onnx", reason="ONNX is not installed: make train-smoke installs it and runs this.")

from deid_platform.pixels.inference import choose_detector, open_detector  # noqa: E402
from deid_platform.training.text.backgrounds import load  # noqa: E402
from deid_platform.training.text.export import OPSET, export, register  # noqa: E402
from deid_platform.training.text.net import TextNet, loss_of  # noqa: E402
from deid_platform.training.text.scene import Scenes  # noqa: E402
from deid_platform.training.text.train import Recipe, train  # noqa: E402
from deid_platform.training.text.typefaces import by_script, typefaces  # noqa: E402


def test_the_loss_tells_right_from_wrong() -> None:
    text = torch.zeros(1, 1, 64, 64)
    text[..., 16:32, 16:48] = 1
    right = torch.where(torch.nn.functional.avg_pool2d(text, 4) > 0.5, 8.0, -8.0)
    assert loss_of(right, text) < 0.01 < loss_of(torch.zeros_like(right), text) < loss_of(-right, text)


def test_twenty_steps_train_a_net_that_can_be_exported_and_opened(
    tmp_path: Path, backgrounds: Path, fonts: Path
) -> None:
    recipe = Recipe(backgrounds, fonts, tmp_path / "text.pt", steps=20, batch=4, mine_every=10)
    net = train(recipe)
    kept = TextNet()
    kept.load_state_dict(torch.load(recipe.out, weights_only=True))
    kept.eval()
    views = np.random.default_rng(0).random((1, 2, 64, 96), np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(views)).numpy()
        assert np.allclose(kept(torch.from_numpy(views)).numpy(), expected, atol=1e-5)
    assert expected.shape == (1, 1, 16, 24)

    scenes = Scenes(load(backgrounds), by_script(typefaces(fonts)), random.Random(0))
    blank = {"sha256": "", "opset": OPSET, "thresholds": {"seed": 0.0, "grow": -1.0}}
    precisions = {name: blank | {"file": f"text-{name}.onnx"} for name in ("fp32", "int8")}
    (tmp_path / "models.json").write_text(json.dumps({"text": {"version": "0", "precisions": precisions}}))
    register(tmp_path, export(net, scenes, tmp_path))
    detector = open_detector(choose_detector("fp32", "cpu", tmp_path), tmp_path)
    assert np.allclose(detector.logits(views), expected[:, 0], atol=1e-4)
