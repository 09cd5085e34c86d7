"""onnxruntime, without the telemetry that it comes with."""

import os

# Read while it is imported; otherwise a device id and a queue of events are written under ~/.cache, to be sent.
os.environ.update(ORT_DISABLE_TELEMETRY="1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime", "runtime_errors"]
