from __future__ import annotations

import pytest

from deid_platform.dask_compute import ExecutorCompute
from deid_platform.workers import ProcessCompute, default_workers
from resources.compute import ComputeResource


def test_by_default_there_is_one_process_per_core_and_ten_minutes_per_item() -> None:
    assert ComputeResource().compute() == ProcessCompute(default_workers(), 600.0, None)


def test_processes_time_and_memory_can_be_bounded() -> None:
    compute = ComputeResource(workers=3, timeout_s=5.0, memory_gib=1.5).compute()
    assert compute == ProcessCompute(3, 5.0, 3 << 29)


def test_the_address_of_a_scheduler_means_its_workers() -> None:
    pytest.importorskip("distributed", reason="The extra 'dask' is not installed.")
    assert isinstance(ComputeResource(dask_address="tcp://scheduler:8786").compute(), ExecutorCompute)
