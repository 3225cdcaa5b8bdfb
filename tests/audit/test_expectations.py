from __future__ import annotations

import os
from dataclasses import replace

import pytest

from deid_platform.audit.expectations import import_library, unmet_expectations
from deid_platform.model import Entry, Reason, Stage, Status
from tests.builders.manifests import entry, manifest, refused

SECRET = "Quintrelle"


def unmet(*entries: Entry) -> dict[str, int]:
    return unmet_expectations(manifest(*entries))


def test_rows_as_the_stages_write_them_meet_every_expectation() -> None:
    changed = replace(entry(1), object=entry(1).object.replace("scrubbed/", "pixel_cleaned/"))
    assert unmet(entry(0), changed, refused(2), refused(3, Stage.PIXEL_CLEANED, Reason.BURNED_IN_TEXT)) == {}


def test_a_manifest_without_rows_or_without_passed_rows_meets_them_too() -> None:
    assert unmet() == {}
    assert unmet(refused(0), refused(1)) == {}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_the_closed_list_may_be_given(reason: Reason) -> None:
    if reason in (Reason.EMPTY, Reason.INTERNAL_ERROR):  # the first and the last stand for all: the list is one
        assert unmet(entry(0), refused(1, reason=reason)) == {}


REGEX, IN_SET = "expect_column_values_to_match_regex", "expect_column_values_to_be_in_set"


@pytest.mark.parametrize(
    ("changes", "expectation"),
    [
        ({"item": SECRET}, f"{REGEX}:item"),
        ({"item": entry(0).item}, "expect_column_values_to_be_unique:item"),
        ({"status": "lost"}, f"{IN_SET}:status"),
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
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_passed_row_with_anything_else_in_a_column_is_counted_and_not_quoted(
    changes: dict[str, str], expectation: str
) -> None:
    found = unmet(entry(0), replace(entry(1), **changes), refused(2))  # type: ignore[arg-type]
    assert found.get(expectation, 0) > 0
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("changes", "expectation"),
    [
        ({"reason": SECRET}, f"{IN_SET}:reason"),
        ({"reason": ""}, f"{IN_SET}:reason"),
        ({"stage": "landing"}, f"{IN_SET}:stage"),
        ({"item": SECRET}, f"{REGEX}:item"),
    ],
)
def test_a_refused_row_must_say_where_and_why_in_terms_of_the_closed_lists(
    changes: dict[str, str], expectation: str
) -> None:
    assert unmet(entry(0), replace(refused(1), **changes)) == {expectation: 1}  # type: ignore[arg-type]


def test_a_refused_row_needs_no_object() -> None:
    assert unmet(replace(refused(0), subject="", object="", sha256="")) == {}


def test_a_row_of_no_known_status_does_not_slip_through_between_the_two() -> None:
    assert unmet(replace(entry(0), status="lost")) == {f"{IN_SET}:status": 1}  # type: ignore[arg-type]
    assert Status("passed") is Status.PASSED


def test_the_library_is_told_to_keep_its_telemetry_to_itself() -> None:
    import_library()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "False"
