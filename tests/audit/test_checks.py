from __future__ import annotations

from dataclasses import replace

import pytest

from deid_platform.audit.checks import (
    GATE_CHECKS,
    batch_checks,
    by_rule,
    complete,
    objects_intact,
    pixels_judged,
    pseudonyms_distinct,
    reconciled,
    uids_consistent,
)
from deid_platform.audit.proof import HeadsProof, Proof
from deid_platform.identity import Identity
from deid_platform.model import Finding, Masking, Region, Severity, Stage
from deid_platform.subjects import Pseudonym, SubjectRules, SubjectTable
from tests.builders.manifests import HERE, entry, manifest, refused, sealed

RAW, SCRUBBED, CLEANED = Stage.RAW, Stage.SCRUBBED, Stage.PIXEL_CLEANED
SECRET = "Quintrelle"


def test_a_sound_batch_passes_every_check_of_the_gate_once_and_in_order() -> None:
    rows = [entry(0), entry(1), entry(2, study=1), refused(3)]
    stages = [manifest(*rows, stage=stage) for stage in (RAW, SCRUBBED, CLEANED)]
    results = batch_checks(sealed(), stages, [], (Proof(), HeadsProof()), HERE)
    assert [result.name for result in results] == list(GATE_CHECKS)
    assert all(result.passed for result in results)
    assert all(result.asks == GATE_CHECKS[result.name] for result in results)


def test_every_landed_object_must_have_a_row() -> None:
    rows = [entry(0), entry(1), refused(2), entry(3)]
    assert complete(sealed(), manifest(*rows, stage=RAW), HERE).passed
    assert complete(sealed(), manifest(*reversed(rows), stage=RAW), HERE).passed
    lost = complete(sealed(), manifest(*rows[1:], stage=RAW), HERE)
    assert not lost.passed
    assert lost.counts == {"landed": 4, "rows": 3}


@pytest.mark.parametrize(
    "rows", [[entry(0), entry(1), entry(1)], [entry(0), entry(1), entry(5)], [entry(0), entry(1), entry(2), entry(3)]]
)
def test_no_row_may_be_double_exchanged_or_too_many(rows: list) -> None:  # type: ignore[type-arg]
    assert not complete(sealed(3), manifest(*rows, stage=RAW), HERE).passed


def test_rows_made_under_another_key_or_for_another_site_are_not_of_the_batch() -> None:
    raw = manifest(entry(0), entry(1), stage=RAW)
    assert complete(sealed(2), raw, HERE).passed
    assert not complete(sealed(2), raw, Identity(HERE.key, "south")).passed
    assert not complete(sealed(2), raw, Identity(bytes(32), "north")).passed


def test_a_stage_may_refuse_items_but_not_lose_them() -> None:
    before = manifest(entry(0), entry(1), refused(2), stage=RAW)
    result = reconciled(before, manifest(entry(0), refused(1, SCRUBBED), refused(2), stage=SCRUBBED))
    assert result.passed
    assert result.name == "scrubbed_reconciled"
    assert result.counts == {"items": 3, "passed": 1, "quarantined": 2}


@pytest.mark.parametrize(
    "after",
    [
        [entry(0), refused(2)],
        [entry(0), entry(1), entry(2)],
        [entry(0), entry(1), refused(2), entry(3)],
        [entry(0), entry(0), entry(1), refused(2)],
        [],
    ],
    ids=["lost", "readmitted", "added", "doubled", "all lost"],
)
def test_items_may_not_be_lost_added_doubled_or_readmitted(after: list) -> None:  # type: ignore[type-arg]
    before = manifest(entry(0), entry(1), refused(2), stage=RAW)
    assert not reconciled(before, manifest(*after, stage=SCRUBBED)).passed


def test_subjects_studies_series_and_instances_must_form_a_tree() -> None:
    assert uids_consistent(manifest(entry(0), entry(1), entry(2, study=1))).passed
    assert uids_consistent(manifest()).passed


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"subject": "A" * 16}, "one_subject_per_study"),
        ({"study": "2.25.7"}, "one_study_per_series"),
        ({"instance": entry(0).instance}, "one_object_per_instance"),
    ],
)
def test_what_breaks_the_tree_is_counted_by_rule(change: dict[str, str], broken: str) -> None:
    result = uids_consistent(manifest(entry(0), replace(entry(1), **change)))  # type: ignore[arg-type]
    assert not result.passed
    assert result.counts == {broken: 1}


