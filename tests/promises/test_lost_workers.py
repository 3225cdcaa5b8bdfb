"""A worker that dies or hangs, at whatever stage, costs the item it had in hand and nothing else."""

from __future__ import annotations

from pathlib import Path

from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from deid_platform.run import Order, run
from deid_platform.stages.raw import item_id
from deid_platform.workers import ProcessCompute
from tests.builders.chain import KEY, fill, tree
from tests.builders.dicom import encode, person, report
from tests.builders.sabotage import DIE, HANG, Sabotage

IDENTITY = Identity(KEY, "local")
PLAN = {
    ("Receive", "0.dcm"): DIE,
    ("Scrub", "1.dcm"): DIE,
    ("Clean", "2.dcm"): DIE,
    ("Clean", "3.dcm"): HANG,
    ("Inspect", "4.dcm"): DIE,
    ("Inspect", "5.dcm"): HANG,
    ("Publish", "6.dcm"): DIE,
}
"""What happens to whom, by the task of a stage and the file it works on."""


def test_items_whose_workers_die_or_hang_are_lost_to_quarantine_alone_at_every_stage(tmp_path: Path) -> None:
    fill(tmp_path / "in", {f"{number}.dcm": encode(report(person(number))) for number in range(8)})
    harm = {(task, item_id(IDENTITY, name)): how for (task, name), how in PLAN.items()}
    compute = Sabotage(ProcessCompute(2, timeout_s=6.0), harm)
    summary = run(Order(tmp_path / "in", tmp_path / "out", load_policy("tcia"), IDENTITY, compute))
    assert (tmp_path / "out/quarantine.csv").read_text("utf-8").splitlines() == [
        "path,stage,reason",
        "0.dcm,raw,worker_died",
        "1.dcm,scrubbed,worker_died",
        "2.dcm,pixel_cleaned,worker_died",
        "3.dcm,pixel_cleaned,timed_out",
        "4.dcm,released,worker_died",
        "5.dcm,released,timed_out",
        "6.dcm,released,worker_died",
    ]
    assert (summary.found, summary.released, summary.quarantined) == (8, 1, 7)
    assert len(tree(tmp_path / "out/released")) == 1
