"""The saturation law: how the mean square of weights goes to the level of decay and update.

Each step multiplies weights by 1 - eta wd and adds eta u. Where updates do not point along the
weights, and u has the mean square c^2 whatever the weights are, the mean square ms of the weights
follows d ms = -2 eta wd ms + eta^2 c^2 a step. At a constant learning rate

    ms(T) = ms_0 exp(-2x) + c^2 eta/(2 wd) (1 - exp(-2x)),   x = wd sum of eta_t,

and under a schedule, with x_t the sum up to step t,

    ms(T) = ms_0 exp(-2x) + c^2 sum of eta_t^2 exp(-2 (x - x_t)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weightgauge.records import as_row
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.trajectory.settings import RunSettings

_PIECES = 4096


class SaturationPoint(NamedTuple):
    """The end of one run, as far as the law asks for it.

    Attributes
    ----------
    mean_square : float
        Of the weights.
    start : float
        The same at step 0; NaN where it was not measured.
    kept : float
        exp(-2x): the share of the start that is left.
    grown_at_peak, grown : float
        What c^2 is multiplied with: at the peak learning rate, and over the schedule.
    """

    mean_square: float
    start: float
    kept: float
    grown_at_peak: float
    grown: float


@dataclass(frozen=True, slots=True, repr=False)
class SaturationFit:
    """The saturation law over runs.

    Attributes
    ----------
    n : int
        Runs with what the law asks for.
    c, error : float
        Root mean square of an update before it is multiplied with the learning rate, and the root
        mean square of ln(fitted/measured) of the weights' root mean square; NaN without a fit.
    c_scheduled, error_scheduled : float
        The same with the growth summed over each run's schedule.
    start_rms : float
        Root mean square at step 0 that all runs share, where it had to be fitted too; else NaN.
    start : str
        "measured" or "fitted".
    reason : str
        Why there is no fit, or ""; names the option that is missing.
    """

    n: int
    c: float
    error: float
    c_scheduled: float
    error_scheduled: float
    start_rms: float
    start: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show how many runs there are, the size of updates and the error."""
        return f"<SaturationFit: {self.n:,} runs, c {self.c:.4g}, error {self.error:.3g}>"


def saturation_point(
    settings: RunSettings, step: int, mean_square: float, start: float
) -> SaturationPoint | None:
    """Make a point of the law of the end of a run.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    step : int
        Steps that were done.
    mean_square, start : float
        Mean squares of the weights at that step and at step 0; NaN for a start that is not known.

    Returns
    -------
    SaturationPoint or None
        None where a setting is missing, or there is no weight decay.
    """
    decay, lr = settings.weight_decay, settings.lr
    x = math.nan if decay is None else decay * settings.rate_sum(step)
    if decay is None or lr is None or decay <= 0 or math.isnan(x) or not mean_square > 0:
        return None
    kept = math.exp(-2 * x)
    at_peak = lr / (2 * decay) * -math.expm1(-2 * x)
    return SaturationPoint(mean_square, start, kept, at_peak, growth(settings, step))


def growth(settings: RunSettings, step: int) -> float:
    """Return the sum of eta_t^2 exp(-2 (x - x_t)) over the first steps of a run.

    Parameters
    ----------
    settings : RunSettings
        With weight decay, and learning rates that are known.
    step : int
        How many steps.

    Returns
    -------
    float
        To about 1e-6 relative: the sum is taken as an integral over 4,096 pieces.
    """
    if step == 0:
        return 0.0
    decay = settings.weight_decay or 0.0
    # Within a piece the learning rate hardly moves, so that the decay in it is integrated exactly.
    edges = np.linspace(0, step, min(_PIECES, step) + 1)
    sums = np.array([settings.rate_sum(edge) for edge in edges])
    spans, areas = np.diff(edges), np.diff(sums)
    left = np.exp(-2 * decay * (sums[-1] - sums[1:]))
    within = 2 * decay * areas
    share = np.where(within > 1e-12, -np.expm1(-within) / np.maximum(within, 1e-300), 1.0)
    return float(np.sum(areas**2 / spans * share * left))


def fit_saturation(points: Sequence[SaturationPoint | None]) -> SaturationFit:
    """Fit c, and the start where no run has measured it, by least relative squares.

    Parameters
    ----------
    points : sequence of SaturationPoint or None
        One for each run.

    Returns
    -------
    SaturationFit
    """
    known = [point for point in points if point is not None]
    measured = all(math.isfinite(point.start) for point in known)
    start = "measured" if measured else "fitted"
    if len(known) < len(points) or not known:
        missing = len(points) - len(known)
        return _none(
            len(known),
            start,
            f"the learning rates of {missing} of {counted(len(points), 'run')} are not known, "
            "whose sum it takes: that needs lr, weight decay above 0 and the schedule (--lr, "
            "--weight-decay, --schedule, and --total-steps unless that is constant)",
        )
    if len(known) < (2 if measured else 3):
        few = "one run is too few" if len(known) == 1 else f"{len(known)} runs are too few"
        return _none(len(known), start, few + ("" if measured else _NO_START))
    c, error, start_square = _fitted(known, [point.grown_at_peak for point in known], measured)
    scheduled = _fitted(known, [point.grown for point in known], measured)
    return SaturationFit(
        n=len(known),
        c=c,
        error=error,
        c_scheduled=scheduled[0],
        error_scheduled=scheduled[1],
        start_rms=math.nan if measured else math.sqrt(start_square),
        start=start,
        reason="",
    )


_NO_START = ", since step 0 was not measured"


def _fitted(
    points: Sequence[SaturationPoint], grown: Sequence[float], measured: bool
) -> tuple[float, float, float]:
    """Return c, the error in ln rms, and the mean square at the start, where that is common."""
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    ms = np.array([point.mean_square for point in points])
    kept = np.array([point.kept for point in points])
    growing = np.array(grown)
    offset = kept * np.array([point.start for point in points]) if measured else np.zeros(len(ms))
    columns = [growing] if measured else [growing, kept]
    solved, _ = nnls(np.stack(columns, axis=1) / ms[:, None], (ms - offset) / ms)
    fitted = offset + np.stack(columns, axis=1) @ solved
    with np.errstate(divide="ignore"):
        error = math.sqrt(float(np.mean((np.log(fitted / ms) / 2) ** 2)))
    return math.sqrt(float(solved[0])), error, math.nan if measured else float(solved[1])


def _none(n: int, start: str, reason: str) -> SaturationFit:
    return SaturationFit(n, math.nan, math.nan, math.nan, math.nan, math.nan, start, reason)