def test_no_two_subjects_may_share_a_pseudonym() -> None:
    one, other = entry(0), replace(entry(1), subject=HERE.subject("other", ""))
    assert pseudonyms_distinct(manifest(one, other, refused(2)), HERE).counts == {"subjects": 2, "pseudonyms": 2}
    table = SubjectTable.of({one.subject: Pseudonym("T-1", "T-1"), other.subject: Pseudonym("t-1", "t-1")})
    merged = pseudonyms_distinct(manifest(one, other), replace(HERE, rules=SubjectRules(table=table)))
    assert not merged.passed
    assert merged.counts == {"subjects": 2, "pseudonyms": 1}


def test_what_was_refused_has_no_place_in_the_tree() -> None:
    assert uids_consistent(manifest(entry(0), refused(1), refused(2))).passed


def test_every_item_that_goes_on_must_say_why_its_pixels_may() -> None:
    assert pixels_judged(manifest(entry(0), refused(1))).passed
    result = pixels_judged(manifest(entry(0), replace(entry(1), rule="")))
    assert not result.passed
    assert result.counts == {"unjudged": 1, "unfit": 0}


@pytest.mark.parametrize(
    ("rule", "masking", "fits"),
    [
        ("text_masked", Masking(3, 2, 0.1, regions=(Region(0, 0, 4, 4),)), True),
        ("text_masked", Masking(1, overlays=1), True),
        ("no_text_found", Masking(3), True),
        ("no_text_found", Masking(3, 1, 0.1, regions=(Region(0, 0, 4, 4),)), False),
        ("text_masked", Masking(3), False),
        ("text_masked", Masking(3, 1, 0.1), False),
        ("text_masked", Masking(3, 4, 0.1, regions=(Region(0, 0, 4, 4),)), False),
        ("text_masked", Masking(3, 1, 1.5, regions=(Region(0, 0, 4, 4),)), False),
    ],
)
def test_what_was_masked_must_fit_the_rule(rule: str, masking: Masking, fits: bool) -> None:
    assert pixels_judged(manifest(replace(entry(0), rule=rule, masking=masking))).passed is fits


def test_findings_on_items_refuse_them_and_findings_on_the_batch_block_it() -> None:
    item = Finding(entry(0).item, "(0010,4000)", "text", "residual")
    assert objects_intact(manifest(entry(0)), [item]).passed
    result = objects_intact(manifest(entry(0)), [item, replace(item, severity=Severity.BATCH)])
    assert not result.passed
    assert result.counts == {"objects": 1, "changed": 1}


def test_a_row_that_holds_an_original_name_stops_the_batch_and_is_not_quoted() -> None:
    named = replace(entry(1), object=f"landing/{SECRET}.dcm", subject=SECRET)
    stages = [manifest(entry(0), entry(1)), manifest(entry(0), named, stage=SCRUBBED), manifest(entry(0), entry(1))]
    results = {result.name: result for result in batch_checks(sealed(2), stages, [], (Proof(), HeadsProof()), HERE)}
    assert [name for name, result in results.items() if not result.passed] == ["scrubbed_well_formed"]
    assert len(results["scrubbed_well_formed"].counts) == 2
    assert SECRET not in repr(results)


def test_findings_are_told_by_rule_with_the_number_of_items_most_first() -> None:
    found = [
        Finding("A", "(0010,4000)", "text", "residual"),
        Finding("A", "(0010,4000)", "text", "residual"),
        Finding("B", "(0010,4000)", "text", "residual"),
        Finding("A", "pixels", "text", "ocr"),
        Finding("A", "header", "date", "residual"),
    ]
    assert list(by_rule(found)) == [
        ("residual", "text", "(0010,4000)", 2),
        ("ocr", "text", "pixels", 1),
        ("residual", "date", "header", 1),
    ]
    assert list(by_rule([])) == []
