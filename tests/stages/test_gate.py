from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deid_platform.audit import checks
from deid_platform.audit.checks import GATE_CHECKS, CheckResult
from deid_platform.audit.expectations import unmet_expectations
from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.identity import Identity
from deid_platform.layout import findings_key, manifest_key, verdict_key
from deid_platform.manifest import Manifest, read_findings, write_manifest
from deid_platform.model import Severity, Stage
from deid_platform.stages.gate import GATE_VERSION, Verdict, judge_batch, read_verdict
from deid_platform.stages.pipeline import Pipeline, require
from deid_platform.stages.pixels import clean_pixels, pixel_digest
from deid_platform.stages.raw import take_in
from deid_platform.stages.released import release
from deid_platform.stages.scrubbed import scrub
from tests.builders.chain import KEY, land, pipeline, seal, small_files
from tests.builders.dicom import encode, person, report
from tests.builders.sabotage import leak

pytestmark = pytest.mark.usefixtures("unruled")

TWO = {f"{n}.dcm": encode(report(person(n))) for n in (0, 1)}


def cleaned(root: Path, files: dict[str, bytes] = TWO) -> tuple[Pipeline, str]:
    """A batch ready for the gate."""
    land(root, files)
    used = pipeline(root)
    (batch,) = seal(used)
    for stage in (take_in, scrub, clean_pixels):
        stage(used, batch)
    return used, batch


def manifest_of(used: Pipeline, batch: str) -> Manifest:
    return require(used, Stage.PIXEL_CLEANED, batch, pixel_digest(used, batch))


def verdict_of(used: Pipeline, batch: str) -> Verdict:
    return read_verdict(used, manifest_of(used, batch), pixel_digest(used, batch))


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_a_clean_batch_passes_every_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "unmet_expectations", unmet_expectations)  # the real rules
    used, batch = cleaned(tmp_path, small_files())
    gate = judge_batch(used, batch)
    assert gate.verdict.passed
    assert not gate.findings
    assert not gate.verdict.refused
    assert [check.name for check in gate.verdict.checks] == list(GATE_CHECKS)
    assert verdict_of(used, batch) == gate.verdict


