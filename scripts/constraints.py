"""Write constraints.txt: the versions that pip chooses for everything the project can use, training excepted.

Nothing is installed for it; pip only tells what it would install into an empty environment. Torch is one exact
version by pyproject.toml and is pinned from there: its dependencies differ with the machine's accelerator.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = """\
# What the tests ran with: made by `make constraints` (Linux, Python {}.{}), not by hand.
# Use it as in `pip install --constraint constraints.txt '.[dev]'`.
"""


def main() -> None:
    """Write the file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = dict(project["optional-dependencies"])
    training = [pin for pin in extras.pop("train") if "==" in pin]
    chosen = pins(f"{ROOT}[{','.join(extras)}]") - {f"{project['name']}=={project['version']}"}
    lines = sorted({*chosen, *training}, key=str.lower)
    text = HEADER.format(*sys.version_info) + "\n".join(lines) + "\n"
    (ROOT / "constraints.txt").write_text(text, "utf-8")
    sys.stderr.write(f"constraints.txt: {len(lines)} versions pinned.\n")


def pins(requirement: str) -> set[str]:
    """The versions, as ``name==version``, that pip would install for a requirement."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    report = subprocess.run(
        [*pip, "--dry-run", "--ignore-installed", "--report", "-", requirement],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    found = (package["metadata"] for package in json.loads(report)["install"])
    return {f"{re.sub('[-_.]+', '-', row['name']).lower()}=={row['version'].split('+')[0]}" for row in found}


if __name__ == "__main__":
    main()
