"""How the models were made."""

import os

# Before ONNX Runtime is loaded, which else reports to its makers.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
