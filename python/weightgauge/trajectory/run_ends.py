"""The first and the last step of a run, as laws over several runs need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from weightgauge.errors import RunError
from weightgauge.findings import Finding
from weightgauge.fits.model_fit import ModelFit
from weightgauge.trajectory.kind_sizes import KindKey, KindSize, kind_sizes
from weightgauge.trajectory.reading import UnreadableStep, read_step
from weightgauge.trajectory.run import Run


class RunEnds(NamedTuple):
    """What was measured at the ends of a run.

    Attributes
    ----------
    step : int
        The last one that could be read.
    sizes, starts : mapping of (tower, kind) to KindSize
        Medians at that step, and at step 0 where the run has it.
    findings : tuple of Finding
        Of steps that were asked for and could not be read: later ones, and step 0.
    """

    step: int
    sizes: Mapping[KindKey, KindSize]
    starts: Mapping[KindKey, KindSize]
    findings: tuple[Finding, ...]


def run_ends(run: Run, read: Callable[[Any], ModelFit]) -> RunEnds:
    """Read the last step that can be read, and step 0.

    The last one may still be written.

    Parameters
    ----------
    run : Run
        Its steps.
    read : callable
        Fits a model.

    Returns
    -------
    RunEnds

    Raises
    ------
    RunError
        If the run has no steps.
    WeightgaugeError
        If no step can be read: why the last one cannot.
    """
    unread: list[UnreadableStep] = []
    for each in reversed(run.steps):
        try:
            sizes = kind_sizes(read_step(each, read).slices)
            break
        except UnreadableStep as error:
            unread.append(error)
    else:
        raise unread[0].error if unread else RunError(f"{run.name}: no steps")
    starts: Mapping[KindKey, KindSize] = {}
    if run.steps[0].step == 0 < each.step:
        try:
            starts = kind_sizes(read_step(run.steps[0], read).slices)
        except UnreadableStep as error:
            unread.append(error)
    return RunEnds(each.step, sizes, starts, tuple(error.finding for error in unread))
