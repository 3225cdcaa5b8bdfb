from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import load_policy, packaged


def own(tmp_path: Path, table: str, file: str = "own.toml") -> str:
    path = tmp_path / file
    path.write_text(f'name = "own"\nbase = "tcia"\n\n{table}')
    return str(path)


def test_labels_go_unless_a_profile_asks_for_new_ones(tmp_path: Path) -> None:
    assert not any(load_policy(name).slides.draws_label for name in packaged())
    drawing = load_policy(own(tmp_path, '[slides]\nlabel = "pseudonym"\n'))
    assert drawing.slides.draws_label
    assert drawing.digest != load_policy(own(tmp_path, '[slides]\nlabel = "remove"\n', "other.toml")).digest


@pytest.mark.parametrize(("table", "told"), [
    ('[slides]\nlabels = "remove"\n', "did you mean 'label'"), ('[slides]\nlabel = "keep"\n', "none of the choices"),
])  # fmt: skip
def test_a_mistake_is_told(table: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=told):
        load_policy(own(tmp_path, table))
