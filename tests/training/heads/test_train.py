"""Training needs PyTorch, which only the extra `train` installs: `make train-smoke` runs these."""

import json
from pathlib import Path

import numpy as np
import pytest

from deid_platform.training.heads.labels import STRUCTURES, LabelledHead

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make train-smoke installs it and runs this.")
pytest.importorskip("onnx", reason="ONNX is not installed: make train-smoke installs it and runs this.")
onnxruntime = pytest.importorskip("onnxruntime")

from deid_platform.training.heads import portrait, presence  # noqa: E402
from deid_platform.training.heads.export import export, register  # noqa: E402
from deid_platform.training.heads.net import BrainNet, HeadNet, loss_of, overlap_loss  # noqa: E402
from deid_platform.training.heads.portraits import FAR, SIDE, Portraits  # noqa: E402
from deid_platform.training.heads.scene import COARSE, FINE, Scenes, Shares  # noqa: E402
from deid_platform.training.heads.train import Recipe, heads_in, train  # noqa: E402

# The exporter to ONNX is an old one, and says so; what it warns of on the way are checks of sizes.
EXPORTING = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:ONNX export mode is set:UserWarning"
)


def test_the_loss_tells_right_from_wrong_structures_and_places() -> None:
    labels = torch.zeros(1, len(STRUCTURES), 16, 16, 16)
    labels[:, :, 4:12, 4:12, 4:12] = 1
    where, seen = torch.zeros(1, 3, 8, 8, 8), torch.ones(1, 1, 16, 16, 16)
    right = 16 * labels - 8
    best = loss_of(right, where, labels, where, seen)
    assert best < loss_of(right, where + 0.3, labels, where, seen)
    assert best < loss_of(-right, where, labels, where, seen)


def test_scenes_follow_the_seed_and_the_head(head: LabelledHead) -> None:
    first, second = Scenes([head], 3), Scenes([head], 3)
    for fine in (False, True, False, False):
        scene, same = first.next(fine=fine), second.next(fine=fine)
        assert scene.volume.shape == (1, *(FINE if fine else COARSE))
        assert np.array_equal(scene.volume, same.volume)
        assert np.array_equal(scene.labels, same.labels)
        assert 0 <= scene.volume.min() <= scene.volume.max() <= 1.5
        assert np.isnan(scene.where).all() if fine else np.abs(scene.where).max() < 6  # hundreds of mm


def test_a_batch_holds_scenes_of_one_pass(head: LabelledHead) -> None:
    scenes, shapes = Scenes([head], 4, Shares(fine=0.5)), set()
    for _ in range(8):
        batch = scenes.batch(2)
        assert len(batch.volume) == len(batch.labels) == len(batch.where) == len(batch.seen) == 2
        assert not np.array_equal(batch.volume[0], batch.volume[1])
        shapes.add(batch.volume.shape[2:])
    assert shapes == {COARSE, FINE}


def registered(net: HeadNet | BrainNet, model: str, folder: Path) -> bool:
    """Export a net; whether the list of models then tells its sha-256."""
    place = folder / "models.json"
    place.write_text(json.dumps({model: {"precisions": {"fp32": {"sha256": ""}}}}))
    digest = export(net, folder)
    register(folder, digest, model)
    return bool(json.loads(place.read_text())[model]["precisions"]["fp32"]["sha256"] == digest)


@EXPORTING
def test_a_few_steps_train_a_net_that_can_be_exported_and_opened(tmp_path: Path, head: LabelledHead) -> None:
    head.save(tmp_path / "egg.npz")
    net = train(Recipe(tmp_path, tmp_path / "head.pt", steps=3, batch=2, workers=2))
    kept = HeadNet()
    kept.load_state_dict(torch.load(tmp_path / "head.pt", weights_only=True))

    assert registered(kept, "head", tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "head.onnx"), providers=["CPUExecutionProvider"])
    volume = np.random.default_rng(0).random((1, 1, 32, 48, 16), np.float32)
    logits, where = session.run(None, {"x": volume})
    with torch.no_grad():
        expected = net(torch.from_numpy(volume))
    assert logits.shape == (1, len(STRUCTURES), 32, 48, 16)
    assert where.shape == (1, 3, 16, 24, 8)
    assert np.allclose(logits, expected[0].numpy(), atol=1e-3)
    assert np.allclose(where, expected[1].numpy(), atol=1e-3)


