"""The demonstration: a drop lands, the sensor seals it, Dagster runs it, a table tells what became of it.

Everything lies under ``.demo/`` and can be deleted. ``.demo/env`` holds the settings ``make ui`` starts Dagster with.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

HOME = Path(".demo")
SITE, DROP = "marienberg", "2024-03-01"


def main() -> int:
    """Run it; the exit status is 0 when every item was accounted for."""
    os.environ.update(_settings())
    # Dagster and the definitions read the environment while they are imported.
    from assets.demo_drop import write_drop
    from assets.demo_run import process, report

    landing = HOME / "store" / "landing" / SITE / DROP
    if not landing.exists():
        print(f"A drop of {write_drop(landing)} files lands in {landing}/")
    batches = process()
    print(f"The landing sensor sealed {len(batches)} new batch(es); each went through the chain in a Dagster run.\n")
    complete = report()
    print(f"\nReleased: {HOME / 'store' / 'released'}/   Reports: report.html beside the objects of each batch")
    print("Look at it in Dagster: make ui, then http://127.0.0.1:3000")
    return 0 if complete else 1


def _settings() -> dict[str, str]:
    """Environment of the demonstration, from where it lies now; only the project key is kept from the first time."""
    home = HOME / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile("dagster.yaml", home / "dagster.yaml")
    file = HOME / "env"
    kept = dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines()) if file.exists() else {}
    settings = {
        "DEID_STORE": str((HOME / "store").resolve()),
        "DEID_CATALOGUE": str((HOME / "catalogue").resolve()),
        "DEID_KEY": kept.get("DEID_KEY") or secrets.token_hex(32),
        "DAGSTER_HOME": str(home.resolve()),
    }
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
    return settings


if __name__ == "__main__":
    sys.exit(main())
