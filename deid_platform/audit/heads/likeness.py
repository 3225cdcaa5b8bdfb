"""Whether what is left of a head still looks like a face: a net of the gate's own, which sees only surfaces.

It can refuse and never excuse: the measures of :mod:`deid_platform.audit.heads.proof` hold beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deid_platform.audit.heads.surface import DEEPEST, View
from deid_platform.pixels.sessions import MODELS, Device, ModelFile, described, model_file, open_session, undescribed

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_MODEL = "portrait"
_SIDE = 96
"""Points along both edges of a view that the net sees, from the left and from below."""


def verify_likeness(folder: Path = MODELS) -> None:
    """Raise DeidError where the net is missing or changed: else every head would be refused for that."""
    _described(folder)[0].verify()


def close_likeness() -> None:
    """Let go of the session of this process and its memory."""
    _session.cache_clear()


def _described(folder: Path = MODELS) -> tuple[ModelFile, float]:
    """The file, and the logit from which on a face is certain."""
    model = described(folder, _MODEL)
    try:
        return model_file(folder, model), float(model["precisions"]["fp32"]["thresholds"]["face"])
    except (ValueError, KeyError, TypeError):
        raise undescribed(_MODEL) from None


@cache
def _session() -> tuple[InferenceSession, float]:
    """The net, opened once in this process, and its threshold."""
    file, least = _described()
    return open_session(file, Device.CPU), least


def face_logit(seen: Sequence[View]) -> float:
    """How much the output looks like a face, the mean over its views. Raises DeidError without the model."""
    depths = np.stack([view.after[:, :_SIDE] for view in seen])[:, None]
    (logits,) = _session()[0].run(None, {"x": np.where(np.isnan(depths), np.float32(DEEPEST), depths)})
    return float(np.mean(logits))


def looks_like_a_face(seen: Sequence[View]) -> bool:
    """Whether a face is seen with certainty. Raises DeidError without the model."""
    return not face_logit(seen) < _session()[1]  # what is no number is no proof
