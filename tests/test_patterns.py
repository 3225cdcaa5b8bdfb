from __future__ import annotations

import time

import pytest

from deid_platform.patterns import flaw, subject_in

LONGEST = "a" * 4096
"""As long as the longest path."""


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        (r"^(?P<subject>\d+)/", "4711/biopsy.svs", "4711"),
        (r"^(?P<subject>\d+)/", "x4711/biopsy.svs", None),
        (r"^(?:[^/]+/){2}(?P<subject>[^/]+)/", "north/d/AB-1/a.nii", "AB-1"),
        (r"(?i)pat(?:ient)?-(?P<subject>\w+)", "PAT-7.png", "7"),
        (r"(?P<site>\w+)/(?P<subject>.+?)_", "s/Zoë-3_4.png", "Zoë-3"),
        (r"a/(?:(?P<subject>\d+)|x)", "a/x", ""),
        (r"(?P<subject>\d+)", "\udcff7", "7"),
    ],
)
def test_the_group_is_found_wherever_the_pattern_fits(pattern: str, name: str, found: str | None) -> None:
    assert flaw(pattern) == ""
    assert subject_in(pattern, name) == found


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<subject>(?:a+)+)b",
        r"(?P<subject>(?:a|a)*)b",
        r"(?P<subject>(?:a?){200}a{200})b",
        r"(?P<subject>.*.*.*.*.*.*.*)b",
        r"(?P<subject>(?:(?:a*)*)*)b",
    ],
)
def test_no_pattern_takes_long_on_any_name(pattern: str) -> None:
    assert flaw(pattern) == ""
    start = time.process_time()
    assert subject_in(pattern, LONGEST) is None
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(?P<subject>x", "no regular expression"),
        ("(?P<subject>x){99999999999}", "no regular expression"),
        (r"(\d+)", "no group"),
        ("(?P<patient>x)", "no group"),
        (r"(a|b)/(?P<subject>\d+)", "written as (?:"),
        (r"(?P<subject>\d+)(?=/)", "RE2"),
        (r"(?P<subject>\d+)/(?P=subject)", "RE2"),
        ("(?P<subject>\ud800)", "RE2"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_why_without_repeating_it(pattern: str, told: str) -> None:
    assert told in flaw(pattern)
    assert pattern not in flaw(pattern)
