from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]

from deid_platform.errors import PolicyError
from deid_platform.policy import Action, Option, Policy, load_policy, packaged
from deid_platform.policy.tables import document, rows
from tests.policy.conftest import PRIVATE_TABLES, Make

TABLE = rows("ps315_2026c/table_E.1-1.csv")
# PS3.15 2026c Table E.1-1a; of a compound code the action that every Type allows.
BASIC = {"X": "X", "D": "D", "U": "U", "Z": "Z", "X/D": "D", "X/Z": "Z", "X/Z/D": "D", "Z/D": "D", "X/Z/U*": "U"}
OPTIONS = sorted(Option, key=lambda option: option.label)
def tags() -> list[tuple[int, dict[str, str]]]:
    """Rows of the table that name one attribute, with its tag."""
    concrete = [(re.fullmatch(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)", row["Tag"]), row) for row in TABLE]
    return [(int(match[1] + match[2], 16), row) for match, row in concrete if match]


def unlisted(vr: str) -> int:
    """A public attribute that no table of this project lists, with this VR where there is one."""
    own = (row for table in ("dicom/bulk.csv", "dicom/removed.csv") for row in rows(table))
    known = {tag for tag, _ in tags()} | {int(row["tag"], 16) for row in own}
    free = [tag for tag in DicomDictionary if tag not in known and tag >> 16 not in (0x0000, 0x0002, 0x0004)]
    return min(free, key=lambda tag: (DicomDictionary[tag][0] != vr, tag))


MISPLACED = {0x0000, 0x0002, 0x0004}
"""Groups of commands, files and directories: whatever the table says of them, none belongs into a data set."""


def test_the_basic_profile_does_to_every_row_what_the_table_says() -> None:
    policy = load_policy("basic")
    assert len(tags()) == len(TABLE) - 4  # private attributes, curves, overlays and their comments have no single tag
    for tag, row in tags():
        if tag >> 16 in MISPLACED:
            continue
        rule = policy.rule(tag, "LO")
        assert rule.action.value == BASIC[row["Basic Prof."]], row["Attribute Name"]
        assert rule.source == "PS3.15 2026c Table E.1-1, Basic Prof."


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.label)
def test_the_column_of_an_option_takes_effect_where_it_has_a_word_and_nowhere_else(make: Make, option: Option) -> None:
    policy, basic = make(option.label), load_policy("basic")
    assert any(row[option.column] for _, row in tags()) or option is Option.RETAIN_SAFE_PRIVATE
    for tag, row in tags():
        rule = policy.rule(tag, "LO")
        if row[option.column] and tag >> 16 not in MISPLACED:
            assert rule.action.value == row[option.column], row["Attribute Name"]
            assert rule.source.endswith(option.column)
        else:
            assert rule == basic.rule(tag, "LO")


def test_curves_and_overlays_go_in_every_group_of_theirs() -> None:
    for policy in map(load_policy, packaged()):
        for tag in (0x50000010, 0x50003000, 0x501E0005):
            assert policy.rule(tag, "OW").action is Action.REMOVE
        overlays = Action.CLEAN if Option.CLEAN_GRAPHICS in policy.options else Action.REMOVE
        for tag in (0x60000010, 0x60003000, 0x60004000, 0x601E1500, 0x60FE0011):
            assert policy.rule(tag, "OW").action is overlays


@pytest.mark.parametrize("tag", [0x00000002, 0x00000110, 0x00020010, 0x00020016, 0x00041130, 0x00041220])
def test_elements_of_commands_file_meta_and_directories_go_from_a_data_set(tag: int) -> None:
    for policy in map(load_policy, packaged()):
        rule = policy.rule(tag, "UI")
        assert rule.action is Action.REMOVE
        assert "do not belong in a data set" in rule.source


@pytest.mark.parametrize("tag", [0x00100005, 0x00080007, 0x7FE00011, 0xFFFAFFFB, 0x10280002])
def test_what_the_dictionary_does_not_know_goes(tag: int) -> None:
    for policy in map(load_policy, packaged()):
        assert policy.rule(tag, "LO") == policy.rule(tag, "US")
        assert policy.rule(tag, "LO").action is Action.REMOVE
        assert "dictionary" in policy.rule(tag, "LO").source


@pytest.mark.parametrize("row", rows("dicom/removed.csv"), ids=lambda row: row["keyword"])
def test_what_is_always_removed_is_named_as_the_dictionary_names_it(row: dict[str, str]) -> None:
    tag = int(row["tag"], 16)
    assert DicomDictionary[tag][4] == row["keyword"]
    for policy in map(load_policy, packaged()):
        assert policy.rule(tag, DicomDictionary[tag][0]).action is Action.REMOVE


# What becomes of an attribute that no table lists, by its VR.
BY_VR = {
    "AE": "Z", "AS": "C", "AT": "K", "CS": "C", "DS": "C", "FD": "K", "FL": "K", "IS": "C", "LO": "C", "LT": "C",
    "OB": "X", "OD": "X", "OF": "X", "OL": "X", "OW": "X", "PN": "Z", "SH": "C", "SL": "K", "SQ": "K", "SS": "K",
    "ST": "C", "SV": "K", "UC": "C", "UI": "U", "UL": "K", "UR": "X", "US": "K", "UT": "C", "UV": "K",
}  # fmt: skip


@pytest.mark.parametrize("vr", BY_VR)
def test_an_attribute_no_table_lists_is_treated_by_its_vr(vr: str) -> None:
    rule = load_policy("basic").rule(unlisted(vr), vr)
    assert rule.action.value == BY_VR[vr]
    assert rule.source.startswith(f"unlisted {vr}: ")


@pytest.mark.parametrize("vr", ["UN", "OV", "XX", ""])
def test_an_attribute_met_with_a_vr_that_says_nothing_goes(vr: str) -> None:
    assert load_policy("basic").rule(unlisted("LO"), vr).action is Action.REMOVE


@pytest.mark.parametrize("vr", ["DA", "DT", "TM"])
@pytest.mark.parametrize(
    ("options", "dates", "action"),
    [([], "remove", "Z"), (["retain_modified_dates"], "shift", "C"), (["retain_full_dates"], "keep", "K")],
)
def test_dates_no_table_lists_follow_the_option_on_dates(
    make: Make, vr: str, options: list[str], dates: str, action: str
) -> None:
    policy = make(*options)
    assert policy.dates == dates
    assert policy.rule(unlisted(vr), vr).action.value == action


def test_binary_data_stays_where_it_is_listed_as_harmless_and_is_binary() -> None:
    policy = load_policy("basic")
    for row in rows("dicom/bulk.csv"):
        tag = int(row["tag"], 16)
        assert DicomDictionary[tag][4] == row["keyword"]
        assert policy.rule(tag, "OW").action is policy.rule(tag, "UN").action is Action.KEEP
        assert policy.rule(tag, "LT").action is not Action.KEEP
    assert policy.rule(0x7FE00010, "OW").action is Action.KEEP


def test_options_that_disagree_are_refused_and_named_with_the_attribute(make: Make) -> None:
    with pytest.raises(PolicyError, match=r"retain_full_dates and retain_modified_dates disagree on .+ \([0-9A-F]{4},"):
        make("retain_full_dates", "retain_modified_dates")


def test_a_profile_may_name_the_winner_of_two_options_that_disagree(make: Make) -> None:
    def resolved(winner: str) -> Policy:
        both = '["retain_full_dates", "retain_modified_dates"]'
        more = f'[[resolve]]\noptions = {both}\nwinner = "{winner}"\nwhy = "Agreed."'
        return make("retain_full_dates", "retain_modified_dates", more=more, name=winner)

    full, modified = resolved("retain_full_dates"), resolved("retain_modified_dates")
    for tag, row in tags():
        if row[Option.RETAIN_FULL_DATES.column]:
            assert full.rule(tag, "DA").action is Action.KEEP
            assert modified.rule(tag, "DA").action is Action.CLEAN
    assert full.digest != modified.digest


def test_a_winner_is_for_the_named_options_only(make: Make) -> None:
    more = '[[resolve]]\noptions = ["retain_uids", "retain_modified_dates"]\nwinner = "retain_uids"\nwhy = "Agreed."'
    with pytest.raises(PolicyError, match="disagree"):
        make("retain_full_dates", "retain_modified_dates", "retain_uids", more=more)


def test_options_that_say_the_same_do_not_disagree(make: Make) -> None:
    policy = make("retain_full_dates", "retain_uids", "retain_institution_identity")
    assert policy.options == {Option.RETAIN_FULL_DATES, Option.RETAIN_UIDS, Option.RETAIN_INSTITUTION_IDENTITY}


@pytest.mark.parametrize(
    ("options", "more", "where"),
    [
        (["retain_uids"], PRIVATE_TABLES, "line 4, private_tables"),
        (["retain_uids"], '[[private]]\nsignature = "0019,A,01"\naction = "C"\nwhy = "x"', "line 4, private"),
        (["retain_safe_private"], "", "line 3, options"),
    ],
    ids=["tables without option", "rules without option", "option without tables"],
)
def test_private_tables_and_their_option_go_together(
    tmp_path: Path, options: list[str], more: str, where: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\nedition = "2026c"\noptions = {options}\n{more}')
    with pytest.raises(PolicyError, match=rf"mine\.toml, {where}: .+ and the option retain_safe_private go together"):
        load_policy(str(path))


def test_an_attribute_table_is_asked_where_the_chosen_options_are_silent() -> None:
    tcia, buckets = load_policy("tcia"), document("tcia/midi_b_attribute_actions.json")
    chosen = {tag for tag, row in tags() if any(row[option.column] for option in tcia.options)}
    removed = {int(one[3:7] + one[11:15], 16) for one in buckets["remove"] if "xx" not in one} - chosen
    asked = [tag for tag in removed if tag >> 16 not in (0x0000, 0x0002, 0x0004)]
    assert len(asked) > 50
    for tag in asked:
        assert tcia.rule(tag, "LO").action is Action.REMOVE
    for tag in chosen:
        assert tcia.rule(tag, "LO").source.startswith("PS3.15 2026c Table E.1-1")


def test_no_attribute_table_brings_back_what_does_not_belong_in_a_data_set() -> None:
    listed = {tag for tag, _ in load_policy("tcia").listed() if tag >> 16 in (0x0000, 0x0002, 0x0004)}
    assert listed == {tag for tag, _ in tags() if tag >> 16 in (0x0000, 0x0002, 0x0004)}


def test_under_every_profile_names_and_numbers_of_the_patient_are_replaced_and_addresses_go() -> None:
    for policy in map(load_policy, packaged()):
        assert {policy.rule(tag, "PN").action for tag in (0x00100010, 0x00100020)} <= {Action.DUMMY, Action.EMPTY}
        assert policy.rule(0x00101040, "LO").action is Action.REMOVE
        assert policy.rule(0x00102154, "SH").action is Action.REMOVE


def test_every_rule_says_whose_word_it_is() -> None:
    for policy in map(load_policy, packaged()):
        listed = list(policy.listed())
        assert [tag for tag, _ in listed] == sorted(tag for tag, _ in listed)
        assert all(rule.source for _, rule in listed)


def test_a_policy_travels_by_reference_and_arrives_equal() -> None:
    policy = load_policy("tcia")
    sent = pickle.dumps(policy)
    assert len(sent) < 500
    assert pickle.loads(sent) == policy  # noqa: S301
    assert hash(pickle.loads(sent)) == hash(policy)  # noqa: S301


def test_a_policy_whose_profile_changed_on_the_way_is_refused(make: Make) -> None:
    sent = pickle.dumps(make("retain_full_dates"))
    assert pickle.loads(sent) == make("retain_full_dates")  # noqa: S301
    make("retain_modified_dates")
    with pytest.raises(PolicyError, match="changed while a run was using it"):
        pickle.loads(sent)  # noqa: S301


def test_the_digest_is_of_what_a_profile_means_and_not_of_how_it_is_written(make: Make) -> None:
    one = make("retain_full_dates", "retain_uids", more='about = "One."')
    assert make("retain_uids", "retain_full_dates", more="# a comment", name="other").digest == one.digest
    assert make("retain_full_dates").digest != one.digest
    assert len({load_policy(name).digest for name in packaged()}) == len(packaged())


def test_a_policy_can_be_shown_without_its_tables() -> None:
    assert "Rule(" not in repr(load_policy("tcia"))


def test_of_both_options_on_dates_only_the_winner_is_claimed(make: Make) -> None:
    both = '["retain_full_dates", "retain_modified_dates"]'
    more = f'[[resolve]]\noptions = {both}\nwinner = "retain_full_dates"\nwhy = "Agreed."'
    policy = make("retain_full_dates", "retain_modified_dates", more=more)
    assert policy.dates == "keep"
    assert [code for code, _ in policy.claims] == ["113100", "113106"]
