"""The models that look at pixels: which precision and device, and that the files are the released ones."""

from __future__ import annotations

import os

import dagster as dg

from deid_platform.audit.heads.likeness import close_likeness, verify_likeness
from deid_platform.heads.net import choose_head_net, close_head_nets, open_head_net
from deid_platform.pixels.inference import DetectorSpec, choose_detector, close_detectors


class ModelsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settles once which detector a deployment runs, and verifies it; every worker opens it for itself, once.

    ``auto`` looks at the machine that serves the code. Where the runs are on machines of another kind, say which.
    """

    precision: str = "auto"
    """``fp32``, ``int8`` or ``auto``: integers on processors that compute them right, else floating point."""
    device: str = "auto"
    """``cpu``, ``cuda`` or ``auto``: the GPU where there is one with CUDA 13 and cuDNN 9."""

    @classmethod
    def from_environment(cls) -> ModelsResource:
        """From ``DEID_PRECISION`` and ``DEID_DEVICE``."""
        return cls(
            precision=os.environ.get("DEID_PRECISION") or "auto", device=os.environ.get("DEID_DEVICE") or "auto"
        )

    def detector(self) -> DetectorSpec:
        """What workers need to open the detector of text.

        Raises
        ------
        DeidError
            A model file is missing or changed, the settings are unknown words, or the device is not there.
        """
        return choose_detector(self.precision, self.device)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Verify the models of text and of heads before any work is done, and open the latter once.

        Raises
        ------
        DeidError
            As :meth:`detector` does, or a model of heads is missing, changed or cannot be opened.
        """
        self.detector()
        open_head_net(choose_head_net())
        verify_likeness()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close what was opened in this process; workers close theirs when they end."""
        close_detectors()
        close_head_nets()
        close_likeness()
