from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

from deid_platform.audit.expectations import import_library, unmet_expectations
from deid_platform.model import Entry, Reason, Stage
from tests.builders.manifests import entry, manifest, refused

SECRET = "Quintrelle"
REGEX, IN_SET = "expect_column_values_to_match_regex", "expect_column_values_to_be_in_set"
PASSED = [
    ({"item": SECRET}, f"{REGEX}:item"),
    ({"reason": "malformed"}, f"{IN_SET}:reason"),
    ({"subject": SECRET}, f"{REGEX}:subject"),
    ({"subject": ""}, f"{REGEX}:subject"),
    ({"study": "1.2.840.113619.2"}, f"{REGEX}:study"),
    ({"series": "2.25.x"}, f"{REGEX}:series"),
    ({"instance": f"2.25.1 {SECRET}"}, f"{REGEX}:instance"),
    ({"object": f"landing/north/drop/{SECRET}.dcm"}, f"{REGEX}:object"),
    ({"object": entry(1).object.replace(".dcm", f"_{SECRET}.dcm")}, f"{REGEX}:object"),
    ({"object": ""}, f"{REGEX}:object"),
    ({"sha256": ""}, f"{REGEX}:sha256"),
    ({"size": 0}, "expect_column_values_to_be_between:size"),
]
"""What no row that passed may hold, and the expectation that says so."""
REFUSED = [
    ({"reason": SECRET}, f"{IN_SET}:reason"),
    ({"reason": ""}, f"{IN_SET}:reason"),
    ({"stage": "landing"}, f"{IN_SET}:stage"),
    ({"item": SECRET.upper()}, f"{REGEX}:item"),
]
"""What no row that was refused may hold."""


def unmet(*entries: Entry) -> dict[str, int]:
    return unmet_expectations(manifest(*entries))


def test_rows_as_the_stages_write_them_meet_every_expectation() -> None:
    changed = replace(entry(1), object=entry(1).object.replace("scrubbed/", "pixel_cleaned/"))
    stopped = [refused(number, reason=reason) for number, reason in enumerate(Reason, start=2)]
    elsewhere = [refused(number, stage) for number, stage in enumerate(Stage, start=50)]
    assert unmet(entry(0), changed, *stopped, *elsewhere) == {}


def test_a_manifest_without_rows_or_without_passed_rows_meets_them_too() -> None:
    assert unmet() == {}
    assert unmet(refused(0), refused(1)) == {}


def test_whatever_a_row_may_not_hold_is_counted_by_expectation_and_not_quoted() -> None:
    passed = [replace(entry(number), **changes) for number, (changes, _) in enumerate(PASSED)]  # type: ignore[arg-type]
    stopped = [replace(refused(number), **changes) for number, (changes, _) in enumerate(REFUSED, start=50)]  # type: ignore[arg-type]
    found = unmet(entry(90), *passed, refused(91), *stopped)
    assert found == Counter(expectation for _, expectation in PASSED + REFUSED)
    assert SECRET not in repr(found)


def test_one_wrong_row_among_many_is_enough_and_a_line_break_is_wrong() -> None:
    sound = [entry(number) for number in range(20)]
    assert unmet(*sound, replace(entry(20), subject=f"{entry(20).subject}\n")) == {f"{REGEX}:subject": 1}


def test_no_column_that_says_what_became_of_an_item_may_be_left_out() -> None:
    columns = ("item", "status", "stage", "reason", "object", "sha256", "subject", "study", "series", "instance")
    rows = [replace(entry(number), **{column: None}) for number, column in enumerate(columns)]  # type: ignore[arg-type]
    found = unmet(*rows)
    assert {f"expect_column_values_to_not_be_null:{column}" for column in columns if column != "status"} <= set(found)
    assert found[f"{IN_SET}:status"] == 1


def test_items_occur_once_and_have_a_known_status() -> None:
    assert unmet(entry(0), entry(0)) == {"expect_column_values_to_be_unique:item": 2}
    assert unmet(entry(0), replace(entry(1), status="lost")) == {f"{IN_SET}:status": 1}  # type: ignore[arg-type]


def test_the_library_is_told_to_keep_its_telemetry_to_itself() -> None:
    import_library()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "False"
