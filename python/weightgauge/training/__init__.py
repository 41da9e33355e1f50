"""A gauge inside the training loop: k and lambda of every kind while the model is trained."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.training.gauge import Gauge
    from weightgauge.training.lightning_callback import LightningCallback
    from weightgauge.training.ranks import scan_sharded
    from weightgauge.training.recorder import Recorder
    from weightgauge.training.report import KindNow, StepReport
    from weightgauge.training.sinks import ExperimentRun, JsonLines, MLflow, Sink, TensorBoard
    from weightgauge.training.trainer_callback import TrainerCallback

_MODULES = {
    "ExperimentRun": "sinks",
    "Gauge": "gauge",
    "JsonLines": "sinks",
    "KindNow": "report",
    "LightningCallback": "lightning_callback",
    "MLflow": "sinks",
    "Recorder": "recorder",
    "Sink": "sinks",
    "StepReport": "report",
    "TensorBoard": "sinks",
    "TrainerCallback": "trainer_callback",
    "scan_sharded": "ranks",
}

__all__ = [
    "ExperimentRun",
    "Gauge",
    "JsonLines",
    "KindNow",
    "LightningCallback",
    "MLflow",
    "Recorder",
    "Sink",
    "StepReport",
    "TensorBoard",
    "TrainerCallback",
    "scan_sharded",
]


def __getattr__(name: str) -> object:
    """Import a name when it is first used: trainers are optional, and take long to import."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
