"""Whether what is left of a head still looks like a face: a net of the gate's own, which sees only surfaces.

It can refuse and never excuse: the measures of :mod:`deid_platform.audit.heads.proof` hold beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from deid_platform.audit.heads.surface import DEEPEST, View
from deid_platform.pixels.sessions import MODELS, Device, ModelFile, described, open_session, undescribed

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_MODEL = "portrait"
_SIDE = 96
"""Points along both edges of a view that the net sees, from the left and from below."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seer:
    session: InferenceSession
    least: float


@cache
def _seer() -> _Seer:
    """The net, opened once in this process. Raises DeidError where its file is missing or changed."""
    model = described(MODELS, _MODEL)
    try:
        file = model["precisions"]["fp32"]
        source = ModelFile(str(model["version"]), MODELS / file["file"], file["sha256"], int(file["opset"]))
        least = float(file["thresholds"]["face"])
    except (ValueError, KeyError, TypeError):
        raise undescribed(_MODEL) from None
    return _Seer(open_session(source, Device.CPU), least)


def face_logit(seen: Sequence[View]) -> float:
    """How much the output looks like a face, the mean over its views. Raises DeidError without the model."""
    depths = np.stack([view.after[:, :_SIDE] for view in seen])[:, None]
    (logits,) = _seer().session.run(None, {"x": np.where(np.isnan(depths), np.float32(DEEPEST), depths)})
    return float(np.mean(logits))


def looks_like_a_face(seen: Sequence[View]) -> bool:
    """Whether a face is seen with certainty. Raises DeidError without the model."""
    return face_logit(seen) >= _seer().least
