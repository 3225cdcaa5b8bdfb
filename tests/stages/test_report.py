from __future__ import annotations

import re
from dataclasses import replace

from deid_platform.audit.checks import CheckResult
from deid_platform.audit.proof import Proof
from deid_platform.manifest import Manifest
from deid_platform.model import REMEDIES, Change, Entry, Masking, Reason, Region, Stage, Status
from deid_platform.policy import load_policy
from deid_platform.stages.report import render_report

POLICY = load_policy("tcia")
PASSED = Entry(
    "ITEMAAAAAAAAAAAA",
    Status.PASSED,
    "objekt",
    3,
    "0" * 64,
    subject="SUBJECTAAAAAAAAA",
    modality="MR",
    rule="no_pixel_data",
    changes=(Change("(0010,0010)", "Z", "r", 2), Change("(0008,0020)", "C", "r", 1)),
)
REFUSED = Entry("ITEMBBBBBBBBBBBB", Status.QUARANTINED, "", 0, "", stage="raw", reason="empty")


CHECKS = (CheckResult("complete", passed=True), CheckResult("pixels_judged", passed=False))


def page(
    *entries: Entry, batch: str = "north-aaaaaaaaaaaaaaaa", checks: tuple[CheckResult, ...] = CHECKS
) -> str:
    return render_report(POLICY, Manifest(Stage.RELEASED, batch, entries, "0" * 64), checks)


def rows(text: str) -> list[tuple[str, ...]]:
    """The cells of every row of the page."""
    return [tuple(re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)) for row in re.findall(r"<tr>(.*?)</tr>", text)]


def test_the_numbers_are_there() -> None:
    found = rows(page(PASSED, replace(PASSED, item="ITEMCCCCCCCCCCCC"), REFUSED))
    assert {("found", "3"), ("released", "2"), ("quarantined", "1"), ("MR", "2"), ("no_pixel_data", "2")} <= set(found)
    assert ("empty", REMEDIES[Reason.EMPTY], "1") in found
    places = {cells[0]: (cells[1], cells[-1]) for cells in found if cells[0].startswith("(")}
    assert places == {"(0010,0010)": ("PatientName", "4"), "(0008,0020)": ("StudyDate", "2")}


def test_every_check_is_told_with_its_outcome() -> None:
    told = {cells[0]: cells[-1] for cells in rows(page(PASSED))}
    assert (told["complete"], told["pixels_judged"]) == ("yes", "no")


def test_what_was_masked_and_what_was_read_is_told() -> None:
    masking = Masking(3, 2, 0.25, identifiers=1, read=4, regions=(Region(0, 0, 4, 4),))
    proof = CheckResult("text_proven", passed=True, counts=Proof(likely=7, routine=1000, sampled=60).counts())
    text = page(replace(PASSED, rule="text_masked", masking=masking), PASSED, checks=(proof,))
    told = {cells[0]: cells[1] for cells in rows(text) if len(cells) > 1}
    assert (told["items with masked text"], told["frames with masked text"]) == ("1", "2")
    assert told["of these, texts that say one of them"] == "1"
    assert told["share of the area of these items that is masked"] == "25.00%"
    assert told["read by Tesseract after cleaning"] == "67"
    assert told["images not read in which the same reading would find text"].startswith("at most 4.87 % (95 % conf")


def test_no_single_item_is_named() -> None:
    text = page(PASSED, REFUSED)
    assert not [word for word in (PASSED.item, REFUSED.item, PASSED.subject, PASSED.object) if word in text]


def test_the_page_is_the_same_each_time() -> None:
    assert page(PASSED, REFUSED) == page(PASSED, REFUSED)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    assert not re.search(r"https?:|<script|<link|url\(", page(PASSED, REFUSED))


def test_text_cannot_become_markup() -> None:
    text = page(replace(PASSED, modality="<b>", rule="a&b"), batch="<i>")
    assert "<b>" not in text
    assert "<i>" not in text
    assert "a&amp;b" in text


def test_a_batch_of_nothing_has_a_page() -> None:
    assert ("found", "0") in rows(page())
