"""Where the work inside a batch runs."""

from __future__ import annotations

import dagster as dg

from deid_platform.dask_compute import dask_compute
from deid_platform.workers import Compute, ProcessCompute, default_workers

_GIB = 1024**3


class ComputeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Processes on the machine of the run, or the workers of a Dask cluster."""

    workers: int = 0
    """Processes; 0 means one per core."""
    timeout_s: float = 600.0
    """Seconds one item may take before it is quarantined as ``timed_out``."""
    memory_gib: float = 0.0
    """Address space of one process in GiB; 0 means no bound."""
    dask_address: str = ""
    """Address of a Dask scheduler (``tcp://...``); when given, its workers are used and the fields above are not."""

    def compute(self) -> Compute:
        """What stages hand their tasks to."""
        if self.dask_address:
            return dask_compute(self.dask_address)
        memory = int(self.memory_gib * _GIB) or None
        return ProcessCompute(self.workers or default_workers(), self.timeout_s, memory)
