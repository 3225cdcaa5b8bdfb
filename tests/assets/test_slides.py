"""A drop with a slide that is a file and a folder, through Dagster."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from tests.builders.chain import KEY, land
from tests.builders.deployment import deployed, failures, steps
from tests.builders.dicom import encode, image, person
from tests.builders.mirax import NEEDLES, Mirax
from tests.builders.slides import aperio, tiff_bytes


@pytest.mark.usefixtures("unread")
def test_a_slide_and_its_folder_go_through_the_chain_as_one_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEID_KEY", KEY.hex())
    files = {f"Doe Jane/{name}" if name else "Doe Jane.mrxs": data for name, data in Mirax().members().items()}
    beside = {"slide.svs": tiff_bytes(aperio()), "image.dcm": encode(image(person(7), rows=32, columns=32))}
    land(tmp_path, {**files, **beside})
    with dg.DagsterInstance.ephemeral() as instance:
        deployment = deployed(tmp_path, instance, "research")
        for batch in deployment.batches():
            result = deployment.run(batch)
            assert not failures(result)
            assert {"raw", "scrubbed", "pixel_cleaned", "released"} <= steps(result)
        assert not deployment.batches()
    released = {path.suffix: path for path in tmp_path.joinpath("released").rglob("*") if path.is_file()}
    assert {".tar", ".dcm", ".svs"} <= set(released)
    assert not [needle for needle in NEEDLES if needle in released[".tar"].read_bytes()]
