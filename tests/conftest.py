"""What tests of every part may leave out, because it is another test's promise and takes most of their time."""

from __future__ import annotations

import pytest


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tesseract reads nothing in this process: in the noise of small slides it looks for letters for seconds.

    That the gate has pages read, and what it makes of them, is in tests of `stages.proof`, `audit.legible` and
    `stages.gate`.
    """
    monkeypatch.setattr("deid_platform.audit.legible.read_words", lambda pages: [[] for _ in pages])


@pytest.fixture
def unruled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate asks nothing of columns of manifests in this process: Great Expectations takes most of a small batch.

    Batches that modules of tests share are judged by all rules, and so is one in tests of `stages.gate`.
    """
    monkeypatch.setattr("deid_platform.audit.checks.unmet_expectations", lambda manifest: {})
