from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from deid_platform.errors import DeidError
from deid_platform.heads.net import HEAD, PRESENCE, choose_head_net
from deid_platform.pixels.inference import Precision, choose_detector, open_detector
from deid_platform.pixels.sessions import MODELS, Device, described
from resources import models
from resources.models import ModelsResource


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEID_PRECISION", "DEID_DEVICE"):
        monkeypatch.setenv(name, "")
    assert ModelsResource.from_environment().detector() == choose_detector()
    monkeypatch.setenv("DEID_PRECISION", "int8")
    monkeypatch.setenv("DEID_DEVICE", "cpu")
    spec = ModelsResource.from_environment().detector()
    assert (spec.precision, spec.device) == (Precision.INT8, Device.CPU)


def test_a_setting_nobody_knows_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(dg.DagsterResourceFunctionError) as caught,
        dg.build_resources({"models": ModelsResource(precision="int4")}),
    ):
        pass
    assert isinstance(caught.value.__cause__, DeidError)
    assert "one of auto, fp32, int8" in str(caught.value.__cause__)


@pytest.mark.parametrize("model", [HEAD, PRESENCE])
def test_a_changed_model_of_heads_is_told_before_any_work(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(MODELS, tmp_path / "models"))
    file = folder / described(folder, model)["precisions"]["fp32"]["file"]
    file.write_bytes(file.read_bytes() + b" ")
    monkeypatch.setattr(models, "choose_head_net", partial(choose_head_net, folder))
    with pytest.raises(dg.DagsterResourceFunctionError) as caught, dg.build_resources({"models": ModelsResource()}):
        pass
    assert isinstance(caught.value.__cause__, DeidError)
    assert file.name in str(caught.value.__cause__)


class Holder(dg.ConfigurableResource):  # type: ignore[type-arg]
    models: ModelsResource


def test_what_was_opened_in_this_process_is_closed_with_the_resource_also_inside_another() -> None:
    with dg.build_resources({"holder": Holder(models=ModelsResource(precision="fp32", device="cpu"))}) as resources:
        spec = resources.holder.models.detector()
        first = open_detector(spec)
        assert open_detector(spec) is first
    assert open_detector(spec) is not first
