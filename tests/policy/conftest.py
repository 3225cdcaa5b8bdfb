"""Policies of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deid_platform.policy import Policy, load_policy

PRIVATE_TABLES = 'private_tables = ["ps315_2026c/table_E.3.10-1.csv"]'
Make = Callable[..., Policy]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Load a policy of the named options from a profile of the test's own."""

    def load(*options: str, more: str = "", name: str = "mine") -> Policy:
        listed = ", ".join(f'"{option}"' for option in options)
        private = PRIVATE_TABLES if "retain_safe_private" in options else ""
        path = tmp_path / f"{name}.toml"
        path.write_text(f'name = "mine"\nedition = "2026c"\noptions = [{listed}]\n{private}\n{more}\n')
        load_policy.cache_clear()
        return load_policy(str(path))

    return load