@EXPORTING
def test_a_few_steps_train_a_net_that_cuts_out_brains(tmp_path: Path, head: LabelledHead) -> None:
    head.save(tmp_path / "egg.npz")
    net = train(Recipe(tmp_path, tmp_path / "brain.pt", steps=2, brain=True))
    assert isinstance(net, BrainNet)
    assert registered(net, "brain", tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "brain.onnx"), providers=["CPUExecutionProvider"])
    volume = np.random.default_rng(0).random((1, 1, 32, 48, 16), np.float32)
    (logits,) = session.run(None, {"x": volume})
    with torch.no_grad():
        assert np.allclose(logits, net(torch.from_numpy(volume)).numpy(), atol=1e-3)
    assert logits.shape == volume.shape


def test_what_lies_outside_of_the_field_of_view_counts_little_for_a_brain() -> None:
    labels, seen = torch.zeros(1, 1, 16, 16, 16), torch.zeros(1, 1, 16, 16, 16)
    labels[..., 4:12], seen[..., :12] = 1, 1
    right = 16 * labels - 8
    wrong_unseen, wrong_seen = right.clone(), right.clone()
    wrong_unseen[..., 12:], wrong_seen[..., :4] = 8, 8
    assert overlap_loss(right, labels, seen) < overlap_loss(wrong_unseen, labels, seen)
    assert 5 * overlap_loss(wrong_unseen, labels, seen) < overlap_loss(wrong_seen, labels, seen)


@EXPORTING
def test_a_few_steps_train_a_net_that_tells_whether_there_is_a_head(tmp_path: Path, head: LabelledHead) -> None:
    net = presence.train(Scenes([head], 1, presence.SHARES), seed=1, steps=2)
    assert len(presence.export(net, tmp_path)) == 64
    session = onnxruntime.InferenceSession(str(tmp_path / presence.FILE), providers=["CPUExecutionProvider"])
    volume = np.random.default_rng(0).random((1, 1, *COARSE), np.float32)
    (logits,) = session.run(None, {"x": volume})
    with torch.no_grad():
        assert np.allclose(logits, net(torch.from_numpy(volume)).numpy(), atol=1e-4)


def test_what_a_scene_shows_decides_whether_it_holds_a_head_and_a_face(head: LabelledHead) -> None:
    told = {presence.truth(scene) for scene in (Scenes([head], n, presence.SHARES).next() for n in range(24))}
    assert (0.0, 0.0) in told
    assert (1.0, 1.0) in told


def test_a_folder_without_heads_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No labelled heads"):
        heads_in(tmp_path)


def test_left_is_left_in_mirrored_scenes_too(head: LabelledHead) -> None:
    scenes = Scenes([head], 5)
    for _ in range(12):
        scene = scenes.next(fine=False)
        inside = scene.labels[STRUCTURES.index("head"), ::2, ::2, ::2] > 0
        if inside.sum() > 500:
            across = np.arange(inside.shape[0])[:, None, None] * np.ones(inside.shape)
            assert np.corrcoef(across[inside], scene.where[0][inside])[0, 1] > 0.5


def test_views_follow_the_seed_and_are_told_by_the_skin_that_is_left(head: LabelledHead) -> None:
    first, second = Portraits([head], 2), Portraits([head], 2)
    shares = set()
    for _ in range(12):
        (view, share), (same, _) = first.next(), second.next()
        assert torch.equal(view, same)
        assert view.shape == (SIDE, SIDE)
        assert 0 <= view.min() <= view.max() <= FAR
        shares.add(share)
    assert min(shares) < 0.05
    assert 0.5 < max(shares) <= 1


@EXPORTING
def test_a_few_steps_train_a_net_that_sees_faces(tmp_path: Path, head: LabelledHead) -> None:
    head.save(tmp_path / "egg.npz")
    net = portrait.train(portrait.Recipe(tmp_path, steps=2, batch=4))
    assert len(portrait.export(net, tmp_path)) == 64
    session = onnxruntime.InferenceSession(str(tmp_path / portrait.FILE), providers=["CPUExecutionProvider"])
    depths = np.random.default_rng(0).uniform(0, FAR, (3, 1, SIDE, SIDE)).astype(np.float32)
    (logits,) = session.run(None, {"x": depths})
    with torch.no_grad():
        assert np.allclose(logits, net(torch.from_numpy(depths)).numpy(), atol=1e-3)