def test_judging_again_writes_the_same_bytes(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    judge_batch(used, batch)
    digest = pixel_digest(used, batch)
    files = [tmp_path / findings_key(batch, digest), tmp_path / verdict_key(batch, digest)]
    before = [file.read_bytes() for file in files]
    judge_batch(used, batch)
    assert [file.read_bytes() for file in files] == before


def test_an_identifier_that_survived_refuses_its_item_and_lets_the_rest_go(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    item = leak(used, batch, tmp_path)
    gate = judge_batch(used, batch)
    assert gate.verdict.passed
    assert gate.verdict.refused == {item: "residual_identifier"}
    result = release(used, batch)
    assert {(entry.item, entry.stage, entry.reason) for entry in result.manifest.quarantined} == {
        (item, "released", "residual_identifier")
    }
    assert len(result.manifest.passed) == 1


def test_findings_and_verdict_tell_where_and_which_rule_and_never_what(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    item = leak(used, batch, tmp_path)
    found = judge_batch(used, batch).findings
    digest = pixel_digest(used, batch)
    assert read_findings(used.zones.trusted, findings_key(batch, digest)) == found
    assert {(one.item, one.rule, one.severity) for one in found} == {(item, "residual_identifier", Severity.ITEM)}
    told = repr(found) + (tmp_path / verdict_key(batch, digest)).read_text()
    assert "0008,103" in told.upper()
    assert not [name for name in (person(0).family, person(1).family) if name.lower() in told.lower()]


def test_an_object_that_is_not_the_one_described_blocks_the_batch(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    path = tmp_path / manifest_of(used, batch).passed[0].object
    path.write_bytes(path.read_bytes() + b"\0\0")
    verdict = judge_batch(used, batch).verdict
    assert failed(verdict) == ["objects_intact"]
    with pytest.raises(UnsafeToRelease, match=r"did not pass the gate \(objects_intact\)"):
        verdict_of(used, batch)


def test_an_item_that_cannot_be_inspected_is_refused(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    (tmp_path / "landing/north/2024-03-01/0.dcm").unlink()
    gate = judge_batch(used, batch)
    assert list(gate.verdict.refused.values()) == ["source_changed"]
    assert gate.verdict.passed


def test_without_the_originals_nothing_is_judged(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    (tmp_path / "landing").rename(tmp_path / "unplugged")
    with pytest.raises(StoreError, match="cannot be listed"):
        judge_batch(used, batch)
    assert not (tmp_path / verdict_key(batch, pixel_digest(used, batch))).exists()


def test_an_item_that_got_lost_on_the_way_blocks_the_batch(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    digest = pixel_digest(used, batch)
    fewer = manifest_of(used, batch).entries[1:]
    write_manifest(
        used.zones.trusted, manifest_key(Stage.PIXEL_CLEANED, batch, digest), Stage.PIXEL_CLEANED, batch, fewer
    )
    assert failed(judge_batch(used, batch).verdict) == ["pixel_cleaned_reconciled"]


def test_an_item_whose_pixels_nobody_judged_blocks_the_batch(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    rows = [replace(entry, rule="") for entry in manifest_of(used, batch).entries]
    key = manifest_key(Stage.PIXEL_CLEANED, batch, pixel_digest(used, batch))
    write_manifest(used.zones.trusted, key, Stage.PIXEL_CLEANED, batch, rows)
    assert failed(judge_batch(used, batch).verdict) == ["pixels_judged"]


def test_the_gate_asks_for_the_stages_before_it(tmp_path: Path) -> None:
    land(tmp_path, TWO)
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    for stage, missing in ((take_in, "raw"), (scrub, "scrubbed"), (clean_pixels, "pixel_cleaned")):
        with pytest.raises(UnsafeToRelease, match=f"materialise {missing} first"):
            judge_batch(used, batch)
        stage(used, batch)
    assert judge_batch(used, batch).verdict.passed


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pipeline, str]:
    """A batch that passed. Tests put the verdict back as they found it."""
    root = tmp_path_factory.mktemp("judged")
    used, batch = cleaned(root)
    judge_batch(used, batch)
    return root, used, batch


def forged(judged: tuple[Path, Pipeline, str], data: bytes, message: str) -> None:
    """Reading the verdict fails while ``data`` stands in its place."""
    root, used, batch = judged
    path = root / verdict_key(batch, pixel_digest(used, batch))
    original = path.read_bytes()
    path.write_bytes(data)
    try:
        with pytest.raises(UnsafeToRelease, match=message):
            verdict_of(used, batch)
        with pytest.raises(UnsafeToRelease, match=message):
            release(used, batch)
        assert not (root / "released").exists()
    finally:
        path.write_bytes(original)
    assert verdict_of(used, batch).passed


def sealed(verdict: Verdict, identity: Identity) -> bytes:
    """A verdict as the gate writes it."""
    text = json.dumps(asdict(verdict), sort_keys=True)
    return json.dumps({"verdict": text, "seal": identity.seal(text)}).encode()


NOT_OURS = "not one of this gate"


def test_a_verdict_edited_by_hand_is_no_verdict(judged: tuple[Path, Pipeline, str]) -> None:
    root, used, batch = judged
    outer = json.loads((root / verdict_key(batch, pixel_digest(used, batch))).read_bytes())
    inner = json.loads(outer["verdict"]) | {"refused": {"AAAAAAAAAAAAAAAA": "malformed"}}
    forged(judged, json.dumps(outer | {"verdict": json.dumps(inner, sort_keys=True)}).encode(), NOT_OURS)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"verdict": 1, "seal": 2}', b"not JSON"])
def test_what_is_no_verdict_is_refused(judged: tuple[Path, Pipeline, str], data: bytes) -> None:
    forged(judged, data, NOT_OURS)


def test_a_verdict_under_another_key_is_no_verdict(judged: tuple[Path, Pipeline, str]) -> None:
    _, used, batch = judged
    forged(judged, sealed(verdict_of(used, batch), Identity(KEY[::-1], "north")), NOT_OURS)


def test_a_verdict_on_another_manifest_is_refused(judged: tuple[Path, Pipeline, str]) -> None:
    _, used, batch = judged
    verdict = replace(verdict_of(used, batch), manifest_sha256="0" * 64)
    forged(judged, sealed(verdict, used.identity), "on another manifest")


def test_a_verdict_on_another_batch_is_refused(judged: tuple[Path, Pipeline, str]) -> None:
    _, used, batch = judged
    forged(judged, sealed(replace(verdict_of(used, batch), batch="north-other"), used.identity), NOT_OURS)


def test_a_verdict_of_another_gate_is_refused(judged: tuple[Path, Pipeline, str]) -> None:
    _, used, batch = judged
    verdict = replace(verdict_of(used, batch), gate=f"{GATE_VERSION}0")
    forged(judged, sealed(verdict, used.identity), NOT_OURS)


def test_a_verdict_that_the_batch_failed_is_refused(judged: tuple[Path, Pipeline, str]) -> None:
    _, used, batch = judged
    verdict = replace(verdict_of(used, batch), checks=(CheckResult("complete", passed=False),))
    forged(judged, sealed(verdict, used.identity), r"did not pass the gate \(complete\)")


def test_without_a_verdict_there_is_no_release(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    with pytest.raises(UnsafeToRelease, match="has not judged"):
        release(used, batch)
    assert not (tmp_path / "released").exists()


def test_a_manifest_changed_after_the_verdict_is_not_released(tmp_path: Path) -> None:
    used, batch = cleaned(tmp_path)
    judge_batch(used, batch)
    rows = [replace(entry, rule="no_pixel_data_at_all") for entry in manifest_of(used, batch).entries]
    key = manifest_key(Stage.PIXEL_CLEANED, batch, pixel_digest(used, batch))
    write_manifest(used.zones.trusted, key, Stage.PIXEL_CLEANED, batch, rows)
    with pytest.raises(UnsafeToRelease, match="on another manifest"):
        release(used, batch)
    assert not (tmp_path / "released").exists()
