"""Crosswalks in the vault: made with the release, read with another key, looked at under a log."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pyrage import x25519

from deid_platform.errors import StoreError, UnsafeToRelease, VaultError
from deid_platform.mapping import with_mapping
from deid_platform.stages.pipeline import Pipeline
from deid_platform.store.folder import FolderStore
from deid_platform.subjects import SubjectRules
from deid_platform.vault import COLUMNS, Vault, deposit, log_access, vault_of, visit_rows
from tests.builders.chain import Chain, land, pipeline, run_chain, seal
from tests.builders.dicom import encode, image, leaks, person, report, uid

KEY = x25519.Identity.generate()
RECIPIENT = str(KEY.to_public())
NUMBERLESS = 2


@dataclass(frozen=True)
class Done:
    """A released batch of three people, one without number, whose crosswalk is kept; the originals are gone."""

    root: Path
    line: Pipeline
    batch: str
    chain: Chain
    vault: Vault
    rows: list[dict[str, str]]


def rows_in(vault: Vault, batch: str = "") -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    visit_rows(vault.store, str(KEY), lambda row: rows.append(dict(zip(COLUMNS, row, strict=True))), batch)
    return rows


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = tmp_path_factory.mktemp("vault")
    nobody = image(person(NUMBERLESS), PatientID="")
    landing = land(root, {"a.dcm": encode(image(person(0))), "b.dcm": encode(report(person(1))),
                          "c.dcm": encode(nobody), "empty.dcm": b""})  # fmt: skip
    line = pipeline(root)
    mapping = f"patient_id,pseudonym\n{person(0).patient_id},TRIAL-1\n".encode()
    line = replace(line, identity=with_mapping(line.identity, SubjectRules(), mapping, "m.csv"))
    (batch,) = seal(line)
    chain = run_chain(line, batch)
    vault = vault_of(FolderStore(str(root / "vault")), (RECIPIENT,))
    kept = deposit(line, batch, vault)
    shutil.rmtree(landing)
    rows = rows_in(vault)
    assert kept.rows == len(rows)
    return Done(root, line, batch, chain, vault, rows)


def test_every_patient_uid_and_object_of_the_release_is_there(done: Done) -> None:
    first = {row["kind"]: row for row in done.rows if row["pseudonym"] == "TRIAL-1"}
    assert first["patient"]["old"] == person(0).patient_id
    assert first["patient"]["new"] == "TRIAL-1"
    uids = {row["old"]: row["new"] for row in done.rows if row["kind"] == "uid"}
    for number in range(3):
        assert uids[uid(person(number), 1, 0, 0)] == done.line.identity.uid(uid(person(number), 1, 0, 0))
    items = {row["old"].rpartition("/")[2]: row["new"] for row in done.rows if row["kind"] == "item"}
    assert set(items) == {"a.dcm", "b.dcm", "c.dcm"}
    assert set(items.values()) == {entry.object for entry in done.chain.released.manifest.passed}
    assert {row["site"] for row in done.rows} == {"north"}
    assert len({tuple(row.values()) for row in done.rows}) == len(done.rows)


def test_a_patient_without_number_is_found_by_its_study(done: Done) -> None:
    study = uid(person(NUMBERLESS), 1, 0, 0)
    subject = done.line.identity.subject("", study)
    assert study in {row["old"] for row in done.rows if row["pseudonym"] == subject}
    assert not [row for row in done.rows if row["pseudonym"] == subject and row["kind"] == "patient"]


def test_dates_can_be_moved_back(done: Done) -> None:
    subject = done.line.identity.subject(person(1).patient_id, "")
    days = {row["shift_days"] for row in done.rows if row["pseudonym"] == subject}
    assert days == {str(done.line.identity.shift_days(subject))}


def test_nothing_in_the_vault_can_be_read_or_guessed_from_its_names(done: Done) -> None:
    files = [path for path in (done.root / "vault").rglob("*") if path.is_file()]
    assert len(files) == 1
    for path in files:
        data = path.read_bytes() + str(path).encode()
        assert not [token for number in range(3) for token in leaks(person(number), data)]
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(VaultError, match="another key"):
        visit_rows(done.vault.store, str(x25519.Identity.generate()), lambda _row: None)


def test_what_is_kept_is_not_made_again_and_survives_the_originals(done: Done) -> None:
    again = deposit(done.line, done.batch, done.vault)
    assert again.rows is None
    assert rows_in(done.vault, done.batch) == done.rows
    other = vault_of(done.vault.store, (RECIPIENT, str(x25519.Identity.generate().to_public())))
    with pytest.raises(StoreError):
        deposit(done.line, done.batch, other)
    assert len(list((done.root / "vault").rglob("*.age"))) == 1


def test_only_a_released_batch_has_a_crosswalk(tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": encode(image(person(0)))})
    line = pipeline(tmp_path)
    (batch,) = seal(line)
    with pytest.raises(UnsafeToRelease):
        deposit(line, batch, vault_of(FolderStore(str(tmp_path / "vault")), (RECIPIENT,)))
    assert not (tmp_path / "vault").exists()


def test_an_empty_vault_or_another_batch_is_told(done: Done, tmp_path: Path) -> None:
    for store, batch in ((FolderStore(str(tmp_path)), ""), (done.vault.store, "north-none")):
        with pytest.raises(VaultError, match="There is no crosswalk"):
            visit_rows(store, str(KEY), lambda _row: None, batch)


def test_every_look_is_logged_on_its_own(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    for _ in range(2):
        log_access(store, "export", 3, 70)
    logged = list((tmp_path / "log").iterdir())
    assert len(logged) == 2
    event = json.loads(logged[0].read_bytes())
    assert event.keys() == {"when", "who", "host", "what", "crosswalks", "rows"}
    assert (event["what"], event["crosswalks"], event["rows"]) == ("export", 3, 70)
    assert logged[0].stat().st_mode & 0o777 == 0o600
