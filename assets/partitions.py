"""The one partition of the platform: a sealed batch."""

from __future__ import annotations

import dagster as dg

BATCHES = "batch"
batch_partitions = dg.DynamicPartitionsDefinition(name=BATCHES)
