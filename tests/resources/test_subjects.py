from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import VaultError
from deid_platform.identity import Identity
from deid_platform.subjects import Issuers, Unknown
from resources.subjects import SubjectsResource

HERE = Identity(bytes(range(32)), "north")
VARIABLES = ("DEID_MAPPING", "DEID_UNKNOWN_SUBJECTS", "DEID_ISSUERS", "DEID_DEFAULT_ISSUER", "DEID_SUBJECT_PATTERN")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_settings_the_key_names_patients() -> None:
    assert SubjectsResource.from_environment().named(HERE) == HERE


def test_one_mapping_file_serves_all_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "patients.csv"
    monkeypatch.setenv("DEID_MAPPING", str(file))
    resource = SubjectsResource.from_environment()
    file.write_text("site,patient_id,pseudonym\nnorth,4711,T-1\nsouth,4711,T-2\n", "utf-8")
    for site, pseudonym in (("north", "T-1"), ("south", "T-2")):
        identity = resource.named(Identity(HERE.key, site))
        assert identity.pseudonym(identity.subject("4711", "")).patient_id == pseudonym
        assert identity.rules.unknown is Unknown.QUARANTINE
    file.write_text("patient_id,pseudonym\n4711,T-1\n", "utf-8")
    with pytest.raises(VaultError, match="line 1: it lacks the column site"):
        resource.named(HERE)
    assert "4711" not in repr(resource)


def test_issuers_are_told_apart_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_DEFAULT_ISSUER", "A")
    rules = SubjectsResource.from_environment().named(HERE).rules
    assert (rules.issuers, rules.default_issuer, rules.unknown) == (Issuers.SEPARATE, "A", Unknown.DERIVE)


def test_names_of_objects_tell_patients_where_the_site_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_SUBJECT_PATTERN", "^north/[^/]+/(?P<subject>[0-9]+)/\n/south/(?P<subject>[A-Z]+)-")
    rules = SubjectsResource.from_environment().named(HERE).rules
    assert [rules.number_in(key) for key in ("north/d/4711/a.svs", "north/south/AB-1.svs")] == ["4711", "AB"]
