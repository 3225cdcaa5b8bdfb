"""The repository as a whole: what is carried, pinned, promised and kept small."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "deid_platform" / "policy" / "tables"
LONGEST_MODULE = 320
CODE = ("deid_platform", "resources", "assets", "tests", "benchmarks", "scripts")
SHIPPED = ("deid_platform", "resources", "assets")
PINNED = {"sys_platform": "linux", "platform_machine": "x86_64"}
ONLY_HERE = {"__pycache__", ".DS_Store"}


def files_of(folder: str) -> list[Path]:
    found = (file for file in (ROOT / folder).rglob("*") if file.is_file())
    return sorted(file for file in found if not ONLY_HERE & set(file.parts))


def modules() -> list[Path]:
    return [file for folder in CODE for file in files_of(folder) if file.suffix == ".py"]


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@cache
def project() -> dict[str, Any]:
    return tomllib.loads(text_of("pyproject.toml"))


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {name_of(file): file.read_bytes().count(b"\n") for file in modules()}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}


def test_modules_are_named_by_what_they_do() -> None:
    assert not [name_of(file) for file in modules() if file.stem.strip("_") in ("utils", "util", "helpers", "misc")]


def test_every_table_has_a_known_source() -> None:
    carried = {str(file.relative_to(TABLES)) for file in files_of("deid_platform/policy/tables")} - {"sources.json"}
    listed = [row["file"] for row in json.loads((TABLES / "sources.json").read_text("utf-8"))]
    assert sorted(listed) == sorted(carried)


def test_every_data_file_is_part_of_the_installed_package() -> None:
    patterns = project()["tool"]["setuptools"]["package-data"]
    data = [file for layer in SHIPPED for file in files_of(layer) if file.suffix != ".py"]
    left_out = [file for file in data if f"**/*{file.suffix}" not in patterns.get(file.relative_to(ROOT).parts[0], ())]
    assert not [name_of(file) for file in left_out]


def test_every_folder_of_code_is_a_package() -> None:
    folders = {file.parent for layer in SHIPPED for file in files_of(layer) if file.suffix == ".py"}
    assert not [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]


def pins() -> dict[str, str]:
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_constraints_are_plain_versions() -> None:
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    assert len(pins()) == len(lines)


def requirements() -> list[Requirement]:
    extras = project()["project"]["optional-dependencies"].values()
    found = map(Requirement, [*project()["project"]["dependencies"], *(text for extra in extras for text in extra)])
    # The pins are those of one system; what only others need is not among them.
    found = (requirement for requirement in found if requirement.marker is None or requirement.marker.evaluate(PINNED))
    return [requirement for requirement in found if requirement.name != project()["project"]["name"]]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_direct_dependency_is_pinned_to_a_version_it_allows(requirement: Requirement) -> None:
    version = pins()[re.sub("[-_.]+", "-", requirement.name).lower()]
    assert Version(version) in requirement.specifier


@pytest.mark.parametrize("command", ["make demo", "make test", "make ui"])
def test_the_readme_tells_how_to_begin(command: str) -> None:
    assert command in text_of("README.md")


def test_every_make_target_that_documents_name_exists() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md"), ROOT / ".ci" / "run"]
    text = "\n".join(file.read_text("utf-8") for file in documents)
    named = set(re.findall(r"(?:`|^ *\$? *)make ([a-z-]+)\b", text, re.M))
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M))
    assert {"demo", "test", "ui", "lint"} <= named <= targets


def test_the_integration_runs_the_tests_and_then_the_linters() -> None:
    commands = [line for line in text_of(".ci/run").splitlines() if line.startswith("make")]
    assert commands == ["make test", "make lint"]


@pytest.mark.parametrize("file", [".ci/run", "scripts/bench", "scripts/environment", "scripts/tesseract", "scripts/ui"])
def test_scripts_can_be_run_and_stop_at_the_first_error(file: str) -> None:
    assert os.access(ROOT / file, os.X_OK)
    assert "set -euo pipefail" in text_of(file)


def run_script(folder: Path, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as in a fresh checkout that holds nothing but the scripts."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    command = ["bash", str(folder / "scripts" / name), *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_the_interface_opens_nothing_before_the_demo_was_run(tmp_path: Path) -> None:
    ran = run_script(tmp_path, "ui")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "There is nothing to show yet: run `make demo` first.\n"


def test_an_unfit_python_is_refused_with_a_way_out(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)
    ran = run_script(tmp_path, "environment", "run", PYTHON=str(old))
    assert ran.returncode == 1
    assert "Python 3.11 or 3.12 is needed" in ran.stderr
    assert "Python 3.9.2" in ran.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_changelog_tells_of_what_comes_next() -> None:
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.M)
    assert headings[0] == "Unreleased"


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda file: file.stem)
def test_every_benchmark_can_be_opened(file: Path) -> None:
    assert importlib.import_module(f"benchmarks.{file.stem}").__doc__


def test_the_licence_is_the_one_declared() -> None:
    assert project()["project"]["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text_of("LICENSE")
