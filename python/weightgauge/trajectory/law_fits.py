"""Lambda against sqrt(eta/wd) over runs: correlation, proportionality, a line, an exponent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from weightgauge.records import as_row
from weightgauge.trajectory.saturation import SaturationFit, SaturationPoint, fit_saturation

POOLED = "pooled"
_NEARLY_1 = 1 - 1e-15
_NORMAL_95 = 1.959963984540054


class LawPoint(NamedTuple):
    """One kind of matrix at the end of one run.

    Attributes
    ----------
    ratio : float
        sqrt(eta/wd), with the peak learning rate.
    lam : float
        Median lambda.
    saturation : SaturationPoint or None
        What the saturation law asks for, where it is known.
    """

    ratio: float
    lam: float
    saturation: SaturationPoint | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Law:
    """Lambda against sqrt(eta/wd) over runs, for one kind of matrix.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.SliceFit`; "pooled" for the mean over kinds: see `weightgauge.scaling`.
    n : int
        Runs.
    pearson_r, pearson_low, pearson_high : float
        Correlation and its 95 % interval by Fisher's transformation; NaN for fewer than three and
        fewer than four runs, or where the ratio is the same in all.
    slope_origin, r2_origin : float
        lambda = slope_origin sqrt(eta/wd) by least squares, and its R2 against a constant, which
        may be negative.
    error_origin : float
        Root mean square of ln(fitted/measured) of that.
    ols_intercept, ols_slope : float
        The line by ordinary least squares.
    exponent, exponent_low, exponent_high : float
        Slope of ln lambda over ln sqrt(eta/wd), which is 1 where lambda is proportional to it, and
        its 95 % interval by Student's t.
    saturation : SaturationFit
        The saturation law over the same runs.
    proves : str
        What so many points prove, in a sentence or two.
    """

    kind: str
    tower: str | None
    n: int
    pearson_r: float
    pearson_low: float
    pearson_high: float
    slope_origin: float
    r2_origin: float
    error_origin: float
    ols_intercept: float
    ols_slope: float
    exponent: float
    exponent_low: float
    exponent_high: float
    saturation: SaturationFit
    proves: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        row = as_row(self)
        return {
            "kind": self.kind,
            "tower": self.tower,
            "n": self.n,
            "pearson_r": row["pearson_r"],
            "pearson_ci": [row["pearson_low"], row["pearson_high"]],
            "slope_origin": row["slope_origin"],
            "r2_origin": row["r2_origin"],
            "error_origin": row["error_origin"],
            "ols": {"intercept": row["ols_intercept"], "slope": row["ols_slope"]},
            "exponent": row["exponent"],
            "exponent_ci": [row["exponent_low"], row["exponent_high"]],
            "saturation": self.saturation.to_dict(),
            "proves": self.proves,
        }

    def __repr__(self) -> str:
        """Show the kind, how many runs there are, and the correlation."""
        return f"<Law of {self.kind}: {self.n:,} runs, r {self.pearson_r:.3f}>"


def fit_law(points: Sequence[LawPoint], *, kind: str, tower: str | None = None) -> Law:
    """Fit all forms of the law.

    Parameters
    ----------
    points : sequence of LawPoint
        One for each run.
    kind, tower
        What they are about.

    Returns
    -------
    Law
    """
    x = np.array([point.ratio for point in points])
    y = np.array([point.lam for point in points])
    r, low, high = _correlation(x, y)
    slope = float(x @ y / (x @ x)) if len(x) else math.nan
    spread = float(np.sum((y - np.mean(y)) ** 2)) if len(x) > 1 else 0.0
    left = float(np.sum((y - slope * x) ** 2))
    intercept, steepness, _ = _line(x, y)
    _, exponent, error = _line(np.log(x), np.log(y))
    return Law(
        kind=kind,
        tower=tower,
        n=len(x),
        pearson_r=r,
        pearson_low=low,
        pearson_high=high,
        slope_origin=slope,
        r2_origin=1 - left / spread if spread > 0 else math.nan,
        error_origin=math.sqrt(float(np.mean(np.log(slope * x / y) ** 2))) if len(x) else math.nan,
        ols_intercept=intercept,
        ols_slope=steepness,
        exponent=exponent,
        exponent_low=exponent - error,
        exponent_high=exponent + error,
        saturation=fit_saturation([point.saturation for point in points]),
        proves=_proves(x, r, low, high, exponent, error),
    )


def _correlation(x: Any, y: Any) -> tuple[float, float, float]:
    """Pearson's r and its 95 % interval by Fisher's transformation."""
    if len(x) < 3 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return math.nan, math.nan, math.nan
    # Just short of 1, where Fisher's transformation ends.
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -_NEARLY_1, _NEARLY_1))
    if len(x) < 4:
        return r, math.nan, math.nan
    half = _NORMAL_95 / math.sqrt(len(x) - 3)
    return r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def _line(x: Any, y: Any) -> tuple[float, float, float]:
    """Intercept and slope by least squares, and half of the slope's 95 % interval."""
    if len(x) < 2 or not np.ptp(x) > 0:
        return math.nan, math.nan, math.nan
    centred = x - np.mean(x)
    slope = float(centred @ y / (centred @ centred))
    intercept = float(np.mean(y) - slope * np.mean(x))
    free = len(x) - 2
    if free == 0:
        return intercept, slope, math.nan
    from scipy.stats import t  # type: ignore[import-untyped]

    variance = float(np.sum((y - intercept - slope * x) ** 2)) / free
    half = float(t.isf(0.025, free)) * math.sqrt(variance / float(centred @ centred))
    return intercept, slope, half


def _proves(x: Any, r: float, low: float, high: float, exponent: float, error: float) -> str:
    """Say what so many points prove."""
    if len(x) == 1:
        return "One run tells nothing about how lambda goes with sqrt(eta/wd)."
    different = len(np.unique(np.round(np.log(x), 9)))
    if different < 2:
        return "All runs have the same sqrt(eta/wd), so that nothing follows about how lambda goes."
    runs = f"{len(x)} runs with {different} values of sqrt(eta/wd)"
    if math.isnan(r) and len(x) > 2:
        return f"{runs}: lambda is the same in all of them."
    if math.isnan(low):
        return f"{runs} prove nothing: too few to tell one law from another."
    interval = f"r = {r:.3f}, 95 % interval {low:.3f} to {high:.3f}"
    if low <= 0 <= high:
        return f"{runs} do not tell whether lambda goes with sqrt(eta/wd): {interval} holds 0."
    how = "grows with sqrt(eta/wd)" if r > 0 else "falls as sqrt(eta/wd) grows"
    told = f"{runs}: lambda {how} ({interval})"
    ends = f"{exponent - error:.2f} to {exponent + error:.2f}"
    if exponent - error <= 1 <= exponent + error:
        told += f"; they do not tell proportionality from other powers (exponent {ends}, 1 if so)."
    else:
        told += f"; it is not proportional to it (exponent {ends}, 1 if it were)."
    return told
