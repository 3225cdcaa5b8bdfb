"""Settings of tests that try many values: always the same values, and no limit of time."""

from __future__ import annotations

from hypothesis import settings

always = settings(deadline=None, derandomize=True, database=None, max_examples=100)
"""For properties that are cheap to try."""
sparingly = settings(always, max_examples=25)
"""For properties that cost milliseconds each."""
