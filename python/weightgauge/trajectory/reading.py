"""Reading one step of a run, which may still be written to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from weightgauge.errors import (
    FileChangedError,
    MissingExtraError,
    NeedsWeightsError,
    OutputError,
    WeightgaugeError,
)
from weightgauge.findings import Finding
from weightgauge.fits.model_fit import ModelFit
from weightgauge.trajectory.run import StepModel

PAUSES_S = (0.5, 1.0, 2.0)
"""Seconds to wait before a step that is being written is tried again."""

_FRESH_S = 60.0


class UnreadableStep(Exception):
    """A step that cannot be read.

    Attributes
    ----------
    error : WeightgaugeError
        Why.
    finding : Finding
        What to tell of it.
    """

    def __init__(self, error: WeightgaugeError, finding: Finding) -> None:
        super().__init__(str(error))
        self.error = error
        self.finding = finding


def read_step(step: StepModel, read: Callable[[Any], ModelFit]) -> ModelFit:
    """Measure the model of a step.

    A model that cannot be read, and whose files changed during the last minute, is tried again
    after half a second, one and two: a trainer may be writing it.

    Parameters
    ----------
    step : StepModel
        Which.
    read : callable
        Fits a model.

    Returns
    -------
    ModelFit
        The fit itself where the step is one.

    Raises
    ------
    UnreadableStep
        If the model cannot be read.
    NeedsWeightsError
        If histograms are asked for what only weights tell.
    OutputError
        If one of its files is the one that the command is to write.
    """
    if isinstance(step.model, ModelFit):
        return step.model
    for pause in (*PAUSES_S, None):
        try:
            return read(step.model)
        except (NeedsWeightsError, MissingExtraError, OutputError):
            raise
        except WeightgaugeError as error:
            being_written = isinstance(error, FileChangedError) or _is_fresh(step.model)
            if pause is None or not being_written:
                raise UnreadableStep(error, _told(step, error, being_written)) from error
        time.sleep(pause)
    raise AssertionError  # the last turn of the loop returns or raises


def _is_fresh(model: Any) -> bool:
    """Tell whether a file of a local model changed during the last minute."""
    if not isinstance(model, str | os.PathLike):
        return False
    path = os.fspath(model)
    try:
        names = [entry.path for entry in os.scandir(path)] if os.path.isdir(path) else []
        newest = max(os.stat(name).st_mtime for name in (path, *names))
    except OSError:  # it has just gone, or is no path
        return os.path.lexists(path)
    return time.time() - newest < _FRESH_S


def _told(step: StepModel, error: WeightgaugeError, being_written: bool) -> Finding:
    hint = "It changed a moment ago: it may still be written." if being_written else None
    return Finding(
        id="unreadable-step",
        level="fault",
        step=step.step,
        message=f"step {step.step:,} cannot be read: {error}",
        hint=hint,
    )
