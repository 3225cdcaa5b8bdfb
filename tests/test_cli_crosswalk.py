from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deid_platform import cli
from deid_platform.encryption import write_rows_for
from deid_platform.store.folder import FolderStore
from deid_platform.vault import COLUMNS, FILE, vault_of

ROWS = [
    ["patient", "Quintrelle 47", "TRIAL-1", "", "TRIAL-1", "40", "north"],
    ["uid", "1.2.3", "2.25.3", "", "TRIAL-1", "40", "north"],
    ["item", "north/d/quintrelle.dcm", "b/d/S/x.dcm", "", "TRIAL-1", "40", "north"],
    ["patient", "4711", "TRIAL-2", "A", "TRIAL-2", "41", "north"],
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vault of two batches, whose second holds a row of the first again."""
    made = call("crosswalk", "keygen", tmp_path / "key")
    assert made.exit_code == 0
    vault = vault_of(FolderStore(str(tmp_path / "vault")), (made.output,))
    for batch, rows in (("north-a", ROWS[:3]), ("north-b", ROWS[3:] + ROWS[:1])):
        write_rows_for(vault.recipients, rows, tmp_path / "file")
        vault.store.upload(tmp_path / "file", f"{batch}/digest/{FILE}")
    monkeypatch.setenv("DEID_VAULT", str(tmp_path / "vault"))
    monkeypatch.setenv("DEID_VAULT_KEY_FILE", str(tmp_path / "key"))
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def logged(here: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_bytes()) for path in sorted((here / "vault/log").glob("*"))]


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_an_export_holds_everything_for_its_owner_only_and_is_logged(here: Path) -> None:
    result = call("crosswalk", "export", here / "all.csv")
    assert (result.exit_code, result.output) == (0, "5 rows of 2 crosswalks\n")
    header, *rows = table((here / "all.csv").read_text("utf-8"))
    assert tuple(header) == COLUMNS
    assert sorted(rows) == sorted([*ROWS, ROWS[0]])
    assert (here / "all.csv").stat().st_mode & 0o777 == 0o600
    (event,) = logged(here)
    assert (event["what"], event["crosswalks"], event["rows"]) == ("export", 2, 5)
    assert "uintrelle" not in repr(event) + result.output


def test_one_batch_may_be_exported(here: Path) -> None:
    assert call("crosswalk", "export", here / "b.csv", "--batch", "north-b").output == "2 rows of 1 crosswalks\n"


def test_a_lookup_tells_what_stands_behind_a_pseudonym_or_uid_once(here: Path) -> None:
    assert table(call("crosswalk", "lookup", "TRIAL-1").output)[1:] == ROWS[:2]
    assert table(call("crosswalk", "lookup", "2.25.3", "TRIAL-2").output)[1:] == [ROWS[1], ROWS[3]]
    assert table(call("crosswalk", "lookup", "nobody").output) == [list(COLUMNS)]
    assert [(event["what"], event["rows"]) for event in logged(here)] == [("lookup", 2), ("lookup", 2), ("lookup", 0)]


def test_without_a_log_nothing_is_told(here: Path) -> None:
    (here / "vault/log").write_bytes(b"a file where the folder should be")
    for arguments in (("lookup", "TRIAL-1"), ("export", here / "all.csv")):
        result = call("crosswalk", *arguments)
        assert result.exit_code == 1
        assert "uintrelle" not in result.output
    assert {path.name for path in here.iterdir()} == {"vault", "key", "file"}


def test_a_damaged_crosswalk_spoils_the_export(here: Path) -> None:
    (damaged,) = (here / "vault/north-b").rglob(FILE)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    result = call("crosswalk", "export", here / "all.csv")
    assert (result.exit_code, "is damaged" in result.output) == (1, True)
    assert not list(here.glob("*all.csv*"))
    assert not list(here.glob(".*"))
    assert not (here / "vault/log").exists()


def test_nothing_is_written_over(here: Path) -> None:
    (here / "all.csv").touch()
    assert "exists" in call("crosswalk", "export", here / "all.csv").output
    assert "exists" in call("crosswalk", "keygen", here / "key").output
    assert call("crosswalk", "export", here / "none" / "all.csv").exit_code == 1


def test_another_key_opens_nothing(here: Path) -> None:
    call("crosswalk", "keygen", here / "other")
    result = call("crosswalk", "lookup", "TRIAL-1", "--key", here / "other")
    assert (result.exit_code, "made for another key" in result.output) == (1, True)


@pytest.mark.parametrize("arguments", [["--vault", "v"], ["--crosswalk-recipient", "age1x"]])
def test_a_run_needs_both_a_place_and_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DEID_KEY", "00" * 32)
    (tmp_path / "in").mkdir()
    result = call("run", tmp_path / "in", tmp_path / "out", *arguments)
    assert (result.exit_code, "needs both a place and a reader" in result.output) == (1, True)
    wrong = call("run", tmp_path / "in", tmp_path / "out", "--vault", tmp_path / "v", "--crosswalk-recipient", "age1x")
    assert "no age public key" in wrong.output
    assert not (tmp_path / "out").exists()


def test_a_vault_may_not_lie_among_released_files(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_KEY", "00" * 32)
    (here / "in").mkdir()
    recipient = (here / "key").read_text().splitlines()[1].rpartition(" ")[2]
    place = here / "out/released/vault"
    result = call("run", here / "in", here / "out", "--vault", place, "--crosswalk-recipient", recipient)
    assert "would lie among the originals or the released files" in result.output
